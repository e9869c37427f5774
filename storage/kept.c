/* Rank 0 reads the logs, so that files are opened once and not by every rank, and hands out what it
 * finds in batches, of which each rank takes its share. A chunk that several logs name is kept
 * once: logs of runs that were killed while they took over what was there name the same, and a run
 * that found a chunk broken wrote it anew. */
#include <slab/storage/kept_impl.h>

#include <inttypes.h>
#include <string.h>

#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

enum { STRIPE = 64 }; /* neighbouring chunks that one rank checks: they mostly lie together */
enum { BATCH = 4096 };

/* An array's number in a log, and here. */
typedef struct known {
    uint32_t id;
    int array;
} known;

typedef struct loading {
    const slab_kept_source *from;
    bool root;
    slab_kept *kept;
    slab_logged_chunk *batch; /* [BATCH] found, not handed out yet; `array` is the number here */
    int64_t nbatch;
    int nshared;         /* arrays that all ranks know */
    slab_status handing; /* how handing out went, the same on all ranks: they do no more of it */
    /* of the log that is read, on rank 0 */
    slab_chunk_log_head head;
    known *known;
    int nknown, room;
} loading;

/* What comes next from rank 0. */
typedef struct parcel {
    uint64_t names; /* bytes of arrays that are new: for each a label and its path */
    int64_t nchunks;
    uint64_t old_size;
    bool last;
} parcel;

typedef struct label {
    uint64_t digest;
    int64_t nchunks;
    uint64_t length; /* of the path, without its NUL */
} label;

/* --- putting it in order --- */

static int by_address(const void *a, const void *b)
{
    const slab_logged_chunk *x = a, *y = b;
    return (x->address > y->address) - (x->address < y->address);
}

static int by_number(const void *a, const void *b)
{
    const slab_logged_chunk *x = a, *y = b;
    if (x->array != y->array)
        return x->array < y->array ? -1 : 1;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return by_address(a, b);
}

typedef int (*comparison)(const void *, const void *);

static void sift_down(slab_logged_chunk *a, int64_t root, int64_t n, comparison compare)
{
    slab_logged_chunk moved = a[root];
    for (int64_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && compare(&a[child + 1], &a[child]) > 0)
            child++;
        if (compare(&a[child], &moved) <= 0)
            break;
        a[root] = a[child];
    }
    a[root] = moved;
}

/* Heapsort, because qsort takes memory that the budget does not know. */
static void sort_chunks(slab_logged_chunk *a, int64_t n, comparison compare)
{
    for (int64_t i = n / 2; i-- > 0;)
        sift_down(a, i, n, compare);
    for (int64_t i = n; i-- > 1;) {
        slab_logged_chunk largest = a[0];
        a[0] = a[i];
        a[i] = largest;
        sift_down(a, 0, i, compare);
    }
}

/* Sorts by number and leaves each chunk once: as it was written last, which is the furthest. */
static void leave_each_once(slab_kept *k)
{
    int64_t n = 0;
    sort_chunks(k->chunks, k->nchunks, by_number);
    for (int64_t i = 0; i < k->nchunks; i++) {
        const slab_logged_chunk *c = &k->chunks[i], *last = n > 0 ? &k->chunks[n - 1] : NULL;
        n -= last && last->array == c->array && last->number == c->number;
        k->chunks[n++] = *c;
    }
    k->nchunks = n;
}

/* Chunks of several logs take no more room than those of one. */
static slab_status make_room_for_one(slab_kept *k)
{
    slab_status rc = SLAB_OK;
    if (k->nchunks < k->chunks_room)
        return SLAB_OK;
    leave_each_once(k);
    if (k->nchunks >= k->chunks_room / 4 * 3) {
        int64_t room = k->chunks_room ? k->chunks_room + k->chunks_room / 2 : 1024;
        TRY(slab_memory_resize((void **)&k->chunks, (size_t)room, sizeof *k->chunks,
                               "chunks of an unfinished output"));
        k->chunks_room = room;
    }
done:
    return rc;
}

/* Where each array's chunks begin, and these in the order in which they are to be read. */
static void settle(slab_kept *k)
{
    leave_each_once(k);
    for (int i = 0; i < k->narrays; i++) { /* a damaged log may state any numbers */
        int64_t more = k->arrays[i].nchunks;
        k->counts.total = more > INT64_MAX - k->counts.total ? INT64_MAX : k->counts.total + more;
    }
    for (int64_t i = 0; i < k->nchunks; i++) {
        slab_logged_chunk *c = &k->chunks[i];
        slab_kept_array *a = &k->arrays[c->array];
        a->chunks = a->count == 0 ? c : a->chunks;
        a->count++;
        k->counts.chunks++;
        k->counts.bytes += (int64_t)c->size;
        if (c->address + c->size > k->counts.end)
            k->counts.end = c->address + c->size;
    }
    for (int i = 0; i < k->narrays; i++)
        sort_chunks(k->arrays[i].chunks, k->arrays[i].count, by_address);
}

/* --- reading the logs --- */

static slab_status array_number(slab_kept *kept, const char *path, uint64_t digest, int64_t nchunks,
                                int *out)
{
    slab_status rc = SLAB_OK;
    for (*out = 0; *out < kept->narrays; ++*out) {
        const slab_kept_array *a = &kept->arrays[*out];
        if (a->digest == digest && a->nchunks == nchunks && strcmp(a->path, path) == 0)
            return SLAB_OK;
    }
    if (kept->narrays == kept->room) {
        int room = kept->room ? 2 * kept->room : 16;
        TRY(slab_memory_resize((void **)&kept->arrays, (size_t)room, sizeof *kept->arrays,
                               "arrays of an unfinished output"));
        kept->room = room;
    }
    slab_kept_array *a = &kept->arrays[kept->narrays];
    *a = (slab_kept_array){.digest = digest, .nchunks = nchunks};
    TRY(slab_memory_strdup(&a->path, path));
    kept->narrays++;
done:
    return rc;
}

/* --- handing out: collective --- */

static slab_status pack_arrays(const loading *l, void **out, size_t *bytes)
{
    slab_status rc = SLAB_OK;
    char *at;
    *bytes = 0;
    for (int i = l->nshared; i < l->kept->narrays; i++)
        *bytes += sizeof(label) + strlen(l->kept->arrays[i].path);
    TRY(slab_memory_alloc(out, *bytes, 1, "arrays of an unfinished output"));
    at = *out;
    for (int i = l->nshared; i < l->kept->narrays; i++) {
        const slab_kept_array *a = &l->kept->arrays[i];
        label head = {a->digest, a->nchunks, strlen(a->path)};
        memcpy(at, &head, sizeof head);
        memcpy(at + sizeof head, a->path, head.length);
        at += sizeof head + head.length;
    }
done:
    return rc;
}

/* In the order of rank 0, so that their numbers are the same. */
static slab_status unpack_arrays(loading *l, const char *packed, size_t bytes)
{
    slab_status rc = SLAB_OK;
    char *path = NULL;
    int number;
    for (const char *at = packed; at < packed + bytes;) {
        label head;
        memcpy(&head, at, sizeof head);
        ALLOC(path, head.length + 1, "an array's path");
        memcpy(path, at + sizeof head, head.length);
        TRY(array_number(l->kept, path, head.digest, head.nchunks, &number));
        FREE(path);
        at += sizeof head + head.length;
    }
done:
    FREE(path);
    return rc;
}

static slab_status share_arrays(loading *l, void *packed, size_t bytes)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = l->from->ranks;
    void *room = NULL;
    if (!l->root)
        rc = slab_memory_alloc(&room, bytes, 1, "arrays of an unfinished output");
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_ranks_broadcast(ranks, l->root ? packed : room, bytes, 0));
    if (!l->root)
        rc = unpack_arrays(l, room, bytes);
    TRY(slab_ranks_agree(ranks, rc));
    l->nshared = l->kept->narrays;
done:
    FREE(room);
    return rc;
}

static slab_status keep_share(loading *l)
{
    slab_status rc = SLAB_OK;
    slab_kept *k = l->kept;
    int me = slab_ranks_me(l->from->ranks), count = slab_ranks_count(l->from->ranks);
    for (int64_t i = 0; i < l->nbatch; i++) {
        if (l->batch[i].number / STRIPE % count != me)
            continue;
        TRY(make_room_for_one(k));
        k->chunks[k->nchunks++] = l->batch[i];
    }
done:
    return rc;
}

/* What rank 0 has found since the last time becomes known to all. @param mine  what keeps rank 0
 * from going on; with the last parcel
 * @param[in,out] last  rank 0's word, that the others get */
static slab_status hand_out(loading *l, slab_status mine, bool *last)
{
    slab_status rc = mine;
    slab_ranks *ranks = l->from->ranks;
    void *packed = NULL;
    size_t bytes = 0;
    if (l->root && rc == SLAB_OK)
        rc = pack_arrays(l, &packed, &bytes);
    TRY(slab_ranks_agree(ranks, rc));
    parcel p = {bytes, l->nbatch, l->kept->counts.old_size, *last};
    TRY(slab_ranks_broadcast(ranks, &p, sizeof p, 0));
    if (p.names > 0)
        TRY(share_arrays(l, packed, p.names));
    l->nbatch = p.nchunks;
    l->kept->counts.old_size = p.old_size;
    *last = p.last;
    TRY(slab_ranks_broadcast(ranks, l->batch, (size_t)l->nbatch * sizeof *l->batch, 0));
    TRY(slab_ranks_agree(ranks, keep_share(l)));
    l->nbatch = 0;
done:
    FREE(packed);
    l->handing = rc;
    return rc;
}

/* --- reading: on rank 0 --- */

static bool of_this_job(const loading *l)
{
    return memcmp(l->head.job, l->from->job, SLAB_JOB_KEY_BYTES) == 0;
}

static slab_status see_array(void *context, uint32_t id, const char *name, uint64_t digest,
                             int64_t nchunks)
{
    slab_status rc = SLAB_OK;
    loading *l = context;
    int number;
    if (nchunks < 0 || !of_this_job(l))
        return SLAB_OK;
    TRY(array_number(l->kept, name, digest, nchunks, &number));
    if (l->nknown == l->room) {
        int room = l->room ? 2 * l->room : 16;
        TRY(slab_memory_resize((void **)&l->known, (size_t)room, sizeof *l->known,
                               "arrays of a chunk log"));
        l->room = room;
    }
    l->known[l->nknown++] = (known){id, number};
done:
    return rc;
}

static int known_array(const loading *l, uint32_t id)
{
    for (int i = l->nknown; i-- > 0;) /* the last one is mostly it */
        if (l->known[i].id == id)
            return l->known[i].array;
    return -1;
}

static bool can_be(const slab_kept_source *from, const slab_logged_chunk *c, int64_t nchunks)
{
    return c->number >= 0 && c->number < nchunks && c->size > 0 && c->size <= UINT32_MAX &&
           c->address >= from->committed && c->address <= from->end &&
           c->size <= from->end - c->address;
}

static slab_status see_chunks(void *context, const slab_logged_chunk *chunks, size_t n)
{
    slab_status rc = SLAB_OK;
    loading *l = context;
    bool last = false;
    for (size_t i = 0; i < n && of_this_job(l); i++) {
        int array = known_array(l, chunks[i].array);
        if (array < 0 || !can_be(l->from, &chunks[i], l->kept->arrays[array].nchunks))
            continue;
        l->batch[l->nbatch] = chunks[i];
        l->batch[l->nbatch++].array = (uint32_t)array;
        if (l->nbatch == BATCH)
            TRY(hand_out(l, SLAB_OK, &last));
    }
done:
    return rc;
}

/* A log that is torn from its first byte on, or gone, gives nothing; no memory is an error. */
static slab_status read_log(loading *l, int number)
{
    slab_status rc = SLAB_OK;
    slab_chunk_log_visitor visitor = {.context = l, .array = see_array, .chunks = see_chunks};
    slab_kept_counts *counts = &l->kept->counts;
    uint64_t whole;
    char *path = NULL;
    l->nknown = 0;
    TRY(slab_chunk_log_path(l->from->file, number, &path));
    rc = slab_chunk_log_read(path, &visitor, &l->head, &whole);
    if (rc == SLAB_OK && of_this_job(l) && l->head.old_size < counts->old_size)
        counts->old_size = l->head.old_size;
    if (rc != SLAB_OK && rc != SLAB_ERR_MEMORY && l->handing == SLAB_OK) {
        slab_log(SLAB_LOG_INFO, "nothing is taken from a chunk log: %s",
                 slab_error_last()->message);
        slab_error_clear();
        rc = SLAB_OK;
    }
done:
    FREE(path);
    return rc;
}

static slab_status read_logs(loading *l)
{
    slab_status rc = SLAB_OK;
    for (int i = 0; l->root && i < l->from->nlogs && rc == SLAB_OK; i++)
        rc = read_log(l, l->from->logs[i]);
    for (bool last = l->root; l->handing == SLAB_OK;) {
        rc = hand_out(l, rc, &last);
        if (last)
            break;
    }
    return rc;
}

static slab_status make_room(loading *l)
{
    slab_status rc = SLAB_OK;
    ALLOC(l->kept, 1, "what an unfinished output holds");
    ALLOC(l->batch, BATCH, "chunks of an unfinished output");
    l->kept->counts.old_size = UINT64_MAX;
done:
    return rc;
}

slab_status slab_kept_load(const slab_kept_source *from, slab_kept **out)
{
    slab_status rc = SLAB_OK;
    loading l = {.from = from, .root = slab_ranks_me(from->ranks) == 0};
    *out = NULL;
    TRY(slab_ranks_agree(from->ranks, make_room(&l)));
    TRY(read_logs(&l));
    settle(l.kept);
    *out = l.kept;
    l.kept = NULL;
done:
    FREE(l.known);
    FREE(l.batch);
    slab_kept_destroy(&l.kept);
    return rc;
}

void slab_kept_destroy(slab_kept **kept)
{
    slab_kept *k = *kept;
    if (!k)
        return;
    slab_kept_check_end(k);
    for (int i = 0; i < k->narrays; i++)
        FREE(k->arrays[i].path);
    FREE(k->arrays);
    FREE(k->chunks);
    FREE(*kept);
}

const slab_kept_array *slab_kept_find(const slab_kept *kept, const char *path, uint64_t digest)
{
    for (int i = 0; i < kept->narrays; i++)
        if (kept->arrays[i].digest == digest && strcmp(kept->arrays[i].path, path) == 0)
            return &kept->arrays[i];
    return NULL;
}

const slab_kept_array *slab_kept_at(const slab_kept *kept, int i)
{
    return i >= 0 && i < kept->narrays ? &kept->arrays[i] : NULL;
}

slab_kept_counts slab_kept_count(const slab_kept *kept)
{
    return kept->counts;
}

/* At commit rank 0 enters all chunks into the index, in the order of their numbers, so that the
 * index is the same whoever wrote what. Memory stays bounded: in every round each rank offers its
 * next few thousand chunks, and those up to the least of all offers' ends are gathered. */
#include <slab/storage/transaction_impl.h>

#include <inttypes.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

enum { ROUND_CHUNKS = 65536 }; /* of all ranks together */

slab_status slab_writer_note(slab_writer *w, const slab_logged_chunk *chunk)
{
    slab_status rc = SLAB_OK;
    if (w->nplaced == w->placed_room) {
        int64_t room = w->placed_room ? 2 * w->placed_room : 256;
        TRY(slab_memory_resize((void **)&w->placed, (size_t)room, sizeof *w->placed,
                               "the list of chunks"));
        w->placed_room = room;
    }
    w->placed[w->nplaced++] = (slab_placed_chunk){
        .number = chunk->number,
        .at = {.address = chunk->address, .size = chunk->size, .mask = chunk->mask}};
    w->sum = slab_digest_add(
        w->sum, slab_chunk_digest(chunk->number, chunk->mask, chunk->size, chunk->checksum));
done:
    return rc;
}

static void sift_down(slab_placed_chunk *a, int64_t root, int64_t n)
{
    slab_placed_chunk moved = a[root];
    for (int64_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && a[child + 1].number > a[child].number)
            child++;
        if (a[child].number <= moved.number)
            break;
        a[root] = a[child];
    }
    a[root] = moved;
}

/* Heapsort, because qsort takes memory that the budget does not know. */
static void sort_placed(slab_placed_chunk *a, int64_t n)
{
    int64_t i = 1;
    while (i < n && a[i - 1].number <= a[i].number)
        i++;
    if (i >= n)
        return;
    for (i = n / 2; i-- > 0;)
        sift_down(a, i, n);
    for (i = n; i-- > 1;) {
        slab_placed_chunk largest = a[0];
        a[0] = a[i];
        a[i] = largest;
        sift_down(a, 0, i);
    }
}

static slab_status sort_and_check(slab_writer *w, slab_placed_chunk *chunks, int64_t n)
{
    slab_status rc = SLAB_OK;
    sort_placed(chunks, n);
    for (int64_t i = 1; i < n; i++)
        REQUIRE(chunks[i].number != chunks[i - 1].number, SLAB_ERR_INTERNAL,
                "chunk %" PRId64 " of '%s' was written twice", chunks[i].number, w->path);
done:
    return rc;
}

/* On rank 0. */
static slab_status enter(slab_writer *w, slab_placed_chunk *chunks, int64_t n)
{
    slab_status rc = SLAB_OK;
    TRY(sort_and_check(w, chunks, n));
    if (n > 0)
        TRY(slab_meta_register(w->txn->meta, w->path, chunks, n));
done:
    return rc;
}

slab_status slab_writer_register(slab_writer *w)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = w->txn->ranks;
    int64_t quota = ROUND_CHUNKS / slab_ranks_count(ranks), next = 0;
    bool more;
    void *all = NULL;
    size_t *offsets = NULL;
    if (quota < 64)
        quota = 64;
    TRY(slab_ranks_agree(ranks, sort_and_check(w, w->placed, w->nplaced)));
    do {
        int64_t last = next + quota < w->nplaced ? next + quota : w->nplaced, stop = last;
        /* The least number that any rank must keep back, as a maximum of the negatives. */
        int64_t bound = last < w->nplaced ? -w->placed[last].number : INT64_MIN;
        TRY(slab_ranks_max(ranks, &bound, 1));
        if (bound != INT64_MIN)
            for (stop = next; stop < last && w->placed[stop].number < -bound; stop++)
                ;
        TRY(slab_ranks_gather(ranks, w->placed ? w->placed + next : NULL,
                              (size_t)(stop - next) * sizeof *w->placed, 0, &all, &offsets));
        if (w->txn->root)
            rc = enter(w, all, (int64_t)(offsets[slab_ranks_count(ranks)] / sizeof *w->placed));
        TRY(slab_ranks_agree(ranks, rc));
        FREE(all);
        FREE(offsets);
        next = stop;
        more = bound != INT64_MIN;
    } while (more);
    FREE(w->placed);
    w->nplaced = w->placed_room = 0;
done:
    FREE(all);
    FREE(offsets);
    return rc;
}

/* At commit rank 0 enters all chunks into the index, in the order of their numbers, so that the
 * index is the same whoever wrote what. Memory stays bounded: a round takes the chunks whose
 * numbers lie in a window. A number occurs once, so a window of so many numbers never holds more
 * chunks, and how many rounds there are does not depend on which rank has which; where few were
 * written of many, the window is wider. */
#include <slab/storage/transaction_impl.h>

#include <inttypes.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

enum { ROUND_CHUNKS = 65536, WIDTHS = 47 }; /* of all ranks together; 2^16 to 2^62 numbers */

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

/* The least number that any rank has left, INT64_MAX: none has one. */
static slab_status least_left(slab_writer *w, int64_t next, int64_t *first)
{
    slab_status rc = SLAB_OK;
    int64_t most = next < w->nplaced ? -w->placed[next].number : -INT64_MAX;
    TRY(slab_ranks_max(w->txn->ranks, &most, 1));
    *first = -most;
done:
    return rc;
}

/* The first of my chunks from `next` on whose number is not below the bound. */
static int64_t place_of(const slab_writer *w, int64_t next, int64_t bound)
{
    int64_t end = w->nplaced;
    while (next < end) {
        int64_t middle = next + (end - next) / 2;
        if (w->placed[middle].number < bound)
            next = middle + 1;
        else
            end = middle;
    }
    return next;
}

static int64_t window_end(int64_t first, int width)
{
    int64_t numbers = (int64_t)ROUND_CHUNKS << width;
    return first > INT64_MAX - numbers ? INT64_MAX : first + numbers;
}

/* The widest window whose chunks are not too many; the narrowest one's cannot be. */
static slab_status choose_end(slab_writer *w, int64_t next, int64_t first, int64_t *end)
{
    slab_status rc = SLAB_OK;
    int64_t chunks[WIDTHS];
    int width = 0;
    for (int i = 0; i < WIDTHS; i++)
        chunks[i] = place_of(w, next, window_end(first, i)) - next;
    TRY(slab_ranks_sum(w->txn->ranks, chunks, WIDTHS));
    while (width + 1 < WIDTHS && chunks[width + 1] <= ROUND_CHUNKS)
        width++;
    *end = window_end(first, width);
done:
    return rc;
}

static slab_status enter_round(slab_writer *w, int64_t next, int64_t stop)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = w->txn->ranks;
    void *all = NULL;
    size_t *offsets = NULL;
    TRY(slab_ranks_gather(ranks, w->placed ? w->placed + next : NULL,
                          (size_t)(stop - next) * sizeof *w->placed, 0, &all, &offsets));
    if (w->txn->root)
        rc = enter(w, all, (int64_t)(offsets[slab_ranks_count(ranks)] / sizeof *w->placed));
    TRY(slab_ranks_agree(ranks, rc));
done:
    FREE(all);
    FREE(offsets);
    return rc;
}

slab_status slab_writer_register(slab_writer *w)
{
    slab_status rc = SLAB_OK;
    int64_t next = 0, first, end;
    TRY(slab_ranks_agree(w->txn->ranks, sort_and_check(w, w->placed, w->nplaced)));
    for (;;) {
        TRY(least_left(w, next, &first));
        if (first == INT64_MAX)
            break;
        TRY(choose_end(w, next, first, &end));
        int64_t stop = place_of(w, next, end);
        TRY(enter_round(w, next, stop));
        next = stop;
    }
    FREE(w->placed);
    w->nplaced = w->placed_room = 0;
done:
    return rc;
}

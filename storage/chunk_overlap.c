/*
 * Chunks that share bytes of the file. No writer makes them; in a file that is damaged, or made to
 * mislead, each of them decodes, and the same numbers are taken twice without a word.
 */
#include <inttypes.h>

#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#include "array_impl.h"

#define NONE UINT32_MAX

/* Most files have their chunks in the order of the grid. */
static bool are_ascending(const slab_chunk *chunks, int64_t n)
{
    uint64_t end = 0;
    for (int64_t c = 0; c < n; c++) {
        if (chunks[c].size == 0)
            continue;
        if (chunks[c].address < end)
            return false;
        end = chunks[c].address + chunks[c].size;
    }
    return true;
}

/* The stored chunks in buckets of equal parts of the file, about one in each: as a file is mostly
 * written in about the order of the grid, memory is gone through in that order too. */
typedef struct buckets {
    uint32_t *first; /* [count] number of a bucket's first chunk, NONE */
    uint32_t *next;  /* [chunks] of the one behind it in its bucket */
    size_t count;
    uint64_t from; /* the lowest address */
    int shift;     /* from a distance to it to a bucket */
} buckets;

static void buckets_measure(const slab_chunk *chunks, int64_t n, buckets *b)
{
    size_t stored = 0;
    uint64_t last = 0;
    b->from = UINT64_MAX;
    for (int64_t c = 0; c < n; c++) {
        if (chunks[c].size == 0)
            continue;
        stored++;
        b->from = chunks[c].address < b->from ? chunks[c].address : b->from;
        last = chunks[c].address > last ? chunks[c].address : last;
    }
    while ((last - b->from) >> b->shift > stored)
        b->shift++;
    b->count = ((last - b->from) >> b->shift) + 1;
}

static void buckets_fill(const slab_chunk *chunks, int64_t n, buckets *b)
{
    for (size_t i = 0; i < b->count; i++)
        b->first[i] = NONE;
    for (int64_t c = 0; c < n; c++) {
        if (chunks[c].size == 0)
            continue;
        uint32_t *first = &b->first[(chunks[c].address - b->from) >> b->shift];
        b->next[c] = *first;
        *first = (uint32_t)c;
    }
}

/* Merges two lists that are sorted by address. */
static uint32_t merge(const slab_chunk *chunks, uint32_t *next, uint32_t a, uint32_t b)
{
    uint32_t first = NONE, *to = &first;
    while (a != NONE && b != NONE) {
        uint32_t *least = chunks[a].address <= chunks[b].address ? &a : &b;
        *to = *least;
        to = &next[*least];
        *least = *to;
    }
    *to = a != NONE ? a : b;
    return first;
}

/* A bucket's list by address. It is short, unless a file is made to mislead. */
static uint32_t sort(const slab_chunk *chunks, uint32_t *next, uint32_t list)
{
    uint32_t half = list, at = list;
    if (list == NONE || next[list] == NONE)
        return list;
    while ((at = next[at]) != NONE && (at = next[at]) != NONE)
        half = next[half];
    uint32_t behind = next[half];
    next[half] = NONE;
    return merge(chunks, next, sort(chunks, next, list), sort(chunks, next, behind));
}

static slab_status blame(const slab_chunk *chunks, const slab_grid *grid, uint32_t a, uint32_t b)
{
    slab_status rc = SLAB_OK;
    slab_shape first = {.rank = grid->shape.rank}, second = first;
    char text[2][SLAB_SHAPE_TEXT_MAX];
    slab_grid_coords(grid, a < b ? a : b, first.extent);
    slab_grid_coords(grid, a < b ? b : a, second.extent);
    FAIL(SLAB_ERR_FORMAT, "chunks %s and %s have the bytes from %" PRIu64 " on in common",
         slab_shape_text(&first, text[0]), slab_shape_text(&second, text[1]), chunks[b].address);
done:
    return rc;
}

static slab_status check(const slab_chunk *chunks, const slab_grid *grid, buckets *b)
{
    slab_status rc = SLAB_OK;
    uint32_t before = NONE;
    for (size_t i = 0; i < b->count; i++)
        for (uint32_t c = sort(chunks, b->next, b->first[i]); c != NONE; c = b->next[c]) {
            if (before != NONE && chunks[before].address + chunks[before].size > chunks[c].address)
                TRY(blame(chunks, grid, before, c));
            before = c;
        }
done:
    return rc;
}

slab_status slab_chunks_are_apart(const slab_chunk *chunks, const slab_grid *grid)
{
    slab_status rc = SLAB_OK;
    buckets b = {0};
    int64_t n = grid->ntiles;
    if (are_ascending(chunks, n) || n >= NONE) /* their map alone would take 100 GB */
        return SLAB_OK;
    buckets_measure(chunks, n, &b);
    rc = slab_memory_alloc((void **)&b.next, (size_t)n, sizeof *b.next, "the order of chunks");
    if (rc == SLAB_OK)
        rc = slab_memory_alloc((void **)&b.first, b.count, sizeof *b.first, "the order of chunks");
    if (rc == SLAB_ERR_MEMORY) { /* the budget is for what was asked for */
        slab_log(SLAB_LOG_INFO, "whether chunks overlap is not looked at: %s",
                 slab_error_last()->message);
        slab_error_clear();
        rc = SLAB_OK;
        goto done;
    }
    TRY(rc);
    buckets_fill(chunks, n, &b);
    TRY(check(chunks, grid, &b));
done:
    FREE(b.first);
    FREE(b.next);
    return rc;
}

/*
 * Chunks that share bytes of the file. No writer makes them; in a file that is damaged, or made to
 * mislead, each of them decodes, and the same numbers are taken twice without a word.
 */
#include <inttypes.h>

#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#include "array_impl.h"

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

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

/* One pass of a radix sort: the numbers in `from`, by the digit of their chunks' addresses. */
static void sort_by_digit(const slab_chunk *chunks, int shift, const uint32_t *from, uint32_t *to,
                          size_t n)
{
    size_t at[DIGITS] = {0};
    for (size_t i = 0; i < n; i++)
        at[chunks[from[i]].address >> shift & (DIGITS - 1)]++;
    for (size_t d = 0, sum = 0; d < DIGITS; d++) {
        size_t count = at[d];
        at[d] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        to[at[chunks[from[i]].address >> shift & (DIGITS - 1)]++] = from[i];
}

/* The numbers of the stored chunks by address; the result is in *order, which may be swapped. */
static size_t sort_by_address(const slab_chunk *chunks, int64_t n, uint32_t **order,
                              uint32_t **spare)
{
    size_t stored = 0;
    uint64_t most = 0;
    for (int64_t c = 0; c < n; c++)
        if (chunks[c].size > 0) {
            (*order)[stored++] = (uint32_t)c;
            most |= chunks[c].address;
        }
    for (int shift = 0; shift < 64 && most >> shift; shift += DIGIT_BITS) {
        uint32_t *sorted = *spare;
        sort_by_digit(chunks, shift, *order, sorted, stored);
        *spare = *order;
        *order = sorted;
    }
    return stored;
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

slab_status slab_chunks_are_apart(const slab_chunk *chunks, const slab_grid *grid)
{
    slab_status rc = SLAB_OK;
    uint32_t *order = NULL, *spare = NULL;
    int64_t n = grid->ntiles;
    if (are_ascending(chunks, n) || n > UINT32_MAX) /* their map alone would take 100 GB */
        return SLAB_OK;
    rc = slab_memory_alloc((void **)&order, (size_t)n, sizeof *order, "the order of chunks");
    if (rc == SLAB_OK)
        rc = slab_memory_alloc((void **)&spare, (size_t)n, sizeof *spare, "the order of chunks");
    if (rc == SLAB_ERR_MEMORY) { /* the budget is for what was asked for */
        slab_log(SLAB_LOG_INFO, "whether chunks overlap is not looked at: %s",
                 slab_error_last()->message);
        slab_error_clear();
        rc = SLAB_OK;
        goto done;
    }
    TRY(rc);
    size_t stored = sort_by_address(chunks, n, &order, &spare);
    for (size_t i = 1; i < stored; i++) {
        const slab_chunk *before = &chunks[order[i - 1]];
        if (before->address + before->size > chunks[order[i]].address)
            TRY(blame(chunks, grid, order[i - 1], order[i]));
    }
done:
    FREE(order);
    FREE(spare);
    return rc;
}

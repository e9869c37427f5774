/*
 * Parts of the keys, each sorted in memory and counted. A part that is too large for that (many
 * equal keys fall into one bucket) is dealt out again by its next bits, within the file.
 */
#include <slab/compute/computation/distinct_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdlib.h>
#include <string.h>

enum { DEAL_BITS = 8, BLOCK = 32768 };

/* A thread's tools. */
typedef struct sorter {
    distinct_spill *spill;
    uint64_t *keys, *counts, *spare; /* [DISTINCT_PART] each */
    int64_t written;                 /* distinct keys of the part so far */
} sorter;

static uint64_t place(int64_t key)
{
    return (uint64_t)key * sizeof(uint64_t);
}

/* Least significant digit first, eight bits at a time; digits that all share are skipped. */
static void sort_keys(uint64_t *keys, uint64_t *spare, int64_t n)
{
    uint64_t *from = keys, *to = spare;
    for (int shift = 0; shift < 64; shift += 8) {
        int64_t starts[257] = {0};
        for (int64_t i = 0; i < n; i++)
            starts[(from[i] >> shift & 255) + 1]++;
        if (n == 0 || starts[(from[0] >> shift & 255) + 1] == n)
            continue;
        for (int d = 0; d < 256; d++)
            starts[d + 1] += starts[d];
        for (int64_t i = 0; i < n; i++)
            to[starts[from[i] >> shift & 255]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != keys)
        memcpy(keys, from, (size_t)n * sizeof *keys);
}

/* Distinct keys of a sorted piece go behind those that the part has given already. They are fewer
 * than what has been read of it, so nothing unread is overwritten. */
static slab_status give(sorter *s, const distinct_part *whole, int64_t n)
{
    slab_status rc = SLAB_OK;
    int64_t distinct = 0;
    for (int64_t i = 0; i < n; distinct++) {
        int64_t first = i;
        while (i < n && s->keys[i] == s->keys[first])
            i++;
        s->keys[distinct] = s->keys[first];
        s->counts[distinct] = (uint64_t)(i - first);
    }
    uint64_t at = place(whole->first + s->written);
    TRY(slab_scratch_write(s->spill->keys, at, s->keys, (size_t)distinct * sizeof(uint64_t)));
    TRY(slab_scratch_write(s->spill->counts, at, s->counts, (size_t)distinct * sizeof(uint64_t)));
    s->written += distinct;
done:
    return rc;
}

static slab_status give_one(sorter *s, const distinct_part *whole, uint64_t key, int64_t count)
{
    slab_status rc = SLAB_OK;
    uint64_t at = place(whole->first + s->written), times = (uint64_t)count;
    TRY(slab_scratch_write(s->spill->keys, at, &key, sizeof key));
    TRY(slab_scratch_write(s->spill->counts, at, &times, sizeof times));
    s->written++;
done:
    return rc;
}

static slab_status sort_range(sorter *s, const distinct_part *whole, slab_scratch *file,
                              const distinct_part *part);

/* Keys of each new part that wait to be written, in `spare`. */
enum { DEALT = 1 << DEAL_BITS, WAITING = DISTINCT_PART / DEALT };

static slab_status write_dealt(sorter *s, slab_scratch *target, int d, int64_t *end, int *waiting)
{
    slab_status rc = SLAB_OK;
    TRY(slab_scratch_write(target, place(end[d]), s->spare + (size_t)d * WAITING,
                           (size_t)waiting[d] * sizeof(uint64_t)));
    end[d] += waiting[d];
    waiting[d] = 0;
done:
    return rc;
}

/* A block of the part, into `keys`. */
static slab_status read_block(sorter *s, const slab_scratch *file, const distinct_part *part,
                              int64_t i, int64_t *n)
{
    *n = part->n - i < BLOCK ? part->n - i : BLOCK;
    return slab_scratch_read(file, place(part->first + i), s->keys, (size_t)*n * sizeof(uint64_t));
}

static slab_status count_dealt(sorter *s, const slab_scratch *file, const distinct_part *part,
                               int shift, int64_t *counts)
{
    slab_status rc = SLAB_OK;
    int64_t n;
    for (int64_t i = 0; i < part->n; i += BLOCK) {
        TRY(read_block(s, file, part, i, &n));
        for (int64_t k = 0; k < n; k++)
            counts[(s->keys[k] - part->low) >> shift]++;
    }
done:
    return rc;
}

/* end: where each new part begins; where it ends, afterwards. */
static slab_status move_dealt(sorter *s, const slab_scratch *file, const distinct_part *part,
                              int shift, slab_scratch *target, int64_t *end)
{
    slab_status rc = SLAB_OK;
    int waiting[DEALT] = {0};
    int64_t n;
    for (int64_t i = 0; i < part->n; i += BLOCK) {
        TRY(read_block(s, file, part, i, &n));
        for (int64_t k = 0; k < n; k++) {
            int d = (int)((s->keys[k] - part->low) >> shift);
            s->spare[(size_t)d * WAITING + (size_t)waiting[d]++] = s->keys[k];
            if (waiting[d] == WAITING)
                TRY(write_dealt(s, target, d, end, waiting));
        }
    }
    for (int d = 0; d < DEALT; d++)
        if (waiting[d])
            TRY(write_dealt(s, target, d, end, waiting));
done:
    return rc;
}

/* Deals keys out to new parts by their highest bits that differ. When no bit is left below those,
 * the counts say it all. */
static slab_status deal_out(sorter *s, const distinct_part *whole, slab_scratch *file,
                            const distinct_part *part)
{
    slab_status rc = SLAB_OK;
    int shift = part->bits > DEAL_BITS ? part->bits - DEAL_BITS : 0;
    int64_t counts[DEALT] = {0}, end[DEALT], first = 0;
    slab_scratch *target = NULL;
    TRY(count_dealt(s, file, part, shift, counts));
    for (int d = 0; d < DEALT; first += counts[d++])
        end[d] = first;
    if (shift > 0) {
        TRY(slab_scratch_create(NULL, s->spill->workshop->scratch, &target));
        TRY(move_dealt(s, file, part, shift, target, end));
    }
    first = 0;
    for (int d = 0; d < DEALT; first += counts[d++]) {
        distinct_part one = {.first = first,
                             .n = counts[d],
                             .low = part->low + ((uint64_t)d << shift),
                             .bits = shift};
        if (one.n > 0)
            TRY(sort_range(s, whole, target, &one));
    }
done:
    slab_scratch_destroy(&target);
    return rc;
}

/* Gives the distinct keys of a range of a file in order. */
static slab_status sort_range(sorter *s, const distinct_part *whole, slab_scratch *file,
                              const distinct_part *part)
{
    slab_status rc = SLAB_OK;
    if (part->bits == 0)
        return give_one(s, whole, part->low, part->n);
    if (part->n > DISTINCT_PART)
        return deal_out(s, whole, file, part);
    TRY(slab_scratch_read(file, place(part->first), s->keys, (size_t)part->n * sizeof(uint64_t)));
    sort_keys(s->keys, s->spare, part->n);
    TRY(give(s, whole, part->n));
done:
    return rc;
}

/* A task of the crew: one part. */
static slab_status sort_part(void *context, int thread, int64_t p)
{
    slab_status rc = SLAB_OK;
    sorter *s = (sorter *)context + thread;
    distinct_part *part = &s->spill->parts[p];
    if (!s->keys) {
        ALLOC(s->keys, DISTINCT_PART, "distinct keys");
        ALLOC(s->counts, DISTINCT_PART, "distinct keys");
        ALLOC(s->spare, DISTINCT_PART, "distinct keys");
    }
    s->written = 0;
    TRY(sort_range(s, part, s->spill->keys, part));
    part->distinct = s->written;
done:
    return rc;
}

slab_status distinct_sort_parts(distinct_spill *spill)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(spill->workshop->crew);
    int threads = slab_crew_threads(spill->workshop->crew);
    sorter *sorters = NULL;
    int64_t *found = NULL;
    rc = slab_memory_alloc((void **)&sorters, (size_t)threads, sizeof *sorters, "distinct keys");
    if (rc == SLAB_OK)
        rc = slab_memory_alloc((void **)&found, (size_t)spill->nparts, sizeof *found,
                               "distinct keys");
    TRY(slab_ranks_agree(ranks, rc));
    for (int i = 0; i < threads; i++)
        sorters[i].spill = spill;
    slab_crew_progress_name(spill->workshop->crew, "sorting parts");
    rc = slab_crew_run(spill->workshop->crew, spill->nparts, sort_part, sorters);
    slab_crew_progress_name(spill->workshop->crew, "");
    TRY(rc);
    for (int64_t p = 0; p < spill->nparts; p++)
        found[p] = spill->parts[p].distinct; /* 0 for the parts of other ranks */
    TRY(slab_ranks_sum(ranks, found, (size_t)spill->nparts));
    for (int64_t p = 0; p < spill->nparts; p++)
        spill->parts[p].distinct = found[p];
done:
    for (int i = 0; sorters && i < threads; i++) {
        FREE(sorters[i].keys);
        FREE(sorters[i].counts);
        FREE(sorters[i].spare);
    }
    FREE(sorters);
    FREE(found);
    return rc;
}

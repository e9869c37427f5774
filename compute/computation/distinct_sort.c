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

/* What a part is sorted with. */
typedef struct sorter {
    distinct_spill *spill;
    uint64_t *keys, *counts, *spare; /* [spill->fit.part] each */
    int64_t written;                 /* distinct keys of the part so far */
    bool taken;
} sorter;

/* Fewer than there are threads, where memory is short: then threads wait for one. */
typedef struct sorters {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    sorter *each;
    int n;
} sorters;

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

enum { DEALT = 1 << DEAL_BITS };

/* Keys of each new part that wait to be written, in `spare`. */
static int64_t waiting_most(const sorter *s)
{
    return s->spill->fit.part / DEALT;
}

static slab_status write_dealt(sorter *s, slab_scratch *target, int d, int64_t *end, int *waiting)
{
    slab_status rc = SLAB_OK;
    TRY(slab_scratch_write(target, place(end[d]), s->spare + d * waiting_most(s),
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
    int64_t n, most = waiting_most(s);
    for (int64_t i = 0; i < part->n; i += BLOCK) {
        TRY(read_block(s, file, part, i, &n));
        for (int64_t k = 0; k < n; k++) {
            int d = (int)((s->keys[k] - part->low) >> shift);
            s->spare[d * most + waiting[d]++] = s->keys[k];
            if (waiting[d] == most)
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
    if (part->n > s->spill->fit.part)
        return deal_out(s, whole, file, part);
    TRY(slab_scratch_read(file, place(part->first), s->keys, (size_t)part->n * sizeof(uint64_t)));
    sort_keys(s->keys, s->spare, part->n);
    TRY(give(s, whole, part->n));
done:
    return rc;
}

static sorter *take_sorter(sorters *all)
{
    sorter *one = NULL;
    pthread_mutex_lock(&all->lock);
    while (!one) {
        for (int i = 0; i < all->n && !one; i++)
            one = all->each[i].taken ? NULL : &all->each[i];
        if (!one)
            pthread_cond_wait(&all->freed, &all->lock);
    }
    one->taken = true;
    pthread_mutex_unlock(&all->lock);
    return one;
}

static void give_sorter(sorters *all, sorter *one)
{
    pthread_mutex_lock(&all->lock);
    one->taken = false;
    pthread_cond_signal(&all->freed);
    pthread_mutex_unlock(&all->lock);
}

/* A task of the crew: one part. */
static slab_status sort_part(void *context, int thread, int64_t p)
{
    slab_status rc = SLAB_OK;
    sorter *s = take_sorter(context);
    distinct_part *part = &s->spill->parts[p];
    (void)thread;
    if (!s->keys) {
        ALLOC(s->keys, s->spill->fit.part, "distinct keys");
        ALLOC(s->counts, s->spill->fit.part, "distinct keys");
        ALLOC(s->spare, s->spill->fit.part, "distinct keys");
    }
    s->written = 0;
    TRY(sort_range(s, part, s->spill->keys, part));
    part->distinct = s->written;
done:
    give_sorter(context, s);
    return rc;
}

static slab_status sorters_open(sorters *all, distinct_spill *spill)
{
    slab_status rc = SLAB_OK;
    pthread_mutex_init(&all->lock, NULL);
    pthread_cond_init(&all->freed, NULL);
    ALLOC(all->each, spill->fit.sorters, "distinct keys");
    all->n = spill->fit.sorters;
    for (int i = 0; i < all->n; i++)
        all->each[i].spill = spill;
done:
    return rc;
}

static void sorters_close(sorters *all)
{
    for (int i = 0; i < all->n; i++) {
        FREE(all->each[i].keys);
        FREE(all->each[i].counts);
        FREE(all->each[i].spare);
    }
    FREE(all->each);
    pthread_cond_destroy(&all->freed);
    pthread_mutex_destroy(&all->lock);
}

slab_status distinct_sort_parts(distinct_spill *spill)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(spill->workshop->crew);
    sorters all = {.n = 0};
    int64_t *found = NULL;
    rc = sorters_open(&all, spill);
    if (rc == SLAB_OK)
        rc = slab_memory_alloc((void **)&found, (size_t)spill->nparts, sizeof *found,
                               "distinct keys");
    TRY(slab_ranks_agree(ranks, rc));
    slab_crew_progress_name(spill->workshop->crew, "sorting parts");
    rc = slab_crew_run(spill->workshop->crew, spill->nparts, sort_part, &all);
    slab_crew_progress_name(spill->workshop->crew, "");
    TRY(rc);
    for (int64_t p = 0; p < spill->nparts; p++)
        found[p] = spill->parts[p].distinct; /* 0 for the parts of other ranks */
    TRY(slab_ranks_sum(ranks, found, (size_t)spill->nparts));
    for (int64_t p = 0; p < spill->nparts; p++)
        spill->parts[p].distinct = found[p];
done:
    sorters_close(&all);
    FREE(found);
    return rc;
}

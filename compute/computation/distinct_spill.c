/* Keys written to a scratch file by parts. How many a part gets is known, so its place is fixed and
 * a rank takes room in it by adding to one word. */
#include <slab/compute/computation/distinct_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum { ROOM_LEAST = 64, ROOM_MOST = 4096, COLLECT_BYTES = 1 << 20 };

/* Two parts in a row hold more keys than one may: so there are at most so many. */
static int64_t parts_most(int64_t elements, int64_t nbuckets, int64_t part)
{
    int64_t most = 2 * (elements / part) + 2;
    return most < nbuckets ? most : nbuckets;
}

static void measure(distinct_fit *fit, int64_t elements, int64_t nbuckets, int threads)
{
    fit->nparts = parts_most(elements, nbuckets, fit->part);
    int64_t room = fit->part / 2 / fit->nparts; /* half a part's bytes for all of a thread's */
    fit->room = (int)(room < ROOM_LEAST ? ROOM_LEAST : room > ROOM_MOST ? ROOM_MOST : room);
    size_t nparts = (size_t)fit->nparts, part = (size_t)fit->part;
    size_t lists =
        nparts * (sizeof(distinct_part) + 4 * sizeof(int64_t)) + (size_t)nbuckets * sizeof(int32_t);
    size_t lane = nparts * ((size_t)fit->room * sizeof(uint64_t) + sizeof(int32_t)) + 2 * 8192;
    fit->writing = lists + (size_t)threads * lane;
    size_t sort = (size_t)fit->sorters * (3 * part * sizeof(uint64_t) + 3 * 8192);
    size_t collect = (size_t)threads * COLLECT_BYTES;
    fit->sorting = lists + (sort > collect ? sort : collect);
}

slab_status distinct_fit_find(const slab_workshop *workshop, int64_t elements, int64_t nbuckets,
                              size_t pass, size_t budget, distinct_fit *out)
{
    slab_status rc = SLAB_OK;
    size_t room = budget > pass ? budget - pass : 0; /* while keys are written */
    int threads = slab_crew_threads(workshop->crew);
    *out = (distinct_fit){.part = DISTINCT_PART, .sorters = threads};
    measure(out, elements, nbuckets, threads);
    while (out->part > DISTINCT_PART_LEAST && (out->sorting > budget || out->writing > room)) {
        out->part /= 2;
        measure(out, elements, nbuckets, threads);
    }
    int64_t part = -out->part; /* the least of all ranks' */
    TRY(slab_ranks_max(slab_crew_ranks(workshop->crew), &part, 1));
    out->part = -part;
    measure(out, elements, nbuckets, threads);
    while (out->sorters > 1 && out->sorting > budget) {
        out->sorters--;
        measure(out, elements, nbuckets, threads);
    }
done:
    return rc;
}

/* Buckets in turn until a part is full. A bucket that is larger than a part is one alone. */
static slab_status cut_parts(distinct_spill *s, uint64_t greatest)
{
    slab_status rc = SLAB_OK;
    const slab_tally *b = s->buckets;
    int64_t first = 0;
    ALLOC(s->part_of, b->nbuckets, "distinct elements");
    ALLOC(s->parts, s->fit.nparts, "distinct elements");
    for (int64_t i = 0, from = 0; i < b->nbuckets; i++) {
        distinct_part *part = &s->parts[s->nparts];
        int64_t n = (int64_t)b->counts[i];
        bool fits = i == from || part->n + n <= s->fit.part;
        if (!fits) {
            first += part->n;
            REQUIRE(++s->nparts < s->fit.nparts, SLAB_ERR_INTERNAL, "more parts than there can be");
            part++;
            from = i;
        }
        if (i == from)
            *part = (distinct_part){.first = first, .low = b->low + ((uint64_t)i << b->shift)};
        part->n += n;
        uint64_t top = b->low + ((uint64_t)i << b->shift) + ((1ULL << b->shift) - 1);
        top = top > greatest || top < part->low ? greatest : top;
        part->bits = top > part->low ? 64 - __builtin_clzll(top - part->low) : 0;
        s->part_of[i] = (int32_t)s->nparts;
    }
    s->nparts++;
done:
    return rc;
}

slab_status distinct_spill_open(distinct_spill *s, const slab_workshop *workshop,
                                const distinct_fit *fit, const slab_tally *buckets,
                                uint64_t greatest)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(workshop->crew);
    memset(s, 0, sizeof *s);
    s->workshop = workshop;
    s->buckets = buckets;
    s->fit = *fit;
    TRY(slab_ranks_agree(ranks, cut_parts(s, greatest)));
    TRY(slab_scratch_create(ranks, workshop->scratch, &s->keys));
    TRY(slab_scratch_create(ranks, workshop->scratch, &s->counts));
    TRY(slab_words_create(ranks, slab_ranks_me(ranks) == 0 ? (size_t)s->nparts : 1, &s->taken));
    int threads = slab_crew_threads(workshop->crew);
    rc = slab_memory_alloc((void **)&s->lanes, (size_t)threads, sizeof *s->lanes, "distinct keys");
    for (; rc == SLAB_OK && s->nlanes < threads; s->nlanes++) {
        distinct_lane *lane = &s->lanes[s->nlanes];
        rc = slab_memory_alloc((void **)&lane->keys, (size_t)s->nparts * (size_t)s->fit.room,
                               sizeof *lane->keys, "distinct keys");
        if (rc == SLAB_OK)
            rc = slab_memory_alloc((void **)&lane->held, (size_t)s->nparts, sizeof *lane->held,
                                   "distinct keys");
    }
    TRY(slab_ranks_agree(ranks, rc));
done:
    return rc;
}

static void clear_lanes(distinct_spill *s)
{
    for (int i = 0; s->lanes && i < slab_crew_threads(s->workshop->crew); i++) {
        FREE(s->lanes[i].keys);
        FREE(s->lanes[i].held);
    }
    FREE(s->lanes);
    s->nlanes = 0;
}

void distinct_spill_clear(distinct_spill *s)
{
    clear_lanes(s);
    FREE(s->parts);
    FREE(s->part_of);
    slab_words_destroy(&s->taken);
    slab_scratch_destroy(&s->keys);
    slab_scratch_destroy(&s->counts);
}

static slab_status write_out(distinct_spill *s, distinct_lane *lane, int64_t p)
{
    slab_status rc = SLAB_OK;
    int64_t before, n = lane->held[p];
    if (n == 0)
        return SLAB_OK;
    TRY(slab_words_fetch_add(s->taken, 0, (size_t)p, n, &before));
    REQUIRE(before + n <= s->parts[p].n, SLAB_ERR_INTERNAL, "a part of the keys holds too many");
    TRY(slab_scratch_write(s->keys, (uint64_t)(s->parts[p].first + before) * sizeof(uint64_t),
                           lane->keys + p * s->fit.room, (size_t)n * sizeof(uint64_t)));
    lane->held[p] = 0;
done:
    return rc;
}

slab_status distinct_spill_take(void *context, int thread, const uint64_t *keys, int64_t n)
{
    slab_status rc = SLAB_OK;
    distinct_spill *s = context;
    distinct_lane *lane = &s->lanes[thread];
    const slab_tally *b = s->buckets;
    for (int64_t i = 0; i < n; i++) {
        int64_t p = s->part_of[(keys[i] - b->low) >> b->shift];
        lane->keys[p * s->fit.room + lane->held[p]++] = keys[i];
        if (lane->held[p] == s->fit.room)
            TRY(write_out(s, lane, p));
    }
done:
    return rc;
}

slab_status distinct_spill_flush(distinct_spill *s)
{
    slab_status rc = SLAB_OK;
    for (int i = 0; i < s->nlanes; i++)
        for (int64_t p = 0; p < s->nparts; p++)
            TRY(write_out(s, &s->lanes[i], p));
    clear_lanes(s);
done:
    return rc;
}

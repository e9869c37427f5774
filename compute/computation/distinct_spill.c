/* Keys written to a scratch file by parts. How many a part gets is known, so its place is fixed and
 * a rank takes room in it by adding to one word. */
#include <slab/compute/computation/distinct_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum { LANE_BYTES = 4 << 20, ROOM_LEAST = 64, ROOM_MOST = 4096 };

/* Buckets in turn until a part is full. A bucket that is larger than a part is one alone. */
static slab_status cut_parts(distinct_spill *s, uint64_t greatest)
{
    slab_status rc = SLAB_OK;
    const slab_tally *b = s->buckets;
    int64_t first = 0;
    ALLOC(s->part_of, b->nbuckets, "distinct elements");
    ALLOC(s->parts, b->nbuckets, "distinct elements");
    for (int64_t i = 0, from = 0; i < b->nbuckets; i++) {
        distinct_part *part = &s->parts[s->nparts];
        int64_t n = (int64_t)b->counts[i];
        bool fits = i == from || part->n + n <= DISTINCT_PART;
        if (!fits) {
            first += part->n;
            s->nparts++;
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
                                const slab_tally *buckets, uint64_t greatest)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(workshop->crew);
    memset(s, 0, sizeof *s);
    s->workshop = workshop;
    s->buckets = buckets;
    TRY(slab_ranks_agree(ranks, cut_parts(s, greatest)));
    int64_t room = LANE_BYTES / (int64_t)sizeof(uint64_t) / s->nparts;
    s->room = (int)(room < ROOM_LEAST ? ROOM_LEAST : room > ROOM_MOST ? ROOM_MOST : room);
    TRY(slab_scratch_create(ranks, workshop->scratch, &s->keys));
    TRY(slab_scratch_create(ranks, workshop->scratch, &s->counts));
    TRY(slab_words_create(ranks, slab_ranks_me(ranks) == 0 ? (size_t)s->nparts : 1, &s->taken));
    int threads = slab_crew_threads(workshop->crew);
    rc = slab_memory_alloc((void **)&s->lanes, (size_t)threads, sizeof *s->lanes, "distinct keys");
    for (; rc == SLAB_OK && s->nlanes < threads; s->nlanes++) {
        distinct_lane *lane = &s->lanes[s->nlanes];
        rc = slab_memory_alloc((void **)&lane->keys, (size_t)s->nparts * (size_t)s->room,
                               sizeof *lane->keys, "distinct keys");
        if (rc == SLAB_OK)
            rc = slab_memory_alloc((void **)&lane->held, (size_t)s->nparts, sizeof *lane->held,
                                   "distinct keys");
    }
    TRY(slab_ranks_agree(ranks, rc));
done:
    return rc;
}

void distinct_spill_clear(distinct_spill *s)
{
    for (int i = 0; s->lanes && i < slab_crew_threads(s->workshop->crew); i++) {
        FREE(s->lanes[i].keys);
        FREE(s->lanes[i].held);
    }
    FREE(s->lanes);
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
                           lane->keys + p * s->room, (size_t)n * sizeof(uint64_t)));
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
        lane->keys[p * s->room + lane->held[p]++] = keys[i];
        if (lane->held[p] == s->room)
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
done:
    return rc;
}

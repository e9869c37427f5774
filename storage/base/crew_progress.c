/*
 * How far the ranks are. Each writes it into words of its own, and the first, which shows it, reads
 * those of all without waiting for any: nobody's tasks become slower the more ranks there are, and
 * a rank that hangs does not hold up the one that has to say so.
 */
#include <slab/storage/base/crew_impl.h>

#include <slab/storage/base/clock.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#define TELL_NS      500000000
#define SHOW_NS      100000000
#define LOOK_NS      500000000
#define LOOK_RANK_NS 1000000 /* a reading costs about a microsecond a rank: it takes 0.1 % */

void crew_progress_clear(crew_progress *p)
{
    FREE(p->seen);
    FREE(p->rank_done);
    FREE(p->rank_bytes);
}

static slab_status make_room(crew_progress *p, int ranks)
{
    slab_status rc = SLAB_OK;
    if (!p->seen)
        ALLOC(p->seen, (size_t)ranks * WORDS_SEEN, "the progress of ranks");
    if (!p->rank_done)
        ALLOC(p->rank_done, ranks, "the progress of ranks");
    if (!p->rank_bytes)
        ALLOC(p->rank_bytes, ranks, "the progress of ranks");
done:
    return rc;
}

/* The run's number stands in the high half, so that nobody takes a rank that has not begun for
 * one that is through. */
static int64_t stamped(const crew_progress *p, int64_t done)
{
    return (int64_t)((uint64_t)p->run << 32 | (uint64_t)done);
}

static bool is_of_this_run(const crew_progress *p, int64_t word)
{
    return (uint32_t)((uint64_t)word >> 32) == p->run;
}

void crew_progress_begin(crew_progress *p, slab_words *words, const slab_ranks *ranks)
{
    atomic_store(&p->bytes, 0);
    p->run++;
    p->next_show = p->next_look = 0;
    for (int r = 0; p->rank_bytes && r < slab_ranks_count(ranks); r++)
        p->rank_done[r] = p->rank_bytes[r] = 0;
    crew_progress_tell(p, words, ranks, 0, true);
}

void crew_progress_tell(crew_progress *p, slab_words *words, const slab_ranks *ranks, int64_t done,
                        bool through)
{
    int me = slab_ranks_me(ranks);
    if (slab_ranks_count(ranks) == 1)
        return;
    int64_t now = slab_clock_ns(), next = atomic_load(&p->next_tell);
    if (!through &&
        (now < next || !atomic_compare_exchange_strong(&p->next_tell, &next, now + TELL_NS)))
        return;
    /* The bytes first: who sees the run's number sees its bytes. */
    if (slab_words_set(words, me, WORD_BYTES, atomic_load(&p->bytes)) != SLAB_OK ||
        slab_words_set(words, me, WORD_DONE, stamped(p, done)) != SLAB_OK)
        slab_error_clear(); /* the next task will meet what is wrong */
}

static void look(crew_progress *p, slab_words *words, const slab_ranks *ranks, int64_t now)
{
    bool all = false;
    int count = slab_ranks_count(ranks);
    if (now < p->next_look)
        return;
    if (slab_words_look(words, WORD_DONE, WORDS_SEEN, p->seen, &all) != SLAB_OK)
        slab_error_clear();
    if (all)
        p->next_look = now + (LOOK_NS > count * LOOK_RANK_NS ? LOOK_NS : count * LOOK_RANK_NS);
    for (int r = 0; all && r < count; r++) {
        const int64_t *words_seen = p->seen + r * WORDS_SEEN; /* done, bytes */
        bool counts = is_of_this_run(p, words_seen[0]);
        p->rank_done[r] = counts ? words_seen[0] & UINT32_MAX : 0;
        p->rank_bytes[r] = counts ? words_seen[1] : 0;
    }
}

void crew_progress_show(crew_progress *p, slab_words *words, const slab_ranks *ranks, int64_t done,
                        int64_t total)
{
    int count = words ? slab_ranks_count(ranks) : 1, me = words ? slab_ranks_me(ranks) : 0;
    int64_t now;
    if (!p->hook)
        return;
    now = slab_clock_ns();
    if ((now < p->next_show && done < total) || make_room(p, slab_ranks_count(ranks)) != SLAB_OK)
        return;
    p->next_show = now + SHOW_NS;
    if (count > 1)
        look(p, words, ranks, now);
    p->rank_done[me] = done;
    p->rank_bytes[me] = atomic_load(&p->bytes);
    slab_progress_state state = {.what = p->name,
                                 .total = total,
                                 .ranks = count,
                                 .rank_done = p->rank_done,
                                 .rank_bytes = p->rank_bytes};
    for (int r = 0; r < count; r++) {
        state.done += p->rank_done[r];
        state.bytes += p->rank_bytes[r];
    }
    p->hook(p->context, &state);
}

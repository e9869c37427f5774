/* One word on rank 0. Alignment needs compare-and-swap; blocks are megabytes, so two ranks rarely
 * meet in the loop. */
#include <slab/storage/space.h>

#include <inttypes.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

enum { OWNER = 0, END = 0, NWORDS = 1 };

struct slab_space {
    slab_words *words;
};

slab_status slab_space_create(slab_ranks *ranks, slab_space **out)
{
    slab_status rc = SLAB_OK;
    slab_space *space = NULL;
    *out = NULL;
    rc = slab_memory_alloc((void **)&space, 1, sizeof *space, "the end-of-file counter");
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_words_create(ranks, NWORDS, &space->words));
    *out = space;
    space = NULL;
done:
    slab_space_destroy(&space);
    return rc;
}

void slab_space_destroy(slab_space **space)
{
    if (!*space)
        return;
    slab_words_destroy(&(*space)->words);
    FREE(*space);
}

slab_status slab_space_raise(slab_space *space, uint64_t end)
{
    slab_status rc = SLAB_OK;
    int64_t now;
    REQUIRE(end <= INT64_MAX, SLAB_ERR_OVERFLOW, "a file of %" PRIu64 " bytes is too large", end);
    TRY(slab_words_get(space->words, OWNER, END, &now));
    while (now < (int64_t)end) {
        int64_t expected = now;
        TRY(slab_words_compare_swap(space->words, OWNER, END, expected, (int64_t)end, &now));
        if (now == expected)
            break;
    }
done:
    return rc;
}

slab_status slab_space_reserve(slab_space *space, uint64_t bytes, uint64_t align, uint64_t *address)
{
    slab_status rc = SLAB_OK;
    int64_t now;
    if (align == 0)
        align = 1;
    TRY(slab_words_get(space->words, OWNER, END, &now));
    for (;;) {
        int64_t expected = now;
        uint64_t rest = (uint64_t)now % align, pad = rest ? align - rest : 0, room;
        room = (uint64_t)(INT64_MAX - now);
        REQUIRE(pad <= room && bytes <= room - pad, SLAB_ERR_OVERFLOW,
                "%" PRIu64 " bytes past %" PRId64 " do not fit a file", bytes, now);
        *address = (uint64_t)now + pad;
        TRY(slab_words_compare_swap(space->words, OWNER, END, expected, (int64_t)(*address + bytes),
                                    &now));
        if (now == expected)
            break;
    }
done:
    return rc;
}

slab_status slab_space_end(slab_space *space, uint64_t *end)
{
    slab_status rc = SLAB_OK;
    int64_t now;
    TRY(slab_words_get(space->words, OWNER, END, &now));
    *end = (uint64_t)now;
done:
    return rc;
}

/* One word on rank 0, a multiple of SLAB_SPACE_UNIT at all times, so that adding to it is all that
 * reserving takes. */
#include <slab/storage/space.h>

#include <inttypes.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

enum { OWNER = 0, END = 0, NWORDS = 1 };
#define MOST (UINT64_C(1) << 61) /* far below where the word would overflow */

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

static uint64_t round_up(uint64_t n, uint64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* Two that raise at once may raise too far: a hole, no harm. */
slab_status slab_space_raise(slab_space *space, uint64_t end)
{
    slab_status rc = SLAB_OK;
    int64_t now;
    REQUIRE(end <= MOST, SLAB_ERR_OVERFLOW, "a file of %" PRIu64 " bytes is too large", end);
    TRY(slab_words_get(space->words, OWNER, END, &now));
    int64_t missing = (int64_t)round_up(end, SLAB_SPACE_UNIT) - now;
    if (missing > 0)
        TRY(slab_words_fetch_add(space->words, OWNER, END, missing, &now));
done:
    return rc;
}

slab_status slab_space_reserve(slab_space *space, uint64_t bytes, uint64_t align, uint64_t *address)
{
    slab_status rc = SLAB_OK;
    int64_t before;
    if (align < SLAB_SPACE_UNIT)
        align = SLAB_SPACE_UNIT;
    REQUIRE((align & (align - 1)) == 0, SLAB_ERR_INTERNAL, "an alignment of %" PRIu64, align);
    REQUIRE(bytes <= MOST && align <= MOST, SLAB_ERR_OVERFLOW,
            "%" PRIu64 " bytes do not fit a file", bytes);
    /* Where the end stands is not known beforehand: room for the worst padding. */
    uint64_t take = round_up(bytes, SLAB_SPACE_UNIT) + align - SLAB_SPACE_UNIT;
    TRY(slab_words_fetch_add(space->words, OWNER, END, (int64_t)take, &before));
    REQUIRE(before >= 0 && (uint64_t)before <= MOST, SLAB_ERR_OVERFLOW,
            "%" PRIu64 " bytes past %" PRId64 " do not fit a file", bytes, before);
    *address = round_up((uint64_t)before, align);
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

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
    REQUIRE(end <= INT64_MAX, SLAB_ERR_OVERFLOW, "a file of %" PRIu64 " bytes is too large", end);
    TRY(slab_words_get(space->words, OWNER, END, &now));
    if (now < (int64_t)end) /* what others reserve meanwhile raises it further: no harm */
        TRY(slab_words_fetch_add(space->words, OWNER, END, (int64_t)end - now, &now));
done:
    return rc;
}

slab_status slab_space_reserve(slab_space *space, uint64_t bytes, uint64_t align, uint64_t *address)
{
    slab_status rc = SLAB_OK;
    uint64_t slack = align > 1 ? align - 1 : 0;
    int64_t now;
    REQUIRE(bytes <= INT64_MAX / 2 && slack <= INT64_MAX / 4, SLAB_ERR_OVERFLOW,
            "%" PRIu64 " bytes do not fit a file", bytes);
    TRY(slab_words_get(space->words, OWNER, END, &now));
    REQUIRE((uint64_t)now <= INT64_MAX - bytes - slack, SLAB_ERR_OVERFLOW,
            "%" PRIu64 " bytes past %" PRId64 " do not fit a file", bytes, now);
    TRY(slab_words_fetch_add(space->words, OWNER, END, (int64_t)(bytes + slack), &now));
    *address = round_up((uint64_t)now, slack + 1);
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

#include <slab/storage/base/digest.h>

#include <endian.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

_Static_assert(sizeof(XXH3_state_t) <= sizeof(slab_hash), "a hash has room for XXH3's state");

static XXH3_state_t *state_of(slab_hash *hash)
{
    return (XXH3_state_t *)hash->state;
}

void slab_hash_begin(slab_hash *hash)
{
    XXH3_INITSTATE(state_of(hash));
    XXH3_128bits_reset(state_of(hash));
}

void slab_hash_bytes(slab_hash *hash, const void *bytes, size_t n)
{
    XXH3_128bits_update(state_of(hash), bytes, n);
}

void slab_hash_number(slab_hash *hash, uint64_t number)
{
    number = htole64(number);
    slab_hash_bytes(hash, &number, sizeof number);
}

void slab_hash_text(slab_hash *hash, const char *text)
{
    size_t n = strlen(text);
    slab_hash_number(hash, n);
    slab_hash_bytes(hash, text, n);
}

slab_digest slab_hash_end(const slab_hash *hash)
{
    XXH128_hash_t h = XXH3_128bits_digest((const XXH3_state_t *)hash->state);
    return (slab_digest){.low = h.low64, .high = h.high64};
}

slab_digest slab_digest_text(const char *text)
{
    slab_hash h;
    slab_hash_begin(&h);
    slab_hash_text(&h, text);
    return slab_hash_end(&h);
}

slab_digest slab_digest_add(slab_digest a, slab_digest b)
{
    slab_digest sum = {.low = a.low + b.low};
    sum.high = a.high + b.high + (sum.low < a.low);
    return sum;
}

slab_digest slab_digest_subtract(slab_digest a, slab_digest b)
{
    return (slab_digest){.low = a.low - b.low, .high = a.high - b.high - (a.low < b.low)};
}

bool slab_digest_equal(slab_digest a, slab_digest b)
{
    return a.low == b.low && a.high == b.high;
}

bool slab_digest_is_zero(slab_digest a)
{
    return a.low == 0 && a.high == 0;
}

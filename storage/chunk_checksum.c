#include <slab/storage/chunk_checksum_impl.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

uint64_t slab_chunk_checksum_by(slab_simd simd, const void *bytes, size_t n)
{
#ifdef __x86_64__
    if (simd >= SLAB_SIMD_AVX512)
        return slab_chunk_checksum_avx512(bytes, n);
    if (simd == SLAB_SIMD_AVX2)
        return slab_chunk_checksum_avx2(bytes, n);
#else
    (void)simd;
#endif
    return XXH3_64bits(bytes, n);
}

uint64_t slab_chunk_checksum(const void *bytes, size_t n)
{
    return slab_chunk_checksum_by(slab_simd_best(), bytes, n);
}

struct slab_chunk_sum {
    XXH3_state_t state; /* whose alignment of 64 is that of all memory */
};

slab_status slab_chunk_sum_create(slab_chunk_sum **out)
{
    slab_status rc = SLAB_OK;
    ALLOC(*out, 1, "a checksum");
    XXH3_INITSTATE(&(*out)->state);
done:
    return rc;
}

void slab_chunk_sum_begin(slab_chunk_sum *sum)
{
    XXH3_64bits_reset(&sum->state);
}

void slab_chunk_sum_add(slab_chunk_sum *sum, const void *bytes, size_t n)
{
    XXH3_64bits_update(&sum->state, bytes, n);
}

uint64_t slab_chunk_sum_end(const slab_chunk_sum *sum)
{
    return XXH3_64bits_digest(&sum->state);
}

void slab_chunk_sum_destroy(slab_chunk_sum **sum)
{
    FREE(*sum);
}

#include <slab/storage/chunk_checksum_impl.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

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

/* Filter 2: the bytes of all elements, sorted by their place in the element. */
#include <inttypes.h>
#include <slab/storage/base/try.h>
#include <slab/storage/codec/codec_impl.h>
#include <slab/storage/codec/shuffle_impl.h>

/* Elements first..last-1. With a constant size the compiler makes vector code of its own of it. */
SLAB_INLINE void gather(size_t size, size_t count, size_t first, size_t last,
                        const unsigned char *restrict src, unsigned char *restrict dst)
{
    for (size_t b = 0; b < size; b++)
        for (size_t i = first; i < last; i++)
            dst[b * count + i] = src[i * size + b];
}

/* Planes lie `stride` apart. */
SLAB_INLINE void scatter(size_t size, size_t stride, size_t first, size_t last,
                         const unsigned char *restrict src, unsigned char *restrict dst)
{
    for (size_t i = first; i < last; i++)
        for (size_t b = 0; b < size; b++)
            dst[i * size + b] = src[b * stride + i];
}

/* Elements whose bytes stay in L1 while all their planes are visited. */
static size_t block_of(size_t size)
{
    return size < 512 ? 16384 / size : 32;
}

static void shuffle_scalar(size_t size, size_t count, size_t done, const unsigned char *src,
                           unsigned char *dst)
{
    size_t block = block_of(size);
    for (size_t i = done; i < count; i += block) {
        size_t end = count - i < block ? count : i + block;
        switch (size) {
        case 2:
            gather(2, count, i, end, src, dst);
            break;
        case 4:
            gather(4, count, i, end, src, dst);
            break;
        case 8:
            gather(8, count, i, end, src, dst);
            break;
        default:
            gather(size, count, i, end, src, dst);
        }
    }
}

static void unshuffle_scalar(size_t size, size_t stride, size_t done, size_t count,
                             const unsigned char *src, unsigned char *dst)
{
    switch (size) {
    case 2:
        scatter(2, stride, done, count, src, dst);
        break;
    case 4:
        scatter(4, stride, done, count, src, dst);
        break;
    case 8:
        scatter(8, stride, done, count, src, dst);
        break;
    default:
        scatter(size, stride, done, count, src, dst);
    }
}

void slab_shuffle(slab_simd simd, size_t size, size_t count, const void *src, void *dst)
{
    size_t done = 0;
#ifdef __x86_64__
    if (simd >= SLAB_SIMD_AVX512)
        done = slab_shuffle_avx512(size, count, src, dst);
    else if (simd >= SLAB_SIMD_AVX2)
        done = slab_shuffle_avx2(size, count, src, dst);
#else
    (void)simd;
#endif
    shuffle_scalar(size, count, done, src, dst);
}

void slab_unshuffle_part(slab_simd simd, size_t size, size_t count, size_t first, size_t last,
                         const void *src, void *dst, slab_xxh64_run *sum)
{
    const unsigned char *from = (const unsigned char *)src + first;
    const unsigned char *summed = sum ? sum->at : NULL;
    size_t n = last - first, done = 0;
#ifdef __x86_64__
    if (simd >= SLAB_SIMD_AVX512)
        done = slab_unshuffle_avx512(size, count, n, from, dst, sum);
    else if (simd >= SLAB_SIMD_AVX2)
        done = slab_unshuffle_avx2(size, count, n, from, dst);
#endif
    unshuffle_scalar(size, count, done, n, from, dst);
    if (sum)
        slab_xxh64_advance(simd, sum, n * size - (size_t)(sum->at - summed));
}

void slab_unshuffle(slab_simd simd, size_t size, size_t count, const void *src, void *dst)
{
    slab_unshuffle_part(simd, size, count, 0, count, src, dst, NULL);
}

static slab_status check(const slab_filter *filter, const slab_chunk_type *type)
{
    slab_status rc = SLAB_OK;
    (void)type;
    REQUIRE(filter->nvalues >= 1 && filter->values[0] >= 1, SLAB_ERR_UNSUPPORTED,
            "the shuffle filter does not state its element size");
done:
    return rc;
}

static size_t bound(const slab_filter *filter, const slab_chunk_type *type, size_t n)
{
    (void)filter, (void)type;
    return n;
}

/* What does not make a whole element stays as it is at the end; so does a single element. */
static slab_status run(const slab_filter *filter, bool forward, const void *src, size_t n,
                       void *dst, size_t capacity, size_t *written)
{
    slab_status rc = SLAB_OK;
    size_t size = filter->values[0];
    size_t whole = size > 1 ? n / size * size : 0;
    REQUIRE(n <= capacity, SLAB_ERR_FORMAT,
            "a shuffled chunk holds %zu bytes where %zu are expected", n, capacity);
    if (whole > 0) {
        if (forward)
            slab_shuffle(slab_simd_best(), size, whole / size, src, dst);
        else
            slab_unshuffle(slab_simd_best(), size, whole / size, src, dst);
    }
    if (n > whole)
        memcpy((unsigned char *)dst + whole, (const unsigned char *)src + whole, n - whole);
    *written = n;
done:
    return rc;
}

/* Whole elements of the type: what HDF5 writes, and what a reader asks for. */
static bool part(const slab_filter *filter, const slab_chunk_type *type, const void *src,
                 size_t from, size_t bytes, void *dst, slab_check *check)
{
    size_t size = filter->values[0];
    if (size < 2 || size != type->dtype.size || type->bytes % size != 0)
        return false;
    if (bytes > 0)
        slab_unshuffle_part(slab_simd_best(), size, type->bytes / size, from / size,
                            (from + bytes) / size, src, dst, check->due ? &check->sum : NULL);
    return true;
}

static slab_status decode(const slab_filter *filter, const slab_chunk_type *type, void *state,
                          const void *src, size_t n, void *dst, size_t capacity, size_t *written)
{
    (void)type, (void)state;
    return run(filter, false, src, n, dst, capacity, written);
}

static slab_status encode(const slab_filter *filter, const slab_chunk_type *type, void *state,
                          const void *src, size_t n, void *dst, size_t capacity, size_t *written)
{
    (void)type, (void)state;
    return run(filter, true, src, n, dst, capacity, written);
}

static slab_status configure(slab_filter *filter, const slab_chunk_type *type, int level)
{
    slab_status rc = SLAB_OK;
    REQUIRE(level < 0, SLAB_ERR_VALUE, "the shuffle filter has no level");
    filter->id = SLAB_FILTER_SHUFFLE;
    filter->nvalues = 1;
    filter->values[0] = type->dtype.size;
done:
    return rc;
}

const slab_codec slab_codec_shuffle = {
    .name = "shuffle",
    .id = SLAB_FILTER_SHUFFLE,
    .summary = "sorts the bytes of elements by significance, so that they compress better",
    .check = check,
    .bound = bound,
    .decode = decode,
    .part = part,
    .encode = encode,
    .configure = configure,
};

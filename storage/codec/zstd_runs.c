/* Runs of equal bytes. In a plane of shuffled numbers they are most of what there is to match: the
 * high bytes of neighbours agree. Finding them takes a comparison of 64 bytes with those before. */
#include <slab/storage/codec/simd_impl.h>
#include <slab/storage/codec/zstd_impl.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { WORD = 64 };

#ifdef __SSE2__
/* Bit i: p[i] is p[i - 1]. */
static inline uint64_t equal_bits(const uint8_t *p)
{
    uint64_t bits = 0;
    for (int i = 0; i < WORD; i += 16) {
        __m128i here = _mm_loadu_si128((const __m128i *)(p + i));
        __m128i before = _mm_loadu_si128((const __m128i *)(p + i - 1));
        bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(here, before)) << i;
    }
    return bits;
}
#else
static inline uint64_t equal_bits(const uint8_t *p)
{
    uint64_t bits = 0;
    for (int i = 0; i < WORD; i++)
        bits |= (uint64_t)(p[i] == p[i - 1]) << i;
    return bits;
}
#endif

static size_t run_end(const uint8_t *src, size_t at, size_t n)
{
    while (at + WORD <= n) {
        uint64_t differ = ~equal_bits(src + at);
        if (differ)
            return at + (size_t)__builtin_ctzll(differ);
        at += WORD;
    }
    while (at < n && src[at] == src[at - 1])
        at++;
    return at;
}

/* Bits at which `least` bits in a row begin. */
SLAB_INLINE uint64_t starts_of(uint64_t equal, int least)
{
    uint64_t starts = equal & equal >> 1;
    starts &= starts >> 2;
    return least == 8 ? starts & starts >> 4 : starts;
}

SLAB_INLINE size_t find_runs(const uint8_t *src, size_t n, int least, ZSTD_Sequence *out)
{
    size_t found = 0, anchor = 0, i = 1;
    while (i + WORD <= n) {
        uint64_t equal = equal_bits(src + i), starts = starts_of(equal, least);
        size_t next = i + WORD - ((size_t)least - 1);
        while (starts) {
            int first = __builtin_ctzll(starts);
            uint64_t differ = ~(equal >> first);
            int length = differ ? __builtin_ctzll(differ) : WORD;
            size_t begin = i + (size_t)first, end = begin + (size_t)length;
            bool goes_on = first + length >= WORD;
            if (goes_on)
                end = run_end(src, i + WORD, n);
            out[found++] = (ZSTD_Sequence){.offset = 1,
                                           .litLength = (unsigned)(begin - anchor),
                                           .matchLength = (unsigned)(end - begin)};
            anchor = end;
            if (goes_on) {
                next = end + 1;
                break;
            }
            starts &= ~UINT64_C(0) << (first + length);
        }
        i = next;
    }
    out[found++] = (ZSTD_Sequence){.litLength = (unsigned)(n - anchor)};
    return found;
}

/* A match of 4 bytes takes hardly less than its literals. */
size_t slab_zstd_runs(slab_zstd_way way, const uint8_t *src, size_t n, ZSTD_Sequence *out)
{
    return way == SLAB_ZSTD_RUNS ? find_runs(src, n, 4, out) : find_runs(src, n, 8, out);
}

/**
 * Order of elements as unsigned integers: keys that compare as the elements do, and counting them
 * by their digits. For selection without sorting.
 */
#ifndef SLAB_COMPUTE_KERNEL_ORDER_H
#define SLAB_COMPUTE_KERNEL_ORDER_H

#include <slab/storage/base/dtype.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bits of a key: 8, 16, 32 or 64; f16 is ordered as f32. Not for complex numbers. */
int slab_order_bits(slab_dtype dtype);

/** Keys of n contiguous native elements, u64 [n]. NaN has the greatest key there is, and no other
 * float has it. -0.0 counts as 0.0. */
void slab_order_keys(slab_dtype dtype, const void *elements, int64_t n, uint64_t *keys);

/** The element of a key, as a native element. */
void slab_order_element(slab_dtype dtype, uint64_t key, void *element);

/** The greatest 16 bits of the keys of n contiguous elements of 32 bits and more, u16 [n]. NaN has
 * 65535, and no other float has it. */
void slab_order_tops(slab_dtype dtype, const void *elements, int64_t n, uint16_t *tops);

/** Elements at a time that slab_order_find() looks at. */
#define SLAB_ORDER_RUN 64

/** The first element of the first run of SLAB_ORDER_RUN, counted from `from`, that may hold a key
 * from `low` to `high`; n: there is none. A comparison an element, no keys are made. */
int64_t slab_order_find(slab_dtype dtype, const void *elements, int64_t from, int64_t n,
                        uint64_t low, uint64_t high);

/** The key of NaN. For 64-bit integers it is the key of the greatest integer. */
#define SLAB_ORDER_NAN UINT64_MAX

/**
 * Counts digits: for every key whose bits above `shift + bits` equal prefixes[p], counter
 * [p][digit]++ with digit = (key >> shift) mod 2^bits.
 *
 * @param nan       keys of NaN are left out
 * @param prefixes  u64 [nprefixes], distinct; NULL: all keys count to p = 0
 * @param counters  u64 [nprefixes, 2^bits]
 */
void slab_order_count(const uint64_t *keys, int64_t n, bool nan, int shift, int bits,
                      const uint64_t *prefixes, int nprefixes, uint64_t *counters);

/** Brings the element of rank k (from 0) of keys[0, n) to its place: those before are not greater,
 * those behind not less. */
void slab_order_select(uint64_t *keys, int64_t n, int64_t k);

#ifdef __cplusplus
}
#endif
#endif

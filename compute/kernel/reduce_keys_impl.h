/*
 * Elements as integers in their order: floats' bits, turned so that -0 comes before 0 and NaN
 * beyond the infinities. Least and greatest of integers need no care with NaN, vectorise well, and
 * cannot depend on the order of elements.
 */
#ifndef SLAB_COMPUTE_KERNEL_REDUCE_KEYS_IMPL_H
#define SLAB_COMPUTE_KERNEL_REDUCE_KEYS_IMPL_H

#include <stdint.h>

/* By key type of floats: bits of +inf, and the sign's place. */
#define INF_2 ((int16_t)0x7c00)
#define INF_4 ((int32_t)0x7f800000)
#define INF_8 ((int64_t)0x7ff0000000000000)

#define MOST_2 INT16_MAX
#define MOST_4 INT32_MAX
#define MOST_8 INT64_MAX

/* The key of a float's bits x; its own inverse. */
#define KEY_2(x) ((int16_t)((x) ^ (((x) >> 15) & MOST_2)))
#define KEY_4(x) ((x) ^ (((x) >> 31) & MOST_4))
#define KEY_8(x) ((x) ^ (((x) >> 63) & MOST_8))

/* The same where both zeros are equal. */
#define EQUAL_KEY_2(x) ((int16_t)(KEY_2(x) + (KEY_2(x) == -1)))
#define EQUAL_KEY_4(x) (KEY_4(x) + (KEY_4(x) == -1))
#define EQUAL_KEY_8(x) (KEY_8(x) + (KEY_8(x) == -1))

/* Does a key stand for NaN? */
#define NAN_KEY_2(k) ((k) > INF_2 || (k) < ~INF_2)
#define NAN_KEY_4(k) ((k) > INF_4 || (k) < ~INF_4)
#define NAN_KEY_8(k) ((k) > INF_8 || (k) < ~INF_8)

/* Are a float's bits those of NaN? */
#define NAN_BITS_2(x) (((x)&MOST_2) > INF_2)
#define NAN_BITS_4(x) (((x)&MOST_4) > INF_4)
#define NAN_BITS_8(x) (((x)&MOST_8) > INF_8)

/* condition ? a : b in a type, without a branch: else loops over it are not vectorised. */
#define PICK_KEY(T, condition, a, b) ((T)((b) ^ (((a) ^ (b)) & -(T)(condition))))

#endif

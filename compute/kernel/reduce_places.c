/*
 * Where the least or the greatest is, and the first of equals. The greatest is the least of keys
 * with all bits turned. NaN has the least key of all, so that the first is found, or where it is
 * left out the greatest.
 */
#include <slab/compute/kernel/reduce_kernel_impl.h>

#include <slab/compute/kernel/reduce_keys_impl.h>
#include <slab/storage/base/clones.h>

enum { LOOK = 256, ROWS_MOST = 1 << 30 };

static void take(slab_place_slot *slot, int64_t key, int64_t place)
{
    if (key > slot->key || (key == slot->key && place >= slot->place))
        return;
    slot->key = key;
    slot->place = place;
}

/*
 * Elements are read as T and compared as keys of the signed type K; I counts rows. Keys are made
 * first and compared then: together, the compiler would not vectorise either.
 */
#define PLACES(T, K, I, name, most, key_of)                                                        \
    SLAB_CLONES static K least_##name(const T *row, int64_t n)                                     \
    {                                                                                              \
        K keys[LOOK], least = most;                                                                \
        for (int64_t at = 0; at < n; at += LOOK) {                                                 \
            int some = n - at < LOOK ? (int)(n - at) : LOOK;                                       \
            for (int j = 0; j < some; j++) {                                                       \
                T x = row[at + j];                                                                 \
                keys[j] = (K)(key_of);                                                             \
            }                                                                                      \
            for (int j = 0; j < some; j++)                                                         \
                least = keys[j] < least ? keys[j] : least;                                         \
        }                                                                                          \
        return least;                                                                              \
    }                                                                                              \
    static int64_t find_##name(const T *row, int64_t n, K key)                                     \
    {                                                                                              \
        int64_t j = 0;                                                                             \
        while (n - j > LOOK && least_##name(row + j, LOOK) != key)                                 \
            j += LOOK;                                                                             \
        for (; j < n; j++) {                                                                       \
            T x = row[j];                                                                          \
            if ((K)(key_of) == key)                                                                \
                break;                                                                             \
        }                                                                                          \
        return j;                                                                                  \
    }                                                                                              \
    static void run_##name(const slab_reduce_block *block, void *slots)                            \
    {                                                                                              \
        slab_place_slot *slot = slots;                                                             \
        K key = least_##name(block->data, block->columns);                                         \
        if (key > slot->key || (key == slot->key && block->place >= slot->place))                  \
            return;                                                                                \
        int64_t j = find_##name(block->data, block->columns, key);                                 \
        take(slot, key, block->place + j * block->column_place);                                   \
    }                                                                                              \
    SLAB_CLONES static void down_##name(const char *data, int64_t rows, int n, int64_t stride,     \
                                        K *restrict key, I *restrict at)                           \
    {                                                                                              \
        for (int64_t i = 0; i < rows; i++) {                                                       \
            const T *row = (const void *)(data + i * stride);                                      \
            for (int j = 0; j < n; j++) {                                                          \
                T x = row[j];                                                                      \
                K k = (K)(key_of);                                                                 \
                at[j] = k < key[j] ? (I)i : at[j];                                                 \
                key[j] = k < key[j] ? k : key[j];                                                  \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void stripe_##name(const slab_reduce_block *block, int64_t i, int64_t j,                \
                              slab_place_slot *slots)                                              \
    {                                                                                              \
        K key[REDUCE_STRIPE];                                                                      \
        I at[REDUCE_STRIPE] = {0};                                                                 \
        int64_t n = block->columns - j < REDUCE_STRIPE ? block->columns - j : REDUCE_STRIPE;       \
        for (int64_t k = 0; k < n; k++)                                                            \
            key[k] = most;                                                                         \
        down_##name((const char *)block->data + i * block->row_stride + j * (int64_t)sizeof(T),    \
                    block->rows - i < ROWS_MOST ? block->rows - i : ROWS_MOST, (int)n,             \
                    block->row_stride, key, at);                                                   \
        for (int64_t k = 0; k < n; k++)                                                            \
            take(&slots[j + k], key[k], block->place + (i + at[k]) * block->row_place);            \
    }                                                                                              \
    static void columns_##name(const slab_reduce_block *block, void *slots)                        \
    {                                                                                              \
        for (int64_t i = 0; i < block->rows; i += ROWS_MOST)                                       \
            for (int64_t j = 0; j < block->columns; j += REDUCE_STRIPE)                            \
                stripe_##name(block, i, j, slots);                                                 \
    }

#define FLIP_1 0x80U
#define FLIP_2 0x8000U
#define FLIP_4 0x80000000U
#define FLIP_8 0x8000000000000000U

/* Integers: least and greatest. */
#define INTEGERS(n, I)                                                                             \
    PLACES(uint##n##_t, int##n##_t, I, ul##n, INT##n##_MAX, x ^ FLIP##n)                           \
    PLACES(uint##n##_t, int##n##_t, I, ug##n, INT##n##_MAX, ~(x ^ FLIP##n))                        \
    PLACES(int##n##_t, int##n##_t, I, il##n, INT##n##_MAX, x)                                      \
    PLACES(int##n##_t, int##n##_t, I, ig##n, INT##n##_MAX, ~x)
#define FLIP8  FLIP_1
#define FLIP16 FLIP_2
#define FLIP32 FLIP_4
#define FLIP64 FLIP_8
INTEGERS(8, int32_t)
INTEGERS(16, int32_t)
INTEGERS(32, int32_t)
INTEGERS(64, int64_t)

/* Floats: least and greatest, NaN first (f) or left out (s). */
#define FLOATS(n, size, I)                                                                         \
    PLACES(int##n##_t, int##n##_t, I, fl##n, INT##n##_MAX,                                         \
           PICK_KEY(int##n##_t, NAN_BITS_##size(x), INT##n##_MIN, EQUAL_KEY_##size(x)))            \
    PLACES(int##n##_t, int##n##_t, I, fg##n, INT##n##_MAX,                                         \
           PICK_KEY(int##n##_t, NAN_BITS_##size(x), INT##n##_MIN, ~EQUAL_KEY_##size(x)))           \
    PLACES(int##n##_t, int##n##_t, I, sl##n, INT##n##_MAX,                                         \
           PICK_KEY(int##n##_t, NAN_BITS_##size(x), INT##n##_MAX, EQUAL_KEY_##size(x)))            \
    PLACES(int##n##_t, int##n##_t, I, sg##n, INT##n##_MAX,                                         \
           PICK_KEY(int##n##_t, NAN_BITS_##size(x), INT##n##_MAX, ~EQUAL_KEY_##size(x)))
FLOATS(16, 2, int32_t)
FLOATS(32, 4, int32_t)
FLOATS(64, 8, int64_t)

static void init(void *slots, int64_t n)
{
    slab_place_slot *s = slots;
    for (int64_t i = 0; i < n; i++)
        s[i] = (slab_place_slot){INT64_MAX, INT64_MAX};
}

static void merge(void *into, const void *from, int64_t n)
{
    slab_place_slot *s = into;
    const slab_place_slot *t = from;
    for (int64_t i = 0; i < n; i++)
        take(&s[i], t[i].key, t[i].place);
}

#define ROW(name)                                                                                  \
    {                                                                                              \
        .slot_bytes = sizeof(slab_place_slot), .places = true, .init = init, .run = run_##name,    \
        .columns = columns_##name, .merge = merge                                                  \
    }

static const slab_reduce_kernel least[REDUCE_REALS] = {ROW(ul8),  ROW(il8),  ROW(ul16), ROW(il16),
                                                       ROW(ul32), ROW(il32), ROW(ul64), ROW(il64),
                                                       ROW(fl16), ROW(fl32), ROW(fl64)};
static const slab_reduce_kernel greatest[REDUCE_REALS] = {
    ROW(ug8),  ROW(ig8),  ROW(ug16), ROW(ig16), ROW(ug32), ROW(ig32),
    ROW(ug64), ROW(ig64), ROW(fg16), ROW(fg32), ROW(fg64)};
static const slab_reduce_kernel skipping[2][3] = {{ROW(sl16), ROW(sl32), ROW(sl64)},
                                                  {ROW(sg16), ROW(sg32), ROW(sg64)}};

const slab_reduce_kernel *reduce_places_of(slab_dtype dtype, bool is_greatest, bool skip)
{
    int row = reduce_row_of(dtype);
    if (row < 0)
        return NULL;
    if (skip && row >= REDUCE_INTEGERS)
        return &skipping[is_greatest][row - REDUCE_INTEGERS];
    return is_greatest ? &greatest[row] : &least[row];
}

bool slab_reduce_is_no_key(slab_dtype dtype, int64_t key)
{
    return key == (dtype.size == 2 ? INT16_MAX : dtype.size == 4 ? INT32_MAX : INT64_MAX);
}

/* The matrix unit of Sapphire Rapids and later: 16 x 16 x 64 products an instruction. */
#include <slab/compute/kernel/dot_impl.h>

#if defined(__x86_64__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AMX __attribute__((target("amx-tile,amx-int8")))

/* CPUID leaf 7 and the kernel's leave (the tile state must be asked for, once per process). */
static bool amx_usable(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XTILEDATA = 18 };
    unsigned a = 7, b, c = 0, d;
    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (!(d & 1u << 24) || !(d & 1u << 25) || !__builtin_cpu_supports("avx512f"))
        return false;
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XTILEDATA) == 0;
}

/* Eight tiles of 16 rows of 64 bytes. Constant data: compilers believe that the instruction reads
 * the first 8 bytes alone, and drop stores to the rest. */
static const struct {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} __attribute__((aligned(64))) tile_config = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

AMX static void amx_begin(void)
{
    _tile_loadconfig(&tile_config);
}

AMX static void amx_end(void)
{
    _tile_release();
}

/* Tiles 0..3 are C, 4 and 5 A, 6 and 7 B. A tile is multiplied with two others per load. */
#define AMX_BLOCK(name, multiply)                                                                  \
    AMX static void name##_2x2(const dot_job *j, const uint8_t *a, const uint8_t *b, int32_t *c)   \
    {                                                                                              \
        size_t a_half = 16 * j->a_row, c_bytes = j->c_row * sizeof *c;                             \
        _tile_zero(0);                                                                             \
        _tile_zero(1);                                                                             \
        _tile_zero(2);                                                                             \
        _tile_zero(3);                                                                             \
        for (int k = 0; k < j->kblocks; k++, a += j->a_block, b += 16 * j->b_row) {                \
            _tile_loadd(4, a, j->a_row);                                                           \
            _tile_loadd(6, b, j->b_row);                                                           \
            multiply(0, 4, 6);                                                                     \
            _tile_loadd(7, b + 64, j->b_row);                                                      \
            multiply(1, 4, 7);                                                                     \
            _tile_loadd(5, a + a_half, j->a_row);                                                  \
            multiply(2, 5, 6);                                                                     \
            multiply(3, 5, 7);                                                                     \
        }                                                                                          \
        _tile_stored(0, c, c_bytes);                                                               \
        _tile_stored(1, c + 16, c_bytes);                                                          \
        _tile_stored(2, c + 16 * j->c_row, c_bytes);                                               \
        _tile_stored(3, c + 16 * j->c_row + 16, c_bytes);                                          \
    }                                                                                              \
    AMX static void name##_1x1(const dot_job *j, const uint8_t *a, const uint8_t *b, int32_t *c)   \
    {                                                                                              \
        _tile_zero(0);                                                                             \
        for (int k = 0; k < j->kblocks; k++, a += j->a_block, b += 16 * j->b_row) {                \
            _tile_loadd(4, a, j->a_row);                                                           \
            _tile_loadd(6, b, j->b_row);                                                           \
            multiply(0, 4, 6);                                                                     \
        }                                                                                          \
        _tile_stored(0, c, j->c_row * sizeof *c);                                                  \
    }                                                                                              \
    AMX static void name(const dot_job *j)                                                         \
    {                                                                                              \
        for (int m = 0; m < j->mtiles; m += 2)                                                     \
            for (int n = 0; n < j->ntiles; n += 2) {                                               \
                int high = j->mtiles - m < 2 ? 1 : 2, wide = j->ntiles - n < 2 ? 1 : 2;            \
                for (int h = 0; h < high; h += wide == 2 ? 2 : 1)                                  \
                    for (int w = 0; w < wide; w += high == 2 && wide == 2 ? 2 : 1) {               \
                        const uint8_t *a = j->a + (size_t)(m + h) * 16 * j->a_row;                 \
                        const uint8_t *b = j->b + (size_t)(n + w) * 64;                            \
                        int32_t *c = j->c + (size_t)(m + h) * 16 * j->c_row + (n + w) * 16;        \
                        if (high == 2 && wide == 2)                                                \
                            name##_2x2(j, a, b, c);                                                \
                        else                                                                       \
                            name##_1x1(j, a, b, c);                                                \
                    }                                                                              \
            }                                                                                      \
    }

AMX_BLOCK(amx_us, _tile_dpbusd)
AMX_BLOCK(amx_su, _tile_dpbsud)

const dot_way dot_amx = {"AMX", 4e11, amx_usable, amx_begin, amx_end, amx_us, amx_su};
#else
static bool no_amx(void)
{
    return false;
}
const dot_way dot_amx = {"AMX", 4e11, no_amx, NULL, NULL, NULL, NULL};
#endif

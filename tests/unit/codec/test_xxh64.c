#include <check.h>
#include <slab/storage/codec/xxh64_impl.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

/* Published with the specification: of nothing, and of "abc". */
START_TEST(the_sums_of_nothing_and_of_abc_are_the_published_ones)
{
    for (int simd = SLAB_SIMD_SCALAR; simd <= (int)slab_simd_best(); simd++) {
        ck_assert_uint_eq(slab_xxh64((slab_simd)simd, "", 0), 0xEF46DB3751D8E999u);
        ck_assert_uint_eq(slab_xxh64((slab_simd)simd, "abc", 3), 0x44BC2CF5AD770999u);
    }
}
END_TEST

/* The last four bytes of a frame that libzstd made. */
static uint32_t by_zstd(ZSTD_CCtx *compressor, const void *data, size_t n, void *room, size_t most)
{
    uint32_t sum;
    size_t size = ZSTD_compress2(compressor, room, most, data, n);
    ck_assert(!ZSTD_isError(size));
    memcpy(&sum, (char *)room + size - 4, 4);
    return sum;
}

START_TEST(sums_of_every_length_agree_with_libzstd_on_every_path)
{
    enum { MOST = 3000 };
    unsigned char *data = malloc(MOST);
    size_t room = ZSTD_compressBound(MOST);
    void *frame = malloc(room);
    uint32_t x = 2463534242u;
    ZSTD_CCtx *compressor = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(compressor, ZSTD_c_checksumFlag, 1);
    for (size_t i = 0; i < MOST; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        data[i] = (unsigned char)(x >> 11);
    }
    for (size_t n = 0; n <= MOST; n += n < 600 ? 1 : 97) {
        uint32_t right = by_zstd(compressor, data + MOST - n, n, frame, room);
        for (int simd = SLAB_SIMD_SCALAR; simd <= (int)slab_simd_best(); simd++)
            ck_assert_msg((uint32_t)slab_xxh64((slab_simd)simd, data + MOST - n, n) == right,
                          "path %d, %zu bytes", simd, n);
    }
    ZSTD_freeCCtx(compressor);
    free(frame);
    free(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("xxh64");
    TCase *tests = tcase_create("xxh64");
    tcase_add_test(tests, the_sums_of_nothing_and_of_abc_are_the_published_ones);
    tcase_add_test(tests, sums_of_every_length_agree_with_libzstd_on_every_path);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#include <check.h>
#include <slab/storage/chunk_checksum_impl.h>
#include <stdlib.h>

enum { LONGEST = 70000 };

/* An odd place, so that no vector is aligned. */
START_TEST(every_set_of_instructions_gives_the_same)
{
    unsigned char *bytes = malloc(LONGEST + 1);
    uint32_t x = 1;
    for (int i = 0; i <= LONGEST; i++)
        bytes[i] = (unsigned char)((x = x * 1664525u + 1013904223u) >> 24);
    for (size_t n = 0; n <= LONGEST; n += n < 2100 ? 1 : 997) {
        uint64_t plain = slab_chunk_checksum_by(SLAB_SIMD_SCALAR, bytes + 1, n);
        for (slab_simd simd = SLAB_SIMD_AVX2; simd <= slab_simd_best(); simd++)
            ck_assert_msg(slab_chunk_checksum_by(simd, bytes + 1, n) == plain, "%d, %zu", simd, n);
        ck_assert(slab_chunk_checksum(bytes + 1, n) == plain);
    }
    free(bytes);
}
END_TEST

START_TEST(pieces_give_the_sum_of_the_whole)
{
    unsigned char *bytes = malloc(LONGEST);
    slab_chunk_sum *sum;
    for (int i = 0; i < LONGEST; i++)
        bytes[i] = (unsigned char)(i * i >> 3);
    ck_assert_int_eq(slab_chunk_sum_create(&sum), SLAB_OK);
    for (size_t n = 0; n <= LONGEST; n = n < 600 ? n + 1 : 2 * n) {
        slab_chunk_sum_begin(sum);
        for (size_t at = 0, piece = 1; at < n; at += piece, piece = piece * 3 % 4099) {
            piece = piece > n - at ? n - at : piece;
            slab_chunk_sum_add(sum, bytes + at, piece);
        }
        ck_assert_msg(slab_chunk_sum_end(sum) == slab_chunk_checksum(bytes, n), "%zu", n);
    }
    slab_chunk_sum_destroy(&sum);
    ck_assert_ptr_null(sum);
    free(bytes);
}
END_TEST

/* xxHash's own: files of other machines and versions must agree. */
START_TEST(the_sum_is_xxh3s)
{
    ck_assert(slab_chunk_checksum("", 0) == 0x2D06800538D394C2u);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chunk_checksum");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, every_set_of_instructions_gives_the_same);
    tcase_add_test(tcase, pieces_give_the_sum_of_the_whole);
    tcase_add_test(tcase, the_sum_is_xxh3s);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#include <check.h>
#include <slab/storage/codec/shuffle_impl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Each path that this CPU has, against a loop written from the definition. */
static const size_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 12, 16, 24, 100, 600};
static const size_t counts[] = {1, 2, 7, 31, 32, 33, 63, 64, 65, 127, 191, 1000, 4099};
enum { NSIZES = sizeof sizes / sizeof *sizes, NCOUNTS = sizeof counts / sizeof *counts };

static unsigned char *noise(size_t n)
{
    unsigned char *p = malloc(n + 1);
    uint32_t x = 2463534242u;
    for (size_t i = 0; i < n; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        p[i] = (unsigned char)(x >> 11);
    }
    return p;
}

static void check_size(slab_simd simd, size_t size, size_t count)
{
    size_t n = size * count;
    unsigned char *data = noise(n), *planes = malloc(n + 1), *back = malloc(n + 1);
    planes[n] = back[n] = 0xa5;
    slab_shuffle(simd, size, count, data, planes);
    for (size_t i = 0; i < count; i++)
        for (size_t b = 0; b < size; b++)
            if (planes[b * count + i] != data[i * size + b])
                ck_abort_msg("path %d, %zu elements of %zu bytes: byte %zu of element %zu",
                             (int)simd, count, size, b, i);
    slab_unshuffle(simd, size, count, planes, back);
    ck_assert_msg(memcmp(data, back, n) == 0, "path %d, %zu elements of %zu bytes: not undone",
                  (int)simd, count, size);
    ck_assert_msg(planes[n] == 0xa5 && back[n] == 0xa5, "written past the end");
    free(data);
    free(planes);
    free(back);
}

START_TEST(every_path_shuffles_and_unshuffles_every_size)
{
    for (int simd = SLAB_SIMD_SCALAR; simd <= (int)slab_simd_best(); simd++)
        for (int s = 0; s < NSIZES; s++)
            for (int c = 0; c < NCOUNTS; c++)
                check_size((slab_simd)simd, sizes[s], counts[c]);
}
END_TEST

/* Elements from .. to of planes, with the sum of all planes on the way. */
static void check_part(slab_simd simd, size_t size, size_t count, size_t from, size_t to)
{
    size_t n = size * count, bytes = (to - from) * size;
    unsigned char *data = noise(n), *planes = malloc(n + 1), *part = malloc(bytes + 1);
    slab_xxh64_run sum;
    slab_shuffle(simd, size, count, data, planes);
    slab_xxh64_begin(&sum, planes, n);
    part[bytes] = 0xa5;
    slab_unshuffle_part(simd, size, count, from, to, planes, part, &sum);
    ck_assert_msg(memcmp(part, data + from * size, bytes) == 0,
                  "path %d, elements %zu to %zu of %zu bytes", (int)simd, from, to, size);
    ck_assert_uint_eq(part[bytes], 0xa5);
    ck_assert_uint_le((size_t)(sum.at - planes), bytes);
    ck_assert_uint_ge((size_t)(sum.at - planes) + 32, bytes);
    ck_assert_uint_eq(slab_xxh64_end(simd, &sum), slab_xxh64(SLAB_SIMD_SCALAR, planes, n));
    free(data);
    free(planes);
    free(part);
}

START_TEST(every_path_unshuffles_parts_and_sums_on_the_way)
{
    for (int simd = SLAB_SIMD_SCALAR; simd <= (int)slab_simd_best(); simd++)
        for (int s = 1; s < NSIZES; s++)
            for (size_t from = 0; from < 1000; from += 333)
                for (size_t to = from + 1; to <= 1000; to += from % 2 ? 61 : 64)
                    check_part((slab_simd)simd, sizes[s], 1000, from, to);
}
END_TEST

START_TEST(two_floats_become_their_first_bytes_then_their_second)
{
    const unsigned char elements[8] = {1, 2, 3, 4, 11, 12, 13, 14};
    const unsigned char expected[8] = {1, 11, 2, 12, 3, 13, 4, 14};
    unsigned char planes[8];
    slab_shuffle(slab_simd_best(), 4, 2, elements, planes);
    ck_assert_mem_eq(planes, expected, 8);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shuffle");
    TCase *tests = tcase_create("shuffle");
    tcase_add_test(tests, every_path_shuffles_and_unshuffles_every_size);
    tcase_add_test(tests, every_path_unshuffles_parts_and_sums_on_the_way);
    tcase_add_test(tests, two_floats_become_their_first_bytes_then_their_second);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

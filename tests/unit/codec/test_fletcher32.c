#include <check.h>
#include <slab/storage/codec/codec.h>
#include <slab/storage/codec/fletcher32_impl.h>
#include <stdlib.h>
#include <string.h>

/* HDF5's way, word by word, with carries folded as often as it does. */
static uint32_t by_definition(const unsigned char *p, size_t n)
{
    uint64_t sum1 = 0, sum2 = 0;
    for (size_t i = 0; i + 1 < n; i += 2) {
        sum1 += (uint64_t)p[i] << 8 | p[i + 1];
        sum1 = (sum1 & 0xffff) + (sum1 >> 16);
        sum2 += sum1;
        sum2 = (sum2 & 0xffff) + (sum2 >> 16);
    }
    if (n % 2) {
        sum1 += (uint64_t)p[n - 1] << 8;
        sum1 = (sum1 & 0xffff) + (sum1 >> 16);
        sum2 += sum1;
        sum2 = (sum2 & 0xffff) + (sum2 >> 16);
    }
    return (uint32_t)(sum2 << 16 | sum1);
}

START_TEST(sums_of_every_length_agree_with_the_definition)
{
    enum { MOST = 100003 };
    unsigned char *data = malloc(MOST);
    uint32_t x = 2463534242u;
    for (size_t i = 0; i < MOST; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        data[i] = (unsigned char)(x >> 11);
    }
    for (size_t n = 0; n <= MOST; n += n < 200 ? 1 : 3331)
        ck_assert_msg(slab_fletcher32(data, n) == by_definition(data, n), "%zu bytes", n);
    memset(data, 0xff, MOST);
    for (size_t n = 0; n <= MOST; n += n < 200 ? 1 : 3331)
        ck_assert_msg(slab_fletcher32(data, n) == by_definition(data, n), "%zu times 255", n);
    free(data);
}
END_TEST

/* By hand: words 0102, 0304: sum1 = 0406, sum2 = 0102 + 0406 = 0508. */
START_TEST(a_sum_worked_out_by_hand)
{
    ck_assert_uint_eq(slab_fletcher32("\1\2\3\4", 4), 0x05080406u);
    ck_assert_uint_eq(slab_fletcher32("\1\2\3", 3), 0x05040402u);
    ck_assert_uint_eq(slab_fletcher32("\0\0\0\0", 4), 0);
    ck_assert_uint_eq(slab_fletcher32("\xff\xff", 2), 0xffffffffu);
}
END_TEST

static slab_status decode(const char *bytes, size_t n, char out[4])
{
    slab_pipeline pipeline = {.nfilters = 1,
                              .filters = {{.id = SLAB_FILTER_FLETCHER32}},
                              .type = {slab_dtype_make(SLAB_KIND_UINT, 1), 4}};
    slab_lane *lane = NULL;
    ck_assert_int_eq(slab_lane_create(&pipeline, false, &lane), SLAB_OK);
    slab_status rc = slab_lane_decode(lane, 0, bytes, n, out);
    slab_lane_destroy(&lane);
    return rc;
}

START_TEST(the_checksum_stands_little_endian_behind_the_data)
{
    char out[4];
    ck_assert_int_eq(decode("\1\2\3\4\x06\x04\x08\x05", 8, out), SLAB_OK);
    ck_assert_mem_eq(out, "\1\2\3\4", 4);
}
END_TEST

START_TEST(sums_of_old_little_endian_machines_are_accepted)
{
    char out[4];
    ck_assert_int_eq(decode("\1\2\3\4\x04\x06\x05\x08", 8, out), SLAB_OK);
}
END_TEST

START_TEST(one_wrong_bit_is_a_checksum_error)
{
    char out[4];
    ck_assert_int_eq(decode("\1\2\3\5\x06\x04\x08\x05", 8, out), SLAB_ERR_CHECKSUM);
    ck_assert_int_eq(decode("\1\2\3\4\x06\x04\x08\x15", 8, out), SLAB_ERR_CHECKSUM);
    ck_assert_int_eq(decode("\1\2\3", 3, out), SLAB_ERR_FORMAT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fletcher32");
    TCase *tests = tcase_create("fletcher32");
    tcase_add_test(tests, sums_of_every_length_agree_with_the_definition);
    tcase_add_test(tests, a_sum_worked_out_by_hand);
    tcase_add_test(tests, the_checksum_stands_little_endian_behind_the_data);
    tcase_add_test(tests, sums_of_old_little_endian_machines_are_accepted);
    tcase_add_test(tests, one_wrong_bit_is_a_checksum_error);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#include <check.h>
#include <slab/format/genotypes_impl.h>
#include <slab/storage/codec/codec.h>
#include <stdlib.h>
#include <string.h>

static void noise(uint8_t *p, size_t n)
{
    uint32_t x = 2463534242u;
    for (size_t i = 0; i < n; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        p[i] = (uint8_t)(x >> 11);
    }
}

START_TEST(four_people_by_four_variants_by_hand)
{
    /* people 0..3 of a variant from the lowest bits: 00 two A1, 01 missing, 10 one, 11 none */
    const uint8_t bed[4] = {0xe4 /* 2 3 1 0 */, 0x00 /* 2 2 2 2 */, 0xff /* 0 0 0 0 */,
                            0x1b /* 0 1 3 2 */};
    /* variants 0..3 of a person from the highest bits */
    const uint8_t people[4] = {2 << 6 | 2 << 4 | 0 << 2 | 0, 3 << 6 | 2 << 4 | 0 << 2 | 1,
                               1 << 6 | 2 << 4 | 0 << 2 | 3, 0 << 6 | 2 << 4 | 0 << 2 | 2};
    uint8_t turned[4], back[4];
    slab_genotypes_turn(SLAB_TURN_SCALAR, SLAB_TURN_IMPORT, bed, 1, 4, 4, turned, 1);
    ck_assert_mem_eq(turned, people, 4);
    slab_genotypes_turn(SLAB_TURN_SCALAR, SLAB_TURN_EXPORT, people, 1, 4, 4, back, 1);
    ck_assert_mem_eq(back, bed, 4);
}
END_TEST

/* Turns by the definition, genotype by genotype. */
static void check_turn(slab_turn_path path, int64_t variants, int64_t people)
{
    static const uint8_t copies[4] = {2, 3, 1, 0};
    size_t bytes = (size_t)(variants * people / 4), row = (size_t)people / 4 + 3;
    uint8_t *bed = calloc((size_t)variants, row), *turned = malloc(bytes);
    uint8_t *back = malloc((size_t)variants * row);
    noise(bed, (size_t)variants * row);
    memcpy(back, bed, (size_t)variants * row); /* what lies between rows must stay */
    slab_genotypes_turn(path, SLAB_TURN_IMPORT, bed, row, variants, people, turned,
                        (size_t)variants / 4);
    for (int64_t v = 0; v < variants; v++)
        for (int64_t p = 0; p < people; p++) {
            uint8_t code = bed[(size_t)v * row + (size_t)p / 4] >> 2 * (p % 4) & 3;
            uint8_t got = turned[(p * variants + v) / 4] >> (6 - 2 * (v % 4)) & 3;
            if (got != copies[code])
                ck_abort_msg("path %d, %d x %d: variant %d, person %d", (int)path, (int)variants,
                             (int)people, (int)v, (int)p);
        }
    for (int64_t v = 0; v < variants; v++)
        memset(back + (size_t)v * row, 0, (size_t)people / 4);
    slab_genotypes_turn(path, SLAB_TURN_EXPORT, turned, (size_t)variants / 4, people, variants,
                        back, row);
    ck_assert_mem_eq(back, bed, (size_t)variants * row);
    free(bed);
    free(turned);
    free(back);
}

START_TEST(every_path_turns_every_shape_alike)
{
    static const int64_t extents[] = {4, 28, 64, 128, 260, 516, 1024};
    for (int path = SLAB_TURN_SCALAR; path <= (int)slab_genotypes_path(); path++)
        for (size_t i = 0; i < 7; i++)
            for (size_t j = 0; j < 7; j++)
                check_turn((slab_turn_path)path, extents[i], extents[j]);
}
END_TEST

START_TEST(turned_genotypes_are_what_the_n_bit_codec_makes)
{
    enum { PEOPLE = 8, VARIANTS = 12 };
    uint8_t bed[VARIANTS * PEOPLE / 4], turned[PEOPLE * VARIANTS / 4 + 8] = {0};
    uint8_t plain[PEOPLE * VARIANTS], packed[64] = {0};
    slab_chunk_type type = {slab_dtype_make(SLAB_KIND_UINT, 1), sizeof plain};
    slab_filter filter = {.id = SLAB_FILTER_NBIT};
    const slab_codec *nbit = slab_codec_by_id(SLAB_FILTER_NBIT);
    size_t written;
    type.dtype.precision = 2;
    noise(bed, sizeof bed);
    slab_genotypes_turn(slab_genotypes_path(), SLAB_TURN_IMPORT, bed, PEOPLE / 4, VARIANTS, PEOPLE,
                        turned, VARIANTS / 4);
    for (int i = 0; i < PEOPLE; i++)
        slab_genotypes_unpack(turned + i * VARIANTS / 4, VARIANTS, plain + i * VARIANTS);
    ck_assert_int_eq(nbit->configure(&filter, &type, -1), SLAB_OK);
    ck_assert_int_eq(
        nbit->encode(&filter, &type, NULL, plain, sizeof plain, packed, sizeof packed, &written),
        SLAB_OK);
    ck_assert_uint_eq(written, nbit->bound(&filter, &type, sizeof plain));
    ck_assert_mem_eq(turned, packed, written);
}
END_TEST

START_TEST(packing_and_unpacking_any_number_gives_the_same_back)
{
    uint8_t plain[300], packed[75], back[300];
    noise(plain, sizeof plain);
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] &= 3;
    for (int n = 0; n <= 300; n++) {
        memset(packed, 0xff, sizeof packed);
        ck_assert_uint_eq(slab_genotypes_pack(plain, n, packed), 0);
        slab_genotypes_unpack(packed, n, back);
        ck_assert_mem_eq(plain, back, (size_t)n);
        if (n % 4)
            ck_assert_uint_eq(packed[n / 4] & (0xff >> 2 * (n % 4)), 0);
    }
}
END_TEST

START_TEST(packing_tells_when_an_element_is_above_3)
{
    uint8_t plain[67] = {0}, packed[17];
    for (int i = 0; i < 67; i++) {
        plain[i] = (uint8_t)(4 << i % 6);
        ck_assert_uint_gt(slab_genotypes_pack(plain, 67, packed), 3);
        plain[i] = 3;
        ck_assert_uint_eq(slab_genotypes_pack(plain, 67, packed), 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("genotypes");
    TCase *tests = tcase_create("genotypes");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, four_people_by_four_variants_by_hand);
    tcase_add_test(tests, every_path_turns_every_shape_alike);
    tcase_add_test(tests, turned_genotypes_are_what_the_n_bit_codec_makes);
    tcase_add_test(tests, packing_and_unpacking_any_number_gives_the_same_back);
    tcase_add_test(tests, packing_tells_when_an_element_is_above_3);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

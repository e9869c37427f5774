#include <check.h>
#include <slab/storage/codec/codec.h>
#include <slab/storage/codec/nbit_impl.h>
#include <stdlib.h>
#include <string.h>

/* A bit of element i, written from the definition: significance `bit`, counted from the top. */
static int bit_of(const slab_nbit *l, const unsigned char *data, size_t i, unsigned bit)
{
    unsigned at = l->offset + l->precision - 1 - bit;
    unsigned byte = l->big_endian ? l->size - 1 - at / 8 : at / 8;
    return data[i * l->size + byte] >> (at % 8) & 1;
}

static void noise(unsigned char *p, size_t n)
{
    uint32_t x = 2463534242u;
    for (size_t i = 0; i < n; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        p[i] = (unsigned char)(x >> 11);
    }
}

/* Buffers of the exact size, on the heap: a sanitizer sees one byte too many. */
static void check_layout(slab_simd simd, slab_nbit l)
{
    size_t n = l.count * l.size, packed_bytes = slab_nbit_bytes(&l);
    unsigned char *data = malloc(n), *packed = malloc(packed_bytes), *back = malloc(n);
    noise(data, n);
    memset(packed, 0xff, packed_bytes);
    slab_nbit_pack(simd, &l, data, packed);
    slab_nbit_unpack(simd, &l, packed, back);
    for (size_t i = 0; i < l.count; i++)
        for (unsigned b = 0; b < l.precision; b++) {
            size_t at = i * l.precision + b;
            if ((packed[at / 8] >> (7 - at % 8) & 1) != bit_of(&l, data, i, b))
                ck_abort_msg("path %d: bit %u of element %zu of %zu (%u bytes, %u bits at %u, %s)",
                             (int)simd, b, i, l.count, l.size, l.precision, l.offset,
                             l.big_endian ? "big" : "little");
        }
    uint64_t keep = (l.precision == 64 ? ~(uint64_t)0 : ((uint64_t)1 << l.precision) - 1)
                    << l.offset;
    for (size_t i = 0; i < n; i++) {
        unsigned byte = (unsigned)(i % l.size);
        unsigned place = l.big_endian ? l.size - 1 - byte : byte;
        if (back[i] != (data[i] & (unsigned char)(keep >> (8 * place))))
            ck_abort_msg("path %d: byte %zu of %zu elements (%u bytes, %u bits at %u, %s) unpacked",
                         (int)simd, i, l.count, l.size, l.precision, l.offset,
                         l.big_endian ? "big" : "little");
    }
    free(data);
    free(packed);
    free(back);
}

START_TEST(every_path_packs_every_precision_and_offset)
{
    static const size_t counts[] = {1, 5, 8, 31, 67, 130};
    for (int simd = SLAB_SIMD_SCALAR; simd <= (int)slab_simd_best(); simd++)
        for (unsigned size = 1; size <= 8; size *= 2)
            for (unsigned precision = 1; precision <= 8 * size; precision++)
                for (unsigned offset = 0; offset <= 8 * size - precision;
                     offset += offset < 8 ? 1 : 9)
                    for (int c = 0; c < 6; c++)
                        check_layout((slab_simd)simd, (slab_nbit){counts[c], size, precision,
                                                                  offset, offset % 2 == 1});
}
END_TEST

START_TEST(both_byte_orders_pack_alike)
{
    const unsigned char little[4] = {0xfe, 0x04, 0x66, 0x08}, big[4] = {0x04, 0xfe, 0x08, 0x66};
    unsigned char a[3], b[3];
    slab_nbit l = {2, 2, 12, 0, false}, g = {2, 2, 12, 0, true};
    slab_nbit_pack(slab_simd_best(), &l, little, a);
    slab_nbit_pack(slab_simd_best(), &g, big, b);
    ck_assert_mem_eq(a, "\x4f\xe8\x66", 3);
    ck_assert_mem_eq(b, "\x4f\xe8\x66", 3);
}
END_TEST

/* What libhdf5 1.10.8 wrote: 16 elements of 2 bits, with the byte that it always adds. */
START_TEST(what_hdf5_packed_decodes_and_encodes_to_the_same_bytes)
{
    static const unsigned char genotypes[16] = {3, 2, 0, 2, 1, 0, 1, 2, 2, 3, 0, 0, 0, 2, 0, 3};
    static const unsigned char stored[5] = {0xe2, 0x46, 0xb0, 0x23, 0x00};
    slab_dtype dtype = slab_dtype_make(SLAB_KIND_UINT, 1);
    dtype.precision = 2;
    slab_pipeline pipeline = {.nfilters = 1, .type = {dtype, 16}};
    slab_lane *decoder = NULL, *encoder = NULL;
    unsigned char out[16];
    const void *packed;
    size_t n;
    ck_assert_int_eq(
        slab_codec_by_name("nbit")->configure(&pipeline.filters[0], &pipeline.type, -1), SLAB_OK);
    const uint32_t values[8] = {8, 0, 16, 1, 1, 0, 2, 0};
    ck_assert_uint_eq(pipeline.filters[0].nvalues, 8);
    ck_assert_mem_eq(pipeline.filters[0].values, values, sizeof values);
    ck_assert_int_eq(slab_lane_create(&pipeline, false, &decoder), SLAB_OK);
    ck_assert_int_eq(slab_lane_create(&pipeline, true, &encoder), SLAB_OK);
    ck_assert_int_eq(slab_lane_decode(decoder, 0, stored, 5, out), SLAB_OK);
    ck_assert_mem_eq(out, genotypes, 16);
    ck_assert_int_eq(slab_lane_encode(encoder, 0, genotypes, 16, &packed, &n), SLAB_OK);
    ck_assert_uint_eq(n, 5);
    ck_assert_mem_eq(packed, stored, 5);
    ck_assert_int_eq(slab_lane_decode(decoder, 0, stored, 3, out), SLAB_ERR_FORMAT);
    slab_lane_destroy(&decoder);
    slab_lane_destroy(&encoder);
}
END_TEST

START_TEST(full_precision_is_stored_as_it_is)
{
    slab_chunk_type type = {slab_dtype_make(SLAB_KIND_FLOAT, 4), 8};
    slab_filter filter = {0};
    unsigned char out[8];
    size_t n;
    const slab_codec *nbit = slab_codec_by_id(SLAB_FILTER_NBIT);
    ck_assert_int_eq(nbit->configure(&filter, &type, -1), SLAB_OK);
    ck_assert_int_eq(nbit->encode(&filter, &type, NULL, "abcdefgh", 8, out, 8, &n), SLAB_OK);
    ck_assert_uint_eq(n, 8);
    ck_assert_mem_eq(out, "abcdefgh", 8);
}
END_TEST

START_TEST(layouts_that_are_not_of_one_integer_are_left_to_hdf5)
{
    static const uint32_t wrong[][8] = {
        {8, 0, 4, 2, 4, 0, 9, 0},   /* an array type */
        {8, 0, 4, 1, 3, 0, 9, 0},   /* three bytes */
        {8, 0, 4, 1, 4, 2, 9, 0},   /* no such order */
        {8, 0, 4, 1, 4, 0, 0, 0},   /* no bits */
        {8, 0, 4, 1, 4, 0, 33, 0},  /* too many bits */
        {8, 0, 4, 1, 4, 0, 9, 24},  /* bits past the end */
        {8, 0, 4, 1, 4, 0, 9, ~0u}, /* far past it */
        {8, 0, 5, 1, 4, 0, 9, 0},   /* another number of elements */
        {9, 0, 4, 1, 4, 0, 9, 0},   /* another number of parameters */
    };
    slab_chunk_type type = {slab_dtype_make(SLAB_KIND_INT, 4), 16};
    slab_filter filter = {.id = SLAB_FILTER_NBIT, .nvalues = 8, .values = {8, 0, 4, 1, 4, 0, 9, 0}};
    const slab_codec *nbit = slab_codec_by_id(SLAB_FILTER_NBIT);
    ck_assert_int_eq(nbit->check(&filter, &type), SLAB_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memcpy(filter.values, wrong[i], sizeof wrong[i]);
        ck_assert_msg(nbit->check(&filter, &type) == SLAB_ERR_UNSUPPORTED, "layout %zu", i);
    }
    filter.nvalues = 3;
    ck_assert_int_eq(nbit->check(&filter, &type), SLAB_ERR_UNSUPPORTED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("nbit");
    TCase *tests = tcase_create("nbit");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, every_path_packs_every_precision_and_offset);
    tcase_add_test(tests, both_byte_orders_pack_alike);
    tcase_add_test(tests, what_hdf5_packed_decodes_and_encodes_to_the_same_bytes);
    tcase_add_test(tests, full_precision_is_stored_as_it_is);
    tcase_add_test(tests, layouts_that_are_not_of_one_integer_are_left_to_hdf5);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

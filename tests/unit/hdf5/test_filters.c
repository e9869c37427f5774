/* The filters that HDF5 brings along are its own oracle: chunks that it encoded must decode here,
 * and encode here to the same bytes (deflate, where encoders differ: to a chunk that it reads). */
#include "hdf5_impl.h"

#include <check.h>
#include <slab/storage/codec/codec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 8 * 1100 };

typedef struct sample {
    hid_t file, dataset;
    slab_pipeline pipeline; /* as HDF5 states it */
    unsigned char *raw;     /* as HDF5 encoded it */
    hsize_t raw_bytes;
    unsigned char *plain; /* elements in their stored layout */
} sample;

static hid_t memory_file(void)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 16, 0);
    /* With a checksum, HDF5 from 1.14.4 on believes a header that most bits of its integers are
     * spare. */
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_LATEST);
    hid_t file = H5Fcreate("filters.h5", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    ck_assert_msg(file >= 0, "no file in memory");
    return file;
}

static slab_pipeline pipeline_of(hid_t dataset, size_t bytes)
{
    hid_t list = H5Dget_create_plist(dataset);
    slab_pipeline p = {.nfilters = H5Pget_nfilters(list), .type.bytes = bytes};
    for (int i = 0; i < p.nfilters; i++) {
        size_t n = SLAB_FILTER_VALUES_MAX;
        unsigned flags, info;
        p.filters[i].id =
            H5Pget_filter2(list, (unsigned)i, &flags, &n, p.filters[i].values, 0, NULL, &info);
        p.filters[i].nvalues = (unsigned)n;
    }
    H5Pclose(list);
    return p;
}

/* Writes count elements of the type from `data` (of the same type) through the filters. */
static sample sample_of(hid_t type, hid_t list, hsize_t count, const unsigned char *data)
{
    sample s = {.file = memory_file()};
    hsize_t zero = 0;
    size_t bytes = (size_t)count * H5Tget_size(type);
    uint32_t mask = 0;
    hid_t space = H5Screate_simple(1, &count, NULL);
    H5Pset_chunk(list, 1, &count);
    s.dataset = H5Dcreate2(s.file, "x", type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    ck_assert_msg(s.dataset >= 0, "HDF5 makes no such dataset");
    ck_assert_int_ge(H5Dwrite(s.dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), 0);
    H5Fflush(s.file, H5F_SCOPE_LOCAL);
    ck_assert_int_ge(H5Dget_chunk_storage_size(s.dataset, &zero, &s.raw_bytes), 0);
    s.raw = malloc(s.raw_bytes);
    ck_assert_int_ge(hdf5_read_chunk(s.dataset, &zero, &mask, s.raw, s.raw_bytes), 0);
    ck_assert_uint_eq(mask, 0);
    s.plain = malloc(bytes);
    ck_assert_int_ge(H5Dread(s.dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, s.plain), 0);
    s.pipeline = pipeline_of(s.dataset, bytes);
    H5Sclose(space);
    return s;
}

static void sample_clear(sample *s)
{
    H5Dclose(s->dataset);
    H5Fclose(s->file);
    free(s->raw);
    free(s->plain);
}

static void check_decoding(const sample *s, const char *what)
{
    size_t bytes = s->pipeline.type.bytes;
    unsigned char *out = malloc(bytes);
    slab_lane *lane = NULL;
    slab_status rc = slab_lane_create(&s->pipeline, false, &lane);
    if (rc == SLAB_OK)
        rc = slab_lane_decode(lane, 0, s->raw, s->raw_bytes, out);
    ck_assert_msg(rc == SLAB_OK, "%s: %s", what, slab_error_last()->message);
    ck_assert_msg(memcmp(out, s->plain, bytes) == 0, "%s decodes to other values", what);
    slab_lane_destroy(&lane);
    free(out);
}

static void check_encoding(const sample *s, const char *what, bool same_bytes)
{
    size_t bytes = s->pipeline.type.bytes, n = 0;
    const void *packed = NULL;
    hsize_t zero = 0;
    slab_lane *lane = NULL;
    slab_status rc = slab_lane_create(&s->pipeline, true, &lane);
    if (rc == SLAB_OK)
        rc = slab_lane_encode(lane, 0, s->plain, bytes, &packed, &n);
    ck_assert_msg(rc == SLAB_OK, "%s: %s", what, slab_error_last()->message);
    if (same_bytes) {
        ck_assert_msg(n == s->raw_bytes && memcmp(packed, s->raw, n) == 0,
                      "%s encodes to other bytes", what);
    } else {
        hid_t type = H5Dget_type(s->dataset);
        unsigned char *back = malloc(bytes);
        H5Dwrite_chunk(s->dataset, H5P_DEFAULT, 0, &zero, n, packed);
        ck_assert_int_ge(H5Dread(s->dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, back), 0);
        ck_assert_msg(memcmp(back, s->plain, bytes) == 0, "HDF5 reads %s otherwise", what);
        free(back);
        H5Tclose(type);
    }
    slab_lane_destroy(&lane);
}

static void noise(unsigned char data[MOST])
{
    uint32_t x = 2463534242u;
    for (size_t i = 0; i < MOST; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        data[i] = (unsigned char)(x >> 11);
    }
}

/* Written as it is: the type in memory is the stored one, with its precision and offset. */
static void check_nbit(size_t size, size_t precision, size_t offset, bool big, hsize_t count)
{
    unsigned char data[MOST];
    char what[100];
    hid_t native = size == 1   ? H5T_STD_U8LE
                   : size == 2 ? H5T_STD_U16LE
                   : size == 4 ? H5T_STD_U32LE
                               : H5T_STD_U64LE;
    hid_t type = H5Tcopy(native), list = H5Pcreate(H5P_DATASET_CREATE);
    H5Tset_order(type, big ? H5T_ORDER_BE : H5T_ORDER_LE);
    H5Tset_precision(type, precision);
    H5Tset_offset(type, offset);
    H5Pset_nbit(list);
    noise(data);
    snprintf(what, sizeof what, "%zu bits at %zu of %zu bytes, %s, %d elements", precision, offset,
             size, big ? "big-endian" : "little-endian", (int)count);
    sample s = sample_of(type, list, count, data);
    if (precision < 8 * size) { /* spare bits are not stored: HDF5 gives them back as zeros */
        slab_filter *f = &s.pipeline.filters[0];
        ck_assert_msg(f->values[1] == 0 && f->values[6] == precision, "%s: no packing", what);
    }
    /* HDF5 copied the spare bits of its cached chunk: read again what the file holds */
    H5Dclose(s.dataset);
    s.dataset = H5Dopen2(s.file, "x", H5P_DEFAULT);
    ck_assert_int_ge(H5Dread(s.dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, s.plain), 0);
    check_decoding(&s, what);
    check_encoding(&s, what, true);
    sample_clear(&s);
    H5Tclose(type);
    H5Pclose(list);
}

START_TEST(nbit_packs_every_precision_as_hdf5_does)
{
    for (size_t size = 1; size <= 8; size *= 2)
        for (size_t precision = 1; precision <= 8 * size; precision++) {
            size_t spare = 8 * size - precision;
            for (int big = 0; big <= 1; big++) {
                check_nbit(size, precision, 0, big, 33);
                check_nbit(size, precision, spare, big, 8);
                check_nbit(size, precision, spare / 2, big, precision % 5 == 0 ? 1100 : 7);
            }
        }
}
END_TEST

static const hsize_t counts[] = {1, 2, 63, 64, 65, 1000, 1100};

START_TEST(shuffle_and_fletcher32_write_the_bytes_that_hdf5_writes)
{
    for (size_t size = 1; size <= 8; size++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
            for (int filters = 1; filters <= 3; filters++) {
                unsigned char data[MOST];
                char what[100];
                hid_t type = H5Tcreate(H5T_OPAQUE, size), list = H5Pcreate(H5P_DATASET_CREATE);
                noise(data);
                if (filters & 1)
                    H5Pset_shuffle(list);
                if (filters & 2)
                    H5Pset_fletcher32(list);
                snprintf(what, sizeof what, "%d elements of %zu bytes, filters %d", (int)counts[c],
                         size, filters);
                sample s = sample_of(type, list, counts[c], data);
                check_decoding(&s, what);
                check_encoding(&s, what, true);
                sample_clear(&s);
                H5Tclose(type);
                H5Pclose(list);
            }
}
END_TEST

START_TEST(deflate_goes_both_ways_at_every_level)
{
    for (unsigned level = 0; level <= 9; level++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            unsigned char data[MOST];
            char what[100];
            hid_t list = H5Pcreate(H5P_DATASET_CREATE);
            noise(data);
            memset(data + MOST / 9, 7, MOST / 2);
            H5Pset_shuffle(list);
            H5Pset_filter(list, H5Z_FILTER_DEFLATE, H5Z_FLAG_MANDATORY, 1, &level);
            snprintf(what, sizeof what, "%d elements at level %u", (int)counts[c], level);
            sample s = sample_of(H5T_STD_I64LE, list, counts[c], data);
            check_decoding(&s, what);
            check_encoding(&s, what, false);
            sample_clear(&s);
            H5Pclose(list);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("filters");
    TCase *tests = tcase_create("filters");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, nbit_packs_every_precision_as_hdf5_does);
    tcase_add_test(tests, shuffle_and_fletcher32_write_the_bytes_that_hdf5_writes);
    tcase_add_test(tests, deflate_goes_both_ways_at_every_level);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

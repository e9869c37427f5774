/* What one version of HDF5 takes and another does not. */
#include "scratch_impl.h"

#include <complex.h>
#include <hdf5.h>
#include <slab/storage/hdf5/meta.h>

static slab_status reserve(void *context, uint64_t bytes, uint64_t align, uint64_t *address)
{
    uint64_t *end = context;
    *address = (*end + align - 1) / align * align;
    *end = *address + bytes;
    return SLAB_OK;
}

/* An array of `axes` axes of one element, in one chunk. */
static slab_array_info one_element(slab_dtype dtype, int axes)
{
    slab_array_info info = {.dtype = dtype, .layout = SLAB_LAYOUT_CHUNKED};
    info.shape.rank = axes;
    for (int i = 0; i < axes; i++)
        info.shape.extent[i] = 1;
    info.max_shape = info.chunk = info.shape;
    info.pipeline.type = (slab_chunk_type){dtype, dtype.size};
    return info;
}

/* Two bits in two bytes: from 1.14.4 on HDF5 takes that for damage, unless told otherwise or there
 * is a checksum. */
START_TEST(integers_of_few_bits_open_everywhere)
{
    uint64_t end = 0;
    slab_meta *t;
    slab_array_info told, info = one_element(slab_dtype_make(SLAB_KIND_UINT, 2), 1);
    info.dtype.precision = 2;
    ck_ok(slab_meta_begin("x.h5", true, reserve, &end, &t));
    end = slab_meta_end(t);
    ck_ok(slab_meta_create_array(t, "x", &info));
    ck_ok(slab_meta_commit(&t, end, false, NULL, NULL));
    hid_t file = H5Fopen("x.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t array = H5Dopen2(file, "x", H5P_DEFAULT);
    ck_assert_int_ge(array, 0);
    H5Dclose(array);
    H5Fclose(file);
    ck_ok(slab_meta_open("x.h5", &t));
    ck_ok(slab_meta_describe(t, "x", &told));
    ck_assert_uint_eq(told.dtype.precision, 2);
    slab_meta_close(&t);
}
END_TEST

static void put(hid_t file, const char *name, hid_t type, hid_t dcpl, hsize_t n, hid_t memory,
                const void *data)
{
    hid_t space = H5Screate_simple(1, &n, NULL);
    hid_t array = H5Dcreate2(file, name, type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    ck_assert_msg(array >= 0, "HDF5 makes no '%s'", name);
    ck_assert_int_ge(H5Dwrite(array, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), 0);
    H5Dclose(array);
    H5Sclose(space);
}

static void read_all(slab_meta *m, const char *name, slab_dtype native, int64_t n, void *out)
{
    slab_selection all = {.rank = 1, .step = {1}, .count = {n}};
    ck_ok(slab_meta_read(m, name, &all, native, out));
}

START_TEST(integers_of_few_bits_that_others_wrote_are_read)
{
    slab_array_info told;
    slab_meta *m;
    uint16_t values[3] = {3, 0, 2}, got[3] = {0};
    hid_t fapl = H5Pcreate(H5P_FILE_ACCESS), type = H5Tcopy(H5T_STD_U16LE);
#ifdef H5F_RFIC_ALL
    H5Pset_relax_file_integrity_checks(fapl, H5F_RFIC_ALL);
#endif
    H5Pset_libver_bounds(fapl, H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST);
    H5Tset_precision(type, 2);
    hid_t file = H5Fcreate("x.h5", H5F_ACC_TRUNC, H5P_DEFAULT, fapl);
    put(file, "x", type, H5P_DEFAULT, 3, type, values);
    H5Tclose(type);
    H5Fclose(file);
    H5Pclose(fapl);
    ck_ok(slab_meta_open("x.h5", &m));
    ck_ok(slab_meta_describe(m, "x", &told));
    ck_assert_uint_eq(told.dtype.precision, 2);
    read_all(m, "x", slab_dtype_make(SLAB_KIND_UINT, 2), 3, got);
    ck_assert_mem_eq(got, values, sizeof got);
    slab_meta_close(&m);
}
END_TEST

/* F8E4M3 and F8E5M2: HDF5 takes the largest exponent of each for infinity; the first has none. */
START_TEST(floats_of_a_byte_are_read_only_where_hdf5_reads_them_right)
{
    slab_array_info told;
    slab_meta *m;
    float four[4] = {0.5f, -1.25f, 28, 0}, got[4];
    hid_t e4m3 = H5Tcopy(H5T_IEEE_F32LE), e5m2 = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(e4m3, 7, 3, 4, 0, 3);
    H5Tset_fields(e5m2, 7, 2, 5, 0, 2);
    H5Tset_size(e4m3, 1);
    H5Tset_size(e5m2, 1);
    H5Tset_ebias(e4m3, 7);
    H5Tset_ebias(e5m2, 15);
    hid_t file = H5Fcreate("f.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    put(file, "e4m3", e4m3, H5P_DEFAULT, 4, H5T_NATIVE_FLOAT, four);
    put(file, "e5m2", e5m2, H5P_DEFAULT, 4, H5T_NATIVE_FLOAT, four);
    H5Tclose(e4m3);
    H5Tclose(e5m2);
    H5Fclose(file);
    ck_ok(slab_meta_open("f.h5", &m));
    ck_ok(slab_meta_describe(m, "e4m3", &told));
    ck_assert_int_eq(told.dtype.kind, SLAB_KIND_OTHER);
    ck_assert_str_eq(told.type_name, "float of 1 bytes");
    read_all(m, "e5m2", slab_dtype_make(SLAB_KIND_FLOAT, 4), 4, got);
    ck_assert_mem_eq(got, four, sizeof got);
    slab_meta_close(&m);
}
END_TEST

/* A layout message of version 99, in a header without a checksum. */
START_TEST(a_format_newer_than_hdf5_is_said_to_be_so)
{
    static const uint8_t message[10] = {8, 0, 24, 0, 0, 0, 0, 0, 3, 1}; /* contiguous, version 3 */
    slab_array_info told;
    slab_meta *m;
    int value = 7;
    size_t n;
    hid_t fapl = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(fapl, H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST);
    hid_t file = H5Fcreate("n.h5", H5F_ACC_TRUNC, H5P_DEFAULT, fapl);
    put(file, "x", H5T_STD_I32LE, H5P_DEFAULT, 1, H5T_NATIVE_INT, &value);
    H5Fclose(file);
    H5Pclose(fapl);
    uint8_t *whole = read_whole("n.h5", &n), *at = memmem(whole, n, message, sizeof message);
    ck_assert_ptr_nonnull(at);
    at[8] = 99;
    write_file("n.h5", whole, n);
    free(whole);
    ck_ok(slab_meta_open("n.h5", &m));
    ck_fails(slab_meta_describe(m, "x", &told), SLAB_ERR_FORMAT);
    ck_says("bad version number for layout message: damaged, or newer than HDF5");
    slab_meta_close(&m);
}
END_TEST

#if H5_VERSION_GE(2, 0, 0)

START_TEST(chunks_of_32_axes_are_refused_before_hdf5_ends_the_program)
{
    uint64_t end = 0;
    slab_meta *t;
    slab_array_info info = one_element(slab_dtype_make(SLAB_KIND_INT, 4), 32);
    ck_ok(slab_meta_begin("x.h5", true, reserve, &end, &t));
    end = slab_meta_end(t);
    ck_fails(slab_meta_create_array(t, "x", &info), SLAB_ERR_UNSUPPORTED);
    ck_says("has room for 31");
    slab_meta_abort(&t);
}
END_TEST

/* The formats of 2.x: chunks in layout messages of version 5, complex and half-precision types. */
static void write_newest(const double complex z[20], const double x[20])
{
    hsize_t chunk = 8;
    hid_t fapl = H5Pcreate(H5P_FILE_ACCESS), dcpl = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_libver_bounds(fapl, H5F_LIBVER_V200, H5F_LIBVER_V200);
    H5Pset_chunk(dcpl, 1, &chunk);
    H5Pset_deflate(dcpl, 1);
    hid_t file = H5Fcreate("v2.h5", H5F_ACC_TRUNC, H5P_DEFAULT, fapl);
    put(file, "c8", H5T_COMPLEX_IEEE_F32LE, dcpl, 20, H5T_NATIVE_DOUBLE_COMPLEX, z);
    put(file, "c16", H5T_COMPLEX_IEEE_F64BE, dcpl, 20, H5T_NATIVE_DOUBLE_COMPLEX, z);
    put(file, "half", H5T_IEEE_F16LE, dcpl, 20, H5T_NATIVE_DOUBLE, x);
    put(file, "brain", H5T_FLOAT_BFLOAT16LE, dcpl, 20, H5T_NATIVE_DOUBLE, x);
    H5Fclose(file);
    H5Pclose(dcpl);
    H5Pclose(fapl);
}

static void expect_type(slab_meta *m, const char *name, const char *expected)
{
    slab_array_info told;
    char text[SLAB_DTYPE_NAME_MAX];
    slab_chunk chunks[3];
    slab_box all = {1, {0}, {3}};
    ck_ok(slab_meta_describe(m, name, &told));
    ck_assert_str_eq(slab_dtype_name(told.dtype, text), expected);
    ck_ok(slab_meta_chunks(m, name, &all, chunks));
    for (int c = 0; c < 3; c++)
        ck_assert_uint_gt(chunks[c].size, 0);
}

START_TEST(what_hdf5_2_writes_in_its_newest_format_is_read)
{
    slab_meta *m;
    double complex z[20], big[20];
    float complex small[20];
    double x[20];
    float got[20];
    for (int i = 0; i < 20; i++) {
        x[i] = i / 4.0;
        z[i] = CMPLX(i / 4.0, -i / 2.0);
    }
    write_newest(z, x);
    ck_ok(slab_meta_open("v2.h5", &m));
    expect_type(m, "c8", "complex64");
    expect_type(m, "c16", ">complex128");
    expect_type(m, "half", "float16");
    expect_type(m, "brain", "float32");
    read_all(m, "c8", slab_dtype_make(SLAB_KIND_COMPLEX, 8), 20, small);
    read_all(m, "c16", slab_dtype_make(SLAB_KIND_COMPLEX, 16), 20, big);
    read_all(m, "brain", slab_dtype_make(SLAB_KIND_FLOAT, 4), 20, got);
    for (int i = 0; i < 20; i++) {
        ck_assert(small[i] == (float complex)z[i]);
        ck_assert(big[i] == z[i]);
        ck_assert(got[i] == (float)x[i]);
    }
    slab_meta_close(&m);
}
END_TEST

#endif

int main(void)
{
    Suite *suite = suite_create("versions");
    TCase *c = tcase_create("versions");
    tcase_add_checked_fixture(c, scratch_begin, scratch_end);
    tcase_add_test(c, integers_of_few_bits_open_everywhere);
    tcase_add_test(c, integers_of_few_bits_that_others_wrote_are_read);
    tcase_add_test(c, floats_of_a_byte_are_read_only_where_hdf5_reads_them_right);
    tcase_add_test(c, a_format_newer_than_hdf5_is_said_to_be_so);
#if H5_VERSION_GE(2, 0, 0)
    tcase_add_test(c, chunks_of_32_axes_are_refused_before_hdf5_ends_the_program);
    tcase_add_test(c, what_hdf5_2_writes_in_its_newest_format_is_read);
#endif
    suite_add_tcase(suite, c);
    return run_suite(suite);
}

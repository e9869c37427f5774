/* What is written, read back with plain HDF5. */
#include "writing.h"

#include <pthread.h>

static slab_txn *begin(const char *name)
{
    slab_txn *txn;
    ok(slab_txn_begin(slab_ranks_alone(), in_folder(name), NULL, &txn));
    return txn;
}

static slab_txn *begin_with(const char *name, slab_backend backend, int threads)
{
    slab_txn *txn;
    slab_txn_options options = slab_txn_defaults();
    options.backend = backend;
    options.threads = threads;
    ok(slab_txn_begin(slab_ranks_alone(), in_folder(name), &options, &txn));
    return txn;
}

/* Element (i, j) of the arrays below is 100 i + j. */
static void put_all(slab_writer *w)
{
    const slab_grid *grid = slab_writer_grid(w);
    for (int64_t c = grid->ntiles; c-- > 0;) { /* the order must not matter */
        int32_t piece[4096];
        slab_box box;
        int n = 0;
        slab_grid_box(grid, c, &box);
        for (int64_t i = 0; i < box.count[0]; i++)
            for (int64_t j = 0; j < box.count[1]; j++)
                piece[n++] = (int32_t)(100 * (box.start[0] + i) + box.start[1] + j);
        ok(slab_writer_put(w, 0, c, piece));
    }
}

static void check_all(const char *path, int rows, int columns)
{
    int32_t got[8192];
    read_with_hdf5(in_folder("f.h5"), path, H5T_NATIVE_INT32, got);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++)
            ck_assert_int_eq(got[i * columns + j], 100 * i + j);
}

static const char *const filters[] = {NULL, "zstd:3", "gzip", "gzip:9", "none"};

START_TEST(every_filter_gives_back_the_elements)
{
    slab_txn *txn = begin("f.h5");
    slab_writer *w;
    slab_array_spec spec = {
        .dtype = slab_dtype_make(SLAB_KIND_INT, 4), .shape = SHAPE(50, 70), .chunk = SHAPE(16, 32)};
    spec.filter = filters[_i];
    ok(slab_txn_create(txn, "/a/b", &spec, &w));
    ck_assert_int_eq(slab_writer_grid(w)->ntiles, 4 * 3);
    put_all(w);
    ok(slab_writer_close(&w));
    slab_write_counts counts = slab_txn_counts(txn);
    ck_assert_int_eq(counts.chunks, 12);
    ck_assert_int_eq(counts.plain_bytes, 50 * 70 * 4);
    ok(slab_txn_commit(&txn));
    check_all("/a/b", 50, 70);
}
END_TEST

START_TEST(fletcher32_and_no_shuffle_give_back_the_elements)
{
    slab_txn *txn = begin("f.h5");
    slab_writer *w;
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_INT, 4),
                            .shape = SHAPE(50, 70),
                            .chunk = SHAPE(16, 32),
                            .fletcher32 = true,
                            .no_shuffle = _i};
    ok(slab_txn_create(txn, "x", &spec, &w));
    ck_assert_int_eq(slab_writer_describe(w)->pipeline.nfilters, _i ? 2 : 3);
    put_all(w);
    ok(slab_writer_close(&w));
    ok(slab_txn_commit(&txn));
    check_all("/x", 50, 70);
}
END_TEST

START_TEST(the_collective_backend_gives_back_the_elements)
{
    slab_txn *txn = begin_with("f.h5", SLAB_BACKEND_COLLECTIVE, 1);
    slab_writer *w, *v;
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_INT, 4),
                            .shape = SHAPE(50, 70),
                            .chunk = SHAPE(16, 32),
                            .filter = "gzip"};
    ok(slab_txn_create(txn, "/a/b", &spec, &w));
    ok(slab_txn_attribute_text(txn, "/a/b", "units", "m"));
    ok(slab_txn_create(txn, "/a/c", &spec, &v));
    put_all(v);
    put_all(w);
    ok(slab_writer_close(&w));
    ok(slab_writer_close(&v));
    ok(slab_txn_commit(&txn));
    check_all("/a/b", 50, 70);
    check_all("/a/c", 50, 70);
    ck_assert_int_eq(files_in(folder, false), 1);
}
END_TEST

/* kind, size, precision, offset, big-endian; three elements as they must lie in the file. */
static const struct {
    slab_dtype dtype;
    uint8_t native[3][16], stored[3][16];
} types[] = {
    {{SLAB_KIND_UINT, 1, 8, 0, 0, 0}, {{1}, {0}, {255}}, {{1}, {0}, {255}}},
    {{SLAB_KIND_INT, 2, 16, 0, 0, 0},
     {{0xfe, 0xff}, {1}, {0, 0x80}},
     {{0xfe, 0xff}, {1}, {0, 0x80}}},
    {{SLAB_KIND_INT, 2, 16, 0, 1, 0}, {{0xfe, 0xff}, {1}, {2, 3}}, {{0xff, 0xfe}, {0, 1}, {3, 2}}},
    {{SLAB_KIND_UINT, 8, 64, 0, 1, 0},
     {{1, 2, 3, 4, 5, 6, 7, 8}, {9}, {0}},
     {{8, 7, 6, 5, 4, 3, 2, 1}, {0, 0, 0, 0, 0, 0, 0, 9}, {0}}},
    {{SLAB_KIND_FLOAT, 2, 16, 0, 0, 0}, {{0, 0x3c}, {0, 0xc0}, {0}}, {{0, 0x3c}, {0, 0xc0}, {0}}},
    {{SLAB_KIND_FLOAT, 4, 32, 0, 1, 0},
     {{0, 0, 0x80, 0x3f}, {0}, {0, 0, 0, 0xc0}},
     {{0x3f, 0x80, 0, 0}, {0}, {0xc0, 0, 0, 0}}},
    {{SLAB_KIND_FLOAT, 8, 64, 0, 0, 0}, {{1, 2, 3, 4, 5, 6, 7, 8}}, {{1, 2, 3, 4, 5, 6, 7, 8}}},
    {{SLAB_KIND_COMPLEX, 8, 64, 0, 0, 0}, {{1, 2, 3, 4, 5, 6, 7, 8}}, {{1, 2, 3, 4, 5, 6, 7, 8}}},
    {{SLAB_KIND_COMPLEX, 16, 128, 0, 0, 0}, {{1, 2, 3, 4, 5}}, {{1, 2, 3, 4, 5}}},
    {{SLAB_KIND_BOOL, 1, 8, 0, 0, 0}, {{1}, {0}, {1}}, {{1}, {0}, {1}}},
    {{SLAB_KIND_STRING, 5, 40, 0, 0, 0}, {"ab", "", "hello"}, {"ab", "", "hello"}},
    {{SLAB_KIND_UINT, 1, 2, 0, 0, 0}, {{3}, {1}, {2}}, {{3}, {1}, {2}}},
    {{SLAB_KIND_UINT, 2, 12, 0, 0, 0}, {{0xff, 0x0f}, {1}, {0}}, {{0xff, 0x0f}, {1}, {0}}},
};

START_TEST(every_element_type_is_stored_as_it_says)
{
    slab_dtype d = types[_i].dtype;
    slab_array_spec spec = {.dtype = d, .shape = SHAPE(3), .chunk = SHAPE(2), .filter = "gzip"};
    uint8_t native[3 * 16], stored[3 * 16], got[3 * 16];
    slab_txn *txn = begin("f.h5");
    for (uint32_t i = 0; i < 3; i++) {
        memcpy(native + i * d.size, types[_i].native[i], d.size);
        memcpy(stored + i * d.size, types[_i].stored[i], d.size);
    }
    ok(slab_txn_put(txn, "/chunked", &spec, native));
    spec.filter = NULL;
    spec.chunk.rank = 0;
    ok(slab_txn_put(txn, "/whole", &spec, native));
    ok(slab_txn_commit(&txn));
    read_with_hdf5(in_folder("f.h5"), "/chunked", -1, got);
    ck_assert_mem_eq(got, stored, 3 * d.size);
    read_with_hdf5(in_folder("f.h5"), "/whole", -1, got);
    ck_assert_mem_eq(got, stored, 3 * d.size);
}
END_TEST

START_TEST(genotypes_are_packed_to_two_bits_and_read_as_bytes)
{
    slab_array_spec spec = {.dtype = {SLAB_KIND_UINT, 1, 2, 0, 0, 0},
                            .shape = SHAPE(100, 60),
                            .chunk = SHAPE(64, 32),
                            .has_missing = true,
                            .missing = {3}};
    uint8_t plain[6000], got[6000], missing = 0;
    slab_txn *txn = begin("f.h5");
    for (int i = 0; i < 6000; i++)
        plain[i] = (uint8_t)(i * 7 / 3 % 4);
    ok(slab_txn_put(txn, "/g", &spec, plain));
    ok(slab_txn_commit(&txn));
    read_with_hdf5(in_folder("f.h5"), "/g", H5T_NATIVE_UINT8, got);
    ck_assert_mem_eq(got, plain, sizeof plain);
    hid_t f = H5Fopen(in_folder("f.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t d = H5Dopen2(f, "/g", H5P_DEFAULT), type = H5Dget_type(d), plist = H5Dget_create_plist(d);
    hid_t a = H5Aopen(d, "missing_value", H5P_DEFAULT);
    ck_assert_uint_eq(H5Tget_precision(type), 2);
    ck_assert_int_eq(H5Pget_nfilters(plist), 2);
    ck_assert_int_ge(H5Aread(a, H5T_NATIVE_UINT8, &missing), 0);
    ck_assert_uint_eq(missing, 3);
    H5Aclose(a);
    H5Pclose(plist);
    H5Tclose(type);
    H5Dclose(d);
    H5Fclose(f);
}
END_TEST

START_TEST(chunks_that_are_never_put_read_as_the_fill_value)
{
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_INT, 2),
                            .shape = SHAPE(4),
                            .max_shape = SHAPE(SLAB_UNLIMITED),
                            .chunk = SHAPE(2),
                            .has_fill = true,
                            .fill = {0xf9, 0xff}};
    slab_writer *w;
    int16_t got[6], put[2] = {5, 6};
    slab_txn *txn = begin("f.h5");
    spec.dtype.big_endian = _i;
    ok(slab_txn_create(txn, "/x", &spec, &w));
    ok(slab_writer_put(w, 0, 1, put));
    ok(slab_writer_close(&w));
    ok(slab_txn_commit(&txn));
    read_with_hdf5(in_folder("f.h5"), "/x", H5T_NATIVE_INT16, got);
    ck_assert_int_eq(got[0], -7);
    ck_assert_int_eq(got[1], -7);
    ck_assert_int_eq(got[2], 5);
    ck_assert_int_eq(got[3], 6);
}
END_TEST

/* HDF5 itself reads an array grown over a chunk's padding: the padding must be the fill value. */
START_TEST(the_padding_of_an_edge_chunk_is_the_fill_value)
{
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_INT, 2),
                            .shape = SHAPE(3),
                            .max_shape = SHAPE(SLAB_UNLIMITED),
                            .chunk = SHAPE(4),
                            .has_fill = true,
                            .fill = {0xf9, 0xff}};
    slab_writer *w;
    int16_t got[4], put[3] = {5, 6, 7};
    hsize_t four = 4;
    slab_txn *txn = begin("f.h5");
    ok(slab_txn_create(txn, "/x", &spec, &w));
    ok(slab_writer_put(w, 0, 0, put));
    ok(slab_writer_close(&w));
    ok(slab_txn_commit(&txn));
    hid_t f = H5Fopen(in_folder("f.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t d = H5Dopen2(f, "/x", H5P_DEFAULT);
    ck_assert_int_ge(H5Dset_extent(d, &four), 0);
    ck_assert_int_ge(H5Dread(d, H5T_NATIVE_INT16, H5S_ALL, H5S_ALL, H5P_DEFAULT, got), 0);
    ck_assert_int_eq(got[2], 7);
    ck_assert_int_eq(got[3], -7);
    H5Dclose(d);
    H5Fclose(f);
}
END_TEST

START_TEST(a_scalar_is_written_and_read)
{
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_FLOAT, 8)};
    slab_writer *w;
    double put = 2.5, other = -1, got = 0;
    slab_txn *txn = begin_with("f.h5", _i ? SLAB_BACKEND_COLLECTIVE : SLAB_BACKEND_LOG, 1);
    ok(slab_txn_create(txn, "/s", &spec, &w));
    ck_assert_int_eq(slab_writer_grid(w)->ntiles, 1);
    ok(slab_writer_put(w, 0, 0, &put));
    fails(slab_writer_put(w, 0, 0, &put), SLAB_ERR_INTERNAL);
    ok(slab_writer_close(&w));
    ok(slab_txn_put(txn, "/t", &spec, &other));
    ok(slab_txn_commit(&txn));
    read_with_hdf5(in_folder("f.h5"), "/s", H5T_NATIVE_DOUBLE, &got);
    ck_assert_double_eq(got, 2.5);
    read_with_hdf5(in_folder("f.h5"), "/t", H5T_NATIVE_DOUBLE, &got);
    ck_assert_double_eq(got, -1);
}
END_TEST

START_TEST(an_array_of_no_elements_is_written)
{
    slab_array_spec spec = {
        .dtype = slab_dtype_make(SLAB_KIND_FLOAT, 8), .shape = SHAPE(0, 5), .filter = "zstd"};
    slab_writer *w;
    hsize_t dims[2] = {9, 9};
    slab_txn *txn = begin_with("f.h5", _i ? SLAB_BACKEND_COLLECTIVE : SLAB_BACKEND_LOG, 1);
    ok(slab_txn_create(txn, "/e", &spec, &w));
    ck_assert_int_eq(slab_writer_grid(w)->ntiles, 0);
    ok(slab_writer_close(&w));
    spec.filter = NULL;
    ok(slab_txn_put(txn, "/f", &spec, NULL));
    spec.max_shape = SHAPE(SLAB_UNLIMITED, 5);
    ok(slab_txn_put(txn, "/g", &spec, NULL));
    ok(slab_txn_commit(&txn));
    hid_t f = H5Fopen(in_folder("f.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
    for (int i = 0; i < 3; i++) {
        hid_t d = H5Dopen2(f, i == 0 ? "/e" : i == 1 ? "/f" : "/g", H5P_DEFAULT);
        hid_t s = H5Dget_space(d);
        ck_assert_int_eq(H5Sget_simple_extent_dims(s, dims, NULL), 2);
        ck_assert_uint_eq(dims[0], 0);
        ck_assert_uint_eq(dims[1], 5);
        H5Sclose(s);
        H5Dclose(d);
    }
    H5Fclose(f);
}
END_TEST

/* One less than it says, where its assertions are in the way. */
enum { AXES = H5_VERSION_GE(2, 0, 0) ? 31 : 32 };

START_TEST(all_axes_that_hdf5_takes_and_more_than_2_to_the_31_elements_are_written)
{
    slab_array_spec deep = {.dtype = slab_dtype_make(SLAB_KIND_UINT, 1), .filter = "gzip"};
    slab_array_spec wide = {.dtype = slab_dtype_make(SLAB_KIND_UINT, 1),
                            .filter = "gzip",
                            .shape = SHAPE(3, INT64_C(1) << 32),
                            .chunk = SHAPE(1, 1 << 20)};
    slab_writer *w;
    uint8_t four[4] = {1, 2, 3, 4}, got[4] = {0}, last = 0;
    static uint8_t chunk[1 << 20];
    slab_txn *txn = begin("f.h5");
    deep.shape.rank = AXES;
    for (int i = 0; i < AXES; i++)
        deep.shape.extent[i] = i == 3 || i == AXES - 1 ? 2 : 1;
    ok(slab_txn_put(txn, "/deep", &deep, four));
    ok(slab_txn_create(txn, "/wide", &wide, &w));
    ck_assert_int_eq(slab_writer_grid(w)->ntiles, 3 * 4096);
    chunk[sizeof chunk - 1] = 77;
    ok(slab_writer_put(w, 0, 3 * 4096 - 1, chunk));
    ok(slab_writer_close(&w));
    ok(slab_txn_commit(&txn));
    read_with_hdf5(in_folder("f.h5"), "/deep", -1, got);
    ck_assert_mem_eq(got, four, 4);
    hid_t f = H5Fopen(in_folder("f.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t d = H5Dopen2(f, "/wide", H5P_DEFAULT), s = H5Dget_space(d);
    hsize_t at[2] = {2, (1ull << 32) - 1}, one = 1;
    hid_t m = H5Screate_simple(1, &one, NULL);
    H5Sselect_elements(s, H5S_SELECT_SET, 1, at);
    ck_assert_int_ge(H5Dread(d, H5T_NATIVE_UINT8, m, s, H5P_DEFAULT, &last), 0);
    ck_assert_uint_eq(last, 77);
    H5Sclose(m);
    H5Sclose(s);
    H5Dclose(d);
    H5Fclose(f);
}
END_TEST

START_TEST(chunks_that_were_encoded_elsewhere_are_taken)
{
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_INT, 4),
                            .shape = SHAPE(6),
                            .chunk = SHAPE(4),
                            .filter = "gzip"};
    /* shuffled by hand: all lowest bytes first */
    uint8_t shuffled[2][16] = {{1, 2, 3, 4}, {5, 6, 0, 0}};
    int32_t got[6];
    slab_writer *w;
    slab_txn *txn = begin_with("f.h5", _i ? SLAB_BACKEND_COLLECTIVE : SLAB_BACKEND_LOG, 1);
    ok(slab_txn_create(txn, "/x", &spec, &w));
    ok(slab_writer_put_encoded(w, 0, 0, 1, shuffled[0], 16));
    ok(slab_writer_put_encoded(w, 0, 1, 1, shuffled[1], 16));
    ok(slab_writer_close(&w));
    ok(slab_txn_commit(&txn));
    read_with_hdf5(in_folder("f.h5"), "/x", H5T_NATIVE_INT32, got);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(got[i], i + 1);
}
END_TEST

START_TEST(a_chunk_put_twice_is_an_error)
{
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_INT, 4),
                            .shape = SHAPE(6),
                            .chunk = SHAPE(2),
                            .filter = "gzip"};
    int32_t data[2] = {1, 2};
    slab_writer *w;
    slab_txn *txn = begin("f.h5");
    ok(slab_txn_create(txn, "/x", &spec, &w));
    ok(slab_writer_put(w, 0, 1, data));
    ok(slab_writer_put(w, 0, 2, data));
    ok(slab_writer_put(w, 0, 1, data));
    ok(slab_writer_close(&w));
    fails(slab_txn_commit(&txn), SLAB_ERR_INTERNAL);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "chunk 1 of '/x'"));
    ck_assert_int_eq(files_in(folder, false), 0);
}
END_TEST

START_TEST(a_chunk_or_thread_outside_is_a_range_error)
{
    slab_array_spec spec = {
        .dtype = slab_dtype_make(SLAB_KIND_INT, 4), .shape = SHAPE(6), .chunk = SHAPE(2)};
    int32_t data[2] = {1, 2};
    slab_writer *w;
    slab_txn *txn = begin("f.h5");
    ok(slab_txn_create(txn, "/x", &spec, &w));
    fails(slab_writer_put(w, 0, 3, data), SLAB_ERR_RANGE);
    fails(slab_writer_put(w, 0, -1, data), SLAB_ERR_RANGE);
    fails(slab_writer_put(w, 1, 0, data), SLAB_ERR_RANGE);
    fails(slab_writer_put_encoded(w, 0, 0, 3, data, 8), SLAB_ERR_RANGE);
    ok(slab_writer_close(&w));
    slab_txn_abort(&txn);
}
END_TEST

static void refused(slab_array_spec spec, slab_status code)
{
    slab_array_info info;
    fails(slab_spec_resolve(&spec, "/x", &info), code);
}

START_TEST(what_cannot_be_stored_is_refused)
{
    slab_dtype f8 = slab_dtype_make(SLAB_KIND_FLOAT, 8);
    slab_array_info info;
    slab_array_spec good = {.dtype = f8, .shape = SHAPE(10)};
    refused((slab_array_spec){.dtype = f8,
                              .shape = SHAPE(1 << 20, 1 << 20),
                              .chunk = SHAPE(1 << 15, 1 << 14)},
            SLAB_ERR_RANGE); /* 4 GiB */
    refused((slab_array_spec){.dtype = f8, .shape = SHAPE(INT64_MAX, 2)}, SLAB_ERR_OVERFLOW);
    refused((slab_array_spec){.dtype = f8, .shape = {.rank = 33}}, SLAB_ERR_SHAPE);
    refused((slab_array_spec){.dtype = f8, .shape = SHAPE(-1)}, SLAB_ERR_RANGE);
    refused((slab_array_spec){.dtype = f8, .shape = SHAPE(10), .chunk = SHAPE(0)}, SLAB_ERR_SHAPE);
    refused((slab_array_spec){.dtype = f8, .shape = SHAPE(10), .chunk = SHAPE(2, 2)},
            SLAB_ERR_SHAPE);
    refused((slab_array_spec){.dtype = f8, .shape = SHAPE(10), .max_shape = SHAPE(9)},
            SLAB_ERR_SHAPE);
    refused((slab_array_spec){.dtype = f8, .shape = SHAPE(10), .filter = "rar"}, SLAB_ERR_USAGE);
    refused((slab_array_spec){.dtype = f8, .shape = SHAPE(10), .filter = "shuffle"},
            SLAB_ERR_USAGE);
    refused((slab_array_spec){.dtype = f8, .shape = SHAPE(10), .filter = "zstd:x"}, SLAB_ERR_USAGE);
    refused((slab_array_spec){.dtype = {SLAB_KIND_FLOAT, 8, 60, 0, 0, 0}, .shape = SHAPE(10)},
            SLAB_ERR_TYPE);
    refused((slab_array_spec){.dtype = {SLAB_KIND_UINT, 1, 9, 0, 0, 0}, .shape = SHAPE(10)},
            SLAB_ERR_TYPE);
    fails(slab_spec_resolve(&good, "/", &info), SLAB_ERR_USAGE);
    ok(slab_spec_resolve(&good, "/x", &info));
}
END_TEST

START_TEST(chunks_are_about_a_mebibyte_and_near_square)
{
    const struct {
        slab_shape shape;
        uint32_t size;
        slab_shape chunk;
    } cases[] = {{SHAPE(32768, 32768), 4, SHAPE(512, 512)},
                 {SHAPE(20000, 100000), 1, SHAPE(1024, 1024)},
                 {SHAPE(1092, 14079), 1, SHAPE(1092, 1024)},
                 {SHAPE(1000000), 4, SHAPE(262144)},
                 {SHAPE(300000), 4, SHAPE(300000)},
                 {SHAPE(10), 8, SHAPE(10)},
                 {SHAPE(20000, 10), 4, SHAPE(20000, 10)},
                 {SHAPE(10, 20000), 4, SHAPE(10, 20000)},
                 {SHAPE(1000000, 3, 3), 4, SHAPE(32768, 3, 3)},
                 {SHAPE(100, 512, 512), 4, SHAPE(1, 512, 512)},
                 {SHAPE(1, 5, 1), 4, SHAPE(1, 5, 1)},
                 {SHAPE(0, 100000), 1, SHAPE(1024, 1024)}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slab_shape chunk;
        char got[SLAB_SHAPE_TEXT_MAX], want[SLAB_SHAPE_TEXT_MAX];
        ok(slab_chunk_choose(&cases[i].shape, slab_dtype_make(SLAB_KIND_UINT, cases[i].size),
                             &chunk));
        ck_assert_str_eq(slab_shape_text(&chunk, got), slab_shape_text(&cases[i].chunk, want));
    }
}
END_TEST

/* Many chunks of many sizes, some above the size of a block: a small write-behind must wait. */
START_TEST(a_small_write_behind_takes_chunks_of_any_size)
{
    enum { CHUNKS = 24, EXTENT = 1 << 20 };
    slab_txn *txn;
    slab_txn_options options = slab_txn_defaults();
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_UINT, 1),
                            .filter = "none",
                            .shape = SHAPE(CHUNKS * EXTENT),
                            .chunk = SHAPE(EXTENT)};
    uint8_t *data = malloc(EXTENT), *got = malloc(CHUNKS * EXTENT);
    slab_writer *w;
    options.write_behind = 1;
    options.direct = _i;
    ok(slab_txn_begin(slab_ranks_alone(), in_folder("f.h5"), &options, &txn));
    ok(slab_txn_create(txn, "/x", &spec, &w));
    size_t before = slab_memory_used();
    for (int c = 0; c < CHUNKS; c++) {
        for (int i = 0; i < EXTENT; i++)
            data[i] = (uint8_t)(i * (c + 1) >> 3);
        ok(slab_writer_put(w, 0, c, data));
        ck_assert_uint_le(slab_memory_used(), before + (4 << 20));
    }
    ok(slab_writer_close(&w));
    ok(slab_txn_commit(&txn));
    read_with_hdf5(in_folder("f.h5"), "/x", -1, got);
    int wrong = 0; /* an assertion for every element would take a minute */
    for (int c = 0; c < CHUNKS; c++)
        for (int i = 0; i < EXTENT; i++)
            wrong += got[c * EXTENT + i] != (uint8_t)(i * (c + 1) >> 3);
    ck_assert_int_eq(wrong, 0);
    free(data);
    free(got);
}
END_TEST

enum { THREADS = 4, PIECES = 200, PIECE = 20000 };

typedef struct putter {
    slab_writer *writers[2];
    int thread;
    slab_status rc;
} putter;

/* Thread t puts chunks t, t + 4 ... of one array, and others of a second, in turns. */
static void *put_share(void *context)
{
    putter *p = context;
    int32_t data[PIECE];
    for (int c = p->thread; c < PIECES && p->rc == SLAB_OK; c += THREADS) {
        for (int i = 0; i < PIECE; i++)
            data[i] = c * PIECE + i;
        p->rc = slab_writer_put(p->writers[0], p->thread, c, data);
        if (p->rc == SLAB_OK)
            p->rc = slab_writer_put(p->writers[1], p->thread, PIECES - 1 - c, data);
    }
    return NULL;
}

START_TEST(several_threads_write_several_arrays_at_once)
{
    slab_txn *txn = begin_with("f.h5", SLAB_BACKEND_LOG, THREADS);
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_INT, 4),
                            .shape = SHAPE(PIECES * PIECE),
                            .chunk = SHAPE(PIECE),
                            .filter = "zstd"};
    pthread_t threads[THREADS];
    putter share[THREADS] = {0};
    int32_t *got = malloc(PIECES * PIECE * sizeof *got);
    slab_writer *w[2];
    ok(slab_txn_create(txn, "/a", &spec, &w[0]));
    ok(slab_txn_create(txn, "/b", &spec, &w[1]));
    for (int t = 0; t < THREADS; t++) {
        share[t] = (putter){.writers = {w[0], w[1]}, .thread = t};
        pthread_create(&threads[t], NULL, put_share, &share[t]);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        ck_assert_int_eq(share[t].rc, SLAB_OK);
    }
    ok(slab_writer_close(&w[0]));
    ok(slab_writer_close(&w[1]));
    ok(slab_txn_commit(&txn));
    read_with_hdf5(in_folder("f.h5"), "/a", H5T_NATIVE_INT32, got);
    int wrong = 0;
    for (int i = 0; i < PIECES * PIECE; i++)
        wrong += got[i] != i;
    ck_assert_int_eq(wrong, 0);
    read_with_hdf5(in_folder("f.h5"), "/b", H5T_NATIVE_INT32, got);
    for (int c = 0; c < PIECES; c++)
        ck_assert_int_eq(got[c * PIECE + 7], (PIECES - 1 - c) * PIECE + 7);
    free(got);
}
END_TEST

START_TEST(what_a_writer_takes_stays_within_what_it_says)
{
    slab_txn *txn;
    slab_txn_options options = slab_txn_defaults();
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_FLOAT, 4),
                            .shape = SHAPE(4000, 4000),
                            .chunk = SHAPE(256, 512)};
    float *data = calloc(256 * 512, sizeof *data);
    slab_array_info info;
    slab_writer *w;
    ok(slab_spec_resolve(&spec, "/x", &info));
    ok(slab_txn_begin(slab_ranks_alone(), in_folder("f.h5"), &options, &txn));
    size_t before = slab_memory_used();
    slab_memory_peak_reset();
    ok(slab_txn_create(txn, "/x", &spec, &w));
    for (int c = 0; c < slab_writer_grid(w)->ntiles; c++) {
        for (int i = 0; i < 256 * 512; i++)
            data[i] = (float)((i * 2654435761u) >> 8);
        ok(slab_writer_put(w, 0, c, data));
    }
    ck_assert_uint_le(slab_memory_peak() - before, slab_writer_memory(&info, &options));
    ok(slab_writer_close(&w));
    ok(slab_txn_commit(&txn));
    free(data);
}
END_TEST

int main(void)
{
    TCase *writer = tcase_create("writer");
    tcase_add_checked_fixture(writer, make_folder, remove_folder);
    tcase_set_timeout(writer, 60);
    tcase_add_loop_test(writer, every_filter_gives_back_the_elements, 0, 5);
    tcase_add_loop_test(writer, fletcher32_and_no_shuffle_give_back_the_elements, 0, 2);
    tcase_add_test(writer, the_collective_backend_gives_back_the_elements);
    tcase_add_loop_test(writer, every_element_type_is_stored_as_it_says, 0,
                        (int)(sizeof types / sizeof *types));
    tcase_add_test(writer, genotypes_are_packed_to_two_bits_and_read_as_bytes);
    tcase_add_loop_test(writer, chunks_that_are_never_put_read_as_the_fill_value, 0, 2);
    tcase_add_test(writer, the_padding_of_an_edge_chunk_is_the_fill_value);
    tcase_add_loop_test(writer, a_scalar_is_written_and_read, 0, 2);
    tcase_add_loop_test(writer, an_array_of_no_elements_is_written, 0, 2);
    tcase_add_test(writer, all_axes_that_hdf5_takes_and_more_than_2_to_the_31_elements_are_written);
    tcase_add_loop_test(writer, chunks_that_were_encoded_elsewhere_are_taken, 0, 2);
    tcase_add_test(writer, a_chunk_put_twice_is_an_error);
    tcase_add_test(writer, a_chunk_or_thread_outside_is_a_range_error);
    tcase_add_test(writer, what_cannot_be_stored_is_refused);
    tcase_add_test(writer, chunks_are_about_a_mebibyte_and_near_square);
    tcase_add_loop_test(writer, a_small_write_behind_takes_chunks_of_any_size, 0, 2);
    tcase_add_test(writer, several_threads_write_several_arrays_at_once);
    tcase_add_test(writer, what_a_writer_takes_stays_within_what_it_says);
    Suite *suite = suite_create("writer");
    suite_add_tcase(suite, writer);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

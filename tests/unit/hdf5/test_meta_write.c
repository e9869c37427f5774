/* Transactions of the metadata plane, seen by plain HDF5. */
#include "scratch_impl.h"

#include <hdf5.h>
#include <inttypes.h>
#include <slab/storage/hdf5/meta.h>

/* Space past the end, as the transaction gives it. */
typedef struct counter {
    uint64_t end;
    int calls;
} counter;

static slab_status reserve(void *context, uint64_t bytes, uint64_t align, uint64_t *address)
{
    counter *c = context;
    *address = (c->end + align - 1) / align * align;
    c->end = *address + bytes;
    c->calls++;
    return SLAB_OK;
}

static slab_meta *begin(const char *path, bool create, counter *space)
{
    slab_meta *m;
    memset(space, 0, sizeof *space);
    ck_ok(slab_meta_begin(path, create, reserve, space, &m));
    space->end = slab_meta_end(m);
    return m;
}

static slab_array_info plain_info(slab_dtype dtype, int64_t rows, int64_t columns)
{
    slab_array_info info = {.dtype = dtype, .layout = SLAB_LAYOUT_CHUNKED};
    info.shape = info.max_shape = (slab_shape){2, {rows, columns}};
    info.chunk = (slab_shape){2, {4, 8}};
    info.pipeline.type = (slab_chunk_type){dtype, 32 * dtype.size};
    return info;
}

/* Puts chunk bytes into the file and says where they are. */
static slab_placed_chunk put_chunk(const char *path, counter *space, int64_t number,
                                   const void *bytes, size_t n)
{
    slab_placed_chunk chunk = {.number = number, .at.size = n};
    int fd = open(path, O_RDWR);
    ck_ok(reserve(space, n, 64, &chunk.at.address));
    ck_assert_int_eq(pwrite(fd, bytes, n, (off_t)chunk.at.address), (ssize_t)n);
    close(fd);
    return chunk;
}

static void expect_ints(const char *path, const char *name, const int32_t *expected, size_t n)
{
    int32_t *got = calloc(n, sizeof *got);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t array = H5Dopen2(file, name, H5P_DEFAULT);
    ck_assert(file >= 0 && array >= 0);
    ck_assert(H5Dread(array, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, got) >= 0);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(got[i], expected[i]);
    H5Dclose(array);
    H5Fclose(file);
    free(got);
}

/* x[i, j] = 100 i + j, [6, 12] in chunks of [4, 8]; padding is 77. */
static void chunk_of(int64_t number, int32_t *chunk)
{
    int64_t row = number / 2 * 4, column = number % 2 * 8;
    for (int64_t i = 0; i < 4; i++)
        for (int64_t j = 0; j < 8; j++)
            chunk[i * 8 + j] =
                row + i < 6 && column + j < 12 ? (int32_t)(100 * (row + i) + column + j) : 77;
}

static void expected_ints(int32_t *all)
{
    for (int i = 0; i < 72; i++)
        all[i] = 100 * (i / 12) + i % 12;
}

static void add_array(slab_meta *m, const char *path, const char *name, counter *space)
{
    slab_array_info info = plain_info(slab_dtype_make(SLAB_KIND_INT, 4), 6, 12);
    slab_placed_chunk placed[4];
    int32_t bytes[32];
    ck_ok(slab_meta_create_array(m, name, &info));
    for (int64_t c = 0; c < 4; c++) {
        chunk_of(c, bytes);
        placed[c] = put_chunk(path, space, c, bytes, sizeof bytes);
    }
    ck_ok(slab_meta_register(m, name, placed, 4));
}

static void make_file(const char *path, const char *name)
{
    counter space;
    slab_meta *m = begin(path, true, &space);
    add_array(m, path, name, &space);
    ck_ok(slab_meta_commit(&m, space.end, true, NULL, NULL));
    ck_assert_ptr_null(m);
}

START_TEST(a_new_file_with_registered_chunks_is_read_by_plain_hdf5)
{
    int32_t all[72];
    expected_ints(all);
    make_file("new.h5", "/deep/down/x");
    expect_ints("new.h5", "/deep/down/x", all, 72);
    ck_assert(H5Fis_hdf5("new.h5") > 0);
}
END_TEST

START_TEST(the_file_is_as_long_as_its_superblock_says)
{
    size_t n;
    make_file("new.h5", "x");
    uint8_t *bytes = read_whole("new.h5", &n);
    uint64_t stated;
    memcpy(&stated, bytes + 40, 8); /* version 0: end of file address */
    ck_assert_uint_eq(bytes[8], 0);
    ck_assert_uint_eq(stated, n);
    free(bytes);
}
END_TEST

START_TEST(until_commit_an_existing_file_keeps_every_old_byte)
{
    counter space;
    size_t n, m;
    make_file("x.h5", "x");
    uint8_t *before = read_whole("x.h5", &n);
    slab_meta *t = begin("x.h5", false, &space);
    ck_assert_uint_ge(slab_meta_end(t), n);
    add_array(t, "x.h5", "y", &space);
    uint8_t *during = read_whole("x.h5", &m);
    ck_assert_uint_ge(m, n);
    ck_assert_int_eq(memcmp(before, during, n), 0);
    slab_meta_abort(&t);
    ck_assert_ptr_null(t);
    int32_t all[72];
    expected_ints(all);
    expect_ints("x.h5", "x", all, 72);
    free(before);
    free(during);
}
END_TEST

START_TEST(an_existing_file_gains_an_array_and_keeps_its_own)
{
    int32_t all[72];
    expected_ints(all);
    make_file("x.h5", "x");
    for (int round = 0; round < 3; round++) {
        char name[16];
        counter space;
        snprintf(name, sizeof name, "g/y%d", round);
        slab_meta *t = begin("x.h5", false, &space);
        add_array(t, "x.h5", name, &space);
        ck_ok(slab_meta_commit(&t, space.end, true, NULL, NULL));
        expect_ints("x.h5", "x", all, 72);
        expect_ints("x.h5", name, all, 72);
    }
    ck_assert_int_ne(access("x.h5.slab-journal", F_OK), 0);
}
END_TEST

static void make_foreign(const char *path, H5F_libver_t low, hsize_t user_block)
{
    hsize_t extent[2] = {6, 12}, chunk[2] = {4, 8};
    int32_t all[72];
    hid_t fapl = H5Pcreate(H5P_FILE_ACCESS), fcpl = H5Pcreate(H5P_FILE_CREATE);
    hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, extent, NULL);
    H5Pset_libver_bounds(fapl, low, H5F_LIBVER_LATEST);
    H5Pset_userblock(fcpl, user_block);
    H5Pset_chunk(dcpl, 2, chunk);
    H5Pset_deflate(dcpl, 1);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, fcpl, fapl);
    hid_t array = H5Dcreate2(file, "x", H5T_STD_I32LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    expected_ints(all);
    ck_assert(H5Dwrite(array, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, all) >= 0);
    H5Dclose(array);
    ck_assert(H5Fclose(file) >= 0);
    H5Sclose(space);
    H5Pclose(fapl);
    H5Pclose(fcpl);
    H5Pclose(dcpl);
}

START_TEST(files_of_other_programs_gain_an_array)
{
    static const struct {
        H5F_libver_t low;
        hsize_t user_block;
    } kinds[] = {{H5F_LIBVER_EARLIEST, 0},
                 {H5F_LIBVER_V18, 0},
                 {H5F_LIBVER_LATEST, 0},
                 {H5F_LIBVER_EARLIEST, 512},
                 {H5F_LIBVER_LATEST, 2048}};
    counter space;
    int32_t all[72];
    expected_ints(all);
    make_foreign("f.h5", kinds[_i].low, kinds[_i].user_block);
    slab_meta *t = begin("f.h5", false, &space);
    add_array(t, "f.h5", "y", &space);
    ck_ok(slab_meta_attribute_text(t, "x", "note", "new"));
    ck_ok(slab_meta_commit(&t, space.end, true, NULL, NULL));
    expect_ints("f.h5", "x", all, 72);
    expect_ints("f.h5", "y", all, 72);
}
END_TEST

START_TEST(a_chunk_registered_twice_is_an_internal_error)
{
    counter space;
    int32_t bytes[32];
    slab_array_info info = plain_info(slab_dtype_make(SLAB_KIND_INT, 4), 6, 12);
    slab_meta *t = begin("x.h5", true, &space);
    chunk_of(1, bytes);
    ck_ok(slab_meta_create_array(t, "x", &info));
    slab_placed_chunk placed = put_chunk("x.h5", &space, 1, bytes, sizeof bytes);
    ck_ok(slab_meta_register(t, "x", &placed, 1));
    ck_fails(slab_meta_register(t, "x", &placed, 1), SLAB_ERR_INTERNAL);
    ck_says("chunk 1 was entered before");
    placed.number = 4;
    ck_fails(slab_meta_register(t, "x", &placed, 1), SLAB_ERR_INTERNAL);
    slab_meta_abort(&t);
}
END_TEST

/* Chunks that were never put read as the fill value. */
START_TEST(missing_chunks_read_as_the_fill_value)
{
    counter space;
    int32_t bytes[32], all[72], seven = 7;
    slab_array_info info = plain_info(slab_dtype_make(SLAB_KIND_INT, 4), 6, 12);
    info.has_fill = _i == 1;
    memcpy(info.fill, &seven, 4);
    slab_meta *t = begin("x.h5", true, &space);
    ck_ok(slab_meta_create_array(t, "x", &info));
    chunk_of(0, bytes);
    slab_placed_chunk placed = put_chunk("x.h5", &space, 0, bytes, sizeof bytes);
    ck_ok(slab_meta_register(t, "x", &placed, 1));
    ck_ok(slab_meta_commit(&t, space.end, true, NULL, NULL));
    expected_ints(all);
    for (int i = 0; i < 72; i++)
        if (i / 12 >= 4 || i % 12 >= 8)
            all[i] = _i == 1 ? 7 : 0;
    expect_ints("x.h5", "x", all, 72);
}
END_TEST

START_TEST(a_removed_array_frees_no_space_that_chunks_could_get)
{
    counter space;
    int32_t all[72];
    size_t n;
    expected_ints(all);
    make_file("x.h5", "/g/x");
    uint8_t *before = read_whole("x.h5", &n);
    slab_meta *t = begin("x.h5", false, &space);
    ck_ok(slab_meta_remove(t, "/g/x"));
    ck_fails(slab_meta_remove(t, "/g/x"), SLAB_ERR_NOT_FOUND);
    add_array(t, "x.h5", "/g/x", &space);
    ck_ok(slab_meta_commit(&t, space.end, true, NULL, NULL));
    expect_ints("x.h5", "/g/x", all, 72);
    t = begin("x.h5", false, &space);
    ck_ok(slab_meta_remove(t, "/g"));
    add_array(t, "x.h5", "/g/x", &space);
    ck_ok(slab_meta_commit(&t, space.end, true, NULL, NULL));
    expect_ints("x.h5", "/g/x", all, 72);
    free(before);
}
END_TEST

START_TEST(existing_paths_are_refused)
{
    counter space;
    slab_array_info info = plain_info(slab_dtype_make(SLAB_KIND_INT, 4), 6, 12);
    slab_meta *t = begin("x.h5", true, &space);
    ck_ok(slab_meta_create_array(t, "/a/x", &info));
    ck_fails(slab_meta_create_array(t, "/a/x", &info), SLAB_ERR_EXISTS);
    ck_fails(slab_meta_create_array(t, "/a", &info), SLAB_ERR_EXISTS);
    ck_fails(slab_meta_create_array(t, "/a/x/y", &info), SLAB_ERR_EXISTS);
    ck_fails(slab_meta_create_array(t, "/", &info), SLAB_ERR_EXISTS);
    ck_ok(slab_meta_create_group(t, "/a"));
    ck_ok(slab_meta_create_group(t, "/a/b//c/"));
    ck_ok(slab_meta_create_group(t, "/"));
    ck_fails(slab_meta_create_group(t, "/a/x"), SLAB_ERR_EXISTS);
    ck_ok(slab_meta_commit(&t, space.end, false, NULL, NULL));
    hid_t file = H5Fopen("x.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    ck_assert(H5Oexists_by_name(file, "/a/b/c", H5P_DEFAULT) > 0);
    H5Fclose(file);
}
END_TEST

START_TEST(shapes_and_chunks_that_hdf5_has_no_room_for_are_refused)
{
    counter space;
    slab_array_info info = plain_info(slab_dtype_make(SLAB_KIND_FLOAT, 8), 6, 12);
    slab_meta *t = begin("x.h5", true, &space);
    info.shape = info.max_shape = (slab_shape){2, {1 << 20, 1 << 20}};
    info.chunk = (slab_shape){2, {1 << 15, 1 << 14}}; /* 4 GiB */
    ck_fails(slab_meta_create_array(t, "x", &info), SLAB_ERR_RANGE);
    ck_says("4294967296 bytes is too large");
    info.chunk.rank = 1;
    ck_fails(slab_meta_create_array(t, "x", &info), SLAB_ERR_SHAPE);
    slab_meta_abort(&t);
}
END_TEST

/* What was asked for is what describe tells, for every kind of type. */
START_TEST(types_come_back_as_they_were_written)
{
    static const struct {
        slab_kind kind;
        uint32_t size;
        uint16_t precision, offset;
        bool big_endian;
    } types[] = {
        {SLAB_KIND_BOOL, 1, 8, 0, false},       {SLAB_KIND_INT, 1, 8, 0, false},
        {SLAB_KIND_UINT, 1, 2, 0, false},       {SLAB_KIND_INT, 2, 16, 0, true},
        {SLAB_KIND_UINT, 2, 12, 3, false},      {SLAB_KIND_UINT, 4, 20, 5, true},
        {SLAB_KIND_INT, 8, 64, 0, false},       {SLAB_KIND_UINT, 8, 64, 0, true},
        {SLAB_KIND_FLOAT, 2, 16, 0, false},     {SLAB_KIND_FLOAT, 2, 16, 0, true},
        {SLAB_KIND_FLOAT, 4, 32, 0, true},      {SLAB_KIND_FLOAT, 8, 64, 0, false},
        {SLAB_KIND_COMPLEX, 4, 32, 0, false},   {SLAB_KIND_COMPLEX, 8, 64, 0, true},
        {SLAB_KIND_COMPLEX, 16, 128, 0, false}, {SLAB_KIND_STRING, 11, 88, 0, false},
    };
    counter space;
    slab_array_info told;
    slab_dtype dtype = slab_dtype_make(types[_i].kind, types[_i].size);
    dtype.precision = dtype.precision == 8 * dtype.size ? types[_i].precision : dtype.precision;
    dtype.offset = types[_i].offset;
    dtype.big_endian = types[_i].big_endian;
    slab_array_info info = plain_info(dtype, 6, 12);
    info.max_shape.extent[0] = SLAB_UNLIMITED;
    info.has_fill = true;
    memset(info.fill, dtype.kind == SLAB_KIND_BOOL ? 1 : 3, dtype.size);
    slab_meta *t = begin("x.h5", true, &space);
    ck_ok(slab_meta_create_array(t, "x", &info));
    ck_ok(slab_meta_commit(&t, space.end, false, NULL, NULL));
    ck_ok(slab_meta_open("x.h5", &t));
    ck_ok(slab_meta_describe(t, "x", &told));
    ck_assert_msg(slab_dtype_equal(told.dtype, dtype), "type %d", _i);
    ck_assert_str_eq(told.fallback, "");
    ck_assert(slab_shape_equal(&told.shape, &info.shape));
    ck_assert(slab_shape_equal(&told.max_shape, &info.max_shape));
    ck_assert(slab_shape_equal(&told.chunk, &info.chunk));
    ck_assert(told.has_fill);
    if (dtype.precision == 8 * dtype.size || dtype.kind != SLAB_KIND_UINT)
        ck_assert_mem_eq(told.fill, info.fill, dtype.size);
    ck_assert_int_eq(told.stored_chunks, 0);
    slab_meta_close(&t);
}
END_TEST

START_TEST(filters_come_back_with_their_parameters)
{
    counter space;
    slab_array_info told, info = plain_info(slab_dtype_make(SLAB_KIND_INT, 4), 6, 12);
    static const int ids[] = {SLAB_FILTER_ZSTD, SLAB_FILTER_LZ4, SLAB_FILTER_BITSHUFFLE};
    info.pipeline.nfilters = 2;
    info.pipeline.filters[0] = (slab_filter){SLAB_FILTER_SHUFFLE, 0, 1, {4}, false};
    info.pipeline.filters[1] = (slab_filter){ids[_i], 1, 1, {3}, false};
    slab_meta *t = begin("x.h5", true, &space);
    ck_ok(slab_meta_create_array(t, "x", &info));
    ck_ok(slab_meta_commit(&t, space.end, false, NULL, NULL));
    ck_ok(slab_meta_open("x.h5", &t));
    ck_ok(slab_meta_describe(t, "x", &told));
    ck_assert_int_eq(told.pipeline.nfilters, 2);
    for (int f = 0; f < 2; f++) {
        ck_assert_int_eq(told.pipeline.filters[f].id, info.pipeline.filters[f].id);
        ck_assert_uint_eq(told.pipeline.filters[f].nvalues, 1);
        ck_assert_uint_eq(told.pipeline.filters[f].values[0], info.pipeline.filters[f].values[0]);
    }
    ck_assert_uint_eq(told.pipeline.type.bytes, 128);
    slab_meta_close(&t);
}
END_TEST

START_TEST(a_two_bit_array_gets_the_nbit_filter_as_hdf5_sets_it)
{
    counter space;
    slab_dtype two = slab_dtype_make(SLAB_KIND_UINT, 1);
    two.precision = 2;
    slab_array_info told, info = plain_info(two, 6, 12);
    const slab_codec *nbit = slab_codec_by_id(SLAB_FILTER_NBIT);
    info.pipeline.nfilters = 1;
    info.pipeline.filters[0].id = SLAB_FILTER_NBIT;
    ck_ok(nbit->configure(&info.pipeline.filters[0], &info.pipeline.type, -1));
    slab_meta *t = begin("x.h5", true, &space);
    ck_ok(slab_meta_create_array(t, "x", &info));
    ck_ok(slab_meta_commit(&t, space.end, false, NULL, NULL));
    ck_ok(slab_meta_open("x.h5", &t));
    ck_ok(slab_meta_describe(t, "x", &told));
    ck_assert_int_eq(told.pipeline.filters[0].id, SLAB_FILTER_NBIT);
    ck_assert_uint_eq(told.pipeline.filters[0].nvalues, info.pipeline.filters[0].nvalues);
    ck_assert_mem_eq(told.pipeline.filters[0].values, info.pipeline.filters[0].values,
                     sizeof told.pipeline.filters[0].values);
    slab_meta_close(&t);
}
END_TEST

START_TEST(scalars_and_small_arrays_are_written_through_memory)
{
    counter space;
    double value = 2.5, got = 0;
    uint8_t flags[3] = {1, 0, 1}, bools[3] = {9, 9, 9};
    slab_array_info info = {.dtype = slab_dtype_make(SLAB_KIND_FLOAT, 8),
                            .layout = SLAB_LAYOUT_CONTIGUOUS};
    info.dtype.big_endian = true;
    slab_meta *t = begin("x.h5", true, &space);
    ck_ok(slab_meta_create_array(t, "scalar", &info));
    ck_ok(slab_meta_write(t, "scalar", slab_dtype_make(SLAB_KIND_FLOAT, 8), &value));
    info.dtype = slab_dtype_make(SLAB_KIND_BOOL, 1);
    info.shape = info.max_shape = (slab_shape){1, {3}};
    ck_ok(slab_meta_create_array(t, "flags", &info));
    ck_ok(slab_meta_write(t, "flags", info.dtype, flags));
    ck_ok(slab_meta_commit(&t, space.end, true, NULL, NULL));
    ck_ok(slab_meta_open("x.h5", &t));
    slab_selection all = {.rank = 0};
    ck_ok(slab_meta_read(t, "scalar", &all, slab_dtype_make(SLAB_KIND_FLOAT, 8), &got));
    ck_assert_double_eq(got, 2.5);
    all = (slab_selection){.rank = 1, .start = {2}, .step = {-1}, .count = {3}};
    ck_ok(slab_meta_read(t, "flags", &all, info.dtype, bools));
    ck_assert_mem_eq(bools, flags, 3);
    ck_ok(slab_meta_describe(t, "scalar", &info));
    ck_assert_int_eq(info.shape.rank, 0);
    ck_assert_int_eq(info.layout, SLAB_LAYOUT_CONTIGUOUS);
    ck_assert_uint_eq(info.stored_bytes, 8);
    slab_meta_close(&t);
}
END_TEST

START_TEST(attributes_are_replaced)
{
    counter space;
    slab_attribute *list;
    size_t n;
    int32_t numbers[3] = {1, 2, 3};
    slab_meta *t = begin("x.h5", true, &space);
    ck_ok(slab_meta_attribute_text(t, "/", "title", "a much longer text than the next one"));
    ck_ok(slab_meta_attribute_text(t, "/", "title", "short"));
    ck_ok(slab_meta_attribute(t, "/", "numbers", slab_dtype_make(SLAB_KIND_INT, 4), 3, numbers));
    ck_ok(slab_meta_attribute(t, "/", "one", slab_dtype_make(SLAB_KIND_INT, 4), -1, numbers));
    ck_fails(slab_meta_attribute_text(t, "/nowhere", "a", "b"), SLAB_ERR_NOT_FOUND);
    ck_ok(slab_meta_commit(&t, space.end, true, NULL, NULL));
    ck_ok(slab_meta_open("x.h5", &t));
    ck_ok(slab_meta_attributes(t, "/", &list, &n));
    ck_assert_uint_eq(n, 3);
    ck_assert_str_eq(list[0].name, "numbers");
    ck_assert_str_eq(list[0].text, "[1, 2, 3]");
    ck_assert_str_eq(list[1].text, "1");
    ck_assert_int_eq(list[1].shape.rank, 0);
    ck_assert_str_eq(list[2].text, "short");
    for (size_t i = 0; i < n; i++) {
        slab_memory_free(list[i].name);
        slab_memory_free(list[i].text);
        slab_memory_free(list[i].data);
    }
    slab_memory_free(list);
    slab_meta_close(&t);
}
END_TEST

START_TEST(reserve_failing_fails_the_transaction_with_its_message)
{
    counter space;
    slab_meta *t = begin("x.h5", true, &space);
    char name[32];
    slab_status rc = SLAB_OK;
    slab_memory_limit_set(slab_memory_used() + 100000);
    for (int i = 0; i < 10000 && rc == SLAB_OK; i++) {
        snprintf(name, sizeof name, "/group%d", i);
        rc = slab_meta_create_group(t, name);
    }
    if (rc == SLAB_OK)
        rc = slab_meta_commit(&t, space.end, false, NULL, NULL);
    slab_memory_limit_set(0);
    ck_fails(rc, SLAB_ERR_MEMORY);
    slab_meta_abort(&t);
}
END_TEST

START_TEST(many_chunks_take_few_reservations)
{
    enum { N = 20000 };
    counter space;
    uint8_t zeros[32] = {0};
    slab_array_info info = plain_info(slab_dtype_make(SLAB_KIND_UINT, 1), 4 * N, 8);
    slab_placed_chunk *placed = calloc(N, sizeof *placed);
    slab_meta *t = begin("x.h5", true, &space);
    ck_ok(slab_meta_create_array(t, "x", &info));
    placed[0] = put_chunk("x.h5", &space, 0, zeros, sizeof zeros);
    for (int i = 1; i < N; i++)
        placed[i] = (slab_placed_chunk){i, placed[0].at};
    int before = space.calls;
    ck_ok(slab_meta_register(t, "x", placed, N));
    ck_assert_int_lt(space.calls - before, 40);
    ck_ok(slab_meta_commit(&t, space.end, false, NULL, NULL));
    ck_ok(slab_meta_open("x.h5", &t));
    slab_chunk *chunks = calloc(N, sizeof *chunks);
    slab_box box = {2, {0, 0}, {N, 1}};
    ck_ok(slab_meta_chunks(t, "x", &box, chunks));
    for (int i = 0; i < N; i++) {
        ck_assert_uint_eq(chunks[i].address, placed[i].at.address);
        ck_assert_uint_eq(chunks[i].size, 32);
    }
    slab_meta_close(&t);
    free(chunks);
    free(placed);
}
END_TEST

/* A whole transaction; its result. */
static slab_status try_all(const char *path, bool create)
{
    slab_status rc;
    counter space = {0};
    slab_meta *t = NULL;
    slab_array_info info = plain_info(slab_dtype_make(SLAB_KIND_INT, 4), 6, 12);
    slab_placed_chunk placed[4];
    rc = slab_meta_begin(path, create, reserve, &space, &t);
    if (rc != SLAB_OK)
        return rc;
    space.end = slab_meta_end(t);
    for (int c = 0; c < 4; c++) {
        placed[c] = (slab_placed_chunk){.number = c, .at.size = 128};
        reserve(&space, 128, 64, &placed[c].at.address);
    }
    rc = slab_meta_create_array(t, "/g/y", &info);
    if (rc == SLAB_OK)
        rc = slab_meta_register(t, "/g/y", placed, 4);
    if (rc == SLAB_OK)
        rc = slab_meta_attribute_text(t, "/g/y", "unit", "m");
    if (rc == SLAB_OK)
        rc = slab_meta_commit(&t, space.end, false, NULL, NULL);
    slab_meta_abort(&t);
    return rc;
}

static bool y_is_there(const char *path)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    ck_assert(file >= 0);
    bool there =
        H5Lexists(file, "g", H5P_DEFAULT) > 0 && H5Oexists_by_name(file, "/g/y", H5P_DEFAULT) > 0;
    ck_assert(H5Fclose(file) >= 0);
    return there;
}

START_TEST(whichever_allocation_fails_the_old_file_stays_and_nothing_leaks)
{
    long n = 1;
    make_file("x.h5", "x");
    size_t before = slab_memory_used();
    for (; n < 10000; n++) {
        slab_memory_fail_at(n);
        slab_status rc = try_all("x.h5", false);
        slab_memory_fail_at(0);
        if (rc == SLAB_OK)
            break;
        ck_assert_msg(rc == SLAB_ERR_MEMORY, "allocation %ld: %s", n, slab_error_last()->message);
        ck_assert_msg(!y_is_there("x.h5"), "allocation %ld", n);
        ck_assert_msg(slab_memory_used() == before, "allocation %ld", n);
        ck_assert_int_ne(access("x.h5.slab-journal", F_OK), 0);
    }
    ck_assert(y_is_there("x.h5"));
    ck_assert_int_ge((int)n, 15);
}
END_TEST

/* One less than it says, where its assertions are in the way. */
enum { AXES = H5_VERSION_GE(2, 0, 0) ? 31 : 32 };

START_TEST(arrays_of_all_axes_that_hdf5_takes_are_written_and_read)
{
    counter space;
    slab_array_info told,
        info = {.dtype = slab_dtype_make(SLAB_KIND_INT, 4), .layout = SLAB_LAYOUT_CHUNKED};
    int32_t bytes[32], value = 0;
    slab_chunk chunk[2];
    info.shape.rank = info.chunk.rank = AXES;
    for (int i = 0; i < AXES; i++)
        info.shape.extent[i] = info.chunk.extent[i] = i < 5 ? 2 : 1;
    info.shape.extent[AXES - 1] = 2;
    info.max_shape = info.shape;
    info.pipeline.type = (slab_chunk_type){info.dtype, 128};
    for (int i = 0; i < 32; i++)
        bytes[i] = i;
    slab_meta *t = begin("x.h5", true, &space);
    ck_ok(slab_meta_create_array(t, "x", &info));
    slab_placed_chunk placed = put_chunk("x.h5", &space, 1, bytes, sizeof bytes);
    ck_ok(slab_meta_register(t, "x", &placed, 1));
    ck_ok(slab_meta_commit(&t, space.end, true, NULL, NULL));
    ck_ok(slab_meta_open("x.h5", &t));
    ck_ok(slab_meta_describe(t, "x", &told));
    ck_assert(slab_shape_equal(&told.shape, &info.shape));
    slab_box box = {.rank = AXES};
    slab_selection one = {.rank = AXES};
    for (int i = 0; i < AXES; i++) {
        box.count[i] = i == AXES - 1 ? 2 : 1;
        one.step[i] = one.count[i] = 1;
        one.start[i] = i < 5 ? i % 2 : 0;
    }
    one.start[AXES - 1] = 1;
    ck_ok(slab_meta_chunks(t, "x", &box, chunk));
    ck_assert_uint_eq(chunk[0].size, 0);
    ck_assert_uint_eq(chunk[1].address, placed.at.address);
    ck_ok(slab_meta_read(t, "x", &one, info.dtype, &value));
    ck_assert_int_eq(value, 10); /* 01010 in binary */
    slab_meta_close(&t);
}
END_TEST

START_TEST(files_that_keep_account_of_their_space_are_refused)
{
    counter space = {0};
    slab_meta *t;
    hid_t fcpl = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_file_space_strategy(fcpl, _i ? H5F_FSPACE_STRATEGY_PAGE : H5F_FSPACE_STRATEGY_FSM_AGGR,
                               !_i, 1);
    H5Fclose(H5Fcreate("s.h5", H5F_ACC_TRUNC, fcpl, H5P_DEFAULT));
    H5Pclose(fcpl);
    ck_fails(slab_meta_begin("s.h5", false, reserve, &space, &t), SLAB_ERR_UNSUPPORTED);
    ck_says("h5repack");
    ck_assert_uint_eq(slab_memory_used(), 0);
}
END_TEST

START_TEST(writing_through_an_external_link_is_refused)
{
    counter space;
    slab_array_info info = plain_info(slab_dtype_make(SLAB_KIND_INT, 4), 6, 12);
    make_file("other.h5", "g/x");
    make_file("x.h5", "x");
    hid_t file = H5Fopen("x.h5", H5F_ACC_RDWR, H5P_DEFAULT);
    H5Lcreate_external("other.h5", "/g", file, "link", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    slab_meta *t = begin("x.h5", false, &space);
    ck_assert_int_ne(slab_meta_create_array(t, "/link/y", &info), SLAB_OK);
    ck_says("write to that file itself");
    slab_meta_abort(&t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("meta_write");
    TCase *c = tcase_create("transactions");
    tcase_add_checked_fixture(c, scratch_begin, scratch_end);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_new_file_with_registered_chunks_is_read_by_plain_hdf5);
    tcase_add_test(c, the_file_is_as_long_as_its_superblock_says);
    tcase_add_test(c, until_commit_an_existing_file_keeps_every_old_byte);
    tcase_add_test(c, an_existing_file_gains_an_array_and_keeps_its_own);
    tcase_add_loop_test(c, files_of_other_programs_gain_an_array, 0, 5);
    tcase_add_test(c, a_chunk_registered_twice_is_an_internal_error);
    tcase_add_loop_test(c, missing_chunks_read_as_the_fill_value, 0, 2);
    tcase_add_test(c, a_removed_array_frees_no_space_that_chunks_could_get);
    tcase_add_test(c, existing_paths_are_refused);
    tcase_add_test(c, shapes_and_chunks_that_hdf5_has_no_room_for_are_refused);
    tcase_add_loop_test(c, types_come_back_as_they_were_written, 0, 16);
    tcase_add_loop_test(c, filters_come_back_with_their_parameters, 0, 3);
    tcase_add_test(c, a_two_bit_array_gets_the_nbit_filter_as_hdf5_sets_it);
    tcase_add_test(c, scalars_and_small_arrays_are_written_through_memory);
    tcase_add_test(c, attributes_are_replaced);
    tcase_add_test(c, reserve_failing_fails_the_transaction_with_its_message);
    tcase_add_test(c, many_chunks_take_few_reservations);
    tcase_add_test(c, whichever_allocation_fails_the_old_file_stays_and_nothing_leaks);
    tcase_add_test(c, arrays_of_all_axes_that_hdf5_takes_are_written_and_read);
    tcase_add_loop_test(c, files_that_keep_account_of_their_space_are_refused, 0, 2);
    tcase_add_test(c, writing_through_an_external_link_is_refused);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}

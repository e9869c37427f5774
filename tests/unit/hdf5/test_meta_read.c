/* What files of other programs are taken for. */
#include "scratch_impl.h"

#include <hdf5.h>
#include <math.h>
#include <slab/storage/hdf5/meta.h>

static hid_t create(const char *name)
{
    hid_t file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(file >= 0);
    return file;
}

/* An array of these extents; data in the given memory type, or none. */
static void put(hid_t file, const char *name, hid_t type, hid_t dcpl, int rank,
                const hsize_t *extent, hid_t memory, const void *data)
{
    hid_t space = H5Screate_simple(rank, extent, NULL);
    hid_t array = H5Dcreate2(file, name, type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    ck_assert(array >= 0);
    if (data != NULL)
        ck_assert(H5Dwrite(array, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(array);
    H5Sclose(space);
}

static void put_attribute(hid_t place, const char *on, const char *name, hid_t type, int rank,
                          const hsize_t *extent, const void *data)
{
    hid_t space = rank > 0 ? H5Screate_simple(rank, extent, NULL) : H5Screate(H5S_SCALAR);
    hid_t a =
        H5Acreate_by_name(place, on, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(a >= 0);
    ck_assert(H5Awrite(a, type, data) >= 0);
    H5Aclose(a);
    H5Sclose(space);
}

static slab_array_info describe(const char *file, const char *path)
{
    slab_meta *m;
    slab_array_info info;
    ck_ok(slab_meta_open(file, &m));
    ck_ok(slab_meta_describe(m, path, &info));
    slab_meta_close(&m);
    return info;
}

static const hsize_t four[1] = {4};

/* --- opening --- */

START_TEST(what_is_no_hdf5_file_is_said_plainly)
{
    slab_meta *m;
    char zeros[3000] = {0};
    ck_fails(slab_meta_open("none.h5", &m), SLAB_ERR_NOT_FOUND);
    ck_says("cannot open 'none.h5': No such file");
    ck_assert_ptr_null(m);
    write_file("empty.h5", "", 0);
    ck_fails(slab_meta_open("empty.h5", &m), SLAB_ERR_FORMAT);
    ck_says("'empty.h5' is empty");
    write_file("text.h5", zeros, sizeof zeros);
    ck_fails(slab_meta_open("text.h5", &m), SLAB_ERR_FORMAT);
    ck_says("'text.h5' is not an HDF5 file");
    ck_fails(slab_meta_open(".", &m), SLAB_ERR_IO);
    ck_says("is a folder");
    ck_assert_uint_eq(slab_memory_used(), 0);
}
END_TEST

START_TEST(a_truncated_file_says_how_long_it_should_be)
{
    slab_meta *m;
    size_t n;
    int32_t data[4] = {1, 2, 3, 4};
    hid_t file = create("whole.h5");
    put(file, "x", H5T_STD_I32LE, H5P_DEFAULT, 1, four, H5T_NATIVE_INT32, data);
    H5Fclose(file);
    uint8_t *bytes = read_whole("whole.h5", &n);
    char words[80];
    write_file("cut.h5", bytes, n - 100);
    ck_fails(slab_meta_open("cut.h5", &m), SLAB_ERR_FORMAT);
    snprintf(words, sizeof words, "'cut.h5' is truncated: it has %zu bytes of %zu", n - 100, n);
    ck_assert_str_eq(slab_error_last()->message, words);
    for (size_t cut = 0; cut < n; cut += cut < 200 ? 7 : 101) {
        write_file("cut.h5", bytes, cut);
        ck_fails(slab_meta_open("cut.h5", &m), SLAB_ERR_FORMAT);
    }
    free(bytes);
}
END_TEST

/* --- finding --- */

typedef struct seen {
    char text[2000];
} seen;

static slab_status note(void *context, const char *path, slab_object object, const char *target)
{
    static const char *const kinds[] = {"group", "array", "type", "soft", "external"};
    seen *s = context;
    size_t used = strlen(s->text);
    snprintf(s->text + used, sizeof s->text - used, "%s %s%s%s\n", path, kinds[object],
             target ? " " : "", target ? target : "");
    return SLAB_OK;
}

static void make_tree(void)
{
    hid_t file = create("t.h5");
    H5Gclose(H5Gcreate2(file, "b", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Gclose(H5Gcreate2(file, "b/a", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    put(file, "b/z", H5T_STD_I8LE, H5P_DEFAULT, 1, four, H5T_NATIVE_INT8, NULL);
    put(file, "a", H5T_STD_I8LE, H5P_DEFAULT, 1, four, H5T_NATIVE_INT8, NULL);
    hid_t type = H5Tcopy(H5T_STD_I16BE);
    H5Tcommit2(file, "c", type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Tclose(type);
    H5Lcreate_soft("/b/z", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/gone", file, "broken", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("other.h5", "/x", file, "b/ext", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_hard(file, "/", file, "b/a/loop", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
}

START_TEST(objects_are_listed_in_name_order_and_loops_end)
{
    slab_meta *m;
    seen s = {""};
    make_tree();
    ck_ok(slab_meta_open("t.h5", &m));
    ck_ok(slab_meta_list(m, "/", true, note, &s));
    ck_assert_str_eq(s.text, "/a array\n/b group\n/b/a group\n/b/a/loop group\n"
                             "/b/ext external other.h5:/x\n/b/z array\n/broken soft /gone\n"
                             "/c type\n/soft soft /b/z\n");
    s.text[0] = '\0';
    ck_ok(slab_meta_list(m, "b/", false, note, &s));
    ck_assert_str_eq(s.text, "/b/a group\n/b/ext external other.h5:/x\n/b/z array\n");
    s.text[0] = '\0';
    ck_ok(slab_meta_list(m, "b/z", false, note, &s));
    ck_ok(slab_meta_list(m, "/broken", false, note, &s));
    ck_assert_str_eq(s.text, "/b/z array\n/broken soft /gone\n");
    slab_meta_close(&m);
}
END_TEST

START_TEST(what_is_not_there_is_named_with_what_is)
{
    slab_meta *m;
    slab_object object;
    slab_array_info info;
    make_tree();
    ck_ok(slab_meta_open("t.h5", &m));
    ck_fails(slab_meta_describe(m, "/b/y", &info), SLAB_ERR_NOT_FOUND);
    ck_assert_str_eq(slab_error_last()->message, "no '/b/y' in 't.h5': '/b' holds a, ext, z");
    ck_fails(slab_meta_object(m, "/q/r/s", &object), SLAB_ERR_NOT_FOUND);
    ck_says("'/' holds a, b, broken, c, soft");
    ck_fails(slab_meta_describe(m, "/a/x", &info), SLAB_ERR_NOT_FOUND);
    ck_says("'/a' is an array");
    ck_fails(slab_meta_describe(m, "b", &info), SLAB_ERR_TYPE);
    ck_says("'b' in 't.h5' is a group, not an array");
    ck_fails(slab_meta_describe(m, "/", &info), SLAB_ERR_TYPE);
    ck_ok(slab_meta_object(m, "/soft", &object));
    ck_assert_int_eq(object, SLAB_OBJECT_ARRAY);
    ck_ok(slab_meta_object(m, "/broken", &object));
    ck_assert_int_eq(object, SLAB_OBJECT_SOFT_LINK);
    ck_ok(slab_meta_object(m, "", &object));
    ck_assert_int_eq(object, SLAB_OBJECT_GROUP);
    ck_ok(slab_meta_describe(m, "/soft", &info));
    slab_meta_close(&m);
}
END_TEST

/* --- types --- */

static hid_t enum_of(hid_t base, const char *first, const char *second)
{
    hid_t type = H5Tenum_create(base);
    int zero = 0, one = 1;
    H5Tenum_insert(type, first, &zero);
    H5Tenum_insert(type, second, &one);
    return type;
}

static hid_t pair_of(hid_t part, const char *first, size_t gap)
{
    size_t size = H5Tget_size(part);
    hid_t type = H5Tcreate(H5T_COMPOUND, 2 * size + gap);
    H5Tinsert(type, first, 0, part);
    H5Tinsert(type, "i", size, part);
    return type;
}

static hid_t resized(hid_t base, size_t size)
{
    hid_t type = H5Tcopy(base);
    H5Tset_size(type, size);
    return type;
}

static hid_t bfloat16(void)
{
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(type, 15, 7, 8, 0, 7);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, 127);
    return type;
}

/* type, NumPy's name of it, its name when it is none of slab's, whether H5Dread must read it */
#define EXPECT(make, name, other, falls)                                                           \
    do {                                                                                           \
        hid_t type_ = (make);                                                                      \
        put(file, "t", type_, H5P_DEFAULT, 1, four, type_, NULL);                                  \
        H5Fflush(file, H5F_SCOPE_LOCAL);                                                           \
        slab_array_info info_ = describe("types.h5", "t");                                         \
        char text_[SLAB_DTYPE_NAME_MAX];                                                           \
        ck_assert_str_eq(slab_dtype_name(info_.dtype, text_), name);                               \
        ck_assert_str_eq(info_.type_name, other);                                                  \
        ck_assert_int_eq(info_.fallback[0] != '\0', falls);                                        \
        H5Tclose(type_);                                                                           \
        H5Ldelete(file, "t", H5P_DEFAULT);                                                         \
    } while (0)

START_TEST(numbers_of_every_kind_are_known)
{
    hid_t file = create("types.h5");
    EXPECT(H5Tcopy(H5T_STD_I8BE), "int8", "", 0);
    EXPECT(H5Tcopy(H5T_STD_U16LE), "uint16", "", 0);
    EXPECT(H5Tcopy(H5T_STD_I32BE), ">int32", "", 0);
    EXPECT(H5Tcopy(H5T_STD_U64BE), ">uint64", "", 0);
    EXPECT(H5Tcopy(H5T_IEEE_F32BE), ">float32", "", 0);
    EXPECT(H5Tcopy(H5T_IEEE_F64LE), "float64", "", 0);
    EXPECT(H5Tcopy(H5T_STD_B16BE), ">uint16", "", 0);
    EXPECT(resized(H5T_STD_I32LE, 3), "int32", "", 1);
    EXPECT(resized(H5T_STD_U64BE, 5), "uint64", "", 1);
    EXPECT(bfloat16(), "float32", "", 1);
    EXPECT(H5Tcopy(H5T_NATIVE_LDOUBLE), "float64", "", 1);
    EXPECT(enum_of(H5T_NATIVE_INT8, "FALSE", "TRUE"), "bool", "", 0);
    H5Fclose(file);
}
END_TEST

START_TEST(enums_complex_strings_and_the_rest_are_known)
{
    slab_array_info info;
    hid_t file = create("types.h5"), type;
    EXPECT(pair_of(H5T_IEEE_F32LE, "r", 0), "complex64", "", 0);
    EXPECT(pair_of(H5T_IEEE_F64BE, "r", 0), ">complex128", "", 0);
    type = enum_of(H5T_STD_I32LE, "FALSE", "TRUE");
    put(file, "e", type, H5P_DEFAULT, 1, four, type, NULL);
    H5Tclose(type);
    type = pair_of(H5T_IEEE_F32LE, "r", 4);
    put(file, "gap", type, H5P_DEFAULT, 1, four, type, NULL);
    H5Tclose(type);
    type = pair_of(H5T_STD_I16LE, "x", 0);
    put(file, "xy", type, H5P_DEFAULT, 1, four, type, NULL);
    H5Tclose(type);
    type = resized(H5T_C_S1, 12);
    put(file, "s", type, H5P_DEFAULT, 1, four, type, NULL);
    H5Tclose(type);
    type = resized(H5T_C_S1, H5T_VARIABLE);
    put(file, "vlen", type, H5P_DEFAULT, 1, four, type, NULL);
    H5Tclose(type);
    put(file, "ref", H5T_STD_REF_OBJ, H5P_DEFAULT, 1, four, H5T_STD_REF_OBJ, NULL);
    H5Fclose(file);
    info = describe("types.h5", "e");
    ck_assert_int_eq(info.dtype.kind, SLAB_KIND_INT);
    ck_assert(info.dtype.is_enum && info.dtype.size == 4);
    info = describe("types.h5", "gap");
    ck_assert_int_eq(info.dtype.kind, SLAB_KIND_OTHER);
    ck_assert_uint_eq(info.dtype.size, 12);
    ck_assert_str_eq(describe("types.h5", "xy").type_name, "compound {x: int16, i: int16}");
    info = describe("types.h5", "s");
    ck_assert_int_eq(info.dtype.kind, SLAB_KIND_STRING);
    ck_assert_uint_eq(info.dtype.size, 12);
    ck_assert_str_eq(describe("types.h5", "vlen").type_name, "variable-length string");
    ck_assert_str_eq(describe("types.h5", "ref").type_name, "object reference");
}
END_TEST

/* --- layouts --- */

START_TEST(layouts_are_told_and_where_contiguous_bytes_lie)
{
    size_t n;
    int32_t data[4] = {11, 22, 33, 44};
    hid_t fcpl = H5Pcreate(H5P_FILE_CREATE), compact = H5Pcreate(H5P_DATASET_CREATE);
    hid_t external = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_userblock(fcpl, 512);
    H5Pset_layout(compact, H5D_COMPACT);
    H5Pset_external(external, "raw.bin", 0, 16);
    hid_t file = H5Fcreate("l.h5", H5F_ACC_TRUNC, fcpl, H5P_DEFAULT);
    put(file, "contiguous", H5T_STD_I32LE, H5P_DEFAULT, 1, four, H5T_NATIVE_INT32, data);
    put(file, "unwritten", H5T_STD_I32LE, H5P_DEFAULT, 1, four, H5T_NATIVE_INT32, NULL);
    put(file, "compact", H5T_STD_I32LE, compact, 1, four, H5T_NATIVE_INT32, data);
    put(file, "external", H5T_STD_I32LE, external, 1, four, H5T_NATIVE_INT32, data);
    H5Fclose(file);
    H5Pclose(fcpl);
    H5Pclose(compact);
    H5Pclose(external);
    slab_array_info info = describe("l.h5", "contiguous");
    uint8_t *bytes = read_whole("l.h5", &n);
    ck_assert_int_eq(info.layout, SLAB_LAYOUT_CONTIGUOUS);
    ck_assert_uint_eq(info.stored_bytes, 16);
    ck_assert_mem_eq(bytes + info.offset, data, 16);
    ck_assert_str_eq(info.fallback, "");
    free(bytes);
    info = describe("l.h5", "unwritten");
    ck_assert(info.offset == UINT64_MAX && info.stored_bytes == 0);
    info = describe("l.h5", "compact");
    ck_assert_int_eq(info.layout, SLAB_LAYOUT_COMPACT);
    ck_assert_ptr_nonnull(strstr(info.fallback, "compact"));
    info = describe("l.h5", "external");
    ck_assert_int_eq(info.layout, SLAB_LAYOUT_EXTERNAL);
    ck_assert_ptr_nonnull(strstr(info.fallback, "external"));
}
END_TEST

START_TEST(scalars_null_spaces_empty_and_unlimited_axes)
{
    hsize_t empty[2] = {0, 5}, chunk[2] = {3, 5}, most[2] = {H5S_UNLIMITED, 5};
    hid_t file = create("s.h5"), dcpl = H5Pcreate(H5P_DATASET_CREATE);
    hid_t spaces[3] = {H5Screate(H5S_SCALAR), H5Screate(H5S_NULL),
                       H5Screate_simple(2, empty, most)};
    static const char *const names[3] = {"scalar", "null", "empty"};
    H5Pset_chunk(dcpl, 2, chunk);
    H5Pset_chunk_opts(dcpl, H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS);
    for (int i = 0; i < 3; i++) {
        H5Dclose(H5Dcreate2(file, names[i], H5T_NATIVE_FLOAT, spaces[i], H5P_DEFAULT,
                            i == 2 ? dcpl : H5P_DEFAULT, H5P_DEFAULT));
        H5Sclose(spaces[i]);
    }
    H5Fclose(file);
    H5Pclose(dcpl);
    slab_array_info info = describe("s.h5", "scalar");
    ck_assert_int_eq(info.shape.rank, 0);
    info = describe("s.h5", "null");
    ck_assert(info.shape.rank == 1 && info.shape.extent[0] == 0);
    info = describe("s.h5", "empty");
    ck_assert(info.shape.rank == 2 && info.shape.extent[0] == 0 && info.shape.extent[1] == 5);
    ck_assert(info.max_shape.extent[0] == SLAB_UNLIMITED && info.max_shape.extent[1] == 5);
    ck_assert(info.chunk.extent[0] == 3 && info.stored_chunks == 0 && info.edge_unfiltered);
}
END_TEST

START_TEST(fill_values_and_missing_codes)
{
    int16_t fill = 300, code = -99;
    double far = -9999, near = 7;
    hid_t file = create("m.h5"), dcpl = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_fill_value(dcpl, H5T_NATIVE_INT16, &fill);
    put(file, "both", H5T_STD_I16BE, dcpl, 1, four, H5T_NATIVE_INT16, NULL);
    put_attribute(file, "both", "_FillValue", H5T_NATIVE_INT16, 0, NULL, &fill);
    put_attribute(file, "both", "missing_value", H5T_STD_I16BE, 0, NULL, &code);
    put(file, "cf", H5T_NATIVE_UINT8, H5P_DEFAULT, 1, four, H5T_NATIVE_UINT8, NULL);
    put_attribute(file, "cf", "missing_value", H5T_NATIVE_DOUBLE, 0, NULL, &far);
    put_attribute(file, "cf", "_FillValue", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){1}, &near);
    put(file, "none", H5T_NATIVE_FLOAT, H5P_DEFAULT, 1, four, H5T_NATIVE_FLOAT, NULL);
    put_attribute(file, "none", "missing_value", resized(H5T_C_S1, 2), 0, NULL, "NA");
    H5Fclose(file);
    H5Pclose(dcpl);
    slab_array_info info = describe("m.h5", "both");
    ck_assert(info.has_fill && info.has_missing);
    ck_assert_mem_eq(info.fill, &fill, 2);
    ck_assert_int_eq(*(int16_t *)info.missing, (int16_t)__builtin_bswap16((uint16_t)-99));
    info = describe("m.h5", "cf"); /* -9999 is no byte; 7 is */
    ck_assert(!info.has_fill && info.has_missing && info.missing[0] == 7);
    info = describe("m.h5", "none");
    ck_assert(!info.has_missing);
}
END_TEST

/* --- attributes --- */

START_TEST(attributes_become_numbers_and_text)
{
    slab_meta *m;
    slab_attribute *list;
    size_t n;
    int16_t be[2] = {0x0100, 0x0200}; /* 1, 2 in big-endian */
    double values[2][2] = {{0.1, -2}, {1e300, NAN}};
    const char *words[2] = {"alpha", "beta \xc3\xa9"};
    hid_t file = create("a.h5"), vlen = resized(H5T_C_S1, H5T_VARIABLE);
    hid_t fixed = resized(H5T_C_S1, 8), pair = pair_of(H5T_STD_I16LE, "x", 0);
    H5Tset_strpad(fixed, H5T_STR_SPACEPAD);
    put_attribute(file, ".", "a", H5T_STD_I16BE, 1, (hsize_t[]){2}, be);
    put_attribute(file, ".", "b", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){2, 2}, values);
    put_attribute(file, ".", "c", vlen, 1, (hsize_t[]){2}, words);
    put_attribute(file, ".", "d", vlen, 0, NULL, words + 1);
    put_attribute(file, ".", "e", fixed, 0, NULL, "padded  ");
    put_attribute(file, ".", "f", pair, 0, NULL, be);
    hid_t null = H5Screate(H5S_NULL);
    H5Aclose(H5Acreate2(file, "g", H5T_NATIVE_INT, null, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(null);
    H5Fclose(file);
    ck_ok(slab_meta_open("a.h5", &m));
    ck_ok(slab_meta_attributes(m, "/", &list, &n));
    ck_assert_uint_eq(n, 7);
    static const char *const texts[7] = {"[1, 2]",
                                         "[[0.1, -2], [1e+300, nan]]",
                                         "[\"alpha\", \"beta \xc3\xa9\"]",
                                         "beta \xc3\xa9",
                                         "padded",
                                         "(compound {x: int16, i: int16})",
                                         "[]"};
    for (size_t i = 0; i < n; i++)
        ck_assert_str_eq(list[i].text, texts[i]);
    ck_assert_int_eq(((int16_t *)list[0].data)[1], 2);
    ck_assert_int_eq(list[1].shape.rank, 2);
    ck_assert_int_eq(list[2].dtype.kind, SLAB_KIND_STRING);
    ck_assert_ptr_null(list[2].data);
    ck_assert_int_eq(list[5].dtype.kind, SLAB_KIND_OTHER);
    for (size_t i = 0; i < n; i++) {
        slab_memory_free(list[i].name);
        slab_memory_free(list[i].text);
        slab_memory_free(list[i].data);
    }
    slab_memory_free(list);
    ck_fails(slab_meta_attributes(m, "/none", &list, &n), SLAB_ERR_NOT_FOUND);
    slab_meta_close(&m);
    ck_assert_uint_eq(slab_memory_used(), 0);
}
END_TEST

/* --- reading through HDF5 --- */

static slab_selection pick(int64_t start, int64_t step, int64_t count)
{
    return (slab_selection){.rank = 1, .start = {start}, .step = {step}, .count = {count}};
}

START_TEST(odd_numbers_are_converted_by_hdf5)
{
    slab_meta *m;
    int32_t data[4] = {-1, 70000, -8388608, 8388607}, got[4];
    float floats[4] = {1.5f, -0.25f, 3e38f, 0}, back[4];
    hid_t file = create("o.h5"), three = resized(H5T_STD_I32BE, 3), brain = bfloat16();
    put(file, "three", three, H5P_DEFAULT, 1, four, H5T_NATIVE_INT32, data);
    put(file, "brain", brain, H5P_DEFAULT, 1, four, H5T_NATIVE_FLOAT, floats);
    H5Fclose(file);
    ck_ok(slab_meta_open("o.h5", &m));
    slab_selection all = pick(0, 1, 4), back2 = pick(3, -2, 2);
    ck_ok(slab_meta_read(m, "three", &all, slab_dtype_make(SLAB_KIND_INT, 4), got));
    ck_assert_mem_eq(got, data, sizeof data);
    ck_ok(slab_meta_read(m, "three", &back2, slab_dtype_make(SLAB_KIND_INT, 4), got));
    ck_assert(got[0] == data[3] && got[1] == data[1]);
    ck_ok(slab_meta_read(m, "brain", &all, slab_dtype_make(SLAB_KIND_FLOAT, 4), back));
    ck_assert(back[0] == 1.5f && back[1] == -0.25f && back[3] == 0);
    all.count[0] = 5;
    ck_fails(slab_meta_read(m, "three", &all, slab_dtype_make(SLAB_KIND_INT, 4), got),
             SLAB_ERR_RANGE);
    slab_meta_close(&m);
}
END_TEST

/* x[i, j, k] = 100 i + 10 j + k; x[::-1, 1, 3:0:-2] by hand. */
START_TEST(negative_steps_and_dropped_axes_keep_c_order)
{
    slab_meta *m;
    hsize_t extent[3] = {3, 3, 4};
    int data[36], got[6];
    for (int i = 0; i < 36; i++)
        data[i] = 100 * (i / 12) + 10 * (i / 4 % 3) + i % 4;
    hid_t file = create("n.h5");
    put(file, "x", H5T_STD_I64LE, H5P_DEFAULT, 3, extent, H5T_NATIVE_INT, data);
    H5Fclose(file);
    slab_selection s = {3, {2, 1, 3}, {-1, 1, -2}, {3, 1, 2}, {false, true, false}};
    ck_ok(slab_meta_open("n.h5", &m));
    ck_ok(slab_meta_read(m, "x", &s, slab_dtype_make(SLAB_KIND_INT, 4), got));
    static const int expected[6] = {213, 211, 113, 111, 13, 11};
    ck_assert_mem_eq(got, expected, sizeof expected);
    s.count[0] = 0;
    ck_ok(slab_meta_read(m, "x", &s, slab_dtype_make(SLAB_KIND_INT, 4), got));
    slab_meta_close(&m);
}
END_TEST

/* 16 bytes stored as one raw block of lz4's container; HDF5 has no plugin for it here. */
START_TEST(slabs_codecs_serve_h5dread_without_a_plugin)
{
    slab_meta *m;
    hsize_t zero[1] = {0};
    int32_t data[4] = {5, 6, 7, 8}, got[4];
    uint8_t packed[32] = {0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 16, 0, 0, 0, 16};
    /* a raw block in a Zstandard frame: magic, single segment of 16 bytes, last raw block of 16 */
    uint8_t frame[25] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 16, 0x81, 0, 0};
    unsigned level = 1;
    memcpy(packed + 16, data, 16);
    memcpy(frame + 9, data, 16);
    setenv("HDF5_PLUGIN_PATH", "/nowhere", 1);
    hid_t file = create("z.h5"), space = H5Screate_simple(1, four, NULL);
    for (int i = 0; i < 2; i++) {
        hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE);
        H5Pset_chunk(dcpl, 1, four);
        H5Pset_filter(dcpl, i ? 32015 : 32004, H5Z_FLAG_OPTIONAL, 1, &level);
        hid_t array = H5Dcreate2(file, i ? "zstd" : "lz4", H5T_STD_I32LE, space, H5P_DEFAULT, dcpl,
                                 H5P_DEFAULT);
        ck_assert(H5Dwrite_chunk(array, H5P_DEFAULT, 0, zero, i ? 25 : 32, i ? frame : packed) >=
                  0);
        H5Dclose(array);
        H5Pclose(dcpl);
    }
    H5Sclose(space);
    H5Fclose(file);
    slab_selection all = pick(0, 1, 4);
    ck_ok(slab_meta_open("z.h5", &m));
    ck_ok(slab_meta_read(m, "lz4", &all, slab_dtype_make(SLAB_KIND_INT, 4), got));
    ck_assert_mem_eq(got, data, 16);
    memset(got, 0, 16);
    ck_ok(slab_meta_read(m, "zstd", &all, slab_dtype_make(SLAB_KIND_INT, 4), got));
    ck_assert_mem_eq(got, data, 16);
    slab_meta_close(&m);
}
END_TEST

static void make_virtual(const char *source_file, const char *source)
{
    int32_t data[4] = {1, 2, 3, 4};
    hid_t file = create("src.h5"), space = H5Screate_simple(1, four, NULL);
    put(file, "x", H5T_STD_I32LE, H5P_DEFAULT, 1, four, H5T_NATIVE_INT32, data);
    H5Fclose(file);
    hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE);
    ck_assert(H5Pset_virtual(dcpl, space, source_file, source, space) >= 0);
    file = create("v.h5");
    put(file, "v", H5T_STD_I32LE, dcpl, 1, four, H5T_NATIVE_INT32, NULL);
    H5Fclose(file);
    H5Pclose(dcpl);
    H5Sclose(space);
}

START_TEST(virtual_arrays_are_read_and_missing_sources_are_errors)
{
    slab_meta *m;
    int32_t got[4];
    slab_selection back = pick(3, -1, 4);
    slab_dtype dtype = slab_dtype_make(SLAB_KIND_INT, 4);
    make_virtual("src.h5", "x");
    ck_assert_int_eq(describe("v.h5", "v").layout, SLAB_LAYOUT_VIRTUAL);
    ck_ok(slab_meta_open("v.h5", &m));
    ck_ok(slab_meta_read(m, "v", &back, dtype, got));
    ck_assert(got[0] == 4 && got[1] == 3 && got[2] == 2 && got[3] == 1);
    slab_meta_close(&m);
    make_virtual("gone.h5", "x");
    ck_ok(slab_meta_open("v.h5", &m));
    ck_fails(slab_meta_read(m, "v", &back, dtype, got), SLAB_ERR_NOT_FOUND);
    ck_says("source file 'gone.h5' is missing");
    slab_meta_close(&m);
    make_virtual("src.h5", "y");
    ck_ok(slab_meta_open("v.h5", &m));
    ck_fails(slab_meta_read(m, "v", &back, dtype, got), SLAB_ERR_NOT_FOUND);
    ck_says("source 'y' is missing in 'src.h5'");
    slab_meta_close(&m);
}
END_TEST

START_TEST(arrays_behind_external_links_are_read)
{
    slab_meta *m;
    int32_t got[4];
    slab_selection all = pick(0, 1, 4);
    make_virtual("src.h5", "x");
    hid_t file = create("e.h5");
    H5Lcreate_external("src.h5", "/x", file, "link", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    ck_ok(slab_meta_open("e.h5", &m));
    ck_ok(slab_meta_read(m, "link", &all, slab_dtype_make(SLAB_KIND_INT, 4), got));
    ck_assert_int_eq(got[2], 3);
    slab_meta_close(&m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("meta_read");
    TCase *c = tcase_create("reading");
    tcase_add_checked_fixture(c, scratch_begin, scratch_end);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, what_is_no_hdf5_file_is_said_plainly);
    tcase_add_test(c, a_truncated_file_says_how_long_it_should_be);
    tcase_add_test(c, objects_are_listed_in_name_order_and_loops_end);
    tcase_add_test(c, what_is_not_there_is_named_with_what_is);
    tcase_add_test(c, numbers_of_every_kind_are_known);
    tcase_add_test(c, enums_complex_strings_and_the_rest_are_known);
    tcase_add_test(c, layouts_are_told_and_where_contiguous_bytes_lie);
    tcase_add_test(c, scalars_null_spaces_empty_and_unlimited_axes);
    tcase_add_test(c, fill_values_and_missing_codes);
    tcase_add_test(c, attributes_become_numbers_and_text);
    tcase_add_test(c, odd_numbers_are_converted_by_hdf5);
    tcase_add_test(c, negative_steps_and_dropped_axes_keep_c_order);
    tcase_add_test(c, slabs_codecs_serve_h5dread_without_a_plugin);
    tcase_add_test(c, virtual_arrays_are_read_and_missing_sources_are_errors);
    tcase_add_test(c, arrays_behind_external_links_are_read);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}

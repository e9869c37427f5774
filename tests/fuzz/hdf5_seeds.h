/*
 * HDF5 files to begin from, as other programs write them: what HDF5's library can make, in its old
 * format and in its newer ones; and slab's own.
 */
#ifndef SLAB_TESTS_FUZZ_HDF5_SEEDS_H
#define SLAB_TESTS_FUZZ_HDF5_SEEDS_H

#include "fuzzing.h"
#include <hdf5.h>
#include <slab/storage/hdf5/library_impl.h>
#include <slab/storage/transaction.h>

/* Small: few elements of i4, counted up. */
enum { SEED_ELEMENTS = 60 };

static inline hid_t good(hid_t id)
{
    if (id < 0)
        H5Eprint2(H5E_DEFAULT, stderr);
    MUST(id >= 0, "HDF5 does not make a seed");
    return id;
}

static inline const int32_t *seed_elements(void)
{
    static int32_t elements[SEED_ELEMENTS];
    for (int i = 0; i < SEED_ELEMENTS; i++)
        elements[i] = i * 3 - 7;
    return elements;
}

/* An array of i4 in memory, of any type in the file. Its lists are closed. */
static inline hid_t seed_array(hid_t at, const char *name, hid_t type, int rank,
                               const hsize_t *extent, const hsize_t *most, hid_t dcpl)
{
    hid_t space = good(H5Screate_simple(rank, extent, most));
    hid_t array = good(H5Dcreate2(at, name, type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT));
    if (H5Tget_class(type) == H5T_INTEGER || H5Tget_class(type) == H5T_FLOAT)
        good(H5Dwrite(array, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, seed_elements()));
    H5Sclose(space);
    if (dcpl != H5P_DEFAULT)
        H5Pclose(dcpl);
    return array;
}

static inline void seed_attribute(hid_t at, const char *name, hid_t type, hid_t memory, hsize_t n,
                                  const void *data)
{
    hid_t space = good(n > 0 ? H5Screate_simple(1, &n, NULL) : H5Screate(H5S_SCALAR));
    hid_t attribute = good(H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT));
    good(H5Awrite(attribute, memory, data));
    H5Aclose(attribute);
    H5Sclose(space);
}

static inline hid_t chunks(int rank, const hsize_t *chunk)
{
    hid_t dcpl = good(H5Pcreate(H5P_DATASET_CREATE));
    good(H5Pset_chunk(dcpl, rank, chunk));
    return dcpl;
}

/* --- what is in a file --- */

static inline void seed_layouts(hid_t file)
{
    hsize_t extent[] = {3, 4};
    double scale[] = {0.5, -2};
    int32_t fill = -1;
    hid_t compact = good(H5Pcreate(H5P_DATASET_CREATE));
    good(H5Pset_layout(compact, H5D_COMPACT));
    good(H5Pset_fill_value(compact, H5T_NATIVE_INT32, &fill));
    hid_t array = seed_array(file, "contiguous", H5T_IEEE_F64BE, 2, extent, NULL, H5P_DEFAULT);
    seed_attribute(array, "scale", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 2, scale);
    seed_attribute(array, "missing_value", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 0, scale);
    H5Dclose(array);
    H5Dclose(seed_array(file, "compact", H5T_STD_I16LE, 2, extent, NULL, compact));
    H5Dclose(seed_array(file, "scalar", H5T_STD_U8LE, 0, NULL, NULL, H5P_DEFAULT));
    hid_t space = good(H5Screate(H5S_NULL));
    H5Dclose(good(
        H5Dcreate2(file, "null", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)));
    H5Sclose(space);
}

/* In the newer format each has another index. */
static inline void seed_chunked(hid_t file)
{
    hsize_t extent[] = {5, 7}, chunk[] = {2, 3}, one[] = {H5S_UNLIMITED, 7},
            both[] = {H5S_UNLIMITED, H5S_UNLIMITED};
    hid_t dcpl = chunks(2, chunk);
    good(H5Pset_alloc_time(dcpl, H5D_ALLOC_TIME_EARLY));
    H5Dclose(seed_array(file, "implicit", H5T_STD_I32LE, 2, extent, NULL, dcpl));
    dcpl = chunks(2, extent);
    good(H5Pset_deflate(dcpl, 1));
    H5Dclose(seed_array(file, "single", H5T_STD_I32LE, 2, extent, NULL, dcpl));
    dcpl = chunks(2, chunk);
    good(H5Pset_shuffle(dcpl));
    good(H5Pset_deflate(dcpl, 1));
    good(H5Pset_fletcher32(dcpl));
    H5Dclose(seed_array(file, "fixed", H5T_STD_I32LE, 2, extent, NULL, dcpl));
    H5Dclose(seed_array(file, "extensible", H5T_STD_I32BE, 2, extent, one, chunks(2, chunk)));
    dcpl = chunks(2, chunk);
    good(H5Pset_deflate(dcpl, 1));
    good(H5Pset_chunk_opts(dcpl, H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS));
    H5Dclose(seed_array(file, "tree", H5T_STD_I16BE, 2, extent, both, dcpl));
}

static inline void seed_packed(hid_t file)
{
    hsize_t extent[] = {20}, chunk[] = {8};
    hid_t type = good(H5Tcopy(H5T_STD_I16LE)), dcpl = chunks(1, chunk);
    good(H5Tset_precision(type, 9));
    good(H5Tset_offset(type, 2));
    good(H5Pset_nbit(dcpl));
    H5Dclose(seed_array(file, "nbit", type, 1, extent, NULL, dcpl));
    H5Tclose(type);
    dcpl = chunks(1, chunk);
    good(H5Pset_scaleoffset(dcpl, H5Z_SO_INT, 0));
    H5Dclose(seed_array(file, "scaleoffset", H5T_STD_I32LE, 1, extent, NULL, dcpl));
    dcpl = chunks(1, chunk);
    good(H5Pset_szip(dcpl, H5_SZIP_NN_OPTION_MASK, 8));
    H5Dclose(seed_array(file, "szip", H5T_STD_I32LE, 1, extent, NULL, dcpl));
}

/* Filters that are slab's own, as HDF5 uses them. */
static inline void seed_filters(hid_t file)
{
    static const struct {
        const char *name;
        H5Z_filter_t id;
        size_t n;
        unsigned values[6];
    } all[] = {
        {"zstd", 32015, 1, {1}}, {"bitshuffle", 32008, 5, {0, 4, 4, 0, 2}}, {"lz4", 32004, 0, {0}}};
    hsize_t extent[] = {60}, chunk[] = {32};
    MUST(is_good(slab_hdf5_enter()) && is_good(slab_hdf5_filters(NULL)), "no filters");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        hid_t dcpl = chunks(1, chunk);
        good(H5Pset_filter(dcpl, all[i].id, H5Z_FLAG_OPTIONAL, all[i].n, all[i].values));
        H5Dclose(seed_array(file, all[i].name, H5T_STD_I32LE, 1, extent, NULL, dcpl));
    }
    slab_hdf5_leave();
}

static inline void seed_groups(hid_t file)
{
    hsize_t extent[] = {4};
    hid_t group = good(H5Gcreate2(file, "a", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    hid_t below = good(H5Gcreate2(group, "b", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Dclose(seed_array(below, "x", H5T_STD_I32LE, 1, extent, NULL, H5P_DEFAULT));
    good(H5Lcreate_hard(file, "/a/b/x", group, "y", H5P_DEFAULT, H5P_DEFAULT));
    good(H5Lcreate_hard(file, "/a", below, "above", H5P_DEFAULT, H5P_DEFAULT));
    good(H5Lcreate_soft("/a/b", file, "soft", H5P_DEFAULT, H5P_DEFAULT));
    good(H5Lcreate_soft("/nowhere", file, "dangling", H5P_DEFAULT, H5P_DEFAULT));
    good(H5Lcreate_external("f.h5", "/a/b/x", file, "external", H5P_DEFAULT, H5P_DEFAULT));
    hid_t type = good(H5Tcopy(H5T_STD_U16BE));
    good(H5Tcommit2(file, "type", type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Dclose(seed_array(file, "typed", type, 1, extent, NULL, H5P_DEFAULT));
    H5Tclose(type);
    H5Gclose(below);
    H5Gclose(group);
}

/* Links and attributes in fractal heaps, with trees by name and by order. */
static inline void seed_dense(hid_t file)
{
    hid_t gcpl = good(H5Pcreate(H5P_GROUP_CREATE));
    char name[16];
    good(H5Pset_link_phase_change(gcpl, 0, 0));
    good(H5Pset_link_creation_order(gcpl, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED));
    good(H5Pset_attr_phase_change(gcpl, 0, 0));
    good(H5Pset_attr_creation_order(gcpl, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED));
    hid_t group = good(H5Gcreate2(file, "dense", H5P_DEFAULT, gcpl, H5P_DEFAULT));
    for (int32_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "name%d", i);
        seed_attribute(group, name, H5T_STD_I32LE, H5T_NATIVE_INT32, 0, &i);
        good(H5Lcreate_soft("/dense", group, name, H5P_DEFAULT, H5P_DEFAULT));
    }
    H5Gclose(group);
    H5Pclose(gcpl);
}

static inline void seed_texts(hid_t file)
{
    const char *texts[] = {"one", "", "three and more", "four"};
    hsize_t n = 4, chunk = 3;
    hvl_t lists[2] = {{2, (void *)(uintptr_t)seed_elements()}, {0, NULL}};
    hsize_t two = 2;
    hid_t text = good(H5Tcopy(H5T_C_S1)), fixed = good(H5Tcopy(H5T_C_S1)),
          list = good(H5Tvlen_create(H5T_STD_I32LE));
    good(H5Tset_size(text, H5T_VARIABLE));
    good(H5Tset_cset(text, H5T_CSET_UTF8));
    good(H5Tset_size(fixed, 5));
    good(H5Tset_strpad(fixed, H5T_STR_SPACEPAD));
    hid_t array = seed_array(file, "texts", text, 1, &n, NULL, chunks(1, &chunk));
    good(H5Dwrite(array, text, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts));
    seed_attribute(array, "units", text, text, 0, texts);
    seed_attribute(array, "fixed", fixed, fixed, 2, "ab   cdefg");
    H5Dclose(array);
    array = seed_array(file, "fixed", fixed, 1, &n, NULL, H5P_DEFAULT);
    good(H5Dwrite(array, fixed, H5S_ALL, H5S_ALL, H5P_DEFAULT, "abcdefghijklmnopqrst"));
    H5Dclose(array);
    array = seed_array(file, "lists", list, 1, &two, NULL, H5P_DEFAULT);
    good(H5Dwrite(array, list, H5S_ALL, H5S_ALL, H5P_DEFAULT, lists));
    H5Dclose(array);
    H5Tclose(list);
    H5Tclose(fixed);
    H5Tclose(text);
}

static inline hid_t seed_enum(const char *zero, const char *one)
{
    hid_t type = good(H5Tenum_create(H5T_NATIVE_INT8));
    good(H5Tenum_insert(type, zero, &(int8_t){0}));
    good(H5Tenum_insert(type, one, &(int8_t){1}));
    return type;
}

static inline void seed_types(hid_t file)
{
    hsize_t n = 3, sides[] = {2, 2};
    hid_t boolean = seed_enum("FALSE", "TRUE"), choice = seed_enum("no", "yes"),
          complex = good(H5Tcreate(H5T_COMPOUND, 8)), record = good(H5Tcreate(H5T_COMPOUND, 16)),
          matrix = good(H5Tarray_create2(H5T_STD_I16LE, 2, sides)),
          opaque = good(H5Tcreate(H5T_OPAQUE, 3)), half = good(H5Tcopy(H5T_IEEE_F32LE));
    good(H5Tinsert(complex, "r", 0, H5T_IEEE_F32LE));
    good(H5Tinsert(complex, "i", 4, H5T_IEEE_F32LE));
    good(H5Tinsert(record, "id", 0, H5T_STD_I32LE));
    good(H5Tinsert(record, "matrix", 4, matrix));
    good(H5Tinsert(record, "choice", 12, choice));
    good(H5Tset_tag(opaque, "a tag"));
    good(H5Tset_fields(half, 15, 10, 5, 0, 10));
    good(H5Tset_size(half, 2));
    good(H5Tset_ebias(half, 15));
    struct {
        const char *name;
        hid_t type;
    } all[] = {{"boolean", boolean}, {"choice", choice},      {"complex", complex},
               {"record", record},   {"matrix", matrix},      {"opaque", opaque},
               {"half", half},       {"bits", H5T_STD_B16BE}, {"reference", H5T_STD_REF_OBJ}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        hid_t array = seed_array(file, all[i].name, all[i].type, 1, &n, NULL, H5P_DEFAULT);
        if (all[i].type == H5T_STD_REF_OBJ) {
            hobj_ref_t to[3] = {0, 0, 0};
            good(H5Rcreate(&to[0], file, "/boolean", H5R_OBJECT, -1));
            good(H5Dwrite(array, H5T_STD_REF_OBJ, H5S_ALL, H5S_ALL, H5P_DEFAULT, to));
        } else {
            good(H5Dwrite(array, all[i].type, H5S_ALL, H5S_ALL, H5P_DEFAULT, seed_elements()));
        }
        H5Dclose(array);
    }
    hid_t made[] = {boolean, choice, complex, record, matrix, opaque, half};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        H5Tclose(made[i]);
}

/* Its sources lie in the same file. */
static inline void seed_virtual(hid_t file)
{
    hsize_t one[] = {4}, both[] = {2, 4}, row[] = {1, 4}, start[] = {0, 0};
    hid_t dcpl = good(H5Pcreate(H5P_DATASET_CREATE)), space = good(H5Screate_simple(2, both, NULL)),
          from = good(H5Screate_simple(1, one, NULL));
    const char *names[] = {"p", "q"};
    for (int i = 0; i < 2; i++) {
        H5Dclose(seed_array(file, names[i], H5T_STD_I32LE, 1, one, NULL, H5P_DEFAULT));
        start[0] = (hsize_t)i;
        good(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, row, NULL));
        good(H5Pset_virtual(dcpl, space, ".", names[i], from));
    }
    good(H5Sselect_all(space));
    H5Dclose(
        good(H5Dcreate2(file, "virtual", H5T_STD_I32LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT)));
    H5Sclose(from);
    H5Sclose(space);
    H5Pclose(dcpl);
}

/* --- files --- */

static inline void take_file(const char *name, fuzz_take take)
{
    static uint8_t bytes[1 << 16];
    ssize_t n = file_read("f.h5", bytes, sizeof bytes);
    MUST(n > 0 && n < (ssize_t)sizeof bytes, "the seed '%s' has %zd bytes", name, n);
    unlink("f.h5");
    take(name, bytes, (size_t)n);
}

/* As small as HDF5 makes it. */
static inline void seed_file(const char *name, void (*fill)(hid_t file), H5F_libver_t format,
                             hsize_t user_block, fuzz_take take)
{
    hid_t fapl = good(H5Pcreate(H5P_FILE_ACCESS)), fcpl = good(H5Pcreate(H5P_FILE_CREATE));
    good(H5Pset_libver_bounds(fapl, format, H5F_LIBVER_LATEST));
    good(H5Pset_meta_block_size(fapl, 0));
    good(H5Pset_small_data_block_size(fapl, 0));
    good(H5Pset_userblock(fcpl, user_block));
    good(H5Pset_sym_k(fcpl, 2, 2));
    good(H5Pset_istore_k(fcpl, 2));
    hid_t file = good(H5Fcreate("f.h5", H5F_ACC_TRUNC, fcpl, fapl));
    fill(file);
    good(H5Fclose(file));
    H5Pclose(fcpl);
    H5Pclose(fapl);
    take_file(name, take);
}

static inline void seed_own(fuzz_take take)
{
    slab_txn *txn = NULL;
    slab_writer *writer = NULL;
    slab_txn_options options = slab_txn_defaults();
    slab_array_spec spec = {
        .dtype = slab_dtype_make(SLAB_KIND_INT, 4), .shape = {2, {5, 7}}, .chunk = {2, {5, 4}}};
    options.sync = options.direct = false;
    unlink("f.h5");
    MUST(is_good(slab_txn_begin(slab_ranks_world(), "f.h5", &options, &txn)) &&
             is_good(slab_txn_create(txn, "/x", &spec, &writer)) &&
             is_good(slab_writer_put(writer, 0, 0, seed_elements())) &&
             is_good(slab_writer_put(writer, 0, 1, seed_elements())) &&
             is_good(slab_writer_close(&writer)) && is_good(slab_txn_commit(&txn)),
         "%s", slab_error_last()->message);
    take_file("seed-own", take);
}

static inline void hdf5_seeds(fuzz_take take)
{
    static const struct {
        const char *name;
        void (*fill)(hid_t file);
    } all[] = {{"layouts", seed_layouts}, {"chunked", seed_chunked}, {"packed", seed_packed},
               {"filters", seed_filters}, {"groups", seed_groups},   {"dense", seed_dense},
               {"texts", seed_texts},     {"types", seed_types},     {"virtual", seed_virtual}};
    char name[64];
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        snprintf(name, sizeof name, "seed-%s-old", all[i].name);
        seed_file(name, all[i].fill, H5F_LIBVER_EARLIEST, 0, take);
        snprintf(name, sizeof name, "seed-%s-new", all[i].name);
        seed_file(name, all[i].fill, H5F_LIBVER_LATEST, 0, take);
    }
    seed_file("seed-user-block", seed_layouts, H5F_LIBVER_EARLIEST, 512, take);
    seed_own(take);
}

#endif

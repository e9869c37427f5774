/* The chunk map, against what HDF5 says chunk by chunk, for every index that it has. */
#include "hdf5_impl.h"
#include "scratch_impl.h"

#include <slab/storage/hdf5/meta.h>

/* For sanitizer builds: HDF5 forgets memory when it finds metadata damaged; slab must not. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

/* The kinds of chunk index, and what makes HDF5 choose them. */
typedef struct index_kind {
    const char *name;
    int latest, filtered, unlimited, early, single;
    hsize_t user_block;
} index_kind;

static const index_kind kinds[] = {
    {"B-tree, version 1", 0, 1, 0, 0, 0, 0},
    {"B-tree, version 1, unfiltered", 0, 0, 0, 0, 0, 0},
    {"B-tree, version 1, behind a user block", 0, 1, 0, 0, 0, 1024},
    {"single chunk", 1, 0, 0, 0, 1, 0},
    {"single chunk, filtered", 1, 1, 0, 0, 1, 0},
    {"implicit", 1, 0, 0, 1, 0, 0},
    {"fixed array", 1, 0, 0, 0, 0, 0},
    {"fixed array, filtered", 1, 1, 0, 0, 0, 512},
    {"extensible array", 1, 0, 1, 0, 0, 0},
    {"extensible array, filtered", 1, 1, 1, 0, 0, 0},
    {"B-tree, version 2", 1, 0, 2, 0, 0, 0},
    {"B-tree, version 2, filtered", 1, 1, 2, 0, 0, 2048},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* [50, 33] of i32 in chunks of [7, 8]; or in one chunk. Only every second row of chunks is there.
 */
static void make_file(const index_kind *k)
{
    hsize_t extent[2] = {50, 33}, most[2] = {50, 33}, chunk[2] = {7, 8};
    int32_t row[33];
    hid_t fapl = H5Pcreate(H5P_FILE_ACCESS), fcpl = H5Pcreate(H5P_FILE_CREATE);
    hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE);
    if (k->latest)
        H5Pset_libver_bounds(fapl, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    H5Pset_userblock(fcpl, k->user_block);
    if (k->single)
        chunk[0] = 50, chunk[1] = 33;
    for (int i = 0; i < k->unlimited; i++)
        most[i] = H5S_UNLIMITED;
    H5Pset_chunk(dcpl, 2, chunk);
    if (k->filtered)
        H5Pset_deflate(dcpl, 6);
    if (k->early)
        H5Pset_alloc_time(dcpl, H5D_ALLOC_TIME_EARLY);
    hid_t file = H5Fcreate("c.h5", H5F_ACC_TRUNC, fcpl, fapl);
    hid_t space = H5Screate_simple(2, extent, most);
    hid_t array = H5Dcreate2(file, "g", H5T_STD_I32LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    ck_assert(array >= 0);
    for (hsize_t i = 0; i < 50; i++) {
        if (i / 7 % 2 == 1)
            continue;
        hsize_t start[2] = {i, 0}, count[2] = {1, 33};
        hid_t memory = H5Screate_simple(2, count, NULL);
        for (int j = 0; j < 33; j++)
            row[j] = (int32_t)(i * i * 7919 + (hsize_t)(j * j * j));
        H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
        ck_assert(H5Dwrite(array, H5T_NATIVE_INT32, memory, space, H5P_DEFAULT, row) >= 0);
        H5Sclose(memory);
    }
    H5Dclose(array);
    H5Sclose(space);
    ck_assert(H5Fclose(file) >= 0);
    H5Pclose(dcpl);
    H5Pclose(fcpl);
    H5Pclose(fapl);
}

/* The bytes at each address are the chunk's: the same that H5Dread_chunk gives. */
static void compare(const index_kind *k, const slab_chunk *chunks, const int64_t count[2],
                    const hsize_t extent[2])
{
    size_t n;
    uint8_t *whole = read_whole("c.h5", &n), bytes[8000];
    hid_t file = H5Fopen("c.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t array = H5Dopen2(file, "g", H5P_DEFAULT);
    int there = 0;
    for (int64_t i = 0; i < count[0]; i++)
        for (int64_t j = 0; j < count[1]; j++) {
            const slab_chunk *c = &chunks[i * count[1] + j];
            hsize_t offset[2] = {(hsize_t)i * extent[0], (hsize_t)j * extent[1]};
            haddr_t address;
            hsize_t size = 0;
            unsigned mask;
            uint32_t read_mask;
            ck_assert(H5Dget_chunk_info_by_coord(array, offset, &mask, &address, &size) >= 0);
            ck_assert_msg(c->size == size, "%s: chunk %d, %d", k->name, (int)i, (int)j);
            if (size == 0)
                continue;
            there++;
            ck_assert_uint_eq(c->mask, mask);
            ck_assert(hdf5_read_chunk(array, offset, &read_mask, bytes, sizeof bytes) >= 0);
            ck_assert_mem_eq(whole + c->address, bytes, size);
        }
    ck_assert_int_eq(there, k->single ? 1 : k->early ? 40 : 20);
    H5Dclose(array);
    H5Fclose(file);
    free(whole);
}

static void check_same(const slab_chunk *a, const slab_chunk *b)
{
    ck_assert_uint_eq(a->address, b->address);
    ck_assert_uint_eq(a->size, b->size);
    ck_assert_uint_eq(a->mask, b->mask);
}

START_TEST(every_index_gives_the_addresses_that_hdf5_reads_from)
{
    const index_kind *k = &kinds[_i];
    slab_meta *m;
    slab_chunk chunks[40], part[6];
    int64_t count[2] = {k->single ? 1 : 8, k->single ? 1 : 5};
    hsize_t extent[2] = {k->single ? 50 : 7, k->single ? 33 : 8};
    slab_box box = {2, {0, 0}, {count[0], count[1]}};
    make_file(k);
    ck_ok(slab_meta_open("c.h5", &m));
    ck_ok(slab_meta_chunks(m, "/g", &box, chunks));
    compare(k, chunks, count, extent);
    if (!k->single) { /* a part of the grid is that part of the map */
        box = (slab_box){2, {2, 1}, {2, 3}};
        ck_ok(slab_meta_chunks(m, "g", &box, part));
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < 3; j++)
                check_same(&part[i * 3 + j], &chunks[(2 + i) * 5 + 1 + j]);
    }
    slab_array_info info;
    ck_ok(slab_meta_describe(m, "g", &info));
    ck_assert_int_eq(info.stored_chunks, k->single ? 1 : k->early ? 40 : 20);
    slab_meta_close(&m);
    ck_assert_uint_eq(slab_memory_used(), 0);
}
END_TEST

START_TEST(boxes_outside_of_the_grid_are_range_errors)
{
    slab_meta *m;
    slab_chunk chunks[40];
    slab_box box = {2, {0, 0}, {8, 6}};
    make_file(&kinds[0]);
    ck_ok(slab_meta_open("c.h5", &m));
    ck_fails(slab_meta_chunks(m, "g", &box, chunks), SLAB_ERR_RANGE);
    box.start[0] = -1;
    ck_fails(slab_meta_chunks(m, "g", &box, chunks), SLAB_ERR_RANGE);
    box.rank = 1;
    ck_fails(slab_meta_chunks(m, "g", &box, chunks), SLAB_ERR_SHAPE);
    box = (slab_box){2, {8, 0}, {0, 5}};
    ck_ok(slab_meta_chunks(m, "g", &box, chunks));
    slab_meta_close(&m);
}
END_TEST

START_TEST(an_array_that_was_never_written_has_no_chunks)
{
    hsize_t extent[1] = {100}, chunk[1] = {10};
    slab_meta *m;
    slab_chunk chunks[10];
    slab_box box = {1, {0}, {10}};
    for (int filtered = 0; filtered < 2; filtered++) {
        hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, extent, NULL);
        H5Pset_chunk(dcpl, 1, chunk);
        if (filtered)
            H5Pset_shuffle(dcpl);
        hid_t file = H5Fcreate("e.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        H5Dclose(H5Dcreate2(file, "x", H5T_STD_I8LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT));
        H5Fclose(file);
        H5Sclose(space);
        H5Pclose(dcpl);
        memset(chunks, 0xFF, sizeof chunks);
        ck_ok(slab_meta_open("e.h5", &m));
        ck_ok(slab_meta_chunks(m, "x", &box, chunks));
        for (int i = 0; i < 10; i++)
            ck_assert_uint_eq(chunks[i].size, 0);
        slab_meta_close(&m);
    }
}
END_TEST

/* Damages one byte after another of the metadata: an error or some map inside the file, no crash.
 */
START_TEST(damaged_metadata_is_an_error_and_never_a_crash)
{
    size_t n, errors = 0, mapped = 0;
    make_file(&kinds[_i]);
    uint8_t *whole = read_whole("c.h5", &n);
    size_t step = n / 300 + 1;
    for (size_t at = 8; at < n; at += at < 1200 ? 3 : step) {
        uint8_t keep = whole[at];
        slab_meta *m = NULL;
        slab_array_info info;
        slab_chunk chunks[40];
        slab_box box = {2, {0, 0}, {8, 5}};
        whole[at] = (uint8_t)(at % 2 == 0 ? 0xFF : keep ^ 0x11);
        write_file("bad.h5", whole, n);
        whole[at] = keep;
        slab_status rc = slab_meta_open("bad.h5", &m);
        if (rc == SLAB_OK)
            rc = slab_meta_describe(m, "g", &info);
        if (rc == SLAB_OK)
            rc = slab_meta_chunks(m, "g", &box, chunks);
        for (int c = 0; rc == SLAB_OK && c < 40; c++)
            if (chunks[c].size > 0) {
                mapped++;
                ck_assert(chunks[c].address + chunks[c].size <= n);
            }
        errors += rc != SLAB_OK;
        slab_meta_close(&m);
    }
    ck_assert_uint_gt(errors, 5);
    ck_assert_uint_gt(mapped, 100);
    free(whole);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chunk_map");
    TCase *c = tcase_create("map");
    tcase_add_checked_fixture(c, scratch_begin, scratch_end);
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, every_index_gives_the_addresses_that_hdf5_reads_from, 0, KINDS);
    tcase_add_test(c, boxes_outside_of_the_grid_are_range_errors);
    tcase_add_test(c, an_array_that_was_never_written_has_no_chunks);
    tcase_add_loop_test(c, damaged_metadata_is_an_error_and_never_a_crash, 0, 3);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}

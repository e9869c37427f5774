/* Heaps of texts: those that HDF5 writes are whole, and none is whose objects state another size.
 */
#include "scratch_impl.h"

#include <hdf5.h>

#include <slab/storage/hdf5/heap_impl.h>

enum { TEXTS = 3000, LONGEST = 20000, FIRST_READ = 4096, HEADER = 16 };

static uint8_t *bytes;
static slab_driver_file file = {.fd = -1, .path = (char *)"x.h5"};

static void file_open(void)
{
    struct stat st;
    file.fd = open("x.h5", O_RDWR);
    ck_assert(file.fd >= 0 && fstat(file.fd, &st) == 0);
    file.size = (uint64_t)st.st_size;
    bytes = malloc(file.size);
    ck_assert_int_eq(pread(file.fd, bytes, file.size, 0), st.st_size);
}

static void begin(void)
{
    static char longest[LONGEST + 1];
    char(*text)[16] = malloc(TEXTS * sizeof *text);
    const char **at = malloc(TEXTS * sizeof *at);
    hsize_t n = TEXTS;
    scratch_begin();
    for (int i = 0; i < TEXTS; i++) {
        snprintf(text[i], sizeof *text, "%.*s%d", i % 7, "xxxxxxx", i);
        at[i] = text[i];
    }
    memset(longest, 'y', LONGEST);
    at[1000] = longest;
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &n, NULL);
    ck_assert(H5Tset_size(type, H5T_VARIABLE) >= 0);
    hid_t id = H5Fcreate("x.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t array = H5Dcreate2(id, "x", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(H5Dwrite(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, at) >= 0);
    ck_assert(H5Dclose(array) >= 0 && H5Sclose(space) >= 0 && H5Tclose(type) >= 0 &&
              H5Fclose(id) >= 0);
    free(text);
    free(at);
    file_open();
}

static void end(void)
{
    close(file.fd);
    free(bytes);
    scratch_end();
}

/* The next heap at or behind an address; 0: there is none. */
static uint64_t heap_from(uint64_t at)
{
    while (at + HEADER < file.size && memcmp(bytes + at, "GCOL\1\0\0", 8) != 0)
        at += 8;
    return at + HEADER < file.size ? at : 0;
}

static uint64_t word(uint64_t at)
{
    uint64_t value;
    memcpy(&value, bytes + at, sizeof value);
    return value;
}

static void word_set(uint64_t at, uint64_t value)
{
    memcpy(bytes + at, &value, sizeof value);
    ck_assert_int_eq(pwrite(file.fd, &value, sizeof value, (off_t)at), sizeof value);
}

/* As HDF5 reads it: the first 4096 bytes. */
static slab_status check(uint64_t heap)
{
    size_t n = file.size - heap < FIRST_READ ? (size_t)(file.size - heap) : FIRST_READ;
    return slab_heap_check(&file, heap, n, bytes + heap);
}

static uint64_t next_object(uint64_t at)
{
    uint64_t size = word(at + 8);
    return bytes[at] == 0 && bytes[at + 1] == 0 ? at + size : at + HEADER + (size + 7) / 8 * 8;
}

START_TEST(heaps_of_hdf5_are_whole)
{
    int large = 0;
    for (uint64_t at = heap_from(0); at != 0; at = heap_from(at + word(at + 8))) {
        ck_assert_msg(check(at) == SLAB_OK, "heap at %llu: %s", (unsigned long long)at,
                      slab_error_last()->message);
        large += word(at + 8) > FIRST_READ;
    }
    ck_assert_int_gt(large, 0);
}
END_TEST

START_TEST(an_object_that_does_not_fit_is_found_wherever_it_is)
{
    static const uint64_t wrong[] = {1 << 20, UINT64_MAX, UINT64_MAX - 15, INT64_MAX};
    int objects = 0;
    for (uint64_t at = heap_from(0); at != 0; at = heap_from(at + word(at + 8)))
        for (uint64_t o = at + HEADER; o + HEADER <= at + word(at + 8); o = next_object(o)) {
            uint64_t was = word(o + 8);
            for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                word_set(o + 8, wrong[i]);
                ck_assert_msg(check(at) == SLAB_ERR_FORMAT, "object at %llu",
                              (unsigned long long)o);
            }
            word_set(o + 8, was);
            objects++;
        }
    ck_assert_int_gt(objects, TEXTS);
}
END_TEST

START_TEST(free_space_without_bytes_is_no_way_on)
{
    uint64_t heap = heap_from(0), o = heap + HEADER;
    while (bytes[o] != 0 || bytes[o + 1] != 0) {
        o = next_object(o);
        ck_assert_uint_le(o + HEADER, heap + word(heap + 8));
    }
    word_set(o + 8, 0);
    ck_assert_int_eq(check(heap), SLAB_ERR_FORMAT);
}
END_TEST

START_TEST(a_heap_lies_in_its_file_and_has_a_size)
{
    static const uint64_t wrong[] = {0, 16, 4095, UINT64_MAX, 1 << 30};
    uint64_t heap = heap_from(0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        word_set(heap + 8, wrong[i]);
        ck_assert_int_eq(check(heap), SLAB_ERR_FORMAT);
    }
}
END_TEST

START_TEST(what_is_no_heap_is_left_alone)
{
    uint64_t heap = heap_from(0);
    word_set(heap + 8, 0);
    ck_assert_int_eq(slab_heap_check(&file, heap, HEADER - 1, bytes + heap), SLAB_OK);
    bytes[heap + 4] = 2; /* a version that HDF5 refuses itself */
    ck_assert_int_eq(check(heap), SLAB_OK);
    ck_assert_int_eq(check(0), SLAB_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap");
    TCase *tests = tcase_create("heap");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, heaps_of_hdf5_are_whole);
    tcase_add_test(tests, an_object_that_does_not_fit_is_found_wherever_it_is);
    tcase_add_test(tests, free_space_without_bytes_is_no_way_on);
    tcase_add_test(tests, a_heap_lies_in_its_file_and_has_a_size);
    tcase_add_test(tests, what_is_no_heap_is_left_alone);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

/* Arrays whose elements lie in other files, and chunks that HDF5 is to decode. */
#include "scratch_impl.h"

#include <errno.h>
#include <hdf5.h>

#include <slab/storage/hdf5/journal.h>
#include <slab/storage/hdf5/meta.h>

static const hsize_t four[1] = {4};

static const int32_t numbers[4] = {11, 22, 33, 44};

static hid_t create(const char *name)
{
    hid_t file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(file >= 0);
    return file;
}

/* Four numbers, or what the property list says of them. */
static void put(hid_t file, const char *name, hid_t dcpl, const int32_t *data)
{
    hid_t space = H5Screate_simple(1, four, NULL);
    hid_t array = H5Dcreate2(file, name, H5T_STD_I32LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    ck_assert(array >= 0);
    if (data)
        ck_assert(H5Dwrite(array, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(array);
    H5Sclose(space);
    if (dcpl != H5P_DEFAULT)
        H5Pclose(dcpl);
}

static hid_t chunked(void)
{
    const hsize_t two[1] = {2};
    hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(dcpl, 1, two);
    return dcpl;
}

/* A view of all of a source. */
static hid_t view_of(const char *file, const char *object)
{
    hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, four, NULL);
    ck_assert(H5Pset_virtual(dcpl, space, file, object, space) >= 0);
    H5Sclose(space);
    return dcpl;
}

static hid_t lies_in(const char *file)
{
    hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE);
    ck_assert(H5Pset_external(dcpl, file, 0, 16) >= 0);
    return dcpl;
}

/* Reads all four of an array; got stays as it was after a failure. */
static slab_status read_four(const char *name, const char *path, int32_t got[4])
{
    slab_meta *m;
    slab_selection all = {.rank = 1, .step = {1}, .count = {4}};
    ck_ok(slab_meta_open(name, &m));
    slab_status rc = slab_meta_read(m, path, &all, slab_dtype_make(SLAB_KIND_INT, 4), got);
    slab_meta_close(&m);
    return rc;
}

static void reads_as(const char *name, const char *path, const int32_t expected[4])
{
    int32_t got[4] = {0};
    ck_ok(read_four(name, path, got));
    ck_assert_mem_eq(got, expected, sizeof got);
}

static void make_link(void)
{
    int32_t others[4] = {7, 7, 7, 7};
    hid_t file = create("src.h5");
    put(file, "contiguous", H5P_DEFAULT, numbers);
    put(file, "chunked", chunked(), numbers);
    H5Fclose(file);
    file = create("main.h5");
    put(file, "contiguous", H5P_DEFAULT, others);
    put(file, "chunked", chunked(), others);
    H5Lcreate_external("src.h5", "/contiguous", file, "far", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("src.h5", "/chunked", file, "far_chunked", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("src.h5", "/nothing", file, "gone", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("pipe", "/x", file, "pipe", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
}

START_TEST(an_array_behind_an_external_link_has_no_address_in_this_file)
{
    static const char *const far[2] = {"/far", "/far_chunked"};
    static const char *const here[2] = {"/contiguous", "/chunked"};
    slab_meta *m;
    slab_array_info info;
    slab_chunk chunks[2];
    slab_box box = {.rank = 1, .count = {2}};
    uint64_t key, other;
    make_link();
    ck_ok(slab_meta_open("main.h5", &m));
    for (int i = 0; i < 2; i++) {
        ck_ok(slab_meta_describe(m, far[i], &info));
        ck_assert(info.elsewhere && info.offset == UINT64_MAX);
        ck_assert_uint_eq(info.stored_bytes, 16);
        ck_assert_ptr_nonnull(strstr(info.fallback, "src.h5' (external link)"));
        ck_ok(slab_meta_describe(m, here[i], &info));
        ck_assert(!info.elsewhere);
        ck_assert_str_eq(info.fallback, "");
        ck_ok(slab_meta_object_key(m, far[i], &key));
        ck_ok(slab_meta_object_key(m, here[i], &other)); /* at the same address, in its file */
        ck_assert_uint_ne(key, other);
        reads_as("main.h5", far[i], numbers);
    }
    ck_fails(slab_meta_chunks(m, "/far_chunked", &box, chunks), SLAB_ERR_UNSUPPORTED);
    ck_says("'/far_chunked' of 'main.h5' lies in another file");
    ck_ok(slab_meta_chunks(m, "/chunked", &box, chunks));
    slab_meta_close(&m);
}
END_TEST

START_TEST(a_link_that_leads_nowhere_says_where_to)
{
    slab_meta *m;
    slab_array_info info;
    make_link();
    ck_assert_int_eq(mkfifo("pipe", 0600), 0);
    ck_ok(slab_meta_open("main.h5", &m));
    ck_fails(slab_meta_describe(m, "/gone", &info), SLAB_ERR_NOT_FOUND);
    ck_says("'/gone' is a link to 'src.h5:/nothing', where there is nothing");
    ck_fails(slab_meta_describe(m, "gone/below/it", &info), SLAB_ERR_NOT_FOUND);
    ck_says("'gone' is a link to 'src.h5:/nothing'");
    ck_fails(slab_meta_describe(m, "/pipe", &info), SLAB_ERR_NOT_FOUND);
    ck_says("is a link to 'pipe:/x', which cannot be followed:");
    ck_says("is not a regular file");
    slab_meta_close(&m);
}
END_TEST

/* Nobody holds the file: who wrote the journal has died, and it is not whole. */
START_TEST(an_interrupted_commit_into_another_file_is_undone_first)
{
    char *journal;
    make_link();
    hid_t file = create("v.h5");
    put(file, "v", view_of("src.h5", "chunked"), NULL);
    H5Fclose(file);
    ck_ok(slab_journal_path("src.h5", &journal));
    write_file(journal, "", 0);
    reads_as("main.h5", "/far", numbers);
    ck_assert_int_ne(access(journal, F_OK), 0);
    write_file(journal, "", 0);
    reads_as("v.h5", "v", numbers);
    ck_assert_int_ne(access(journal, F_OK), 0);
    slab_memory_free(journal);
}
END_TEST

START_TEST(views_of_views_need_all_their_sources)
{
    int32_t got[4];
    hid_t file = create("w.h5");
    put(file, "gone", view_of("gone.h5", "x"), NULL);
    put(file, "x", H5P_DEFAULT, numbers);
    put(file, "good", view_of(".", "x"), NULL);
    H5Fclose(file);
    file = create("v.h5");
    put(file, "gone", view_of("w.h5", "gone"), NULL);
    put(file, "good", view_of("w.h5", "/good"), NULL);
    put(file, "self", view_of("v.h5", "self"), NULL);
    H5Fclose(file);
    reads_as("v.h5", "good", numbers);
    ck_fails(read_four("v.h5", "gone", got), SLAB_ERR_NOT_FOUND);
    ck_says("its source '/gone' in 'w.h5': its source file 'gone.h5' is missing");
    ck_fails(read_four("v.h5", "self", got), SLAB_ERR_FORMAT);
    ck_says("it is a view of itself");
}
END_TEST

START_TEST(views_can_be_sixteen_deep)
{
    char name[16], above[16];
    int32_t got[4];
    hid_t file = create("v.h5");
    put(file, "v0", H5P_DEFAULT, numbers);
    for (int i = 1; i <= 17; i++) {
        snprintf(name, sizeof name, "v%d", i);
        snprintf(above, sizeof above, "v%d", i - 1);
        put(file, name, view_of(".", above), NULL);
    }
    H5Fclose(file);
    reads_as("v.h5", "v16", numbers);
    ck_fails(read_four("v.h5", "v17", got), SLAB_ERR_UNSUPPORTED);
    ck_says("it is a view of views, more than 16 deep");
}
END_TEST

START_TEST(a_percent_sign_in_a_sources_name_is_one)
{
    int32_t got[4];
    hid_t file = create("v.h5");
    put(file, "100%", H5P_DEFAULT, numbers);
    put(file, "good", view_of(".", "100%%"), NULL);
    put(file, "gone", view_of(".", "99%%"), NULL);
    H5Fclose(file);
    reads_as("v.h5", "good", numbers);
    ck_fails(read_four("v.h5", "gone", got), SLAB_ERR_NOT_FOUND);
    ck_says("its source '99%' is missing in the file");
}
END_TEST

START_TEST(a_source_is_looked_for_beside_the_view_before_the_working_folder)
{
    int32_t got[4];
    ck_assert_int_eq(mkdir("below", 0700), 0);
    hid_t file = create("src.h5");
    put(file, "x", H5P_DEFAULT, numbers);
    H5Fclose(file);
    file = create("below/src.h5"); /* HDF5 takes this one: it has no x */
    H5Fclose(file);
    file = create("below/v.h5");
    put(file, "v", view_of("src.h5", "x"), NULL);
    H5Fclose(file);
    ck_fails(read_four("below/v.h5", "v", got), SLAB_ERR_NOT_FOUND);
    ck_says("its source 'x' is missing in 'below/src.h5'");
}
END_TEST

static void make_external(const char *name, const char *file)
{
    hid_t h5 = create(name);
    put(h5, "x", lies_in(file), NULL);
    H5Fclose(h5);
}

START_TEST(external_storage_is_a_file_that_is_long_enough)
{
    int32_t got[4];
    make_external("e.h5", "raw.bin");
    write_file("raw.bin", numbers, sizeof numbers);
    reads_as("e.h5", "x", numbers);
    write_file("raw.bin", numbers, 15);
    ck_fails(read_four("e.h5", "x", got), SLAB_ERR_FORMAT);
    ck_says("'raw.bin' (external storage), 16 bytes at 0, but that has 15");
    unlink("raw.bin");
    ck_fails(read_four("e.h5", "x", got), SLAB_ERR_NOT_FOUND);
    ck_says("cannot open 'raw.bin'");
    ck_assert_int_eq(mkfifo("raw.bin", 0600), 0); /* HDF5 would wait for ever */
    ck_fails(read_four("e.h5", "x", got), SLAB_ERR_FORMAT);
    ck_says("which is not a regular file");
    hid_t file = create("v.h5"); /* a view of it as well */
    put(file, "v", view_of("e.h5", "x"), NULL);
    H5Fclose(file);
    ck_fails(read_four("v.h5", "v", got), SLAB_ERR_FORMAT);
    ck_says("which is not a regular file");
}
END_TEST

START_TEST(external_storage_lies_below_the_files_folder_or_where_the_user_says)
{
    int32_t got[4];
    char here[PATH_MAX], absolute[PATH_MAX + 16];
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    ck_assert_int_eq(mkdir("files", 0700), 0);
    ck_assert_int_eq(mkdir("secret", 0700), 0);
    write_file("secret/raw.bin", numbers, sizeof numbers);
    write_file("files/raw.bin", numbers, sizeof numbers);
    ck_assert_int_eq(symlink("../secret/raw.bin", "files/link.bin"), 0);
    snprintf(absolute, sizeof absolute, "%s/files/raw.bin", here);
    make_external("files/absolute.h5", absolute);
    reads_as("files/absolute.h5", "x", numbers);
    snprintf(absolute, sizeof absolute, "%s/secret/raw.bin", here);
    make_external("files/secret.h5", absolute);
    make_external("files/up.h5", "files/../secret/raw.bin");
    make_external("files/link.h5", "files/link.bin");
    static const char *const outside[3] = {"files/secret.h5", "files/up.h5", "files/link.h5"};
    for (int i = 0; i < 3; i++) {
        ck_fails(read_four(outside[i], "x", got), SLAB_ERR_UNSUPPORTED);
        ck_says("which is not below the folder of 'files/");
        ck_says("set HDF5_EXTFILE_PREFIX to a folder above it");
        setenv("HDF5_EXTFILE_PREFIX", ".", 1);
        reads_as(outside[i], "x", numbers);
        unsetenv("HDF5_EXTFILE_PREFIX");
    }
}
END_TEST

static uint64_t digest_of(const char *name, const char *path)
{
    slab_meta *m;
    uint64_t digest;
    ck_ok(slab_meta_open(name, &m));
    ck_ok(slab_meta_outside_digest(m, path, &digest));
    slab_meta_close(&m);
    return digest;
}

START_TEST(a_digest_tells_when_another_file_has_changed)
{
    make_link();
    make_external("e.h5", "raw.bin");
    write_file("raw.bin", numbers, sizeof numbers);
    hid_t file = create("v.h5");
    put(file, "v", view_of("src.h5", "chunked"), NULL);
    H5Fclose(file);
    uint64_t link = digest_of("main.h5", "/far"), external = digest_of("e.h5", "x");
    uint64_t view = digest_of("v.h5", "v"), here = digest_of("main.h5", "/chunked");
    ck_assert_uint_eq(digest_of("main.h5", "/far"), link);
    ck_assert_uint_eq(digest_of("v.h5", "v"), view);
    file = H5Fopen("src.h5", H5F_ACC_RDWR, H5P_DEFAULT);
    put(file, "more", H5P_DEFAULT, numbers);
    H5Fclose(file);
    write_file("raw.bin", "more than sixteen bytes", 24);
    ck_assert_uint_ne(digest_of("main.h5", "/far"), link);
    ck_assert_uint_ne(digest_of("v.h5", "v"), view);
    ck_assert_uint_ne(digest_of("e.h5", "x"), external);
    ck_assert_uint_eq(digest_of("main.h5", "/chunked"), here);
    unlink("src.h5");
    digest_of("v.h5", "v"); /* what is missing is not its business */
}
END_TEST

/* Integers of three bytes, in one chunk of which n packed bytes are given. */
static void put_packed(hid_t file, const char *name, uint32_t mask, const void *bytes, size_t n)
{
    hid_t type = H5Tcopy(H5T_STD_I32LE), dcpl = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(1, four, NULL);
    hsize_t zero = 0;
    H5Tset_size(type, 3);
    H5Pset_chunk(dcpl, 1, four);
    H5Pset_deflate(dcpl, 1);
    hid_t array = H5Dcreate2(file, name, type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    ck_assert(H5Dwrite_chunk(array, H5P_DEFAULT, mask, &zero, n, bytes) >= 0);
    H5Dclose(array);
    H5Sclose(space);
    H5Pclose(dcpl);
    H5Tclose(type);
}

START_TEST(a_chunk_that_decodes_to_too_few_bytes_is_not_left_to_hdf5)
{
    int32_t got[4];
    /* zlib.compress(bytes([1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0, 0])), and of the first three */
    static const uint8_t whole[] = {0x78, 0x9c, 0x63, 0x64, 0x60, 0x60, 0x62, 0x60, 0x60, 0x66,
                                    0x60, 0x60, 0x61, 0x60, 0x00, 0x00, 0x00, 0x48, 0x00, 0x0b};
    static const uint8_t few[] = {0x78, 0x9c, 0x63, 0x64, 0x60, 0x00, 0x00, 0x00, 0x06, 0x00, 0x02};
    static const int32_t expected[4] = {1, 2, 3, 4};
    hid_t file = create("c.h5");
    put_packed(file, "whole", 0, whole, sizeof whole);
    put_packed(file, "few", 0, few, sizeof few);
    put_packed(file, "plain", 1, "abc", 3);
    H5Fclose(file);
    reads_as("c.h5", "whole", expected);
    ck_fails(read_four("c.h5", "few", got), SLAB_ERR_FORMAT);
    ck_says("'few' of 'c.h5': chunk [0]: chunk decodes to 3 bytes where 12 are expected");
    ck_fails(read_four("c.h5", "plain", got), SLAB_ERR_FORMAT);
    ck_says("chunk [0]: 3 bytes without filters where a chunk has 12");
}
END_TEST

START_TEST(types_within_types_have_an_end)
{
    slab_meta *m;
    slab_array_info info;
    hsize_t one[1] = {1};
    hid_t file = create("d.h5"), type = H5Tcopy(H5T_STD_I32LE);
    hid_t space = H5Screate_simple(1, one, NULL);
    for (int i = 0; i < 65; i++) {
        hid_t above = H5Tarray_create2(type, 1, one);
        H5Tclose(type);
        type = above;
        if (i == 62 || i == 64)
            H5Dclose(H5Dcreate2(file, i == 62 ? "good" : "deep", type, space, H5P_DEFAULT,
                                H5P_DEFAULT, H5P_DEFAULT));
    }
    H5Tclose(type);
    H5Sclose(space);
    H5Fclose(file);
    ck_ok(slab_meta_open("d.h5", &m));
    ck_ok(slab_meta_describe(m, "good", &info));
    ck_fails(slab_meta_describe(m, "deep", &info), SLAB_ERR_UNSUPPORTED);
    ck_says("its element type is more than 64 levels deep");
    slab_meta_close(&m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("outside");
    TCase *c = tcase_create("reading");
    tcase_add_checked_fixture(c, scratch_begin, scratch_end);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, an_array_behind_an_external_link_has_no_address_in_this_file);
    tcase_add_test(c, a_link_that_leads_nowhere_says_where_to);
    tcase_add_test(c, an_interrupted_commit_into_another_file_is_undone_first);
    tcase_add_test(c, views_of_views_need_all_their_sources);
    tcase_add_test(c, views_can_be_sixteen_deep);
    tcase_add_test(c, a_percent_sign_in_a_sources_name_is_one);
    tcase_add_test(c, a_source_is_looked_for_beside_the_view_before_the_working_folder);
    tcase_add_test(c, external_storage_is_a_file_that_is_long_enough);
    tcase_add_test(c, external_storage_lies_below_the_files_folder_or_where_the_user_says);
    tcase_add_test(c, a_digest_tells_when_another_file_has_changed);
    tcase_add_test(c, a_chunk_that_decodes_to_too_few_bytes_is_not_left_to_hdf5);
    tcase_add_test(c, types_within_types_have_an_end);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}

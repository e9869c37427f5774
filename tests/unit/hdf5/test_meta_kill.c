/* A commit killed at every system call leaves the old file or the new one, whole. */
#include "kill_impl.h"
#include "scratch_impl.h"

#include <hdf5.h>
#include <slab/storage/hdf5/journal.h>
#include <slab/storage/hdf5/meta.h>

static uint64_t space_end;

static slab_status reserve(void *context, uint64_t bytes, uint64_t align, uint64_t *address)
{
    (void)context;
    *address = (space_end + align - 1) / align * align;
    space_end = *address + bytes;
    return SLAB_OK;
}

static void add_array(slab_meta *m, const char *path, const char *name, int32_t value)
{
    slab_array_info info = {.dtype = slab_dtype_make(SLAB_KIND_INT, 4),
                            .layout = SLAB_LAYOUT_CHUNKED};
    slab_placed_chunk placed[50];
    int32_t bytes[4] = {value, value, value, value};
    info.shape = info.max_shape = (slab_shape){1, {200}};
    info.chunk = (slab_shape){1, {4}};
    info.pipeline.type = (slab_chunk_type){info.dtype, 16};
    ck_ok(slab_meta_create_array(m, name, &info));
    int fd = open(path, O_RDWR);
    for (int64_t c = 0; c < 50; c++) {
        placed[c] = (slab_placed_chunk){.number = c, .at.size = 16};
        ck_ok(reserve(NULL, 16, 8, &placed[c].at.address));
        ck_assert_int_eq(pwrite(fd, bytes, 16, (off_t)placed[c].at.address), 16);
    }
    close(fd);
    ck_ok(slab_meta_register(m, name, placed, 50));
}

static slab_meta *begin(const char *path, bool create)
{
    slab_meta *m;
    ck_ok(slab_meta_begin(path, create, reserve, NULL, &m));
    space_end = slab_meta_end(m);
    return m;
}

static void make_old(void)
{
    unlink("x.h5");
    unlink("x.h5.slab-journal");
    slab_meta *m = begin("x.h5", true);
    add_array(m, "x.h5", "/g/old", 1);
    add_array(m, "x.h5", "/g/replaced", 2);
    ck_ok(slab_meta_attribute_text(m, "/g", "state", "old"));
    ck_ok(slab_meta_commit(&m, space_end, true, NULL, NULL));
}

static void rewrite_watched(void)
{
    slab_meta *m = begin("x.h5", false);
    ck_ok(slab_meta_remove(m, "/g/replaced"));
    add_array(m, "x.h5", "/g/replaced", 3);
    for (int i = 0; i < 30; i++) {
        char name[32];
        snprintf(name, sizeof name, "/g/group%d", i);
        ck_ok(slab_meta_create_group(m, name));
    }
    ck_ok(slab_meta_attribute_text(m, "/g", "state", "new, and longer than it was before"));
    kill_from_here();
    ck_ok(slab_meta_commit(&m, space_end, true, NULL, NULL));
}

static void expect_array(hid_t file, const char *name, int32_t value)
{
    int32_t got[200];
    hid_t array = H5Dopen2(file, name, H5P_DEFAULT);
    ck_assert(array >= 0);
    ck_assert(H5Dread(array, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, got) >= 0);
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(got[i], value);
    H5Dclose(array);
}

/* Reads all there is with plain HDF5. Returns 1 for the new state, 0 for the old. */
static int state_of_file(void)
{
    char text[64] = "";
    hid_t file = H5Fopen("x.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    ck_assert(file >= 0);
    hid_t attribute = H5Aopen_by_name(file, "/g", "state", H5P_DEFAULT, H5P_DEFAULT);
    hid_t type = H5Aget_type(attribute);
    ck_assert(H5Aread(attribute, type, text) >= 0);
    H5Tclose(type);
    H5Aclose(attribute);
    int is_new = strncmp(text, "new", 3) == 0;
    expect_array(file, "/g/old", 1);
    expect_array(file, "/g/replaced", is_new ? 3 : 2);
    H5G_info_t group;
    ck_assert(H5Gget_info_by_name(file, "/g", &group, H5P_DEFAULT) >= 0);
    ck_assert_int_eq((int)group.nlinks, is_new ? 32 : 2);
    ck_assert(H5Fclose(file) >= 0);
    return is_new;
}

START_TEST(killed_at_any_system_call_of_commit_the_file_is_old_or_new)
{
    int n = 1, hot = 0, were_new = 0;
    char did[SLAB_MESSAGE_MAX];
    make_old();
    for (; killed_at(n, rewrite_watched); n++) {
        ck_ok(slab_journal_recover("x.h5", did));
        int is_new = state_of_file();
        if (did[0] != '\0')
            ck_assert_int_eq(is_new, 0);
        hot += strstr(did, "rolled") != NULL;
        were_new += is_new;
        if (is_new)
            make_old();
    }
    ck_assert_int_eq(state_of_file(), 1);
    ck_assert_int_ge(hot, 4);
    ck_assert_int_ge(were_new, 2);
    ck_assert_int_ge(n, 40);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("meta_kill");
    TCase *c = tcase_create("kill");
    tcase_add_checked_fixture(c, scratch_begin, scratch_end);
    tcase_set_timeout(c, 300);
    tcase_add_test(c, killed_at_any_system_call_of_commit_the_file_is_old_or_new);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}

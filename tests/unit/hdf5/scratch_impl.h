/**
 * A folder of the test's own, and files in it.
 */
#ifndef SLAB_TESTS_UNIT_HDF5_SCRATCH_IMPL_H
#define SLAB_TESTS_UNIT_HDF5_SCRATCH_IMPL_H

#include <check.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/status.h>

static char scratch_folder[64];

static inline void scratch_begin(void)
{
    snprintf(scratch_folder, sizeof scratch_folder, "slab-hdf5-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(scratch_folder));
    ck_assert_int_eq(chdir(scratch_folder), 0);
}

static inline void scratch_end(void)
{
    char command[128];
    ck_assert_int_eq(chdir(".."), 0);
    snprintf(command, sizeof command, "rm -rf %s", scratch_folder);
    ck_assert_int_eq(system(command), 0);
}

static inline void write_file(const char *name, const void *bytes, size_t n)
{
    FILE *f = fopen(name, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

/* The whole file; the caller frees it. */
static inline uint8_t *read_whole(const char *name, size_t *n)
{
    struct stat st;
    int fd = open(name, O_RDONLY);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fstat(fd, &st), 0);
    *n = (size_t)st.st_size;
    uint8_t *bytes = malloc(*n + 1);
    ck_assert_int_eq(read(fd, bytes, *n), (ssize_t)*n);
    close(fd);
    return bytes;
}

#define ck_ok(call)                                                                                \
    do {                                                                                           \
        slab_status status_ = (call);                                                              \
        ck_assert_msg(status_ == SLAB_OK, "%s: %s", #call, slab_error_last()->message);            \
    } while (0)

#define ck_fails(call, code) ck_assert_int_eq((call), (code))

#define ck_says(words)                                                                             \
    ck_assert_msg(strstr(slab_error_last()->message, (words)) != NULL, "'%s' is not in '%s'",      \
                  (words), slab_error_last()->message)

static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#endif

/* Which part of "file.h5:/path[0:10]" is what. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/selection.h>

static char folder[] = "/tmp/slab-locator-XXXXXX";

typedef struct expected {
    const char *text, *file, *path, *brackets;
} expected;

/* Files there are: here.h5, a:b.h5, plain, odd[1]; folder.h5/inside.h5 in a folder. */
static const expected table[] = {
    {"here.h5:/x", "here.h5", "/x", ""},
    {"here.h5/x", "here.h5", "/x", ""},
    {"here.h5", "here.h5", "/", ""},
    {"here.h5:", "here.h5", "/", ""},
    {"here.h5/", "here.h5", "/", ""},
    {"here.h5:x/y", "here.h5", "/x/y", ""},
    {"here.h5:/x[0:10, ::2]", "here.h5", "/x", "0:10, ::2"},
    {"here.h5/g/x[...]", "here.h5", "/g/x", "..."},
    {"here.h5[3]", "here.h5", "/", "3"},
    {"here.h5:/x[]", "here.h5", "/x", ""},
    {"here.h5:/g:/x", "here.h5", "/g:/x", ""},
    {"a:b.h5:/x", "a:b.h5", "/x", ""},
    {"a:b.h5", "a:b.h5", "/", ""},
    {"plain/x", "plain", "/x", ""},
    {"plain:/x.h5/y", "plain", "/x.h5/y", ""},
    {"odd[1]", "odd[1]", "/", ""},
    {"odd[1]:/x[2]", "odd[1]", "/x", "2"},
    {"folder.h5/inside.h5/x", "folder.h5/inside.h5", "/x", ""},
    /* not there yet: outputs */
    {"new:/x", "new", "/x", ""},
    {"new.h5:/g/x", "new.h5", "/g/x", ""},
    {"new.h5/g/x", "new.h5", "/g/x", ""},
    {"new.hdf5/x", "new.hdf5", "/x", ""},
    {"new.nc/x", "new.nc", "/x", ""},
    {"folder.h5/new.h5/x", "folder.h5/new.h5", "/x", ""},
    {"folder.h5/new.h5:/x", "folder.h5/new.h5", "/x", ""},
    {"out.tsv", "out.tsv", "/", ""},
};

START_TEST(locators_are_split)
{
    const expected *e = &table[_i];
    char *file, *path, *brackets;
    ck_assert_int_eq(slab_locator_split(e->text, &file, &path, &brackets), SLAB_OK);
    ck_assert_str_eq(file, e->file);
    ck_assert_str_eq(path, e->path);
    ck_assert_str_eq(brackets, e->brackets);
    slab_memory_free(file);
    slab_memory_free(path);
    slab_memory_free(brackets);
    ck_assert_uint_eq(slab_memory_used(), 0);
}
END_TEST

START_TEST(half_a_pair_of_brackets_is_a_usage_error)
{
    char *file, *path, *brackets;
    ck_assert_int_eq(slab_locator_split("here.h5:/x1]", &file, &path, &brackets), SLAB_ERR_USAGE);
    ck_assert_int_eq(slab_locator_split("[1]", &file, &path, &brackets), SLAB_ERR_USAGE);
    ck_assert_int_eq(slab_locator_split("", &file, &path, &brackets), SLAB_ERR_USAGE);
    ck_assert_ptr_null(file);
    ck_assert_uint_eq(slab_memory_used(), 0);
}
END_TEST

START_TEST(an_allocation_that_fails_leaves_nothing_behind)
{
    char *file, *path, *brackets;
    for (long n = 1;; n++) {
        slab_memory_fail_at(n);
        slab_status rc = slab_locator_split("here.h5:/x[1]", &file, &path, &brackets);
        slab_memory_fail_at(0);
        if (rc == SLAB_OK)
            break;
        ck_assert_int_eq(rc, SLAB_ERR_MEMORY);
        ck_assert(!file && !path && !brackets);
        ck_assert_uint_eq(slab_memory_used(), 0);
    }
    slab_memory_free(file);
    slab_memory_free(path);
    slab_memory_free(brackets);
}
END_TEST

static void touch(const char *name)
{
    FILE *f = fopen(name, "w");
    if (f)
        fclose(f);
}

int main(void)
{
    static const char *const files[] = {"here.h5", "a:b.h5", "plain", "odd[1]",
                                        "folder.h5/inside.h5"};
    if (!mkdtemp(folder) || chdir(folder) != 0 || mkdir("folder.h5", 0700) != 0)
        return EXIT_FAILURE;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        touch(files[i]);
    Suite *suite = suite_create("locator");
    TCase *tests = tcase_create("split");
    tcase_add_loop_test(tests, locators_are_split, 0, sizeof table / sizeof *table);
    tcase_add_test(tests, half_a_pair_of_brackets_is_a_usage_error);
    tcase_add_test(tests, an_allocation_that_fails_leaves_nothing_behind);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        remove(files[i]);
    rmdir("folder.h5");
    rmdir(folder);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* What tests of computations share: literal values, and bringing results into memory. */
#ifndef SLAB_TESTS_UNIT_COMPUTE_COMPUTING_H
#define SLAB_TESTS_UNIT_COMPUTE_COMPUTING_H

#include <check.h>
#include <slab/compute/program/program.h>
#include <slab/storage/base/memory.h>
#include <string.h>

#define T(kind, size) slab_dtype_make(SLAB_KIND_##kind, size)
#define SHAPE(...)                                                                                 \
    (&(slab_shape){sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), {__VA_ARGS__}})

static inline void must(slab_status rc)
{
    ck_assert_msg(rc == SLAB_OK, "%s", slab_error_last()->message);
}

/* Brings n values into memory with one program; drops them. */
static inline void fetch(slab_value **values, int n, void **out)
{
    slab_crew *crew;
    slab_program *program;
    int number[4];
    int64_t elements;
    must(slab_crew_create(slab_ranks_world(), 2, &crew));
    must(slab_program_create(crew, NULL, &program));
    for (int i = 0; i < n; i++)
        must(slab_program_fetch(program, "x", values[i], &number[i]));
    must(slab_program_run(program, 1 << 28));
    for (int i = 0; i < n; i++) {
        must(slab_shape_elements(slab_value_shape(values[i]), &elements));
        if (elements > 0)
            memcpy(out[i], slab_program_data(program, number[i]),
                   (size_t)elements * slab_value_dtype(values[i]).size);
        slab_value_drop(&values[i]);
    }
    slab_program_destroy(&program);
    slab_crew_destroy(&crew);
}

static inline void fetch_one(slab_value *value, void *out)
{
    fetch(&value, 1, &out);
}

/* A computation over a literal fails when it is built; drops what was built. */
static inline void assert_poisoned(slab_value *value, slab_status code, const char *message)
{
    ck_assert_int_eq(slab_value_status(value), code);
    ck_assert_msg(strstr(slab_error_last()->message, message) != NULL, "'%s', not '%s'",
                  slab_error_last()->message, message);
    slab_value_drop(&value);
}

/* Runs one test case. */
static inline int run_cases(const char *name, TCase *tc)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}

#endif

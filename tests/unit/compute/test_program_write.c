/* Programs that write a file, of values that open theirs. */
#include <check.h>
#include <slab/compute/graph/reduction.h>
#include <slab/compute/program/program.h>
#include <slab/storage/base/memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/slab-program-XXXXXX";
static char in[64], out[64], locator[96];
static slab_crew *crew;
static slab_program *program;

/* in.h5:/x is [700, 300], the numbers 0, 1, 2 ... as f64: 1.6 MiB, in chunks of [256, 300] */
static void begin(void)
{
    slab_shape shape = {2, {700, 300}}, chunk = {2, {256, 300}};
    slab_array_spec spec = {
        .dtype = slab_dtype_make(SLAB_KIND_FLOAT, 8), .shape = shape, .chunk = chunk};
    slab_txn_options options = slab_txn_defaults();
    slab_txn *txn = NULL;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(in, sizeof in, "%s/in.h5", folder);
    snprintf(out, sizeof out, "%s/out.h5", folder);
    double *x = malloc(700 * 300 * sizeof *x);
    for (int i = 0; i < 700 * 300; i++)
        x[i] = i;
    ck_assert_int_eq(slab_txn_begin(slab_ranks_world(), in, &options, &txn), SLAB_OK);
    ck_assert_int_eq(slab_txn_put(txn, "/x", &spec, x), SLAB_OK);
    ck_assert_int_eq(slab_txn_commit(&txn), SLAB_OK);
    free(x);
    snprintf(locator, sizeof locator, "%s:/x", in);
    ck_assert_int_eq(slab_crew_create(slab_ranks_world(), 2, &crew), SLAB_OK);
    ck_assert_int_eq(slab_program_create(crew, NULL, &program), SLAB_OK);
}

static void end(void)
{
    slab_program_destroy(&program);
    slab_crew_destroy(&crew);
    unlink(in);
    unlink(out);
    ck_assert_int_eq(rmdir(folder), 0); /* nothing else is left behind */
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
}

/* Element `at` of a stored f64 array, in C order. */
static double element(const char *path, slab_shape *shape, int64_t at)
{
    char where[96];
    snprintf(where, sizeof where, "%s:%s", out, path);
    slab_value *value = slab_value_open(crew, where);
    ck_assert_msg(slab_value_status(value) == SLAB_OK, "%s", slab_error_last()->message);
    *shape = *slab_value_shape(value);
    slab_box one = {.rank = shape->rank};
    for (int a = shape->rank - 1; a >= 0; a--) {
        one.start[a] = at % shape->extent[a];
        one.count[a] = 1;
        at /= shape->extent[a];
    }
    slab_view view;
    ck_assert_int_eq(slab_value_get(value, 0, &one, &view), SLAB_OK);
    double x = *(const double *)view.data;
    slab_value_drop(&value);
    return x;
}

START_TEST(a_large_a_small_and_a_single_value_are_written_in_one_file)
{
    slab_shape shape;
    slab_value *x = slab_value_open(crew, locator);
    slab_value *square = slab_value_apply("multiply", (slab_value *[]){x, x}, 2);
    slab_value *columns = slab_value_reduce("sum", x, &(slab_reduce_options){.axes = 1u << 0});
    slab_value *most = slab_value_reduce("max", x, &(slab_reduce_options){0});
    slab_program_save(program, "/square", square);
    slab_program_save(program, "/of/columns", columns);
    slab_program_save(program, "/most", most);
    ck_assert_msg(slab_program_write(program, out, NULL, 64 << 20) == SLAB_OK, "%s",
                  slab_error_last()->message);
    ck_assert(element("/square", &shape, 1000) == 1e6);
    ck_assert(shape.rank == 2 && shape.extent[0] == 700 && shape.extent[1] == 300);
    /* column 1: 1 + 301 + ... + 209701 = 700 (1 + 209701) / 2 */
    ck_assert(element("/of/columns", &shape, 1) == 350.0 * 209702);
    ck_assert(shape.rank == 1 && shape.extent[0] == 300);
    ck_assert(element("/most", &shape, 0) == 209999);
    ck_assert_int_eq(shape.rank, 0);
    slab_value_drop(&x);
    slab_value_drop(&square);
    slab_value_drop(&columns);
    slab_value_drop(&most);
}
END_TEST

START_TEST(the_tiles_that_are_computed_become_the_chunks_that_are_stored)
{
    slab_array_spec spec;
    slab_value *x = slab_value_open(crew, locator);
    slab_value_spec(x, &spec);
    ck_assert(spec.chunk.rank == 2 && spec.chunk.extent[0] == 256 && spec.chunk.extent[1] == 300);
    ck_assert(slab_shape_equal(&spec.shape, slab_value_shape(x)));
    slab_value_drop(&x);
    char part[128];
    snprintf(part, sizeof part, "%s[1:]", locator); /* its tiles begin in the middle of a chunk */
    x = slab_value_open(crew, part);
    slab_value_spec(x, &spec);
    ck_assert_int_eq(spec.chunk.rank, 0);
    ck_assert_int_eq(spec.shape.extent[0], 699);
    slab_value_drop(&x);
}
END_TEST

START_TEST(a_slice_keeps_the_file_open_that_its_value_had_opened)
{
    slab_shape shape;
    slab_value *x = slab_value_open(crew, locator);
    slab_index item = {.kind = SLAB_INDEX_INTEGER, .start = 2};
    slab_value *row = slab_value_index(x, &item, 1);
    slab_value_drop(&x);
    slab_program_save(program, "/row", row);
    slab_value_drop(&row);
    ck_assert_int_eq(slab_program_write(program, out, NULL, 64 << 20), SLAB_OK);
    ck_assert(element("/row", &shape, 7) == 607);
}
END_TEST

START_TEST(what_cannot_be_opened_is_a_poisoned_value)
{
    char text[160];
    struct {
        const char *behind;
        slab_status rc;
    } cases[] = {{":/nothing", SLAB_ERR_NOT_FOUND},
                 {":/", SLAB_ERR_TYPE},
                 {":/x[700]", SLAB_ERR_RANGE},
                 {":/x[0,0,0]", SLAB_ERR_USAGE},
                 {":/x]", SLAB_ERR_USAGE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "%s%s", in, cases[i].behind);
        slab_value *value = slab_value_open(crew, text);
        ck_assert_msg(slab_value_status(value) == cases[i].rc, "%s: %s", text,
                      slab_error_last()->message);
        slab_value_drop(&value);
    }
    snprintf(text, sizeof text, "%s/none.h5:/x", folder);
    slab_value *value = slab_value_open(crew, text);
    ck_assert_int_eq(slab_value_status(value), SLAB_ERR_NOT_FOUND);
    slab_value_drop(&value);
}
END_TEST

START_TEST(the_first_failure_to_save_is_what_writing_gives)
{
    slab_value *x = slab_value_open(crew, locator);
    slab_value *wrong = slab_value_reduce("sum", x, &(slab_reduce_options){.axes = 1u << 5});
    slab_value *worse = slab_value_reduce("frob", x, &(slab_reduce_options){0});
    ck_assert_int_eq(slab_program_save(program, "/x", x), SLAB_OK);
    ck_assert_int_eq(slab_program_save(program, "/wrong", wrong), SLAB_ERR_RANGE);
    ck_assert_int_eq(slab_program_save(program, "/worse", worse), SLAB_ERR_VALUE);
    ck_assert_int_eq(slab_program_save(program, "/y", x), SLAB_OK);
    ck_assert_int_eq(slab_program_write(program, out, NULL, 64 << 20), SLAB_ERR_RANGE);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "axis 5"));
    ck_assert_int_ne(access(out, F_OK), 0);
    slab_value_drop(&x);
    slab_value_drop(&wrong);
    slab_value_drop(&worse);
}
END_TEST

START_TEST(a_budget_that_is_too_small_fails_before_there_is_a_file)
{
    slab_value *x = slab_value_open(crew, locator);
    slab_program_save(program, "/x", x);
    ck_assert_int_eq(slab_program_write(program, out, NULL, 1 << 20), SLAB_ERR_MEMORY);
    ck_assert_int_ne(access(out, F_OK), 0);
    ck_assert_uint_eq(slab_memory_limit(), 0); /* the process has no limit, as before */
    slab_value_drop(&x);
}
END_TEST

START_TEST(a_plan_names_the_smallest_budget_that_is_enough)
{
    slab_plan plan = {0}, small = {0};
    slab_value *x = slab_value_open(crew, locator);
    slab_value *mean = slab_value_reduce("mean", x, &(slab_reduce_options){0});
    slab_value *z = slab_value_apply("subtract", (slab_value *[]){x, mean}, 2);
    slab_program_save(program, "/z", z); /* a pass for the mean, then a larger one */
    ck_assert_int_eq(slab_program_plan(program, 1000, &small), SLAB_OK);
    ck_assert_int_eq(small.nsteps, 2);
    ck_assert_int_eq(slab_plan_fits(&small, small.memory_least), SLAB_OK);
    ck_assert_int_eq(slab_plan_fits(&small, small.memory_least - 1), SLAB_ERR_MEMORY);
    ck_assert_int_eq(slab_program_plan(program, small.memory_least, &plan), SLAB_OK);
    ck_assert_uint_eq(plan.memory_least, small.memory_least);
    slab_value_drop(&x);
    slab_value_drop(&mean);
    slab_value_drop(&z);
}
END_TEST

START_TEST(an_array_that_is_there_is_replaced_only_by_force)
{
    slab_shape shape;
    slab_program *second = NULL;
    slab_txn_options force = slab_txn_defaults();
    force.force = true;
    slab_value *x = slab_value_open(crew, locator);
    slab_value *negative = slab_value_apply("negative", &x, 1);
    slab_program_save(program, "/x", x);
    ck_assert_int_eq(slab_program_write(program, out, NULL, 64 << 20), SLAB_OK);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(slab_program_create(crew, NULL, &second), SLAB_OK);
        slab_program_save(second, "/x", negative);
        ck_assert_int_eq(slab_program_write(second, out, i ? &force : NULL, 64 << 20),
                         i ? SLAB_OK : SLAB_ERR_EXISTS);
        ck_assert(element("/x", &shape, 5) == (i ? -5 : 5));
        slab_program_destroy(&second);
    }
    slab_value_drop(&x);
    slab_value_drop(&negative);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("programs that write");
    TCase *tc = tcase_create("programs that write");
    tcase_add_checked_fixture(tc, begin, end);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_large_a_small_and_a_single_value_are_written_in_one_file);
    tcase_add_test(tc, the_tiles_that_are_computed_become_the_chunks_that_are_stored);
    tcase_add_test(tc, a_slice_keeps_the_file_open_that_its_value_had_opened);
    tcase_add_test(tc, what_cannot_be_opened_is_a_poisoned_value);
    tcase_add_test(tc, the_first_failure_to_save_is_what_writing_gives);
    tcase_add_test(tc, a_budget_that_is_too_small_fails_before_there_is_a_file);
    tcase_add_test(tc, a_plan_names_the_smallest_budget_that_is_enough);
    tcase_add_test(tc, an_array_that_is_there_is_replaced_only_by_force);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}

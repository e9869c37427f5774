#include <check.h>
#include <slab/compute/pass/budget.h>
#include <slab/compute/pass/plan.h>
#include <stdlib.h>
#include <string.h>

static size_t parsed(const char *text)
{
    size_t bytes = 7;
    return slab_budget_parse(text, &bytes) == SLAB_OK ? bytes : 0;
}

START_TEST(amounts_of_memory_are_read_in_powers_of_1024)
{
    ck_assert_uint_eq(parsed("8G"), 8589934592);
    ck_assert_uint_eq(parsed("512M"), 536870912);
    ck_assert_uint_eq(parsed("1.5GiB"), 1610612736);
    ck_assert_uint_eq(parsed("64000000"), 64000000);
    ck_assert_uint_eq(parsed("2k"), 2048);
    ck_assert_uint_eq(parsed("1TB"), 1099511627776);
    ck_assert_uint_eq(parsed("10b"), 10);
}
END_TEST

START_TEST(what_is_no_amount_of_memory_is_a_usage_error)
{
    const char *wrong[] = {"",    "G", "-1G", "8X",        "8GG", "8G 1", "1.2.3", "0x10", "inf",
                           "nan", "0", "1e9", "99999999T", "8iB", "8Gi",  " 8G",   "."};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        size_t bytes;
        ck_assert_msg(slab_budget_parse(wrong[i], &bytes) == SLAB_ERR_USAGE, "%s", wrong[i]);
    }
}
END_TEST

START_TEST(a_stated_budget_is_taken_as_it_is)
{
    slab_budget budget;
    ck_assert_int_eq(slab_budget_find(slab_ranks_world(), 12345, &budget), SLAB_OK);
    ck_assert_uint_eq(budget.bytes, 12345);
    ck_assert_str_eq(budget.source, "--memory");
}
END_TEST

START_TEST(slurms_allocation_limits_the_budget)
{
    slab_budget budget;
    setenv("SLURM_MEM_PER_NODE", "100", 1); /* MiB */
    ck_assert_int_eq(slab_budget_find(slab_ranks_world(), 0, &budget), SLAB_OK);
    ck_assert_uint_eq(budget.bytes, 100 << 20);
    ck_assert_str_eq(budget.source, "SLURM_MEM_PER_NODE");
    setenv("SLURM_MEM_PER_CPU", "30", 1);
    setenv("SLURM_CPUS_ON_NODE", "2", 1);
    ck_assert_int_eq(slab_budget_find(slab_ranks_world(), 0, &budget), SLAB_OK);
    ck_assert_uint_eq(budget.bytes, 60 << 20);
    unsetenv("SLURM_MEM_PER_NODE");
    unsetenv("SLURM_MEM_PER_CPU");
}
END_TEST

START_TEST(without_a_word_the_budget_is_below_what_is_free)
{
    slab_budget budget;
    ck_assert_int_eq(slab_budget_find(slab_ranks_world(), 0, &budget), SLAB_OK);
    ck_assert_uint_gt(budget.bytes, 1 << 20);
    ck_assert(strcmp(budget.source, "free memory") == 0 || strcmp(budget.source, "cgroup") == 0);
}
END_TEST

START_TEST(a_plan_adds_up_its_steps)
{
    slab_plan plan = {0};
    slab_pass_plan pass = {.name = "gram",
                           .packed_bytes = 10,
                           .plain_bytes = 100,
                           .memory = 500,
                           .memory_least = 300,
                           .threads = 2};
    strcpy(pass.fallback, "filter szip");
    slab_plan_add_pass(&plan, &pass, 3, 2.5);
    pass.memory = 400;
    slab_plan_add_pass(&plan, &pass, 1, 0);
    ck_assert_int_eq(plan.nsteps, 2);
    ck_assert_int_eq(plan.steps[0].read_bytes, 30);
    ck_assert_double_eq(plan.steps[0].flops, 7.5);
    ck_assert_uint_eq(plan.memory, 500);
    ck_assert_uint_eq(plan.memory_least, 300);
    ck_assert_str_eq(plan.notes, "read through H5Dread: filter szip\n");
    for (int i = 0; i < 100; i++)
        slab_plan_add_pass(&plan, &pass, 1, 0);
    ck_assert_int_eq(plan.nsteps, SLAB_PLAN_STEPS_MAX);
    int64_t read = 0;
    for (int i = 0; i < plan.nsteps; i++)
        read += plan.steps[i].read_bytes;
    ck_assert_int_eq(read, 30 + 10 + 1000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("budget");
    TCase *tests = tcase_create("budget");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, amounts_of_memory_are_read_in_powers_of_1024);
    tcase_add_test(tests, what_is_no_amount_of_memory_is_a_usage_error);
    tcase_add_test(tests, a_stated_budget_is_taken_as_it_is);
    tcase_add_test(tests, slurms_allocation_limits_the_budget);
    tcase_add_test(tests, without_a_word_the_budget_is_below_what_is_free);
    tcase_add_test(tests, a_plan_adds_up_its_steps);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

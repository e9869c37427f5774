#include <check.h>
#include <slab/compute/pass/budget_impl.h>
#include <slab/compute/pass/plan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* --- what is found out --- */

static char tree[] = "/tmp/slab-budget-XXXXXX"; /* stands for / */
static const long long MIB = 1 << 20;

static void without_slurm(void)
{
    unsetenv("SLURM_MEM_PER_NODE");
    unsetenv("SLURM_MEM_PER_CPU");
    unsetenv("SLURM_CPUS_ON_NODE");
    unsetenv("SLURM_MEM_PER_GPU");
    unsetenv("SLURM_GPUS_ON_NODE");
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s/*", tree);
    ck_assert_int_eq(system(command), 0);
}

/* A file of the tree, with the folders above it. */
static void put(const char *name, const char *text)
{
    char path[300];
    int n = snprintf(path, sizeof path, "%s/", tree);
    for (const char *at = name; *at; at++) {
        if (*at == '/')
            mkdir(path, 0700);
        path[n++] = *at;
        path[n] = '\0';
    }
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* The budget of one of so many ranks, in MiB. */
static void finds(int ranks, long long mib, const char *source)
{
    slab_budget budget;
    ck_assert_int_eq(slab_budget_detect(tree, ranks, &budget), SLAB_OK);
    ck_assert_int_eq((long long)budget.bytes / MIB, mib);
    ck_assert_str_eq(budget.source, source);
}

static const char version_2[] =
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
static const char version_1[] =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "34 31 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

START_TEST(four_fifths_of_what_is_free_are_used)
{
    put("proc/meminfo", "MemTotal: 99999999 kB\nMemFree: 1 kB\nMemAvailable: 10240000 kB\n");
    finds(1, 8000, "free memory");
    finds(4, 2000, "free memory / 4 ranks");
}
END_TEST

START_TEST(what_a_process_takes_beside_its_budget_is_left_free)
{
    put("proc/meminfo", "MemAvailable: 307200 kB\n"); /* 300 MiB */
    finds(1, 204, "free memory");
    finds(2, 75, "free memory / 2 ranks"); /* half: there is no room for so much */
}
END_TEST

START_TEST(slurms_allocation_limits_the_budget)
{
    put("proc/meminfo", "MemAvailable: 99999999 kB\n");
    setenv("SLURM_MEM_PER_NODE", "1000", 1); /* MiB */
    finds(1, 800, "SLURM_MEM_PER_NODE");
    setenv("SLURM_MEM_PER_CPU", "300", 1);
    setenv("SLURM_CPUS_ON_NODE", "2", 1);
    finds(1, 480, "SLURM_MEM_PER_CPU");
    finds(2, 204, "SLURM_MEM_PER_CPU / 2 ranks");
    setenv("SLURM_MEM_PER_NODE", "0", 1); /* all of the node */
    unsetenv("SLURM_MEM_PER_CPU");
    put("proc/meminfo", "MemAvailable: 1024000 kB\n");
    finds(1, 800, "free memory");
}
END_TEST

START_TEST(slurms_memory_for_a_gpu_counts_for_all_of_the_node)
{
    put("proc/meminfo", "MemAvailable: 99999999 kB\n");
    setenv("SLURM_MEM_PER_GPU", "500", 1); /* MiB */
    setenv("SLURM_GPUS_ON_NODE", "2", 1);
    finds(1, 800, "SLURM_MEM_PER_GPU");
}
END_TEST

START_TEST(a_group_of_version_2_and_those_above_limit_the_budget)
{
    put("proc/meminfo", "MemAvailable: 99999999 kB\n");
    put("proc/self/mountinfo", version_2);
    put("proc/self/cgroup", "0::/user.slice/job/step\n");
    put("sys/fs/cgroup/user.slice/job/step/memory.max", "max\n");
    put("sys/fs/cgroup/user.slice/job/memory.max", "1048576000\n");
    finds(1, 800, "cgroup");
    put("sys/fs/cgroup/user.slice/memory.max", "2097152000\n"); /* more: no matter */
    finds(1, 800, "cgroup");
    put("sys/fs/cgroup/user.slice/job/step/memory.high", "524288000\n");
    finds(1, 400, "cgroup");
    put("sys/fs/cgroup/memory.max", "419430400\n"); /* a container's root has one */
    finds(1, 304, "cgroup");
}
END_TEST

START_TEST(a_group_of_version_1_and_those_above_limit_the_budget)
{
    put("proc/meminfo", "MemAvailable: 99999999 kB\n");
    put("proc/self/mountinfo", version_1);
    put("proc/self/cgroup", "5:cpu,cpuacct:/elsewhere\n4:memory:/slurm/job_7/step_0\n0::/x\n");
    put("sys/fs/cgroup/memory/elsewhere/memory.limit_in_bytes", "1048576\n");
    put("sys/fs/cgroup/memory/slurm/job_7/step_0/memory.limit_in_bytes", "9223372036854771712\n");
    put("sys/fs/cgroup/memory/slurm/job_7/memory.limit_in_bytes", "1048576000\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    finds(1, 800, "cgroup");
    finds(2, 400, "cgroup / 2 ranks");
}
END_TEST

START_TEST(a_container_sees_its_own_group_as_the_root)
{
    put("proc/meminfo", "MemAvailable: 99999999 kB\n");
    put("proc/self/mountinfo",
        "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
    put("proc/self/cgroup", "4:memory:/docker/abc\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "1048576000\n");
    finds(1, 800, "cgroup");
    put("proc/self/cgroup", "4:memory:/docker/abc/inner\n");
    put("sys/fs/cgroup/memory/inner/memory.limit_in_bytes", "524288000\n");
    finds(1, 400, "cgroup");
}
END_TEST

START_TEST(a_group_whose_name_begins_as_another_is_not_below_it)
{
    put("proc/meminfo", "MemAvailable: 99999999 kB\n");
    put("proc/self/mountinfo",
        "35 31 0:32 /a /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
    put("proc/self/cgroup", "4:memory:/ab/c\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "1048576000\n");
    finds(1, 800, "cgroup");
}
END_TEST

START_TEST(groups_are_found_wherever_they_are_mounted)
{
    put("proc/meminfo", "MemAvailable: 99999999 kB\n");
    put("proc/self/mountinfo", "35 31 0:32 / /cgroups rw - cgroup none rw,hugetlb,memory,x=y\n");
    put("proc/self/cgroup", "2:hugetlb,memory:/a\n");
    put("cgroups/a/memory.limit_in_bytes", "1048576000\n");
    finds(1, 800, "cgroup");
}
END_TEST

START_TEST(where_nothing_says_how_much_there_is_it_must_be_stated)
{
    slab_budget budget;
    put("proc/self/cgroup", "what\n:\n0\n0::\n\n");
    put("proc/self/mountinfo", "nothing - \n - cgroup2\n1 2 3 4 5 - cgroup2 x rw\n");
    ck_assert_int_eq(slab_budget_detect(tree, 1, &budget), SLAB_ERR_MEMORY);
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
    if (!mkdtemp(tree))
        return EXIT_FAILURE;
    Suite *suite = suite_create("budget");
    TCase *tests = tcase_create("budget");
    tcase_add_checked_fixture(tests, without_slurm, without_slurm);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, amounts_of_memory_are_read_in_powers_of_1024);
    tcase_add_test(tests, what_is_no_amount_of_memory_is_a_usage_error);
    tcase_add_test(tests, a_stated_budget_is_taken_as_it_is);
    tcase_add_test(tests, four_fifths_of_what_is_free_are_used);
    tcase_add_test(tests, what_a_process_takes_beside_its_budget_is_left_free);
    tcase_add_test(tests, slurms_allocation_limits_the_budget);
    tcase_add_test(tests, slurms_memory_for_a_gpu_counts_for_all_of_the_node);
    tcase_add_test(tests, a_group_of_version_2_and_those_above_limit_the_budget);
    tcase_add_test(tests, a_group_of_version_1_and_those_above_limit_the_budget);
    tcase_add_test(tests, a_container_sees_its_own_group_as_the_root);
    tcase_add_test(tests, a_group_whose_name_begins_as_another_is_not_below_it);
    tcase_add_test(tests, groups_are_found_wherever_they_are_mounted);
    tcase_add_test(tests, where_nothing_says_how_much_there_is_it_must_be_stated);
    tcase_add_test(tests, without_a_word_the_budget_is_below_what_is_free);
    tcase_add_test(tests, a_plan_adds_up_its_steps);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    rmdir(tree);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The job file and the checkpoint file. */
#include "writing.h"

#include <errno.h>
#include <fcntl.h>
#include <slab/storage/checkpoint_impl.h>
#include <slab/storage/job.h>
#include <sys/syscall.h>

static const char job_text[] = "# command slab make -k 7\nverb make\noption seed 1\noption k 7\n";

START_TEST(a_job_is_read_back_and_its_values_found)
{
    char *text;
    size_t n;
    ok(slab_job_read(in_folder("f.h5"), &text));
    ck_assert_ptr_null(text);
    ok(slab_job_write(in_folder("f.h5"), job_text, true));
    ok(slab_job_read(in_folder("f.h5"), &text));
    ck_assert_str_eq(text, job_text);
    const char *command = slab_job_value(text, "command", &n);
    ck_assert_ptr_nonnull(command);
    ck_assert_uint_eq(n, strlen("slab make -k 7"));
    ck_assert_mem_eq(command, "slab make -k 7", n);
    ck_assert_ptr_null(slab_job_value(text, "option see", &n));
    slab_memory_free(text);
    fails(slab_job_write(in_folder("f.h5"), job_text, true), SLAB_ERR_EXISTS);
    slab_job_remove(in_folder("f.h5"));
    ck_assert_int_eq(files_in(folder, false), 0);
}
END_TEST

START_TEST(a_job_that_is_torn_or_changed_anywhere_is_none)
{
    char path[512];
    struct stat st;
    char *text;
    snprintf(path, sizeof path, "%s/.f.h5.slab-job", folder);
    ok(slab_job_write(in_folder("f.h5"), job_text, false));
    ck_assert_int_eq(stat(path, &st), 0);
    for (off_t at = 0; at < st.st_size; at++) {
        FILE *f = fopen(path, "r+b");
        fseek(f, at, SEEK_SET);
        int c = fgetc(f);
        fseek(f, at, SEEK_SET);
        fputc(c ^ 4, f);
        fclose(f);
        ok(slab_job_read(in_folder("f.h5"), &text));
        ck_assert_msg(!text, "byte %d", (int)at);
        f = fopen(path, "r+b");
        fseek(f, at, SEEK_SET);
        fputc(c, f);
        fclose(f);
    }
    for (off_t size = st.st_size - 1; size >= 0; size--) {
        ck_assert_int_eq(truncate(path, size), 0);
        ok(slab_job_read(in_folder("f.h5"), &text));
        ck_assert_ptr_null(text);
    }
}
END_TEST

START_TEST(a_job_behind_a_link_or_of_two_names_is_none)
{
    char *text;
    ok(slab_job_write(in_folder("elsewhere"), job_text, false));
    ck_assert_int_eq(symlink(".elsewhere.slab-job", in_folder(".f.h5.slab-job")), 0);
    ok(slab_job_read(in_folder("f.h5"), &text));
    ck_assert_ptr_null(text);
    unlink(in_folder(".f.h5.slab-job"));
    ck_assert_int_eq(link(in_folder(".elsewhere.slab-job"), in_folder(".f.h5.slab-job")), 0);
    ok(slab_job_read(in_folder("f.h5"), &text));
    ck_assert_ptr_null(text);
}
END_TEST

START_TEST(jobs_differ_by_their_lines_and_not_by_remarks)
{
    char why[SLAB_MESSAGE_MAX];
    uint8_t a[SLAB_JOB_KEY_BYTES], b[SLAB_JOB_KEY_BYTES];
    slab_job_compare("# x\nverb make\noption seed 1\noption k 7\n", job_text, why);
    ck_assert_str_eq(why, "");
    slab_job_key("# x\nverb make\noption seed 1\noption k 7\n", a);
    slab_job_key(job_text, b);
    ck_assert_mem_eq(a, b, sizeof a);
    slab_job_compare("verb make\noption seed 1\noption k 8\n", job_text, why);
    ck_assert_str_eq(why, "option k is 8, and was 7");
    slab_job_key("verb make\noption seed 1\noption k 8\n", a);
    ck_assert_mem_ne(a, b, sizeof a);
    slab_job_compare("verb make\noption seed 1\n", job_text, why);
    ck_assert_str_eq(why, "option k was 7, and is not given now");
    slab_job_compare("verb make\noption seed 1\noption k 7\noption z on\n", job_text, why);
    ck_assert_str_eq(why, "option z is on, and was not given then");
    slab_job_compare("verb remake\noption seed 1\noption k 7\n", job_text, why);
    ck_assert_str_eq(why, "verb is remake, and was make");
    slab_job_key(NULL, a);
    for (int i = 0; i < SLAB_JOB_KEY_BYTES; i++)
        ck_assert_uint_eq(a[i], 0);
}
END_TEST

/* --- the checkpoint --- */

static slab_checkpoint *open_checkpoint(bool resumes)
{
    slab_checkpoint *c;
    uint8_t key[SLAB_JOB_KEY_BYTES];
    slab_job_key(job_text, key);
    ok(slab_checkpoint_open(slab_ranks_alone(), in_folder("f.h5"), key, resumes, true, &c));
    return c;
}

static void keep(slab_checkpoint *c, const char *name, const char *text)
{
    slab_state_part parts[2] = {{(void *)(uintptr_t)text, 2},
                                {(void *)(uintptr_t)(text + 2), strlen(text) - 2}};
    ok(slab_checkpoint_put(c, name, parts, 2));
}

/* The record's text, "" when there is none of that length. */
static const char *kept(slab_checkpoint *c, const char *name, size_t n)
{
    static char text[64];
    bool found;
    memset(text, 0, sizeof text);
    ok(slab_checkpoint_get(c, name, &(slab_state_part){text, n}, 1, &found));
    ck_assert_int_eq(found, text[0] != '\0');
    return text;
}

START_TEST(records_are_there_in_the_next_run_and_the_last_of_a_name_holds)
{
    slab_checkpoint *c = open_checkpoint(false);
    int64_t bytes;
    uint8_t key[SLAB_JOB_KEY_BYTES];
    ck_assert_int_eq(files_in(folder, false), 0); /* no record, no file */
    keep(c, "mean", "one and a half");
    keep(c, "step", "first");
    keep(c, "step", "second!");
    slab_checkpoint_close(&c, false);
    c = open_checkpoint(true);
    ck_assert_str_eq(kept(c, "mean", 14), "one and a half");
    ck_assert_str_eq(kept(c, "step", 7), "second!");
    ck_assert_str_eq(kept(c, "step", 5), "");
    ck_assert_str_eq(kept(c, "else", 5), "");
    ok(slab_checkpoint_size(c, "mean", &bytes));
    ck_assert_int_eq(bytes, 14);
    ok(slab_checkpoint_size(c, "else", &bytes));
    ck_assert_int_eq(bytes, -1);
    keep(c, "else", "third");
    slab_checkpoint_close(&c, false);
    slab_job_key(job_text, key);
    ck_assert_int_eq(slab_checkpoint_count(in_folder("f.h5"), key), 4);
    slab_job_key("another\n", key);
    ck_assert_int_eq(slab_checkpoint_count(in_folder("f.h5"), key), 0);
    c = open_checkpoint(false);
    ck_assert_str_eq(kept(c, "mean", 14), "");
    keep(c, "mean", "anew");
    slab_checkpoint_close(&c, true);
    ck_assert_int_eq(files_in(folder, false), 0);
}
END_TEST

START_TEST(a_file_that_is_mostly_replaced_records_is_written_anew)
{
    enum { BYTES = 1 << 20 };
    slab_checkpoint *c = open_checkpoint(false);
    uint8_t *data = malloc(BYTES);
    struct stat st;
    bool found;
    keep(c, "mean", "one and a half");
    for (int i = 0; i < 70; i++) {
        memset(data, i, BYTES);
        ok(slab_checkpoint_put(c, "state", &(slab_state_part){data, BYTES}, 1));
        ck_assert_int_eq(stat(in_folder(".f.h5.slab-state"), &st), 0);
        ck_assert_int_lt(st.st_size, 20 * BYTES);
    }
    keep(c, "last", "behind it");
    slab_checkpoint_close(&c, false);
    ck_assert_int_eq(files_in(folder, false), 1);
    c = open_checkpoint(true);
    ck_assert_str_eq(kept(c, "mean", 14), "one and a half");
    ck_assert_str_eq(kept(c, "last", 9), "behind it");
    ok(slab_checkpoint_get(c, "state", &(slab_state_part){data, BYTES}, 1, &found));
    ck_assert(found && data[0] == 69 && data[BYTES - 1] == 69);
    slab_checkpoint_close(&c, true);
    free(data);
}
END_TEST

/* In the place of the system's. */
static int syncs;

int fdatasync(int fd)
{
    (void)fd;
    syncs++;
    return 0;
}

/* In the place of the system's: the next write is one that the disk has no room for. */
static bool full;

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
    if (!full)
        return syscall(SYS_pwrite64, fd, data, n, at);
    full = false;
    errno = ENOSPC;
    return -1;
}

START_TEST(a_record_that_cannot_be_written_leaves_the_one_before_and_room_for_the_next)
{
    slab_checkpoint *c = open_checkpoint(false);
    bool kept_it;
    full = true; /* not even the head of the file */
    keep(c, "first", "lost");
    keep(c, "list", "of old");
    full = true;
    ok(slab_checkpoint_seal(c, "list", &(slab_state_part){"of new", 6}, 1, &kept_it));
    ck_assert(!kept_it);
    ck_assert_str_eq(kept(c, "list", 6), "of old");
    ok(slab_checkpoint_seal(c, "last", &(slab_state_part){"there", 5}, 1, &kept_it));
    ck_assert(kept_it);
    slab_checkpoint_close(&c, false);
    c = open_checkpoint(true);
    ck_assert_str_eq(kept(c, "list", 6), "of old");
    ck_assert_str_eq(kept(c, "last", 5), "there");
    slab_checkpoint_close(&c, true);
    ok(slab_checkpoint_seal(NULL, "list", &(slab_state_part){"of new", 6}, 1, &kept_it));
    ck_assert(!kept_it);
}
END_TEST

START_TEST(many_records_and_the_one_that_names_them_are_brought_to_the_disk_once)
{
    slab_checkpoint *c = open_checkpoint(false);
    char name[16], text[8];
    bool kept_it, found;
    syncs = 0;
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "part%d", i);
        snprintf(text, sizeof text, "%07d", i);
        ok(slab_checkpoint_add(c, name, &(slab_state_part){text, 7}, 1, &kept_it));
        ck_assert(kept_it);
    }
    ck_assert_int_eq(syncs, 0);
    keep(c, "list", "of them");
    ck_assert_int_eq(syncs, 1);
    slab_checkpoint_close(&c, false);
    c = open_checkpoint(true);
    ck_assert_str_eq(kept(c, "list", 7), "of them");
    ck_assert_str_eq(kept(c, "part37", 7), "0000037");
    memset(text, 0, sizeof text);
    ok(slab_checkpoint_read(c, "part99", &(slab_state_part){text, 7}, 1, &found));
    ck_assert(found);
    ck_assert_str_eq(text, "0000099");
    ok(slab_checkpoint_read(c, "part99", &(slab_state_part){text, 6}, 1, &found));
    ck_assert(!found);
    slab_checkpoint_close(&c, true);
    ok(slab_checkpoint_add(NULL, "part", &(slab_state_part){text, 7}, 1, &kept_it));
    ck_assert(!kept_it);
    ok(slab_checkpoint_read(NULL, "part", &(slab_state_part){text, 7}, 1, &found));
    ck_assert(!found);
}
END_TEST

START_TEST(the_room_of_records_that_are_forgotten_is_used_again)
{
    enum { BYTES = 1 << 20 };
    slab_checkpoint *c = open_checkpoint(false);
    uint8_t *data = calloc(BYTES, 1);
    char name[16];
    struct stat st;
    bool kept_it, found;
    keep(c, "b/first", "stays");
    for (int i = 0; i < 70; i++) {
        snprintf(name, sizeof name, "a/%d", i);
        ok(slab_checkpoint_add(c, name, &(slab_state_part){data, BYTES}, 1, &kept_it));
        slab_checkpoint_forget(c, "a/");
        ok(slab_checkpoint_read(c, name, &(slab_state_part){data, BYTES}, 1, &found));
        ck_assert(!found);
        ck_assert_int_eq(stat(in_folder(".f.h5.slab-state"), &st), 0);
        ck_assert_int_lt(st.st_size, 20 * BYTES);
    }
    ck_assert_str_eq(kept(c, "b/first", 5), "stays");
    slab_checkpoint_forget(NULL, "a/");
    slab_checkpoint_close(&c, true);
    free(data);
}
END_TEST

START_TEST(no_checkpoint_keeps_nothing_and_has_nothing)
{
    keep(NULL, "mean", "one");
    ck_assert_str_eq(kept(NULL, "mean", 3), "");
}
END_TEST

START_TEST(a_torn_or_changed_record_is_none_and_those_before_it_are)
{
    char path[512];
    struct stat st;
    snprintf(path, sizeof path, "%s/.f.h5.slab-state", folder);
    slab_checkpoint *c = open_checkpoint(false);
    keep(c, "a", "before");
    ck_assert_int_eq(stat(path, &st), 0);
    off_t first = st.st_size;
    keep(c, "b", "behind");
    slab_checkpoint_close(&c, false);
    ck_assert_int_eq(stat(path, &st), 0);
    for (off_t size = st.st_size - 1; size >= first; size -= 5) {
        ck_assert_int_eq(truncate(path, size), 0);
        c = open_checkpoint(true);
        ck_assert_str_eq(kept(c, "a", 6), "before");
        ck_assert_str_eq(kept(c, "b", 6), "");
        keep(c, "b", "behind");
        slab_checkpoint_close(&c, false);
    }
    FILE *f = fopen(path, "r+b");
    fseek(f, -1, SEEK_END);
    fputc('X', f);
    fclose(f);
    c = open_checkpoint(true);
    ck_assert_str_eq(kept(c, "a", 6), "before");
    ck_assert_str_eq(kept(c, "b", 6), "");
    slab_checkpoint_close(&c, true);
}
END_TEST

int main(void)
{
    TCase *job = tcase_create("job");
    tcase_add_checked_fixture(job, make_folder, remove_folder);
    tcase_add_test(job, a_job_is_read_back_and_its_values_found);
    tcase_add_test(job, a_job_that_is_torn_or_changed_anywhere_is_none);
    tcase_add_test(job, a_job_behind_a_link_or_of_two_names_is_none);
    tcase_add_test(job, jobs_differ_by_their_lines_and_not_by_remarks);
    tcase_add_test(job, records_are_there_in_the_next_run_and_the_last_of_a_name_holds);
    tcase_add_test(job, a_file_that_is_mostly_replaced_records_is_written_anew);
    tcase_add_test(job,
                   a_record_that_cannot_be_written_leaves_the_one_before_and_room_for_the_next);
    tcase_add_test(job, many_records_and_the_one_that_names_them_are_brought_to_the_disk_once);
    tcase_add_test(job, the_room_of_records_that_are_forgotten_is_used_again);
    tcase_add_test(job, no_checkpoint_keeps_nothing_and_has_nothing);
    tcase_add_test(job, a_torn_or_changed_record_is_none_and_those_before_it_are);
    Suite *suite = suite_create("job");
    suite_add_tcase(suite, job);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

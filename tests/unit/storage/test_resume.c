/* What a run that was stopped or killed leaves, and what the next makes of it. */
#include "writing.h"

#include <fcntl.h>
#include <signal.h>
#include <slab/storage/chunk_log.h>
#include <slab/storage/unfinished.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* 16 chunks of 1000 elements, in which element i is i. */
enum { CHUNK = 1000, CHUNKS = 16, N = CHUNKS * CHUNK };

static const char job_text[] = "# command slab make\nverb make\noption seed 1\noption k 7\n";

static slab_array_spec spec_of(void)
{
    return (slab_array_spec){.dtype = slab_dtype_make(SLAB_KIND_INT, 4),
                             .shape = SHAPE(N),
                             .chunk = SHAPE(CHUNK),
                             .filter = "gzip"};
}

static slab_status begin(const char *file, const char *job, bool fresh, slab_txn **txn)
{
    slab_txn_options options = slab_txn_defaults();
    options.job = job;
    options.fresh = fresh;
    return slab_txn_begin(slab_ranks_alone(), file, &options, txn);
}

/* Puts chunks first .. end - 1 where they are not there; counts those that were. */
static slab_status put(slab_writer *w, int first, int end, int *there)
{
    slab_status rc = SLAB_OK;
    for (int c = first; c < end && rc == SLAB_OK; c++) {
        int32_t data[CHUNK];
        bool has = slab_writer_has(w, c);
        for (int i = 0; i < CHUNK; i++) /* what is there is not looked at */
            data[i] = has ? -1 : c * CHUNK + i;
        *there += has;
        rc = slab_writer_put(w, 0, c, data);
    }
    return rc;
}

static void check_array(const char *file, const char *path)
{
    static int32_t got[N];
    int wrong = 0;
    read_with_hdf5(file, path, H5T_NATIVE_INT32, got);
    for (int i = 0; i < N; i++)
        wrong += got[i] != i;
    ck_assert_int_eq(wrong, 0);
}

/* A child writes chunks first .. end - 1 of /x; then it is killed, or stopped. */
static void run_part(const char *file, int first, int end, bool killed)
{
    pid_t child = fork();
    if (child == 0) {
        slab_txn *txn = NULL;
        slab_writer *w = NULL;
        slab_array_spec spec = spec_of();
        int there = 0;
        if (begin(file, job_text, false, &txn) != SLAB_OK ||
            slab_txn_create(txn, "/x", &spec, &w) != SLAB_OK ||
            put(w, first, end, &there) != SLAB_OK || slab_writer_close(&w) != SLAB_OK)
            _exit(1);
        if (killed) {
            usleep(200000); /* the writing threads have nothing else to do */
            kill(getpid(), SIGKILL);
        }
        slab_error_set(SLAB_ERR_STOPPED, __FILE__, __LINE__, "stopped by a test");
        slab_txn_abort(&txn);
        _exit(strstr(slab_error_last()->message, "the same command continues") ? 0 : 2);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(killed ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Finishes it; returns how many chunks were there. */
static int finish(const char *file)
{
    slab_txn *txn;
    slab_writer *w;
    slab_array_spec spec = spec_of();
    int there = 0;
    ok(begin(file, job_text, false, &txn));
    ok(slab_txn_create(txn, "/x", &spec, &w));
    ok(put(w, 0, CHUNKS, &there));
    ok(slab_writer_close(&w));
    ok(slab_txn_commit(&txn));
    check_array(file, "/x");
    return there;
}

static void make_old(const char *file)
{
    slab_txn *txn;
    slab_writer *w;
    slab_array_spec spec = spec_of();
    int there = 0;
    ok(begin(file, NULL, false, &txn));
    ok(slab_txn_create(txn, "/old", &spec, &w));
    ok(put(w, 0, CHUNKS, &there));
    ok(slab_writer_close(&w));
    ok(slab_txn_commit(&txn));
    ck_assert_int_eq(there, 0);
}

START_TEST(a_new_file_goes_on_where_it_was_stopped_or_killed)
{
    for (int killed = 0; killed < 2; killed++) {
        const char *file = in_folder(killed ? "killed.h5" : "stopped.h5");
        run_part(file, 0, 5, killed);
        ck_assert_int_ne(access(file, F_OK), 0);
        ck_assert_int_eq(finish(file), 5);
        ck_assert_int_eq(files_in(folder, false), killed + 1);
    }
}
END_TEST

START_TEST(an_existing_file_goes_on_and_keeps_what_it_had)
{
    for (int killed = 0; killed < 2; killed++) {
        const char *file = in_folder("f.h5");
        unlink(file);
        make_old(file);
        run_part(file, 3, 9, killed);
        check_array(file, "/old");
        ck_assert_int_eq(finish(file), 6);
        check_array(file, "/old");
        ck_assert_int_eq(files_in(folder, false), 1);
    }
}
END_TEST

START_TEST(several_runs_add_up)
{
    const char *file = in_folder("f.h5");
    run_part(file, 0, 3, false);
    run_part(file, 2, 8, true); /* 2 is there already */
    run_part(file, 12, 14, true);
    ck_assert_int_eq(finish(file), 10);
    ck_assert_int_eq(files_in(folder, false), 1);
}
END_TEST

/* Changes a byte within the last chunk that a run has left. */
static void break_chunk(const char *file)
{
    char unfinished[300], *name = strrchr(file, '/') + 1;
    snprintf(unfinished, sizeof unfinished, "%.*s.%s.slab-part", (int)(name - file), file, name);
    int fd = open(access(unfinished, F_OK) == 0 ? unfinished : file, O_RDWR);
    off_t at = lseek(fd, 0, SEEK_END) - 1;
    uint8_t byte = 0;
    for (; byte == 0; at--) /* behind it a block is filled up with zeros */
        ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    ck_assert_int_eq(pwrite(fd, &byte, 1, at + 1), 1);
    close(fd);
}

/* All is put that is believed not to be there; then it is said that one is not, and the same again
 * puts that one alone. */
START_TEST(what_is_not_whole_is_found_before_the_commit_and_put_by_the_next_run)
{
    for (int old = 0; old < 2; old++) {
        const char *file = in_folder(old ? "old.h5" : "new.h5");
        slab_txn *txn;
        slab_writer *w;
        slab_array_spec spec = spec_of();
        slab_unfinished left;
        bool is_left;
        int there = 0;
        if (old)
            make_old(file);
        run_part(file, 0, 5, old);
        break_chunk(file);
        ok(begin(file, job_text, false, &txn));
        ok(slab_txn_create(txn, "/x", &spec, &w));
        ok(put(w, 0, CHUNKS, &there));
        ck_assert_int_eq(there, 5);
        ok(slab_writer_close(&w));
        fails(slab_txn_commit(&txn), SLAB_ERR_AGAIN);
        ck_assert_ptr_null(txn);
        ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "1 of the 5 chunks"));
        ok(slab_unfinished_look(file, &left, &is_left));
        ck_assert(is_left);
        ck_assert_int_eq(left.chunks, CHUNKS - 1);
        slab_unfinished_clear(&left);
        ck_assert_int_eq(finish(file), CHUNKS - 1);
        if (old)
            check_array(file, "/old");
        ck_assert_int_eq(files_in(folder, false), old + 1);
    }
}
END_TEST

START_TEST(chunks_behind_the_end_of_a_file_that_was_cut_are_written_again)
{
    const char *file = in_folder("f.h5");
    run_part(file, 0, 5, false);
    ck_assert_int_eq(truncate(in_folder(".f.h5.slab-part"), 4096 + 100), 0);
    ck_assert_int_eq(finish(file), 0);
}
END_TEST

START_TEST(what_another_program_has_committed_meanwhile_is_not_taken_for_ours)
{
    const char *file = in_folder("f.h5");
    make_old(file);
    run_part(file, 0, 5, false);
    hid_t f =
        H5Fopen(file, H5F_ACC_RDWR, H5P_DEFAULT); /* HDF5 cuts the file where it thinks it ends */
    ck_assert_int_ge(f, 0);
    hid_t g = H5Gcreate2(f, "/theirs", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(g);
    ck_assert_int_ge(H5Fclose(f), 0);
    ck_assert_int_eq(finish(file), 0);
    check_array(file, "/old");
    f = H5Fopen(file, H5F_ACC_RDONLY, H5P_DEFAULT);
    ck_assert_int_gt(H5Lexists(f, "/theirs", H5P_DEFAULT), 0);
    H5Fclose(f);
}
END_TEST

START_TEST(another_job_is_refused_with_what_differs_and_leaves_all_as_it_is)
{
    const char *file = in_folder("f.h5");
    slab_txn *txn;
    run_part(file, 0, 5, false);
    int before = files_in(folder, false);
    fails(begin(file, "verb make\noption seed 2\noption k 7\n", false, &txn), SLAB_ERR_EXISTS);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "option seed is 2, and was 1"));
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "slab make"));
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "--no-resume"));
    fails(begin(file, NULL, false, &txn), SLAB_ERR_EXISTS);
    ck_assert_int_eq(files_in(folder, false), before);
    ck_assert_int_eq(finish(file), 5);
}
END_TEST

START_TEST(a_fresh_start_takes_nothing_over)
{
    const char *file = in_folder("f.h5");
    slab_txn *txn;
    slab_writer *w;
    slab_array_spec spec = spec_of();
    int there = 0;
    run_part(file, 0, 5, false);
    ok(begin(file, "verb other\n", true, &txn));
    ok(slab_txn_create(txn, "/x", &spec, &w));
    ok(put(w, 0, CHUNKS, &there));
    ok(slab_writer_close(&w));
    ok(slab_txn_commit(&txn));
    ck_assert_int_eq(there, 0);
    check_array(file, "/x");
    ck_assert_int_eq(files_in(folder, false), 1);
}
END_TEST

START_TEST(an_array_that_is_stored_otherwise_takes_nothing_over)
{
    const char *file = in_folder("f.h5");
    slab_txn *txn;
    slab_writer *w;
    slab_array_spec spec = spec_of();
    run_part(file, 0, 5, false);
    spec.filter = "none";
    ok(begin(file, job_text, false, &txn));
    ok(slab_txn_create(txn, "/x", &spec, &w));
    for (int c = 0; c < CHUNKS; c++)
        ck_assert(!slab_writer_has(w, c));
    ok(slab_writer_close(&w));
    slab_error_clear();
    slab_txn_abort(&txn);
}
END_TEST

START_TEST(a_stop_while_what_is_there_is_checked_keeps_all_of_it)
{
    const char *file = in_folder("f.h5");
    slab_txn *txn;
    slab_writer *w;
    slab_array_spec spec = spec_of();
    int there = 0;
    run_part(file, 0, 5, true);
    ok(begin(file, job_text, false, &txn));
    ok(slab_txn_create(txn, "/x", &spec, &w));
    ok(put(w, 0, 9, &there));
    ok(slab_writer_close(&w));
    slab_error_set(SLAB_ERR_STOPPED, __FILE__, __LINE__, "stopped by a test");
    slab_txn_abort(&txn);
    ck_assert_int_eq(finish(file), 9);
    ck_assert_int_eq(files_in(folder, false), 1);
}
END_TEST

START_TEST(a_failure_of_a_run_that_went_on_from_another_leaves_what_both_wrote)
{
    const char *file = in_folder("f.h5");
    slab_txn *txn;
    slab_writer *w;
    slab_array_spec spec = spec_of();
    int there = 0;
    run_part(file, 0, 5, false);
    ok(begin(file, job_text, false, &txn));
    ok(slab_txn_create(txn, "/x", &spec, &w));
    ok(put(w, 0, 8, &there));
    ok(slab_writer_close(&w));
    slab_error_set(SLAB_ERR_IO, __FILE__, __LINE__, "the input is gone");
    slab_txn_abort(&txn);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "what is written is kept"));
    ck_assert_int_eq(finish(file), 8);
}
END_TEST

START_TEST(a_first_run_that_fails_leaves_nothing)
{
    slab_txn *txn;
    slab_writer *w;
    slab_array_spec spec = spec_of();
    int there = 0;
    ok(begin(in_folder("f.h5"), job_text, false, &txn));
    ok(slab_txn_create(txn, "/x", &spec, &w));
    ok(put(w, 0, 8, &there));
    ok(slab_writer_close(&w));
    slab_error_set(SLAB_ERR_IO, __FILE__, __LINE__, "the input is gone");
    slab_txn_abort(&txn);
    ck_assert_int_eq(files_in(folder, false), 0);
}
END_TEST

START_TEST(an_unfinished_output_is_held_by_one_process_at_a_time)
{
    const char *file = in_folder("f.h5");
    slab_txn *txn, *second;
    slab_unfinished left;
    bool there;
    run_part(file, 0, 5, false);
    ok(begin(file, job_text, false, &txn));
    fails(begin(file, job_text, false, &second), SLAB_ERR_LOCKED);
    fails(begin(file, job_text, true, &second), SLAB_ERR_LOCKED);
    ok(slab_unfinished_look(file, &left, &there));
    ck_assert(there && left.held);
    slab_unfinished_clear(&left);
    fails(slab_unfinished_remove(file, &there), SLAB_ERR_LOCKED);
    slab_error_set(SLAB_ERR_STOPPED, __FILE__, __LINE__, "stopped by a test");
    slab_txn_abort(&txn);
    ck_assert_int_eq(finish(file), 5);
}
END_TEST

static slab_status count_visit(void *context, const slab_unfinished *one)
{
    *(int *)context += 1;
    ck_assert_int_eq(one->chunks, 5);
    ck_assert_int_eq(one->total, CHUNKS);
    ck_assert(!one->held);
    ck_assert_ptr_nonnull(strstr(one->file, "f.h5"));
    return SLAB_OK;
}

START_TEST(unfinished_outputs_are_listed_and_removed)
{
    const char *file = in_folder("f.h5");
    int n = 0;
    bool removed;
    struct stat before, after;
    run_part(file, 0, 5, false);
    ok(slab_unfinished_list(folder, count_visit, &n));
    ck_assert_int_eq(n, 1);
    ok(slab_unfinished_remove(file, &removed));
    ck_assert(removed);
    ck_assert_int_eq(files_in(folder, false), 0);
    ok(slab_unfinished_remove(file, &removed));
    ck_assert(!removed);
    make_old(file);
    ck_assert_int_eq(stat(file, &before), 0);
    run_part(file, 0, 5, false);
    ok(slab_unfinished_list(folder, count_visit, &n));
    ck_assert_int_eq(n, 2);
    ok(slab_unfinished_remove(file, &removed));
    ck_assert_int_eq(stat(file, &after), 0);
    ck_assert_int_eq(before.st_size, after.st_size);
    check_array(file, "/old");
    ck_assert_int_eq(files_in(folder, false), 1);
    fails(slab_unfinished_list(in_folder("nowhere"), count_visit, &n), SLAB_ERR_NOT_FOUND);
}
END_TEST

START_TEST(what_cannot_get_its_name_is_kept_for_the_same_command)
{
    const char *file = in_folder("f.h5");
    slab_txn *txn;
    slab_writer *w;
    slab_array_spec spec = spec_of();
    slab_unfinished left;
    bool there;
    int n = 0;
    run_part(file, 0, 5, false);
    ok(begin(file, job_text, false, &txn));
    ok(slab_txn_create(txn, "/x", &spec, &w));
    ok(put(w, 0, CHUNKS, &n));
    ok(slab_writer_close(&w));
    FILE *other = fopen(file, "w");
    fputs("another's", other);
    fclose(other);
    fails(slab_txn_commit(&txn), SLAB_ERR_EXISTS);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "what is written is kept"));
    ok(slab_unfinished_look(file, &left, &there));
    ck_assert(there);
    ck_assert_int_eq(left.chunks, CHUNKS);
    slab_unfinished_clear(&left);
    ck_assert_int_eq(unlink(file), 0);
    ck_assert_int_eq(finish(file), CHUNKS);
    ck_assert_int_eq(files_in(folder, false), 1);
}
END_TEST

START_TEST(an_output_with_other_names_or_another_owner_is_looked_at_and_cleaned)
{
    const char *file = in_folder("f.h5"), *link_to = in_folder("link.h5");
    const char *other = in_folder("other.h5"); /* no more names: they are four */
    slab_unfinished left;
    struct stat before, after;
    slab_txn *txn;
    bool there;
    make_old(file);
    ck_assert_int_eq(stat(file, &before), 0);
    ck_assert_int_eq(symlink("f.h5", link_to), 0);
    run_part(link_to, 0, 5, false);
    ck_assert_int_eq(link(file, other), 0);
    if (geteuid() == 0)
        ck_assert_int_eq(chown(file, 12345, 12345), 0);
    ok(slab_unfinished_look(file, &left, &there));
    ck_assert(there && !left.held);
    slab_unfinished_clear(&left);
    ok(slab_unfinished_remove(link_to, &there));
    ck_assert(there);
    ck_assert_int_eq(stat(file, &after), 0);
    ck_assert_int_eq(before.st_size, after.st_size);
    check_array(file, "/old");
    ck_assert_int_eq(unlink(other), 0);
    ok(begin(file, job_text, false, &txn));
    ck_assert_int_eq(link(file, other), 0);
    ok(slab_unfinished_look(file, &left, &there));
    ck_assert(there && left.held);
    slab_unfinished_clear(&left);
    fails(slab_unfinished_remove(link_to, &there), SLAB_ERR_LOCKED);
    slab_txn_abort(&txn);
}
END_TEST

static slab_status remove_visit(void *context, const slab_unfinished *one)
{
    bool removed;
    *(int *)context += 1;
    return slab_unfinished_remove(one->file, &removed);
}

START_TEST(what_cannot_be_removed_keeps_nothing_else_in_its_folder_from_it)
{
    slab_unfinished left;
    bool there;
    int n = 0;
    run_part(in_folder("a.h5"), 0, 5, false);
    run_part(in_folder("b.h5"), 0, 5, false);
    ck_assert_int_eq(link(in_folder(".a.h5.slab-part"), in_folder("elsewhere")), 0);
    fails(slab_unfinished_list(folder, remove_visit, &n), SLAB_ERR_IO);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, ".a.h5.slab-part"));
    ck_assert_int_eq(n, 2);
    ok(slab_unfinished_look(in_folder("b.h5"), &left, &there));
    ck_assert(!there);
}
END_TEST

static int dropped; /* how often what is in memory of a file was given up */

/* Takes the place of libc's. */
int posix_fadvise(int fd, off_t at, off_t n, int advice)
{
    dropped += advice == POSIX_FADV_DONTNEED && at == 0 && n == 0;
    return (int)syscall(SYS_fadvise64, fd, at, n, advice);
}

START_TEST(what_an_earlier_run_has_left_is_checked_on_the_disk)
{
    const char *file = in_folder("f.h5");
    run_part(file, 0, 5, false);
    ck_assert_int_eq(dropped, 0);
    ck_assert_int_eq(finish(file), 5);
    ck_assert_int_eq(dropped, 1);
}
END_TEST

static char order[512]; /* what was taken away, in order */

/* Takes the place of libc's. */
int unlink(const char *path)
{
    int rc = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    const char *at = strstr(path, ".slab-");
    if (rc == 0 && at && strlen(order) + strlen(at) < sizeof order)
        strcat(order, at + 5);
    return rc;
}

START_TEST(the_temporary_file_goes_last_of_all)
{
    const char *file = in_folder("f.h5");
    char did[SLAB_MESSAGE_MAX];
    slab_txn *txn;
    bool removed;
    run_part(file, 0, 5, false);
    order[0] = '\0';
    ok(slab_unfinished_remove(file, &removed));
    ck_assert_str_eq(order, "-log.0-job-part");
    run_part(file, 0, 5, false);
    ck_assert_int_eq(truncate(in_folder(".f.h5.slab-job"), 3), 0); /* nobody can go on with it */
    order[0] = '\0';
    ok(slab_recover(file, did));
    ck_assert_str_eq(order, "-log.0-job-part");
    ok(begin(file, job_text, false, &txn));
    order[0] = '\0';
    slab_txn_abort(&txn);
    ck_assert_str_eq(order, "-log.0-job-part");
}
END_TEST

/* The logs and the job are still there, but the file has been committed. */
START_TEST(what_was_left_of_a_commit_is_not_taken_for_unfinished)
{
    const char *file = in_folder("f.h5");
    char copy[5][600], at[5][600];
    int n = 0, visits = 0;
    make_old(file);
    run_part(file, 0, 5, false);
    const char *names[] = {".f.h5.slab-job", ".f.h5.slab-log.0"};
    for (; n < 2; n++) {
        snprintf(at[n], sizeof at[n], "%s/%s", folder, names[n]);
        snprintf(copy[n], sizeof copy[n], "%s/copy-%d", folder, n);
        ck_assert_int_eq(link(at[n], copy[n]), 0);
        ck_assert_int_eq(unlink(at[n]), 0);
        ck_assert_int_eq(rename(copy[n], at[n]), 0);
        snprintf(copy[n], sizeof copy[n], "cp '%s' '%s/copy-%d'", at[n], folder, n);
        ck_assert_int_eq(system(copy[n]), 0);
    }
    ck_assert_int_eq(finish(file), 5);
    for (n = 0; n < 2; n++) {
        snprintf(copy[n], sizeof copy[n], "%s/copy-%d", folder, n);
        ck_assert_int_eq(rename(copy[n], at[n]), 0);
    }
    ok(slab_unfinished_list(folder, count_visit, &visits));
    ck_assert_int_eq(visits, 0);
    slab_txn *txn;
    ok(begin(file, "verb other\n", false, &txn));
    slab_txn_abort(&txn);
    check_array(file, "/x");
}
END_TEST

int main(void)
{
    TCase *resume = tcase_create("resume");
    tcase_add_checked_fixture(resume, make_folder, remove_folder);
    tcase_set_timeout(resume, 120);
    tcase_add_test(resume, a_new_file_goes_on_where_it_was_stopped_or_killed);
    tcase_add_test(resume, an_existing_file_goes_on_and_keeps_what_it_had);
    tcase_add_test(resume, several_runs_add_up);
    tcase_add_test(resume, what_is_not_whole_is_found_before_the_commit_and_put_by_the_next_run);
    tcase_add_test(resume, chunks_behind_the_end_of_a_file_that_was_cut_are_written_again);
    tcase_add_test(resume, what_another_program_has_committed_meanwhile_is_not_taken_for_ours);
    tcase_add_test(resume, another_job_is_refused_with_what_differs_and_leaves_all_as_it_is);
    tcase_add_test(resume, a_fresh_start_takes_nothing_over);
    tcase_add_test(resume, an_array_that_is_stored_otherwise_takes_nothing_over);
    tcase_add_test(resume, a_stop_while_what_is_there_is_checked_keeps_all_of_it);
    tcase_add_test(resume, a_failure_of_a_run_that_went_on_from_another_leaves_what_both_wrote);
    tcase_add_test(resume, a_first_run_that_fails_leaves_nothing);
    tcase_add_test(resume, an_unfinished_output_is_held_by_one_process_at_a_time);
    tcase_add_test(resume, unfinished_outputs_are_listed_and_removed);
    tcase_add_test(resume, what_cannot_get_its_name_is_kept_for_the_same_command);
    tcase_add_test(resume, an_output_with_other_names_or_another_owner_is_looked_at_and_cleaned);
    tcase_add_test(resume, what_cannot_be_removed_keeps_nothing_else_in_its_folder_from_it);
    tcase_add_test(resume, the_temporary_file_goes_last_of_all);
    tcase_add_test(resume, what_an_earlier_run_has_left_is_checked_on_the_disk);
    tcase_add_test(resume, what_was_left_of_a_commit_is_not_taken_for_unfinished);
    Suite *suite = suite_create("resume");
    suite_add_tcase(suite, resume);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

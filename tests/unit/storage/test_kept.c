/* What is taken over of an unfinished output: logs are claims that are believed where they can be
 * true, until the bytes are looked at. */
#include "outcome.h"

#include <fcntl.h>
#include <pthread.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/sanitizer.h>
#include <slab/storage/kept.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { DIGEST = 77, PIECE = 100, MOST = 5000 };
static char folder[] = "/tmp/slab-kept-XXXXXX";
static const uint8_t job[SLAB_JOB_KEY_BYTES] = "the job";
static int data;   /* the output: byte i is i % 251 */
static int direct; /* the same with O_DIRECT, -1: there is none here */

static void begin(void)
{
    static uint8_t bytes[MOST * PIECE];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i % 251);
    ck_assert_int_eq(chdir(folder), 0);
    data = open("out.h5", O_RDWR | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_eq(write(data, bytes, sizeof bytes), (ssize_t)sizeof bytes);
}

static void end(void)
{
    close(data);
    slab_chunk_log_remove_all("out.h5");
    unlink("out.h5");
}

static slab_chunk_log *log_of(int number, const uint8_t *key, uint64_t old_size)
{
    slab_chunk_log_head head = {.ranks = 1, .old_size = old_size};
    slab_chunk_log *log;
    char *path;
    memcpy(head.job, key, sizeof head.job);
    ok(slab_chunk_log_path("out.h5", number, &path));
    ok(slab_chunk_log_create(path, &head, &log));
    slab_memory_free(path);
    return log;
}

/* A record of what lies at an address, as a writer makes it. */
static slab_logged_chunk chunk(uint32_t array, int64_t number, uint64_t address, uint64_t size)
{
    static uint8_t bytes[MOST * PIECE];
    slab_logged_chunk c = {.array = array, .number = number, .address = address, .size = size};
    ssize_t got = size < sizeof bytes ? pread(data, bytes, size, (off_t)address) : 0;
    c.checksum = got > 0 ? slab_chunk_checksum(bytes, (size_t)got) : 1;
    return c;
}

static slab_kept *load(int nlogs, uint64_t committed)
{
    static const int logs[] = {0, 1, 2, 3};
    slab_kept *kept;
    slab_kept_source from = {.ranks = slab_ranks_alone(),
                             .file = "out.h5",
                             .logs = logs,
                             .nlogs = nlogs,
                             .job = job,
                             .committed = committed,
                             .end = MOST * PIECE};
    ok(slab_kept_load(&from, &kept));
    return kept;
}

/* What the check has found whole. */
static struct {
    pthread_mutex_t lock;
    int64_t n, numbers; /* of chunks, and the sum of their numbers */
    int calls, fails_at;
} found = {.lock = PTHREAD_MUTEX_INITIALIZER};

static slab_status see_whole(void *context, const slab_logged_chunk *chunks, size_t n)
{
    (void)context;
    pthread_mutex_lock(&found.lock);
    found.n += (int64_t)n;
    for (size_t i = 0; i < n; i++)
        found.numbers += chunks[i].number;
    bool failed = ++found.calls == found.fails_at;
    pthread_mutex_unlock(&found.lock);
    return failed ? slab_error_set(SLAB_ERR_SPACE, __FILE__, __LINE__, "no room") : SLAB_OK;
}

static slab_status begin_check(slab_kept *kept, int fd)
{
    slab_kept_check check = {.fd = fd,
                             .direct_fd = open("out.h5", O_RDONLY | O_DIRECT),
                             .bytes = 256 << 10,
                             .whole = see_whole};
    direct = check.direct_fd;
    found.n = found.numbers = found.calls = found.fails_at = 0;
    return slab_kept_check_begin(kept, &check);
}

static void end_check(slab_kept *kept)
{
    slab_kept_check_end(kept);
    if (direct >= 0)
        close(direct);
}

/* How many are not whole. */
static int64_t check_all(slab_kept *kept)
{
    int64_t broken = -1;
    ok(begin_check(kept, data));
    ok(slab_kept_check_wait(kept, &broken));
    ck_assert(slab_kept_is_checked(kept));
    ck_assert_int_eq(found.n + broken, slab_kept_count(kept).chunks);
    end_check(kept);
    return broken;
}

START_TEST(chunks_are_kept_by_address_and_counted)
{
    slab_chunk_log *log = log_of(0, job, 4000);
    slab_logged_chunk chunks[] = {chunk(5, 9, 300, 100), chunk(5, 2, 500, 50), chunk(5, 4, 100, 7)};
    ok(slab_chunk_log_array(log, 5, "/x", DIGEST, 10));
    ok(slab_chunk_log_append(log, chunks, 3));
    slab_chunk_log_close(&log, false);
    slab_kept *kept = load(1, 0);
    const slab_kept_array *a = slab_kept_find(kept, "/x", DIGEST);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_eq(a, slab_kept_at(kept, 0));
    ck_assert_ptr_null(slab_kept_at(kept, 1));
    ck_assert_ptr_null(slab_kept_at(kept, -1));
    ck_assert_ptr_null(slab_kept_find(kept, "/x", DIGEST + 1));
    ck_assert_ptr_null(slab_kept_find(kept, "/y", DIGEST));
    ck_assert_int_eq(a->count, 3);
    ck_assert_int_eq(a->chunks[0].number, 4);
    ck_assert_int_eq(a->chunks[1].number, 9);
    ck_assert_int_eq(a->chunks[2].number, 2);
    ck_assert_uint_eq(a->chunks[2].address, 500);
    slab_kept_counts counts = slab_kept_count(kept);
    ck_assert_int_eq(counts.chunks, 3);
    ck_assert_int_eq(counts.bytes, 157);
    ck_assert_int_eq(counts.total, 10);
    ck_assert_uint_eq(counts.end, 550);
    ck_assert_uint_eq(counts.old_size, 4000);
    ck_assert(!slab_kept_is_checked(kept));
    ck_assert_int_eq(check_all(kept), 0);
    ck_assert_int_eq(found.numbers, 9 + 2 + 4);
    slab_kept_destroy(&kept);
    ck_assert_ptr_null(kept);
    slab_kept_destroy(&kept);
}
END_TEST

START_TEST(claims_that_cannot_be_are_left_out)
{
    slab_chunk_log *log = log_of(0, job, 0);
    slab_logged_chunk good = chunk(1, 3, 1000, 10), bad[10];
    for (int i = 0; i < 10; i++)
        bad[i] = good;
    bad[0].number = -1;
    bad[1].number = 10; /* of 0 .. 9 */
    bad[2].size = 0;
    bad[3].size = (uint64_t)UINT32_MAX + 1;
    bad[4].address = 999; /* that is committed, and not ours */
    bad[5].address = INT64_MAX - 5;
    bad[6].address = UINT64_MAX;
    bad[7].array = 2; /* which nobody has declared */
    bad[8].number = INT64_MAX;
    bad[9].address = MOST * PIECE - 9; /* the file ends within it */
    ok(slab_chunk_log_array(log, 1, "/x", DIGEST, 10));
    ok(slab_chunk_log_append(log, bad, 10));
    ok(slab_chunk_log_append(log, &good, 1));
    slab_chunk_log_close(&log, false);
    slab_kept *kept = load(1, 1000);
    ck_assert_int_eq(slab_kept_count(kept).chunks, 1);
    ck_assert_int_eq(check_all(kept), 0);
    slab_kept_destroy(&kept);
}
END_TEST

START_TEST(bytes_that_do_not_fit_their_checksum_are_found)
{
    enum { LARGE = 300000 }; /* more than a thread reads at once */
    slab_chunk_log *log = log_of(0, job, 0);
    slab_logged_chunk chunks[] = {chunk(1, 0, 100, 100), chunk(1, 1, 200, 100),
                                  chunk(1, 2, MOST * PIECE - 50, 50), chunk(1, 3, 1001, LARGE),
                                  chunk(1, 4, 1001 + LARGE, LARGE / 2)};
    chunks[1].checksum ^= 1;
    chunks[4].checksum ^= 1;
    ok(slab_chunk_log_array(log, 1, "/x", DIGEST, 5));
    ok(slab_chunk_log_append(log, chunks, 5));
    slab_chunk_log_close(&log, false);
    slab_kept *kept = load(1, 0);
    ck_assert_int_eq(slab_kept_count(kept).chunks, 5);
    ck_assert_int_eq(check_all(kept), 2);
    ck_assert_int_eq(found.numbers, 0 + 2 + 3);
    ck_assert_int_eq(ftruncate(data, MOST * PIECE - 1), 0);
    ck_assert_int_eq(check_all(kept), 3); /* the file ends within number 2 */
    ck_assert_int_eq(found.numbers, 0 + 3);
    slab_kept_destroy(&kept);
}
END_TEST

START_TEST(a_check_says_what_keeps_it_from_going_on)
{
    slab_chunk_log *log = log_of(0, job, 0);
    int64_t broken;
    int nowhere = open("/", O_RDONLY);
    ok(slab_chunk_log_array(log, 1, "/x", DIGEST, MOST));
    for (int i = 0; i < 200; i++) {
        slab_logged_chunk c = chunk(1, i, (uint64_t)i * PIECE, PIECE);
        ok(slab_chunk_log_append(log, &c, 1));
    }
    slab_chunk_log_close(&log, false);
    slab_kept *kept = load(1, 0);
    ok(begin_check(kept, nowhere)); /* a folder has no bytes, O_DIRECT reads them */
    end_check(kept);
    close(direct);
    slab_kept_check check = {
        .fd = nowhere, .direct_fd = -1, .bytes = 256 << 10, .whole = see_whole};
    ok(slab_kept_check_begin(kept, &check));
    ok(slab_kept_check_wait(kept, &broken));
    ck_assert_int_eq(broken, 200);
    slab_kept_check_end(kept);
    ok(begin_check(kept, data));
    slab_kept_check_end(kept); /* however far it is */
    found.fails_at = 2;
    check.fd = data;
    found.calls = 0;
    ok(slab_kept_check_begin(kept, &check));
    fails(slab_kept_check_wait(kept, &broken), SLAB_ERR_SPACE);
    ck_assert(!slab_kept_is_checked(kept));
    end_check(kept);
    for (int n = 1; n < 5; n++) { /* every allocation fails once */
        slab_memory_fail_at(n);
        fails(slab_kept_check_begin(kept, &check), SLAB_ERR_MEMORY);
        slab_memory_fail_at(0);
        slab_kept_check_end(kept);
    }
    slab_kept_destroy(&kept);
    close(nowhere);
}
END_TEST

/* Limits the address space to what is there and so much more; 0: not any longer. */
static void limit_space(size_t more)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    long long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    ck_assert_int_eq(fscanf(statm, "%lld", &pages), 1);
    fclose(statm);
    if (more > 0)
        limit.rlim_cur = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

START_TEST(where_there_are_no_threads_who_waits_checks)
{
    slab_chunk_log *log = log_of(0, job, 0);
    int64_t broken = -1;
    ok(slab_chunk_log_array(log, 1, "/x", DIGEST, MOST));
    for (int i = 0; i < 200; i++) {
        slab_logged_chunk c = chunk(1, i, (uint64_t)i * PIECE, PIECE);
        ok(slab_chunk_log_append(log, &c, 1));
    }
    slab_chunk_log_close(&log, false);
    slab_kept *kept = load(1, 0);
    limit_space(2 << 20); /* a thread's stack has 8 MiB */
    ok(begin_check(kept, data));
    limit_space(0);
    usleep(50000);
    ck_assert_int_eq(found.n, 0);
    ck_assert(!slab_kept_is_checked(kept));
    ok(slab_kept_check_wait(kept, &broken));
    ck_assert_int_eq(broken, 0);
    ck_assert_int_eq(found.n, 200);
    ck_assert(slab_kept_is_checked(kept));
    end_check(kept);
    slab_kept_destroy(&kept);
}
END_TEST

START_TEST(a_chunk_that_several_runs_wrote_is_kept_once_and_the_last_one)
{
    for (int run = 0; run < 2; run++) {
        slab_chunk_log *log = log_of(run, job, run ? 300 : 500);
        slab_logged_chunk same = chunk(1, 7, 1000, 20), other = chunk(1, 8, 2000 + 500 * run, 20);
        if (run == 0)
            other.checksum++; /* its bytes were torn: the second run wrote it anew */
        ok(slab_chunk_log_array(log, 1, "/x", DIGEST, 10));
        ok(slab_chunk_log_append(log, &same, 1));
        ok(slab_chunk_log_append(log, &other, 1));
        slab_chunk_log_close(&log, false);
    }
    slab_kept *kept = load(2, 0);
    const slab_kept_array *a = slab_kept_at(kept, 0);
    ck_assert_int_eq(check_all(kept), 0);
    ck_assert_int_eq(a->count, 2);
    ck_assert_uint_eq(a->chunks[0].address, 1000);
    ck_assert_uint_eq(a->chunks[1].address, 2500);
    ck_assert_int_eq(slab_kept_count(kept).total, 10);
    ck_assert_uint_eq(slab_kept_count(kept).old_size, 300);
    slab_kept_destroy(&kept);
}
END_TEST

START_TEST(arrays_are_told_apart_by_name_and_by_how_they_are_stored)
{
    slab_chunk_log *log = log_of(0, job, 0);
    slab_logged_chunk one = chunk(1, 0, 100, 10), two = chunk(2, 0, 200, 10),
                      three = chunk(3, 0, 300, 10);
    ok(slab_chunk_log_array(log, 1, "/x", DIGEST, 1));
    ok(slab_chunk_log_array(log, 2, "/x", DIGEST + 1, 1));
    ok(slab_chunk_log_array(log, 3, "/y", DIGEST, 1));
    ok(slab_chunk_log_append(log, &one, 1));
    ok(slab_chunk_log_append(log, &two, 1));
    ok(slab_chunk_log_append(log, &three, 1));
    slab_chunk_log_close(&log, false);
    slab_kept *kept = load(1, 0);
    ck_assert_uint_eq(slab_kept_find(kept, "/x", DIGEST)->chunks[0].address, 100);
    ck_assert_uint_eq(slab_kept_find(kept, "/x", DIGEST + 1)->chunks[0].address, 200);
    ck_assert_uint_eq(slab_kept_find(kept, "/y", DIGEST)->chunks[0].address, 300);
    slab_kept_destroy(&kept);
}
END_TEST

START_TEST(logs_of_other_jobs_and_what_is_no_log_give_nothing)
{
    static const uint8_t other[SLAB_JOB_KEY_BYTES] = "another";
    slab_chunk_log *log = log_of(0, other, 100);
    slab_logged_chunk c = chunk(1, 0, 100, 10);
    ok(slab_chunk_log_array(log, 1, "/x", DIGEST, 1));
    ok(slab_chunk_log_append(log, &c, 1));
    slab_chunk_log_close(&log, false);
    FILE *file = fopen(".out.h5.slab-log.1", "w");
    fputs("not a log, but long enough for the head of one, which has sixty-four bytes", file);
    fclose(file);
    slab_kept *kept = load(3, 0); /* there is no third */
    ck_assert_int_eq(slab_kept_count(kept).chunks, 0);
    ck_assert_int_eq(check_all(kept), 0);
    ck_assert_uint_eq(slab_kept_count(kept).old_size, UINT64_MAX);
    ck_assert_ptr_null(slab_kept_at(kept, 0));
    slab_kept_destroy(&kept);
}
END_TEST

/* Bytes that this process has read. */
static int64_t bytes_read(void)
{
    long long n = -1;
    FILE *io = fopen("/proc/self/io", "r");
    ck_assert_ptr_nonnull(io);
    ck_assert_int_eq(fscanf(io, "rchar: %lld", &n), 1);
    fclose(io);
    return n;
}

START_TEST(many_chunks_come_out_by_address_and_a_log_is_read_once)
{
    static slab_logged_chunk chunks[MOST];
    slab_chunk_log *log = log_of(0, job, 0);
    for (int i = 0; i < MOST; i++)
        chunks[i] = chunk(1, (i * 1237) % MOST, (uint64_t)i * PIECE, PIECE);
    ok(slab_chunk_log_array(log, 1, "/x", DIGEST, MOST));
    for (int i = 0; i < MOST; i += SLAB_LOG_BATCH_MAX)
        ok(slab_chunk_log_append(log, chunks + i,
                                 MOST - i < SLAB_LOG_BATCH_MAX ? MOST - i : SLAB_LOG_BATCH_MAX));
    slab_chunk_log_close(&log, false);
    int64_t before = bytes_read();
    slab_kept *kept = load(1, 0);
    ck_assert_int_lt(bytes_read() - before, MOST * 40 + 20000); /* 40 bytes a record */
    const slab_kept_array *a = slab_kept_at(kept, 0);
    ck_assert_int_eq(a->count, MOST);
    for (int64_t i = 0; i < MOST; i++)
        ck_assert_uint_eq(a->chunks[i].address, (uint64_t)i * PIECE);
    before = bytes_read();
    ck_assert_int_eq(check_all(kept), 0);
    /* each byte once, and up to a page where a thread's share begins and ends */
    ck_assert_int_lt(bytes_read() - before, MOST * PIECE + MOST / 64 * 8192 + 20000);
    slab_kept_destroy(&kept);
}
END_TEST

START_TEST(what_many_logs_name_takes_the_room_of_one)
{
    static slab_logged_chunk chunks[1000];
    static int logs[40];
    slab_kept *kept;
    for (int i = 0; i < 1000; i++)
        chunks[i] = chunk(1, (i * 237) % 1000, (uint64_t)i * PIECE, PIECE);
    for (int n = 0; n < 40; n++) {
        slab_chunk_log *log = log_of(n, job, 0);
        logs[n] = n;
        ok(slab_chunk_log_array(log, 1, "/x", DIGEST, 1000));
        ok(slab_chunk_log_append(log, chunks, 1000 - (size_t)n));
        slab_chunk_log_close(&log, false);
    }
    slab_kept_source from = {.ranks = slab_ranks_alone(),
                             .file = "out.h5",
                             .logs = logs,
                             .nlogs = 40,
                             .job = job,
                             .end = MOST * PIECE};
    slab_memory_limit_set(slab_memory_used() + 500000); /* 40,000 records are 1,600,000 bytes */
    ok(slab_kept_load(&from, &kept));
    slab_memory_limit_set(0);
    ck_assert_int_eq(slab_kept_count(kept).chunks, 1000);
    ck_assert_int_eq(slab_kept_count(kept).total, 1000);
    ck_assert_int_eq(check_all(kept), 0);
    slab_kept_destroy(&kept);
}
END_TEST

START_TEST(a_budget_that_has_no_room_is_said)
{
    slab_chunk_log *log = log_of(0, job, 0);
    slab_logged_chunk c = chunk(1, 0, 0, MOST * PIECE - 1);
    slab_kept *kept = NULL;
    int number = 0;
    slab_kept_source from = {.ranks = slab_ranks_alone(),
                             .file = "out.h5",
                             .logs = &number,
                             .nlogs = 1,
                             .job = job,
                             .end = INT64_MAX};
    ok(slab_chunk_log_array(log, 1, "/x", DIGEST, 1));
    ok(slab_chunk_log_append(log, &c, 1));
    slab_chunk_log_close(&log, false);
    slab_memory_limit_set(slab_memory_used() + 100000); /* 4096 records are a batch */
    fails(slab_kept_load(&from, &kept), SLAB_ERR_MEMORY);
    slab_memory_limit_set(0);
    ck_assert_ptr_null(kept);
    ok(slab_kept_load(&from, &kept));
    slab_memory_limit_set(slab_memory_used() + 300000); /* the chunk has 500,000 bytes */
    ck_assert_int_eq(check_all(kept), 0);
    slab_memory_limit_set(0);
    slab_kept_destroy(&kept);
}
END_TEST

int main(void)
{
    if (!mkdtemp(folder))
        return EXIT_FAILURE;
    Suite *suite = suite_create("kept");
    TCase *tests = tcase_create("kept");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, chunks_are_kept_by_address_and_counted);
    tcase_add_test(tests, claims_that_cannot_be_are_left_out);
    tcase_add_test(tests, bytes_that_do_not_fit_their_checksum_are_found);
    tcase_add_test(tests, a_check_says_what_keeps_it_from_going_on);
    if (!SLAB_SANITIZED) /* their memory is mapped for each thread, too */
        tcase_add_test(tests, where_there_are_no_threads_who_waits_checks);
    tcase_add_test(tests, a_chunk_that_several_runs_wrote_is_kept_once_and_the_last_one);
    tcase_add_test(tests, arrays_are_told_apart_by_name_and_by_how_they_are_stored);
    tcase_add_test(tests, logs_of_other_jobs_and_what_is_no_log_give_nothing);
    tcase_add_test(tests, many_chunks_come_out_by_address_and_a_log_is_read_once);
    tcase_add_test(tests, what_many_logs_name_takes_the_room_of_one);
    tcase_add_test(tests, a_budget_that_has_no_room_is_said);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    rmdir(folder);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

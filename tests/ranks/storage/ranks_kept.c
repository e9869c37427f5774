/*
 * What ranks take over of an unfinished output: one of them reads the logs, each keeps its share,
 * and all know what is there.
 */
#include "../base/check_ranks.h"

#include <fcntl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/kept.h>
#include <slab/storage/transaction.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { X = 9000, Y = 700, BYTES = 10, CHUNKS = 1000, CHUNK = 4 };
static const uint8_t job[SLAB_JOB_KEY_BYTES] = "the job", other[SLAB_JOB_KEY_BYTES] = "another";
static slab_ranks *ranks;
static char folder[64], output[80];

static slab_logged_chunk chunk(uint32_t array, int64_t number)
{
    static const uint8_t zeros[BYTES];
    return (slab_logged_chunk){.array = array,
                               .number = number,
                               .address = (uint64_t)number * BYTES,
                               .size = BYTES,
                               .checksum = slab_chunk_checksum(zeros, BYTES)};
}

static slab_status append(slab_chunk_log *log, uint32_t id, int64_t first, int64_t end)
{
    slab_status rc = SLAB_OK;
    for (int64_t i = first; i < end; i++) {
        slab_logged_chunk c = chunk(id, i * 37 % (id == 1 ? X : Y));
        TRY(slab_chunk_log_append(log, &c, 1));
    }
done:
    return rc;
}

/* "/x" is array 1, "/y" 2; a log names what it has anew. */
static slab_status make_log(int number, const uint8_t *key, int64_t x, int64_t x_end, int64_t y,
                            int64_t y_end)
{
    slab_status rc = SLAB_OK;
    slab_chunk_log_head head = {.ranks = 1, .old_size = (uint64_t)(1000 - number)};
    slab_chunk_log *log = NULL;
    char *path = NULL;
    memcpy(head.job, key, sizeof head.job);
    TRY(slab_chunk_log_path("f.h5", number, &path));
    TRY(slab_chunk_log_create(path, &head, &log));
    if (x < x_end)
        TRY(slab_chunk_log_array(log, 1, "/x", 5, X));
    TRY(append(log, 1, x, x_end));
    TRY(slab_chunk_log_array(log, 2, "/y", 5, Y));
    TRY(append(log, 2, y, y_end));
done:
    FREE(path);
    slab_chunk_log_close(&log, false);
    return rc;
}

/* Only rank 0 stands where the logs are. */
static int make_output(void)
{
    int fd = -1;
    if (slab_ranks_me(ranks) == 0) {
        CHECK(chdir(folder) == 0);
        fd = open("f.h5", O_RDWR | O_CREAT, 0600);
        CHECK(fd >= 0 && ftruncate(fd, X * BYTES) == 0);
        CHECK(make_log(0, job, 0, 0, 0, 100) == SLAB_OK);
        CHECK(make_log(1, job, 0, 5000, 100, Y) == SLAB_OK);
        CHECK(make_log(2, job, 4900, X, 0, 3) == SLAB_OK); /* some twice */
        CHECK(make_log(3, other, 0, 10, 0, 10) == SLAB_OK);
    } else {
        CHECK(chdir("/") == 0);
    }
    slab_ranks_barrier(ranks);
    if (fd < 0)
        fd = open(output, O_RDONLY);
    return fd;
}

static slab_status load(slab_kept **kept)
{
    static const int logs[] = {0, 1, 2, 3};
    slab_kept_source from = {
        .ranks = ranks, .file = "f.h5", .logs = logs, .nlogs = 4, .job = job, .end = X * BYTES};
    return slab_kept_load(&from, kept);
}

static void check_shares(const slab_kept *kept)
{
    static int64_t seen[2][X];
    static const char *const paths[] = {"/y", "/x"};
    for (int i = 0; i < 2; i++) {
        const slab_kept_array *a = slab_kept_at(kept, i);
        int64_t n = i == 0 ? Y : X;
        CHECK(a && strcmp(a->path, paths[i]) == 0 && a->digest == 5 && a->nchunks == n);
        memset(seen[i], 0, sizeof seen[i]);
        for (int64_t c = 0; a && c < a->count; c++)
            seen[i][a->chunks[c].number]++;
        CHECK(a && a->count >= n / (2 * slab_ranks_count(ranks)));
        CHECK(slab_ranks_sum(ranks, seen[i], X) == SLAB_OK);
        for (int64_t c = 0; c < X; c++)
            CHECK(seen[i][c] == (c < n));
    }
    CHECK(slab_kept_at(kept, 2) == NULL);
    slab_kept_counts counts = slab_kept_count(kept);
    CHECK(counts.total == X + Y && counts.old_size == 998);
}

static slab_status count_whole(void *context, const slab_logged_chunk *chunks, size_t n)
{
    (void)chunks;
    atomic_fetch_add((_Atomic int64_t *)context, (int64_t)n);
    return SLAB_OK;
}

/* Each rank looks at its share, and all is whole. */
static void check_bytes(slab_kept *kept, int fd)
{
    _Atomic int64_t whole = 0;
    int64_t broken = -1, sum;
    slab_kept_check check = {
        .fd = fd, .direct_fd = -1, .bytes = 256 << 10, .whole = count_whole, .context = &whole};
    CHECK(slab_kept_check_begin(kept, &check) == SLAB_OK);
    CHECK(slab_kept_check_wait(kept, &broken) == SLAB_OK && broken == 0);
    sum = atomic_load(&whole);
    CHECK(sum == slab_kept_count(kept).chunks);
    CHECK(slab_ranks_sum(ranks, &sum, 1) == SLAB_OK && sum == X + Y);
}

static void one_rank_reads_and_each_chunk_is_one_ranks(void)
{
    slab_kept *kept = NULL;
    int fd = make_output();
    CHECK(load(&kept) == SLAB_OK);
    if (kept)
        check_shares(kept);
    if (kept)
        check_bytes(kept, fd);
    slab_kept_destroy(&kept);
    int failed = 0;
    for (int rank = 0; rank < slab_ranks_count(ranks); rank++)
        for (long n = 1; n < 25; n++) { /* every allocation of a rank fails once */
            if (slab_ranks_me(ranks) == rank)
                slab_memory_fail_at(n);
            slab_status rc = load(&kept);
            slab_memory_fail_at(0);
            int64_t all[2] = {rc, -(int64_t)rc};
            CHECK(slab_ranks_max(ranks, all, 2) == SLAB_OK && all[0] == -all[1]);
            CHECK(rc == SLAB_OK || (rc == SLAB_ERR_MEMORY && kept == NULL));
            failed += rc != SLAB_OK;
            slab_kept_destroy(&kept);
        }
    CHECK(failed >= 5);
    close(fd);
    if (slab_ranks_me(ranks) == 0) {
        CHECK(slab_chunk_log_remove_all("f.h5") == 4);
        CHECK(unlink("f.h5") == 0);
    }
    slab_ranks_barrier(ranks);
}

/* --- a transaction --- */

static slab_status begin(slab_txn **txn, slab_writer **w)
{
    slab_status rc = SLAB_OK;
    slab_txn_options options = slab_txn_defaults();
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_INT, 4),
                            .shape = {1, {CHUNKS * CHUNK}},
                            .chunk = {1, {CHUNK}},
                            .filter = "none"};
    options.job = "verb make\n";
    TRY(slab_txn_begin(ranks, output, &options, txn));
    TRY(slab_txn_create(*txn, "/x", &spec, w));
done:
    return rc;
}

static bool is_first(int64_t c)
{
    return c % 3 == 0 || (c > 600 && c < 900);
}

/* Of the chunks that are not there yet each rank puts its own. */
static void put(slab_writer *w, bool (*wanted)(int64_t))
{
    for (int64_t c = slab_ranks_me(ranks); w && c < CHUNKS; c += slab_ranks_count(ranks)) {
        int32_t data[CHUNK] = {(int32_t)c};
        if (wanted(c) && !slab_writer_has(w, c))
            CHECK(slab_writer_put(w, 0, c, data) == SLAB_OK);
    }
}

static bool is_any(int64_t c)
{
    (void)c;
    return true;
}

/* Makes some chunks of the unfinished output zeros, of which every rank has to find its share. */
static void break_chunks(void)
{
    char unfinished[96];
    static const char zeros[64 << 10];
    snprintf(unfinished, sizeof unfinished, "%s/.f.h5.slab-part", folder);
    int fd = slab_ranks_me(ranks) == 0 ? open(unfinished, O_WRONLY) : -1;
    if (fd >= 0) {
        off_t end = lseek(fd, 0, SEEK_END), at = end > (off_t)sizeof zeros ? end / 2 : 0;
        CHECK(pwrite(fd, zeros, (size_t)(end - at), at) == end - at);
        close(fd);
    } else {
        CHECK(slab_ranks_me(ranks) != 0);
    }
    slab_ranks_barrier(ranks);
}

static int64_t count_there(const slab_writer *w)
{
    int64_t n = 0;
    for (int64_t c = 0; w && c < CHUNKS; c++)
        n += slab_writer_has(w, c);
    return n;
}

/* What a run has put before it was stopped, the next run's ranks all have; what is not whole is
 * found by the end of that run, and the one after it has to put it. */
static void all_ranks_know_what_is_there(void)
{
    slab_txn *txn = NULL;
    slab_writer *w = NULL;
    CHECK(begin(&txn, &w) == SLAB_OK);
    CHECK(count_there(w) == 0);
    put(w, is_first);
    CHECK(slab_writer_close(&w) == SLAB_OK);
    slab_error_set(SLAB_ERR_STOPPED, __FILE__, __LINE__, "stopped by a test");
    slab_txn_abort(&txn);
    break_chunks();
    CHECK(begin(&txn, &w) == SLAB_OK);
    for (int64_t c = 0; w && c < CHUNKS; c++)
        CHECK(slab_writer_has(w, c) == is_first(c));
    CHECK(w && !slab_writer_has(w, -1) && !slab_writer_has(w, CHUNKS));
    int64_t first = count_there(w);
    put(w, is_any);
    CHECK(slab_writer_close(&w) == SLAB_OK);
    CHECK(slab_txn_commit(&txn) == SLAB_ERR_AGAIN && !txn);
    CHECK(strstr(slab_error_last()->message, "not whole") != NULL);
    CHECK(begin(&txn, &w) == SLAB_OK);
    int64_t now = count_there(w);
    CHECK(now < CHUNKS && now >= CHUNKS - first);
    put(w, is_any);
    CHECK(slab_writer_close(&w) == SLAB_OK);
    CHECK(slab_txn_commit(&txn) == SLAB_OK);
    if (slab_ranks_me(ranks) == 0)
        CHECK(unlink(output) == 0);
}

int main(void)
{
    if (slab_ranks_start(&ranks) != SLAB_OK)
        return 2;
    strcpy(folder, "/tmp/slab-kept-XXXXXX");
    if (slab_ranks_me(ranks) == 0 && !mkdtemp(folder))
        slab_ranks_kill_job(2);
    slab_ranks_broadcast(ranks, folder, sizeof folder, 0);
    snprintf(output, sizeof output, "%s/f.h5", folder);
    one_rank_reads_and_each_chunk_is_one_ranks();
    all_ranks_know_what_is_there();
    slab_ranks_barrier(ranks);
    if (slab_ranks_me(ranks) == 0)
        CHECK(rmdir(folder) == 0);
    return checks_end(ranks);
}

/*
 * Several ranks write one file: both backends, any share of the chunks, errors on one rank, and
 * more chunks than one round of the commit takes. Rank 0 reads back with plain HDF5.
 */
#include <hdf5.h>
#include <inttypes.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/transaction.h>

enum { ROWS = 130, COLUMNS = 170, SIDE = 32 };

static slab_ranks *ranks;
static int me, count, failures;
static char folder[128], path[160];

static int gathers; /* one for each round of a commit, and few others */

/* In the place of MPI's own, which it calls. */
int MPI_Allgather(const void *from, int nfrom, MPI_Datatype from_type, void *to, int nto,
                  MPI_Datatype to_type, MPI_Comm comm)
{
    gathers++;
    return PMPI_Allgather(from, nfrom, from_type, to, nto, to_type, comm);
}

/* Every rank comes here with its own answer; the worst counts. */
static void expect(bool good, const char *what)
{
    int64_t bad = good ? 0 : 1;
    slab_ranks_max(ranks, &bad, 1);
    if (bad == 0)
        return;
    failures++;
    if (!good)
        fprintf(stderr, "rank %d: %s: %s\n", me, what, slab_error_last()->message);
}

static int32_t element(int64_t i, int64_t j)
{
    return (int32_t)(i * 1000 + j * 7);
}

static void fill(const slab_grid *grid, int64_t c, int32_t *out)
{
    slab_box box;
    slab_grid_box(grid, c, &box);
    for (int64_t i = 0; i < box.count[0]; i++)
        for (int64_t j = 0; j < box.count[1]; j++)
            *out++ = element(box.start[0] + i, box.start[1] + j);
}

/* Rank of a chunk: in turns, all to the last rank, or in pieces. */
static int owner_of(int64_t c, int64_t n, int share)
{
    if (share == 0)
        return (int)(c % count);
    return share == 1 ? count - 1 : (int)(c * count / n);
}

static slab_status write_array(slab_txn *txn, const char *name, int share, int64_t twice)
{
    slab_status rc = SLAB_OK, closed;
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_INT, 4),
                            .shape = {2, {ROWS, COLUMNS}},
                            .chunk = {2, {SIDE, SIDE}},
                            .filter = "gzip"};
    slab_writer *w = NULL;
    int32_t data[SIDE * SIDE];
    TRY(slab_txn_create(txn, name, &spec, &w));
    const slab_grid *grid = slab_writer_grid(w);
    for (int64_t c = grid->ntiles; c-- > 0 && rc == SLAB_OK;) {
        fill(grid, c, data);
        if (owner_of(c, grid->ntiles, share) == me || c == twice)
            rc = slab_writer_put(w, 0, c, data);
    }
    closed = slab_writer_close(&w);
    rc = rc == SLAB_OK ? closed : rc;
done:
    return rc;
}

static bool reads_back(const char *name)
{
    static int32_t got[ROWS * COLUMNS];
    if (me != 0)
        return true;
    memset(got, 0xff, sizeof got);
    hid_t f = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t d = H5Dopen2(f, name, H5P_DEFAULT);
    bool same = d >= 0 && H5Dread(d, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, got) >= 0;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
            same = same && got[i * COLUMNS + j] == element(i, j);
    H5Dclose(d);
    H5Fclose(f);
    return same;
}

static slab_status begin(slab_backend backend, slab_txn **txn)
{
    slab_txn_options options = slab_txn_defaults();
    options.backend = backend;
    return slab_txn_begin(ranks, path, &options, txn);
}

static void both_backends_give_back_what_ranks_put(void)
{
    for (int backend = 0; backend < 2; backend++) {
        slab_txn *txn = NULL;
        slab_status rc = begin((slab_backend)backend, &txn);
        const double pi = 3.25;
        if (rc == SLAB_OK)
            rc = write_array(txn, "/turns", 0, -1);
        if (rc == SLAB_OK)
            rc = write_array(txn, "/group/last", 1, -1);
        if (rc == SLAB_OK)
            rc = slab_txn_attribute(txn, "/turns", "pi", slab_dtype_make(SLAB_KIND_FLOAT, 8), -1,
                                    &pi);
        if (rc == SLAB_OK)
            rc = slab_txn_commit(&txn);
        expect(rc == SLAB_OK, "a new file");
        expect(reads_back("/turns") && reads_back("/group/last"), "what a new file holds");
        rc = begin((slab_backend)backend, &txn);
        if (rc == SLAB_OK)
            rc = write_array(txn, "/pieces", 2, -1);
        if (rc == SLAB_OK)
            rc = slab_txn_commit(&txn);
        slab_txn_abort(&txn);
        expect(rc == SLAB_OK, "an existing file");
        expect(reads_back("/turns") && reads_back("/pieces"), "what an existing file holds");
        if (me == 0)
            unlink(path);
        slab_ranks_barrier(ranks);
    }
}

static void a_scalar_and_small_arrays_come_through(void)
{
    slab_txn *txn = NULL;
    slab_writer *w = NULL;
    slab_array_spec scalar = {.dtype = slab_dtype_make(SLAB_KIND_FLOAT, 8)};
    slab_array_spec small = {.dtype = slab_dtype_make(SLAB_KIND_INT, 4), .shape = {1, {3}}};
    const double value = 1.5;
    const int32_t three[3] = {1, 2, 3};
    double got = 0;
    int32_t got3[3] = {0};
    slab_status rc = begin(SLAB_BACKEND_LOG, &txn);
    if (rc == SLAB_OK)
        rc = slab_txn_create(txn, "/s", &scalar, &w);
    if (rc == SLAB_OK && me == count - 1)
        rc = slab_writer_put(w, 0, 0, &value);
    if (rc == SLAB_OK)
        rc = slab_writer_close(&w);
    if (rc == SLAB_OK)
        rc = slab_txn_put(txn, "/t", &small, me == 0 ? three : NULL);
    small.filter = "gzip";
    if (rc == SLAB_OK)
        rc = slab_txn_put(txn, "/u", &small, me == 0 ? three : NULL);
    if (rc == SLAB_OK)
        rc = slab_txn_commit(&txn);
    slab_txn_abort(&txn);
    if (me == 0 && rc == SLAB_OK) {
        hid_t f = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
        hid_t d = H5Dopen2(f, "/s", H5P_DEFAULT), e = H5Dopen2(f, "/u", H5P_DEFAULT);
        H5Dread(d, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &got);
        H5Dread(e, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, got3);
        H5Dclose(d);
        H5Dclose(e);
        H5Fclose(f);
    }
    expect(rc == SLAB_OK, "a scalar and small arrays");
    expect(me != 0 || (got == 1.5 && got3[2] == 3), "what they hold");
    if (me == 0)
        unlink(path);
    slab_ranks_barrier(ranks);
}

/* Every step-th of n chunks of one element. */
static slab_status write_many(int32_t n, int32_t step, int share)
{
    slab_status rc = SLAB_OK;
    slab_txn *txn = NULL;
    slab_writer *w = NULL;
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_INT, 4),
                            .shape = {1, {n}},
                            .chunk = {1, {1}},
                            .filter = "none"};
    TRY(begin(SLAB_BACKEND_LOG, &txn));
    TRY(slab_txn_create(txn, "/x", &spec, &w));
    for (int32_t c = 0; c < n && rc == SLAB_OK; c += step)
        if (owner_of(c / 1000, n / 1000, share) == me)
            rc = slab_writer_put(w, 0, c, &c);
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_writer_close(&w));
    TRY(slab_txn_commit(&txn));
done:
    slab_txn_abort(&txn);
    return rc;
}

static int32_t element_at(hid_t d, hsize_t at)
{
    int32_t got = -1;
    const hsize_t one = 1;
    hid_t file = H5Dget_space(d), memory = H5Screate_simple(1, &one, NULL);
    H5Sselect_hyperslab(file, H5S_SELECT_SET, &at, NULL, &one, NULL);
    H5Dread(d, H5T_NATIVE_INT32, memory, file, H5P_DEFAULT, &got);
    H5Sclose(memory);
    H5Sclose(file);
    return got;
}

/* All of them, or of very many some. */
static bool many_read_back(int32_t n, int32_t step)
{
    bool same = true;
    hid_t f = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), d = H5Dopen2(f, "/x", H5P_DEFAULT);
    if (step == 1) {
        int32_t *got = calloc((size_t)n, sizeof *got);
        H5Dread(d, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, got);
        for (int32_t i = 0; i < n; i++)
            same = same && got[i] == i;
        free(got);
    }
    for (int32_t i = 0; i < n; i += 97)
        same = same && element_at(d, (hsize_t)i) == (i % step == 0 ? i : 0);
    H5Dclose(d);
    H5Fclose(f);
    unlink(path);
    return same;
}

/* The commit takes chunks by rounds of 65,536, however the ranks share them, and however few of
 * them are written. */
static void many_chunks_take_as_few_rounds_on_any_number_of_ranks(void)
{
    static const struct {
        int32_t n, step;
        int share, rounds;
    } cases[] = {{140000, 1, 0, 3}, {140000, 1, 2, 3}, {400000, 40, 2, 1}};
    for (int i = 0; i < 3; i++) {
        int before = gathers;
        slab_status rc = write_many(cases[i].n, cases[i].step, cases[i].share);
        expect(rc == SLAB_OK, "many chunks");
        expect(gathers - before <= cases[i].rounds + 2, "few rounds");
        expect(me != 0 || many_read_back(cases[i].n, cases[i].step), "what many chunks hold");
        slab_ranks_barrier(ranks);
    }
}

static int files_left(void)
{
    char command[256];
    int n = -1;
    snprintf(command, sizeof command, "ls -A %s | wc -l", folder);
    FILE *p = popen(command, "r");
    if (p && fscanf(p, "%d", &n) != 1)
        n = -1;
    if (p)
        pclose(p);
    return n;
}

static void a_chunk_put_by_two_ranks_fails_on_all(void)
{
    slab_txn *txn = NULL;
    if (count == 1)
        return;
    slab_status rc = begin(SLAB_BACKEND_LOG, &txn);
    if (rc == SLAB_OK)
        rc = write_array(txn, "/x", 0, 5);
    expect(rc == SLAB_OK, "writing");
    rc = slab_txn_commit(&txn);
    expect(rc == SLAB_ERR_INTERNAL && strstr(slab_error_last()->message, "chunk 5 of '/x'"),
           "a chunk written twice");
    expect(me != 0 || files_left() == 0, "nothing is left");
}

static void an_error_on_one_rank_fails_all_and_leaves_nothing(void)
{
    slab_txn *txn = NULL, *second = NULL;
    slab_array_spec spec = {
        .dtype = slab_dtype_make(SLAB_KIND_INT, 4), .shape = {1, {10}}, .chunk = {1, {5}}};
    slab_writer *w = NULL;
    expect(begin(SLAB_BACKEND_LOG, &txn) == SLAB_OK, "begin");
    expect(begin(SLAB_BACKEND_LOG, &second) == SLAB_ERR_LOCKED && !second, "a second writer");
    if (me == count - 1)
        slab_memory_fail_at(1);
    expect(slab_txn_create(txn, "/x", &spec, &w) == SLAB_ERR_MEMORY && !w, "memory of one rank");
    expect(slab_txn_create(txn, "/x", &spec, &w) == SLAB_OK, "the same again");
    slab_txn_abort(&txn);
    expect(!txn, "aborted");
    expect(me != 0 || files_left() == 0, "nothing is left");
}

/* Everything from begin to commit, with every allocation of the last rank failing once. */
static void memory_that_fails_on_one_rank_hangs_nobody(void)
{
    int failed = 0;
    for (long n = 1; n < 90; n++) {
        slab_txn *txn = NULL;
        if (me == count - 1)
            slab_memory_fail_at(n);
        slab_status rc = begin(SLAB_BACKEND_LOG, &txn);
        if (rc == SLAB_OK)
            rc = slab_ranks_agree(ranks, write_array(txn, "/x", 0, -1));
        if (rc == SLAB_OK)
            rc = slab_txn_commit(&txn);
        slab_txn_abort(&txn);
        slab_memory_fail_at(0);
        int64_t most = rc, least = -(int64_t)rc;
        slab_ranks_max(ranks, &most, 1);
        slab_ranks_max(ranks, &least, 1);
        expect(most == -least, "one status on all ranks");
        expect(me != 0 || files_left() == (rc == SLAB_OK), "the old state or the new one");
        failed += rc != SLAB_OK;
        if (rc == SLAB_OK)
            expect(reads_back("/x"), "what it holds");
        if (me == 0)
            unlink(path);
        slab_ranks_barrier(ranks);
    }
    expect(failed > 20, "failing allocations");
}

int main(void)
{
    if (slab_ranks_start(&ranks) != SLAB_OK)
        return 2;
    me = slab_ranks_me(ranks);
    count = slab_ranks_count(ranks);
    snprintf(folder, sizeof folder, "%s/slab-ranks-XXXXXX", "/tmp");
    if (me == 0 && !mkdtemp(folder))
        slab_ranks_kill_job(2);
    slab_ranks_broadcast(ranks, folder, sizeof folder, 0);
    snprintf(path, sizeof path, "%s/f.h5", folder);
    both_backends_give_back_what_ranks_put();
    a_scalar_and_small_arrays_come_through();
    many_chunks_take_as_few_rounds_on_any_number_of_ranks();
    a_chunk_put_by_two_ranks_fails_on_all();
    an_error_on_one_rank_fails_all_and_leaves_nothing();
    memory_that_fails_on_one_rank_hangs_nobody();
    slab_ranks_barrier(ranks);
    if (me == 0) {
        unlink(path);
        rmdir(folder);
    }
    slab_ranks_stop();
    return failures ? 1 : 0;
}

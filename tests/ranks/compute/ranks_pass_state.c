/*
 * A pass with a checkpoint: killed after some spells it goes on from what was kept, also when it
 * was killed while it kept it or the disk was full; ended it is not run again; sums of floats,
 * whose bits show the order of additions, and of integers outside of states, for which ranks do not
 * meet once a row.
 */
#include <errno.h>
#include <mpi.h>
#include <slab/compute/pass/pass.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/checkpoint_impl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TILE = 262144, TILES = 23, ELEMENTS = TILE * TILES - 77, ROWS = 5, COLUMNS = 3, LD = 4 };
/* The tile of a rank that fails: of up to 4 that share 23 one gets as far, however slow the others.
 */
enum { FAILS_AT = 5 };
enum { MANY_ROWS = 6000 };

/* Adds in its state, and counts tiles by number in a table; fails at the n-th tile it is shown. */
typedef struct adder {
    int fails_at;
    atomic_int shown;
    int64_t table[ROWS * LD];
    int64_t *many; /* [MANY_ROWS, LD] kept in place of the table; NULL: the table is */
    float sum;
    int64_t tiles;
} adder;

static int64_t meetings;

/* In the place of MPI's own, which it calls. */
int MPI_Allreduce(const void *from, void *to, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm)
{
    meetings++;
    return PMPI_Allreduce(from, to, n, type, op, comm);
}

/* What becomes of a write to the checkpoint, from 1: half of it is done, and it fails, or it is the
 * last thing that happens to the file, as when the process is killed. */
static struct fault {
    enum { NOTHING, DISK_FULL, KILLED } what;
    int at, writes; /* 0: never; that there were */
} fault;

static bool is_checkpoint(int fd)
{
    char link[32], name[256] = "";
    static const char end[] = ".slab-state";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, sizeof name - 1);
    return n > (ssize_t)strlen(end) && strcmp(name + n - strlen(end), end) == 0;
}

/* In the place of the system's. */
ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
    bool ours = is_checkpoint(fd);
    if (ours && ++fault.writes == fault.at) {
        syscall(SYS_pwrite64, fd, data, n / 2, at);
        if (fault.what == KILLED)
            return (ssize_t)n;
        errno = ENOSPC;
        return -1;
    }
    if (ours && fault.what == KILLED && fault.writes > fault.at)
        return (ssize_t)n;
    return syscall(SYS_pwrite64, fd, data, n, at);
}

int ftruncate(int fd, off_t length)
{
    bool dead = fault.what == KILLED && fault.writes >= fault.at && is_checkpoint(fd);
    return dead ? 0 : (int)syscall(SYS_ftruncate, fd, length);
}

static useconds_t nap = 20000; /* that a tile takes */
static int phases = 1, band_axis = -1;

typedef struct adder_state {
    float sum;
    int64_t tiles;
} adder_state;

static slab_sink_wants wants(const void *sink)
{
    (void)sink;
    return (slab_sink_wants){.nphases = phases, .band_axis = band_axis};
}

static size_t state_bytes(const void *sink, const slab_span *span)
{
    (void)sink, (void)span;
    return sizeof(adder_state);
}

static slab_status take(const void *sink, const slab_span *span, void *state, int phase,
                        const slab_tile *tile, void *scratch)
{
    adder *a = (adder *)(uintptr_t)sink;
    adder_state *s = state;
    const float *x = tile->view.data;
    (void)span, (void)scratch;
    if (phase > 0)
        return SLAB_OK;
    usleep(nap);
    if (atomic_fetch_add(&a->shown, 1) + 1 == a->fails_at)
        return slab_error_set(SLAB_ERR_FORMAT, __FILE__, __LINE__, "a bad tile");
    for (int64_t i = 0; i < tile->box.count[0]; i++)
        s->sum += x[i];
    s->tiles++;
    int64_t cell = tile->number % (ROWS * COLUMNS);
    __atomic_fetch_add(&a->table[cell / COLUMNS * LD + cell % COLUMNS], tile->number,
                       __ATOMIC_SEQ_CST);
    return SLAB_OK;
}

static bool table_of(const void *sink, slab_sink_sums *out)
{
    adder *a = (adder *)(uintptr_t)sink;
    *out = (slab_sink_sums){a->table, ROWS, COLUMNS, LD};
    if (a->many)
        *out = (slab_sink_sums){a->many, MANY_ROWS, COLUMNS, LD};
    return true;
}

static slab_status merge(const void *sink, const slab_span *into_span, void *into,
                         const slab_span *from_span, const void *from)
{
    (void)sink, (void)into_span, (void)from_span;
    ((adder_state *)into)->sum += ((const adder_state *)from)->sum;
    ((adder_state *)into)->tiles += ((const adder_state *)from)->tiles;
    return SLAB_OK;
}

static slab_status finish(void *sink, const slab_span *span, void *state)
{
    (void)span;
    ((adder *)sink)->sum = ((const adder_state *)state)->sum;
    ((adder *)sink)->tiles = ((const adder_state *)state)->tiles;
    return SLAB_OK;
}

static const slab_sink_class adder_class = {.name = "adder",
                                            .wants = wants,
                                            .state_bytes = state_bytes,
                                            .accumulate = take,
                                            .in_state = true,
                                            .sums = table_of,
                                            .merge = merge,
                                            .finish = finish};

static slab_value *vector(void)
{
    float *data = malloc(sizeof(float) * ELEMENTS);
    uint32_t x = 1;
    for (int i = 0; i < ELEMENTS; i++) {
        x = x * 1664525u + 1013904223u;
        data[i] = (float)(x >> 8) * 1e-3F;
    }
    slab_shape shape = {1, {ELEMENTS}};
    slab_value *value = slab_value_from(slab_dtype_make(SLAB_KIND_FLOAT, 4), &shape, data);
    free(data);
    return value;
}

/* One run; the checkpoint is as a killed process would leave it, or gone with `discard`. */
static slab_status run(slab_value *value, int threads, adder *sink, const char *file, bool resumes,
                       bool discard)
{
    slab_status rc = SLAB_OK;
    slab_crew *crew = NULL;
    slab_pass *pass = NULL;
    slab_checkpoint *checkpoint = NULL;
    uint8_t key[SLAB_JOB_KEY_BYTES];
    slab_job_key("verb add\n", key);
    if (file)
        TRY(slab_checkpoint_open(slab_ranks_world(), file, key, resumes, false, &checkpoint));
    TRY(slab_crew_create(slab_ranks_world(), threads, &crew));
    TRY(slab_pass_create(crew, "adding", value, &pass));
    TRY(slab_pass_add(pass, &adder_class, sink));
    slab_pass_checkpoint(pass, checkpoint, "adding", true);
    TRY(slab_pass_run(pass, 1 << 30));
done:
    slab_pass_destroy(&pass);
    slab_crew_destroy(&crew);
    slab_checkpoint_close(&checkpoint, discard);
    return rc;
}

static int64_t shown_in_all(adder *sink)
{
    int64_t n = atomic_load(&sink->shown);
    slab_ranks_sum(slab_ranks_world(), &n, 1);
    return n;
}

/* Tile t in cell t mod 15: sums of the numbers 0 .. 22. */
static bool table_is_right(adder *sink)
{
    int64_t all[ROWS * LD];
    memcpy(all, sink->table, sizeof all);
    slab_ranks_sum(slab_ranks_world(), all, ROWS * LD);
    for (int cell = 0; cell < ROWS * COLUMNS; cell++)
        if (all[cell / COLUMNS * LD + cell % COLUMNS] != cell + (cell < 8 ? cell + 15 : 0))
            return false;
    return all[COLUMNS] == 0; /* what is beside the columns is untouched */
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "rank %d, line %d: %s (%s)\n", slab_ranks_me(slab_ranks_world()),      \
                    __LINE__, #condition, slab_error_last()->message);                             \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

static int64_t check(slab_value *value, int threads, const char *file)
{
    int64_t failures = 0;
    adder whole = {0}, killed = {.fails_at = FAILS_AT}, rest = {0}, none = {0}, other = {0};
    slab_pass_keep_every(1000);
    CHECK(run(value, threads, &whole, NULL, false, false) == SLAB_OK);
    CHECK(shown_in_all(&whole) == TILES && whole.tiles == TILES && table_is_right(&whole));
    slab_pass_keep_every(0.03);
    CHECK(run(value, threads, &killed, file, false, false) == SLAB_ERR_FORMAT);
    CHECK(run(value, 3 - threads, &rest, file, true, false) == SLAB_OK);
    int64_t n = shown_in_all(&rest);
    CHECK(n > 0 && n < TILES);
    CHECK(rest.tiles == TILES && memcmp(&rest.sum, &whole.sum, sizeof(float)) == 0);
    CHECK(table_is_right(&rest));
    CHECK(run(value, threads, &none, file, true, false) == SLAB_OK);
    CHECK(shown_in_all(&none) == 0);
    CHECK(none.tiles == TILES && memcmp(&none.sum, &whole.sum, sizeof(float)) == 0);
    CHECK(table_is_right(&none));
    CHECK(run(value, threads, &other, file, false, true) == SLAB_OK); /* begun anew */
    CHECK(shown_in_all(&other) == TILES && table_is_right(&other));
    return failures;
}

/* Ranks that show tiles more often than others, as products do where there is less memory, all go
 * on from what was kept. */
static int64_t check_phases(slab_value *value, const char *file)
{
    int64_t failures = 0;
    int me = slab_ranks_me(slab_ranks_world());
    adder killed = {.fails_at = FAILS_AT}, rest = {0};
    slab_pass_keep_every(0.03);
    band_axis = 0;
    phases = me % 2 + 1;
    CHECK(run(value, 1, &killed, file, false, false) == SLAB_ERR_FORMAT);
    CHECK(run(value, 1, &rest, file, true, true) == SLAB_OK);
    int64_t n = shown_in_all(&rest);
    CHECK(n > 0 && n < TILES && rest.tiles == TILES && table_is_right(&rest));
    phases = 1;
    band_axis = -1;
    return failures;
}

static void tear(const char *file)
{
    char path[96];
    struct stat st;
    snprintf(path, sizeof path, "%.*s.f.h5.slab-state", (int)(strrchr(file, '/') + 1 - file), file);
    if (stat(path, &st) != 0 || truncate(path, st.st_size - 1) != 0)
        perror(path);
}

/* As a kill leaves it that comes before the list of what is kept is whole: the list before holds,
 * and what it names is still there. */
static int64_t check_torn(slab_value *value, int threads, const char *file)
{
    int64_t failures = 0;
    int me = slab_ranks_me(slab_ranks_world());
    adder whole = {0}, killed = {.fails_at = FAILS_AT}, rest = {0};
    slab_pass_keep_every(1000);
    CHECK(run(value, threads, &whole, NULL, false, false) == SLAB_OK);
    slab_pass_keep_every(0.001);
    CHECK(run(value, threads, &killed, file, false, false) == SLAB_ERR_FORMAT);
    if (me == 0)
        tear(file);
    CHECK(run(value, 3 - threads, &rest, file, true, true) == SLAB_OK);
    int64_t n = shown_in_all(&rest);
    CHECK(n > 0 && n < TILES);
    CHECK(rest.tiles == TILES && memcmp(&rest.sum, &whole.sum, sizeof(float)) == 0);
    CHECK(table_is_right(&rest));
    return failures;
}

/* Two runs, the second from what the first has left, of which one meets the fault; then a third. */
static int64_t check_fault(slab_value *value, const char *file, const adder *whole, int in_run)
{
    int64_t failures = 0;
    struct fault planned = fault, none = {0};
    adder first = {.fails_at = FAILS_AT}, second = {0}, last = {0};
    slab_pass_keep_every(0.001);
    fault = in_run == 1 ? planned : none;
    CHECK(run(value, 1, &first, file, false, false) == SLAB_ERR_FORMAT);
    planned.writes = in_run == 1 ? fault.writes : 0;
    slab_pass_keep_every(1000); /* kept once more, at the end */
    fault = in_run == 2 ? planned : none;
    CHECK(run(value, 1, &second, file, true, false) == SLAB_OK);
    planned.writes = in_run == 2 ? fault.writes : planned.writes;
    fault = none;
    CHECK(run(value, 1, &last, file, true, true) == SLAB_OK);
    CHECK(second.tiles == TILES && memcmp(&second.sum, &whole->sum, sizeof(float)) == 0);
    CHECK(last.tiles == TILES && memcmp(&last.sum, &whole->sum, sizeof(float)) == 0);
    CHECK(table_is_right(&second) && table_is_right(&last));
    fault = planned;
    return failures;
}

/* Every write; some when there are many. Each rank counts up to the same. */
static int64_t walk_faults(slab_value *value, const char *file, const adder *whole, int in_run)
{
    int64_t failures = 0, writes;
    fault = (struct fault){0};
    failures += check_fault(value, file, whole, in_run);
    writes = fault.writes;
    slab_ranks_max(slab_ranks_world(), &writes, 1);
    CHECK(writes >= 10); /* a state, sums, and a list of them */
    int points = slab_ranks_count(slab_ranks_world()) == 1 ? 80 : 24;
    for (int what = DISK_FULL; what <= KILLED && failures == 0; what++)
        for (int i = 0; i < writes && i < points && failures == 0; i++) {
            int64_t at = writes <= points ? i : i * writes / points;
            fault = (struct fault){.what = what, .at = (int)at + 1};
            failures += check_fault(value, file, whole, in_run);
            if (failures)
                fprintf(stderr, "of run %d, %s at write %d of %d\n", in_run,
                        what == KILLED ? "killed" : "disk full", fault.at, (int)writes);
            slab_ranks_max(slab_ranks_world(), &failures, 1);
        }
    fault = (struct fault){0};
    return failures;
}

static int64_t check_faults(slab_value *value, const char *file)
{
    int64_t failures = 0;
    adder whole = {0};
    nap = 1000;
    slab_pass_keep_every(1000);
    CHECK(run(value, 1, &whole, NULL, false, false) == SLAB_OK);
    failures += walk_faults(value, file, &whole, 1);
    failures += walk_faults(value, file, &whole, 2);
    nap = 20000;
    return failures;
}

/* On every rank its own numbers, and 7 beside the columns. */
static void fill_many(int64_t *many)
{
    for (int64_t i = 0; i < MANY_ROWS * LD; i++)
        many[i] = i % LD < COLUMNS ? i * 10 + slab_ranks_me(slab_ranks_world()) : 7;
}

static bool many_are_right(const int64_t *many)
{
    static int64_t all[MANY_ROWS * LD];
    int64_t count = slab_ranks_count(slab_ranks_world());
    memcpy(all, many, sizeof all);
    slab_ranks_sum(slab_ranks_world(), all, MANY_ROWS * LD);
    for (int64_t i = 0; i < MANY_ROWS * LD; i++)
        if (all[i] != (i % LD < COLUMNS ? count * i * 10 + count * (count - 1) / 2 : 7 * count))
            return false;
    return true;
}

static int64_t check_many_rows(slab_value *value, const char *file)
{
    static int64_t many[MANY_ROWS * LD];
    int64_t failures = 0, before;
    adder plain = {.many = many}, kept = {.many = many}, none = {.many = many};
    slab_pass_keep_every(1000);
    before = meetings;
    CHECK(run(value, 1, &plain, NULL, false, false) == SLAB_OK);
    int64_t without = meetings - before;
    fill_many(many);
    before = meetings;
    CHECK(run(value, 1, &kept, file, false, false) == SLAB_OK);
    CHECK(meetings - before < without + 60);
    CHECK(many_are_right(many));
    for (int64_t i = 0; i < MANY_ROWS * LD; i++)
        many[i] = i % LD < COLUMNS ? 0 : 7;
    CHECK(run(value, 1, &none, file, true, true) == SLAB_OK);
    CHECK(shown_in_all(&none) == 0 && many_are_right(many));
    return failures;
}

int main(void)
{
    slab_ranks *ranks;
    char folder[] = "/tmp/slab-state-XXXXXX", file[64] = "";
    int64_t failures = 0;
    if (slab_ranks_start(&ranks) != SLAB_OK)
        return 1;
    if (slab_ranks_me(ranks) == 0 && !mkdtemp(folder))
        return 1;
    snprintf(file, sizeof file, "%s/f.h5", folder);
    slab_ranks_broadcast(ranks, file, sizeof file, 0);
    slab_value *value = vector();
    for (int threads = 1; threads <= 2; threads++)
        failures += check(value, threads, file) + check_torn(value, threads, file);
    failures += check_many_rows(value, file);
    failures += check_phases(value, file) + check_faults(value, file);
    slab_value_drop(&value);
    if (slab_ranks_me(ranks) == 0 && rmdir(folder) != 0) {
        fprintf(stderr, "something is left in %s\n", folder);
        failures++;
    }
    slab_ranks_sum(ranks, &failures, 1);
    slab_ranks_stop();
    return failures != 0;
}

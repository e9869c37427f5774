/*
 * A pass with a checkpoint: killed after some spells it goes on from what was kept, also when it
 * was killed while it kept it; ended it is not run again; sums of floats, whose bits show the order
 * of additions, and of integers outside of states, for which ranks do not meet once a row.
 */
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
#include <unistd.h>

enum { TILE = 262144, TILES = 23, ELEMENTS = TILE * TILES - 77, ROWS = 5, COLUMNS = 3, LD = 4 };
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

typedef struct adder_state {
    float sum;
    int64_t tiles;
} adder_state;

static slab_sink_wants wants(const void *sink)
{
    (void)sink;
    return (slab_sink_wants){.nphases = 1, .band_axis = -1};
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
    (void)span, (void)phase, (void)scratch;
    usleep(20000);
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
    adder whole = {0}, killed = {.fails_at = slab_ranks_me(slab_ranks_world()) == 0 ? 5 : 0},
          rest = {0}, none = {0}, other = {0};
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
    adder whole = {0}, killed = {.fails_at = me == 0 ? 5 : 0}, rest = {0};
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
    slab_value_drop(&value);
    if (slab_ranks_me(ranks) == 0 && rmdir(folder) != 0) {
        fprintf(stderr, "something is left in %s\n", folder);
        failures++;
    }
    slab_ranks_sum(ranks, &failures, 1);
    slab_ranks_stop();
    return failures != 0;
}

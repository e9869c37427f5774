/*
 * A pass that stores and adds up, kept every few milliseconds: however many spells it takes, a tile
 * is stored once and counted once, and both results are those of one spell. The same when it is
 * stopped and goes on in another run.
 */
#include <slab/compute/pass/pass.h>
#include <slab/compute/sink/store.h>
#include <slab/storage/base/stop.h>
#include <slab/storage/base/try.h>
#include <slab/storage/transaction.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TILE = 262144, TILES = 23, ELEMENTS = TILE * TILES - 77 };

static int64_t failures;
static atomic_bool stop;

/* In the place of the library's, which takes nothing back. */
void slab_stop_request(int number)
{
    atomic_store(&stop, number != 0);
}

int slab_stop_requested(void)
{
    return atomic_load(&stop);
}

const char *slab_stop_reason(void)
{
    return "a request";
}

static atomic_int stored[TILES], shown;
static int stops_at; /* the n-th tile that this rank adds; 0: none */
static slab_sink_class counting_store;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "rank %d, line %d: %s (%s)\n", slab_ranks_me(slab_ranks_world()),      \
                    __LINE__, #condition, slab_error_last()->message);                             \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

/* As `store`, and a second time is a failure: without one the pass would never end. */
static slab_status store_once(const void *sink, const slab_span *span, void *state, int phase,
                              const slab_tile *tile, void *scratch)
{
    if (atomic_fetch_add(&stored[tile->number], 1) > 0)
        return slab_error_set(SLAB_ERR_INTERNAL, __FILE__, __LINE__, "a tile is stored twice");
    return slab_sink_store.accumulate(sink, span, state, phase, tile, scratch);
}

static slab_sink_wants wants(const void *sink)
{
    (void)sink;
    return (slab_sink_wants){.nphases = 1, .band_axis = -1};
}

static size_t state_bytes(const void *sink, const slab_span *span)
{
    (void)sink, (void)span;
    return sizeof(float);
}

static slab_status add(const void *sink, const slab_span *span, void *state, int phase,
                       const slab_tile *tile, void *scratch)
{
    const float *x = tile->view.data;
    (void)sink, (void)span, (void)phase, (void)scratch;
    usleep(5000);
    for (int64_t i = 0; i < tile->box.count[0]; i++)
        *(float *)state += x[i];
    if (atomic_fetch_add(&shown, 1) + 1 == stops_at)
        slab_stop_request(15);
    return SLAB_OK;
}

static slab_status merge(const void *sink, const slab_span *into_span, void *into,
                         const slab_span *from_span, const void *from)
{
    (void)sink, (void)into_span, (void)from_span;
    *(float *)into += *(const float *)from;
    return SLAB_OK;
}

static slab_status finish(void *sink, const slab_span *span, void *state)
{
    (void)span;
    *(float *)sink = *(const float *)state;
    return SLAB_OK;
}

static const slab_sink_class adder = {.name = "adder",
                                      .wants = wants,
                                      .state_bytes = state_bytes,
                                      .accumulate = add,
                                      .in_state = true,
                                      .merge = merge,
                                      .finish = finish};

static slab_value *vector(float **data)
{
    slab_shape shape = {1, {ELEMENTS}};
    uint32_t x = 1;
    *data = malloc(sizeof(float) * ELEMENTS);
    for (int i = 0; i < ELEMENTS; i++) {
        x = x * 1664525u + 1013904223u;
        (*data)[i] = (float)(x >> 8) * 1e-3F;
    }
    return slab_value_from(slab_dtype_make(SLAB_KIND_FLOAT, 4), &shape, *data);
}

static slab_status write_through(slab_value *value, slab_crew *crew, slab_txn *txn, float *sum)
{
    slab_status rc = SLAB_OK;
    slab_array_spec spec = {.dtype = slab_value_dtype(value),
                            .shape = *slab_value_shape(value),
                            .chunk = {1, {TILE}},
                            .filter = "none"};
    slab_pass *pass = NULL;
    slab_store *store = NULL;
    slab_writer *writer = NULL;
    TRY(slab_txn_create(txn, "/x", &spec, &writer));
    TRY(slab_store_create(value, writer, &store));
    TRY(slab_pass_create(crew, "storing and adding", value, &pass));
    TRY(slab_pass_add(pass, &counting_store, store));
    TRY(slab_pass_add(pass, &adder, sum));
    slab_pass_checkpoint(pass, slab_txn_checkpoint(txn), "both", true);
    rc = slab_pass_run(pass, 1 << 30);
done:
    slab_pass_destroy(&pass);
    slab_store_destroy(&store);
    slab_status closed = writer ? slab_writer_close(&writer) : SLAB_OK;
    return rc == SLAB_OK ? closed : rc;
}

/* One run of the job. The counts are of this run. */
static slab_status run(slab_value *value, const char *file, int threads, float *sum)
{
    slab_status rc = SLAB_OK;
    slab_txn_options options = slab_txn_defaults();
    slab_crew *crew = NULL;
    slab_txn *txn = NULL;
    *sum = -1;
    memset(stored, 0, sizeof stored);
    atomic_store(&shown, 0);
    options.threads = threads;
    options.sync = false;
    options.job = "verb both\n";
    TRY(slab_crew_create(slab_ranks_world(), threads, &crew));
    TRY(slab_txn_begin(slab_ranks_world(), file, &options, &txn));
    TRY(write_through(value, crew, txn, sum));
    TRY(slab_txn_commit(&txn));
done:
    slab_txn_abort(&txn);
    slab_crew_destroy(&crew);
    return rc;
}

static int64_t in_all(int64_t n)
{
    slab_ranks_sum(slab_ranks_world(), &n, 1);
    return n;
}

/* Of every tile, on all ranks together; -1: a tile twice. */
static int64_t stored_in_all(void)
{
    int64_t sums[TILES], n = 0;
    for (int t = 0; t < TILES; t++)
        sums[t] = atomic_load(&stored[t]);
    slab_ranks_sum(slab_ranks_world(), sums, TILES);
    for (int t = 0; t < TILES; t++)
        n = n < 0 || sums[t] > 1 ? -1 : n + sums[t];
    return n;
}

static bool reads_back(const char *file, const float *data)
{
    slab_status rc = SLAB_OK;
    slab_file *f = NULL;
    slab_array *array = NULL;
    slab_value *value = NULL;
    slab_view view = {0};
    slab_box all = {.rank = 1, .count = {ELEMENTS}};
    bool same = false;
    TRY(slab_file_open(slab_ranks_world(), file, &f));
    TRY(slab_array_open(f, "/x", &array));
    value = slab_value_load(array, NULL, 1);
    TRY(slab_value_get(value, 0, &all, &view));
    same = memcmp(view.data, data, sizeof(float) * ELEMENTS) == 0;
done:
    if (value)
        slab_value_drop(&value);
    slab_array_close(&array);
    slab_file_close(&f);
    return rc == SLAB_OK && same;
}

static void remove_file(const char *file)
{
    slab_ranks_barrier(slab_ranks_world());
    if (slab_ranks_me(slab_ranks_world()) == 0)
        unlink(file);
    slab_ranks_barrier(slab_ranks_world());
}

/* @param whole  the sum that one spell comes to */
static void check_spells(slab_value *value, const float *data, const char *file, int threads,
                         float whole)
{
    float sum;
    CHECK(run(value, file, threads, &sum) == SLAB_OK);
    CHECK(stored_in_all() == TILES && in_all(atomic_load(&shown)) == TILES);
    CHECK(memcmp(&sum, &whole, sizeof sum) == 0);
    CHECK(reads_back(file, data));
    remove_file(file);
}

/* Stopped after some spells; the next run, in spells too, stores what is missing and no more. */
static void check_stopped(slab_value *value, const float *data, const char *file, int threads,
                          float whole)
{
    float sum;
    stops_at = 12 / slab_ranks_count(slab_ranks_world()); /* whichever comes there first */
    CHECK(run(value, file, threads, &sum) == SLAB_ERR_STOPPED);
    stops_at = 0;
    slab_stop_request(0);
    int64_t before = stored_in_all(), added = in_all(atomic_load(&shown));
    CHECK(before > 0 && before < TILES);
    CHECK(run(value, file, 3 - threads, &sum) == SLAB_OK);
    CHECK(stored_in_all() == TILES - before);
    CHECK(in_all(atomic_load(&shown)) == TILES - added);
    CHECK(memcmp(&sum, &whole, sizeof sum) == 0);
    CHECK(reads_back(file, data));
    remove_file(file);
}

int main(void)
{
    slab_ranks *ranks;
    char folder[] = "/tmp/slab-spells-XXXXXX", file[64] = "";
    float *data, whole;
    if (slab_ranks_start(&ranks) != SLAB_OK)
        return 1;
    if (slab_ranks_me(ranks) == 0 && !mkdtemp(folder))
        return 1;
    snprintf(file, sizeof file, "%s/f.h5", folder);
    slab_ranks_broadcast(ranks, file, sizeof file, 0);
    counting_store = slab_sink_store;
    counting_store.accumulate = store_once;
    slab_value *value = vector(&data);
    slab_pass_keep_every(1000);
    CHECK(run(value, file, 1, &whole) == SLAB_OK && whole > 0);
    remove_file(file);
    slab_pass_keep_every(0.012);
    for (int threads = 1; threads <= 2; threads++) {
        check_spells(value, data, file, threads, whole);
        check_stopped(value, data, file, threads, whole);
    }
    slab_value_drop(&value);
    free(data);
    if (slab_ranks_me(ranks) == 0 && rmdir(folder) != 0) {
        fprintf(stderr, "something is left in %s\n", folder);
        failures++;
    }
    failures = in_all(failures);
    slab_ranks_stop();
    return failures != 0;
}

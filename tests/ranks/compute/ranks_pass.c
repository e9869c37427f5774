/*
 * A pass on several ranks gives the bits of the fixed tree, which this program computes by itself
 * on every rank; and an error on one rank is an error on all.
 */
#include <slab/compute/pass/pass.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TILE = 262144, TILES = 23, ELEMENTS = TILE * TILES - 77 };

typedef struct adder {
    size_t padding;
    int64_t bad_tile;
    float sum;
    int64_t tiles;
} adder;

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
    (void)span;
    return sizeof(adder_state) + ((const adder *)sink)->padding;
}

static slab_status take(const void *sink, const slab_span *span, void *state, int phase,
                        const slab_tile *tile, void *scratch)
{
    adder_state *s = state;
    const float *x = tile->view.data;
    (void)span, (void)phase, (void)scratch;
    if (tile->number == ((const adder *)sink)->bad_tile)
        return slab_error_set(SLAB_ERR_FORMAT, __FILE__, __LINE__, "a bad tile");
    for (int64_t i = 0; i < tile->box.count[0]; i++)
        s->sum += x[i];
    s->tiles++;
    return SLAB_OK;
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
                                            .merge = merge,
                                            .finish = finish};

/* Pairwise over tile numbers, a lone node goes up as it is. */
static float tree(const float *leaves, int n)
{
    float level[TILES];
    memcpy(level, leaves, sizeof(float) * (size_t)n);
    while (n > 1) {
        for (int i = 0; i < n / 2; i++)
            level[i] = level[2 * i] + level[2 * i + 1];
        if (n % 2)
            level[n / 2] = level[n - 1];
        n = (n + 1) / 2;
    }
    return level[0];
}

static slab_value *make_value(float *expected)
{
    float *x = malloc(sizeof *x * ELEMENTS), leaves[TILES] = {0};
    uint32_t seed = 5;
    for (int i = 0; i < ELEMENTS; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(seed >> 8) * 1e-4F;
        leaves[i / TILE] += x[i];
    }
    *expected = tree(leaves, TILES);
    slab_shape shape = {1, {ELEMENTS}};
    slab_value *value = slab_value_from(slab_dtype_make(SLAB_KIND_FLOAT, 4), &shape, x);
    free(x);
    return value;
}

static slab_status run(slab_value *value, int threads, size_t budget, adder *sink)
{
    slab_status rc = SLAB_OK;
    slab_crew *crew = NULL;
    slab_pass *pass = NULL;
    TRY(slab_crew_create(slab_ranks_world(), threads, &crew));
    TRY(slab_pass_create(crew, "adding", value, &pass));
    TRY(slab_pass_add(pass, &adder_class, sink));
    TRY(slab_pass_run(pass, budget));
done:
    slab_pass_destroy(&pass);
    slab_crew_destroy(&crew);
    return rc;
}

/* --- a sink that emits: sums along the first axis of [8, columns], handed over group by group ---
 */

enum { ROWS = 8, COLUMNS = 600000 };

typedef struct emitter {
    _Atomic int64_t emitted; /* columns */
    double *sums;            /* [columns], on this rank */
    atomic_bool wrong;
} emitter;

static slab_sink_wants emitter_wants(const void *sink)
{
    (void)sink;
    return (slab_sink_wants){.nphases = 1, .band_axis = -1, .run_axes = 1, .emits = true};
}

static size_t emitter_bytes(const void *sink, const slab_span *span)
{
    (void)sink;
    return (size_t)span->count[1] * sizeof(double);
}

static slab_status emitter_take(const void *sink, const slab_span *span, void *state, int phase,
                                const slab_tile *tile, void *scratch)
{
    double *sums = state;
    (void)sink, (void)phase, (void)scratch;
    for (int64_t i = 0; i < tile->box.count[0]; i++)
        for (int64_t j = 0; j < tile->box.count[1]; j++)
            sums[tile->box.start[1] - span->start[1] + j] +=
                *(const float *)((const char *)tile->view.data + i * tile->view.stride[0] +
                                 j * tile->view.stride[1]);
    return SLAB_OK;
}

static slab_status emitter_merge(const void *sink, const slab_span *into_span, void *into,
                                 const slab_span *from_span, const void *from)
{
    (void)sink;
    for (int64_t j = 0; j < from_span->count[1]; j++)
        ((double *)into)[from_span->start[1] - into_span->start[1] + j] +=
            ((const double *)from)[j];
    return SLAB_OK;
}

static slab_status emitter_emit(void *sink, const slab_span *span, void *state)
{
    emitter *e = sink;
    if (span->count[0] != ROWS || span->count[1] > 262144)
        atomic_store(&e->wrong, true); /* from any thread */
    memcpy(e->sums + span->start[1], state, (size_t)span->count[1] * sizeof(double));
    atomic_fetch_add(&e->emitted, span->count[1]);
    return SLAB_OK;
}

static slab_status emitter_finish(void *sink, const slab_span *span, void *state)
{
    (void)span;
    if (state != NULL)
        atomic_store(&((emitter *)sink)->wrong, true);
    return SLAB_OK;
}

static const slab_sink_class emitter_class = {.name = "emitter",
                                              .wants = emitter_wants,
                                              .state_bytes = emitter_bytes,
                                              .accumulate = emitter_take,
                                              .merge = emitter_merge,
                                              .emit = emitter_emit,
                                              .finish = emitter_finish};

/* Element (i, j) is i + j mod 7; two values of one shape, the second shown beside the first. */
static int64_t check_emitter(int threads)
{
    slab_crew *crew = NULL;
    slab_pass *pass = NULL;
    emitter e = {.sums = calloc(COLUMNS, sizeof(double))};
    int64_t wrong = 0;
    float *x = malloc(sizeof *x * ROWS * COLUMNS);
    for (int64_t k = 0; k < (int64_t)ROWS * COLUMNS; k++)
        x[k] = (float)(k / COLUMNS + k % COLUMNS % 7);
    slab_shape shape = {2, {ROWS, COLUMNS}};
    slab_value *value = slab_value_from(slab_dtype_make(SLAB_KIND_FLOAT, 4), &shape, x);
    slab_value *twice = slab_value_apply("add", (slab_value *[]){value, value}, 2);
    bool ran = slab_crew_create(slab_ranks_world(), threads, &crew) == SLAB_OK &&
               slab_pass_create(crew, "emitting", value, &pass) == SLAB_OK &&
               slab_pass_feed(pass, twice, &emitter_class, &e) == SLAB_OK &&
               slab_pass_run(pass, 1 << 30) == SLAB_OK;
    int64_t all = e.emitted;
    slab_ranks_sum(slab_ranks_world(), &all, 1);
    for (int64_t j = 0; j < COLUMNS; j++)
        wrong += e.sums[j] != 0 && e.sums[j] != (double)(ROWS * (ROWS - 1) + 2 * ROWS * (j % 7));
    slab_pass_destroy(&pass);
    slab_crew_destroy(&crew);
    slab_value_drop(&twice);
    slab_value_drop(&value);
    free(e.sums);
    free(x);
    return wrong + (all != COLUMNS) + !ran + e.wrong;
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "rank %d, line %d: %s (%s)\n", slab_ranks_me(slab_ranks_world()),      \
                    __LINE__, #condition, slab_error_last()->message);                             \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

int main(void)
{
    slab_ranks *ranks;
    int64_t failures = 0;
    float expected;
    if (slab_ranks_start(&ranks) != SLAB_OK)
        return 1;
    slab_value *value = make_value(&expected);
    for (int round = 0; round < 12; round++) {
        /* Small and (for messages beyond MPI's eager limit) large states; one thread and two;
         * little memory and much. */
        adder sink = {.padding = round % 3 == 0 ? 0 : 100000, .bad_tile = -1};
        CHECK(run(value, 1 + round % 2, round % 4 < 2 ? 3 << 20 : 1 << 30, &sink) == SLAB_OK);
        CHECK(sink.tiles == TILES);
        CHECK(sink.sum == expected);
    }
    CHECK(check_emitter(1) == 0);
    CHECK(check_emitter(2) == 0);
    adder sink = {.bad_tile = 13};
    CHECK(run(value, 2, 1 << 30, &sink) == SLAB_ERR_FORMAT);
    CHECK(strstr(slab_error_last()->message, "a bad tile"));
    sink = (adder){.bad_tile = -1};
    CHECK(run(value, 2, slab_ranks_me(ranks) == 0 ? 10 : 1 << 30, &sink) == SLAB_ERR_MEMORY);
    slab_value_drop(&value);
    slab_ranks_sum(ranks, &failures, 1);
    slab_ranks_stop();
    return failures > 0;
}

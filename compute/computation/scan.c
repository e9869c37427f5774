/*
 * One pass finds what every tile comes to along the axis; these totals go to a scratch file of
 * [..., tiles, ...]. Then they are summed up, and the elements follow from them tile by tile.
 */
#include <slab/compute/computation/scan.h>

#include <slab/compute/computation/results.h>
#include <slab/compute/sink/disjoint.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum { COLUMNS = 16384 }; /* lines summed up at once */

/* A computation and its sink in one. */
typedef struct scan_self {
    slab_scan_op op;
    int axis;
    slab_dtype dtype;
    slab_grid grid;   /* of the operand */
    slab_shape tiles; /* of the totals */
    slab_results results;
} scan_self;

/* --- the sink: totals of tiles --- */

static slab_sink_wants totals_wants(const void *sink)
{
    const scan_self *s = sink;
    return (slab_sink_wants){.nphases = 1, .band_axis = -1, .grid = &s->grid, .emits = true};
}

/* Where the totals of a span's tiles go. */
static void totals_box(const scan_self *s, const slab_span *span, slab_box *out)
{
    int64_t tile = s->grid.tile.extent[s->axis], phase = s->grid.phase[s->axis];
    int64_t first = (span->start[s->axis] + phase) / tile;
    int64_t last = (span->start[s->axis] + span->count[s->axis] - 1 + phase) / tile;
    *out = *span;
    out->start[s->axis] = first;
    out->count[s->axis] = last - first + 1;
}

static size_t totals_state_bytes(const void *sink, const slab_span *span)
{
    const scan_self *s = sink;
    slab_box box;
    totals_box(s, span, &box);
    return slab_disjoint_bytes(&box, s->dtype.size);
}

static size_t block_bytes(const scan_self *s, const slab_shape *tile)
{
    size_t bytes = s->dtype.size;
    for (int a = 0; a < tile->rank; a++)
        if (__builtin_mul_overflow(bytes, (size_t)tile->extent[a], &bytes))
            return SIZE_MAX / 4;
    return bytes;
}

/* A dense copy of the tile, and what it comes to. */
static size_t totals_scratch_bytes(const void *sink, const slab_shape *tile)
{
    const scan_self *s = sink;
    slab_shape line = *tile;
    line.extent[s->axis] = 1;
    return block_bytes(s, tile) + block_bytes(s, &line) + 64;
}

static slab_status totals_take(const void *sink, const slab_span *span, void *state, int phase,
                               const slab_tile *tile, void *scratch)
{
    const scan_self *s = sink;
    slab_box all, part;
    int rank = tile->box.rank;
    int64_t dense[SLAB_RANK_MAX], to[SLAB_RANK_MAX], outer = 1, inner = 1;
    int64_t size = (int64_t)s->dtype.size, rows = tile->box.count[s->axis];
    char *block = scratch, *totals = block + slab_box_elements(&tile->box) * size;
    (void)phase;
    slab_strides_of(rank, tile->box.count, s->dtype.size, dense);
    slab_box_copy(rank, tile->box.count, tile->view.data, tile->view.stride, block, dense,
                  s->dtype.size);
    for (int a = 0; a < rank; a++) {
        outer *= a < s->axis ? tile->box.count[a] : 1;
        inner *= a > s->axis ? tile->box.count[a] : 1;
    }
    for (int64_t k = 0; k < outer * inner; k++)
        slab_scan_begin(s->op, s->dtype, totals + k * size);
    for (int64_t i = 0; i < outer; i++)
        slab_scan_rows(s->op, s->dtype, block + i * rows * inner * size, rows, inner,
                       totals + i * inner * size);
    totals_box(s, span, &all);
    totals_box(s, &tile->box, &part);
    slab_strides_of(rank, all.count, s->dtype.size, to);
    slab_strides_of(rank, part.count, s->dtype.size, dense);
    slab_box_copy(rank, part.count, totals, dense,
                  (char *)state + slab_disjoint_offset(&all, part.start, s->dtype.size), to,
                  s->dtype.size);
    return SLAB_OK;
}

static slab_status totals_merge(const void *sink, const slab_span *into_span, void *into,
                                const slab_span *from_span, const void *from)
{
    const scan_self *s = sink;
    slab_box all, part;
    totals_box(s, into_span, &all);
    totals_box(s, from_span, &part);
    slab_disjoint_merge(&all, into, &part, from, s->dtype.size);
    return SLAB_OK;
}

static slab_status totals_emit(void *sink, const slab_span *span, void *state)
{
    scan_self *s = sink;
    slab_box box;
    totals_box(s, span, &box);
    return slab_results_put(&s->results, &box, state);
}

const slab_sink_class slab_sink_totals = {.name = "totals",
                                          .wants = totals_wants,
                                          .state_bytes = totals_state_bytes,
                                          .scratch_bytes = totals_scratch_bytes,
                                          .accumulate = totals_take,
                                          .merge = totals_merge,
                                          .emit = totals_emit};

/* --- totals of all tiles before each --- */

/* Columns [from, from + n) of one outer index: a running total over the tiles, one behind. */
static slab_status sum_up(scan_self *s, int64_t outer, int64_t from, int64_t n, int64_t inner,
                          char *row, char *carry, char *next)
{
    slab_status rc = SLAB_OK;
    int64_t size = (int64_t)s->dtype.size, ntiles = s->tiles.extent[s->axis];
    for (int64_t k = 0; k < n; k++)
        slab_scan_begin(s->op, s->dtype, carry + k * size);
    for (int64_t t = 0; t < ntiles; t++) {
        uint64_t place = (uint64_t)(((outer * ntiles + t) * inner + from) * size);
        memcpy(next, carry, (size_t)(n * size));
        TRY(slab_scratch_read(s->results.file, place, row, (size_t)(n * size)));
        slab_scan_rows(s->op, s->dtype, row, 1, n, carry);
        TRY(slab_scratch_write(s->results.file, place, next, (size_t)(n * size)));
    }
done:
    return rc;
}

/* Lines are shared out among the ranks. */
static slab_status sum_all(scan_self *s, const slab_ranks *ranks)
{
    slab_status rc = SLAB_OK;
    char *buffer = NULL;
    int64_t outer = 1, inner = 1, size = (int64_t)s->dtype.size, turn = 0;
    for (int a = 0; a < s->tiles.rank; a++) {
        outer *= a < s->axis ? s->tiles.extent[a] : 1;
        inner *= a > s->axis ? s->tiles.extent[a] : 1;
    }
    TRY(slab_memory_alloc((void **)&buffer, 3 * COLUMNS, s->dtype.size, "running totals"));
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t j = 0; j < inner; j += COLUMNS) {
            if (turn++ % slab_ranks_count(ranks) != slab_ranks_me(ranks))
                continue;
            TRY(sum_up(s, o, j, inner - j < COLUMNS ? inner - j : COLUMNS, inner, buffer,
                       buffer + COLUMNS * size, buffer + 2 * COLUMNS * size));
        }
    }
done:
    FREE(buffer);
    return rc;
}

/* --- the computation --- */

static slab_status scan_begin(slab_computation *c, const slab_workshop *workshop,
                              const slab_sink_class **cls, void **sink)
{
    slab_status rc = SLAB_OK;
    scan_self *s = c->self;
    if (!s->results.file)
        TRY(slab_results_open(&s->results, workshop, &s->tiles, s->dtype));
    *cls = &slab_sink_totals;
    *sink = s;
done:
    return rc;
}

static slab_status scan_end(slab_computation *c, const slab_workshop *workshop, bool *again)
{
    slab_status rc = SLAB_OK;
    scan_self *s = c->self;
    slab_ranks *ranks = slab_crew_ranks(workshop->crew);
    slab_value *totals = NULL;
    *again = false;
    TRY(slab_ranks_barrier(ranks));
    TRY(slab_ranks_agree(ranks, sum_all(s, ranks)));
    TRY(slab_results_value(&s->results, workshop, &totals));
    TRY(slab_computation_settle_value(c, 0, totals));
done:
    slab_value_drop(&totals);
    return rc;
}

static size_t scan_holds(const slab_computation *c)
{
    return 3 * COLUMNS * ((const scan_self *)c->self)->dtype.size; /* of sum_all() */
}

static void scan_clear(slab_computation *c)
{
    slab_results_clear(&((scan_self *)c->self)->results);
}

static const slab_computation_class scan_class = {.name = "running totals",
                                                  .begin = scan_begin,
                                                  .end = scan_end,
                                                  .holds = scan_holds,
                                                  .clear = scan_clear};

/* --- building --- */

/* The type totals are kept in. */
static slab_status wide_type(slab_scan_op op, slab_dtype dtype, slab_dtype *out)
{
    slab_status rc = SLAB_OK;
    char name[SLAB_DTYPE_NAME_MAX];
    REQUIRE(slab_dtype_is_number(dtype), SLAB_ERR_TYPE, "running totals of %s are not defined",
            slab_dtype_name(dtype, name));
    slab_kind kind = dtype.kind == SLAB_KIND_BOOL ? SLAB_KIND_INT : dtype.kind;
    *out = slab_dtype_make(kind, kind == SLAB_KIND_COMPLEX ? 16 : 8);
    REQUIRE(slab_scan_has(op, *out), SLAB_ERR_TYPE, "%s has no running maximum or minimum",
            slab_dtype_name(dtype, name));
done:
    return rc;
}

static slab_dtype result_type(slab_scan_op op, slab_dtype dtype)
{
    bool sums = op == SLAB_SCAN_ADD || op == SLAB_SCAN_MULTIPLY;
    if (!sums)
        return dtype;
    if (dtype.kind == SLAB_KIND_BOOL || dtype.kind == SLAB_KIND_INT)
        return slab_dtype_make(SLAB_KIND_INT, 8);
    return dtype.kind == SLAB_KIND_UINT ? slab_dtype_make(SLAB_KIND_UINT, 8) : dtype;
}

static slab_status make_carries(slab_value *wide, slab_scan_op op, int axis, slab_value **out)
{
    slab_status rc = SLAB_OK;
    slab_computation *c = NULL;
    TRY(slab_computation_create(&scan_class, &wide, 1, sizeof(scan_self), &c));
    scan_self *s = c->self;
    s->op = op;
    s->axis = axis;
    s->dtype = slab_value_dtype(wide);
    s->grid = *slab_value_grid(wide);
    s->tiles = *slab_value_shape(wide);
    s->tiles.extent[axis] = s->grid.count.extent[axis];
    *out = slab_computation_result(c, 0, &s->tiles, s->dtype);
    TRY(slab_value_status(*out));
done:
    slab_computation_drop(&c);
    return rc;
}

slab_value *slab_value_scan(slab_value *value, slab_scan_op op, int axis, const slab_dtype *dtype)
{
    slab_status rc = SLAB_OK;
    slab_dtype type, wide_dtype;
    slab_value *wide = NULL, *carries = NULL, *totals = NULL, *result = NULL;
    TRY(slab_value_status(value));
    REQUIRE(axis >= 0 && axis < slab_value_shape(value)->rank, SLAB_ERR_RANGE,
            "running totals along axis %d of an array of %d axes", axis,
            slab_value_shape(value)->rank);
    type = dtype ? *dtype : result_type(op, slab_value_dtype(value));
    TRY(wide_type(op, type, &wide_dtype));
    wide = slab_value_cast(value, wide_dtype);
    TRY(slab_value_status(wide));
    if (slab_value_grid(wide)->ntiles == 0) {
        result = slab_value_cast(wide, type);
        goto done;
    }
    TRY(make_carries(wide, op, axis, &carries));
    totals = slab_value_scan_with(wide, axis, op, carries);
    result = slab_value_cast(totals, type);
done:
    slab_value_drop(&totals);
    slab_value_drop(&carries);
    slab_value_drop(&wide);
    return rc == SLAB_OK ? result : slab_value_fail(rc);
}

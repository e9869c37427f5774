#include <slab/tools/stat_plot.h>

#include <inttypes.h>
#include <math.h>
#include <slab/compute/computation/histogram.h>
#include <slab/compute/program/program.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/tools/plot.h>
#include <stdio.h>

enum {
    LINES_DRAWN = 40,    /* in the terminal; more positions are put together */
    LINES_PLOTTED = 2000 /* in a picture */
};
#define CELLS_MOST ((int64_t)1000000) /* of a map */

slab_status slab_stat_plot_check(slab_call *call, const slab_shape *results)
{
    slab_status rc = SLAB_OK;
    const char *plot = slab_call_text(call, "plot");
    bool draw = slab_call_flag(call, "draw");
    int64_t elements;
    if (plot)
        TRY(slab_plot_check(call, plot));
    REQUIRE(!draw || !slab_call_flag(call, "json"), SLAB_ERR_USAGE,
            "--draw is for people and --json for programs: not both");
    REQUIRE(!draw || results->rank <= 1, SLAB_ERR_USAGE,
            "--draw shows results along one axis; these have %d", results->rank);
    TRY(slab_shape_elements(results, &elements));
    REQUIRE(!plot || results->rank <= 1 || (results->rank == 2 && elements <= CELLS_MOST),
            SLAB_ERR_USAGE,
            "--plot draws results along one axis, or a map of up to %" PRId64
            " cells; these have %d axes and %" PRId64 " elements",
            CELLS_MOST, results->rank, elements);
done:
    return rc;
}

bool slab_stat_plot_counts(const slab_call *call, const slab_shape *results)
{
    return results->rank == 0 &&
           (slab_call_flag(call, "draw") || slab_call_text(call, "plot") != NULL);
}

/* --- the whole array: a histogram --- */

typedef struct bars {
    slab_value *out[2]; /* counts, edges */
    slab_program *program;
    int counts, edges; /* outputs */
} bars;

static void bars_clear(bars *b)
{
    slab_program_destroy(&b->program);
    slab_value_drop(&b->out[0]);
    slab_value_drop(&b->out[1]);
}

/* Where the declared missing code stands nothing is counted. NULL: none is declared. */
static slab_value *weights_of(slab_value *value)
{
    const slab_shape scalar = {0};
    const void *missing = slab_value_missing(value);
    if (!missing)
        return NULL;
    slab_value *code = slab_value_from(slab_value_dtype(value), &scalar, missing);
    slab_value *there = slab_value_apply("not_equal", (slab_value *[]){value, code}, 2);
    slab_value_drop(&code);
    return there;
}

static slab_status bars_make(slab_call *call, slab_value *value, const slab_histogram_axis *axis,
                             bars *out)
{
    slab_status rc = SLAB_OK;
    slab_crew *crew;
    slab_value *weights = weights_of(value);
    slab_value *reals = slab_value_cast(value, slab_dtype_make(SLAB_KIND_FLOAT, 8));
    TRY(slab_call_crew(call, &crew));
    slab_value_histogram(&reals, 1, weights, axis, false, out->out);
    TRY(slab_program_create(crew, slab_call_text(call, "scratch"), &out->program));
    TRY(slab_program_fetch(out->program, "histogram", out->out[0], &out->counts));
    TRY(slab_program_fetch(out->program, "edges", out->out[1], &out->edges));
done:
    slab_value_drop(&weights);
    slab_value_drop(&reals);
    return rc;
}

slab_status slab_stat_plot_plan(slab_call *call, slab_value *value, size_t room, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    bars b = {0};
    slab_histogram_axis axis = {
        .n = slab_call_int(call, "bins"), .has_range = true, .high = 1}; /* not known yet */
    TRY(bars_make(call, value, &axis, &b));
    TRY(slab_program_plan(b.program, room, plan));
done:
    bars_clear(&b);
    return rc;
}

/* Whole numbers get bins of whole widths around them, so that no bin holds more of them than
 * another; reals get equal bins from the least to the greatest. */
static slab_status choose_bins(const slab_statistics_result *r, int64_t n, slab_histogram_axis *out)
{
    slab_status rc = SLAB_OK;
    double low = slab_dtype_get_double(r->dtype, r->min),
           high = slab_dtype_get_double(r->dtype, r->max);
    REQUIRE(isfinite(low) && isfinite(high), SLAB_ERR_VALUE,
            "a histogram from %g to %g cannot be drawn", low, high);
    *out = (slab_histogram_axis){.n = n, .has_range = true, .low = low, .high = high};
    if (r->dtype.kind == SLAB_KIND_FLOAT)
        goto done;
    double width = ceil((high - low + 1) / (double)n);
    out->n = (int64_t)ceil((high - low + 1) / width);
    out->low = low - 0.5;
    out->high = out->low + (double)out->n * width;
done:
    return rc;
}

static slab_status plot_bars(slab_call *call, const double *edges, const double *counts, int64_t n)
{
    slab_picture picture = {.title = slab_call_argument(call, 0),
                            .xlabel = "value",
                            .ylabel = "count",
                            .setup = "set style fill solid 0.6\nset yrange [0:*]",
                            .plot = "$data using (($1+$2)/2):3:($2-$1) with boxes notitle",
                            .ncolumns = 3,
                            .columns = {edges, edges + 1, counts},
                            .n = n};
    return slab_plot_write(call, slab_call_text(call, "plot"), &picture);
}

static slab_status draw_whole(slab_call *call, slab_value *value, const slab_statistics_result *r,
                              size_t room)
{
    slab_status rc = SLAB_OK;
    bars b = {0};
    slab_histogram_axis axis;
    double *counts = NULL;
    REQUIRE(r->count[0] > 0, SLAB_ERR_VALUE, "there is no value to be drawn");
    TRY(choose_bins(r, slab_call_int(call, "bins"), &axis));
    TRY(bars_make(call, value, &axis, &b));
    TRY(slab_program_run(b.program, room));
    ALLOC(counts, axis.n, "a histogram");
    TRY(slab_dtype_convert(slab_value_dtype(b.out[0]), slab_program_data(b.program, b.counts),
                           slab_dtype_make(SLAB_KIND_FLOAT, 8), counts, (size_t)axis.n));
    const double *edges = slab_program_data(b.program, b.edges);
    if (slab_call_flag(call, "draw")) {
        slab_print(call, "\n");
        slab_plot_bars(call, edges, counts, axis.n);
    }
    if (slab_call_text(call, "plot"))
        TRY(plot_bars(call, edges, counts, axis.n));
done:
    FREE(counts);
    bars_clear(&b);
    return rc;
}

/* --- along an axis: mean and standard deviation --- */

/* Positions first .. first + each - 1 of the results, and so on: their mean, and how far any of
 * them reaches with its standard deviation. NaN where none has a value. */
typedef struct course {
    int64_t n, each;
    double *at, *low, *mean, *high; /* [n] */
} course;

static void course_clear(course *c)
{
    FREE(c->at);
    FREE(c->low);
    FREE(c->mean);
    FREE(c->high);
}

static slab_status course_make(const slab_statistics_result *r, int64_t most, course *out)
{
    slab_status rc = SLAB_OK;
    out->each = (r->n + most - 1) / most;
    out->each = out->each < 1 ? 1 : out->each;
    out->n = (r->n + out->each - 1) / out->each;
    ALLOC(out->at, out->n, "a plot");
    ALLOC(out->low, out->n, "a plot");
    ALLOC(out->mean, out->n, "a plot");
    ALLOC(out->high, out->n, "a plot");
    for (int64_t g = 0; g < out->n; g++) {
        int64_t first = g * out->each, last = first + out->each, there = 0;
        double sum = 0, low = INFINITY, high = -INFINITY;
        last = last < r->n ? last : r->n;
        for (int64_t i = first; i < last; i++) {
            if (isnan(r->mean[i]))
                continue;
            sum += r->mean[i];
            low = fmin(low, r->mean[i] - r->std[i]);
            high = fmax(high, r->mean[i] + r->std[i]);
            there++;
        }
        out->at[g] = (double)(first + last - 1) / 2;
        out->mean[g] = there ? sum / (double)there : NAN;
        out->low[g] = there ? low : NAN;
        out->high[g] = there ? high : NAN;
    }
done:
    return rc;
}

/* "   ───●───  " in so many columns from `least` to `most`. */
static void draw_line(slab_call *call, const course *c, int64_t g, double least, double most,
                      int room)
{
    double scale = most > least ? (room - 1) / (most - least) : 0;
    int low = (int)lrint((c->low[g] - least) * scale),
        mean = (int)lrint((c->mean[g] - least) * scale),
        high = (int)lrint((c->high[g] - least) * scale);
    for (int k = 0; k <= high; k++)
        slab_print(call, "%s", k < low ? " " : k == mean ? "●" : "─");
}

static slab_status draw_course(slab_call *call, const slab_statistics_result *r)
{
    slab_status rc = SLAB_OK;
    enum { WORDS = 44 }; /* columns that positions and numbers take */
    course c = {0};
    double least = INFINITY, most = -INFINITY;
    int room = slab_plot_columns() - WORDS;
    TRY(course_make(r, LINES_DRAWN, &c));
    for (int64_t g = 0; g < c.n; g++) {
        least = fmin(least, c.low[g]);
        most = fmax(most, c.high[g]);
    }
    slab_print(call, "%-16s %12s %12s\n", "index", "mean", c.each > 1 ? "reach" : "std");
    for (int64_t g = 0; g < c.n; g++) {
        char index[48];
        int64_t first = g * c.each, last = first + c.each < r->n ? first + c.each : r->n;
        snprintf(index, sizeof index, c.each > 1 ? "%" PRId64 "-%" PRId64 : "%" PRId64, first,
                 last - 1);
        slab_print(call, "%-16s %12.6g %12.6g", index, c.mean[g], (c.high[g] - c.low[g]) / 2);
        if (isfinite(c.low[g]) && isfinite(c.high[g]) && isfinite(most - least)) {
            slab_print(call, " ");
            draw_line(call, &c, g, least, most, room);
        }
        slab_print(call, "\n");
    }
done:
    course_clear(&c);
    return rc;
}

static slab_status plot_course(slab_call *call, const slab_statistics_result *r)
{
    slab_status rc = SLAB_OK;
    course c = {0};
    TRY(course_make(r, LINES_PLOTTED, &c));
    slab_picture picture = {.title = slab_call_argument(call, 0),
                            .xlabel = "index",
                            .ylabel = "mean ± std",
                            .setup =
                                "set encoding utf8\nset style fill transparent solid 0.3 noborder",
                            .plot = "$data using 1:2:4 with filledcurves lc 3 notitle, "
                                    "$data using 1:3 with lines lw 2 lc 3 notitle",
                            .ncolumns = 4,
                            .columns = {c.at, c.low, c.mean, c.high},
                            .n = c.n};
    TRY(slab_plot_write(call, slab_call_text(call, "plot"), &picture));
done:
    course_clear(&c);
    return rc;
}

/* Means over two axes, as a map. */
static slab_status plot_map(slab_call *call, const slab_statistics_result *r)
{
    slab_status rc = SLAB_OK;
    int64_t columns = r->shape.extent[1];
    double *row = NULL, *column = NULL;
    ALLOC(row, r->n, "a plot");
    ALLOC(column, r->n, "a plot");
    for (int64_t i = 0; i < r->n; i++) {
        row[i] = (double)(i / columns);
        column[i] = (double)(i % columns);
    }
    slab_picture picture = {.title = slab_call_argument(call, 0),
                            .xlabel = "column",
                            .ylabel = "row",
                            .setup = "set yrange [*:*] reverse\nset cblabel 'mean'",
                            .plot = "$data using 2:1:3 with image notitle",
                            .ncolumns = 3,
                            .columns = {row, column, r->mean},
                            .n = r->n,
                            .row = columns};
    TRY(slab_plot_write(call, slab_call_text(call, "plot"), &picture));
done:
    FREE(row);
    FREE(column);
    return rc;
}

slab_status slab_stat_plot(slab_call *call, slab_value *value, const slab_statistics_result *r,
                           size_t room)
{
    slab_status rc = SLAB_OK;
    bool plot = slab_call_text(call, "plot") != NULL, draw = slab_call_flag(call, "draw");
    if (!plot && !draw)
        return SLAB_OK;
    if (r->shape.rank == 0)
        return draw_whole(call, value, r, room);
    REQUIRE(r->n > 0, SLAB_ERR_VALUE, "there is no value to be drawn");
    if (draw)
        TRY(draw_course(call, r));
    if (plot)
        TRY(r->shape.rank == 1 ? plot_course(call, r) : plot_map(call, r));
done:
    return rc;
}

#include <slab/tools/command.h>

#include <inttypes.h>
#include <slab/compute/computation/histogram.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/tools/axes.h>
#include <slab/tools/evaluation.h>
#include <slab/tools/json.h>
#include <slab/tools/plot.h>
#include <string.h>

enum { EDGES_MOST = 4096, ARRAYS_MOST = 2 };

static const slab_option options[] = {
    {"bins", 0, 'p', "N", "10", "equal bins along an axis"},
    {"edges", 0, 's', "E[,E...]", NULL, "the bins' edges instead, ascending"},
    {"range", 0, 's', "LOW,HIGH", NULL,
     "what the bins cover (default: from the least element to the greatest, which takes a pass)"},
    {"second-range", 0, 's', "LOW,HIGH", NULL, "the same for the second array"},
    {"weights", 0, 's', "FILE.h5:/ARRAY", NULL, "add up these instead of counting elements"},
    {"density", 0, 'b', NULL, NULL, "divide by the sum and by the bins' widths"},
    {"plot", 0, 'f', "FILE.svg|FILE.png", NULL, "draw it with gnuplot"},
    {NULL, 0, 0, NULL, NULL, NULL}};

typedef struct job {
    int n; /* arrays: 1 or 2 */
    slab_value *arrays[ARRAYS_MOST], *weights;
    slab_histogram_axis axes[ARRAYS_MOST];
    double edges[EDGES_MOST];
    slab_value *out[1 + ARRAYS_MOST];
    slab_result results[1 + ARRAYS_MOST];
} job;

static void job_clear(job *j)
{
    for (int i = 0; i < ARRAYS_MOST; i++)
        slab_value_drop(&j->arrays[i]);
    slab_value_drop(&j->weights);
    for (int i = 0; i < 1 + ARRAYS_MOST; i++)
        slab_value_drop(&j->out[i]);
}

static slab_status read_range(const slab_call *call, const char *option, slab_histogram_axis *axis)
{
    slab_status rc = SLAB_OK;
    const char *text = slab_call_text(call, option);
    double ends[2];
    int n;
    if (!text)
        return SLAB_OK;
    TRY(slab_numbers_parse(option, text, ends, 2, &n));
    REQUIRE(n == 2, SLAB_ERR_USAGE, "--%s needs LOW,HIGH, not '%s'", option, text);
    axis->has_range = true;
    axis->low = ends[0];
    axis->high = ends[1];
done:
    return rc;
}

static slab_status read_axes(const slab_call *call, job *j)
{
    slab_status rc = SLAB_OK;
    const char *edges = slab_call_text(call, "edges");
    int n;
    for (int a = 0; a < j->n; a++)
        j->axes[a].n = slab_call_int(call, "bins");
    TRY(read_range(call, "range", &j->axes[0]));
    REQUIRE(j->n == 2 || !slab_call_text(call, "second-range"), SLAB_ERR_USAGE,
            "--second-range is for a second array");
    if (j->n == 2)
        TRY(read_range(call, "second-range", &j->axes[1]));
    if (!edges)
        goto done;
    REQUIRE(j->n == 1, SLAB_ERR_USAGE, "--edges is for one array");
    TRY(slab_numbers_parse("edges", edges, j->edges, EDGES_MOST, &n));
    REQUIRE(n >= 2, SLAB_ERR_USAGE, "--edges needs two edges at least");
    j->axes[0].n = n - 1;
    j->axes[0].edges = j->edges;
done:
    return rc;
}

/* What came out as doubles. */
static slab_status reals(const slab_value *value, const void *data, double **out, int64_t *n)
{
    slab_status rc = SLAB_OK;
    TRY(slab_shape_elements(slab_value_shape(value), n));
    ALLOC(*out, *n, "a histogram");
    TRY(slab_dtype_convert(slab_value_dtype(value), data, slab_dtype_make(SLAB_KIND_FLOAT, 8), *out,
                           (size_t)*n));
done:
    return rc;
}

static slab_status plot_bars(slab_call *call, const double *edges, const double *counts, int64_t n)
{
    slab_picture picture = {.title = slab_call_argument(call, 0),
                            .xlabel = "value",
                            .ylabel = slab_call_flag(call, "density") ? "density" : "count",
                            .setup = "set style fill solid 0.6\nset yrange [0:*]",
                            .plot = "$data using (($1+$2)/2):3:($2-$1) with boxes notitle",
                            .ncolumns = 3,
                            .columns = {edges, edges + 1, counts},
                            .n = n};
    return slab_plot_write(call, slab_call_text(call, "plot"), &picture);
}

/* Cells in C order, gnuplot's way: a line each, with the middle of its bins. */
static slab_status plot_map(slab_call *call, double *const *edges, const int64_t *nedges,
                            const double *counts)
{
    slab_status rc = SLAB_OK;
    int64_t rows = nedges[0] - 1, columns = nedges[1] - 1;
    double *x = NULL, *y = NULL;
    ALLOC(x, rows * columns, "a plot");
    ALLOC(y, rows * columns, "a plot");
    for (int64_t i = 0; i < rows * columns; i++) {
        x[i] = (edges[0][i / columns] + edges[0][i / columns + 1]) / 2;
        y[i] = (edges[1][i % columns] + edges[1][i % columns + 1]) / 2;
    }
    slab_picture picture = {.title = "",
                            .xlabel = slab_call_argument(call, 0),
                            .ylabel = slab_call_argument(call, 1),
                            .plot = "$data using 1:2:3 with image notitle",
                            .ncolumns = 3,
                            .columns = {x, y, counts},
                            .n = rows * columns,
                            .row = columns};
    TRY(slab_plot_write(call, slab_call_text(call, "plot"), &picture));
done:
    FREE(x);
    FREE(y);
    return rc;
}

static json_t *json_list(const slab_value *value, const void *data)
{
    json_t *list = json_array();
    int64_t n = 0;
    const char *at = data;
    if (slab_shape_elements(slab_value_shape(value), &n) != SLAB_OK)
        slab_error_clear();
    for (int64_t i = 0; i < n; i++, at += slab_value_dtype(value).size)
        json_array_append_new(list, slab_json_element(slab_value_dtype(value), at));
    return list;
}

static void print_cells(slab_call *call, double *const *edges, const int64_t *nedges,
                        const double *counts)
{
    for (int64_t i = 0; i + 1 < nedges[0]; i++)
        for (int64_t k = 0; k + 1 < nedges[1]; k++)
            slab_print(call, "%.9g\t%.9g\t%.9g\n", edges[0][i], edges[1][k],
                       counts[i * (nedges[1] - 1) + k]);
}

/* slab_show */
static slab_status show(slab_call *call, void *context, const void *const *data)
{
    slab_status rc = SLAB_OK;
    const job *j = context;
    double *counts = NULL, *edges[ARRAYS_MOST] = {NULL};
    int64_t ncounts, nedges[ARRAYS_MOST];
    TRY(reals(j->out[0], data[0], &counts, &ncounts));
    for (int a = 0; a < j->n; a++)
        TRY(reals(j->out[1 + a], data[1 + a], &edges[a], &nedges[a]));
    if (slab_call_flag(call, "json")) {
        json_t *out = json_object();
        for (int i = 0; i < 1 + j->n; i++)
            json_object_set_new(out, j->results[i].name, json_list(j->out[i], data[i]));
        slab_print_json(call, out);
    } else if (j->n == 1) {
        slab_plot_bars(call, edges[0], counts, ncounts);
    } else {
        print_cells(call, edges, nedges, counts);
    }
    if (slab_call_text(call, "plot"))
        TRY(j->n == 1 ? plot_bars(call, edges[0], counts, ncounts)
                      : plot_map(call, edges, nedges, counts));
done:
    FREE(counts);
    for (int a = 0; a < ARRAYS_MOST; a++)
        FREE(edges[a]);
    return rc;
}

static slab_status run(slab_call *call, int *exit_code)
{
    static const char *const names[2][3] = {{"counts", "edges"}, {"counts", "edges0", "edges1"}};
    slab_status rc = SLAB_OK;
    job j = {.n = slab_call_count(call)};
    const char *weights = slab_call_text(call, "weights"), *plot = slab_call_text(call, "plot");
    *exit_code = 0;
    REQUIRE(!plot || !slab_call_text(call, "output"), SLAB_ERR_USAGE,
            "--plot draws what is printed: without -o");
    TRY(read_axes(call, &j));
    for (int a = 0; a < j.n; a++)
        TRY(slab_call_load(call, slab_call_argument(call, a), &j.arrays[a]));
    if (weights)
        TRY(slab_call_load(call, weights, &j.weights));
    if (plot)
        TRY(slab_plot_check(call, plot));
    slab_value_histogram(j.arrays, j.n, j.weights, j.axes, slab_call_flag(call, "density"), j.out);
    for (int i = 0; i < 1 + j.n; i++) {
        TRY(slab_value_status(j.out[i]));
        j.results[i] = (slab_result){names[j.n - 1][i], j.out[i]};
    }
    TRY(slab_evaluate_with(call, "/", j.results, 1 + j.n, show, &j));
done:
    job_clear(&j);
    return rc;
}

const slab_command slab_command_hist = {
    .name = "hist",
    .arguments = "FILE.h5:/ARRAY [FILE.h5:/SECOND]",
    .summary = "histograms in one and two dimensions",
    .description =
        "Counts the elements of an array that fall into bins, as NumPy's histogram does, and draws "
        "them as bars: one line a bin, with its edges and its count. With a second array of the "
        "same shape the histogram has two axes (NumPy's histogram2d), printed one bin a line.\n\n"
        "--plot draws an SVG or PNG with gnuplot. -o stores counts and edges in a group. Without "
        "--range the array is read twice: the first time for its least and greatest element.",
    .examples = "  slab hist sky.h5:/cube --bins 50 --range 0,100\n"
                "  slab hist x.h5:/counts --edges 0,1,10,100,1000 --json\n"
                "  slab hist a.h5:/ra a.h5:/dec --bins 200 --plot sky.png\n"
                "  slab hist sky.h5:/cube --bins 1000 -o histogram.h5:/cube\n",
    .takes = SLAB_TAKES_OUTPUT | SLAB_TAKES_COMPUTE | SLAB_PLANS_FIRST | SLAB_TAKES_JSON |
             SLAB_TAKES_RANKS,
    .least = 1,
    .most = 2,
    .options = options,
    .run = run,
};

#include <slab/tools/command.h>

#include <inttypes.h>
#include <math.h>
#include <slab/compute/computation/computation.h>
#include <slab/compute/sink/statistics.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/tools/stat_plot.h>
#include <stdio.h>
#include <string.h>

static const slab_option options[] = {
    {"axis", 'a', 'i', "N", NULL,
     "reduce along this axis only: one result for every position of the others (0: one a column)"},
    {"output", 'o', 'f', "FILE.h5[:/GROUP]", NULL,
     "store the results as arrays of this group, and print them only with --json"},
    {"force", 0, 'b', NULL, NULL,
     "replace arrays, or the picture, that are there under these names"},
    {"draw", 0, 'b', NULL, NULL,
     "draw in the terminal: a histogram of the whole array, or mean and std along an axis"},
    {"plot", 0, 'f', "FILE.svg|FILE.png", NULL, "the same as a picture, with gnuplot"},
    {"bins", 0, 'p', "N", "30", "bins of the histogram that is drawn, at most"},
    {NULL, 0, 0, NULL, NULL, NULL}};

/* --- results as columns --- */

enum { NCOLUMNS = 8 };

typedef struct column {
    const char *name;
    slab_dtype dtype;
    const char *data;
    bool needs_count; /* means nothing where nothing was counted */
} column;

typedef struct table {
    const slab_statistics_result *result;
    column columns[NCOLUMNS];
} table;

static void table_make(const slab_statistics_result *r, table *out)
{
    slab_dtype i8 = slab_dtype_make(SLAB_KIND_INT, 8), f8 = slab_dtype_make(SLAB_KIND_FLOAT, 8);
    slab_dtype own = r->dtype;
    if (own.kind == SLAB_KIND_BOOL) /* as numbers, for all else is */
        own = slab_dtype_make(SLAB_KIND_UINT, 1);
    const column columns[NCOLUMNS] = {
        {"count", i8, (const char *)r->count, false},
        {"missing", i8, (const char *)r->missing, false},
        {"min", own, r->min, true},
        {"max", own, r->max, true},
        {"mean", f8, (const char *)r->mean, true},
        {"std", f8, (const char *)r->std, true},
        {"var", f8, (const char *)r->var, true},
        {"zeros", i8, (const char *)r->zeros, false},
    };
    out->result = r;
    memcpy(out->columns, columns, sizeof columns);
}

enum { NUMBER_MAX = 64 };

/* A result as text; for JSON in double precision, and null where there is none. */
static const char *number(const table *t, int c, int64_t i, bool json, char *text)
{
    slab_dtype dtype = t->columns[c].dtype;
    const char *at = t->columns[c].data + (size_t)i * dtype.size;
    bool real = dtype.kind == SLAB_KIND_FLOAT;
    if (t->columns[c].needs_count && t->result->count[i] == 0)
        return json ? "null" : "nan";
    if (real && json) {
        double value = slab_dtype_get_double(dtype, at);
        if (!isfinite(value))
            return "null";
        slab_dtype_print(slab_dtype_make(SLAB_KIND_FLOAT, 8), &value, text, NUMBER_MAX);
        if (!strpbrk(text, ".e"))
            strcat(text, ".0"); /* a real stays one in every reader */
        return text;
    }
    slab_dtype_print(dtype, at, text, NUMBER_MAX);
    return text;
}

static void print_whole(const table *t, bool json)
{
    char text[NUMBER_MAX];
    for (int c = 0; c < NCOLUMNS; c++)
        if (json)
            printf("%s\"%s\": %s", c ? ",\n  " : "{\n  ", t->columns[c].name,
                   number(t, c, 0, true, text));
        else
            printf("%-8s %s\n", t->columns[c].name, number(t, c, 0, false, text));
    if (json)
        fputs("\n}\n", stdout);
}

/* Lists may be long: they are printed number by number, not gathered first. */
static void print_lists(const table *t, int axis)
{
    char text[NUMBER_MAX];
    printf("{\n  \"axis\": %d,\n  \"shape\": [", axis);
    for (int a = 0; a < t->result->shape.rank; a++)
        printf("%s%" PRId64, a ? ", " : "", t->result->shape.extent[a]);
    fputs("]", stdout);
    for (int c = 0; c < NCOLUMNS; c++) {
        printf(",\n  \"%s\": [", t->columns[c].name);
        for (int64_t i = 0; i < t->result->n; i++) {
            fputs(i ? ", " : "", stdout);
            fputs(number(t, c, i, true, text), stdout);
        }
        fputs("]", stdout);
    }
    fputs("\n}\n", stdout);
}

static void print_lines(const table *t)
{
    char text[NUMBER_MAX];
    slab_grid grid;
    slab_shape one = t->result->shape;
    int64_t at[SLAB_RANK_MAX];
    for (int a = 0; a < one.rank; a++)
        one.extent[a] = 1;
    if (slab_grid_make(&t->result->shape, &one, NULL, &grid) != SLAB_OK)
        return;
    fputs("index", stdout);
    for (int c = 0; c < NCOLUMNS; c++)
        printf("\t%s", t->columns[c].name);
    fputs("\n", stdout);
    for (int64_t i = 0; i < t->result->n; i++) {
        slab_grid_coords(&grid, i, at);
        for (int a = 0; a < one.rank; a++)
            printf("%s%" PRId64, a ? "," : "", at[a]);
        for (int c = 0; c < NCOLUMNS; c++)
            printf("\t%s", number(t, c, i, false, text));
        fputs("\n", stdout);
    }
}

static void print_results(slab_call *call, const table *t, int axis)
{
    bool json = slab_call_flag(call, "json");
    if (axis >= 0 && slab_call_flag(call, "draw") && t->result->shape.rank > 0)
        return; /* the drawing has the numbers beside it */
    if (slab_ranks_me(slab_call_ranks(call)) != 0)
        return;
    if (axis < 0)
        print_whole(t, json);
    else if (json)
        print_lists(t, axis);
    else
        print_lines(t);
}

static slab_status store(slab_call *call, const table *t)
{
    slab_status rc = SLAB_OK;
    slab_txn *txn = NULL;
    const char *group;
    char *path = NULL;
    TRY(slab_call_begin(call, "/", &txn, &group));
    bool root = strcmp(group, "/") == 0;
    size_t size = strlen(group) + 32;
    ALLOC(path, size, "the name of a result");
    if (!root)
        TRY(slab_txn_group(txn, group));
    for (int c = 0; c < NCOLUMNS; c++) {
        slab_array_spec spec = {.dtype = t->columns[c].dtype, .shape = t->result->shape};
        snprintf(path, size, "%s/%s", root ? "" : group, t->columns[c].name);
        TRY(slab_txn_put(txn, path, &spec, t->columns[c].data));
        TRY(slab_call_provenance(call, txn, path));
    }
    TRY(slab_txn_commit(&txn));
done:
    slab_txn_abort(&txn);
    FREE(path);
    return rc;
}

/* --- the pass --- */

/* The axis that was asked for, counted from the front; -1: all. */
static slab_status axis_of(slab_call *call, int rank, int *axis)
{
    slab_status rc = SLAB_OK;
    int64_t asked = slab_call_int(call, "axis");
    *axis = -1;
    if (!slab_call_text(call, "axis"))
        goto done;
    REQUIRE(asked >= -rank && asked < rank, SLAB_ERR_USAGE,
            "--axis %" PRId64 ": the array has %d ax%s", asked, rank, rank == 1 ? "is" : "es");
    *axis = (int)(asked < 0 ? asked + rank : asked);
done:
    return rc;
}

/* A pass over the selection, and what is held for it. */
typedef struct stat_job {
    slab_value *value;
    slab_shape results;
    slab_statistics *statistics;
    slab_pass *pass;
    size_t room; /* bytes that the pass may use */
} stat_job;

static slab_status plan_of(slab_call *call, const stat_job *job, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_pass_plan one;
    slab_budget budget;
    TRY(slab_call_budget(call, &budget));
    TRY(slab_ranks_agree(slab_call_ranks(call), slab_pass_plan_make(job->pass, job->room, &one)));
    slab_plan_add_pass(plan, &one, 1, 0);
    if (slab_stat_plot_counts(call, &job->results))
        TRY(slab_stat_plot_plan(call, job->value, job->room, plan));
    TRY(slab_ranks_agree(slab_call_ranks(call), slab_plan_fits(plan, job->room)));
    TRY(slab_call_limit(call));
    plan->budget = budget.bytes;
    plan->ranks = slab_ranks_count(slab_call_ranks(call));
done:
    return rc;
}

static slab_status job_open(slab_call *call, slab_array *array, const slab_selection *selection,
                            int axis, stat_job *out)
{
    slab_status rc = SLAB_OK;
    slab_crew *crew;
    slab_budget budget;
    uint32_t axes = axis < 0 ? SLAB_AXES_ALL : 1U << axis;
    TRY(slab_call_budget(call, &budget));
    TRY(slab_call_crew(call, &crew));
    out->value = slab_value_load(array, selection, slab_crew_threads(crew));
    TRY(slab_value_status(out->value));
    if (axis >= 0)
        out->results = slab_shape_reduced(slab_value_shape(out->value), axes, false);
    TRY(slab_stat_plot_check(call, &out->results));
    TRY(slab_statistics_create(out->value, axes, &out->statistics));
    TRY(slab_pass_create(crew, "statistics", out->value, &out->pass));
    TRY(slab_pass_add(out->pass, &slab_sink_statistics, out->statistics));
    size_t used = slab_memory_used();
    out->room = budget.bytes > used ? budget.bytes - used : 0;
done:
    return rc;
}

static void job_close(stat_job *job)
{
    slab_pass_destroy(&job->pass);
    slab_statistics_destroy(&job->statistics);
    slab_value_drop(&job->value);
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    slab_array *array;
    slab_selection selection;
    slab_plan plan = {0};
    stat_job job = {0};
    table t;
    const char *file, *group;
    int axis;
    *exit_code = 0;
    TRY(slab_call_open(call, slab_call_argument(call, 0), NULL, &array, &selection));
    TRY(axis_of(call, slab_selection_shape(&selection).rank, &axis));
    if (slab_call_text(call, "output"))
        TRY(slab_call_output(call, "/", &file, &group));
    TRY(job_open(call, array, &selection, axis, &job));
    TRY(plan_of(call, &job, &plan));
    if (slab_call_planned(call, &plan))
        goto done;
    TRY(slab_pass_run(job.pass, job.room));
    TRY(slab_call_counted(call, slab_value_counts(job.value)));
    table_make(slab_statistics_get(job.statistics), &t);
    if (slab_call_text(call, "output"))
        TRY(store(call, &t));
    if (!slab_call_text(call, "output") || slab_call_flag(call, "json"))
        print_results(call, &t, axis);
    TRY(slab_stat_plot(call, job.value, t.result, job.room));
done:
    job_close(&job);
    return rc;
}

const slab_command slab_command_stat = {
    .name = "stat",
    .arguments = "FILE.h5:/ARRAY[SELECTION]",
    .summary = "count, missing, min, max, mean, std, var and zeros, in one pass",
    .description =
        "Looks at every element once and prints how many values there are (count), how many are "
        "missing (NaN, or the code that the array declares as missing), the smallest and the "
        "largest, their mean, standard deviation and variance (divided by the count), and how many "
        "are zero.\n\n"
        "With --axis the results are taken along that axis: --axis 0 of a matrix gives one line "
        "for every column. The array may be larger than memory; the result is the same bit for bit "
        "on any number of ranks and threads and with any --memory.\n\n"
        "--draw adds a histogram of the array, and --plot writes it as a picture: the array is "
        "read a second time for it, when the smallest and largest value are known. Along an axis, "
        "both show mean and standard deviation at every position; long axes are put together.",
    .examples = "  slab stat cohort.h5:/genotypes\n"
                "  slab stat cohort.h5:/genotypes --draw\n"
                "  slab stat x.h5:/x --axis 0 --plot columns.svg\n"
                "  slab stat cohort.h5:/genotypes --axis 0 -o columns.h5\n"
                "  slab stat 'x.h5:/x[:, 0:2048]' --json\n"
                "  mpirun -n 4 slab stat big.h5:/x --memory 512M\n",
    .takes = SLAB_TAKES_COMPUTE | SLAB_PLANS_FIRST | SLAB_TAKES_JSON | SLAB_TAKES_RANKS,
    .least = 1,
    .most = 1,
    .options = options,
    .run = run,
};

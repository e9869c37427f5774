#include <slab/tools/command.h>

#include <slab/compute/graph/reduction.h>
#include <slab/compute/sink/reduce.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/tools/axes.h>
#include <slab/tools/evaluation.h>
#include <slab/tools/nearest.h>
#include <string.h>

enum { NAMES_MOST = 16 };

static const slab_option options[] = {
    {"axis", 0, 's', "A[,B...]", NULL,
     "axes to reduce away, counted from 0, or from the end as -1 (default: all)"},
    {"keepdims", 0, 'b', NULL, NULL, "keep the reduced axes, with extent 1"},
    {"ddof", 0, 'd', "N", "0", "var, std: divide by the count less this"},
    {"order", 0, 's', "P", "2", "norm: 1, 2, inf, -inf, 0 or any p"},
    {"dtype", 0, 't', "TYPE", NULL, "element type to compute and store in (default: NumPy's)"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static slab_status check_name(const char *name)
{
    slab_status rc = SLAB_OK;
    slab_nearest nearest = {.word = name};
    const char *row;
    for (int i = 0; (row = slab_reduction_at(i)); i++) {
        if (strcmp(row, name) == 0)
            return SLAB_OK;
        slab_nearest_see(&nearest, row);
    }
    REQUIRE(!nearest.best, SLAB_ERR_USAGE, "there is no reduction '%s'; did you mean '%s'?", name,
            nearest.best);
    FAIL(SLAB_ERR_USAGE, "there is no reduction '%s' ('slab help reduce' lists them)", name);
done:
    return rc;
}

/* "mean,std": names at the commas' places, in a copy. */
static slab_status split_names(const char *text, char *copy, size_t size, const char **names,
                               int *n)
{
    slab_status rc = SLAB_OK;
    REQUIRE(strlen(text) < size, SLAB_ERR_USAGE, "too many reductions at once: '%s'", text);
    strcpy(copy, text);
    for (char *at = copy; at; (*n)++) {
        REQUIRE(*n < NAMES_MOST, SLAB_ERR_USAGE, "more than %d reductions at once", NAMES_MOST);
        names[*n] = at;
        at = strchr(at, ',');
        if (at)
            *at++ = '\0';
        TRY(check_name(names[*n]));
    }
done:
    return rc;
}

static slab_status options_of(slab_call *call, const slab_value *value, slab_reduce_options *out)
{
    slab_status rc = SLAB_OK;
    const char *dtype = slab_call_text(call, "dtype");
    double order[1];
    int n;
    out->keepdims = slab_call_flag(call, "keepdims");
    out->ddof = slab_call_real(call, "ddof");
    TRY(slab_numbers_parse("order", slab_call_text(call, "order"), order, 1, &n));
    out->order = order[0];
    TRY(slab_axes_parse(slab_call_text(call, "axis"), slab_value_shape(value)->rank, &out->axes));
    out->has_dtype = dtype != NULL;
    if (dtype)
        TRY(slab_dtype_parse(dtype, &out->dtype));
done:
    return rc;
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    char copy[256];
    const char *names[NAMES_MOST];
    slab_value *value = NULL, *reduced[NAMES_MOST] = {NULL};
    slab_result results[NAMES_MOST];
    slab_reduce_options given = {0};
    int n = 0, made = 0;
    *exit_code = 0;
    TRY(split_names(slab_call_argument(call, 0), copy, sizeof copy, names, &n));
    TRY(slab_call_load(call, slab_call_argument(call, 1), &value));
    TRY(options_of(call, value, &given));
    for (; made < n; made++) {
        reduced[made] = slab_value_reduce(names[made], value, &given);
        results[made] = (slab_result){n > 1 ? names[made] : "", reduced[made]};
        TRY_SAYING(slab_value_status(reduced[made]), "%s", names[made]);
    }
    TRY(slab_evaluate(call, "/result", results, n));
done:
    for (int i = 0; i < NAMES_MOST; i++)
        slab_value_drop(&reduced[i]);
    slab_value_drop(&value);
    return rc;
}

const slab_command slab_command_reduce = {
    .name = "reduce",
    .arguments = "NAME[,NAME...] FILE.h5:/ARRAY[SELECTION]",
    .summary = "sum, mean, std, min, argmax ... of an array or along axes",
    .description =
        "Reduces an array over all its elements or along axes, by NumPy's names and rules: sum "
        "prod "
        "mean var std min max ptp argmin argmax any all count_nonzero norm, and nansum nanprod "
        "nanmean nanvar nanstd nanmin nanmax nanargmin nanargmax, which leave NaN out. Several "
        "names at once read the array once.\n\n"
        "Results are printed when they are small, or stored with -o: a single one at the path, "
        "several in a group under their names. The result is the same bit for bit on any number of "
        "ranks and threads and with any --memory.",
    .examples = "  slab reduce mean sky.h5:/cube\n"
                "  slab reduce mean,std x.h5:/counts --axis 0 -o columns.h5\n"
                "  slab reduce nanmax 'sky.h5:/cube[10:20]' --axis 0,2 --json\n",
    .takes = SLAB_TAKES_OUTPUT | SLAB_TAKES_ARRAY_OUTPUT | SLAB_TAKES_COMPUTE | SLAB_PLANS_FIRST |
             SLAB_TAKES_JSON | SLAB_TAKES_RANKS,
    .least = 2,
    .most = 2,
    .options = options,
    .run = run,
};

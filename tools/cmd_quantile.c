#include <slab/tools/command.h>

#include <slab/compute/computation/quantile.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/tools/axes.h>
#include <slab/tools/evaluation.h>
#include <string.h>

static const slab_option options[] = {
    {"quantiles", 'p', 's', "Q[,Q...]", "0.5", "quantiles, from 0 to 1: 0.5 is the median"},
    {"axis", 0, 's', "A[,B...]", NULL,
     "axes to reduce away, counted from 0, or from the end as -1 (default: all)"},
    {"keepdims", 0, 'b', NULL, NULL, "keep the reduced axes, with extent 1"},
    {"method", 0, 's', "NAME", "linear",
     "how to choose between two elements, by NumPy's names: linear, lower, higher, nearest, hazen, "
     "weibull, median_unbiased ..."},
    {"skip-nan", 0, 'b', NULL, NULL, "leave NaN out (default: NaN makes the quantile NaN)"},
    {"approx", 0, 'b', NULL, NULL,
     "one pass, of the whole array: each element is known to within 0.8 % of itself"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL, *quantiles = NULL;
    slab_quantile_options given = {0};
    double q[SLAB_QUANTILES_MAX];
    int n;
    *exit_code = 0;
    TRY(slab_numbers_parse("quantiles", slab_call_text(call, "quantiles"), q, SLAB_QUANTILES_MAX,
                           &n));
    TRY(slab_call_load(call, slab_call_argument(call, 0), &value));
    TRY(slab_axes_parse(slab_call_text(call, "axis"), slab_value_shape(value)->rank, &given.axes));
    given.keepdims = slab_call_flag(call, "keepdims");
    given.method = slab_call_text(call, "method");
    given.skip_nan = slab_call_flag(call, "skip-nan");
    given.approximate = slab_call_flag(call, "approx");
    REQUIRE(!given.approximate || !given.axes, SLAB_ERR_USAGE,
            "--approx takes the whole array, no --axis");
    quantiles = slab_value_quantile(value, q, n, n == 1, &given);
    TRY(slab_value_status(quantiles));
    slab_result result = {"", quantiles};
    TRY(slab_evaluate(call, "/quantiles", &result, 1));
done:
    slab_value_drop(&quantiles);
    slab_value_drop(&value);
    return rc;
}

const slab_command slab_command_quantile = {
    .name = "quantile",
    .arguments = "FILE.h5:/ARRAY[SELECTION]",
    .summary = "exact medians and quantiles, without sorting",
    .description =
        "Finds quantiles as NumPy's quantile does, of the whole array or along axes, exactly: by "
        "passes that look at one digit of the elements after the other, never by sorting. The "
        "whole array takes two passes for elements of up to 32 bits, two to four for 64; "
        "lines along an axis that fit into memory take one.\n\n"
        "With --approx one pass is enough: the elements that the quantile is made of are then "
        "known to within 0.8 % of themselves (their ranks are exact).\n\n"
        "Several quantiles give an axis in front of the result. Results print when they are small, "
        "or are stored with -o.",
    .examples = "  slab quantile sky.h5:/cube\n"
                "  slab quantile sky.h5:/cube -p 0.16,0.5,0.84 --axis 0 -o limits.h5:/limits\n"
                "  slab quantile x.h5:/counts --method lower --skip-nan --memory 512M\n",
    .takes = SLAB_TAKES_OUTPUT | SLAB_TAKES_ARRAY_OUTPUT | SLAB_TAKES_COMPUTE | SLAB_PLANS_FIRST |
             SLAB_TAKES_JSON | SLAB_TAKES_RANKS,
    .least = 1,
    .most = 1,
    .options = options,
    .run = run,
};

/*
 * Two arrays, or two files or groups: what differs.
 */
#include <slab/tools/diff.h>

#include <inttypes.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <string.h>

static const slab_option options[] = {
    {"atol", 0, 'd', "A", "0", "absolute tolerance: |a - b| <= A + R |b| counts as the same"},
    {"rtol", 0, 'd', "R", "0", "relative tolerance"},
    {"equal-nan", 0, 'b', NULL, NULL, "two NaNs count as the same"},
    {"worst", 0, 'n', "N", "10", "list so many of the elements that differ most"},
    {"strict", 0, 'b', NULL, NULL, "element types must be the same, not only the values"},
    {"provenance", 0, 'b', NULL, NULL,
     "of files and groups: also compare what slab wrote down about how an object came to be"},
    {NULL, 0, 0, NULL, NULL, NULL}};

enum { WORST_MOST = 100000 };

/* One of the two arguments. */
typedef struct operand {
    slab_file *file;
    slab_array *array; /* NULL: a group */
    slab_selection selection;
    char *name, *path, *brackets;
} operand;

static void operand_clear(operand *o)
{
    FREE(o->name);
    FREE(o->path);
    FREE(o->brackets);
}

static slab_status operand_open(slab_call *call, const char *locator, operand *o)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_call_ranks(call);
    slab_object kind = SLAB_OBJECT_ARRAY;
    TRY(slab_locator_split(locator, &o->name, &o->path, &o->brackets));
    if (*o->brackets == '\0') {
        TRY(slab_call_open(call, locator, &o->file, NULL, NULL));
        if (slab_ranks_me(ranks) == 0)
            rc = slab_file_object(o->file, o->path, &kind);
        TRY(slab_ranks_agree(ranks, rc));
        TRY(slab_ranks_broadcast(ranks, &kind, sizeof kind, 0));
    }
    REQUIRE(kind == SLAB_OBJECT_ARRAY || kind == SLAB_OBJECT_GROUP, SLAB_ERR_TYPE,
            "'%s' is neither an array nor a group", locator);
    if (kind == SLAB_OBJECT_ARRAY)
        TRY(slab_call_open(call, locator, &o->file, &o->array, &o->selection));
done:
    return rc;
}

static slab_status compare_two(slab_diff *diff, operand *a, operand *b, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    char *name = NULL;
    const char *x = slab_call_argument(diff->call, 0), *y = slab_call_argument(diff->call, 1);
    size_t size = strlen(x) + strlen(y) + 8;
    ALLOC(name, size, "names of arrays");
    snprintf(name, size, "%s, %s", x, y);
    slab_diff_pair pair = {.name = name,
                           .a = a->array,
                           .b = b->array,
                           .select_a = *a->brackets ? &a->selection : NULL,
                           .select_b = *b->brackets ? &b->selection : NULL};
    TRY(slab_diff_arrays(diff, &pair, plan));
done:
    FREE(name);
    return rc;
}

/* "/group" + "/x" */
static slab_status array_open(const operand *o, const char *path, slab_array **out)
{
    slab_status rc = SLAB_OK;
    char *whole = NULL;
    size_t n = strlen(o->path), size = n + strlen(path) + 1;
    while (n > 0 && o->path[n - 1] == '/')
        n--;
    ALLOC(whole, size, "the name of an array");
    snprintf(whole, size, "%.*s%s", (int)n, o->path, path);
    TRY(slab_array_open(o->file, whole, out));
done:
    FREE(whole);
    return rc;
}

static slab_status compare_common(slab_diff *diff, const operand *a, const operand *b,
                                  const char *path, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_diff_pair pair = {.name = path};
    TRY(array_open(a, path, &pair.a));
    TRY(array_open(b, path, &pair.b));
    TRY(slab_diff_arrays(diff, &pair, plan));
done:
    slab_array_close(&pair.a);
    slab_array_close(&pair.b);
    return rc;
}

/* Rank 0 compares what is metadata and says which arrays are left; all ranks compare those. */
static slab_status compare_groups(slab_diff *diff, const operand *a, const operand *b,
                                  slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_call_ranks(diff->call);
    char *mine = NULL, *all = NULL;
    size_t size = 0, *offsets = NULL;
    if (slab_ranks_me(ranks) == 0)
        rc = slab_diff_trees(diff, a->file, a->path, b->file, b->path, &mine, &size);
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_ranks_broadcast(ranks, &diff->ndifferent, sizeof diff->ndifferent, 0));
    TRY(slab_ranks_allgather(ranks, mine, size, (void **)&all, &offsets));
    size = offsets[slab_ranks_count(ranks)];
    for (size_t at = 0; at < size; at += strlen(all + at) + 1)
        TRY(compare_common(diff, a, b, all + at, plan));
done:
    FREE(mine);
    FREE(all);
    FREE(offsets);
    return rc;
}

static slab_status compare(slab_diff *diff, operand *a, operand *b, slab_plan *plan)
{
    return a->array ? compare_two(diff, a, b, plan) : compare_groups(diff, a, b, plan);
}

/* The same walk, with everything it would print thrown away. */
static slab_status plan_of(slab_diff *diff, operand *a, operand *b, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_budget budget;
    slab_diff quiet = *diff;
    quiet.arrays = json_array();
    quiet.objects = json_array();
    TRY(slab_call_budget(diff->call, &budget));
    TRY(compare(&quiet, a, b, plan));
    plan->budget = budget.bytes;
    plan->ranks = slab_ranks_count(slab_call_ranks(diff->call));
done:
    json_decref(quiet.arrays);
    json_decref(quiet.objects);
    return rc;
}

static void print_summary(slab_diff *diff, bool group)
{
    if (diff->arrays) {
        json_t *out = json_object();
        json_object_set_new(out, "same", json_boolean(diff->ndifferent == 0));
        json_object_set(out, "arrays", diff->arrays);
        json_object_set(out, "objects", diff->objects);
        slab_print_json(diff->call, out);
    } else if (group && diff->ndifferent) {
        slab_print(diff->call, "%" PRId64 " difference%s; %" PRId64 " array%s the same\n",
                   diff->ndifferent, diff->ndifferent == 1 ? "" : "s", diff->nsame,
                   diff->nsame == 1 ? " is" : "s are");
    } else if (group) {
        slab_print(diff->call, "no difference\n");
    }
}

static slab_status diff_begin(slab_call *call, slab_diff *diff)
{
    slab_status rc = SLAB_OK;
    bool json = slab_call_flag(call, "json");
    *diff = (slab_diff){.call = call,
                        .strict = slab_call_flag(call, "strict"),
                        .provenance = slab_call_flag(call, "provenance"),
                        .arrays = json ? json_array() : NULL,
                        .objects = json ? json_array() : NULL};
    diff->options.atol = slab_call_real(call, "atol");
    diff->options.rtol = slab_call_real(call, "rtol");
    diff->options.equal_nan = slab_call_flag(call, "equal-nan");
    REQUIRE(diff->options.atol >= 0 && diff->options.rtol >= 0, SLAB_ERR_USAGE,
            "--atol and --rtol are not negative");
    REQUIRE(slab_call_int(call, "worst") <= WORST_MOST, SLAB_ERR_USAGE, "--worst %s: at most %d",
            slab_call_text(call, "worst"), WORST_MOST);
    diff->options.worst = (int)slab_call_int(call, "worst");
done:
    return rc;
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    slab_diff diff = {0};
    operand a = {0}, b = {0};
    slab_plan plan = {0};
    *exit_code = 0;
    TRY(diff_begin(call, &diff));
    TRY(operand_open(call, slab_call_argument(call, 0), &a));
    TRY(operand_open(call, slab_call_argument(call, 1), &b));
    REQUIRE((a.array == NULL) == (b.array == NULL), SLAB_ERR_USAGE,
            "'%s' is %s and '%s' %s: name two arrays, or two groups or files",
            slab_call_argument(call, 0), a.array ? "an array" : "a group",
            slab_call_argument(call, 1), b.array ? "an array" : "a group");
    if (slab_call_flag(call, "dry-run") || slab_call_flag(call, "verbose"))
        TRY(plan_of(&diff, &a, &b, &plan));
    if (slab_call_planned(call, &plan))
        goto done;
    TRY(compare(&diff, &a, &b, NULL));
    print_summary(&diff, a.array == NULL);
    *exit_code = diff.ndifferent > 0;
done:
    json_decref(diff.arrays);
    json_decref(diff.objects);
    operand_clear(&a);
    operand_clear(&b);
    return rc;
}

const slab_command slab_command_diff = {
    .name = "diff",
    .arguments = "A.h5[:/PATH[SELECTION]] B.h5[:/PATH[SELECTION]]",
    .summary = "compare two arrays, groups or files",
    .description =
        "Compares two arrays, or selections of them, element by element: how many differ, the "
        "largest absolute and relative difference, and the elements that differ most. Chunks, "
        "filters and element types may differ: elements are compared by value, integers of 64 bits "
        "exactly. Two elements count as the same when they are equal or |a - b| <= A + R |b| "
        "(NumPy's isclose); a NaN is the same as nothing, with --equal-nan as another NaN.\n\n"
        "Two files or groups are compared with all that is in them: which objects are there, "
        "links, shapes, attributes, and the elements of all arrays. Attributes that say how an "
        "object came to be (slab_command, slab_date ...) are left out unless asked for.\n\n"
        "The exit code is 0 when nothing differs, 1 when something does, 2 on an error.",
    .examples = "  slab diff a.h5:/x b.h5:/x\n"
                "  slab diff old.h5 new.h5 --rtol 1e-6\n"
                "  slab diff 'a.h5:/x[0:100]' 'b.h5:/y[:, ::2]' --worst 3 --json\n"
                "  mpirun -n 4 slab diff big.h5:/x copy.h5:/x --memory 512M\n",
    .takes = SLAB_TAKES_COMPUTE | SLAB_PLANS_FIRST | SLAB_TAKES_JSON | SLAB_TAKES_RANKS,
    .least = 2,
    .most = 2,
    .options = options,
    .run = run,
};

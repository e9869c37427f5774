#include <slab/tools/command.h>
#include <slab/tools/rows.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

static const slab_option options[] = {
    {"rows", 'n', 'n', "N", "10", "how many rows"},
    {"columns", 'c', 'n', "N", "10", "how many values of each row; 0: all"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    slab_array *array;
    slab_selection selection;
    int64_t columns = slab_call_int(call, "columns");
    slab_rows rows = {.rows = slab_call_int(call, "rows"),
                      .columns = columns > 0 ? columns : -1,
                      .memory = 16 << 20};
    *exit_code = 0;
    TRY(slab_call_open(call, slab_call_argument(call, 0), NULL, &array, &selection));
    TRY(slab_rows_print(array, &selection, &rows));
done:
    return rc;
}

const slab_command slab_command_head = {
    .name = "head",
    .arguments = "FILE.h5:/ARRAY[SELECTION]",
    .summary = "print the first rows of an array",
    .description =
        "Prints the upper left corner of an array, or of the selected part of it, to have a quick "
        "look: the first values of the first rows, parted by tabs; \"...\" ends a row that goes "
        "on. Only the chunks that hold these values are read. 'slab dump' prints everything.",
    .examples = "  slab head cohort.h5:/genotypes\n"
                "  slab head -n 3 -c 0 pcs.h5:/scores\n",
    .least = 1,
    .most = 1,
    .takes = SLAB_TAKES_MEMORY,
    .options = options,
    .run = run,
};

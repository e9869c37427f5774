#include <slab/tools/command.h>
#include <slab/tools/rows.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

static const slab_option options[] = {
    {"memory", 0, 'm', "SIZE", "512M", "memory to use, a hard cap: wide rows are read in parts"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static slab_status run(slab_call *call, int *exit_code)
{
    enum { SHARE = 4, MOST = 64 << 20 }; /* elements at a time, of the memory; the rest decodes */
    slab_status rc = SLAB_OK;
    slab_array *array;
    slab_selection selection;
    slab_budget budget;
    slab_rows rows = {.rows = -1, .columns = -1};
    *exit_code = 0;
    TRY(slab_call_budget(call, &budget));
    TRY(slab_call_open(call, slab_call_argument(call, 0), NULL, &array, &selection));
    rows.memory = budget.bytes / SHARE < MOST ? budget.bytes / SHARE : MOST;
    TRY(slab_rows_print(array, &selection, &rows));
done:
    return rc;
}

const slab_command slab_command_dump = {
    .name = "dump",
    .arguments = "FILE.h5:/ARRAY[SELECTION]",
    .summary = "print elements as text",
    .description =
        "Prints an array, or the selected part of it, to the standard output: one row a line, the "
        "values parted by tabs. A row runs along the last axis; an array with one axis has one "
        "value a line. Reals are printed so that reading them back gives the same bits.\n\n"
        "Selections are NumPy's: [0:10] the first ten rows, [:, 5] one column, [::-1] backwards, "
        "[..., 0] the first of the last axis. Put the argument in quotes: brackets mean something "
        "to the shell. The array may be larger than memory.",
    .examples = "  slab dump 'cohort.h5:/genotypes[0:3, 0:8]'\n"
                "  slab dump pcs.h5:/eigenvalues\n"
                "  slab dump 'strain.hdf5:/strain/Strain[:100]' > first.txt\n",
    .least = 1,
    .most = 1,
    .options = options,
    .run = run,
};

#include <slab/format/csv_impl.h>

#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

static void import_close(slab_import **in)
{
    if (!*in)
        return;
    slab_lines_clear(&(*in)->lines);
    slab_input_close(&(*in)->file);
    FREE(*in);
}

static slab_status plan_array(slab_import *in, const slab_import_options *options,
                              slab_import_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_array_spec *spec = &in->spec;
    char name[SLAB_DTYPE_NAME_MAX];
    *spec = (slab_array_spec){.chunk = options->chunk, .filter = options->filter};
    spec->dtype = options->has_dtype ? slab_dtype_native(options->dtype)
                                     : slab_dtype_make(SLAB_KIND_FLOAT, 8);
    spec->shape = (slab_shape){.rank = 2, .extent = {in->lines.count, in->columns}};
    REQUIRE(slab_dtype_is_number(spec->dtype) && spec->dtype.kind != SLAB_KIND_COMPLEX,
            SLAB_ERR_TYPE, "text is read as real or whole numbers, not as %s",
            slab_dtype_name(spec->dtype, name));
    REQUIRE(spec->chunk.rank == 0 || spec->chunk.rank == 2, SLAB_ERR_SHAPE,
            "a table is [rows, columns]: chunks need 2 extents, not %d", spec->chunk.rank);
    if (spec->chunk.rank == 0)
        TRY(slab_chunk_choose(&spec->shape, spec->dtype, &spec->chunk));
    for (int i = 0; i < 2; i++) {
        int64_t most = spec->shape.extent[i] > 0 ? spec->shape.extent[i] : 1;
        REQUIRE(spec->chunk.extent[i] >= 1, SLAB_ERR_SHAPE, "chunks need extents of 1 and more");
        if (spec->chunk.extent[i] > most)
            spec->chunk.extent[i] = most;
    }
    plan->spec = *spec;
    plan->input_bytes = in->file.bytes;
    size_t numbers = slab_csv_numbers_memory(in), names = slab_csv_names_memory(in);
    plan->memory_thread = numbers > names ? numbers : names;
    plan->memory_fixed = (size_t)in->lines.nblocks * sizeof(int64_t);
done:
    return rc;
}

static slab_status import_open(slab_crew *crew, const char *path,
                               const slab_import_options *options, slab_import **out,
                               slab_import_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(crew);
    slab_import *in = NULL;
    *out = NULL;
    TRY(slab_ranks_agree(ranks, slab_memory_alloc((void **)&in, 1, sizeof *in, "an import")));
    in->crew = crew;
    TRY(slab_input_open(ranks, path, &in->file));
    slab_crew_progress_name(crew, "counting lines");
    TRY(slab_ranks_agree(ranks, slab_csv_look(in, options)));
    TRY(slab_csv_survey(in));
    TRY(slab_ranks_agree(ranks, plan_array(in, options, plan)));
    *out = in;
    in = NULL;
done:
    import_close(&in);
    return rc;
}

static slab_status import_run(slab_import *in, slab_txn *txn, const char *path)
{
    slab_status rc = SLAB_OK;
    slab_crew_progress_name(in->crew, "importing");
    TRY(slab_csv_import_numbers(in, txn, path));
    slab_crew_progress_name(in->crew, "importing names");
    TRY(slab_csv_import_names(in, txn, path));
done:
    return rc;
}

const slab_format slab_format_csv = {
    .name = "csv",
    .summary = "tables of numbers as text: CSV, TSV",
    .suffixes = "csv tsv txt",
    .import_open = import_open,
    .import_run = import_run,
    .import_close = import_close,
    .export_memory = slab_csv_export_memory,
    .export_run = slab_csv_export_run,
};

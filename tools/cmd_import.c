#include <slab/tools/command.h>

#include <slab/format/format.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/tools/fitting.h>
#include <slab/tools/formats.h>
#include <string.h>

static const slab_option options[] = {
    {"format", 0, 's', "NAME", NULL, "what the input is: plink, npy or csv (default: by its name)"},
    {"no-pack", 0, 'b', NULL, NULL, "store genotypes as plain bytes, not in 2 bits each"},
    {"dtype", 0, 't', "TYPE", NULL, "element type of a text file, as f4 or i2 (default: f8)"},
    {"delimiter", 0, 's', "CHAR", NULL,
     "what parts the values of a text file: one character, or 'tab' (default: tab for .tsv, else a "
     "comma)"},
    {"header", 0, 'c', "auto|yes|no", "auto", "whether a text file begins with a line of names"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static slab_status options_of(slab_call *call, slab_import_options *out)
{
    slab_status rc = SLAB_OK;
    const char *chunks = slab_call_text(call, "chunks"), *dtype = slab_call_text(call, "dtype");
    const char *header = slab_call_text(call, "header");
    memset(out, 0, sizeof *out);
    if (chunks)
        TRY(slab_shape_parse(chunks, &out->chunk));
    if (dtype)
        TRY(slab_dtype_parse(dtype, &out->dtype));
    out->has_dtype = dtype != NULL;
    out->filter = slab_call_text(call, "filter");
    out->no_pack = slab_call_flag(call, "no-pack");
    out->header = strcmp(header, "yes") == 0 ? 1 : strcmp(header, "no") == 0 ? 0 : -1;
    TRY(slab_formats_delimiter(call, &out->delimiter));
done:
    return rc;
}

static slab_status inputs_of(slab_call *call, const slab_format *format, const char *input)
{
    slab_status rc = SLAB_OK;
    char *name = NULL;
    if (!format->inputs)
        return slab_call_input(call, input);
    for (int i = 0; i == 0 || name; i++) {
        FREE(name);
        TRY(format->inputs(input, i, &name));
        if (name)
            TRY(slab_call_input(call, name));
    }
done:
    FREE(name);
    return rc;
}

static void plan_of(slab_call *call, const slab_import_plan *import, const slab_need *need,
                    slab_plan *plan)
{
    slab_plan_step step = {.name = "import", .times = 1, .read_bytes = import->input_bytes};
    int64_t elements = 0;
    if (slab_shape_elements(&import->spec.shape, &elements) == SLAB_OK)
        step.plain_bytes = elements * (int64_t)import->spec.dtype.size;
    step.write_bytes =
        step.plain_bytes / (8 * (int64_t)import->spec.dtype.size) * import->spec.dtype.precision;
    slab_need_plan(call, need, &step, plan);
    slab_plan_note(plan, "written is what the elements take before compression");
}

/* Opens the input with as many threads as the budget has room for. */
static slab_status open_fitting(slab_call *call, const slab_format *format, const char *path,
                                const char *output, const slab_import_options *given,
                                slab_import **in, slab_import_plan *import, slab_need *need)
{
    slab_status rc = SLAB_OK;
    slab_crew *crew;
    int threads;
    TRY(slab_call_crew(call, &crew));
    TRY(format->import_open(crew, path, given, in, import));
    *need = (slab_need){.thread = import->memory_thread, .fixed = import->memory_fixed};
    TRY(slab_need_writer(call, &import->spec, output, need));
    TRY(slab_need_threads(call, need, "the import", &threads));
    if (threads < slab_crew_widest(crew)) {
        format->import_close(in);
        TRY(slab_call_crew_shrink(call, threads, &crew));
        TRY(format->import_open(crew, path, given, in, import));
    }
done:
    return rc;
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    slab_import_options given;
    slab_import_plan import;
    slab_import *in = NULL;
    slab_txn *txn = NULL;
    slab_plan plan = {0};
    slab_need need;
    const slab_format *format = NULL;
    const char *input = slab_call_argument(call, 0), *file, *path;
    *exit_code = 0;
    TRY(options_of(call, &given));
    TRY(slab_formats_choose(call, input, &format));
    REQUIRE(format->import_open, SLAB_ERR_UNSUPPORTED, "format '%s' can only be exported to",
            format->name);
    const char *initial = strcmp(format->name, "plink") == 0 ? "/genotypes" : "/data";
    TRY(inputs_of(call, format, input));
    TRY(slab_call_output(call, initial, &file, &path));
    TRY(open_fitting(call, format, input, path, &given, &in, &import, &need));
    plan_of(call, &import, &need, &plan);
    if (slab_call_planned(call, &plan))
        goto done;
    TRY(slab_call_begin(call, initial, &txn, &path));
    TRY(format->import_run(in, txn, path));
    TRY(slab_call_provenance(call, txn, path));
    TRY(slab_txn_commit(&txn));
done:
    slab_txn_abort(&txn);
    if (in)
        format->import_close(&in);
    return rc;
}

const slab_command slab_command_import = {
    .name = "import",
    .arguments = "FILE",
    .summary = "bring a foreign file into an array",
    .description =
        "Reads a file of another program and writes it as an array of an HDF5 file. The format is "
        "told by the end of the name:\n\n"
        " .bed .bim .fam   PLINK 1 genotypes; give the .bed, the other two lie beside it\n"
        " .npy             NumPy\n"
        " .csv .tsv .txt   text, one row a line\n\n"
        "Genotypes become an array [people, variants] of copies of the first allele (0, 1, 2; 3 "
        "is missing), packed into 2 bits each; the tables of people and variants are kept beside "
        "it. Without a path in -o the array is called /genotypes, or /data for other formats.\n\n"
        "The input is streamed: it may be larger than memory. A file that is truncated or "
        "contradicts itself is refused, with the place where it is wrong. The output appears when "
        "it is whole, or not at all.",
    .examples = "  slab import 1kg.bed -o cohort.h5:/genotypes\n"
                "  slab import matrix.npy -o m.h5:/x --chunks 512x512\n"
                "  slab import table.tsv --dtype f4 -o t.h5 --dry-run\n",
    .takes = SLAB_TAKES_OUTPUT | SLAB_TAKES_ARRAY_OUTPUT | SLAB_TAKES_COMPUTE | SLAB_TAKES_JSON |
             SLAB_TAKES_RANKS,
    .least = 1,
    .most = 1,
    .options = options,
    .run = run,
};

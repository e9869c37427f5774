#include <slab/tools/command.h>

#include <slab/format/format.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/tools/fitting.h>
#include <slab/tools/formats.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const slab_option options[] = {
    {"output", 'o', 'f', "FILE", NULL,
     "the file to write; '-' is the standard output, for text (with --format)"},
    {"force", 0, 'b', NULL, NULL, "replace the file when it exists"},
    {"format", 0, 's', "NAME", NULL, "what to write: plink, npy or csv (default: by the name)"},
    {"delimiter", 0, 's', "CHAR", NULL,
     "what parts the values of a text file: one character, or 'tab' (default: tab for .tsv, else a "
     "comma)"},
    {"no-header", 0, 'b', NULL, NULL, "write no line of names at the top of a text file"},
    {NULL, 0, 0, NULL, NULL, NULL}};

/* Is it a file in the way, or the input? */
static slab_status check_place(slab_call *call, slab_file *input, const char *path)
{
    slab_status rc = SLAB_OK;
    struct stat in, out;
    if (stat(path, &out) != 0 || S_ISDIR(out.st_mode))
        return SLAB_OK;
    REQUIRE(S_ISREG(out.st_mode), SLAB_ERR_USAGE,
            "'%s' is not a regular file; -o - writes text to the standard output", path);
    REQUIRE(stat(slab_file_path(input), &in) != 0 || in.st_dev != out.st_dev ||
                in.st_ino != out.st_ino,
            SLAB_ERR_USAGE, "the output '%s' is the input", path);
    REQUIRE(slab_call_flag(call, "force"), SLAB_ERR_EXISTS,
            "'%s' exists already; --force replaces it", path);
done:
    return rc;
}

/* Every file that is written; the same answer on all ranks. */
static slab_status check_output(slab_call *call, slab_file *input, const slab_format *format,
                                const char *path)
{
    static const char *const ends[] = {".bed", ".bim", ".fam"};
    slab_status rc = SLAB_OK;
    size_t n = strlen(path);
    char *name = NULL;
    if (slab_ranks_me(slab_call_ranks(call)) != 0 || strcmp(path, "-") == 0)
        goto done;
    if (strcmp(format->name, "plink") != 0) {
        TRY(check_place(call, input, path));
        goto done;
    }
    for (int i = 0; i < 3; i++)
        if (n > 4 && strcasecmp(path + strlen(path) - 4, ends[i]) == 0)
            n = strlen(path) - 4;
    ALLOC(name, n + 5, "a file name");
    for (int i = 0; i < 3; i++) {
        snprintf(name, n + 5, "%.*s%s", (int)n, path, ends[i]);
        TRY(check_place(call, input, name));
    }
done:
    FREE(name);
    return slab_ranks_agree(slab_call_ranks(call), rc);
}

/* Opens the view with as many threads as there is memory for. */
static slab_status open_fitting(slab_call *call, const slab_format *format, slab_array *array,
                                const slab_selection *selection, slab_reader **reader,
                                slab_need *need)
{
    slab_status rc = SLAB_OK;
    slab_crew *crew;
    int threads;
    memset(need, 0, sizeof *need);
    TRY(slab_call_crew(call, &crew));
    TRY(slab_reader_open(array, selection, NULL, slab_crew_threads(crew), reader));
    TRY(format->export_memory(*reader, &need->thread, &need->fixed));
    TRY(slab_need_threads(call, need, "the export", &threads));
    if (threads < slab_crew_widest(crew)) {
        slab_reader_close(reader);
        TRY(slab_call_crew_shrink(call, threads, &crew));
        TRY(slab_reader_open(array, selection, NULL, threads, reader));
    }
done:
    return rc;
}

static void plan_of(slab_call *call, slab_reader *reader, const slab_need *need, slab_plan *plan)
{
    slab_plan_step step = {.name = "export", .times = 1};
    const char *fallback = slab_array_describe(slab_reader_array(reader))->fallback;
    int64_t elements = 0;
    if (slab_shape_elements(slab_reader_shape(reader), &elements) == SLAB_OK)
        step.plain_bytes = elements * (int64_t)slab_reader_dtype(reader).size;
    step.read_bytes = slab_reader_packed_bytes(reader);
    step.write_bytes = step.plain_bytes;
    slab_need_plan(call, need, &step, plan);
    slab_plan_note(plan, "written is what the elements take in memory; text takes more");
    if (*fallback)
        slab_plan_note(plan, "read through the HDF5 library, one thread: %s", fallback);
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    slab_export_options given = {.no_header = slab_call_flag(call, "no-header"),
                                 .force = slab_call_flag(call, "force")};
    const slab_format *format;
    slab_file *file;
    slab_array *array;
    slab_selection selection;
    slab_reader *reader = NULL;
    slab_crew *crew;
    slab_plan plan = {0};
    slab_need need;
    const char *output = slab_call_text(call, "output");
    *exit_code = 0;
    REQUIRE(output, SLAB_ERR_USAGE, "'slab export' needs -o FILE to write to");
    TRY(slab_formats_delimiter(call, &given.delimiter));
    REQUIRE(strcmp(output, "-") != 0 || slab_call_text(call, "format"), SLAB_ERR_USAGE,
            "-o - needs --format to know what to write");
    TRY(slab_formats_choose(call, output, &format));
    REQUIRE(format->export_run, SLAB_ERR_UNSUPPORTED, "format '%s' can only be imported from",
            format->name);
    TRY(slab_call_open(call, slab_call_argument(call, 0), &file, &array, &selection));
    TRY(check_output(call, file, format, output));
    TRY(open_fitting(call, format, array, &selection, &reader, &need));
    plan_of(call, reader, &need, &plan);
    if (slab_call_planned(call, &plan))
        goto done;
    TRY(slab_call_crew(call, &crew));
    fflush(stdout);
    TRY(format->export_run(crew, reader, output, &given));
done:
    slab_reader_close(&reader);
    return rc;
}

const slab_command slab_command_export = {
    .name = "export",
    .arguments = "FILE.h5:/ARRAY[SELECTION]",
    .summary = "write an array as a file for other programs",
    .description =
        "Writes an array, or the selected part of it, as a file of another format, told by the end "
        "of the name given to -o:\n\n"
        " .bed .bim .fam   PLINK 1 genotypes; all three are written\n"
        " .npy             NumPy\n"
        " .csv .tsv .txt   text: a line of names, then one row a line, row names first\n\n"
        "Where tables of people and variants lie beside the array, their names go along. The array "
        "is streamed: it may be larger than memory. The file appears when it is whole, or not at "
        "all.",
    .examples = "  slab export pcs.h5:/scores -o scores.tsv\n"
                "  slab export 'cohort.h5:/genotypes[:, 0:1000]' -o part.bed\n"
                "  slab export x.h5:/x --format csv -o - | head\n",
    .takes = SLAB_TAKES_COMPUTE | SLAB_TAKES_JSON | SLAB_TAKES_RANKS,
    .least = 1,
    .most = 1,
    .options = options,
    .run = run,
};

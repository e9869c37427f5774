#include <slab/tools/command.h>

#include <inttypes.h>
#include <math.h>
#include <slab/compute/kernel/random.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/tools/fitting.h>
#include <slab/tools/genotype_tables.h>
#include <slab/tools/nearest.h>
#include <stdio.h>
#include <string.h>

static const slab_option options[] = {
    {"shape", 0, 'a', "RxC", NULL, "extents of the array, as 20000x100000"},
    {"dtype", 0, 't', "TYPE", NULL, "element type (default: f4; integers: i4)"},
    {"low", 0, 'd', "X", NULL, "uniform, integers: the lowest value (default: 0)"},
    {"high", 0, 'd', "X", NULL,
     "uniform, integers: values stay below this (default: 1; integers: 2)"},
    {"mean", 0, 'd', "X", NULL, "normal: the mean (default: 0)"},
    {"std", 0, 'd', "X", NULL, "normal: the standard deviation (default: 1)"},
    {"populations", 0, 'p', "K", NULL, "genotypes: people come from that many (default: 1)"},
    {"fst", 0, 'r', "X", NULL,
     "genotypes: how far the populations have drifted apart "
     "(default: 0.1)"},
    {"missing-rate", 0, 'r', "X", NULL, "genotypes: share of missing calls (default: 0)"},
    {"no-pack", 0, 'b', NULL, NULL, "genotypes: store plain bytes, not 2 bits each"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static const struct kind {
    const char *name;
    slab_random_kind kind;
    const char *takes; /* options that mean something to it */
} kinds[] = {
    {"uniform", SLAB_RANDOM_UNIFORM, " dtype low high "},
    {"normal", SLAB_RANDOM_NORMAL, " dtype mean std "},
    {"integers", SLAB_RANDOM_INTEGERS, " dtype low high "},
    {"genotypes", SLAB_RANDOM_GENOTYPES, " populations fst missing-rate no-pack "},
};
enum { NKINDS = sizeof kinds / sizeof *kinds };

static slab_status kind_of(const slab_call *call, const struct kind **out)
{
    slab_status rc = SLAB_OK;
    const char *name = slab_call_argument(call, 0);
    slab_nearest nearest = {.word = name};
    for (int i = 0; i < NKINDS; i++) {
        if (strcmp(kinds[i].name, name) == 0)
            *out = &kinds[i];
        slab_nearest_see(&nearest, kinds[i].name);
    }
    REQUIRE(*out || !nearest.best, SLAB_ERR_USAGE,
            "'slab random' draws no '%s'; did you mean '%s'?", name, nearest.best);
    REQUIRE(*out, SLAB_ERR_USAGE,
            "'slab random' draws uniform, normal, integers or genotypes, not '%s'", name);
    for (const slab_option *o = options; o->name; o++) {
        char padded[32];
        bool given =
            o->type == 'b' ? slab_call_flag(call, o->name) : slab_call_text(call, o->name) != NULL;
        snprintf(padded, sizeof padded, " %s ", o->name);
        REQUIRE(!given || strcmp(o->name, "shape") == 0 || strstr((*out)->takes, padded),
                SLAB_ERR_USAGE, "--%s means nothing to 'slab random %s'", o->name, name);
    }
done:
    return rc;
}

static slab_status whole(const slab_call *call, const char *option, int64_t *value)
{
    slab_status rc = SLAB_OK;
    if (!slab_call_text(call, option))
        goto done;
    double real = slab_call_real(call, option);
    REQUIRE(real == nearbyint(real) && fabs(real) < 0x1p53, SLAB_ERR_USAGE,
            "--%s needs a whole number for integers, not '%s'", option,
            slab_call_text(call, option));
    *value = (int64_t)real;
done:
    return rc;
}

static void real(const slab_call *call, const char *option, double *value)
{
    if (slab_call_text(call, option))
        *value = slab_call_real(call, option);
}

/* What to draw, and how it is stored. */
static slab_status specs_of(slab_call *call, const struct kind *kind, slab_random_spec *draw,
                            slab_array_spec *store)
{
    slab_status rc = SLAB_OK;
    bool genotypes = kind->kind == SLAB_RANDOM_GENOTYPES;
    const char *dtype = slab_call_text(call, "dtype"), *shape = slab_call_text(call, "shape");
    memset(store, 0, sizeof *store);
    *draw = slab_random_defaults(kind->kind);
    REQUIRE(shape, SLAB_ERR_USAGE, "'slab random' needs --shape, as 1000x500");
    TRY(slab_shape_parse(shape, &store->shape));
    store->dtype = draw->dtype;
    if (dtype)
        TRY(slab_dtype_parse(dtype, &store->dtype));
    draw->dtype = slab_dtype_native(store->dtype);
    draw->seed = slab_call_seed(call);
    real(call, "low", &draw->low);
    real(call, "high", &draw->high);
    real(call, "mean", &draw->mean);
    real(call, "std", &draw->deviation);
    real(call, "fst", &draw->fst);
    real(call, "missing-rate", &draw->missing);
    if (kind->kind == SLAB_RANDOM_INTEGERS) {
        TRY(whole(call, "low", &draw->least));
        TRY(whole(call, "high", &draw->bound));
    }
    if (slab_call_text(call, "populations"))
        draw->populations = (int)slab_call_int(call, "populations");
    if (genotypes) {
        store->dtype.precision = slab_call_flag(call, "no-pack") ? 8 : 2;
        store->has_missing = true;
        store->missing[0] = SLAB_GENOTYPE_MISSING;
    }
    TRY(slab_random_check(draw, &store->shape));
    TRY(slab_call_spec(call, store));
done:
    return rc;
}

/* --- drawing chunks --- */

typedef struct drawing {
    const slab_random_spec *spec;
    const slab_shape *shape;
    slab_crew *crew;
    slab_writer *writer;
    size_t chunk_bytes, scratch_bytes;
    char **blocks; /* [threads]: a chunk's elements, then scratch */
} drawing;

static slab_status draw_chunk(void *context, int thread, int64_t task)
{
    drawing *d = context;
    slab_box box;
    char *block = d->blocks[thread];
    if (slab_writer_has(d->writer, task))
        return SLAB_OK;
    slab_grid_box(slab_writer_grid(d->writer), task, &box);
    slab_random_box(d->spec, d->shape, &box, block, block + d->chunk_bytes);
    slab_crew_count_bytes(d->crew, slab_box_elements(&box) * d->spec->dtype.size);
    return slab_writer_put(d->writer, thread, task, block);
}

static size_t round_up(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* Bytes that one thread needs besides what the writer takes. */
static void drawing_sizes(drawing *d, const slab_array_info *info)
{
    size_t bytes = d->spec->dtype.size;
    slab_shape box = info->chunk;
    for (int i = 0; i < box.rank; i++)
        bytes *= (size_t)box.extent[i];
    d->chunk_bytes = round_up(bytes);
    d->scratch_bytes = slab_random_scratch(d->spec, &box);
}

static slab_status draw(drawing *d, slab_crew *crew, slab_txn *txn, const char *path,
                        const slab_array_spec *store)
{
    slab_status rc = SLAB_OK;
    int threads = slab_crew_threads(crew);
    d->crew = crew;
    rc = slab_memory_alloc((void **)&d->blocks, (size_t)threads, sizeof *d->blocks, "chunks");
    for (int i = 0; i < threads && rc == SLAB_OK; i++)
        rc = slab_memory_alloc((void **)&d->blocks[i], 1, d->chunk_bytes + d->scratch_bytes,
                               "a chunk to draw");
    TRY(slab_ranks_agree(slab_crew_ranks(crew), rc));
    TRY(slab_txn_create(txn, path, store, &d->writer));
    slab_crew_progress_name(crew, "random");
    TRY(slab_crew_run(crew, slab_writer_grid(d->writer)->ntiles, draw_chunk, d));
done:
    if (d->writer) {
        slab_status closed = slab_writer_close(&d->writer);
        rc = rc == SLAB_OK ? closed : rc;
    }
    for (int i = 0; d->blocks && i < threads; i++)
        slab_memory_free(d->blocks[i]);
    FREE(d->blocks);
    return rc;
}

/* --- the command --- */

static slab_status plan_of(slab_call *call, drawing *d, const slab_array_spec *store,
                           const char *path, slab_plan *plan, int *threads)
{
    slab_status rc = SLAB_OK;
    slab_need need = {0};
    slab_plan_step step = {.name = "random", .times = 1};
    slab_array_info info;
    int64_t elements;
    char text[SLAB_SHAPE_TEXT_MAX];
    TRY(slab_spec_resolve(store, path, &info));
    drawing_sizes(d, &info);
    TRY(slab_need_writer(call, store, path, &need));
    need.thread += d->chunk_bytes + d->scratch_bytes;
    TRY(slab_need_threads(call, &need, "a chunk for each thread", threads));
    TRY(slab_shape_elements(&store->shape, &elements));
    step.plain_bytes = elements * (int64_t)store->dtype.size;
    step.write_bytes = step.plain_bytes / (8 * (int64_t)store->dtype.size) * store->dtype.precision;
    slab_need_plan(call, &need, &step, plan);
    slab_plan_note(plan, "chunks %s", slab_shape_text(&info.chunk, text));
    slab_plan_note(plan, "written is what the elements take before compression");
done:
    return rc;
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    const struct kind *kind = NULL;
    slab_random_spec spec;
    slab_array_spec store;
    drawing d = {0};
    slab_crew *crew;
    slab_txn *txn = NULL;
    slab_plan plan = {0};
    const char *initial, *file, *path;
    int threads;
    *exit_code = 0;
    TRY(kind_of(call, &kind));
    TRY(specs_of(call, kind, &spec, &store));
    initial = kind->kind == SLAB_RANDOM_GENOTYPES ? "/genotypes" : "/data";
    TRY(slab_call_output(call, initial, &file, &path));
    d.spec = &spec;
    d.shape = &store.shape;
    TRY(slab_call_crew(call, &crew));
    TRY(plan_of(call, &d, &store, path, &plan, &threads));
    if (slab_call_planned(call, &plan))
        goto done;
    TRY(slab_call_crew_shrink(call, threads, &crew));
    TRY(slab_call_begin(call, initial, &txn, &path));
    TRY(draw(&d, crew, txn, path, &store));
    if (kind->kind == SLAB_RANDOM_GENOTYPES)
        TRY(slab_genotype_tables(crew, txn, path, &store.shape, spec.populations, store.filter));
    TRY(slab_call_provenance(call, txn, path));
    TRY(slab_txn_commit(&txn));
done:
    slab_txn_abort(&txn);
    return rc;
}

const slab_command slab_command_random = {
    .name = "random",
    .arguments = "uniform|normal|integers|genotypes",
    .summary = "make an array of random numbers",
    .description =
        "Draws an array of any size, to try things out or to test with:\n\n"
        " uniform     reals, low <= x < high\n"
        " normal      reals with a mean and a standard deviation\n"
        " integers    whole numbers, low <= x < high, all equally likely\n"
        " genotypes   [people, variants] of 0, 1, 2 (3 is missing), from K populations\n"
        "             that have drifted apart (Balding-Nichols model)\n\n"
        "Every element depends on the seed and its place alone: the same seed gives the same array "
        "whatever the chunks, threads and ranks. Genotypes get tables of people and variants "
        "beside them, so that they can be exported as a PLINK fileset; the family id of a person "
        "names the population.",
    .examples = "  slab random genotypes --shape 20000x100000 --populations 5 --seed 1 -o "
                "sim.h5:/genotypes\n"
                "  slab random normal --shape 1000x500 --mean 3 --std 2 --dtype f8 -o x.h5:/x\n"
                "  slab random integers --shape 1000000 --low 0 --high 6 -o dice.h5\n",
    .takes = SLAB_TAKES_OUTPUT | SLAB_TAKES_ARRAY_OUTPUT | SLAB_TAKES_COMPUTE | SLAB_TAKES_JSON |
             SLAB_TAKES_SEED | SLAB_TAKES_RANKS,
    .least = 1,
    .most = 1,
    .options = options,
    .run = run,
};

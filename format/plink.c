#include <slab/format/plink_impl.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#define CHUNK_EXTENT 1024 /* 256 KiB of packed genotypes, as cheap by person as by variant */

slab_status slab_plink_name(const char *path, const char *suffix, char **out)
{
    slab_status rc = SLAB_OK;
    size_t length = strlen(path);
    const char *dot = length > 4 ? path + length - 4 : "";
    *out = NULL;
    bool given = strcasecmp(dot, ".bed") == 0 || strcasecmp(dot, ".bim") == 0 ||
                 strcasecmp(dot, ".fam") == 0;
    if (given)
        length -= 4;
    ALLOC(*out, length + 5, "a file name");
    snprintf(*out, length + 5, "%.*s.%s", (int)length, path, suffix);
    for (int i = 1; given && i < 4; i++)
        if (isupper((unsigned char)dot[i]))
            (*out)[length + (size_t)i] = (char)toupper((unsigned char)(*out)[length + (size_t)i]);
done:
    return rc;
}

static slab_status inputs(const char *path, int i, char **out)
{
    static const char *const suffixes[3] = {"bed", "bim", "fam"};
    *out = NULL;
    return i < 3 ? slab_plink_name(path, suffixes[i], out) : SLAB_OK;
}

static slab_status open_table(slab_crew *crew, const char *path, const slab_plink_kind *kind,
                              slab_plink_table *table)
{
    slab_status rc = SLAB_OK;
    char *name = NULL;
    TRY(slab_ranks_agree(slab_crew_ranks(crew), slab_plink_name(path, kind->suffix, &name)));
    TRY(slab_plink_table_open(crew, name, kind, table));
done:
    FREE(name);
    return rc;
}

/* Are the bytes those of people x variants? When not: what was there, and what would fit. */
static slab_status check_size(const slab_import *in)
{
    slab_status rc = SLAB_OK;
    int64_t expected, body = in->bed.bytes - SLAB_PLINK_MAGIC_BYTES;
    const char *bed = in->bed.path;
    TRY(slab_extent_multiply(in->row_bytes, in->nvariants, &expected));
    REQUIRE(body >= expected || in->row_bytes == 0, SLAB_ERR_FORMAT,
            "'%s' is truncated: %" PRId64 " people and %" PRId64 " variants take %" PRId64
            " bytes, it has %" PRId64 "; the first variant cut off is number %" PRId64,
            bed, in->npeople, in->nvariants, expected + SLAB_PLINK_MAGIC_BYTES, in->bed.bytes,
            body / in->row_bytes + 1);
    REQUIRE(body == expected, SLAB_ERR_FORMAT,
            "'%s' is too long: %" PRId64 " people and %" PRId64 " variants take %" PRId64
            " bytes, it has %" PRId64 "; does it belong to this .bim and .fam?",
            bed, in->npeople, in->nvariants, expected + SLAB_PLINK_MAGIC_BYTES, in->bed.bytes);
done:
    return rc;
}

static slab_status check_bed(const slab_import *in)
{
    slab_status rc = SLAB_OK;
    uint8_t magic[SLAB_PLINK_MAGIC_BYTES] = {0};
    REQUIRE(in->bed.bytes >= SLAB_PLINK_MAGIC_BYTES, SLAB_ERR_FORMAT,
            "'%s' has %" PRId64 " bytes: a bed file begins with 3 of its own", in->bed.path,
            in->bed.bytes);
    TRY(slab_input_read(&in->bed, 0, magic, sizeof magic));
    REQUIRE(magic[0] == 0x6c && magic[1] == 0x1b, SLAB_ERR_FORMAT,
            "'%s' is no PLINK bed file: byte 0 is %02x %02x, not 6c 1b", in->bed.path, magic[0],
            magic[1]);
    REQUIRE(magic[2] != 0, SLAB_ERR_UNSUPPORTED,
            "'%s' is in the old individual-major order (byte 2 is 00): rewrite it with plink "
            "--make-bed",
            in->bed.path);
    REQUIRE(magic[2] == 1, SLAB_ERR_FORMAT, "'%s': byte 2 is %02x, not 01 (variant-major)",
            in->bed.path, magic[2]);
    TRY(check_size(in));
done:
    return rc;
}

static slab_status plan_array(slab_import *in, const slab_import_options *options,
                              slab_import_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_array_spec *spec = &in->spec;
    *spec = (slab_array_spec){.filter = options->filter, .has_missing = true};
    spec->dtype = slab_dtype_make(SLAB_KIND_UINT, 1);
    if (!options->no_pack)
        spec->dtype.precision = 2;
    spec->shape = (slab_shape){.rank = 2, .extent = {in->npeople, in->nvariants}};
    spec->chunk = options->chunk;
    spec->missing[0] = SLAB_PLINK_MISSING;
    REQUIRE(spec->chunk.rank == 0 || spec->chunk.rank == 2, SLAB_ERR_SHAPE,
            "genotypes are [people, variants]: chunks need 2 extents, not %d", spec->chunk.rank);
    if (spec->chunk.rank == 0)
        spec->chunk = (slab_shape){.rank = 2, .extent = {CHUNK_EXTENT, CHUNK_EXTENT}};
    for (int i = 0; i < 2; i++) {
        int64_t most = spec->shape.extent[i] > 0 ? spec->shape.extent[i] : 1;
        REQUIRE(spec->chunk.extent[i] >= 1, SLAB_ERR_SHAPE, "chunks need extents of 1 and more");
        if (spec->chunk.extent[i] > most)
            spec->chunk.extent[i] = most;
    }
    in->cut = slab_plink_cut_choose(in->npeople, in->nvariants, spec->chunk.extent[0],
                                    spec->chunk.extent[1], slab_crew_threads(in->crew));
    plan->spec = *spec;
    plan->input_bytes = in->bed.bytes + in->variants.in.bytes + in->samples.in.bytes;
    plan->memory_thread = slab_plink_genotypes_memory(in);
    size_t tables[2] = {slab_plink_table_memory(&in->variants),
                        slab_plink_table_memory(&in->samples)};
    for (int i = 0; i < 2; i++)
        if (plan->memory_thread < tables[i])
            plan->memory_thread = tables[i];
    plan->memory_fixed = (size_t)(in->variants.lines.nblocks + in->samples.lines.nblocks) * 8;
done:
    return rc;
}

static void import_close(slab_import **in)
{
    if (!*in)
        return;
    slab_plink_table_close(&(*in)->variants);
    slab_plink_table_close(&(*in)->samples);
    slab_input_close(&(*in)->bed);
    FREE(*in);
}

static slab_status import_open(slab_crew *crew, const char *path,
                               const slab_import_options *options, slab_import **out,
                               slab_import_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(crew);
    slab_import *in = NULL;
    char *name = NULL;
    *out = NULL;
    rc = slab_memory_alloc((void **)&in, 1, sizeof *in, "an import");
    if (rc == SLAB_OK)
        rc = slab_plink_name(path, "bed", &name);
    TRY(slab_ranks_agree(ranks, rc));
    in->crew = crew;
    TRY(slab_input_open(ranks, name, &in->bed));
    TRY(open_table(crew, path, &slab_plink_samples, &in->samples));
    TRY(open_table(crew, path, &slab_plink_variants, &in->variants));
    in->npeople = in->samples.lines.count;
    in->nvariants = in->variants.lines.count;
    in->row_bytes = (in->npeople + 3) / 4;
    TRY(slab_ranks_agree(ranks, check_bed(in)));
    TRY(slab_ranks_agree(ranks, plan_array(in, options, plan)));
    *out = in;
    in = NULL;
done:
    import_close(&in);
    FREE(name);
    return rc;
}

static slab_status import_run(slab_import *in, slab_txn *txn, const char *path)
{
    slab_status rc = SLAB_OK;
    slab_crew_progress_name(in->crew, "importing genotypes");
    TRY(slab_plink_genotypes_import(in, txn, path));
    TRY(slab_txn_attribute_text(txn, path, "format", "plink"));
    slab_crew_progress_name(in->crew, "importing tables");
    TRY(slab_plink_table_import(&in->samples, in->crew, txn, path, in->spec.filter));
    TRY(slab_plink_table_import(&in->variants, in->crew, txn, path, in->spec.filter));
done:
    return rc;
}

const slab_format slab_format_plink = {
    .name = "plink",
    .summary = "PLINK 1 genotypes: bed, bim and fam",
    .suffixes = "bed bim fam",
    .inputs = inputs,
    .import_open = import_open,
    .import_run = import_run,
    .import_close = import_close,
    .export_memory = slab_plink_export_memory_of,
    .export_run = slab_plink_export_run,
};

/*
 * A bed file from an array, with its tables. The reverse of the import: a task packs some people
 * of a band of variants, turns them, and writes them where they belong; a band is one write when
 * all people fit into one task.
 */
#include <slab/format/genotypes_impl.h>
#include <slab/format/plink_impl.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#define BAND_MOST      65536 /* variants of a task, however long the tiles are */
#define STEP_LEAST     64    /* people packed at a time, however short the tiles are */
#define NOT_A_GENOTYPE 255

typedef struct bed_cut {
    int64_t variants; /* of a task: a tile's, or a part of them */
    int64_t parts;    /* tasks that share a tile's variants */
    int64_t people;   /* of a task: a multiple of 4, or all */
    int64_t step;     /* people packed at a time: whole tiles */
    int64_t bands, groups;
} bed_cut;

typedef struct bed_export {
    slab_crew *crew;
    slab_reader *reader;
    slab_output *out;
    bed_cut cut;
    int64_t npeople, nvariants;
    slab_dtype dtype;
    bool verbatim; /* elements are bytes 0, 1, 2 and 3 = missing */
    bool has_missing;
    double missing;
    uint8_t code_of[256]; /* of one-byte elements */
    slab_turn_path path;
    struct bed_export_thread {
        uint8_t *codes;  /* [variants]: one person */
        uint8_t *packed; /* [step + 4, variants / 4] */
        uint8_t *turned; /* [variants, people / 4] */
    } * threads;
} bed_export;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t fours(int64_t n)
{
    return divide_up(n, 4) * 4;
}

static bed_cut choose_cut(const slab_reader *reader, int threads)
{
    const slab_grid *grid = slab_reader_grid(reader);
    int64_t npeople = grid->shape.extent[0], tile = grid->tile.extent[1];
    bed_cut cut = {.parts = divide_up(tile, BAND_MOST), .step = grid->tile.extent[0]};
    cut.variants = divide_up(tile, cut.parts);
    if (cut.step < STEP_LEAST)
        cut.step = divide_up(STEP_LEAST, cut.step) * cut.step;
    slab_plink_cut c = slab_plink_cut_choose(npeople, tile, fours(cut.step), cut.variants, threads);
    cut.people = c.people;
    cut.bands = grid->ntiles ? grid->count.extent[1] * cut.parts : 0;
    cut.groups = cut.bands ? divide_up(npeople, cut.people) : 0;
    return cut;
}

static size_t packed_bytes(const bed_cut *cut)
{
    return (size_t)(cut->step + 8) * (size_t)divide_up(cut->variants, 4);
}

static size_t turned_bytes(const bed_cut *cut)
{
    return (size_t)fours(cut->variants) * (size_t)(divide_up(cut->people, 4) + 1);
}

slab_status slab_plink_export_memory_of(slab_reader *reader, size_t *thread, size_t *fixed)
{
    slab_status rc = SLAB_OK;
    REQUIRE(slab_reader_shape(reader)->rank == 2, SLAB_ERR_SHAPE,
            "genotypes are [people, variants]: a view of %d axes cannot become a bed file",
            slab_reader_shape(reader)->rank);
    bed_cut cut = choose_cut(reader, 1);
    slab_shape box = {.rank = 2, .extent = {cut.step + 4, cut.variants}};
    *thread = packed_bytes(&cut) + turned_bytes(&cut) + (size_t)cut.variants +
              slab_reader_memory(reader, &box);
    *fixed = slab_plink_export_memory(1);
done:
    return rc;
}

static void learn_codes(bed_export *b)
{
    const slab_array_info *info = slab_array_describe(slab_reader_array(b->reader));
    slab_dtype native = slab_dtype_native(info->dtype);
    b->dtype = slab_reader_dtype(b->reader);
    b->has_missing = info->has_missing;
    b->missing = info->has_missing ? slab_dtype_get_double(native, info->missing) : 0;
    for (int i = 0; i < 256; i++) {
        uint8_t byte = (uint8_t)i;
        double value = b->dtype.size == 1 ? slab_dtype_get_double(b->dtype, &byte) : -1;
        b->code_of[i] = NOT_A_GENOTYPE;
        if (b->has_missing && value == b->missing)
            b->code_of[i] = SLAB_PLINK_MISSING;
        else if (value >= 0 && value <= 2)
            b->code_of[i] = (uint8_t)value;
    }
    b->verbatim = b->dtype.size == 1 && b->code_of[3] == SLAB_PLINK_MISSING && b->code_of[0] == 0 &&
                  b->code_of[1] == 1 && b->code_of[2] == 2;
}

static uint8_t code_of_element(const bed_export *b, const void *element)
{
    double value = slab_dtype_get_double(b->dtype, element);
    if (isnan(value) || (b->has_missing && value == b->missing))
        return SLAB_PLINK_MISSING;
    return value == 0 ? 0 : value == 1 ? 1 : value == 2 ? 2 : NOT_A_GENOTYPE;
}

/* One person's elements as codes; the row itself when it is that already. */
static const uint8_t *codes_of_row(const bed_export *b, const char *row, int64_t stride, int64_t n,
                                   uint8_t *codes)
{
    if (b->verbatim && stride == 1)
        return (const uint8_t *)row;
    if (b->dtype.size == 1)
        for (int64_t j = 0; j < n; j++)
            codes[j] = b->code_of[(uint8_t)row[j * stride]];
    else
        for (int64_t j = 0; j < n; j++)
            codes[j] = code_of_element(b, row + j * stride);
    return codes;
}

static slab_status no_genotype(const bed_export *b, const char *row, int64_t stride,
                               const uint8_t *codes, int64_t person, int64_t variant)
{
    char text[64];
    int64_t j = 0;
    while (codes[j] <= SLAB_PLINK_MISSING)
        j++;
    slab_dtype_print(b->dtype, row + j * stride, text, sizeof text);
    return slab_error_set(SLAB_ERR_VALUE, __FILE__, __LINE__,
                          "[%" PRId64 ", %" PRId64 "] is %s: a bed file holds 0, 1, 2 and missing",
                          person, variant + j, text);
}

/* Packs people first .. last - 1 of the band, and turns them into their place among the task's. */
static slab_status turn_step(bed_export *b, int thread, int64_t first, int64_t last,
                             int64_t variant, int64_t n, uint8_t *dst, size_t stride)
{
    slab_status rc = SLAB_OK;
    struct bed_export_thread *t = &b->threads[thread];
    slab_box box = {.rank = 2, .start = {first, variant}, .count = {last - first, n}};
    size_t packed_row = (size_t)divide_up(n, 4);
    int64_t rows = fours(last - first);
    slab_view view;
    TRY(slab_reader_get(b->reader, thread, &box, &view));
    for (int64_t i = 0; i < last - first; i++) {
        const char *row = (const char *)view.data + i * view.stride[0];
        const uint8_t *codes = codes_of_row(b, row, view.stride[1], n, t->codes);
        if (slab_genotypes_pack(codes, n, t->packed + (size_t)i * packed_row) != 0) {
            rc = no_genotype(b, row, view.stride[1], codes, first + i, variant);
            goto done;
        }
    }
    memset(t->packed + (size_t)(last - first) * packed_row, 0,
           (size_t)(rows - (last - first)) * packed_row);
    slab_genotypes_turn(b->path, SLAB_TURN_EXPORT, t->packed, packed_row, rows, fours(n), dst,
                        stride);
    slab_crew_count_bytes(b->crew, (last - first) * n);
done:
    return rc;
}

/* The end of the whole tiles (rounded up to 4 people) that person p is among. */
static int64_t step_end(const bed_export *b, int64_t p, int64_t last)
{
    int64_t phase = slab_reader_grid(b->reader)->phase[0];
    int64_t end = fours(((p + phase) / b->cut.step + 1) * b->cut.step - phase);
    return least(end, last);
}

static slab_status write_band(const bed_export *b, const uint8_t *turned, int64_t variant,
                              int64_t n, int64_t first, size_t stride)
{
    slab_status rc = SLAB_OK;
    int64_t row = divide_up(b->npeople, 4);
    int64_t offset = SLAB_PLINK_MAGIC_BYTES + variant * row + first / 4;
    if ((int64_t)stride == row) {
        TRY(slab_output_write(b->out, offset, turned, (size_t)(n * row)));
        goto done;
    }
    for (int64_t v = 0; v < n; v++)
        TRY(slab_output_write(b->out, offset + v * row, turned + (size_t)v * stride, stride));
done:
    return rc;
}

static slab_status export_task(void *context, int thread, int64_t task)
{
    slab_status rc = SLAB_OK;
    bed_export *b = context;
    const slab_grid *grid = slab_reader_grid(b->reader);
    int64_t band = task / b->cut.groups, group = task % b->cut.groups;
    int64_t tile = band / b->cut.parts, part = band % b->cut.parts;
    int64_t begin = tile * grid->tile.extent[1] - grid->phase[1] + part * b->cut.variants;
    int64_t end =
        least(begin + b->cut.variants, (tile + 1) * grid->tile.extent[1] - grid->phase[1]);
    int64_t first = group * b->cut.people, last = least(first + b->cut.people, b->npeople);
    size_t stride = (size_t)divide_up(last - first, 4);
    uint8_t *turned = b->threads[thread].turned;
    begin = begin < 0 ? 0 : begin;
    end = least(end, b->nvariants);
    if (begin >= end)
        goto done;
    for (int64_t p = first, next; p < last; p = next) {
        next = step_end(b, p, last);
        TRY(turn_step(b, thread, p, next, begin, end - begin, turned + (p - first) / 4, stride));
    }
    if (last == b->npeople && last % 4) /* bits of people who are not there are 0 */
        for (int64_t v = 0; v < end - begin; v++)
            turned[(size_t)(v + 1) * stride - 1] &= (uint8_t)((1 << last % 4 * 2) - 1);
    TRY(write_band(b, turned, begin, end - begin, first, stride));
done:
    return rc;
}

static slab_status threads_create(bed_export *b, int threads)
{
    slab_status rc = SLAB_OK;
    ALLOC(b->threads, threads, "threads of an export");
    for (int i = 0; i < threads; i++) {
        ALLOC(b->threads[i].codes, b->cut.variants, "genotypes of a person");
        ALLOC(b->threads[i].packed, packed_bytes(&b->cut), "packed genotypes");
        ALLOC(b->threads[i].turned, turned_bytes(&b->cut), "turned genotypes");
    }
done:
    return rc;
}

static slab_status export_bed(slab_output *out, slab_crew *crew, slab_reader *reader)
{
    static const uint8_t magic[SLAB_PLINK_MAGIC_BYTES] = {0x6c, 0x1b, 0x01};
    slab_status rc = SLAB_OK;
    int threads = slab_crew_threads(crew);
    const slab_shape *shape = slab_reader_shape(reader);
    bed_export b = {.crew = crew,
                    .reader = reader,
                    .out = out,
                    .cut = choose_cut(reader, threads),
                    .npeople = shape->extent[0],
                    .nvariants = shape->extent[1],
                    .path = slab_genotypes_path()};
    learn_codes(&b);
    rc = threads_create(&b, threads);
    if (rc == SLAB_OK && slab_ranks_me(slab_crew_ranks(crew)) == 0)
        rc = slab_output_write(out, 0, magic, sizeof magic);
    TRY(slab_ranks_agree(slab_crew_ranks(crew), rc));
    slab_crew_progress_name(crew, "exporting genotypes");
    TRY(slab_crew_run(crew, b.cut.bands * b.cut.groups, export_task, &b));
done:
    for (int i = 0; b.threads && i < threads; i++) {
        FREE(b.threads[i].codes);
        FREE(b.threads[i].packed);
        FREE(b.threads[i].turned);
    }
    FREE(b.threads);
    return rc;
}

static slab_status check_view(slab_reader *reader)
{
    slab_status rc = SLAB_OK;
    const slab_shape *shape = slab_reader_shape(reader);
    slab_dtype dtype = slab_reader_dtype(reader);
    char name[SLAB_DTYPE_NAME_MAX];
    REQUIRE(shape->rank == 2, SLAB_ERR_SHAPE,
            "genotypes are [people, variants]: a view of %d axes cannot become a bed file",
            shape->rank);
    REQUIRE(slab_dtype_is_number(dtype) && dtype.kind != SLAB_KIND_COMPLEX, SLAB_ERR_TYPE,
            "elements of type %s are no genotypes", slab_dtype_name(dtype, name));
done:
    return rc;
}

slab_status slab_plink_export_run(slab_crew *crew, slab_reader *reader, const char *path,
                                  const slab_export_options *options)
{
    static const char *const suffixes[3] = {"bim", "fam", "bed"}; /* the one looked for last */
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(crew);
    slab_output out[3] = {{.fd = -1}, {.fd = -1}, {.fd = -1}};
    TRY(check_view(reader));
    for (int i = 0; i < 3; i++) {
        char *name = NULL;
        rc = slab_ranks_agree(ranks, slab_plink_name(path, suffixes[i], &name));
        if (rc == SLAB_OK)
            rc = slab_output_open(ranks, name, options->force, &out[i]);
        FREE(name);
        TRY(rc);
    }
    TRY(export_bed(&out[2], crew, reader));
    slab_crew_progress_name(crew, "exporting tables");
    TRY(slab_plink_table_export(&out[0], crew, reader, 1, &slab_plink_variants));
    TRY(slab_plink_table_export(&out[1], crew, reader, 0, &slab_plink_samples));
    for (int i = 0; i < 3; i++)
        TRY(slab_output_sync(&out[i]));
    TRY(slab_output_clear_place(&out[2]));
    for (int i = 0; i < 3; i++)
        TRY(slab_output_rename(&out[i]));
done:
    for (int i = 0; i < 3; i++)
        slab_output_close(&out[i]);
    return rc;
}

/*
 * Genotypes from a bed file: read by bands of variants, turned, and handed over packed, so that
 * compression is nearly all that is left to do.
 *
 * A task is a band of variants (the columns of one column of chunks) times some row chunks: as
 * many as the memory allows, because their bytes are read once per variant and short reads are
 * dear; with all people in one task a band is one read.
 */
#include <slab/format/genotypes_impl.h>
#include <slab/format/plink_impl.h>

#include <inttypes.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#define CUT_BYTES_MOST  ((size_t)8 << 20)
#define CUT_BYTES_LEAST ((size_t)512 << 10)

typedef struct bed_thread {
    uint8_t *read;   /* [variants of the band, stride]: bed bytes of the task's people */
    uint8_t *staged; /* [variants, people / 4] of one chunk, padded with "no A1" */
    uint8_t *packed; /* [people, variants / 4] of one chunk, turned */
    uint8_t *plain;  /* [people, variants] of one chunk, where the writer wants bytes */
} bed_thread;

typedef struct bed_import {
    slab_import *in;
    slab_writer *writer;
    bool direct;          /* packed chunks are the writer's own bytes after its first filter */
    size_t encoded_bytes; /* of a whole chunk then */
    int64_t chunk_people, chunk_variants;
    int64_t groups; /* tasks per band */
    slab_turn_path path;
    bed_thread *threads;
} bed_import;

/* One chunk of a task: its people and variants, clipped; the bed bytes its people lie in. */
typedef struct piece {
    int64_t person, people, variant, variants;
    int64_t byte, bytes;
} piece;

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

slab_plink_cut slab_plink_cut_choose(int64_t npeople, int64_t nvariants, int64_t chunk_people,
                                     int64_t chunk_variants, int threads)
{
    size_t limit = slab_memory_limit(), most = CUT_BYTES_MOST;
    slab_plink_cut cut = {.variants = least(chunk_variants, nvariants > 0 ? nvariants : 1)};
    if (limit) {
        size_t share = limit / 8 / (size_t)threads;
        most = share < most ? share : most;
        most = most < CUT_BYTES_LEAST ? CUT_BYTES_LEAST : most;
    }
    if (fours(npeople) / 4 <= (int64_t)most / cut.variants) {
        cut.people = npeople;
        return cut;
    }
    int64_t strip = divide_up(chunk_people, 4) * cut.variants;
    int64_t strips = strip < (int64_t)most ? (int64_t)most / strip : 1;
    /* groups of even size, rather than a small last one */
    int64_t chunks = divide_up(npeople, chunk_people), groups = divide_up(chunks, strips);
    cut.people = least(divide_up(chunks, groups) * chunk_people, npeople);
    return cut;
}

/* Bytes of a bed row that hold people from .. to - 1. */
static int64_t bytes_of_people(int64_t from, int64_t to)
{
    return (to + 3) / 4 - from / 4;
}

/* One variant's part of a whole chunk, where its first person may stand inside a byte. */
static size_t staged_stride(int64_t chunk_people)
{
    return (size_t)divide_up(chunk_people + 3, 4);
}

static size_t read_bytes(const slab_import *in)
{
    return (size_t)in->cut.variants * (size_t)(divide_up(in->cut.people, 4) + 1);
}

static size_t staged_bytes(const slab_import *in)
{
    return (size_t)fours(in->spec.chunk.extent[1]) * staged_stride(in->spec.chunk.extent[0]);
}

static size_t packed_bytes(const slab_import *in)
{
    return staged_stride(in->spec.chunk.extent[0]) * 4 *
               (size_t)divide_up(in->spec.chunk.extent[1], 4) +
           16; /* N-bit ends with a byte of its own */
}

static size_t plain_bytes(const slab_import *in)
{
    return (size_t)in->spec.chunk.extent[0] * (size_t)in->spec.chunk.extent[1];
}

size_t slab_plink_genotypes_memory(const slab_import *in)
{
    return read_bytes(in) + staged_bytes(in) + packed_bytes(in) + plain_bytes(in);
}

static slab_status threads_create(bed_import *b, int threads)
{
    slab_status rc = SLAB_OK;
    ALLOC(b->threads, threads, "threads of an import");
    for (int i = 0; i < threads; i++) {
        bed_thread *t = &b->threads[i];
        ALLOC(t->read, read_bytes(b->in), "genotypes as read");
        ALLOC(t->staged, staged_bytes(b->in), "genotypes of a chunk");
        ALLOC(t->packed, packed_bytes(b->in), "genotypes of a chunk, turned");
        if (!b->direct)
            ALLOC(t->plain, plain_bytes(b->in), "genotypes of a chunk, as bytes");
    }
done:
    return rc;
}

static void threads_destroy(bed_import *b, int threads)
{
    for (int i = 0; b->threads && i < threads; i++) {
        FREE(b->threads[i].read);
        FREE(b->threads[i].staged);
        FREE(b->threads[i].packed);
        FREE(b->threads[i].plain);
    }
    FREE(b->threads);
}

/* Reads the bytes of people from byte `from` on, of n variants; *stride is from one to the next. */
static slab_status read_band(const bed_import *b, uint8_t *dst, int64_t variant, int64_t n,
                             int64_t from, int64_t bytes, size_t *stride)
{
    slab_status rc = SLAB_OK;
    const slab_import *in = b->in;
    int64_t offset = SLAB_PLINK_MAGIC_BYTES + variant * in->row_bytes + from;
    *stride = (size_t)bytes;
    if (bytes == in->row_bytes) {
        TRY(slab_input_read(&in->bed, offset, dst, (size_t)(n * bytes)));
        goto done;
    }
    for (int64_t v = 0; v < n; v++)
        TRY(slab_input_read(&in->bed, offset + v * in->row_bytes, dst + v * bytes, (size_t)bytes));
done:
    return rc;
}

/* The last byte of a variant has room for people who are not there; their bits must be 0. A .fam
 * with a line too few would not be noticed otherwise. */
static slab_status check_padding(const slab_import *in, const uint8_t *last, size_t stride,
                                 int64_t variant, int64_t n)
{
    slab_status rc = SLAB_OK;
    int used = (int)(in->npeople % 4) * 2;
    for (int64_t v = 0; used && v < n; v++)
        REQUIRE(last[(size_t)v * stride] >> used == 0, SLAB_ERR_FORMAT,
                "'%s': variant %" PRId64 " has a genotype behind the last of %" PRId64
                " people (byte %" PRId64 "): does the .fam belong to this file?",
                in->bed.path, variant + v + 1, in->npeople,
                SLAB_PLINK_MAGIC_BYTES + (variant + v + 1) * in->row_bytes - 1);
done:
    return rc;
}

/* Copies a piece to where rows are whole chunks' and what is missing counts no A1, which is 0. */
static void stage(const slab_import *in, const piece *p, const uint8_t *src, size_t stride,
                  uint8_t *staged, size_t staged_row, int64_t rows)
{
    bool last = (p->byte + p->bytes) * 4 > in->npeople;
    int used = (int)(in->npeople % 4) * 2;
    memset(staged, 0xff, staged_row * (size_t)rows);
    for (int64_t v = 0; v < p->variants; v++) {
        uint8_t *row = staged + (size_t)v * staged_row;
        memcpy(row, src + (size_t)v * stride, (size_t)p->bytes);
        if (last)
            row[p->bytes - 1] |= (uint8_t)(0xff << used);
    }
}

/* A chunk whose packed rows are whole bytes and begin at one. */
static slab_status put_packed(bed_import *b, int thread, int64_t chunk, const piece *p,
                              const uint8_t *src, size_t stride)
{
    bed_thread *t = &b->threads[thread];
    size_t packed_row = (size_t)b->chunk_variants / 4;
    int64_t people = fours(b->chunk_people);
    if (p->people < people || p->variants < b->chunk_variants) {
        stage(b->in, p, src, stride, t->staged, (size_t)people / 4, b->chunk_variants);
        src = t->staged;
        stride = (size_t)people / 4;
    }
    slab_genotypes_turn(b->path, SLAB_TURN_IMPORT, src, stride, b->chunk_variants, people,
                        t->packed, packed_row);
    memset(t->packed + packed_row * (size_t)b->chunk_people, 0, 8);
    return slab_writer_put_encoded(b->writer, thread, chunk, 1, t->packed, b->encoded_bytes);
}

/* Any chunk, as one byte each. */
static slab_status put_plain(bed_import *b, int thread, int64_t chunk, const piece *p,
                             const uint8_t *src, size_t stride)
{
    bed_thread *t = &b->threads[thread];
    int64_t rows = fours(p->variants);
    size_t packed_row = (size_t)rows / 4, staged_row = (size_t)p->bytes;
    stage(b->in, p, src, stride, t->staged, staged_row, rows);
    slab_genotypes_turn(b->path, SLAB_TURN_IMPORT, t->staged, staged_row, rows, p->bytes * 4,
                        t->packed, packed_row);
    for (int64_t i = 0; i < p->people; i++)
        slab_genotypes_unpack(t->packed + (size_t)(p->person % 4 + i) * packed_row, p->variants,
                              t->plain + (size_t)(i * p->variants));
    return slab_writer_put(b->writer, thread, chunk, t->plain);
}

/* An earlier run has left every chunk of a band's people first .. last - 1. */
static bool has_group(const bed_import *b, int64_t band, int64_t first, int64_t last)
{
    const slab_grid *grid = slab_writer_grid(b->writer);
    for (int64_t person = first; person < last; person += b->chunk_people) {
        int64_t coords[SLAB_RANK_MAX] = {person / b->chunk_people, band};
        if (!slab_writer_has(b->writer, slab_grid_number(grid, coords)))
            return false;
    }
    return true;
}

static slab_status import_task(void *context, int thread, int64_t task)
{
    slab_status rc = SLAB_OK;
    bed_import *b = context;
    const slab_import *in = b->in;
    const slab_grid *grid = slab_writer_grid(b->writer);
    uint8_t *read = b->threads[thread].read;
    int64_t band = task / b->groups, group = task % b->groups;
    int64_t first = group * in->cut.people, last = least(first + in->cut.people, in->npeople);
    int64_t from = first / 4, bytes = bytes_of_people(first, last);
    piece p = {.variant = band * b->chunk_variants};
    size_t stride;
    if (has_group(b, band, first, last))
        return SLAB_OK;
    p.variants = least(b->chunk_variants, in->nvariants - p.variant);
    TRY(read_band(b, read, p.variant, p.variants, from, bytes, &stride));
    if (last == in->npeople)
        TRY(check_padding(in, read + bytes - 1, stride, p.variant, p.variants));
    for (p.person = first; p.person < last; p.person += b->chunk_people) {
        int64_t coords[SLAB_RANK_MAX] = {p.person / b->chunk_people, band};
        p.people = least(b->chunk_people, last - p.person);
        p.byte = p.person / 4;
        p.bytes = bytes_of_people(p.person, p.person + p.people);
        const uint8_t *src = read + (p.byte - from);
        int64_t chunk = slab_grid_number(grid, coords);
        if (b->direct)
            TRY(put_packed(b, thread, chunk, &p, src, stride));
        else
            TRY(put_plain(b, thread, chunk, &p, src, stride));
        slab_crew_count_bytes(in->crew, p.people * p.variants);
    }
done:
    return rc;
}

/* Can a chunk be handed over as the N-bit filter would leave it? */
static void look_at_pipeline(bed_import *b)
{
    const slab_pipeline *pipeline = &slab_writer_describe(b->writer)->pipeline;
    const slab_codec *nbit = slab_codec_by_id(SLAB_FILTER_NBIT);
    bool first = nbit && pipeline->nfilters > 0 && pipeline->filters[0].id == SLAB_FILTER_NBIT;
    bool bytes = b->chunk_variants % 4 == 0 &&
                 (b->chunk_people % 4 == 0 || b->chunk_people >= b->in->npeople);
    b->direct = first && bytes;
    if (b->direct)
        b->encoded_bytes = nbit->bound(&pipeline->filters[0], &pipeline->type,
                                       (size_t)(b->chunk_people * b->chunk_variants));
}

slab_status slab_plink_genotypes_import(slab_import *in, slab_txn *txn, const char *path)
{
    slab_status rc = SLAB_OK;
    int threads = slab_crew_threads(in->crew);
    bed_import b = {.in = in,
                    .chunk_people = in->spec.chunk.extent[0],
                    .chunk_variants = in->spec.chunk.extent[1],
                    .path = slab_genotypes_path()};
    int64_t bands = divide_up(in->nvariants, b.chunk_variants);
    b.groups = in->npeople > 0 ? divide_up(in->npeople, in->cut.people) : 0;
    TRY(slab_txn_create(txn, path, &in->spec, &b.writer));
    look_at_pipeline(&b);
    TRY(slab_ranks_agree(slab_crew_ranks(in->crew), threads_create(&b, threads)));
    TRY(slab_crew_run(in->crew, bands * b.groups, import_task, &b));
    TRY(slab_writer_close(&b.writer));
done:
    threads_destroy(&b, threads);
    return rc;
}

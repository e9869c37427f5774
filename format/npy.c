/*
 * NumPy's NPY files. An import reads the box of a chunk from wherever its rows lie in the file, C
 * or Fortran order alike; an export writes the rows of a box where they belong.
 */
#include <slab/format/format.h>
#include <slab/format/input_impl.h>
#include <slab/format/npy_impl.h>
#include <slab/format/output_impl.h>

#include <inttypes.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#define SPAN_MOST  ((int64_t)1 << 20) /* bytes read at once */
#define SPAN_WASTE 8 /* read up to so many times what is wanted, rather than rows */
#define BOX_MOST   ((int64_t)4 << 20) /* bytes of an exported box */

struct slab_import {
    slab_crew *crew;
    slab_input file;
    slab_npy_header header;
    slab_array_spec spec;
    int64_t stride[SLAB_RANK_MAX]; /* of the file, bytes */
    int order[SLAB_RANK_MAX];      /* axes, the slowest in the file first */
};

typedef struct npy_import {
    slab_import *in;
    slab_writer *writer;
    struct npy_thread {
        char *span;  /* [SPAN_MOST] */
        char *chunk; /* elements of a chunk, C order */
    } * threads;
} npy_import;

static void lay_out(slab_import *in)
{
    const slab_shape *shape = &in->header.shape;
    int64_t bytes = in->header.dtype.size, elements = 0;
    bool empty = slab_shape_elements(shape, &elements) != SLAB_OK || elements == 0;
    for (int i = 0; i < shape->rank; i++) { /* from the fastest axis to the slowest */
        int axis = in->header.fortran_order ? i : shape->rank - 1 - i;
        in->order[shape->rank - 1 - i] = axis;
        in->stride[axis] = bytes;
        bytes *= empty ? 1 : shape->extent[axis]; /* extents of no elements may be huge */
    }
}

static int64_t chunk_bytes(const slab_array_spec *spec)
{
    int64_t bytes = spec->dtype.size;
    for (int i = 0; i < spec->chunk.rank; i++)
        bytes *= spec->chunk.extent[i];
    return bytes;
}

static slab_status plan_array(slab_import *in, const slab_import_options *options,
                              slab_import_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_array_spec *spec = &in->spec;
    int64_t bytes = in->header.dtype.size;
    *spec = (slab_array_spec){.dtype = slab_dtype_native(in->header.dtype),
                              .shape = in->header.shape,
                              .chunk = options->chunk,
                              .filter = options->filter};
    REQUIRE(spec->chunk.rank == 0 || spec->chunk.rank == spec->shape.rank, SLAB_ERR_SHAPE,
            "'%s' has %d axes: chunks of %d do not fit", in->file.path, spec->shape.rank,
            spec->chunk.rank);
    if (spec->chunk.rank == 0)
        TRY(slab_chunk_choose(&spec->shape, spec->dtype, &spec->chunk));
    for (int i = 0; i < spec->chunk.rank; i++) {
        int64_t most = spec->shape.extent[i] > 0 ? spec->shape.extent[i] : 1;
        REQUIRE(spec->chunk.extent[i] >= 1, SLAB_ERR_SHAPE, "chunks need extents of 1 and more");
        if (spec->chunk.extent[i] > most)
            spec->chunk.extent[i] = most;
        TRY(slab_extent_multiply(bytes, spec->chunk.extent[i], &bytes));
    }
    lay_out(in);
    plan->spec = *spec;
    plan->input_bytes = in->file.bytes;
    plan->memory_thread = (size_t)chunk_bytes(spec) + SPAN_MOST;
    plan->memory_fixed = 0;
done:
    return rc;
}

static void import_close(slab_import **in)
{
    if (!*in)
        return;
    slab_input_close(&(*in)->file);
    FREE(*in);
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
    TRY(slab_ranks_agree(ranks, slab_npy_read_header(&in->file, &in->header)));
    TRY(slab_ranks_agree(ranks, plan_array(in, options, plan)));
    *out = in;
    in = NULL;
done:
    import_close(&in);
    return rc;
}

/*
 * Reads a box into C-ordered memory. The axes from `order[level]` on are read in one go when what
 * lies between their first and last byte is small, or mostly wanted; else one by one.
 *
 * @param at   offset in the file of the box's first element
 */
static slab_status read_box(const slab_import *in, int level, const int64_t *count, int64_t at,
                            char *span, char *dst, const int64_t *dst_stride)
{
    slab_status rc = SLAB_OK;
    int rank = in->header.shape.rank;
    int64_t size = in->header.dtype.size, wanted = size, last = 0;
    for (int i = level; i < rank; i++) {
        wanted *= count[in->order[i]];
        last += (count[in->order[i]] - 1) * in->stride[in->order[i]];
    }
    bool dense = last + size == wanted;
    if (level == rank || (last + size <= SPAN_MOST && (last + size) / SPAN_WASTE <= wanted)) {
        int64_t n[SLAB_RANK_MAX] = {0}, from[SLAB_RANK_MAX] = {0}, to[SLAB_RANK_MAX] = {0};
        bool straight = dense;
        for (int i = level; i < rank; i++) {
            n[i - level] = count[in->order[i]];
            from[i - level] = in->stride[in->order[i]];
            to[i - level] = dst_stride[in->order[i]];
            straight = straight && (n[i - level] == 1 || from[i - level] == to[i - level]);
        }
        TRY(slab_input_read(&in->file, at, straight ? dst : span, (size_t)(last + size)));
        if (!straight)
            slab_box_copy(rank - level, n, span, from, dst, to, (size_t)size);
        goto done;
    }
    int axis = in->order[level];
    if (level + 1 == rank && size <= SPAN_MOST) { /* a row longer than a span */
        int64_t step = SPAN_MOST / size > 0 ? SPAN_MOST / size : 1;
        int64_t part[SLAB_RANK_MAX];
        memcpy(part, count, sizeof part);
        for (int64_t i = 0; i < count[axis]; i += step) {
            part[axis] = count[axis] - i < step ? count[axis] - i : step;
            bool straight = dst_stride[axis] == size;
            char *to = dst + i * dst_stride[axis];
            TRY(slab_input_read(&in->file, at + i * size, straight ? to : span,
                                (size_t)(part[axis] * size)));
            if (!straight)
                slab_box_copy(1, &part[axis], span, &size, to, &dst_stride[axis], (size_t)size);
        }
        goto done;
    }
    for (int64_t i = 0; i < count[axis]; i++)
        TRY(read_box(in, level + 1, count, at + i * in->stride[axis], span,
                     dst + i * dst_stride[axis], dst_stride));
done:
    return rc;
}

/* A byte other than 0 and 1 would be no value of the stored type. */
static slab_status check_bools(const slab_import *in, const slab_box *box, const uint8_t *data,
                               int64_t n)
{
    slab_status rc = SLAB_OK;
    for (int64_t i = 0; i < n; i++)
        if (data[i] > 1) {
            int64_t at = in->header.data, rest = i;
            for (int a = box->rank - 1; a >= 0; a--) {
                at += (box->start[a] + rest % box->count[a]) * in->stride[a];
                rest /= box->count[a];
            }
            FAIL(SLAB_ERR_FORMAT, "'%s': byte %" PRId64 " is %d where a bool, 0 or 1, is expected",
                 in->file.path, at, data[i]);
        }
done:
    return rc;
}

static slab_status read_chunk(const slab_import *in, const slab_box *box, char *span, char *chunk)
{
    slab_status rc = SLAB_OK;
    int64_t at = in->header.data, dst_stride[SLAB_RANK_MAX];
    int64_t n = slab_box_elements(box);
    for (int a = 0; a < box->rank; a++)
        at += box->start[a] * in->stride[a];
    slab_strides_of(box->rank, box->count, in->header.dtype.size, dst_stride);
    TRY(read_box(in, 0, box->count, at, span, chunk, dst_stride));
    if (in->header.dtype.big_endian)
        TRY(slab_dtype_convert(in->header.dtype, chunk, in->spec.dtype, chunk, (size_t)n));
    if (in->header.dtype.kind == SLAB_KIND_BOOL)
        TRY(check_bools(in, box, (const uint8_t *)chunk, n));
done:
    return rc;
}

static slab_status import_task(void *context, int thread, int64_t task)
{
    slab_status rc = SLAB_OK;
    npy_import *ni = context;
    struct npy_thread *t = &ni->threads[thread];
    slab_box box;
    if (slab_writer_has(ni->writer, task))
        return SLAB_OK;
    slab_grid_box(slab_writer_grid(ni->writer), task, &box);
    TRY(read_chunk(ni->in, &box, t->span, t->chunk));
    TRY(slab_writer_put(ni->writer, thread, task, t->chunk));
    slab_crew_count_bytes(ni->in->crew, slab_box_elements(&box) * ni->in->spec.dtype.size);
done:
    return rc;
}

/* A scalar has no chunks. */
static slab_status import_scalar(slab_import *in, slab_txn *txn, const char *path)
{
    slab_status rc = SLAB_OK;
    char *element = NULL;
    slab_box box = {.rank = 0};
    rc = slab_memory_alloc((void **)&element, in->spec.dtype.size, 2, "an element");
    if (rc == SLAB_OK)
        rc = read_chunk(in, &box, element + in->spec.dtype.size, element);
    TRY(slab_ranks_agree(slab_crew_ranks(in->crew), rc));
    TRY(slab_txn_put(txn, path, &in->spec, element));
done:
    FREE(element);
    return rc;
}

static slab_status threads_create(npy_import *ni, int threads)
{
    slab_status rc = SLAB_OK;
    ALLOC(ni->threads, threads, "threads of an import");
    for (int i = 0; i < threads; i++) {
        ALLOC(ni->threads[i].span, SPAN_MOST, "bytes of the input");
        ALLOC(ni->threads[i].chunk, chunk_bytes(&ni->in->spec), "elements of a chunk");
    }
done:
    return rc;
}

static slab_status import_run(slab_import *in, slab_txn *txn, const char *path)
{
    slab_status rc = SLAB_OK;
    int threads = slab_crew_threads(in->crew);
    npy_import ni = {.in = in};
    if (in->spec.shape.rank == 0) {
        TRY(import_scalar(in, txn, path));
        goto done;
    }
    TRY(slab_txn_create(txn, path, &in->spec, &ni.writer));
    TRY(slab_ranks_agree(slab_crew_ranks(in->crew), threads_create(&ni, threads)));
    slab_crew_progress_name(in->crew, "importing");
    TRY(slab_crew_run(in->crew, slab_writer_grid(ni.writer)->ntiles, import_task, &ni));
    TRY(slab_writer_close(&ni.writer));
done:
    for (int i = 0; ni.threads && i < threads; i++) {
        FREE(ni.threads[i].span);
        FREE(ni.threads[i].chunk);
    }
    FREE(ni.threads);
    return rc;
}

/* --- export --- */

typedef struct npy_export {
    slab_crew *crew;
    slab_reader *reader;
    slab_output *out;
    slab_grid grid; /* of boxes: whole tiles, joined along the last axes */
    int64_t data;   /* offset of the first element */
    char **boxes;   /* [threads]: elements of a box, C order */
} npy_export;

/* Boxes of whole tiles, joined along the last axes: long rows are written faster. */
static slab_status choose_grid(const slab_reader *reader, slab_grid *out)
{
    const slab_grid *tiles = slab_reader_grid(reader);
    slab_shape box = tiles->tile;
    int64_t bytes = slab_reader_dtype(reader).size, phase[SLAB_RANK_MAX];
    for (int a = 0; a < box.rank; a++) {
        bytes *= box.extent[a];
        phase[a] = tiles->phase[a];
    }
    for (int a = box.rank - 1; a >= 0; a--) {
        int64_t extent = tiles->shape.extent[a], most = BOX_MOST / bytes;
        most = most < 1 ? 1 : most;
        if (most < tiles->count.extent[a]) {
            box.extent[a] *= most;
            break;
        }
        bytes = bytes / box.extent[a] * (extent > 0 ? extent : 1);
        box.extent[a] = extent > 0 ? extent : 1;
        phase[a] = 0;
    }
    return slab_grid_make(&tiles->shape, &box, phase, out);
}

static int64_t box_bytes(const slab_grid *grid, slab_dtype dtype)
{
    int64_t bytes = dtype.size;
    for (int a = 0; a < grid->tile.rank; a++)
        bytes *= grid->tile.extent[a];
    return bytes;
}

static slab_status export_memory(slab_reader *reader, size_t *thread, size_t *fixed)
{
    slab_status rc = SLAB_OK;
    slab_grid grid;
    TRY(choose_grid(reader, &grid));
    *thread = (size_t)box_bytes(&grid, slab_reader_dtype(reader)) +
              slab_reader_memory(reader, &grid.tile);
    *fixed = 0;
done:
    return rc;
}

/* Writes a box of C-ordered elements: the rows that are contiguous in the file, one by one. */
static slab_status write_box(const npy_export *ne, const slab_box *box, const char *src)
{
    slab_status rc = SLAB_OK;
    const slab_shape *shape = &ne->grid.shape;
    int64_t stride[SLAB_RANK_MAX], run = slab_reader_dtype(ne->reader).size, at = ne->data;
    int64_t coords[SLAB_RANK_MAX] = {0};
    int outer = box->rank;
    slab_strides_of(shape->rank, shape->extent, (size_t)run, stride);
    for (int a = 0; a < box->rank; a++)
        at += box->start[a] * stride[a];
    while (outer > 0) { /* axes before `outer` step from row to row */
        outer--;
        run *= box->count[outer];
        if (box->count[outer] != shape->extent[outer])
            break;
    }
    for (int a = 0; a >= 0;) {
        TRY(slab_output_write(ne->out, at, src, (size_t)run));
        src += run;
        for (a = outer - 1; a >= 0; a--) {
            at += stride[a];
            if (++coords[a] < box->count[a])
                break;
            at -= stride[a] * box->count[a];
            coords[a] = 0;
        }
    }
done:
    return rc;
}

static slab_status export_task(void *context, int thread, int64_t task)
{
    slab_status rc = SLAB_OK;
    npy_export *ne = context;
    slab_box box;
    slab_grid_box(&ne->grid, task, &box);
    TRY(slab_reader_copy(ne->reader, thread, &box, ne->boxes[thread]));
    TRY(write_box(ne, &box, ne->boxes[thread]));
    slab_crew_count_bytes(ne->crew, slab_box_elements(&box) * slab_reader_dtype(ne->reader).size);
done:
    return rc;
}

static slab_status write_header(npy_export *ne)
{
    slab_status rc = SLAB_OK;
    char text[SLAB_NPY_TEXT_MAX];
    size_t length;
    TRY(slab_npy_make_header(slab_reader_dtype(ne->reader), slab_reader_shape(ne->reader), text,
                             &length));
    ne->data = (int64_t)length;
    if (slab_ranks_me(slab_crew_ranks(ne->crew)) == 0)
        TRY(slab_output_write(ne->out, 0, text, length));
done:
    return rc;
}

static slab_status export_prepare(npy_export *ne, int threads)
{
    slab_status rc = SLAB_OK;
    TRY(choose_grid(ne->reader, &ne->grid));
    TRY(write_header(ne));
    ALLOC(ne->boxes, threads, "threads of an export");
    for (int i = 0; i < threads; i++)
        ALLOC(ne->boxes[i], box_bytes(&ne->grid, slab_reader_dtype(ne->reader)),
              "elements of a box");
done:
    return rc;
}

static slab_status export_run(slab_crew *crew, slab_reader *reader, const char *path,
                              const slab_export_options *options)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(crew);
    int threads = slab_crew_threads(crew);
    slab_output out = {.fd = -1};
    npy_export ne = {.crew = crew, .reader = reader, .out = &out};
    TRY(slab_output_open(ranks, path, options->force, &out));
    TRY(slab_ranks_agree(ranks, export_prepare(&ne, threads)));
    slab_crew_progress_name(crew, "exporting");
    TRY(slab_crew_run(crew, ne.grid.ntiles, export_task, &ne));
    TRY(slab_output_sync(&out));
    TRY(slab_output_rename(&out));
done:
    for (int i = 0; ne.boxes && i < threads; i++)
        FREE(ne.boxes[i]);
    FREE(ne.boxes);
    slab_output_close(&out);
    return rc;
}

const slab_format slab_format_npy = {
    .name = "npy",
    .summary = "NumPy arrays",
    .suffixes = "npy",
    .import_open = import_open,
    .import_run = import_run,
    .import_close = import_close,
    .export_memory = export_memory,
    .export_run = export_run,
};

/*
 * Between tiles and kernels: elements that a kernel cannot take as they lie are brought into
 * scratch first, a few thousand at a time.
 */
#include <slab/compute/sink/reduce_impl.h>

#include <math.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum {
    PIECE = 4096,        /* elements in scratch */
    RUN_BYTES = 65536,   /* that a kernel takes at a time */
    LONG_ROW = 256,      /* elements that are worth a run of their own */
    SHORT_ROW = 32,      /* shorter rows with a slot each are turned into columns */
    NARROW = 16,         /* columns that leave lanes empty: several rows are put side by side ... */
    FOLDED = 64,         /* ... to this many */
    BUFFER = PIECE * 16, /* bytes: the widest elements are complex128 */
    SLOT_MOST = 64
};

typedef struct scratch {
    char first[BUFFER], second[BUFFER];
    _Alignas(64) char slots[FOLDED * SLOT_MOST];
} scratch;

typedef struct feeding {
    const slab_reduce *reduce;
    const reduce_part *part;
    char *slots; /* of the part */
    scratch *scratch;
} feeding;

size_t reduce_feed_bytes(void)
{
    return sizeof(scratch);
}

/* |x|, |x|^2 or |x|^p of f64 or complex128. */
static void magnitudes(const reduce_part *part, const double *x, int64_t n, double *out)
{
    bool is_complex = part->base.kind == SLAB_KIND_COMPLEX;
    for (int64_t i = 0; i < n; i++) {
        double re = is_complex ? x[2 * i] : x[i], im = is_complex ? x[2 * i + 1] : 0;
        if (part->stage == STAGE_SQUARE)
            out[i] = is_complex ? re * re + im * im : re * re;
        else
            out[i] = is_complex ? hypot(re, im) : fabs(re);
        if (part->stage == STAGE_POWER)
            out[i] = pow(out[i], part->power);
    }
}

static void halves(const reduce_part *part, const void *from, int64_t n, void *to)
{
    bool wide = part->base.size == 16;
    int half = part->stage == STAGE_IMAGINARY;
    for (int64_t i = 0; i < n; i++) {
        if (wide) {
            const double *x = (const double *)from + 2 * i;
            ((double *)to)[i] = part->skip && isnan(x[!half]) ? x[!half] : x[half];
        } else {
            const float *x = (const float *)from + 2 * i;
            ((float *)to)[i] = part->skip && isnan(x[!half]) ? x[!half] : x[half];
        }
    }
}

/* Rows of a matrix, dense and in the kernel's type. */
static slab_status gather(const feeding *f, const slots_matrix *m, const char **out)
{
    slab_status rc = SLAB_OK;
    const reduce_part *part = f->part;
    slab_dtype is = f->reduce->dtype;
    int64_t n = m->rows * m->columns, size = is.size;
    char *at = f->scratch->first, *other = f->scratch->second, *swap;
    slab_box_copy(2, (int64_t[2]){m->rows, m->columns}, m->data,
                  (int64_t[2]){m->row_stride, m->stride}, at, (int64_t[2]){m->columns * size, size},
                  is.size);
    const slab_dtype steps[2] = {part->cast, part->base};
    for (int i = 0; i < 2; i++) {
        if (slab_dtype_equal(is, steps[i]))
            continue;
        TRY(slab_dtype_convert(is, at, steps[i], other, (size_t)n));
        is = steps[i];
        swap = at;
        at = other;
        other = swap;
    }
    *out = at;
    if (part->stage == STAGE_NONE)
        return SLAB_OK;
    if (part->stage >= STAGE_ABS)
        magnitudes(part, (const void *)at, n, (void *)other);
    else
        halves(part, at, n, other);
    *out = other;
done:
    return rc;
}

/* Elements of one slot, in a row. */
static void run(const feeding *f, const char *x, int64_t n, int64_t place, int64_t step, char *slot)
{
    int64_t size = f->part->work.size, most = RUN_BYTES / size;
    for (int64_t j = 0; j < n; j += most) {
        slab_reduce_block block = {.data = x + j * size,
                                   .rows = 1,
                                   .columns = n - j < most ? n - j : most,
                                   .place = place + j * step,
                                   .column_place = step};
        f->part->kernel->run(&block, slot);
    }
}

/* A few columns of adjacent rows: several rows at a time are taken as one, into slots of their own,
 * and those are merged. */
static int64_t take_folded(const feeding *f, const slab_reduce_block *block, char *slots)
{
    const slab_reduce_kernel *kernel = f->part->kernel;
    int64_t fold = FOLDED / block->columns, bytes = (int64_t)kernel->slot_bytes;
    slab_reduce_block wide = *block;
    char *own = f->scratch->slots;
    wide.rows = block->rows / fold;
    wide.columns = fold * block->columns;
    wide.row_stride = fold * block->row_stride;
    memset(own, 0, (size_t)(wide.columns * bytes));
    if (kernel->init)
        kernel->init(own, wide.columns);
    kernel->columns(&wide, own);
    for (int64_t i = 0; i < fold; i++)
        kernel->merge(slots, own + i * block->columns * bytes, block->columns);
    return wide.rows * fold;
}

static void columns(const feeding *f, const slab_reduce_block *block, char *slots)
{
    int64_t size = f->part->work.size, done = 0;
    slab_reduce_block rest = *block;
    if (block->columns < NARROW && block->row_stride == block->columns * size &&
        block->rows >= 2 * FOLDED && !f->part->kernel->places)
        done = take_folded(f, block, slots);
    rest.data = (const char *)block->data + done * block->row_stride;
    rest.rows -= done;
    if (rest.rows > 0)
        f->part->kernel->columns(&rest, slots);
}

/* Part of a matrix: its rows from i and columns from j on. */
static slots_matrix piece_of(const slots_matrix *m, int64_t i, int64_t j, int64_t rows,
                             int64_t ncolumns)
{
    slots_matrix piece = *m;
    piece.data += i * m->row_stride + j * m->stride;
    piece.rows = m->rows - i < rows ? m->rows - i : rows;
    piece.columns = m->columns - j < ncolumns ? m->columns - j : ncolumns;
    piece.place += i * m->row_place + j * m->column_place;
    return piece;
}

/* All elements to one slot. */
static slab_status take_one(const feeding *f, const slots_matrix *matrix, char *slot)
{
    slab_status rc = SLAB_OK;
    slots_matrix m = *matrix;
    int64_t size = f->reduce->dtype.size;
    if (m.columns == 1) {
        m.columns = m.rows;
        m.stride = m.row_stride;
        m.column_place = m.row_place;
        m.rows = 1;
    }
    if (m.row_stride == m.columns * m.stride && m.row_place == m.columns * m.column_place) {
        m.columns *= m.rows;
        m.rows = 1;
    }
    if (f->part->direct && m.stride == size && (m.rows == 1 || m.columns >= LONG_ROW)) {
        for (int64_t i = 0; i < m.rows; i++)
            run(f, m.data + i * m.row_stride, m.columns, m.place + i * m.row_place, m.column_place,
                slot);
        return SLAB_OK;
    }
    bool joins = !f->part->kernel->places || m.row_place == m.columns * m.column_place;
    int64_t ncolumns = m.columns < PIECE ? m.columns : PIECE, rows = PIECE / ncolumns;
    for (int64_t i = 0; i < m.rows; i += rows) {
        for (int64_t j = 0; j < m.columns; j += ncolumns) {
            slots_matrix piece = piece_of(&m, i, j, rows, ncolumns);
            const char *x;
            TRY(gather(f, &piece, &x));
            int64_t n = joins ? piece.rows * piece.columns : piece.columns;
            for (int64_t k = 0; k < (joins ? 1 : piece.rows); k++)
                run(f, x + k * n * f->part->work.size, n, piece.place + k * m.row_place,
                    m.column_place, slot);
        }
    }
done:
    return rc;
}

static slab_status take_columns(const feeding *f, const slots_matrix *m, char *slots)
{
    slab_status rc = SLAB_OK;
    int64_t size = f->part->work.size, bytes = (int64_t)f->part->kernel->slot_bytes;
    slab_reduce_block block = {.data = m->data,
                               .rows = m->rows,
                               .columns = m->columns,
                               .row_stride = m->row_stride,
                               .place = m->place,
                               .row_place = m->row_place};
    if (f->part->direct && m->stride == size) {
        columns(f, &block, slots);
        return SLAB_OK;
    }
    int64_t most = m->rows < SHORT_ROW ? PIECE / m->rows : PIECE / SHORT_ROW;
    int64_t ncolumns = m->columns < most ? m->columns : most, rows = PIECE / ncolumns;
    for (int64_t i = 0; i < m->rows; i += rows) {
        for (int64_t j = 0; j < m->columns; j += ncolumns) {
            slots_matrix piece = piece_of(m, i, j, rows, ncolumns);
            const char *x;
            TRY(gather(f, &piece, &x));
            block.data = x;
            block.rows = piece.rows;
            block.columns = piece.columns;
            block.row_stride = piece.columns * size;
            block.place = piece.place;
            columns(f, &block, slots + j * bytes);
        }
    }
done:
    return rc;
}

static slab_status take_rows(const feeding *f, const slots_matrix *m, char *slots)
{
    slab_status rc = SLAB_OK;
    int64_t bytes = (int64_t)f->part->kernel->slot_bytes;
    if (m->columns < SHORT_ROW && m->row_slots == 1) {
        slots_matrix turned = *m;
        turned.rows = m->columns;
        turned.columns = m->rows;
        turned.row_stride = m->stride;
        turned.stride = m->row_stride;
        turned.row_place = m->column_place;
        turned.column_place = 0;
        return take_columns(f, &turned, slots);
    }
    int64_t size = f->part->work.size;
    if (f->part->kernel->rows && f->part->direct && m->stride == size &&
        m->columns * size <= RUN_BYTES) {
        slab_reduce_block block = {
            .data = m->data, .rows = m->rows, .columns = m->columns, .row_stride = m->row_stride};
        f->part->kernel->rows(&block, slots, m->row_slots * bytes);
        return SLAB_OK;
    }
    for (int64_t i = 0; i < m->rows; i++) {
        slots_matrix row = piece_of(m, i, 0, 1, m->columns);
        TRY(take_one(f, &row, slots + i * m->row_slots * bytes));
    }
done:
    return rc;
}

static slab_status take(void *context, const slots_matrix *m)
{
    const feeding *f = context;
    char *slots = f->slots + m->slot * (int64_t)f->part->kernel->slot_bytes;
    switch (m->target) {
    case SLOTS_ONE:
        return take_one(f, m, slots);
    case SLOTS_BY_COLUMN:
        return take_columns(f, m, slots);
    case SLOTS_BY_ROW:
        return take_rows(f, m, slots);
    }
    return SLAB_OK;
}

slab_status reduce_feed(const slab_reduce *reduce, const slab_span *span, void *state,
                        const slab_tile *tile, void *scratch_memory)
{
    slab_status rc = SLAB_OK;
    int64_t nslots = slots_count(&reduce->frame, span);
    feeding f = {.reduce = reduce, .scratch = scratch_memory};
    for (int p = 0; p < reduce->nparts; p++) {
        f.part = &reduce->parts[p];
        f.slots = (char *)state + reduce_offset(reduce, p, nslots);
        slots_frame frame = reduce->frame;
        frame.places = f.part->kernel->places;
        TRY(slots_walk(&frame, span, tile, take, &f));
    }
done:
    return rc;
}

/*
 * Evaluation of element-wise nodes. The nodes of one shape below a node are compiled to a straight
 * list of instructions (strip_compile.c); a box is then computed strip by strip, each strip going
 * through the whole list while it is in L1. What has another shape, and everything that is not
 * element-wise, is a leaf: it delivers its part of the box first.
 */
#include <slab/compute/graph/strip_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

/* Elements of a leaf as the box's loops see them. */
typedef struct leaf_view {
    const char *data;
    int64_t stride[SLAB_RANK_MAX];
    char *gathered;       /* a strip's room */
    const char *constant; /* whose element fills `gathered` now */
} leaf_view;

/* Bytes of a strip's buffer. */
static size_t strip_bytes(const strip_program *p)
{
    return ((size_t)p->strip * p->element + 63) / 64 * 64;
}

static size_t plus(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

/* The output, and room for strips: of results and of leaves that do not lie dense. */
static size_t own_bytes(const slab_value *value, const strip_program *p, const slab_shape *box)
{
    size_t out = value_box_bytes(box, value->dtype.size);
    size_t strips = (size_t)(p->nslots + p->nleaves) * strip_bytes(p);
    return plus(plus(out, 63), strips);
}

size_t strip_memory(const slab_value *value, const slab_shape *box)
{
    strip_program *p;
    return strip_program_of((slab_value *)value, &p) == SLAB_OK ? own_bytes(value, p, box)
                                                                : SIZE_MAX;
}

bool strip_evaluates(const slab_value *value, int i, const slab_shape *box, slab_value **out,
                     slab_shape *extents)
{
    strip_program *p;
    slab_box whole = slab_box_whole(box), part;
    if (strip_program_of((slab_value *)value, &p) != SLAB_OK || i >= p->nleaves)
        return false;
    *out = p->leaves[i];
    broadcast_box(&(*out)->shape, &whole, &part);
    extents->rank = (*out)->shape.rank;
    memcpy(extents->extent, part.count, sizeof extents->extent);
    return true;
}

static slab_status load_leaves(const strip_program *p, int thread, const slab_box *box,
                               leaf_view *views)
{
    slab_status rc = SLAB_OK;
    for (int i = 0; i < p->nleaves; i++) {
        slab_value *leaf = p->leaves[i];
        slab_box part;
        slab_view view;
        broadcast_box(&leaf->shape, box, &part);
        TRY(slab_value_get(leaf, thread, &part, &view));
        views[i].data = view.data;
        views[i].constant = NULL;
        broadcast_strides(&leaf->shape, box->rank, view.stride, views[i].stride);
    }
done:
    return rc;
}

/* Loops over the box: axes of extent 1 gone, neighbours joined where every leaf allows it. */
typedef struct box_loops {
    int rank;
    int64_t count[SLAB_RANK_MAX];
} box_loops;

static void join_axes(const strip_program *p, const slab_box *box, leaf_view *views, box_loops *l)
{
    l->rank = 0;
    for (int a = 0; a < box->rank; a++) {
        if (box->count[a] == 1)
            continue;
        bool join = l->rank > 0;
        for (int i = 0; join && i < p->nleaves; i++)
            join = views[i].stride[l->rank - 1] == views[i].stride[a] * box->count[a];
        int to = join ? l->rank - 1 : l->rank;
        l->count[to] = join ? l->count[to] * box->count[a] : box->count[a];
        for (int i = 0; i < p->nleaves; i++)
            views[i].stride[to] = views[i].stride[a];
        l->rank = to + 1;
    }
}

/* A leaf's elements of rows x columns, dense: where they lie, or gathered. */
static const void *leaf_strip(leaf_view *v, const char *at, size_t size, int64_t rows,
                              int64_t columns, const int64_t stride[2])
{
    int64_t dense[2] = {columns * (int64_t)size, (int64_t)size}, count[2] = {rows, columns};
    bool constant = stride[1] == 0 && (rows == 1 || stride[0] == 0);
    if (stride[1] == dense[1] && (rows == 1 || stride[0] == dense[0]))
        return at;
    if (constant && v->constant == at)
        return v->gathered; /* filled for the longest strip before */
    slab_box_copy(2, count, at, stride, v->gathered, dense, size);
    v->constant = constant ? at : NULL;
    return v->gathered;
}

static slab_status run_strip(const strip_program *p, int64_t n, const void **operands,
                             char *const *slots, void *out)
{
    slab_status rc = SLAB_OK;
    for (int c = 0; c < p->ncode; c++) {
        const strip_instruction *one = &p->code[c];
        const void *in[SLAB_OP_ARITY_MAX] = {0};
        void *to = p->regs[one->out].slot < 0 ? out : slots[p->regs[one->out].slot];
        for (int i = 0; i < one->arity; i++)
            in[i] = operands[one->in[i]];
        REQUIRE(!one->check || one->check((size_t)n, in), SLAB_ERR_VALUE, "%s", one->complaint);
        if (one->kernel)
            one->kernel((size_t)n, in, to);
        else
            TRY(slab_dtype_convert(p->regs[one->in[0]].dtype, in[0], p->regs[one->out].dtype, to,
                                   (size_t)n));
        operands[one->out] = to;
    }
done:
    return rc;
}

/* What a thread evaluates a box with. */
typedef struct evaluation {
    const strip_program *p;
    leaf_view *views;
    const void **operands; /* [nregs] */
    char **slots;
    char *out;
    size_t size; /* of an element of out */
} evaluation;

/* rows x columns elements; at: offset of the first in every leaf. */
static slab_status run_rows(evaluation *e, int64_t rows, int64_t columns, const int64_t *offsets,
                            int down, int along)
{
    slab_status rc = SLAB_OK;
    for (int i = 0; i < e->p->nleaves; i++) {
        int r = e->p->leaf_regs[i];
        leaf_view *v = &e->views[i];
        int64_t stride[2] = {down < 0 ? 0 : v->stride[down], along < 0 ? 0 : v->stride[along]};
        e->operands[r] =
            leaf_strip(v, v->data + offsets[i], e->p->regs[r].dtype.size, rows, columns, stride);
    }
    TRY(run_strip(e->p, rows * columns, e->operands, e->slots, e->out));
    e->out += (size_t)(rows * columns) * e->size;
done:
    return rc;
}

/* One plane of the two last axes: whole rows as many as fit a strip, or parts of rows. The first
 * strip is the longest, which leaf_strip() relies on for constants. */
static slab_status run_plane(evaluation *e, const box_loops *l, int64_t *offsets)
{
    slab_status rc = SLAB_OK;
    int along = l->rank - 1, down = l->rank - 2, n = e->p->nleaves;
    int64_t columns = along < 0 ? 1 : l->count[along], rows = down < 0 ? 1 : l->count[down];
    int64_t width = columns < e->p->strip ? columns : e->p->strip, height = e->p->strip / width;
    for (int64_t i = 0; i < rows; i += height) {
        int64_t tall = rows - i < height ? rows - i : height;
        for (int64_t j = 0; j < columns; j += width) {
            int64_t wide = columns - j < width ? columns - j : width;
            TRY(run_rows(e, tall, wide, offsets, down, along));
            for (int k = 0; k < n && along >= 0; k++)
                offsets[k] += wide * e->views[k].stride[along];
        }
        for (int k = 0; k < n; k++) {
            offsets[k] -= along < 0 ? 0 : columns * e->views[k].stride[along];
            offsets[k] += down < 0 ? 0 : tall * e->views[k].stride[down];
        }
    }
    for (int k = 0; k < n && down >= 0; k++)
        offsets[k] -= rows * e->views[k].stride[down];
done:
    return rc;
}

static slab_status run_planes(evaluation *e, const box_loops *l, int64_t *offsets)
{
    slab_status rc = SLAB_OK;
    int64_t at[SLAB_RANK_MAX] = {0};
    for (;;) {
        TRY(run_plane(e, l, offsets));
        int a = l->rank - 3;
        for (; a >= 0; a--) {
            bool more = ++at[a] < l->count[a];
            for (int k = 0; k < e->p->nleaves; k++)
                offsets[k] += e->views[k].stride[a] * (more ? 1 : 1 - l->count[a]);
            if (more)
                break;
            at[a] = 0;
        }
        if (a < 0)
            break;
    }
done:
    return rc;
}

/* Every leaf that is read comes part by part for the price of the whole. */
static bool leaves_in_parts(const strip_program *p, int thread, const slab_box *box)
{
    bool any = false;
    for (int i = 0; i < p->nleaves; i++) {
        slab_value *leaf = p->leaves[i];
        if (slab_value_packed_bytes(leaf) == 0)
            continue;
        slab_box part;
        broadcast_box(&leaf->shape, box, &part);
        if (slab_box_elements(&part) != slab_box_elements(box) ||
            !slab_value_in_parts(leaf, thread, &part))
            return false;
        any = true;
    }
    return any;
}

bool strip_in_parts(slab_value *value, int thread, const slab_box *box)
{
    strip_program *p;
    if (strip_program_of(value, &p) != SLAB_OK) {
        slab_error_clear(); /* getting it will say so */
        return false;
    }
    return leaves_in_parts(p, thread, box);
}

static slab_status run_box(evaluation *e, int thread, const slab_box *box, int64_t *offsets)
{
    slab_status rc = SLAB_OK;
    box_loops l;
    TRY(load_leaves(e->p, thread, box, e->views));
    join_axes(e->p, box, e->views, &l);
    memset(offsets, 0, (size_t)e->p->nleaves * sizeof *offsets);
    TRY(run_planes(e, &l, offsets));
done:
    return rc;
}

/* Where leaves can be had in parts, each goes through all operations while it is in the nearest
 * cache: parts follow each other in C order, as the elements of the output do. */
static slab_status run_parts(evaluation *e, int thread, const slab_box *box, int64_t *offsets)
{
    slab_status rc = SLAB_OK;
    size_t element = e->p->element;
    slab_box part;
    if ((size_t)slab_box_elements(box) * element <= SLAB_PART_BYTES ||
        !leaves_in_parts(e->p, thread, box))
        return run_box(e, thread, box, offsets);
    bool more = slab_box_first_part(box, element, SLAB_PART_BYTES, &part);
    for (; more; more = slab_box_next_part(box, element, SLAB_PART_BYTES, &part))
        TRY(run_box(e, thread, &part, offsets));
done:
    return rc;
}

slab_status strip_get(slab_value *value, int thread, const slab_box *box, slab_view *out)
{
    slab_status rc = SLAB_OK;
    strip_program *p;
    slab_shape extents = {.rank = box->rank};
    evaluation e = {0};
    int64_t *offsets = NULL;
    char *buffer;
    memcpy(extents.extent, box->count, sizeof extents.extent);
    TRY(strip_program_of(value, &p));
    TRY(value_buffer(value, thread, own_bytes(value, p, &extents), (void **)&buffer));
    ALLOC(e.views, p->nleaves, "an expression");
    ALLOC(e.operands, p->nregs, "an expression");
    ALLOC(e.slots, p->nslots, "an expression");
    ALLOC(offsets, p->nleaves, "an expression");
    out->data = buffer;
    slab_strides_of(box->rank, box->count, value->dtype.size, out->stride);
    if (slab_box_elements(box) == 0)
        goto done;
    e.p = p;
    e.out = buffer;
    e.size = value->dtype.size;
    buffer += (value_box_bytes(&extents, e.size) + 63) / 64 * 64;
    for (int i = 0; i < p->nslots + p->nleaves; i++, buffer += strip_bytes(p))
        *(i < p->nslots ? &e.slots[i] : &e.views[i - p->nslots].gathered) = buffer;
    TRY(run_parts(&e, thread, box, offsets));
done:
    FREE(offsets);
    FREE(e.slots);
    FREE(e.operands);
    FREE(e.views);
    return rc;
}

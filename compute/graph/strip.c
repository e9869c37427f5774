/*
 * Evaluation of element-wise nodes. The nodes of one shape below a node are compiled to a straight
 * list of instructions; a box is then computed strip by strip, each strip going through the whole
 * list while it is in L1. What has another shape, and everything that is not element-wise, is a
 * leaf: it delivers its part of the box first.
 */
#include <slab/compute/graph/value_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum { STRIP_MOST = 2048, STRIP_LEAST = 256, STRIP_BYTES = 24576, ELEMENT_MOST = 16 };

/* A register: a leaf's strip (leaf >= 0), or a result. */
typedef struct reg {
    slab_dtype dtype;
    int leaf;     /* -1: a result */
    int last_use; /* instruction */
    int slot;     /* of the strip buffers, for results; -1: the output itself */
} reg;

typedef struct instruction {
    slab_strip_kernel kernel; /* NULL: a conversion */
    int arity;
    int in[SLAB_OP_ARITY_MAX];
    int out;
} instruction;

typedef struct strip_program {
    instruction *code;
    reg *regs;
    slab_value **leaves;      /* computed ones first, see order_leaves() */
    const slab_value **nodes; /* [nregs]: whose value a register is, NULL for conversions */
    int ncode, nregs, nleaves, nslots;
    int capacity;  /* of each list */
    int64_t strip; /* elements */
} strip_program;

/* Elements of a leaf as the box's loops see them. */
typedef struct leaf_view {
    const char *data;
    int64_t stride[SLAB_RANK_MAX];
    char *gathered;       /* a strip's room */
    const char *constant; /* whose element fills `gathered` now */
} leaf_view;

void strip_program_destroy(strip_program **program)
{
    strip_program *p = *program;
    if (!p)
        return;
    FREE(p->code);
    FREE(p->regs);
    FREE(p->leaves);
    FREE(p->nodes);
    FREE(*program);
}

static bool is_apply(const slab_value *value)
{
    return value->cls == &value_apply_class;
}

static slab_status grow(strip_program *p)
{
    slab_status rc = SLAB_OK;
    size_t n = p->capacity ? 2 * (size_t)p->capacity : 16;
    const char *what = "an expression";
    TRY(slab_memory_resize((void **)&p->code, n, sizeof *p->code, what));
    TRY(slab_memory_resize((void **)&p->regs, n, sizeof *p->regs, what));
    TRY(slab_memory_resize((void **)&p->leaves, n, sizeof(slab_value *), what));
    TRY(slab_memory_resize((void **)&p->nodes, n, sizeof(slab_value *), what));
    p->capacity = (int)n;
done:
    return rc;
}

static slab_status add_reg(strip_program *p, const slab_value *node, slab_dtype dtype, int leaf,
                           int *out)
{
    slab_status rc = SLAB_OK;
    if (p->nregs == p->capacity)
        TRY(grow(p));
    *out = p->nregs;
    p->nodes[p->nregs] = node;
    p->regs[p->nregs++] = (reg){.dtype = dtype, .leaf = leaf, .slot = -1};
done:
    return rc;
}

static slab_status emit(strip_program *p, const instruction *one)
{
    slab_status rc = SLAB_OK;
    if (p->ncode == p->capacity)
        TRY(grow(p));
    p->code[p->ncode++] = *one;
done:
    return rc;
}

static slab_status convert(strip_program *p, int from, slab_dtype to, const slab_value *node,
                           int *out)
{
    slab_status rc = SLAB_OK;
    instruction one = {.arity = 1, .in = {from}};
    *out = from;
    if (slab_dtype_equal(p->regs[from].dtype, to))
        return SLAB_OK;
    TRY(add_reg(p, node, to, -1, out));
    one.out = *out;
    TRY(emit(p, &one));
done:
    return rc;
}

/* The register that holds a node's elements. */
static slab_status compile(strip_program *p, const slab_value *root, slab_value *node, int *out)
{
    slab_status rc = SLAB_OK;
    const apply_self *self = node->self;
    instruction one = {0};
    for (int i = 0; i < p->nregs; i++) {
        if (p->nodes[i] == node) {
            *out = i;
            return SLAB_OK;
        }
    }
    if (!is_apply(node) || !slab_shape_equal(&node->shape, &root->shape)) {
        TRY(add_reg(p, node, node->dtype, p->nleaves, out));
        p->leaves[p->nleaves++] = node;
        return SLAB_OK;
    }
    for (int i = 0; i < self->arity; i++) {
        TRY(compile(p, root, self->operands[i], &one.in[i]));
        TRY(convert(p, one.in[i], self->types.operand[i], NULL, &one.in[i]));
    }
    if (!self->op)
        return convert(p, one.in[0], node->dtype, node, out);
    one.kernel = self->op->kernels[slab_strip_type_of(self->types.operand[self->arity - 1])];
    one.arity = self->arity;
    bool last = slab_dtype_equal(self->types.result, node->dtype);
    TRY(add_reg(p, last ? node : NULL, self->types.result, -1, &one.out));
    TRY(emit(p, &one));
    TRY(convert(p, one.out, node->dtype, node, out));
done:
    return rc;
}

/* Strip buffers for results, each free again after its last use. The last result is the output. */
static void assign_slots(strip_program *p)
{
    for (int c = 0; c < p->ncode; c++)
        for (int i = 0; i < p->code[c].arity; i++)
            p->regs[p->code[c].in[i]].last_use = c;
    for (int c = 0; c + 1 < p->ncode; c++) {
        reg *r = &p->regs[p->code[c].out];
        for (int slot = 0; r->slot < 0; slot++) {
            bool taken = false;
            for (int b = 0; b < c && !taken; b++) {
                const reg *other = &p->regs[p->code[b].out];
                taken = other->slot == slot && other->last_use >= c;
            }
            r->slot = taken ? -1 : slot;
        }
        p->nslots = r->slot >= p->nslots ? r->slot + 1 : p->nslots;
    }
    int buffers = p->nslots + p->nleaves;
    p->strip = STRIP_BYTES / (8 * buffers);
    p->strip = p->strip > STRIP_MOST ? STRIP_MOST : p->strip < STRIP_LEAST ? STRIP_LEAST : p->strip;
}

/* A thread may evaluate a source both for an element-wise leaf and as a leaf itself; the view of
 * the last call is the one that stays valid. So leaves that are computed come first. */
static void order_leaves(strip_program *p)
{
    int n = 0;
    for (int i = 0; i < p->nleaves; i++) {
        if (!p->leaves[i]->cls->computed)
            continue;
        slab_value *swap = p->leaves[n];
        p->leaves[n] = p->leaves[i];
        p->leaves[i] = swap;
        for (int r = 0; r < p->nregs; r++)
            p->regs[r].leaf = p->regs[r].leaf == n ? i : p->regs[r].leaf == i ? n : p->regs[r].leaf;
        n++;
    }
}

slab_status strip_program_of(slab_value *value, strip_program **out)
{
    slab_status rc = SLAB_OK;
    apply_self *self = value->self;
    strip_program *p = NULL;
    int root;
    *out = atomic_load(&self->program);
    if (*out)
        return SLAB_OK;
    pthread_mutex_lock(&self->compiling);
    *out = atomic_load(&self->program);
    if (*out)
        goto done;
    ALLOC(p, 1, "an expression");
    TRY(compile(p, value, value, &root));
    order_leaves(p);
    assign_slots(p);
    atomic_store(&self->program, p);
    *out = p;
    p = NULL;
done:
    pthread_mutex_unlock(&self->compiling);
    strip_program_destroy(&p);
    return rc;
}

static size_t plus(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

/* The output, and room for strips: of results and of leaves that do not lie dense. */
static size_t own_bytes(const slab_value *value, const strip_program *p, const slab_shape *box)
{
    size_t out = value_box_bytes(box, value->dtype.size);
    size_t strips = (size_t)(p->nslots + p->nleaves) * (size_t)p->strip * ELEMENT_MOST;
    return plus(plus(out, 63), strips);
}

size_t strip_memory(const slab_value *value, const slab_shape *box)
{
    strip_program *p;
    slab_box whole = slab_box_whole(box), part;
    if (strip_program_of((slab_value *)value, &p) != SLAB_OK)
        return SIZE_MAX;
    size_t bytes = own_bytes(value, p, box);
    for (int i = 0; i < p->nleaves; i++) {
        slab_shape extents = {.rank = p->leaves[i]->shape.rank};
        broadcast_box(&p->leaves[i]->shape, &whole, &part);
        memcpy(extents.extent, part.count, sizeof extents.extent);
        bytes = plus(bytes, slab_value_memory(p->leaves[i], &extents));
    }
    return bytes;
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
        const instruction *one = &p->code[c];
        const void *in[SLAB_OP_ARITY_MAX] = {0};
        void *to = p->regs[one->out].slot < 0 ? out : slots[p->regs[one->out].slot];
        for (int i = 0; i < one->arity; i++)
            in[i] = operands[one->in[i]];
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
    for (int r = 0; r < e->p->nregs; r++) {
        int i = e->p->regs[r].leaf;
        if (i < 0)
            continue;
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

slab_status strip_get(slab_value *value, int thread, const slab_box *box, slab_view *out)
{
    slab_status rc = SLAB_OK;
    strip_program *p;
    slab_shape extents = {.rank = box->rank};
    evaluation e = {0};
    int64_t *offsets = NULL;
    char *buffer;
    box_loops l;
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
    TRY(load_leaves(p, thread, box, e.views));
    e.p = p;
    e.out = buffer;
    e.size = value->dtype.size;
    buffer += (value_box_bytes(&extents, e.size) + 63) / 64 * 64;
    for (int i = 0; i < p->nslots + p->nleaves; i++, buffer += p->strip * ELEMENT_MOST)
        *(i < p->nslots ? &e.slots[i] : &e.views[i - p->nslots].gathered) = buffer;
    join_axes(p, box, e.views, &l);
    TRY(run_planes(&e, &l, offsets));
done:
    FREE(offsets);
    FREE(e.slots);
    FREE(e.operands);
    FREE(e.views);
    return rc;
}

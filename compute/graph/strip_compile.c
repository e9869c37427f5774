/*
 * Makes the program of an element-wise node: the nodes of its shape below it in the order of
 * evaluation, with conversions between types, and strip buffers for what is in flight. Everything
 * takes time in proportion to the nodes, and no recursion, since expressions are made by programs
 * too.
 */
#include <slab/compute/graph/strip_impl.h>

#include <slab/compute/graph/node_map_impl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum { STRIP_MOST = 2048, STRIP_LEAST = 256, STRIP_BYTES = 24576 };

typedef struct compiler {
    strip_program *p;
    const slab_value *root;
    node_map regs; /* of nodes */
    slab_value **stack;
    int depth, room;
} compiler;

void strip_program_destroy(strip_program **program)
{
    strip_program *p = *program;
    if (!p)
        return;
    FREE(p->code);
    FREE(p->regs);
    FREE(p->leaves);
    FREE(p->leaf_regs);
    FREE(*program);
}

static bool is_apply(const slab_value *value)
{
    return value->cls == &value_apply_class;
}

static bool same_elements(slab_dtype a, slab_dtype b)
{
    return a.kind == b.kind && a.size == b.size; /* both are native; an enum is its integer */
}

static slab_status grow(strip_program *p)
{
    slab_status rc = SLAB_OK;
    size_t n = p->capacity ? 2 * (size_t)p->capacity : 16;
    const char *what = "an expression";
    TRY(slab_memory_resize((void **)&p->code, n, sizeof *p->code, what));
    TRY(slab_memory_resize((void **)&p->regs, n, sizeof *p->regs, what));
    TRY(slab_memory_resize((void **)&p->leaves, n, sizeof(slab_value *), what));
    TRY(slab_memory_resize((void **)&p->leaf_regs, n, sizeof *p->leaf_regs, what));
    p->capacity = (int)n;
done:
    return rc;
}

static slab_status add_reg(strip_program *p, slab_dtype dtype, int leaf, int *out)
{
    slab_status rc = SLAB_OK;
    if (p->nregs == p->capacity)
        TRY(grow(p));
    *out = p->nregs;
    p->regs[p->nregs++] = (strip_reg){
        .dtype = dtype, .leaf = leaf, .last_use = -1, .slot = -1, .converted = -1, .sibling = -1};
    p->element = dtype.size > p->element ? dtype.size : p->element;
done:
    return rc;
}

static slab_status emit(strip_program *p, const strip_instruction *one)
{
    slab_status rc = SLAB_OK;
    if (p->ncode == p->capacity)
        TRY(grow(p));
    p->code[p->ncode++] = *one;
done:
    return rc;
}

static slab_status emit_conversion(strip_program *p, int from, slab_dtype to, int *out)
{
    slab_status rc = SLAB_OK;
    strip_instruction one = {.arity = 1, .in = {from}};
    TRY(add_reg(p, to, -1, out));
    one.out = *out;
    TRY(emit(p, &one));
done:
    return rc;
}

/* A register with these elements in this type: itself, one made before, or a new one. */
static slab_status convert(strip_program *p, int from, slab_dtype to, int *out)
{
    slab_status rc = SLAB_OK;
    *out = from;
    if (same_elements(p->regs[from].dtype, to))
        return SLAB_OK;
    for (int r = p->regs[from].converted; r >= 0; r = p->regs[r].sibling) {
        if (same_elements(p->regs[r].dtype, to)) {
            *out = r;
            return SLAB_OK;
        }
    }
    TRY(emit_conversion(p, from, to, out));
    p->regs[*out].sibling = p->regs[from].converted;
    p->regs[from].converted = *out;
done:
    return rc;
}

static slab_status add_leaf(compiler *c, slab_value *node)
{
    slab_status rc = SLAB_OK;
    strip_program *p = c->p;
    int reg;
    TRY(add_reg(p, node->dtype, p->nleaves, &reg));
    TRY(node_map_put(&c->regs, node, reg));
    p->leaf_regs[p->nleaves] = reg;
    p->leaves[p->nleaves++] = node;
done:
    return rc;
}

static slab_status add_operation(compiler *c, slab_value *node)
{
    slab_status rc = SLAB_OK;
    strip_program *p = c->p;
    const apply_self *self = node->self;
    strip_instruction one = {.kernel = self->types.kernel,
                             .check = self->types.check,
                             .complaint = self->op ? self->op->complaint : NULL,
                             .arity = self->arity};
    int reg;
    for (int i = 0; i < self->arity; i++)
        TRY(convert(p, node_map_get(&c->regs, self->operands[i]), self->types.operand[i],
                    &one.in[i]));
    if (self->op) {
        TRY(add_reg(p, self->types.result, -1, &one.out));
        TRY(emit(p, &one));
        TRY(convert(p, one.out, node->dtype, &reg));
    } else {
        TRY(convert(p, one.in[0], node->dtype, &reg));
    }
    /* The last result is the output: it may neither be a leaf nor come earlier. */
    if (node == c->root && p->ncode && p->code[p->ncode - 1].out != reg)
        TRY(emit_conversion(p, reg, node->dtype, &reg));
    if (node == c->root && !p->ncode)
        TRY(emit_conversion(p, reg, node->dtype, &reg));
    TRY(node_map_put(&c->regs, node, reg));
done:
    return rc;
}

static slab_status push(compiler *c, slab_value *node)
{
    slab_status rc = SLAB_OK;
    if (c->depth == c->room) {
        int room = c->room ? 2 * c->room : 64;
        TRY(slab_memory_resize((void **)&c->stack, (size_t)room, sizeof *c->stack,
                               "an expression"));
        c->room = room;
    }
    c->stack[c->depth++] = node;
done:
    return rc;
}

/* Operands before what needs them. */
static slab_status compile(compiler *c, slab_value *root)
{
    slab_status rc = SLAB_OK;
    TRY(push(c, root));
    while (c->depth > 0) {
        slab_value *node = c->stack[c->depth - 1];
        const apply_self *self = node->self;
        int waits = -1;
        if (node_map_get(&c->regs, node) >= 0) {
            c->depth--;
            continue;
        }
        if (!is_apply(node) || !slab_shape_equal(&node->shape, &root->shape)) {
            c->depth--;
            TRY(add_leaf(c, node));
            continue;
        }
        for (int i = 0; i < self->arity && waits < 0; i++)
            waits = node_map_get(&c->regs, self->operands[i]) < 0 ? i : -1;
        if (waits >= 0) {
            TRY(push(c, self->operands[waits]));
            continue;
        }
        c->depth--;
        TRY(add_operation(c, node));
    }
done:
    return rc;
}

/* Strip buffers for results, each free again after its last use. The last result is the output. */
static slab_status assign_slots(strip_program *p)
{
    slab_status rc = SLAB_OK;
    int *spare = NULL, nspare = 0;
    ALLOC(spare, p->ncode, "an expression");
    for (int c = 0; c < p->ncode; c++)
        for (int i = 0; i < p->code[c].arity; i++)
            p->regs[p->code[c].in[i]].last_use = c;
    for (int c = 0; c + 1 < p->ncode; c++) {
        const strip_instruction *one = &p->code[c];
        p->regs[one->out].slot = nspare ? spare[--nspare] : p->nslots++;
        for (int i = 0; i < one->arity; i++) {
            strip_reg *r = &p->regs[one->in[i]];
            if (r->slot < 0 || r->last_use != c)
                continue;
            spare[nspare++] = r->slot;
            r->last_use = -1; /* an operand that stands twice is given back once */
        }
    }
    int64_t buffers = p->nslots + p->nleaves;
    p->strip = STRIP_BYTES / ((int64_t)p->element * (buffers ? buffers : 1));
    p->strip = p->strip > STRIP_MOST ? STRIP_MOST : p->strip < STRIP_LEAST ? STRIP_LEAST : p->strip;
done:
    FREE(spare);
    return rc;
}

/* A thread may evaluate a source both for an element-wise leaf and as a leaf itself; the view of
 * the last call is the one that stays valid. So leaves that are computed come first. */
static void order_leaves(strip_program *p)
{
    int n = 0;
    for (int i = 0; i < p->nleaves; i++) {
        if (!p->leaves[i]->cls->computed)
            continue;
        slab_value *leaf = p->leaves[n];
        int reg = p->leaf_regs[n];
        p->leaves[n] = p->leaves[i];
        p->leaves[i] = leaf;
        p->leaf_regs[n] = p->leaf_regs[i];
        p->leaf_regs[i] = reg;
        n++;
    }
    for (int i = 0; i < p->nleaves; i++)
        p->regs[p->leaf_regs[i]].leaf = i;
}

static slab_status make_program(slab_value *value, strip_program **out)
{
    slab_status rc = SLAB_OK;
    compiler c = {.root = value};
    ALLOC(c.p, 1, "an expression");
    TRY(compile(&c, value));
    order_leaves(c.p);
    TRY(assign_slots(c.p));
    *out = c.p;
    c.p = NULL;
done:
    node_map_clear(&c.regs);
    FREE(c.stack);
    strip_program_destroy(&c.p);
    return rc;
}

slab_status strip_program_of(slab_value *value, strip_program **out)
{
    slab_status rc = SLAB_OK;
    apply_self *self = value->self;
    *out = atomic_load(&self->program);
    if (*out)
        return SLAB_OK;
    pthread_mutex_lock(&self->compiling);
    *out = atomic_load(&self->program);
    if (!*out) {
        rc = make_program(value, out);
        if (rc == SLAB_OK)
            atomic_store(&self->program, *out);
    }
    pthread_mutex_unlock(&self->compiling);
    return rc;
}

/* The passes of a program as a graph, in the language of Graphviz. */
#include <slab/compute/program/program_impl.h>

#include <inttypes.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Appends to a text that grows. */
static slab_status __attribute__((format(printf, 2, 3)))
append(char **text, const char *format, ...)
{
    slab_status rc = SLAB_OK;
    char line[512];
    va_list arguments;
    size_t used = *text ? strlen(*text) : 0;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    TRY(slab_memory_resize((void **)text, used + strlen(line) + 1, 1, "a graph"));
    memcpy(*text + used, line, strlen(line) + 1);
done:
    return rc;
}

/* A label: quotes and backslashes would end it. */
static const char *quoted(const char *text, char out[200])
{
    size_t n = 0;
    for (; *text && n + 2 < 200; text++) {
        if (*text == '"' || *text == '\\')
            out[n++] = '\\';
        out[n++] = *text;
    }
    out[n] = '\0';
    return out;
}

/* A node's number, by the order in which nodes are met: the same program has the same text. */
static slab_status number_of(slab_program *p, const void *node, int *number, bool *is_new)
{
    slab_status rc = SLAB_OK;
    for (*number = 0; *number < p->nnodes; ++*number)
        if (p->nodes[*number] == node)
            break;
    *is_new = *number == p->nnodes;
    if (!*is_new)
        return SLAB_OK;
    TRY(slab_memory_resize((void **)&p->nodes, (size_t)p->nnodes + 1, sizeof *p->nodes, "a graph"));
    p->nodes[p->nnodes++] = node;
done:
    return rc;
}

/* What is read: a file's elements, or what an earlier pass made. */
static slab_status draw_source(slab_program *p, int pass, const slab_value *source)
{
    slab_status rc = SLAB_OK;
    char shape[SLAB_SHAPE_TEXT_MAX];
    int64_t bytes = slab_value_packed_bytes(source);
    const slab_computation *c = slab_computation_of(source);
    int number;
    bool is_new;
    if (bytes == 0 && !c)
        return SLAB_OK;
    TRY(number_of(p, bytes > 0 ? (const void *)source : c, &number, &is_new));
    if (is_new && bytes > 0)
        TRY(append(&p->dot, "  node%d [shape=cylinder, label=\"%s\\n%" PRId64 " bytes\"];\n",
                   number, slab_shape_text(slab_value_shape(source), shape), bytes));
    TRY(append(&p->dot, "  node%d -> pass%d;\n", number, pass));
done:
    return rc;
}

static slab_status draw_computation(slab_program *p, int pass, const slab_computation *c)
{
    slab_status rc = SLAB_OK;
    char label[200];
    int number;
    bool is_new;
    TRY(number_of(p, c, &number, &is_new));
    if (is_new)
        TRY(append(&p->dot, "  node%d [shape=ellipse, label=\"%s\"];\n", number,
                   quoted(c->cls->name, label)));
    TRY(append(&p->dot, "  pass%d -> node%d;\n", pass, number));
done:
    return rc;
}

static slab_status draw_output(slab_program *p, int pass, const program_output *o)
{
    slab_status rc = SLAB_OK;
    char label[200], shape[SLAB_SHAPE_TEXT_MAX];
    int number;
    bool is_new;
    TRY(number_of(p, o, &number, &is_new));
    TRY(append(&p->dot, "  node%d [shape=%s, label=\"%s\\n%s\"];\n", number,
               o->store ? "cylinder" : "note", quoted(o->name, label),
               slab_shape_text(slab_value_shape(o->value), shape)));
    TRY(append(&p->dot, "  pass%d -> node%d;\n", pass, number));
done:
    return rc;
}

slab_status program_dot_pass(slab_program *p, int number, const program_pass *pass)
{
    slab_status rc = SLAB_OK;
    char label[200], shape[SLAB_SHAPE_TEXT_MAX];
    TRY(append(&p->dot, "  pass%d [shape=box, label=\"pass %d: %s\\n%s\"];\n", number, number,
               quoted(pass->name, label), slab_shape_text(pass->shape, shape)));
    for (int i = 0; i < pass->nsources; i++)
        TRY(draw_source(p, number, pass->sources[i]));
    for (int i = 0; i < pass->ncomputations; i++)
        TRY(draw_computation(p, number, pass->computations[i]));
    for (int i = 0; i < pass->noutputs; i++)
        TRY(draw_output(p, number, pass->outputs[i]));
done:
    return rc;
}

slab_status slab_program_dot(const slab_program *program, char **out)
{
    slab_status rc = SLAB_OK;
    *out = NULL;
    size_t n = (program->dot ? strlen(program->dot) : 0) + 64;
    TRY(slab_memory_alloc((void **)out, n, 1, "a graph"));
    snprintf(*out, n, "digraph slab {\n%s}\n", program->dot ? program->dot : "");
done:
    return rc;
}

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

slab_status program_dot_pass(slab_program *p, int number, const program_pass *pass)
{
    slab_status rc = SLAB_OK;
    char label[200], shape[SLAB_SHAPE_TEXT_MAX];
    TRY(append(&p->dot, "  pass%d [shape=box, label=\"pass %d: %s\\n%s\"];\n", number, number,
               quoted(pass->name, label), slab_shape_text(pass->shape, shape)));
    for (int i = 0; i < pass->nsources; i++) {
        const slab_value *source = pass->sources[i];
        int64_t bytes = slab_value_packed_bytes(source);
        const slab_computation *c = slab_computation_of(source);
        if (bytes > 0) {
            TRY(append(&p->dot, "  source%p [shape=cylinder, label=\"%s\\n%" PRId64 " bytes\"];\n",
                       (const void *)source, slab_shape_text(slab_value_shape(source), shape),
                       bytes));
            TRY(append(&p->dot, "  source%p -> pass%d;\n", (const void *)source, number));
        } else if (c) {
            TRY(append(&p->dot, "  result%p -> pass%d;\n", (const void *)c, number));
        }
    }
    for (int i = 0; i < pass->ncomputations; i++) {
        const slab_computation *c = pass->computations[i];
        TRY(append(&p->dot, "  result%p [shape=ellipse, label=\"%s\"];\n", (const void *)c,
                   quoted(c->cls->name, label)));
        TRY(append(&p->dot, "  pass%d -> result%p;\n", number, (const void *)c));
    }
    for (int i = 0; i < pass->noutputs; i++) {
        const program_output *o = pass->outputs[i];
        TRY(append(&p->dot, "  output%p [shape=%s, label=\"%s\\n%s\"];\n", (const void *)o,
                   o->store ? "cylinder" : "note", quoted(o->name, label),
                   slab_shape_text(slab_value_shape(o->value), shape)));
        TRY(append(&p->dot, "  pass%d -> output%p;\n", number, (const void *)o));
    }
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

/* Evaluation of the tree, in three files: operators, calls, and what holds them together. */
#ifndef SLAB_COMPUTE_EXPRESSION_BUILD_IMPL_H
#define SLAB_COMPUTE_EXPRESSION_BUILD_IMPL_H

#include <slab/compute/expression/expression_impl.h>
#include <slab/compute/expression/function_impl.h>

typedef struct builder {
    slab_expression *e;
    slab_datum *meaning; /* [nsymbols]: of names that were bound or assigned */
    bool *has_meaning;   /* [nsymbols] */
    build_context context;
} builder;

/* build.c: any node. `out` is the caller's to clear. */
slab_status build_node(builder *b, const node *n, slab_datum *out);
/* What an unbound name means in the language. */
slab_status build_language_name(const char *name, int at, slab_datum *out);

/* build_operator.c */
slab_status build_unary(builder *b, const node *n, slab_datum *out);
slab_status build_binary(builder *b, const node *n, slab_datum *out);
slab_status build_compare(builder *b, const node *n, slab_datum *out);
slab_status build_choice(builder *b, const node *n, slab_datum *out);

/* build_call.c: name(...), object.name(...), object.name */
slab_status build_call(builder *b, const node *n, slab_datum *out);
slab_status build_attribute(builder *b, const node *n, slab_datum *out);

/* A sound value as a datum; the reference is handed over, also on failure. */
slab_status build_give(slab_value *value, bool known, slab_datum *out);
/* Items of lists within lists, all together: texts of a few bytes can name ever longer lists. */
int64_t build_count_items(const slab_datum *datum);
slab_status build_check_items(int64_t n);

#endif

/* The registry of operations. */
#include <slab/compute/graph/op.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLAB_OP(name) extern const slab_op slab_op_##name;
#include <slab/compute/graph/op_list.h>
#undef SLAB_OP

static const slab_op *const ops[] = {
#define SLAB_OP(name) &slab_op_##name,
#include <slab/compute/graph/op_list.h>
#undef SLAB_OP
};

enum { NAMES_MOST = 512 };

typedef struct op_name {
    const char *text;
    size_t length;
    const slab_op *op;
} op_name;

static op_name names[NAMES_MOST]; /* sorted */
static size_t nnames;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int compare_names(const void *x, const void *y)
{
    const op_name *a = x, *b = y;
    size_t least = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->text, b->text, least);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static void add_name(const char *text, size_t length, const slab_op *op)
{
    if (nnames < NAMES_MOST)
        names[nnames++] = (op_name){text, length, op};
}

static void sort_names(void)
{
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        add_name(ops[i]->name, strlen(ops[i]->name), ops[i]);
        for (const char *at = ops[i]->aliases; at && *at;) {
            size_t length = strcspn(at, " ");
            add_name(at, length, ops[i]);
            at += length + (at[length] == ' ');
        }
    }
    qsort(names, nnames, sizeof *names, compare_names);
}

const slab_op *slab_op_at(int i)
{
    return i >= 0 && (size_t)i < sizeof ops / sizeof *ops ? ops[i] : NULL;
}

const slab_op *slab_op_by_name(const char *name)
{
    op_name key = {.text = name, .length = strlen(name)};
    pthread_once(&once, sort_names);
    const op_name *found = bsearch(&key, names, nnames, sizeof *names, compare_names);
    return found ? found->op : NULL;
}

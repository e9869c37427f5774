/**
 * What the parts of 'slab diff' share: how to compare, and what has been found.
 */
#ifndef SLAB_TOOLS_DIFF_H
#define SLAB_TOOLS_DIFF_H

#include <slab/compute/sink/difference.h>
#include <slab/tools/json.h>

typedef struct slab_diff {
    slab_call *call;
    slab_difference_options options; /* tile_bytes is chosen for every pair */
    bool strict;                     /* element types must be the same too */
    bool provenance;                 /* attributes that say how something came to be count too */
    json_t *arrays, *objects;        /* NULL both: text is printed instead */
    int64_t ndifferent, nsame;       /* objects */
} slab_diff;

/** An object with which something other than its elements is wrong; counts it. Prints on rank 0.
 * @param what  "missing", "kind", "shape", "type", "link", "attribute" */
void slab_diff_note(slab_diff *diff, const char *path, const char *what, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** Two arrays to compare. */
typedef struct slab_diff_pair {
    const char *name; /* as they are called in what is printed */
    slab_array *a, *b;
    const slab_selection *select_a, *select_b; /* NULL: everything */
} slab_diff_pair;

/** Compares elements. Collective. @param plan  not NULL: adds what it would cost, and does nothing
 */
slab_status slab_diff_arrays(slab_diff *diff, const slab_diff_pair *pair, slab_plan *plan);

/**
 * Compares what is below two groups, all but the elements of arrays that both have. Local: call it
 * on rank 0.
 * @param[out] common  paths of those arrays, relative to the groups, each with its NUL; bytes in
 *                     *size; slab_memory_free() it
 */
slab_status slab_diff_trees(slab_diff *diff, slab_file *a, const char *path_a, slab_file *b,
                            const char *path_b, char **common, size_t *size);

#endif

/**
 * "Did you mean": the nearest of some names to a mistyped one.
 */
#ifndef SLAB_TOOLS_NEAREST_H
#define SLAB_TOOLS_NEAREST_H

/** How many letters must be changed, added, dropped or swapped with their neighbour to make b of a;
 * long words are compared by their first 31 letters. */
int slab_edit_distance(const char *a, const char *b);

/** The best of the names seen so far. Initialise with the mistyped word and {0}. */
typedef struct slab_nearest {
    const char *word;
    const char *best; /* NULL: nothing is near enough */
    int distance;
} slab_nearest;

void slab_nearest_see(slab_nearest *nearest, const char *name);

#endif

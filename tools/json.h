/**
 * JSON output, through jansson. Reals have 17 digits, so that reading them gives the same bits.
 */
#ifndef SLAB_TOOLS_JSON_H
#define SLAB_TOOLS_JSON_H

#include <jansson.h>
#include <slab/tools/command.h>

/** A real; null where JSON has no word for it (NaN, infinity). */
json_t *slab_json_real(double value);

/** Text from a file; bytes that are not UTF-8 are replaced by '?'. */
json_t *slab_json_text(const char *text);

/** Sets object[name], a name from a file. Names that are one once they are UTF-8 get a number each:
 * none is lost. */
void slab_json_set_named(json_t *object, const char *name, json_t *value);

json_t *slab_json_shape(const slab_shape *shape);

/** One native element: a number, a bool, text, or [real, imaginary]. */
json_t *slab_json_element(slab_dtype native, const void *element);

/** An attribute's value: an element, a flat list of elements in C order, or text. */
json_t *slab_json_attribute(const slab_attribute *attribute);

/** Prints and frees it. */
void slab_print_json(slab_call *call, json_t *value);

#endif

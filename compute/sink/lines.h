/**
 * Whole lines: hands every line of a value along some axes, dense and complete, to a function that
 * makes an element of the result of it. For what needs all elements of a line at once (a median
 * along a short axis) and is no sum of parts.
 */
#ifndef SLAB_COMPUTE_SINK_LINES_H
#define SLAB_COMPUTE_SINK_LINES_H

#include <slab/compute/sink/sink.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_lines slab_lines;
extern const slab_sink_class slab_sink_lines;

typedef struct slab_lines_task {
    void *context;
    size_t result_bytes;  /* a line gives so many */
    size_t scratch_bytes; /* a thread's, for `line` */

    /** One line: n native elements, C order over the reduced axes. Thread-safe. */
    slab_status (*line)(void *context, const void *elements, int64_t n, void *scratch,
                        void *result);

    /** The results of a part of the value, C order over the axes that stay: once for all of it
     * (on every rank), or when the lines emit for every group of tiles (on one). */
    slab_status (*take)(void *context, const slab_span *span, const void *results);
    bool emits;
} slab_lines_task;

/** @param axes  that lines run along; tiles hold them whole. Not 0 */
slab_status slab_lines_create(const slab_value *value, uint32_t axes, const slab_lines_task *task,
                              slab_lines **out);
void slab_lines_destroy(slab_lines **lines);

#ifdef __cplusplus
}
#endif
#endif

/*
 * Between sinks that keep one slot for every element of the axes that stay: where the slots of a
 * span lie, and a tile of any rank and strides as the matrices that kernels take.
 */
#ifndef SLAB_COMPUTE_SINK_SLOTS_IMPL_H
#define SLAB_COMPUTE_SINK_SLOTS_IMPL_H

#include <slab/compute/sink/sink.h>

typedef struct slots_frame {
    slab_shape shape; /* of the value */
    uint32_t axes;    /* reduced away (bit a: axis a) */
    uint32_t size;    /* bytes of an element */
    bool by_rows;     /* matrices with a slot a row are taken too */
    bool places;      /* matrices say where in the reduced axes their elements are */
} slots_frame;

/* All axes of an array, as bits. */
uint32_t slots_axes_all(int rank);

/* The axes that stay; rank 0 when there are none. */
slab_shape slots_kept_shape(const slots_frame *frame);

/* Slots of a span: dense in C order over the kept axes. */
int64_t slots_count(const slots_frame *frame, const slab_span *span);

typedef enum slots_target { SLOTS_ONE, SLOTS_BY_COLUMN, SLOTS_BY_ROW } slots_target;

/* Part of a tile. All elements go to slot `slot`, or column j goes to slot + j, or row i to
 * slot + i row_slots. */
typedef struct slots_matrix {
    const char *data;
    int64_t rows, columns;
    int64_t row_stride, stride; /* bytes */
    slots_target target;
    int64_t slot, row_slots;

    /* Element (i, j) is number place + i row_place + j column_place among those of its slot, in C
     * order over the reduced axes of the whole array. */
    int64_t place, row_place, column_place;
} slots_matrix;

typedef slab_status (*slots_take)(void *context, const slots_matrix *matrix);

/* Cuts a tile into matrices, in an order that follows from its box and strides alone. */
slab_status slots_walk(const slots_frame *frame, const slab_span *span, const slab_tile *tile,
                       slots_take take, void *context);

/* Runs of adjacent slots: n from `from` on go to those from `into` on. */
typedef void (*slots_join)(void *context, int64_t into, int64_t from, int64_t n);

/* The slots of `from_span` and where they lie among those of `into_span`, which covers it. */
void slots_merge(const slots_frame *frame, const slab_span *into_span, const slab_span *from_span,
                 slots_join join, void *context);

#endif

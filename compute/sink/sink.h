/**
 * Sinks: where a pass's tiles go. Whoever writes a sink writes no I/O, no threads and no MPI.
 *
 * A pass cuts its value into tiles of a fixed grid, and the tiles into numbered tasks. For every
 * task a sink's state starts empty, takes the task's tiles one after another, and is merged with
 * its neighbours' in a fixed binary tree over task numbers. So the bits of the result depend on
 * the array's shape and chunks, never on ranks, threads or the memory budget.
 */
#ifndef SLAB_COMPUTE_SINK_SINK_H
#define SLAB_COMPUTE_SINK_SINK_H

#include <slab/compute/graph/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A tile handed to a sink. */
typedef struct slab_tile {
    int64_t number;           /* in the pass's grid */
    slab_box box;             /* elements of the value */
    slab_dtype dtype;         /* native */
    slab_view view;           /* its elements */
    const slab_view *views;   /* of a sink that takes several values: all of them, [0] is `view` */
    const slab_dtype *dtypes; /* theirs */
    int thread;               /* that calls: for sinks that write (slab_writer_put) */
} slab_tile;

/** Values that one sink can be shown side by side. */
#define SLAB_TILE_VIEWS_MAX 4

/**
 * The part of the value that a state covers: the bounding box of its task's tiles, or of all tasks
 * merged into it. State layouts may depend on it (one slot per column covered).
 */
typedef slab_box slab_span;

/** What a sink wants of the pass. */
typedef struct slab_sink_wants {
    /** Axes that a tile must hold whole (bit a: axis a): Gram needs full rows or columns. */
    uint32_t whole_axes;

    /**
     * Times each band is shown, 1 or more. A band is all tiles that share the coordinates along
     * `band_axis`; with nphases > 1 a task holds whole bands, and every band's tiles are shown
     * once per phase, with turn() after each. Packed bytes are kept in between if memory allows.
     */
    int nphases;
    int band_axis; /* -1: no bands are needed (nphases is 1) */

    /** Axes that consecutive tiles should run along (bit a: axis a), because the state does not
     * grow with them: the axes that a reduction removes. 0: no wish, tiles come in C order. */
    uint32_t run_axes;

    /** What taking a byte of a tile costs, over what merging a byte of a state costs; 0 means 1.
     * A task gets so many tiles that merging is at most about a tenth of the work: a sink that
     * computes much per byte (Gram: d / 20 for f32 [n, d]) says so, and gets smaller tasks. */
    double intensity;

    /** A state's layout does not depend on what it covers: neighbours are added to each other in
     * place, with no new state for both. */
    bool one_layout;

    /** A tile may be shown in parts of SLAB_PART_BYTES, each as a tile of its own, while they are
     * in the nearest cache. The sink must give the same bits for the tile and for its parts: it
     * cuts the tile itself, by slab_sink_each_part(). */
    bool in_parts;

    /** The result is too large for every rank to hold: states of tiles that share their place along
     * the axes not in `run_axes` are merged with each other alone, and emit() takes each such
     * group's state away as soon as it is whole. finish() gets no state then. */
    bool emits;

    /** The grid that the pass must use: the chunks that are written. NULL: the value's own. */
    const slab_grid *grid;
} slab_sink_wants;

/** Integers that a sink has outside of its states: a table [rows, ld], of which the first n of
 * every row are used. What all ranks' tables add up to (modulo 2^64) is what counts. */
typedef struct slab_sink_sums {
    void *table; /* 64-bit integers, whatever type they will have in the end */
    int64_t rows, n, ld;
} slab_sink_sums;

typedef struct slab_sink_class {
    const char *name;
    slab_sink_wants (*wants)(const void *sink);

    /** Bytes of a state that covers span; the pass allocates it, zeroed and aligned to 64 bytes.
     * States are sent between ranks byte by byte: they hold no pointers. */
    size_t (*state_bytes)(const void *sink, const slab_span *span);

    /** Scratch bytes per thread, for tiles of these extents. NULL: none. What is in it stays from
     * tile to tile of a task, and for turn(). */
    size_t (*scratch_bytes)(const void *sink, const slab_shape *tile);

    /** Makes an empty state. NULL: zeroed memory is one. */
    void (*init)(const void *sink, const slab_span *span, void *state);

    /** What the tile is for is there already: an unfinished run has left it. A tile that is there
     * for all sinks is not shown; of bands, those whose tiles all are. NULL: never. For sinks whose
     * results lie outside of their state. Thread-safe. */
    bool (*has)(const void *sink, int64_t number, const slab_box *box);

    /** Takes a tile. `scratch` is the calling thread's. */
    slab_status (*accumulate)(const void *sink, const slab_span *span, void *state, int phase,
                              const slab_tile *tile, void *scratch);

    /** A band has been shown once more. NULL: nothing to do. */
    slab_status (*turn)(const void *sink, const slab_span *span, void *state, int phase,
                        void *scratch);

    /** into += from; `into_span` covers from's. Tiles of `from` come after those of `into`.
     * When two neighbours cover different parts, both are merged into an empty state that covers
     * them together. NULL: the sink has no state (state_bytes is not called). */
    slab_status (*merge)(const void *sink, const slab_span *into_span, void *into,
                         const slab_span *from_span, const void *from);

    /** Takes the state of a whole group of tiles: span is final. Called once for every group, on
     * any rank and thread, in any order. For sinks that say `emits`. */
    slab_status (*emit)(void *sink, const slab_span *span, void *state);

    /** All that tiles leave behind lies in the states: these may be kept in a checkpoint, and
     * another run goes on with them. */
    bool in_state;

    /** The same for what lies outside of them; false: there is nothing of the kind now. NULL:
     * never. A sink that has neither, and no `has`, makes a pass that was stopped start over. */
    bool (*sums)(const void *sink, slab_sink_sums *out);

    /** Takes the state of everything; called on every rank with the same bits. NULL: nothing to do.
     * `state` is NULL for sinks that emit. */
    slab_status (*finish)(void *sink, const slab_span *span, void *state);
} slab_sink_class;

/** The sinks there are, by name (NULL: none of that name) and by number 0.. (NULL: no more). */
const slab_sink_class *slab_sink_by_name(const char *name);
/** For a sink that takes parts: hands it a tile's parts one after another, though the tile may be
 * whole. @param size  bytes of an element */
typedef slab_status (*slab_take_part)(void *context, const slab_tile *part);
slab_status slab_sink_each_part(const slab_tile *tile, size_t size, slab_take_part take,
                                void *context);

const slab_sink_class *slab_sink_at(int i);

#ifdef __cplusplus
}
#endif
#endif

/**
 * Extents, boxes and overflow-checked sizes.
 */
#ifndef SLAB_STORAGE_BASE_SHAPE_H
#define SLAB_STORAGE_BASE_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <slab/storage/base/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLAB_RANK_MAX 32

/** Extents of an array; rank 0 is a scalar with one element. */
typedef struct slab_shape {
    int rank;
    int64_t extent[SLAB_RANK_MAX];
} slab_shape;

/** A box of elements: start[i] .. start[i] + count[i] along axis i. */
typedef struct slab_box {
    int rank;
    int64_t start[SLAB_RANK_MAX];
    int64_t count[SLAB_RANK_MAX];
} slab_box;

/**
 * A regular grid of tiles (or chunks) over a shape; edge tiles may be partial.
 *
 * The first tile along an axis may be cut off at its front: tile i covers the elements
 * i * tile - phase .. (i + 1) * tile - phase, clipped to the shape. So the tiles of x[1000:] can
 * lie on the chunks of x.
 */
typedef struct slab_grid {
    slab_shape shape;              /* of the whole, elements */
    slab_shape tile;               /* extents of one tile, each >= 1 */
    int64_t phase[SLAB_RANK_MAX];  /* 0 <= phase < tile: elements missing from the first tile */
    slab_shape count;              /* tiles along each axis */
    int64_t ntiles;                /* product of count; 0 when the shape holds no element */
} slab_grid;

/** a * b and a + b with a check. @retval SLAB_ERR_OVERFLOW */
slab_status slab_size_multiply(size_t a, size_t b, size_t *out);
slab_status slab_size_add(size_t a, size_t b, size_t *out);
slab_status slab_extent_multiply(int64_t a, int64_t b, int64_t *out);

/** Number of elements. @retval SLAB_ERR_OVERFLOW more than 2^63 - 1
 *  @retval SLAB_ERR_RANGE a negative extent */
slab_status slab_shape_elements(const slab_shape *shape, int64_t *out);

bool slab_shape_equal(const slab_shape *a, const slab_shape *b);

/** Parses "20000x100000" (also "20000,100000"; "" is rank 0). @retval SLAB_ERR_SHAPE */
slab_status slab_shape_parse(const char *text, slab_shape *out);

/** Writes "[20000, 100000]". @p text holds at least SLAB_SHAPE_TEXT_MAX bytes. Returns text. */
#define SLAB_SHAPE_TEXT_MAX 720
char *slab_shape_text(const slab_shape *shape, char *text);

/** Makes the grid. @param phase  NULL: all zero. @retval SLAB_ERR_SHAPE ranks differ or a tile extent < 1
 *  @retval SLAB_ERR_OVERFLOW too many tiles */
slab_status slab_grid_make(const slab_shape *shape, const slab_shape *tile, const int64_t *phase,
                           slab_grid *out);

/** Coordinates of tile number n (C order: the last axis varies fastest). */
void slab_grid_coords(const slab_grid *grid, int64_t n, int64_t coords[SLAB_RANK_MAX]);

/** Number of the tile at coords. */
int64_t slab_grid_number(const slab_grid *grid, const int64_t coords[SLAB_RANK_MAX]);

/** The elements of a tile, clipped to the shape. */
void slab_grid_box(const slab_grid *grid, int64_t n, slab_box *out);

/** Elements in a box; the caller knows that it fits. */
int64_t slab_box_elements(const slab_box *box);

/** Intersection; false (and count 0) when empty. */
bool slab_box_intersect(const slab_box *a, const slab_box *b, slab_box *out);

/** The whole of a shape as a box. */
slab_box slab_box_whole(const slab_shape *shape);

/** What a part holds at most where decoding and computing share the nearest cache. */
#define SLAB_PART_BYTES ((size_t)64 << 10)

/**
 * Cuts a box into parts: as many whole rows of its last axes as `most` bytes hold (one element at
 * least), in C order. The cut depends on the box's extents alone, and a part is its own only part.
 * False: there is no part, or no further one after *part.
 */
bool slab_box_first_part(const slab_box *box, size_t size, size_t most, slab_box *part);
bool slab_box_next_part(const slab_box *box, size_t size, size_t most, slab_box *part);

/**
 * Copies a box between two strided blocks of equal element size; the innermost runs are memcpy'd.
 *
 * @param rank          axes
 * @param count         elements along each axis
 * @param src_stride    in bytes; @param dst_stride in bytes
 * @param size          bytes per element
 */
void slab_box_copy(int rank, const int64_t *count, const void *src, const int64_t *src_stride,
                   void *dst, const int64_t *dst_stride, size_t size);

/** C-order strides in bytes of a block with these extents. */
void slab_strides_of(int rank, const int64_t *count, size_t size, int64_t *stride);

#ifdef __cplusplus
}
#endif
#endif

/**
 * Tiles that suit two grids at once: for reading two arrays side by side whose chunks differ, or
 * an array that is written with other chunks.
 */
#ifndef SLAB_STORAGE_JOINT_GRID_H
#define SLAB_STORAGE_JOINT_GRID_H

#include <slab/storage/base/shape.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The tiles of at most @p limit bytes for which the least is decoded twice, and among those the
 * smallest. A chunk that several tiles touch is decoded for each of them.
 *
 * @param a, b          grids of one shape
 * @param size_a, size_b  bytes of an element of each; a tile holds elements of both
 * @param whole_b       a tile must hold whole tiles of @p b: it is written
 * @param limit         when even the smallest tile is larger, that one is taken
 * @retval SLAB_ERR_SHAPE  the shapes differ
 */
slab_status slab_joint_grid(const slab_grid *a, size_t size_a, const slab_grid *b, size_t size_b,
                            bool whole_b, size_t limit, slab_grid *out);

#ifdef __cplusplus
}
#endif
#endif

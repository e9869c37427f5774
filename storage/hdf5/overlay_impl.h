/**
 * Bytes written over a file, kept in memory: pages of 4 KiB with a bit for every byte written.
 *
 * The bits matter. A page may hold metadata between chunks that other ranks write into the file at
 * the same time; at commit only what HDF5 wrote may go out.
 */
#ifndef SLAB_STORAGE_HDF5_OVERLAY_IMPL_H
#define SLAB_STORAGE_HDF5_OVERLAY_IMPL_H

#include <slab/storage/hdf5/journal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slab_overlay slab_overlay;

slab_status slab_overlay_create(slab_overlay **out);
void slab_overlay_destroy(slab_overlay **overlay);

slab_status slab_overlay_write(slab_overlay *overlay, uint64_t address, size_t size,
                               const void *bytes);

/** True when every byte of the range has been written. */
bool slab_overlay_covers(const slab_overlay *overlay, uint64_t address, size_t size);

/** Puts what was written over bytes that came from the file. */
void slab_overlay_read(const slab_overlay *overlay, uint64_t address, size_t size, void *bytes);

/** All that was written, in order of address, as pointers into the overlay. slab_memory_free(). */
slab_status slab_overlay_patches(const slab_overlay *overlay, slab_patch **out, size_t *n);

#endif

/**
 * The end of a file that several ranks write: space is handed out past it, from one shared counter.
 *
 * Nobody waits for anybody. What is handed out is never taken back: a transaction that fails
 * truncates the file, one that commits owns it all.
 */
#ifndef SLAB_STORAGE_SPACE_H
#define SLAB_STORAGE_SPACE_H

#include <slab/storage/base/ranks.h>

/** Space comes in pages: no two reservations share one. */
#define SLAB_SPACE_UNIT UINT64_C(4096)

typedef struct slab_space slab_space;

/** Starts at address 0. Collective, as is destroy. */
slab_status slab_space_create(slab_ranks *ranks, slab_space **out);
void slab_space_destroy(slab_space **space);

/** Moves the end up to at least @p end: what the file holds already. Thread-safe. */
slab_status slab_space_raise(slab_space *space, uint64_t end);

/** Reserves @p bytes (rounded up to whole units) at a multiple of @p align, a power of two, past
 * everything reserved before. Thread-safe.
 * @retval SLAB_ERR_OVERFLOW  more than a file can hold */
slab_status slab_space_reserve(slab_space *space, uint64_t bytes, uint64_t align,
                               uint64_t *address);

/** Where the reserved space ends now. Thread-safe. */
slab_status slab_space_end(slab_space *space, uint64_t *end);

#endif

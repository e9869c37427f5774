/**
 * Global heaps: where HDF5 keeps texts and lists of variable length.
 *
 * HDF5 1.10 believes what a heap says of the sizes of its objects: it copies what lies behind the
 * heap, over what lies behind its own buffer, and goes round in circles at a size of 0. The driver
 * looks at each heap before HDF5 does.
 */
#ifndef SLAB_STORAGE_HDF5_HEAP_IMPL_H
#define SLAB_STORAGE_HDF5_HEAP_IMPL_H

#include <slab/storage/hdf5/driver_impl.h>

/**
 * Whether a read of raw data, as which HDF5 reads heaps too, has come to a heap whose objects do
 * not fill it. Costs a look at each object's header; of a heap that was not read as a whole, one
 * more read of the rest.
 * @param bytes  what was read: `size` bytes at `address`; anything but the beginning of a heap is
 * left alone
 * @retval SLAB_ERR_FORMAT  the heap is damaged
 * @retval SLAB_ERR_IO
 */
slab_status slab_heap_check(const slab_driver_file *file, uint64_t address, size_t size,
                            const uint8_t *bytes);

/** What objects a heap has; all 0 at first. */
typedef struct slab_heap {
    uint64_t address; /* of the heap that was loaded last; 0: none was */
    uint64_t *sizes;  /* in bytes, by number; UINT64_MAX: there is none */
    size_t n, room;
} slab_heap;

/**
 * How many bytes an object of a heap has. The heap is read when it is another one than the last
 * time.
 * @param[out] size  UINT64_MAX: there is no such object
 * @retval SLAB_ERR_FORMAT  there is no heap, or it is damaged
 * @retval SLAB_ERR_IO, SLAB_ERR_MEMORY
 */
slab_status slab_heap_object(const slab_driver_file *file, slab_heap *heap, uint64_t address,
                             uint32_t number, uint64_t *size);
void slab_heap_clear(slab_heap *heap);

#endif

/**
 * HDF5's checksum of raw bytes.
 */
#ifndef SLAB_STORAGE_CODEC_FLETCHER32_IMPL_H
#define SLAB_STORAGE_CODEC_FLETCHER32_IMPL_H

#include <stddef.h>
#include <stdint.h>

uint32_t slab_fletcher32(const void *data, size_t n);

#endif

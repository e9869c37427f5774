/* Conversions between native number types, one loop a pair. */
#ifndef SLAB_STORAGE_BASE_CONVERT_IMPL_H
#define SLAB_STORAGE_BASE_CONVERT_IMPL_H

#include <slab/storage/base/dtype.h>

/* src and dst are aligned to their elements and do not overlap. */
void convert_native(slab_dtype from, const void *src, slab_dtype to, void *dst, size_t n);

#endif

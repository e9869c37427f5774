/**
 * Describing arrays in words, for ls and info.
 */
#ifndef SLAB_TOOLS_ARRAY_WORDS_H
#define SLAB_TOOLS_ARRAY_WORDS_H

#include <slab/storage/array.h>

enum { SLAB_DESCRIBE_MAX = 1024 };

/** "float32", or HDF5's own words for types slab has none for. text: SLAB_DESCRIBE_MAX bytes. */
const char *slab_describe_type(const slab_array_info *info, char *text);

/** "shuffle, zstd (3)"; "none". */
const char *slab_describe_filters(const slab_array_info *info, char *text);

/** "1092x14079", "scalar". */
const char *slab_describe_extents(const slab_shape *shape, char *text);

/** "chunked", "contiguous", ... */
const char *slab_describe_layout(slab_layout layout);

/** Bytes of all elements as they are in memory; UINT64_MAX when they do not fit. */
uint64_t slab_describe_plain_bytes(const slab_array_info *info);

/** A filter's name: the codec's, HDF5's, or "filter 307". text: SLAB_DESCRIBE_MAX bytes. */
const char *slab_describe_filter(int id, char *text);

/** Opens an array to describe it. *out NULL, and what is wrong in the error record: the array
 * itself cannot be used, which is no failure of who looks. Everything else is: the disk, the
 * budget, a writer. */
slab_status slab_array_open_if_sound(slab_file *file, const char *path, slab_array **out);

#endif

/**
 * A foreign file being read: every rank opens it, any thread reads any part of it.
 */
#ifndef SLAB_FORMAT_INPUT_IMPL_H
#define SLAB_FORMAT_INPUT_IMPL_H

#include <slab/storage/base/ranks.h>
#include <slab/storage/base/status.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slab_input {
    char *path;
    int fd;
    int64_t bytes; /* size when it was opened */
} slab_input;

/** Opens a regular file. Collective. @retval SLAB_ERR_NOT_FOUND, SLAB_ERR_IO */
slab_status slab_input_open(slab_ranks *ranks, const char *path, slab_input *out);
void slab_input_close(slab_input *in);

/** Reads exactly these bytes. Thread-safe. @retval SLAB_ERR_FORMAT  the file ends before them */
slab_status slab_input_read(const slab_input *in, int64_t offset, void *dst, size_t bytes);

#endif

/**
 * A foreign file being written by all ranks: under a temporary name beside it, made durable and
 * renamed when it is whole. Until then, and after a failure, what stood there stands.
 */
#ifndef SLAB_FORMAT_OUTPUT_H
#define SLAB_FORMAT_OUTPUT_H

#include <slab/storage/base/ranks.h>
#include <slab/storage/base/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_output {
    slab_ranks *ranks;
    char *path; /* of one that is replaced: links resolved */
    char *temporary;
    int fd;
    bool force;
    bool stream;   /* the standard output: rank 0 writes it from front to back */
    bool replaces; /* rank 0: there was a file, whose rights the new one gets: */
    struct stat old;
} slab_output;

/** A link is followed. Collective.
 *  @retval SLAB_ERR_EXISTS  path is taken and force is off
 *  @retval SLAB_ERR_USAGE  there is a device, a pipe or a socket
 *  @retval SLAB_ERR_NOT_FOUND  the folder is missing */
slab_status slab_output_open(slab_ranks *ranks, const char *path, bool force, slab_output *out);

/** Writes bytes at an offset. Thread-safe. To a stream: rank 0 alone, front to back. */
slab_status slab_output_write(const slab_output *out, int64_t offset, const void *src,
                              size_t bytes);

/** Makes the bytes durable: each rank its own. Collective. */
slab_status slab_output_sync(slab_output *out);

/** Gives the file its name. Collective; after slab_output_sync(). */
slab_status slab_output_rename(slab_output *out);

/** Removes the temporary file unless it was renamed. Collective in that all ranks come here. */
void slab_output_close(slab_output *out);

#ifdef __cplusplus
}
#endif
#endif

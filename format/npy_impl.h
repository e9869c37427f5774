/**
 * The header of an NPY file: a Python dictionary of three entries, read by hand.
 */
#ifndef SLAB_FORMAT_NPY_IMPL_H
#define SLAB_FORMAT_NPY_IMPL_H

#include <slab/format/input_impl.h>
#include <slab/storage/base/dtype.h>
#include <slab/storage/base/shape.h>
#include <stdbool.h>

typedef struct slab_npy_header {
    slab_dtype dtype; /* as stored; may be big-endian */
    bool fortran_order;
    slab_shape shape;
    int64_t data; /* offset of the first element */
} slab_npy_header;

/** Longest header that is read: a shape of 32 axes takes less than 1 KiB. */
#define SLAB_NPY_HEADER_MAX 65536

/** Reads and checks the header, and that the file is as long as it says. Local to this rank.
 * @retval SLAB_ERR_FORMAT       malformed; the message gives the byte
 * @retval SLAB_ERR_UNSUPPORTED  an element type that slab has not */
slab_status slab_npy_read_header(const slab_input *in, slab_npy_header *out);

/** Makes the header of a C-order file: magic, version, dictionary, padded to 64 bytes.
 * @param text  SLAB_NPY_TEXT_MAX bytes
 * @retval SLAB_ERR_TYPE  NumPy has no such type */
#define SLAB_NPY_TEXT_MAX 2048
slab_status slab_npy_make_header(slab_dtype dtype, const slab_shape *shape, char *text,
                                 size_t *length);

#endif

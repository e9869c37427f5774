/**
 * Element types, as stored in a file and as held in memory.
 *
 * A slab_dtype describes both: on disk it may be big-endian or use fewer bits than its width; its
 * native twin (slab_dtype_native) is little-endian, full precision, and what kernels work on.
 */
#ifndef SLAB_STORAGE_BASE_DTYPE_H
#define SLAB_STORAGE_BASE_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <slab/storage/base/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum slab_kind {
    SLAB_KIND_BOOL,    /* one byte, 0 or 1 (h5py's enum FALSE/TRUE) */
    SLAB_KIND_INT,     /* two's complement */
    SLAB_KIND_UINT,
    SLAB_KIND_FLOAT,   /* IEEE 754: 2, 4, 8 bytes */
    SLAB_KIND_COMPLEX, /* two floats, (r, i): 4, 8 or 16 bytes */
    SLAB_KIND_STRING,  /* fixed length, NUL-padded */
    SLAB_KIND_OTHER    /* anything else: only its size and HDF5's own name for it are known */
} slab_kind;

typedef struct slab_dtype {
    slab_kind kind;
    uint32_t size;      /* bytes an element takes, 1 and up */
    uint16_t precision; /* significant bits, 8 * size when all are */
    uint16_t offset;    /* of the lowest significant bit (integers of reduced precision) */
    bool big_endian;
    bool is_enum;       /* an HDF5 enum other than bool; its values are those of the integer */
} slab_dtype;

/** The full-precision little-endian type of a kind and size: slab_dtype_make(SLAB_KIND_FLOAT, 4). */
slab_dtype slab_dtype_make(slab_kind kind, uint32_t size);

/** What the type becomes in memory: little-endian, all bits significant. */
slab_dtype slab_dtype_native(slab_dtype dtype);

bool slab_dtype_equal(slab_dtype a, slab_dtype b);

/** True when stored bytes are the native ones: no swap, no sign extension. */
bool slab_dtype_is_native(slab_dtype dtype);

/** True for bool, integers, floats and complex: what arithmetic takes. */
bool slab_dtype_is_number(slab_dtype dtype);

/** Parses NumPy's spellings: f4 float32 <f4 >i2 u1 uint8 bool c16 complex128 S12.
 * @retval SLAB_ERR_TYPE  not one of them */
slab_status slab_dtype_parse(const char *text, slab_dtype *out);

/** Writes NumPy's name: "float32", ">i2" for big-endian, "uint8 (2 bits)" for reduced precision.
 * @p text holds at least SLAB_DTYPE_NAME_MAX bytes. Returns text. */
#define SLAB_DTYPE_NAME_MAX 64
char *slab_dtype_name(slab_dtype dtype, char *text);

/**
 * Converts n elements between number types (or copies strings of equal size).
 *
 * From stored to native (swap, shift, sign-extend), native to stored, and between native types.
 * As NumPy's astype on x86: integers wrap; floats are truncated, and what the integer cannot hold
 * becomes the least int32 or int64, of which narrower types keep the low bits (NaN and 1e10 as int8
 * are 0, 300 is 44). Complex to real keeps the real part; a bool is whether either part is not 0.
 * src and dst may be the same when the sizes are equal; else they must not overlap.
 *
 * @retval SLAB_ERR_TYPE  no such conversion
 */
slab_status slab_dtype_convert(slab_dtype from, const void *src, slab_dtype to, void *dst,
                               size_t n);

/** One element as a double (real part of a complex; strings are an error in the caller). */
double slab_dtype_get_double(slab_dtype native, const void *element);

/** Prints one native element so that reading it back gives the same bits ("%.17g" shortened);
 * strings as they are. Returns what snprintf would. */
int slab_dtype_print(slab_dtype native, const void *element, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif

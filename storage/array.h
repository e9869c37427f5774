/**
 * Files and the arrays in them, for reading. Writing goes through transaction.h.
 */
#ifndef SLAB_STORAGE_ARRAY_H
#define SLAB_STORAGE_ARRAY_H

#include <slab/storage/base/dtype.h>
#include <slab/storage/base/ranks.h>
#include <slab/storage/base/shape.h>
#include <slab/storage/codec/codec.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum slab_layout {
    SLAB_LAYOUT_CHUNKED,
    SLAB_LAYOUT_CONTIGUOUS,
    SLAB_LAYOUT_COMPACT,
    SLAB_LAYOUT_VIRTUAL,
    SLAB_LAYOUT_EXTERNAL
} slab_layout;

#define SLAB_FILL_MAX 32
#define SLAB_REASON_MAX 256
#define SLAB_UNLIMITED INT64_MAX

/** All there is to know about an array without reading its elements. Plain data. */
typedef struct slab_array_info {
    slab_dtype dtype;                        /* as stored */
    char type_name[128];                     /* HDF5's own words for kinds that are OTHER, else "" */
    bool variable_text;                      /* variable-length strings: texts.h reads them */
    slab_shape shape;
    slab_shape max_shape;                    /* SLAB_UNLIMITED along axes that may grow */
    slab_layout layout;
    slab_shape chunk;                        /* chunked: extents of a chunk */
    slab_pipeline pipeline;                  /* chunked: filters in order of encoding */
    bool edge_unfiltered;                    /* partial edge chunks are stored without filters */
    bool elsewhere;                          /* it lies in another file, behind an external link: no
                                                address of it means anything in this one */
    uint64_t offset;                         /* contiguous: address in the file, UINT64_MAX: none */
    uint64_t stored_bytes;                   /* what the elements take in the file */
    int64_t stored_chunks;                   /* chunks that exist */
    bool has_fill;
    uint8_t fill[SLAB_FILL_MAX];             /* one native element; all zero when has_fill is false */
    bool has_missing;                        /* a declared missing code (for floats NaN is always) */
    uint8_t missing[SLAB_FILL_MAX];          /* one native element */
    bool has_pointers;                       /* elements lead elsewhere in the file: texts and lists of
                                                variable length, references */
    char fallback[SLAB_REASON_MAX];          /* why H5Dread must read it, "" when slab can itself */
} slab_array_info;

typedef struct slab_file slab_file;
typedef struct slab_array slab_array;

/**
 * Opens an HDF5 file for reading. Collective: one rank reads the metadata, all get it.
 * A hot journal beside the file is rolled back first, with a warning in the log.
 *
 * @retval SLAB_ERR_NOT_FOUND  no such file
 * @retval SLAB_ERR_FORMAT     not HDF5, or damaged
 * @retval SLAB_ERR_LOCKED     a transaction is being committed by another process
 */
slab_status slab_file_open(slab_ranks *ranks, const char *path, slab_file **out);
void slab_file_close(slab_file **file);

/**
 * For a program in which nobody else uses HDF5, before all other calls and before MPI starts: HDF5
 * does not tidy up when MPI or the process ends. Where it could not close a file, as after a group
 * that it could not finish, it crashes there (1.10.8). All that slab has written is in its files by
 * then, or is not to be. Costs what the start of HDF5 does, 3 ms, once.
 */
void slab_file_skip_cleanup(void);
const char *slab_file_path(const slab_file *file);

/** Kinds of objects in a file. */
typedef enum slab_object { SLAB_OBJECT_GROUP, SLAB_OBJECT_ARRAY, SLAB_OBJECT_TYPE,
                           SLAB_OBJECT_SOFT_LINK, SLAB_OBJECT_EXTERNAL_LINK } slab_object;

/** @param target  what a link points at, else NULL */
typedef slab_status (*slab_file_visit)(void *context, const char *path, slab_object object,
                                       const char *target);

/** The ranks that opened it. */
slab_ranks *slab_file_ranks(const slab_file *file);

/** Calls visit for every object below a group, in name order; links are not followed when
 * recursing. If path names an array, once for it. Local to this rank.
 * @retval SLAB_ERR_NOT_FOUND */
slab_status slab_file_list(slab_file *file, const char *path, bool recursive, slab_file_visit visit,
                           void *context);

/** What an object at path is. @retval SLAB_ERR_NOT_FOUND. Local to this rank. */
slab_status slab_file_object(slab_file *file, const char *path, slab_object *out);

/** As slab_file_object(), asked of the file once for all ranks. Collective. @param[out] there  false:
 * there is no such object, which is no error */
slab_status slab_file_find(slab_file *file, const char *path, slab_object *out, bool *there);

/** As slab_file_object, but a link at the end of the path is a link, wherever it leads. */
slab_status slab_file_link(slab_file *file, const char *path, slab_object *out);

/**
 * What would lose its last hard link if the links at these paths went: the objects there and all
 * below them. Local to this rank.
 * @param[out] bytes  that they take in the file: headers, indices and elements
 * @retval SLAB_ERR_NOT_FOUND
 */
slab_status slab_file_occupied(slab_file *file, const char *const *paths, int n, int64_t *objects,
                               uint64_t *bytes);

/** An attribute: numbers in native type, or text. */
typedef struct slab_attribute {
    char *name;
    slab_dtype dtype;  /* native; STRING: see text */
    slab_shape shape;
    void *data;        /* native elements, NULL when not numbers */
    char *text;        /* for people: the string itself, or numbers in brackets; never NULL */
} slab_attribute;

/** All attributes of an object. Collective. Free with slab_attributes_free(). */
slab_status slab_file_attributes(slab_file *file, const char *path, slab_attribute **out,
                                 size_t *n);
/** The same, of this rank alone: not collective. */
slab_status slab_file_attributes_here(slab_file *file, const char *path, slab_attribute **out,
                                      size_t *n);
void slab_attributes_free(slab_attribute **attributes, size_t n);

/** One attribute as text, *text NULL when it does not exist. Collective. slab_memory_free() it. */
slab_status slab_file_attribute_text(slab_file *file, const char *path, const char *name,
                                     char **text);

/** Are two attributes of one name the same, whatever their type? References are, when what they
 * point at has the same name. Local to this rank. */
slab_status slab_file_attribute_equal(slab_file *a, const char *path_a, slab_file *b,
                                      const char *path_b, const char *name, bool *same);

/** Are two named types the same? Local to this rank. */
slab_status slab_file_types_equal(slab_file *a, const char *path_a, slab_file *b,
                                  const char *path_b, bool *same);

/** Elements that are not the same. */
typedef struct slab_unequal {
    int64_t differ; /* how many */
    int64_t *first; /* [most], the caller's: the first n of them, by number in C order */
    int64_t n, most;
} slab_unequal;

/** Compares elements of types that slab does not read itself (texts of variable length, compounds,
 * lists, references), through HDF5: slow. Local to this rank. @retval SLAB_ERR_SHAPE */
slab_status slab_file_elements_equal(slab_file *a, const char *path_a, slab_file *b,
                                     const char *path_b, slab_unequal *out);

/**
 * Opens an array. Collective. The file must stay open as long.
 * @retval SLAB_ERR_NOT_FOUND  no such object (message: what is there)
 * @retval SLAB_ERR_TYPE       it is a group
 */
slab_status slab_array_open(slab_file *file, const char *path, slab_array **out);
void slab_array_close(slab_array **array);
const slab_array_info *slab_array_describe(const slab_array *array);
const char *slab_array_path(const slab_array *array); /* within the file */
slab_file *slab_array_file(const slab_array *array);

/**
 * Where an array's chunks are. Loaded once by one rank, then on all. Collective on first call.
 * size 0: the chunk does not exist and reads as the fill value.
 */
typedef struct slab_chunk {
    uint64_t address; /* from the first byte of the file, user block included */
    uint64_t size;    /* encoded bytes */
    uint32_t mask;    /* filters that were skipped */
} slab_chunk;
/** @retval SLAB_ERR_UNSUPPORTED  the array is not chunked
 *  @param[out] grid    the chunks as tiles of the array
 *  @param[out] chunks  grid->ntiles of them in C order; owned by the array */
slab_status slab_array_chunks(slab_array *array, slab_grid *grid, const slab_chunk **chunks);

/** A digest of what an array is and where its elements lie: another one when it was replaced. Its
 * elements are not read. Collective. */
slab_status slab_array_identity(slab_array *array, uint64_t *out);

/** Where HDF5 says that the file ends; grows with every commit. 0 on ranks that have not read its
 * metadata. */
uint64_t slab_file_end(slab_file *file);

#ifdef __cplusplus
}
#endif
#endif

/**
 * The HDF5 library as this folder uses it: one lock, quiet errors, statuses.
 */
#ifndef SLAB_STORAGE_HDF5_LIBRARY_IMPL_H
#define SLAB_STORAGE_HDF5_LIBRARY_IMPL_H

#include <hdf5.h>
#include <slab/storage/base/try.h>
#include <slab/storage/hdf5/driver_impl.h>
#include <slab/storage/hdf5/meta.h>

#ifndef H5_VERSION_GE /* came with 1.8.7 */
#error "HDF5 is too old"
#endif

/** Takes the process's HDF5 lock and starts the library. Call slab_hdf5_leave() even when it
 * fails. */
slab_status slab_hdf5_enter(void);
void slab_hdf5_leave(void);

/** Records a failed HDF5 call: the message, then the innermost line of HDF5's error stack. What
 * the driver met (an I/O error, a full budget) takes its place when there was such a thing. */
slab_status slab_hdf5_error(slab_status code, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** True when the last HDF5 call failed in this function of the library, and in nothing it called.
 */
bool slab_hdf5_failed_in(const char *function);

/** Fails unless an HDF5 call succeeded. Must come straight after it: the next call clears HDF5's
 * error stack. */
#define HDF5_REQUIRE(condition, code, ...)                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            rc = slab_hdf5_error((code), __FILE__, __LINE__, __VA_ARGS__);                         \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

/** Closes whatever it is, if it is, and forgets it. */
void slab_hdf5_close(hid_t *id);

struct slab_meta {
    char *path;
    slab_driver_file *file;
    hid_t id;           /* of the HDF5 file */
    bool create;        /* begun as a new file */
    _Atomic int states; /* reading: how often it was found to be another */
    hid_t array;        /* the array used last stays open, with HDF5's cache of its chunks */
    char *array_path;
    slab_sealing *sealing;      /* writing: changes are noted here; NULL: nowhere */
    bool array_ready;           /* its sources are there, its chunks are known: */
    slab_array_info array_info; /* what it is */
};

/** slab_hdf5_enter(), and what is read until slab_meta_leave() is one state of the file: of another
 * one than before, when it has been committed to meanwhile. Nothing more for a transaction's own.
 * Leave even when it fails. */
slab_status slab_meta_enter(slab_meta *meta);
void slab_meta_leave(slab_meta *meta);

/** The same for a second file, inside of slab_meta_enter(); slab_driver_unlock() its driver's. */
slab_status slab_meta_refresh(slab_meta *meta);

/** @param[out] superblock  where it lies
 * @retval SLAB_ERR_FORMAT  nowhere an HDF5 signature, in words for people */
slab_status slab_meta_signature_check(const slab_driver_file *file, uint64_t *superblock);

/** Opens the array at path, or gives the one that is open; it belongs to meta.
 * @retval SLAB_ERR_NOT_FOUND, SLAB_ERR_TYPE */
slab_status slab_meta_array(slab_meta *meta, const char *path, hid_t *array);

/** Closes the array that is open. */
void slab_meta_array_forget(slab_meta *meta);

/** Records that there is no such object, and what there is. Returns SLAB_ERR_NOT_FOUND. */
slab_status slab_meta_not_found(slab_meta *meta, const char *path);

/** True when the whole way to the object exists and leads to an object. */
bool slab_meta_exists(slab_meta *meta, const char *path);

/** slab_meta_describe() inside the lock. */
slab_status slab_meta_describe_array(slab_meta *meta, const char *path, hid_t array,
                                     slab_array_info *info);

/** Registers slab's codecs as HDF5 filters, once; from now on they are used on chunks of this type
 * (NULL: of an unknown one). */
slab_status slab_hdf5_filters(const slab_chunk_type *type);

/** An attribute of one number in the array's native type: what missing_value is.
 * @param[out] has  false when there is none that fits */
slab_status slab_hdf5_attribute_number(hid_t object, const char *name, slab_dtype native,
                                       void *element, bool *has);

#endif

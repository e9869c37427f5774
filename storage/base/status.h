/**
 * Status codes and the error record.
 *
 * A function that can fail returns a slab_status. When it is not SLAB_OK, one record per thread
 * holds the code, a message with the values that matter, and the place in the source.
 */
#ifndef SLAB_STORAGE_BASE_STATUS_H
#define SLAB_STORAGE_BASE_STATUS_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, value, meaning): the one list of errors; docs/errors.md is generated from it. */
#define SLAB_STATUS_LIST(X)                                                                        \
    X(OK, 0, "success")                                                                            \
    X(ERR_USAGE, 1, "the command line or a parameter is not understood")                           \
    X(ERR_VALUE, 2, "a value is not one of those allowed")                                         \
    X(ERR_TYPE, 3, "the element type does not suit the operation")                                 \
    X(ERR_SHAPE, 4, "shapes do not fit each other or the operation")                               \
    X(ERR_RANGE, 5, "an index, coordinate or size lies outside its bounds")                        \
    X(ERR_OVERFLOW, 6, "a size does not fit its integer type")                                     \
    X(ERR_MEMORY, 7, "the memory budget, or the machine, has no room for it")                      \
    X(ERR_IO, 8, "the operating system could not read or write")                                   \
    X(ERR_SPACE, 9, "the disk or the quota is full")                                               \
    X(ERR_NOT_FOUND, 10, "no such file, object or attribute")                                      \
    X(ERR_EXISTS, 11, "the output exists already")                                                 \
    X(ERR_FORMAT, 12, "a file is truncated, malformed or contradicts itself")                      \
    X(ERR_CHECKSUM, 13, "stored bytes do not match their checksum")                                \
    X(ERR_UNSUPPORTED, 14, "valid, but nothing here can do it")                                    \
    X(ERR_HDF5, 15, "the HDF5 library refused")                                                    \
    X(ERR_MPI, 16, "the MPI library refused")                                                      \
    X(ERR_LOCKED, 17, "another process is writing the file")                                       \
    X(ERR_STOPPED, 18, "stopped at a checkpoint by a signal or the time limit")                    \
    X(ERR_NUMERIC, 19, "a computation did not converge or met a singular matrix")                  \
    X(ERR_INTERNAL, 20, "an internal contract was broken: please report it")                       \
    X(ERR_AGAIN, 21, "of what an earlier run has left not all is whole: the same job computes it")

typedef enum slab_status {
#define X(name, value, meaning) SLAB_##name = value,
    SLAB_STATUS_LIST(X)
#undef X
} slab_status;

#define SLAB_MESSAGE_MAX 1024

/** What went wrong last on this thread. Plain data: copy it freely, or send it to another rank. */
typedef struct slab_error {
    slab_status code;
    int line;       /* of the source file */
    bool agreed;    /* all ranks know of it: slab_ranks_agree() */
    char file[128]; /* of slab's source, "" when unknown */
    char message[SLAB_MESSAGE_MAX];
} slab_error;

/** Name of a code ("ERR_SHAPE"), or "ERR_?" for a number that is none. Never NULL. */
const char *slab_status_name(slab_status code);

/** What a code means, in one line. Never NULL. */
const char *slab_status_meaning(slab_status code);

/** The record of the last failure on this thread; code SLAB_OK when there was none. Never NULL. */
const slab_error *slab_error_last(void);

/** Replaces this thread's record, to carry a failure from a worker thread or another rank. */
slab_status slab_error_restore(const slab_error *error);

/** Forgets this thread's record. */
void slab_error_clear(void);

/** Records a failure (printf style) and returns @p code. Use the macros of try.h instead. */
slab_status slab_error_set(slab_status code, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** Says the recorded failure in other words (printf style); the rest of the record stays. */
slab_status slab_error_reword(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Notes that all ranks know of the recorded failure. */
void slab_error_set_agreed(void);

/** Puts "context: " before the recorded message, to say which file or chunk it was about, unless it
 * begins with the same context. */
slab_status slab_error_prefix(slab_status code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Records errno as ERR_SPACE (ENOSPC, EDQUOT), ERR_NOT_FOUND (ENOENT), ERR_EXISTS or ERR_IO:
 * "message: strerror". Returns the code. */
slab_status slab_error_errno(const char *file, int line, int errnum, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#ifdef __cplusplus
}
#endif
#endif

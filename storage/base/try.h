/**
 * The macros that do all the jumping. A function that uses them has a `slab_status rc = SLAB_OK`,
 * a label `done:` where everything is released, and `return rc` behind it.
 */
#ifndef SLAB_STORAGE_BASE_TRY_H
#define SLAB_STORAGE_BASE_TRY_H

#include <slab/storage/base/status.h>

/** Fails with @p code and a printf-style message unless @p condition holds. */
#define REQUIRE(condition, code, ...)                                                              \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            rc = slab_error_set((code), __FILE__, __LINE__, __VA_ARGS__);                          \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

/** Fails with @p code and a printf-style message. */
#define FAIL(code, ...) REQUIRE(0, code, __VA_ARGS__)

/** Fails with what errno says. */
#define FAIL_ERRNO(...)                                                                            \
    do {                                                                                           \
        rc = slab_error_errno(__FILE__, __LINE__, errno, __VA_ARGS__);                             \
        goto done;                                                                                 \
    } while (0)

/** Calls something that returns a slab_status; passes a failure on. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        rc = (call);                                                                               \
        if (rc != SLAB_OK)                                                                         \
            goto done;                                                                             \
    } while (0)

/** As TRY, and says in front of the message what was being done. */
#define TRY_SAYING(call, ...)                                                                      \
    do {                                                                                           \
        rc = (call);                                                                               \
        if (rc != SLAB_OK) {                                                                       \
            rc = slab_error_prefix(rc, __VA_ARGS__);                                               \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

#endif

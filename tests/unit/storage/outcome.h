/**
 * How a call must end: ok(call) and fails(call, code) say what it said when it ended otherwise.
 */
#ifndef SLAB_TESTS_UNIT_STORAGE_OUTCOME_H
#define SLAB_TESTS_UNIT_STORAGE_OUTCOME_H

#include <check.h>
#include <slab/storage/base/status.h>

#define ok(call)                                                                                   \
    do {                                                                                           \
        slab_status ok_rc = (call);                                                                \
        ck_assert_msg(ok_rc == SLAB_OK, "%s: %s: %s", #call, slab_status_name(ok_rc),              \
                      slab_error_last()->message);                                                 \
    } while (0)

#define fails(call, code)                                                                          \
    do {                                                                                           \
        slab_status fails_rc = (call);                                                             \
        ck_assert_msg(fails_rc == (code), "%s: %s, not %s: %s", #call, slab_status_name(fails_rc), \
                      slab_status_name(code), slab_error_last()->message);                         \
    } while (0)

#endif

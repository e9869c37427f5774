#include <slab/tools/call_impl.h>
#include <slab/tools/wording.h>

#include <errno.h>
#include <inttypes.h>
#include <slab/storage/base/log.h>
#include <slab/storage/base/try.h>
#include <stdarg.h>
#include <stdio.h>

void slab_print(slab_call *call, const char *format, ...)
{
    va_list list;
    if (slab_ranks_me(call->ranks) != 0)
        return;
    va_start(list, format);
    vfprintf(stdout, format, list);
    va_end(list);
}

void slab_print_name(slab_call *call, const char *text)
{
    if (slab_ranks_me(call->ranks) != 0)
        return;
    slab_text_put(stdout, text);
}

slab_status slab_print_end(slab_call *call)
{
    slab_status rc = SLAB_OK;
    if (slab_ranks_me(call->ranks) != 0)
        return SLAB_OK;
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout))
        FAIL_ERRNO("cannot write to the standard output");
done:
    return rc;
}

slab_status slab_call_counted(slab_call *call, slab_read_counts counts)
{
    slab_status rc = SLAB_OK;
    int64_t sums[] = {counts.packed_bytes, counts.chunks};
    TRY(slab_ranks_sum(slab_call_ranks(call), sums, 2));
    slab_log(SLAB_LOG_INFO, "read %" PRId64 " bytes in %" PRId64 " chunks", sums[0], sums[1]);
done:
    return rc;
}

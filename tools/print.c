#include <slab/tools/call_impl.h>

#include <errno.h>
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
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            fprintf(stdout, "\\x%02x", *c);
        else
            putc(*c, stdout);
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

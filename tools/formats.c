#include <slab/tools/formats.h>

#include <slab/storage/base/try.h>
#include <stdio.h>
#include <string.h>

slab_status slab_formats_choose(const slab_call *call, const char *path, const slab_format **out)
{
    slab_status rc = SLAB_OK;
    const char *name = slab_call_text(call, "format");
    char known[256] = "";
    size_t at = 0;
    if (!name)
        return slab_format_for(path, out);
    *out = slab_format_by_name(name);
    for (int i = 0; slab_format_at(i) && at < sizeof known; i++)
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", i ? ", " : "",
                               slab_format_at(i)->name);
    REQUIRE(*out, SLAB_ERR_USAGE, "--format: no format is called '%s' (%s)", name, known);
done:
    return rc;
}

slab_status slab_formats_delimiter(const slab_call *call, char *out)
{
    slab_status rc = SLAB_OK;
    const char *text = slab_call_text(call, "delimiter");
    *out = 0;
    if (!text)
        goto done;
    *out = strcmp(text, "tab") == 0 ? '\t' : text[0];
    REQUIRE(*out == '\t' || text[1] == '\0', SLAB_ERR_USAGE,
            "--delimiter is one character or 'tab', not '%s'", text);
    REQUIRE(!strchr("0123456789+-.\"\r\n", *out), SLAB_ERR_USAGE,
            "--delimiter '%s' could be part of a value", text);
done:
    return rc;
}

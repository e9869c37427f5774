/**
 * What import and export share: choosing the format, and the delimiter of text.
 */
#ifndef SLAB_TOOLS_FORMATS_H
#define SLAB_TOOLS_FORMATS_H

#include <slab/format/format.h>
#include <slab/tools/command.h>

/** By --format, else by the file's name. @retval SLAB_ERR_USAGE, SLAB_ERR_UNSUPPORTED */
slab_status slab_formats_choose(const slab_call *call, const char *path, const slab_format **out);

/** --delimiter: one character, or "tab"; 0 when it was not given. @retval SLAB_ERR_USAGE */
slab_status slab_formats_delimiter(const slab_call *call, char *out);

#endif

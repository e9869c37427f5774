#include <slab/storage/base/status.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local slab_error last;

const char *slab_status_name(slab_status code)
{
    switch (code) {
#define X(name, value, meaning)                                                                    \
    case SLAB_##name:                                                                              \
        return #name;
        SLAB_STATUS_LIST(X)
#undef X
    }
    return "ERR_?";
}

const char *slab_status_meaning(slab_status code)
{
    switch (code) {
#define X(name, value, meaning)                                                                    \
    case SLAB_##name:                                                                              \
        return meaning;
        SLAB_STATUS_LIST(X)
#undef X
    }
    return "not a status of slab";
}

const slab_error *slab_error_last(void)
{
    return &last;
}

slab_status slab_error_restore(const slab_error *error)
{
    last = *error;
    last.message[SLAB_MESSAGE_MAX - 1] = '\0'; /* it may come from another rank */
    last.file[sizeof last.file - 1] = '\0';
    return last.code;
}

void slab_error_clear(void)
{
    last.code = SLAB_OK;
    last.line = 0;
    last.agreed = false;
    last.file[0] = last.message[0] = '\0';
}

/* The path below the source tree's top: build folders differ, the tree does not. */
static const char *source_name(const char *file)
{
    static const char *const tops[] = {"storage/", "compute/", "format/", "tools/", "tests/"};
    const char *best = file;
    for (size_t i = 0; i < sizeof tops / sizeof *tops; i++) {
        const char *at = strstr(file, tops[i]);
        if (at && (best == file || at < best))
            best = at;
    }
    return best;
}

static void record(slab_status code, const char *file, int line, const char *format, va_list args)
{
    char message[SLAB_MESSAGE_MAX]; /* the arguments may point into the old record */
    vsnprintf(message, sizeof message, format, args);
    last.code = code;
    last.line = line;
    last.agreed = false;
    snprintf(last.file, sizeof last.file, "%s", source_name(file));
    memcpy(last.message, message, sizeof message);
}

slab_status slab_error_set(slab_status code, const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    record(code, file, line, format, args);
    va_end(args);
    return code;
}

slab_status slab_error_reword(const char *format, ...)
{
    slab_error before = last;
    va_list args;
    va_start(args, format);
    record(before.code, before.file, before.line, format, args);
    va_end(args);
    last.agreed = before.agreed;
    return last.code;
}

void slab_error_set_agreed(void)
{
    last.agreed = last.code != SLAB_OK;
}

/* As a word: "'a'" begins "'a' is empty" and "'a': no such file". */
static bool begins_with(const char *message, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(message, prefix, n) == 0 && (message[n] == ' ' || message[n] == ':');
}

slab_status slab_error_prefix(slab_status code, const char *format, ...)
{
    char prefix[SLAB_MESSAGE_MAX], joined[2 * SLAB_MESSAGE_MAX + 4];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    last.code = code;
    if (begins_with(last.message, prefix))
        return code;
    snprintf(joined, sizeof joined, "%s: %s", prefix, last.message);
    memcpy(last.message, joined, SLAB_MESSAGE_MAX - 1);
    last.message[SLAB_MESSAGE_MAX - 1] = '\0';
    return code;
}

static slab_status status_of_errno(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
        return SLAB_ERR_SPACE;
    case ENOENT:
    case ENOTDIR:
        return SLAB_ERR_NOT_FOUND;
    case EEXIST:
        return SLAB_ERR_EXISTS;
    case ENOMEM:
        return SLAB_ERR_MEMORY;
    default:
        return SLAB_ERR_IO;
    }
}

slab_status slab_error_errno(const char *file, int line, int errnum, const char *format, ...)
{
    char text[128], message[SLAB_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return slab_error_set(status_of_errno(errnum), file, line, "%s: %s", message,
                          strerror_r(errnum, text, sizeof text));
}

/**
 * Messages for people. Libraries never print: they hand lines to a sink that the program sets.
 */
#ifndef SLAB_STORAGE_BASE_LOG_H
#define SLAB_STORAGE_BASE_LOG_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum slab_level {
    SLAB_LOG_WARN,
    SLAB_LOG_NOTE, /* nothing is wrong, but people want to know */
    SLAB_LOG_INFO,
    SLAB_LOG_DEBUG
} slab_level;

typedef void (*slab_log_sink)(void *context, slab_level level, const char *line);

/** Sets where lines go (NULL: nowhere) and the most detailed level that is passed on. */
void slab_log_set(slab_log_sink sink, void *context, slab_level most);

/** True when lines of this level are wanted: ask before work that is only for the log. */
int slab_log_wants(slab_level level);

void slab_log(slab_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif
#endif

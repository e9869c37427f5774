#include <slab/storage/base/log.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static slab_log_sink sink;
static void *sink_context;
static slab_level most_detailed = SLAB_LOG_WARN;

void slab_log_set(slab_log_sink to, void *context, slab_level most)
{
    pthread_mutex_lock(&lock);
    sink = to;
    sink_context = context;
    most_detailed = most;
    pthread_mutex_unlock(&lock);
}

int slab_log_wants(slab_level level)
{
    pthread_mutex_lock(&lock);
    int wanted = sink && level <= most_detailed;
    pthread_mutex_unlock(&lock);
    return wanted;
}

void slab_log(slab_level level, const char *format, ...)
{
    if (!slab_log_wants(level))
        return;
    char line[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    pthread_mutex_lock(&lock);
    if (sink)
        sink(sink_context, level, line);
    pthread_mutex_unlock(&lock);
}

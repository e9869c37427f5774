#include <slab/tools/talk.h>

#include <slab/tools/json.h>
#include <slab/tools/wording.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool as_json;
static slab_bar *bar;

void slab_talk_begin(bool json, slab_bar *shown)
{
    as_json = json;
    bar = shown;
}

bool slab_talk_is_json(void)
{
    return as_json;
}

/* "2026-03-01T12:00:00.123Z" */
static json_t *time_json(void)
{
    char date[40], text[48];
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text, sizeof text, "%s.%03dZ", date, (int)(now.tv_nsec / 1000000));
    return json_string(text);
}

static void put_json(const char *level, const char *text, json_t *more)
{
    json_t *line = json_object();
    json_object_set_new(line, "time", time_json());
    json_object_set_new(line, "level", json_string(level));
    json_object_set_new(line, "message", slab_json_text(text));
    if (more)
        json_object_update(line, more);
    char *dumped = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(10));
    fprintf(stderr, "%s\n", dumped ? dumped : "{\"level\":\"error\",\"message\":\"no memory\"}");
    free(dumped);
    json_decref(line);
}

void slab_talk(const char *level, const char *text, json_t *more)
{
    if (bar)
        slab_bar_wipe(bar);
    if (as_json) {
        put_json(level, text, more);
    } else {
        fprintf(stderr, "slab: %s", strcmp(level, "warning") == 0 ? "warning: " : "");
        slab_text_put(stderr, text);
        putc('\n', stderr);
    }
    json_decref(more);
}

void slab_talk_log(void *context, slab_level level, const char *line)
{
    static const char *const names[] = {[SLAB_LOG_WARN] = "warning",
                                        [SLAB_LOG_NOTE] = "note",
                                        [SLAB_LOG_INFO] = "info",
                                        [SLAB_LOG_DEBUG] = "debug"};
    (void)context;
    slab_talk(names[level], line, NULL);
}

/* The source file without the folder that slab was built in. */
static const char *source_name(const char *file)
{
    static const char *const layers[] = {"/storage/", "/compute/", "/format/", "/tools/"};
    const char *found = file;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        for (const char *c = file; (c = strstr(c, layers[i])) != NULL; c++)
            found = c + 1 > found ? c + 1 : found;
    return found;
}

void slab_talk_error(bool verbose)
{
    const slab_error *error = slab_error_last();
    const char *message = error->message, *file = source_name(error->file);
    char text[SLAB_MESSAGE_MAX + 256];
    json_t *more = NULL;
    if (as_json) {
        more = json_object();
        json_object_set_new(more, "status", json_string(slab_status_name(error->code)));
        json_object_set_new(more, "source", slab_json_text(file));
        json_object_set_new(more, "line", json_integer(error->line));
    }
    if (verbose && !as_json)
        snprintf(text, sizeof text, "%s [%s, %s:%d]", message, slab_status_name(error->code), file,
                 error->line);
    else
        snprintf(text, sizeof text, "%s", message);
    fflush(stdout);
    slab_talk("error", text, more);
}

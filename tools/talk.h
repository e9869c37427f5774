/**
 * What the program says on stderr: lines for people, or with --log-json an object a line.
 */
#ifndef SLAB_TOOLS_TALK_H
#define SLAB_TOOLS_TALK_H

#include <jansson.h>
#include <slab/storage/base/log.h>
#include <slab/storage/base/status.h>
#include <slab/tools/progress.h>
#include <stdbool.h>

/** @param bar  wiped before anything is said; borrowed, NULL: none */
void slab_talk_begin(bool as_json, slab_bar *bar);

bool slab_talk_is_json(void);

/** One line: "slab: text", or {"time", "level", "message", ...}.
 * @param level  error, warning, note, info, debug or progress
 * @param more   further members of the object; NULL: none; the callee's now */
void slab_talk(const char *level, const char *text, json_t *more);

/** A line of the log; a slab_log_sink. */
void slab_talk_log(void *context, slab_level level, const char *line);

/** The error on record. @param verbose  with its name and place in the source */
void slab_talk_error(bool verbose);

#endif

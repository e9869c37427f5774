/**
 * What an unfinished output is about: a small text file beside it, ".NAME.slab-job", that the same
 * command finds again, and that says which other command it was. docs/on-disk.md states the format.
 *
 * A job is lines of text. Lines that begin with "# " are for people; all others have to be the same
 * for a run to continue what another has left.
 */
#ifndef SLAB_STORAGE_JOB_H
#define SLAB_STORAGE_JOB_H

#include <slab/storage/base/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLAB_JOB_KEY_BYTES 16

/** A digest of a job's lines, those for people left out; all zero for NULL. */
void slab_job_key(const char *job, uint8_t key[SLAB_JOB_KEY_BYTES]);

/** Writes it beside a file, durably with @p sync. There must be none. */
slab_status slab_job_write(const char *file, const char *job, bool sync);

/** The job beside a file: *out NULL when there is none that is whole and this user's own.
 * slab_memory_free() it. */
slab_status slab_job_read(const char *file, char **out);

/** The value of the first line "NAME value" or "# NAME value", NULL when there is none. Not
 * terminated: *length bytes. */
const char *slab_job_value(const char *job, const char *name, size_t *length);

/**
 * Is it the same job? @param[out] difference  SLAB_MESSAGE_MAX bytes: what differs first, in words:
 * "option seed is 2, and was 1"; "" when nothing does
 */
void slab_job_compare(const char *now, const char *then, char *difference);

void slab_job_remove(const char *file);

#ifdef __cplusplus
}
#endif

#endif

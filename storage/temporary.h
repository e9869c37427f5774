/**
 * Temporary files beside the file that they are to become.
 *
 * The name is always the same, so that the next writer finds what a killed one left; the lock, the
 * exclusive one of base/lock.h, tells a dead writer from a living one.
 */
#ifndef SLAB_STORAGE_TEMPORARY_H
#define SLAB_STORAGE_TEMPORARY_H

#include <slab/storage/base/status.h>
#include <stdbool.h>

/** "<folder>/.<name>.<suffix>" of a file. slab_memory_free() it. */
slab_status slab_path_beside(const char *file, const char *suffix, char **out);

/** Is fd still the file of that name? */
bool slab_path_is(const char *path, int fd);

/** Opens a file of ours that an earlier run has left: not through a link, a regular file with one
 * name, this user's own. -1 with errno (EPERM: it is not ours). */
int slab_open_own(const char *path, int flags);

/** The name of the temporary file that is to become @p file. slab_memory_free() it. */
slab_status slab_temporary_path(const char *file, char **out);

/** Asked, while it is locked, whether a temporary file that a dead writer left is gone on with. */
typedef slab_status (*slab_temporary_judge)(void *context, bool *keep);

/**
 * Makes a temporary file, and locks it; takes over one that a dead writer left, or removes it and
 * logs that. Never follows a link.
 *
 * @param judge     NULL: what is left is removed
 * @param[out] fd  for reading and writing; holds the lock until it is closed
 *
 * @retval SLAB_ERR_LOCKED  another process is writing it, or the file system cannot tell
 * @retval SLAB_ERR_EXISTS  something else than a regular file of this user's has the name
 * @retval SLAB_ERR_IO      the system's word for it
 */
slab_status slab_temporary_create(const char *temporary, slab_temporary_judge judge, void *context,
                                  int *fd);

#endif

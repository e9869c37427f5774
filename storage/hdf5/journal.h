/**
 * The rollback journal: makes a set of overwrites of an existing file all or nothing.
 *
 * docs/on-disk.md states the format. Order: raw bytes fsync'd (caller) -> journal with the old
 * bytes written and fsync'd, its folder fsync'd -> overwrites applied, fsync'd -> journal removed,
 * folder fsync'd. A journal that is there and whole is hot: its old bytes go back.
 */
#ifndef SLAB_STORAGE_HDF5_JOURNAL_H
#define SLAB_STORAGE_HDF5_JOURNAL_H

#include <slab/storage/base/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** New bytes for part of a file. */
typedef struct slab_patch {
    uint64_t address;
    size_t size;
    const void *bytes;
} slab_patch;

/** Path of the journal of a file: "<path>.slab-journal", links resolved. slab_memory_free() it. */
slab_status slab_journal_path(const char *path, char **out);

/** Overwrites parts of an open file, all or nothing. @p old_size: the file's length before the
 * transaction, to which a rollback truncates. */
slab_status slab_journal_apply(const char *path, int fd, uint64_t old_size,
                               const slab_patch *patches, size_t n, bool sync);

/** Writes patches, no journal: for a file that nobody can see yet. @p path: for messages. */
slab_status slab_journal_write_patches(int fd, const char *path, const slab_patch *patches,
                                       size_t n);

/** Takes the exclusive lock on the data file by itself while it works: call it before locking.
 * Waits for a commit that is under way, up to 5 s; also when the file may not be written. Rolls
 * back if there is a hot journal; removes a journal that was never finished.
 * @param[out] did  one line for people, "" when there was nothing; SLAB_MESSAGE_MAX bytes
 * @retval SLAB_ERR_LOCKED  its writer is alive, or a reader keeps it from being undone
 * @retval SLAB_ERR_IO      it is to be undone, and may not be written */
slab_status slab_journal_recover(const char *path, char *did);

#endif

/**
 * Whole pieces of files. A read or write at an offset may be interrupted, or do only a part of what
 * was asked: these go on until all is done.
 */
#ifndef SLAB_STORAGE_BASE_IO_H
#define SLAB_STORAGE_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/**
 * Reads `n` bytes of `fd` at the offset `at`.
 *
 * Returns how many: fewer only where the file ends, none for an offset that no file can have. -1 on
 * an error, with the reason in errno.
 */
ssize_t slab_read_at(int fd, void *dst, size_t n, uint64_t at);

/**
 * Writes `n` bytes to `fd` at the offset `at`. False on an error, with the reason in errno (EIO
 * where the file takes nothing); a part of them may be there then.
 */
bool slab_write_at(int fd, const void *src, size_t n, uint64_t at);

/**
 * Gives a file that was made a moment ago the owner, group and rights of another, of which it holds
 * a part or is to take the place, as far as the system lets us: nobody more may read it.
 */
void slab_rights_like(int fd, const struct stat *like);

#endif

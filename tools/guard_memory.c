/*
 * Memory that HDF5 asks for. It takes sizes from the file and asks the C library for as many bytes;
 * there is no place in HDF5 to say how many it may have. So the program has the C library's
 * functions go through these, which refuse what is too much while HDF5 runs. HDF5 survives that,
 * and says so.
 *
 * Counted are large blocks alone: those are the ones that a file can ask for in one go, and slab's
 * own are never among them (memory.c maps its large ones itself).
 */
#include <slab/storage/base/watch.h>

#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

/* Sanitizers have functions of their own here; other C libraries have no second name for theirs. */
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif
#ifndef SANITIZED

enum { LARGE = 1 << 20 };

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);
void __libc_free(void *block);

/* Of the one thread that is inside of HDF5; blocks that it gave back elsewhere do not count on. */
static size_t taken;

static size_t large(void *block)
{
    size_t bytes = block ? malloc_usable_size(block) : 0;
    return bytes >= LARGE ? bytes : 0;
}

static void give_back(size_t bytes)
{
    taken -= bytes < taken ? bytes : taken;
}

/* @param old  bytes of the block that it takes the place of */
static int is_refused(slab_watch *watch, size_t size, size_t old)
{
    size_t most = slab_watch_memory(), other = taken - (old < taken ? old : taken);
    if (size < LARGE || (size <= most && other <= most - size))
        return 0;
    watch->refused = size;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    slab_watch *watch = slab_watch_here();
    if (!watch || size < LARGE)
        return __libc_malloc(size);
    if (is_refused(watch, size, 0))
        return NULL;
    void *block = __libc_malloc(size);
    taken += large(block);
    return block;
}

void *calloc(size_t n, size_t size)
{
    slab_watch *watch = slab_watch_here();
    size_t bytes;
    if (!watch || __builtin_mul_overflow(n, size, &bytes) || bytes < LARGE)
        return __libc_calloc(n, size);
    if (is_refused(watch, bytes, 0))
        return NULL;
    void *block = __libc_calloc(n, size);
    taken += large(block);
    return block;
}

void *realloc(void *old, size_t size)
{
    slab_watch *watch = slab_watch_here();
    if (!watch)
        return __libc_realloc(old, size);
    size_t before = large(old);
    if (is_refused(watch, size, before))
        return NULL;
    void *block = __libc_realloc(old, size);
    if (block || size == 0) {
        give_back(before);
        taken += large(block);
    }
    return block;
}

void free(void *block)
{
    if (block && slab_watch_here())
        give_back(large(block));
    __libc_free(block);
}

#endif
#endif

/*
 * Memory that HDF5 asks for. It takes sizes from the file and asks the C library for as many bytes,
 * or for a block each time it goes round in a circle; there is no place in HDF5 to say how many it
 * may have. So the program has the C library's functions go through these, which count while a
 * thread is inside of HDF5 and refuse what is too much. HDF5 survives that, and says so.
 */
#include <slab/storage/base/sanitizer.h>
#include <slab/storage/base/watch.h>

#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

/* Sanitizers have functions of their own here; other C libraries have no second name for theirs. */
#if defined(__GLIBC__) && !SLAB_SANITIZED

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);
void __libc_free(void *block);

/* By the threads that are inside of HDF5, one at a time. Aligned blocks are slab's (memory.c). */
static size_t taken;

static slab_watch *counting(void)
{
    slab_watch *watch = slab_watch_here();
    return watch && !watch->uncounted ? watch : NULL;
}

static void *take(void *block)
{
    taken += block ? malloc_usable_size(block) : 0;
    return block;
}

static void give_back(size_t bytes)
{
    taken -= bytes < taken ? bytes : taken;
}

static int is_refused(slab_watch *watch, size_t size)
{
    size_t most = slab_watch_memory();
    if (size <= most && taken <= most - size)
        return 0;
    watch->refused = size;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    slab_watch *watch = counting();
    if (!watch)
        return __libc_malloc(size);
    return is_refused(watch, size) ? NULL : take(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
    slab_watch *watch = counting();
    size_t bytes;
    if (!watch || __builtin_mul_overflow(n, size, &bytes))
        return __libc_calloc(n, size);
    return is_refused(watch, bytes) ? NULL : take(__libc_calloc(n, size));
}

void *realloc(void *old, size_t size)
{
    slab_watch *watch = counting();
    if (!watch)
        return __libc_realloc(old, size);
    size_t before = old ? malloc_usable_size(old) : 0;
    if (size > before && is_refused(watch, size - before))
        return NULL;
    void *block = __libc_realloc(old, size);
    if (block || size == 0) {
        give_back(before);
        take(block);
    }
    return block;
}

void free(void *block)
{
    if (block && counting())
        give_back(malloc_usable_size(block));
    __libc_free(block);
}

#endif

/**
 * Budgeted memory. Every allocation whose size depends on the data goes through here and counts
 * against one hard cap per process; when the cap is reached the call fails, it never swaps.
 *
 * Blocks are aligned to 64 bytes; blocks of 256 KiB and more are mapped on their own (aligned to
 * 4 KiB, fit for O_DIRECT) and go back to the system when freed, so that what is counted is what
 * is resident. Thread-safe.
 */
#ifndef SLAB_STORAGE_BASE_MEMORY_H
#define SLAB_STORAGE_BASE_MEMORY_H

#include <stddef.h>
#include <slab/storage/base/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Sets the cap in bytes; 0 removes it. What is in use already stays. */
void slab_memory_limit_set(size_t bytes);
size_t slab_memory_limit(void);

/** Bytes in use now, and the most that ever were (since the last reset). */
size_t slab_memory_used(void);
size_t slab_memory_peak(void);
void slab_memory_peak_reset(void);

/**
 * Allocates count * size bytes, zeroed.
 *
 * @param[out] out    the block, NULL on failure and when count or size is 0
 * @param      what   names it in the error: "tile buffers"
 * @retval SLAB_ERR_OVERFLOW  count * size does not fit size_t
 * @retval SLAB_ERR_MEMORY    over the cap, or the system has none
 */
slab_status slab_memory_alloc(void **out, size_t count, size_t size, const char *what);

/** Grows or shrinks; new bytes are zero. On failure *block is unchanged. */
slab_status slab_memory_resize(void **block, size_t count, size_t size, const char *what);

/** Frees what slab_memory_alloc gave; accepts NULL. */
void slab_memory_free(void *block);

/** For tests: the n-th allocation from now (1 = the next) fails; 0 switches it off. */
void slab_memory_fail_at(long n);

/** Duplicates a string inside the budget. */
slab_status slab_memory_strdup(char **out, const char *text);

/** ALLOC(p, n, "what"): p is a typed pointer; needs try.h and `done:`. */
#define ALLOC(pointer, count, what)                                                                \
    TRY(slab_memory_alloc((void **)&(pointer), (size_t)(count), sizeof *(pointer), (what)))

/** Frees and leaves NULL. */
#define FREE(pointer)                                                                              \
    do {                                                                                           \
        slab_memory_free(pointer);                                                                 \
        (pointer) = NULL;                                                                          \
    } while (0)

#ifdef __cplusplus
}
#endif
#endif

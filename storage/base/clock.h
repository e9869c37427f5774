/**
 * Time that only goes forward, for waits and rates: not the time of day.
 */
#ifndef SLAB_STORAGE_BASE_CLOCK_H
#define SLAB_STORAGE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/** Nanoseconds since some moment before the program began. */
static inline int64_t slab_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/** The same in seconds. */
static inline double slab_clock_seconds(void)
{
    return 1e-9 * (double)slab_clock_ns();
}

#endif

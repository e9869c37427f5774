/**
 * Threads that work beside the one that looks for signals.
 */
#ifndef SLAB_STORAGE_BASE_THREAD_H
#define SLAB_STORAGE_BASE_THREAD_H

#include <pthread.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * pthread_create() of a thread that takes no signals, so that a stop reaches the thread that looks
 * for it; but those of its own faults it takes: a fault that is blocked ends the process without a
 * word.
 * @return 0, or an errno
 */
int slab_thread_start(pthread_t *thread, void *(*work)(void *), void *context);

#ifdef __cplusplus
}
#endif
#endif

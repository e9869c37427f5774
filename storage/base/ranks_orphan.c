/*
 * A net below the start of MPI: a rank that begins while its launcher is killed waits for ever in
 * Open MPI's PMIx_Init() (4.1.4, PMIx 4.2) for an answer that nobody will give. A thread looks
 * whether the process still has the parent that it had.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include <slab/storage/base/log.h>
#include <slab/storage/base/ranks_impl.h>
#include <slab/storage/base/thread.h>

enum { LOOK_MS = 200, GRACE_MS = 5000, EXIT_ERROR = 2 }; /* MPI mostly ends by itself */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* around all below */
static pthread_cond_t started;
static pthread_t watcher;
static bool watched, over;
static pid_t parent;

/* Until MPI has started, or so long. */
static bool is_over_within(int milliseconds)
{
    struct timespec then;
    int late = 0;
    clock_gettime(CLOCK_MONOTONIC, &then);
    then.tv_sec += milliseconds / 1000;
    then.tv_nsec += milliseconds % 1000 * 1000000L;
    if (then.tv_nsec >= 1000000000L) {
        then.tv_nsec -= 1000000000L;
        then.tv_sec++;
    }
    pthread_mutex_lock(&lock);
    while (!over && late != ETIMEDOUT)
        late = pthread_cond_timedwait(&started, &lock, &then);
    bool is = over;
    pthread_mutex_unlock(&lock);
    return is;
}

static void *watch(void *unused)
{
    (void)unused;
    while (!is_over_within(LOOK_MS)) {
        if (getppid() == parent || is_over_within(GRACE_MS))
            continue;
        slab_log(SLAB_LOG_WARN, "MPI does not start: what launched this rank has ended");
        _exit(EXIT_ERROR);
    }
    return NULL;
}

void ranks_orphan_begin(void)
{
    pthread_condattr_t monotonic;
    over = false;
    parent = getppid();
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&started, &monotonic);
    pthread_condattr_destroy(&monotonic);
    watched = slab_thread_start(&watcher, watch, NULL) == 0;
}

void ranks_orphan_end(void)
{
    pthread_mutex_lock(&lock);
    over = true;
    pthread_cond_signal(&started);
    pthread_mutex_unlock(&lock);
    if (watched)
        pthread_join(watcher, NULL);
    pthread_cond_destroy(&started);
}

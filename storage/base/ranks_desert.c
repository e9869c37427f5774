/*
 * The net below slab_ranks_agree(). An error of one rank that nobody has agreed on makes it clear
 * up and go, while the others wait for it in a collective call. A thread watches it leave: if the
 * others do not come to the end of the job as well, it ends the job.
 */
#include <slab/storage/base/ranks.h>

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include <slab/storage/base/log.h>
#include <slab/storage/base/ranks_impl.h>
#include <slab/storage/base/thread.h>

enum { GRACE_S = 10 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* around all below */
static pthread_cond_t calm; /* of the clock that nobody sets; made while a watcher is there */
static pthread_t watcher;
static bool watched, over;
static slab_error why;
static void (*tell)(void);
static int with = 2;

void slab_ranks_desertion_set(void (*say)(void), int exit_code)
{
    tell = say;
    with = exit_code;
}

static void end_job(void)
{
    slab_error_restore(&why);
    if (tell)
        tell();
    else
        slab_log(SLAB_LOG_WARN, "%s", why.message);
    slab_ranks_kill_job(with);
}

static void *watch(void *unused)
{
    struct timespec then;
    int late = 0;
    (void)unused;
    clock_gettime(CLOCK_MONOTONIC, &then);
    then.tv_sec += GRACE_S;
    pthread_mutex_lock(&lock);
    while (!over && late != ETIMEDOUT)
        late = pthread_cond_timedwait(&calm, &lock, &then);
    bool alone = !over;
    pthread_mutex_unlock(&lock);
    if (alone)
        end_job();
    return NULL;
}

void slab_ranks_desert(const slab_ranks *ranks)
{
    const slab_error *error = slab_error_last();
    pthread_condattr_t monotonic;
    if (ranks->count == 1 || error->code == SLAB_OK || error->agreed || watched)
        return;
    why = *error;
    slab_error_prefix(why.code, "rank %d", ranks->me);
    const slab_error named = *slab_error_last();
    slab_error_restore(&why);
    why = named;
    over = false;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&calm, &monotonic);
    pthread_condattr_destroy(&monotonic);
    watched = slab_thread_start(&watcher, watch, NULL) == 0;
}

void ranks_desertion_end(void)
{
    if (!watched)
        return;
    pthread_mutex_lock(&lock);
    over = true;
    pthread_cond_signal(&calm);
    pthread_mutex_unlock(&lock);
    pthread_join(watcher, NULL);
    pthread_cond_destroy(&calm);
    watched = false;
}

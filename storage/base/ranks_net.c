/* The thread of a net, and how a job ends when it falls into one. */
#include <errno.h>
#include <stdint.h>
#include <time.h>

#include <slab/storage/base/log.h>
#include <slab/storage/base/ranks_impl.h>
#include <slab/storage/base/thread.h>

enum { NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

static void (*tell)(void);
static int with = 2;

void slab_ranks_desertion_set(void (*say)(void), int exit_code)
{
    tell = say;
    with = exit_code;
}

void ranks_net_end_job(const slab_error *why)
{
    slab_error_restore(why);
    if (tell)
        tell();
    else
        slab_log(SLAB_LOG_WARN, "%s", why->message);
    slab_ranks_kill_job(with);
}

void ranks_net_spread(ranks_net *net, void *(*watch)(void *context), void *context)
{
    pthread_condattr_t monotonic;
    net->well = false;
    pthread_mutex_init(&net->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&net->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    net->spread = slab_thread_start(&net->thread, watch, context) == 0;
    if (!net->spread) {
        pthread_cond_destroy(&net->changed);
        pthread_mutex_destroy(&net->lock);
    }
}

bool ranks_net_well_within(ranks_net *net, int milliseconds)
{
    struct timespec then;
    int late = 0;
    clock_gettime(CLOCK_MONOTONIC, &then);
    int64_t ns = then.tv_nsec + (int64_t)milliseconds * NS_PER_MS;
    then.tv_sec += ns / NS_PER_S;
    then.tv_nsec = ns % NS_PER_S;
    pthread_mutex_lock(&net->lock);
    while (!net->well && late != ETIMEDOUT)
        late = pthread_cond_timedwait(&net->changed, &net->lock, &then);
    bool well = net->well;
    pthread_mutex_unlock(&net->lock);
    return well;
}

void ranks_net_take_away(ranks_net *net)
{
    if (!net->spread)
        return;
    pthread_mutex_lock(&net->lock);
    net->well = true;
    pthread_cond_signal(&net->changed);
    pthread_mutex_unlock(&net->lock);
    pthread_join(net->thread, NULL);
    pthread_cond_destroy(&net->changed);
    pthread_mutex_destroy(&net->lock);
    net->spread = false;
}

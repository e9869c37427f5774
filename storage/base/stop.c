#include <slab/storage/base/stop.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

#include <slab/storage/base/clock.h>

/* Written by a handler on whatever thread it finds: lock-free, as the atomics of all our machines.
 */
static atomic_int wanted, by_signal;
static _Atomic int64_t deadline; /* of slab_clock_ns(); 0: none */
static const char *_Atomic deadline_is = "the time limit";

void slab_stop_request(int number)
{
    atomic_store(&by_signal, number);
    atomic_store(&wanted, 1);
}

void slab_stop_after(double seconds, const char *why)
{
    const double most = 1e9; /* 30 years: as good as no limit */
    int64_t wait = (int64_t)((seconds < 0 ? 0 : seconds > most ? most : seconds) * 1e9);
    int64_t then = slab_clock_ns() + wait, before = atomic_load(&deadline);
    if (before == 0 || then < before) {
        atomic_store(&deadline_is, why);
        atomic_store(&deadline, then);
    }
}

int slab_stop_requested(void)
{
    int64_t then = atomic_load(&deadline);
    return atomic_load(&wanted) || (then != 0 && slab_clock_ns() >= then);
}

const char *slab_stop_reason(void)
{
    if (!atomic_load(&wanted))
        return atomic_load(&deadline_is);
    switch (atomic_load(&by_signal)) {
    case SIGTERM:
        return "SIGTERM";
    case SIGINT:
        return "SIGINT";
    case SIGUSR1:
        return "SIGUSR1";
    default:
        return "a request";
    }
}

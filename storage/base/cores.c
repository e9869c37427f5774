#include <slab/storage/base/cores.h>

#include <sched.h>

/* cpu_set_t holds 1,024, and the system refuses a set that is smaller than its own. */
slab_cores slab_cores_usable(void)
{
    slab_cores cores = {{0}};
    if (sched_getaffinity(0, sizeof cores.mask, (cpu_set_t *)cores.mask) != 0)
        cores.mask[0] = 1;
    return cores;
}

int slab_cores_count(const slab_cores *cores)
{
    int n = 0;
    for (int i = 0; i < SLAB_CORES_MOST / 64; i++)
        n += __builtin_popcountll(cores->mask[i]);
    return n;
}

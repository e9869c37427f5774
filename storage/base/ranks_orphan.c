/*
 * The net below the start of MPI: a rank that begins while its launcher is killed waits for ever in
 * Open MPI's PMIx_Init() (4.1.4, PMIx 4.2) for an answer that nobody will give. A thread looks
 * whether the process still has the parent that it had.
 */
#include <unistd.h>

#include <slab/storage/base/ranks_impl.h>

enum { LOOK_MS = 200, GRACE_MS = 5000 }; /* MPI mostly ends by itself */

static ranks_net net;
static pid_t parent;

static void *watch(void *unused)
{
    (void)unused;
    while (!ranks_net_well_within(&net, LOOK_MS)) {
        if (getppid() == parent || ranks_net_well_within(&net, GRACE_MS))
            continue;
        slab_error_set(SLAB_ERR_MPI, __FILE__, __LINE__,
                       "MPI does not start: what launched this rank has ended");
        ranks_net_end_job(slab_error_last());
    }
    return NULL;
}

void ranks_orphan_begin(void)
{
    parent = getppid();
    ranks_net_spread(&net, watch, NULL);
}

void ranks_orphan_end(void)
{
    ranks_net_take_away(&net);
}

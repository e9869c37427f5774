/*
 * The net below slab_ranks_agree(). An error of one rank that nobody has agreed on makes it clear
 * up and go, while the others wait for it in a collective call. A thread watches it leave: if the
 * others do not come to the end of the job as well, it ends the job.
 */
#include <slab/storage/base/ranks.h>

#include <slab/storage/base/ranks_impl.h>

enum { GRACE_MS = 10000 };

static ranks_net net;
static slab_error why;

static void *watch(void *unused)
{
    (void)unused;
    if (!ranks_net_well_within(&net, GRACE_MS))
        ranks_net_end_job(&why);
    return NULL;
}

void slab_ranks_desert(const slab_ranks *ranks)
{
    const slab_error *error = slab_error_last();
    if (ranks->count == 1 || error->code == SLAB_OK || error->agreed || net.spread)
        return;
    why = *error;
    slab_error_prefix(why.code, "rank %d", ranks->me);
    const slab_error named = *slab_error_last();
    slab_error_restore(&why);
    why = named;
    ranks_net_spread(&net, watch, NULL);
}

void ranks_desertion_end(void)
{
    ranks_net_take_away(&net);
}

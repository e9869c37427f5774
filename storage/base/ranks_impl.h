/**
 * The communicator behind the ranks, for the collective HDF5 backend, and nets below MPI, for
 * ranks*.c.
 */
#ifndef SLAB_STORAGE_BASE_RANKS_IMPL_H
#define SLAB_STORAGE_BASE_RANKS_IMPL_H

#include <pthread.h>
#include <slab/storage/base/ranks.h>
#include <stdbool.h>

struct slab_ranks {
    int me, count;
    int on_node, me_on_node;
    int node_cores;       /* that the node's ranks may use together; 0: not known yet */
    void *comm;           /* MPI_Comm *, NULL when MPI was not started */
    pthread_mutex_t lock; /* around MPI calls that worker threads make */
};

/** Pointer to the MPI_Comm; starts MPI if it has not been. */
slab_status slab_ranks_communicator(slab_ranks *ranks, void **comm);

/** A thread beside a call of MPI's that may never come back: it waits until all is well. */
typedef struct ranks_net {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* of the clock that nobody sets */
    pthread_t thread;
    bool spread, well;
} ranks_net;

/** Nothing is watched where there can be no thread. */
void ranks_net_spread(ranks_net *net, void *(*watch)(void *context), void *context);
/** For its thread: waits so long at most. */
bool ranks_net_well_within(ranks_net *net, int milliseconds);
/** All is well. Without effect when it is not spread. */
void ranks_net_take_away(ranks_net *net);
/** Tells an error and ends the job, as slab_ranks_desertion_set() says. Does not return. */
void ranks_net_end_job(const slab_error *why);

/** The job's last agreement has come: nobody has deserted. */
void ranks_desertion_end(void);

/** Around the start of MPI: where what launched the process ends before MPI has started, it ends,
 * as from a desertion, if MPI has not ended it within 5 s. */
void ranks_orphan_begin(void);
void ranks_orphan_end(void);

/** What an MPI call returned, as a status. */
slab_status slab_mpi_status(int code, const char *call, const char *file, int line);

#define TRY_MPI(call) TRY(slab_mpi_status((call), #call, __FILE__, __LINE__))

#endif

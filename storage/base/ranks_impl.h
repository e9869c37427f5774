/**
 * For the collective HDF5 backend alone: the communicator behind the ranks.
 */
#ifndef SLAB_STORAGE_BASE_RANKS_IMPL_H
#define SLAB_STORAGE_BASE_RANKS_IMPL_H

#include <pthread.h>
#include <slab/storage/base/ranks.h>

struct slab_ranks {
    int me, count;
    int on_node, me_on_node;
    int node_cores;       /* that the node's ranks may use together; 0: not known yet */
    void *comm;           /* MPI_Comm *, NULL when MPI was not started */
    pthread_mutex_t lock; /* around MPI calls that worker threads make */
};

/** Pointer to the MPI_Comm; starts MPI if it has not been. */
slab_status slab_ranks_communicator(slab_ranks *ranks, void **comm);

/** The job's last agreement has come: nobody has deserted. */
void ranks_desertion_end(void);

/** Around the start of MPI: where what launched the process ends before MPI has started, it ends,
 * with a warning and exit code 2, if MPI has not ended it within 5 s. */
void ranks_orphan_begin(void);
void ranks_orphan_end(void);

/** What an MPI call returned, as a status. */
slab_status slab_mpi_status(int code, const char *call, const char *file, int line);

#define TRY_MPI(call) TRY(slab_mpi_status((call), #call, __FILE__, __LINE__))

#endif

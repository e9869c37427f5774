#include <slab/storage/base/ranks.h>

#include <limits.h>
#include <mpi.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <slab/storage/base/cores.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/ranks_impl.h>
#include <slab/storage/base/shape.h>
#include <slab/storage/base/try.h>

#define PIECE ((size_t)1 << 30) /* MPI counts are ints: longer messages go in pieces */

static MPI_Comm world_comm = MPI_COMM_NULL, end_comm = MPI_COMM_NULL;
static slab_ranks world = {.me = 0,
                           .count = 1,
                           .on_node = 1,
                           .me_on_node = 0,
                           .comm = NULL,
                           .lock = PTHREAD_MUTEX_INITIALIZER};

static MPI_Comm comm_of(const slab_ranks *ranks)
{
    return *(MPI_Comm *)ranks->comm;
}

slab_status slab_mpi_status(int code, const char *call, const char *file, int line)
{
    if (code == MPI_SUCCESS)
        return SLAB_OK;
    char text[MPI_MAX_ERROR_STRING] = "";
    int n = 0;
    MPI_Error_string(code, text, &n);
    return slab_error_set(SLAB_ERR_MPI, file, line, "%.40s failed: %s", call, text);
}

/* How many processes the launcher made. Each says so in the environment, in its own words; what
 * srun says comes last, because an mpirun may have been started by it. */
static const char *const launchers[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE",
                                        "SLURM_STEP_NUM_TASKS", NULL};

const char *const *slab_ranks_launcher_variables(void)
{
    return launchers;
}

static int launched(void)
{
    for (const char *const *name = launchers; *name; name++) {
        const char *text = getenv(*name);
        if (text && atoi(text) >= 1)
            return atoi(text);
    }
    return 1;
}

/* Every process for itself would write the same output: better none. */
static slab_status check_together(int expected)
{
    slab_status rc = SLAB_OK;
    REQUIRE(world.count > 1 || expected <= 1, SLAB_ERR_MPI,
            "%d processes were started, but MPI does not bring them together: try srun "
            "--mpi=pmix or --mpi=pmi2, or mpirun",
            expected);
done:
    return rc;
}

/* The affinity masks of a node's ranks, united. */
static slab_status count_cores(MPI_Comm node)
{
    slab_status rc = SLAB_OK;
    slab_cores cores = slab_cores_usable();
    if (node != MPI_COMM_NULL)
        TRY_MPI(MPI_Allreduce(MPI_IN_PLACE, &cores, (int)sizeof cores, MPI_BYTE, MPI_BOR, node));
    world.node_cores = slab_cores_count(&cores);
done:
    return rc;
}

/*
 * Open MPI 4.1's shared-memory transport crashes in one-sided atomics when it copies between
 * processes in one step (seen with 4.1.4: PMPI_Compare_and_swap, mca_btl_vader); its osc/pt2pt does
 * not work with several threads, and prints a page about that where it is asked. UCX takes the
 * signals of crashes, which the program says a line about. Whoever sets the variables knows better.
 */
static void mend_open_mpi(void)
{
    setenv("OMPI_MCA_osc", "^pt2pt", 0);
    setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
    setenv("UCX_HANDLE_ERRORS", "none", 0);
}

static slab_status start_mpi(void)
{
    slab_status rc = SLAB_OK;
    MPI_Comm node = MPI_COMM_NULL;
    int provided;
    if (world.comm)
        return SLAB_OK;
    mend_open_mpi();
    ranks_orphan_begin();
    int begun = MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &provided);
    ranks_orphan_end();
    TRY(slab_mpi_status(begun, "MPI_Init_thread", __FILE__, __LINE__));
    REQUIRE(provided == MPI_THREAD_MULTIPLE, SLAB_ERR_MPI,
            "this MPI does not let several threads call it (MPI_THREAD_MULTIPLE)");
    TRY_MPI(MPI_Comm_dup(MPI_COMM_WORLD, &world_comm));
    TRY_MPI(MPI_Comm_set_errhandler(world_comm, MPI_ERRORS_RETURN));
    TRY_MPI(MPI_Comm_dup(world_comm, &end_comm));
    TRY_MPI(MPI_Comm_rank(world_comm, &world.me));
    TRY_MPI(MPI_Comm_size(world_comm, &world.count));
    TRY_MPI(MPI_Comm_split_type(world_comm, MPI_COMM_TYPE_SHARED, world.me, MPI_INFO_NULL, &node));
    TRY_MPI(MPI_Comm_rank(node, &world.me_on_node));
    TRY_MPI(MPI_Comm_size(node, &world.on_node));
    TRY(count_cores(node));
    world.comm = &world_comm;
done:
    if (node != MPI_COMM_NULL)
        MPI_Comm_free(&node);
    return rc;
}

slab_status slab_ranks_start(slab_ranks **out)
{
    slab_status rc = SLAB_OK;
    int count = launched();
    *out = &world;
    if (count > 1) {
        TRY(start_mpi());
        TRY(check_together(count));
    }
done:
    return rc;
}

slab_ranks *slab_ranks_world(void)
{
    return &world;
}

slab_ranks *slab_ranks_alone(void)
{
    static slab_ranks alone = {.me = 0,
                               .count = 1,
                               .on_node = 1,
                               .me_on_node = 0,
                               .comm = NULL,
                               .lock = PTHREAD_MUTEX_INITIALIZER};
    return &alone;
}

slab_status slab_ranks_communicator(slab_ranks *ranks, void **comm)
{
    slab_status rc = SLAB_OK;
    TRY(start_mpi());
    *comm = ranks->comm;
done:
    return rc;
}

void slab_ranks_stop(void)
{
    if (!world.comm)
        return;
    MPI_Comm_free(&end_comm);
    MPI_Comm_free(&world_comm);
    world.comm = NULL;
    world.count = world.on_node = 1;
    world.me = world.me_on_node = 0;
    MPI_Finalize();
}

void slab_ranks_kill_job(int exit_code)
{
    if (world.comm && world.count > 1)
        MPI_Abort(world_comm, exit_code);
    _exit(exit_code);
}

int slab_ranks_me(const slab_ranks *ranks)
{
    return ranks->me;
}

int slab_ranks_count(const slab_ranks *ranks)
{
    return ranks->count;
}

int slab_ranks_on_node(const slab_ranks *ranks)
{
    return ranks->on_node;
}

int slab_ranks_me_on_node(const slab_ranks *ranks)
{
    return ranks->me_on_node;
}

int slab_ranks_cores_on_node(const slab_ranks *ranks)
{
    if (ranks->count > 1 && ranks->node_cores > 0)
        return ranks->node_cores;
    const slab_cores cores = slab_cores_usable();
    return slab_cores_count(&cores);
}

/* The step on rank 0 is mostly one that it alone takes, for all. */
static void name_rank(int rank, bool always)
{
    const slab_error *error = slab_error_last();
    if (!error->agreed && (rank != 0 || always))
        slab_error_prefix(error->code, "rank %d", rank);
}

/*
 * @param first  the lowest rank that has failed; INT_MAX: none has
 * @param mine   how the step ended here; an older record that somebody has left means nothing
 */
static slab_status share_error(slab_ranks *ranks, MPI_Comm comm, int first, slab_status mine,
                               bool always)
{
    slab_status rc = SLAB_OK;
    slab_error error;
    if (first == INT_MAX) {
        slab_error_set_agreed();
        return SLAB_OK;
    }
    memset(&error, 0, sizeof error);
    if (first == ranks->me) {
        name_rank(first, always);
        error = *slab_error_last();
        error.code = mine;
    }
    TRY_MPI(MPI_Bcast(&error, (int)sizeof error, MPI_BYTE, first, comm));
    slab_error_restore(&error);
    slab_error_set_agreed();
    rc = error.code;
done:
    return rc;
}

slab_status slab_ranks_agree(slab_ranks *ranks, slab_status mine)
{
    slab_status rc = SLAB_OK;
    int first = mine == SLAB_OK ? INT_MAX : ranks->me;
    if (ranks->count == 1)
        return mine;
    TRY_MPI(MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT, MPI_MIN, comm_of(ranks)));
    rc = share_error(ranks, comm_of(ranks), first, mine, false);
done:
    return rc;
}

/* Spins at first, as MPI does: mostly the others come soon. */
static slab_status wait_idly(MPI_Request *request, void (*idle)(void *context), void *context)
{
    enum { SPINS = 20000, NAPS_PER_CALL = 100 };
    const struct timespec nap = {0, 1000000};
    slab_status rc = SLAB_OK;
    int come = 0;
    for (int64_t i = 0; !come; i++) {
        TRY_MPI(MPI_Test(request, &come, MPI_STATUS_IGNORE));
        if (come)
            break;
        if (i < SPINS)
            sched_yield();
        else
            nanosleep(&nap, NULL);
        if (idle && i >= SPINS && i % NAPS_PER_CALL == 0)
            idle(context);
    }
done:
    return rc;
}

slab_status slab_ranks_agree_idly(slab_ranks *ranks, slab_status mine, void (*idle)(void *context),
                                  void *context)
{
    slab_status rc = SLAB_OK;
    int own = mine == SLAB_OK ? INT_MAX : ranks->me, first = own;
    MPI_Request request = MPI_REQUEST_NULL;
    if (ranks->count == 1)
        return mine;
    TRY_MPI(MPI_Iallreduce(&own, &first, 1, MPI_INT, MPI_MIN, comm_of(ranks), &request));
    if (idle)
        TRY(wait_idly(&request, idle, context));
    else
        TRY_MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    rc = share_error(ranks, comm_of(ranks), first, mine, true);
done:
    return rc;
}

slab_status slab_ranks_agree_at_end(slab_ranks *ranks, slab_status mine)
{
    slab_status rc = SLAB_OK;
    int own = mine == SLAB_OK ? INT_MAX : ranks->me, first = own;
    MPI_Request request = MPI_REQUEST_NULL;
    if (ranks->count == 1)
        return mine;
    if (mine != SLAB_OK)
        slab_ranks_desert(ranks);
    TRY_MPI(MPI_Iallreduce(&own, &first, 1, MPI_INT, MPI_MIN, end_comm, &request));
    TRY(wait_idly(&request, NULL, NULL));
    ranks_desertion_end();
    rc = share_error(ranks, end_comm, first, mine, false);
done:
    return rc;
}

slab_status slab_ranks_broadcast(slab_ranks *ranks, void *data, size_t bytes, int root)
{
    slab_status rc = SLAB_OK;
    for (size_t at = 0; ranks->count > 1 && at < bytes; at += PIECE) {
        size_t n = bytes - at < PIECE ? bytes - at : PIECE;
        TRY_MPI(MPI_Bcast((char *)data + at, (int)n, MPI_BYTE, root, comm_of(ranks)));
    }
done:
    return rc;
}

slab_status slab_ranks_barrier(slab_ranks *ranks)
{
    slab_status rc = SLAB_OK;
    if (ranks->count > 1)
        TRY_MPI(MPI_Barrier(comm_of(ranks)));
done:
    return rc;
}

/* Where every rank's bytes begin in the concatenation; offsets[count] is their sum. */
static slab_status gather_offsets(slab_ranks *ranks, size_t bytes, size_t **offsets)
{
    slab_status rc = SLAB_OK;
    uint64_t mine = bytes;
    *offsets = NULL;
    rc = slab_memory_alloc((void **)offsets, (size_t)ranks->count + 1, sizeof **offsets,
                           "offsets of ranks");
    TRY(slab_ranks_agree(ranks, rc));
    if (ranks->count > 1)
        TRY_MPI(
            MPI_Allgather(&mine, 1, MPI_UINT64_T, *offsets + 1, 1, MPI_UINT64_T, comm_of(ranks)));
    else
        (*offsets)[1] = bytes;
    for (int r = 0; r < ranks->count; r++)
        TRY(slab_size_add((*offsets)[r], (*offsets)[r + 1], &(*offsets)[r + 1]));
done:
    if (rc != SLAB_OK)
        FREE(*offsets);
    return rc;
}
_Static_assert(sizeof(size_t) == sizeof(uint64_t), "offsets travel as 64-bit words");

slab_status slab_ranks_allgather(slab_ranks *ranks, const void *mine, size_t bytes, void **all,
                                 size_t **offsets)
{
    slab_status rc = SLAB_OK;
    int *counts = NULL, *starts = NULL;
    *all = NULL;
    TRY(gather_offsets(ranks, bytes, offsets));
    size_t total = (*offsets)[ranks->count];
    size_t count = (size_t)ranks->count;
    rc = slab_memory_alloc(all, total, 1, "what all ranks give");
    if (rc == SLAB_OK)
        rc = slab_memory_alloc((void **)&counts, count, sizeof *counts, "counts of ranks");
    if (rc == SLAB_OK)
        rc = slab_memory_alloc((void **)&starts, count, sizeof *starts, "counts of ranks");
    TRY(slab_ranks_agree(ranks, rc));
    if (bytes)
        memcpy((char *)*all + (*offsets)[ranks->me], mine, bytes);
    if (ranks->count > 1 && total < INT_MAX) {
        for (int r = 0; r < ranks->count; r++) {
            counts[r] = (int)((*offsets)[r + 1] - (*offsets)[r]);
            starts[r] = (int)(*offsets)[r];
        }
        TRY_MPI(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_BYTE, *all, counts, starts, MPI_BYTE,
                               comm_of(ranks)));
    } else {
        for (int r = 0; r < ranks->count; r++)
            if ((*offsets)[r + 1] > (*offsets)[r])
                TRY(slab_ranks_broadcast(ranks, (char *)*all + (*offsets)[r],
                                         (*offsets)[r + 1] - (*offsets)[r], r));
    }
done:
    FREE(counts);
    FREE(starts);
    if (rc != SLAB_OK) {
        FREE(*all);
        FREE(*offsets);
    }
    return rc;
}

slab_status slab_ranks_gather(slab_ranks *ranks, const void *mine, size_t bytes, int root,
                              void **all, size_t **offsets)
{
    enum { TAG = 32767 };
    slab_status rc = SLAB_OK;
    size_t *starts = NULL;
    *all = NULL;
    *offsets = NULL;
    TRY(gather_offsets(ranks, bytes, &starts));
    if (ranks->me == root)
        rc = slab_memory_alloc(all, starts[ranks->count], 1, "what all ranks give");
    TRY(slab_ranks_agree(ranks, rc));
    if (ranks->me != root) {
        TRY(slab_ranks_send(ranks, mine, bytes, root, TAG));
    } else {
        for (int r = 0; r < ranks->count; r++) {
            size_t n = starts[r + 1] - starts[r];
            if (r != root)
                TRY(slab_ranks_receive(ranks, (char *)*all + starts[r], n, r, TAG));
            else if (n)
                memcpy((char *)*all + starts[r], mine, n);
        }
        *offsets = starts;
        starts = NULL;
    }
done:
    FREE(starts);
    if (rc != SLAB_OK)
        FREE(*all);
    return rc;
}

/* In pieces of 8 MiB: MPI takes a buffer as large as the message, of which no budget knows. */
static slab_status reduce(slab_ranks *ranks, int64_t *values, size_t n, MPI_Op op)
{
    enum { TOGETHER = 1 << 20 };
    slab_status rc = SLAB_OK;
    for (size_t at = 0; ranks->count > 1 && at < n; at += TOGETHER) {
        size_t some = n - at < TOGETHER ? n - at : TOGETHER;
        TRY_MPI(
            MPI_Allreduce(MPI_IN_PLACE, values + at, (int)some, MPI_INT64_T, op, comm_of(ranks)));
    }
done:
    return rc;
}

slab_status slab_ranks_sum(slab_ranks *ranks, int64_t *values, size_t n)
{
    return reduce(ranks, values, n, MPI_SUM);
}

slab_status slab_ranks_max(slab_ranks *ranks, int64_t *values, size_t n)
{
    return reduce(ranks, values, n, MPI_MAX);
}

slab_status slab_ranks_send(slab_ranks *ranks, const void *data, size_t bytes, int to, int tag)
{
    slab_status rc = SLAB_OK;
    REQUIRE(ranks->count > 1, SLAB_ERR_INTERNAL, "a message from the only rank to rank %d", to);
    for (size_t at = 0; at < bytes; at += PIECE) {
        size_t n = bytes - at < PIECE ? bytes - at : PIECE;
        TRY_MPI(MPI_Send((const char *)data + at, (int)n, MPI_BYTE, to, tag, comm_of(ranks)));
    }
done:
    return rc;
}

slab_status slab_ranks_receive(slab_ranks *ranks, void *data, size_t bytes, int from, int tag)
{
    slab_status rc = SLAB_OK;
    REQUIRE(ranks->count > 1, SLAB_ERR_INTERNAL, "a message to the only rank from rank %d", from);
    for (size_t at = 0; at < bytes; at += PIECE) {
        size_t n = bytes - at < PIECE ? bytes - at : PIECE;
        TRY_MPI(MPI_Recv((char *)data + at, (int)n, MPI_BYTE, from, tag, comm_of(ranks),
                         MPI_STATUS_IGNORE));
    }
done:
    return rc;
}

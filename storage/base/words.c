/* Shared words: MPI one-sided atomics, or plain atomics when there is one rank. */
#include <slab/storage/base/ranks.h>

#include <mpi.h>
#include <stdatomic.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/ranks_impl.h>
#include <slab/storage/base/try.h>

struct slab_words {
    slab_ranks *ranks;
    size_t n;
    _Atomic int64_t *local; /* one rank */
    MPI_Win window;         /* several */
};

static bool is_local(const slab_words *words)
{
    return words->ranks->count == 1;
}

slab_status slab_words_create(slab_ranks *ranks, size_t n, slab_words **out)
{
    slab_status rc = SLAB_OK;
    slab_words *words = NULL;
    int64_t *base = NULL;
    *out = NULL;
    rc = slab_memory_alloc((void **)&words, 1, sizeof *words, "shared words");
    if (words)
        words->window = MPI_WIN_NULL;
    TRY(slab_ranks_agree(ranks, rc));
    words->ranks = ranks;
    words->n = n;
    if (is_local(words)) {
        ALLOC(words->local, n, "shared words");
    } else {
        MPI_Comm comm = *(MPI_Comm *)ranks->comm;
        TRY_MPI(MPI_Win_allocate((MPI_Aint)(n * sizeof *base), sizeof *base, MPI_INFO_NULL, comm,
                                 &base, &words->window));
        TRY_MPI(MPI_Win_lock_all(MPI_MODE_NOCHECK, words->window));
        for (size_t i = 0; i < n; i++)
            TRY(slab_words_set(words, ranks->me, i, 0));
        TRY(slab_ranks_barrier(ranks));
    }
    *out = words;
    words = NULL;
done:
    slab_words_destroy(&words);
    return rc;
}

void slab_words_destroy(slab_words **words)
{
    slab_words *w = *words;
    if (!w)
        return;
    if (w->window != MPI_WIN_NULL) {
        MPI_Win_unlock_all(w->window);
        MPI_Win_free(&w->window);
    }
    FREE(w->local);
    FREE(*words);
}

/* One atomic operation and its completion, under the lock: Open MPI's one-sided layer has had
 * trouble with several threads in one window, and an operation takes about a microsecond. */
static slab_status remote(slab_words *w, int owner, size_t index, MPI_Op op, const int64_t *operand,
                          int64_t *before)
{
    slab_status rc = SLAB_OK;
    pthread_mutex_lock(&w->ranks->lock);
    TRY_MPI(MPI_Fetch_and_op(operand, before, MPI_INT64_T, owner, (MPI_Aint)index, op, w->window));
    TRY_MPI(MPI_Win_flush(owner, w->window));
done:
    pthread_mutex_unlock(&w->ranks->lock);
    return rc;
}

slab_status slab_words_fetch_add(slab_words *words, int owner, size_t index, int64_t add,
                                 int64_t *before)
{
    if (!is_local(words))
        return remote(words, owner, index, MPI_SUM, &add, before);
    *before = atomic_fetch_add(&words->local[index], add);
    return SLAB_OK;
}

slab_status slab_words_get(slab_words *words, int owner, size_t index, int64_t *value)
{
    int64_t nothing = 0;
    if (!is_local(words))
        return remote(words, owner, index, MPI_NO_OP, &nothing, value);
    *value = atomic_load(&words->local[index]);
    return SLAB_OK;
}

slab_status slab_words_set(slab_words *words, int owner, size_t index, int64_t value)
{
    int64_t before;
    if (!is_local(words))
        return remote(words, owner, index, MPI_REPLACE, &value, &before);
    atomic_store(&words->local[index], value);
    return SLAB_OK;
}

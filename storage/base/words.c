/* Shared words: MPI one-sided atomics, or plain atomics when there is one rank; messages where MPI
 * offers no window (words_served.c). */
#include <slab/storage/base/ranks.h>

#include <mpi.h>
#include <stdatomic.h>
#include <string.h>

#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/ranks_impl.h>
#include <slab/storage/base/try.h>
#include <slab/storage/base/words_impl.h>

/* Reads of all ranks that are under way. */
typedef struct reading {
    bool under_way;
    MPI_Request *requests; /* [count] */
    int64_t *values;       /* [count, n] */
} reading;

struct slab_words {
    slab_ranks *ranks;
    size_t n;
    _Atomic int64_t *local; /* one rank */
    MPI_Win window;         /* several */
    served_words *served;   /* several, and no window */
    reading reading;
};

static bool is_local(const slab_words *words)
{
    return words->ranks->count == 1;
}

static slab_status allocate_window(slab_words *w)
{
    slab_status rc = SLAB_OK;
    int64_t *base = NULL;
    TRY_MPI(MPI_Win_allocate((MPI_Aint)(w->n * sizeof *base), sizeof *base, MPI_INFO_NULL,
                             *(MPI_Comm *)w->ranks->comm, &base, &w->window));
done:
    return rc;
}

/* A window, or what stands for it. Collective. */
static slab_status open_window(slab_words *w)
{
    static bool no_windows; /* as all ranks have found out together */
    slab_status rc = SLAB_OK;
    if (!no_windows && slab_ranks_agree(w->ranks, allocate_window(w)) != SLAB_OK) {
        slab_log(SLAB_LOG_INFO, "no one-sided communication (%s): messages do",
                 slab_error_last()->message);
        slab_error_clear();
        w->window = MPI_WIN_NULL; /* freeing it would take those that have none */
        no_windows = true;
    }
    if (no_windows) {
        TRY(served_words_create(w->ranks, w->n, &w->served));
    } else {
        TRY_MPI(MPI_Win_lock_all(MPI_MODE_NOCHECK, w->window));
        for (size_t i = 0; i < w->n; i++)
            TRY(slab_words_set(w, w->ranks->me, i, 0));
    }
    TRY(slab_ranks_barrier(w->ranks));
done:
    return rc;
}

slab_status slab_words_create(slab_ranks *ranks, size_t n, slab_words **out)
{
    slab_status rc = SLAB_OK;
    slab_words *words = NULL;
    *out = NULL;
    rc = slab_memory_alloc((void **)&words, 1, sizeof *words, "shared words");
    if (words) {
        words->ranks = ranks;
        words->n = n;
        words->window = MPI_WIN_NULL;
    }
    TRY(slab_ranks_agree(ranks, rc));
    if (is_local(words)) {
        ALLOC(words->local, n, "shared words");
    } else {
        TRY(open_window(words));
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
    slab_ranks_desert(w->ranks);
    if (w->window != MPI_WIN_NULL) {
        if (w->reading.under_way)
            MPI_Waitall(w->ranks->count, w->reading.requests, MPI_STATUSES_IGNORE);
        MPI_Win_unlock_all(w->window);
        MPI_Win_free(&w->window);
    }
    served_words_destroy(&w->served);
    FREE(w->local);
    FREE(w->reading.requests);
    FREE(w->reading.values);
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
    if (words->served)
        return served_words_do(words->served, owner, index, SERVED_ADD, add, before);
    if (!is_local(words))
        return remote(words, owner, index, MPI_SUM, &add, before);
    *before = atomic_fetch_add(&words->local[index], add);
    return SLAB_OK;
}

slab_status slab_words_get(slab_words *words, int owner, size_t index, int64_t *value)
{
    int64_t nothing = 0;
    if (words->served)
        return served_words_do(words->served, owner, index, SERVED_GET, 0, value);
    if (!is_local(words))
        return remote(words, owner, index, MPI_NO_OP, &nothing, value);
    *value = atomic_load(&words->local[index]);
    return SLAB_OK;
}

slab_status slab_words_set(slab_words *words, int owner, size_t index, int64_t value)
{
    int64_t before;
    if (words->served)
        return served_words_do(words->served, owner, index, SERVED_SET, value, &before);
    if (!is_local(words))
        return remote(words, owner, index, MPI_REPLACE, &value, &before);
    atomic_store(&words->local[index], value);
    return SLAB_OK;
}

/* Begins to read; nothing is waited for. */
static slab_status ask_all(slab_words *w, size_t first, size_t n)
{
    slab_status rc = SLAB_OK;
    reading *r = &w->reading;
    int count = w->ranks->count;
    static int64_t nothing;
    if (!r->requests)
        ALLOC(r->requests, count, "shared words");
    if (!r->values)
        ALLOC(r->values, (size_t)count * n, "shared words");
    for (int i = 0; i < count; i++)
        r->requests[i] = MPI_REQUEST_NULL;
    r->under_way = true; /* those that are begun before one fails are waited for in the end */
    for (int i = 0; i < count; i++)
        TRY_MPI(MPI_Rget_accumulate(&nothing, 0, MPI_INT64_T, r->values + (size_t)i * n, (int)n,
                                    MPI_INT64_T, i, (MPI_Aint)first, (int)n, MPI_INT64_T, MPI_NO_OP,
                                    w->window, &r->requests[i]));
done:
    return rc;
}

static slab_status look(slab_words *w, size_t first, size_t n, int64_t *values, bool *all)
{
    slab_status rc = SLAB_OK;
    int come = 0;
    if (!w->reading.under_way)
        TRY(ask_all(w, first, n));
    TRY_MPI(MPI_Testall(w->ranks->count, w->reading.requests, &come, MPI_STATUSES_IGNORE));
    if (come) {
        memcpy(values, w->reading.values, (size_t)w->ranks->count * n * sizeof *values);
        w->reading.under_way = false;
        *all = true;
    }
done:
    return rc;
}

slab_status slab_words_look(slab_words *words, size_t first, size_t n, int64_t *values, bool *all)
{
    slab_status rc = SLAB_OK;
    *all = false;
    REQUIRE(n <= WORDS_LOOK_MOST, SLAB_ERR_INTERNAL, "a look at %zu shared words", n);
    if (is_local(words)) {
        for (size_t i = 0; i < n; i++)
            values[i] = atomic_load(&words->local[first + i]);
        *all = true;
        return SLAB_OK;
    }
    if (words->served)
        return served_words_look(words->served, first, n, values, all);
    pthread_mutex_lock(&words->ranks->lock);
    rc = look(words, first, n, values, all);
    pthread_mutex_unlock(&words->ranks->lock);
done:
    return rc;
}

/*
 * Shared words by messages. Open MPI 4.1 has no one-sided communication that several threads may
 * use between nodes that have nothing but TCP (osc/pt2pt gives up, osc/rdma finds no transport),
 * and there MPI_Win_allocate fails. Stealing is rare and halts are rarer, so an answer within a
 * millisecond will do; what a rank does with its own words, which is nearly all, is no message.
 */
#include <slab/storage/base/words_impl.h>

#include <mpi.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/ranks_impl.h>
#include <slab/storage/base/thread.h>
#include <slab/storage/base/try.h>

enum { TAG_ASK = 1, TAG_ANSWER, TAG_LOOK }; /* answers to a look do not meet those to operations */

/* A question: who asks is in the message's envelope. */
typedef struct question {
    int64_t op, index, n, operand, tag; /* n words from index; n > 1 only to be read */
} question;
enum { QUESTION_WORDS = sizeof(question) / sizeof(int64_t) };

struct served_words {
    slab_ranks *ranks;
    size_t n;
    _Atomic int64_t *own;
    MPI_Comm comm;
    pthread_t server;
    bool serving;
    atomic_bool over;
    bool looking;
    question look;
    MPI_Request *requests; /* [2 count]: questions and answers of a look */
    int64_t *seen;         /* [count, n of the look] */
};

static int64_t do_own(served_words *w, served_op op, size_t index, int64_t operand)
{
    if (op == SERVED_ADD)
        return atomic_fetch_add(&w->own[index], operand);
    if (op == SERVED_SET)
        return atomic_exchange(&w->own[index], operand);
    return atomic_load(&w->own[index]);
}

static void answer(served_words *w, int asker)
{
    question q;
    int64_t words[WORDS_LOOK_MOST];
    if (MPI_Recv(&q, QUESTION_WORDS, MPI_INT64_T, asker, TAG_ASK, w->comm, MPI_STATUS_IGNORE) !=
        MPI_SUCCESS)
        return;
    for (int64_t i = 0; i < q.n; i++)
        words[i] = do_own(w, (served_op)q.op, (size_t)(q.index + i), q.operand);
    MPI_Send(words, (int)q.n, MPI_INT64_T, asker, (int)q.tag, w->comm);
}

/* Sleeps between looks, longer when nobody asks: a blocking receive would keep a core busy. */
static void *serve(void *context)
{
    enum { SHORTEST = 20000, LONGEST = 500000 };
    served_words *w = context;
    struct timespec nap = {0, SHORTEST};
    while (!atomic_load(&w->over)) {
        MPI_Status status;
        int asked = 0;
        if (MPI_Iprobe(MPI_ANY_SOURCE, TAG_ASK, w->comm, &asked, &status) == MPI_SUCCESS && asked) {
            answer(w, status.MPI_SOURCE);
            nap.tv_nsec = SHORTEST;
            continue;
        }
        nanosleep(&nap, NULL);
        nap.tv_nsec = nap.tv_nsec < LONGEST ? nap.tv_nsec * 2 : LONGEST;
    }
    return NULL;
}

static slab_status start_server(served_words *w)
{
    slab_status rc = SLAB_OK;
    w->serving = slab_thread_start(&w->server, serve, w) == 0;
    REQUIRE(w->serving, SLAB_ERR_MEMORY, "no thread can be started");
done:
    return rc;
}

static slab_status make_room(served_words *w)
{
    slab_status rc = SLAB_OK;
    size_t count = (size_t)slab_ranks_count(w->ranks);
    ALLOC(w->own, w->n, "shared words");
    ALLOC(w->requests, 2 * count, "shared words");
done:
    return rc;
}

slab_status served_words_create(slab_ranks *ranks, size_t n, served_words **out)
{
    slab_status rc = SLAB_OK;
    served_words *w = NULL;
    *out = NULL;
    rc = slab_memory_alloc((void **)&w, 1, sizeof *w, "shared words");
    if (w) {
        w->ranks = ranks;
        w->n = n;
        w->comm = MPI_COMM_NULL;
        rc = make_room(w);
    }
    TRY(slab_ranks_agree(ranks, rc));
    TRY_MPI(MPI_Comm_dup(*(MPI_Comm *)ranks->comm, &w->comm));
    TRY(slab_ranks_agree(ranks, start_server(w)));
    *out = w;
    w = NULL;
done:
    served_words_destroy(&w);
    return rc;
}

void served_words_destroy(served_words **words)
{
    served_words *w = *words;
    if (!w)
        return;
    if (w->looking)
        MPI_Waitall(2 * slab_ranks_count(w->ranks), w->requests, MPI_STATUSES_IGNORE);
    if (w->comm != MPI_COMM_NULL)
        MPI_Barrier(w->comm); /* nobody asks any more */
    atomic_store(&w->over, true);
    if (w->serving)
        pthread_join(w->server, NULL);
    if (w->comm != MPI_COMM_NULL)
        MPI_Comm_free(&w->comm);
    FREE(w->own);
    FREE(w->requests);
    FREE(w->seen);
    FREE(*words);
}

slab_status served_words_do(served_words *words, int owner, size_t index, served_op op,
                            int64_t operand, int64_t *before)
{
    slab_status rc = SLAB_OK;
    question q = {op, (int64_t)index, 1, operand, TAG_ANSWER};
    if (owner == slab_ranks_me(words->ranks)) {
        *before = do_own(words, op, index, operand);
        return SLAB_OK;
    }
    pthread_mutex_lock(&words->ranks->lock);
    TRY_MPI(MPI_Send(&q, QUESTION_WORDS, MPI_INT64_T, owner, TAG_ASK, words->comm));
    TRY_MPI(MPI_Recv(before, 1, MPI_INT64_T, owner, TAG_ANSWER, words->comm, MPI_STATUS_IGNORE));
done:
    pthread_mutex_unlock(&words->ranks->lock);
    return rc;
}

static slab_status ask_all(served_words *w, size_t first, size_t n)
{
    slab_status rc = SLAB_OK;
    int count = slab_ranks_count(w->ranks);
    if (!w->seen)
        ALLOC(w->seen, (size_t)count * n, "shared words");
    w->look = (question){SERVED_GET, (int64_t)first, (int64_t)n, 0, TAG_LOOK};
    for (int i = 0; i < 2 * count; i++)
        w->requests[i] = MPI_REQUEST_NULL;
    w->looking = true;
    for (int r = 0; r < count; r++) {
        TRY_MPI(MPI_Irecv(w->seen + (size_t)r * n, (int)n, MPI_INT64_T, r, TAG_LOOK, w->comm,
                          &w->requests[r]));
        TRY_MPI(MPI_Isend(&w->look, QUESTION_WORDS, MPI_INT64_T, r, TAG_ASK, w->comm,
                          &w->requests[count + r]));
    }
done:
    return rc;
}

slab_status served_words_look(served_words *words, size_t first, size_t n, int64_t *values,
                              bool *all)
{
    slab_status rc = SLAB_OK;
    int come = 0, count = slab_ranks_count(words->ranks);
    *all = false;
    pthread_mutex_lock(&words->ranks->lock);
    if (!words->looking)
        TRY(ask_all(words, first, n));
    TRY_MPI(MPI_Testall(2 * count, words->requests, &come, MPI_STATUSES_IGNORE));
    if (come) {
        memcpy(values, words->seen, (size_t)count * n * sizeof *values);
        words->looking = false;
        *all = true;
    }
done:
    pthread_mutex_unlock(&words->ranks->lock);
    return rc;
}

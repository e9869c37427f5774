/* A queue, a free list and a few threads. A block that is written goes back to the free list: the
 * memory of a run is mapped once. */
#include <slab/storage/block_writer.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/thread.h>
#include <slab/storage/base/try.h>

enum { THREADS_MAX = 8 };
#define WRITE_MAX ((size_t)1 << 30) /* a single pwrite of Linux ends short of 2 GiB */

struct slab_block_writer {
    slab_block_target target;
    pthread_t thread[THREADS_MAX];
    int nthreads;
    atomic_bool direct;

    pthread_mutex_t lock; /* around all below */
    pthread_cond_t work;  /* a block was queued, or it is time to stop */
    pthread_cond_t calm;  /* a block came back */
    slab_block *first, *last;
    slab_block *spare;
    size_t held;   /* bytes of all blocks that exist */
    int in_flight; /* queued or being written */
    bool stop;
    slab_error failed; /* the first error; code SLAB_OK: none */
};

static void block_destroy(slab_block *block)
{
    if (!block)
        return;
    FREE(block->bytes);
    FREE(block->chunks);
    slab_memory_free(block);
}

static size_t round_up(size_t n)
{
    return (n + SLAB_BLOCK_ALIGN - 1) / SLAB_BLOCK_ALIGN * SLAB_BLOCK_ALIGN;
}

static slab_status block_create(size_t capacity, slab_block **out)
{
    slab_status rc = SLAB_OK;
    slab_block *block = NULL;
    *out = NULL;
    ALLOC(block, 1, "a write-behind block");
    ALLOC(block->bytes, capacity, "a write-behind block");
    ALLOC(block->chunks, SLAB_LOG_BATCH_MAX, "a write-behind block");
    block->capacity = capacity;
    *out = block;
    block = NULL;
done:
    block_destroy(block);
    return rc;
}

/* One pwrite; falls back to the buffered descriptor where O_DIRECT is refused after all. */
static ssize_t write_some(slab_block_writer *w, const uint8_t *bytes, size_t n, uint64_t address)
{
    if (n > WRITE_MAX)
        n = WRITE_MAX;
    bool aligned = (address | n | (uintptr_t)bytes) % SLAB_BLOCK_ALIGN == 0;
    if (aligned && atomic_load(&w->direct)) {
        ssize_t wrote = pwrite(w->target.direct_fd, bytes, n, (off_t)address);
        if (wrote >= 0 || errno != EINVAL)
            return wrote;
        if (atomic_exchange(&w->direct, false))
            slab_log(SLAB_LOG_INFO, "'%s': the file system refuses O_DIRECT, writing buffered",
                     w->target.path);
    }
    return pwrite(w->target.fd, bytes, n, (off_t)address);
}

static slab_status write_block(slab_block_writer *w, const slab_block *block)
{
    slab_status rc = SLAB_OK;
    size_t wrote_bytes = 0, n = block->used;
    while (wrote_bytes < n) {
        ssize_t wrote = write_some(w, block->bytes + wrote_bytes, n - wrote_bytes,
                                   block->address + wrote_bytes);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            FAIL_ERRNO("cannot write %zu bytes at %" PRIu64 " of '%s'", n - wrote_bytes,
                       block->address + wrote_bytes, w->target.path);
        REQUIRE(wrote > 0, SLAB_ERR_IO, "cannot write at %" PRIu64 " of '%s': nothing is taken",
                block->address + wrote_bytes, w->target.path);
        wrote_bytes += (size_t)wrote;
    }
    TRY(w->target.written(w->target.context, block));
done:
    return rc;
}

/* Call with the lock held. Blocks of another than the usual size are not kept. */
static void put_back(slab_block_writer *w, slab_block *block)
{
    if (block->capacity == w->target.block) {
        block->next = w->spare;
        w->spare = block;
    } else {
        w->held -= block->capacity;
        block_destroy(block);
    }
    pthread_cond_broadcast(&w->calm);
}

static void *write_blocks(void *context)
{
    slab_block_writer *w = context;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->first && !w->stop)
            pthread_cond_wait(&w->work, &w->lock);
        if (!w->first)
            break;
        slab_block *block = w->first;
        w->first = block->next;
        if (!w->first)
            w->last = NULL;
        bool wanted = !w->stop && w->failed.code == SLAB_OK;
        pthread_mutex_unlock(&w->lock);
        slab_status rc = wanted ? write_block(w, block) : SLAB_OK;
        pthread_mutex_lock(&w->lock);
        if (rc != SLAB_OK && w->failed.code == SLAB_OK)
            w->failed = *slab_error_last();
        w->in_flight--;
        put_back(w, block);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static slab_status start_threads(slab_block_writer *w)
{
    slab_status rc = SLAB_OK;
    for (int i = 0; i < w->target.threads && i < THREADS_MAX; i++) {
        int failed = slab_thread_start(&w->thread[i], write_blocks, w);
        REQUIRE(!failed, SLAB_ERR_MEMORY, "cannot start a writing thread: %s", strerror(failed));
        w->nthreads++;
    }
done:
    return rc;
}

slab_status slab_block_writer_create(const slab_block_target *target, slab_block_writer **out)
{
    slab_status rc = SLAB_OK;
    slab_block_writer *w = NULL;
    *out = NULL;
    ALLOC(w, 1, "the write-behind");
    w->target = *target;
    w->target.block = round_up(target->block);
    atomic_init(&w->direct, target->direct_fd >= 0);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    pthread_cond_init(&w->calm, NULL);
    TRY(start_threads(w));
    *out = w;
    w = NULL;
done:
    slab_block_writer_destroy(&w);
    return rc;
}

void slab_block_writer_destroy(slab_block_writer **writer)
{
    slab_block_writer *w = *writer;
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->work);
    pthread_mutex_unlock(&w->lock);
    for (int i = 0; i < w->nthreads; i++)
        pthread_join(w->thread[i], NULL);
    while (w->spare) {
        slab_block *block = w->spare;
        w->spare = block->next;
        block_destroy(block);
    }
    pthread_cond_destroy(&w->calm);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    FREE(*writer);
}

/* May a block of these bytes be made? With nothing in flight there is nothing to wait for. Spare
 * blocks of the usual size give way to a large one. Call with the lock held. */
static bool has_room(slab_block_writer *w, size_t capacity)
{
    while (w->spare && w->held + capacity > w->target.most) {
        slab_block *block = w->spare;
        w->spare = block->next;
        w->held -= block->capacity;
        block_destroy(block);
    }
    return w->held + capacity <= w->target.most || w->in_flight == 0;
}

/* Makes a block outside the lock; when the budget has no room for it now, but blocks are in
 * flight, one of those will do later: *out stays NULL. */
static slab_status make_block(slab_block_writer *w, size_t capacity, slab_block **out)
{
    w->held += capacity;
    pthread_mutex_unlock(&w->lock);
    slab_status rc = block_create(capacity, out);
    pthread_mutex_lock(&w->lock);
    if (rc == SLAB_OK)
        return SLAB_OK;
    w->held -= capacity;
    return rc == SLAB_ERR_MEMORY && w->in_flight > 0 ? SLAB_OK : rc;
}

slab_status slab_block_take(slab_block_writer *w, size_t bytes, slab_block **out)
{
    slab_status rc = SLAB_OK;
    size_t capacity = bytes <= w->target.block ? w->target.block : round_up(bytes);
    bool usual = capacity == w->target.block;
    slab_block *block = NULL;
    *out = NULL;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        if (w->failed.code != SLAB_OK) {
            rc = slab_error_restore(&w->failed);
            goto done;
        }
        if (usual && w->spare) {
            block = w->spare;
            w->spare = block->next;
            break;
        }
        if (has_room(w, capacity)) {
            TRY(make_block(w, capacity, &block));
            if (block)
                break;
        }
        if (w->in_flight > 0)
            pthread_cond_wait(&w->calm, &w->lock);
    }
    block->used = block->nchunks = 0;
    block->next = NULL;
    *out = block;
done:
    pthread_mutex_unlock(&w->lock);
    return rc;
}

void slab_block_submit(slab_block_writer *w, slab_block **block)
{
    slab_block *b = *block;
    size_t padded = round_up(b->used);
    memset(b->bytes + b->used, 0, padded - b->used);
    b->used = padded;
    b->next = NULL;
    *block = NULL;
    pthread_mutex_lock(&w->lock);
    if (w->last)
        w->last->next = b;
    else
        w->first = b;
    w->last = b;
    w->in_flight++;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
}

void slab_block_return(slab_block_writer *w, slab_block **block)
{
    if (!*block)
        return;
    pthread_mutex_lock(&w->lock);
    put_back(w, *block);
    pthread_mutex_unlock(&w->lock);
    *block = NULL;
}

slab_status slab_block_check(slab_block_writer *w)
{
    slab_status rc = SLAB_OK;
    pthread_mutex_lock(&w->lock);
    if (w->failed.code != SLAB_OK)
        rc = slab_error_restore(&w->failed);
    pthread_mutex_unlock(&w->lock);
    return rc;
}

slab_status slab_block_drain(slab_block_writer *w)
{
    pthread_mutex_lock(&w->lock);
    while (w->in_flight > 0)
        pthread_cond_wait(&w->calm, &w->lock);
    pthread_mutex_unlock(&w->lock);
    return slab_block_check(w);
}

bool slab_block_writer_direct(slab_block_writer *w)
{
    return atomic_load(&w->direct);
}

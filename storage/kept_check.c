/* Reads back what an earlier run has left, beside the work: where the processor is what limits a
 * run, that costs it next to nothing. A thread takes chunks that lie together and reads what its
 * window holds at once; a chunk that is larger than the window is summed up piece by piece, so that
 * the memory it takes is the same for all chunks. */
#include <slab/storage/kept_impl.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include <slab/storage/base/clock.h>
#include <slab/storage/base/io.h>
#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/stop.h>
#include <slab/storage/base/thread.h>
#include <slab/storage/base/try.h>
#include <slab/storage/block_writer.h>

enum { CHECKERS = 4 };  /* threads: they wait for the disk, which they keep busy */
enum { TOGETHER = 64 }; /* chunks that a thread takes at a time: a record of them is one write */
#define GAP_MAX 65536   /* bytes of others that are read as well rather than read around */
#define LOOK_NS (100 * 1000000L) /* so often is a stop looked for */
#define SAY_NS  (60 * INT64_C(1000000000))

typedef struct checker {
    slab_checking *of;
    pthread_t id;
    bool started;
    uint8_t *window;     /* [of->window] aligned for O_DIRECT */
    uint64_t begin, end; /* of the file, what the window holds */
    slab_chunk_sum *sum;
} checker;

struct slab_checking {
    const slab_kept *kept;
    slab_kept_check how;
    uint8_t *memory;
    size_t window; /* bytes of a thread */
    checker checkers[CHECKERS];
    _Atomic int64_t next, broken;
    atomic_bool end;

    pthread_mutex_t lock; /* around all below */
    pthread_cond_t done;  /* a thread has ended */
    int running;
    int64_t checked;
    slab_error failed; /* the first error; code SLAB_OK: none */
};

/* --- reading --- */

/* Some file systems refuse O_DIRECT at the end of a file, or altogether. */
static bool read_bytes(const checker *w, uint64_t address, size_t needed, size_t most)
{
    const slab_kept_check *how = &w->of->how;
    if (how->direct_fd >= 0 &&
        slab_read_at(how->direct_fd, w->window, most, address) >= (ssize_t)needed)
        return true;
    return slab_read_at(how->fd, w->window, needed, address) == (ssize_t)needed;
}

/* Reads first .. end - 1 of the file into the window; they fit. */
static bool fill_window(checker *w, uint64_t first, uint64_t end)
{
    uint64_t begin = first / SLAB_BLOCK_ALIGN * SLAB_BLOCK_ALIGN;
    uint64_t most = (end - begin + SLAB_BLOCK_ALIGN - 1) / SLAB_BLOCK_ALIGN * SLAB_BLOCK_ALIGN;
    w->begin = w->end = 0;
    if (!read_bytes(w, begin, (size_t)(end - begin), (size_t)most))
        return false;
    w->begin = begin;
    w->end = end;
    return true;
}

/* How far to read for the chunk and those behind it that fit as well. */
static uint64_t reach(const checker *w, int64_t first, int64_t last)
{
    const slab_logged_chunk *c = &w->of->kept->chunks[first];
    uint64_t begin = c->address / SLAB_BLOCK_ALIGN * SLAB_BLOCK_ALIGN;
    uint64_t end = c->address + c->size;
    for (int64_t i = first + 1; i < last; i++) {
        c = &w->of->kept->chunks[i];
        if (c->address < begin || c->address > end + GAP_MAX ||
            c->address + c->size > begin + w->of->window)
            break;
        end = c->address + c->size > end ? c->address + c->size : end;
    }
    return end;
}

static bool is_whole_in_pieces(checker *w, const slab_logged_chunk *c)
{
    uint64_t at = c->address, end = c->address + c->size;
    slab_chunk_sum_begin(w->sum);
    while (at < end && !atomic_load(&w->of->end)) {
        uint64_t most = at / SLAB_BLOCK_ALIGN * SLAB_BLOCK_ALIGN + w->of->window;
        if (!fill_window(w, at, end < most ? end : most))
            return false;
        slab_chunk_sum_add(w->sum, w->window + (at - w->begin), (size_t)(w->end - at));
        at = w->end;
    }
    return slab_chunk_sum_end(w->sum) == c->checksum;
}

/* False as well where the file ends or cannot be read. */
static bool is_whole(checker *w, int64_t chunk, int64_t last)
{
    const slab_logged_chunk *c = &w->of->kept->chunks[chunk];
    if (c->size > w->of->window - SLAB_BLOCK_ALIGN)
        return is_whole_in_pieces(w, c);
    bool there = c->address >= w->begin && c->address + c->size <= w->end;
    if (!there && !fill_window(w, c->address, reach(w, chunk, last)) &&
        !fill_window(w, c->address, c->address + c->size)) /* the next one may be what fails */
        return false;
    return slab_chunk_checksum(w->window + (c->address - w->begin), c->size) == c->checksum;
}

/* --- threads --- */

static slab_status check_some(checker *w, int64_t first, int64_t last)
{
    slab_status rc = SLAB_OK;
    slab_checking *of = w->of;
    slab_logged_chunk whole[TOGETHER];
    size_t n = 0;
    for (int64_t i = first; i < last; i++) {
        bool good = is_whole(w, i, last);
        if (atomic_load(&of->end))
            return SLAB_OK;
        if (good)
            whole[n++] = of->kept->chunks[i];
        else
            atomic_fetch_add(&of->broken, 1);
    }
    if (n > 0)
        TRY(of->how.whole(of->how.context, whole, n));
    pthread_mutex_lock(&of->lock);
    of->checked += last - first;
    pthread_mutex_unlock(&of->lock);
done:
    return rc;
}

static void *check_chunks(void *argument)
{
    checker *w = argument;
    slab_checking *of = w->of;
    slab_status rc = SLAB_OK;
    while (rc == SLAB_OK && !atomic_load(&of->end)) {
        int64_t first = atomic_fetch_add(&of->next, TOGETHER), n = of->kept->nchunks;
        if (first >= n)
            break;
        rc = check_some(w, first, first + TOGETHER < n ? first + TOGETHER : n);
    }
    pthread_mutex_lock(&of->lock);
    if (rc != SLAB_OK && of->failed.code == SLAB_OK)
        of->failed = *slab_error_last();
    if (rc != SLAB_OK)
        atomic_store(&of->end, true);
    of->running--;
    pthread_cond_signal(&of->done);
    pthread_mutex_unlock(&of->lock);
    return NULL;
}

/* Where no thread can be started the waiting one does it all. */
static slab_status start(slab_checking *c)
{
    slab_status rc = SLAB_OK;
    c->window = c->how.bytes / CHECKERS / SLAB_BLOCK_ALIGN * SLAB_BLOCK_ALIGN;
    ALLOC(c->memory, c->how.bytes, "chunks to check");
    for (int t = 0; t < CHECKERS; t++) {
        c->checkers[t] = (checker){.of = c, .window = c->memory + (size_t)t * c->window};
        TRY(slab_chunk_sum_create(&c->checkers[t].sum));
    }
    for (int t = 0; t < CHECKERS; t++) {
        checker *w = &c->checkers[t];
        pthread_mutex_lock(&c->lock);
        w->started = slab_thread_start(&w->id, check_chunks, w) == 0;
        c->running += w->started;
        pthread_mutex_unlock(&c->lock);
    }
done:
    return rc;
}

slab_status slab_kept_check_begin(slab_kept *kept, const slab_kept_check *how)
{
    slab_status rc = SLAB_OK;
    slab_checking *c;
    ALLOC(c, 1, "the check of an unfinished output");
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->done, NULL);
    c->kept = kept;
    c->how = *how;
    kept->checking = c;
    if (kept->nchunks > 0)
        TRY(start(c));
done:
    return rc;
}

/* Waits a little while threads are at work. True: they still are. */
static bool wait_a_little(slab_checking *c)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK_NS;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&c->lock);
    if (c->running > 0)
        pthread_cond_timedwait(&c->done, &c->lock, &until);
    bool more = c->running > 0;
    pthread_mutex_unlock(&c->lock);
    return more;
}

/* The work is done by then, and whoever waits wants to know for what. */
static void say_how_far(slab_checking *c, int64_t *said)
{
    int64_t now = slab_clock_ns();
    if (now - *said < SAY_NS)
        return;
    *said = now;
    pthread_mutex_lock(&c->lock);
    double part = (double)c->checked / (double)c->kept->nchunks;
    pthread_mutex_unlock(&c->lock);
    slab_log(SLAB_LOG_NOTE, "reading back what an earlier run has left: %.1f %% done", 100 * part);
}

slab_status slab_kept_check_wait(slab_kept *kept, int64_t *broken)
{
    slab_status rc = SLAB_OK;
    slab_checking *c = kept->checking;
    int64_t said = slab_clock_ns();
    while (wait_a_little(c)) {
        REQUIRE(!slab_stop_requested(), SLAB_ERR_STOPPED, "stopped by %s", slab_stop_reason());
        say_how_far(c, &said);
    }
    if (!slab_kept_is_checked(kept) && c->failed.code == SLAB_OK) {
        c->running = 1;
        check_chunks(&c->checkers[0]);
    }
    if (c->failed.code != SLAB_OK)
        TRY(slab_error_restore(&c->failed));
    *broken = atomic_load(&c->broken);
done:
    return rc;
}

bool slab_kept_is_checked(const slab_kept *kept)
{
    slab_checking *c = kept->checking;
    if (!c)
        return false;
    pthread_mutex_lock(&c->lock);
    bool all = c->checked == kept->nchunks;
    pthread_mutex_unlock(&c->lock);
    return all;
}

void slab_kept_check_end(slab_kept *kept)
{
    slab_checking *c = kept->checking;
    if (!c)
        return;
    atomic_store(&c->end, true);
    for (int t = 0; t < CHECKERS; t++) {
        if (c->checkers[t].started)
            pthread_join(c->checkers[t].id, NULL);
        slab_chunk_sum_destroy(&c->checkers[t].sum);
    }
    FREE(c->memory);
    pthread_cond_destroy(&c->done);
    pthread_mutex_destroy(&c->lock);
    FREE(kept->checking);
}

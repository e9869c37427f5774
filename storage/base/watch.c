#include <slab/storage/base/watch.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <slab/storage/base/memory.h>

/* Caches of metadata, buffers for conversion. */
enum { OWN_WORK = 16 << 20 };

static slab_watch inside;
static atomic_bool is_inside;
static atomic_size_t memory = SIZE_MAX;
static const char *written;
static void (*on_thread)(void);

/* A signal handler reads it. In a program, which has its place by then, that takes no call; in the
 * shared library nobody asks from one. */
static _Thread_local slab_watch *here;
static _Thread_local bool prepared;

static void forget(void)
{
    for (int i = 0; i < SLAB_WATCH_FILES; i++)
        inside.files[i] = NULL;
    inside.written = written;
    inside.object = inside.failed = NULL;
    inside.ours = false;
    inside.moved = inside.looked_at = inside.file_bytes = 0;
}

void slab_watch_enter(void)
{
    if (!prepared) {
        prepared = true;
        if (on_thread)
            on_thread();
    }
    forget();
    inside.refused = 0;
    inside.steps++;
    clockid_t clock;
    if (pthread_getcpuclockid(pthread_self(), &clock) != 0)
        clock = CLOCK_PROCESS_CPUTIME_ID;
    inside.clock = clock;
    here = &inside;
    atomic_store(&is_inside, true);
}

void slab_watch_leave(void)
{
    atomic_store(&is_inside, false);
    here = NULL;
    inside.steps++;
    forget();
}

void slab_watch_file(const char *path, uint64_t bytes)
{
    int i = 0;
    while (i + 1 < SLAB_WATCH_FILES && inside.files[i] && strcmp(inside.files[i], path) != 0)
        i++;
    inside.files[i] = path;
    if (bytes > inside.file_bytes)
        inside.file_bytes = bytes;
}

void slab_watch_file_forget(const char *path)
{
    for (int i = 0; i < SLAB_WATCH_FILES; i++)
        if (inside.files[i] == path)
            inside.files[i] = NULL;
    if (written == path)
        inside.written = written = NULL;
}

void slab_watch_written(const char *path)
{
    written = path;
}

void slab_watch_object(const char *path)
{
    inside.object = path;
}

void slab_watch_failed(const char *why)
{
    inside.failed = why;
}

void slab_watch_step(void)
{
    inside.moved = inside.looked_at = 0;
    inside.steps++;
}

void slab_watch_moved(size_t bytes)
{
    inside.moved += bytes;
}

void slab_watch_looked_at(size_t bytes)
{
    inside.looked_at += bytes;
}

void slab_watch_ours(bool ours)
{
    inside.ours = ours;
}

bool slab_watch_uncounted(bool uncounted)
{
    if (!here)
        return false;
    bool before = here->uncounted;
    here->uncounted = uncounted;
    return before;
}

slab_watch *slab_watch_here(void)
{
    return here;
}

const slab_watch *slab_watch_anywhere(void)
{
    return atomic_load(&is_inside) ? &inside : NULL;
}

void slab_watch_on_thread(void (*prepare)(void))
{
    on_thread = prepare;
}

void slab_watch_memory_set(size_t bytes)
{
    atomic_store(&memory, bytes);
}

size_t slab_watch_memory(void)
{
    size_t all = atomic_load(&memory), used = slab_memory_used();
    return all > SIZE_MAX - OWN_WORK ? SIZE_MAX : OWN_WORK + all - (used < all ? used : all);
}

/*
 * Packed bytes without a copy: chunks that are in the page cache are mapped and decoded from there.
 * Copying them costs 5 to 15 % of decoding them.
 *
 * Only what a read that may not wait finds in the page cache is mapped; anything else is read. The
 * decoder's own faults bring the pages in, sixteen at a time: half the time of MADV_POPULATE_READ,
 * which looks at every page once more. A page that went away since, and cannot be brought back,
 * raises SIGBUS (another process cut the file off, or the disk fails). That is caught here, and
 * the chunk read as if it had never been mapped, so that the error is that of a read.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include <slab/storage/base/try.h>

#include "reader_impl.h"

#define PAGE         ((uint64_t)4096)
#define FAULT        ((uint64_t)64 << 10) /* pages around one that is touched come with it */
#define CHUNK_LEAST  ((uint64_t)64 << 10)
#define CHUNK_MOST   ((uint64_t)4 << 20)
#define MAPPED_ALL   ((size_t)16 << 20) /* by all threads of a reader together */
#define MAPPED_LEAST ((size_t)512 << 10)

/* --- the page cache --- */

bool slab_page_is_cached(int fd, uint64_t offset)
{
    char byte;
    struct iovec one = {&byte, 1};
    return preadv2(fd, &one, 1, (off_t)offset, RWF_NOWAIT) == 1;
}

static size_t mapped_most(const slab_reader *reader)
{
    size_t share = MAPPED_ALL / (size_t)reader->threads;
    return share < MAPPED_LEAST ? MAPPED_LEAST : share;
}

size_t slab_reader_window_memory(const slab_reader *reader)
{
    size_t most = mapped_most(reader);
    size_t chunk = reader->packed_max > CHUNK_MOST ? CHUNK_MOST : reader->packed_max;
    if (reader->source != SLAB_SOURCE_PACKED || reader->packed_max < CHUNK_LEAST)
        return 0;
    return (chunk > most ? chunk : most) + 2 * FAULT;
}

void slab_reader_window_clear(slab_reader_window *window)
{
    if (window->base)
        munmap(window->base, window->room);
    *window = (slab_reader_window){0};
}

/* Address space without pages, in place of whatever was in it. */
static bool clear_room(slab_reader_window *window, size_t room)
{
    if (window->base && room > window->room)
        slab_reader_window_clear(window);
    if (!window->base)
        window->room = room;
    int fixed = window->base ? MAP_FIXED : 0;
    char *base = mmap(window->base, window->room, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);
    window->used = 0;
    window->nextents = 0;
    if (base == MAP_FAILED)
        return false;
    window->base = base;
    return true;
}

static const char *find(const slab_reader_window *window, uint64_t from, uint64_t to)
{
    for (int i = window->nextents - 1; i >= 0; i--)
        if (from >= window->extents[i].from && to <= window->extents[i].to)
            return window->extents[i].at + (from - window->extents[i].from);
    return NULL;
}

/*
 * Maps a part of the file behind what is mapped already. Where there is no more room everything
 * goes at once: to take pages away, the other cores have to be told, and that is what costs. Reading
 * that stays near in the file takes all the room that there is, so that what follows is there.
 */
static const char *map(slab_reader_window *window, int fd, uint64_t from, uint64_t to, size_t room)
{
    int last = window->nextents - 1;
    bool near = last >= 0 && to + CHUNK_MOST >= window->extents[last].from &&
                from <= window->extents[last].to + CHUNK_MOST;
    size_t least = near ? window->room / 2 : 0, left = window->room - window->used;
    if (!window->base || to - from > left || least > left || window->nextents == READER_EXTENTS)
        if (!clear_room(window, room > to - from ? room : to - from))
            return NULL;
    size_t bytes = near ? window->room - window->used : to - from;
    char *at = mmap(window->base + window->used, bytes, PROT_READ, MAP_SHARED | MAP_FIXED, fd,
                    (off_t)from);
    if (at == MAP_FAILED)
        return NULL;
    window->extents[window->nextents].from = from;
    window->extents[window->nextents].to = from + bytes;
    window->extents[window->nextents++].at = at;
    window->used += bytes;
    return at;
}

const void *slab_reader_window_get(slab_reader *reader, slab_reader_window *window,
                                   const slab_chunk *chunk)
{
    int fd = reader->array->file->fd;
    uint64_t from = chunk->address / FAULT * FAULT;
    uint64_t to = (chunk->address + chunk->size + FAULT - 1) / FAULT * FAULT;
    if (chunk->size < CHUNK_LEAST || chunk->size > CHUNK_MOST || chunk->address > INT64_MAX / 2 ||
        atomic_load_explicit(&reader->cannot_map, memory_order_relaxed))
        return NULL;
    if (!slab_page_is_cached(fd, chunk->address) ||
        !slab_page_is_cached(fd, chunk->address + chunk->size - 1))
        return NULL;
    const char *at = find(window, from, to);
    if (!at && !(at = map(window, fd, from, to, mapped_most(reader)))) {
        atomic_store_explicit(&reader->cannot_map, true, memory_order_relaxed);
        return NULL;
    }
    return at + (chunk->address - from);
}

/* --- pages that are gone --- */

/* What this thread is decoding from, and where to go when it breaks away. */
static _Thread_local sigjmp_buf *way_out;
static _Thread_local const char *guarded_from, *guarded_to;
static struct sigaction before;

static void on_bus_error(int signal_number, siginfo_t *info, void *context)
{
    const char *at = info->si_addr;
    (void)context;
    if (way_out && info->si_code > 0 && at >= guarded_from && at < guarded_to)
        siglongjmp(*way_out, 1);
    /* Not ours: as if this handler had never been. */
    sigaction(SIGBUS, &before, NULL);
    if (info->si_code <= 0)
        raise(signal_number);
}

static void install(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error,
                               .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &before);
}

slab_status slab_reader_window_begin(slab_lane *decoder, uint32_t mask, const void *src, size_t n,
                                     void *dst, bool *in_parts, bool *gone)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    slab_status rc = SLAB_OK;
    sigjmp_buf here;
    pthread_once(&once, install);
    *in_parts = *gone = false;
    if (sigsetjmp(here, 0) != 0) {
        way_out = NULL;
        *gone = true;
        return SLAB_OK;
    }
    guarded_from = src;
    guarded_to = (const char *)src + n + PAGE; /* readers of whole words may look beyond the end */
    way_out = &here;
    rc = slab_lane_begin(decoder, mask, src, n, dst, in_parts);
    way_out = NULL;
    return rc;
}

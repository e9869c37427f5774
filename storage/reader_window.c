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
        munmap(window->base, window->to - window->from);
    *window = (slab_reader_window){0};
}

static bool move_to(slab_reader_window *window, int fd, uint64_t from, size_t bytes)
{
    slab_reader_window_clear(window);
    void *base = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, (off_t)from);
    if (base == MAP_FAILED)
        return false;
    *window = (slab_reader_window){.base = base, .from = from, .to = from + bytes};
    return true;
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
    bool inside = window->base && from >= window->from && to <= window->to;
    size_t bytes = mapped_most(reader) > to - from ? mapped_most(reader) : to - from;
    if (!inside && !move_to(window, fd, from, bytes)) {
        atomic_store_explicit(&reader->cannot_map, true, memory_order_relaxed);
        return NULL;
    }
    return window->base + (chunk->address - window->from);
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

#include <slab/storage/base/memory.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <slab/storage/base/sanitizer.h>
#include <slab/storage/base/shape.h>
#include <slab/storage/base/try.h>
#include <slab/storage/base/watch.h>

#define ALIGNMENT ((size_t)64)
#define PAGE      ((size_t)4096)
#define HUGE_PAGE ((size_t)2 << 20)
#define MAP_FROM  ((size_t)256 << 10) /* smaller blocks come from malloc */
#define KEPT_MOST ((size_t)2 << 20)   /* larger mappings are not kept ... */
#define KEPT_ALL  ((size_t)8 << 20)   /* ... nor more than this in all */

#if SLAB_SANITIZED_ADDRESS
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes)   ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

#if SLAB_SANITIZED
enum { KEPT = 0 }; /* what is freed must be seen to be freed */
#else
enum { KEPT = 32 };
#endif

/* Stands right before the block that the caller sees. */
typedef struct header {
    size_t size;    /* the caller's bytes */
    size_t counted; /* what it takes from the budget */
    void *base;     /* what was mapped or malloc'ed */
    size_t mapped;  /* bytes mapped at base, 0: malloc'ed */
} header;
_Static_assert(sizeof(header) <= 64, "the header fits the alignment");

static atomic_size_t limit, used, peak;
static atomic_long fail_in; /* allocations until one is made to fail, 0: never */

void slab_memory_limit_set(size_t bytes)
{
    atomic_store(&limit, bytes);
}

size_t slab_memory_limit(void)
{
    return atomic_load(&limit);
}

size_t slab_memory_used(void)
{
    return atomic_load(&used);
}

size_t slab_memory_peak(void)
{
    return atomic_load(&peak);
}

void slab_memory_peak_reset(void)
{
    atomic_store(&peak, atomic_load(&used));
}

void slab_memory_fail_at(long n)
{
    atomic_store(&fail_in, n);
}

static bool made_to_fail(void)
{
    return atomic_load(&fail_in) > 0 && atomic_fetch_sub(&fail_in, 1) == 1;
}

static slab_status take(size_t bytes, const char *what)
{
    slab_status rc = SLAB_OK;
    size_t before = atomic_load(&used), cap = atomic_load(&limit), after;
    do {
        REQUIRE(cap == 0 || (bytes <= cap && before <= cap - bytes), SLAB_ERR_MEMORY,
                "no room for %zu bytes of %s: %zu of the %zu bytes allowed are in use", bytes, what,
                before, cap);
        after = before + bytes;
    } while (!atomic_compare_exchange_weak(&used, &before, after));
    size_t most = atomic_load(&peak);
    while (after > most && !atomic_compare_exchange_weak(&peak, &most, after))
        ;
done:
    return rc;
}

static void give_back(size_t bytes)
{
    atomic_fetch_sub(&used, bytes);
}

static header *header_of(void *block)
{
    return (header *)((char *)block - sizeof(header));
}

static size_t round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* A mapping of its own: goes back to the system when freed. From 1 MiB on the block starts on a
 * huge page, so that the kernel can use them. */
static void *map_block(size_t size, header *h)
{
    size_t align = size >= HUGE_PAGE / 2 ? HUGE_PAGE : PAGE;
    size_t body = round_up(size, PAGE), all = body + PAGE + align;
    char *base = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    char *block = (char *)round_up((uintptr_t)base + PAGE, align);
    char *from = block - PAGE, *to = block + body;
    if (from > base)
        munmap(base, (size_t)(from - base));
    if (base + all > to)
        munmap(to, (size_t)(base + all - to));
    if (align == HUGE_PAGE)
        madvise(block, body, MADV_HUGEPAGE);
    h->base = from;
    h->mapped = body + PAGE;
    ASAN_POISON_MEMORY_REGION(block + size, body - size);
    return block;
}

/*
 * Mappings that were freed and are likely to be wanted again, in the order in which they came.
 * States of passes come and go by the thousand: mapping them anew costs a fault a page, and
 * unmapping interrupts the other threads. They are beside the budget: KEPT_ALL at most.
 */
static struct {
    pthread_mutex_t lock;
    int n;
    size_t bytes;
    header blocks[KEPT + 1];
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* @return false: the caller unmaps it */
static bool keep_block(const header *h)
{
    bool keeps = false;
    pthread_mutex_lock(&kept.lock);
    if (KEPT > 0 && h->mapped <= KEPT_MOST && kept.bytes + h->mapped <= KEPT_ALL && kept.n < KEPT) {
        kept.blocks[kept.n++] = *h;
        kept.bytes += h->mapped;
        keeps = true;
    }
    pthread_mutex_unlock(&kept.lock);
    return keeps;
}

static void *kept_block(size_t size, header *h)
{
    char *block = NULL;
    size_t mapped = round_up(size, PAGE) + PAGE;
    pthread_mutex_lock(&kept.lock);
    for (int i = kept.n - 1; i >= 0 && !block; i--) {
        if (kept.blocks[i].mapped != mapped)
            continue;
        h->base = kept.blocks[i].base;
        h->mapped = mapped;
        block = (char *)h->base + PAGE;
        kept.blocks[i] = kept.blocks[--kept.n];
        kept.bytes -= mapped;
    }
    pthread_mutex_unlock(&kept.lock);
    if (block)
        memset(block, 0, size);
    return block;
}

/* Not a byte more than was asked for: a step behind it is seen by a sanitizer. */
static void *malloc_block(size_t size, header *h)
{
    void *base;
    if (posix_memalign(&base, ALIGNMENT, size + ALIGNMENT) != 0)
        return NULL;
    char *block = (char *)base + ALIGNMENT;
    memset(block, 0, size);
    h->base = base;
    h->mapped = 0;
    return block;
}

slab_status slab_memory_alloc(void **out, size_t count, size_t size, const char *what)
{
    slab_status rc = SLAB_OK;
    size_t bytes, taken = 0;
    header h = {0};
    *out = NULL;
    TRY_SAYING(slab_size_multiply(count, size, &bytes), "%s", what);
    if (bytes == 0)
        return SLAB_OK;
    REQUIRE(bytes < SIZE_MAX / 2, SLAB_ERR_OVERFLOW, "%zu bytes of %s are more than can be", bytes,
            what);
    REQUIRE(!made_to_fail(), SLAB_ERR_MEMORY, "no room for %zu bytes of %s", bytes, what);
    h.size = bytes;
    h.counted = bytes >= MAP_FROM ? round_up(bytes, PAGE) + PAGE : bytes + ALIGNMENT;
    TRY(take(h.counted, what));
    taken = h.counted;
    if (bytes >= MAP_FROM)
        *out = kept_block(bytes, &h);
    if (!*out)
        *out = bytes >= MAP_FROM ? map_block(bytes, &h) : malloc_block(bytes, &h);
    REQUIRE(*out, SLAB_ERR_MEMORY, "the system has no room for %zu bytes of %s", bytes, what);
    *header_of(*out) = h;
    taken = 0;
done:
    give_back(taken);
    return rc;
}

slab_status slab_memory_resize(void **block, size_t count, size_t size, const char *what)
{
    slab_status rc = SLAB_OK;
    void *next = NULL;
    TRY(slab_memory_alloc(&next, count, size, what));
    if (*block && next) {
        size_t old = header_of(*block)->size, new = header_of(next)->size;
        memcpy(next, *block, old < new ? old : new);
    }
    slab_memory_free(*block);
    *block = next;
done:
    return rc;
}

void slab_memory_free(void *block)
{
    if (!block)
        return;
    header h = *header_of(block);
    if (!h.mapped) {
        bool before = slab_watch_uncounted(true);
        free(h.base);
        slab_watch_uncounted(before);
    } else if (!keep_block(&h)) {
        ASAN_UNPOISON_MEMORY_REGION((char *)block + h.size, h.mapped - PAGE - h.size);
        munmap(h.base, h.mapped);
    }
    give_back(h.counted);
}

slab_status slab_memory_strdup(char **out, const char *text)
{
    slab_status rc = SLAB_OK;
    size_t n = strlen(text) + 1;
    TRY(slab_memory_alloc((void **)out, n, 1, "a text"));
    memcpy(*out, text, n);
done:
    return rc;
}

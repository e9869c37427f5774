/* The overlay: a hash table from page numbers to pages, so that neither the size of the file nor
 * the order of writes matters. */
#include <slab/storage/hdf5/overlay_impl.h>

#include <stdlib.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

enum { PAGE = 4096, WORDS = PAGE / 64, BLOCK_PAGES = 64 };

typedef struct page {
    uint64_t number; /* address / PAGE */
    uint64_t written[WORDS];
    uint8_t bytes[PAGE];
} page;

struct slab_overlay {
    page **blocks; /* of BLOCK_PAGES pages: pages never move */
    size_t nblocks;
    size_t npages;
    uint32_t *table; /* page index + 1, 0: free; open addressing */
    size_t capacity; /* a power of two, at most half full */
};

static page *page_at(const slab_overlay *o, size_t i)
{
    return &o->blocks[i / BLOCK_PAGES][i % BLOCK_PAGES];
}

static size_t slot_of(const slab_overlay *o, uint64_t number)
{
    return (size_t)((number * 0x9E3779B97F4A7C15u) >> 32) & (o->capacity - 1);
}

static page *find(const slab_overlay *o, uint64_t number)
{
    for (size_t s = slot_of(o, number); o->table[s] != 0; s = (s + 1) & (o->capacity - 1)) {
        page *p = page_at(o, o->table[s] - 1);
        if (p->number == number)
            return p;
    }
    return NULL;
}

static void enter(slab_overlay *o, uint64_t number, size_t index)
{
    size_t s = slot_of(o, number);
    while (o->table[s] != 0)
        s = (s + 1) & (o->capacity - 1);
    o->table[s] = (uint32_t)(index + 1);
}

static slab_status table_grow(slab_overlay *o, size_t capacity)
{
    slab_status rc = SLAB_OK;
    uint32_t *table = NULL;
    ALLOC(table, capacity, "table of metadata pages");
    slab_memory_free(o->table);
    o->table = table;
    o->capacity = capacity;
    for (size_t i = 0; i < o->npages; i++)
        enter(o, page_at(o, i)->number, i);
done:
    return rc;
}

static slab_status find_or_add(slab_overlay *o, uint64_t number, page **out)
{
    slab_status rc = SLAB_OK;
    *out = find(o, number);
    if (*out != NULL)
        return SLAB_OK;
    REQUIRE(o->npages < UINT32_MAX - 1, SLAB_ERR_OVERFLOW, "too much metadata in one transaction");
    if (2 * (o->npages + 1) > o->capacity)
        TRY(table_grow(o, 2 * o->capacity));
    if (o->npages == o->nblocks * BLOCK_PAGES) {
        TRY(slab_memory_resize((void **)&o->blocks, o->nblocks + 1, sizeof *o->blocks,
                               "metadata pages"));
        ALLOC(o->blocks[o->nblocks], BLOCK_PAGES, "metadata pages");
        o->nblocks++;
    }
    *out = page_at(o, o->npages);
    (*out)->number = number;
    enter(o, number, o->npages);
    o->npages++;
done:
    return rc;
}

slab_status slab_overlay_create(slab_overlay **out)
{
    slab_status rc = SLAB_OK;
    slab_overlay *o = NULL;
    *out = NULL;
    ALLOC(o, 1, "metadata overlay");
    TRY(table_grow(o, 256));
    *out = o;
    o = NULL;
done:
    slab_overlay_destroy(&o);
    return rc;
}

void slab_overlay_destroy(slab_overlay **overlay)
{
    slab_overlay *o = *overlay;
    if (o == NULL)
        return;
    for (size_t b = 0; b < o->nblocks; b++)
        slab_memory_free(o->blocks[b]);
    slab_memory_free(o->blocks);
    slab_memory_free(o->table);
    slab_memory_free(o);
    *overlay = NULL;
}

/* The bits of one word that lie in first..last-1 of the page. */
static uint64_t word_mask(size_t word, size_t first, size_t last)
{
    size_t low = word * 64, lo = first > low ? first - low : 0,
           hi = last - low < 64 ? last - low : 64;
    uint64_t mask = hi == 64 ? ~(uint64_t)0 : ((uint64_t)1 << hi) - 1;
    return mask & (~(uint64_t)0 << lo);
}

/* The part of a range that lies in the page of its first byte. */
static size_t part_of(uint64_t address, size_t size)
{
    size_t room = PAGE - (size_t)(address % PAGE);
    return size < room ? size : room;
}

slab_status slab_overlay_write(slab_overlay *overlay, uint64_t address, size_t size,
                               const void *bytes)
{
    slab_status rc = SLAB_OK;
    const uint8_t *src = bytes;
    while (size > 0) {
        size_t first = (size_t)(address % PAGE), part = part_of(address, size);
        page *p = NULL;
        TRY(find_or_add(overlay, address / PAGE, &p));
        memcpy(p->bytes + first, src, part);
        for (size_t w = first / 64; w * 64 < first + part; w++)
            p->written[w] |= word_mask(w, first, first + part);
        src += part;
        address += part;
        size -= part;
    }
done:
    return rc;
}

bool slab_overlay_covers(const slab_overlay *overlay, uint64_t address, size_t size)
{
    while (size > 0) {
        size_t first = (size_t)(address % PAGE), part = part_of(address, size);
        const page *p = find(overlay, address / PAGE);
        if (p == NULL)
            return false;
        for (size_t w = first / 64; w * 64 < first + part; w++) {
            uint64_t mask = word_mask(w, first, first + part);
            if ((p->written[w] & mask) != mask)
                return false;
        }
        address += part;
        size -= part;
    }
    return true;
}

/* The run of written (or unwritten) bytes that begins at `first`. */
static size_t run_end(const page *p, size_t first, size_t last, bool written)
{
    size_t i = first;
    while (i < last) {
        uint64_t word = p->written[i / 64] >> (i % 64);
        uint64_t stop = written ? ~word : word;
        size_t left = 64 - i % 64;
        size_t run = stop == 0 ? left : (size_t)__builtin_ctzll(stop);
        if (run < left)
            return i + run < last ? i + run : last;
        i += left;
    }
    return last;
}

void slab_overlay_read(const slab_overlay *overlay, uint64_t address, size_t size, void *bytes)
{
    uint8_t *dst = bytes;
    while (size > 0) {
        size_t first = (size_t)(address % PAGE), part = part_of(address, size);
        const page *p = find(overlay, address / PAGE);
        size_t last = first + part;
        for (size_t i = first; p != NULL && i < last;) {
            size_t from = run_end(p, i, last, false), to = run_end(p, from, last, true);
            memcpy(dst + (from - first), p->bytes + from, to - from);
            i = to;
        }
        dst += part;
        address += part;
        size -= part;
    }
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = (*(page *const *)a)->number, y = (*(page *const *)b)->number;
    return x < y ? -1 : x > y;
}

/* Counts the runs of a page; fills them in when there is somewhere to. */
static size_t page_patches(const page *p, slab_patch *out)
{
    size_t n = 0;
    for (size_t i = 0; i < PAGE;) {
        size_t from = run_end(p, i, PAGE, false), to = run_end(p, from, PAGE, true);
        if (to > from) {
            if (out != NULL)
                out[n] = (slab_patch){p->number * PAGE + from, to - from, p->bytes + from};
            n++;
        }
        i = to;
    }
    return n;
}

slab_status slab_overlay_patches(const slab_overlay *overlay, slab_patch **out, size_t *n)
{
    slab_status rc = SLAB_OK;
    page **pages = NULL;
    slab_patch *patches = NULL;
    size_t total = 0, at = 0;
    *out = NULL;
    *n = 0;
    ALLOC(pages, overlay->npages, "order of metadata pages");
    for (size_t i = 0; i < overlay->npages; i++) {
        pages[i] = page_at(overlay, i);
        total += page_patches(pages[i], NULL);
    }
    if (overlay->npages > 1)
        qsort(pages, overlay->npages, sizeof *pages, by_number);
    ALLOC(patches, total, "metadata patches");
    for (size_t i = 0; i < overlay->npages; i++)
        at += page_patches(pages[i], patches + at);
    *out = patches;
    *n = total;
done:
    slab_memory_free(pages);
    return rc;
}

#include <slab/storage/hdf5/heap_impl.h>

#include <endian.h>
#include <inttypes.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

/* "GCOL", version 1, three zeros and the size of it all; then objects: number, references, four
 * zeros and a size, padded to 8 bytes together with what they hold. Number 0 is what is free. */
enum { HEADER = 16, LEAST = 4096, PIECE = 16 << 10 };

static const uint8_t magic[8] = {'G', 'C', 'O', 'L', 1};

/* The bytes of a heap that are at hand; the others come by pieces. */
typedef struct window {
    const slab_driver_file *file;
    uint64_t address;
    size_t size;
    const uint8_t *bytes;
    uint8_t piece[PIECE];
} window;

static slab_status header_at(window *w, uint64_t at, uint64_t end, const uint8_t **out)
{
    slab_status rc = SLAB_OK;
    if (at < w->address || at - w->address > w->size - HEADER) {
        size_t n = end - at < PIECE ? (size_t)(end - at) : PIECE;
        TRY(slab_driver_read(w->file, at, n, w->piece));
        w->address = at;
        w->size = n;
        w->bytes = w->piece;
    }
    *out = w->bytes + (at - w->address);
done:
    return rc;
}

/* A length takes 8 bytes, or, where the superblock says so, 2 or 4 of them. */
static uint64_t length_of(const slab_driver_file *f, const uint8_t *header)
{
    unsigned bytes = !f->stamped ? 8 : f->stamp[8] < 2 ? f->stamp[14] : f->stamp[10];
    uint64_t length;
    memcpy(&length, header + HEADER / 2, sizeof length);
    length = le64toh(length);
    return bytes == 2 || bytes == 4 ? length & ((UINT64_C(1) << 8 * bytes) - 1) : length;
}

static slab_status object_note(slab_heap *heap, size_t number, uint64_t size)
{
    slab_status rc = SLAB_OK;
    if (number >= heap->room) {
        size_t room = 2 * number + 64;
        TRY(slab_memory_resize((void **)&heap->sizes, room, sizeof *heap->sizes, "a heap"));
        heap->room = room;
    }
    while (heap->n <= number)
        heap->sizes[heap->n++] = UINT64_MAX;
    heap->sizes[number] = size;
done:
    return rc;
}

static slab_status objects_walk(window *w, uint64_t at, uint64_t end, slab_heap *into, bool *whole)
{
    slab_status rc = SLAB_OK;
    *whole = true;
    while (*whole && end - at >= HEADER) {
        const uint8_t *header;
        TRY(header_at(w, at, end, &header));
        uint64_t length = length_of(w->file, header);
        size_t number = header[0] | (size_t)header[1] << 8;
        if (number == 0)
            *whole = length >= HEADER && length <= end - at;
        else
            *whole = length <= end - at - HEADER;
        if (number > 0 && into != NULL)
            TRY(object_note(into, number, length));
        if (number > 0)
            length = HEADER + ((length + 7) & ~UINT64_C(7));
        at = length < end - at ? at + length : end;
    }
done:
    return rc;
}

/* Of a heap that begins with these bytes. */
static slab_status heap_walk(const slab_driver_file *f, uint64_t address, size_t size,
                             const uint8_t *bytes, slab_heap *into)
{
    slab_status rc = SLAB_OK;
    window w = {.file = f, .address = address, .size = size, .bytes = bytes};
    uint64_t all = length_of(f, bytes);
    bool whole = all >= LEAST && address < f->size && all <= f->size - address;
    if (whole)
        TRY(objects_walk(&w, address + HEADER, address + all, into, &whole));
    if (!whole)
        TRY(slab_driver_undisturbed(f)); /* then it was not read amid a commit */
    REQUIRE(whole, SLAB_ERR_FORMAT,
            "the heap of '%s' at %" PRIu64 ", with texts or lists of variable length, is damaged",
            f->path, address);
done:
    return rc;
}

slab_status slab_heap_check(const slab_driver_file *f, uint64_t address, size_t size,
                            const uint8_t *bytes)
{
    if (size < HEADER || memcmp(bytes, magic, sizeof magic) != 0)
        return SLAB_OK;
    return heap_walk(f, address, size, bytes, NULL);
}

static slab_status heap_load(const slab_driver_file *f, slab_heap *heap, uint64_t address)
{
    slab_status rc = SLAB_OK;
    uint8_t bytes[LEAST];
    heap->address = 0;
    heap->n = 0;
    bool fits = address <= f->size && f->size - address >= sizeof bytes;
    if (fits)
        TRY(slab_driver_read(f, address, sizeof bytes, bytes));
    REQUIRE(fits && memcmp(bytes, magic, sizeof magic) == 0, SLAB_ERR_FORMAT,
            "'%s' has no heap at %" PRIu64, f->path, address);
    TRY(heap_walk(f, address, sizeof bytes, bytes, heap));
    heap->address = address;
done:
    return rc;
}

slab_status slab_heap_object(const slab_driver_file *f, slab_heap *heap, uint64_t address,
                             uint32_t number, uint64_t *size)
{
    slab_status rc = SLAB_OK;
    if (heap->address != address || address == 0)
        TRY(heap_load(f, heap, address));
    *size = number < heap->n ? heap->sizes[number] : UINT64_MAX;
done:
    return rc;
}

void slab_heap_clear(slab_heap *heap)
{
    slab_memory_free(heap->sizes);
    *heap = (slab_heap){0};
}

/*
 * A thread's packed bytes: a ring of memory in which blocks lie in the order they were read. The
 * oldest make room, so with one block more than asked for as slack, the blocks read last are there
 * whatever is lost where the ring wraps.
 */
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#include "reader_impl.h"

struct slab_ring_entry {
    int64_t block;
    size_t at, size;
    int32_t older; /* in the same bucket */
};

slab_status slab_ring_create(slab_ring *ring, size_t capacity, int64_t slots)
{
    slab_status rc = SLAB_OK;
    memset(ring, 0, sizeof *ring);
    REQUIRE(slots < INT32_MAX / 2, SLAB_ERR_RANGE, "more packed chunks than can be kept");
    ALLOC(ring->bytes, capacity, "packed bytes");
    ALLOC(ring->entries, slots, "the list of packed chunks");
    ring->nbuckets = (int32_t)slots;
    ALLOC(ring->buckets, ring->nbuckets, "the list of packed chunks");
    memset(ring->buckets, -1, (size_t)ring->nbuckets * sizeof *ring->buckets);
    ring->capacity = capacity;
    ring->slots = (int32_t)slots;
done:
    if (rc != SLAB_OK)
        slab_ring_clear(ring);
    return rc;
}

void slab_ring_clear(slab_ring *ring)
{
    FREE(ring->bytes);
    FREE(ring->entries);
    FREE(ring->buckets);
    memset(ring, 0, sizeof *ring);
}

size_t slab_ring_memory(size_t capacity, int64_t slots)
{
    return capacity + (size_t)slots * (sizeof(struct slab_ring_entry) + sizeof(int32_t));
}

static int32_t bucket_of(const slab_ring *ring, int64_t block)
{
    return (int32_t)(((uint64_t)block * 0x9e3779b97f4a7c15u >> 32) % (uint64_t)ring->nbuckets);
}

const char *slab_ring_find(const slab_ring *ring, int64_t block)
{
    if (ring->used == 0)
        return NULL;
    for (int32_t e = ring->buckets[bucket_of(ring, block)]; e >= 0; e = ring->entries[e].older)
        if (ring->entries[e].block == block)
            return ring->bytes + ring->entries[e].at;
    return NULL;
}

/* The oldest entry is the last of its bucket. */
static void forget_oldest(slab_ring *ring)
{
    int32_t *link = &ring->buckets[bucket_of(ring, ring->entries[ring->first].block)];
    while (*link != ring->first)
        link = &ring->entries[*link].older;
    *link = -1;
    ring->first = (ring->first + 1) % ring->slots;
    ring->used--;
}

char *slab_ring_reserve(slab_ring *ring, size_t n)
{
    const struct slab_ring_entry *oldest;
    if (n > ring->capacity - ring->head) {
        while (ring->used > 0 && ring->entries[ring->first].at >= ring->head)
            forget_oldest(ring);
        ring->head = 0;
    }
    while (ring->used > 0) {
        oldest = &ring->entries[ring->first];
        if (oldest->at >= ring->head + n || oldest->at + oldest->size <= ring->head)
            break;
        forget_oldest(ring);
    }
    ring->head += n;
    return ring->bytes + ring->head - n;
}

void slab_ring_enter(slab_ring *ring, int64_t block, const char *at, size_t n)
{
    if (ring->used == ring->slots)
        forget_oldest(ring);
    int32_t e = (ring->first + ring->used) % ring->slots, b = bucket_of(ring, block);
    ring->entries[e] = (struct slab_ring_entry){
        .block = block, .at = (size_t)(at - ring->bytes), .size = n, .older = ring->buckets[b]};
    ring->buckets[b] = e;
    ring->used++;
}

/*
 * Reading ahead: the kernel is told which extents will be wanted. When they are in the page cache
 * already that is time lost, so one byte of each is asked for first with a read that may not wait;
 * after many hits in a row only every few boxes are looked at.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "reader_impl.h"

#define PIECE      ((uint64_t)512 << 10) /* the kernel cuts longer requests off */
#define KERNEL_FAR ((uint64_t)2 << 20)
#define WARM_AFTER 64 /* hits in a row */
#define WARM_EVERY 16 /* then one box in this many is looked at */

/* An extent that grows while the next chunk follows it in the file. */
typedef struct extent {
    slab_reader *reader;
    uint64_t from, to;
} extent;

void slab_reader_prefetch_prepare(slab_reader *reader)
{
    char name[64];
    struct stat st;
    unsigned long kibibytes = 0;
    if (fstat(reader->array->file->fd, &st) != 0)
        return;
    snprintf(name, sizeof name, "/sys/class/bdi/%u:%u/read_ahead_kb", major(st.st_dev),
             minor(st.st_dev));
    FILE *f = fopen(name, "r");
    if (!f)
        return;
    if (fscanf(f, "%lu", &kibibytes) == 1 && kibibytes < UINT32_MAX)
        reader->kernel_ahead = (uint64_t)kibibytes << 10;
    fclose(f);
}

/* The file has been asked for from front to back for longer than the kernel reads ahead: where
 * that is far, requests of ours would only come in between. */
static bool is_left_to_kernel(const extent *e)
{
    slab_reader *reader = e->reader;
    uint64_t to = atomic_exchange_explicit(&reader->run_to, e->to, memory_order_relaxed);
    if (e->from < to || e->from - to > PIECE) {
        atomic_store_explicit(&reader->run_from, e->from, memory_order_relaxed);
        return false;
    }
    uint64_t from = atomic_load_explicit(&reader->run_from, memory_order_relaxed);
    return reader->kernel_ahead >= KERNEL_FAR && e->to - from > reader->kernel_ahead;
}

static void ask_for(const extent *e)
{
    slab_reader *reader = e->reader;
    int fd = reader->array->file->fd;
    if (e->from == e->to || is_left_to_kernel(e))
        return;
    if (slab_page_is_cached(fd, e->from) && slab_page_is_cached(fd, e->to - 1)) {
        atomic_fetch_add_explicit(&reader->resident_run, 1, memory_order_relaxed);
        return;
    }
    atomic_store_explicit(&reader->resident_run, 0, memory_order_relaxed);
    for (uint64_t at = e->from; at < e->to; at += PIECE) {
        uint64_t n = e->to - at < PIECE ? e->to - at : PIECE;
        posix_fadvise(fd, (off_t)at, (off_t)n, POSIX_FADV_WILLNEED);
    }
}

static slab_status add(void *context, uint64_t offset, size_t bytes)
{
    extent *e = context;
    if (offset > INT64_MAX - bytes)
        return SLAB_OK; /* the read will say so */
    if (offset != e->to || e->from == e->to) {
        ask_for(e);
        e->from = offset;
    }
    e->to = offset + bytes;
    return SLAB_OK;
}

static bool is_claimed(slab_reader *reader, int64_t block)
{
    uint64_t bit = (uint64_t)1 << (block % 64);
    _Atomic uint64_t *word = &reader->fetched[block / 64];
    if (atomic_load_explicit(word, memory_order_relaxed) & bit)
        return true;
    return atomic_fetch_or_explicit(word, bit, memory_order_relaxed) & bit;
}

static bool is_skipped(slab_reader *reader)
{
    if (atomic_load_explicit(&reader->resident_run, memory_order_relaxed) < WARM_AFTER)
        return false;
    return atomic_fetch_add_explicit(&reader->skipped, 1, memory_order_relaxed) % WARM_EVERY != 0;
}

void slab_reader_prefetch(slab_reader *reader, const slab_box *box)
{
    extent e = {.reader = reader};
    slab_piece piece;
    bool raw = reader->source == SLAB_SOURCE_RAW && reader->array->info.offset != UINT64_MAX;
    if (box->rank != reader->shape.rank || (!raw && !reader->fetched) || is_skipped(reader))
        return;
    for (bool more = slab_piece_first(reader, box, &piece); more;
         more = slab_piece_next(reader, &piece)) {
        if (raw) {
            slab_box block;
            slab_block_box(reader, piece.block, &block);
            slab_block_runs(reader, &block, add, &e);
        } else if (reader->chunks[piece.number].size > 0 && !is_claimed(reader, piece.number)) {
            add(&e, reader->chunks[piece.number].address, reader->chunks[piece.number].size);
        }
    }
    ask_for(&e);
}

/*
 * Inside the reader.
 *
 * An array is a grid of blocks: its chunks, or for other layouts stand-ins of about 1 MiB. A block
 * is what is loaded at once and kept, decoded, until its thread asks for another one.
 *
 *     reader.c           open, close, what it says about itself
 *     reader_grid.c      blocks, the natural grid, the walk over the blocks of a box
 *     reader_get.c       boxes: a view into one block, or several put together
 *     reader_load.c      one block: fetched, decoded, converted
 *     reader_ring.c      a thread's packed bytes
 *     reader_window.c    packed bytes right from the page cache
 *     reader_prefetch.c  reading ahead
 */
#ifndef SLAB_STORAGE_READER_IMPL_H
#define SLAB_STORAGE_READER_IMPL_H

#include <stdatomic.h>

#include <slab/storage/reader.h>

#include "array_impl.h"

/** What tiles, stand-in blocks and joined reads are made to: several fit an L2 cache. */
#define SLAB_READER_TARGET ((int64_t)1 << 20)

typedef enum slab_source {
    SLAB_SOURCE_PACKED, /* chunks, decoded here */
    SLAB_SOURCE_RAW,    /* contiguous elements */
    SLAB_SOURCE_LIBRARY /* whatever else: H5Dread */
} slab_source;

/* --- a thread's packed bytes: reader_ring.c --- */

/** Packed blocks of one thread, in the order they were read; the oldest make room for new ones. */
typedef struct slab_ring {
    char *bytes;
    size_t capacity, head;           /* head: where the next block goes */
    struct slab_ring_entry *entries; /* a circle of `slots`, `used` of them from `first` on */
    int32_t *buckets;                /* hash of block numbers: the last entry of a bucket, or -1 */
    int32_t slots, first, used, nbuckets;
} slab_ring;

slab_status slab_ring_create(slab_ring *ring, size_t capacity, int64_t slots);
void slab_ring_clear(slab_ring *ring);
/** What a ring takes of the budget. */
size_t slab_ring_memory(size_t capacity, int64_t slots);
/** The packed bytes of a block, NULL when they are not here. */
const char *slab_ring_find(const slab_ring *ring, int64_t block);
/** Room for n contiguous bytes (n <= capacity); the oldest entries go. */
char *slab_ring_reserve(slab_ring *ring, size_t n);
/** Enters a block whose bytes lie at `at`, inside the room reserved last. */
void slab_ring_enter(slab_ring *ring, int64_t block, const char *at, size_t n);

/* --- packed bytes in the page cache: reader_window.c --- */

enum { READER_EXTENTS = 16 };

/** Parts of the file in the address space of one thread, one behind the other. */
typedef struct slab_reader_window {
    char *base; /* of all the room there is; NULL: none yet */
    size_t room, used;
    int nextents;
    struct {
        uint64_t from, to; /* in the file */
        char *at;
    } extents[READER_EXTENTS];
} slab_reader_window;

void slab_reader_window_clear(slab_reader_window *window);
/** The most bytes of pages that one thread's window holds. */
size_t slab_reader_window_memory(const slab_reader *reader);
/** The packed bytes of a chunk that is in the page cache, else NULL: read it. Valid until the next
 * call. Only slab_reader_window_begin() may look at them. */
const void *slab_reader_window_get(slab_reader *reader, slab_reader_window *window,
                                   const slab_chunk *chunk);
/** slab_lane_begin; `gone`: a page could not be brought back, and nothing is decoded. */
slab_status slab_reader_window_begin(slab_lane *decoder, uint32_t mask, const void *src, size_t n,
                                     void *dst, bool *in_parts, bool *gone);
/** True when the byte can be read without waiting; false when unknown. */
bool slab_page_is_cached(int fd, uint64_t offset);

/* --- the reader --- */

/** One thread's share; on cache lines of its own. */
typedef struct slab_reader_lane {
    _Alignas(64) slab_lane *decoder;
    bool ready;
    size_t keep; /* packed bytes to be kept */
    slab_ring ring;
    slab_reader_window window;
    void *plain;     /* one block as loaded */
    void *converted; /* the same in the delivered type, when that is wider or narrower */
    int64_t current; /* number of the block in there, -1 none */
    int64_t begun;   /* of the one that the decoder gives parts of, -1 none */
    int64_t promised, promised_end; /* of the one whose parts will all be asked for; elements */
    void *assembled;                /* a box of several blocks ... */
    slab_box assembled_box;         /* ... which is there wholly; rank -1: none */
    size_t assembled_bytes;
    _Atomic int64_t packed_bytes, plain_bytes, chunks;
} slab_reader_lane;

struct slab_reader {
    slab_array *array;
    slab_selection selection;
    int64_t step[SLAB_RANK_MAX]; /* of the selection; 1 where a single element is taken */
    int view_of[SLAB_RANK_MAX]; /* axis of the view that an axis of the array became, -1: dropped */
    slab_shape shape;           /* of the view */
    slab_grid grid;             /* natural, over the view */
    int64_t blocks_per_tile;    /* at most */
    slab_source source;
    slab_dtype held;   /* of a block as loaded */
    slab_dtype dtype;  /* as delivered */
    bool converts;     /* held and delivered differ */
    uint32_t cleaning; /* filters that leave native bytes although held is not native */
    slab_grid blocks;  /* over the array */
    int64_t block_elements;
    const slab_chunk *chunks; /* of PACKED, by block */
    uint64_t touched_bytes;   /* packed, of all blocks that hold a selected element */
    int64_t touched;          /* those blocks */
    size_t packed_max;        /* the largest of them */
    bool missing;             /* some do not exist */
    void *fill;               /* one block of fill values, delivered type; shared */
    int threads;
    slab_reader_lane *lanes;
    _Atomic uint64_t *fetched; /* a bit a block: read ahead, and not used since */
    _Atomic int resident_run, skipped;
    uint64_t kernel_ahead; /* bytes that the kernel reads ahead of a sequential reader */
    _Atomic uint64_t run_from, run_to; /* what was read ahead last, as long as it was sequential */
    _Atomic bool cannot_map;
};

/* --- the walk over the blocks of a box: reader_grid.c --- */

/** A part of a box of the view that lies in one block, per axis of the array; indices count along
 * the selection. */
typedef struct slab_piece {
    int64_t end[SLAB_RANK_MAX];   /* of the box */
    int64_t from[SLAB_RANK_MAX];  /* of the box */
    int64_t at[SLAB_RANK_MAX];    /* of the piece */
    int64_t count[SLAB_RANK_MAX]; /* of the piece */
    int64_t block[SLAB_RANK_MAX]; /* coordinates */
    int64_t number;               /* of the block */
} slab_piece;

/** Blocks, natural grid, and what the view touches. Array, selection and held are set. */
slab_status slab_reader_layout(slab_reader *reader);
/** Sums over the touched blocks; PACKED knows its chunks. */
void slab_reader_survey(slab_reader *reader);

/** The first piece of a box; false when the box is empty. */
bool slab_piece_first(const slab_reader *reader, const slab_box *box, slab_piece *piece);
bool slab_piece_next(const slab_reader *reader, slab_piece *piece);
/** The piece is the whole box. */
bool slab_piece_is_all(const slab_reader *reader, const slab_piece *piece);

/** Elements of a block inside the array, and the strides of the block in memory, counted in
 * elements of `size` bytes. Encoded chunks are whole even where the array ends. */
void slab_block_box(const slab_reader *reader, const int64_t *coords, slab_box *out);
void slab_block_strides(const slab_reader *reader, const slab_box *box, size_t size,
                        int64_t *stride);

/* --- reading ahead: reader_prefetch.c --- */

/** Asks how far the kernel reads ahead by itself. */
void slab_reader_prefetch_prepare(slab_reader *reader);

/* --- one block: reader_load.c --- */

/** Buffers of a thread, at its first call. */
slab_status slab_reader_lane_prepare(slab_reader *reader, slab_reader_lane *lane);
void slab_reader_lane_clear(slab_reader_lane *lane);

/** The block of a piece, delivered type; valid until the lane's next call. */
slab_status slab_block_get(slab_reader *reader, slab_reader_lane *lane, const slab_piece *piece,
                           const void **out);
/** Elements first .. first + n - 1 of a piece's block; decodes no more than these where it can. */
slab_status slab_block_part(slab_reader *reader, slab_reader_lane *lane, const slab_piece *piece,
                            int64_t first, int64_t n, const void **out);
/** The block exists and is not read by the library. */
bool slab_block_is_packed(const slab_reader *reader, int64_t block);
/** Loads a block right to where it belongs, delivered type. */
slab_status slab_block_load_to(slab_reader *reader, slab_reader_lane *lane, const slab_piece *piece,
                               void *dst);
/** What a ring has to hold when nothing is kept, and its slots. */
void slab_ring_sizes(const slab_reader *reader, size_t keep, size_t *capacity, int64_t *slots);

/** Calls `run` for every contiguous run of a box of a contiguous array, in the order of the file.
 * Stops when it fails. */
typedef slab_status (*slab_run_visit)(void *context, uint64_t offset, size_t bytes);
slab_status slab_block_runs(const slab_reader *reader, const slab_box *box, slab_run_visit run,
                            void *context);

#endif

/**
 * Reading boxes of an array, decoded by the calling thread.
 *
 * A reader gives a view (array + selection) in a requested element type. Its natural grid has
 * tiles that lie on whole chunks, so that a pass over the grid decodes every chunk once.
 */
#ifndef SLAB_STORAGE_READER_H
#define SLAB_STORAGE_READER_H

#include <slab/storage/array.h>
#include <slab/storage/selection.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_reader slab_reader;

/** Elements in memory; valid until the thread's next call on this reader. */
typedef struct slab_view {
    const void *data;
    int64_t stride[SLAB_RANK_MAX]; /* bytes; negative for reversed axes; axes of the view */
} slab_view;

/**
 * Opens a view for a number of threads. Collective (loads the chunk map).
 *
 * @param selection  NULL: the whole array
 * @param as         native type to deliver; NULL: the stored type's native twin
 * @retval SLAB_ERR_TYPE  elements cannot be converted to @p as
 */
slab_status slab_reader_open(slab_array *array, const slab_selection *selection,
                             const slab_dtype *as, int threads, slab_reader **out);
void slab_reader_close(slab_reader **reader);

const slab_shape *slab_reader_shape(const slab_reader *reader);
slab_dtype slab_reader_dtype(const slab_reader *reader); /* native, as delivered */
slab_array *slab_reader_array(const slab_reader *reader);
/** What the view takes of its array: everything when it was opened without a selection. Borrowed.
 */
const slab_selection *slab_reader_selection(const slab_reader *reader);

/** The grid over the view whose tiles lie on chunks; contiguous arrays get tiles of about 1 MiB.
 * Depends on the array and the selection alone. Small chunks are joined to tiles of up to about
 * 1 MiB, for less overhead per tile. Steps that no grid can follow without very large tiles (|step|
 * below the chunk's extent, and over 64 times their common divisor) get tiles that share a chunk
 * with their neighbours. */
const slab_grid *slab_reader_grid(const slab_reader *reader);

/**
 * Memory one thread needs to read boxes of up to these extents: packed and decoded bytes, codec
 * state, mapped pages. Boxes no larger than a natural tile are taken to lie within tiles; where
 * tiles are single chunks they then need no room to be put together. What slab_reader_keep takes
 * comes on top.
 */
size_t slab_reader_memory(const slab_reader *reader, const slab_shape *box);

/**
 * Reads a box of the view. Thread-safe between different threads. When the box lies in one chunk
 * the view points into the decoded chunk; nothing is copied.
 *
 * @retval SLAB_ERR_FORMAT, SLAB_ERR_CHECKSUM, SLAB_ERR_IO  message names file, array and chunk
 */
slab_status slab_reader_get(slab_reader *reader, int thread, const slab_box *box, slab_view *out);

/**
 * Asks whether parts of a box (slab_box_first_part) cost no more than the box: it lies in one
 * chunk, of which the shuffle filter gives parts while they are in the nearest cache. Promises that
 * the calling thread gets all of them, in order, before anything else: damage that only the whole
 * chunk's checksum shows is reported with the last one.
 */
bool slab_reader_in_parts(slab_reader *reader, int thread, const slab_box *box);

/** Reads a box into C-ordered memory of the caller's. */
slab_status slab_reader_copy(slab_reader *reader, int thread, const slab_box *box, void *dst);

/** Starts reading a box's packed bytes in the background (page cache). Never fails, and costs
 * about a microsecond when they are there already. Thread-safe. */
void slab_reader_prefetch(slab_reader *reader, const slab_box *box);

/**
 * Lets a thread keep packed chunks, up to @p bytes, so that boxes read again soon cost no I/O: the
 * oldest make room for new ones. 0 gives them up. Counted in the budget, at most @p bytes more (the
 * list of chunks, about 60 bytes each, is paid for out of them). Not while the thread reads; what a
 * view of it shows stays valid.
 * @retval SLAB_ERR_MEMORY  no room: nothing is kept
 */
slab_status slab_reader_keep(slab_reader *reader, int thread, size_t bytes);

/** Gives back what threads hold to read with; they take it again when they read. What views show is
 * gone. Not while a thread reads. */
void slab_reader_rest(slab_reader *reader);

/** What has been read so far on this rank by all threads. */
typedef struct slab_read_counts {
    int64_t packed_bytes; /* asked of the file system; fallback: stored size in proportion */
    int64_t plain_bytes;  /* after decoding */
    int64_t chunks;       /* decoded */
} slab_read_counts;
slab_read_counts slab_reader_counts(const slab_reader *reader);

/** Packed bytes of all chunks that the whole view touches (for plans). */
int64_t slab_reader_packed_bytes(const slab_reader *reader);

#ifdef __cplusplus
}
#endif
#endif

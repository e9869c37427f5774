/**
 * Codecs: the filters of HDF5's pipeline, encoded and decoded in our own threads.
 *
 * A codec is one source file with one descriptor, and one row in codec_list.h. Codecs know bytes,
 * element types and filter parameters; they do no I/O and hold no global state.
 */
#ifndef SLAB_STORAGE_CODEC_CODEC_H
#define SLAB_STORAGE_CODEC_CODEC_H

#include <slab/storage/base/dtype.h>
#include <slab/storage/base/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLAB_FILTERS_MAX       32
#define SLAB_FILTER_VALUES_MAX 32

/** HDF5's registered filter numbers. */
enum {
    SLAB_FILTER_DEFLATE = 1,
    SLAB_FILTER_SHUFFLE = 2,
    SLAB_FILTER_FLETCHER32 = 3,
    SLAB_FILTER_SZIP = 4,
    SLAB_FILTER_NBIT = 5,
    SLAB_FILTER_SCALEOFFSET = 6,
    SLAB_FILTER_LZF = 32000,
    SLAB_FILTER_LZ4 = 32004,
    SLAB_FILTER_BITSHUFFLE = 32008,
    SLAB_FILTER_ZSTD = 32015
};

/** One filter as a dataset's pipeline states it. */
typedef struct slab_filter {
    int id;
    unsigned flags;                          /* bit 0: optional */
    unsigned nvalues;                        /* of those below; more than fit: as HDF5 said */
    uint32_t values[SLAB_FILTER_VALUES_MAX]; /* the filter's client data */
} slab_filter;

/** What a codec may need to know about the chunk it works on. */
typedef struct slab_chunk_type {
    slab_dtype dtype; /* stored type */
    size_t bytes;     /* of one whole decoded chunk */
} slab_chunk_type;

/** A checksum that is still to be compared (codec_impl.h). */
typedef struct slab_check slab_check;

/**
 * A codec. All functions are thread-safe; `state` is per thread.
 * decode writes at most `capacity` bytes and sets *written; it must accept hostile input: any
 * bytes whatever give SLAB_OK or an error (SLAB_ERR_FORMAT, SLAB_ERR_CHECKSUM), never a read or
 * write out of bounds.
 */
typedef struct slab_codec {
    const char *name; /* as the command line spells it: "zstd" */
    int id;           /* SLAB_FILTER_... */
    const char *summary;

    /** Can these parameters be decoded here? SLAB_ERR_UNSUPPORTED says why not. */
    slab_status (*check)(const slab_filter *filter, const slab_chunk_type *type);

    /** The most bytes that encoding n bytes can give; and that decoding can need as output when
     * the filter sits before others (its encoded size is only known as a bound). */
    size_t (*bound)(const slab_filter *filter, const slab_chunk_type *type, size_t n);

    slab_status (*decode)(const slab_filter *filter, const slab_chunk_type *type, void *state,
                          const void *src, size_t n, void *dst, size_t capacity, size_t *written);

    /** NULL when slab only reads this filter. */
    slab_status (*encode)(const slab_filter *filter, const slab_chunk_type *type, void *state,
                          const void *src, size_t n, void *dst, size_t capacity, size_t *written);

    /** Per-thread state (compression contexts); NULL when none is needed. */
    slab_status (*state_create)(void **state);
    void (*state_destroy)(void *state);

    /** Fills filter->id and values for a new dataset from a level (or -1: the codec's default).
     * @retval SLAB_ERR_VALUE  no such level  @retval SLAB_ERR_TYPE  not for this element type
     * NULL when slab only reads this filter. */
    slab_status (*configure)(slab_filter *filter, const slab_chunk_type *type, int level);

    /** About how many bytes the state of one thread grows to; NULL: none to speak of. */
    size_t (*state_bytes)(const slab_filter *filter, const slab_chunk_type *type, bool encode);

    /** For a codec that only appends: checks the n bytes and says how many of them, from the
     * front, are the decoded ones, so that nothing need be copied. NULL for all others. */
    slab_status (*trim)(const slab_filter *filter, const void *src, size_t n, size_t *kept);

    /** For a codec with a checksum of what it decodes: as decode, with the comparison left to the
     * caller, who keeps dst until then. NULL for all others. */
    slab_status (*decode_unchecked)(const slab_filter *filter, const slab_chunk_type *type,
                                    void *state, const void *src, size_t n, void *dst,
                                    size_t capacity, size_t *written, slab_check *check);

    /** For a codec that moves bytes and cannot fail: decodes bytes from .. from + bytes - 1 of a
     * chunk alone, whole elements; src is a whole encoded chunk. Advances `check` by as many bytes
     * as it likes. False when these parameters do not allow it, which bytes = 0 asks. NULL: not
     * such a codec. */
    bool (*part)(const slab_filter *filter, const slab_chunk_type *type, const void *src,
                 size_t from, size_t bytes, void *dst, slab_check *check);
} slab_codec;

/** By filter number or by name; NULL when there is none. */
const slab_codec *slab_codec_by_id(int id);
const slab_codec *slab_codec_by_name(const char *name);

/** All rows of the list: i = 0, 1, ... until NULL. */
const slab_codec *slab_codec_at(int i);

/**
 * A dataset's pipeline, and one thread's lane through it.
 */
typedef struct slab_pipeline {
    int nfilters;
    slab_filter filters[SLAB_FILTERS_MAX];
    slab_chunk_type type;
} slab_pipeline;

/** Can every filter be decoded here? SLAB_ERR_UNSUPPORTED names the first that cannot. */
slab_status slab_pipeline_check(const slab_pipeline *pipeline);

/** Scratch bytes one lane takes (buffers between stages, codec states estimated). */
size_t slab_pipeline_memory(const slab_pipeline *pipeline, bool encode);

/** The most bytes a chunk can take once encoded. */
size_t slab_pipeline_bound(const slab_pipeline *pipeline);

typedef struct slab_lane slab_lane;
slab_status slab_lane_create(const slab_pipeline *pipeline, bool encode, slab_lane **out);
void slab_lane_destroy(slab_lane **lane);

/**
 * Decodes one chunk: filters in reverse order, those in @p mask skipped.
 *
 * @param dst   type.bytes bytes; written only by the last stage that runs, in one go; what it
 *              holds after a failure is undefined
 * @retval SLAB_ERR_FORMAT    not what the filter writes, or another size than the chunk's
 * @retval SLAB_ERR_CHECKSUM  fletcher32 or zstd's checksum differs
 */
slab_status slab_lane_decode(slab_lane *lane, uint32_t mask, const void *src, size_t n, void *dst);

/**
 * Decodes one chunk as far as its last stage, when that one can decode parts (shuffle can); else
 * wholly, into @p dst. A consumer that takes parts while they are in the nearest cache saves the
 * whole chunk a way through the next one.
 *
 * @param[out] in_parts  true: src is no longer needed, nothing was written to dst, and
 *                       slab_lane_part() gives the elements until the lane's next call of another
 *                       function; slab_lane_end() says whether they are right
 */
slab_status slab_lane_begin(slab_lane *lane, uint32_t mask, const void *src, size_t n, void *dst,
                            bool *in_parts);

/** Bytes from .. from + bytes - 1 of the chunk that was begun: whole elements, in any order. */
void slab_lane_part(slab_lane *lane, size_t from, size_t bytes, void *dst);

/** Compares what checksums are left of the chunk that was begun; parts may still be taken. Costs
 * least when all parts have been taken. @retval SLAB_ERR_CHECKSUM */
slab_status slab_lane_end(slab_lane *lane);

/**
 * Encodes one chunk. @p first: the number of leading filters that @p src has been through already.
 * @param[out] out, written  in the lane's memory, valid until its next call (src itself when no
 *                            filter is left to run)
 */
slab_status slab_lane_encode(slab_lane *lane, int first, const void *src, size_t n,
                             const void **out, size_t *written);

/** As slab_lane_encode, into memory of the caller's: the last filter writes there. @p capacity: at
 * least slab_pipeline_bound() bytes, or n when no filter is left to run. */
slab_status slab_lane_encode_into(slab_lane *lane, int first, const void *src, size_t n, void *dst,
                                  size_t capacity, size_t *written);

#ifdef __cplusplus
}
#endif
#endif

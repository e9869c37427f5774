/**
 * Packing stretches of a chunk in the way that suits each: what the files of the zstd encoder
 * share.
 *
 * See docs/decisions/compression.md for why and how well.
 */
#ifndef SLAB_STORAGE_CODEC_ZSTD_IMPL_H
#define SLAB_STORAGE_CODEC_ZSTD_IMPL_H

#ifndef ZSTD_STATIC_LINKING_ONLY
#define ZSTD_STATIC_LINKING_ONLY /* matches of our own are an interface without a promise */
#endif
#include <slab/storage/codec/codec_impl.h>
#include <zstd.h>

/** Does this zstd take matches from its caller? (Block-level sequence producers, from 1.5.4.) */
#define SLAB_ZSTD_TAKES_MATCHES (ZSTD_VERSION_NUMBER >= 10504)

typedef enum slab_zstd_way {
    SLAB_ZSTD_SEARCH,    /* zstd searches for matches, as its level 1 does */
    SLAB_ZSTD_RUNS,      /* runs of one byte are the only matches; all else is entropy coded */
    SLAB_ZSTD_LONG_RUNS, /* only the longer ones: faster, a little larger */
    SLAB_ZSTD_STORED,    /* as it is: at the ends of a chunk */
    SLAB_ZSTD_WAYS
} slab_zstd_way;

/* --- zstd_runs.c --- */

/** Room for what slab_zstd_runs() finds in n bytes. */
#define SLAB_ZSTD_RUNS_MOST(n) ((n) / 5 + 2)

/**
 * The runs of n bytes as matches one byte back, and what is left as the last entry (offset 0).
 * Runs of five bytes and more, or nine for the long ones, but for some in the last 64.
 *
 * @param      way  SLAB_ZSTD_RUNS or SLAB_ZSTD_LONG_RUNS
 * @param[out] out  [SLAB_ZSTD_RUNS_MOST(n)]
 * @return how many entries
 */
size_t slab_zstd_runs(slab_zstd_way way, const uint8_t *src, size_t n, ZSTD_Sequence *out);

/* --- zstd_trial.c --- */

typedef struct slab_zstd_trial slab_zstd_trial; /* memory of trials */
size_t slab_zstd_trial_bytes(void);
void slab_zstd_trial_init(slab_zstd_trial *trial);

/** Estimates for a stretch in 1/256 bit. */
typedef struct slab_zstd_cost {
    uint64_t bits[SLAB_ZSTD_WAYS];
    uint64_t shifting; /* of the runs' bits, what codes of their own for parts of it would spare */
    bool noise;        /* nothing to be gained, nor found */
} slab_zstd_cost;

/** Another chunk. */
void slab_zstd_trial_begin(slab_zstd_trial *trial);

/** Tries all ways on samples of src[from .. from + n); what is before has been tried. */
void slab_zstd_try(slab_zstd_trial *trial, const uint8_t *src, size_t from, size_t n,
                   slab_zstd_cost *cost);

/* --- zstd_stretches.c --- */

/** One call of the compressor. */
typedef struct slab_zstd_stretch {
    size_t bytes;
    size_t block; /* bytes of a zstd block at most */
    slab_zstd_way way;
    slab_zstd_cost cost;
} slab_zstd_stretch;

/** How many stretches a chunk of n bytes has, 0 when it is too small to choose.
 * @param plane  bytes of one byte plane, n: one only */
size_t slab_zstd_stretches(size_t n, size_t plane);

/** Chooses the way of every stretch; depends on nothing but the bytes. Against searching all of
 * them the chunk grows by SLAB_ZSTD_LOSS_PERCENT at most, as far as samples tell. */
void slab_zstd_choose(slab_zstd_trial *trial, const uint8_t *src, size_t n, size_t plane,
                      slab_zstd_stretch *stretches);

#define SLAB_ZSTD_LOSS_PERCENT 2

/* --- zstd_frame.c --- */

/** What n stored bytes take, and a checksum, at most. */
#define SLAB_ZSTD_STORED_MOST(n) ((n) + 3 * (((n) >> 17) + 1) + 4)

/** The head of a frame that states n bytes of content and a checksum. Returns its bytes. */
size_t slab_zstd_frame_begin(uint8_t *dst, size_t n);
/** n bytes as they are, in blocks; returns the bytes they take. */
size_t slab_zstd_frame_store(uint8_t *dst, const uint8_t *src, size_t n, bool last);
/** The checksum of the content, 4 bytes. */
size_t slab_zstd_frame_end(uint8_t *dst, const uint8_t *src, size_t n);

#endif

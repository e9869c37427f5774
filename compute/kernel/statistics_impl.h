/* Between the statistics kernels: what the vector paths deliver. */
#ifndef SLAB_COMPUTE_KERNEL_STATISTICS_IMPL_H
#define SLAB_COMPUTE_KERNEL_STATISTICS_IMPL_H

#include <slab/compute/kernel/statistics_kernel.h>

enum { LANES = 16 };

/*
 * Sums over sixteen lanes: element j of a row goes to lane j % 16, or in the column kernels column
 * j to lane j. Every path does the same basic IEEE operations per lane, so all give the same bits.
 */
typedef struct moments_lanes {
    double sum[LANES], square[LANES]; /* of x - shift */
    double low[LANES], high[LANES];
    int64_t zeros[LANES], finite[LANES], nans[LANES]; /* rows: only lane 0 is used */
} moments_lanes;

/*
 * careful: NaN and infinities are left out and counted; else all elements must be finite (or the
 * sums show that they are not). rows: shift is one number, columns: one a lane.
 */
typedef void (*moments_rows)(const slab_strip_block *block, bool careful, double shift,
                             moments_lanes *out);
typedef void (*moments_columns)(const slab_strip_block *block, bool careful, const double *shift,
                                moments_lanes *out);

/* How often each byte value 0..3 occurs; false when another value does. columns: at most 255
 * rows and COUNT_COLUMNS columns, counts u8 [3][COUNT_COLUMNS]: of 0, of 3, and the sum / of x. */
enum { COUNT_COLUMNS = 256, COUNT_ROWS = 85 };
typedef bool (*counts_rows)(const uint8_t *x, int64_t n, int64_t counts[4]);
typedef bool (*counts_columns)(const slab_strip_block *block, uint8_t *zeros, uint8_t *threes,
                               uint8_t *sums);

typedef struct statistics_path {
    moments_rows rows4, rows8;
    moments_columns columns4, columns8;
    counts_rows count_rows;
    counts_columns count_columns;
} statistics_path;

extern const statistics_path statistics_plain;
#if defined(__x86_64__)
extern const statistics_path statistics_avx2, statistics_avx512;
#endif
const statistics_path *statistics_path_now(void);

/* moments.c */
void moments_all(bool wide, const slab_strip_block *block, slab_statistics_slot *slot);
void moments_by_column(bool wide, const slab_strip_block *block, slab_statistics_slot *slots);
void moments_merge(slab_statistics_slot *into, const slab_statistics_slot *from);
/* Chan et al. for (n, mean, m2), into += from. */
void moments_combine(int64_t n, double *mean, double *m2, int64_t from_n, double from_mean,
                     double from_m2);

/* tallies.c: integers */
void tallies_all(const slab_statistics_type *type, const slab_strip_block *block,
                 slab_statistics_slot *slot);
void tallies_by_column(const slab_statistics_type *type, const slab_strip_block *block,
                       slab_statistics_slot *slots);
void tallies_merge(const slab_statistics_type *type, slab_statistics_slot *into,
                   const slab_statistics_slot *from);

/* counts.c: bytes of small range; false: not of small range, nothing was added */
bool counts_all(const slab_statistics_type *type, const slab_strip_block *block,
                slab_statistics_slot *slot);
bool counts_by_column(const slab_statistics_type *type, const slab_strip_block *block,
                      slab_statistics_slot *slots);

#endif

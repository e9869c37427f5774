/*
 * Bytes are copied into small panels first: padded, with missing ones made 0 and marked in a
 * second panel. The copies cost little beside the products, stay in cache, and let one loop serve
 * any strides. A panel without missing elements skips the second product.
 */
#include <slab/compute/kernel/digits.h>

#include <math.h>
#include <pthread.h>
#include <slab/compute/kernel/dot_impl.h>
#include <slab/storage/base/clones.h>
#include <string.h>

enum {
    PANEL_COLS = 64,  /* of op "down" */
    PANEL_ROWS = 32,  /* of op "across" */
    SEGMENT = 1 << 15 /* summed index at a time: 255 * 128 * 2^15 < 2^31 */
};

static const dot_way *const all_ways[] = {&dot_amx, &dot_vnni, &dot_avx2, &dot_plain};
enum { WAYS = sizeof all_ways / sizeof all_ways[0] };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const dot_way *ways[WAYS];
static int nways;
static const dot_way *chosen;

static void find_ways(void)
{
    for (int i = 0; i < WAYS; i++)
        if (all_ways[i]->usable())
            ways[nways++] = all_ways[i];
    chosen = ways[0];
}

static const dot_way *way(void)
{
    pthread_once(&once, find_ways);
    return chosen;
}

int slab_digits_ways(void)
{
    way();
    return nways;
}

const char *slab_digits_way(int i)
{
    way();
    return ways[i]->name;
}

double slab_digits_rate(void)
{
    return way()->rate;
}

void slab_digits_use(int i)
{
    way();
    chosen = ways[i];
}

static int64_t padded(int64_t k)
{
    return (k + SLAB_DIGITS_K - 1) / SLAB_DIGITS_K * SLAB_DIGITS_K;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

size_t slab_digits_bytes(int64_t k, int l)
{
    return (size_t)padded(k) * SLAB_DIGITS * (size_t)l;
}

/* The largest integer of three balanced digits is 127 (1 + 2^8 + 2^16), a little below 2^23. */
double slab_digits_scale(double largest)
{
    int exponent;
    if (!(largest > 0) || !isfinite(largest))
        return 1;
    frexp(largest, &exponent);
    int up = 23 - exponent;
    if (ldexp(largest, up) > 127.0 * 65793)
        up--;
    return ldexp(1, up < 1000 ? up : 1000);
}

int32_t slab_digits_round(double scaled)
{
    return (int32_t)lrint(scaled);
}

static void split(int32_t q, int8_t digit[SLAB_DIGITS])
{
    for (int i = 0; i < SLAB_DIGITS; i++) {
        digit[i] = (int8_t)(q & 255);
        q = (q - digit[i]) >> 8;
    }
}

static int64_t column(int v)
{
    return (int64_t)v / SLAB_DIGITS_BLOCK * SLAB_DIGITS * SLAB_DIGITS_BLOCK + v % SLAB_DIGITS_BLOCK;
}

void slab_digits_left(int8_t *left, int64_t k, int l, const int32_t *entries)
{
    int8_t *at = left + k / SLAB_DIGITS_K * SLAB_DIGITS * l * SLAB_DIGITS_K + k % SLAB_DIGITS_K;
    for (int v = 0; v < l; v++) {
        int8_t digit[SLAB_DIGITS];
        split(entries[v], digit);
        for (int i = 0; i < SLAB_DIGITS; i++)
            at[(column(v) + i * SLAB_DIGITS_BLOCK) * SLAB_DIGITS_K] = digit[i];
    }
}

void slab_digits_right(int8_t *right, int64_t k, int l, const int32_t *entries)
{
    int8_t *at = right + k / 4 * SLAB_DIGITS * l * 4 + k % 4;
    for (int v = 0; v < l; v++) {
        int8_t digit[SLAB_DIGITS];
        split(entries[v], digit);
        for (int i = 0; i < SLAB_DIGITS; i++)
            at[(column(v) + i * SLAB_DIGITS_BLOCK) * 4] = digit[i];
    }
}

static size_t down_bytes(int64_t rows, int l)
{
    size_t panel = (size_t)(padded(least(rows, SEGMENT)) + SLAB_DIGITS_K) * PANEL_COLS;
    return 2 * panel + (size_t)l * SLAB_DIGITS * PANEL_COLS * sizeof(int32_t);
}

static size_t across_bytes(int64_t cols, int l)
{
    size_t panel = (size_t)(padded(least(cols, SEGMENT)) + SLAB_DIGITS_K) * PANEL_ROWS;
    return 2 * panel + 2 * (size_t)l * SLAB_DIGITS * PANEL_ROWS * sizeof(int32_t);
}

size_t slab_digits_scratch(int64_t rows, int64_t cols, int l)
{
    size_t down = down_bytes(rows, l), across = across_bytes(cols, l);
    return (down > across ? down : across) + 64;
}

/* In pieces: most blocks that hold any hold one soon. */
SLAB_CLONES static int holds(const uint8_t *x, int64_t n, uint8_t code)
{
    for (int64_t i = 0; i < n; i += 4096) {
        int64_t end = least(n, i + 4096);
        uint8_t any = 0;
        for (int64_t k = i; k < end; k++)
            any |= (uint8_t)(x[k] == code);
        if (any)
            return 1;
    }
    return 0;
}

/* Moves missing elements of a panel to the other panel. */
SLAB_CLONES static void part(uint8_t *restrict x, uint8_t *restrict gone, int64_t n, uint8_t code)
{
    for (int64_t i = 0; i < n; i++) {
        uint8_t is = x[i] == code;
        gone[i] = is;
        x[i] = is ? 0 : x[i];
    }
}

/* Four rows of PANEL_COLS side by side: column c becomes bytes 4 c .. 4 c + 3. */
typedef void interleaver(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d,
                         uint8_t *out);

static void interleave_plain(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d,
                             uint8_t *out)
{
    for (int i = 0; i < PANEL_COLS; i++) {
        out[4 * i] = a[i];
        out[4 * i + 1] = b[i];
        out[4 * i + 2] = c[i];
        out[4 * i + 3] = d[i];
    }
}

#if defined(__x86_64__)
#include <immintrin.h>
#define AVX512 __attribute__((target("avx512f,avx512bw")))

/* Unpacking works within lanes of 16 bytes: first every lane gets the columns it will need. */
AVX512 static inline __m512i load_lanes(const uint8_t *row)
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, _mm512_loadu_si512(row));
}

AVX512 static void interleave_avx512(const uint8_t *a, const uint8_t *b, const uint8_t *c,
                                     const uint8_t *d, uint8_t *out)
{
    __m512i ra = load_lanes(a), rb = load_lanes(b), rc = load_lanes(c), rd = load_lanes(d);
    __m512i ab = _mm512_unpacklo_epi8(ra, rb), cd = _mm512_unpacklo_epi8(rc, rd);
    _mm512_storeu_si512(out, _mm512_unpacklo_epi16(ab, cd));
    _mm512_storeu_si512(out + 64, _mm512_unpackhi_epi16(ab, cd));
    ab = _mm512_unpackhi_epi8(ra, rb);
    cd = _mm512_unpackhi_epi8(rc, rd);
    _mm512_storeu_si512(out + 128, _mm512_unpacklo_epi16(ab, cd));
    _mm512_storeu_si512(out + 192, _mm512_unpackhi_epi16(ab, cd));
}

static interleaver *find_interleave(void)
{
    return __builtin_cpu_supports("avx512bw") ? interleave_avx512 : interleave_plain;
}
#else
static interleaver *find_interleave(void)
{
    return interleave_plain;
}
#endif

static void copy_row(const slab_bytes *x, int64_t i, int64_t c, int64_t n, uint8_t *out)
{
    const uint8_t *src = x->src + i * x->stride[0] + c * x->stride[1];
    if (x->stride[1] == 1)
        memcpy(out, src, (size_t)n);
    else
        for (int64_t k = 0; k < n; k++)
            out[k] = src[k * x->stride[1]];
}

/* Panel u8 [kp / 4, PANEL_COLS, 4] of columns c0 .. c0 + cols - 1; row 0 at k = front. */
static void panel_down(const slab_bytes *x, int64_t front, int64_t kp, int64_t c0, int64_t cols,
                       uint8_t *panel)
{
    interleaver *interleave = find_interleave();
    uint8_t rows[4][PANEL_COLS];
    for (int64_t k = 0; k < kp; k += 4, panel += 4 * PANEL_COLS) {
        int64_t i = k - front;
        if (i >= 0 && i + 4 <= x->rows && cols == PANEL_COLS && x->stride[1] == 1) {
            const uint8_t *src = x->src + i * x->stride[0] + c0;
            interleave(src, src + x->stride[0], src + 2 * x->stride[0], src + 3 * x->stride[0],
                       panel);
            continue;
        }
        memset(rows, 0, sizeof rows);
        for (int u = 0; u < 4; u++)
            if (i + u >= 0 && i + u < x->rows)
                copy_row(x, i + u, c0, cols, rows[u]);
        interleave(rows[0], rows[1], rows[2], rows[3], panel);
    }
}

/* Padding is no missing element, even where the code is 0. */
static void unmark_down(uint8_t *gone, int64_t front, int64_t rows, int64_t kp)
{
    for (int64_t k = 0; k < kp; k++)
        if (k < front || k >= front + rows)
            for (int c = 0; c < PANEL_COLS; c++)
                gone[(k / 4 * PANEL_COLS + c) * 4 + k % 4] = 0;
}

/* sums[v, 0 .. cols) += the three digits' products joined. c: i32 [3 l, PANEL_COLS] */
SLAB_CLONES static void join_down(const int32_t *c, int l, int64_t cols, double *sums, int64_t ld)
{
    for (int v = 0; v < l; v++) {
        const int32_t *low =
            c + (v / SLAB_DIGITS_BLOCK * SLAB_DIGITS * SLAB_DIGITS_BLOCK + v % SLAB_DIGITS_BLOCK) *
                    PANEL_COLS;
        const int32_t *middle = low + SLAB_DIGITS_BLOCK * PANEL_COLS;
        const int32_t *high = middle + SLAB_DIGITS_BLOCK * PANEL_COLS;
        double *out = sums + v * ld;
        for (int64_t i = 0; i < cols; i++)
            out[i] += low[i] + 256.0 * middle[i] + 65536.0 * high[i];
    }
}

static void down_segment(const slab_bytes *x, const int8_t *left, int64_t at, int l, double *sums,
                         double *gone, int64_t ld, uint8_t *scratch)
{
    const dot_way *w = way();
    int64_t front = at % SLAB_DIGITS_K, kp = padded(front + x->rows);
    uint8_t *panel = scratch, *marks = panel + kp * PANEL_COLS;
    int32_t *c = (int32_t *)(void *)(marks + kp * PANEL_COLS);
    size_t block = (size_t)l * SLAB_DIGITS * SLAB_DIGITS_K;
    dot_job job = {.a = (const uint8_t *)left + (size_t)(at / SLAB_DIGITS_K) * block,
                   .a_block = block,
                   .a_row = SLAB_DIGITS_K,
                   .b_row = 4 * PANEL_COLS,
                   .kblocks = (int)(kp / SLAB_DIGITS_K),
                   .mtiles = l / SLAB_DIGITS_BLOCK * SLAB_DIGITS,
                   .c = c,
                   .c_row = PANEL_COLS};
    for (int64_t c0 = 0; c0 < x->cols; c0 += PANEL_COLS) {
        int64_t cols = least(PANEL_COLS, x->cols - c0);
        panel_down(x, front, kp, c0, cols, panel);
        bool any = x->has_missing && holds(panel, kp * PANEL_COLS, x->missing);
        if (any) {
            part(panel, marks, kp * PANEL_COLS, x->missing);
            unmark_down(marks, front, x->rows, kp);
        }
        job.ntiles = (int)(padded(4 * cols) / 64);
        job.b = panel;
        w->signed_unsigned(&job);
        join_down(c, l, cols, sums + c0, ld);
        if (any) {
            job.b = marks;
            w->signed_unsigned(&job);
            join_down(c, l, cols, gone + c0, ld);
        }
    }
}

void slab_digits_down(const slab_bytes *x, const int8_t *left, int64_t at, int l, double *sums,
                      double *gone, int64_t ld, void *scratch)
{
    uint8_t *aligned = (uint8_t *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    const dot_way *w = way();
    if (w->begin)
        w->begin();
    for (int64_t i = 0; i < x->rows; i += SEGMENT) {
        slab_bytes segment = *x;
        segment.src += i * x->stride[0];
        segment.rows = least(SEGMENT, x->rows - i);
        down_segment(&segment, left, at + i, l, sums, gone, ld, aligned);
    }
    if (w->end)
        w->end();
}

/* One row of `out`. c and g: i32 [3 l], g NULL when nothing is missing. */
SLAB_CLONES static void join_across(const int32_t *c, const int32_t *g, int l, const double *scale,
                                    const double *gone_scale, const double *minus, double *out)
{
    for (int b = 0; b < l; b += SLAB_DIGITS_BLOCK, c += SLAB_DIGITS * SLAB_DIGITS_BLOCK) {
        double sum[SLAB_DIGITS_BLOCK];
        for (int i = 0; i < SLAB_DIGITS_BLOCK; i++)
            sum[i] = (c[i] + 256.0 * c[i + 16] + 65536.0 * c[i + 32]) * scale[b + i];
        for (int i = 0; g && i < SLAB_DIGITS_BLOCK; i++)
            sum[i] += (g[i] + 256.0 * g[i + 16] + 65536.0 * g[i + 32]) * gone_scale[b + i];
        for (int i = 0; i < SLAB_DIGITS_BLOCK; i++)
            out[b + i] += minus ? sum[i] - minus[b + i] : sum[i];
        g = g ? g + SLAB_DIGITS * SLAB_DIGITS_BLOCK : NULL;
    }
}

/* Panel u8 [PANEL_ROWS, pitch] of rows i0 ..; column 0 at k = front. True: something is missing. */
static bool panel_across(const slab_bytes *x, int64_t front, int64_t pitch, int64_t i0,
                         int64_t rows, uint8_t *panel, uint8_t *marks)
{
    int64_t tail = pitch - front - x->cols;
    bool any = false;
    for (int64_t i = 0; i < rows; i++) {
        uint8_t *row = panel + i * pitch;
        memset(row, 0, (size_t)front);
        copy_row(x, i0 + i, 0, x->cols, row + front);
        memset(row + front + x->cols, 0, (size_t)tail);
        any = any || (x->has_missing && holds(row + front, x->cols, x->missing));
    }
    memset(panel + rows * pitch, 0, (size_t)((PANEL_ROWS - rows) * pitch));
    if (!any)
        return false;
    memset(marks, 0, (size_t)(PANEL_ROWS * pitch));
    for (int64_t i = 0; i < rows; i++)
        part(panel + i * pitch + front, marks + i * pitch + front, x->cols, x->missing);
    return true;
}

/* What op "across" is to do with its sums. */
typedef struct across {
    const double *scale, *gone_scale, *minus;
    double *out;
    int64_t ld;
} across;

static void across_segment(const slab_bytes *x, const int8_t *right, const int8_t *gone, int64_t at,
                           int l, const across *to, uint8_t *scratch)
{
    const dot_way *w = way();
    int64_t front = at % SLAB_DIGITS_K, pitch = padded(front + x->cols);
    int wide = l * SLAB_DIGITS;
    uint8_t *panel = scratch, *marks = panel + PANEL_ROWS * pitch;
    int32_t *c = (int32_t *)(void *)(marks + PANEL_ROWS * pitch), *g = c + PANEL_ROWS * wide;
    size_t skip = (size_t)(at - front) * (size_t)wide;
    dot_job job = {.a_block = SLAB_DIGITS_K,
                   .a_row = (size_t)pitch,
                   .b_row = (size_t)wide * 4,
                   .kblocks = (int)(pitch / SLAB_DIGITS_K),
                   .ntiles = wide / 16,
                   .c_row = (size_t)wide};
    for (int64_t i0 = 0; i0 < x->rows; i0 += PANEL_ROWS) {
        int64_t rows = least(PANEL_ROWS, x->rows - i0);
        bool any = panel_across(x, front, pitch, i0, rows, panel, marks);
        job.mtiles = rows > 16 ? 2 : 1;
        job.a = panel;
        job.b = (const uint8_t *)right + skip;
        job.c = c;
        w->unsigned_signed(&job);
        if (any) {
            job.a = marks;
            job.b = (const uint8_t *)gone + skip;
            job.c = g;
            w->unsigned_signed(&job);
        }
        for (int64_t i = 0; i < rows; i++)
            join_across(c + i * wide, any ? g + i * wide : NULL, l, to->scale, to->gone_scale,
                        to->minus, to->out + (i0 + i) * to->ld);
    }
}

void slab_digits_across(const slab_bytes *x, const int8_t *right, const int8_t *gone, int64_t at,
                        int l, const double *scale, const double *gone_scale, const double *minus,
                        double *out, int64_t ld, void *scratch)
{
    uint8_t *aligned = (uint8_t *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    const dot_way *w = way();
    across to = {scale, gone_scale, minus, out, ld};
    if (w->begin)
        w->begin();
    for (int64_t c = 0; c < x->cols; c += SEGMENT, to.minus = NULL) {
        slab_bytes segment = *x;
        segment.src += c * x->stride[1];
        segment.cols = least(SEGMENT, x->cols - c);
        across_segment(&segment, right, gone, at + c, l, &to, aligned);
    }
    if (w->end)
        w->end();
}

/*
 * What a stretch would take, searched and by runs: both are done on two small samples, and their
 * symbols' entropies counted. All in integers, so that every machine chooses alike.
 */
#include <slab/storage/codec/zstd_impl.h>

enum {
    COUNTED = 2048,  /* bytes of each */
    WARM = 1024,     /* bytes before a sample in which matches may lie */
    PRIMED = 512,    /* places in all that was packed before in which long repeats are recognised */
    HASH_LOG = 12,   /* of the table that a search goes by */
    MATCH_LEAST = 7, /* as zstd has it at level 1 for chunks of 256 KiB and more */
    PATIENCE = 128,  /* bytes searched in vain before the steps grow by one */
    SLICES = 4,      /* of which the bytes are counted */
    SLICE = 512,
    CODES = 64 /* of a length or an offset: itself below 32, then its logarithm */
};

#define ONE            ((uint64_t)256)      /* a bit */
#define NOISE_BITS     (8 * ONE - ONE / 14) /* a Huffman code has to gain 1/64 to be used */
#define CHANCE_BITS    (4 * ONE)
#define SMALLEST_TRIED ((size_t)2 * (WARM + COUNTED))
#define TWO_PLACES     ((size_t)192 << 10) /* smaller stretches are sampled in one place */

struct slab_zstd_trial {
    uint32_t table[1 << HASH_LOG]; /* places, one more than they are; 0: none */
    uint32_t noise[1 << HASH_LOG]; /* the same of all noise in the chunk */
    uint32_t count[256];
    size_t repeated; /* bytes in matches that are not runs */
    uint16_t logs[COUNTED + 1];
    uint32_t literals[256], literal_runs[CODES], lengths[CODES], offsets[CODES];
    ZSTD_Sequence found[COUNTED];
};

size_t slab_zstd_trial_bytes(void)
{
    return sizeof(slab_zstd_trial);
}

/* Logarithm to the base 2 in 1/256, right to 1/100 of a bit; 0 of 0. */
static uint64_t log2_of(uint64_t x)
{
    if (x == 0)
        return 0;
    int whole = 63 - __builtin_clzll(x);
    uint64_t part = whole >= 8 ? x >> (whole - 8) : x << (8 - whole);
    part &= 255;
    return (uint64_t)whole * ONE + part + (88 * part * (256 - part) >> 16);
}

/* Bits of all symbols by their frequencies, `least` at least for each: a Huffman code has no half
 * bits. */
static uint64_t entropy_bits(const slab_zstd_trial *t, const uint32_t *counts, size_t n,
                             uint64_t least)
{
    uint64_t total = 0, bits = 0;
    for (size_t i = 0; i < n; i++)
        total += counts[i];
    uint64_t all = log2_of(total);
    for (size_t i = 0; i < n; i++) {
        uint64_t each = all - t->logs[counts[i]];
        bits += counts[i] * (each < least ? least : each);
    }
    return bits;
}

/* Counts a length or an offset; the bits that its code leaves open. */
static uint64_t count_code(uint32_t *codes, uint64_t value)
{
    if (value < 32) {
        codes[value]++;
        return 0;
    }
    int whole = 63 - __builtin_clzll(value);
    codes[27 + whole]++;
    return (uint64_t)whole * ONE;
}

/* Bits of what was found in src. */
static uint64_t bits_of(slab_zstd_trial *t, const uint8_t *src, size_t nfound)
{
    uint64_t open = 0;
    uint32_t last = 1;
    memset(t->literals, 0, sizeof t->literals);
    memset(t->literal_runs, 0, sizeof t->literal_runs);
    memset(t->lengths, 0, sizeof t->lengths);
    memset(t->offsets, 0, sizeof t->offsets);
    for (size_t i = 0; i < nfound; i++) {
        const ZSTD_Sequence *s = &t->found[i];
        for (size_t j = 0; j < s->litLength; j++)
            t->literals[src[j]]++;
        src += s->litLength + s->matchLength;
        if (s->offset == 0)
            continue;
        open += count_code(t->literal_runs, s->litLength);
        open += count_code(t->lengths, s->matchLength);
        /* offsets are coded by their logarithm alone; the last one again is cheap */
        int whole = s->offset == last ? 0 : 31 - __builtin_clz(s->offset + 3);
        t->offsets[whole]++;
        open += (uint64_t)whole * ONE;
        last = s->offset;
    }
    return open + entropy_bits(t, t->literals, 256, ONE) +
           entropy_bits(t, t->literal_runs, CODES, 0) + entropy_bits(t, t->lengths, CODES, 0) +
           entropy_bits(t, t->offsets, CODES, 0);
}

static uint64_t load_64(const uint8_t *p)
{
    uint64_t x;
    memcpy(&x, p, 8);
    return x;
}

static uint32_t *slot_of(uint32_t *table, const uint8_t *p)
{
    uint64_t first = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
                         ? load_64(p) << (8 * (8 - MATCH_LEAST))
                         : load_64(p) >> (8 * (8 - MATCH_LEAST));
    return &table[first * UINT64_C(0x9E3779B185EBCA87) >> (64 - HASH_LOG)];
}

static size_t common(const uint8_t *a, const uint8_t *b, size_t most)
{
    size_t n = 0;
    while (n + 8 <= most && load_64(a + n) == load_64(b + n))
        n += 8;
    while (n < most && a[n] == b[n])
        n++;
    return n;
}

/* A greedy search in src[from .. from + COUNTED), as level 1 goes about it. */
static size_t search(slab_zstd_trial *t, const uint8_t *src, size_t from)
{
    size_t found = 0, anchor = from, end = from + COUNTED, at = from;
    while (at + 8 <= end) {
        uint32_t *slot = slot_of(t->table, src + at);
        size_t before = *slot;
        *slot = (uint32_t)at + 1;
        size_t length = before ? common(src + before - 1, src + at, end - at) : 0;
        if (length < MATCH_LEAST) {
            at++;
            continue;
        }
        size_t back = 0;
        while (at - back > anchor && before - 1 > back &&
               src[at - back - 1] == src[before - 2 - back])
            back++;
        t->found[found++] = (ZSTD_Sequence){.offset = (unsigned)(at - (before - 1)),
                                            .litLength = (unsigned)(at - back - anchor),
                                            .matchLength = (unsigned)(length + back)};
        if (common(src + at, src + at + 1, length - 1) < length - 1)
            t->repeated += length;
        if (at + 10 <= end)
            *slot_of(t->table, src + at + 2) = (uint32_t)at + 3;
        at += length;
        anchor = at;
    }
    t->found[found++] = (ZSTD_Sequence){.litLength = (unsigned)(end - anchor)};
    return found;
}

/* Fills the table with some places of all that is before, and with every one right before. */
static void prime(slab_zstd_trial *t, const uint8_t *src, size_t from)
{
    size_t stride = from / PRIMED + 1, warm = from < WARM ? 0 : from - WARM;
    memset(t->table, 0, sizeof t->table);
    for (size_t at = 0; at < warm; at += stride)
        *slot_of(t->table, src + at) = (uint32_t)at + 1;
    for (size_t at = warm; at < from; at++)
        *slot_of(t->table, src + at) = (uint32_t)at + 1;
}

/* Few bytes look more regular than they are: (kinds - 1) / 2 nats (Miller and Madow). */
static uint64_t unseen_bits(const uint32_t *counts)
{
    uint64_t kinds = 0;
    for (size_t i = 0; i < 256; i++)
        kinds += counts[i] > 0;
    return (kinds - 1) * 185;
}

/* Bits a byte by frequencies in slices of the stretch: of all together, and of each by itself. */
static void count_slices(slab_zstd_trial *t, const uint8_t *src, size_t n, uint64_t *together,
                         uint64_t *apart)
{
    uint32_t *one = t->literals;
    *apart = 0;
    memset(t->count, 0, sizeof t->count);
    for (size_t s = 0; s < SLICES; s++) {
        const uint8_t *slice = src + (n - SLICE) / (SLICES - 1) * s;
        memset(one, 0, sizeof t->literals);
        for (size_t i = 0; i < SLICE; i++)
            one[slice[i]]++;
        for (size_t i = 0; i < 256; i++)
            t->count[i] += one[i];
        *apart += entropy_bits(t, one, 256, 0) + unseen_bits(one);
    }
    *apart /= SLICES * SLICE;
    *together = (entropy_bits(t, t->count, 256, 0) + unseen_bits(t->count)) / (SLICES * SLICE);
}

static size_t literals_of(const slab_zstd_trial *t)
{
    size_t n = 0;
    for (size_t i = 0; i < 256; i++)
        n += t->literals[i];
    return n;
}

/* Does a search through noise find anything? Like zstd's it goes in longer and longer steps. */
static bool repeats(slab_zstd_trial *t, const uint8_t *src, size_t from, size_t n)
{
    for (size_t i = 0; i + 8 <= n; i += i / PATIENCE + 1) {
        uint32_t *slot = slot_of(t->noise, src + from + i);
        size_t before = *slot;
        *slot = (uint32_t)(from + i) + 1;
        if (before && common(src + before - 1, src + from + i, MATCH_LEAST) == MATCH_LEAST)
            return true;
    }
    return false;
}

/* What samples of the stretch take each way: *counted bytes, *literals of them in no run. */
static void try_places(slab_zstd_trial *t, const uint8_t *src, size_t from, size_t n,
                       uint64_t apart, slab_zstd_cost *cost, size_t *counted, size_t *literals)
{
    size_t places = n < TWO_PLACES ? 1 : 2, part = n / places;
    memset(cost->bits, 0, sizeof cost->bits);
    t->repeated = *literals = 0;
    for (size_t p = 0; p < places; p++) {
        size_t at = from + part * p + (part - COUNTED) / 2;
        prime(t, src, at);
        cost->bits[SLAB_ZSTD_SEARCH] += bits_of(t, src + at, search(t, src, at));
        for (slab_zstd_way way = SLAB_ZSTD_RUNS; way <= SLAB_ZSTD_LONG_RUNS; way++)
            cost->bits[way] +=
                bits_of(t, src + at, slab_zstd_runs(way, src + at, COUNTED, t->found));
        *literals += literals_of(t);
    }
    *counted = places * COUNTED;
    for (slab_zstd_way way = SLAB_ZSTD_SEARCH; way <= SLAB_ZSTD_LONG_RUNS; way++)
        cost->bits[way] = cost->bits[way] * n / *counted;
    cost->bits[SLAB_ZSTD_STORED] = 8 * ONE * n;
    /* Among so many bytes nothing repeats by chance: with all that a search remembers, and samples
     * do not, it would find more of it. */
    if (apart > CHANCE_BITS && t->repeated > *counted / 100)
        cost->bits[SLAB_ZSTD_RUNS] = cost->bits[SLAB_ZSTD_LONG_RUNS] = UINT64_MAX;
}

void slab_zstd_trial_init(slab_zstd_trial *t)
{
    for (size_t i = 0; i <= COUNTED; i++)
        t->logs[i] = (uint16_t)log2_of(i);
}

void slab_zstd_trial_begin(slab_zstd_trial *t)
{
    memset(t->noise, 0, sizeof t->noise);
}

void slab_zstd_try(slab_zstd_trial *t, const uint8_t *src, size_t from, size_t n,
                   slab_zstd_cost *cost)
{
    uint64_t together, apart, plain = 8 * ONE * n;
    size_t counted, literals;
    *cost = (slab_zstd_cost){.bits = {plain, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    if (n < SMALLEST_TRIED || from + n > UINT32_MAX / 2)
        return;
    count_slices(t, src + from, n, &together, &apart);
    if (together >= NOISE_BITS) {
        cost->noise = !repeats(t, src, from, n);
    } else if (together == 0) { /* a search is fast here, and safe against what was not seen */
        cost->bits[SLAB_ZSTD_SEARCH] = 0;
    } else {
        try_places(t, src, from, n, apart, cost, &counted, &literals);
        if (together > apart)
            cost->shifting = (together - apart) * literals * n / counted;
    }
}

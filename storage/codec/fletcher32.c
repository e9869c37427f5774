/* Filter 3: Fletcher's checksum, as HDF5 computes it, in four bytes behind the data. */
#include <slab/storage/base/clones.h>
#include <slab/storage/base/try.h>
#include <slab/storage/codec/codec_impl.h>
#include <slab/storage/codec/fletcher32_impl.h>

enum { TAIL = 4 };

/*
 * Words w_i of 16 bits, i < n, big-endian: sum1 = sum w_i, sum2 = sum (n - i) w_i, both modulo
 * 65535. HDF5 folds carries as it goes, which leaves 65535 rather than 0 unless all words are 0.
 *
 * Swapping the bytes of a word multiplies it by 256 modulo 65535, so the words are added as the
 * machine reads them and the sums are corrected at the end.
 */
enum { LANES = 32, ROWS = 360 }; /* 360: the sums of sums of 16-bit words stay below 2^32 */

/* a[l] = sum over rows of word l, b[l] = the same weighted with the rows that are left. */
SLAB_CLONES static void add_rows(const unsigned char *p, size_t rows, uint32_t a[LANES],
                                 uint32_t b[LANES])
{
    for (size_t r = 0; r < rows; r++) {
        uint16_t w[LANES];
        memcpy(w, p + r * sizeof w, sizeof w);
        for (int l = 0; l < LANES; l++) {
            a[l] += w[l];
            b[l] += a[l];
        }
    }
}

static uint64_t word(const unsigned char *p)
{
    uint16_t w;
    memcpy(&w, p, 2);
    return w;
}

/* Sums modulo 65535 of the n words at p, in the machine's byte order. */
static void add_words(const unsigned char *p, size_t n, uint64_t *sum1, uint64_t *sum2)
{
    uint64_t s1 = 0, s2 = 0;
    while (n >= LANES) {
        size_t rows = n / LANES < ROWS ? n / LANES : ROWS;
        uint32_t a[LANES] = {0}, b[LANES] = {0};
        add_rows(p, rows, a, b);
        uint64_t whole = 0, weighted = 0;
        for (uint64_t l = 0; l < LANES; l++) {
            whole += a[l];
            weighted += (uint64_t)LANES * b[l] - l * a[l];
        }
        s2 = (s2 + rows * LANES * s1 + weighted) % 65535;
        s1 = (s1 + whole) % 65535;
        p += rows * LANES * 2;
        n -= rows * LANES;
    }
    for (; n > 0; n--, p += 2) {
        s1 += word(p);
        s2 += s1;
    }
    *sum1 = s1 % 65535;
    *sum2 = s2 % 65535;
}

uint32_t slab_fletcher32(const void *data, size_t n)
{
    const unsigned char *p = data;
    uint64_t s1, s2;
    add_words(p, n / 2, &s1, &s2);
    if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
        s1 = s1 * 256 % 65535;
        s2 = s2 * 256 % 65535;
    }
    if (n % 2) {
        s1 = (s1 + ((uint64_t)p[n - 1] << 8)) % 65535;
        s2 = (s2 + s1) % 65535;
    }
    if (s1 == 0 || s2 == 0) {
        size_t zeros = 0;
        while (zeros < n && p[zeros] == 0)
            zeros++;
        if (zeros < n) {
            s1 = s1 ? s1 : 65535;
            s2 = s2 ? s2 : 65535;
        }
    }
    return (uint32_t)(s2 << 16 | s1);
}

static uint32_t load_le32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* HDF5 before 1.6.3 summed words in the order of the machine: bytes swapped in both halves. */
static uint32_t swapped(uint32_t sum)
{
    return (sum & 0x00ff00ffu) << 8 | (sum >> 8 & 0x00ff00ffu);
}

static slab_status check(const slab_filter *filter, const slab_chunk_type *type)
{
    (void)filter, (void)type;
    return SLAB_OK;
}

static size_t bound(const slab_filter *filter, const slab_chunk_type *type, size_t n)
{
    (void)filter, (void)type;
    return bound_add(n, TAIL);
}

static slab_status trim(const slab_filter *filter, const void *src, size_t n, size_t *kept)
{
    slab_status rc = SLAB_OK;
    (void)filter;
    REQUIRE(n >= TAIL, SLAB_ERR_FORMAT, "%zu bytes are too few to end in a checksum", n);
    uint32_t stored = load_le32((const unsigned char *)src + n - TAIL);
    uint32_t sum = slab_fletcher32(src, n - TAIL);
    REQUIRE(stored == sum || stored == swapped(sum), SLAB_ERR_CHECKSUM,
            "fletcher32 checksum differs: stored %08x, computed %08x", stored, sum);
    *kept = n - TAIL;
done:
    return rc;
}

static slab_status decode(const slab_filter *filter, const slab_chunk_type *type, void *state,
                          const void *src, size_t n, void *dst, size_t capacity, size_t *written)
{
    slab_status rc = SLAB_OK;
    (void)type, (void)state;
    TRY(trim(filter, src, n, written));
    REQUIRE(*written <= capacity, SLAB_ERR_FORMAT,
            "a checksummed chunk holds %zu bytes where %zu are expected", *written, capacity);
    if (*written > 0)
        memcpy(dst, src, *written);
done:
    return rc;
}

static slab_status encode(const slab_filter *filter, const slab_chunk_type *type, void *state,
                          const void *src, size_t n, void *dst, size_t capacity, size_t *written)
{
    slab_status rc = SLAB_OK;
    (void)filter, (void)type, (void)state;
    REQUIRE(bound_add(n, TAIL) <= capacity, SLAB_ERR_RANGE, "no room for a checksum");
    uint32_t sum = slab_fletcher32(src, n);
    unsigned char *tail = (unsigned char *)dst + n;
    if (n > 0)
        memcpy(dst, src, n);
    for (int i = 0; i < TAIL; i++)
        tail[i] = (unsigned char)(sum >> (8 * i));
    *written = n + TAIL;
done:
    return rc;
}

static slab_status configure(slab_filter *filter, const slab_chunk_type *type, int level)
{
    slab_status rc = SLAB_OK;
    (void)type;
    REQUIRE(level < 0, SLAB_ERR_VALUE, "the fletcher32 filter has no level");
    filter->id = SLAB_FILTER_FLETCHER32;
    filter->nvalues = 0;
done:
    return rc;
}

const slab_codec slab_codec_fletcher32 = {
    .name = "fletcher32",
    .id = SLAB_FILTER_FLETCHER32,
    .summary = "a checksum behind every chunk",
    .check = check,
    .bound = bound,
    .decode = decode,
    .encode = encode,
    .configure = configure,
    .trim = trim,
};

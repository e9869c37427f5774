/*
 * One codec, FUZZ_CODEC: filter parameters, a type and encoded bytes as a hostile file has them.
 *
 * Whatever decodes gives every byte that it says it has written, the same each time and in parts,
 * and what is encoded again comes back.
 */
#include "fuzzing.h"
#include <slab/storage/codec/codec_impl.h>

long fuzz_taken;

enum { CONFIGURE = 1, OTHER_ROOM = 2, LEVEL = 4, VALUES = 8 };
enum { SIZE_MOST = 32, COUNT_MOST = 2048 };

/* What an input holds before the encoded bytes. */
typedef struct head {
    uint8_t flags;
    slab_filter filter;
    slab_chunk_type type;
    size_t room; /* of the output */
} head;

static const slab_codec *codec;
static void *state;

static void start(void)
{
    if (codec)
        return;
    codec = slab_codec_by_name(FUZZ_CODEC);
    MUST(codec, "no codec '%s'", FUZZ_CODEC);
}

static slab_dtype type_of(uint8_t kind, uint32_t size, uint8_t precision, uint8_t offset)
{
    slab_dtype dtype = slab_dtype_make(SLAB_KIND_UINT, size);
    dtype.big_endian = kind & 1;
    if (kind & 2) {
        dtype.precision = (uint16_t)(1 + precision % (8 * size));
        dtype.offset = (uint16_t)(offset % (8 * size - dtype.precision + 1u));
    }
    return dtype;
}

static bool read_head(feed *f, head *h)
{
    h->flags = (uint8_t)feed_number(f, 1);
    uint8_t kind = (uint8_t)feed_number(f, 1), precision = (uint8_t)feed_number(f, 1),
            offset = (uint8_t)feed_number(f, 1);
    uint32_t size = 1 + (uint32_t)feed_number(f, 1) % SIZE_MOST;
    h->type = (slab_chunk_type){.dtype = type_of(kind, size, precision, offset)};
    h->type.bytes = size * ((size_t)feed_number(f, 2) % (COUNT_MOST + 1));
    h->room = (size_t)feed_number(f, 2);
    if (!(h->flags & OTHER_ROOM))
        h->room = h->type.bytes;
    h->filter = (slab_filter){.id = codec->id, .nvalues = (unsigned)feed_number(f, 1)};
    for (int i = 0; i < VALUES; i++)
        h->filter.values[i] = (uint32_t)feed_number(f, 4);
    if (!(h->flags & CONFIGURE) || !codec->configure)
        return true;
    int level = h->flags & LEVEL ? (int)(h->filter.values[0] % 4) : -1;
    h->filter = (slab_filter){0};
    return is_good(codec->configure(&h->filter, &h->type, level));
}

/* Decodes into a block of just `room` bytes, all `before` first. NULL: refused. */
static uint8_t *decode(const head *h, feed packed, uint8_t before, size_t *written)
{
    uint8_t *out = malloc(h->room > 0 ? h->room : 1), *in = exact_copy(packed.at, packed.left);
    memset(out, before, h->room);
    bool good =
        is_good(codec->decode(&h->filter, &h->type, state, in, packed.left, out, h->room, written));
    MUST(!good || *written <= h->room, "%zu bytes written where %zu have room", *written, h->room);
    free(in);
    if (!good) {
        free(out);
        return NULL;
    }
    return out;
}

static void check_parts(const head *h, feed packed, const uint8_t *whole, size_t n)
{
    slab_check check = {0};
    size_t size = h->type.dtype.size, half = n / size / 2 * size;
    if (!codec->part || n != h->type.bytes || packed.left != n ||
        !codec->part(&h->filter, &h->type, NULL, 0, 0, NULL, NULL))
        return;
    uint8_t *parts = malloc(n > 0 ? n : 1);
    if (half > 0)
        codec->part(&h->filter, &h->type, packed.at, 0, half, parts, &check);
    if (n > half)
        codec->part(&h->filter, &h->type, packed.at, half, n - half, parts + half, &check);
    MUST(memcmp(parts, whole, n) == 0, "parts are not the whole");
    free(parts);
}

static void check_unchecked(const head *h, feed packed, const uint8_t *whole, size_t n)
{
    slab_check check = {0};
    size_t written = 0;
    if (!codec->decode_unchecked)
        return;
    uint8_t *out = malloc(h->room > 0 ? h->room : 1);
    MUST(is_good(codec->decode_unchecked(&h->filter, &h->type, state, packed.at, packed.left, out,
                                         h->room, &written, &check)) &&
             is_good(slab_check_compare(&check)),
         "good, and not when the check comes later");
    MUST(written == n && memcmp(out, whole, n) == 0, "not the same when the check comes later");
    free(out);
}

static void check_return(const head *h, const uint8_t *whole, size_t n)
{
    size_t packed = 0, back = 0;
    if (!codec->encode || n != h->type.bytes)
        return;
    size_t bound = codec->bound(&h->filter, &h->type, n);
    uint8_t *out = malloc(bound > 0 ? bound : 1), *again = malloc(n > 0 ? n : 1);
    MUST(out && again, "a bound of %zu bytes for %zu", bound, n);
    if (is_good(codec->encode(&h->filter, &h->type, state, whole, n, out, bound, &packed))) {
        MUST(packed <= bound, "%zu bytes where at most %zu were promised", packed, bound);
        MUST(is_good(codec->decode(&h->filter, &h->type, state, out, packed, again, n, &back)),
             "what was encoded cannot be decoded: %s", slab_error_last()->message);
        MUST(back == n, "%zu bytes come back as %zu", n, back);
        MUST(n == 0 || memcmp(again, whole, n) == 0, "other bytes come back");
    }
    free(out);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    feed f = {bytes, n};
    head h;
    size_t first = 0, second = 0;
    size_t before = memory_begin();
    start();
    if (!read_head(&f, &h) || !is_good(codec->check(&h.filter, &h.type)))
        goto done;
    if (codec->state_create)
        MUST(is_good(codec->state_create(&state)), "no state");
    uint8_t *one = decode(&h, f, 0x00, &first), *two = decode(&h, f, 0xff, &second);
    MUST(!one == !two, "decoded once of two times");
    if (one) {
        MUST(first == second && memcmp(one, two, first) == 0, "bytes that were not written");
        check_parts(&h, f, one, first);
        check_unchecked(&h, f, one, first);
        check_return(&h, one, first);
        fuzz_taken++;
    }
    free(one);
    free(two);
    if (codec->state_destroy)
        codec->state_destroy(state);
    state = NULL;
done:
    memory_end(before);
    return 0;
}

/* --- seeds --- */

/* Elements that rise slowly, with some noise below. */
static void make_plain(uint8_t *plain, size_t size, size_t count)
{
    uint32_t noise = 1;
    for (size_t i = 0; i < count; i++)
        for (size_t b = 0; b < size; b++) {
            noise = noise * 1103515245 + 12345;
            plain[i * size + b] = (uint8_t)(b == 0 ? noise >> 28 : i >> (4 * b));
        }
}

/* A stream by hand, for a codec that only reads: three literals, and a match that repeats them. */
static size_t encode_by_hand(uint8_t *out, size_t n)
{
    size_t at = 0, left = n - 3;
    out[at++] = 2;
    memcpy(out + at, "\1\2\3", 3);
    at += 3;
    for (size_t length; left > 0; left -= length) {
        length = left < 3 ? left : left < 100 ? left : 100;
        if (length < 3 || (left - length > 0 && left - length < 3)) {
            out[at++] = (uint8_t)(length - 1);
            memset(out + at, 7, length);
            at += length;
        } else if (length < 9) {
            out[at++] = (uint8_t)((length - 2) << 5);
            out[at++] = 2;
        } else {
            out[at++] = 7 << 5;
            out[at++] = (uint8_t)(length - 9);
            out[at++] = 2;
        }
    }
    return at;
}

static void make_seed(size_t size, size_t count, uint8_t kind, int level, fuzz_take take)
{
    static uint8_t plain[1 << 12], packed[1 << 14];
    static seed s;
    slab_chunk_type type = {.dtype = type_of(kind, (uint32_t)size, 2, 1), .bytes = size * count};
    slab_filter filter = {.id = codec->id};
    size_t n = 0;
    char name[64];
    make_plain(plain, size, count);
    if (codec->configure && codec->configure(&filter, &type, level) != SLAB_OK)
        return; /* has no levels, or not for this type */
    if (codec->state_create)
        MUST(is_good(codec->state_create(&state)), "no state");
    if (codec->encode)
        MUST(is_good(codec->encode(&filter, &type, state, plain, type.bytes, packed, sizeof packed,
                                   &n)),
             "%s", slab_error_last()->message);
    else
        n = encode_by_hand(packed, type.bytes);
    if (codec->state_destroy)
        codec->state_destroy(state);
    state = NULL;
    s.n = 0;
    seed_number(&s, 0, 1);
    seed_number(&s, kind, 1);
    seed_number(&s, 2, 1);
    seed_number(&s, 1, 1);
    seed_number(&s, size - 1, 1);
    seed_number(&s, count, 2);
    seed_number(&s, type.bytes, 2);
    seed_number(&s, filter.nvalues, 1);
    for (int i = 0; i < VALUES; i++)
        seed_number(&s, filter.values[i], 4);
    seed_bytes(&s, packed, n);
    snprintf(name, sizeof name, "seed-%zux%zu-%d%s", size, count, kind, level < 0 ? "" : "-level");
    take(name, s.bytes, s.n);
}

void fuzz_seeds(fuzz_take take)
{
    static const size_t sizes[] = {1, 2, 4, 8}, counts[] = {9, 64, 500};
    start();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
            for (uint8_t kind = 0; kind < 4; kind = (uint8_t)(kind + 3))
                for (int level = -1; level < 4; level += 4)
                    make_seed(sizes[i], counts[k], kind, level, take);
}

/*
 * A band of columns of two-bit elements (side 0), kept between the two halves of a step: a quarter
 * of its bytes, and far cheaper to open again than to decode a second time.
 *
 * A row is cut into groups of 256 elements; byte j of a group holds elements j, 64 + j, 128 + j and
 * 192 + j, lowest bits first, so that closing and opening are shifts of whole vectors.
 */
#include <slab/compute/sink/product_impl.h>
#include <slab/storage/base/clones.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum { GROUP = 256, CLOSED = GROUP / 4, ROWS_OPEN = 64 };

static int64_t groups(int64_t columns)
{
    return (columns + GROUP - 1) / GROUP;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

size_t product_cache_bytes(const slab_product *p, int64_t columns)
{
    return (size_t)groups(columns) * ((size_t)p->z->n * CLOSED + ROWS_OPEN * GROUP);
}

SLAB_CLONES static int close_group(const uint8_t *restrict x, uint8_t *restrict out)
{
    uint8_t any = 0;
    for (int j = 0; j < CLOSED; j++) {
        uint8_t a = x[j], b = x[64 + j], c = x[128 + j], d = x[192 + j];
        any |= (uint8_t)(a | b | c | d);
        out[j] = (uint8_t)(a | b << 2 | c << 4 | d << 6);
    }
    return any > 3;
}

SLAB_CLONES static void open_group(const uint8_t *restrict x, uint8_t *restrict out)
{
    for (int j = 0; j < CLOSED; j++) {
        out[j] = x[j] & 3;
        out[64 + j] = x[j] >> 2 & 3;
        out[128 + j] = x[j] >> 4 & 3;
        out[192 + j] = x[j] >> 6;
    }
}

/* One group of a row, in one piece: padded with zeros in `group` when it does not lie so. */
static const uint8_t *gather(const slab_tile *tile, int64_t i, int64_t c, uint8_t *group)
{
    const uint8_t *src = product_at(tile, i, c);
    int64_t stride = tile->view.stride[1], n = least(GROUP, tile->box.count[1] - c);
    if (stride == 1 && n == GROUP)
        return src;
    for (int64_t k = 0; k < n; k++)
        group[k] = src[k * stride];
    memset(group + n, 0, (size_t)(GROUP - n));
    return group;
}

slab_status product_cache_put(product_band *band, const slab_tile *tile)
{
    slab_status rc = SLAB_OK;
    int64_t columns = band->count;
    uint8_t group[GROUP], *at = band->cache + tile->box.start[0] * groups(columns) * CLOSED;
    int large = 0;
    for (int64_t i = 0; i < tile->box.count[0]; i++)
        for (int64_t c = 0; c < columns; c += GROUP, at += CLOSED)
            large |= close_group(gather(tile, i, c, group), at);
    REQUIRE(!large, SLAB_ERR_INTERNAL, "an element of two bits is larger than 3");
done:
    return rc;
}

void product_cache_show(const slab_product *p, const product_engine *engine, product_band *band)
{
    int64_t n = p->z->n, all = groups(band->count);
    uint8_t *open = band->cache + n * all * CLOSED;
    slab_tile block = {.dtype = p->z->dtype,
                       .thread = band->thread,
                       .view = {open, {all * GROUP, 1}},
                       .box = {2, {0, band->start}, {0, band->count}}};
    for (int64_t i = 0; i < n; i += ROWS_OPEN) {
        int64_t rows = least(ROWS_OPEN, n - i);
        block.box.start[0] = i;
        block.box.count[0] = band->tile[0] = rows;
        for (int64_t g = 0; g < rows * all; g++)
            open_group(band->cache + (i * all + g) * CLOSED, open + g * GROUP);
        engine->second(p, band, &block);
    }
}

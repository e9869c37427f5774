#include <slab/storage/base/shape.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <slab/storage/base/try.h>

slab_status slab_size_multiply(size_t a, size_t b, size_t *out)
{
    slab_status rc = SLAB_OK;
    REQUIRE(!__builtin_mul_overflow(a, b, out), SLAB_ERR_OVERFLOW, "%zu x %zu bytes overflow", a, b);
done:
    return rc;
}

slab_status slab_size_add(size_t a, size_t b, size_t *out)
{
    slab_status rc = SLAB_OK;
    REQUIRE(!__builtin_add_overflow(a, b, out), SLAB_ERR_OVERFLOW, "%zu + %zu bytes overflow", a, b);
done:
    return rc;
}

slab_status slab_extent_multiply(int64_t a, int64_t b, int64_t *out)
{
    slab_status rc = SLAB_OK;
    REQUIRE(!__builtin_mul_overflow(a, b, out), SLAB_ERR_OVERFLOW,
            "%" PRId64 " x %" PRId64 " elements overflow", a, b);
done:
    return rc;
}

slab_status slab_shape_elements(const slab_shape *shape, int64_t *out)
{
    slab_status rc = SLAB_OK;
    bool empty = false;
    *out = 1;
    for (int i = 0; i < shape->rank; i++) {
        REQUIRE(shape->extent[i] >= 0, SLAB_ERR_RANGE, "extent %" PRId64 " of axis %d is negative",
                shape->extent[i], i);
        empty |= shape->extent[i] == 0;
    }
    if (empty)
        *out = 0; /* however large the other axes are */
    for (int i = 0; i < shape->rank && !empty; i++)
        TRY(slab_extent_multiply(*out, shape->extent[i], out));
done:
    return rc;
}

bool slab_shape_equal(const slab_shape *a, const slab_shape *b)
{
    return a->rank == b->rank &&
           memcmp(a->extent, b->extent, (size_t)a->rank * sizeof *a->extent) == 0;
}

slab_status slab_shape_parse(const char *text, slab_shape *out)
{
    slab_status rc = SLAB_OK;
    const char *at = text;
    memset(out, 0, sizeof *out);
    while (*at) {
        char *end;
        errno = 0;
        REQUIRE(isdigit((unsigned char)*at), SLAB_ERR_SHAPE,
                "'%s' is not a shape: write 20000x100000", text);
        long long extent = strtoll(at, &end, 10);
        REQUIRE(errno == 0, SLAB_ERR_SHAPE, "'%s': an extent is too large", text);
        REQUIRE(out->rank < SLAB_RANK_MAX, SLAB_ERR_SHAPE, "'%s' has more than %d axes", text,
                SLAB_RANK_MAX);
        out->extent[out->rank++] = extent;
        at = end;
        if (*at && strchr("x,*", *at)) {
            at++;
            REQUIRE(*at || at[-1] == ',', SLAB_ERR_SHAPE, "'%s' ends in '%c'", text, at[-1]);
        } else {
            REQUIRE(!*at, SLAB_ERR_SHAPE, "'%s' is not a shape: write 20000x100000", text);
        }
    }
done:
    return rc;
}

char *slab_shape_text(const slab_shape *shape, char *text)
{
    size_t n = 0;
    text[n++] = '[';
    for (int i = 0; i < shape->rank; i++)
        n += (size_t)snprintf(text + n, SLAB_SHAPE_TEXT_MAX - n, "%s%" PRId64, i ? ", " : "",
                              shape->extent[i]);
    text[n++] = ']';
    text[n] = '\0';
    return text;
}

slab_status slab_grid_make(const slab_shape *shape, const slab_shape *tile, const int64_t *phase,
                           slab_grid *out)
{
    slab_status rc = SLAB_OK;
    REQUIRE(shape->rank == tile->rank, SLAB_ERR_SHAPE, "tiles of rank %d for an array of rank %d",
            tile->rank, shape->rank);
    memset(out, 0, sizeof *out);
    out->shape = *shape;
    out->tile = *tile;
    out->count.rank = shape->rank;
    for (int i = 0; i < shape->rank; i++) {
        int64_t front = phase ? phase[i] : 0, n = shape->extent[i], covered;
        REQUIRE(tile->extent[i] >= 1 && front >= 0 && front < tile->extent[i], SLAB_ERR_SHAPE,
                "a tile of extent %" PRId64 " with phase %" PRId64 " along axis %d",
                tile->extent[i], front, i);
        REQUIRE(!__builtin_add_overflow(n, front, &covered), SLAB_ERR_OVERFLOW,
                "axis %d is too long", i);
        out->phase[i] = front;
        out->count.extent[i] = n == 0 ? 0 : (covered - 1) / tile->extent[i] + 1;
    }
    TRY_SAYING(slab_shape_elements(&out->count, &out->ntiles), "too many tiles");
done:
    return rc;
}

void slab_grid_coords(const slab_grid *grid, int64_t n, int64_t coords[SLAB_RANK_MAX])
{
    for (int i = grid->shape.rank - 1; i >= 0; i--) {
        coords[i] = n % grid->count.extent[i];
        n /= grid->count.extent[i];
    }
}

int64_t slab_grid_number(const slab_grid *grid, const int64_t coords[SLAB_RANK_MAX])
{
    int64_t n = 0;
    for (int i = 0; i < grid->shape.rank; i++)
        n = n * grid->count.extent[i] + coords[i];
    return n;
}

void slab_grid_box(const slab_grid *grid, int64_t n, slab_box *out)
{
    int64_t coords[SLAB_RANK_MAX];
    slab_grid_coords(grid, n, coords);
    out->rank = grid->shape.rank;
    for (int i = 0; i < out->rank; i++) {
        int64_t from = coords[i] * grid->tile.extent[i] - grid->phase[i];
        int64_t to = from + grid->tile.extent[i], end = grid->shape.extent[i];
        from = from < 0 ? 0 : from;
        to = to > end ? end : to;
        out->start[i] = from;
        out->count[i] = to - from;
    }
}

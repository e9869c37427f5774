/* The collective backend: every rank in every call, the same file from any number of them. */
#include <stdio.h>
#include <unistd.h>

#include <slab/storage/base/ranks.h>
#include <slab/storage/hdf5/meta.h>

static int failures;

/* Counted, not left: a rank that returns early would leave the others waiting. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            failures++;                                                                            \
            fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition,                    \
                    slab_error_last()->message);                                                   \
        }                                                                                          \
    } while (0)

enum { ROWS = 50, COLUMNS = 30 };

static int32_t value_at(int64_t i, int64_t j)
{
    return (int32_t)(1000 * i + j);
}

static slab_array_info info_of(const char *codec_name)
{
    slab_array_info info = {.dtype = slab_dtype_make(SLAB_KIND_INT, 4),
                            .layout = SLAB_LAYOUT_CHUNKED};
    info.shape = info.max_shape = (slab_shape){2, {ROWS, COLUMNS}};
    info.chunk = (slab_shape){2, {8, 8}};
    info.pipeline.type = (slab_chunk_type){info.dtype, 256};
    if (codec_name != NULL) {
        const slab_codec *codec = slab_codec_by_name(codec_name);
        info.pipeline.nfilters = 2;
        info.pipeline.filters[0] = (slab_filter){SLAB_FILTER_SHUFFLE, 0, 1, {4}, false};
        info.pipeline.filters[1].id = codec->id;
        EXPECT(codec->configure(&info.pipeline.filters[1], &info.pipeline.type, -1) == SLAB_OK);
    }
    return info;
}

/* Bands of 8 rows, dealt to the ranks in turn; in the last round some have none. */
static void write_bands(slab_ranks *ranks, slab_collective *c, int id, slab_dtype native)
{
    int n = slab_ranks_count(ranks), me = slab_ranks_me(ranks);
    for (int64_t first = 0; first < 7; first += n) {
        int64_t band = first + me, start = 8 * band;
        slab_box box = {2, {0, 0}, {0, COLUMNS}};
        int32_t data[8 * COLUMNS];
        if (band < 7) {
            box.start[0] = start;
            box.count[0] = start + 8 <= ROWS ? 8 : ROWS - start;
        }
        for (int64_t i = 0; i < box.count[0]; i++)
            for (int64_t j = 0; j < COLUMNS; j++)
                data[i * COLUMNS + j] = value_at(start + i, j);
        EXPECT(slab_collective_write(c, id, &box, native, data) == SLAB_OK);
    }
}

static void expect_values(const char *path, const char *name)
{
    static int32_t got[ROWS][COLUMNS];
    slab_meta *m = NULL;
    slab_array_info info;
    slab_selection all = {2, {0, 0}, {1, 1}, {ROWS, COLUMNS}, {false, false}};
    EXPECT(slab_meta_open(path, &m) == SLAB_OK);
    EXPECT(slab_meta_describe(m, name, &info) == SLAB_OK);
    EXPECT(info.stored_chunks == 28);
    EXPECT(slab_meta_read(m, name, &all, slab_dtype_make(SLAB_KIND_INT, 4), got) == SLAB_OK);
    for (int64_t i = 0; i < ROWS; i++)
        for (int64_t j = 0; j < COLUMNS; j++)
            if (got[i][j] != value_at(i, j)) {
                EXPECT(got[i][j] == value_at(i, j));
                i = ROWS;
                break;
            }
    slab_meta_close(&m);
}

static void write_arrays(slab_ranks *ranks, const char *path)
{
    static const char *const codecs[3] = {NULL, "deflate", "zstd"};
    slab_dtype native = slab_dtype_make(SLAB_KIND_INT, 4);
    slab_collective *c = NULL;
    int ids[3] = {-1, -1, -1};
    char name[16];
    EXPECT(slab_collective_begin(ranks, path, true, &c) == SLAB_OK);
    for (int a = 0; a < 3; a++) {
        slab_array_info info = info_of(codecs[a]);
        snprintf(name, sizeof name, "/g/x%d", a);
        EXPECT(slab_collective_create_array(c, name, &info, &ids[a]) == SLAB_OK);
    }
    for (int a = 0; a < 3; a++)
        write_bands(ranks, c, ids[a], native);
    EXPECT(slab_collective_end(&c) == SLAB_OK);
    if (slab_ranks_me(ranks) == 0)
        for (int a = 0; a < 3; a++) {
            snprintf(name, sizeof name, "/g/x%d", a);
            expect_values(path, name);
        }
}

/* One rank's mistake is every rank's error, and the file can still be written. */
static void fail_together(slab_ranks *ranks, const char *path)
{
    slab_dtype native = slab_dtype_make(SLAB_KIND_INT, 4);
    slab_collective *c = NULL;
    int id = -1, again = -1;
    int32_t zeros[64] = {0};
    bool last = slab_ranks_me(ranks) == slab_ranks_count(ranks) - 1;
    slab_box box = {2, {last ? ROWS : 0, 0}, {last ? 8 : 0, 8}};
    EXPECT(slab_collective_begin(ranks, path, false, &c) == SLAB_OK);
    EXPECT(slab_collective_open_array(c, "/g/x2", &id) == SLAB_OK);
    EXPECT(slab_collective_open_array(c, "/g/none", &again) == SLAB_ERR_NOT_FOUND);
    EXPECT(slab_collective_write(c, id, &box, native, zeros) == SLAB_ERR_RANGE);
    slab_array_info info = info_of(NULL);
    EXPECT(slab_collective_create_array(c, "/g/x2", &info, &again) == SLAB_ERR_EXISTS);
    write_bands(ranks, c, id, native);
    EXPECT(slab_collective_end(&c) == SLAB_OK);
    if (slab_ranks_me(ranks) == 0)
        expect_values(path, "/g/x2");
}

int main(void)
{
    slab_ranks *ranks = NULL;
    char path[64] = "";
    int64_t sum;
    if (slab_ranks_start(&ranks) != SLAB_OK)
        return 1;
    if (slab_ranks_me(ranks) == 0)
        snprintf(path, sizeof path, "ranks-collective-%d.h5", (int)getpid());
    EXPECT(slab_ranks_broadcast(ranks, path, sizeof path, 0) == SLAB_OK);
    write_arrays(ranks, path);
    fail_together(ranks, path);
    sum = failures;
    EXPECT(slab_ranks_sum(ranks, &sum, 1) == SLAB_OK);
    if (slab_ranks_me(ranks) == 0)
        unlink(path);
    slab_ranks_stop();
    return sum != 0;
}

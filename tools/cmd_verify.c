/*
 * Decodes every chunk. Bad ones are gathered as records, so that the list is the same on any
 * number of ranks and threads.
 */
#include <slab/tools/array_words.h>
#include <slab/tools/fitting.h>
#include <slab/tools/json.h>
#include <slab/tools/raw_chunks.h>

#include <inttypes.h>
#include <pthread.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/reader.h>
#include <stdlib.h>
#include <string.h>

enum { REASON_MAX = 400 };

/* One chunk that cannot be decoded. */
typedef struct bad {
    int64_t chunk;
    char reason[REASON_MAX];
} bad;

/* The check of one array. */
typedef struct check {
    slab_crew *crew;
    slab_reader *reader;  /* of arrays whose elements slab reads */
    slab_raw_chunks *raw; /* of all others */
    size_t element;
    slab_grid grid; /* of chunks */
    pthread_mutex_t lock;
    bad *found;
    size_t nfound, room;
} check;

static slab_status note_bad(check *c, int64_t chunk)
{
    slab_status rc = SLAB_OK;
    char reason[REASON_MAX];
    snprintf(reason, sizeof reason, "%.*s", REASON_MAX - 1, slab_error_last()->message);
    pthread_mutex_lock(&c->lock);
    if (c->nfound == c->room) {
        size_t room = c->room ? 2 * c->room : 16;
        TRY(slab_memory_resize((void **)&c->found, room, sizeof *c->found, "bad chunks"));
        c->room = room;
    }
    c->found[c->nfound].chunk = chunk;
    memcpy(c->found[c->nfound].reason, reason, sizeof reason);
    c->nfound++;
done:
    pthread_mutex_unlock(&c->lock);
    return rc;
}

static slab_status check_chunk(void *context, int thread, int64_t task)
{
    slab_status rc = SLAB_OK;
    check *c = context;
    slab_box box;
    slab_view view;
    slab_grid_box(&c->grid, task, &box);
    rc = c->raw ? slab_raw_chunks_check(c->raw, thread, task)
                : slab_reader_get(c->reader, thread, &box, &view);
    if (rc == SLAB_ERR_FORMAT || rc == SLAB_ERR_CHECKSUM || rc == SLAB_ERR_IO ||
        rc == SLAB_ERR_HDF5)
        return note_bad(c, task);
    slab_crew_count_bytes(c->crew, slab_box_elements(&box) * (int64_t)c->element);
    return rc;
}

static int by_chunk(const void *a, const void *b)
{
    int64_t x = ((const bad *)a)->chunk, y = ((const bad *)b)->chunk;
    return (x > y) - (x < y);
}

static void coordinates(const slab_grid *grid, int64_t chunk, char *text)
{
    slab_shape coords = {.rank = grid->shape.rank};
    slab_grid_coords(grid, chunk, coords.extent);
    slab_shape_text(&coords, text);
}

/* What is known about one array, printed on rank 0. */
static void report(slab_call *call, const char *path, const check *c, const bad *all, size_t n,
                   json_t *json)
{
    char at[SLAB_SHAPE_TEXT_MAX];
    if (json) {
        json_t *one = json_object(), *list = json_array();
        json_object_set_new(one, "path", slab_json_text(path));
        json_object_set_new(one, "chunks", json_integer(c->grid.ntiles));
        for (size_t i = 0; i < n; i++) {
            slab_shape coords = {.rank = c->grid.shape.rank};
            json_t *entry = json_object();
            slab_grid_coords(&c->grid, all[i].chunk, coords.extent);
            json_object_set_new(entry, "chunk", slab_json_shape(&coords));
            json_object_set_new(entry, "reason", slab_json_text(all[i].reason));
            json_array_append_new(list, entry);
        }
        json_object_set_new(one, "bad", list);
        json_array_append_new(json, one);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        coordinates(&c->grid, all[i].chunk, at);
        slab_print_name(call, path);
        slab_print(call, ": chunk %s is bad: ", at);
        slab_print_name(call, all[i].reason);
        slab_print(call, "\n");
    }
    slab_print_name(call, path);
    if (n)
        slab_print(call, ": %zu of %" PRId64 " chunks are bad\n", n, c->grid.ntiles);
    else
        slab_print(call, ": ok, %" PRId64 " chunk%s\n", c->grid.ntiles,
                   c->grid.ntiles == 1 ? "" : "s");
}

static slab_status gather_bad(slab_call *call, check *c, bad **all, size_t *n)
{
    slab_status rc = SLAB_OK;
    size_t *offsets = NULL;
    slab_ranks *ranks = slab_call_ranks(call);
    TRY(slab_ranks_allgather(ranks, c->found, c->nfound * sizeof *c->found, (void **)all,
                             &offsets));
    *n = offsets[slab_ranks_count(ranks)] / sizeof **all;
    if (*n)
        qsort(*all, *n, sizeof **all, by_chunk);
done:
    FREE(offsets);
    return rc;
}

/* The grid to check by: the array's chunks, or for other layouts the reader's tiles. */
static slab_status open_elements(slab_call *call, slab_array *array, check *c)
{
    slab_status rc = SLAB_OK;
    const slab_array_info *info = slab_array_describe(array);
    slab_need need = {0};
    int threads;
    TRY(slab_reader_open(array, NULL, NULL, slab_crew_threads(c->crew), &c->reader));
    if (info->layout != SLAB_LAYOUT_CHUNKED)
        c->grid = *slab_reader_grid(c->reader);
    need.thread = slab_reader_memory(c->reader, &c->grid.tile);
    TRY(slab_need_threads(call, &need, "a chunk for each thread", &threads));
    if (threads < slab_crew_threads(c->crew)) {
        slab_reader_close(&c->reader);
        TRY(slab_call_crew_shrink(call, threads, &c->crew));
        TRY(slab_reader_open(array, NULL, NULL, threads, &c->reader));
    }
done:
    return rc;
}

static slab_status check_open(slab_call *call, slab_array *array, check *c)
{
    slab_status rc = SLAB_OK;
    const slab_array_info *info = slab_array_describe(array);
    TRY(slab_call_crew(call, &c->crew));
    c->element = info->dtype.size;
    if (info->layout == SLAB_LAYOUT_CHUNKED)
        TRY(slab_grid_make(&info->shape, &info->chunk, NULL, &c->grid));
    if (info->dtype.kind == SLAB_KIND_OTHER)
        TRY(slab_raw_chunks_open(array, slab_crew_threads(c->crew), &c->raw));
    else
        TRY(open_elements(call, array, c));
done:
    return rc;
}

static slab_status check_array(slab_call *call, slab_file *file, const char *path, int64_t *nbad,
                               json_t *json)
{
    slab_status rc = SLAB_OK;
    slab_array *array = NULL;
    check c = {.lock = PTHREAD_MUTEX_INITIALIZER};
    bad *all = NULL;
    size_t n = 0;
    TRY(slab_array_open(file, path, &array));
    TRY(check_open(call, array, &c));
    slab_crew_progress_name(c.crew, "verify");
    TRY(slab_crew_run(c.crew, c.grid.ntiles, check_chunk, &c));
    TRY(gather_bad(call, &c, &all, &n));
    *nbad += (int64_t)n;
    report(call, path, &c, all, n, json);
done:
    FREE(all);
    FREE(c.found);
    slab_raw_chunks_close(&c.raw);
    slab_reader_close(&c.reader);
    slab_array_close(&array);
    return rc;
}

/* --- the arrays of a file --- */

/* Paths, one after another with their NULs. */
typedef struct paths {
    char *text;
    size_t used, room;
} paths;

static slab_status collect(void *context, const char *path, slab_object object, const char *target)
{
    slab_status rc = SLAB_OK;
    paths *p = context;
    size_t n = strlen(path) + 1;
    (void)target;
    if (object != SLAB_OBJECT_ARRAY)
        return SLAB_OK;
    if (p->used + n > p->room) {
        size_t room = 2 * (p->used + n) + 256;
        TRY(slab_memory_resize((void **)&p->text, room, 1, "names of arrays"));
        p->room = room;
    }
    memcpy(p->text + p->used, path, n);
    p->used += n;
done:
    return rc;
}

/* The arrays at or below a path, the same on all ranks. */
static slab_status find_arrays(slab_call *call, slab_file *file, const char *path, paths *out)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_call_ranks(call);
    paths mine = {0};
    size_t *offsets = NULL;
    if (slab_ranks_me(ranks) == 0)
        rc = slab_file_list(file, path, true, collect, &mine);
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_ranks_allgather(ranks, mine.text, mine.used, (void **)&out->text, &offsets));
    out->used = offsets[slab_ranks_count(ranks)];
done:
    FREE(mine.text);
    FREE(offsets);
    return rc;
}

/* Types that slab does not read are passed over, and said so. */
static slab_status check_one(slab_call *call, slab_file *file, const char *path, int64_t *nbad,
                             json_t *json)
{
    slab_status rc = check_array(call, file, path, nbad, json);
    if (rc != SLAB_ERR_TYPE && rc != SLAB_ERR_UNSUPPORTED)
        return rc;
    const char *reason = slab_error_last()->message;
    if (json) {
        json_t *one = json_object();
        json_object_set_new(one, "path", slab_json_text(path));
        json_object_set_new(one, "skipped", slab_json_text(reason));
        json_array_append_new(json, one);
    } else {
        slab_print_name(call, path);
        slab_print(call, ": not checked: ");
        slab_print_name(call, reason);
        slab_print(call, "\n");
    }
    slab_error_clear();
    return SLAB_OK;
}

/* What all arrays take together; memory is that of the array with the largest chunks. */
static slab_status plan_of(slab_call *call, slab_file *file, const paths *list, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_plan_step step = {.name = "verify", .times = 1};
    slab_need need = {0};
    slab_array *array = NULL;
    int threads;
    for (size_t at = 0; at < list->used; at += strlen(list->text + at) + 1) {
        TRY(slab_array_open(file, list->text + at, &array));
        const slab_array_info *info = slab_array_describe(array);
        size_t chunk = info->layout == SLAB_LAYOUT_CHUNKED ? info->pipeline.type.bytes : 1 << 20;
        size_t bytes = 3 * chunk; /* packed, between filters, decoded */
        need.thread = bytes > need.thread ? bytes : need.thread;
        step.read_bytes += (int64_t)info->stored_bytes;
        uint64_t plain = slab_describe_plain_bytes(info);
        step.plain_bytes += plain > INT64_MAX / 2 ? 0 : (int64_t)plain;
        slab_array_close(&array);
    }
    TRY(slab_need_threads(call, &need, "a chunk for each thread", &threads));
    slab_need_plan(call, &need, &step, plan);
done:
    slab_array_close(&array);
    return rc;
}

static void print_summary(slab_call *call, int64_t nbad, json_t *list)
{
    json_t *out = json_object();
    json_object_set_new(out, "ok", json_boolean(nbad == 0));
    json_object_set_new(out, "bad_chunks", json_integer(nbad));
    json_object_set(out, "arrays", list);
    slab_print_json(call, out);
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    slab_file *file;
    paths list = {0};
    int64_t nbad = 0;
    slab_plan plan = {0};
    char *name = NULL, *path = NULL, *brackets = NULL;
    json_t *json = slab_call_flag(call, "json") ? json_array() : NULL;
    const char *locator = slab_call_argument(call, 0);
    *exit_code = 0;
    TRY(slab_locator_split(locator, &name, &path, &brackets));
    TRY(slab_call_open(call, locator, &file, NULL, NULL));
    TRY(find_arrays(call, file, path, &list));
    TRY(plan_of(call, file, &list, &plan));
    if (slab_call_planned(call, &plan))
        goto done;
    for (size_t at = 0; at < list.used; at += strlen(list.text + at) + 1)
        TRY(check_one(call, file, list.text + at, &nbad, json));
    if (json)
        print_summary(call, nbad, json);
    *exit_code = nbad > 0;
done:
    json_decref(json);
    FREE(list.text);
    FREE(name);
    FREE(path);
    FREE(brackets);
    return rc;
}

const slab_command slab_command_verify = {
    .name = "verify",
    .arguments = "FILE.h5[:/PATH]",
    .summary = "decode every chunk and check every checksum",
    .description =
        "Reads and decodes every chunk of an array, or of all arrays of a file or group, and "
        "checks the checksums that the filters keep (zstd and fletcher32). Each chunk that is "
        "damaged is named by its place in the grid of chunks, with what is wrong. What a file "
        "keeps no checksum of can only be checked for being readable.\n\n"
        "The exit code is 1 when anything is bad.",
    .examples = "  slab verify cohort.h5\n"
                "  slab verify --json cohort.h5:/genotypes\n"
                "  mpirun -n 4 slab verify big.h5\n",
    .takes = SLAB_TAKES_COMPUTE | SLAB_TAKES_JSON | SLAB_TAKES_RANKS,
    .least = 1,
    .most = 1,
    .run = run,
};

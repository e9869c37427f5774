/*
 * Decodes every chunk of an array. Bad ones are gathered as records, so that the list is the same
 * on any number of ranks and threads.
 */
#include <slab/tools/verify_impl.h>

#include <inttypes.h>
#include <pthread.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/reader.h>
#include <slab/tools/array_words.h>
#include <slab/tools/fitting.h>
#include <slab/tools/json.h>
#include <slab/tools/raw_chunks.h>
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
    slab_reader *reader;                 /* of arrays whose elements slab reads */
    slab_raw_chunks *raw;                /* of all others, and of those whose chunks are sealed */
    slab_seal_check seal;                /* on rank 0 */
    bool chunks_sealed, elements_sealed; /* on all ranks */
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

static json_t *bad_list(const check *c, const bad *all, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        slab_shape coords = {.rank = c->grid.shape.rank};
        json_t *entry = json_object();
        slab_grid_coords(&c->grid, all[i].chunk, coords.extent);
        json_object_set_new(entry, "chunk", slab_json_shape(&coords));
        json_object_set_new(entry, "reason", slab_json_text(all[i].reason));
        json_array_append_new(list, entry);
    }
    return list;
}

static void report_json(const char *path, const check *c, const bad *all, size_t n, json_t *json)
{
    json_t *one = json_object();
    json_object_set_new(one, "path", slab_json_text(path));
    json_object_set_new(one, "chunks", json_integer(c->grid.ntiles));
    json_object_set_new(one, "bad", bad_list(c, all, n));
    json_object_set_new(one, "seal", json_string(slab_seals_word(&c->seal)));
    json_array_append_new(json, one);
}

/* One that is whole but not as it was sealed gets its line with the seals. */
static void report_text(slab_call *call, const char *path, const check *c, const bad *all, size_t n)
{
    char at[SLAB_SHAPE_TEXT_MAX];
    for (size_t i = 0; i < n; i++) {
        coordinates(&c->grid, all[i].chunk, at);
        slab_print_name(call, path);
        slab_print(call, ": chunk %s is bad: ", at);
        slab_print_name(call, all[i].reason);
        slab_print(call, "\n");
    }
    if (n == 0 && c->seal.ndiffers > 0)
        return;
    slab_print_name(call, path);
    if (n)
        slab_print(call, ": %zu of %" PRId64 " chunks are bad\n", n, c->grid.ntiles);
    else
        slab_print(call, ": ok, %" PRId64 " chunk%s\n", c->grid.ntiles,
                   c->grid.ntiles == 1 ? "" : "s");
}

/* What is known about one array, on rank 0. */
static void report(slab_verify *v, const char *path, const check *c, const bad *all, size_t n)
{
    if (v->json)
        report_json(path, c, all, n, v->json);
    else
        report_text(v->call, path, c, all, n);
}

/* @param[out] all  on rank 0, which reports them; NULL on the others
 * @param[out] n  on every rank */
static slab_status gather_bad(slab_call *call, check *c, bad **all, size_t *n)
{
    slab_status rc = SLAB_OK;
    size_t *offsets = NULL;
    slab_ranks *ranks = slab_call_ranks(call);
    int64_t sum = (int64_t)c->nfound;
    TRY(slab_ranks_gather(ranks, c->found, c->nfound * sizeof *c->found, 0, (void **)all,
                          &offsets));
    TRY(slab_ranks_sum(ranks, &sum, 1));
    *n = (size_t)sum;
    if (*all)
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
    if (threads < slab_crew_widest(c->crew)) {
        slab_reader_close(&c->reader);
        TRY(slab_call_crew_shrink(call, threads, &c->crew));
        TRY(slab_reader_open(array, NULL, NULL, threads, &c->reader));
    }
done:
    return rc;
}

size_t slab_verify_memory(const slab_array_info *info)
{
    return 3 * (info->layout == SLAB_LAYOUT_CHUNKED ? info->pipeline.type.bytes : 1 << 20);
}

static slab_status open_chunks(slab_call *call, slab_array *array, check *c)
{
    slab_status rc = SLAB_OK;
    slab_need need = {.thread = slab_verify_memory(slab_array_describe(array))};
    int threads;
    TRY(slab_need_threads(call, &need, "a chunk for each thread", &threads));
    TRY(slab_call_crew_shrink(call, threads, &c->crew));
    TRY(slab_raw_chunks_open(array, threads, c->chunks_sealed, &c->raw));
done:
    return rc;
}

static slab_status check_open(slab_call *call, slab_array *array, check *c)
{
    slab_status rc = SLAB_OK;
    const slab_array_info *info = slab_array_describe(array);
    bool other = info->dtype.kind == SLAB_KIND_OTHER;
    TRY(slab_call_crew(call, &c->crew));
    c->element = info->dtype.size;
    if (info->layout == SLAB_LAYOUT_CHUNKED)
        TRY(slab_grid_make(&info->shape, &info->chunk, NULL, &c->grid));
    if (other && c->elements_sealed)
        c->grid.ntiles = 0; /* its elements have been compared: there is no more to look at */
    else if (info->layout == SLAB_LAYOUT_CHUNKED && (other || c->chunks_sealed))
        TRY(open_chunks(call, array, c));
    else if (other)
        TRY(slab_raw_chunks_open(array, 1, false, &c->raw)); /* says why it cannot */
    else
        TRY(open_elements(call, array, c));
done:
    return rc;
}

/* Compares what the seal says of an array, on rank 0, and tells the others what is left to do. */
static slab_status look_at_seal(slab_call *call, slab_file *file, const char *path, check *c)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_call_ranks(call);
    bool sealed[2];
    if (slab_ranks_me(ranks) == 0)
        rc = slab_file_seal_check(file, path, &c->seal);
    TRY(slab_ranks_agree(ranks, rc));
    sealed[0] = c->seal.has_chunks;
    sealed[1] = c->seal.has_elements;
    TRY(slab_ranks_broadcast(ranks, sealed, sizeof sealed, 0));
    c->chunks_sealed = sealed[0];
    c->elements_sealed = sealed[1];
done:
    return rc;
}

/* All ranks' chunks together are those that were sealed. Of bad ones that is not to be expected. */
static slab_status compare_chunks(slab_call *call, check *c, size_t nbad)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_call_ranks(call);
    slab_digest mine, sum = {0};
    void *all = NULL;
    size_t *offsets = NULL;
    if (!c->chunks_sealed || !c->raw)
        return SLAB_OK;
    mine = slab_raw_chunks_sum(c->raw);
    TRY(slab_ranks_gather(ranks, &mine, sizeof mine, 0, &all, &offsets));
    if (slab_ranks_me(ranks) == 0) {
        for (int r = 0; r < slab_ranks_count(ranks); r++)
            sum = slab_digest_add(sum, ((slab_digest *)all)[r]);
        if (nbad == 0 && !slab_digest_equal(sum, c->seal.chunks))
            rc = slab_seal_check_add(&c->seal, "chunks");
    }
    TRY(slab_ranks_agree(ranks, rc));
done:
    FREE(all);
    FREE(offsets);
    return rc;
}

static slab_status check_chunks(slab_call *call, slab_array *array, check *c, bad **all, size_t *n)
{
    slab_status rc = SLAB_OK;
    TRY(check_open(call, array, c));
    slab_crew_progress_name(c->crew, "verify");
    TRY(slab_crew_run(c->crew, c->grid.ntiles, check_chunk, c));
    TRY(gather_bad(call, c, all, n));
    TRY(compare_chunks(call, c, *n));
done:
    return rc;
}

/* Layouts and types of others of which nothing can be checked are passed over, and said so. */
static bool is_passed_over(slab_status rc)
{
    return rc == SLAB_ERR_TYPE || rc == SLAB_ERR_UNSUPPORTED;
}

/* What keeps an array from being checked, on rank 0: it is damaged, or of a kind that is not. */
static void say_why(const slab_verify *v, const char *path, const char *key, const char *words)
{
    const char *reason = slab_error_last()->message;
    if (v->json) {
        json_t *one = json_object();
        json_object_set_new(one, "path", slab_json_text(path));
        json_object_set_new(one, key, slab_json_text(reason));
        json_array_append_new(v->json, one);
    } else {
        slab_print_name(v->call, path);
        slab_print(v->call, ": %s: ", words);
        slab_print_name(v->call, reason);
        slab_print(v->call, "\n");
    }
    slab_error_clear();
}

bool slab_verify_is_damage(slab_status rc)
{
    return rc == SLAB_ERR_FORMAT || rc == SLAB_ERR_CHECKSUM || rc == SLAB_ERR_HDF5;
}

slab_status slab_verify_array(slab_verify *v, slab_file *file, const char *path)
{
    slab_status rc = SLAB_OK;
    slab_array *array = NULL;
    check c = {.lock = PTHREAD_MUTEX_INITIALIZER};
    bad *all = NULL;
    size_t n = 0;
    rc = look_at_seal(v->call, file, path, &c);
    if (rc == SLAB_OK)
        rc = slab_array_open(file, path, &array);
    if (rc == SLAB_OK)
        rc = check_chunks(v->call, array, &c, &all, &n);
    if (slab_verify_is_damage(rc)) {
        v->unreadable++;
        say_why(v, path, "unreadable", "is bad");
        rc = SLAB_OK;
    } else if (is_passed_over(rc)) {
        say_why(v, path, "skipped", "not checked");
        rc = SLAB_OK;
    } else {
        TRY(rc);
        v->bad_chunks += (int64_t)n;
        if (slab_ranks_me(slab_call_ranks(v->call)) == 0)
            report(v, path, &c, all, n);
    }
    slab_seals_count(v->call, &v->seals, path, &c.seal);
done:
    FREE(all);
    FREE(c.found);
    slab_seal_check_clear(&c.seal);
    slab_raw_chunks_close(&c.raw);
    slab_reader_close(&c.reader);
    slab_array_close(&array);
    return rc;
}

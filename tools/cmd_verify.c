/*
 * Decodes every chunk. Bad ones are gathered as records, so that the list is the same on any
 * number of ranks and threads.
 */
#include <slab/tools/array_words.h>
#include <slab/tools/fitting.h>
#include <slab/tools/json.h>
#include <slab/tools/raw_chunks.h>
#include <slab/tools/seals.h>

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

/* What is known about one array, printed on rank 0. One that is whole but not as it was sealed gets
 * its line with the seals. */
static void report(slab_call *call, const char *path, const check *c, const bad *all, size_t n)
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

/* Packed, between filters, decoded. */
static size_t memory_of_chunk(const slab_array_info *info)
{
    return 3 * (info->layout == SLAB_LAYOUT_CHUNKED ? info->pipeline.type.bytes : 1 << 20);
}

static slab_status open_chunks(slab_call *call, slab_array *array, check *c)
{
    slab_status rc = SLAB_OK;
    slab_need need = {.thread = memory_of_chunk(slab_array_describe(array))};
    int threads;
    TRY(slab_need_threads(call, &need, "a chunk for each thread", &threads));
    if (threads < slab_crew_threads(c->crew))
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

static void say_passed_over(slab_call *call, const char *path, json_t *json)
{
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
}

static slab_status check_array(slab_call *call, slab_file *file, const char *path, int64_t *nbad,
                               slab_seals *seals, json_t *json)
{
    slab_status rc = SLAB_OK;
    slab_array *array = NULL;
    check c = {.lock = PTHREAD_MUTEX_INITIALIZER};
    bad *all = NULL;
    size_t n = 0;
    TRY(look_at_seal(call, file, path, &c));
    TRY(slab_array_open(file, path, &array));
    rc = check_chunks(call, array, &c, &all, &n);
    if (is_passed_over(rc)) {
        say_passed_over(call, path, json);
        rc = SLAB_OK;
    } else {
        TRY(rc);
        *nbad += (int64_t)n;
        if (json)
            report_json(path, &c, all, n, json);
        else
            report(call, path, &c, all, n);
    }
    slab_seals_count(call, seals, path, &c.seal);
done:
    FREE(all);
    FREE(c.found);
    slab_seal_check_clear(&c.seal);
    slab_raw_chunks_close(&c.raw);
    slab_reader_close(&c.reader);
    slab_array_close(&array);
    return rc;
}

/* --- the objects of a file --- */

/* One after another, each a byte of its kind and its path with the NUL. */
typedef struct objects {
    char *text;
    size_t used, room;
} objects;

enum { IS_ARRAY = 'a', IS_OTHER = 'o' };

static slab_status add(objects *o, char kind, const char *path)
{
    slab_status rc = SLAB_OK;
    size_t n = strlen(path) + 2;
    if (o->used + n > o->room) {
        size_t room = 2 * (o->used + n) + 256;
        TRY(slab_memory_resize((void **)&o->text, room, 1, "names of objects"));
        o->room = room;
    }
    o->text[o->used] = kind;
    memcpy(o->text + o->used + 1, path, n - 1);
    o->used += n;
done:
    return rc;
}

/* What links lead to is found where it is, or not there at all: their group's seal knows them. */
static slab_status collect(void *context, const char *path, slab_object object, const char *target)
{
    (void)target;
    if (object == SLAB_OBJECT_SOFT_LINK || object == SLAB_OBJECT_EXTERNAL_LINK)
        return SLAB_OK;
    return add(context, object == SLAB_OBJECT_ARRAY ? IS_ARRAY : IS_OTHER, path);
}

static slab_status find_here(slab_file *file, const char *path, objects *out)
{
    slab_status rc = SLAB_OK;
    slab_object kind;
    TRY(slab_file_object(file, path, &kind));
    if (kind == SLAB_OBJECT_GROUP)
        TRY(add(out, IS_OTHER, path));
    TRY(slab_file_list(file, path, true, collect, out));
done:
    return rc;
}

/* The objects at or below a path, the same on all ranks. */
static slab_status find_objects(slab_call *call, slab_file *file, const char *path, objects *out)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_call_ranks(call);
    objects mine = {0};
    size_t *offsets = NULL;
    if (slab_ranks_me(ranks) == 0)
        rc = find_here(file, path, &mine);
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_ranks_allgather(ranks, mine.text, mine.used, (void **)&out->text, &offsets));
    out->used = offsets[slab_ranks_count(ranks)];
done:
    FREE(mine.text);
    FREE(offsets);
    return rc;
}

/* The first or next one's kind; NULL behind the last. The path follows. */
static const char *next(const objects *o, const char *at)
{
    at = at ? at + strlen(at) + 1 : o->text;
    return at < o->text + o->used ? at : NULL;
}

/* A group or a type: there is nothing but its seal. */
static slab_status check_other(slab_call *call, slab_file *file, const char *path,
                               slab_seals *seals)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_call_ranks(call);
    slab_seal_check seal = {0};
    if (slab_ranks_me(ranks) == 0)
        rc = slab_file_seal_check(file, path, &seal);
    TRY(slab_ranks_agree(ranks, rc));
    slab_seals_count(call, seals, path, &seal);
done:
    slab_seal_check_clear(&seal);
    return rc;
}

/* What all arrays take together; memory is that of the array with the largest chunks. */
static slab_status plan_of(slab_call *call, slab_file *file, const objects *list, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_plan_step step = {.name = "verify", .times = 1};
    slab_need need = {0};
    slab_array *array = NULL;
    int threads;
    for (const char *o = next(list, NULL); o; o = next(list, o)) {
        if (*o != IS_ARRAY)
            continue;
        TRY(slab_array_open(file, o + 1, &array));
        const slab_array_info *info = slab_array_describe(array);
        size_t bytes = memory_of_chunk(info);
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

static void print_json(slab_call *call, int64_t nbad, const slab_seals *seals, json_t *arrays)
{
    json_t *out = json_object();
    json_object_set_new(out, "ok", json_boolean(nbad == 0 && seals->broken == 0));
    json_object_set_new(out, "bad_chunks", json_integer(nbad));
    json_object_set(out, "arrays", arrays);
    json_object_set_new(out, "objects", json_integer(seals->objects));
    json_object_set_new(out, "unsealed", json_integer(seals->unsealed));
    json_object_set(out, "broken", seals->list);
    slab_print_json(call, out);
}

static slab_status check_all(slab_call *call, slab_file *file, const objects *list, bool *good)
{
    slab_status rc = SLAB_OK;
    bool as_json = slab_call_flag(call, "json");
    json_t *json = as_json ? json_array() : NULL;
    slab_seals seals = {.list = as_json ? json_array() : NULL};
    int64_t nbad = 0;
    for (const char *o = next(list, NULL); o; o = next(list, o)) {
        if (*o == IS_ARRAY)
            TRY(check_array(call, file, o + 1, &nbad, &seals, json));
        else
            TRY(check_other(call, file, o + 1, &seals));
    }
    if (json)
        print_json(call, nbad, &seals, json);
    else
        slab_seals_summary(call, &seals);
    *good = nbad == 0 && seals.broken == 0;
    TRY(slab_ranks_broadcast(slab_call_ranks(call), good, sizeof *good, 0));
done:
    json_decref(json);
    json_decref(seals.list);
    return rc;
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    slab_file *file;
    objects list = {0};
    slab_plan plan = {0};
    bool good = false;
    char *name = NULL, *path = NULL, *brackets = NULL;
    const char *locator = slab_call_argument(call, 0);
    *exit_code = 0;
    TRY(slab_locator_split(locator, &name, &path, &brackets));
    TRY(slab_call_open(call, locator, &file, NULL, NULL));
    TRY(find_objects(call, file, path, &list));
    TRY(plan_of(call, file, &list, &plan));
    if (slab_call_planned(call, &plan))
        goto done;
    TRY(check_all(call, file, &list, &good));
    *exit_code = !good;
done:
    FREE(list.text);
    FREE(name);
    FREE(path);
    FREE(brackets);
    return rc;
}

const slab_command slab_command_verify = {
    .name = "verify",
    .arguments = "FILE.h5[:/PATH]",
    .summary = "decode every chunk, check every checksum and every seal",
    .description =
        "Reads and decodes every chunk of an array, or of all arrays of a file or group, and "
        "checks the checksums that the filters keep (zstd and fletcher32). Each chunk that is "
        "damaged is named by its place in the grid of chunks, with what is wrong.\n\n"
        "Objects that slab made are compared with the seal they got then: type, shape, chunks and "
        "filters, attributes, names, and where chunks lie. What is not as slab left it has been "
        "changed by another program, or is damaged. Of objects without a seal, what keeps no "
        "checksum can only be checked for being readable; the last line says how many these "
        "are.\n\n"
        "The exit code is 1 when anything is bad.",
    .examples = "  slab verify cohort.h5\n"
                "  slab verify --json cohort.h5:/genotypes\n"
                "  mpirun -n 4 slab verify big.h5\n",
    .takes = SLAB_TAKES_COMPUTE | SLAB_TAKES_JSON | SLAB_TAKES_RANKS,
    .least = 1,
    .most = 1,
    .run = run,
};

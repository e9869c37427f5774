#include <slab/tools/evaluation.h>

#include <inttypes.h>
#include <slab/compute/program/program.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/tools/json.h>
#include <slab/tools/rows.h>
#include <stdio.h>
#include <string.h>

#define PRINTED_MOST ((int64_t)1000000) /* elements: more than that nobody reads */
#define SMALL_BYTES  ((int64_t)1 << 20) /* results up to this are held, and stored in one piece */

/* One result on its way. */
typedef struct item {
    const slab_result *result;
    int output;    /* of the program */
    bool streamed; /* written chunk by chunk; else held in memory */
    char *path;    /* in the output file */
    slab_array_spec spec;
    slab_writer *writer;
} item;

typedef struct evaluation {
    slab_call *call;
    slab_program *program;
    item *items;
    int n;
    bool stores;
    slab_txn *txn;
} evaluation;

slab_status slab_call_load(slab_call *call, const char *locator, slab_value **out)
{
    slab_status rc = SLAB_OK;
    slab_array *array;
    slab_selection selection;
    slab_crew *crew;
    *out = NULL;
    TRY(slab_call_open(call, locator, NULL, &array, &selection));
    TRY(slab_call_crew(call, &crew));
    *out = slab_value_load(array, &selection, slab_crew_threads(crew));
    TRY_SAYING(slab_value_status(*out), "'%s'", locator);
done:
    if (rc != SLAB_OK)
        slab_value_drop(out);
    return rc;
}

static void clear(evaluation *e)
{
    for (int i = 0; i < e->n && e->items; i++)
        FREE(e->items[i].path);
    FREE(e->items);
    slab_program_destroy(&e->program);
}

/* --- what each result becomes --- */

/* Results of one shape get the same chunks, so that one pass can write them all. */
static void share_chunk(const evaluation *e, item *it)
{
    for (const item *other = e->items; other < it; other++)
        if (other->streamed && other->spec.chunk.rank > 0 &&
            slab_shape_equal(&other->spec.shape, &it->spec.shape))
            it->spec.chunk = other->spec.chunk;
}

static slab_status make_spec(evaluation *e, item *it)
{
    slab_status rc = SLAB_OK;
    const slab_value *value = it->result->value;
    const char *chunks = slab_call_text(e->call, "chunks"),
               *dtype = slab_call_text(e->call, "dtype");
    slab_value_spec(value, &it->spec);
    it->spec.filter = slab_call_text(e->call, "filter");
    if (dtype)
        TRY(slab_dtype_parse(dtype, &it->spec.dtype));
    slab_shape asked = {0};
    if (chunks)
        TRY(slab_shape_parse(chunks, &asked));
    REQUIRE(!chunks || asked.rank == it->spec.shape.rank || e->n > 1 || it->spec.shape.rank == 0,
            SLAB_ERR_USAGE, "--chunks %s has %d axes; the result has %d", chunks, asked.rank,
            it->spec.shape.rank);
    if (chunks && asked.rank == it->spec.shape.rank)
        it->spec.chunk = asked;
    else
        share_chunk(e, it);
done:
    return rc;
}

static slab_status make_path(evaluation *e, const char *path, item *it)
{
    slab_status rc = SLAB_OK;
    if (e->n == 1)
        return slab_memory_strdup(&it->path, path);
    size_t size = strlen(path) + strlen(it->result->name) + 2;
    ALLOC(it->path, size, "the name of a result");
    snprintf(it->path, size, "%s/%s", strcmp(path, "/") == 0 ? "" : path, it->result->name);
done:
    return rc;
}

static slab_status add_item(evaluation *e, const char *path, item *it)
{
    slab_status rc = SLAB_OK;
    const slab_value *value = it->result->value;
    const char *name = it->result->name[0] ? it->result->name : "result";
    int64_t elements;
    TRY(slab_value_status(value));
    TRY(slab_shape_elements(slab_value_shape(value), &elements));
    it->streamed = e->stores && slab_value_shape(value)->rank > 0 &&
                   (elements > SMALL_BYTES / (int64_t)slab_value_dtype(value).size ||
                    slab_call_text(e->call, "chunks"));
    REQUIRE(e->stores || elements <= PRINTED_MOST, SLAB_ERR_USAGE,
            "the result has %" PRId64 " elements, too many to print: -o FILE.h5:/PATH stores it",
            elements);
    if (e->stores) {
        TRY(make_spec(e, it));
        TRY(make_path(e, path, it));
    }
    if (!it->streamed)
        return slab_program_fetch(e->program, name, it->result->value, &it->output);
    TRY(slab_program_store(e->program, name, it->result->value, &it->spec, &it->output));
done:
    return rc;
}

static slab_status open_evaluation(evaluation *e, const char *initial, const slab_result *results)
{
    slab_status rc = SLAB_OK;
    slab_crew *crew;
    const char *file, *path = "/";
    TRY(slab_call_crew(e->call, &crew));
    TRY(slab_program_create(crew, slab_call_text(e->call, "scratch"), &e->program));
    e->stores = slab_call_text(e->call, "output") != NULL;
    if (e->stores)
        TRY(slab_call_output(e->call, e->n == 1 ? initial : "/", &file, &path));
    ALLOC(e->items, e->n, "results");
    for (int i = 0; i < e->n; i++) {
        e->items[i].result = &results[i];
        TRY_SAYING(add_item(e, path, &e->items[i]), "%s",
                   results[i].name[0] ? results[i].name : "result");
    }
done:
    return rc;
}

/* --- the run --- */

/* How what was held is stored. */
static slab_array_spec held_spec(const evaluation *e, const item *it)
{
    slab_array_spec spec = it->spec;
    if (!slab_call_text(e->call, "chunks"))
        spec.chunk = (slab_shape){0};
    if (spec.filter && strncmp(spec.filter, "zstd", 5) == 0)
        spec.filter = NULL; /* the default: small arrays lie in one piece */
    return spec;
}

/* What is held is converted as a whole when another type was asked for. */
static size_t converted_bytes(const item *it)
{
    int64_t elements = 0;
    slab_dtype to = slab_dtype_native(it->spec.dtype);
    bool converts = !slab_dtype_equal(slab_value_dtype(it->result->value), to);
    if (slab_shape_elements(&it->spec.shape, &elements) != SLAB_OK)
        slab_error_clear();
    return converts ? (size_t)elements * to.size : 0;
}

/* Bytes that writing takes within a budget, for what waits for the disk grows with it: beside the
 * passes, and when small results are stored after them. What waits is the transaction's, whatever
 * the number of its writers. */
typedef struct writing {
    size_t beside, after;
} writing;

static slab_status writing_of(evaluation *e, size_t budget, writing *out)
{
    slab_status rc = SLAB_OK;
    slab_txn_options options;
    slab_array_info info;
    TRY(slab_call_txn_options(e->call, &options));
    options.write_behind = slab_txn_write_behind(budget);
    *out = (writing){0};
    for (int i = 0; i < e->n && e->stores; i++) {
        const item *it = &e->items[i];
        size_t bytes;
        if (it->streamed) {
            TRY(slab_spec_resolve(&it->spec, it->path, &info));
            bytes = slab_writer_memory(&info, &options);
            out->beside += out->beside > 0 ? bytes - options.write_behind : bytes;
            continue;
        }
        slab_array_spec spec = held_spec(e, it);
        TRY(slab_txn_put_memory(it->path, &spec, &options, &bytes));
        bytes += converted_bytes(it);
        out->after = bytes > out->after ? bytes : out->after;
    }
done:
    return rc;
}

/* The smallest budget, in whole MiB, for so many bytes beside what writing takes while passes run,
 * and after them; all ranks have the same. */
static slab_status smallest_budget(evaluation *e, size_t running, size_t ended, size_t *out)
{
    enum { MIB = 1 << 20, TRIES = 1000 };
    slab_status rc = SLAB_OK;
    size_t budget = 1; /* 0 would be no limit */
    writing w;
    running = running > SIZE_MAX / 2 ? SIZE_MAX / 2 : running;
    for (int i = 0; i < TRIES; i++) {
        TRY(writing_of(e, budget, &w));
        size_t need = running + w.beside > ended + w.after ? running + w.beside : ended + w.after;
        need = (need + MIB - 1) / MIB * MIB;
        if (need <= budget)
            break;
        budget = need;
    }
    int64_t most = (int64_t)budget;
    TRY(slab_ranks_max(slab_call_ranks(e->call), &most, 1));
    *out = (size_t)most;
done:
    return rc;
}

/* The plan, and the room for the program's passes: what the budget leaves beside what is held and
 * what writing takes. No limit holds while planning: sinks that are made and not used yet take no
 * pages, and what is too large gets a number instead of a failed allocation. */
static slab_status plan_of(evaluation *e, size_t *room, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_budget budget;
    size_t used = slab_memory_used();
    writing w;
    TRY(slab_call_budget(e->call, &budget));
    TRY(writing_of(e, budget.bytes, &w));
    size_t beside = used + w.beside;
    *room = budget.bytes > beside ? budget.bytes - beside : 0;
    TRY(slab_call_limit_planning(e->call));
    TRY(slab_ranks_agree(slab_call_ranks(e->call), slab_program_plan(e->program, *room, plan)));
    plan->budget = budget.bytes;
    plan->ranks = slab_ranks_count(slab_call_ranks(e->call));
    size_t least = plan->memory_least > SIZE_MAX - used ? SIZE_MAX : plan->memory_least + used;
    slab_plan_beside(plan, beside);
    size_t ended = slab_memory_used() + slab_program_held(e->program);
    TRY(smallest_budget(e, least, ended, &plan->memory_least));
done:
    return rc;
}

static slab_status planned(evaluation *e, const slab_plan *plan, bool *done)
{
    slab_status rc = SLAB_OK;
    const char *how = slab_call_text(e->call, "dry-run");
    char *graph = NULL;
    if (!how || strcmp(how, "dot") != 0) {
        *done = slab_call_planned(e->call, plan);
        return SLAB_OK;
    }
    *done = true;
    TRY(slab_program_dot(e->program, &graph));
    slab_print(e->call, "%s", graph);
done:
    FREE(graph);
    return rc;
}

static slab_status begin_writing(evaluation *e, const char *initial)
{
    slab_status rc = SLAB_OK;
    const char *path;
    TRY(slab_call_begin(e->call, e->n == 1 ? initial : "/", &e->txn, &path));
    if (e->n > 1 && strcmp(path, "/") != 0)
        TRY(slab_txn_group(e->txn, path));
    for (int i = 0; i < e->n; i++) {
        item *it = &e->items[i];
        if (!it->streamed)
            continue;
        TRY(slab_txn_create(e->txn, it->path, &it->spec, &it->writer));
        slab_program_attach(e->program, it->output, it->writer);
    }
done:
    return rc;
}

/* Elements that were held, converted when another type was asked for. */
static slab_status put_held(evaluation *e, const item *it)
{
    slab_status rc = SLAB_OK;
    const void *data = slab_program_data(e->program, it->output);
    slab_dtype from = slab_value_dtype(it->result->value), to = slab_dtype_native(it->spec.dtype);
    slab_array_spec spec = held_spec(e, it);
    void *converted = NULL;
    int64_t elements;
    TRY(slab_shape_elements(&spec.shape, &elements));
    if (!slab_dtype_equal(from, to)) {
        TRY(slab_memory_alloc(&converted, (size_t)elements, to.size, "a result"));
        TRY(slab_dtype_convert(from, data, to, converted, (size_t)elements));
        data = converted;
    }
    TRY(slab_txn_put(e->txn, it->path, &spec, data));
done:
    FREE(converted);
    return rc;
}

static slab_status end_writing(evaluation *e, slab_status rc)
{
    for (int i = 0; i < e->n; i++) {
        if (!e->items[i].writer)
            continue;
        slab_status closed = slab_writer_close(&e->items[i].writer);
        rc = rc == SLAB_OK ? closed : rc;
    }
    TRY(rc);
    for (int i = 0; i < e->n; i++) {
        if (!e->items[i].streamed)
            TRY(put_held(e, &e->items[i]));
        TRY(slab_call_provenance(e->call, e->txn, e->items[i].path));
    }
    TRY(slab_txn_commit(&e->txn));
done:
    return rc;
}

/* --- printing --- */

static json_t *json_of(const slab_shape *shape, slab_dtype dtype, int axis, const char **at)
{
    if (axis == shape->rank) {
        json_t *one = slab_json_element(dtype, *at);
        *at += dtype.size;
        return one;
    }
    json_t *list = json_array();
    for (int64_t i = 0; i < shape->extent[axis]; i++)
        json_array_append_new(list, json_of(shape, dtype, axis + 1, at));
    return list;
}

static slab_status print_all(slab_call *call, void *context, const void *const *data)
{
    slab_status rc = SLAB_OK;
    const evaluation *e = context;
    json_t *object = json_object();
    bool json = slab_call_flag(call, "json");
    for (int i = 0; i < e->n; i++) {
        const slab_result *r = e->items[i].result;
        const slab_shape *shape = slab_value_shape(r->value);
        const char *at = data[i];
        if (json)
            json_object_set_new(object, r->name[0] ? r->name : "result",
                                json_of(shape, slab_value_dtype(r->value), 0, &at));
        if (json || slab_ranks_me(slab_call_ranks(call)) != 0)
            continue;
        if (e->n > 1)
            slab_print(call, shape->rank == 0 ? "%s\t" : "%s\n", r->name);
        TRY(slab_rows_print_dense(slab_value_dtype(r->value), shape, data[i]));
    }
    if (json) {
        slab_print_json(call, object);
        object = NULL;
    }
done:
    json_decref(object);
    return rc;
}

static slab_status run(evaluation *e, const char *initial, size_t room, slab_show show,
                       void *context)
{
    slab_status rc = SLAB_OK;
    const void **data = NULL;
    slab_read_counts counts;
    if (e->stores) {
        TRY(begin_writing(e, initial));
        slab_program_checkpoint(e->program, slab_txn_checkpoint(e->txn));
    }
    rc = slab_program_run(e->program, room);
    if (e->stores)
        rc = end_writing(e, rc);
    TRY(rc);
    TRY(slab_program_counts(e->program, &counts));
    TRY(slab_call_counted(e->call, counts));
    if (!show || e->stores)
        goto done;
    ALLOC(data, e->n, "results");
    for (int i = 0; i < e->n; i++)
        data[i] = slab_program_data(e->program, e->items[i].output);
    TRY(show(e->call, context, data));
done:
    FREE(data);
    return rc;
}

static slab_status evaluate(evaluation *e, const char *initial, const slab_result *results,
                            slab_show show, void *context)
{
    slab_status rc = SLAB_OK;
    slab_plan plan = {0};
    size_t room;
    bool over = false;
    TRY(slab_ranks_agree(slab_call_ranks(e->call), open_evaluation(e, initial, results)));
    TRY(plan_of(e, &room, &plan));
    TRY(slab_plan_fits(&plan, plan.budget));
    TRY(slab_call_limit(e->call));
    TRY(planned(e, &plan, &over));
    if (!over)
        TRY(run(e, initial, room, show, context));
done:
    slab_txn_abort(&e->txn);
    return rc;
}

slab_status slab_evaluation_need(slab_call *call, const char *initial, const slab_result *results,
                                 int n, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    evaluation e = {.call = call, .n = n};
    slab_plan own = {0};
    size_t room;
    TRY(slab_ranks_agree(slab_call_ranks(call), open_evaluation(&e, initial, results)));
    TRY(plan_of(&e, &room, &own));
    slab_plan_need(plan, own.greediest, own.memory_least);
done:
    clear(&e);
    return rc;
}

slab_status slab_evaluate_with(slab_call *call, const char *initial, const slab_result *results,
                               int n, slab_show show, void *context)
{
    evaluation e = {.call = call, .n = n};
    slab_status rc = evaluate(&e, initial, results, show, context);
    clear(&e);
    return rc;
}

slab_status slab_evaluate(slab_call *call, const char *initial, const slab_result *results, int n)
{
    evaluation e = {.call = call, .n = n};
    slab_status rc = evaluate(&e, initial, results, print_all, &e);
    clear(&e);
    return rc;
}

/* Whether a file is whole: all its objects, one after another. */
#include <slab/tools/array_words.h>
#include <slab/tools/fitting.h>
#include <slab/tools/json.h>
#include <slab/tools/verify_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

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
static slab_status check_other(slab_verify *v, slab_file *file, const char *path)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_call_ranks(v->call);
    slab_seal_check seal = {0};
    if (slab_ranks_me(ranks) == 0)
        rc = slab_file_seal_check(file, path, &seal);
    TRY(slab_ranks_agree(ranks, rc));
    slab_seals_count(v->call, &v->seals, path, &seal);
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
        rc = slab_array_open(file, o + 1, &array);
        if (slab_verify_is_damage(rc) || rc == SLAB_ERR_UNSUPPORTED) { /* said in its turn */
            slab_error_clear();
            rc = SLAB_OK;
            continue;
        }
        TRY(rc);
        const slab_array_info *info = slab_array_describe(array);
        size_t bytes = slab_verify_memory(info);
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

static bool is_good(const slab_verify *v)
{
    return v->bad_chunks == 0 && v->unreadable == 0 && v->seals.broken == 0;
}

static void print_json(const slab_verify *v)
{
    json_t *out = json_object();
    json_object_set_new(out, "ok", json_boolean(is_good(v)));
    json_object_set_new(out, "bad_chunks", json_integer(v->bad_chunks));
    json_object_set_new(out, "unreadable", json_integer(v->unreadable));
    json_object_set(out, "arrays", v->json);
    json_object_set_new(out, "objects", json_integer(v->seals.objects));
    json_object_set_new(out, "unsealed", json_integer(v->seals.unsealed));
    json_object_set(out, "broken", v->seals.list);
    slab_print_json(v->call, out);
}

static slab_status check_all(slab_call *call, slab_file *file, const objects *list, bool *good)
{
    slab_status rc = SLAB_OK;
    bool as_json = slab_call_flag(call, "json");
    slab_verify v = {.call = call,
                     .json = as_json ? json_array() : NULL,
                     .seals = {.list = as_json ? json_array() : NULL}};
    for (const char *o = next(list, NULL); o; o = next(list, o)) {
        if (*o == IS_ARRAY)
            TRY(slab_verify_array(&v, file, o + 1));
        else
            TRY(check_other(&v, file, o + 1));
    }
    if (as_json)
        print_json(&v);
    else
        slab_seals_summary(call, &v.seals);
    *good = is_good(&v);
    TRY(slab_ranks_broadcast(slab_call_ranks(call), good, sizeof *good, 0));
done:
    json_decref(v.json);
    json_decref(v.seals.list);
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
        "damaged is named by its place in the grid of chunks, with what is wrong; so is an array "
        "whose header or index of chunks is, and the others are checked all the same.\n\n"
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

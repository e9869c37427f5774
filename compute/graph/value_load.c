/* Values that a reader delivers. */
#include <slab/compute/graph/value_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

/* What slab_value_open() opened; the last of the values that read it closes it. */
typedef struct opened {
    atomic_int references;
    slab_file *file;
    slab_array *array;
} opened;

typedef struct load_self {
    slab_reader *reader;
    int threads;
    opened *opened; /* NULL: the array is borrowed */
} load_self;

static void opened_drop(opened **source)
{
    opened *o = *source;
    *source = NULL;
    if (!o || atomic_fetch_sub(&o->references, 1) > 1)
        return;
    slab_array_close(&o->array);
    slab_file_close(&o->file);
    FREE(o);
}

static slab_reader *reader_of(const slab_value *value)
{
    return ((const load_self *)value->self)->reader;
}

static size_t load_memory(const slab_value *value, const slab_shape *box)
{
    return slab_reader_memory(reader_of(value), box);
}

static slab_status load_get(slab_value *value, int thread, const slab_box *box, slab_view *out)
{
    return slab_reader_get(reader_of(value), thread, box, out);
}

static bool load_in_parts(slab_value *value, int thread, const slab_box *box)
{
    return slab_reader_in_parts(reader_of(value), thread, box);
}

static void load_prefetch(slab_value *value, const slab_box *box)
{
    slab_reader_prefetch(reader_of(value), box);
}

static slab_status load_hold(slab_value *value, int thread, size_t packed_bytes)
{
    return slab_reader_keep(reader_of(value), thread, packed_bytes);
}

static void load_rest(slab_value *value)
{
    slab_reader_rest(reader_of(value));
}

static slab_read_counts load_counts(const slab_value *value)
{
    return slab_reader_counts(reader_of(value));
}

static int64_t load_packed_bytes(const slab_value *value)
{
    return slab_reader_packed_bytes(reader_of(value));
}

static const char *load_fallback(const slab_value *value)
{
    return slab_array_describe(slab_reader_array(reader_of(value)))->fallback;
}

static void load_clear(slab_value *value)
{
    load_self *self = value->self;
    if (!self)
        return;
    slab_reader_close(&self->reader);
    opened_drop(&self->opened);
}

static const value_class load_class = {.memory = load_memory,
                                       .get = load_get,
                                       .in_parts = load_in_parts,
                                       .prefetch = load_prefetch,
                                       .hold = load_hold,
                                       .rest = load_rest,
                                       .counts = load_counts,
                                       .packed_bytes = load_packed_bytes,
                                       .fallback = load_fallback,
                                       .clear = load_clear};

/* What selecting `inner` of what `outer` selected takes of the array: axes that outer dropped are
 * not seen by inner. */
static void compose(const slab_selection *outer, const slab_selection *inner, slab_selection *out)
{
    int seen = 0;
    *out = *outer;
    for (int a = 0; a < outer->rank; a++) {
        if (outer->drop[a])
            continue;
        out->start[a] = outer->start[a] + inner->start[seen] * outer->step[a];
        out->step[a] = outer->step[a] * inner->step[seen];
        out->count[a] = inner->count[seen];
        seen++;
    }
}

/* A value of an array; with a source, it keeps that. */
static slab_value *load(slab_array *array, opened *source, const slab_selection *selection,
                        int threads)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    TRY(value_create(&load_class, sizeof(load_self), &value));
    load_self *self = value->self;
    self->threads = threads;
    self->opened = source;
    if (source)
        atomic_fetch_add(&source->references, 1);
    TRY(slab_reader_open(array, selection, NULL, threads, &self->reader));
    const slab_array_info *info = slab_array_describe(array);
    value->shape = *slab_reader_shape(self->reader);
    value->dtype = slab_reader_dtype(self->reader);
    value->grid = *slab_reader_grid(self->reader);
    value->has_missing = info->has_missing && value->dtype.size <= SLAB_FILL_MAX;
    memcpy(value->missing, info->missing, sizeof value->missing);
done:
    return value_finish(rc, &value);
}

slab_status value_load_select(const slab_value *loaded, slab_value *view, slab_value **operand)
{
    slab_status rc = SLAB_OK;
    slab_selection inner, both;
    if (loaded->cls != &load_class)
        return SLAB_OK;
    const load_self *self = loaded->self;
    TRY(value_view_selection(view, &inner));
    compose(slab_reader_selection(self->reader), &inner, &both);
    slab_value *part = load(slab_reader_array(self->reader), self->opened, &both, self->threads);
    slab_value_drop(operand);
    *operand = part;
    value_view_whole(view);
    TRY(slab_value_status(part));
done:
    return rc;
}

slab_value *slab_value_load(slab_array *array, const slab_selection *selection, int threads)
{
    return load(array, NULL, selection, threads);
}

slab_value *slab_value_open(slab_crew *crew, const char *locator)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    slab_ranks *ranks = slab_crew_ranks(crew);
    opened *source = NULL;
    slab_selection selection;
    char *name = NULL, *path = NULL, *brackets = NULL;
    rc = slab_memory_alloc((void **)&source, 1, sizeof *source, "an open array");
    if (rc == SLAB_OK) {
        atomic_store(&source->references, 1);
        rc = slab_locator_split(locator, &name, &path, &brackets);
    }
    TRY(slab_ranks_agree(ranks, rc)); /* what follows is collective */
    TRY(slab_file_open(ranks, name, &source->file));
    TRY(slab_array_open(source->file, path, &source->array));
    TRY_SAYING(
        slab_selection_parse(brackets, &slab_array_describe(source->array)->shape, &selection),
        "'%s'", locator);
    value = load(source->array, source, &selection, slab_crew_threads(crew));
    TRY_SAYING(slab_value_status(value), "'%s'", locator);
done:
    FREE(name);
    FREE(path);
    FREE(brackets);
    opened_drop(&source);
    if (rc != SLAB_OK)
        slab_value_drop(&value);
    return rc == SLAB_OK ? value : slab_value_fail(rc);
}

/* Programs that write a file. */
#include <slab/compute/program/program_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#define HELD_BYTES  ((int64_t)1 << 20) /* values up to this are held, and stored in one piece */
#define CHUNK_LEAST ((int64_t)64 << 10)
#define CHUNK_MOST  ((int64_t)8 << 20)

void slab_value_spec(const slab_value *value, slab_array_spec *spec)
{
    const slab_grid *grid = slab_value_grid(value);
    *spec = (slab_array_spec){.dtype = slab_value_dtype(value), .shape = *slab_value_shape(value)};
    int64_t bytes = (int64_t)spec->dtype.size;
    for (int a = 0; a < grid->shape.rank; a++) {
        if (grid->phase[a] != 0)
            return;
        bytes *= grid->tile.extent[a] < grid->shape.extent[a] ? grid->tile.extent[a]
                                                              : grid->shape.extent[a];
    }
    if (bytes >= CHUNK_LEAST && bytes <= CHUNK_MOST)
        spec->chunk = grid->tile;
}

void program_saved_clear(slab_program *p)
{
    for (int i = 0; i < p->nsaved; i++)
        FREE(p->saved[i].path);
    FREE(p->saved);
    p->nsaved = 0;
}

/* Arrays of one shape get the same chunks, so that one pass can write them all. */
static void share_chunk(const slab_program *p, slab_array_spec *spec)
{
    for (int i = 0; i < p->nsaved; i++) {
        const program_saved *other = &p->saved[i];
        if (!other->held && other->spec.chunk.rank > 0 &&
            slab_shape_equal(&other->spec.shape, &spec->shape))
            spec->chunk = other->spec.chunk;
    }
}

static slab_status save(slab_program *p, const char *path, slab_value *value)
{
    slab_status rc = SLAB_OK;
    program_saved one = {0};
    int64_t elements;
    TRY(slab_value_status(value));
    TRY(slab_shape_elements(slab_value_shape(value), &elements));
    slab_value_spec(value, &one.spec);
    one.held = elements <= HELD_BYTES / (int64_t)one.spec.dtype.size;
    if (one.held)
        one.spec.chunk = (slab_shape){0};
    else
        share_chunk(p, &one.spec);
    TRY(slab_memory_strdup(&one.path, path));
    TRY(slab_memory_resize((void **)&p->saved, (size_t)p->nsaved + 1, sizeof one, "a program"));
    if (one.held)
        TRY(slab_program_fetch(p, path, value, &one.output));
    else
        TRY(slab_program_store(p, path, value, &one.spec, &one.output));
    p->saved[p->nsaved++] = one;
    one.path = NULL;
done:
    FREE(one.path);
    return rc;
}

slab_status slab_program_save(slab_program *p, const char *path, slab_value *value)
{
    slab_status rc = save(p, path, value);
    if (rc != SLAB_OK && p->failed.code == SLAB_OK)
        p->failed = *slab_error_last();
    return rc;
}

/* --- writing --- */

static slab_status writer_bytes(const slab_program *p, const slab_txn_options *options, size_t *out)
{
    slab_status rc = SLAB_OK;
    slab_array_info info;
    *out = 0;
    for (int i = 0; i < p->nsaved; i++) {
        if (p->saved[i].held)
            continue;
        TRY(slab_spec_resolve(&p->saved[i].spec, p->saved[i].path, &info));
        *out += slab_writer_memory(&info, options);
    }
done:
    return rc;
}

/* Everything that can be known to fail before the file is touched. */
static slab_status check(slab_program *p, const slab_txn_options *options, size_t budget,
                         size_t *room)
{
    slab_status rc = SLAB_OK;
    slab_plan plan = {0};
    size_t writing;
    if (p->failed.code != SLAB_OK)
        return slab_error_restore(&p->failed);
    TRY(writer_bytes(p, options, &writing));
    *room = budget > writing ? budget - writing : 0;
    TRY(slab_program_plan(p, *room, &plan));
    slab_plan_beside(&plan, writing);
    TRY(slab_plan_fits(&plan, budget));
done:
    return rc;
}

static slab_status open_writers(slab_program *p, slab_txn *txn)
{
    slab_status rc = SLAB_OK;
    for (int i = 0; i < p->nsaved; i++) {
        program_saved *s = &p->saved[i];
        if (s->held)
            continue;
        TRY(slab_txn_create(txn, s->path, &s->spec, &s->writer));
        slab_program_attach(p, s->output, s->writer);
    }
done:
    return rc;
}

static slab_status close_writers(slab_program *p, slab_status rc)
{
    for (int i = 0; i < p->nsaved; i++) {
        if (!p->saved[i].writer)
            continue;
        slab_status closed = slab_writer_close(&p->saved[i].writer);
        rc = rc == SLAB_OK ? closed : rc;
    }
    return rc;
}

static slab_status write_all(slab_program *p, const char *file, slab_txn_options *options,
                             size_t budget)
{
    slab_status rc = SLAB_OK;
    slab_txn *txn = NULL;
    slab_ranks *ranks = slab_crew_ranks(p->workshop.crew);
    size_t room = 0;
    rc = slab_ranks_agree(ranks, check(p, options, budget, &room));
    if (rc == SLAB_ERR_MEMORY && options->write_behind == 0) {
        options->write_behind = 1; /* the least there is */
        rc = slab_ranks_agree(ranks, check(p, options, budget, &room));
    }
    TRY(rc);
    TRY(slab_txn_begin(ranks, file, options, &txn));
    rc = open_writers(p, txn);
    slab_program_checkpoint(p, slab_txn_checkpoint(txn));
    if (rc == SLAB_OK)
        rc = slab_program_run(p, room);
    slab_program_checkpoint(p, NULL); /* it goes with the transaction */
    TRY(close_writers(p, rc));
    for (int i = 0; i < p->nsaved; i++)
        if (p->saved[i].held)
            TRY(slab_txn_put(txn, p->saved[i].path, &p->saved[i].spec,
                             slab_program_data(p, p->saved[i].output)));
    TRY(slab_txn_commit(&txn));
done:
    slab_txn_abort(&txn);
    return rc;
}

slab_status slab_program_write(slab_program *p, const char *file, const slab_txn_options *options,
                               size_t budget)
{
    slab_txn_options with = options ? *options : slab_txn_defaults();
    size_t limit = slab_memory_limit();
    with.threads = slab_crew_threads(p->workshop.crew);
    if (limit == 0) /* the budget is a hard one; how much is written behind follows from it too */
        slab_memory_limit_set(slab_memory_used() + budget);
    slab_status rc = write_all(p, file, &with, budget);
    slab_memory_limit_set(limit);
    return rc;
}

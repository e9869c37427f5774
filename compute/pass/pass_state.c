/*
 * What a pass has come to, kept in a checkpoint: the states that the ranks hold when it is stopped,
 * or the one of all tasks when it has ended. The next run goes on from there: tasks that are in a
 * state are not done again, and states merge in the same tree as ever, so that bits stay the same.
 *
 * A sink takes part when all that tiles leave behind lies in its state (in_state), in integers that
 * only have to be added (sums), or where `has` finds it. If one sink of a pass does neither, the
 * pass starts over.
 *
 * States are two sets of records by turns, and a list says which of them it names: a run that is
 * killed while it keeps one leaves the list and the set before.
 */
#include <slab/compute/pass/pass_impl.h>

#include <inttypes.h>
#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <string.h>

static double keep_every = 300;

void slab_pass_keep_every(double seconds)
{
    keep_every = seconds;
}

enum { TAG = 72, PIECE = 1 << 13, FINISHED_PART = 16, FINISHED_LEAST = 1 << 20 };

/* One node as the record lists it. */
typedef struct entry {
    int64_t level, index, bytes, owner;
} entry;

/* Begins the record. */
typedef struct outline {
    uint64_t layout; /* a digest: another cut into tasks is another pass */
    int64_t count;
    int64_t set; /* of records that it names: 0 or 1 */
} outline;

static bool sums_of(const pass_sink *sink, slab_sink_sums *out)
{
    return sink->cls->sums && sink->cls->sums(sink->sink, out);
}

bool pass_sink_remembers(const pass_sink *sink)
{
    slab_sink_sums sums;
    return sink->cls->in_state || sums_of(sink, &sums);
}

static bool can_be_kept(const slab_pass *pass)
{
    bool any = false;
    for (int s = 0; s < pass->nsinks; s++) {
        bool remembers = pass_sink_remembers(&pass->sinks[s]);
        if (!remembers && !pass->sinks[s].cls->has)
            return false;
        any = any || remembers;
    }
    return pass->checkpoint && any && !pass->layout.emits && pass->layout.ntasks > 0;
}

double pass_state_interval(const slab_pass *pass)
{
    return can_be_kept(pass) ? keep_every : 0;
}

static uint64_t mix(uint64_t digest, uint64_t word)
{
    digest = (digest ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return digest ^ digest >> 29;
}

static uint64_t layout_digest(const slab_pass *pass)
{
    const pass_layout *l = &pass->layout;
    uint64_t d = mix(UINT64_C(0x736c616270617373), (uint64_t)l->ntasks);
    d = mix(mix(mix(d, (uint64_t)l->task_tiles), (uint64_t)l->levels), (uint64_t)l->nphases);
    for (int a = 0; a < l->grid.shape.rank; a++) {
        d = mix(mix(d, (uint64_t)l->order[a]), (uint64_t)l->grid.shape.extent[a]);
        d = mix(mix(d, (uint64_t)l->grid.tile.extent[a]), (uint64_t)l->grid.phase[a]);
    }
    for (int s = 0; s < pass->nsinks; s++)
        for (const char *c = pass->sinks[s].cls->name; *c; c++)
            d = mix(d, (uint64_t)*c);
    return d;
}

enum { NAME_ROOM = 128 };

/* The list is "<key>" by itself. */
static const char *record_name(const slab_pass *pass, int64_t set, const char *what, int64_t number,
                               char name[NAME_ROOM])
{
    snprintf(name, NAME_ROOM, "%s/%d/%s%" PRId64, pass->key, (int)set, what, number);
    return name;
}

/* --- integers outside of states --- */

/* Rank 0's become those of all ranks together, the others' zero: what they add up to stays. */
static slab_status fold_values(slab_ranks *ranks, int64_t *values, int64_t n)
{
    slab_status rc = SLAB_OK;
    TRY(slab_ranks_sum(ranks, values, (size_t)n));
    if (slab_ranks_me(ranks) != 0)
        memset(values, 0, (size_t)n * sizeof *values);
done:
    return rc;
}

static void copy_rows(const slab_sink_sums *sums, int64_t first, int64_t rows, int64_t *copy,
                      bool back)
{
    int64_t *table = (int64_t *)sums->table + first * sums->ld;
    for (int64_t i = 0; i < rows; i++)
        memcpy(back ? table + i * sums->ld : copy + i * sums->n,
               back ? copy + i * sums->n : table + i * sums->ld, (size_t)sums->n * sizeof *copy);
}

/* Short rows are added together: ranks meet as often as there are pieces, not rows. */
static slab_status fold(slab_ranks *ranks, const slab_sink_sums *sums)
{
    slab_status rc = SLAB_OK;
    int64_t values[PIECE], *table = sums->table;
    int64_t together = sums->n > 0 && sums->n < PIECE ? PIECE / sums->n : 1;
    if (sums->ld == sums->n)
        return fold_values(ranks, table, sums->rows * sums->n);
    for (int64_t i = 0; i < sums->rows; i += together) {
        int64_t rows = sums->rows - i < together ? sums->rows - i : together;
        if (rows == 1) {
            TRY(fold_values(ranks, table + i * sums->ld, sums->n));
            continue;
        }
        copy_rows(sums, i, rows, values, false);
        TRY(fold_values(ranks, values, rows * sums->n));
        copy_rows(sums, i, rows, values, true);
    }
done:
    return rc;
}

/* All values in one piece: the table itself, or a copy of the columns that are used. On rank 0. */
static slab_status dense(const slab_sink_sums *sums, void **copy, slab_state_part *out)
{
    slab_status rc = SLAB_OK;
    size_t row = (size_t)sums->n * sizeof(int64_t);
    *out = (slab_state_part){sums->table, (size_t)sums->rows * row};
    if (sums->ld == sums->n)
        goto done;
    TRY(slab_memory_alloc(copy, (size_t)sums->rows, row, "sums to keep"));
    out->data = *copy;
done:
    return rc;
}

static slab_status save_sums(const slab_pass *pass, int s, int64_t set, bool *kept)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(pass->crew);
    slab_sink_sums sums;
    slab_state_part part;
    void *copy = NULL;
    char name[NAME_ROOM];
    if (!sums_of(&pass->sinks[s], &sums))
        return SLAB_OK;
    TRY(fold(ranks, &sums));
    if (slab_ranks_me(ranks) != 0 || !*kept)
        return SLAB_OK;
    TRY(dense(&sums, &copy, &part));
    if (copy)
        copy_rows(&sums, 0, sums.rows, copy, false);
    TRY(slab_checkpoint_add(pass->checkpoint, record_name(pass, set, "sums", s, name), &part, 1,
                            kept));
done:
    FREE(copy);
    return rc;
}

/* On rank 0. */
static slab_status load_sums(const slab_pass *pass, int s, int64_t set, bool *found)
{
    slab_status rc = SLAB_OK;
    slab_sink_sums sums;
    slab_state_part part;
    void *copy = NULL;
    char name[NAME_ROOM];
    if (!sums_of(&pass->sinks[s], &sums))
        return SLAB_OK;
    TRY(dense(&sums, &copy, &part));
    TRY(slab_checkpoint_read(pass->checkpoint, record_name(pass, set, "sums", s, name), &part, 1,
                             found));
    if (*found && copy)
        copy_rows(&sums, 0, sums.rows, copy, true);
done:
    FREE(copy);
    return rc;
}

/* --- nodes --- */

static slab_status list_nodes(const pass_tree *tree, slab_ranks *ranks, entry **out, int64_t *n)
{
    slab_status rc = SLAB_OK;
    entry *mine = NULL;
    void *all = NULL;
    size_t *offsets = NULL;
    rc = slab_memory_alloc((void **)&mine, tree->count + 1, sizeof *mine, "the states of a pass");
    TRY(slab_ranks_agree(ranks, rc));
    for (size_t i = 0; i < tree->count; i++)
        mine[i] = (entry){tree->nodes[i].level, tree->nodes[i].index, (int64_t)tree->nodes[i].bytes,
                          slab_ranks_me(ranks)};
    TRY(slab_ranks_allgather(ranks, mine, tree->count * sizeof *mine, &all, &offsets));
    *n = (int64_t)(offsets[slab_ranks_count(ranks)] / sizeof *mine);
    *out = all;
done:
    FREE(offsets);
    FREE(mine);
    return rc;
}

/* Of whatever layout. */
static slab_status read_list(const slab_pass *pass, outline *head, entry **entries, bool *found)
{
    slab_status rc = SLAB_OK;
    int64_t bytes, room = (int64_t)sizeof *head;
    *found = false;
    TRY(slab_checkpoint_size(pass->checkpoint, pass->key, &bytes));
    if (bytes < room || (bytes - room) % (int64_t)sizeof **entries != 0)
        goto done;
    int64_t n = (bytes - room) / (int64_t)sizeof **entries;
    rc = slab_memory_alloc((void **)entries, (size_t)n + 1, sizeof **entries, "states of a pass");
    TRY(slab_ranks_agree(slab_crew_ranks(pass->crew), rc));
    slab_state_part parts[2] = {{head, sizeof *head}, {*entries, (size_t)(bytes - room)}};
    TRY(slab_checkpoint_get(pass->checkpoint, pass->key, parts, 2, found));
    *found = *found && head->count == n && (head->set == 0 || head->set == 1);
done:
    return rc;
}

static pass_node *find(const pass_tree *tree, const entry *e)
{
    for (size_t i = 0; i < tree->count; i++)
        if (tree->nodes[i].level == e->level && tree->nodes[i].index == e->index)
            return &tree->nodes[i];
    return NULL;
}

/* A node's states come to rank 0, and go into the file. `rc` of a rank that cannot go on: it takes
 * what comes all the same. */
static slab_status save_node(const slab_pass *pass, const pass_tree *tree, const entry *e,
                             const char *name, void *buffer, slab_status rc, bool *kept)
{
    slab_ranks *ranks = slab_crew_ranks(pass->crew);
    int me = slab_ranks_me(ranks);
    slab_state_part part = {me == e->owner ? find(tree, e)->states : buffer, (size_t)e->bytes};
    if (me == e->owner && me != 0)
        TRY(slab_ranks_send(ranks, part.data, part.bytes, 0, TAG));
    if (me != 0)
        return rc;
    if (e->owner != 0)
        TRY(slab_ranks_receive(ranks, buffer, part.bytes, (int)e->owner, TAG));
    if (rc == SLAB_OK && *kept)
        rc = slab_checkpoint_add(pass->checkpoint, name, &part, 1, kept);
done:
    return rc;
}

/* In the order of the list, so that nothing has to be agreed on between them. */
static slab_status save_nodes(const slab_pass *pass, const pass_tree *tree, const outline *head,
                              const entry *entries, bool *kept)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(pass->crew);
    void *buffer = NULL;
    int64_t most = 0;
    char name[NAME_ROOM];
    for (int64_t i = 0; i < head->count; i++)
        if (entries[i].owner != 0 && entries[i].bytes > most)
            most = entries[i].bytes;
    if (slab_ranks_me(ranks) == 0)
        rc = slab_memory_alloc(&buffer, (size_t)most, 1, "a state to keep");
    TRY(slab_ranks_agree(ranks, rc));
    for (int64_t i = 0; i < head->count; i++)
        rc = save_node(pass, tree, &entries[i], record_name(pass, head->set, "node", i, name),
                       buffer, rc, kept);
    TRY(slab_ranks_agree(ranks, rc));
done:
    FREE(buffer);
    return rc;
}

/* The set that the list in the checkpoint does not name, also when that is of another layout: it
 * holds until there is a new one. */
static slab_status free_set(const slab_pass *pass, int64_t *set)
{
    slab_status rc = SLAB_OK;
    entry *entries = NULL;
    outline before;
    bool found;
    TRY(read_list(pass, &before, &entries, &found));
    *set = found ? 1 - before.set : 0;
done:
    FREE(entries);
    return rc;
}

/*
 * On rank 0. The list comes last: until then the one before holds, or none. It brings all to the
 * disk. If it cannot be written, what the one before names is still needed.
 */
static slab_status save_list(const slab_pass *pass, const outline *head, entry *entries)
{
    slab_status rc = SLAB_OK;
    outline first = *head;
    slab_state_part parts[2] = {{&first, sizeof first},
                                {entries, (size_t)head->count * sizeof *entries}};
    bool kept;
    char name[NAME_ROOM];
    TRY(slab_checkpoint_seal(pass->checkpoint, pass->key, parts, 2, &kept));
    snprintf(name, sizeof name, "%s/%d/", pass->key, (int)(1 - head->set));
    if (kept)
        slab_checkpoint_forget(pass->checkpoint, name);
done:
    return rc;
}

static slab_status save(const slab_pass *pass, const pass_tree *tree)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(pass->crew);
    entry *entries = NULL;
    outline head = {.layout = layout_digest(pass)};
    bool kept = true; /* on rank 0: false when a record could not be written, which it has said */
    TRY(free_set(pass, &head.set));
    TRY(list_nodes(tree, ranks, &entries, &head.count));
    TRY(save_nodes(pass, tree, &head, entries, &kept));
    for (int s = 0; s < pass->nsinks; s++) {
        slab_status mine = save_sums(pass, s, head.set, &kept);
        TRY(slab_ranks_agree(ranks, mine));
    }
    if (slab_ranks_me(ranks) == 0 && kept)
        rc = save_list(pass, &head, entries);
    TRY(slab_ranks_agree(ranks, rc));
done:
    FREE(entries);
    return rc;
}

/* A state that cannot be kept is no failure of the run; all ranks have the same status. */
void pass_state_save(const slab_pass *pass, const pass_tree *tree)
{
    const slab_error why = *slab_error_last();
    if (!can_be_kept(pass))
        return;
    if (save(pass, tree) != SLAB_OK && slab_ranks_me(slab_crew_ranks(pass->crew)) == 0)
        slab_log(SLAB_LOG_WARN, "the state of pass '%s' is not kept: %s", pass->name,
                 slab_error_last()->message);
    slab_error_restore(&why);
}

/* What is kept of it takes at most this part of what was read for it. */
static bool is_worth_it(const slab_pass *pass, const pass_node *root, const slab_pass_plan *plan)
{
    int64_t bytes = (int64_t)root->bytes;
    for (int s = 0; s < pass->nsinks; s++) {
        slab_sink_sums sums;
        if (sums_of(&pass->sinks[s], &sums))
            bytes += sums.rows * sums.n * (int64_t)sizeof(int64_t);
    }
    return bytes <= FINISHED_LEAST || bytes <= plan->plain_bytes / FINISHED_PART;
}

void pass_state_save_root(const slab_pass *pass, const pass_node *root, const slab_pass_plan *plan)
{
    pass_tree tree = {.pass = pass};
    pass_node node = *root; /* borrowed */
    if (!pass->keeps_result || !can_be_kept(pass) || !is_worth_it(pass, root, plan))
        return;
    node.level = pass->layout.levels;
    node.index = 0;
    tree.nodes = &node;
    tree.count = slab_ranks_me(slab_crew_ranks(pass->crew)) == 0; /* all ranks have the same */
    pass_state_save(pass, &tree);
}

/* --- the next run --- */

/* On rank 0. */
static slab_status load_node(const slab_pass *pass, pass_tree *tree, const entry *e,
                             const char *name, bool *found)
{
    slab_status rc = SLAB_OK;
    pass_node node = {0};
    TRY(pass_node_make(pass, (int)e->level, e->index, &node));
    slab_state_part part = {node.states, node.bytes};
    TRY(slab_checkpoint_read(pass->checkpoint, name, &part, 1, found));
    if (*found)
        TRY(pass_tree_add(tree, &node));
done:
    pass_node_clear(&node);
    return rc;
}

static slab_status load_set(const slab_pass *pass, pass_tree *tree, const outline *head,
                            const entry *entries, bool *found)
{
    slab_status rc = SLAB_OK;
    char name[NAME_ROOM];
    for (int64_t i = 0; i < head->count && *found; i++)
        TRY(load_node(pass, tree, &entries[i], record_name(pass, head->set, "node", i, name),
                      found));
    for (int s = 0; s < pass->nsinks && *found; s++)
        TRY(load_sums(pass, s, head->set, found));
done:
    return rc;
}

/* Tasks are numbered as the leaves are: there is one group. Each is in one entry. */
static bool mark(const slab_pass *pass, const entry *e, pass_tasks *known)
{
    int64_t ntasks = pass->layout.ntasks;
    if (e->level < 0 || e->level > pass->layout.levels || e->index < 0 ||
        e->index > (ntasks - 1) >> e->level)
        return false;
    int64_t first = e->index << e->level, end = first + ((int64_t)1 << e->level);
    for (int64_t t = first; t < end && t < ntasks; t++) {
        if (pass_tasks_has(known, t))
            return false;
        pass_tasks_add(known, t);
    }
    return true;
}

static slab_status load_all(const slab_pass *pass, pass_tree *tree, const outline *head,
                            const entry *entries, pass_tasks *known)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(pass->crew);
    bool found = true;
    for (int64_t i = 0; i < head->count && found; i++)
        found = mark(pass, &entries[i], known);
    if (slab_ranks_me(ranks) == 0 && found)
        rc = load_set(pass, tree, head, entries, &found);
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_ranks_broadcast(ranks, &found, sizeof found, 0));
    REQUIRE(found, SLAB_ERR_FORMAT,
            "the checkpoint of pass '%s' contradicts itself: --no-resume starts over", pass->name);
done:
    return rc;
}

/* Rank 0 decides: ranks need not agree on phases, and so not on the digest. */
static slab_status find_list(const slab_pass *pass, outline *head, entry **entries, bool *found)
{
    slab_status rc = SLAB_OK;
    TRY(read_list(pass, head, entries, found));
    *found = *found && head->layout == layout_digest(pass);
    TRY(slab_ranks_broadcast(slab_crew_ranks(pass->crew), found, sizeof *found, 0));
done:
    return rc;
}

slab_status pass_state_load(const slab_pass *pass, pass_tree *tree, pass_tasks *known)
{
    slab_status rc = SLAB_OK;
    entry *entries = NULL;
    outline head;
    bool found = false;
    if (!can_be_kept(pass))
        return SLAB_OK;
    TRY(find_list(pass, &head, &entries, &found));
    if (!found)
        goto done;
    rc = pass_tasks_create(&pass->layout, known);
    TRY(slab_ranks_agree(slab_crew_ranks(pass->crew), rc));
    TRY(load_all(pass, tree, &head, entries, known));
    if (slab_ranks_me(slab_crew_ranks(pass->crew)) == 0)
        slab_log(SLAB_LOG_INFO, "pass '%s' goes on from its checkpoint", pass->name);
done:
    FREE(entries);
    return rc;
}

/*
 * What a pass has come to, kept in a checkpoint: the states that the ranks hold when it is stopped,
 * or the one of all tasks when it has ended. The next run goes on from there: tasks that are in a
 * state are not done again, and states merge in the same tree as ever, so that bits stay the same.
 *
 * A sink takes part when all that tiles leave behind lies in its state (in_state), in integers that
 * only have to be added (sums), or where `has` finds it. If one sink of a pass does neither, the
 * pass starts over.
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

/* "<key>", "<key>/<what><number>" */
static const char *record_name(const slab_pass *pass, const char *what, int64_t number,
                               char name[96])
{
    if (*what)
        snprintf(name, 96, "%s/%s%" PRId64, pass->key, what, number);
    else
        snprintf(name, 96, "%s", pass->key);
    return name;
}

/* --- integers outside of states --- */

/* Rank 0's become those of all ranks together, the others' zero: what they add up to stays. */
static slab_status fold(slab_ranks *ranks, const slab_sink_sums *sums)
{
    slab_status rc = SLAB_OK;
    bool root = slab_ranks_me(ranks) == 0;
    int64_t values[PIECE];
    for (int64_t i = 0; i < sums->rows; i++) {
        for (int64_t v = 0; v < sums->n; v += PIECE) {
            int64_t n = sums->n - v < PIECE ? sums->n - v : PIECE;
            char *at = (char *)sums->table + (size_t)(i * sums->ld + v) * sizeof *values;
            memcpy(values, at, (size_t)n * sizeof *values);
            TRY(slab_ranks_sum(ranks, values, (size_t)n));
            if (!root)
                memset(values, 0, (size_t)n * sizeof *values);
            memcpy(at, values, (size_t)n * sizeof *values);
        }
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

static void copy_rows(const slab_sink_sums *sums, void *copy, bool back)
{
    size_t row = (size_t)sums->n * sizeof(int64_t);
    for (int64_t i = 0; copy && i < sums->rows; i++) {
        char *in_table = (char *)sums->table + (size_t)(i * sums->ld) * sizeof(int64_t);
        char *in_copy = (char *)copy + (size_t)i * row;
        memcpy(back ? in_table : in_copy, back ? in_copy : in_table, row);
    }
}

static slab_status save_sums(const slab_pass *pass, int s)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(pass->crew);
    slab_sink_sums sums;
    slab_state_part part = {0};
    void *copy = NULL;
    char name[96];
    if (!sums_of(&pass->sinks[s], &sums))
        return SLAB_OK;
    TRY(fold(ranks, &sums));
    if (slab_ranks_me(ranks) == 0)
        rc = dense(&sums, &copy, &part);
    TRY(slab_ranks_agree(ranks, rc));
    copy_rows(&sums, copy, false);
    TRY(slab_checkpoint_put(pass->checkpoint, record_name(pass, "sums", s, name), &part, 1));
done:
    FREE(copy);
    return rc;
}

static slab_status load_sums(const slab_pass *pass, int s, bool *found)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(pass->crew);
    slab_sink_sums sums;
    slab_state_part part = {0};
    void *copy = NULL;
    char name[96];
    *found = true;
    if (!sums_of(&pass->sinks[s], &sums))
        return SLAB_OK;
    if (slab_ranks_me(ranks) == 0)
        rc = dense(&sums, &copy, &part);
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_checkpoint_fetch(pass->checkpoint, record_name(pass, "sums", s, name), &part, 1,
                              found));
    if (*found)
        copy_rows(&sums, copy, true);
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

static pass_node *find(const pass_tree *tree, const entry *e)
{
    for (size_t i = 0; i < tree->count; i++)
        if (tree->nodes[i].level == e->level && tree->nodes[i].index == e->index)
            return &tree->nodes[i];
    return NULL;
}

/* A node's states come to rank 0, and go into the file. */
static slab_status save_node(const slab_pass *pass, const pass_tree *tree, const entry *e,
                             int64_t i)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(pass->crew);
    int me = slab_ranks_me(ranks);
    slab_state_part part = {NULL, (size_t)e->bytes};
    void *buffer = NULL;
    char name[96];
    if (me == 0 && e->owner != 0)
        rc = slab_memory_alloc(&buffer, part.bytes, 1, "a state to keep");
    TRY(slab_ranks_agree(ranks, rc));
    part.data = buffer;
    if (me == e->owner)
        part.data = find(tree, e)->states;
    if (me == e->owner && me != 0)
        TRY(slab_ranks_send(ranks, part.data, part.bytes, 0, TAG));
    if (me == 0 && e->owner != 0)
        TRY(slab_ranks_receive(ranks, buffer, part.bytes, (int)e->owner, TAG));
    TRY(slab_checkpoint_put(pass->checkpoint, record_name(pass, "node", i, name), &part, 1));
done:
    FREE(buffer);
    return rc;
}

/* The list comes last: until then the record is the one before, or none. */
static slab_status save(const slab_pass *pass, const pass_tree *tree)
{
    slab_status rc = SLAB_OK;
    entry *entries = NULL;
    outline head = {.layout = layout_digest(pass)};
    char name[96];
    TRY(list_nodes(tree, slab_crew_ranks(pass->crew), &entries, &head.count));
    for (int64_t i = 0; i < head.count; i++)
        TRY(save_node(pass, tree, &entries[i], i));
    for (int s = 0; s < pass->nsinks; s++)
        TRY(save_sums(pass, s));
    slab_state_part parts[2] = {{&head, sizeof head},
                                {entries, (size_t)head.count * sizeof *entries}};
    TRY(slab_checkpoint_put(pass->checkpoint, record_name(pass, "", 0, name), parts, 2));
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

static slab_status load_node(const slab_pass *pass, pass_tree *tree, const entry *e, int64_t i,
                             bool *found)
{
    slab_status rc = SLAB_OK;
    bool root = slab_ranks_me(slab_crew_ranks(pass->crew)) == 0;
    pass_node node = {0};
    slab_state_part part = {0};
    char name[96];
    if (root) {
        rc = pass_node_make(pass, (int)e->level, e->index, &node);
        part = (slab_state_part){node.states, node.bytes};
    }
    TRY(slab_ranks_agree(slab_crew_ranks(pass->crew), rc));
    TRY(slab_checkpoint_fetch(pass->checkpoint, record_name(pass, "node", i, name), &part, 1,
                              found));
    if (root && *found)
        rc = pass_tree_add(tree, &node);
    TRY(slab_ranks_agree(slab_crew_ranks(pass->crew), rc));
done:
    pass_node_clear(&node);
    return rc;
}

/* Tasks are numbered as the leaves are: there is one group. */
static bool mark(const slab_pass *pass, const entry *e, uint8_t *known)
{
    if (e->level < 0 || e->level > pass->layout.levels || e->index < 0 ||
        e->index >= pass->layout.ntasks)
        return false;
    int64_t first = e->index << e->level, end = (e->index + 1) << e->level;
    for (int64_t t = first; t < end && t < pass->layout.ntasks; t++)
        known[t / 8] |= (uint8_t)(1u << t % 8);
    return true;
}

static slab_status load_all(const slab_pass *pass, pass_tree *tree, const entry *entries, int64_t n,
                            uint8_t *known, bool *found)
{
    slab_status rc = SLAB_OK;
    *found = true;
    for (int64_t i = 0; i < n && *found; i++)
        *found = mark(pass, &entries[i], known);
    for (int64_t i = 0; i < n && *found; i++)
        TRY(load_node(pass, tree, &entries[i], i, found));
    for (int s = 0; s < pass->nsinks && *found; s++)
        TRY(load_sums(pass, s, found));
    REQUIRE(*found, SLAB_ERR_FORMAT,
            "the checkpoint of pass '%s' contradicts itself: --no-resume starts over", pass->name);
done:
    return rc;
}

static slab_status read_list(const slab_pass *pass, outline *head, entry **entries, bool *found)
{
    slab_status rc = SLAB_OK;
    int64_t bytes, room = (int64_t)sizeof *head;
    char name[96];
    *found = false;
    record_name(pass, "", 0, name);
    TRY(slab_checkpoint_size(pass->checkpoint, name, &bytes));
    if (bytes < room || (bytes - room) % (int64_t)sizeof **entries != 0)
        goto done;
    int64_t n = (bytes - room) / (int64_t)sizeof **entries;
    rc = slab_memory_alloc((void **)entries, (size_t)n + 1, sizeof **entries, "states of a pass");
    TRY(slab_ranks_agree(slab_crew_ranks(pass->crew), rc));
    slab_state_part parts[2] = {{head, sizeof *head}, {*entries, (size_t)(bytes - room)}};
    TRY(slab_checkpoint_get(pass->checkpoint, name, parts, 2, found));
    *found = *found && head->layout == layout_digest(pass) && head->count == n;
done:
    return rc;
}

slab_status pass_state_mark(const slab_pass *pass, const pass_tree *tree, uint8_t **known)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(pass->crew);
    entry *entries = NULL;
    int64_t n = 0;
    size_t bytes = (size_t)(pass->layout.ntasks + 7) / 8;
    if (!*known)
        rc = slab_memory_alloc((void **)known, bytes, 1, "tasks done");
    TRY(slab_ranks_agree(ranks, rc));
    TRY(list_nodes(tree, ranks, &entries, &n));
    memset(*known, 0, bytes);
    for (int64_t i = 0; i < n; i++)
        mark(pass, &entries[i], *known);
done:
    FREE(entries);
    return rc;
}

slab_status pass_state_load(const slab_pass *pass, pass_tree *tree, uint8_t **known)
{
    slab_status rc = SLAB_OK;
    entry *entries = NULL;
    outline head;
    bool found = false;
    *known = NULL;
    if (!can_be_kept(pass))
        return SLAB_OK;
    TRY(read_list(pass, &head, &entries, &found));
    if (!found)
        goto done;
    rc = slab_memory_alloc((void **)known, (size_t)(pass->layout.ntasks + 7) / 8, 1, "tasks done");
    TRY(slab_ranks_agree(slab_crew_ranks(pass->crew), rc));
    TRY(load_all(pass, tree, entries, head.count, *known, &found));
    if (slab_ranks_me(slab_crew_ranks(pass->crew)) == 0)
        slab_log(SLAB_LOG_INFO, "pass '%s' goes on from its checkpoint", pass->name);
done:
    FREE(entries);
    return rc;
}

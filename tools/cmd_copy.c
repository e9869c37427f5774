/*
 * Copies an array, or a group or file with all that is in it: first all objects, then attributes,
 * because those may refer to any of the objects.
 */
#include <slab/tools/array_words.h>
#include <slab/tools/copying.h>

#include <inttypes.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const slab_option options[] = {
    {"chunks", 0, 'x', "RxC", NULL,
     "extents of a chunk, as 1024x1024 (default: the source's); of a group's arrays for those with "
     "as "
     "many axes"},
    {"filter", 0, 'z', "NAME[:LEVEL]", NULL,
     "compression: zstd, gzip, lz4, bitshuffle or none (default: the source's)"},
    {"dtype", 0, 't', "TYPE", NULL, "element type of the copy of an array, as f4 or i2"},
    {NULL, 0, 0, NULL, NULL, NULL}};

/* One object. */
typedef struct entry {
    slab_object kind;
    int64_t same_as; /* the entry of which this is another hard link, -1: none */
    char *from, *to; /* paths in the two files */
    slab_copying copying;
} entry;

typedef struct job {
    slab_call *call;
    slab_file *file;
    char *name, *path, *brackets; /* of the source */
    const char *to;               /* path of the copy */
    bool same_file;               /* that it is in */
    slab_array *array;            /* the only one that is copied; NULL: a group */
    slab_selection selection;
    entry *entries;
    int64_t n, room;
    slab_need need;
    slab_plan_step step;
    int64_t ways[3];
} job;

static void job_clear(job *j)
{
    for (int64_t i = 0; i < j->n; i++) {
        slab_memory_free(j->entries[i].from);
        slab_memory_free(j->entries[i].to);
    }
    FREE(j->entries);
    FREE(j->name);
    FREE(j->path);
    FREE(j->brackets);
}

/* --- the source --- */

static slab_status source_open(slab_call *call, job *j)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_call_ranks(call);
    slab_object kind = SLAB_OBJECT_ARRAY;
    const char *locator = slab_call_argument(call, 0);
    TRY(slab_locator_split(locator, &j->name, &j->path, &j->brackets));
    for (size_t n = strlen(j->path); n > 1 && j->path[n - 1] == '/'; n--)
        j->path[n - 1] = '\0';
    if (*j->brackets == '\0') {
        TRY(slab_call_open(call, locator, &j->file, NULL, NULL));
        if (slab_ranks_me(ranks) == 0)
            rc = slab_file_object(j->file, j->path, &kind);
        TRY(slab_ranks_agree(ranks, rc));
        TRY(slab_ranks_broadcast(ranks, &kind, sizeof kind, 0));
    }
    REQUIRE(kind == SLAB_OBJECT_ARRAY || kind == SLAB_OBJECT_GROUP, SLAB_ERR_TYPE,
            "'%s' is neither an array nor a group", locator);
    if (kind == SLAB_OBJECT_ARRAY)
        TRY(slab_call_open(call, locator, &j->file, &j->array, &j->selection));
    if (j->array && strcmp(j->path, "/") == 0) { /* the file's only array */
        FREE(j->path);
        TRY(slab_memory_strdup(&j->path, slab_array_path(j->array)));
    }
    REQUIRE(j->array || !slab_call_text(call, "dtype"), SLAB_ERR_USAGE,
            "--dtype is for one array; '%s' is a group", locator);
done:
    return rc;
}

/* "/g" + "/x"; the root and nothing are "/". */
static slab_status joined(const char *group, const char *below, char **out)
{
    slab_status rc = SLAB_OK;
    size_t n = strlen(group), size = n + strlen(below) + 2;
    while (n > 0 && group[n - 1] == '/')
        n--;
    ALLOC(*out, size, "the name of an object");
    snprintf(*out, size, "%.*s%s", (int)n, group, below);
    if (**out == '\0')
        strcpy(*out, "/");
done:
    return rc;
}

static slab_status entry_add(job *j, const char *below, slab_object kind)
{
    slab_status rc = SLAB_OK;
    if (j->n == j->room) {
        int64_t room = j->room ? 2 * j->room : 64;
        TRY(slab_memory_resize((void **)&j->entries, (size_t)room, sizeof *j->entries,
                               "a list of objects"));
        j->room = room;
    }
    entry *e = &j->entries[j->n++];
    *e = (entry){.kind = kind, .same_as = -1};
    TRY(joined(j->path, below, &e->from));
    TRY(joined(j->to, below, &e->to));
done:
    return rc;
}

static slab_status collect(void *context, const char *path, slab_object kind, const char *target)
{
    job *j = context;
    size_t n = strlen(j->path);
    (void)target;
    while (n > 0 && j->path[n - 1] == '/')
        n--;
    return entry_add(j, path + n, kind);
}

typedef struct keyed {
    uint64_t key;
    int64_t entry;
} keyed;

static int by_key(const void *a, const void *b)
{
    const keyed *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->entry > y->entry) - (x->entry < y->entry);
}

/* Are the objects below a group listed under this of its names? They are under one. */
static bool has_below(const job *j, int64_t i)
{
    size_t n = strlen(j->entries[i].from);
    const char *next = i + 1 < j->n ? j->entries[i + 1].from : "";
    return strncmp(next, j->entries[i].from, n) == 0 && next[n] == '/';
}

/* Of the entries that are one object one is copied, and the others link to it. */
static void set_links(job *j, const keyed *same, int64_t n)
{
    int64_t chosen = same[0].entry;
    for (int64_t i = 1; i < n; i++)
        if (has_below(j, same[i].entry) && chosen != 0) /* 0: the root of what is copied */
            chosen = same[i].entry;
    for (int64_t i = 0; i < n; i++)
        if (same[i].entry != chosen)
            j->entries[same[i].entry].same_as = chosen;
}

/* Objects that have several hard links are copied once. */
static slab_status find_links(job *j)
{
    slab_status rc = SLAB_OK;
    keyed *keys = NULL;
    int64_t n = 0;
    ALLOC(keys, j->n, "a list of objects");
    for (int64_t i = 0; i < j->n; i++) {
        const entry *e = &j->entries[i];
        if (e->kind == SLAB_OBJECT_SOFT_LINK || e->kind == SLAB_OBJECT_EXTERNAL_LINK)
            continue;
        keys[n].entry = i;
        TRY(slab_file_object_key(j->file, e->from, &keys[n].key));
        n++;
    }
    if (n > 1)
        qsort(keys, (size_t)n, sizeof *keys, by_key);
    for (int64_t i = 0, next; i < n; i = next) {
        for (next = i; next < n && keys[next].key == keys[i].key;)
            next++;
        set_links(j, keys + i, next - i);
    }
done:
    FREE(keys);
    return rc;
}

/* Rank 0's list as bytes: kind, same_as and the path below the group, for each object. */
static slab_status pack(const job *j, char **out, size_t *size)
{
    slab_status rc = SLAB_OK;
    size_t skip = strcmp(j->path, "/") == 0 ? 0 : strlen(j->path), most = 0;
    for (int64_t i = 0; i < j->n; i++)
        most += strlen(j->entries[i].from) + 1 + 2 * sizeof(int64_t);
    ALLOC(*out, most, "a list of objects");
    for (int64_t i = 0; i < j->n; i++) {
        const entry *e = &j->entries[i];
        const char *below = i == 0 ? "" : e->from + skip;
        int64_t words[2] = {(int64_t)e->kind, e->same_as};
        memcpy(*out + *size, words, sizeof words);
        strcpy(*out + *size + sizeof words, below);
        *size += sizeof words + strlen(below) + 1;
    }
done:
    return rc;
}

static slab_status list_here(job *j, char **packed, size_t *size)
{
    slab_status rc = SLAB_OK;
    TRY(entry_add(j, "", SLAB_OBJECT_GROUP));
    TRY(slab_file_list(j->file, j->path, true, collect, j));
    TRY(find_links(j));
    TRY(pack(j, packed, size));
done:
    return rc;
}

static slab_status list_objects(job *j)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_call_ranks(j->call);
    char *mine = NULL, *all = NULL;
    size_t size = 0, *offsets = NULL;
    bool leads = slab_ranks_me(ranks) == 0;
    if (j->array)
        return entry_add(j, "", SLAB_OBJECT_ARRAY);
    if (leads)
        rc = list_here(j, &mine, &size);
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_ranks_allgather(ranks, mine, size, (void **)&all, &offsets));
    for (size_t at = 0; !leads && at < offsets[slab_ranks_count(ranks)];) {
        int64_t words[2];
        memcpy(words, all + at, sizeof words);
        at += sizeof words;
        TRY(entry_add(j, all + at, (slab_object)words[0]));
        j->entries[j->n - 1].same_as = words[1];
        at += strlen(all + at) + 1;
    }
done:
    FREE(mine);
    FREE(all);
    FREE(offsets);
    return slab_ranks_agree(ranks, rc);
}

/* --- the plan --- */

static slab_status array_open(const job *j, const entry *e, slab_array **out)
{
    if (!j->array)
        return slab_array_open(j->file, e->from, out);
    *out = j->array;
    return SLAB_OK;
}

static void array_done(const job *j, slab_array **array)
{
    if (!j->array)
        slab_array_close(array);
}

static slab_status plan_array(job *j, entry *e)
{
    slab_status rc = SLAB_OK;
    slab_array *array = NULL;
    TRY(array_open(j, e, &array));
    TRY(slab_copying_choose(j->call, slab_array_describe(array), j->array ? &j->selection : NULL,
                            &e->copying));
    TRY(slab_copying_need(j->call, array, &e->copying, &j->need, &j->step));
    j->ways[e->copying.way]++;
done:
    array_done(j, &array);
    return rc == SLAB_OK ? rc : slab_error_prefix(rc, "cannot copy '%s:%s'", j->name, e->from);
}

static slab_status plan_of(job *j, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    int threads;
    slab_crew *crew;
    j->step = (slab_plan_step){.name = "copy", .times = 1};
    for (int64_t i = 0; i < j->n; i++)
        if (j->entries[i].kind == SLAB_OBJECT_ARRAY && j->entries[i].same_as < 0)
            TRY(plan_array(j, &j->entries[i]));
    j->need.fixed += j->need.kept;
    TRY(slab_need_threads(j->call, &j->need, "the copy", &threads));
    slab_need_plan(j->call, &j->need, &j->step, plan);
    if (j->ways[SLAB_COPY_PACKED])
        slab_plan_note(plan,
                       "%" PRId64 " array%s copied as packed chunks; their checksums are not "
                       "looked at ('slab verify' does)",
                       j->ways[SLAB_COPY_PACKED], j->ways[SLAB_COPY_PACKED] == 1 ? "" : "s");
    if (j->ways[SLAB_COPY_ELEMENTS])
        slab_plan_note(plan,
                       "%" PRId64 " array%s decoded and written anew; written is what they take "
                       "before compression",
                       j->ways[SLAB_COPY_ELEMENTS], j->ways[SLAB_COPY_ELEMENTS] == 1 ? "" : "s");
    if (j->ways[SLAB_COPY_WHOLE])
        slab_plan_note(plan, "%" PRId64 " array%s copied by HDF5, in memory",
                       j->ways[SLAB_COPY_WHOLE], j->ways[SLAB_COPY_WHOLE] == 1 ? "" : "s");
    TRY(slab_call_crew(j->call, &crew));
    if (!slab_call_flag(j->call, "dry-run"))
        TRY(slab_call_crew_shrink(j->call, threads, &crew));
done:
    return rc;
}

/* --- the copy --- */

static slab_status copy_array(job *j, const entry *e, slab_txn *txn)
{
    slab_status rc = SLAB_OK;
    slab_crew *crew;
    slab_array *array = NULL;
    TRY(slab_call_crew(j->call, &crew));
    if (e->copying.way == SLAB_COPY_WHOLE)
        return slab_copy_object(j->file, e->from, e->kind, txn, e->to);
    TRY(array_open(j, e, &array));
    if (e->copying.way == SLAB_COPY_PACKED)
        TRY(slab_copy_packed(array, txn, e->to, crew));
    else
        TRY(slab_copy_elements(array, &e->copying.plan, txn, e->to, crew));
done:
    array_done(j, &array);
    return rc;
}

static slab_status copy_entry(job *j, const entry *e, slab_txn *txn)
{
    if (e->same_as >= 0)
        return SLAB_OK;
    if (e->kind == SLAB_OBJECT_ARRAY)
        return copy_array(j, e, txn);
    if (strcmp(e->to, "/") == 0)
        return SLAB_OK;
    return slab_copy_object(j->file, e->from, e->kind, txn, e->to);
}

/* An array that is copied by itself has no part in the ties between dimensions and scales; a new
 * type has its missing code declared already. */
static slab_status copy_attributes(job *j, const entry *e, slab_txn *txn)
{
    static const char *const without[] = {"DIMENSION_LIST", "REFERENCE_LIST", "missing_value",
                                          "_FillValue"};
    slab_copy_map map = {
        .from = j->path, .to = j->to, .without = without, .same_file = j->same_file};
    if (e->same_as >= 0 || e->kind == SLAB_OBJECT_SOFT_LINK || e->kind == SLAB_OBJECT_EXTERNAL_LINK)
        return SLAB_OK;
    if (j->array)
        map.nwithout = e->copying.new_type ? 4 : 2;
    return slab_copy_attributes(j->file, e->from, e->kind, txn, e->to, &map);
}

/* With --force a group that is there makes way as a whole. */
static slab_status clear_group(job *j, slab_txn *txn)
{
    slab_status rc = SLAB_OK;
    if (j->array || strcmp(j->to, "/") == 0 || !slab_call_flag(j->call, "force"))
        return SLAB_OK;
    rc = slab_txn_remove(txn, j->to);
    if (rc == SLAB_ERR_NOT_FOUND) {
        slab_error_clear();
        rc = SLAB_OK;
    }
    return rc;
}

static slab_status copy_all(job *j, slab_txn *txn)
{
    slab_status rc = SLAB_OK;
    TRY(clear_group(j, txn));
    for (int64_t i = 0; i < j->n; i++)
        TRY(copy_entry(j, &j->entries[i], txn));
    for (int64_t i = 0; i < j->n; i++)
        if (j->entries[i].same_as >= 0)
            TRY(slab_copy_link(txn, j->entries[j->entries[i].same_as].to, j->entries[i].to));
    for (int64_t i = 0; i < j->n; i++)
        TRY(copy_attributes(j, &j->entries[i], txn));
    TRY(slab_call_provenance(j->call, txn, j->to));
done:
    return rc;
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    job j = {.call = call};
    slab_txn *txn = NULL;
    slab_plan plan = {0};
    const char *file;
    *exit_code = 0;
    TRY(source_open(call, &j));
    TRY(slab_call_output(call, j.path, &file, &j.to));
    j.same_file = slab_call_is_input(call, file, j.path);
    REQUIRE(!j.same_file || strcmp(j.to, j.path) != 0, SLAB_ERR_USAGE,
            "the output '%s' is the input", slab_call_text(call, "output"));
    TRY(list_objects(&j));
    TRY(plan_of(&j, &plan));
    if (slab_call_planned(call, &plan))
        goto done;
    TRY(slab_call_begin(call, j.path, &txn, &j.to));
    TRY(copy_all(&j, txn));
    TRY(slab_txn_commit(&txn));
done:
    slab_txn_abort(&txn);
    job_clear(&j);
    return rc;
}

const slab_command slab_command_copy = {
    .name = "copy",
    .arguments = "FILE.h5[:/PATH[SELECTION]]",
    .summary = "copy an array, a group or a file, with other chunks, filters or types",
    .description =
        "Copies an array, or a selection of it, or a group or a whole file with all that is in it: "
        "arrays, groups, attributes of any kind, soft, external and hard links, named types; "
        "references and dimension scales lead to the copies. Without a path in -o things keep "
        "theirs.\n\n"
        "Where neither chunks, filter, type nor selection change, packed chunks are copied as they "
        "are: nothing is decoded, and checksums are not looked at ('slab verify' does). Otherwise "
        "elements are decoded and written anew, by all threads and ranks. What slab does not read "
        "(texts of variable length, references) and small arrays are copied by HDF5, in memory.\n\n"
        "A copy of a file leaves behind the space of what was removed: this is slab's h5repack. "
        "The output appears whole or not at all.",
    .examples = "  slab copy big.h5 -o packed.h5\n"
                "  slab copy big.h5 -o big.zstd.h5 --filter zstd:3\n"
                "  slab copy 'x.h5:/x[0:1000, ::2]' -o part.h5:/y --dtype f4\n"
                "  mpirun -n 4 slab copy x.h5:/x -o columns.h5 --chunks 65536x16 --memory 1G\n",
    .takes = SLAB_TAKES_OUTPUT | SLAB_TAKES_COMPUTE | SLAB_PLANS_FIRST | SLAB_TAKES_JSON |
             SLAB_TAKES_RANKS,
    .least = 1,
    .most = 1,
    .options = options,
    .run = run,
};

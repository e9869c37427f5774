/* What a transaction changes is noted by path as it is changed, and sealed at its end: only then
 * all of it is there. A seal that is there is changed where the object was, and nowhere else: what
 * was damaged before stays to be seen. */
#include <slab/storage/hdf5/sealing_impl.h>

#include <stdlib.h>
#include <string.h>

#include <slab/storage/base/memory.h>

typedef enum note_kind { NOTE_CREATED, NOTE_REMOVED, NOTE_ATTRIBUTE, NOTE_CHUNKS } note_kind;

typedef struct note {
    note_kind kind;
    char *path;         /* "/a/b", the root "" */
    char *name;         /* of an attribute */
    slab_digest digest; /* removed: of the link; chunks: their sum */
    bool sealed;        /* created: with all its attributes */
} note;

struct slab_sealing {
    bool new_file;
    note *notes;
    size_t n, room;
};

slab_status slab_sealing_create(bool new_file, slab_sealing **out)
{
    slab_status rc = SLAB_OK;
    *out = NULL;
    ALLOC(*out, 1, "what a transaction has changed");
    (*out)->new_file = new_file;
done:
    return rc;
}

static void note_clear(note *n)
{
    FREE(n->path);
    FREE(n->name);
}

void slab_sealing_destroy(slab_sealing **sealing)
{
    slab_sealing *s = *sealing;
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        note_clear(&s->notes[i]);
    FREE(s->notes);
    FREE(*sealing);
}

/* --- noting --- */

/* One spelling of a path: slashes single, none at the end. */
static slab_status path_of(const char *path, char **out)
{
    slab_status rc = SLAB_OK;
    char *at;
    *out = NULL;
    ALLOC(*out, strlen(path) + 2, "a path");
    at = *out;
    while (*(path += strspn(path, "/")) != '\0') {
        size_t n = strcspn(path, "/");
        if (n != 1 || *path != '.') {
            *at++ = '/';
            memcpy(at, path, n);
            at += n;
        }
        path += n;
    }
done:
    return rc;
}

static slab_status add(slab_sealing *s, note_kind kind, const char *path, const char *name,
                       slab_digest digest)
{
    slab_status rc = SLAB_OK;
    note new = {.kind = kind, .digest = digest};
    TRY(path_of(path, &new.path));
    if (name)
        TRY(slab_memory_strdup(&new.name, name));
    if (s->n == s->room) {
        size_t room = s->room ? 2 * s->room : 16;
        TRY(slab_memory_resize((void **)&s->notes, room, sizeof *s->notes,
                               "what a transaction has changed"));
        s->room = room;
    }
    s->notes[s->n++] = new;
    new = (note){0};
done:
    note_clear(&new);
    return rc;
}

static bool is_below(const char *path, const char *above)
{
    size_t n = strlen(above);
    return strncmp(path, above, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static bool is_noted(const slab_sealing *s, note_kind kind, const char *path)
{
    for (size_t i = s->n; i-- > 0;)
        if (s->notes[i].kind == kind && strcmp(s->notes[i].path, path) == 0)
            return true;
    return false;
}

/* What was noted of an object, and of all below it; that an older one went stays. */
static void forget(slab_sealing *s, const char *path)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        note *x = &s->notes[i];
        bool older = x->kind == NOTE_REMOVED && strcmp(x->path, path) == 0;
        if (!older && is_below(x->path, path))
            note_clear(x);
        else
            s->notes[n++] = *x;
    }
    s->n = n;
}

void slab_meta_seal_with(slab_meta *meta, slab_sealing *sealing)
{
    meta->sealing = sealing;
}

slab_status slab_meta_seal_created(slab_meta *meta, const char *path)
{
    slab_status rc = SLAB_OK;
    TRY(slab_hdf5_enter());
    TRY(slab_sealing_created(meta, path));
done:
    slab_hdf5_leave();
    return rc;
}

slab_status slab_sealing_created(slab_meta *meta, const char *path)
{
    slab_status rc = SLAB_OK;
    slab_sealing *s = meta->sealing;
    char *whole = NULL;
    bool there = true;
    if (!s)
        return SLAB_OK;
    TRY(path_of(path, &whole));
    for (char *end = whole; *end != '\0';) { /* the groups above it that are made with it, too */
        end += 1 + strcspn(end + 1, "/");
        char next = *end;
        *end = '\0';
        htri_t found = there ? H5Lexists(meta->id, whole, H5P_DEFAULT) : 0;
        HDF5_REQUIRE(found >= 0, SLAB_ERR_EXISTS, "'%s' cannot be a group", whole);
        there = found > 0;
        if (!there)
            TRY(add(s, NOTE_CREATED, whole, NULL, (slab_digest){0}));
        *end = next;
    }
done:
    FREE(whole);
    return rc;
}

/* The group that a path leads through; `name` is the rest. Both lie in `path`, which is cut. */
static const char *split(char *path, const char **name)
{
    char *slash = strrchr(path, '/');
    *slash = '\0';
    *name = slash + 1;
    return *path ? path : "/";
}

static slab_status open_group(const slab_meta *meta, const char *path, hid_t *out)
{
    slab_status rc = SLAB_OK;
    *out = H5Gopen2(meta->id, path, H5P_DEFAULT);
    HDF5_REQUIRE(*out >= 0, SLAB_ERR_FORMAT, "cannot open group '%s'", path);
done:
    return rc;
}

/* Opens the group that holds what is at `path`, which has `name` there. slab_memory_free() `above`,
 * in which the name lies. */
static slab_status open_above(const slab_meta *meta, const char *path, char **above,
                              const char **name, hid_t *group)
{
    slab_status rc = SLAB_OK;
    TRY(slab_memory_strdup(above, path));
    TRY(open_group(meta, split(*above, name), group));
done:
    return rc;
}

/* Does a group's seal count a link? Where slab did not make the group, that of its own alone. */
static bool is_counted(const slab_seal *group, slab_digest id)
{
    return slab_seal_is_whole(group) || !slab_digest_is_zero(id);
}

static slab_status link_digest(hid_t group, const char *name, slab_digest *out, slab_digest *id)
{
    slab_status rc = SLAB_OK;
    H5L_info_t info;
    HDF5_REQUIRE(H5Lget_info(group, name, &info, H5P_DEFAULT) >= 0, SLAB_ERR_FORMAT,
                 "cannot look at link '%s'", name);
    TRY(slab_seal_link(group, name, &info, out, id));
done:
    return rc;
}

slab_status slab_sealing_removed(slab_meta *meta, const char *path)
{
    slab_status rc = SLAB_OK;
    slab_sealing *s = meta->sealing;
    char *whole = NULL, *above = NULL;
    const char *name;
    hid_t group = H5I_INVALID_HID;
    slab_seal seal = {0};
    slab_digest digest, id;
    bool has, new;
    if (!s)
        return SLAB_OK;
    TRY(path_of(path, &whole));
    new = is_noted(s, NOTE_CREATED, whole);
    forget(s, whole);
    if (new)
        goto done;
    TRY(open_above(meta, whole, &above, &name, &group));
    rc = slab_seal_read(group, &seal, &has);
    if (rc == SLAB_ERR_CHECKSUM || (rc == SLAB_OK && !has)) {
        rc = SLAB_OK; /* nothing of it can be taken back */
        goto done;
    }
    TRY(rc);
    TRY(link_digest(group, name, &digest, &id));
    if (is_counted(&seal, id))
        TRY(add(s, NOTE_REMOVED, whole, NULL, digest));
done:
    slab_seal_clear(&seal);
    slab_hdf5_close(&group);
    FREE(whole);
    FREE(above);
    return rc;
}

slab_status slab_sealing_attribute(slab_meta *meta, const char *path, const char *name)
{
    return meta->sealing ? add(meta->sealing, NOTE_ATTRIBUTE, path, name, (slab_digest){0})
                         : SLAB_OK;
}

slab_status slab_sealing_chunks(slab_sealing *sealing, const char *path, slab_digest sum)
{
    return add(sealing, NOTE_CHUNKS, path, NULL, sum);
}

/* --- sealing --- */

/* The name, the group, and how many links slab has made there: no other object of the file has, or
 * had, the same. */
static slab_digest id_of(const slab_seal *group, const char *path)
{
    slab_hash h;
    slab_hash_begin(&h);
    slab_hash_text(&h, path);
    slab_hash_number(&h, group->id.low);
    slab_hash_number(&h, group->id.high);
    slab_hash_number(&h, group->made);
    return slab_hash_end(&h);
}

/* A group's seal as it is; a new one where there is none. *good is false for one that is damaged:
 * it stays so. */
static slab_status group_seal(hid_t group, slab_seal *seal, bool *good)
{
    slab_status rc = SLAB_OK;
    bool has;
    rc = slab_seal_read(group, seal, &has);
    *good = rc == SLAB_OK;
    if (rc == SLAB_ERR_CHECKSUM) {
        slab_error_clear();
        return SLAB_OK;
    }
    TRY(rc);
    seal->has[SLAB_SEAL_LINKS] = true;
done:
    return rc;
}

/* A new hard link leads to something new, unless it is one more to what has been sealed. */
static slab_status seal_new(slab_meta *meta, hid_t group, const char *name, note *new,
                            const slab_digest *chunks, const slab_seal *above)
{
    slab_status rc = SLAB_OK;
    slab_seal seal = {0};
    bool has;
    hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    HDF5_REQUIRE(object >= 0, SLAB_ERR_FORMAT, "it cannot be opened");
    TRY(slab_seal_read(object, &seal, &has));
    if (has)
        goto done;
    seal.id = id_of(above, new->path);
    TRY(slab_seal_object(meta, object, chunks, &seal));
    new->sealed = true;
done:
    slab_seal_clear(&seal);
    slab_hdf5_close(&object);
    return rc;
}

static slab_status enter_link(slab_meta *meta, note *new, const slab_digest *chunks)
{
    slab_status rc = SLAB_OK;
    char *above = NULL;
    const char *name;
    hid_t group = H5I_INVALID_HID;
    slab_seal seal = {0};
    slab_digest digest, id;
    H5L_info_t info;
    bool good;
    TRY(open_above(meta, new->path, &above, &name, &group));
    TRY(group_seal(group, &seal, &good));
    seal.made++;
    HDF5_REQUIRE(H5Lget_info(group, name, &info, H5P_DEFAULT) >= 0, SLAB_ERR_FORMAT,
                 "its link is unreadable");
    if (info.type == H5L_TYPE_HARD)
        TRY(seal_new(meta, group, name, new, chunks, &seal));
    TRY(slab_seal_link(group, name, &info, &digest, &id));
    if (is_counted(&seal, id))
        seal.part[SLAB_SEAL_LINKS] = slab_digest_add(seal.part[SLAB_SEAL_LINKS], digest);
    if (good)
        TRY(slab_seal_write(group, &seal));
done:
    slab_seal_clear(&seal);
    slab_hdf5_close(&group);
    FREE(above);
    return rc;
}

static slab_status take_link(slab_meta *meta, const note *gone)
{
    slab_status rc = SLAB_OK;
    char *above = NULL;
    const char *name;
    hid_t group = H5I_INVALID_HID;
    slab_seal seal = {0};
    bool good;
    TRY(slab_memory_strdup(&above, gone->path));
    group = H5Gopen2(meta->id, split(above, &name), H5P_DEFAULT);
    if (group < 0) /* it has gone too */
        goto done;
    TRY(group_seal(group, &seal, &good));
    seal.part[SLAB_SEAL_LINKS] = slab_digest_subtract(seal.part[SLAB_SEAL_LINKS], gone->digest);
    if (good)
        TRY(slab_seal_write(group, &seal));
done:
    slab_seal_clear(&seal);
    slab_hdf5_close(&group);
    FREE(above);
    return rc;
}

/* Of an object that slab did not make, only what it set is in the seal. */
static slab_status change_attribute(slab_meta *meta, const note *set)
{
    slab_status rc = SLAB_OK;
    slab_seal seal = {0};
    bool has;
    const char *path = *set->path ? set->path : "/";
    hid_t object = H5Oopen(meta->id, path, H5P_DEFAULT);
    HDF5_REQUIRE(object >= 0, SLAB_ERR_FORMAT, "it cannot be opened");
    rc = slab_seal_read(object, &seal, &has);
    if (rc == SLAB_ERR_CHECKSUM) {
        slab_error_clear();
        rc = SLAB_OK;
        goto done;
    }
    TRY(rc);
    htri_t there = H5Aexists(object, set->name);
    HDF5_REQUIRE(there >= 0, SLAB_ERR_FORMAT, "its attributes cannot be read");
    if (there > 0)
        TRY(slab_seal_attribute_now(meta, object, set->name, &seal));
    else
        slab_seal_attribute_remove(&seal, slab_seal_attribute_name(set->name));
    TRY(slab_seal_write(object, &seal));
done:
    slab_seal_clear(&seal);
    slab_hdf5_close(&object);
    return rc;
}

/* The root group of a new file is slab's own. */
static slab_status seal_root(slab_meta *meta)
{
    slab_status rc = SLAB_OK;
    slab_seal seal = {.id = slab_digest_text("/")};
    hid_t root = H5I_INVALID_HID;
    TRY(open_group(meta, "/", &root));
    TRY(slab_seal_object(meta, root, NULL, &seal));
done:
    slab_seal_clear(&seal);
    slab_hdf5_close(&root);
    return rc;
}

/* Groups before what lies in them; of one path: what has gone, what has come, attributes. */
static int in_order(const void *a, const void *b)
{
    static const int rank[] = {
        [NOTE_CHUNKS] = 0, [NOTE_REMOVED] = 1, [NOTE_CREATED] = 2, [NOTE_ATTRIBUTE] = 3};
    const note *x = a, *y = b;
    int by_path = strcmp(x->path, y->path);
    return by_path != 0 ? by_path : rank[x->kind] - rank[y->kind];
}

/* The first note of the same path; they lie together now. */
static note *first_of(const slab_sealing *s, size_t i)
{
    while (i > 0 && strcmp(s->notes[i - 1].path, s->notes[i].path) == 0)
        i--;
    return &s->notes[i];
}

static slab_status seal_note(slab_meta *meta, slab_sealing *s, size_t i)
{
    note *n = &s->notes[i], *first = first_of(s, i);
    switch (n->kind) {
    case NOTE_REMOVED:
        return take_link(meta, n);
    case NOTE_CREATED:
        return enter_link(meta, n, first->kind == NOTE_CHUNKS ? &first->digest : NULL);
    case NOTE_ATTRIBUTE:
        for (; first < n; first++)
            if (first->sealed)
                return SLAB_OK;
        return change_attribute(meta, n);
    default:
        return SLAB_OK;
    }
}

slab_status slab_meta_seal(slab_meta *meta)
{
    slab_status rc = SLAB_OK;
    slab_sealing *s = meta->sealing;
    TRY(slab_hdf5_enter());
    slab_meta_array_forget(meta);
    if (s->new_file)
        TRY(seal_root(meta));
    if (s->n > 1)
        qsort(s->notes, s->n, sizeof *s->notes, in_order);
    for (size_t i = 0; i < s->n; i++)
        TRY_SAYING(seal_note(meta, s, i), "cannot seal '%s' in '%s'", s->notes[i].path, meta->path);
    TRY(slab_driver_lost(meta->file));
done:
    slab_hdf5_leave();
    return rc;
}

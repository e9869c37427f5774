/* Opening a file for reading and finding the way in it. */
#include <slab/storage/hdf5/library_impl.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/watch.h>

enum { NAMES_SHOWN = 8 };

/* --- opening --- */

/* HDF5's signature stands at 0, or behind a user block of 512, 1024, 2048 ... bytes. */
slab_status slab_meta_signature_check(const slab_driver_file *file, uint64_t *superblock)
{
    static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    slab_status rc = SLAB_OK;
    uint8_t found[8];
    REQUIRE(file->size > 0, SLAB_ERR_FORMAT, "'%s' is empty, not an HDF5 file", file->path);
    for (uint64_t at = 0; at + sizeof found <= file->size; at = at == 0 ? 512 : 2 * at) {
        TRY(slab_driver_read(file, at, sizeof found, found));
        *superblock = at;
        if (memcmp(found, signature, sizeof signature) == 0)
            goto done;
    }
    FAIL(SLAB_ERR_FORMAT, "'%s' is not an HDF5 file", file->path);
done:
    return rc;
}

/* HDF5's message about a truncated file, for people. */
static slab_status open_failure(slab_status rc, const slab_driver_file *file)
{
    uint64_t should = 0;
    const char *message = slab_error_last()->message;
    const char *said = strstr(message, "stored_eof = ");
    if (said != NULL)
        should = strtoull(said + strlen("stored_eof = "), NULL, 10);
    if (strstr(message, "truncated file") != NULL && should > file->size)
        return slab_error_set(SLAB_ERR_FORMAT, __FILE__, __LINE__,
                              "'%s' is truncated: it has %" PRIu64 " bytes of %" PRIu64, file->path,
                              file->size, should);
    if (strstr(message, "already open for write") != NULL)
        return slab_error_set(SLAB_ERR_FORMAT, __FILE__, __LINE__,
                              "'%s' is marked as being written: if nothing writes it, 'h5clear -s' "
                              "takes the mark away",
                              file->path);
    return rc;
}

/* Lets HDF5 open the file as it is now. */
static slab_status open_state(slab_meta *m)
{
    slab_status rc = SLAB_OK;
    hid_t fapl = H5I_INVALID_HID;
    uint64_t superblock = 0;
    TRY(slab_meta_signature_check(m->file, &superblock));
    TRY(slab_driver_stamp(m->file, superblock));
    TRY(slab_driver_access(m->file, &fapl));
    m->id = H5Fopen(m->path, H5F_ACC_RDONLY, fapl);
    if (m->id < 0) {
        rc = slab_hdf5_error(SLAB_ERR_FORMAT, __FILE__, __LINE__, "cannot open '%s'", m->path);
        rc = open_failure(rc, m->file);
    }
done:
    slab_hdf5_close(&fapl);
    return rc;
}

slab_status slab_meta_enter(slab_meta *m)
{
    slab_status rc = slab_hdf5_enter();
    TRY(rc);
    TRY(slab_meta_refresh(m));
done:
    return rc;
}

slab_status slab_meta_refresh(slab_meta *m)
{
    slab_status rc = SLAB_OK;
    bool changed = false;
    slab_watch_file(m->path, m->file->size);
    if (m->file->writing)
        return SLAB_OK;
    TRY(slab_driver_lock(m->file, &changed));
    if (changed || m->id < 0) {
        slab_meta_array_forget(m);
        slab_hdf5_close(&m->id);
        m->states++;
        TRY(open_state(m));
    }
done:
    return rc;
}

void slab_meta_leave(slab_meta *m)
{
    if (!m->file->writing)
        slab_driver_unlock(m->file);
    slab_hdf5_leave();
}

int slab_meta_states(const slab_meta *meta)
{
    return meta->states;
}

bool slab_meta_is(const slab_meta *meta, int fd)
{
    struct stat a, b;
    return fstat(meta->file->fd, &a) == 0 && fstat(fd, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

slab_status slab_meta_open(const char *path, slab_meta **out)
{
    slab_status rc = SLAB_OK;
    slab_meta *m = NULL;
    bool changed;
    *out = NULL;
    TRY(slab_hdf5_enter());
    ALLOC(m, 1, "file");
    m->id = m->array = H5I_INVALID_HID;
    TRY(slab_memory_strdup(&m->path, path));
    TRY(slab_driver_open(path, false, false, &m->file));
    slab_watch_file(m->path, m->file->size);
    TRY(slab_driver_lock(m->file, &changed));
    TRY(open_state(m));
    slab_driver_unlock(m->file);
    *out = m;
    m = NULL;
done:
    slab_hdf5_leave();
    slab_meta_close(&m);
    return rc;
}

void slab_meta_close(slab_meta **meta)
{
    slab_meta *m = *meta;
    *meta = NULL;
    if (m == NULL)
        return;
    slab_error error = *slab_error_last();
    slab_hdf5_enter();
    if (m->file)
        slab_watch_file(m->path, m->file->size);
    slab_meta_array_forget(m);
    slab_hdf5_close(&m->id);
    slab_driver_close(&m->file);
    slab_hdf5_leave();
    slab_error_restore(&error);
    slab_memory_free(m->path);
    slab_memory_free(m);
}

/* --- objects --- */

static bool is_root(const char *path)
{
    return path[strspn(path, "/")] == '\0';
}

bool slab_meta_exists(slab_meta *meta, const char *path)
{
    return is_root(path) || H5Oexists_by_name(meta->id, path, H5P_DEFAULT) > 0;
}

static slab_status kind_of(const slab_meta *meta, hid_t place, const char *path, slab_object *out)
{
    slab_status rc = SLAB_OK;
#if H5_VERSION_GE(1, 12, 0)
    H5O_info2_t info;
    herr_t got = H5Oget_info_by_name3(place, path, &info, H5O_INFO_BASIC, H5P_DEFAULT);
#else
    H5O_info_t info;
    herr_t got = H5Oget_info_by_name2(place, path, &info, H5O_INFO_BASIC, H5P_DEFAULT);
#endif
    HDF5_REQUIRE(got >= 0, SLAB_ERR_FORMAT, "cannot look at '%s' of '%s'", path, meta->path);
    *out = info.type == H5O_TYPE_DATASET ? SLAB_OBJECT_ARRAY
           : info.type == H5O_TYPE_GROUP ? SLAB_OBJECT_GROUP
                                         : SLAB_OBJECT_TYPE;
done:
    return rc;
}

typedef struct name_list {
    char text[400];
    int n;
} name_list;

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
    name_list *list = context;
    size_t used = strlen(list->text);
    (void)group, (void)info;
    if (list->n++ == NAMES_SHOWN) {
        snprintf(list->text + used, sizeof list->text - used, ", ...");
        return 1;
    }
    snprintf(list->text + used, sizeof list->text - used, "%s%.40s", used > 0 ? ", " : "", name);
    return 0;
}

static slab_status link_target(const slab_meta *meta, hid_t place, const char *name,
                               const H5L_info_t *info, char **out);

/* A link on the way, right below the deepest group that is there, leads nowhere: says where to.
 * Returns SLAB_OK when there is none. */
static slab_status broken_link(slab_meta *meta, const char *path, const char *above)
{
    slab_status rc = SLAB_OK;
    char *way = NULL, *target = NULL;
    H5L_info_t info;
    size_t n = strlen(above);
    const slab_error why = *slab_driver_error();
    while (path[n] == '/')
        n++;
    n += strcspn(path + n, "/");
    ALLOC(way, n + 1, "path");
    memcpy(way, path, n);
    if (is_root(way) || H5Lget_info(meta->id, way, &info, H5P_DEFAULT) < 0 ||
        (info.type != H5L_TYPE_SOFT && info.type != H5L_TYPE_EXTERNAL))
        goto done;
    TRY(link_target(meta, meta->id, way, &info, &target));
    REQUIRE(why.code == SLAB_OK, SLAB_ERR_NOT_FOUND,
            "no '%s' in '%s': '%s' is a link to '%s', which cannot be followed: %s", path,
            meta->path, way, target, why.message);
    FAIL(SLAB_ERR_NOT_FOUND, "no '%s' in '%s': '%s' is a link to '%s', where there is nothing",
         path, meta->path, way, target);
done:
    slab_memory_free(way);
    slab_memory_free(target);
    return rc;
}

/* What is not there may be what could not be read beside a commit, or in a file that is held. */
static slab_status check_absent(slab_meta *meta)
{
    slab_status rc = SLAB_OK;
    if (!meta->file->writing)
        TRY(slab_driver_undisturbed(meta->file));
    if (slab_driver_error()->code == SLAB_ERR_LOCKED) /* nor could the file a link leads to */
        TRY(slab_error_restore(slab_driver_error()));
done:
    return rc;
}

slab_status slab_meta_not_found(slab_meta *meta, const char *path)
{
    slab_status rc = SLAB_OK;
    char *above = NULL;
    name_list names = {{0}, 0};
    slab_object kind = SLAB_OBJECT_GROUP;
    TRY(slab_memory_strdup(&above, path[0] != '\0' ? path : "/"));
    /* The deepest group on the way that is there. */
    do {
        char *slash = strrchr(above, '/');
        if (slash != NULL)
            *slash = '\0';
        else
            above[0] = '\0';
    } while (!is_root(above) && !slab_meta_exists(meta, above));
    if (!is_root(above))
        TRY(kind_of(meta, meta->id, above, &kind));
    REQUIRE(kind == SLAB_OBJECT_GROUP, SLAB_ERR_NOT_FOUND, "no '%s' in '%s': '%s' is an array",
            path, meta->path, above);
    H5Literate_by_name(meta->id, is_root(above) ? "/" : above, H5_INDEX_NAME, H5_ITER_INC, NULL,
                       add_name, &names, H5P_DEFAULT);
    TRY(check_absent(meta));
    TRY(broken_link(meta, path, above));
    if (names.n == 0)
        FAIL(SLAB_ERR_NOT_FOUND, "no '%s' in '%s': '%s' is empty", path, meta->path,
             is_root(above) ? "/" : above);
    FAIL(SLAB_ERR_NOT_FOUND, "no '%s' in '%s': '%s' holds %s", path, meta->path,
         is_root(above) ? "/" : above, names.text);
done:
    slab_memory_free(above);
    return rc;
}

void slab_meta_array_forget(slab_meta *meta)
{
    slab_hdf5_close(&meta->array);
    FREE(meta->array_path);
    meta->array_ready = false;
}

slab_status slab_meta_array(slab_meta *meta, const char *path, hid_t *array)
{
    slab_status rc = SLAB_OK;
    slab_object kind;
    *array = H5I_INVALID_HID;
    slab_watch_object(path);
    if (meta->array >= 0 && strcmp(meta->array_path, path) == 0) {
        *array = meta->array;
        return SLAB_OK;
    }
    slab_meta_array_forget(meta);
    if (!slab_meta_exists(meta, path))
        return slab_meta_not_found(meta, path);
    TRY(kind_of(meta, meta->id, is_root(path) ? "/" : path, &kind));
    REQUIRE(kind == SLAB_OBJECT_ARRAY, SLAB_ERR_TYPE, "'%s' in '%s' is %s, not an array", path,
            meta->path, kind == SLAB_OBJECT_GROUP ? "a group" : "a named type");
    TRY(slab_memory_strdup(&meta->array_path, path));
    meta->array = H5Dopen2(meta->id, path, H5P_DEFAULT);
    HDF5_REQUIRE(meta->array >= 0, SLAB_ERR_FORMAT, "cannot open array '%s' of '%s'", path,
                 meta->path);
    *array = meta->array;
done:
    if (rc != SLAB_OK)
        FREE(meta->array_path);
    return rc;
}

/* --- links --- */

typedef struct found_object {
    char *path;
    char *target;
    slab_object kind;
} found_object;

typedef struct listing {
    slab_meta *meta;
    const char *above; /* the group's path, no slash at its end */
    found_object *found;
    size_t n, room;
    slab_status rc;
} listing;

static void listing_clear(listing *l)
{
    for (size_t i = 0; i < l->n; i++) {
        slab_memory_free(l->found[i].path);
        slab_memory_free(l->found[i].target);
    }
    FREE(l->found);
}

/* Where a soft or external link points: "/path" or "file:/path". */
static slab_status link_target(const slab_meta *meta, hid_t place, const char *name,
                               const H5L_info_t *info, char **out)
{
    slab_status rc = SLAB_OK;
    char *value = NULL;
    const char *file = NULL, *object = NULL;
    size_t size = info->u.val_size;
    *out = NULL;
    ALLOC(value, size + 1, "link");
    HDF5_REQUIRE(H5Lget_val(place, name, value, size, H5P_DEFAULT) >= 0, SLAB_ERR_FORMAT,
                 "cannot read link '%s' of '%s'", name, meta->path);
    if (info->type == H5L_TYPE_SOFT) {
        *out = value;
        value = NULL;
    } else {
        unsigned flags;
        HDF5_REQUIRE(H5Lunpack_elink_val(value, size, &flags, &file, &object) >= 0, SLAB_ERR_FORMAT,
                     "cannot read link '%s' of '%s'", name, meta->path);
        size_t room = strlen(file) + strlen(object) + 2;
        ALLOC(*out, room, "link");
        snprintf(*out, room, "%s:%s", file, object);
    }
done:
    slab_memory_free(value);
    return rc;
}

static slab_status link_look(const slab_meta *meta, hid_t place, const char *name,
                             const H5L_info_t *info, found_object *found)
{
    slab_status rc = SLAB_OK;
    if (info->type == H5L_TYPE_HARD) {
        TRY(kind_of(meta, place, name, &found->kind));
    } else {
        found->kind =
            info->type == H5L_TYPE_SOFT ? SLAB_OBJECT_SOFT_LINK : SLAB_OBJECT_EXTERNAL_LINK;
        if (info->type == H5L_TYPE_SOFT || info->type == H5L_TYPE_EXTERNAL)
            TRY(link_target(meta, place, name, info, &found->target));
        else
            TRY(slab_memory_strdup(&found->target, "?"));
    }
done:
    return rc;
}

/* HDF5 takes any bytes for a link's name when it reads them; by path, one that is empty or "." can
 * never be asked for again, and means something else. */
static bool is_reachable(const char *name)
{
    for (;;) {
        size_t n = strcspn(name, "/");
        if (n == 0 || (n == 1 && *name == '.'))
            return false;
        if (name[n] == '\0')
            return true;
        name += n + 1;
    }
}

static slab_status listing_add(listing *l, hid_t group, const char *name, const H5L_info_t *info)
{
    slab_status rc = SLAB_OK;
    REQUIRE(is_reachable(name), SLAB_ERR_FORMAT,
            "group '%s' of '%s' is damaged: a link in or below it has a name that no path can have",
            *l->above ? l->above : "/", l->meta->path);
    if (l->n == l->room) {
        size_t room = l->room == 0 ? 16 : 2 * l->room;
        TRY(slab_memory_resize((void **)&l->found, room, sizeof *l->found, "list of objects"));
        l->room = room;
    }
    found_object *f = &l->found[l->n];
    *f = (found_object){0};
    size_t room = strlen(l->above) + strlen(name) + 2;
    ALLOC(f->path, room, "path");
    l->n++;
    snprintf(f->path, room, "%s/%s", l->above, name);
    TRY(link_look(l->meta, group, name, info, f));
done:
    return rc;
}

static herr_t on_link(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
    listing *l = context;
    l->rc = listing_add(l, group, name, info);
    return l->rc == SLAB_OK ? 0 : -1;
}

/* By name, with what lies in a group straight behind it: "/a/b" comes before "/a-b". */
static int by_path(const void *a, const void *b)
{
    const char *x = ((const found_object *)a)->path, *y = ((const found_object *)b)->path;
    while (*x != '\0' && *x == *y)
        x++, y++;
    int p = *x == '/' ? 1 : (unsigned char)*x, q = *y == '/' ? 1 : (unsigned char)*y;
    return p < q ? -1 : p > q;
}

/* In native order, and sorted here: to give them by name HDF5 1.10 makes a table, and frees what is
 * not there yet when it finds the group damaged. */
static slab_status list_group(slab_meta *meta, const char *path, bool recursive, listing *l)
{
    slab_status rc = SLAB_OK;
    herr_t got = recursive ? H5Lvisit_by_name(meta->id, path, H5_INDEX_NAME, H5_ITER_NATIVE,
                                              on_link, l, H5P_DEFAULT)
                           : H5Literate_by_name(meta->id, path, H5_INDEX_NAME, H5_ITER_NATIVE, NULL,
                                                on_link, l, H5P_DEFAULT);
    TRY(l->rc);
    HDF5_REQUIRE(got >= 0, SLAB_ERR_FORMAT, "cannot list '%s' of '%s'", path, meta->path);
    if (l->n > 1)
        qsort(l->found, l->n, sizeof *l->found, by_path);
done:
    return rc;
}

/* To HDF5 what cannot be read is not there either. So what does not seem to be there is looked for
 * once more, step by step: that it is absent is known where a step could be read and is not there,
 * leads nowhere, or is no group. */
static slab_status look_again(const slab_meta *meta, const char *path, bool *there)
{
    slab_status rc = SLAB_OK;
    char *part = NULL;
    slab_object kind = SLAB_OBJECT_GROUP;
    size_t n = strlen(path);
    *there = false;
    TRY(slab_memory_strdup(&part, path));
    for (size_t i = strspn(path, "/"); i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        part[i] = '\0';
        htri_t link = kind == SLAB_OBJECT_GROUP ? H5Lexists(meta->id, part, H5P_DEFAULT) : 0;
        HDF5_REQUIRE(link >= 0, SLAB_ERR_FORMAT, "cannot look for '%s' in '%s'", part, meta->path);
        if (link == 0)
            goto done;
        if (H5Oexists_by_name(meta->id, part, H5P_DEFAULT) <= 0) {
            H5L_info_t info;
            herr_t got = H5Lget_info(meta->id, part, &info, H5P_DEFAULT);
            HDF5_REQUIRE(got >= 0 && info.type != H5L_TYPE_HARD, SLAB_ERR_FORMAT,
                         "cannot open '%s' of '%s'", part, meta->path);
            goto done;
        }
        TRY(kind_of(meta, meta->id, part, &kind));
        part[i] = path[i];
    }
    *there = true;
done:
    slab_memory_free(part);
    return rc;
}

/* What stands at a path, if anything; a link that leads nowhere stands for itself. */
static slab_status object_find(slab_meta *meta, const char *path, found_object *found, bool *there)
{
    slab_status rc = SLAB_OK;
    H5L_info_t info;
    *found = (found_object){.kind = SLAB_OBJECT_GROUP};
    slab_watch_object(path);
    *there = slab_meta_exists(meta, path);
    if (!*there)
        TRY(look_again(meta, path, there));
    if (*there)
        TRY(kind_of(meta, meta->id, is_root(path) ? "/" : path, &found->kind));
    else if ((*there = H5Lget_info(meta->id, path, &info, H5P_DEFAULT) >= 0))
        TRY(link_look(meta, meta->id, path, &info, found));
done:
    return rc;
}

static slab_status object_at(slab_meta *meta, const char *path, found_object *found)
{
    slab_status rc = SLAB_OK;
    bool there;
    TRY(object_find(meta, path, found, &there));
    if (!there)
        rc = slab_meta_not_found(meta, path);
done:
    return rc;
}

/* The path without slashes at its end, and with one at its front; the root is "". */
static slab_status path_tidy(const char *path, char **out)
{
    slab_status rc = SLAB_OK;
    size_t n = strlen(path), front = path[0] == '/' ? 0 : 1;
    while (n > 0 && path[n - 1] == '/')
        n--;
    *out = NULL;
    ALLOC(*out, n + 2, "path");
    if (n > 0) {
        (*out)[0] = '/';
        memcpy(*out + front, path, n);
    }
done:
    return rc;
}

slab_status slab_meta_list(slab_meta *meta, const char *path, bool recursive, slab_file_visit visit,
                           void *context)
{
    slab_status rc = SLAB_OK;
    char *tidy = NULL;
    found_object self = {0};
    listing l = {0};
    TRY(slab_meta_enter(meta));
    TRY(path_tidy(path, &tidy));
    l.meta = meta;
    l.above = tidy;
    TRY(object_at(meta, tidy, &self));
    if (self.kind == SLAB_OBJECT_GROUP)
        TRY(list_group(meta, tidy[0] != '\0' ? tidy : "/", recursive, &l));
done:
    slab_meta_leave(meta);
    /* Outside of the lock: visit may ask for more. */
    if (rc == SLAB_OK && self.kind != SLAB_OBJECT_GROUP)
        rc = visit(context, tidy, self.kind, self.target);
    for (size_t i = 0; rc == SLAB_OK && i < l.n; i++)
        rc = visit(context, l.found[i].path, l.found[i].kind, l.found[i].target);
    listing_clear(&l);
    slab_memory_free(self.target);
    slab_memory_free(tidy);
    return rc;
}

slab_status slab_meta_find(slab_meta *meta, const char *path, slab_object *out, bool *there)
{
    slab_status rc = SLAB_OK;
    found_object self = {0};
    TRY(slab_meta_enter(meta));
    TRY(object_find(meta, path, &self, there));
    if (!*there)
        TRY(check_absent(meta));
    *out = self.kind;
done:
    slab_memory_free(self.target);
    slab_meta_leave(meta);
    return rc;
}

slab_status slab_meta_object(slab_meta *meta, const char *path, slab_object *out)
{
    slab_status rc = SLAB_OK;
    found_object self = {0};
    TRY(slab_meta_enter(meta));
    TRY(object_at(meta, path, &self));
    *out = self.kind;
done:
    slab_memory_free(self.target);
    slab_meta_leave(meta);
    return rc;
}

/*
 * HDF5 tells nobody what it reads of other files. So the way there is gone before it goes: every
 * source is opened, and where it is a view itself, or lies in external storage, so on.
 *
 * External storage is any file at all, named by whoever made the HDF5 file. It is read where it
 * lies below the folder of the HDF5 file or below HDF5_EXTFILE_PREFIX, and said; elsewhere it is an
 * error. A file from elsewhere must not carry a file of the user's into a result.
 */
#include <slab/storage/hdf5/outside_impl.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <slab/storage/base/digest.h>
#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/watch.h>
#include <slab/storage/hdf5/occupied_impl.h>

enum { LEVELS = 16, NAME_MAX_BYTES = 4096 };

typedef struct walk {
    slab_meta *meta;
    const char *path; /* of the array where it begins */
    bool checks;      /* what is missing is an error; else there is only the digest */
    slab_hash files;  /* that were met: names, sizes, times */
    uint64_t *done;   /* [room] sources that were looked at, by hash; 0: free */
    size_t ndone, room;
    uint64_t above[LEVELS]; /* the views that the walk is inside of */
    int depth;
    bool said;
} walk;

static slab_status look_at(walk *w, hid_t array);

static void note_file(walk *w, const char *path, const struct stat *st)
{
    slab_hash_text(&w->files, path);
    slab_hash_number(&w->files, (uint64_t)st->st_ino);
    slab_hash_number(&w->files, (uint64_t)st->st_size);
    slab_hash_number(&w->files, (uint64_t)st->st_mtim.tv_sec);
    slab_hash_number(&w->files, (uint64_t)st->st_mtim.tv_nsec);
}

/* --- sources of views --- */

static slab_status done_add(walk *w, uint64_t key, bool *was)
{
    slab_status rc = SLAB_OK;
    uint64_t *old = w->done;
    size_t n = w->room;
    key += key == 0;
    *was = false;
    if (2 * w->ndone >= w->room) {
        w->done = NULL;
        rc = slab_memory_alloc((void **)&w->done, n > 0 ? 2 * n : 64, sizeof *w->done,
                               "a list of sources");
        if (rc != SLAB_OK)
            w->done = old;
        TRY(rc);
        w->room = n > 0 ? 2 * n : 64;
        w->ndone = 0;
        for (size_t i = 0; i < n; i++)
            if (old[i] != 0)
                TRY(done_add(w, old[i], was));
        slab_memory_free(old);
    }
    size_t at = key & (w->room - 1);
    while (w->done[at] != 0 && w->done[at] != key)
        at = (at + 1) & (w->room - 1);
    *was = w->done[at] == key;
    w->ndone += !*was;
    w->done[at] = key;
done:
    return rc;
}

/* The source `object` of a file that is open as `place`. */
static slab_status look_at_source(walk *w, hid_t place, const char *path, const char *object,
                                  bool *found)
{
    slab_status rc = SLAB_OK;
    hid_t array = H5I_INVALID_HID;
    *found = H5Oexists_by_name(place, object, H5P_DEFAULT) > 0;
    if (!*found)
        goto done;
    array = H5Dopen2(place, object, H5P_DEFAULT);
    HDF5_REQUIRE(array >= 0, SLAB_ERR_FORMAT, "its source '%s' in '%s' cannot be opened", object,
                 path);
    rc = look_at(w, array);
    if (rc != SLAB_OK && w->depth == 1) /* one name does: what it says is of the innermost view */
        rc = slab_error_prefix(rc, "its source '%s' in '%s'", object, path);
done:
    slab_hdf5_close(&array);
    return rc;
}

/* In the file at path, or (path is that of the view) in the view's own. */
static slab_status look_in_file(walk *w, hid_t view, const char *path, bool own, const char *object,
                                bool *found)
{
    slab_status rc = SLAB_OK;
    struct stat st;
    slab_hash key;
    bool was;
    char *absolute = NULL;
    hid_t fapl = H5I_INVALID_HID, file = H5I_INVALID_HID;
    if (stat(path, &st) != 0)
        FAIL_ERRNO("cannot look at its source file '%s'", path);
    TRY(slab_outside_joined("/", object[0] == '/' ? 0 : 1, object, &absolute));
    slab_hash_begin(&key);
    slab_hash_number(&key, (uint64_t)st.st_dev);
    slab_hash_number(&key, (uint64_t)st.st_ino);
    slab_hash_text(&key, absolute);
    TRY(done_add(w, slab_hash_end(&key).low, &was));
    *found = was;
    if (was)
        goto done;
    note_file(w, path, &st);
    if (!own) {
        TRY(slab_driver_access(w->meta->file, &fapl));
        file = H5Fopen(path, H5F_ACC_RDONLY, fapl);
        HDF5_REQUIRE(file >= 0, SLAB_ERR_FORMAT, "its source file '%s' cannot be opened", path);
    }
    TRY(look_at_source(w, own ? view : file, path, absolute, found));
done:
    slab_hdf5_close(&file);
    slab_hdf5_close(&fapl);
    slab_memory_free(absolute);
    return rc;
}

/* A source by the names that the view has for it, as they are spelt. */
static slab_status look_by_name(walk *w, hid_t view, const char *main_path, const char *file,
                                const char *object, bool must, bool *found)
{
    slab_status rc = SLAB_OK;
    char *path = NULL;
    bool own = strcmp(file, ".") == 0;
    *found = false;
    if (own)
        TRY(slab_memory_strdup(&path, main_path));
    else
        TRY(slab_outside_source(main_path, file, &path));
    REQUIRE(path != NULL || !must, SLAB_ERR_NOT_FOUND, "its source file '%s' is missing", file);
    if (path == NULL)
        goto done;
    TRY(look_in_file(w, view, path, own, object, found));
    REQUIRE(*found || !must, SLAB_ERR_NOT_FOUND, "its source '%s' is missing in %s%s%s", object,
            own ? "the file" : "'", own ? "" : path, own ? "" : "'");
done:
    slab_memory_free(path);
    return rc;
}

/* Names with %b stand for as many sources as there are: HDF5 stops at the first that is missing. */
static slab_status look_at_mapping(walk *w, hid_t view, const char *main_path, const char *file,
                                   const char *object)
{
    slab_status rc = SLAB_OK;
    char *file_name = NULL, *object_name = NULL;
    bool numbered = false, found = true;
    for (int64_t block = 0; found && (block == 0 || numbered); block++) {
        slab_watch_step();
        TRY(slab_outside_spell(file, block, &file_name, &numbered));
        TRY(slab_outside_spell(object, block, &object_name, &numbered));
        rc = look_by_name(w, view, main_path, file_name, object_name, !numbered, &found);
        if (rc != SLAB_OK && !w->checks && rc != SLAB_ERR_MEMORY) {
            slab_error_clear();
            rc = SLAB_OK;
        }
        TRY(rc);
        FREE(file_name);
        FREE(object_name);
    }
done:
    slab_memory_free(file_name);
    slab_memory_free(object_name);
    return rc;
}

static slab_status look_at_view(walk *w, hid_t view, hid_t dcpl, const char *main_path)
{
    slab_status rc = SLAB_OK;
    size_t n = 0;
    char *file = NULL, *object = NULL;
    HDF5_REQUIRE(H5Pget_virtual_count(dcpl, &n) >= 0, SLAB_ERR_FORMAT,
                 "its sources are unreadable");
    for (size_t i = 0; i < n; i++) {
        ssize_t file_size = H5Pget_virtual_filename(dcpl, i, NULL, 0);
        ssize_t object_size = H5Pget_virtual_dsetname(dcpl, i, NULL, 0);
        HDF5_REQUIRE(file_size >= 0 && object_size >= 0, SLAB_ERR_FORMAT,
                     "its sources are unreadable");
        ALLOC(file, file_size + 1, "name of a source");
        ALLOC(object, object_size + 1, "name of a source");
        HDF5_REQUIRE(H5Pget_virtual_filename(dcpl, i, file, (size_t)file_size + 1) >= 0 &&
                         H5Pget_virtual_dsetname(dcpl, i, object, (size_t)object_size + 1) >= 0,
                     SLAB_ERR_FORMAT, "its sources are unreadable");
        TRY(look_at_mapping(w, view, main_path, file, object));
        FREE(file);
        FREE(object);
    }
done:
    slab_memory_free(file);
    slab_memory_free(object);
    return rc;
}

/* --- external storage --- */

static slab_status external_file(walk *w, const char *name, const char *main_path, uint64_t offset,
                                 uint64_t bytes)
{
    slab_status rc = SLAB_OK;
    char *prefix = NULL, *path = NULL;
    const char *variable = "HDF5_EXTFILE_PREFIX";
    struct stat st;
    bool may;
    TRY(slab_outside_prefix(variable, main_path, &prefix));
    TRY(slab_outside_joined(prefix != NULL ? prefix : "",
                            prefix != NULL && name[0] != '/' ? strlen(prefix) : 0, name, &path));
    if (stat(path, &st) != 0)
        FAIL_ERRNO("cannot open '%s', in which its elements lie (external storage)", path);
    note_file(w, path, &st);
    REQUIRE(S_ISREG(st.st_mode), SLAB_ERR_FORMAT,
            "its elements are said to lie in '%s' (external storage), which is not a regular file",
            path);
    TRY(slab_outside_may_read(path, main_path, prefix, &may));
    REQUIRE(
        may, SLAB_ERR_UNSUPPORTED,
        "its elements are said to lie in '%s' (external storage), which is not below the folder "
        "of '%s': if it may be read, set %s to a folder above it",
        path, main_path, variable);
    REQUIRE(offset <= (uint64_t)st.st_size && bytes <= (uint64_t)st.st_size - offset,
            SLAB_ERR_FORMAT,
            "its elements are said to lie in '%s' (external storage), %" PRIu64 " bytes at %" PRIu64
            ", but that has %" PRId64,
            path, bytes, offset, (int64_t)st.st_size);
    if (w->checks && !w->said)
        slab_log(SLAB_LOG_NOTE, "'%s:%s' takes elements from '%s' (external storage)",
                 w->meta->path, w->path, path);
    w->said = true;
done:
    slab_memory_free(prefix);
    slab_memory_free(path);
    return rc;
}

static slab_status elements_bytes(hid_t array, uint64_t *out)
{
    slab_status rc = SLAB_OK;
    hid_t space = H5Dget_space(array), type = H5Dget_type(array);
    size_t bytes;
    HDF5_REQUIRE(space >= 0 && type >= 0, SLAB_ERR_FORMAT, "its header is unreadable");
    hssize_t n = H5Sget_simple_extent_npoints(space);
    HDF5_REQUIRE(n >= 0, SLAB_ERR_FORMAT, "its shape is unreadable");
    TRY(slab_size_multiply((size_t)n, H5Tget_size(type), &bytes));
    *out = bytes;
done:
    slab_hdf5_close(&space);
    slab_hdf5_close(&type);
    return rc;
}

static slab_status look_at_external(walk *w, hid_t array, hid_t dcpl, const char *main_path)
{
    slab_status rc = SLAB_OK;
    char name[NAME_MAX_BYTES];
    uint64_t left;
    int n = H5Pget_external_count(dcpl);
    TRY(elements_bytes(array, &left));
    for (int i = 0; i < n && left > 0; i++) {
        off_t offset = 0;
        hsize_t size = 0;
        memset(name, 0, sizeof name);
        HDF5_REQUIRE(H5Pget_external(dcpl, (unsigned)i, sizeof name, name, &offset, &size) >= 0,
                     SLAB_ERR_FORMAT, "its files are unreadable");
        REQUIRE(name[sizeof name - 1] == '\0' && offset >= 0, SLAB_ERR_FORMAT,
                "its external storage makes no sense");
        uint64_t bytes = size < left ? size : left;
        rc = external_file(w, name, main_path, (uint64_t)offset, bytes);
        if (rc != SLAB_OK && !w->checks && rc != SLAB_ERR_MEMORY) {
            slab_error_clear();
            rc = SLAB_OK;
        }
        TRY(rc);
        left -= bytes;
    }
done:
    return rc;
}

/* --- any array --- */

/* HDF5 does not see that the header of a damaged file holds fewer elements than the shape says. */
static slab_status look_at_compact(hid_t array)
{
    slab_status rc = SLAB_OK;
    uint64_t bytes;
    TRY(elements_bytes(array, &bytes));
    REQUIRE(H5Dget_storage_size(array) >= bytes, SLAB_ERR_FORMAT,
            "its header holds fewer elements than its shape says");
done:
    return rc;
}

/* Which array it is, among all of all files. */
static slab_status identity_of(hid_t array, const char *file, uint64_t *out)
{
    slab_status rc = SLAB_OK;
    slab_hash key;
    uint64_t address;
    struct stat st;
    TRY(slab_hdf5_key(array, ".", &address));
    if (stat(file, &st) != 0)
        FAIL_ERRNO("cannot look at '%s'", file);
    slab_hash_begin(&key);
    slab_hash_number(&key, (uint64_t)st.st_dev);
    slab_hash_number(&key, (uint64_t)st.st_ino);
    slab_hash_number(&key, address);
    *out = slab_hash_end(&key).low;
done:
    return rc;
}

static slab_status enter_view(walk *w, hid_t array, hid_t dcpl, const char *file)
{
    slab_status rc = SLAB_OK;
    uint64_t self;
    TRY(identity_of(array, file, &self));
    for (int i = 0; i < w->depth; i++)
        REQUIRE(w->above[i] != self, SLAB_ERR_FORMAT, "it is a view of itself");
    REQUIRE(w->depth < LEVELS, SLAB_ERR_UNSUPPORTED, "it is a view of views, more than %d deep",
            LEVELS);
    w->above[w->depth++] = self;
    rc = look_at_view(w, array, dcpl, file);
    w->depth--;
done:
    return rc;
}

static slab_status look_at(walk *w, hid_t array)
{
    slab_status rc = SLAB_OK;
    char *file = NULL;
    hid_t dcpl = H5Dget_create_plist(array);
    HDF5_REQUIRE(dcpl >= 0, SLAB_ERR_FORMAT, "its header is unreadable");
    H5D_layout_t layout = H5Pget_layout(dcpl);
    if (layout == H5D_COMPACT)
        TRY(look_at_compact(array));
    if (layout == H5D_CHUNKED || layout == H5D_COMPACT)
        goto done;
    TRY(slab_hdf5_file_name(array, &file));
    if (layout == H5D_VIRTUAL)
        TRY(enter_view(w, array, dcpl, file));
    else if (H5Pget_external_count(dcpl) > 0)
        TRY(look_at_external(w, array, dcpl, file));
done:
    slab_memory_free(file);
    slab_hdf5_close(&dcpl);
    return rc;
}

slab_status slab_outside_check(slab_meta *meta, const char *path, hid_t array)
{
    walk w = {.meta = meta, .path = path, .checks = true};
    slab_hash_begin(&w.files);
    slab_status rc = look_at(&w, array);
    slab_memory_free(w.done);
    return rc;
}

static slab_status digest_of(walk *w, hid_t array)
{
    slab_status rc = SLAB_OK;
    char *file = NULL;
    struct stat st;
    bool elsewhere;
    TRY(slab_hdf5_is_elsewhere(w->meta->id, w->path, &elsewhere));
    if (elsewhere) {
        TRY(slab_hdf5_file_name(array, &file));
        if (stat(file, &st) != 0)
            FAIL_ERRNO("cannot look at '%s'", file);
        note_file(w, file, &st);
    }
    TRY(look_at(w, array));
done:
    slab_memory_free(file);
    return rc;
}

slab_status slab_meta_outside_digest(slab_meta *meta, const char *path, uint64_t *out)
{
    slab_status rc = SLAB_OK;
    walk w = {.meta = meta, .path = path};
    hid_t array;
    slab_hash_begin(&w.files);
    TRY(slab_meta_enter(meta));
    TRY(slab_meta_array(meta, path, &array));
    TRY_SAYING(digest_of(&w, array), "array '%s' of '%s'", path, meta->path);
    *out = slab_hash_end(&w.files).low;
done:
    slab_memory_free(w.done);
    slab_meta_leave(meta);
    return rc;
}

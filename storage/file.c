/*
 * An open file: one rank reads the metadata and tells the others, who open the metadata plane only
 * when something local to them needs it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/hdf5/journal.h>

#include "array_impl.h"

bool slab_file_leads(const slab_file *file)
{
    return slab_ranks_me(file->ranks) == 0;
}

slab_status slab_file_meta(slab_file *file, slab_meta **out)
{
    slab_status rc = SLAB_OK;
    pthread_mutex_lock(&file->lock);
    if (!file->meta) {
        TRY(slab_meta_open(file->path, &file->meta));
        if (!slab_meta_is(file->meta, file->fd)) {
            slab_meta_close(&file->meta);
            FAIL(SLAB_ERR_LOCKED,
                 "another file has become '%s' while it was opened: run the command "
                 "again",
                 file->path);
        }
    }
done:
    *out = file->meta;
    pthread_mutex_unlock(&file->lock);
    return rc;
}

static slab_status recover(const char *path)
{
    slab_status rc = SLAB_OK;
    char did[SLAB_MESSAGE_MAX] = "";
    TRY(slab_journal_recover(path, did));
    if (*did)
        slab_log(SLAB_LOG_WARN, "%s: %s", path, did);
done:
    return rc;
}

static slab_status open_here(slab_file *file)
{
    slab_status rc = SLAB_OK;
    slab_meta *meta;
    if (slab_file_leads(file))
        TRY(recover(file->path));
    file->fd = open(file->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a pipe: no wait for it */
    if (file->fd < 0)
        FAIL_ERRNO("cannot open '%s'", file->path);
    if (slab_file_leads(file))
        TRY(slab_file_meta(file, &meta));
done:
    return rc;
}

/* Chunks lie where rank 0 finds them: a copy on another node's own disk will do, an older or half
 * one would give other numbers. */
static slab_status check_alike(const slab_file *file)
{
    slab_status rc = SLAB_OK;
    struct stat s = {0};
    if (slab_ranks_count(file->ranks) == 1)
        return SLAB_OK;
    if (fstat(file->fd, &s) != 0)
        rc = slab_error_errno(__FILE__, __LINE__, errno, "cannot look at '%s'", file->path);
    TRY(slab_ranks_agree(file->ranks, rc));
    int64_t size = s.st_size;
    TRY(slab_ranks_broadcast(file->ranks, &size, sizeof size, 0));
    if (s.st_size < size)
        rc = slab_error_set(SLAB_ERR_FORMAT, __FILE__, __LINE__,
                            "'%s' is not the same file on all ranks: %" PRId64
                            " bytes here, and %" PRId64 " on rank 0",
                            file->path, (int64_t)s.st_size, size);
    TRY(slab_ranks_agree(file->ranks, rc));
done:
    return rc;
}

slab_status slab_file_open(slab_ranks *ranks, const char *path, slab_file **out)
{
    slab_status rc = SLAB_OK;
    slab_file *file = NULL;
    *out = NULL;
    rc = slab_memory_alloc((void **)&file, 1, sizeof *file, "a file");
    if (rc == SLAB_OK) {
        pthread_mutex_init(&file->lock, NULL);
        file->ranks = ranks;
        file->fd = -1;
        rc = slab_memory_strdup(&file->path, path);
    }
    if (rc == SLAB_OK)
        rc = open_here(file);
    TRY(slab_ranks_agree(ranks, rc));
    TRY(check_alike(file));
    *out = file;
    file = NULL;
done:
    slab_file_close(&file);
    return rc;
}

void slab_file_close(slab_file **file)
{
    slab_file *f = *file;
    *file = NULL;
    if (!f)
        return;
    for (slab_array *a = f->arrays; a; a = a->next) /* they may be closed after it */
        a->file = NULL;
    slab_meta_close(&f->meta);
    if (f->fd >= 0)
        close(f->fd);
    pthread_mutex_destroy(&f->lock);
    FREE(f->path);
    FREE(f);
}

const char *slab_file_path(const slab_file *file)
{
    return file->path;
}

slab_ranks *slab_file_ranks(const slab_file *file)
{
    return file->ranks;
}

slab_status slab_file_list(slab_file *file, const char *path, bool recursive, slab_file_visit visit,
                           void *context)
{
    slab_status rc = SLAB_OK;
    slab_meta *meta;
    TRY(slab_file_meta(file, &meta));
    TRY(slab_meta_list(meta, path, recursive, visit, context));
done:
    return rc;
}

slab_status slab_file_object(slab_file *file, const char *path, slab_object *out)
{
    slab_status rc = SLAB_OK;
    slab_meta *meta;
    TRY(slab_file_meta(file, &meta));
    TRY(slab_meta_object(meta, path, out));
done:
    return rc;
}

slab_status slab_file_find(slab_file *file, const char *path, slab_object *out, bool *there)
{
    slab_status rc = SLAB_OK;
    struct {
        slab_object object;
        bool there;
    } found = {0};
    if (slab_file_leads(file)) {
        slab_meta *meta;
        rc = slab_file_meta(file, &meta);
        if (rc == SLAB_OK)
            rc = slab_meta_find(meta, path, &found.object, &found.there);
    }
    TRY(slab_ranks_agree(file->ranks, rc));
    TRY(slab_ranks_broadcast(file->ranks, &found, sizeof found, 0));
    *out = found.object;
    *there = found.there;
done:
    return rc;
}

slab_status slab_file_link(slab_file *file, const char *path, slab_object *out)
{
    slab_status rc = SLAB_OK;
    slab_meta *meta;
    TRY(slab_file_meta(file, &meta));
    TRY(slab_meta_link(meta, path, out));
done:
    return rc;
}

slab_status slab_file_occupied(slab_file *file, const char *const *paths, int n, int64_t *objects,
                               uint64_t *bytes)
{
    slab_status rc = SLAB_OK;
    slab_meta *meta;
    TRY(slab_file_meta(file, &meta));
    TRY(slab_meta_occupied(meta, paths, n, objects, bytes));
done:
    return rc;
}

slab_status slab_file_attribute_equal(slab_file *a, const char *path_a, slab_file *b,
                                      const char *path_b, const char *name, bool *same)
{
    slab_status rc = SLAB_OK;
    slab_meta *x, *y;
    TRY(slab_file_meta(a, &x));
    TRY(slab_file_meta(b, &y));
    TRY(slab_meta_attribute_equal(x, path_a, y, path_b, name, same));
done:
    return rc;
}

slab_status slab_file_elements_equal(slab_file *a, const char *path_a, slab_file *b,
                                     const char *path_b, slab_unequal *out)
{
    slab_status rc = SLAB_OK;
    slab_meta *x, *y;
    TRY(slab_file_meta(a, &x));
    TRY(slab_file_meta(b, &y));
    TRY(slab_meta_elements_equal(x, path_a, y, path_b, out));
done:
    return rc;
}

slab_status slab_file_types_equal(slab_file *a, const char *path_a, slab_file *b,
                                  const char *path_b, bool *same)
{
    slab_status rc = SLAB_OK;
    slab_meta *x, *y;
    TRY(slab_file_meta(a, &x));
    TRY(slab_file_meta(b, &y));
    TRY(slab_meta_types_equal(x, path_a, y, path_b, same));
done:
    return rc;
}

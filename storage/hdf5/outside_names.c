/*
 * Where HDF5 looks for the other files that an array names, and which of them may be read.
 */
#include <slab/storage/hdf5/outside_impl.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <slab/storage/base/memory.h>

/* The folder of a file, slash included; "" when it has none. */
static int folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (int)(slash - path) + 1 : 0;
}

slab_status slab_outside_prefix(const char *variable, const char *main_path, char **out)
{
    static const char origin[] = "${ORIGIN}";
    slab_status rc = SLAB_OK;
    const char *prefix = getenv(variable);
    *out = NULL;
    if (prefix == NULL || *prefix == '\0')
        return SLAB_OK;
    size_t n = sizeof origin - 1, room = strlen(prefix) + strlen(main_path) + 2;
    ALLOC(*out, room, "a prefix");
    if (strncmp(prefix, origin, n) == 0 && folder_of(main_path) == 0)
        snprintf(*out, room, "./%s", prefix + n);
    else if (strncmp(prefix, origin, n) == 0)
        snprintf(*out, room, "%.*s%s", folder_of(main_path), main_path, prefix + n);
    else
        snprintf(*out, room, "%s", prefix);
done:
    return rc;
}

slab_status slab_outside_joined(const char *folder, size_t n, const char *name, char **out)
{
    slab_status rc = SLAB_OK;
    size_t room = n + strlen(name) + 2;
    bool slash = n > 0 && folder[n - 1] != '/';
    ALLOC(*out, room, "the path of a source");
    snprintf(*out, room, "%.*s%s%s", (int)n, folder, slash ? "/" : "", name);
done:
    return rc;
}

/* Is there something at folder/name? *out stays NULL when not; nothing is done when it is not. */
static slab_status try_at(const char *folder, size_t n, const char *name, char **out)
{
    slab_status rc = SLAB_OK;
    char *path = NULL;
    struct stat st;
    if (*out != NULL)
        return SLAB_OK;
    TRY(slab_outside_joined(folder, n, name, &path));
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        *out = path;
        path = NULL;
    }
done:
    slab_memory_free(path);
    return rc;
}

slab_status slab_outside_source(const char *main_path, const char *name, char **out)
{
    slab_status rc = SLAB_OK;
    const char *list = getenv("HDF5_VDS_PREFIX");
    char *prefix = NULL, *real = NULL;
    *out = NULL;
    if (name[0] == '/') {
        TRY(try_at("", 0, name, out));
        name = strrchr(name, '/') + 1;
    }
    for (const char *p = list; p != NULL && *p != '\0'; p += *p == ':') {
        size_t n = strcspn(p, ":");
        if (n > 0)
            TRY(try_at(p, n, name, out));
        p += n;
    }
    TRY(slab_outside_prefix("HDF5_VDS_PREFIX", main_path, &prefix));
    if (prefix != NULL)
        TRY(try_at(prefix, strlen(prefix), name, out));
    TRY(try_at(main_path, (size_t)folder_of(main_path), name, out));
    TRY(try_at("", 0, name, out));
    real = realpath(main_path, NULL);
    if (real != NULL)
        TRY(try_at(real, (size_t)folder_of(real), name, out));
done:
    free(real);
    slab_memory_free(prefix);
    return rc;
}

slab_status slab_outside_spell(const char *name, int64_t block, char **out, bool *numbered)
{
    slab_status rc = SLAB_OK;
    char digits[24];
    size_t n = 0, width, room = 1;
    int used = snprintf(digits, sizeof digits, "%" PRId64, block);
    for (const char *p = name; *p != '\0'; p++)
        room += p[0] == '%' && p[1] == 'b' ? (size_t)used : 1;
    ALLOC(*out, room, "the name of a source");
    for (const char *p = name; *p != '\0'; p++) {
        bool number = p[0] == '%' && p[1] == 'b';
        width = number ? (size_t)used : 1;
        memcpy(*out + n, number ? digits : p, width);
        n += width;
        p += number || (p[0] == '%' && p[1] == '%');
        *numbered |= number;
    }
done:
    return rc;
}

/* --- external storage --- */

/* Does a file lie in a folder or below it, links followed? */
static bool is_below(const char *file, const char *folder)
{
    char *real = realpath(file, NULL), *above = realpath(folder, NULL);
    size_t n = above != NULL ? strlen(above) : 0;
    while (n > 0 && above[n - 1] == '/')
        n--;
    bool below = real != NULL && above != NULL && strncmp(real, above, n) == 0 && real[n] == '/';
    free(real);
    free(above);
    return below;
}

slab_status slab_outside_may_read(const char *path, const char *main_path, const char *prefix,
                                  bool *may)
{
    slab_status rc = SLAB_OK;
    char *folder = NULL, *real = realpath(main_path, NULL);
    *may = prefix != NULL && is_below(path, prefix);
    for (int i = 0; i < 2 && !*may; i++) {
        const char *from = i == 0 || real == NULL ? main_path : real;
        TRY(slab_outside_joined(from, (size_t)folder_of(from), ".", &folder));
        *may = is_below(path, folder);
        FREE(folder);
    }
done:
    free(real);
    slab_memory_free(folder);
    return rc;
}

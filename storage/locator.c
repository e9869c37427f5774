/* "file.h5:/path[0:10]": which part is the file is decided by looking which file there is. */
#include <slab/storage/selection.h>

#include <string.h>
#include <sys/stat.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

static bool is_file(char *text, size_t n)
{
    struct stat st;
    char kept = text[n];
    text[n] = '\0';
    bool found = stat(text, &st) == 0 && !S_ISDIR(st.st_mode);
    text[n] = kept;
    return found;
}

static bool is_folder(char *text, size_t n)
{
    struct stat st;
    char kept = text[n];
    text[n] = '\0';
    bool found = stat(text, &st) == 0 && S_ISDIR(st.st_mode);
    text[n] = kept;
    return found;
}

static bool ends_as_hdf5(const char *text, size_t n)
{
    static const char *const endings[] = {".h5", ".hdf5", ".hdf", ".nc"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t m = strlen(endings[i]);
        if (n > m && memcmp(text + n - m, endings[i], m) == 0)
            return true;
    }
    return false;
}

/* Length of the file's name: the longest prefix that is a file; for one that is yet to be written,
 * what stands before ":/", or the shortest that ends as HDF5 files do. */
static size_t file_length(char *text)
{
    size_t all = strlen(text);
    for (size_t n = all; n > 0; n--)
        if ((n == all || text[n] == ':' || text[n] == '/') && is_file(text, n))
            return n;
    const char *colon = strstr(text, ":/");
    if (colon && colon > text)
        return (size_t)(colon - text);
    for (size_t n = 1; n <= all; n++)
        if ((n == all || text[n] == ':' || text[n] == '/') && ends_as_hdf5(text, n) &&
            !is_folder(text, n))
            return n;
    return all;
}

/* What follows the file's name, with exactly one '/' in front. */
static slab_status path_of(const char *rest, char **out)
{
    slab_status rc = SLAB_OK;
    size_t n;
    if (*rest == ':')
        rest++;
    while (*rest == '/')
        rest++;
    n = strlen(rest);
    ALLOC(*out, n + 2, "a path");
    (*out)[0] = '/';
    memcpy(*out + 1, rest, n + 1);
done:
    return rc;
}

slab_status slab_locator_split(const char *text, char **file, char **path, char **brackets)
{
    slab_status rc = SLAB_OK;
    char *copy = NULL, *inside = NULL;
    size_t n = strlen(text);
    *file = *path = *brackets = NULL;
    REQUIRE(n > 0, SLAB_ERR_USAGE, "an empty name where file.h5:/path was expected");
    TRY(slab_memory_strdup(&copy, text));
    if (copy[n - 1] == ']' && !is_file(copy, n)) {
        inside = strrchr(copy, '[');
        REQUIRE(inside, SLAB_ERR_USAGE, "'%s': a ']' without its '['", text);
        REQUIRE(inside > copy, SLAB_ERR_USAGE, "'%s': no file before the selection", text);
        copy[n - 1] = '\0';
        *inside++ = '\0';
    }
    size_t length = file_length(copy);
    TRY(path_of(copy + length, path));
    TRY(slab_memory_strdup(brackets, inside ? inside : ""));
    copy[length] = '\0';
    *file = copy;
    copy = NULL;
done:
    FREE(copy);
    if (rc != SLAB_OK) {
        FREE(*path);
        FREE(*brackets);
    }
    return rc;
}

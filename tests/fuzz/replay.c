/*
 * Runs a target without a fuzzer: over its seeds, and over files and folders of files.
 *
 *     replay_NAME FILE|FOLDER...     a folder that is not there is an empty one
 *     replay_NAME --seeds FOLDER     writes the seeds there instead
 */
#include "fuzzing.h"

#include <dirent.h>
#include <sys/stat.h>

static long inputs;
static int folder = -1; /* where seeds go */

static void run_seed(const char *name, const void *bytes, size_t n)
{
    uint8_t *copy = exact_copy(bytes, n);
    long before = fuzz_taken;
    LLVMFuzzerTestOneInput(copy, n);
    MUST(fuzz_taken > before, "the seed '%s' is not taken: %s", name, slab_error_last()->message);
    free(copy);
    inputs++;
}

static void write_seed(const char *name, const void *bytes, size_t n)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    MUST(fd >= 0 && write(fd, bytes, n) == (ssize_t)n, "cannot write the seed '%s'", name);
    close(fd);
}

static void run_file(int at, const char *name)
{
    struct stat st;
    int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
    MUST(fd >= 0 && fstat(fd, &st) == 0, "cannot open %s", name);
    size_t n = (size_t)st.st_size;
    uint8_t *bytes = malloc(n > 0 ? n : 1);
    MUST(bytes && read(fd, bytes, n) == (ssize_t)n, "cannot read %s", name);
    close(fd);
    fprintf(stderr, "%s\n", name); /* which one it is, when it comes to nothing good */
    LLVMFuzzerTestOneInput(bytes, n);
    free(bytes);
    inputs++;
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void run_path(int at, const char *path)
{
    struct dirent **entries = NULL;
    struct stat st;
    if (fstatat(at, path, &st, 0) != 0)
        return;
    if (!S_ISDIR(st.st_mode)) {
        run_file(at, path);
        return;
    }
    int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int n = scandirat(at, path, &entries, is_shown, alphasort);
    MUST(fd >= 0 && n >= 0, "cannot list %s", path);
    for (int i = 0; i < n; i++) {
        run_path(fd, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    close(fd);
}

int main(int argc, char **argv)
{
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* targets go elsewhere */
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0) {
        folder = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        MUST(folder >= 0, "no folder %s", argv[2]);
        fuzz_seeds(write_seed);
        return EXIT_SUCCESS;
    }
    fuzz_seeds(run_seed);
    long seeds = inputs;
    MUST(seeds > 0, "a target without seeds");
    for (int i = 1; i < argc; i++)
        run_path(here, argv[i]);
    printf("%ld seeds, %ld other inputs, %ld taken\n", seeds, inputs - seeds, fuzz_taken);
    return EXIT_SUCCESS;
}

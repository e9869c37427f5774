#include <slab/tools/command.h>

#include <errno.h>
#include <limits.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where the plugin lies as seen from the folder of the program: installed, and in a build tree. */
static const char *const places[] = {SLAB_PLUGIN_FROM_BIN, "../plugin"};

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    char own[PATH_MAX], candidate[2 * PATH_MAX], found[PATH_MAX];
    *exit_code = 0;
    ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
    if (n < 0)
        FAIL_ERRNO("cannot find where slab is installed");
    own[n] = '\0';
    *strrchr(own, '/') = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(candidate, sizeof candidate, "%s/%s/libh5zstd.so", own, places[i]);
        if (!realpath(candidate, found))
            continue;
        *strrchr(found, '/') = '\0';
        slab_print(call, "%s\n", found);
        goto done;
    }
    FAIL(SLAB_ERR_NOT_FOUND, "libh5zstd.so is not where it was installed: %s/%s", own, places[0]);
done:
    return rc;
}

const slab_command slab_command_plugin_path = {
    .name = "plugin-path",
    .arguments = "",
    .summary = "print the folder of the zstd plugin, for h5dump, h5py and other readers",
    .description =
        "slab compresses with Zstandard, HDF5 filter 32015, which many HDF5 installations cannot "
        "read by themselves. slab brings a filter plugin for them. This command prints the folder "
        "it is in: put that into HDF5_PLUGIN_PATH.",
    .examples = "  export HDF5_PLUGIN_PATH=$(slab plugin-path)\n"
                "  h5dump -d /x try.h5\n",
    .run = run,
};

#include <slab/tools/json.h>

#include <string.h>

/* SLAB_BUILT_ON is "name version|name version|...", from the build. */
static void each_library(const char *list, void (*see)(void *, const char *, const char *),
                         void *context)
{
    char name[64], version[64];
    while (*list) {
        size_t n = strcspn(list, " "), m = strcspn(list + n, "|");
        snprintf(name, sizeof name, "%.*s", (int)n, list);
        snprintf(version, sizeof version, "%.*s", m ? (int)m - 1 : 0, list + n + (m > 0));
        see(context, name, version);
        list += n + m;
        list += *list == '|';
    }
}

static void print_library(void *context, const char *name, const char *version)
{
    slab_print(context, "%-10s %s\n", name, version);
}

static void add_library(void *context, const char *name, const char *version)
{
    json_object_set_new(context, name, json_string(version));
}

static slab_status run(slab_call *call, int *exit_code)
{
    *exit_code = 0;
    if (slab_call_flag(call, "json")) {
        json_t *out = json_object();
        json_object_set_new(out, "slab", json_string(SLAB_VERSION));
        each_library(SLAB_BUILT_ON, add_library, out);
        slab_print_json(call, out);
    } else {
        slab_print(call, "slab       %s\n", SLAB_VERSION);
        each_library(SLAB_BUILT_ON, print_library, call);
    }
    return SLAB_OK;
}

const slab_command slab_command_version = {
    .name = "version",
    .arguments = "",
    .summary = "print the versions of slab and of the libraries it was built on",
    .description = "Prints slab's version, and those of HDF5, MPI, Zstandard and BLAS that it was "
                   "built on. Put it into every bug report.",
    .examples = "  slab version\n  slab version --json\n",
    .takes = SLAB_TAKES_JSON,
    .run = run,
};

/*
 * How much memory there is for a rank: the least of what the batch system, the control groups and
 * the kernel grant the node, divided among its ranks.
 */
#include <slab/compute/pass/budget_impl.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <slab/storage/base/try.h>

enum { LINE = 4096, PATH = 4096 };

/* Of a rank's share; the rest is for the page cache and for other programs. */
static const double share_used = 0.8;

typedef struct grants {
    const char *root;
    double least; /* bytes, for all ranks of the node */
    const char *who;
} grants;

static void grant(grants *g, double bytes, const char *source)
{
    if (bytes > 0 && bytes < g->least) {
        g->least = bytes;
        g->who = source;
    }
}

/* --- Slurm --- */

/* Memory that is allotted to this job on this node, in MiB; 0 is all that the node has. */
static void ask_slurm(grants *g)
{
    const char *node = getenv("SLURM_MEM_PER_NODE"), *cpu = getenv("SLURM_MEM_PER_CPU");
    const char *cpus = getenv("SLURM_CPUS_ON_NODE"), *gpus = getenv("SLURM_GPUS_ON_NODE");
    const char *gpu = getenv("SLURM_MEM_PER_GPU");
    if (node)
        grant(g, strtod(node, NULL) * 1048576, "SLURM_MEM_PER_NODE");
    if (cpu && cpus)
        grant(g, strtod(cpu, NULL) * strtod(cpus, NULL) * 1048576, "SLURM_MEM_PER_CPU");
    if (gpu && gpus)
        grant(g, strtod(gpu, NULL) * strtod(gpus, NULL) * 1048576, "SLURM_MEM_PER_GPU");
}

/* --- control groups --- */

/* The number in a file of one line; false when there is none ("max", no such file). */
static bool read_number(const char *path, double *out)
{
    char line[64] = "", *end = line;
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    if (fgets(line, sizeof line, file))
        *out = strtod(line, &end);
    fclose(file);
    return end != line;
}

/* A limit of this group and of every one above it, up to where the groups are mounted. */
static void walk_groups(grants *g, const char *mount, const char *group, const char *name)
{
    char at[PATH], file[3 * PATH];
    double bytes = 0;
    snprintf(at, sizeof at, "%s", strcmp(group, "/") == 0 ? "" : group);
    for (;;) {
        snprintf(file, sizeof file, "%s%s%s/%s", g->root, mount, at, name);
        if (read_number(file, &bytes) && bytes < 0x1p60) /* version 1 says 2^63 for none */
            grant(g, bytes, "cgroup");
        char *slash = strrchr(at, '/');
        if (!slash)
            break;
        *slash = '\0';
    }
}

/* Is a word one of those that commas part? */
static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, word, n) == 0 && (at[n] == ',' || at[n] == '\0' || at[n] == '\n'))
            return true;
    }
    return false;
}

/* This process's group in a hierarchy: of version 1 the one with the memory controller, else the
 * one without a name. Lines of /proc/self/cgroup: "0::/a/b" (version 2), "4:memory:/a/b" (version
 * 1). */
static bool own_group(const grants *g, bool first_version, char group[PATH])
{
    char line[LINE], path[PATH];
    bool found = false;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", g->root);
    FILE *file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *at = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!at)
            continue;
        *at++ = '\0';
        controllers++;
        found = first_version ? has_word(controllers, "memory") : *controllers == '\0';
        snprintf(group, PATH, "%s", at);
    }
    if (file)
        fclose(file);
    return found;
}

/* One hierarchy that is mounted. In a container the mount shows the group `above` as its root, and
 * the process's group may be told from there or from further up. */
static void ask_mount(grants *g, bool first_version, const char *above, const char *mount)
{
    char group[PATH];
    if (!own_group(g, first_version, group))
        return;
    size_t n = strcmp(above, "/") == 0 ? 0 : strlen(above);
    bool is_below = strncmp(group, above, n) == 0 && (group[n] == '/' || group[n] == '\0');
    const char *below = is_below ? group + n : group;
    walk_groups(g, mount, below, first_version ? "memory.limit_in_bytes" : "memory.max");
    if (!first_version)
        walk_groups(g, mount, below, "memory.high"); /* beyond it the kernel slows a group down */
}

/* Lines of /proc/self/mountinfo:
 * "35 31 0:32 /ROOT /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory" */
static void ask_groups(grants *g)
{
    char line[LINE], path[PATH], above[LINE], mount[LINE], type[64], options[LINE];
    snprintf(path, sizeof path, "%s/proc/self/mountinfo", g->root);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        const char *more = strstr(line, " - ");
        if (!more || sscanf(line, "%*d %*d %*s %4095s %4095s", above, mount) != 2 ||
            sscanf(more, " - %63s %*s %4095s", type, options) != 2)
            continue;
        if (strcmp(type, "cgroup2") == 0)
            ask_mount(g, false, above, mount);
        else if (strcmp(type, "cgroup") == 0 && has_word(options, "memory"))
            ask_mount(g, true, above, mount);
    }
    if (file)
        fclose(file);
}

/* --- the kernel --- */

static void ask_kernel(grants *g)
{
    char line[LINE], path[PATH];
    snprintf(path, sizeof path, "%s/proc/meminfo", g->root);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "MemAvailable:", 13) == 0)
            grant(g, 1024 * strtod(line + 13, NULL), "free memory");
    if (file)
        fclose(file);
}

slab_status slab_budget_detect(const char *root, int ranks_on_node, slab_budget *out)
{
    slab_status rc = SLAB_OK;
    grants g = {.root = root, .least = 0x1p62};
    memset(out, 0, sizeof *out);
    ask_slurm(&g);
    ask_groups(&g);
    ask_kernel(&g);
    REQUIRE(g.who, SLAB_ERR_MEMORY, "cannot find out how much memory there is: state --memory");
    double share = g.least / ranks_on_node, used = share_used * share;
    if (used > share - SLAB_BUDGET_BESIDE)
        used = share - SLAB_BUDGET_BESIDE;
    if (used < share / 2)
        used = share / 2;
    out->bytes = (size_t)used;
    if (ranks_on_node > 1)
        snprintf(out->source, sizeof out->source, "%s / %d ranks", g.who, ranks_on_node);
    else
        snprintf(out->source, sizeof out->source, "%s", g.who);
done:
    return rc;
}

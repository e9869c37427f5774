/*
 * How much memory there is for a rank: the least of what the batch system, the control groups and
 * the kernel grant the node, divided among its ranks.
 */
#include <slab/compute/pass/budget.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <slab/storage/base/try.h>

/* Of what is free or a group's limit; the rest is for the page cache and for other programs. */
static const double share_used = 0.8;

slab_status slab_budget_parse(const char *text, size_t *out)
{
    slab_status rc = SLAB_OK;
    static const char units[] = "KMGT";
    char *end = NULL;
    double bytes = 0;
    *out = 0;
    /* strtod() takes "0x1p3", "inf" and signs as well. */
    size_t digits = strspn(text, "0123456789.");
    REQUIRE(digits > 0, SLAB_ERR_USAGE, "'%s' is not an amount of memory: write 8G, 512M or bytes",
            text);
    bytes = strtod(text, &end);
    REQUIRE(end == text + digits, SLAB_ERR_USAGE,
            "'%s' is not an amount of memory: write 8G, 512M or bytes", text);
    if (*end) {
        const char *unit = strchr(units, toupper((unsigned char)*end));
        for (const char *u = units; unit && u <= unit; u++)
            bytes *= 1024;
        end += unit != NULL;
        end += unit && *end == 'i' && toupper((unsigned char)end[1]) == 'B';
        end += toupper((unsigned char)*end) == 'B';
    }
    REQUIRE(*end == '\0', SLAB_ERR_USAGE,
            "'%s' is not an amount of memory: write 8G, 512M or bytes", text);
    REQUIRE(bytes >= 1 && bytes < 0x1p62, SLAB_ERR_USAGE, "'%s' is not a sensible amount of memory",
            text);
    *out = (size_t)bytes;
done:
    return rc;
}

/* Lowers *least to bytes and says who granted it. */
static void grant(double bytes, const char *source, double *least, const char **who)
{
    if (bytes > 0 && bytes < *least) {
        *least = bytes;
        *who = source;
    }
}

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

/* Memory that Slurm allots to this job on this node, in MiB in its variables. */
static void ask_slurm(double *least, const char **who)
{
    const char *node = getenv("SLURM_MEM_PER_NODE"), *cpu = getenv("SLURM_MEM_PER_CPU");
    const char *cpus = getenv("SLURM_CPUS_ON_NODE");
    if (node)
        grant(strtod(node, NULL) * 1048576, "SLURM_MEM_PER_NODE", least, who);
    if (cpu && cpus)
        grant(strtod(cpu, NULL) * strtod(cpus, NULL) * 1048576, "SLURM_MEM_PER_CPU", least, who);
}

/* A limit of this group and of every one above it. */
static void walk_groups(const char *root, const char *group, const char *name, double *least,
                        const char **who)
{
    char at[1024], file[1400];
    double bytes = 0;
    snprintf(at, sizeof at, "%s", group);
    for (;;) {
        snprintf(file, sizeof file, "%s%s/%s", root, strcmp(at, "/") == 0 ? "" : at, name);
        if (read_number(file, &bytes) && bytes < 0x1p60) /* version 1 says 2^63 for none */
            grant(share_used * bytes, "cgroup", least, who);
        char *slash = strrchr(at, '/');
        if (!slash || at[0] == '\0')
            break;
        *slash = '\0';
    }
}

/* Lines of /proc/self/cgroup: "0::/a/b" (version 2), "4:memory:/a/b" (version 1). */
static void ask_groups(double *least, const char **who)
{
    char line[1200];
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = '\0';
        if (controllers[1] == '\0')
            walk_groups("/sys/fs/cgroup", group, "memory.max", least, who);
        else if (strstr(controllers, "memory"))
            walk_groups("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes", least, who);
    }
    if (file)
        fclose(file);
}

static void ask_kernel(double *least, const char **who)
{
    char line[256];
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "MemAvailable:", 13) == 0)
            grant(share_used * 1024 * strtod(line + 13, NULL), "free memory", least, who);
    if (file)
        fclose(file);
}

slab_status slab_budget_find(const slab_ranks *ranks, size_t stated, slab_budget *out)
{
    slab_status rc = SLAB_OK;
    double least = 0x1p62;
    const char *who = NULL;
    int on_node = slab_ranks_on_node(ranks);
    memset(out, 0, sizeof *out);
    if (stated > 0) {
        out->bytes = stated;
        snprintf(out->source, sizeof out->source, "--memory");
        return SLAB_OK;
    }
    ask_slurm(&least, &who);
    ask_groups(&least, &who);
    ask_kernel(&least, &who);
    REQUIRE(who, SLAB_ERR_MEMORY, "cannot find out how much memory there is: state --memory");
    out->bytes = (size_t)(least / on_node);
    if (on_node > 1)
        snprintf(out->source, sizeof out->source, "%s / %d ranks", who, on_node);
    else
        snprintf(out->source, sizeof out->source, "%s", who);
done:
    return rc;
}

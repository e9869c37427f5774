/*
 * sbatch and `#PBS -V` hand the whole environment to the new job. Submitted from inside a job, it
 * would take that one's number, memory, ranks and count of runs for its own.
 */
#include <slab/tools/batch.h>

#include <slab/storage/base/ranks.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

/* Beginnings of names. */
static const char *const of_a_job[] = {"SLURM_",    "PMI_",         "PMIX_",     "PBS_JOBID",
                                       "PBS_ARRAY", "PBS_NODEFILE", "SLAB_RUNS", NULL};

/* What people and sites set, also for jobs that are yet to come. */
static const char *const of_people[] = {
    "SLURM_CONF", "SLURM_CLUSTERS", "SLURM_TIME_FORMAT", "SLURM_EXIT_",
    "SLURM_JWT",  "SLURM_MPI_TYPE", "PMIX_MCA_",         NULL};

static bool begins_as_one(const char *text, const char *const *list)
{
    for (; *list; list++)
        if (strncmp(text, *list, strlen(*list)) == 0)
            return true;
    return false;
}

void slab_batch_leave_job(void)
{
    char name[256];
    for (const char *const *launcher = slab_ranks_launcher_variables(); *launcher; launcher++)
        unsetenv(*launcher);
    for (char **at = environ; at && *at;) {
        size_t n = strcspn(*at, "=");
        bool leaves =
            n < sizeof name && begins_as_one(*at, of_a_job) && !begins_as_one(*at, of_people);
        memcpy(name, *at, leaves ? n : 0);
        name[leaves ? n : 0] = '\0';
        if (leaves && unsetenv(name) == 0)
            at = environ; /* it has moved the others */
        else
            at++;
    }
}

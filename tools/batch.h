/**
 * Batch jobs: commands of slab as scripts for Slurm and PBS.
 */
#ifndef SLAB_TOOLS_BATCH_H
#define SLAB_TOOLS_BATCH_H

#include <slab/tools/command.h>
#include <slab/tools/options.h>

/** Words of a command line, in memory of their own; at[n] is NULL. */
typedef struct slab_argv {
    int n;
    char **at;
} slab_argv;

slab_status slab_argv_add(slab_argv *list, const char *word);
void slab_argv_clear(slab_argv *list);

/** One command that a job runs, for a file of an array where it is one of many, and where its
 * output goes. */
typedef struct slab_batch_task {
    slab_argv words;                 /* VERB ARGUMENT... */
    const char *file;                /* borrowed; NULL: no array */
    char *output;                    /* value of its -o, NULL: none */
    char *output_file, *output_path; /* the two parts of it, the folder by its real name */
} slab_batch_task;

/** Files of an array of jobs: patterns of a shell, or names. In alphabetical order within a
 * pattern. @retval SLAB_ERR_NOT_FOUND  a pattern fits no file */
slab_status slab_batch_files(slab_call *call, slab_argv *out);

/** The words of a command for a file: {} its path, {stem} its name without folder and ending,
 * {name} its name, {dir} its folder. A word that the file's name would turn into an option gets
 * "./" before it. */
slab_status slab_batch_expand(const slab_argv *words, const char *file, slab_argv *out);

/** Notes where a task's output goes. */
slab_status slab_batch_output(slab_batch_task *task, const char *output);

/** @retval SLAB_ERR_USAGE  two of the tasks would write one file */
slab_status slab_batch_check_outputs(const slab_batch_task *tasks, int ntasks);

/** What each of some commands needs at most. */
typedef struct slab_needs {
    size_t memory; /* --memory of a rank, bytes */
    bool stated;   /* by the command itself: no plan was asked */
    double seconds;
} slab_needs;

/** Takes out of the environment what the job that this process is in has put there: neither plans
 * nor new jobs are a part of it. */
void slab_batch_leave_job(void);

/**
 * Asks the commands for their plans, each in a process of its own. Of very many, those are asked
 * whose output may exist already, and those with the largest files.
 *
 * @param program  slab itself
 * @param parsed   of the words of one of them: all have the same options
 * @param threads  of each, 0: as their words say
 * @retval SLAB_ERR_VALUE  a command cannot be planned (message: why)
 */
slab_status slab_batch_plan(const char *program, const slab_batch_task *tasks, int ntasks,
                            const slab_parsed *parsed, int64_t threads, slab_needs *out);

/** A job, or an array of them. Texts are borrowed. */
typedef struct slab_batch {
    bool pbs;
    const char *program, *folder; /* absolute */
    const char *name, *partition, *account, *log;
    int64_t ranks, nodes; /* nodes 0: as it comes */
    int64_t threads;      /* a rank */
    size_t bytes;         /* of a rank, with what is not in its budget */
    int64_t seconds, stop_before;
    const char *launcher; /* auto, srun, mpirun */
    bool again;           /* run it again when it was stopped: it goes on then */
    int64_t runs;         /* but so often at most */
    const slab_argv *directives;
    bool is_array;
    int64_t at_once; /* 0: as many as the system likes */
    int ntasks;
    const slab_batch_task *tasks;
    const char *merge; /* what bash runs when all have ended well; NULL: nothing */
} slab_batch;

/** The script of the job, or that of what follows it. slab_memory_free() it. */
slab_status slab_batch_script(const slab_batch *b, char **out);
slab_status slab_batch_merge_script(const slab_batch *b, char **out);

enum { SLAB_JOB_NUMBER_MAX = 128 };

/**
 * Submits a script with sbatch or qsub.
 *
 * @param after        number of a job that has to end well before; NULL: none
 * @param[out] number  of the job, as the batch system prints it
 * @retval SLAB_ERR_NOT_FOUND  there is no such program
 * @retval SLAB_ERR_VALUE      it has not taken the job
 */
slab_status slab_batch_submit(const slab_batch *b, const char *script, const char *after,
                              char number[SLAB_JOB_NUMBER_MAX]);

#endif

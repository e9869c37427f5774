/* Job scripts for Slurm. */
#include <slab/tools/batch_impl.h>

#include <inttypes.h>
#include <slab/tools/shell_word.h>
#include <string.h>

/* A value as sbatch reads it from a script: in double quotes, with backslashes. */
static void put_value(FILE *to, const char *text)
{
    putc('"', to);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putc('\\', to);
        putc(*text, to);
    }
    putc('"', to);
}

static void directive(const batch_writing *w, const char *option, const char *value)
{
    if (!value)
        return;
    fprintf(w->to, "#SBATCH --%s=", option);
    put_value(w->to, value);
    putc('\n', w->to);
}

static void head(const batch_writing *w)
{
    const slab_batch *b = w->b;
    char name[512], log[512];
    snprintf(name, sizeof name, "%.400s%s", b->name, w->merge ? "-merge" : "");
    slab_batch_log(w, log);
    directive(w, "job-name", name);
    directive(w, "chdir", b->folder);
    directive(w, "partition", b->partition);
    directive(w, "account", b->account);
    if (w->nodes > 0)
        fprintf(w->to, "#SBATCH --nodes=%" PRId64 "\n", w->nodes);
    fprintf(w->to,
            "#SBATCH --ntasks=%" PRId64 "\n#SBATCH --cpus-per-task=%" PRId64
            "\n#SBATCH --mem-per-cpu=%" PRId64 "M\n#SBATCH --time=",
            w->ranks, b->threads, slab_batch_mebibytes(b->bytes, b->threads));
    slab_batch_put_clock(w->to, b->seconds);
    if (w->numbered)
        fprintf(w->to, "\n#SBATCH --array=0-%d", b->ntasks - 1);
    if (w->numbered && b->at_once > 0)
        fprintf(w->to, "%%%" PRId64, b->at_once);
    fprintf(w->to,
            "\n#SBATCH --signal=B:USR1@%" PRId64
            "\n#SBATCH --requeue\n#SBATCH --open-mode=append\n",
            b->stop_before);
    directive(w, "output", log);
}

/* sbatch hands on the whole environment, that of a job which it is called from too. Slurm replaces
 * what it sets for this one: not the other kinds of memory, with which srun refuses to start, nor
 * the ranks of that job's step, for which a single process would wait, nor, in its first run, how
 * often it was put back. */
static void prepare(const batch_writing *w)
{
    fputs("# what a job has left here that this one was submitted from\n"
          "unset SLURM_MEM_PER_NODE SLURM_MEM_PER_GPU SLURM_STEP_NUM_TASKS\n",
          w->to);
    fprintf(w->to, "job=%s\n",
            w->numbered ? "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID" : "$SLURM_JOB_ID");
    fputs("# when it ends, which not every Slurm tells a job, and how often it was put back\n"
          "read -r end restarts < <(SLURM_TIME_FORMAT=%s squeue -h -j \"$job\" -O "
          "EndTime,RestartCnt 2>/dev/null)\n"
          "[[ $end =~ ^[0-9]+$ ]] && export SLURM_JOB_END_TIME=$end\n"
          "[[ $restarts =~ ^[0-9]+$ ]] || restarts=${SLURM_RESTART_COUNT:-0}\n",
          w->to);
}

static void srun(const batch_writing *w, const char *more)
{
    fprintf(w->to,
            "srun%s --ntasks=%" PRId64 " --cpus-per-task=%" PRId64 " --cpu-bind=cores --wait=10",
            more, w->ranks, w->b->threads);
}

static void launch(const batch_writing *w)
{
    FILE *to = w->to;
    if (w->ranks == 1 && strcmp(w->b->launcher, "mpirun") == 0) {
        fputs("launch=()\n", to);
    } else if (strcmp(w->b->launcher, "mpirun") == 0) {
        slab_batch_put_mpirun(w, "");
    } else if (w->ranks == 1 || strcmp(w->b->launcher, "srun") == 0) {
        fputs("launch=(", to);
        srun(w, "");
        fputs(")\n", to);
    } else {
        fputs(
            "# The first srun under which the MPI library brings the ranks together; else mpirun.\n"
            "launch=()\n"
            "for mpi in '' --mpi=pmix --mpi=pmi2; do\n"
            "    try=(",
            to);
        srun(w, " $mpi");
        fputs(")\n    if timeout 120 \"${try[@]}\" ", to);
        slab_shell_word(to, w->b->program);
        fputs(" version >/dev/null 2>&1; then\n"
              "        launch=(\"${try[@]}\")\n"
              "        break\n"
              "    fi\n"
              "done\n"
              "[ ${#launch[@]} -gt 0 ] || ",
              to);
        slab_batch_put_mpirun(w, "");
    }
}

static void put_back(const batch_writing *w)
{
    fprintf(w->to,
            "# Stopped before the end of its time: the same again, which goes on from there.\n"
            "if [ \"$code\" = 75 ] && [ \"$ended\" = 0 ] && [ \"$restarts\" -lt %" PRId64
            " ]; then\n"
            "    scontrol requeue \"$job\"\n"
            "fi\n",
            w->b->runs - 1);
}

const batch_system slab_batch_slurm = {
    .directive = "SBATCH",
    .number = "SLURM_ARRAY_TASK_ID",
    .head = head,
    .prepare = prepare,
    .launch = launch,
    .put_back = put_back,
};

/*
 * The scripts. What comes from people and from file names stands in them in two ways only: as
 * words quoted for the shell, and as values of directives, which have no line ends and no letters
 * that the batch system's own parser knows. The body is bash's.
 */
#include <slab/tools/batch.h>

#include <inttypes.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/tools/shell_word.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a script is made for. */
typedef struct writing {
    FILE *to;
    const slab_batch *b;
    bool merge; /* what follows an array: one process */
    int64_t ranks, nodes;
} writing;

static void put_clock(FILE *to, int64_t seconds)
{
    fprintf(to, "%02" PRId64 ":%02d:%02d", seconds / 3600, (int)(seconds / 60 % 60),
            (int)(seconds % 60));
}

static int64_t mebibytes(size_t bytes, int64_t parts)
{
    const size_t unit = ((size_t)1 << 20) * (size_t)parts;
    return (int64_t)((bytes + unit - 1) / unit);
}

/* --- Slurm --- */

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

static void slurm_text(const writing *w, const char *option, const char *value)
{
    if (!value)
        return;
    fprintf(w->to, "#SBATCH --%s=", option);
    put_value(w->to, value);
    putc('\n', w->to);
}

static void slurm_log(const writing *w)
{
    const slab_batch *b = w->b;
    char log[512];
    snprintf(log, sizeof log, "%.400s%s-%s.log", b->name, w->merge ? "-merge" : "",
             b->is_array && !w->merge ? "%A_%a" : "%j");
    slurm_text(w, "output", b->log && !w->merge ? b->log : log);
}

static void slurm_head(const writing *w)
{
    const slab_batch *b = w->b;
    char name[512];
    snprintf(name, sizeof name, "%.400s%s", b->name, w->merge ? "-merge" : "");
    fputs("#!/bin/bash\n", w->to);
    slurm_text(w, "job-name", name);
    slurm_text(w, "chdir", b->folder);
    slurm_text(w, "partition", b->partition);
    slurm_text(w, "account", b->account);
    if (w->nodes > 0)
        fprintf(w->to, "#SBATCH --nodes=%" PRId64 "\n", w->nodes);
    fprintf(w->to,
            "#SBATCH --ntasks=%" PRId64 "\n#SBATCH --cpus-per-task=%" PRId64
            "\n#SBATCH --mem-per-cpu=%" PRId64 "M\n#SBATCH --time=",
            w->ranks, b->threads, mebibytes(b->bytes, b->threads));
    put_clock(w->to, b->seconds);
    if (b->is_array && !w->merge)
        fprintf(w->to, "\n#SBATCH --array=0-%d", b->ntasks - 1);
    if (b->is_array && !w->merge && b->at_once > 0)
        fprintf(w->to, "%%%" PRId64, b->at_once);
    fprintf(w->to,
            "\n#SBATCH --signal=B:USR1@%" PRId64
            "\n#SBATCH --requeue\n#SBATCH --open-mode=append\n",
            b->stop_before);
    slurm_log(w);
    for (int i = 0; i < b->directives->n; i++)
        fprintf(w->to, "#SBATCH %s\n", b->directives->at[i]);
}

static void slurm_srun(const writing *w, const char *more)
{
    fprintf(w->to,
            "srun%s --ntasks=%" PRId64 " --cpus-per-task=%" PRId64 " --cpu-bind=cores --wait=10",
            more, w->ranks, w->b->threads);
}

static void put_mpirun(const writing *w)
{
    fprintf(w->to, "launch=(mpirun -n %" PRId64, w->ranks);
    if (w->b->pbs)
        fputs(" --hostfile \"$PBS_NODEFILE\"", w->to);
    fputs(" --bind-to none)\n", w->to);
}

static void slurm_launch(const writing *w)
{
    FILE *to = w->to;
    if (w->ranks == 1 && strcmp(w->b->launcher, "mpirun") == 0) {
        fputs("launch=()\n", to);
    } else if (strcmp(w->b->launcher, "mpirun") == 0) {
        put_mpirun(w);
    } else if (w->ranks == 1 || strcmp(w->b->launcher, "srun") == 0) {
        fputs("launch=(", to);
        slurm_srun(w, "");
        fputs(")\n", to);
    } else {
        fputs(
            "# The first srun under which the MPI library brings the ranks together; else mpirun.\n"
            "launch=()\n"
            "for mpi in '' --mpi=pmix --mpi=pmi2; do\n"
            "    try=(",
            to);
        slurm_srun(w, " $mpi");
        fputs(")\n    if timeout 120 \"${try[@]}\" ", to);
        slab_shell_word(to, w->b->program);
        fputs(" version >/dev/null 2>&1; then\n"
              "        launch=(\"${try[@]}\")\n"
              "        break\n"
              "    fi\n"
              "done\n"
              "[ ${#launch[@]} -gt 0 ] || ",
              to);
        put_mpirun(w);
    }
}

static void slurm_again(const writing *w)
{
    if (!w->b->again && !w->merge)
        return;
    fprintf(w->to,
            "# Stopped before the end of its time: the same again, which goes on from there.\n"
            "if [ \"$code\" = 75 ] && [ \"${SLURM_RESTART_COUNT:-0}\" -lt %" PRId64 " ]; then\n"
            "    scontrol requeue "
            "\"${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_}${SLURM_ARRAY_TASK_ID:-$SLURM_JOB_ID}\""
            "\nfi\n",
            w->b->runs - 1);
}

/* --- PBS --- */

static void pbs_head(const writing *w)
{
    const slab_batch *b = w->b;
    int64_t chunks = w->nodes > 0 ? w->nodes : w->ranks;
    int64_t each = (w->ranks + chunks - 1) / chunks;
    fprintf(w->to, "#!/bin/bash\n#PBS -N %s%s\n", b->name, w->merge ? "-merge" : "");
    if (b->partition)
        fprintf(w->to, "#PBS -q %s\n", b->partition);
    if (b->account)
        fprintf(w->to, "#PBS -A %s\n", b->account);
    fprintf(w->to,
            "#PBS -l select=%" PRId64 ":ncpus=%" PRId64 ":mpiprocs=%" PRId64 ":ompthreads=%" PRId64
            ":mem=%" PRId64 "mb\n#PBS -l walltime=",
            chunks, each * b->threads, each, b->threads, mebibytes(b->bytes * (size_t)each, 1));
    put_clock(w->to, b->seconds);
    if (b->ntasks > 1 && !w->merge)
        fprintf(w->to, "\n#PBS -J 0-%d", b->ntasks - 1);
    if (b->ntasks > 1 && !w->merge && b->at_once > 0)
        fprintf(w->to, "%%%" PRId64, b->at_once);
    fputs("\n#PBS -j oe\n#PBS -r y\n#PBS -V\n", w->to);
    for (int i = 0; i < b->directives->n; i++)
        fprintf(w->to, "#PBS %s\n", b->directives->at[i]);
}

/* PBS begins a log anew when a job is run again, and knows no patterns: the script appends to its
 * own. %j, %A and %a mean what they mean to Slurm. */
static void pbs_log(const writing *w)
{
    const slab_batch *b = w->b;
    char log[512], text[512];
    size_t n = 0;
    snprintf(log, sizeof log, "%.400s%s-%s.log", b->name, w->merge ? "-merge" : "",
             b->ntasks > 1 && !w->merge ? "%A_%a" : "%j");
    fputs("cd ", w->to);
    slab_shell_word(w->to, b->folder);
    fputs(" || exit 2\njob=${PBS_JOBID%%.*}\nexec >>", w->to);
    for (const char *c = b->log && !w->merge ? b->log : log; *c; c++) {
        const char *is = NULL;
        if (c[0] == '%' && (c[1] == 'j' || c[1] == 'A'))
            is = "\"${job%%\\[*}\"";
        else if (c[0] == '%' && c[1] == 'a')
            is = "\"${PBS_ARRAY_INDEX:-0}\"";
        if (!is && n + 1 < sizeof text)
            text[n++] = *c;
        if (n > 0 && (is || !c[1] || n + 1 == sizeof text)) {
            text[n] = '\0';
            slab_shell_word(w->to, text);
            n = 0;
        }
        if (is) {
            fputs(is, w->to);
            c++;
        }
    }
    fputs(" 2>&1\n", w->to);
}

static void pbs_again(const writing *w)
{
    if (!w->b->again && !w->merge)
        return;
    fputs(
        "# Stopped before the end of its time: the same again, which goes on from there. Where "
        "the\n"
        "# server does not let users rerun jobs, another job does; a part of an array has to end.\n"
        "if [ \"$code\" = 75 ]; then\n"
        "    qrerun \"$PBS_JOBID\" && sleep 60 # PBS ends it\n"
        "    [ -n \"${PBS_ARRAY_INDEX:-}\" ] || { qsub \"$0\" && exit 0; }\n"
        "fi\n",
        w->to);
}

/* --- both --- */

static void put_command(const writing *w, const slab_batch_task *task)
{
    fputs("command=(", w->to);
    slab_shell_word(w->to, w->b->program);
    for (int i = 0; i < task->words.n; i++) {
        putc(' ', w->to);
        slab_shell_word(w->to, task->words.at[i]);
    }
    fputs(")", w->to);
}

/* What is run when all have ended well: the outputs are its arguments, slab is in its PATH. The
 * signal before the end is for the command that it is at, in a process group of its own; the shell
 * around it goes by that command's exit code. */
static void put_merge(const writing *w)
{
    const slab_batch *b = w->b;
    const char *slash = strrchr(b->program, '/');
    char *folder = strndup(b->program, slash ? (size_t)(slash - b->program) : 0);
    fputs("export PATH=", w->to);
    slab_shell_word(w->to, folder ? folder : "");
    fputs(":$PATH\ncommand=(bash -euo pipefail -c "
          "'trap : USR1; merge=$1; shift; eval \"$merge\"' merge ",
          w->to);
    slab_shell_word(w->to, b->merge);
    for (int i = 0; i < b->ntasks; i++) {
        if (!b->tasks[i].output)
            continue;
        fputs("\n    ", w->to);
        slab_shell_word(w->to, b->tasks[i].output);
    }
    fputs(")\n", w->to);
    free(folder);
}

static void put_commands(const writing *w)
{
    const slab_batch *b = w->b;
    const char *number = b->pbs ? "PBS_ARRAY_INDEX" : "SLURM_ARRAY_TASK_ID";
    if (w->merge) {
        put_merge(w);
    } else if (!b->is_array) {
        put_command(w, &b->tasks[0]);
        putc('\n', w->to);
    } else {
        fprintf(w->to, "case ${%s:-0} in\n", number);
        for (int i = 0; i < b->ntasks; i++) {
            fprintf(w->to, "%d) ", i);
            put_command(w, &b->tasks[i]);
            fputs(" ;;\n", w->to);
        }
        fprintf(w->to, "*) echo \"slab: there is no task $%s\" >&2; exit 2 ;;\nesac\n", number);
    }
}

/* A signal interrupts wait, and the shell hands it on; the second wait has the exit code. */
static void put_run(const writing *w)
{
    fprintf(w->to,
            "child= signalled=0 code=0\ntrap 'signalled=1; kill -USR1 -- \"%s$child\"' USR1\n",
            w->merge ? "-" : "");
    fputs("\"${launch[@]}\" \"${command[@]}\" &\n"
          "child=$!\n"
          "wait \"$child\" || code=$?\n"
          "while [ \"$signalled\" = 1 ] && [ \"$code\" -gt 128 ]; do\n"
          "    signalled=0 code=0\n"
          "    wait \"$child\" || code=$?\n"
          "done\n",
          w->to);
}

static void put_script(const writing *w)
{
    if (w->b->pbs)
        pbs_head(w);
    else
        slurm_head(w);
    putc('\n', w->to);
    if (w->b->pbs)
        pbs_log(w);
    put_commands(w);
    if (w->merge)
        fputs("launch=(setsid)\n", w->to);
    else if (!w->b->pbs)
        slurm_launch(w);
    else if (w->ranks == 1)
        fputs("launch=()\n", w->to);
    else
        put_mpirun(w);
    put_run(w);
    if (w->b->pbs)
        pbs_again(w);
    else
        slurm_again(w);
    fputs("exit \"$code\"\n", w->to);
}

static slab_status script(writing *w, char **out)
{
    slab_status rc = SLAB_OK;
    char *text = NULL;
    size_t size = 0;
    *out = NULL;
    w->to = open_memstream(&text, &size);
    REQUIRE(w->to, SLAB_ERR_MEMORY, "no memory for a script");
    put_script(w);
    REQUIRE(fclose(w->to) == 0, SLAB_ERR_MEMORY, "no memory for a script");
    TRY(slab_memory_strdup(out, text));
done:
    free(text);
    return rc;
}

slab_status slab_batch_script(const slab_batch *b, char **out)
{
    writing w = {.b = b, .ranks = b->ranks, .nodes = b->nodes};
    return script(&w, out);
}

slab_status slab_batch_merge_script(const slab_batch *b, char **out)
{
    writing w = {.b = b, .merge = true, .ranks = 1};
    return script(&w, out);
}

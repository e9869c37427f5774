/*
 * The scripts. What comes from people and from file names stands in them in two ways only: as
 * words quoted for the shell, and as values of directives, which have no line ends and no letters
 * that the batch system's own parser knows. The body is bash's.
 */
#include <slab/tools/batch_impl.h>

#include <inttypes.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/tools/shell_word.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void slab_batch_put_clock(FILE *to, int64_t seconds)
{
    fprintf(to, "%02" PRId64 ":%02d:%02d", seconds / 3600, (int)(seconds / 60 % 60),
            (int)(seconds % 60));
}

int64_t slab_batch_mebibytes(size_t bytes, int64_t parts)
{
    const size_t unit = ((size_t)1 << 20) * (size_t)parts;
    return (int64_t)((bytes + unit - 1) / unit);
}

void slab_batch_log(const batch_writing *w, char log[512])
{
    const slab_batch *b = w->b;
    if (b->log && !w->merge)
        snprintf(log, 512, "%s", b->log);
    else
        snprintf(log, 512, "%.400s%s-%s.log", b->name, w->merge ? "-merge" : "",
                 w->numbered ? "%A_%a" : "%j");
}

void slab_batch_put_mpirun(const batch_writing *w, const char *more)
{
    fprintf(w->to, "launch=(mpirun -n %" PRId64 "%s --bind-to none)\n", w->ranks, more);
}

static void put_command(const batch_writing *w, const slab_batch_task *task)
{
    fputs("command=(", w->to);
    slab_shell_word(w->to, w->b->program);
    for (int i = 0; i < task->words.n; i++) {
        putc(' ', w->to);
        slab_shell_word(w->to, task->words.at[i]);
    }
    fputs(")", w->to);
}

/* What is run when all have ended well: slab is in its PATH. The outputs become its arguments
 * without a new program: those of many files are longer than a command line may be. */
static void put_merge(const batch_writing *w)
{
    const slab_batch *b = w->b;
    const char *slash = strrchr(b->program, '/');
    char *folder = strndup(b->program, slash ? (size_t)(slash - b->program) : 0);
    fputs("export PATH=", w->to);
    slab_shell_word(w->to, folder ? folder : "");
    fputs(":$PATH\nmerge=", w->to);
    slab_shell_word(w->to, b->merge);
    fputs("\noutputs=(", w->to);
    for (int i = 0; i < b->ntasks; i++) {
        if (!b->tasks[i].output)
            continue;
        fputs("\n    ", w->to);
        slab_shell_word(w->to, b->tasks[i].output);
    }
    fputs(")\n", w->to);
    free(folder);
}

static void put_commands(const batch_writing *w)
{
    const slab_batch *b = w->b;
    const char *number = w->system->number;
    if (w->merge) {
        put_merge(w);
    } else if (!w->numbered) {
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

/*
 * A signal interrupts wait, and the shell hands it on; the second wait has the exit code. SIGTERM
 * is how a job is cancelled: the command is told to stop, as by SIGUSR1, and is not run again.
 * Of a merge the command that it is at is told, in a process group of its own; the shell around it
 * goes by that command's exit code.
 */
static void put_run(const batch_writing *w)
{
    const char *child = w->merge ? "-$child" : "$child";
    fprintf(w->to,
            "child= signalled=0 ended=0 code=0\n"
            "trap 'signalled=1; kill -USR1 -- \"%s\"' USR1\n"
            "trap 'signalled=1 ended=1; kill -USR1 -- \"%s\"' TERM\n",
            child, child);
    fputs(w->merge
              ? "set -m # a process group of its own\n"
                "( trap : USR1; set -- \"${outputs[@]}\"; set -euo pipefail; eval \"$merge\" ) "
                "</dev/null &\n"
                "child=$!\n"
                "set +m\n"
              : "\"${launch[@]}\" \"${command[@]}\" &\n"
                "child=$!\n",
          w->to);
    fputs("wait \"$child\" || code=$?\n"
          "while [ \"$signalled\" = 1 ] && [ \"$code\" -gt 128 ]; do\n"
          "    signalled=0 code=0\n"
          "    wait \"$child\" || code=$?\n"
          "done\n"
          "trap - TERM\n",
          w->to);
}

static void put_script(const batch_writing *w)
{
    fputs("#!/bin/bash\n", w->to);
    w->system->head(w);
    for (int i = 0; i < w->b->directives->n; i++)
        fprintf(w->to, "#%s %s\n", w->system->directive, w->b->directives->at[i]);
    putc('\n', w->to);
    w->system->prepare(w);
    put_commands(w);
    if (!w->merge)
        w->system->launch(w);
    put_run(w);
    if (w->again)
        w->system->put_back(w);
    fputs("exit \"$code\"\n", w->to);
}

static slab_status script(batch_writing *w, char **out)
{
    slab_status rc = SLAB_OK;
    char *text = NULL;
    size_t size = 0;
    *out = NULL;
    w->system = w->b->pbs ? &slab_batch_pbs : &slab_batch_slurm;
    /* PBS has no arrays of one */
    w->numbered = w->b->is_array && !w->merge && (!w->b->pbs || w->b->ntasks > 1);
    w->again = w->b->again || w->merge;
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
    batch_writing w = {.b = b, .ranks = b->ranks, .nodes = b->nodes};
    return script(&w, out);
}

slab_status slab_batch_merge_script(const slab_batch *b, char **out)
{
    batch_writing w = {.b = b, .merge = true, .ranks = 1};
    return script(&w, out);
}

/* Job scripts for OpenPBS and PBS Professional. */
#include <slab/tools/batch_impl.h>

#include <inttypes.h>
#include <slab/tools/shell_word.h>

/* A log begins anew when a job is run again, and names have no patterns:
 * the script appends to its own. %j, %A and %a mean what they mean to Slurm. */
static void put_log(const batch_writing *w)
{
    char log[512], text[512];
    size_t n = 0;
    slab_batch_log(w, log);
    for (const char *c = log; *c; c++) {
        const char *is = NULL;
        if (c[0] == '%' && (c[1] == 'j' || c[1] == 'A'))
            is = "\"${job%%\\[*}\"";
        else if (c[0] == '%' && c[1] == 'a')
            is = w->numbered ? "\"$PBS_ARRAY_INDEX\"" : "0";
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
}

static void head(const batch_writing *w)
{
    const slab_batch *b = w->b;
    int64_t chunks = w->nodes > 0 ? w->nodes : w->ranks;
    int64_t each = (w->ranks + chunks - 1) / chunks;
    fprintf(w->to, "#PBS -N %s%s\n", b->name, w->merge ? "-merge" : "");
    if (b->partition)
        fprintf(w->to, "#PBS -q %s\n", b->partition);
    if (b->account)
        fprintf(w->to, "#PBS -A %s\n", b->account);
    fprintf(w->to,
            "#PBS -l select=%" PRId64 ":ncpus=%" PRId64 ":mpiprocs=%" PRId64 ":ompthreads=%" PRId64
            ":mem=%" PRId64 "mb\n",
            chunks, each * b->threads, each, b->threads,
            slab_batch_mebibytes(b->bytes * (size_t)each, 1));
    if (w->nodes > 0) /* else a host may get several of the chunks */
        fputs("#PBS -l place=scatter\n", w->to);
    fputs("#PBS -l walltime=", w->to);
    slab_batch_put_clock(w->to, b->seconds);
    if (w->numbered)
        fprintf(w->to, "\n#PBS -J 0-%d", b->ntasks - 1);
    if (w->numbered && b->at_once > 0)
        fprintf(w->to, "%%%" PRId64, b->at_once);
    fputs("\n#PBS -j oe\n#PBS -r y\n#PBS -V\n", w->to);
}

static void prepare(const batch_writing *w)
{
    fputs("cd ", w->to);
    slab_shell_word(w->to, w->b->folder);
    fputs(" || exit 2\njob=${PBS_JOBID%%.*}\nexec >>", w->to);
    put_log(w);
    fputs(" 2>&1\n", w->to);
    if (w->again)
        fputs("before=${SLAB_RUNS:-0} # runs of the jobs that this one goes on from\n"
              "unset SLAB_RUNS\n",
              w->to);
}

static void launch(const batch_writing *w)
{
    if (w->ranks == 1)
        fputs("launch=()\n", w->to);
    else
        slab_batch_put_mpirun(w, " --hostfile \"$PBS_NODEFILE\"");
}

/*
 * How often it was run is counted where nothing is inherited: by the server for this job, and in a
 * variable that is handed to the next one alone. Without the server's count nothing would end
 * reruns. A job that another goes on from has not ended well: what waits for it must not begin.
 */
static void put_back(const batch_writing *w)
{
    fprintf(w->to,
            "# Stopped before the end of its time: the same again, which goes on from there.\n"
            "if [ \"$code\" = 75 ] && [ \"$ended\" = 0 ]; then\n"
            "    count=$(qstat -f \"$PBS_JOBID\" | sed -n 's/^ *run_count = "
            "\\([0-9][0-9]*\\)$/\\1/p')\n"
            "    runs=$((before + ${count:-1}))\n"
            "    [ \"$runs\" -lt %" PRId64 " ] || exit 75\n",
            w->b->runs);
    if (w->numbered)
        fputs("    [ -n \"$count\" ] && qrerun \"$PBS_JOBID\" && sleep 600 # PBS ends it\n"
              "fi\n",
              w->to);
    else
        fputs("    if [ -n \"$count\" ] && qrerun \"$PBS_JOBID\"; then\n"
              "        sleep 600 # PBS ends it\n"
              "    else # not every server lets users rerun jobs\n"
              "        qsub -v \"SLAB_RUNS=$runs\" \"$0\"\n"
              "    fi\n"
              "fi\n",
              w->to);
}

const batch_system slab_batch_pbs = {
    .directive = "PBS",
    .number = "PBS_ARRAY_INDEX",
    .head = head,
    .prepare = prepare,
    .launch = launch,
    .put_back = put_back,
};

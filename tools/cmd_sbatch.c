#include <slab/tools/batch.h>
#include <slab/tools/call_impl.h>
#include <slab/tools/time_limit.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const slab_option options[] = {
    {"ranks", 0, 'p', "N", "1", "MPI processes; each has the memory and the threads of its own"},
    {"nodes", 0, 'p', "N", NULL, "machines to spread them over (default: as it comes)"},
    {"time", 0, 'l', "TIME", NULL,
     "wall clock of one run, as 30m, 2h or 1-12:00:00 (default: four times what the plan says, 10 "
     "minutes at least)"},
    {"partition", 'p', 's', "NAME", NULL, "partition, or queue of PBS"},
    {"account", 'A', 's', "NAME", NULL, "account that pays"},
    {"job-name", 'J', 's', "NAME", NULL, "name in the queue (default: slab-VERB)"},
    {"log", 0, 'f', "FILE", NULL,
     "where what it prints goes, appended: %j is the job's number, %A and %a an array's and its "
     "task's (default: NAME-%j.log)"},
    {"array", 'a', 's', "PATTERN", NULL,
     "a job for every file that fits, as 'cells/*.h5'; may be repeated"},
    {"at-once", 0, 'p', "N", NULL, "how many of an array may run at the same time"},
    {"merge", 0, 's', "COMMAND", NULL,
     "what bash runs when all of an array have ended well; \"$@\" are their outputs; it may be run "
     "again, so it has to replace what it made (--force)"},
    {"stop-before", 0, 'l', "TIME", NULL,
     "how long before its end the job is told to stop (default: 2 minutes, of short jobs a tenth)"},
    {"runs", 0, 'p', "N", "20", "how often a job that is stopped before it is done may be run"},
    {"directive", 0, 's', "TEXT", NULL,
     "one more option for the batch system, with its dashes; may be repeated"},
    {"launcher", 0, 'c', "auto|srun|mpirun", "auto", "what starts the ranks"},
    {"system", 0, 'c', "slurm|pbs", "slurm", "the batch system"},
    {"print", 0, 'b', NULL, NULL, "print the script and submit nothing"},
    {"script", 0, 'f', "FILE", NULL,
     "write the script to this file (that of --merge to FILE.merge) and submit nothing"},
    {"force", 0, 'b', NULL, NULL, "replace that file"},
    {NULL, 0, 0, NULL, NULL, NULL}};

enum { USUAL_THREADS = 4, SHORTEST = 600, STOP_BEFORE = 120, TASK_NAME_MOST = 100 };

/* What a process takes besides its budget; with MPI its buffers too. */
static const size_t beside_budget = (size_t)128 << 20;

/* A job in the making; what it holds is its own. */
typedef struct job {
    slab_call *call;
    const slab_command *command;
    slab_batch batch;
    slab_argv words, files, directives;
    slab_batch_task *tasks;
    char *program, *folder;
    char name[TASK_NAME_MOST];
    char *script, *merge_script;
} job;

static void job_clear(job *j)
{
    for (int i = 0; i < j->batch.ntasks; i++) {
        slab_argv_clear(&j->tasks[i].words);
        FREE(j->tasks[i].output);
        FREE(j->tasks[i].output_file);
        FREE(j->tasks[i].output_path);
    }
    FREE(j->tasks);
    slab_argv_clear(&j->words);
    slab_argv_clear(&j->files);
    slab_argv_clear(&j->directives);
    FREE(j->script);
    FREE(j->merge_script);
    free(j->program);
    free(j->folder);
}

/* --- what directives may hold --- */

static bool has_control(const char *text)
{
    for (; *text; text++)
        if (iscntrl((unsigned char)*text))
            return true;
    return false;
}

/* Names go into directives as they are: letters that mean nothing to Slurm, PBS or a shell. */
static slab_status check_name(const slab_call *call, const char *option)
{
    slab_status rc = SLAB_OK;
    const char *text = slab_call_text(call, option);
    REQUIRE(!text || !has_control(text), SLAB_ERR_USAGE, "--%s: a name with control characters",
            option);
    for (const char *c = text; c && *c; c++)
        REQUIRE(isalnum((unsigned char)*c) || (c > text && strchr("_.,:+@%=-", *c)), SLAB_ERR_USAGE,
                "--%s '%s': letters, digits and _.,:+@%%=- make a name", option, text);
    REQUIRE(!text || strlen(text) < TASK_NAME_MOST, SLAB_ERR_USAGE, "--%s '%s' is too long", option,
            text);
done:
    return rc;
}

/* Slurm takes a backslash for "the name as it is", drops it, and expands nothing; and no batch
 * system makes folders: the job would fail without a log that says why. */
static slab_status check_log(const slab_call *call)
{
    slab_status rc = SLAB_OK;
    const char *text = slab_call_text(call, "log"), *slash = text ? strrchr(text, '/') : NULL;
    char folder[400];
    struct stat s;
    REQUIRE(!text || (!has_control(text) && strlen(text) < sizeof folder), SLAB_ERR_USAGE,
            "--log: a name with control characters, or longer than 400 letters");
    REQUIRE(!text || strcmp(slab_call_text(call, "system"), "slurm") != 0 || !strchr(text, '\\'),
            SLAB_ERR_USAGE, "--log '%s': Slurm has no backslashes in such names", text);
    if (!slash || slash == text || memchr(text, '%', (size_t)(slash - text)))
        goto done;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - text), text);
    REQUIRE(stat(folder, &s) == 0 && S_ISDIR(s.st_mode), SLAB_ERR_NOT_FOUND,
            "--log '%s': there is no folder '%s', and the job would not make it", text, folder);
done:
    return rc;
}

static slab_status check_texts(job *j)
{
    slab_status rc = SLAB_OK;
    const char *text;
    TRY(check_name(j->call, "job-name"));
    TRY(check_name(j->call, "partition"));
    TRY(check_name(j->call, "account"));
    TRY(check_log(j->call));
    for (int k = 0; (text = slab_call_text_at(j->call, "directive", k)) != NULL; k++) {
        REQUIRE(!has_control(text), SLAB_ERR_USAGE, "--directive has one line, without tabs");
        TRY(slab_argv_add(&j->directives, text));
    }
done:
    return rc;
}

/* --- the commands --- */

static slab_status take_command(job *j)
{
    slab_status rc = SLAB_OK;
    const char *verb = slab_call_argument(j->call, 0);
    j->command = slab_command_by_name(verb);
    REQUIRE(j->command, SLAB_ERR_USAGE, "'%s' is not a slab command ('slab help' lists them)",
            verb);
    REQUIRE(j->command->takes & SLAB_TAKES_COMPUTE, SLAB_ERR_USAGE,
            "'slab %s' needs no job: it takes moments", verb);
    REQUIRE(slab_call_int(j->call, "ranks") == 1 || (j->command->takes & SLAB_TAKES_RANKS),
            SLAB_ERR_USAGE, "'slab %s' works on one rank", verb);
    for (int i = 0; i < slab_call_count(j->call); i++)
        TRY(slab_argv_add(&j->words, slab_call_argument(j->call, i)));
done:
    return rc;
}

/* Parses the words of a task; slab_parsed_clear() it. */
static slab_status parse_task(const job *j, const slab_batch_task *task, slab_parsed *out)
{
    slab_status rc = SLAB_OK;
    TRY(slab_options_parse(j->command, task->words.n - 1, task->words.at + 1, out));
    REQUIRE(!out->help && !slab_parsed_value(out, "dry-run"), SLAB_ERR_USAGE,
            "a job that only explains: run 'slab %s' without sbatch", j->command->name);
done:
    return rc;
}

static slab_status make_task(job *j, slab_batch_task *task, const char *file)
{
    slab_status rc = SLAB_OK;
    slab_parsed parsed = {0};
    task->file = file;
    if (file) {
        TRY(slab_batch_expand(&j->words, file, &task->words));
    } else {
        for (int i = 0; i < j->words.n; i++)
            TRY(slab_argv_add(&task->words, j->words.at[i]));
    }
    TRY(parse_task(j, task, &parsed));
    const char *output = slab_parsed_value(&parsed, "output");
    if (output)
        TRY(slab_batch_output(task, output));
done:
    slab_parsed_clear(&parsed);
    return rc;
}

static slab_status make_tasks(job *j)
{
    slab_status rc = SLAB_OK;
    TRY(slab_batch_files(j->call, &j->files));
    j->batch.is_array = j->files.n > 0;
    int n = j->batch.is_array ? j->files.n : 1;
    ALLOC(j->tasks, n, "the jobs of an array");
    j->batch.tasks = j->tasks;
    j->batch.ntasks = n;
    for (int i = 0; i < n; i++)
        TRY(make_task(j, &j->tasks[i], j->batch.is_array ? j->files.at[i] : NULL));
    TRY(slab_batch_check_outputs(j->tasks, n));
    REQUIRE(j->batch.is_array || !slab_call_text(j->call, "merge"), SLAB_ERR_USAGE,
            "--merge is for what --array gives");
done:
    return rc;
}

/* --- what they need --- */

static slab_status times(job *j, double planned)
{
    slab_status rc = SLAB_OK;
    const char *time = slab_call_text(j->call, "time"),
               *before = slab_call_text(j->call, "stop-before");
    slab_batch *b = &j->batch;
    double seconds = 4 * planned / (double)b->ranks;
    REQUIRE(!time || time[strspn(time, "0123456789.")], SLAB_ERR_USAGE,
            "--time %s is minutes to Slurm and seconds to slab: write %sm or %ss", time, time,
            time);
    if (time)
        TRY(slab_duration_parse(time, &seconds));
    else
        seconds = seconds < SHORTEST ? SHORTEST : 60 * (double)((int64_t)(seconds / 60) + 1);
    REQUIRE(seconds >= 1 && seconds < 1e9, SLAB_ERR_USAGE, "a job of %g s is none", seconds);
    b->seconds = (int64_t)seconds;
    b->stop_before = b->seconds / 10 < STOP_BEFORE ? b->seconds / 10 : STOP_BEFORE;
    if (before) {
        TRY(slab_duration_parse(before, &seconds));
        REQUIRE(seconds < (double)b->seconds && seconds <= 65535, SLAB_ERR_USAGE,
                "--stop-before %s: the job has %" PRId64 " s, and 65535 are the most", before,
                b->seconds);
        b->stop_before = (int64_t)seconds;
    }
done:
    return rc;
}

/* Behind the verb: before a "--" that the command may have. */
static slab_status insert(slab_batch_task *task, int at, const char *option, int64_t number,
                          const char *unit)
{
    slab_status rc = SLAB_OK;
    char text[64];
    snprintf(text, sizeof text, "--%s=%" PRId64 "%s", option, number, unit);
    TRY(slab_argv_add(&task->words, text));
    char *last = task->words.at[task->words.n - 1];
    memmove(task->words.at + at + 1, task->words.at + at,
            (size_t)(task->words.n - 1 - at) * sizeof *task->words.at);
    task->words.at[at] = last;
done:
    return rc;
}

/* What was planned is what is run: it is written into every command that does not say it. */
static slab_status state_needs(job *j, const slab_parsed *parsed, const slab_needs *needs)
{
    slab_status rc = SLAB_OK;
    for (int i = 0; i < j->batch.ntasks; i++) {
        int at = 1;
        if (!slab_parsed_value(parsed, "threads"))
            TRY(insert(&j->tasks[i], at++, "threads", j->batch.threads, ""));
        if (!needs->stated)
            TRY(insert(&j->tasks[i], at++, "memory", (int64_t)(needs->memory >> 20), "M"));
        if (j->batch.pbs && !slab_parsed_value(parsed, "time-limit"))
            TRY(insert(&j->tasks[i], at++, "time-limit", j->batch.seconds - j->batch.stop_before,
                       ""));
    }
done:
    return rc;
}

static slab_status plan(job *j)
{
    slab_status rc = SLAB_OK;
    slab_batch *b = &j->batch;
    slab_parsed parsed = {0};
    slab_needs needs;
    TRY(parse_task(j, &j->tasks[0], &parsed));
    const char *threads = slab_parsed_value(&parsed, "threads");
    b->threads = threads ? strtoll(threads, NULL, 10) : USUAL_THREADS;
    TRY(slab_batch_plan(j->program, b->tasks, b->ntasks, &parsed, threads ? 0 : b->threads,
                        &needs));
    b->bytes = needs.memory + beside_budget * (b->ranks > 1 ? 2 : 1);
    b->again = slab_parsed_goes_on(&parsed); /* else running it again leads nowhere */
    TRY(times(j, needs.seconds));
    TRY(state_needs(j, &parsed, &needs));
done:
    slab_parsed_clear(&parsed);
    return rc;
}

static slab_status describe(job *j)
{
    slab_status rc = SLAB_OK;
    slab_batch *b = &j->batch;
    const slab_call *call = j->call;
    const char *name = slab_call_text(call, "job-name");
    snprintf(j->name, sizeof j->name, "%s%s", name ? "" : "slab-", name ? name : j->command->name);
    b->name = j->name;
    b->pbs = strcmp(slab_call_text(call, "system"), "pbs") == 0;
    b->partition = slab_call_text(call, "partition");
    b->account = slab_call_text(call, "account");
    b->log = slab_call_text(call, "log");
    b->launcher = slab_call_text(call, "launcher");
    b->merge = slab_call_text(call, "merge");
    b->ranks = slab_call_int(call, "ranks");
    b->nodes = slab_call_int(call, "nodes");
    b->runs = slab_call_int(call, "runs");
    b->at_once = slab_call_int(call, "at-once");
    b->directives = &j->directives;
    REQUIRE(b->nodes == 0 || b->ranks % b->nodes == 0, SLAB_ERR_USAGE,
            "%" PRId64 " ranks do not spread evenly over %" PRId64 " nodes", b->ranks, b->nodes);
    REQUIRE(b->ranks <= 1000000 && b->nodes <= 1000000, SLAB_ERR_USAGE,
            "that many ranks there are not");
    j->program = realpath("/proc/self/exe", NULL);
    j->folder = getcwd(NULL, 0);
    if (!j->program || !j->folder)
        FAIL_ERRNO("cannot find out where I am");
    REQUIRE(!has_control(j->folder), SLAB_ERR_USAGE,
            "this folder's name has control characters, which no job script can hold");
    b->program = j->program;
    b->folder = j->folder;
done:
    return rc;
}

/* --- where the script goes --- */

static slab_status script_path(const slab_call *call, const char *suffix, char path[PATH_MAX])
{
    slab_status rc = SLAB_OK;
    struct stat s;
    int n = snprintf(path, PATH_MAX, "%s%s", slab_call_text(call, "script"), suffix);
    REQUIRE(n < PATH_MAX, SLAB_ERR_USAGE, "--script: too long a name");
    REQUIRE(slab_call_flag(call, "force") || lstat(path, &s) != 0, SLAB_ERR_EXISTS,
            "'%s' exists already; --force replaces it", path);
done:
    return rc;
}

static slab_status write_script(const slab_call *call, const char *path, const char *text)
{
    slab_status rc = SLAB_OK;
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (slab_call_flag(call, "force") ? O_TRUNC : O_EXCL);
    int fd = open(path, flags, 0666);
    FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!to)
        FAIL_ERRNO("cannot write '%s'", path);
    bool whole = fputs(text, to) >= 0;
    if (fclose(to) != 0 || !whole)
        FAIL_ERRNO("cannot write '%s'", path);
done:
    return rc;
}

static slab_status write_scripts(const job *j)
{
    slab_status rc = SLAB_OK;
    char path[PATH_MAX], merge_path[PATH_MAX];
    TRY(script_path(j->call, "", path));
    if (j->merge_script)
        TRY(script_path(j->call, ".merge", merge_path));
    TRY(write_script(j->call, path, j->script));
    if (j->merge_script)
        TRY(write_script(j->call, merge_path, j->merge_script));
done:
    return rc;
}

static slab_status submit_all(const job *j)
{
    slab_status rc = SLAB_OK;
    char first[SLAB_JOB_NUMBER_MAX], second[SLAB_JOB_NUMBER_MAX];
    TRY(slab_batch_submit(&j->batch, j->script, NULL, first));
    slab_print(j->call, "%s\n", first);
    slab_log(SLAB_LOG_NOTE, "submitted as job %s", first);
    if (j->merge_script) {
        TRY_SAYING(slab_batch_submit(&j->batch, j->merge_script, first, second),
                   "job %s is submitted, but not what follows it", first);
        slab_print(j->call, "%s\n", second);
        slab_log(SLAB_LOG_NOTE, "job %s follows when all of it have ended well", second);
    }
done:
    return rc;
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    job j = {.call = call};
    *exit_code = 0;
    slab_batch_leave_job();
    TRY(check_texts(&j));
    TRY(take_command(&j));
    TRY(describe(&j));
    TRY(make_tasks(&j));
    TRY(plan(&j));
    TRY(slab_batch_script(&j.batch, &j.script));
    if (j.batch.merge)
        TRY(slab_batch_merge_script(&j.batch, &j.merge_script));
    if (slab_call_flag(call, "print")) {
        slab_print(call, "%s", j.script);
        if (j.merge_script)
            slab_print(call, "\n%s", j.merge_script);
    }
    if (slab_call_text(call, "script"))
        TRY(write_scripts(&j));
    if (!slab_call_flag(call, "print") && !slab_call_text(call, "script"))
        TRY(submit_all(&j));
done:
    job_clear(&j);
    return rc;
}

const slab_command slab_command_sbatch = {
    .name = "sbatch",
    .arguments = "[--] VERB ...",
    .summary = "run a command as a batch job, or many of them as an array",
    .description =
        "Writes a job script for a command of slab and submits it to Slurm (or PBS). The command "
        "is planned first: its memory, and a wall clock that suffices, are what is asked for. "
        "Threads and memory of a rank are the command's own -@ and --memory; without them it gets "
        "4 threads, and what its plan takes of 4 GiB.\n\n"
        "Before the wall clock ends the command is told to stop. What it has written is kept, it "
        "ends with exit code 75, and the job is put back into the queue and goes on from there. "
        "Every other exit code is the job's. Logs are appended.\n\n"
        "With --array there is a job for every file. In the command {} stands for the file, {stem} "
        "for its name without folder and ending, {name} for its name, {dir} for its folder. "
        "--merge is run when all of them have ended well.\n\n"
        "Options of sbatch stand before the verb; what follows it is the command's. The numbers of "
        "the jobs are printed.",
    .examples =
        "  slab sbatch --time 2h --ranks 4 pca cohort.h5:/g -k 20 -@ 8 --memory 16G -o pcs.h5\n"
        "  slab sbatch --array 'cells/*.h5' stat '{}:/x' --axis 0 -o 'out/{stem}.h5'\n"
        "  slab sbatch --print stat big.h5:/x\n"
        "  slab sbatch --system pbs --partition long --script job.sh stat big.h5:/x\n",
    .takes = SLAB_TAKES_COMMAND,
    .least = 1,
    .most = -1,
    .options = options,
    .run = run,
};

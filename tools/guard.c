/*
 * What runs here runs in a signal handler, in whatever state the process is: it formats by hand,
 * writes, and ends the process. Nothing is undone: files are as after a kill, which they survive.
 */
#include <slab/tools/guard.h>

#include <signal.h>
#include <slab/storage/base/sanitizer.h>
#include <slab/storage/base/watch.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_ERROR = 2 };

/* What HDF5 may have where no budget is stated: for one chunk, or one attribute. */
enum { UNSTATED_MEMORY = 512 << 20 };

static int own_rank = -1;
static bool as_json;
static volatile int through = -1; /* the exit code, when all is said */

/* --- the line --- */

typedef struct line {
    char text[2048];
    size_t used;
} line;

static void put(line *l, const char *text)
{
    for (; *text && l->used < sizeof l->text; text++)
        l->text[l->used++] = *text;
}

static void put_number(line *l, uint64_t n)
{
    char digits[24];
    size_t i = sizeof digits - 1;
    digits[i] = '\0';
    do
        digits[--i] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    put(l, digits + i);
}

/* A name from outside: nothing in it acts on a terminal, or ends a JSON text. */
static void put_name(line *l, const char *name)
{
    static const char hex[] = "0123456789abcdef";
    for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
        char plain[2] = {(char)*c, '\0'};
        char coded[] = {'\\', 'x', hex[*c >> 4], hex[*c & 15], '\0'};
        bool escapes = as_json && (*c == '"' || *c == '\\' || *c >= 0x7f || *c < 0x20);
        if (escapes)
            put(l, "?");
        else
            put(l, *c < 0x20 || *c == 0x7f ? coded : plain);
    }
}

static void begin_line(line *l)
{
    l->used = 0;
    put(l, as_json ? "{\"level\":\"error\",\"message\":\"" : "slab: ");
    if (own_rank >= 0) {
        put(l, "rank ");
        put_number(l, (uint64_t)own_rank);
        put(l, ": ");
    }
}

static void end_line(line *l)
{
    static const char end[] = "\"}\n";
    const char *last = as_json ? end : end + 2;
    if (l->used > sizeof l->text - sizeof end)
        l->used = sizeof l->text - sizeof end;
    put(l, last);
    for (size_t at = 0; at < l->used;) {
        ssize_t n = write(STDERR_FILENO, l->text + at, l->used - at);
        if (n <= 0)
            return;
        at += (size_t)n;
    }
}

/* "cannot read '/x' of 'a.h5': the HDF5 library " */
static void put_place(line *l, const slab_watch *watch)
{
    put(l, "cannot read ");
    if (watch->object && watch->object[0] && watch->files[0]) {
        put(l, "'");
        put_name(l, watch->object);
        put(l, "' of ");
    }
    for (int i = 0; i < SLAB_WATCH_FILES && watch->files[i]; i++) {
        put(l, i ? " or '" : "'");
        put_name(l, watch->files[i]);
        put(l, "'");
    }
    if (!watch->files[0] && watch->written) {
        put(l, "'");
        put_name(l, watch->written);
        put(l, "'");
    }
    put(l, ": the HDF5 library ");
}

/* --- crashes --- */

static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum { NCRASHES = sizeof crashes / sizeof *crashes };

/* A stack of its own: that of the thread may be what has run out. */
static _Thread_local char spare_stack[32 << 10];

static void give_spare_stack(void)
{
    stack_t stack = {.ss_sp = spare_stack, .ss_size = sizeof spare_stack}, old;
    if (sigaltstack(NULL, &old) == 0 && (old.ss_flags & SS_DISABLE))
        sigaltstack(&stack, NULL);
}

/* What a library that writes where it must not has left of names may not be readable either. */
static void say_no_name(void)
{
    line l;
    begin_line(&l);
    put(&l, "cannot read a file: the HDF5 library crashed on it: the file is damaged");
    end_line(&l);
    _exit(EXIT_ERROR);
}

static void on_crash(int number)
{
    static _Thread_local volatile sig_atomic_t crashing;
    const slab_watch *watch = slab_watch_here();
    line l;
    if (through >= 0)
        _exit(through);
    if (crashing)
        say_no_name();
    crashing = 1;
    begin_line(&l);
    if (watch && !watch->ours) {
        put_place(&l, watch);
        put(&l, "crashed on it (signal ");
        put_number(&l, (uint64_t)number);
        put(&l, "): ");
        put_name(&l, watch->failed ? watch->failed : "the file is damaged");
        end_line(&l);
        _exit(EXIT_ERROR);
    }
    put(&l, "this is a bug of slab, please report it: crashed (signal ");
    put_number(&l, (uint64_t)number);
    put(&l, ")");
    if (watch && watch->files[0]) {
        put(&l, " on '");
        put_name(&l, watch->files[0]);
        put(&l, "'");
    }
    end_line(&l);
    signal(number, SIG_DFL);
    raise(number);
}

/* In the place of MPI's and UCX's handlers too, which print pages and end with a signal; not of a
 * sanitizer's, whose report is worth more. */
static void catch_crashes(void)
{
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK | SA_NODEFER};
    struct sigaction old;
    for (int i = 0; i < NCRASHES; i++)
        if (sigaction(crashes[i], NULL, &old) == 0 &&
            (!SLAB_SANITIZED || old.sa_handler == SIG_DFL))
            sigaction(crashes[i], &action, NULL);
}

/* --- calls that do not come back --- */

/*
 * One step of HDF5 gets PATIENCE seconds of processor time, and more for what it has to do: bytes
 * of elements that it moves, and metadata that it reads, the latter at most as many times as a file
 * may be read in good faith. Processor time, so that neither a slow disk nor a stopped process
 * counts. The timer rings each second of processor time of the process; it costs nothing in
 * between.
 */
enum { PATIENCE = 20, BYTES_A_SECOND = 4 << 20, READ_AGAIN = 4 };

static int64_t patience = PATIENCE;

static int64_t seconds_for(const slab_watch *watch)
{
    uint64_t most = watch->file_bytes * READ_AGAIN, metadata = watch->looked_at;
    uint64_t bytes = watch->moved + (metadata < most ? metadata : most);
    return patience + (int64_t)(bytes / BYTES_A_SECOND);
}

static void on_tick(int number)
{
    static volatile uint64_t step;
    static volatile time_t began;
    static volatile int busy; /* threads of the process share the ticks */
    struct timespec now;
    const slab_watch *watch = slab_watch_anywhere();
    (void)number;
    if (!watch || __atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE))
        return;
    if (clock_gettime(watch->clock, &now) != 0)
        goto done;
    if (watch->steps != step) {
        step = watch->steps;
        began = now.tv_sec;
    } else if (now.tv_sec - began > seconds_for(watch)) {
        line l;
        begin_line(&l);
        put_place(&l, watch);
        put(&l, "has not come back from it after ");
        put_number(&l, (uint64_t)(now.tv_sec - began));
        put(&l, " s of processor time: the file is damaged");
        end_line(&l);
        _exit(EXIT_ERROR);
    }
done:
    __atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
}

static void begin_ticking(void)
{
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART | SA_ONSTACK}, old;
    const struct itimerval second = {{1, 0}, {1, 0}};
    const char *stated = getenv("SLAB_HDF5_SECONDS");
    if (stated && strtol(stated, NULL, 10) > 0)
        patience = strtol(stated, NULL, 10);
    /* Who measures slab with a profiler has the timer. */
    if (sigaction(SIGPROF, NULL, &old) == 0 && old.sa_handler == SIG_DFL &&
        sigaction(SIGPROF, &action, NULL) == 0)
        setitimer(ITIMER_PROF, &second, NULL);
}

int slab_guard_end(int code)
{
    through = code;
    return code;
}

void slab_guard_begin(int rank, bool json)
{
    own_rank = rank;
    as_json = json;
    slab_watch_memory_set(UNSTATED_MEMORY);
    slab_watch_on_thread(give_spare_stack);
    catch_crashes();
    begin_ticking();
}

#include <slab/tools/progress.h>

#include <inttypes.h>
#include <slab/storage/base/clock.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/tools/json.h>
#include <slab/tools/talk.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CELLS = 24, QUIET_START_MS = 500 };

/* What a line says. */
typedef struct line {
    const slab_progress_state *now;
    double part, rate, seconds_left; /* of all tasks; bytes a second */
    int slowest;                     /* rank, -1: there is one rank */
    double slowest_rate;             /* bytes a second since the last line; < 0: not counted */
} line;

static void time_text(double seconds, char *text, size_t size)
{
    int64_t s = (int64_t)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text, size, "%" PRId64 ":%02d:%02d", s / 3600, (int)(s / 60 % 60), (int)(s % 60));
    else
        snprintf(text, size, "%d:%02d", (int)(s / 60), (int)(s % 60));
}

static void draw(slab_bar *bar, const line *l)
{
    char cells[CELLS + 1], left[32];
    int filled = (int)(l->part * CELLS);
    memset(cells, ' ', CELLS);
    memset(cells, '#', (size_t)filled);
    cells[CELLS] = '\0';
    time_text(l->seconds_left, left, sizeof left);
    fprintf(stderr, "\r%-14.24s [%s] %3d%%  %.2f GB/s  %s left\033[K", bar->what, cells,
            (int)(100 * l->part), l->rate / 1e9, left);
    bar->shown = true;
}

/* What a rank has done: bytes, or tasks where they are not counted. */
static int64_t measure(const slab_progress_state *now, int r)
{
    return now->bytes > 0 ? now->rank_bytes[r] : now->rank_done[r];
}

/* The rank that has done least since the last line. A rank that is served badly by its disk or its
 * node shows itself so: work is handed out to whoever asks. */
static void find_slowest(slab_bar *bar, double seconds, line *l)
{
    int64_t least = 0;
    l->slowest = -1;
    l->slowest_rate = -1;
    if (l->now->ranks < 2 || l->now->ranks > bar->ranks)
        return;
    for (int r = 0; r < l->now->ranks; r++) {
        int64_t done = measure(l->now, r), since = done - bar->before[r];
        bar->before[r] = done;
        since = since < 0 ? done : since; /* another spell has begun */
        if (l->slowest < 0 || since < least) {
            l->slowest = r;
            least = since;
        }
    }
    if (l->now->bytes > 0 && seconds > 0)
        l->slowest_rate = (double)least / seconds;
}

static json_t *line_json(const line *l)
{
    json_t *o = json_object();
    json_object_set_new(o, "what", slab_json_text(l->now->what));
    json_object_set_new(o, "rank", json_integer(0));
    json_object_set_new(o, "ranks", json_integer(l->now->ranks));
    json_object_set_new(o, "done", json_integer(l->now->done));
    json_object_set_new(o, "total", json_integer(l->now->total));
    json_object_set_new(o, "bytes", json_integer(l->now->bytes));
    json_object_set_new(o, "rate", slab_json_real(l->rate));
    json_object_set_new(o, "seconds_left", slab_json_real(l->seconds_left));
    json_object_set_new(o, "slowest_rank",
                        l->slowest >= 0 ? json_integer(l->slowest) : json_null());
    json_object_set_new(o, "slowest_rate",
                        l->slowest_rate >= 0 ? slab_json_real(l->slowest_rate) : json_null());
    return o;
}

static void write_line(const line *l)
{
    char text[256], left[32], slowest[80] = "";
    time_text(l->seconds_left, left, sizeof left);
    if (l->slowest >= 0 && l->slowest_rate >= 0)
        snprintf(slowest, sizeof slowest, ", slowest rank %d (%.3g GB/s)", l->slowest,
                 l->slowest_rate / 1e9);
    else if (l->slowest >= 0)
        snprintf(slowest, sizeof slowest, ", slowest rank %d", l->slowest);
    snprintf(text, sizeof text, "%.64s: %d%% done, %.2f GB/s, %s left%s", l->now->what,
             (int)(100 * l->part), l->rate / 1e9, left, slowest);
    slab_talk("progress", text, slab_talk_is_json() ? line_json(l) : NULL);
}

/* A run that is kept now and then goes in spells, each of which counts its bytes from 0. */
static void begin(slab_bar *bar, const slab_progress_state *now, double t)
{
    bar->what = now->what;
    bar->total = now->total;
    bar->begun = bar->last = t;
    bar->earlier = bar->bytes = 0;
    for (int r = 0; r < bar->ranks; r++)
        bar->before[r] = 0;
}

static void show(void *context, const slab_progress_state *now)
{
    slab_bar *bar = context;
    double t = slab_clock_seconds();
    line l = {.now = now, .part = now->total > 0 ? (double)now->done / (double)now->total : 1};
    l.part = l.part > 1 ? 1 : l.part;
    if (bar->what != now->what || bar->total != now->total || l.part <= 0) {
        begin(bar, now, t);
        return;
    }
    if (now->bytes < bar->bytes)
        bar->earlier += bar->bytes;
    bar->bytes = now->bytes;
    double spent = t - bar->begun, wait = bar->terminal ? 0.1 : bar->every;
    if (spent * 1e3 < QUIET_START_MS || t - bar->last < wait)
        return;
    l.rate = (double)(bar->earlier + bar->bytes) / spent;
    l.seconds_left = spent * (1 - l.part) / l.part;
    if (bar->terminal) {
        draw(bar, &l);
    } else {
        find_slowest(bar, t - bar->last, &l);
        write_line(&l);
    }
    bar->last = t;
}

slab_status slab_bar_attach(slab_bar *bar, slab_crew *crew, double every, bool quiet)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(crew);
    slab_bar_clear(bar);
    if (quiet || slab_ranks_me(ranks) != 0)
        return SLAB_OK;
    ALLOC(bar->before, slab_ranks_count(ranks), "the progress of ranks");
    bar->ranks = slab_ranks_count(ranks);
    bar->terminal = isatty(STDERR_FILENO) && !slab_talk_is_json();
    bar->every = every;
    slab_crew_progress_set(crew, show, bar);
done:
    return rc;
}

void slab_bar_wipe(slab_bar *bar)
{
    if (bar->shown)
        fputs("\r\033[K", stderr);
    bar->shown = false;
}

void slab_bar_clear(slab_bar *bar)
{
    FREE(bar->before);
    memset(bar, 0, sizeof *bar);
}

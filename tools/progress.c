#include <slab/tools/progress.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CELLS = 24, LOG_SECONDS = 60, QUIET_START_MS = 500 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void time_text(double seconds, char *text, size_t size)
{
    int64_t s = (int64_t)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text, size, "%" PRId64 ":%02d:%02d", s / 3600, (int)(s / 60 % 60), (int)(s % 60));
    else
        snprintf(text, size, "%d:%02d", (int)(s / 60), (int)(s % 60));
}

static void draw(slab_bar *bar, double part, double rate, const char *left)
{
    char cells[CELLS + 1];
    int filled = (int)(part * CELLS);
    memset(cells, ' ', CELLS);
    memset(cells, '#', (size_t)filled);
    cells[CELLS] = '\0';
    fprintf(stderr, "\r%-14.24s [%s] %3d%%  %.2f GB/s  %s left\033[K", bar->what, cells,
            (int)(100 * part), rate / 1e9, left);
    bar->shown = true;
}

static void show(void *context, const char *what, int64_t done, int64_t total, int64_t bytes)
{
    slab_bar *bar = context;
    double t = now();
    /* Only this rank's tasks are known here; the others are taken to be as far. */
    double part = total > 0 ? (double)done * bar->ranks / (double)total : 1;
    part = part > 1 ? 1 : part;
    if (bar->what != what || bar->total != total || part <= 0) {
        bar->what = what;
        bar->total = total;
        bar->begun = bar->last = t;
        return;
    }
    double spent = t - bar->begun;
    double wait = bar->terminal ? 0.1 : LOG_SECONDS;
    if (spent * 1e3 < QUIET_START_MS || t - bar->last < wait)
        return;
    char left[32];
    double rate = (double)bytes * bar->ranks / spent;
    time_text(spent * (1 - part) / part, left, sizeof left);
    if (bar->terminal)
        draw(bar, part, rate, left);
    else
        fprintf(stderr, "slab: %s: %d%% done, %.2f GB/s, %s left\n", what, (int)(100 * part),
                rate / 1e9, left);
    bar->last = t;
}

void slab_bar_attach(slab_bar *bar, slab_crew *crew, bool quiet)
{
    slab_ranks *ranks = slab_crew_ranks(crew);
    memset(bar, 0, sizeof *bar);
    if (quiet || slab_ranks_me(ranks) != 0)
        return;
    bar->terminal = isatty(STDERR_FILENO);
    bar->ranks = slab_ranks_count(ranks);
    slab_crew_progress_set(crew, show, bar);
}

void slab_bar_wipe(slab_bar *bar)
{
    if (bar->shown)
        fputs("\r\033[K", stderr);
    bar->shown = false;
}

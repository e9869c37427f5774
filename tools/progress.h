/**
 * Progress on stderr: a bar on a terminal, one line a minute in a log.
 */
#ifndef SLAB_TOOLS_PROGRESS_H
#define SLAB_TOOLS_PROGRESS_H

#include <slab/storage/base/crew.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct slab_bar {
    bool shown; /* the bar is on the terminal's last line */
    bool terminal;
    int ranks;        /* among which the work is divided */
    const char *what; /* the run it is about */
    int64_t total;
    double begun, last; /* seconds */
} slab_bar;

/** Attaches the bar to a crew unless this rank is not the first or the user wants quiet. */
void slab_bar_attach(slab_bar *bar, slab_crew *crew, bool quiet);

/** Wipes the bar off the line so that something else can be printed. */
void slab_bar_wipe(slab_bar *bar);

#endif

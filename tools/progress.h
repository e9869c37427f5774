/**
 * Progress on stderr: a bar on a terminal, a line every minute in a log.
 */
#ifndef SLAB_TOOLS_PROGRESS_H
#define SLAB_TOOLS_PROGRESS_H

#include <slab/storage/base/crew.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct slab_bar {
    bool shown; /* the bar is on the terminal's last line */
    bool terminal;
    double every;     /* seconds between lines of a log */
    const char *what; /* the run it is about */
    int64_t total;
    double begun, last;     /* seconds */
    int64_t earlier, bytes; /* of earlier spells of the same run; last seen of this one */
    int ranks;
    int64_t *before; /* [ranks]: what each had done when the last line was written */
} slab_bar;

/** Attaches the bar to a crew unless this rank is not the first or the user wants quiet.
 * @param every  seconds between lines where it is no terminal, or where lines are JSON */
slab_status slab_bar_attach(slab_bar *bar, slab_crew *crew, double every, bool quiet);

/** Wipes the bar off the line so that something else can be printed. */
void slab_bar_wipe(slab_bar *bar);

void slab_bar_clear(slab_bar *bar);

#endif

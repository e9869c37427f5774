/**
 * Asking for an orderly end: a signal or a time limit asks, crews look between their tasks and end
 * with SLAB_ERR_STOPPED. The program decides what asks; the libraries only look.
 */
#ifndef SLAB_STORAGE_BASE_STOP_H
#define SLAB_STORAGE_BASE_STOP_H

#ifdef __cplusplus
extern "C" {
#endif

/** Asks now. A signal handler may call it. @param signal  its number, 0: no signal */
void slab_stop_request(int signal);

/** Asks by itself so many seconds from now; of several limits the earliest holds.
 * @param why  what slab_stop_reason() then says; borrowed for good */
void slab_stop_after(double seconds, const char *why);

/** Has somebody asked, or has the time come? Thread-safe, cheap enough to ask before every task. */
int slab_stop_requested(void);

/** Why somebody has asked, for messages: "SIGTERM", "the time limit", "a request". */
const char *slab_stop_reason(void);

#ifdef __cplusplus
}
#endif
#endif

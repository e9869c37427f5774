/**
 * Text files read in pieces: windows over them, and where their lines begin.
 */
#ifndef SLAB_FORMAT_TEXT_IMPL_H
#define SLAB_FORMAT_TEXT_IMPL_H

#include <slab/format/input_impl.h>
#include <slab/storage/base/crew.h>

/** A part of a text file in memory, moved along as it is asked for. One per thread. */
typedef struct slab_window {
    const slab_input *in;
    int64_t end;   /* nothing is read from here on */
    int64_t start; /* offset of data[0] in the file */
    size_t length; /* bytes in data */
    size_t capacity;
    size_t ahead; /* bytes read when what is asked for is not there: at most the capacity */
    char *data;
} slab_window;

#define SLAB_WINDOW_BYTES ((size_t)256 << 10)

slab_status slab_window_init(slab_window *w, const slab_input *in, int64_t end, size_t capacity);
void slab_window_clear(slab_window *w);

/**
 * Text from an offset on: at least `want` bytes of it (at most the capacity), fewer only where
 * the text ends. Valid until the next call.
 */
slab_status slab_window_at(slab_window *w, int64_t offset, size_t want, const char **text,
                           size_t *length);

/** Offset of the first newline at or after `offset`, or the end. */
slab_status slab_window_newline(slab_window *w, int64_t offset, int64_t *out);

/** Where lines begin: for every block of the text, how many lines began before it. */
typedef struct slab_lines {
    const slab_input *in;
    int64_t begin, end; /* the text */
    int64_t block;      /* bytes of a block */
    int64_t nblocks;
    int64_t *before; /* [nblocks + 1] */
    int64_t count;   /* lines in all; a last one without newline counts */
} slab_lines;

/** Called for every line; it goes from `start` to before `stop`, its newline or the end.
 * Thread-safe between threads; `block` names where the line began, of what is gathered in order. */
typedef slab_status (*slab_line_visit)(void *context, int thread, slab_window *w, int64_t block,
                                       int64_t start, int64_t stop);

/** Counts the lines of [begin, end) in parallel and visits each. Collective. @param visit  or NULL
 */
slab_status slab_lines_scan(slab_crew *crew, const slab_input *in, int64_t begin, int64_t end,
                            slab_line_visit visit, void *context, slab_lines *out);
void slab_lines_clear(slab_lines *lines);

/** Offsets of lines first .. first + n - 1, and in offset[n] that behind the last one. */
slab_status slab_lines_find(const slab_lines *lines, slab_window *w, int64_t first, int64_t n,
                            int64_t *offset);

/** Number (from 1) of the line that holds a byte: reads from the file's start, for messages. */
int64_t slab_text_line_number(const slab_input *in, int64_t offset);

/** The end of what is meant: empty lines at the file's end are left out. */
slab_status slab_text_trim(const slab_input *in, int64_t *end);

/** A field for a message: at most 40 bytes, unprintable ones as '?'. */
#define SLAB_EXCERPT_MAX 48
const char *slab_text_excerpt(const char *text, size_t length, char excerpt[SLAB_EXCERPT_MAX]);

#endif

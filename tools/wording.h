/**
 * Words for people: sizes, times, wrapped paragraphs.
 */
#ifndef SLAB_TOOLS_WORDING_H
#define SLAB_TOOLS_WORDING_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { SLAB_TEXT_MAX = 64 };

/** "0 B", "812 B", "3.7 MiB". Returns text, which holds SLAB_TEXT_MAX bytes. */
char *slab_text_bytes(uint64_t bytes, char *text);

/** "0.2 s", "95 s", "12 min", "3.4 h". */
char *slab_text_seconds(double seconds, char *text);

/** Bytes of the character here if it acts on a terminal, 0: it does not. Those of ASCII, and those
 * behind it that are obeyed in UTF-8. */
int slab_text_control(const unsigned char *c);

/** Writes a text from outside, as names in files are: what would act on a terminal as \xNN. */
void slab_text_put(FILE *to, const char *text);

/**
 * Writes paragraphs wrapped at 79 columns. Paragraphs are parted by an empty line; lines that begin
 * with a blank are kept as they are. The first line starts at column `at`, all others at `indent`.
 */
void slab_text_wrap(FILE *to, const char *text, int at, int indent);

#endif

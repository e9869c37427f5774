/**
 * Words for a shell.
 */
#ifndef SLAB_TOOLS_SHELL_WORD_H
#define SLAB_TOOLS_SHELL_WORD_H

#include <stdio.h>

/** Writes a word so that a POSIX shell takes it as it is, whatever bytes it has: nothing in it is
 * expanded, split or run. */
void slab_shell_word(FILE *to, const char *word);

#endif

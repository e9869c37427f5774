/**
 * Help, man pages and completion, made from the descriptors.
 */
#ifndef SLAB_TOOLS_MANUAL_H
#define SLAB_TOOLS_MANUAL_H

#include <slab/tools/command.h>
#include <stdio.h>

/** All commands in groups. */
void slab_manual_overview(FILE *to);

/** One command for the terminal. */
void slab_manual_page(FILE *to, const slab_command *command);

/** The troff source of slab-VERB(1); command NULL: slab(1). */
void slab_manual_troff(FILE *to, const slab_command *command);

/** A bash completion script. */
void slab_manual_completion(FILE *to);

/** What the exit codes mean: i = 0, 1, ... until NULL. */
const char *slab_manual_exit_code(int i, int *code);

#endif

/**
 * The process ends with an error line where the HDF5 library crashes on a file, does not come back
 * from it, or wants more memory than it may have: docs/decisions/hostile-files.md.
 */
#ifndef SLAB_TOOLS_GUARD_H
#define SLAB_TOOLS_GUARD_H

#include <stdbool.h>

/** From here on. @param rank  named in the line; -1: there is one alone
 * @param json  the line is a JSON object */
void slab_guard_begin(int rank, bool json);

/** The program is through, and has said all there is: what crashes now are libraries that end, on
 * what a damaged file has left in them. Returns the exit code, which stays what it is. */
int slab_guard_end(int code);

#endif

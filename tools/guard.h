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

#endif

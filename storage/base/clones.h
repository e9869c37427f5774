/* SLAB_CLONES: the compiler makes a function once per instruction set; the best is chosen when the
 * program is loaded. Sanitizers cannot run before that, so they get the plain one. */
#ifndef SLAB_STORAGE_BASE_CLONES_H
#define SLAB_STORAGE_BASE_CLONES_H

#include <slab/storage/base/sanitizer.h>

#if defined(__x86_64__) && !SLAB_SANITIZED
#define SLAB_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SLAB_CLONES
#endif

#endif

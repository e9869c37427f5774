/**
 * The processor cores that a process may run on: its affinity mask, which Slurm and mpirun set.
 */
#ifndef SLAB_STORAGE_BASE_CORES_H
#define SLAB_STORAGE_BASE_CORES_H

#include <stdint.h>

enum { SLAB_CORES_MOST = 8192 }; /* the most that Linux can be built for */

/** A bit for each core. Masks of several processes are united by a bitwise or. */
typedef struct slab_cores {
    uint64_t mask[SLAB_CORES_MOST / 64];
} slab_cores;

/** Those of this process; where the system does not tell, one. */
slab_cores slab_cores_usable(void);

/** How many they are. */
int slab_cores_count(const slab_cores *cores);

#endif

/**
 * slab's virtual file driver: what lies under HDF5's metadata plane.
 *
 * Reading, it is pread, and a spy: a read into the sentinel buffer is noted and not done. Writing,
 * it keeps every write in memory (overlay_impl.h), gives HDF5 the addresses it is told, and drops
 * writes of the sentinel. All calls are made inside slab_hdf5_enter().
 */
#ifndef SLAB_STORAGE_HDF5_DRIVER_IMPL_H
#define SLAB_STORAGE_HDF5_DRIVER_IMPL_H

#include <hdf5.h>
#include <slab/storage/hdf5/meta.h>
#include <slab/storage/hdf5/overlay_impl.h>

/** Pieces of a file that is read, kept because metadata lies together: a B-tree of a million chunks
 * is 18,000 nodes, and reading each by itself takes a round trip each on a parallel file system. */
enum { SLAB_DRIVER_LINES = 8, SLAB_DRIVER_LINE = 64 << 10 };

/** The superblock, all that matters of it. It says where the file ends, and every commit of slab's
 * moves the end: as long as these bytes stay, so has all metadata. */
enum { SLAB_DRIVER_STAMP = 64 };

typedef struct slab_driver_line {
    uint64_t address;
    size_t size; /* 0: nothing in it */
    uint8_t *bytes;
} slab_driver_line;

/** One file, as it is on disk and as the transaction will leave it. */
typedef struct slab_driver_file {
    char *path;
    int fd;
    bool writing;
    uint64_t size;                             /* on disk when it was opened */
    uint64_t eoa;                              /* HDF5's end of allocated space */
    slab_overlay *overlay;                     /* writing: everything written */
    slab_driver_line lines[SLAB_DRIVER_LINES]; /* reading */

    char *journal;       /* reading: of a commit that is under way */
    bool locked;         /* reading: this moment's reads cannot meet a commit */
    bool stamped;        /* reading: what the file was when it was opened: */
    uint64_t superblock; /* where it lies */
    uint8_t stamp[SLAB_DRIVER_STAMP];

    uint64_t spied_address, spied_size; /* the last read into the sentinel */
    int spied;                          /* how many there were */

    bool placing; /* the next raw allocation of place_size bytes gets place_address */
    uint64_t place_address, place_size;
    int placed;

    uint64_t next, end; /* reserved for metadata and not given out yet */
    uint64_t taken;     /* reserved for metadata so far: reservations grow with it */
    slab_meta_reserve reserve;
    void *context;
    bool begun;      /* the space is shared now: more comes from reserve() */
    bool discard;    /* aborting: nothing is kept any more */
    slab_error lost; /* code other than SLAB_OK: a read, write or reservation failed, all is in vain */

    int handles; /* of HDF5 that are open on it */
} slab_driver_file;

/** Opens the file; it is created when it is to be and is not there.
 * @retval SLAB_ERR_NOT_FOUND, SLAB_ERR_IO */
slab_status slab_driver_open(const char *path, bool writing, bool create, slab_driver_file **out);
void slab_driver_close(slab_driver_file **file);

/** Rolls back what a dead writer has left half done, and logs that. */
slab_status slab_driver_recover(const char *path);

/**
 * Reading: from here to slab_driver_unlock() no commit changes the metadata; waits, up to 5 s,
 * while one does, and rolls back one whose writer has died. Where there are no locks, a read that
 * met a commit fails.
 * @param[out] changed  somebody has committed since slab_driver_stamp()
 * @retval SLAB_ERR_LOCKED  a commit takes too long
 */
slab_status slab_driver_lock(slab_driver_file *file, bool *changed);
void slab_driver_unlock(slab_driver_file *file);

/** Reading: forgets all that was read, and remembers what state the file is in now. */
slab_status slab_driver_stamp(slab_driver_file *file, uint64_t superblock);

/** After a read of metadata: fails when it may have met a commit. */
slab_status slab_driver_undisturbed(const slab_driver_file *file);

/** Reads what is on the disk; bytes past the end that the file had are zero. */
slab_status slab_driver_read(const slab_driver_file *file, uint64_t address, size_t size,
                             void *buffer);

/** The file is open for writing; from now on space comes from reserve(). */
void slab_driver_begin(slab_driver_file *file, slab_meta_reserve reserve, void *context);

/** Fails with what went wrong when a write or a reservation failed behind HDF5's back. To be asked
 * after every call that may write. */
slab_status slab_driver_lost(const slab_driver_file *file);

/** Lets HDF5 take integers of few bits in many bytes. Since 1.14.4 it holds them for damage, where
 * an object's header has no checksum. */
slab_status slab_driver_relax(hid_t fapl);

/** A file access property list that makes HDF5 use the driver on this file. The caller closes it.
 */
slab_status slab_driver_access(slab_driver_file *file, hid_t *fapl);

/** The sentinel: recognised by its address; touching it is a fault. NULL: no memory for it. */
void *slab_driver_sentinel(void);

/** What went wrong in a callback since the last clear; code SLAB_OK when nothing did. */
const slab_error *slab_driver_error(void);
void slab_driver_error_clear(void);

/** Keeps what just failed, for what HDF5 calls; returns what HDF5 wants: 0, or -1 for a failure. */
herr_t slab_driver_failed(slab_status rc);

#endif

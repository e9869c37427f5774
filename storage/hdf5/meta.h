/**
 * The metadata plane: everything slab asks of the HDF5 library, for storage/ alone.
 *
 * The only folder that includes hdf5.h. HDF5 is not thread-safe here: every function takes one
 * lock for the process. Nothing in this header is collective; which rank calls is the caller's
 * business (one rank reads, the others are told).
 */
#ifndef SLAB_STORAGE_HDF5_META_H
#define SLAB_STORAGE_HDF5_META_H

#include <slab/storage/array.h>
#include <slab/storage/copy.h>
#include <slab/storage/seal.h>
#include <slab/storage/selection.h>
#include <slab/storage/texts.h>
#include <slab/storage/transaction.h>

/** Gives an address for `bytes` bytes past everything reserved before, a multiple of `align`. */
typedef slab_status (*slab_meta_reserve)(void *context, uint64_t bytes, uint64_t align,
                                         uint64_t *address);

typedef struct slab_meta slab_meta;

/** Opens for reading. The driver serves metadata and fallback reads. */
slab_status slab_meta_open(const char *path, slab_meta **out);
void slab_meta_close(slab_meta **meta);

/** How often another process has committed to the file since it was opened, as far as was noticed.
 * What is asked in one call is of one state of the file; two calls may see two. */
int slab_meta_states(const slab_meta *meta);
/** Is it the file that is open as fd, and not another of the same name? */
bool slab_meta_is(const slab_meta *meta, int fd);

slab_status slab_meta_list(slab_meta *meta, const char *path, bool recursive, slab_file_visit visit,
                           void *context);
slab_status slab_meta_object(slab_meta *meta, const char *path, slab_object *out);
/** As slab_meta_object where nothing may be: no error then, for which a group's names would be read. */
slab_status slab_meta_find(slab_meta *meta, const char *path, slab_object *out, bool *there);
/** As slab_meta_object, but a link at the end of the path is a link, wherever it leads. */
slab_status slab_meta_link(slab_meta *meta, const char *path, slab_object *out);
/** What would lose its last hard link if the links at these paths went: the objects there and all
 * below them. @param[out] bytes  headers, indices and stored elements */
slab_status slab_meta_occupied(slab_meta *meta, const char *const *paths, int n, int64_t *objects,
                               uint64_t *bytes);
slab_status slab_meta_attributes(slab_meta *meta, const char *path, slab_attribute **out,
                                 size_t *n);

/** Fills all of info. fallback is set for whatever the layout or type make impossible here; the
 * filters are judged by the caller with slab_pipeline_check(). has_missing comes from the
 * attributes missing_value or _FillValue. stored_chunks may be -1 where counting costs a walk. */
slab_status slab_meta_describe(slab_meta *meta, const char *path, slab_array_info *info);

/**
 * Looks up the chunks in a box of chunk coordinates, in C order of that box, by H5Dchunk_iter
 * where it exists, else by the spying driver (one H5Dread_chunk into a sentinel buffer a chunk).
 * Addresses are absolute (user block included). Missing chunks get size 0.
 * @retval SLAB_ERR_FORMAT  an address or size outside the file (message: which chunk)
 */
slab_status slab_meta_chunks(slab_meta *meta, const char *path, const slab_box *box,
                             slab_chunk *chunks);

/** H5Dread of a strided selection in the native type: the fallback. dst: C order. */
slab_status slab_meta_read(slab_meta *meta, const char *path, const slab_selection *selection,
                           slab_dtype native, void *dst);

/** A digest of the other files that an array's elements lie in: behind an external link, as sources
 * of a view, as external storage. Another one when such a file was changed or replaced. */
slab_status slab_meta_outside_digest(slab_meta *meta, const char *path, uint64_t *out);

/** The variable-length strings of a selection, C order. */
slab_status slab_meta_texts(slab_meta *meta, const char *path, const slab_selection *selection,
                            slab_texts **out);

/** Are two attributes of one name the same, whatever their type? References by the name of what
 * they point at. */
slab_status slab_meta_attribute_equal(slab_meta *a, const char *path_a, slab_meta *b,
                                      const char *path_b, const char *name, bool *same);
/** Are two named types the same? */
slab_status slab_meta_types_equal(slab_meta *a, const char *path_a, slab_meta *b,
                                  const char *path_b, bool *same);
/** Compares elements of any type through H5Dread: for types that slab does not read itself.
 * @retval SLAB_ERR_SHAPE */
slab_status slab_meta_elements_equal(slab_meta *a, const char *path_a, slab_meta *b,
                                     const char *path_b, slab_unequal *out);

/* --- a transaction's side, on the one rank that holds it --- */

/**
 * Opens for writing with every metadata write kept in memory. @p create: a new file at path (the
 * temporary name), else an existing one. Space comes from reserve().
 * The superblock's format bounds are EARLIEST..V18, so nothing marks the file as open.
 * An existing file must be recovered (journal.h), then locked, by the caller: nothing here locks.
 * reserve() is not called before slab_meta_begin() has returned.
 */
slab_status slab_meta_begin(const char *path, bool create, slab_meta_reserve reserve, void *context,
                            slab_meta **out);

/** Where the file's allocated space ends: what reserve() must stay above. Call after begin. */
uint64_t slab_meta_end(const slab_meta *meta);

/** Creates an array and the groups above it. Of info it takes dtype, shape, max_shape, layout,
 * chunk, pipeline and fill.
 * @param info  layout CHUNKED (bytes come with slab_meta_register), or CONTIGUOUS: scalars and
 * small arrays, whose elements come with slab_meta_write */
slab_status slab_meta_create_array(slab_meta *meta, const char *path, const slab_array_info *info);
/** H5Dwrite of all elements of a contiguous array, from the native type, C order; kept in memory
 * and committed with the metadata (so: for scalars and small arrays). */
slab_status slab_meta_write(slab_meta *meta, const char *path, slab_dtype native, const void *data);
/** Creates a group, and those above it, unless it is there. */
slab_status slab_meta_create_group(slab_meta *meta, const char *path);
/** Unlinks an object with all below it; the space stays taken until the file is repacked. */
slab_status slab_meta_remove(slab_meta *meta, const char *path);
slab_status slab_meta_attribute_text(slab_meta *meta, const char *path, const char *name,
                                     const char *text);
slab_status slab_meta_attribute(slab_meta *meta, const char *path, const char *name,
                                slab_dtype dtype, int64_t n, const void *data);
/** @retval SLAB_ERR_NOT_FOUND  there is no such attribute (message: what there is) */
slab_status slab_meta_attribute_remove(slab_meta *meta, const char *path, const char *name);

/* --- copying from a file that is read; attributes come last --- */

/** Creates an array with the type and extents of another. @param storage  its layout, chunks,
 * filters and fill value; NULL: those of the other too, so that packed chunks fit */
slab_status slab_meta_create_like(slab_meta *meta, const char *path, slab_meta *from,
                                  const char *from_path, const slab_array_info *storage);
/** Copies a link, an empty group, a named type, or an array with its elements (through HDF5, kept
 * in memory until commit). Without attributes; references to objects lead nowhere yet. */
slab_status slab_meta_copy_object(slab_meta *meta, const char *path, slab_meta *from,
                                  const char *from_path, slab_object kind);
/** Another hard link to an object that is there. */
slab_status slab_meta_link_hard(slab_meta *meta, const char *there, const char *path);
/** The same for two paths when they lead to the same object of a file. */
slab_status slab_meta_object_key(slab_meta *meta, const char *path, uint64_t *key);
/** Elements that are references lead to the copies of what they led to. Nothing for other types. */
slab_status slab_meta_move_references(slab_meta *meta, const char *path, slab_meta *from,
                                      const char *from_path, const slab_copy_map *map);
/** Attributes of any type. Those that tie a dimension to its scale are left out when one of the two
 * has not been copied; other references to what is not there lead nowhere. */
slab_status slab_meta_copy_attributes(slab_meta *meta, const char *path, slab_meta *from,
                                      const char *from_path, const slab_copy_map *map);

/** A chunk whose bytes lie in the file already. */
typedef struct slab_placed_chunk {
    int64_t number; /* in the array's chunk grid, C order */
    slab_chunk at;
} slab_placed_chunk;

/** Enters chunks into the array's index: H5Dwrite_chunk with the sentinel, the driver's alloc hands
 * out the given address and drops the raw write. */
slab_status slab_meta_register(slab_meta *meta, const char *path, const slab_placed_chunk *chunks,
                               int64_t n);

/** Has a file that is to change to itself, or fails, which ends the commit. */
typedef slab_status (*slab_meta_gate)(void *context);

/**
 * Writes the gathered metadata. New file: in place, fsync. Existing file: what lies behind its old
 * end, fsync; @p alone; rollback journal, fsync, the rest applied, fsync, journal removed
 * (journal.h). @p end: end of all reserved space; @p sync: off saves the fsyncs and the promise with
 * them; @p alone: called once before the first byte changes that a reader can see, NULL: nothing.
 * After a failure before that the file may be longer than it was, which nobody minds.
 * Closes the HDF5 file; meta is NULL afterwards.
 */
slab_status slab_meta_commit(slab_meta **meta, uint64_t end, bool sync, slab_meta_gate alone,
                             void *context);
void slab_meta_abort(slab_meta **meta);

/* --- seals (seal.h): what is changed is noted, and sealed at the end --- */

/** What a transaction has changed; it outlives the metadata plane. */
typedef struct slab_sealing slab_sealing;
/** @param new_file  the file is slab's from the beginning */
slab_status slab_sealing_create(bool new_file, slab_sealing **out);
void slab_sealing_destroy(slab_sealing **sealing);

/** From here on what is changed is noted. Borrowed. */
void slab_meta_seal_with(slab_meta *meta, slab_sealing *sealing);
/** Something is about to be created at a path by other means. */
slab_status slab_meta_seal_created(slab_meta *meta, const char *path);
/** The chunks of an array that was created: the sum of their digests. */
slab_status slab_sealing_chunks(slab_sealing *sealing, const char *path, slab_digest sum);

/** Seals what was noted; chunks are registered, attributes set: nothing more is changed. */
slab_status slab_meta_seal(slab_meta *meta);

/** @retval SLAB_ERR_NOT_FOUND */
slab_status slab_meta_seal_check(slab_meta *meta, const char *path, slab_seal_check *out);

/* --- parallel HDF5's own way, the reference backend (collective.c); all ranks call these --- */

typedef struct slab_collective slab_collective;
slab_status slab_collective_begin(slab_ranks *ranks, const char *path, bool create,
                                  slab_collective **out);
slab_status slab_collective_create_array(slab_collective *c, const char *path,
                                         const slab_array_info *info, int *id);
/** An array that is in the file already, to be written to. */
slab_status slab_collective_open_array(slab_collective *c, const char *path, int *id);
/** Writes one box per rank, collectively; a rank without one gives count 0 along an axis. */
slab_status slab_collective_write(slab_collective *c, int id, const slab_box *box,
                                  slab_dtype native, const void *data);
slab_status slab_collective_end(slab_collective **c);

#endif

/**
 * An object's seal: digests of what a reader sees of it, in a text attribute. docs/on-disk.md has
 * the format, docs/decisions/seal.md what is sealed when. Called inside slab_hdf5_enter().
 */
#ifndef SLAB_STORAGE_HDF5_SEAL_IMPL_H
#define SLAB_STORAGE_HDF5_SEAL_IMPL_H

#include <hdf5.h>
#include <slab/storage/base/digest.h>
#include <slab/storage/base/status.h>

#define SLAB_SEAL_NAME "slab_seal"

/** The parts of a seal that are one digest each. */
typedef enum slab_seal_part {
    SLAB_SEAL_TYPE,
    SLAB_SEAL_SHAPE,
    SLAB_SEAL_STORAGE,
    SLAB_SEAL_CHUNKS,   /* sum over an array's chunks, of slab_chunk_digest() */
    SLAB_SEAL_ELEMENTS, /* instead of chunks: of elements as HDF5 reads them */
    SLAB_SEAL_LINKS,    /* sum over a group's links, of slab_seal_link() */
    SLAB_SEAL_PARTS
} slab_seal_part;

/** What it is called in a seal. */
const char *slab_seal_part_name(slab_seal_part part);

/** More attributes than these are not sealed: the seal, itself one, would not hold them. */
enum { SLAB_SEAL_ATTRIBUTES_MAX = 1500 };

typedef struct slab_seal_attribute {
    uint64_t name, value; /* digests */
} slab_seal_attribute;

typedef struct slab_seal {
    slab_digest id; /* no other object of the file has or had it; 0: slab did not make the object,
                       and has sealed only what it put there */
    uint64_t made;  /* of a group: how many links slab has made in it */
    bool has[SLAB_SEAL_PARTS];
    slab_digest part[SLAB_SEAL_PARTS];
    bool many;                       /* there are too many attributes to be sealed */
    slab_seal_attribute *attributes; /* by name */
    size_t nattributes, room;
} slab_seal;

void slab_seal_clear(slab_seal *seal);

/** Did slab make the object? Then all of it is sealed. */
bool slab_seal_is_whole(const slab_seal *seal);

/** Enters an attribute, or its new value. */
slab_status slab_seal_attribute_set(slab_seal *seal, uint64_t name, uint64_t value);
void slab_seal_attribute_remove(slab_seal *seal, uint64_t name);
/** NULL: it is not in the seal. */
const slab_seal_attribute *slab_seal_attribute_find(const slab_seal *seal, uint64_t name);
uint64_t slab_seal_attribute_name(const char *name);

/** A link as a group's seal has it: its name and kind; of a hard one the seal of what it leads to,
 * of others where they lead. */
slab_status slab_seal_link(hid_t group, const char *name, const H5L_info_t *info, slab_digest *out,
                           slab_digest *id);

/** Seal as text. slab_memory_free() it. */
slab_status slab_seal_print(const slab_seal *seal, char **out);

/** @retval SLAB_ERR_CHECKSUM  the text is not one that slab_seal_print() makes */
slab_status slab_seal_parse(const char *text, slab_seal *out);

/** Reads an object's seal; *has is false when there is none.
 * @retval SLAB_ERR_CHECKSUM  what is there is damaged */
slab_status slab_seal_read(hid_t object, slab_seal *out, bool *has);

/** Nobody else sets or removes a seal. @retval SLAB_ERR_VALUE  that is the attribute's name */
slab_status slab_seal_attribute_check(const char *name);

/** Is an attribute a seal, whatever its name says? */
bool slab_seal_is_like(hid_t object, const char *name);

/** Puts a seal in the place of what is there. */
slab_status slab_seal_write(hid_t object, const slab_seal *seal);

#endif

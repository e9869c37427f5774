/* Seals as text, and in the file. */
#include <slab/storage/hdf5/seal_impl.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/hdf5/library_impl.h>

/* In the order of the enum; also the order in the text. */
static const char *const part_names[SLAB_SEAL_PARTS] = {"type",   "shape",    "storage",
                                                        "chunks", "elements", "links"};
#define BEGINNING "slab-seal 1"

enum { DIGEST_DIGITS = 32, NUMBER_DIGITS = 16 };

const char *slab_seal_part_name(slab_seal_part part)
{
    return part_names[part];
}

void slab_seal_clear(slab_seal *seal)
{
    FREE(seal->attributes);
    memset(seal, 0, sizeof *seal);
}

bool slab_seal_is_whole(const slab_seal *seal)
{
    return !slab_digest_is_zero(seal->id);
}

/* --- attributes --- */

uint64_t slab_seal_attribute_name(const char *name)
{
    return slab_digest_text(name).low;
}

/* Where it is, or would be. */
static size_t place_of(const slab_seal *seal, uint64_t name)
{
    size_t low = 0, high = seal->nattributes;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (seal->attributes[middle].name < name)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const slab_seal_attribute *slab_seal_attribute_find(const slab_seal *seal, uint64_t name)
{
    size_t i = place_of(seal, name);
    return i < seal->nattributes && seal->attributes[i].name == name ? &seal->attributes[i] : NULL;
}

slab_status slab_seal_attribute_set(slab_seal *seal, uint64_t name, uint64_t value)
{
    slab_status rc = SLAB_OK;
    size_t i = place_of(seal, name);
    if (seal->many || (i < seal->nattributes && seal->attributes[i].name == name))
        goto set;
    if (seal->nattributes == SLAB_SEAL_ATTRIBUTES_MAX) {
        seal->many = true;
        seal->nattributes = 0;
        goto set;
    }
    if (seal->nattributes == seal->room) {
        size_t room = seal->room ? 2 * seal->room : 8;
        TRY(slab_memory_resize((void **)&seal->attributes, room, sizeof *seal->attributes,
                               "a seal"));
        seal->room = room;
    }
    memmove(&seal->attributes[i + 1], &seal->attributes[i],
            (seal->nattributes - i) * sizeof *seal->attributes);
    seal->nattributes++;
set:
    if (!seal->many)
        seal->attributes[i] = (slab_seal_attribute){.name = name, .value = value};
done:
    return rc;
}

void slab_seal_attribute_remove(slab_seal *seal, uint64_t name)
{
    size_t i = place_of(seal, name);
    if (i == seal->nattributes || seal->attributes[i].name != name)
        return;
    seal->nattributes--;
    memmove(&seal->attributes[i], &seal->attributes[i + 1],
            (seal->nattributes - i) * sizeof *seal->attributes);
}

/* --- text --- */

/* What is written next; there is room for all of it. */
typedef struct pen {
    char *at, *end;
} pen;

static void put_text(pen *to, const char *text)
{
    int n = snprintf(to->at, (size_t)(to->end - to->at), "%s", text);
    to->at += n;
}

static void put_number(pen *to, uint64_t number)
{
    int n = snprintf(to->at, (size_t)(to->end - to->at), "%016" PRIx64, number);
    to->at += n;
}

static void put_digest(pen *to, const char *name, slab_digest digest)
{
    put_text(to, " ");
    put_text(to, name);
    put_text(to, "=");
    put_number(to, digest.high);
    put_number(to, digest.low);
}

slab_status slab_seal_print(const slab_seal *seal, char **out)
{
    slab_status rc = SLAB_OK;
    size_t room = 64 + (2 + SLAB_SEAL_PARTS) * 48 + seal->nattributes * 2 * NUMBER_DIGITS;
    *out = NULL;
    ALLOC(*out, room, "a seal");
    pen to = {*out, *out + room};
    put_text(&to, BEGINNING);
    put_digest(&to, "id", seal->id);
    for (int p = 0; p < SLAB_SEAL_PARTS; p++)
        if (seal->has[p])
            put_digest(&to, part_names[p], seal->part[p]);
    if (seal->has[SLAB_SEAL_LINKS]) {
        put_text(&to, " made=");
        put_number(&to, seal->made);
    }
    put_text(&to, seal->many ? " attributes=*" : " attributes=");
    for (size_t i = 0; i < seal->nattributes; i++) {
        put_number(&to, seal->attributes[i].name);
        put_number(&to, seal->attributes[i].value);
    }
    put_text(&to, " check=");
    put_number(&to, slab_digest_text(*out).low);
done:
    return rc;
}

/* Exactly what put_number() writes. */
static bool take_number(const char **at, uint64_t *number)
{
    *number = 0;
    for (int i = 0; i < NUMBER_DIGITS; i++, ++*at) {
        char c = **at;
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        *number = *number << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return true;
}

static bool take_word(const char **at, const char *word)
{
    size_t n = strlen(word);
    if (**at != ' ' || strncmp(*at + 1, word, n) != 0 || (*at)[n + 1] != '=')
        return false;
    *at += n + 2;
    return true;
}

static bool take_digest(const char **at, slab_digest *digest)
{
    return take_number(at, &digest->high) && take_number(at, &digest->low);
}

static slab_status take_attributes(const char **at, slab_seal *seal, bool *good)
{
    slab_status rc = SLAB_OK;
    uint64_t name, value;
    *good = true;
    seal->many = **at == '*';
    *at += seal->many;
    while (*good && **at != ' ' && **at != '\0') {
        *good = take_number(at, &name) && take_number(at, &value);
        if (*good)
            TRY(slab_seal_attribute_set(seal, name, value));
    }
done:
    return rc;
}

/* The check, and that the text is as long as it should be. */
static bool is_checked(const char *text)
{
    const char *check = strstr(text, " check="), *at = check;
    slab_hash h;
    uint64_t is;
    if (!check || !take_word(&at, "check") || !take_number(&at, &is) || *at != '\0')
        return false;
    size_t n = (size_t)(check - text) + strlen(" check=");
    slab_hash_begin(&h);
    slab_hash_number(&h, n);
    slab_hash_bytes(&h, text, n);
    return slab_hash_end(&h).low == is;
}

slab_status slab_seal_parse(const char *text, slab_seal *out)
{
    slab_status rc = SLAB_OK;
    const char *at = text + strlen(BEGINNING);
    bool good = strncmp(text, BEGINNING, strlen(BEGINNING)) == 0 && is_checked(text) &&
                take_word(&at, "id") && take_digest(&at, &out->id);
    for (int p = 0; p < SLAB_SEAL_PARTS && good; p++) {
        out->has[p] = take_word(&at, part_names[p]);
        good = !out->has[p] || take_digest(&at, &out->part[p]);
    }
    if (good && out->has[SLAB_SEAL_LINKS])
        good = take_word(&at, "made") && take_number(&at, &out->made);
    good = good && take_word(&at, "attributes");
    if (good)
        TRY(take_attributes(&at, out, &good));
    REQUIRE(good && take_word(&at, "check"), SLAB_ERR_CHECKSUM, "its seal is damaged");
done:
    return rc;
}

/* --- in the file --- */

slab_status slab_seal_attribute_check(const char *name)
{
    slab_status rc = SLAB_OK;
    REQUIRE(strcmp(name, SLAB_SEAL_NAME) != 0, SLAB_ERR_VALUE,
            "'" SLAB_SEAL_NAME "' is the seal that slab itself keeps (slab verify compares it)");
done:
    return rc;
}

static slab_status text_type(size_t size, hid_t *out)
{
    slab_status rc = SLAB_OK;
    *out = H5Tcopy(H5T_C_S1);
    HDF5_REQUIRE(*out >= 0 && H5Tset_size(*out, size) >= 0, SLAB_ERR_HDF5,
                 "HDF5 does not make a string type");
done:
    return rc;
}

/* The text that the attribute holds, NUL at its end; of another type it is none of slab's. */
static slab_status text_read(hid_t attribute, char **out)
{
    slab_status rc = SLAB_OK;
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    hid_t should = H5I_INVALID_HID;
    *out = NULL;
    HDF5_REQUIRE(type >= 0 && space >= 0, SLAB_ERR_CHECKSUM, "its seal is unreadable");
    size_t size = H5Tget_class(type) == H5T_STRING ? H5Tget_size(type) : 0;
    REQUIRE(size > 0 && size <= 65536, SLAB_ERR_CHECKSUM, "its seal is damaged");
    TRY(text_type(size, &should));
    REQUIRE(H5Tequal(type, should) > 0 && H5Sget_simple_extent_type(space) == H5S_SCALAR,
            SLAB_ERR_CHECKSUM, "its seal is damaged");
    ALLOC(*out, size + 1, "a seal");
    HDF5_REQUIRE(H5Aread(attribute, type, *out) >= 0, SLAB_ERR_CHECKSUM, "its seal is unreadable");
    REQUIRE(strlen(*out) + 1 == size, SLAB_ERR_CHECKSUM, "its seal is damaged");
done:
    slab_hdf5_close(&type);
    slab_hdf5_close(&should);
    slab_hdf5_close(&space);
    return rc;
}

slab_status slab_seal_read(hid_t object, slab_seal *out, bool *has)
{
    slab_status rc = SLAB_OK;
    char *text = NULL;
    hid_t attribute = H5I_INVALID_HID;
    memset(out, 0, sizeof *out);
    htri_t there = H5Aexists(object, SLAB_SEAL_NAME);
    *has = there != 0;
    if (there == 0)
        return SLAB_OK;
    HDF5_REQUIRE(there > 0, SLAB_ERR_CHECKSUM, "its seal is unreadable");
    attribute = H5Aopen(object, SLAB_SEAL_NAME, H5P_DEFAULT);
    HDF5_REQUIRE(attribute >= 0, SLAB_ERR_CHECKSUM, "its seal is unreadable");
    TRY(text_read(attribute, &text));
    TRY(slab_seal_parse(text, out));
done:
    FREE(text);
    slab_hdf5_close(&attribute);
    return rc;
}

bool slab_seal_is_like(hid_t object, const char *name)
{
    char *text = NULL;
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    bool is = attribute >= 0 && text_read(attribute, &text) == SLAB_OK &&
              strncmp(text, BEGINNING, strlen(BEGINNING)) == 0;
    slab_error_clear();
    FREE(text);
    slab_hdf5_close(&attribute);
    return is;
}

/* Where it can, the new text takes the place of the old: the header stays as it is. */
slab_status slab_seal_write(hid_t object, const slab_seal *seal)
{
    slab_status rc = SLAB_OK;
    char *text = NULL;
    hid_t type = H5I_INVALID_HID, old = H5I_INVALID_HID, space = H5I_INVALID_HID;
    hid_t attribute = H5I_INVALID_HID;
    TRY(slab_seal_print(seal, &text));
    TRY(text_type(strlen(text) + 1, &type));
    htri_t there = H5Aexists(object, SLAB_SEAL_NAME);
    HDF5_REQUIRE(there >= 0, SLAB_ERR_FORMAT, "its attributes cannot be read");
    if (there > 0) {
        attribute = H5Aopen(object, SLAB_SEAL_NAME, H5P_DEFAULT);
        old = attribute >= 0 ? H5Aget_type(attribute) : H5I_INVALID_HID;
        if (old < 0 || H5Tequal(old, type) <= 0) {
            slab_hdf5_close(&attribute);
            HDF5_REQUIRE(H5Adelete(object, SLAB_SEAL_NAME) >= 0, SLAB_ERR_HDF5,
                         "the old seal cannot be removed");
        }
    }
    if (attribute < 0) {
        space = H5Screate(H5S_SCALAR);
        attribute = H5Acreate2(object, SLAB_SEAL_NAME, type, space, H5P_DEFAULT, H5P_DEFAULT);
    }
    HDF5_REQUIRE(attribute >= 0 && H5Awrite(attribute, type, text) >= 0, SLAB_ERR_HDF5,
                 "HDF5 does not write the seal");
done:
    FREE(text);
    slab_hdf5_close(&type);
    slab_hdf5_close(&old);
    slab_hdf5_close(&space);
    slab_hdf5_close(&attribute);
    return rc;
}

/* --- links --- */

/* Of what a hard link leads to; none where nothing sealed can be read. */
static slab_status id_behind(hid_t group, const char *name, slab_digest *id)
{
    slab_status rc = SLAB_OK;
    slab_seal seal = {0};
    bool has = false;
    hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    *id = (slab_digest){0};
    HDF5_REQUIRE(object >= 0, SLAB_ERR_CHECKSUM, "'%s' cannot be opened", name);
    TRY(slab_seal_read(object, &seal, &has));
    if (has)
        *id = seal.id;
done:
    if (rc == SLAB_ERR_CHECKSUM) {
        slab_error_clear();
        rc = SLAB_OK;
    }
    slab_seal_clear(&seal);
    slab_hdf5_close(&object);
    return rc;
}

slab_status slab_seal_link(hid_t group, const char *name, const H5L_info_t *info, slab_digest *out,
                           slab_digest *id)
{
    slab_status rc = SLAB_OK;
    slab_hash h;
    char *value = NULL;
    *id = (slab_digest){0};
    slab_hash_begin(&h);
    slab_hash_text(&h, name);
    slab_hash_number(&h, (uint64_t)info->type);
    if (info->type == H5L_TYPE_HARD) {
        TRY(id_behind(group, name, id));
        slab_hash_number(&h, id->low);
        slab_hash_number(&h, id->high);
    } else {
        ALLOC(value, info->u.val_size + 1, "a link");
        HDF5_REQUIRE(H5Lget_val(group, name, value, info->u.val_size, H5P_DEFAULT) >= 0,
                     SLAB_ERR_FORMAT, "cannot read link '%s'", name);
        slab_hash_number(&h, info->u.val_size);
        slab_hash_bytes(&h, value, info->u.val_size);
    }
done:
    *out = slab_hash_end(&h);
    FREE(value);
    return rc;
}

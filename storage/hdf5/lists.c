#include <slab/storage/hdf5/lists_impl.h>

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/watch.h>
#include <slab/storage/hdf5/heap_impl.h>
#include <slab/storage/hdf5/occupied_impl.h>

/* In a file with addresses of 8 bytes: 4 of length, the heap's address, 4 of the object's number.
 */
enum { ELEMENT = 16, SOME = 4096 };

/* HDF5 makes room by pieces of this size, one more than is filled. */
enum { ROOM = 4096 };

struct slab_lists {
    slab_driver_file file;
    slab_heap heap;
    uint64_t base; /* where addresses count from */
    size_t item;   /* bytes of what lists hold, in the file */
};

static slab_status file_look(hid_t array, bool *looked_at, uint64_t *base)
{
    slab_status rc = SLAB_OK;
    hid_t file = H5Iget_file_id(array), fcpl = H5I_INVALID_HID;
    unsigned intent = 0;
    size_t address_bytes = 0, length_bytes;
    hsize_t block = 0;
    HDF5_REQUIRE(file >= 0 && H5Fget_intent(file, &intent) >= 0, SLAB_ERR_HDF5,
                 "HDF5 does not give the array's file");
    fcpl = H5Fget_create_plist(file);
    HDF5_REQUIRE(fcpl >= 0 && H5Pget_sizes(fcpl, &address_bytes, &length_bytes) >= 0 &&
                     H5Pget_userblock(fcpl, &block) >= 0,
                 SLAB_ERR_HDF5, "HDF5 does not give the file's properties");
    *looked_at = !(intent & H5F_ACC_RDWR) && address_bytes == 8;
    *base = block;
done:
    slab_hdf5_close(&fcpl);
    slab_hdf5_close(&file);
    return rc;
}

/* 0: its elements are no texts and no lists. */
static slab_status item_bytes(hid_t array, size_t *out)
{
    slab_status rc = SLAB_OK;
    hid_t type = H5Dget_type(array), item = H5I_INVALID_HID;
    HDF5_REQUIRE(type >= 0, SLAB_ERR_FORMAT, "its type is unreadable");
    *out = H5Tis_variable_str(type) > 0 ? 1 : 0;
    if (H5Tget_class(type) == H5T_VLEN) {
        item = H5Tget_super(type);
        HDF5_REQUIRE(item >= 0, SLAB_ERR_FORMAT, "its type is unreadable");
        /* Of lists in lists, and of references, HDF5 states what they take in memory. */
        bool plain = H5Tdetect_class(item, H5T_VLEN) <= 0 &&
                     H5Tdetect_class(item, H5T_REFERENCE) <= 0 &&
                     H5Tdetect_class(item, H5T_STRING) <= 0;
        *out = plain ? H5Tget_size(item) : 0;
    }
done:
    slab_hdf5_close(&type);
    slab_hdf5_close(&item);
    return rc;
}

static slab_status file_open(hid_t array, slab_driver_file *file)
{
    slab_status rc = SLAB_OK;
    struct stat st;
    TRY(slab_hdf5_file_name(array, &file->path));
    file->fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0 || fstat(file->fd, &st) != 0)
        FAIL_ERRNO("cannot open '%s'", file->path);
    file->size = (uint64_t)st.st_size;
done:
    return rc;
}

slab_status slab_lists_open(hid_t array, slab_lists **out)
{
    slab_status rc = SLAB_OK;
    slab_lists *l = NULL;
    bool looked_at = false;
    uint64_t base = 0;
    size_t item = 0;
    *out = NULL;
    TRY(item_bytes(array, &item));
    if (item == 0)
        goto done;
    TRY(file_look(array, &looked_at, &base));
    if (!looked_at)
        goto done;
    ALLOC(l, 1, "texts");
    *l = (slab_lists){.file = {.fd = -1}, .base = base, .item = item};
    TRY(file_open(array, &l->file));
    *out = l;
    l = NULL;
done:
    slab_lists_close(&l);
    return rc;
}

void slab_lists_close(slab_lists **lists)
{
    slab_lists *l = *lists;
    *lists = NULL;
    if (l == NULL)
        return;
    if (l->file.fd >= 0)
        close(l->file.fd);
    slab_heap_clear(&l->heap);
    slab_memory_free(l->file.path);
    slab_memory_free(l);
}

static slab_status element_check(slab_lists *l, const uint8_t *element)
{
    slab_status rc = SLAB_OK;
    uint32_t length, number;
    uint64_t address, has;
    memcpy(&length, element, sizeof length);
    memcpy(&address, element + 4, sizeof address);
    memcpy(&number, element + 12, sizeof number);
    length = le32toh(length), address = le64toh(address), number = le32toh(number);
    if (address == 0)
        return SLAB_OK; /* nothing, whatever its length */
    REQUIRE(address < UINT64_MAX - l->base, SLAB_ERR_FORMAT,
            "an element lies in a heap at %" PRIu64, address);
    TRY(slab_heap_object(&l->file, &l->heap, address + l->base, number, &has));
    REQUIRE(has != UINT64_MAX, SLAB_ERR_FORMAT,
            "an element is number %" PRIu32 " in the heap at %" PRIu64 ", which has none", number,
            address);
    uint64_t states = (uint64_t)length * l->item;
    REQUIRE(has >= states && has <= (states / ROOM + 1) * ROOM, SLAB_ERR_FORMAT,
            "an element states %" PRIu64 " bytes and has %" PRIu64 " in the heap at %" PRIu64,
            states, has, address);
done:
    return rc;
}

slab_status slab_lists_check(slab_lists *l, const uint8_t *elements, size_t n)
{
    slab_status rc = SLAB_OK;
    for (size_t i = 0; i < n; i++)
        TRY(element_check(l, elements + i * ELEMENT));
    slab_watch_moved(n * ELEMENT);
done:
    return rc;
}

/* The elements of all rows that a selection has to do with. */
static void rows_of(const slab_shape *shape, const slab_selection *s, uint64_t *first, uint64_t *n)
{
    uint64_t row = 1;
    *first = 0, *n = 1;
    if (shape->rank == 0)
        return;
    for (int i = 1; i < shape->rank; i++)
        row *= (uint64_t)shape->extent[i];
    int64_t one = s->start[0], other = one + (s->count[0] - 1) * s->step[0];
    int64_t least = one < other ? one : other, most = one < other ? other : one;
    *first = (uint64_t)least * row;
    *n = (uint64_t)(most - least + 1) * row;
}

slab_status slab_lists_check_rows(slab_lists *l, hid_t array, const slab_shape *shape,
                                  const slab_selection *selection)
{
    slab_status rc = SLAB_OK;
    uint8_t *elements = NULL;
    uint64_t first, n;
    haddr_t offset = H5Dget_offset(array); /* it counts the user block */
    if (offset == HADDR_UNDEF)
        return SLAB_OK; /* nothing is written, or elsewhere */
    rows_of(shape, selection, &first, &n);
    REQUIRE(offset <= l->file.size && first + n <= (l->file.size - offset) / ELEMENT,
            SLAB_ERR_FORMAT, "its elements reach behind the end of '%s'", l->file.path);
    ALLOC(elements, SOME * (size_t)ELEMENT, "texts");
    for (uint64_t i = 0; i < n; i += SOME) {
        size_t some = n - i < SOME ? (size_t)(n - i) : SOME;
        TRY(slab_driver_read(&l->file, offset + (first + i) * ELEMENT, some * ELEMENT, elements));
        TRY(slab_lists_check(l, elements, some));
        slab_watch_step();
    }
done:
    slab_memory_free(elements);
    return rc;
}

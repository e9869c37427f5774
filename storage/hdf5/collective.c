/* Parallel HDF5's own way: collective H5Dwrite through MPI-IO. Slow, but nobody's invention: tests
 * compare with it, and it is the way out where the first backend cannot work. docs/on-disk.md says
 * which MPI-IO to choose. */
#include <slab/storage/hdf5/library_impl.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/ranks_impl.h>
#include <slab/storage/hdf5/create_impl.h>
#include <slab/storage/hdf5/types_impl.h>

typedef struct open_array {
    hid_t id;
    slab_chunk_type type;
} open_array;

struct slab_collective {
    slab_ranks *ranks;
    char *path;
    hid_t file;
    open_array *arrays;
    int narrays;
};

/* A rank that runs without MPI takes HDF5's plain driver. */
static slab_status access_list(slab_ranks *ranks, bool create, hid_t *fapl)
{
    slab_status rc = SLAB_OK;
    H5F_libver_t high = create ? H5F_LIBVER_V18 : H5F_LIBVER_LATEST;
    *fapl = H5Pcreate(H5P_FILE_ACCESS);
    HDF5_REQUIRE(*fapl >= 0 && H5Pset_libver_bounds(*fapl, H5F_LIBVER_EARLIEST, high) >= 0 &&
                     H5Pset_fclose_degree(*fapl, H5F_CLOSE_STRONG) >= 0,
                 SLAB_ERR_HDF5, "HDF5 gives no property list");
    TRY(slab_driver_relax(*fapl));
#if H5_VERSION_GE(1, 10, 7) && !(H5_VERS_MINOR == 12 && H5_VERS_RELEASE == 0)
    /* the transaction holds the lock on the file by itself */
    HDF5_REQUIRE(H5Pset_file_locking(*fapl, false, true) >= 0, SLAB_ERR_HDF5,
                 "HDF5 gives no property list");
#endif
    if (ranks->comm == NULL)
        goto done;
#ifdef H5_HAVE_PARALLEL
    HDF5_REQUIRE(H5Pset_fapl_mpio(*fapl, *(MPI_Comm *)ranks->comm, MPI_INFO_NULL) >= 0,
                 SLAB_ERR_HDF5, "HDF5 does not take MPI-IO");
#else
    REQUIRE(ranks->count == 1, SLAB_ERR_UNSUPPORTED,
            "this slab was built with a serial HDF5: the collective backend needs a parallel one");
#endif
done:
    return rc;
}

slab_status slab_collective_begin(slab_ranks *ranks, const char *path, bool create,
                                  slab_collective **out)
{
    slab_status rc = SLAB_OK;
    slab_collective *c = NULL;
    hid_t fapl = H5I_INVALID_HID;
    *out = NULL;
    rc = slab_hdf5_enter();
    if (rc == SLAB_OK)
        rc = slab_memory_alloc((void **)&c, 1, sizeof *c, "collective file");
    if (rc == SLAB_OK) {
        c->ranks = ranks;
        c->file = H5I_INVALID_HID;
        rc = slab_memory_strdup(&c->path, path);
    }
    if (rc == SLAB_OK)
        rc = access_list(ranks, create, &fapl);
    TRY(slab_ranks_agree(ranks, rc)); /* what follows is collective in HDF5 */
    c->file = create ? H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, fapl)
                     : H5Fopen(path, H5F_ACC_RDWR, fapl);
    if (c->file < 0)
        rc = slab_hdf5_error(SLAB_ERR_HDF5, __FILE__, __LINE__, "cannot open '%s' collectively",
                             path);
    TRY(slab_ranks_agree(ranks, rc));
    *out = c;
    c = NULL;
done:
    slab_hdf5_close(&fapl);
    if (c != NULL) {
        slab_hdf5_close(&c->file);
        slab_memory_free(c->path);
        slab_memory_free(c);
    }
    slab_hdf5_leave();
    return rc;
}

/* Puts an open array into the table; it is the table's also when this fails. */
static slab_status keep(slab_collective *c, hid_t array, int *id)
{
    slab_status rc = SLAB_OK;
    hsize_t chunk[H5S_MAX_RANK];
    char reason[SLAB_REASON_MAX];
    hid_t type = H5I_INVALID_HID, dcpl = H5I_INVALID_HID;
    TRY(slab_memory_resize((void **)&c->arrays, (size_t)c->narrays + 1, sizeof *c->arrays,
                           "collective arrays"));
    open_array *a = &c->arrays[c->narrays];
    *a = (open_array){.id = array};
    *id = c->narrays++;
    array = H5I_INVALID_HID;
    type = H5Dget_type(a->id);
    dcpl = H5Dget_create_plist(a->id);
    HDF5_REQUIRE(type >= 0 && dcpl >= 0, SLAB_ERR_FORMAT, "its header is unreadable");
    TRY(slab_type_from_hdf5(type, &a->type.dtype, reason));
    a->type.bytes = H5Tget_size(type);
    int rank = H5Pget_layout(dcpl) == H5D_CHUNKED ? H5Pget_chunk(dcpl, H5S_MAX_RANK, chunk) : 0;
    for (int i = 0; i < rank; i++)
        TRY(slab_size_multiply(a->type.bytes, chunk[i], &a->type.bytes));
done:
    slab_hdf5_close(&array);
    slab_hdf5_close(&type);
    slab_hdf5_close(&dcpl);
    return rc;
}

slab_status slab_collective_create_array(slab_collective *c, const char *path,
                                         const slab_array_info *info, int *id)
{
    slab_status rc = slab_hdf5_enter();
    hid_t array = H5I_INVALID_HID;
    if (rc == SLAB_OK)
        rc = slab_hdf5_filters(&info->pipeline.type);
    TRY(slab_ranks_agree(c->ranks, rc));
    rc = slab_hdf5_create_array(c->file, path, info, &array);
    if (rc == SLAB_OK)
        rc = keep(c, array, id);
    if (rc != SLAB_OK)
        rc = slab_error_prefix(rc, "cannot create array '%s' in '%s'", path, c->path);
    TRY(slab_ranks_agree(c->ranks, rc));
done:
    slab_hdf5_leave();
    return rc;
}

slab_status slab_collective_open_array(slab_collective *c, const char *path, int *id)
{
    slab_status rc = slab_hdf5_enter();
    hid_t array = H5I_INVALID_HID;
    TRY(slab_ranks_agree(c->ranks, rc));
    array = H5Dopen2(c->file, path, H5P_DEFAULT);
    if (array < 0)
        rc = slab_hdf5_error(SLAB_ERR_NOT_FOUND, __FILE__, __LINE__, "no array '%s' in '%s'", path,
                             c->path);
    else
        rc = keep(c, array, id);
    TRY(slab_ranks_agree(c->ranks, rc));
done:
    slab_hdf5_leave();
    return rc;
}

static slab_status spaces_of(hid_t array, const slab_box *box, hid_t *file, hid_t *memory)
{
    slab_status rc = SLAB_OK;
    hsize_t start[SLAB_RANK_MAX], count[SLAB_RANK_MAX], extent[H5S_MAX_RANK];
    bool empty = false;
    *file = H5Dget_space(array);
    HDF5_REQUIRE(*file >= 0, SLAB_ERR_FORMAT, "it has no shape");
    int rank = H5Sget_simple_extent_dims(*file, extent, NULL);
    REQUIRE(rank == box->rank, SLAB_ERR_SHAPE, "a box of rank %d for an array of rank %d",
            box->rank, rank);
    for (int i = 0; i < rank; i++) {
        REQUIRE(box->start[i] >= 0 && box->count[i] >= 0 && (hsize_t)box->start[i] <= extent[i] &&
                    (hsize_t)box->count[i] <= extent[i] - (hsize_t)box->start[i],
                SLAB_ERR_RANGE, "the box leaves axis %d", i);
        start[i] = (hsize_t)box->start[i];
        count[i] = (hsize_t)box->count[i];
        empty = empty || count[i] == 0;
    }
    *memory = rank > 0 ? H5Screate_simple(rank, count, NULL) : H5Screate(H5S_SCALAR);
    HDF5_REQUIRE(*memory >= 0, SLAB_ERR_HDF5, "HDF5 does not take the box");
    if (empty)
        HDF5_REQUIRE(H5Sselect_none(*file) >= 0 && H5Sselect_none(*memory) >= 0, SLAB_ERR_HDF5,
                     "HDF5 does not take an empty box");
    else if (rank > 0)
        HDF5_REQUIRE(H5Sselect_hyperslab(*file, H5S_SELECT_SET, start, NULL, count, NULL) >= 0,
                     SLAB_ERR_HDF5, "HDF5 does not take the box");
done:
    return rc;
}

static slab_status transfer_list(const slab_ranks *ranks, hid_t *dxpl)
{
    slab_status rc = SLAB_OK;
    *dxpl = H5Pcreate(H5P_DATASET_XFER);
    HDF5_REQUIRE(*dxpl >= 0, SLAB_ERR_HDF5, "HDF5 gives no property list");
#ifdef H5_HAVE_PARALLEL
    if (ranks->comm != NULL)
        HDF5_REQUIRE(H5Pset_dxpl_mpio(*dxpl, H5FD_MPIO_COLLECTIVE) >= 0, SLAB_ERR_HDF5,
                     "HDF5 does not write collectively");
#else
    (void)ranks;
#endif
done:
    return rc;
}

slab_status slab_collective_write(slab_collective *c, int id, const slab_box *box,
                                  slab_dtype native, const void *data)
{
    slab_status rc = slab_hdf5_enter();
    hid_t file = H5I_INVALID_HID, memory = H5I_INVALID_HID, dxpl = H5I_INVALID_HID;
    hid_t type = H5I_INVALID_HID, stored = H5I_INVALID_HID;
    open_array *a = &c->arrays[id];
    if (rc == SLAB_OK)
        rc = slab_hdf5_filters(&a->type);
    if (rc == SLAB_OK)
        rc = spaces_of(a->id, box, &file, &memory);
    if (rc == SLAB_OK)
        rc = transfer_list(c->ranks, &dxpl);
    if (rc == SLAB_OK) {
        stored = H5Dget_type(a->id);
        rc = slab_type_memory(stored, native, &type);
    }
    /* A rank that cannot take part must say so before the others wait for it inside. */
    TRY(slab_ranks_agree(c->ranks, rc));
    if (H5Dwrite(a->id, type, memory, file, dxpl, data) < 0)
        rc = slab_hdf5_error(SLAB_ERR_HDF5, __FILE__, __LINE__, "cannot write '%s' collectively",
                             c->path);
    TRY(slab_ranks_agree(c->ranks, rc));
done:
    slab_hdf5_close(&file);
    slab_hdf5_close(&memory);
    slab_hdf5_close(&dxpl);
    slab_hdf5_close(&type);
    slab_hdf5_close(&stored);
    slab_hdf5_leave();
    return rc;
}

static slab_status make_durable(const char *path)
{
    slab_status rc = SLAB_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        FAIL_ERRNO("cannot fsync '%s'", path);
done:
    if (fd >= 0)
        close(fd);
    return rc;
}

slab_status slab_collective_end(slab_collective **collective)
{
    slab_collective *c = *collective;
    slab_ranks *ranks;
    *collective = NULL;
    if (c == NULL)
        return SLAB_OK;
    ranks = c->ranks;
    slab_status rc = slab_hdf5_enter();
    for (int i = 0; i < c->narrays; i++)
        slab_hdf5_close(&c->arrays[i].id);
    if (H5Fclose(c->file) < 0 && rc == SLAB_OK)
        rc = slab_hdf5_error(SLAB_ERR_HDF5, __FILE__, __LINE__, "cannot close '%s'", c->path);
    slab_hdf5_leave();
    if (rc == SLAB_OK && slab_ranks_me(ranks) == 0)
        rc = make_durable(c->path);
    slab_memory_free(c->arrays);
    slab_memory_free(c->path);
    slab_memory_free(c);
    return slab_ranks_agree(ranks, rc);
}

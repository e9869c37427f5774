/* The callbacks HDF5 makes. docs/decisions/metadata-driver.md says why there is a driver at all. */
#include <slab/storage/hdf5/driver_impl.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

#include <slab/storage/base/io.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/base/watch.h>
#include <slab/storage/hdf5/heap_impl.h>
#include <slab/storage/hdf5/journal.h>
#include <slab/storage/hdf5/library_impl.h>

/* Kept free behind the last block: HDF5 extends and shrinks by itself a block that ends at the end
 * of allocated space, without asking the driver. */
enum { GUARD = 8 };

enum { FIRST_EXTENT = 4096, LEAST_EXTENT = 16 << 10, MOST_EXTENT = 4 << 20 };

/* What the property list carries. */
typedef struct driver_info {
    slab_driver_file *file;
} driver_info;

/* One of HDF5's handles. HDF5 opens a file twice to open it once, and opens other files through
 * the same property list when it follows an external link or reads a virtual dataset. */
typedef struct driver_handle {
    H5FD_t base; /* HDF5's own part comes first */
    slab_driver_file *file;
    bool own;
} driver_handle;

static _Thread_local slab_error failure;

const slab_error *slab_driver_error(void)
{
    return &failure;
}

void slab_driver_error_clear(void)
{
    failure.code = SLAB_OK;
}

herr_t slab_driver_failed(slab_status rc)
{
    if (rc == SLAB_OK)
        return 0;
    if (failure.code == SLAB_OK)
        failure = *slab_error_last();
    slab_watch_failed(failure.message);
    return -1;
}

slab_status slab_driver_lost(const slab_driver_file *file)
{
    if (file->lost.code == SLAB_OK)
        return SLAB_OK;
    slab_error_restore(&file->lost);
    return slab_error_prefix(file->lost.code, "cannot keep the metadata of '%s'", file->path);
}

/* HDF5 does not survive a write or an allocation that fails: on its way out it frees headers that
 * it still uses. So it never hears of one. The transaction is lost, and says so as soon as the call
 * is over. */
static void lose(slab_driver_file *f)
{
    if (f->lost.code == SLAB_OK)
        f->lost = *slab_error_last();
}

void *slab_driver_sentinel(void)
{
    static void *sentinel;
    if (sentinel == NULL) {
        void *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page != MAP_FAILED)
            sentinel = page;
    }
    return sentinel;
}

slab_status slab_driver_open(const char *path, bool writing, bool create, slab_driver_file **out)
{
    slab_status rc = SLAB_OK;
    slab_driver_file *f = NULL;
    struct stat st;
    *out = NULL;
    ALLOC(f, 1, "file");
    f->fd = -1;
    TRY(slab_memory_strdup(&f->path, path));
    TRY(slab_journal_path(path, &f->journal));
    /* What is written has been resolved, and is locked: a link has come there since. */
    int flags = (writing ? O_RDWR | O_NOFOLLOW : O_RDONLY) | (create ? O_CREAT : 0);
    f->fd = open(path, flags | O_NONBLOCK | O_CLOEXEC, 0666); /* a pipe: no wait for it */
    if (f->fd < 0)
        FAIL_ERRNO("cannot open '%s'", path);
    if (fstat(f->fd, &st) != 0)
        FAIL_ERRNO("cannot look at '%s'", path);
    REQUIRE(!S_ISDIR(st.st_mode), SLAB_ERR_IO, "'%s' is a folder", path);
    REQUIRE(S_ISREG(st.st_mode), SLAB_ERR_IO, "'%s' is not a regular file", path);
    f->size = (uint64_t)st.st_size;
    f->writing = writing;
    if (writing)
        slab_watch_written(f->path);
    if (writing)
        TRY(slab_overlay_create(&f->overlay));
    if (create) {
        f->size = 0; /* what an interrupted run left there is not metadata */
        f->end = FIRST_EXTENT - GUARD;
    }
    *out = f;
    f = NULL;
done:
    slab_driver_close(&f);
    return rc;
}

void slab_driver_close(slab_driver_file **file)
{
    slab_driver_file *f = *file;
    *file = NULL;
    if (f == NULL)
        return;
    if (f->handles > 0) {
        /* HDF5 could not close it and will come back at exit: leave it something to talk to. */
        f->discard = true;
        return;
    }
    slab_watch_file_forget(f->path);
    if (f->fd >= 0)
        close(f->fd);
    for (int i = 0; i < SLAB_DRIVER_LINES; i++)
        slab_memory_free(f->lines[i].bytes);
    slab_overlay_destroy(&f->overlay);
    slab_memory_free(f->journal);
    slab_memory_free(f->path);
    slab_memory_free(f);
}

/* --- space --- */

static void raise_end(slab_driver_file *f, uint64_t end)
{
    if (f->eoa < end)
        f->eoa = end;
}

void slab_driver_begin(slab_driver_file *file, slab_meta_reserve reserve, void *context)
{
    file->reserve = reserve;
    file->context = context;
    /* Behind everything the file has, wanted or not: a killed run may have left chunks there. */
    raise_end(file, file->size + GUARD);
    file->begun = true;
}

/* More space for metadata: in pieces that grow with what there is, so that a million chunks do not
 * mean a million reservations and a small file stays small. */
static slab_status extent_more(slab_driver_file *f, uint64_t bytes)
{
    slab_status rc = SLAB_OK;
    uint64_t ask = f->taken / 8, address = 0;
    ask = ask < LEAST_EXTENT ? LEAST_EXTENT : ask > MOST_EXTENT ? MOST_EXTENT : ask;
    REQUIRE(bytes < UINT64_C(1) << 62, SLAB_ERR_OVERFLOW, "'%s': HDF5 asks for too much space",
            f->path);
    if (ask < bytes + GUARD)
        ask = bytes + GUARD;
    ask = (ask + 4095) / 4096 * 4096;
    if (f->begun && !f->discard && f->lost.code == SLAB_OK)
        TRY(f->reserve(f->context, ask, 4096, &address));
    else
        address = (f->eoa + 4095) / 4096 * 4096;
    f->next = address;
    f->end = address + ask - GUARD;
    f->taken += ask;
done:
    return rc;
}

static haddr_t driver_alloc(H5FD_t *handle, H5FD_mem_t type, hid_t dxpl, hsize_t size)
{
    slab_driver_file *f = ((driver_handle *)handle)->file;
    (void)dxpl;
    if (f->placing && type == H5FD_MEM_DRAW && size == f->place_size && f->placed == 0) {
        f->placed++;
        raise_end(f, f->place_address + size + GUARD);
        return f->place_address;
    }
    if (f->end - f->next < size && extent_more(f, size) != SLAB_OK) {
        lose(f);
        if (slab_driver_failed(extent_more(f, size)) < 0)
            return HADDR_UNDEF;
    }
    uint64_t address = f->next;
    f->next += size;
    raise_end(f, f->end + GUARD);
    return address;
}

/* Nothing is taken back: HDF5 keeps a list of its own for metadata, and freed chunks stay. */
static herr_t driver_free(H5FD_t *handle, H5FD_mem_t type, hid_t dxpl, haddr_t address,
                          hsize_t size)
{
    (void)handle, (void)type, (void)dxpl, (void)address, (void)size;
    return 0;
}

static haddr_t driver_get_eoa(const H5FD_t *handle, H5FD_mem_t type)
{
    (void)type;
    return ((const driver_handle *)handle)->file->eoa;
}

static herr_t driver_set_eoa(H5FD_t *handle, H5FD_mem_t type, haddr_t address)
{
    slab_driver_file *f = ((driver_handle *)handle)->file;
    (void)type;
    if (f->begun)
        raise_end(f, address); /* others may have reserved what lies above: never shrink */
    else
        f->eoa = address;
    return 0;
}

static haddr_t driver_get_eof(const H5FD_t *handle, H5FD_mem_t type)
{
    (void)type;
    return ((const driver_handle *)handle)->file->size;
}

/* --- bytes --- */

/* Bytes past the end that the file had are zero: HDF5 allocates before it writes, and chunks that
 * others put there meanwhile are not HDF5's to read. */
slab_status slab_driver_read(const slab_driver_file *f, uint64_t address, size_t size, void *buffer)
{
    slab_status rc = SLAB_OK;
    uint8_t *dst = buffer;
    uint64_t there = address < f->size ? f->size - address : 0;
    if (there < size) {
        memset(dst + there, 0, size - (size_t)there);
        size = (size_t)there;
    }
    ssize_t got = slab_read_at(f->fd, dst, size, address);
    if (got < 0)
        FAIL_ERRNO("cannot read %zu bytes of '%s' at %" PRIu64, size, f->path, address);
    memset(dst + got, 0, size - (size_t)got);
done:
    return rc;
}

/* Metadata, through the line it lies in; *served is false when it does not lie in one. */
static slab_status read_line(slab_driver_file *f, uint64_t address, size_t size, void *buffer,
                             bool *served)
{
    slab_status rc = SLAB_OK;
    uint64_t number = address / SLAB_DRIVER_LINE, start = number * SLAB_DRIVER_LINE;
    slab_driver_line *line = &f->lines[number % SLAB_DRIVER_LINES];
    *served = false;
    if (address >= f->size || size > f->size - address ||
        size > SLAB_DRIVER_LINE - (size_t)(address - start))
        return SLAB_OK;
    if (line->size == 0 || line->address != start) {
        size_t n =
            f->size - start < SLAB_DRIVER_LINE ? (size_t)(f->size - start) : SLAB_DRIVER_LINE;
        if (line->bytes == NULL)
            ALLOC(line->bytes, SLAB_DRIVER_LINE, "metadata read ahead");
        line->size = 0;
        TRY(slab_driver_read(f, start, n, line->bytes));
        TRY(slab_driver_undisturbed(f));
        line->address = start;
        line->size = n;
    }
    memcpy(buffer, line->bytes + (address - start), size);
    *served = true;
done:
    return rc;
}

static herr_t driver_read(H5FD_t *handle, H5FD_mem_t type, hid_t dxpl, haddr_t address, size_t size,
                          void *buffer)
{
    slab_driver_file *f = ((driver_handle *)handle)->file;
    (void)dxpl;
    if (buffer == slab_driver_sentinel()) {
        f->spied_address = address;
        f->spied_size = size;
        f->spied++;
        return 0;
    }
    slab_watch_file(f->path, f->size);
    if (type == H5FD_MEM_DRAW)
        slab_watch_moved(size);
    else
        slab_watch_looked_at(size);
    if (f->overlay != NULL && slab_overlay_covers(f->overlay, address, size)) {
        slab_overlay_read(f->overlay, address, size, buffer);
        return 0;
    }
    if (address > INT64_MAX || size > INT64_MAX - address)
        return slab_driver_failed(slab_error_set(SLAB_ERR_FORMAT, __FILE__, __LINE__,
                                                 "address %" PRIu64 " is outside of '%s'",
                                                 (uint64_t)address, f->path));
    bool served = false;
    if (!f->writing && type != H5FD_MEM_DRAW &&
        slab_driver_failed(read_line(f, address, size, buffer, &served)) < 0)
        return -1;
    if (served)
        return 0;
    slab_status rc = slab_driver_read(f, address, size, buffer);
    if (rc != SLAB_OK && f->writing)
        lose(f); /* to HDF5 what cannot be read may just not be there */
    if (slab_driver_failed(rc) < 0 ||
        (type != H5FD_MEM_DRAW && slab_driver_failed(slab_driver_undisturbed(f)) < 0))
        return -1;
    if (f->overlay != NULL)
        slab_overlay_read(f->overlay, address, size, buffer);
    return type == H5FD_MEM_DRAW ? slab_driver_failed(slab_heap_check(f, address, size, buffer))
                                 : 0;
}

static herr_t driver_write(H5FD_t *handle, H5FD_mem_t type, hid_t dxpl, haddr_t address,
                           size_t size, const void *buffer)
{
    slab_driver_file *f = ((driver_handle *)handle)->file;
    (void)type, (void)dxpl;
    slab_watch_moved(size);
    /* By pointer and not by type: HDF5 writes global heaps as raw data too. */
    if (buffer == slab_driver_sentinel() || f->discard || f->lost.code != SLAB_OK)
        return 0;
    if (!f->writing)
        return slab_driver_failed(
            slab_error_set(SLAB_ERR_INTERNAL, __FILE__, __LINE__,
                           "'%s' is open for reading and HDF5 wants to write it", f->path));
    if (slab_overlay_write(f->overlay, address, size, buffer) != SLAB_OK)
        lose(f);
    return 0;
}

/* --- opening --- */

/* A file that links or virtual datasets lead to stays open while HDF5 likes, so it is not locked:
 * each read of its metadata says whether it has met a commit. */
static slab_status open_other(const char *name, slab_driver_file **out)
{
    slab_status rc = SLAB_OK;
    uint64_t superblock = 0;
    *out = NULL;
    if (failure.code == SLAB_ERR_LOCKED) /* HDF5 tries again: it has been waited for */
        TRY(slab_error_restore(&failure));
    TRY(slab_driver_recover(name));
    TRY(slab_driver_open(name, false, false, out));
    if (slab_meta_signature_check(*out, &superblock) == SLAB_OK)
        TRY(slab_driver_stamp(*out, superblock));
    else
        slab_error_clear(); /* HDF5 says what it is not */
done:
    if (rc != SLAB_OK)
        slab_driver_close(out);
    return rc;
}

static H5FD_t *driver_open(const char *name, unsigned flags, hid_t fapl, haddr_t max)
{
    slab_status rc = SLAB_OK;
    driver_handle *handle = NULL;
    const driver_info *info = H5Pget_driver_info(fapl);
    (void)max;
    ALLOC(handle, 1, "file handle");
    handle->own = info == NULL || strcmp(info->file->path, name) != 0;
    if (handle->own) {
        REQUIRE((flags & H5F_ACC_RDWR) == 0, SLAB_ERR_UNSUPPORTED,
                "the way leads into another file, '%s': write to that file itself", name);
        TRY(open_other(name, &handle->file));
    } else {
        handle->file = info->file;
    }
    handle->file->handles++;
done:
    if (rc != SLAB_OK) {
        /* A file that is not there may be found at the next place HDF5 looks: not an error yet. */
        if (rc != SLAB_ERR_NOT_FOUND)
            slab_driver_failed(rc);
        FREE(handle);
    }
    return (H5FD_t *)handle;
}

static herr_t driver_close(H5FD_t *base)
{
    driver_handle *handle = (driver_handle *)base;
    handle->file->handles--;
    if (handle->own)
        slab_driver_close(&handle->file);
    slab_memory_free(handle);
    return 0;
}

/* HDF5 shares what it knows between handles that compare equal. A reader and a transaction on one
 * path see different states, so only a handle on the very same state is equal; files reached
 * through links are equal by inode. */
static int driver_compare(const H5FD_t *a, const H5FD_t *b)
{
    const driver_handle *x = (const driver_handle *)a, *y = (const driver_handle *)b;
    struct stat s, t;
    if (x->own && y->own && fstat(x->file->fd, &s) == 0 && fstat(y->file->fd, &t) == 0) {
        if (s.st_dev != t.st_dev)
            return s.st_dev < t.st_dev ? -1 : 1;
        return s.st_ino < t.st_ino ? -1 : s.st_ino > t.st_ino;
    }
    return x->file < y->file ? -1 : x->file > y->file;
}

/* Raw data is never sieved or aggregated while writing: each raw allocation must arrive here by
 * itself to be given its address. Metadata is aggregated, for fewer and larger allocations. */
static herr_t driver_query(const H5FD_t *handle, unsigned long *flags)
{
    const driver_handle *h = (const driver_handle *)handle;
    *flags = H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
    /* HDF5 asks once without a handle, for what the driver can do at all. */
    if (h != NULL)
        *flags |= h->file->writing ? H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_USE_ALLOC_SIZE
                                   : H5FD_FEAT_DATA_SIEVE;
    return 0;
}

static const H5FD_class_t driver_class = {
#if H5_VERSION_GE(1, 13, 0)
    .version = H5FD_CLASS_VERSION,
    .value = (H5FD_class_value_t)512, /* the first that HDF5 leaves to private use */
#endif
    .name = "slab",
    .maxaddr = INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(driver_info),
    .open = driver_open,
    .close = driver_close,
    .cmp = driver_compare,
    .query = driver_query,
    .alloc = driver_alloc,
    .free = driver_free,
    .get_eoa = driver_get_eoa,
    .set_eoa = driver_set_eoa,
    .get_eof = driver_get_eof,
    .read = driver_read,
    .write = driver_write,
    /* Chunks have a free list of their own: freed metadata must not become a chunk's place. */
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

slab_status slab_driver_relax(hid_t fapl)
{
    slab_status rc = SLAB_OK;
#ifdef H5F_RFIC_UNUSUAL_NUM_UNUSED_NUMERIC_BITS
    REQUIRE(H5Pset_relax_file_integrity_checks(fapl, H5F_RFIC_UNUSUAL_NUM_UNUSED_NUMERIC_BITS) >= 0,
            SLAB_ERR_HDF5, "HDF5 does not take the checks it shall make");
#else
    (void)fapl;
    goto done;
#endif
done:
    return rc;
}

slab_status slab_driver_access(slab_driver_file *file, hid_t *fapl)
{
    static hid_t driver = H5I_INVALID_HID;
    slab_status rc = SLAB_OK;
    driver_info info = {.file = file};
    *fapl = H5I_INVALID_HID;
    /* The end of MPI closes HDF5, and with it the driver's registration. */
    if (driver < 0 || H5Iget_type(driver) != H5I_VFL)
        driver = H5FDregister(&driver_class);
    REQUIRE(driver >= 0, SLAB_ERR_HDF5, "HDF5 does not take slab's file driver");
    REQUIRE(slab_driver_sentinel() != NULL, SLAB_ERR_MEMORY, "no memory for the sentinel page");
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    REQUIRE(list >= 0, SLAB_ERR_HDF5, "HDF5 gives no property list");
    *fapl = list;
    REQUIRE(H5Pset_driver(list, driver, &info) >= 0 &&
                H5Pset_fclose_degree(list, H5F_CLOSE_STRONG) >= 0,
            SLAB_ERR_HDF5, "HDF5 does not take slab's file driver");
    TRY(slab_driver_relax(list));
done:
    return rc;
}

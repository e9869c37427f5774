/* The rollback journal. docs/on-disk.md states the format; the order of steps is the whole point:
 *
 *     journal written, fsync'd, its name fsync'd -> overwrites, fsync'd -> journal removed
 *
 * A kill before the journal is whole leaves the file untouched, one after it leaves a hot journal.
 */
#include <slab/storage/hdf5/journal.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <slab/storage/base/io.h>
#include <slab/storage/base/lock.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

enum { VERSION = 1, BUFFER = 1 << 20, VECTORS = 256 };
enum { PAUSE_MS = 2, PATIENCE_MS = 5000 }; /* with a commit that is under way */

typedef struct journal_header {
    char magic[8];
    uint32_t version;
    uint32_t zero;
    uint64_t old_size; /* of the data file: rollback truncates to it */
    uint64_t inode;    /* of the data file */
    uint64_t entries;
    uint64_t bytes; /* in all entries together */
} journal_header;   /* followed by the entries, their old bytes, and a checksum */

typedef struct journal_entry {
    uint64_t address;
    uint64_t size;
} journal_entry;

_Static_assert(sizeof(journal_header) == 48 && sizeof(journal_entry) == 16, "as on disk");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the journal is little-endian");

static const char journal_magic[8] = {'s', 'l', 'a', 'b', 'j', 'r', 'n', 'l'};

/* --- CRC-64/XZ (ECMA-182, reflected), eight bytes at a time --- */

static uint64_t crc_table[8][256];
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

static void crc_prepare(void)
{
    for (unsigned i = 0; i < 256; i++) {
        uint64_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? UINT64_C(0xC96C5795D7870F42) : 0);
        crc_table[0][i] = crc;
    }
    for (unsigned i = 0; i < 256; i++)
        for (int t = 1; t < 8; t++)
            crc_table[t][i] = (crc_table[t - 1][i] >> 8) ^ crc_table[0][crc_table[t - 1][i] & 255];
}

static uint64_t crc_add(uint64_t crc, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    pthread_once(&crc_once, crc_prepare);
    crc = ~crc;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        crc ^= word;
        uint64_t next = 0;
        for (int t = 0; t < 8; t++)
            next ^= crc_table[7 - t][(crc >> (8 * t)) & 255];
        crc = next;
    }
    for (; n > 0; n--, p++)
        crc = (crc >> 8) ^ crc_table[0][(crc ^ *p) & 255];
    return ~crc;
}

/* --- small I/O --- */

static slab_status write_all(int fd, const void *bytes, size_t n, uint64_t at, const char *name)
{
    slab_status rc = SLAB_OK;
    if (!slab_write_at(fd, bytes, n, at))
        FAIL_ERRNO("cannot write '%s'", name);
done:
    return rc;
}

static slab_status read_all(int fd, void *bytes, size_t n, uint64_t at, const char *name)
{
    slab_status rc = SLAB_OK;
    ssize_t got = slab_read_at(fd, bytes, n, at);
    if (got < 0)
        FAIL_ERRNO("cannot read '%s'", name);
    REQUIRE((size_t)got == n, SLAB_ERR_FORMAT, "'%s' ends at %" PRIu64 ", too early", name,
            at + (uint64_t)got);
done:
    return rc;
}

static slab_status sync_file(int fd, const char *name)
{
    slab_status rc = SLAB_OK;
    if (fsync(fd) != 0)
        FAIL_ERRNO("cannot fsync '%s'", name);
done:
    return rc;
}

/* A name is durable only when its folder is. Some file systems cannot fsync a folder: no harm. */
static slab_status sync_folder(const char *path)
{
    slab_status rc = SLAB_OK;
    char *folder = NULL;
    int fd = -1;
    TRY(slab_memory_strdup(&folder, path));
    char *slash = strrchr(folder, '/');
    if (slash == folder)
        slash[1] = '\0';
    else if (slash != NULL)
        *slash = '\0';
    fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && fsync(fd) != 0 && errno != EINVAL && errno != EBADF && errno != ENOTSUP)
        FAIL_ERRNO("cannot fsync the folder of '%s'", path);
done:
    if (fd >= 0)
        close(fd);
    slab_memory_free(folder);
    return rc;
}

/* A file has one journal, by whatever links it is come to. What is yet to come has no links. */
slab_status slab_journal_path(const char *path, char **out)
{
    slab_status rc = SLAB_OK;
    static const char suffix[] = ".slab-journal";
    char *name = NULL, *real = realpath(path, NULL);
    const char *of = real != NULL ? real : path;
    size_t n = strlen(of);
    *out = NULL;
    ALLOC(name, n + sizeof suffix, "journal name");
    memcpy(name, of, n);
    memcpy(name + n, suffix, sizeof suffix);
    *out = name;
done:
    free(real);
    return rc;
}

/* --- writing --- */

/* A journal being written: checksummed as it goes out. */
typedef struct journal {
    const char *name;
    int fd;
    uint64_t at;
    uint64_t crc;
} journal;

static slab_status put(journal *j, const void *bytes, size_t n)
{
    slab_status rc = SLAB_OK;
    TRY(write_all(j->fd, bytes, n, j->at, j->name));
    j->crc = crc_add(j->crc, bytes, n);
    j->at += n;
done:
    return rc;
}

/* What of a patch lies in the old file: only that can be lost. */
static size_t old_part(const slab_patch *patch, uint64_t old_size)
{
    if (patch->address >= old_size)
        return 0;
    return patch->size < old_size - patch->address ? patch->size
                                                   : (size_t)(old_size - patch->address);
}

/* Patches that touch make one entry. */
static slab_status entries_of(const slab_patch *patches, size_t n, uint64_t old_size,
                              journal_entry **out, journal_header *header)
{
    slab_status rc = SLAB_OK;
    journal_entry *entries = NULL;
    size_t count = 0;
    ALLOC(entries, n, "journal entries");
    for (size_t i = 0; i < n; i++) {
        size_t part = old_part(&patches[i], old_size);
        if (part == 0)
            continue;
        journal_entry *last = count > 0 ? &entries[count - 1] : NULL;
        if (last != NULL && last->address + last->size == patches[i].address)
            last->size += part;
        else
            entries[count++] = (journal_entry){patches[i].address, part};
        header->bytes += part;
    }
    header->entries = count;
    *out = entries;
done:
    return rc;
}

static slab_status put_old_bytes(journal *j, const journal_entry *entry, int fd, const char *path,
                                 uint8_t *buffer)
{
    slab_status rc = SLAB_OK;
    for (uint64_t at = 0; at < entry->size; at += BUFFER) {
        size_t part = entry->size - at < BUFFER ? (size_t)(entry->size - at) : BUFFER;
        TRY(read_all(fd, buffer, part, entry->address + at, path));
        TRY(put(j, buffer, part));
    }
done:
    return rc;
}

/* Writes the whole journal and makes it durable. On failure nothing of it stays. */
static slab_status journal_write(const char *name, const char *path, int fd, uint64_t old_size,
                                 const slab_patch *patches, size_t n, bool sync)
{
    slab_status rc = SLAB_OK;
    journal j = {.name = name, .fd = -1};
    journal_header header = {.version = VERSION, .old_size = old_size};
    journal_entry *entries = NULL;
    uint8_t *buffer = NULL;
    struct stat st;
    memcpy(header.magic, journal_magic, sizeof header.magic);
    if (fstat(fd, &st) != 0)
        FAIL_ERRNO("cannot look at '%s'", path);
    header.inode = (uint64_t)st.st_ino;
    TRY(entries_of(patches, n, old_size, &entries, &header));
    ALLOC(buffer, BUFFER, "journal buffer");
    j.fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (j.fd < 0)
        FAIL_ERRNO("cannot create the journal '%s'", name);
    /* It holds what the file holds; who may write the file may have to roll it back. */
    slab_rights_like(j.fd, &st);
    TRY(put(&j, &header, sizeof header));
    TRY(put(&j, entries, (size_t)header.entries * sizeof *entries));
    for (uint64_t i = 0; i < header.entries; i++)
        TRY(put_old_bytes(&j, &entries[i], fd, path, buffer));
    uint64_t crc = j.crc;
    TRY(put(&j, &crc, sizeof crc));
    if (sync) {
        TRY(sync_file(j.fd, name));
        TRY(sync_folder(name));
    }
done:
    if (j.fd >= 0) {
        close(j.fd);
        if (rc != SLAB_OK)
            unlink(name);
    }
    slab_memory_free(buffer);
    slab_memory_free(entries);
    return rc;
}

/* Patches that touch go out together: metadata comes in pages, and mostly in long runs. */
static slab_status write_run(int fd, const char *path, const slab_patch *patches, size_t n)
{
    slab_status rc = SLAB_OK;
    struct iovec vectors[VECTORS];
    size_t total = 0;
    ssize_t done;
    for (size_t i = 0; i < n; i++) {
        vectors[i] = (struct iovec){(void *)(uintptr_t)patches[i].bytes, patches[i].size};
        total += patches[i].size;
    }
    do {
        done = pwritev(fd, vectors, (int)n, (off_t)patches[0].address);
    } while (done < 0 && errno == EINTR);
    if (done < 0)
        FAIL_ERRNO("cannot write '%s'", path);
    /* Cut short, as by a full disk: write what is left piece by piece, and learn why. */
    for (size_t i = 0, at = 0; (size_t)done < total && i < n; at += patches[i].size, i++) {
        size_t skip = (size_t)done > at ? (size_t)done - at : 0;
        if (skip < patches[i].size)
            TRY(write_all(fd, (const uint8_t *)patches[i].bytes + skip, patches[i].size - skip,
                          patches[i].address + skip, path));
    }
done:
    return rc;
}

slab_status slab_journal_write_patches(int fd, const char *path, const slab_patch *patches,
                                       size_t n)
{
    slab_status rc = SLAB_OK;
    for (size_t i = 0, run; i < n; i += run) {
        size_t total = patches[i].size;
        for (run = 1; i + run < n && run < VECTORS && total < BUFFER; run++) {
            if (patches[i + run].address !=
                patches[i + run - 1].address + patches[i + run - 1].size)
                break;
            total += patches[i + run].size;
        }
        TRY(write_run(fd, path, patches + i, run));
    }
done:
    return rc;
}

static slab_status undo(int journal_fd, const char *name, const char *path, int fd, char *did);
static slab_status roll_back(const char *name, const char *path, int fd, char *did);

/* Takes the journal away, and with it the way back; *kept still reads it. */
static slab_status journal_remove(const char *name, bool sync, int *kept, bool *removed)
{
    slab_status rc = SLAB_OK;
    *kept = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*kept < 0)
        FAIL_ERRNO("cannot open the journal '%s'", name);
    if (unlink(name) != 0)
        FAIL_ERRNO("cannot remove the journal '%s'", name);
    *removed = true;
    if (sync)
        TRY(sync_folder(name));
done:
    return rc;
}

slab_status slab_journal_apply(const char *path, int fd, uint64_t old_size,
                               const slab_patch *patches, size_t n, bool sync)
{
    slab_status rc = SLAB_OK;
    char *name = NULL, did[SLAB_MESSAGE_MAX];
    bool hot = false, removed = false;
    int kept = -1;
    TRY(slab_journal_path(path, &name));
    TRY(journal_write(name, path, fd, old_size, patches, n, sync));
    hot = true;
    TRY(slab_journal_write_patches(fd, path, patches, n));
    if (sync)
        TRY(sync_file(fd, path));
    TRY(journal_remove(name, sync, &kept, &removed));
done:
    if (rc != SLAB_OK && hot) {
        /* The message that counts is the first one; if rolling back fails too, the journal stays
         * and the next open tries again. */
        slab_error first = *slab_error_last();
        bool undone =
            (removed ? undo(kept, name, path, fd, did) : roll_back(name, path, fd, did)) == SLAB_OK;
        rc = slab_error_restore(&first);
        if (!undone && !removed)
            rc = slab_error_prefix(rc, "the next use of '%s' will undo this write", path);
        else if (!undone)
            rc = slab_error_prefix(rc, "'%s' may be damaged", path);
    } else if (rc != SLAB_OK && ftruncate(fd, (off_t)old_size) != 0) {
        rc = slab_error_prefix(rc, "'%s' keeps unused bytes at its end", path);
    }
    if (kept >= 0)
        close(kept);
    slab_memory_free(name);
    return rc;
}

/* --- recovering --- */

/* A journal that was read: the header and entries, checked; whole when the checksum is right. */
typedef struct found_journal {
    journal_header header;
    journal_entry *entries;
    uint64_t data; /* where the old bytes begin */
    uid_t owner;
    bool whole;
} found_journal;

static slab_status checksum_holds(int fd, const char *name, uint64_t size, bool *holds)
{
    slab_status rc = SLAB_OK;
    uint8_t *buffer = NULL;
    uint64_t crc = 0, stored = 0;
    ALLOC(buffer, BUFFER, "journal buffer");
    for (uint64_t at = 0; at < size; at += BUFFER) {
        size_t part = size - at < BUFFER ? (size_t)(size - at) : BUFFER;
        TRY(read_all(fd, buffer, part, at, name));
        crc = crc_add(crc, buffer, part);
    }
    TRY(read_all(fd, &stored, sizeof stored, size, name));
    *holds = crc == stored;
done:
    slab_memory_free(buffer);
    return rc;
}

/* The length a journal with this header must have; 0 when it cannot be. */
static uint64_t whole_length(const journal_header *h)
{
    const uint64_t most = UINT64_C(1) << 56;
    if (h->entries > most / sizeof(journal_entry) || h->bytes > most)
        return 0;
    return sizeof *h + h->entries * sizeof(journal_entry) + h->bytes + sizeof(uint64_t);
}

static slab_status entries_check(const found_journal *found, const char *name)
{
    slab_status rc = SLAB_OK;
    uint64_t bytes = 0, old_size = found->header.old_size;
    for (uint64_t i = 0; i < found->header.entries; i++) {
        const journal_entry *e = &found->entries[i];
        REQUIRE(e->address <= old_size && e->size <= old_size - e->address &&
                    e->size <= found->header.bytes - bytes,
                SLAB_ERR_FORMAT, "the journal '%s' contradicts itself", name);
        bytes += e->size;
    }
    REQUIRE(bytes == found->header.bytes, SLAB_ERR_FORMAT, "the journal '%s' contradicts itself",
            name);
done:
    return rc;
}

/* entries: the caller frees them, also on failure. */
static slab_status journal_read(int fd, const char *name, found_journal *found)
{
    slab_status rc = SLAB_OK;
    struct stat st;
    memset(found, 0, sizeof *found);
    if (fstat(fd, &st) != 0)
        FAIL_ERRNO("cannot look at '%s'", name);
    REQUIRE(S_ISREG(st.st_mode), SLAB_ERR_FORMAT, "the journal '%s' is not a regular file", name);
    uint64_t length = (uint64_t)st.st_size;
    found->owner = st.st_uid;
    if (length < sizeof found->header)
        goto done;
    TRY(read_all(fd, &found->header, sizeof found->header, 0, name));
    if (memcmp(found->header.magic, journal_magic, sizeof journal_magic) != 0)
        goto done; /* its length reached the disk before its bytes */
    REQUIRE(found->header.version == VERSION, SLAB_ERR_UNSUPPORTED,
            "the journal '%s' is of version %u, this slab knows version %d: recover with a newer "
            "one",
            name, found->header.version, VERSION);
    if (length != whole_length(&found->header))
        goto done;
    TRY(checksum_holds(fd, name, length - sizeof(uint64_t), &found->whole));
    if (!found->whole)
        goto done;
    size_t count = (size_t)found->header.entries;
    ALLOC(found->entries, count, "journal entries");
    TRY(read_all(fd, found->entries, count * sizeof(journal_entry), sizeof found->header, name));
    TRY(entries_check(found, name));
    found->data = sizeof found->header + count * sizeof(journal_entry);
done:
    return rc;
}

static slab_status restore_bytes(const found_journal *found, int journal_fd, const char *name,
                                 int fd, const char *path)
{
    slab_status rc = SLAB_OK;
    uint8_t *buffer = NULL;
    uint64_t from = found->data;
    ALLOC(buffer, BUFFER, "journal buffer");
    for (uint64_t i = 0; i < found->header.entries; i++) {
        const journal_entry *e = &found->entries[i];
        for (uint64_t at = 0; at < e->size; at += BUFFER) {
            size_t part = e->size - at < BUFFER ? (size_t)(e->size - at) : BUFFER;
            TRY(read_all(journal_fd, buffer, part, from, name));
            TRY(write_all(fd, buffer, part, e->address + at, path));
            from += part;
        }
    }
done:
    slab_memory_free(buffer);
    return rc;
}

/* The journal must be this very file's, or its bytes would ruin another; and of somebody who may
 * write the file, or anybody who can make a name in its folder could have us write it. */
static slab_status identity_check(const found_journal *found, const char *name, int fd,
                                  const char *path, uint64_t *size)
{
    slab_status rc = SLAB_OK;
    struct stat st;
    if (fstat(fd, &st) != 0)
        FAIL_ERRNO("cannot look at '%s'", path);
    REQUIRE((uint64_t)st.st_ino == found->header.inode &&
                (uint64_t)st.st_size >= found->header.old_size,
            SLAB_ERR_FORMAT,
            "the journal '%s' belongs to another file than '%s' is now: if that is whole, remove "
            "the journal",
            name, path);
    REQUIRE(found->owner == st.st_uid || found->owner == geteuid() || found->owner == 0,
            SLAB_ERR_FORMAT,
            "the journal '%s' belongs to user %u, '%s' to user %u: one of the two must recover it",
            name, (unsigned)found->owner, path, (unsigned)st.st_uid);
    *size = (uint64_t)st.st_size;
done:
    return rc;
}

static slab_status undo(int journal_fd, const char *name, const char *path, int fd, char *did)
{
    slab_status rc = SLAB_OK;
    found_journal found = {0};
    uint64_t size = 0;
    TRY(journal_read(journal_fd, name, &found));
    if (!found.whole) {
        snprintf(did, SLAB_MESSAGE_MAX,
                 "removed the unfinished journal of '%s': it had not been "
                 "touched yet",
                 path);
        goto done;
    }
    TRY(identity_check(&found, name, fd, path, &size));
    TRY(restore_bytes(&found, journal_fd, name, fd, path));
    if (size > found.header.old_size && ftruncate(fd, (off_t)found.header.old_size) != 0)
        FAIL_ERRNO("cannot truncate '%s'", path);
    TRY(sync_file(fd, path));
    snprintf(did, SLAB_MESSAGE_MAX,
             "rolled '%s' back to what it was before an interrupted write (%" PRIu64
             " bytes in %" PRIu64 " places)",
             path, found.header.bytes, found.header.entries);
done:
    slab_memory_free(found.entries);
    return rc;
}

static slab_status roll_back(const char *name, const char *path, int fd, char *did)
{
    slab_status rc = SLAB_OK;
    int journal_fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (journal_fd < 0)
        FAIL_ERRNO("cannot open the journal '%s'", name);
    TRY(undo(journal_fd, name, path, fd, did));
    if (unlink(name) != 0)
        FAIL_ERRNO("cannot remove the journal '%s'", name);
    TRY(sync_folder(name));
done:
    if (journal_fd >= 0)
        close(journal_fd);
    return rc;
}

/* A journal is there for as long as a commit takes, so its writer is waited for. Where there are no
 * locks, a journal that outlives the patience is taken for that of a dead one. */
static slab_locked lock_patiently(const char *name, int fd, slab_locked (*lock)(int fd), bool *gone)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
    struct stat st;
    slab_locked got;
    int waited = 0;
    while ((got = lock(fd)) != SLAB_LOCK_GOT && waited < PATIENCE_MS) {
        *gone = lstat(name, &st) != 0;
        if (*gone)
            return got;
        nanosleep(&pause, NULL);
        waited += PAUSE_MS;
    }
    *gone = lstat(name, &st) != 0; /* its writer may have finished meanwhile */
    return got;
}

/* The lock of one who may change the file. *hot: the journal is still there, and its writer dead.
 */
static slab_status lock_hot(const char *path, const char *name, int fd, bool *hot)
{
    slab_status rc = SLAB_OK;
    char who[SLAB_HOLDERS_MAX];
    bool gone;
    slab_locked got = lock_patiently(name, fd, slab_lock_exclusive, &gone);
    *hot = !gone;
    if (gone || got != SLAB_LOCK_HELD)
        goto done;
    slab_lock_holders(fd, who);
    REQUIRE(slab_lock_shared(fd) != SLAB_LOCK_GOT, SLAB_ERR_LOCKED,
            "a write of '%s' was interrupted, and cannot be undone while %s has it open", path,
            who);
    FAIL(SLAB_ERR_LOCKED, "another process is writing '%s': %s", path, who);
done:
    return rc;
}

/* Who may not change the file waits as well; what is left by a dead writer is another's to undo.
 * @param why  errno: what keeps it from being opened for writing */
static slab_status wait_for_another(const char *path, const char *name, int why)
{
    slab_status rc = SLAB_OK;
    char who[SLAB_HOLDERS_MAX];
    bool gone;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        FAIL_ERRNO("cannot open '%s'", path);
    slab_locked got = lock_patiently(name, fd, slab_lock_shared, &gone);
    if (gone)
        goto done;
    if (got == SLAB_LOCK_HELD) {
        slab_lock_holders(fd, who);
        FAIL(SLAB_ERR_LOCKED, "another process is writing '%s': %s", path, who);
    }
    errno = why;
    FAIL_ERRNO("a write of '%s' was interrupted and must be undone by one who may write it", path);
done:
    if (fd >= 0)
        close(fd);
    return rc;
}

slab_status slab_journal_recover(const char *path, char *did)
{
    slab_status rc = SLAB_OK;
    struct stat st;
    char *name = NULL;
    bool hot = false;
    int fd = -1;
    did[0] = '\0';
    TRY(slab_journal_path(path, &name));
    if (lstat(name, &st) != 0)
        goto done;
    fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && (errno == EACCES || errno == EPERM || errno == EROFS)) {
        TRY(wait_for_another(path, name, errno));
        goto done;
    }
    if (fd < 0)
        FAIL_ERRNO("a write of '%s' was interrupted and must be undone, but it cannot be opened",
                   path);
    TRY(lock_hot(path, name, fd, &hot));
    if (hot)
        TRY(roll_back(name, path, fd, did));
done:
    if (fd >= 0)
        close(fd);
    slab_memory_free(name);
    return rc;
}

#include <slab/storage/checkpoint_impl.h>

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <slab/storage/base/io.h>
#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/temporary.h>
#include <slab/storage/transaction_impl.h>

/* docs/on-disk.md: all numbers little-endian. */
enum { HEAD_BYTES = 64, RECORD_BYTES = 32, VERSION = 1, NAME_MOST = 255 };
#define COMPACT_LEAST ((uint64_t)16 << 20)
static const char HEAD_MAGIC[8] = {'S', 'L', 'A', 'B', 'S', 'T', 'A', 'T'};
static const char RECORD_MAGIC[4] = {'S', 'L', 'S', 'R'};

typedef struct record {
    char name[NAME_MOST + 1];
    uint64_t offset, bytes; /* of the data in the file */
} record;

struct slab_checkpoint {
    slab_ranks *ranks;
    bool root, sync, failed;
    uint8_t job[SLAB_JOB_KEY_BYTES];
    char *path; /* root's, as all below */
    int fd;     /* -1: no record yet */
    uint64_t length, sequence;
    uint64_t dead; /* bytes of records that have been replaced */
    record *records;
    int nrecords, room;
};

/* A record's head as it lies in the file. */
typedef struct head {
    uint32_t name;
    uint64_t bytes, sequence, digest;
} head;

static void head_pack(const head *h, uint8_t at[RECORD_BYTES])
{
    uint32_t name = htole32(h->name);
    uint64_t words[3] = {htole64(h->bytes), htole64(h->sequence), htole64(h->digest)};
    memcpy(at, RECORD_MAGIC, sizeof RECORD_MAGIC);
    memcpy(at + 4, &name, sizeof name);
    memcpy(at + 8, words, sizeof words);
}

static bool head_unpack(const uint8_t at[RECORD_BYTES], head *h)
{
    uint64_t words[3];
    memcpy(&h->name, at + 4, sizeof h->name);
    memcpy(words, at + 8, sizeof words);
    h->name = le32toh(h->name);
    h->bytes = le64toh(words[0]);
    h->sequence = le64toh(words[1]);
    h->digest = le64toh(words[2]);
    return memcmp(at, RECORD_MAGIC, sizeof RECORD_MAGIC) == 0 && h->name > 0 &&
           h->name <= NAME_MOST && h->bytes <= INT64_MAX / 2;
}

static bool read_at(int fd, void *to, size_t n, uint64_t at)
{
    return slab_read_at(fd, to, n, at) == (ssize_t)n;
}

/* The record that begins at `at`: false where there is none that is whole. */
static bool record_read(int fd, uint64_t at, uint64_t sequence, record *out, uint64_t *next)
{
    uint8_t bytes[RECORD_BYTES], part[4096];
    head h;
    XXH3_state_t state;
    if (!read_at(fd, bytes, sizeof bytes, at) || !head_unpack(bytes, &h) ||
        h.sequence != sequence || !read_at(fd, out->name, h.name, at + RECORD_BYTES))
        return false;
    out->name[h.name] = '\0';
    out->offset = at + RECORD_BYTES + h.name;
    out->bytes = h.bytes;
    XXH3_INITSTATE(&state);
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, bytes, 24);
    XXH3_64bits_update(&state, out->name, h.name);
    for (uint64_t got = 0; got < h.bytes;) {
        size_t n = h.bytes - got < sizeof part ? (size_t)(h.bytes - got) : sizeof part;
        if (!read_at(fd, part, n, out->offset + got))
            return false;
        XXH3_64bits_update(&state, part, n);
        got += n;
    }
    *next = out->offset + h.bytes;
    return XXH3_64bits_digest(&state) == h.digest;
}

static bool file_head_is(int fd, const uint8_t job[SLAB_JOB_KEY_BYTES])
{
    uint8_t bytes[HEAD_BYTES];
    uint32_t version;
    uint64_t digest;
    if (!read_at(fd, bytes, sizeof bytes, 0))
        return false;
    memcpy(&version, bytes + 8, sizeof version);
    memcpy(&digest, bytes + 56, sizeof digest);
    return memcmp(bytes, HEAD_MAGIC, sizeof HEAD_MAGIC) == 0 && le32toh(version) == VERSION &&
           memcmp(bytes + 16, job, SLAB_JOB_KEY_BYTES) == 0 &&
           le64toh(digest) == XXH3_64bits(bytes, 56);
}

static bool file_head_write(int fd, const uint8_t job[SLAB_JOB_KEY_BYTES])
{
    uint8_t bytes[HEAD_BYTES] = {0};
    uint32_t version = htole32(VERSION);
    memcpy(bytes, HEAD_MAGIC, sizeof HEAD_MAGIC);
    memcpy(bytes + 8, &version, sizeof version);
    memcpy(bytes + 16, job, SLAB_JOB_KEY_BYTES);
    uint64_t digest = htole64(XXH3_64bits(bytes, 56));
    memcpy(bytes + 56, &digest, sizeof digest);
    return slab_write_at(fd, bytes, sizeof bytes, 0);
}

static record *find(const slab_checkpoint *c, const char *name)
{
    for (int i = 0; i < c->nrecords; i++)
        if (strcmp(c->records[i].name, name) == 0)
            return &c->records[i];
    return NULL;
}

static slab_status make_room(slab_checkpoint *c)
{
    slab_status rc = SLAB_OK;
    if (c->nrecords == c->room) {
        int room = c->room ? 2 * c->room : 16;
        TRY(slab_memory_resize((void **)&c->records, (size_t)room, sizeof *c->records,
                               "records of a checkpoint"));
        c->room = room;
    }
done:
    return rc;
}

/* There is room: what is in the file is known of, whatever happens. */
static void remember(slab_checkpoint *c, const record *one)
{
    record *there = find(c, one->name);
    if (!there) {
        c->records[c->nrecords++] = *one;
        return;
    }
    c->dead += RECORD_BYTES + strlen(there->name) + there->bytes;
    *there = *one;
}

/* Takes over what is there; behind the last whole record it is cut off. */
static slab_status take_over(slab_checkpoint *c)
{
    slab_status rc = SLAB_OK;
    record one;
    c->fd = slab_open_own(c->path, O_RDWR);
    if (c->fd < 0)
        return SLAB_OK;
    if (!file_head_is(c->fd, c->job)) {
        close(c->fd);
        c->fd = -1;
        unlink(c->path);
        return SLAB_OK;
    }
    c->length = HEAD_BYTES;
    for (uint64_t next; record_read(c->fd, c->length, c->sequence, &one, &next); c->length = next) {
        TRY(make_room(c));
        remember(c, &one);
        c->sequence++;
    }
    if (ftruncate(c->fd, (off_t)c->length) != 0)
        FAIL_ERRNO("cannot take over '%s'", c->path);
done:
    return rc;
}

static slab_status open_here(slab_checkpoint *c, const char *file, bool resumes)
{
    slab_status rc = SLAB_OK;
    TRY(slab_path_beside(file, "slab-state", &c->path));
    if (resumes)
        TRY(take_over(c));
    else
        unlink(c->path);
done:
    return rc;
}

slab_status slab_checkpoint_open(slab_ranks *ranks, const char *file,
                                 const uint8_t job[SLAB_JOB_KEY_BYTES], bool resumes, bool sync,
                                 slab_checkpoint **out)
{
    slab_status rc = SLAB_OK;
    slab_checkpoint *c = NULL;
    *out = NULL;
    rc = slab_memory_alloc((void **)&c, 1, sizeof *c, "a checkpoint");
    if (rc == SLAB_OK) {
        *c = (slab_checkpoint){
            .ranks = ranks, .root = slab_ranks_me(ranks) == 0, .sync = sync, .fd = -1};
        memcpy(c->job, job, SLAB_JOB_KEY_BYTES);
        if (c->root)
            rc = open_here(c, file, resumes);
    }
    TRY(slab_ranks_agree(ranks, rc));
    *out = c;
    c = NULL;
done:
    slab_checkpoint_close(&c, false);
    return rc;
}

void slab_checkpoint_close(slab_checkpoint **checkpoint, bool discard)
{
    slab_checkpoint *c = *checkpoint;
    if (!c)
        return;
    if (c->fd >= 0)
        close(c->fd);
    if (discard && c->path)
        unlink(c->path);
    FREE(c->path);
    FREE(c->records);
    FREE(*checkpoint);
}

bool slab_checkpoint_remove(const char *file)
{
    char *path = NULL;
    bool gone = slab_path_beside(file, "slab-state", &path) == SLAB_OK && unlink(path) == 0;
    FREE(path);
    if (slab_path_beside(file, "slab-state-new", &path) == SLAB_OK)
        unlink(path); /* of a run that was killed while it wrote the file anew */
    FREE(path);
    return gone;
}

int slab_checkpoint_count(const char *file, const uint8_t job[SLAB_JOB_KEY_BYTES])
{
    int n = 0, fd = -1;
    uint64_t at = HEAD_BYTES;
    record one;
    char *path = NULL;
    if (slab_path_beside(file, "slab-state", &path) == SLAB_OK)
        fd = slab_open_own(path, O_RDONLY);
    FREE(path);
    if (fd < 0)
        return 0;
    while (file_head_is(fd, job) && record_read(fd, at, (uint64_t)n, &one, &at))
        n++;
    close(fd);
    return n;
}

/* --- records --- */

static bool make_file(slab_checkpoint *c)
{
    if (c->fd >= 0)
        return true;
    c->fd = open(c->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (c->fd < 0)
        return false;
    c->length = HEAD_BYTES;
    c->sequence = 0;
    if (file_head_write(c->fd, c->job))
        return true;
    int why = errno; /* without a head there is nothing to append to: the next record tries again */
    close(c->fd);
    c->fd = -1;
    unlink(c->path);
    errno = why;
    return false;
}

/* Which brings all that has been appended to the disk. */
static bool sync_file(const slab_checkpoint *c)
{
    return !c->sync || fdatasync(c->fd) == 0;
}

/* The head comes last: until then there is no record. Records count up to the first one that is not
 * whole, so that one is there only if all before it are, whatever the disk saw first. */
static bool append(slab_checkpoint *c, const char *name, const slab_state_part *parts, int n,
                   record *out)
{
    uint8_t bytes[RECORD_BYTES];
    head h = {.name = (uint32_t)strlen(name), .sequence = c->sequence};
    XXH3_state_t state;
    if (!make_file(c))
        return false;
    for (int i = 0; i < n; i++)
        h.bytes += parts[i].bytes;
    head_pack(&h, bytes);
    XXH3_INITSTATE(&state);
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, bytes, 24);
    XXH3_64bits_update(&state, name, h.name);
    uint64_t at = c->length + RECORD_BYTES + h.name;
    *out = (record){.offset = at, .bytes = h.bytes};
    memcpy(out->name, name, h.name);
    for (int i = 0; i < n; i++) {
        XXH3_64bits_update(&state, parts[i].data, parts[i].bytes);
        if (!slab_write_at(c->fd, parts[i].data, parts[i].bytes, at))
            return false;
        at += parts[i].bytes;
    }
    h.digest = XXH3_64bits_digest(&state);
    head_pack(&h, bytes);
    if (!slab_write_at(c->fd, name, h.name, c->length + RECORD_BYTES) ||
        !slab_write_at(c->fd, bytes, sizeof bytes, c->length))
        return false;
    c->length = at;
    c->sequence++;
    return true;
}

/* The records that hold, in a file of their own. False leaves `to` for the caller to give up. */
static bool copy_records(const slab_checkpoint *c, slab_checkpoint *to)
{
    long page = sysconf(_SC_PAGESIZE);
    for (int i = 0; i < c->nrecords; i++) {
        record *r = &c->records[i];
        size_t before = (size_t)(r->offset % (uint64_t)page), bytes = before + (size_t)r->bytes;
        char *data = bytes == 0 ? NULL
                                : mmap(NULL, bytes, PROT_READ, MAP_SHARED, c->fd,
                                       (off_t)(r->offset - before));
        slab_state_part part = {data ? data + before : NULL, (size_t)r->bytes};
        record copy;
        bool good = data != MAP_FAILED && append(to, r->name, &part, 1, &copy);
        if (data && data != MAP_FAILED)
            munmap(data, bytes);
        if (!good)
            return false;
        *r = copy;
    }
    return true;
}

/* When most of the file is records that have been replaced, it is written anew. What fails leaves
 * the old one. */
static void compact(slab_checkpoint *c)
{
    slab_checkpoint to = {.sync = c->sync, .fd = -1};
    record *before = NULL;
    size_t n = (size_t)c->nrecords;
    if (c->dead < COMPACT_LEAST || c->dead < c->length / 2)
        return;
    c->dead = 0; /* tried: not at every record again */
    memcpy(to.job, c->job, sizeof to.job);
    if (slab_memory_alloc((void **)&before, n, sizeof *before, "a checkpoint") != SLAB_OK ||
        slab_memory_alloc((void **)&to.path, strlen(c->path) + 5, 1, "a file name") != SLAB_OK)
        goto done;
    memcpy(before, c->records, n * sizeof *before);
    strcat(strcpy(to.path, c->path), "-new");
    unlink(to.path); /* of a run that was killed here */
    if (copy_records(c, &to) && sync_file(&to) && rename(to.path, c->path) == 0) {
        close(c->fd);
        c->fd = to.fd;
        c->length = to.length;
        c->sequence = to.sequence;
        to.fd = -1;
    } else {
        memcpy(c->records, before, n * sizeof *before);
        unlink(to.path);
    }
done:
    if (to.fd >= 0)
        close(to.fd);
    slab_error_clear();
    FREE(to.path);
    FREE(before);
}

static void warn(slab_checkpoint *c)
{
    if (!c->failed)
        slab_log(SLAB_LOG_WARN,
                 "cannot write '%s': a run that is stopped will not continue from "
                 "here: %s",
                 c->path, strerror(errno));
    c->failed = true;
}

static slab_status put_here(slab_checkpoint *c, const char *name, const slab_state_part *parts,
                            int n, bool durable, bool *kept)
{
    slab_status rc = SLAB_OK;
    record one;
    *kept = false;
    REQUIRE(*name && strlen(name) <= NAME_MOST, SLAB_ERR_INTERNAL, "a record called '%s'", name);
    TRY(make_room(c));
    bool written = append(c, name, parts, n, &one);
    if (written && (!durable || sync_file(c))) {
        remember(c, &one);
        *kept = true;
        compact(c);
        goto done;
    }
    warn(c);
    if (written) { /* and not on the disk */
        c->length = one.offset - strlen(name) - RECORD_BYTES;
        c->sequence--;
    }
    if (c->fd >= 0 && ftruncate(c->fd, (off_t)c->length) != 0)
        slab_log(SLAB_LOG_INFO, "'%s' keeps a torn record at its end", c->path);
done:
    return rc;
}

slab_status slab_checkpoint_put(slab_checkpoint *checkpoint, const char *name,
                                const slab_state_part *parts, int n)
{
    slab_checkpoint *c = checkpoint;
    bool kept;
    if (!c)
        return SLAB_OK;
    return slab_ranks_agree(c->ranks, c->root ? put_here(c, name, parts, n, true, &kept) : SLAB_OK);
}

slab_status slab_checkpoint_add(slab_checkpoint *checkpoint, const char *name,
                                const slab_state_part *parts, int n, bool *kept)
{
    *kept = false;
    return checkpoint ? put_here(checkpoint, name, parts, n, false, kept) : SLAB_OK;
}

slab_status slab_checkpoint_seal(slab_checkpoint *checkpoint, const char *name,
                                 const slab_state_part *parts, int n, bool *kept)
{
    *kept = false;
    return checkpoint ? put_here(checkpoint, name, parts, n, true, kept) : SLAB_OK;
}

void slab_checkpoint_forget(slab_checkpoint *checkpoint, const char *prefix)
{
    slab_checkpoint *c = checkpoint;
    int n = 0;
    for (int i = 0; c && i < c->nrecords; i++) {
        const record *r = &c->records[i];
        if (strncmp(r->name, prefix, strlen(prefix)) == 0)
            c->dead += RECORD_BYTES + strlen(r->name) + r->bytes;
        else
            c->records[n++] = *r;
    }
    if (c)
        c->nrecords = n;
}

slab_status slab_checkpoint_size(slab_checkpoint *checkpoint, const char *name, int64_t *bytes)
{
    slab_status rc = SLAB_OK;
    slab_checkpoint *c = checkpoint;
    *bytes = -1;
    if (!c)
        return SLAB_OK;
    const record *there = c->root ? find(c, name) : NULL;
    if (there)
        *bytes = (int64_t)there->bytes;
    TRY(slab_ranks_broadcast(c->ranks, bytes, sizeof *bytes, 0));
done:
    return rc;
}

static slab_status read_parts(slab_checkpoint *c, const char *name, const slab_state_part *parts,
                              int n)
{
    slab_status rc = SLAB_OK;
    uint64_t at = find(c, name)->offset;
    for (int i = 0; i < n; i++) {
        REQUIRE(read_at(c->fd, parts[i].data, parts[i].bytes, at), SLAB_ERR_IO,
                "cannot read '%s': it was whole when this run began", c->path);
        at += parts[i].bytes;
    }
done:
    return rc;
}

slab_status slab_checkpoint_read(slab_checkpoint *checkpoint, const char *name,
                                 const slab_state_part *parts, int n, bool *found)
{
    uint64_t wanted = 0;
    const record *there = checkpoint ? find(checkpoint, name) : NULL;
    for (int i = 0; i < n; i++)
        wanted += parts[i].bytes;
    *found = there && there->bytes == wanted;
    return *found ? read_parts(checkpoint, name, parts, n) : SLAB_OK;
}

slab_status slab_checkpoint_get(slab_checkpoint *checkpoint, const char *name,
                                const slab_state_part *parts, int n, bool *found)
{
    slab_status rc = SLAB_OK;
    slab_checkpoint *c = checkpoint;
    int64_t bytes, wanted = 0;
    *found = false;
    TRY(slab_checkpoint_size(c, name, &bytes));
    for (int i = 0; i < n; i++)
        wanted += (int64_t)parts[i].bytes;
    if (bytes != wanted)
        return SLAB_OK;
    TRY(slab_ranks_agree(c->ranks, c->root ? read_parts(c, name, parts, n) : SLAB_OK));
    for (int i = 0; i < n; i++)
        TRY(slab_ranks_broadcast(c->ranks, parts[i].data, parts[i].bytes, 0));
    *found = true;
done:
    return rc;
}

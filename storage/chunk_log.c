#include <slab/storage/chunk_log.h>

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <slab/storage/base/io.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/temporary.h>
#include <slab/storage/transaction_impl.h>

/* docs/on-disk.md: all numbers little-endian. */
enum {
    HEAD_BYTES = 64,
    BATCH_HEAD_BYTES = 32,
    CHUNK_BYTES = 40,
    ARRAY_BYTES = 24, /* and the name */
    PAYLOAD_MAX = SLAB_LOG_BATCH_MAX * CHUNK_BYTES,
    VERSION = 2,
    BATCH_ARRAY = 1,
    BATCH_CHUNKS = 2
};
static const char HEAD_MAGIC[8] = {'S', 'L', 'A', 'B', 'L', 'O', 'G', '\n'};
static const char BATCH_MAGIC[4] = {'S', 'L', 'B', 'B'};

struct slab_chunk_log {
    char *path;
    int fd;
    uint64_t sequence;
    uint64_t length; /* of the batches that were written whole */
    pthread_mutex_t lock;
    uint8_t batch[BATCH_HEAD_BYTES + PAYLOAD_MAX];
};

static void put32(uint8_t *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, sizeof value);
}

static void put64(uint8_t *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof value);
}

static uint32_t get32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

static uint64_t get64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return le64toh(value);
}

slab_digest slab_chunk_digest(int64_t number, uint32_t mask, uint64_t size, uint64_t checksum)
{
    slab_hash h;
    slab_hash_begin(&h);
    slab_hash_number(&h, (uint64_t)number);
    slab_hash_number(&h, mask);
    slab_hash_number(&h, size);
    slab_hash_number(&h, checksum);
    return slab_hash_end(&h);
}

static void digest_number(XXH3_state_t *state, uint64_t value)
{
    uint8_t bytes[8];
    put64(bytes, value);
    XXH3_64bits_update(state, bytes, sizeof bytes);
}

static void digest_shape(XXH3_state_t *state, const slab_shape *shape)
{
    digest_number(state, (uint64_t)shape->rank);
    for (int i = 0; i < shape->rank; i++)
        digest_number(state, (uint64_t)shape->extent[i]);
}

uint64_t slab_array_digest(const slab_array_info *info)
{
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    XXH3_64bits_reset(&state);
    digest_number(&state, info->dtype.kind);
    digest_number(&state, info->dtype.size);
    digest_number(&state, info->dtype.precision);
    digest_number(&state, info->dtype.offset);
    digest_number(&state, info->dtype.big_endian);
    digest_shape(&state, &info->shape);
    digest_shape(&state, &info->chunk);
    digest_number(&state, (uint64_t)info->pipeline.nfilters);
    for (int f = 0; f < info->pipeline.nfilters; f++) {
        const slab_filter *filter = &info->pipeline.filters[f];
        digest_number(&state, (uint64_t)filter->id);
        for (unsigned i = 0; i < filter->nvalues && i < SLAB_FILTER_VALUES_MAX; i++)
            digest_number(&state, filter->values[i]);
    }
    XXH3_64bits_update(&state, info->fill, sizeof info->fill);
    return XXH3_64bits_digest(&state);
}

slab_status slab_chunk_log_path(const char *file, int number, char **out)
{
    char suffix[32];
    snprintf(suffix, sizeof suffix, "slab-log.%d", number);
    return slab_path_beside(file, suffix, out);
}

static int by_number(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

slab_status slab_chunk_log_list(const char *file, int **numbers, int *n)
{
    slab_status rc = SLAB_OK;
    char *prefix = NULL, *end;
    int room = 0;
    DIR *folder = NULL;
    *numbers = NULL;
    *n = 0;
    TRY(slab_path_beside(file, "slab-log.", &prefix));
    char *slash = strrchr(prefix, '/'), *name = slash + 1;
    *slash = '\0';
    folder = opendir(*prefix ? prefix : "/");
    for (struct dirent *e; folder && (e = readdir(folder));) {
        const char *digits = e->d_name + strlen(name);
        if (strncmp(e->d_name, name, strlen(name)) != 0 || !*digits || strlen(digits) > 9 ||
            digits[strspn(digits, "0123456789")])
            continue;
        if (*n == room) {
            room = room ? 2 * room : 64;
            TRY(slab_memory_resize((void **)numbers, (size_t)room, sizeof **numbers, "chunk logs"));
        }
        (*numbers)[(*n)++] = (int)strtol(digits, &end, 10);
    }
    if (*n > 1)
        qsort(*numbers, (size_t)*n, sizeof **numbers, by_number);
done:
    if (folder)
        closedir(folder);
    FREE(prefix);
    if (rc != SLAB_OK)
        FREE(*numbers);
    return rc;
}

int slab_chunk_log_remove_all(const char *file)
{
    int *numbers = NULL, n = 0, removed = 0;
    if (slab_chunk_log_list(file, &numbers, &n) != SLAB_OK)
        return 0;
    for (int i = 0; i < n; i++) {
        char *path = NULL;
        if (slab_chunk_log_path(file, numbers[i], &path) == SLAB_OK)
            removed += unlink(path) == 0;
        FREE(path);
    }
    FREE(numbers);
    return removed;
}

/* A batch that did not reach the file whole is cut off again, so that the next one is readable. */
static slab_status append_bytes(slab_chunk_log *log, const uint8_t *bytes, size_t n)
{
    slab_status rc = SLAB_OK;
    if (!slab_write_at(log->fd, bytes, n, log->length))
        FAIL_ERRNO("cannot write chunk log '%s'", log->path);
    log->length += n;
done:
    return rc;
}

slab_status slab_chunk_log_create(const char *path, const slab_chunk_log_head *head,
                                  slab_chunk_log **out)
{
    slab_status rc = SLAB_OK;
    slab_chunk_log *log = NULL;
    char *name = NULL;
    uint8_t bytes[HEAD_BYTES] = {0};
    *out = NULL;
    TRY(slab_memory_strdup(&name, path));
    ALLOC(log, 1, "a chunk log");
    pthread_mutex_init(&log->lock, NULL);
    log->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (log->fd < 0)
        FAIL_ERRNO("cannot create chunk log '%s'", path);
    log->path = name; /* from here on the file is ours to remove */
    name = NULL;
    memcpy(bytes, HEAD_MAGIC, sizeof HEAD_MAGIC);
    put32(bytes + 8, VERSION);
    put32(bytes + 12, head->rank);
    put32(bytes + 16, head->ranks);
    put64(bytes + 24, head->old_size);
    memcpy(bytes + 32, head->job, SLAB_JOB_KEY_BYTES);
    put64(bytes + 56, XXH3_64bits(bytes, 56));
    TRY(append_bytes(log, bytes, sizeof bytes));
    *out = log;
    log = NULL;
done:
    slab_chunk_log_close(&log, true);
    FREE(name);
    return rc;
}

slab_status slab_chunk_log_sync(slab_chunk_log *log)
{
    slab_status rc = SLAB_OK;
    if (fdatasync(log->fd) != 0)
        FAIL_ERRNO("cannot bring chunk log '%s' to the disk", log->path);
done:
    return rc;
}

void slab_chunk_log_close(slab_chunk_log **log, bool discard)
{
    slab_chunk_log *l = *log;
    if (!l)
        return;
    if (l->fd >= 0)
        close(l->fd);
    if (discard && l->path)
        unlink(l->path);
    pthread_mutex_destroy(&l->lock);
    FREE(l->path);
    FREE(*log);
}

/* The payload stands in log->batch already. Call with the lock held. */
static slab_status append_batch(slab_chunk_log *log, uint32_t kind, uint32_t count, size_t payload)
{
    uint8_t *head = log->batch;
    XXH3_state_t state;
    memcpy(head, BATCH_MAGIC, sizeof BATCH_MAGIC);
    put32(head + 4, kind);
    put64(head + 8, log->sequence);
    put32(head + 16, count);
    put32(head + 20, (uint32_t)payload);
    XXH3_INITSTATE(&state);
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, head, 24);
    XXH3_64bits_update(&state, head + BATCH_HEAD_BYTES, payload);
    put64(head + 24, XXH3_64bits_digest(&state));
    slab_status rc = append_bytes(log, head, BATCH_HEAD_BYTES + payload);
    if (rc == SLAB_OK)
        log->sequence++;
    return rc;
}

slab_status slab_chunk_log_array(slab_chunk_log *log, uint32_t id, const char *name,
                                 uint64_t digest, int64_t nchunks)
{
    slab_status rc = SLAB_OK;
    size_t length = strlen(name);
    uint8_t *at = log->batch + BATCH_HEAD_BYTES;
    pthread_mutex_lock(&log->lock);
    REQUIRE(length <= PAYLOAD_MAX - ARRAY_BYTES, SLAB_ERR_RANGE, "an array's path of %zu bytes",
            length);
    put32(at, id);
    put32(at + 4, (uint32_t)length);
    put64(at + 8, digest);
    put64(at + 16, (uint64_t)nchunks);
    memcpy(at + ARRAY_BYTES, name, length);
    TRY(append_batch(log, BATCH_ARRAY, 1, ARRAY_BYTES + length));
done:
    pthread_mutex_unlock(&log->lock);
    return rc;
}

slab_status slab_chunk_log_append(slab_chunk_log *log, const slab_logged_chunk *chunks, size_t n)
{
    slab_status rc = SLAB_OK;
    pthread_mutex_lock(&log->lock);
    REQUIRE(n <= SLAB_LOG_BATCH_MAX, SLAB_ERR_INTERNAL, "a log batch of %zu chunks", n);
    for (size_t i = 0; i < n; i++) {
        uint8_t *at = log->batch + BATCH_HEAD_BYTES + i * CHUNK_BYTES;
        put32(at, chunks[i].array);
        put32(at + 4, chunks[i].mask);
        put64(at + 8, (uint64_t)chunks[i].number);
        put64(at + 16, chunks[i].address);
        put64(at + 24, chunks[i].size);
        put64(at + 32, chunks[i].checksum);
    }
    TRY(append_batch(log, BATCH_CHUNKS, (uint32_t)n, n * CHUNK_BYTES));
done:
    pthread_mutex_unlock(&log->lock);
    return rc;
}

static slab_status read_head(const char *path, FILE *file, slab_chunk_log_head *head)
{
    slab_status rc = SLAB_OK;
    uint8_t bytes[HEAD_BYTES];
    REQUIRE(fread(bytes, 1, sizeof bytes, file) == sizeof bytes &&
                memcmp(bytes, HEAD_MAGIC, sizeof HEAD_MAGIC) == 0 &&
                get64(bytes + 56) == XXH3_64bits(bytes, 56),
            SLAB_ERR_FORMAT, "'%s' does not begin as a chunk log does", path);
    REQUIRE(get32(bytes + 8) == VERSION, SLAB_ERR_FORMAT,
            "chunk log '%s' is of version %" PRIu32 ", not %d", path, get32(bytes + 8), VERSION);
    head->rank = get32(bytes + 12);
    head->ranks = get32(bytes + 16);
    head->old_size = get64(bytes + 24);
    memcpy(head->job, bytes + 32, SLAB_JOB_KEY_BYTES);
done:
    return rc;
}

/* Reads the next batch into `batch`; 0 at the end or where it is torn. */
static size_t read_batch(FILE *file, uint64_t sequence, uint8_t *batch)
{
    if (fread(batch, 1, BATCH_HEAD_BYTES, file) != BATCH_HEAD_BYTES ||
        memcmp(batch, BATCH_MAGIC, sizeof BATCH_MAGIC) != 0 || get64(batch + 8) != sequence)
        return 0;
    uint32_t kind = get32(batch + 4), count = get32(batch + 16), payload = get32(batch + 20);
    uint8_t *body = batch + BATCH_HEAD_BYTES;
    if (payload > PAYLOAD_MAX || fread(body, 1, payload, file) != payload)
        return 0;
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, batch, 24);
    XXH3_64bits_update(&state, body, payload);
    if (XXH3_64bits_digest(&state) != get64(batch + 24))
        return 0;
    bool fits = kind == BATCH_CHUNKS ? (uint64_t)count * CHUNK_BYTES == payload
                                     : kind == BATCH_ARRAY && payload >= ARRAY_BYTES &&
                                           payload - ARRAY_BYTES == get32(body + 4);
    return fits ? BATCH_HEAD_BYTES + payload : 0;
}

static slab_status visit_array(const slab_chunk_log_visitor *visitor, const uint8_t *body)
{
    slab_status rc = SLAB_OK;
    char *name = NULL;
    size_t length = get32(body + 4);
    if (!visitor->array)
        return SLAB_OK;
    ALLOC(name, length + 1, "an array's path");
    memcpy(name, body + ARRAY_BYTES, length);
    TRY(visitor->array(visitor->context, get32(body), name, get64(body + 8),
                       (int64_t)get64(body + 16)));
done:
    FREE(name);
    return rc;
}

static slab_status visit_chunks(const slab_chunk_log_visitor *visitor, const uint8_t *body,
                                size_t n)
{
    slab_status rc = SLAB_OK;
    slab_logged_chunk *chunks = NULL;
    if (!visitor->chunks)
        return SLAB_OK;
    ALLOC(chunks, n, "logged chunks");
    for (size_t i = 0; i < n; i++) {
        const uint8_t *at = body + i * CHUNK_BYTES;
        chunks[i] = (slab_logged_chunk){.array = get32(at),
                                        .mask = get32(at + 4),
                                        .number = (int64_t)get64(at + 8),
                                        .address = get64(at + 16),
                                        .size = get64(at + 24),
                                        .checksum = get64(at + 32)};
    }
    TRY(visitor->chunks(visitor->context, chunks, n));
done:
    FREE(chunks);
    return rc;
}

slab_status slab_chunk_log_read(const char *path, const slab_chunk_log_visitor *visitor,
                                slab_chunk_log_head *head, uint64_t *whole)
{
    slab_status rc = SLAB_OK;
    uint8_t *batch = NULL;
    uint64_t sequence = 0;
    *whole = 0;
    FILE *file = NULL;
    int fd = slab_open_own(path, O_RDONLY);
    if (fd < 0)
        FAIL_ERRNO("cannot open chunk log '%s'", path);
    file = fdopen(fd, "rb");
    if (!file) {
        close(fd);
        FAIL_ERRNO("cannot open chunk log '%s'", path);
    }
    ALLOC(batch, BATCH_HEAD_BYTES + PAYLOAD_MAX, "a log batch");
    TRY(read_head(path, file, head));
    *whole = HEAD_BYTES;
    for (size_t n; (n = read_batch(file, sequence, batch)) > 0; sequence++) {
        const uint8_t *body = batch + BATCH_HEAD_BYTES;
        if (get32(batch + 4) == BATCH_ARRAY)
            TRY(visit_array(visitor, body));
        else
            TRY(visit_chunks(visitor, body, get32(batch + 16)));
        *whole += n;
    }
done:
    FREE(batch);
    if (file)
        fclose(file);
    return rc;
}

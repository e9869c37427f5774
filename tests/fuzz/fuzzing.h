/*
 * What fuzz targets share. A target is a file with two functions:
 *
 *     LLVMFuzzerTestOneInput  takes any bytes whatever, and aborts where a promise is broken
 *     fuzz_seeds              makes inputs that are taken, with slab's own code, to begin from
 *
 * libFuzzer and AFL++ call the first (run.sh); replay.c runs it over the seeds and over what is
 * kept in corpus/, as a test of every build.
 */
#ifndef SLAB_TESTS_FUZZ_FUZZING_H
#define SLAB_TESTS_FUZZ_FUZZING_H

#include <fcntl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/status.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** @param take  gets each seed; the bytes are the target's */
typedef void (*fuzz_take)(const char *name, const void *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
void fuzz_seeds(fuzz_take take);

/** Inputs that were taken: what the replay of seeds goes by. Defined by every target. */
extern long fuzz_taken;

/** A promise: what a target aborts for, beside what the sanitizers see. */
#define MUST(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                        \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* --- taking an input apart --- */

typedef struct feed {
    const uint8_t *at;
    size_t left;
} feed;

/** Up to n bytes; fewer where the input ends. */
static inline feed feed_part(feed *f, size_t n)
{
    feed part = {f->at, n < f->left ? n : f->left};
    f->at += part.left;
    f->left -= part.left;
    return part;
}

/** A little-endian number of so many bytes, zeros behind the end. */
static inline uint64_t feed_number(feed *f, size_t bytes)
{
    uint64_t number = 0;
    feed part = feed_part(f, bytes);
    for (size_t i = 0; i < part.left; i++)
        number |= (uint64_t)part.at[i] << (8 * i);
    return number;
}

/** Bytes with a length of their own (2 bytes) in front. */
static inline feed feed_piece(feed *f)
{
    return feed_part(f, (size_t)feed_number(f, 2));
}

/* --- putting one together --- */

typedef struct seed {
    uint8_t bytes[1 << 16];
    size_t n;
} seed;

static inline void seed_bytes(seed *s, const void *bytes, size_t n)
{
    MUST(s->n + n <= sizeof s->bytes, "a seed of more than %zu bytes", sizeof s->bytes);
    if (n > 0)
        memcpy(s->bytes + s->n, bytes, n);
    s->n += n;
}

static inline void seed_number(seed *s, uint64_t number, size_t bytes)
{
    uint8_t out[8];
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(number >> (8 * i));
    seed_bytes(s, out, bytes);
}

static inline void seed_piece(seed *s, const void *bytes, size_t n)
{
    MUST(n <= UINT16_MAX, "a piece of %zu bytes", n);
    seed_number(s, n, 2);
    seed_bytes(s, bytes, n);
}

/* --- what holds for every call --- */

enum { FUZZ_BUDGET = 64 << 20 };

/** A failure has a message of one line for people, and no contract of slab's own is broken. */
static inline bool is_good(slab_status rc)
{
    if (rc == SLAB_OK)
        return true;
    const slab_error *error = slab_error_last();
    MUST(error->code == rc, "status %d, but the record is of %d", rc, error->code);
    MUST(rc != SLAB_ERR_INTERNAL, "%s", error->message);
    MUST(error->message[0] && memchr(error->message, '\0', sizeof error->message),
         "a failure without a message");
    return false;
}

/** Sets the budget; says what is in use, which must be the same when the call is over. */
static inline size_t memory_begin(void)
{
    slab_memory_limit_set(FUZZ_BUDGET);
    return slab_memory_used();
}

static inline void memory_end(size_t before)
{
    size_t now = slab_memory_used();
    MUST(now == before, "%zu bytes in use before, and %zu after", before, now);
}

/** Copies into a block of just that size, so that a sanitizer sees a step out of it. free() it. */
static inline uint8_t *exact_copy(const void *bytes, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);
    MUST(copy, "no memory for %zu bytes", n);
    if (n > 0)
        memcpy(copy, bytes, n);
    return copy;
}

/* --- files in memory --- */

static char fuzz_folder_name[64];

static inline void fuzz_folder_remove(void)
{
    char command[sizeof fuzz_folder_name + 16];
    snprintf(command, sizeof command, "rm -rf %s", fuzz_folder_name);
    if (chdir("/") != 0 || system(command) != 0)
        fprintf(stderr, "cannot remove %s\n", fuzz_folder_name);
}

/** Works in a new folder, in memory where /dev/shm is. Once a process. */
static inline void fuzz_folder(void)
{
    if (fuzz_folder_name[0])
        return;
    snprintf(fuzz_folder_name, sizeof fuzz_folder_name, "%s/slab-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    MUST(mkdtemp(fuzz_folder_name) && chdir(fuzz_folder_name) == 0, "no folder to work in");
    atexit(fuzz_folder_remove);
}

static inline void file_write(const char *name, const void *bytes, size_t n)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    MUST(fd >= 0 && write(fd, bytes, n) == (ssize_t)n, "cannot write %s", name);
    close(fd);
}

/** Bytes of a file, at most `room`; -1 when there is none. */
static inline ssize_t file_read(const char *name, void *bytes, size_t room)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, bytes, room);
    close(fd);
    return n;
}

#endif

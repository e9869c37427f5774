#include <slab/storage/job.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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

static const char HEAD[] = "slab-job 1\n", TAIL[] = "slab-job-end ";
enum { JOB_BYTES_MOST = 16 << 20, TAIL_BYTES = sizeof TAIL - 1 + 16 + 1 };

static size_t line_length(const char *line)
{
    return strcspn(line, "\n");
}

static const char *next_line(const char *line)
{
    line += line_length(line);
    return *line ? line + 1 : line;
}

static bool is_remark(const char *line)
{
    return *line == '#' || *line == '\n';
}

/* The first line from here on that counts; the end of the text when there is none. */
static const char *counting_line(const char *line)
{
    while (*line && is_remark(line))
        line = next_line(line);
    return line;
}

void slab_job_key(const char *job, uint8_t key[SLAB_JOB_KEY_BYTES])
{
    XXH3_state_t state;
    memset(key, 0, SLAB_JOB_KEY_BYTES);
    if (!job)
        return;
    XXH3_INITSTATE(&state);
    XXH3_128bits_reset(&state);
    for (const char *at = counting_line(job); *at; at = counting_line(next_line(at))) {
        XXH3_128bits_update(&state, at, line_length(at));
        XXH3_128bits_update(&state, "\n", 1);
    }
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state));
    memcpy(key, canonical.digest, SLAB_JOB_KEY_BYTES);
}

slab_status slab_job_write(const char *file, const char *job, bool sync)
{
    slab_status rc = SLAB_OK;
    char *path = NULL, tail[TAIL_BYTES + 1];
    size_t head = sizeof HEAD - 1, n = strlen(job);
    int fd = -1;
    TRY(slab_path_beside(file, "slab-job", &path));
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        FAIL_ERRNO("cannot create '%s'", path);
    snprintf(tail, sizeof tail, "%s%016" PRIx64 "\n", TAIL, XXH3_64bits(job, n));
    if (!slab_write_at(fd, HEAD, head, 0) || !slab_write_at(fd, job, n, head) ||
        !slab_write_at(fd, tail, TAIL_BYTES, head + n))
        FAIL_ERRNO("cannot write '%s'", path);
    if (sync && fsync(fd) != 0)
        FAIL_ERRNO("cannot bring '%s' to the disk", path);
done:
    if (fd >= 0) {
        close(fd);
        if (rc != SLAB_OK)
            unlink(path);
    }
    FREE(path);
    return rc;
}

/* Between head and tail lies the job, when both are there and the digest is right. */
static bool is_whole(char *text, size_t n)
{
    size_t head = sizeof HEAD - 1;
    if (n < head + TAIL_BYTES || memcmp(text, HEAD, head) != 0 || memchr(text, '\0', n))
        return false;
    char *tail = text + n - TAIL_BYTES, *end;
    if (memcmp(tail, TAIL, sizeof TAIL - 1) != 0)
        return false;
    uint64_t digest = strtoull(tail + sizeof TAIL - 1, &end, 16);
    if (*end != '\n' || digest != XXH3_64bits(text + head, n - head - TAIL_BYTES))
        return false;
    *tail = '\0';
    memmove(text, text + head, strlen(text + head) + 1);
    return true;
}

slab_status slab_job_read(const char *file, char **out)
{
    slab_status rc = SLAB_OK;
    char *path = NULL, *text = NULL;
    struct stat st;
    int fd = -1;
    *out = NULL;
    TRY(slab_path_beside(file, "slab-job", &path));
    fd = slab_open_own(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size > JOB_BYTES_MOST)
        goto done; /* none, or not ours: no job to continue */
    ALLOC(text, st.st_size + 1, "a job");
    ssize_t got = slab_read_at(fd, text, (size_t)st.st_size, 0);
    if (got < 0)
        FAIL_ERRNO("cannot read '%s'", path);
    if (is_whole(text, (size_t)got)) {
        *out = text;
        text = NULL;
    }
done:
    if (fd >= 0)
        close(fd);
    FREE(text);
    FREE(path);
    return rc;
}

const char *slab_job_value(const char *job, const char *name, size_t *length)
{
    size_t n = strlen(name);
    for (const char *line = job; *line; line = next_line(line)) {
        const char *at = strncmp(line, "# ", 2) == 0 ? line + 2 : line;
        if (strncmp(at, name, n) != 0 || at[n] != ' ')
            continue;
        *length = line_length(at) - n - 1;
        return at + n + 1;
    }
    return NULL;
}

/* A line's name is what stands before its last value: "option seed" of "option seed 1". */
static void name_of(const char *line, char *name, size_t size)
{
    size_t n = line_length(line), words = 0, i = 0;
    bool two = strncmp(line, "option ", 7) == 0 || strncmp(line, "argument ", 9) == 0 ||
               strncmp(line, "input ", 6) == 0;
    for (; i < n; i++)
        if (line[i] == ' ' && ++words == (two ? 2u : 1u))
            break;
    snprintf(name, size, "%.*s", (int)i, line);
}

static const char *value_in(const char *job, const char *name, size_t *length)
{
    size_t n = strlen(name);
    for (const char *line = counting_line(job); *line; line = counting_line(next_line(line))) {
        if (strncmp(line, name, n) != 0 || (line[n] != ' ' && line[n] != '\n' && line[n] != '\0'))
            continue;
        *length = line_length(line) - n - (line[n] == ' ');
        return line + n + (line[n] == ' ');
    }
    return NULL;
}

static bool differs(const char *line, const char *other, char *difference, bool reversed)
{
    char name[200];
    size_t n, m;
    name_of(line, name, sizeof name);
    const char *mine = value_in(line, name, &n), *theirs = value_in(other, name, &m);
    if (!mine || (theirs && n == m && memcmp(mine, theirs, n) == 0))
        return false;
    if (!theirs && reversed)
        snprintf(difference, SLAB_MESSAGE_MAX, "%s was %.*s, and is not given now", name,
                 (int)(n < 200 ? n : 200), mine);
    else if (!theirs)
        snprintf(difference, SLAB_MESSAGE_MAX, "%s is %.*s, and was not given then", name,
                 (int)(n < 200 ? n : 200), mine);
    else
        snprintf(difference, SLAB_MESSAGE_MAX, "%s is %.*s, and was %.*s", name,
                 (int)(n < 200 ? n : 200), mine, (int)(m < 200 ? m : 200), theirs);
    return true;
}

void slab_job_compare(const char *now, const char *then, char *difference)
{
    *difference = '\0';
    for (const char *line = counting_line(now); *line; line = counting_line(next_line(line)))
        if (differs(line, then, difference, false))
            return;
    for (const char *line = counting_line(then); *line; line = counting_line(next_line(line)))
        if (differs(line, now, difference, true))
            return;
}

void slab_job_remove(const char *file)
{
    char *path = NULL;
    if (slab_path_beside(file, "slab-job", &path) == SLAB_OK)
        unlink(path);
    FREE(path);
}

#include <slab/format/text_impl.h>

#include <inttypes.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#define BLOCK_BYTES ((int64_t)1 << 20)
#define BLOCKS_MOST ((int64_t)1 << 18) /* 2 MiB of index */

slab_status slab_window_init(slab_window *w, const slab_input *in, int64_t end, size_t capacity)
{
    *w = (slab_window){.in = in, .end = end, .capacity = capacity, .ahead = capacity};
    return slab_memory_alloc((void **)&w->data, capacity, 1, "a window over text");
}

void slab_window_clear(slab_window *w)
{
    FREE(w->data);
}

slab_status slab_window_at(slab_window *w, int64_t offset, size_t want, const char **text,
                           size_t *length)
{
    slab_status rc = SLAB_OK;
    int64_t left = w->end > offset ? w->end - offset : 0;
    if ((int64_t)want > left)
        want = (size_t)left;
    if (want > w->capacity)
        want = w->capacity;
    if (offset < w->start || offset + (int64_t)want > w->start + (int64_t)w->length) {
        size_t bytes = want > w->ahead ? want : w->ahead;
        bytes = left < (int64_t)bytes ? (size_t)left : bytes;
        w->length = 0;
        TRY(slab_input_read(w->in, offset, w->data, bytes));
        w->start = offset;
        w->length = bytes;
    }
    *text = w->data + (offset - w->start);
    *length = want == 0 ? 0 : w->length - (size_t)(offset - w->start);
done:
    return rc;
}

/* Text from offset on, none of it at or after `to`. */
static slab_status text_before(slab_window *w, int64_t offset, int64_t to, const char **text,
                               size_t *length)
{
    slab_status rc = SLAB_OK;
    TRY(slab_window_at(w, offset, 1, text, length));
    if ((int64_t)*length > to - offset)
        *length = (size_t)(to - offset);
done:
    return rc;
}

/* Offset of the first newline in [offset, to), or `to`. */
static slab_status newline_before(slab_window *w, int64_t offset, int64_t to, int64_t *out)
{
    slab_status rc = SLAB_OK;
    *out = to;
    while (offset < to) {
        const char *text, *found;
        size_t length;
        TRY(text_before(w, offset, to, &text, &length));
        found = memchr(text, '\n', length);
        if (found) {
            *out = offset + (found - text);
            break;
        }
        offset += (int64_t)length;
    }
done:
    return rc;
}

slab_status slab_window_newline(slab_window *w, int64_t offset, int64_t *out)
{
    return newline_before(w, offset, w->end, out);
}

/* --- lines --- */

typedef struct scan {
    slab_lines *lines;
    slab_line_visit visit;
    void *context;
    slab_window *windows; /* [threads] */
} scan;

/* The block's text is [*from, *to). */
static void block_bounds(const slab_lines *lines, int64_t block, int64_t *from, int64_t *to)
{
    *from = lines->begin + block * lines->block;
    *to = lines->end - *from < lines->block ? lines->end : *from + lines->block;
}

/* Offset of the first line that begins in [from, to): at the text's begin, or one behind a newline;
 * `to` when none does. What lies behind is not looked at: a line may be as long as the text. */
static slab_status first_line_in(slab_window *w, const slab_lines *lines, int64_t from, int64_t to,
                                 int64_t *out)
{
    slab_status rc = SLAB_OK;
    *out = from;
    if (from > lines->begin) {
        TRY(newline_before(w, from - 1, to - 1, out));
        *out += 1;
    }
done:
    return rc;
}

/* How many lines begin in [from, to). */
static slab_status count_lines(slab_window *w, const slab_lines *lines, int64_t from, int64_t to,
                               int64_t *n)
{
    slab_status rc = SLAB_OK;
    int64_t at = from > lines->begin ? from - 1 : from;
    *n = from == lines->begin;
    while (at < to - 1) {
        const char *text, *end;
        size_t length;
        TRY(text_before(w, at, to - 1, &text, &length));
        end = text + length;
        while ((text = memchr(text, '\n', (size_t)(end - text)))) {
            text++;
            ++*n;
        }
        at += (int64_t)length;
    }
done:
    return rc;
}

static slab_status scan_block(void *context, int thread, int64_t block)
{
    slab_status rc = SLAB_OK;
    scan *s = context;
    slab_lines *lines = s->lines;
    slab_window *w = &s->windows[thread];
    int64_t from, to, start, n = 0;
    block_bounds(lines, block, &from, &to);
    if (!s->visit) {
        TRY(count_lines(w, lines, from, to, &lines->before[block + 1]));
        goto done;
    }
    TRY(first_line_in(w, lines, from, to, &start));
    while (start < to) {
        int64_t stop;
        TRY(slab_window_newline(w, start, &stop));
        TRY(s->visit(s->context, thread, w, block, start, stop));
        n++;
        start = stop + 1;
    }
    lines->before[block + 1] = n;
done:
    return rc;
}

static slab_status windows_create(const slab_lines *lines, int threads, slab_window **out)
{
    slab_status rc = SLAB_OK;
    TRY(slab_memory_alloc((void **)out, (size_t)threads, sizeof **out, "windows over text"));
    for (int t = 0; t < threads; t++)
        TRY(slab_window_init(&(*out)[t], lines->in, lines->end, SLAB_WINDOW_BYTES));
done:
    return rc;
}

static slab_status lines_prepare(slab_crew *crew, slab_lines *lines, slab_window **windows)
{
    slab_status rc = SLAB_OK;
    int64_t bytes = lines->end - lines->begin;
    lines->block = BLOCK_BYTES;
    if (bytes / lines->block > BLOCKS_MOST)
        lines->block = bytes / BLOCKS_MOST + 1;
    lines->nblocks = (bytes + lines->block - 1) / lines->block;
    ALLOC(lines->before, lines->nblocks + 1, "the index of lines");
    TRY(windows_create(lines, slab_crew_threads(crew), windows));
done:
    return rc;
}

slab_status slab_lines_scan(slab_crew *crew, const slab_input *in, int64_t begin, int64_t end,
                            slab_line_visit visit, void *context, slab_lines *out)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(crew);
    scan s = {.lines = out, .visit = visit, .context = context};
    *out = (slab_lines){.in = in, .begin = begin, .end = end};
    TRY(slab_ranks_agree(ranks, lines_prepare(crew, out, &s.windows)));
    TRY(slab_crew_run(crew, out->nblocks, scan_block, &s));
    TRY(slab_ranks_sum(ranks, out->before, (size_t)out->nblocks + 1));
    for (int64_t b = 0; b < out->nblocks; b++)
        out->before[b + 1] += out->before[b];
    out->count = out->before[out->nblocks];
done:
    for (int t = 0; s.windows && t < slab_crew_threads(crew); t++)
        slab_window_clear(&s.windows[t]);
    FREE(s.windows);
    if (rc != SLAB_OK)
        slab_lines_clear(out);
    return rc;
}

void slab_lines_clear(slab_lines *lines)
{
    FREE(lines->before);
}

/* The last block before which no more than `line` lines began and in which line `line` begins. */
static int64_t block_of_line(const slab_lines *lines, int64_t line)
{
    int64_t low = 0, high = lines->nblocks - 1;
    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        if (lines->before[middle] <= line)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

slab_status slab_lines_find(const slab_lines *lines, slab_window *w, int64_t first, int64_t n,
                            int64_t *offset)
{
    slab_status rc = SLAB_OK;
    int64_t block = block_of_line(lines, first), from, to, at;
    block_bounds(lines, block, &from, &to);
    TRY(first_line_in(w, lines, from, to, &at));
    for (int64_t line = lines->before[block]; line < first + n; line++) {
        int64_t stop;
        if (line >= first)
            offset[line - first] = at;
        REQUIRE(at < lines->end, SLAB_ERR_FORMAT, "'%s' has changed while it was read",
                lines->in->path);
        TRY(slab_window_newline(w, at, &stop));
        at = stop + 1;
    }
    offset[n] = at;
done:
    return rc;
}

int64_t slab_text_line_number(const slab_input *in, int64_t offset)
{
    char text[4096];
    int64_t number = 1;
    for (int64_t at = 0; at < offset;) {
        size_t n = offset - at < (int64_t)sizeof text ? (size_t)(offset - at) : sizeof text;
        if (slab_input_read(in, at, text, n) != SLAB_OK)
            break;
        for (size_t i = 0; i < n; i++)
            number += text[i] == '\n';
        at += (int64_t)n;
    }
    return number;
}

static int is_break(char c)
{
    return c == '\n' || c == '\r';
}

slab_status slab_text_trim(const slab_input *in, int64_t *end)
{
    slab_status rc = SLAB_OK;
    char text[4096];
    int64_t at = in->bytes, newline = in->bytes;
    while (at > 0) {
        size_t n = at < (int64_t)sizeof text ? (size_t)at : sizeof text;
        TRY(slab_input_read(in, at - (int64_t)n, text, n));
        while (n > 0 && is_break(text[n - 1])) {
            at--;
            n--;
            newline = text[n] == '\n' ? at + 1 : newline;
        }
        if (n > 0)
            break;
    }
    *end = at > 0 ? newline : 0;
done:
    return rc;
}

const char *slab_text_excerpt(const char *text, size_t length, char excerpt[SLAB_EXCERPT_MAX])
{
    size_t n = length > 40 ? 40 : length;
    for (size_t i = 0; i < n; i++)
        excerpt[i] = text[i] >= 32 && text[i] < 127 ? text[i] : '?';
    strcpy(excerpt + n, length > n ? "..." : "");
    return excerpt;
}

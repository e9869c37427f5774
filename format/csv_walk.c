#include <slab/format/csv_impl.h>

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include <slab/format/number_impl.h>
#include <slab/storage/base/try.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Where blanks part the fields, several count as one. */
static slab_status skip_blanks(slab_csv_walk *walk)
{
    slab_status rc = SLAB_OK;
    while (walk->at < walk->stop) {
        const char *text;
        size_t length;
        TRY(slab_window_at(walk->window, walk->at, 1, &text, &length));
        if (!is_blank(*text))
            break;
        walk->at++;
    }
done:
    return rc;
}

slab_status slab_csv_walk_begin(slab_csv_walk *walk, slab_window *window, int64_t start,
                                int64_t stop, char delimiter)
{
    slab_status rc = SLAB_OK;
    const char *text;
    size_t length;
    *walk = (slab_csv_walk){.window = window, .at = start, .stop = stop, .delimiter = delimiter};
    if (stop > start && stop < window->end) {
        TRY(slab_window_at(window, stop - 1, 1, &text, &length));
        walk->stop -= *text == '\r';
    }
    if (delimiter == ' ')
        TRY(skip_blanks(walk));
done:
    return rc;
}

/* Takes the quotes off; `text` begins behind the first. Returns the bytes that the field takes,
 * with both quotes, or 0 when it does not end. */
static size_t unquote(const char *text, size_t length, char *scratch, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"') {
            if (i + 1 == length || text[i + 1] != '"')
                return i + 2;
            i++;
        }
        scratch[(*n)++] = text[i];
    }
    return 0;
}

static bool ends_field(const slab_csv_walk *walk, char c)
{
    return c == walk->delimiter || (walk->delimiter == ' ' && c == '\t');
}

slab_status slab_csv_walk_next(slab_csv_walk *walk, char *scratch, slab_csv_field *out)
{
    slab_status rc = SLAB_OK;
    const char *text;
    size_t length, used = 0, n;
    int64_t left = walk->stop - walk->at;
    walk->field++;
    TRY(slab_window_at(walk->window, walk->at, SLAB_CSV_FIELD_MAX, &text, &length));
    n = left < SLAB_CSV_FIELD_MAX ? (size_t)left : SLAB_CSV_FIELD_MAX;
    out->text = text;
    out->quoted = n > 0 && text[0] == '"';
    if (out->quoted) {
        used = unquote(text + 1, n - 1, scratch, &out->length);
        REQUIRE(used > 0, SLAB_ERR_FORMAT,
                "a quote that does not end on its line (line breaks inside quotes are not read)");
        REQUIRE((int64_t)used == left || used == n || ends_field(walk, text[used]), SLAB_ERR_FORMAT,
                "something stands behind the closing quote");
        out->text = scratch;
    } else {
        while (used < n && !ends_field(walk, text[used]))
            used++;
        out->length = used;
        if (walk->delimiter == ' ') { /* skipping the blanks behind it may move the window */
            memcpy(scratch, text, used);
            out->text = scratch;
        }
    }
    REQUIRE(!memchr(out->text, '\r', out->length), SLAB_ERR_FORMAT,
            "a carriage return inside a field: lines that end in CR alone are not read");
    REQUIRE((int64_t)used == left || used < n, SLAB_ERR_FORMAT, "a field of more than %d bytes",
            SLAB_CSV_FIELD_MAX);
    walk->at += (int64_t)used;
    walk->ended = walk->at == walk->stop;
    if (!walk->ended) {
        walk->at++; /* the delimiter; at the line's end it is followed by an empty field */
        if (walk->delimiter == ' ') {
            TRY(skip_blanks(walk));
            walk->ended = walk->at == walk->stop;
        }
    }
done:
    return rc;
}

slab_status slab_csv_place(const slab_csv_walk *walk, int64_t line, slab_status rc)
{
    if (rc == SLAB_ERR_FORMAT)
        rc = slab_error_prefix(rc, "%s:%" PRId64 ":%" PRId64, walk->window->in->path, line,
                               walk->field);
    return rc;
}

bool slab_csv_is_missing(const char *text, size_t length)
{
    while (length > 0 && is_blank(*text)) {
        text++;
        length--;
    }
    while (length > 0 && is_blank(text[length - 1]))
        length--;
    return length == 0 || (length == 2 && memcmp(text, "NA", 2) == 0) ||
           (length == 3 && strncasecmp(text, "nan", 3) == 0);
}

bool slab_csv_is_number(const slab_csv_field *field)
{
    const char *end = field->text + field->length, *p = field->text;
    double value;
    while (p < end && is_blank(*p))
        p++;
    if (slab_csv_is_missing(p, (size_t)(end - p)))
        return true;
    p = slab_number_real(p, end, 53, &value);
    while (p && p < end && is_blank(*p))
        p++;
    return p == end;
}

int64_t slab_csv_line_number(const slab_import *in, int64_t row)
{
    return row + (in->header ? 2 : 1);
}

/*
 * The importer of text. An input is two bytes of options and the text; where that is a plain table
 * of reals, the array's elements are those that the C library reads.
 */
#include "importing.h"
#include <ctype.h>
#include <math.h>
#include <slab/format/csv_impl.h>

long fuzz_taken;

enum { CHUNKS = 1, TEXT_MOST = 1 << 16 };

/* A field of a plain table: digits and blanks only where both sides agree what they mean. */
static bool read_field(const char *text, size_t length, double *out)
{
    char field[64], *end;
    if (length >= sizeof field)
        return false;
    memcpy(field, text, length);
    field[length] = '\0';
    if (strspn(field, "0123456789.eE+-") != length)
        return false;
    *out = length == 0 ? NAN : strtod(field, &end);
    return length == 0 || (end == field + length && end > field);
}

/* The table cut by hand; false where it is not plain, or not [rows, columns]. */
static bool read_by_hand(const char *text, size_t n, int64_t rows, int64_t columns, double *out)
{
    int64_t row = 0, column = 0;
    for (size_t begin = 0, at = 0; at <= n; at++) {
        if (at < n && text[at] != ',' && text[at] != '\n')
            continue;
        if (row >= rows || column >= columns ||
            !read_field(text + begin, at - begin, &out[row * columns + column]))
            return false;
        begin = at + 1;
        column++;
        if (at == n || text[at] == '\n') {
            if (column != columns)
                return false;
            row++;
            column = 0;
            if (at + 1 == n)
                break;
        }
    }
    return row == rows;
}

static void check_elements(feed text)
{
    slab_shape shape;
    slab_dtype dtype;
    double *elements = elements_of("out.h5", "/x", &shape, &dtype);
    int64_t n = shape.extent[0] * shape.extent[1];
    double *wanted = malloc((size_t)n * sizeof *wanted + 1);
    if (read_by_hand((const char *)text.at, text.left, shape.extent[0], shape.extent[1], wanted))
        for (int64_t i = 0; i < n; i++)
            MUST(memcmp(&wanted[i], &elements[i], sizeof *wanted) == 0 ||
                     (isnan(wanted[i]) && isnan(elements[i])),
                 "element %ld is %.17g, not %.17g", (long)i, elements[i], wanted[i]);
    free(wanted);
    free(elements);
}

static slab_import_options read_options(feed *f)
{
    static const char delimiters[] = {0, ',', '\t', ' ', ';', '"', '\n', '0'};
    static const char *const types[] = {"f8", "f4", "i1", "u8", "i8", "b1", "f2"};
    slab_import_options options = {.filter = "none"};
    uint8_t how = (uint8_t)feed_number(f, 1), type = (uint8_t)feed_number(f, 1);
    if (how & CHUNKS)
        options.chunk = (slab_shape){2, {1 + (how >> 1 & 3), 2}};
    options.delimiter = delimiters[how >> 3 & 7];
    options.header = (how >> 6) % 3 - 1;
    options.has_dtype = type > 0;
    if (options.has_dtype)
        MUST(
            is_good(slab_dtype_parse(types[type % (sizeof types / sizeof *types)], &options.dtype)),
            "%s", slab_error_last()->message);
    return options;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    feed f = {bytes, n};
    const slab_format *format = slab_format_by_name("csv");
    slab_import_plan plan;
    slab_import *in = NULL;
    import_start();
    size_t before = memory_begin();
    slab_import_options options = read_options(&f);
    feed text = feed_part(&f, TEXT_MOST);
    const char *name = options.delimiter ? "in.csv" : "in.txt";
    file_write(name, text.at, text.left);
    if (is_good(format->import_open(crew, name, &options, &in, &plan))) {
        bool plain = !in->header && !in->ids && in->delimiter == ',' &&
                     plan.spec.dtype.kind == SLAB_KIND_FLOAT && plan.spec.dtype.size == 8;
        if (import_into(format, &in, "out.h5", "/x")) {
            fuzz_taken++;
            if (plain)
                check_elements(text);
        }
    }
    memory_end(before);
    return 0;
}

void fuzz_seeds(fuzz_take take)
{
    static const struct {
        const char *name;
        uint8_t how, type;
        const char *text;
    } seeds[] = {
        {"seed-plain", 0, 0, "1,2.5,-3e-7\n4,,6\n.5,1e300,7.\n"},
        {"seed-names", CHUNKS | 2 << 1, 0, "gene,a,b\nx1,1,2\nx2,NA,nan\n\"x,3\",\"4\",inf\n"},
        {"seed-samples", 2 << 3, 1, "#FID\tIID\tp\nf\t1\t2.5\r\nf\t2\t-9\r\n"},
        {"seed-blanks", 3 << 3, 4, "1  2 3\n 4 5   6\n7 8 9"},
        {"seed-unsigned", 1 << 6, 3, "18446744073709551615,0\n1,2\n\n\n"},
        {"seed-header", 2 << 6, 0, "1,2\n3,4\n"},
        {"seed-header-alone", 2 << 6, 0, "a,b\n"},
        {"seed-hard", 0, 0,
         "2.2250738585072011e-308,179769313486231580793728971405301e276\n"
         "9007199254740993,4.9406564584124654e-324\n"},
    };
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        seed s = {.n = 0};
        seed_number(&s, seeds[i].how, 1);
        seed_number(&s, seeds[i].type, 1);
        seed_bytes(&s, seeds[i].text, strlen(seeds[i].text));
        take(seeds[i].name, s.bytes, s.n);
    }
}

/*
 * Locators, "file.h5:/path[0:10, ::2]": taken apart, their selections parsed against a shape, and
 * read from an array whose elements are known.
 */
#include "fuzzing.h"
#include <slab/storage/reader.h>
#include <slab/storage/transaction.h>

long fuzz_taken;

enum { TEXT_MOST = 512 };

/* Extents that an input chooses from. */
static const int64_t extents[] = {0, 1, 2, 3, 6, 7, 8, 13, 1000, 1 << 20, INT64_MAX / 2, INT64_MAX};
enum { EXTENTS = sizeof extents / sizeof *extents };

/* The array in "f.h5": element [i, j, k] is (i * 7 + j) * 8 + k. */
static const slab_shape known = {3, {6, 7, 8}};
static slab_file *file;
static slab_array *array;

static void make_array(void)
{
    slab_txn *txn = NULL;
    slab_writer *writer = NULL;
    slab_txn_options options = slab_txn_defaults();
    slab_array_spec spec = {
        .dtype = slab_dtype_make(SLAB_KIND_INT, 4), .shape = known, .chunk = {3, {2, 3, 5}}};
    options.sync = options.direct = false;
    MUST(is_good(slab_txn_begin(slab_ranks_world(), "f.h5", &options, &txn)) &&
             is_good(slab_txn_create(txn, "/x", &spec, &writer)),
         "%s", slab_error_last()->message);
    const slab_grid *grid = slab_writer_grid(writer);
    for (int64_t c = 0; c < grid->ntiles; c++) {
        int32_t elements[2 * 3 * 5], n = 0;
        slab_box box;
        slab_grid_box(grid, c, &box);
        for (int64_t i = 0; i < box.count[0]; i++)
            for (int64_t j = 0; j < box.count[1]; j++)
                for (int64_t k = 0; k < box.count[2]; k++)
                    elements[n++] = (int32_t)(((box.start[0] + i) * 7 + box.start[1] + j) * 8 +
                                              box.start[2] + k);
        MUST(is_good(slab_writer_put(writer, 0, c, elements)), "%s", slab_error_last()->message);
    }
    MUST(is_good(slab_writer_close(&writer)) && is_good(slab_txn_commit(&txn)), "%s",
         slab_error_last()->message);
}

static void start(void)
{
    if (array)
        return;
    fuzz_folder();
    make_array();
    file_write("a:b.h5", "", 0);
    MUST(is_good(slab_file_open(slab_ranks_world(), "f.h5", &file)) &&
             is_good(slab_array_open(file, "/x", &array)),
         "%s", slab_error_last()->message);
    slab_reader *reader; /* the chunk map is loaded once */
    MUST(is_good(slab_reader_open(array, NULL, NULL, 1, &reader)), "%s",
         slab_error_last()->message);
    slab_reader_close(&reader);
}

/* Every element that is selected lies in the array. */
static void check_selection(const slab_selection *s, const slab_shape *shape)
{
    MUST(s->rank == shape->rank, "%d axes of %d", s->rank, shape->rank);
    for (int a = 0; a < s->rank; a++) {
        int64_t n = shape->extent[a], last;
        MUST(s->step[a] != 0 && s->count[a] >= 0 && s->count[a] <= n && s->start[a] >= 0,
             "axis %d: %ld elements from %ld by %ld of %ld", a, (long)s->count[a],
             (long)s->start[a], (long)s->step[a], (long)n);
        MUST(!s->drop[a] || s->count[a] == 1, "axis %d: an index of %ld elements", a,
             (long)s->count[a]);
        if (s->count[a] == 0)
            continue;
        MUST(!__builtin_mul_overflow(s->count[a] - 1, s->count[a] > 1 ? s->step[a] : 0, &last) &&
                 !__builtin_add_overflow(last, s->start[a], &last) && s->start[a] < n &&
                 last >= 0 && last < n,
             "axis %d: %ld elements from %ld by %ld of %ld", a, (long)s->count[a],
             (long)s->start[a], (long)s->step[a], (long)n);
    }
}

/* What the reader gives for it is what it selects. */
static void check_elements(const slab_selection *s)
{
    slab_reader *reader = NULL;
    int32_t elements[6 * 7 * 8];
    MUST(is_good(slab_reader_open(array, s, NULL, 1, &reader)), "%s", slab_error_last()->message);
    slab_box box = slab_box_whole(slab_reader_shape(reader));
    int64_t n = s->count[0] * s->count[1] * s->count[2], at = 0;
    MUST(slab_box_elements(&box) == n, "%ld elements, not %ld", (long)slab_box_elements(&box),
         (long)n);
    MUST(n == 0 || is_good(slab_reader_copy(reader, 0, &box, elements)), "%s",
         slab_error_last()->message);
    for (int64_t i = 0; i < s->count[0]; i++)
        for (int64_t j = 0; j < s->count[1]; j++)
            for (int64_t k = 0; k < s->count[2]; k++, at++) {
                int64_t want =
                    ((s->start[0] + i * s->step[0]) * 7 + s->start[1] + j * s->step[1]) * 8 +
                    s->start[2] + k * s->step[2];
                MUST(elements[at] == want, "element %ld is %d, not %ld", (long)at, elements[at],
                     (long)want);
            }
    slab_reader_close(&reader);
}

static void check_brackets(const char *brackets, const slab_shape *shape)
{
    slab_selection selection;
    if (!is_good(slab_selection_parse(brackets, shape, &selection)))
        return;
    check_selection(&selection, shape);
    if (slab_shape_equal(shape, &known))
        check_elements(&selection);
    fuzz_taken++;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    feed f = {bytes, n};
    char text[TEXT_MOST + 1], *name = NULL, *path = NULL, *brackets = NULL;
    slab_shape shape = {.rank = (int)feed_number(&f, 1) % 6};
    start();
    size_t before = memory_begin();
    if (shape.rank == 5)
        shape = known;
    else
        for (int a = 0; a < shape.rank; a++)
            shape.extent[a] = extents[feed_number(&f, 1) % EXTENTS];
    feed part = feed_part(&f, TEXT_MOST);
    memcpy(text, part.at, part.left);
    text[part.left] = '\0';
    if (is_good(slab_locator_split(text, &name, &path, &brackets))) {
        MUST(*name && path[0] == '/' && path[1] != '/', "'%s' is '%s' and '%s'", text, name, path);
        MUST(strncmp(text, name, strlen(name)) == 0, "'%s' does not begin with '%s'", text, name);
        MUST(strlen(name) + strlen(path) + strlen(brackets) <= strlen(text) + 1,
             "'%s' is more than '%s'", name, text);
        check_brackets(brackets, &shape);
    } else {
        MUST(!name && !path && !brackets, "something is left of a failure");
    }
    slab_memory_free(name);
    slab_memory_free(path);
    slab_memory_free(brackets);
    memory_end(before);
    return 0;
}

void fuzz_seeds(fuzz_take take)
{
    static const char *const texts[] = {
        "f.h5:/x[0:4, ::2, -1]", "f.h5/x[...]", "f.h5[::-1, 1:, :5]", "a:b.h5:/g/x[5]",
        "new.h5:/x[:, 3:1:-1]",  "f.h5",        "x.nc/y[]",           "f.h5:/x[-6:6:3, ..., 2:8:3]",
        "f.h5:/x[5:0:-2,]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int how = 0; how < 2; how++) {
            seed s = {.n = 0};
            char name[32];
            seed_number(&s, how ? 3 : 5, 1);
            for (int a = 0; how && a < 3; a++)
                seed_number(&s, 8, 1);
            seed_bytes(&s, texts[i], strlen(texts[i]));
            snprintf(name, sizeof name, "seed-%zu-%s", i, how ? "large" : "known");
            take(name, s.bytes, s.n);
        }
}

/*
 * The NPY importer. An input is a byte for the chunks and the file; what is taken has the very
 * elements that the header places in the file.
 */
#include "importing.h"
#include <slab/format/npy_impl.h>

long fuzz_taken;

/* Byte order is of the parts of a complex number, not of the whole. */
static void turn(uint8_t *element, slab_dtype dtype)
{
    size_t parts = dtype.kind == SLAB_KIND_COMPLEX ? 2 : 1, size = dtype.size / parts;
    for (size_t p = 0; p < parts; p++)
        for (size_t i = 0; i < size / 2; i++) {
            uint8_t kept = element[p * size + i];
            element[p * size + i] = element[p * size + size - 1 - i];
            element[p * size + size - 1 - i] = kept;
        }
}

/* Where in the file the element at C-order number n lies. */
static size_t place_of(const slab_npy_header *h, size_t n)
{
    size_t at = 0, coords[SLAB_RANK_MAX];
    for (int a = h->shape.rank - 1; a >= 0; a--) {
        coords[a] = n % (size_t)h->shape.extent[a];
        n /= (size_t)h->shape.extent[a];
    }
    for (int k = 0; k < h->shape.rank; k++) { /* from the slowest axis of the file on */
        int a = h->fortran_order ? h->shape.rank - 1 - k : k;
        at = at * (size_t)h->shape.extent[a] + coords[a];
    }
    return (size_t)h->data + at * h->dtype.size;
}

static void check_elements(const slab_npy_header *h, feed file)
{
    slab_shape shape;
    slab_dtype dtype;
    uint8_t *elements = elements_of("out.h5", "/x", &shape, &dtype), one[256];
    int64_t n = 0;
    MUST(slab_shape_equal(&shape, &h->shape) && dtype.size == h->dtype.size &&
             dtype.kind == h->dtype.kind,
         "another shape or type than the header's");
    MUST(is_good(slab_shape_elements(&shape, &n)), "%s", slab_error_last()->message);
    for (size_t i = 0; i < (size_t)n && dtype.size <= sizeof one; i++) {
        size_t at = place_of(h, i);
        MUST(at + dtype.size <= file.left, "element %zu lies behind the end", i);
        memcpy(one, file.at + at, dtype.size);
        if (h->dtype.big_endian)
            turn(one, h->dtype);
        MUST(memcmp(one, elements + i * dtype.size, dtype.size) == 0, "element %zu differs", i);
    }
    free(elements);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    feed f = {bytes, n};
    const slab_format *format = slab_format_by_name("npy");
    slab_import_options options = {.filter = "none"};
    slab_import_plan plan;
    slab_import *in = NULL;
    slab_input file;
    slab_npy_header header;
    import_start();
    size_t before = memory_begin();
    uint8_t chunk = (uint8_t)feed_number(&f, 1);
    file_write("in.npy", f.at, f.left);
    if (chunk & 1) { /* as many axes as chunks have, if the array has */
        options.chunk.rank = chunk >> 1 & 7;
        for (int a = 0; a < options.chunk.rank; a++)
            options.chunk.extent[a] = 1 + (chunk >> 4);
    }
    if (is_good(format->import_open(crew, "in.npy", &options, &in, &plan)) &&
        plan.memory_thread < FUZZ_BUDGET / 4 && import_into(format, &in, "out.h5", "/x")) {
        MUST(is_good(slab_input_open(slab_ranks_world(), "in.npy", &file)) &&
                 is_good(slab_npy_read_header(&file, &header)),
             "%s", slab_error_last()->message);
        slab_input_close(&file);
        check_elements(&header, f);
        fuzz_taken++;
    }
    format->import_close(&in);
    memory_end(before);
    return 0;
}

/* --- seeds --- */

static void make_seed(const char *name, uint8_t chunk, const char *head, int version, size_t data,
                      fuzz_take take)
{
    static seed s;
    size_t length = strlen(head) + 1;
    s.n = 0;
    seed_number(&s, chunk, 1);
    seed_bytes(&s, "\x93NUMPY", 6);
    seed_number(&s, (uint64_t)version, 2);
    seed_number(&s, length, version == 1 ? 2 : 4);
    seed_bytes(&s, head, length - 1);
    seed_number(&s, '\n', 1);
    for (size_t i = 0; i < data; i++)
        seed_number(&s, i % 2, 1);
    take(name, s.bytes, s.n);
}

void fuzz_seeds(fuzz_take take)
{
    make_seed("seed-f8", 0, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }", 1, 96,
              take);
    make_seed("seed-fortran", 0x25, "{'descr': '<i2', 'fortran_order': True, 'shape': (5, 7), }", 1,
              70, take);
    make_seed("seed-big", 0x13, "{'descr': '>c8', 'fortran_order': False, 'shape': (6,), }", 2, 48,
              take);
    make_seed("seed-bool", 0, "{'descr': '|b1', 'fortran_order': False, 'shape': (2, 3, 4), }", 1,
              24, take);
    make_seed("seed-scalar", 0, "{'descr': '>u4', 'fortran_order': False, 'shape': (), }", 3, 4,
              take);
    make_seed("seed-empty", 0, "{'descr': '|S5', 'fortran_order': False, 'shape': (0, 3), }", 1, 0,
              take);
    make_seed("seed-text", 0, "{'shape': (4,), 'fortran_order': False, 'descr': '|S5'}", 1, 20,
              take);
}

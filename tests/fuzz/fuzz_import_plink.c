/*
 * The PLINK importer. An input is a byte of options, bim and fam with their lengths, and the bed;
 * a set of regular tables that is taken comes back byte for byte.
 */
#include "importing.h"
#include <slab/format/plink_impl.h>

long fuzz_taken;

enum { CHUNKS = 1, NO_PACK = 2 };

static void check_back(const char *name, feed was)
{
    static uint8_t now[1 << 20];
    ssize_t n = file_read(name, now, sizeof now);
    MUST(n == (ssize_t)was.left, "%s comes back with %zd bytes, not %zu", name, n, was.left);
    MUST(n == 0 || memcmp(now, was.at, was.left) == 0, "%s comes back changed", name);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    feed f = {bytes, n};
    const slab_format *format = slab_format_by_name("plink");
    slab_import_options options = {.filter = "none"};
    slab_import_plan plan;
    slab_import *in = NULL;
    import_start();
    size_t before = memory_begin();
    uint8_t how = (uint8_t)feed_number(&f, 1);
    feed bim = feed_piece(&f), fam = feed_piece(&f), bed = f;
    if (how & CHUNKS)
        options.chunk = (slab_shape){2, {1 + (how >> 2 & 7), 1 + (how >> 5)}};
    options.no_pack = how & NO_PACK;
    file_write("in.bed", bed.at, bed.left);
    file_write("in.bim", bim.at, bim.left);
    file_write("in.fam", fam.at, fam.left);
    if (is_good(format->import_open(crew, "in.bed", &options, &in, &plan))) {
        bool regular = in->variants.regular && in->samples.regular;
        if (import_into(format, &in, "out.h5", "/g")) {
            fuzz_taken++;
            if (regular) {
                export_from(format, "out.h5", "/g", "back.bed");
                check_back("back.bed", bed);
                check_back("back.bim", bim);
                check_back("back.fam", fam);
            }
        }
    }
    memory_end(before);
    return 0;
}

/* --- seeds --- */

static void make_seed(int how, int people, int variants, char separator, const char *end,
                      fuzz_take take)
{
    static seed s;
    static char bim[1 << 14], fam[1 << 14];
    char name[64], c = separator;
    size_t nbim = 0, nfam = 0;
    for (int i = 0; i < variants; i++)
        nbim += (size_t)snprintf(&bim[nbim], sizeof bim - nbim, "%d%crs%d%c%d.5%c%d%cA%cCT%s",
                                 1 + i % 22, c, i, c, i, c, 100 * i, c, c, end);
    for (int i = 0; i < people; i++)
        nfam += (size_t)snprintf(&fam[nfam], sizeof fam - nfam, "F%d%cI%d%c0%c0%c%d%c-9%s", i / 2,
                                 c, i, c, c, c, 1 + i % 2, c, end);
    s.n = 0;
    seed_number(&s, (uint64_t)how, 1);
    seed_piece(&s, bim, nbim);
    seed_piece(&s, fam, nfam);
    seed_bytes(&s, "\x6c\x1b\1", 3);
    for (int v = 0; v < variants; v++)
        for (int p = 0; p < people; p += 4)
            seed_number(&s,
                        (uint64_t)(v * 37 + p * 11) &
                            (people - p >= 4 ? 0xffu : (1u << 2 * (people - p)) - 1),
                        1);
    snprintf(name, sizeof name, "seed-%dx%d-%02x", people, variants, how);
    take(name, s.bytes, s.n);
}

void fuzz_seeds(fuzz_take take)
{
    make_seed(0, 4, 3, '\t', "\n", take);
    make_seed(CHUNKS | 3 << 2 | 3 << 5, 9, 10, ' ', "\r\n", take);
    make_seed(CHUNKS | NO_PACK | 1 << 2, 13, 5, '\t', "\n", take);
    make_seed(NO_PACK, 0, 2, '\t', "\n", take);
    make_seed(0, 3, 0, '\t', "\n", take);
}

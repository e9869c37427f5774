/*
 * A rollback journal beside a file, as anything whatever may have left it.
 *
 * Recovery either fails and changes nothing; or finds the journal unfinished, changes nothing and
 * removes it; or gives back just the bytes that the journal names, and the old length.
 */
#include "fuzzing.h"
#include <slab/storage/hdf5/journal.h>
#include <sys/stat.h>

long fuzz_taken;

/* What an input asks to have put right, or no mutation would get past the checksum. */
enum { IDENTITY = 1, LENGTHS = 2, CHECKSUM = 4 };
enum { HEADER = 48, ENTRY = 16, TAIL = 8, DATA_MOST = 1 << 15, JOURNAL_MOST = 1 << 16 };
enum { AT_VERSION = 8, AT_OLD_SIZE = 16, AT_INODE = 24, AT_ENTRIES = 32, AT_BYTES = 40 };

static uint8_t journal[JOURNAL_MOST], data[DATA_MOST], now[DATA_MOST + 1], wanted[DATA_MOST];

static uint64_t get(size_t at)
{
    uint64_t number;
    memcpy(&number, journal + at, sizeof number);
    return number;
}

static void set(size_t at, uint64_t number)
{
    memcpy(journal + at, &number, sizeof number);
}

/* CRC-64/XZ, bit by bit. */
static uint64_t crc(const uint8_t *bytes, size_t n)
{
    uint64_t sum = ~UINT64_C(0);
    for (size_t i = 0; i < n; i++) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? UINT64_C(0xC96C5795D7870F42) : 0);
    }
    return ~sum;
}

static void put_right(int how, size_t n, uint64_t inode)
{
    if (how & IDENTITY) {
        memcpy(journal, "slabjrnl", 8);
        memcpy(journal + AT_VERSION, "\1\0\0\0", 4);
        set(AT_INODE, inode);
    }
    if (how & LENGTHS) {
        uint64_t entries = get(AT_ENTRIES) % 8, left = n - HEADER - TAIL;
        entries = entries * ENTRY > left ? left / ENTRY : entries;
        left -= entries * ENTRY;
        set(AT_ENTRIES, entries);
        set(AT_BYTES, left);
        for (uint64_t i = 0; i < entries; i++) { /* the last one takes what there is */
            size_t at = HEADER + i * ENTRY;
            uint64_t size = i + 1 == entries ? left : get(at + 8) % (left + 1);
            set(at + 8, size);
            left -= size;
        }
    }
    if (how & CHECKSUM)
        set(n - TAIL, crc(journal, n - TAIL));
}

/* What a whole journal makes of the file. Its length, or -1: it may not be rolled back. */
static ssize_t roll_back_by_hand(size_t n, size_t size, uint64_t inode)
{
    uint64_t entries = get(AT_ENTRIES), bytes = get(AT_BYTES), old_size = get(AT_OLD_SIZE);
    if (get(AT_INODE) != inode || old_size > size)
        return -1;
    memcpy(wanted, data, size);
    const uint8_t *from = journal + HEADER + entries * ENTRY;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < entries; i++) {
        uint64_t address = get(HEADER + i * ENTRY), part = get(HEADER + i * ENTRY + 8);
        if (address > old_size || part > old_size - address || part > bytes - sum)
            return -1;
        memcpy(wanted + address, from + sum, part);
        sum += part;
    }
    return sum == bytes && HEADER + entries * ENTRY + bytes + TAIL == n ? (ssize_t)old_size : -1;
}

static void check_unchanged(size_t size)
{
    MUST(file_read("f", now, sizeof now) == (ssize_t)size && memcmp(now, data, size) == 0,
         "the file was changed");
}

static void check_outcome(bool good, const char *did, size_t n, size_t size, uint64_t inode)
{
    bool there = access("f.slab-journal", F_OK) == 0;
    if (!good) {
        check_unchanged(size);
        MUST(there, "a journal that could not be used was removed");
        return;
    }
    MUST(!there, "the journal is still there");
    if (strncmp(did, "removed", 7) == 0) {
        check_unchanged(size);
        return;
    }
    MUST(strncmp(did, "rolled", 6) == 0, "'%s'", did);
    ssize_t length = roll_back_by_hand(n, size, inode);
    MUST(length >= 0, "a journal that contradicts itself was used");
    MUST(file_read("f", now, sizeof now) == length && memcmp(now, wanted, (size_t)length) == 0,
         "the file is not what the journal says");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    feed f = {bytes, n};
    char did[SLAB_MESSAGE_MAX];
    struct stat st;
    fuzz_folder();
    size_t before = memory_begin();
    int how = (int)feed_number(&f, 1);
    size_t size = (size_t)feed_number(&f, 2) % DATA_MOST;
    feed body = feed_part(&f, JOURNAL_MOST);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 7);
    file_write("f", data, size);
    MUST(stat("f", &st) == 0, "no file");
    memcpy(journal, body.at, body.left);
    if (body.left >= HEADER + TAIL)
        put_right(how, body.left, (uint64_t)st.st_ino);
    file_write("f.slab-journal", journal, body.left);
    bool good = is_good(slab_journal_recover("f", did));
    check_outcome(good, did, body.left, size, (uint64_t)st.st_ino);
    fuzz_taken += good;
    unlink("f.slab-journal");
    memory_end(before);
    return 0;
}

/* --- seeds --- */

static void make_seed(const char *name, int how, size_t size, uint64_t old_size,
                      const uint64_t entries[][2], size_t nentries, fuzz_take take)
{
    static seed s;
    uint64_t bytes = 0;
    s.n = 0;
    seed_number(&s, (uint64_t)how, 1);
    seed_number(&s, size, 2);
    for (size_t i = 0; i < nentries; i++)
        bytes += entries[i][1];
    seed_bytes(&s, "slabjrnl\1\0\0\0\0\0\0\0", 16);
    seed_number(&s, old_size, 8);
    seed_number(&s, 0, 8);
    seed_number(&s, nentries, 8);
    seed_number(&s, bytes, 8);
    for (size_t i = 0; i < nentries; i++) {
        seed_number(&s, entries[i][0], 8);
        seed_number(&s, entries[i][1], 8);
    }
    for (uint64_t i = 0; i < bytes; i++)
        seed_number(&s, i ^ 0x5a, 1);
    seed_number(&s, 0, 8);
    take(name, s.bytes, s.n);
}

void fuzz_seeds(fuzz_take take)
{
    static const uint64_t apart[][2] = {{0, 96}, {200, 40}, {1000, 1}},
                          beside[][2] = {{10, 20}, {30, 20}, {15, 30}};
    int all = IDENTITY | CHECKSUM;
    make_seed("seed-apart", all, 2000, 1500, apart, 3, take);
    make_seed("seed-beside", all, 100, 100, beside, 3, take);
    make_seed("seed-lengths", all | LENGTHS, 100, 90, beside, 3, take);
    make_seed("seed-length-alone", all, 5000, 8, NULL, 0, take);
    make_seed("seed-unfinished", IDENTITY, 100, 100, beside, 3, take);
}

#include "writing.h"

#include <slab/storage/chunk_log.h>

/* What a log gave back. */
typedef struct seen {
    int arrays, batches;
    size_t chunks;
    uint32_t id;
    char name[64];
    uint64_t digest;
    int64_t nchunks;
    slab_logged_chunk last;
} seen;

static slab_status see_array(void *context, uint32_t id, const char *name, uint64_t digest,
                             int64_t nchunks)
{
    seen *s = context;
    s->arrays++;
    s->id = id;
    snprintf(s->name, sizeof s->name, "%s", name);
    s->digest = digest;
    s->nchunks = nchunks;
    return SLAB_OK;
}

static slab_status see_chunks(void *context, const slab_logged_chunk *chunks, size_t n)
{
    seen *s = context;
    s->batches++;
    s->chunks += n;
    s->last = chunks[n - 1];
    return SLAB_OK;
}

static seen read_log(const char *path, slab_chunk_log_head *head, uint64_t *whole)
{
    seen s = {0};
    slab_chunk_log_visitor visitor = {.context = &s, .array = see_array, .chunks = see_chunks};
    ok(slab_chunk_log_read(path, &visitor, head, whole));
    return s;
}

/* One array, and two batches of 2 and 1 chunks: 64 + (32 + 24 + 2) + (32 + 80) + (32 + 40) bytes.
 */
static void write_log(const char *path)
{
    slab_chunk_log *log;
    slab_chunk_log_head head = {.rank = 3, .ranks = 4, .old_size = 12345};
    slab_logged_chunk chunks[3] = {
        {.array = 7, .number = 0, .address = 4096, .size = 100, .checksum = 1},
        {.array = 7, .number = 5, .address = 4196, .size = 200, .checksum = 2},
        {.array = 7,
         .number = INT64_C(1) << 40,
         .address = 8192,
         .size = 300,
         .mask = 1,
         .checksum = UINT64_MAX}};
    slab_job_key("slab import a.bed", head.job);
    ok(slab_chunk_log_create(path, &head, &log));
    ok(slab_chunk_log_array(log, 7, "/x", 99, INT64_C(1) << 41));
    ok(slab_chunk_log_append(log, chunks, 2));
    ok(slab_chunk_log_append(log, chunks + 2, 1));
    slab_chunk_log_close(&log, false);
}

START_TEST(a_log_gives_back_what_was_appended)
{
    const char *path = in_folder("log");
    slab_chunk_log_head head;
    uint64_t whole;
    uint8_t key[SLAB_JOB_KEY_BYTES];
    write_log(path);
    seen s = read_log(path, &head, &whole);
    ck_assert_int_eq(s.arrays, 1);
    ck_assert_uint_eq(s.id, 7);
    ck_assert_str_eq(s.name, "/x");
    ck_assert_uint_eq(s.digest, 99);
    ck_assert_int_eq(s.nchunks, INT64_C(1) << 41);
    ck_assert_int_eq(s.batches, 2);
    ck_assert_uint_eq(s.chunks, 3);
    ck_assert_int_eq(s.last.number, INT64_C(1) << 40);
    ck_assert_uint_eq(s.last.mask, 1);
    ck_assert_uint_eq(s.last.checksum, UINT64_MAX);
    ck_assert_uint_eq(head.rank, 3);
    ck_assert_uint_eq(head.ranks, 4);
    ck_assert_uint_eq(head.old_size, 12345);
    slab_job_key("slab import a.bed", key);
    ck_assert_mem_eq(head.job, key, sizeof key);
    slab_job_key("slab import b.bed", key);
    ck_assert_mem_ne(head.job, key, sizeof key);
    ck_assert_uint_eq(whole, 64 + 58 + 112 + 72);
}
END_TEST

START_TEST(a_torn_tail_is_left_out_wherever_it_is_torn)
{
    const char *path = in_folder("log");
    slab_chunk_log_head head;
    uint64_t whole;
    const uint64_t ends[] = {64, 122, 234, 306};
    write_log(path);
    for (uint64_t length = 305; length >= 64; length--) {
        ck_assert_int_eq(truncate(path, (off_t)length), 0);
        read_log(path, &head, &whole);
        int i = 3;
        while (ends[i] > length)
            i--;
        ck_assert_uint_eq(whole, ends[i]);
    }
}
END_TEST

START_TEST(a_changed_byte_ends_the_log_before_its_batch)
{
    const char *path = in_folder("log");
    slab_chunk_log_head head;
    uint64_t whole;
    for (int at = 122; at < 234; at++) {
        unlink(path);
        write_log(path);
        FILE *f = fopen(path, "r+b");
        fseek(f, at, SEEK_SET);
        int c = fgetc(f);
        fseek(f, at, SEEK_SET);
        fputc(c ^ 0x10, f);
        fclose(f);
        seen s = read_log(path, &head, &whole);
        ck_assert_msg(whole == 122 && s.chunks == 0, "byte %d: %" PRIu64 " whole", at, whole);
    }
}
END_TEST

START_TEST(a_file_that_is_no_log_is_a_format_error)
{
    const char *path = in_folder("log");
    slab_chunk_log_head head;
    slab_chunk_log_visitor nothing = {0};
    uint64_t whole;
    fails(slab_chunk_log_read(path, &nothing, &head, &whole), SLAB_ERR_NOT_FOUND);
    FILE *f = fopen(path, "w");
    fails(slab_chunk_log_read(path, &nothing, &head, &whole), SLAB_ERR_FORMAT);
    for (int i = 0; i < 100; i++)
        fputs("SLABLOG\n", f);
    fclose(f);
    fails(slab_chunk_log_read(path, &nothing, &head, &whole), SLAB_ERR_FORMAT);
}
END_TEST

START_TEST(a_log_is_never_made_over_another_file)
{
    const char *path = in_folder("log");
    slab_chunk_log *log = NULL;
    slab_chunk_log_head head = {0};
    write_log(path);
    fails(slab_chunk_log_create(path, &head, &log), SLAB_ERR_EXISTS);
    ck_assert_ptr_null(log);
    ck_assert_int_eq(access(path, F_OK), 0);
    ck_assert_int_eq(symlink(in_folder("elsewhere"), in_folder("link")), 0);
    fails(slab_chunk_log_create(in_folder("link"), &head, &log), SLAB_ERR_EXISTS);
    ck_assert_int_ne(access(in_folder("elsewhere"), F_OK), 0);
}
END_TEST

START_TEST(the_logs_of_a_file_are_removed_and_no_other_file)
{
    const char *names[] = {".x.h5.slab-log.0", ".x.h5.slab-log.17", ".x.h5.slab-log.1a",
                           ".x.h5.slab-log.",  ".y.h5.slab-log.0",  "x.h5.slab-log.0"};
    for (int i = 0; i < 6; i++)
        fclose(fopen(in_folder(names[i]), "w"));
    ck_assert_int_eq(slab_chunk_log_remove_all(in_folder("x.h5")), 2);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(access(in_folder(names[i]), F_OK) == 0, i >= 2);
}
END_TEST

START_TEST(the_checksum_is_xxh3)
{
    /* from the xxhsum program: printf abc | xxhsum -H3 */
    ck_assert_uint_eq(slab_chunk_checksum("abc", 3), UINT64_C(0x78af5f94892f3950));
}
END_TEST

START_TEST(the_digest_of_an_array_tells_types_shapes_and_filters_apart)
{
    slab_array_info a = {
        .dtype = slab_dtype_make(SLAB_KIND_FLOAT, 4), .shape = SHAPE(10, 20), .chunk = SHAPE(5, 5)};
    slab_array_info b = a;
    ck_assert_uint_eq(slab_array_digest(&a), slab_array_digest(&b));
    b.dtype.big_endian = true;
    ck_assert_uint_ne(slab_array_digest(&a), slab_array_digest(&b));
    b = a;
    b.chunk.extent[1] = 4;
    ck_assert_uint_ne(slab_array_digest(&a), slab_array_digest(&b));
    b = a;
    b.pipeline.nfilters = 1;
    b.pipeline.filters[0].id = SLAB_FILTER_ZSTD;
    ck_assert_uint_ne(slab_array_digest(&a), slab_array_digest(&b));
}
END_TEST

int main(void)
{
    TCase *log = tcase_create("chunk log");
    tcase_add_checked_fixture(log, make_folder, remove_folder);
    tcase_add_test(log, a_log_gives_back_what_was_appended);
    tcase_add_test(log, a_torn_tail_is_left_out_wherever_it_is_torn);
    tcase_add_test(log, a_changed_byte_ends_the_log_before_its_batch);
    tcase_add_test(log, a_file_that_is_no_log_is_a_format_error);
    tcase_add_test(log, a_log_is_never_made_over_another_file);
    tcase_add_test(log, the_logs_of_a_file_are_removed_and_no_other_file);
    tcase_add_test(log, the_checksum_is_xxh3);
    tcase_add_test(log, the_digest_of_an_array_tells_types_shapes_and_filters_apart);
    Suite *suite = suite_create("chunk log");
    suite_add_tcase(suite, log);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#include <check.h>
#include <slab/format/text_impl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];
static slab_crew *crew;

static void setup(void)
{
    strcpy(path, "/tmp/slab-text-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(slab_crew_create(slab_ranks_world(), 2, &crew), SLAB_OK);
}

static void teardown(void)
{
    slab_crew_destroy(&crew);
    unlink(path);
}

static void write_text(const char *text, size_t length)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(text, 1, length, f), length);
    fclose(f);
}

static int64_t trimmed(const char *text)
{
    slab_input in;
    int64_t end = -1;
    write_text(text, strlen(text));
    ck_assert_int_eq(slab_input_open(slab_ranks_world(), path, &in), SLAB_OK);
    ck_assert_int_eq(slab_text_trim(&in, &end), SLAB_OK);
    slab_input_close(&in);
    return end;
}

START_TEST(empty_lines_at_the_end_are_left_out)
{
    ck_assert_int_eq(trimmed(""), 0);
    ck_assert_int_eq(trimmed("\n\r\n"), 0);
    ck_assert_int_eq(trimmed("a"), 1);
    ck_assert_int_eq(trimmed("a\n"), 2);
    ck_assert_int_eq(trimmed("a\r\n\n"), 3);
    ck_assert_int_eq(trimmed("a\n\nb\n\n\n"), 5);
}
END_TEST

/* Lines of these lengths (newline included), then a last one without. */
static char *make_lines(const int *lengths, int n, size_t *size)
{
    char *text;
    *size = 4;
    for (int i = 0; i < n; i++)
        *size += (size_t)lengths[i];
    text = malloc(*size);
    memset(text, 'x', *size);
    for (int i = 0, at = 0; i < n; i++) {
        at += lengths[i];
        text[at - 1] = '\n';
    }
    return text;
}

START_TEST(lines_are_found_whatever_blocks_and_windows_they_cross)
{
    static const int lengths[] = {1, 5, 300000, 1 << 20, 2, (1 << 20) - 2, 1, 3000000, 1, 7};
    enum { N = sizeof lengths / sizeof *lengths };
    size_t size;
    char *text = make_lines(lengths, N, &size);
    slab_input in;
    slab_lines lines;
    slab_window w;
    int64_t offset[N + 2], at = 0;
    write_text(text, size);
    ck_assert_int_eq(slab_input_open(slab_ranks_world(), path, &in), SLAB_OK);
    ck_assert_int_eq(slab_lines_scan(crew, &in, 0, in.bytes, NULL, NULL, &lines), SLAB_OK);
    ck_assert_int_eq(lines.count, N + 1);
    ck_assert_int_eq(slab_window_init(&w, &in, in.bytes, SLAB_WINDOW_BYTES), SLAB_OK);
    for (int first = 0; first <= N; first++)
        for (int n = 1; first + n <= N + 1; n++) {
            ck_assert_int_eq(slab_lines_find(&lines, &w, first, n, offset), SLAB_OK);
            at = 0;
            for (int i = 0; i < first; i++)
                at += lengths[i];
            for (int i = 0; i < n; at += first + i < N ? lengths[first + i] : 5, i++)
                ck_assert_int_eq(offset[i], at);
            ck_assert_int_eq(offset[n], at);
        }
    ck_assert_int_eq(slab_text_line_number(&in, 0), 1);
    ck_assert_int_eq(slab_text_line_number(&in, 6), 3);
    slab_window_clear(&w);
    slab_lines_clear(&lines);
    slab_input_close(&in);
    free(text);
}
END_TEST

/* Bytes this process has read so far; -1 where the kernel does not say. */
static int64_t bytes_read(void)
{
    long long n = -1;
    FILE *f = fopen("/proc/self/io", "r");
    if (f && fscanf(f, "rchar: %lld", &n) != 1)
        n = -1;
    if (f)
        fclose(f);
    return n;
}

static slab_status visit_nothing(void *context, int thread, slab_window *w, int64_t block,
                                 int64_t start, int64_t stop)
{
    (void)context, (void)thread, (void)w, (void)block, (void)start, (void)stop;
    return SLAB_OK;
}

START_TEST(a_line_of_many_blocks_is_read_once)
{
    enum { BYTES = 24 << 20 };
    char *text = malloc(BYTES);
    slab_input in;
    slab_lines lines;
    memset(text, 'x', BYTES);
    text[BYTES - 3] = '\n'; /* and a line of two bytes */
    write_text(text, BYTES);
    ck_assert_int_eq(slab_input_open(slab_ranks_world(), path, &in), SLAB_OK);
    for (int i = 0; i < 2; i++) {
        int64_t before = bytes_read();
        ck_assert_int_eq(
            slab_lines_scan(crew, &in, 0, in.bytes, i ? visit_nothing : NULL, NULL, &lines),
            SLAB_OK);
        ck_assert_int_eq(lines.count, 2);
        if (before >= 0) /* to find the line's end, and that none begins in the other blocks */
            ck_assert_int_le(bytes_read() - before, (i ? 3 : 2) * (int64_t)BYTES);
        slab_lines_clear(&lines);
    }
    slab_input_close(&in);
    free(text);
}
END_TEST

START_TEST(lines_are_counted_the_same_whether_they_are_visited_or_not)
{
    static const char *const texts[] = {"a", "a\n", "\n", "\n\n", "a\nb", "a\n\nb\n"};
    static const int64_t counts[] = {1, 1, 1, 2, 2, 3};
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 2; k++) {
            slab_input in;
            slab_lines lines;
            write_text(texts[i], strlen(texts[i]));
            ck_assert_int_eq(slab_input_open(slab_ranks_world(), path, &in), SLAB_OK);
            ck_assert_int_eq(
                slab_lines_scan(crew, &in, 0, in.bytes, k ? visit_nothing : NULL, NULL, &lines),
                SLAB_OK);
            ck_assert_msg(lines.count == counts[i], "text %d: %d lines", i, (int)lines.count);
            slab_lines_clear(&lines);
            slab_input_close(&in);
        }
}
END_TEST

START_TEST(a_window_shows_what_lies_at_an_offset)
{
    static char text[1000];
    slab_input in;
    slab_window w;
    const char *seen;
    size_t length;
    for (int i = 0; i < 1000; i++)
        text[i] = (char)i;
    write_text(text, sizeof text);
    ck_assert_int_eq(slab_input_open(slab_ranks_world(), path, &in), SLAB_OK);
    ck_assert_int_eq(slab_window_init(&w, &in, 990, 100), SLAB_OK);
    static const int at[] = {0, 50, 99, 500, 420, 950, 989, 990};
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(slab_window_at(&w, at[i], 60, &seen, &length), SLAB_OK);
        ck_assert_uint_ge(length, 990 - at[i] < 60 ? (size_t)(990 - at[i]) : 60);
        ck_assert_mem_eq(seen, text + at[i], length);
    }
    slab_window_clear(&w);
    slab_input_close(&in);
}
END_TEST

START_TEST(excerpts_are_short_and_printable)
{
    char excerpt[SLAB_EXCERPT_MAX], longer[100];
    memset(longer, 'y', sizeof longer);
    ck_assert_str_eq(slab_text_excerpt("a\tb\x80", 4, excerpt), "a?b?");
    ck_assert_uint_eq(strlen(slab_text_excerpt(longer, 100, excerpt)), 43);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *tests = tcase_create("text");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, empty_lines_at_the_end_are_left_out);
    tcase_add_test(tests, lines_are_found_whatever_blocks_and_windows_they_cross);
    tcase_add_test(tests, a_line_of_many_blocks_is_read_once);
    tcase_add_test(tests, lines_are_counted_the_same_whether_they_are_visited_or_not);
    tcase_add_test(tests, a_window_shows_what_lies_at_an_offset);
    tcase_add_test(tests, excerpts_are_short_and_printable);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

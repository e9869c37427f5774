/* The rollback journal: all or nothing, at whatever moment the writer dies. */
#include "kill_impl.h"
#include "scratch_impl.h"

#include <slab/storage/hdf5/journal.h>
#include <sys/file.h>

static const char *const data = "data.h5";
static const char *const journal = "data.h5.slab-journal";

enum { OLD = 10000, NEW = 12288 };

/* Old: bytes 'a'. The write touches three places, one of them across the old end. */
static const char b[5000] = {[0 ... 4999] = 'b'};
static const slab_patch patches[] = {
    {10, 7, b}, {4000, 96, b}, {4096, 200, b + 96}, {9000, NEW - 9000, b}};
enum { PATCHES = sizeof patches / sizeof *patches };

static void old_file(void)
{
    char bytes[OLD];
    memset(bytes, 'a', sizeof bytes);
    unlink(journal);
    unlink(data);
    write_file(data, bytes, sizeof bytes);
}

static void expected_new(uint8_t *bytes)
{
    memset(bytes, 'a', NEW);
    for (int i = 0; i < PATCHES; i++)
        memset(bytes + patches[i].address, 'b', patches[i].size);
}

static bool is_old(void)
{
    size_t n, i = 0;
    uint8_t *bytes = read_whole(data, &n);
    while (i < n && bytes[i] == 'a')
        i++;
    free(bytes);
    return n == OLD && i == n;
}

static bool is_new(void)
{
    size_t n;
    uint8_t *bytes = read_whole(data, &n), expected[NEW];
    expected_new(expected);
    bool same = n == NEW && memcmp(bytes, expected, n) == 0;
    free(bytes);
    return same;
}

static slab_status apply(void)
{
    int fd = open(data, O_RDWR);
    slab_status rc = slab_journal_apply(data, fd, OLD, patches, PATCHES, true);
    close(fd);
    return rc;
}

START_TEST(applying_changes_the_file_and_leaves_no_journal)
{
    char did[SLAB_MESSAGE_MAX];
    old_file();
    ck_ok(apply());
    ck_assert(is_new());
    ck_assert_int_ne(access(journal, F_OK), 0);
    ck_ok(slab_journal_recover(data, did));
    ck_assert_str_eq(did, "");
    ck_assert(is_new());
}
END_TEST

static void apply_watched(void)
{
    kill_from_here();
    if (apply() != SLAB_OK)
        _exit(1);
}

START_TEST(killed_at_any_system_call_the_file_is_old_or_new)
{
    int rolled_back = 0, discarded = 0, untouched = 0, finished = 0, n = 1;
    old_file();
    for (; killed_at(n, apply_watched); n++) {
        char did[SLAB_MESSAGE_MAX];
        ck_ok(slab_journal_recover(data, did));
        ck_assert_int_ne(access(journal, F_OK), 0);
        if (strstr(did, "rolled") != NULL) {
            rolled_back++;
            ck_assert_msg(is_old(), "stop %d: rolled back, but not to the old bytes", n);
        } else if (strstr(did, "unfinished") != NULL) {
            discarded++;
            ck_assert_msg(is_old(), "stop %d: touched before the journal was whole", n);
        } else {
            ck_assert_str_eq(did, "");
            ck_assert_msg(is_old() || is_new(), "stop %d: torn", n);
            finished += is_new();
            untouched += is_old();
        }
        old_file();
    }
    ck_assert(is_new()); /* the last run was not killed */
    ck_assert_int_ge(rolled_back, 4);
    ck_assert_int_ge(discarded, 4);
    ck_assert_int_ge(untouched, 4);
    ck_assert_int_ge(finished, 2);
}
END_TEST

/* A hot journal: killed when the whole write had been done but for removing the journal. */
static void make_hot(void)
{
    static int n = 1; /* the stop that worked the last time; it may move by some */
    for (;; n++) {
        old_file();
        if (!killed_at(n, apply_watched))
            n = 0;
        else if (is_new() && access(journal, F_OK) == 0)
            break;
    }
}

static void recover_watched(void)
{
    char did[SLAB_MESSAGE_MAX];
    kill_from_here();
    if (slab_journal_recover(data, did) != SLAB_OK)
        _exit(1);
}

START_TEST(recovery_killed_at_any_system_call_is_finished_by_the_next)
{
    int n = 1;
    make_hot();
    for (; killed_at(n, recover_watched); n++) {
        char did[SLAB_MESSAGE_MAX];
        ck_ok(slab_journal_recover(data, did));
        ck_assert_msg(is_old(), "stop %d", n);
        make_hot();
    }
    ck_assert(is_old());
    ck_assert_int_ge(n, 20);
}
END_TEST

START_TEST(a_living_writer_is_left_alone)
{
    char did[SLAB_MESSAGE_MAX];
    make_hot();
    int fd = open(data, O_RDWR);
    ck_assert_int_eq(flock(fd, LOCK_EX), 0);
    ck_fails(slab_journal_recover(data, did), SLAB_ERR_LOCKED);
    ck_says("another process is writing 'data.h5'");
    ck_assert(is_new());
    close(fd);
    ck_ok(slab_journal_recover(data, did));
    ck_assert(is_old());
}
END_TEST

START_TEST(by_a_link_the_journal_is_the_files)
{
    char did[SLAB_MESSAGE_MAX];
    make_hot();
    ck_assert_int_eq(symlink(data, "link.h5"), 0);
    ck_assert_int_eq(mkdir("folder", 0700), 0);
    ck_assert_int_eq(symlink("../link.h5", "folder/other.h5"), 0);
    ck_ok(slab_journal_recover("folder/other.h5", did));
    ck_assert_ptr_nonnull(strstr(did, "rolled"));
    ck_assert(is_old());
    ck_assert_int_ne(access(journal, F_OK), 0);
}
END_TEST

START_TEST(the_journal_has_the_rights_of_its_file)
{
    struct stat st;
    mode_t mask = umask(022);
    static const mode_t modes[] = {0600, 0640, 0664, 0644};
    old_file();
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        ck_assert_int_eq(chmod(data, modes[i]), 0);
        for (int n = 1;; n++) { /* until a kill comes while there is one */
            ck_assert(killed_at(n, apply_watched));
            if (stat(journal, &st) == 0 && st.st_size >= OLD / 8)
                break;
            unlink(journal);
        }
        ck_assert_uint_eq(st.st_mode & 0777, modes[i]);
        unlink(journal);
    }
    umask(mask);
}
END_TEST

/* In a child that is nobody, with what it may read; the exit code is what work returns. */
static int as_nobody(int (*work)(void))
{
    int status;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(setgid(65534) == 0 && setuid(65534) == 0 ? work() : 99);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int recover_says(const char *words)
{
    char did[SLAB_MESSAGE_MAX];
    slab_status rc = slab_journal_recover(data, did);
    return rc == SLAB_OK || strstr(slab_error_last()->message, words) == NULL;
}

static int is_waited_for(void)
{
    char did[SLAB_MESSAGE_MAX];
    return slab_journal_recover(data, did) != SLAB_OK || *did != '\0';
}

static int is_named_as_living(void)
{
    return recover_says("another process is writing 'data.h5'");
}

static int is_left_to_another(void)
{
    return recover_says("must be undone by one who may write it: Permission denied");
}

static void commits_for_a_moment(void)
{
    int fd = open(data, O_RDWR);
    if (flock(fd, LOCK_EX) != 0 || kill(getppid(), SIGUSR1) != 0)
        _exit(1);
    usleep(500000);
    unlink(journal);
    _exit(0);
}

START_TEST(who_may_not_write_the_file_waits_for_a_commit_too)
{
    if (geteuid() != 0)
        return; /* only root can be another */
    sigset_t usr1;
    int got;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    make_hot();
    ck_assert_int_eq(chmod(".", 0755), 0);
    ck_assert_int_eq(chmod(data, 0644), 0);
    ck_assert_int_eq(as_nobody(is_left_to_another), 0);
    int fd = open(data, O_RDWR);
    ck_assert_int_eq(flock(fd, LOCK_EX), 0);
    ck_assert_int_eq(as_nobody(is_named_as_living), 0);
    close(fd);
    pid_t writer = fork();
    if (writer == 0)
        commits_for_a_moment();
    ck_assert_int_eq(sigwait(&usr1, &got), 0);
    ck_assert_int_eq(as_nobody(is_waited_for), 0);
    ck_assert_int_eq(waitpid(writer, &got, 0), writer);
    ck_assert_int_eq(got, 0);
    ck_assert(is_new());
}
END_TEST

START_TEST(a_reader_that_keeps_it_from_being_undone_is_not_called_a_writer)
{
    char did[SLAB_MESSAGE_MAX];
    make_hot();
    int fd = open(data, O_RDONLY);
    ck_assert_int_eq(flock(fd, LOCK_SH), 0);
    ck_fails(slab_journal_recover(data, did), SLAB_ERR_LOCKED);
    ck_says("cannot be undone while");
    close(fd);
    ck_ok(slab_journal_recover(data, did));
    ck_assert(is_old());
}
END_TEST

START_TEST(what_is_planted_at_the_journals_name_is_no_journal)
{
    char did[SLAB_MESSAGE_MAX];
    make_hot();
    ck_assert_int_eq(rename(journal, "kept"), 0);
    ck_assert_int_eq(symlink("kept", journal), 0);
    ck_assert_int_ne(slab_journal_recover(data, did), SLAB_OK);
    ck_assert_int_eq(unlink(journal), 0);
    ck_assert_int_eq(mkfifo(journal, 0600), 0); /* nobody waits for its other end */
    ck_fails(slab_journal_recover(data, did), SLAB_ERR_FORMAT);
    ck_says("not a regular file");
    ck_assert_int_eq(unlink(journal), 0);
    ck_assert(is_new());
    ck_assert_int_eq(rename("kept", journal), 0);
    if (geteuid() == 0) { /* of somebody who may not write the file */
        ck_assert_int_eq(chown(journal, 12345, 0), 0);
        ck_fails(slab_journal_recover(data, did), SLAB_ERR_FORMAT);
        ck_says("belongs to user 12345");
        ck_assert(is_new());
        ck_assert_int_eq(chown(journal, 0, 0), 0);
    }
    ck_ok(slab_journal_recover(data, did));
    ck_assert(is_old());
}
END_TEST

/* Cuts the journal at every length: never whole, never applied. */
START_TEST(half_a_journal_is_removed_and_changes_nothing)
{
    size_t n;
    make_hot();
    uint8_t *whole = read_whole(journal, &n);
    for (size_t cut = 0; cut < n; cut += cut < 200 || cut + 20 > n ? 1 : 97) {
        char did[SLAB_MESSAGE_MAX];
        write_file(journal, whole, cut);
        ck_ok(slab_journal_recover(data, did));
        ck_assert_msg(is_new(), "cut at %zu", cut);
        ck_assert_int_ne(access(journal, F_OK), 0);
    }
    free(whole);
}
END_TEST

START_TEST(a_journal_with_one_wrong_bit_is_not_applied)
{
    size_t n;
    make_hot();
    uint8_t *whole = read_whole(journal, &n);
    for (size_t i = 0; i < n; i += i < 130 || i + 10 > n ? 1 : 61) {
        char did[SLAB_MESSAGE_MAX];
        whole[i] ^= 0x10;
        write_file(journal, whole, n);
        slab_status rc = slab_journal_recover(data, did);
        if (i >= 8 && i < 12)
            ck_assert_int_eq(rc, SLAB_ERR_UNSUPPORTED);
        else
            ck_assert_int_eq(rc, SLAB_OK);
        ck_assert_msg(is_new(), "byte %zu", i);
        whole[i] ^= 0x10;
    }
    free(whole);
}
END_TEST

START_TEST(a_journal_of_another_file_is_refused)
{
    char did[SLAB_MESSAGE_MAX];
    make_hot();
    ck_assert_int_eq(system("cp data.h5 copy.h5; mv copy.h5 data.h5"), 0);
    ck_fails(slab_journal_recover(data, did), SLAB_ERR_FORMAT);
    ck_says("belongs to another file");
    ck_assert(is_new());
    ck_assert_int_eq(access(journal, F_OK), 0);
}
END_TEST

START_TEST(a_journal_that_is_a_link_is_not_followed)
{
    char did[SLAB_MESSAGE_MAX];
    old_file();
    write_file("victim", "precious", 8);
    ck_assert_int_eq(symlink("victim", journal), 0);
    ck_fails(slab_journal_recover(data, did), SLAB_ERR_IO);
    ck_fails(apply(), SLAB_ERR_EXISTS);
    size_t n;
    uint8_t *victim = read_whole("victim", &n);
    ck_assert_uint_eq(n, 8);
    ck_assert_mem_eq(victim, "precious", 8);
    ck_assert(is_old());
    free(victim);
}
END_TEST

START_TEST(a_write_that_fails_is_undone_at_once)
{
    slab_patch bad[] = {{100, 50, b}, {5000, 50, (const void *)8}}; /* EFAULT */
    int fd;
    old_file();
    fd = open(data, O_RDWR);
    ck_fails(slab_journal_apply(data, fd, OLD, bad, 2, true), SLAB_ERR_IO);
    ck_says("cannot write 'data.h5': Bad address");
    close(fd);
    ck_assert(is_old());
    ck_assert_int_ne(access(journal, F_OK), 0);
}
END_TEST

START_TEST(without_a_journal_recovery_does_nothing_even_without_a_file)
{
    char did[SLAB_MESSAGE_MAX];
    ck_ok(slab_journal_recover("nowhere/none.h5", did));
    ck_assert_str_eq(did, "");
}
END_TEST

/* docs/on-disk.md, byte by byte: a journal made by hand, one entry of 3 bytes at 5, with a plain
 * bitwise CRC-64/XZ, is applied. */
START_TEST(a_journal_in_the_documented_format_is_applied)
{
    struct stat st;
    size_t n;
    uint64_t word;
    old_file();
    ck_assert_int_eq(stat(data, &st), 0);
    uint8_t made[48 + 16 + 3 + 8] = "slabjrnl\1";
    word = OLD;
    memcpy(made + 16, &word, 8);
    word = (uint64_t)st.st_ino;
    memcpy(made + 24, &word, 8);
    made[32] = 1;
    made[40] = 3;
    made[48] = 5;
    made[56] = 3;
    memcpy(made + 64, "xyz", 3);
    uint64_t crc = ~UINT64_C(0);
    for (size_t i = 0; i < 67; i++) {
        crc ^= made[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT64_C(0xC96C5795D7870F42) : 0);
    }
    crc = ~crc;
    memcpy(made + 67, &crc, 8);
    write_file(journal, made, sizeof made);
    char did[SLAB_MESSAGE_MAX];
    ck_ok(slab_journal_recover(data, did));
    ck_assert_ptr_nonnull(strstr(did, "(3 bytes in 1 places)"));
    uint8_t *bytes = read_whole(data, &n);
    ck_assert_mem_eq(bytes, "aaaaaxyzaa", 10);
    free(bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal");
    TCase *c = tcase_create("journal");
    tcase_add_checked_fixture(c, scratch_begin, scratch_end);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, applying_changes_the_file_and_leaves_no_journal);
    tcase_add_test(c, killed_at_any_system_call_the_file_is_old_or_new);
    tcase_add_test(c, recovery_killed_at_any_system_call_is_finished_by_the_next);
    tcase_add_test(c, a_living_writer_is_left_alone);
    tcase_add_test(c, by_a_link_the_journal_is_the_files);
    tcase_add_test(c, the_journal_has_the_rights_of_its_file);
    tcase_add_test(c, who_may_not_write_the_file_waits_for_a_commit_too);
    tcase_add_test(c, a_reader_that_keeps_it_from_being_undone_is_not_called_a_writer);
    tcase_add_test(c, what_is_planted_at_the_journals_name_is_no_journal);
    tcase_add_test(c, half_a_journal_is_removed_and_changes_nothing);
    tcase_add_test(c, a_journal_with_one_wrong_bit_is_not_applied);
    tcase_add_test(c, a_journal_of_another_file_is_refused);
    tcase_add_test(c, a_journal_that_is_a_link_is_not_followed);
    tcase_add_test(c, a_write_that_fails_is_undone_at_once);
    tcase_add_test(c, without_a_journal_recovery_does_nothing_even_without_a_file);
    tcase_add_test(c, a_journal_in_the_documented_format_is_applied);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}

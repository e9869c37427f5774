/* The write-behind by itself. */
#include "writing.h"

#include <fcntl.h>
#include <pthread.h>

#include <slab/storage/block_writer.h>

enum { BLOCK = 256 << 10 };

typedef struct fixture {
    slab_block_writer *writer;
    pthread_mutex_t lock;
    int written; /* blocks that were reported */
    bool refuse; /* the report fails */
    bool hold;   /* reports wait until it is cleared */
    pthread_cond_t go;
} fixture;

static fixture x;
static slab_block_target target;

static slab_status written(void *context, const slab_block *block)
{
    fixture *f = context;
    (void)block;
    pthread_mutex_lock(&f->lock);
    while (f->hold)
        pthread_cond_wait(&f->go, &f->lock);
    f->written++;
    pthread_mutex_unlock(&f->lock);
    if (f->refuse)
        return slab_error_set(SLAB_ERR_IO, __FILE__, __LINE__, "refused");
    return SLAB_OK;
}

static int blocks_written(void)
{
    pthread_mutex_lock(&x.lock);
    int n = x.written;
    pthread_mutex_unlock(&x.lock);
    return n;
}

static void open_writer(size_t most, int threads, bool direct)
{
    const char *path = in_folder("blocks");
    x = (fixture){.lock = PTHREAD_MUTEX_INITIALIZER, .go = PTHREAD_COND_INITIALIZER};
    target = (slab_block_target){.path = "blocks",
                                 .block = BLOCK,
                                 .most = most,
                                 .threads = threads,
                                 .direct_fd = -1,
                                 .written = written,
                                 .context = &x};
    target.fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
    ck_assert_int_ge(target.fd, 0);
    if (direct)
        target.direct_fd = open(path, O_WRONLY | O_DIRECT);
    ok(slab_block_writer_create(&target, &x.writer));
}

static void close_writer(void)
{
    slab_block_writer_destroy(&x.writer);
    close(target.fd);
    if (target.direct_fd >= 0)
        close(target.direct_fd);
}

static void submit(uint64_t address, size_t used, int value)
{
    slab_block *block;
    ok(slab_block_take(x.writer, used, &block));
    ck_assert_uint_ge(block->capacity, used);
    ck_assert_uint_eq(block->used, 0);
    memset(block->bytes, value, used);
    block->used = used;
    block->address = address;
    slab_block_submit(x.writer, &block);
    ck_assert_ptr_null(block);
}

START_TEST(blocks_arrive_at_their_addresses_padded_with_zeros)
{
    static uint8_t got[4 * BLOCK];
    open_writer(4 * BLOCK, 1 + _i / 2, _i % 2);
    submit(3 * BLOCK, BLOCK, 4);
    submit(0, 5000, 1);
    submit(BLOCK, 2 * BLOCK - 1, 2); /* larger than usual */
    ok(slab_block_drain(x.writer));
    ck_assert_int_eq(x.written, 3);
    ck_assert_int_eq(pread(target.fd, got, sizeof got, 0), sizeof got);
    ck_assert(got[0] == 1 && got[4999] == 1 && got[5000] == 0 && got[8191] == 0);
    ck_assert(got[BLOCK] == 2 && got[3 * BLOCK - 2] == 2 && got[3 * BLOCK - 1] == 0);
    ck_assert(got[3 * BLOCK] == 4 && got[4 * BLOCK - 1] == 4);
    close_writer();
}
END_TEST

START_TEST(the_first_error_fails_all_that_follows)
{
    slab_block *block;
    open_writer(8 * BLOCK, 1, false);
    x.refuse = true;
    submit(0, 10, 1);
    fails(slab_block_drain(x.writer), SLAB_ERR_IO);
    fails(slab_block_take(x.writer, 10, &block), SLAB_ERR_IO);
    ck_assert_str_eq(slab_error_last()->message, "refused");
    fails(slab_block_drain(x.writer), SLAB_ERR_IO);
    close_writer();
}
END_TEST

static void *release(void *unused)
{
    usleep(50000);
    pthread_mutex_lock(&x.lock);
    ck_assert_int_eq(x.written, 0);
    x.hold = false;
    pthread_cond_broadcast(&x.go);
    pthread_mutex_unlock(&x.lock);
    return unused;
}

START_TEST(a_take_waits_when_all_that_is_allowed_is_in_flight)
{
    pthread_t helper;
    open_writer(2 * BLOCK, 1, false);
    x.hold = true;
    submit(0, BLOCK, 1);
    submit(BLOCK, BLOCK, 1);
    pthread_create(&helper, NULL, release, NULL);
    submit(2 * BLOCK, BLOCK, 1); /* waits for the helper */
    pthread_join(helper, NULL);
    ck_assert_int_ge(blocks_written(), 1);
    ck_assert_uint_le(slab_memory_used(), 2 * BLOCK + (200 << 10));
    ok(slab_block_drain(x.writer));
    close_writer();
}
END_TEST

START_TEST(a_full_budget_waits_for_blocks_in_flight_instead_of_failing)
{
    pthread_t helper;
    open_writer(100 * BLOCK, 1, false);
    x.hold = true;
    submit(0, BLOCK, 1);
    slab_memory_limit_set(slab_memory_used() + 4096);
    pthread_create(&helper, NULL, release, NULL);
    submit(BLOCK, BLOCK, 1);
    pthread_join(helper, NULL);
    ok(slab_block_drain(x.writer));
    slab_memory_limit_set(0);
    close_writer();
}
END_TEST

START_TEST(a_block_that_is_too_large_for_the_limit_goes_alone)
{
    open_writer(BLOCK, 1, false);
    submit(0, 5 * BLOCK, 1);
    submit(5 * BLOCK, 5 * BLOCK, 2);
    ok(slab_block_drain(x.writer));
    ck_assert_int_eq(x.written, 2);
    close_writer();
}
END_TEST

START_TEST(destroy_drops_what_waits)
{
    pthread_t helper;
    open_writer(8 * BLOCK, 1, false);
    x.hold = true;
    for (int i = 0; i < 8; i++)
        submit((uint64_t)i * BLOCK, BLOCK, 1);
    pthread_create(&helper, NULL, release, NULL);
    slab_block_writer_destroy(&x.writer);
    pthread_join(helper, NULL);
    ck_assert_int_lt(blocks_written(), 8);
    close_writer();
}
END_TEST

int main(void)
{
    TCase *block = tcase_create("block writer");
    tcase_add_checked_fixture(block, make_folder, remove_folder);
    tcase_add_loop_test(block, blocks_arrive_at_their_addresses_padded_with_zeros, 0, 4);
    tcase_add_test(block, the_first_error_fails_all_that_follows);
    tcase_add_test(block, a_take_waits_when_all_that_is_allowed_is_in_flight);
    tcase_add_test(block, a_full_budget_waits_for_blocks_in_flight_instead_of_failing);
    tcase_add_test(block, a_block_that_is_too_large_for_the_limit_goes_alone);
    tcase_add_test(block, destroy_drops_what_waits);
    Suite *suite = suite_create("block writer");
    suite_add_tcase(suite, block);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

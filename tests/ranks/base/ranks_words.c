/* Shared words: every rank changes every other's, and no change is lost. */
#include "check_ranks.h"
#include <pthread.h>

enum { WORDS = 3, ROUNDS = 300, THREADS = 2 };

static slab_words *words;
static slab_ranks *ranks;

/* Adds 2 to word 0 and takes 1 from word 1 of all ranks in turn. */
static void *change(void *failed)
{
    int count = slab_ranks_count(ranks);
    for (int i = 0; i < ROUNDS; i++) {
        int owner = i % count;
        int64_t before, after;
        if (slab_words_fetch_add(words, owner, 0, 2, &before) != SLAB_OK || before % 2 != 0 ||
            slab_words_fetch_add(words, owner, 1, -1, &before) != SLAB_OK ||
            slab_words_get(words, owner, 1, &after) != SLAB_OK || after >= before)
            return failed;
    }
    return NULL;
}

static void check_changes(void)
{
    int count = slab_ranks_count(ranks), me = slab_ranks_me(ranks);
    pthread_t threads[THREADS];
    int64_t value, expected = 0;
    for (int t = 0; t < THREADS; t++)
        CHECK(pthread_create(&threads[t], NULL, change, &words) == 0);
    for (int t = 0; t < THREADS; t++) {
        void *failed;
        pthread_join(threads[t], &failed);
        CHECK(failed == NULL);
    }
    for (int i = 0; i < ROUNDS; i++)
        expected += i % count == me;
    expected *= (int64_t)THREADS * count;
    CHECK(slab_ranks_barrier(ranks) == SLAB_OK);
    CHECK(slab_words_get(words, me, 0, &value) == SLAB_OK && value == 2 * expected);
    CHECK(slab_words_get(words, me, 1, &value) == SLAB_OK && value == -expected);
    CHECK(slab_words_get(words, me, 2, &value) == SLAB_OK && value == 0);
}

static void check_setting(void)
{
    int count = slab_ranks_count(ranks), me = slab_ranks_me(ranks);
    int64_t value;
    CHECK(slab_ranks_barrier(ranks) == SLAB_OK); /* all have seen their 0 */
    CHECK(slab_words_set(words, (me + 1) % count, 2, 1000 + me) == SLAB_OK);
    CHECK(slab_ranks_barrier(ranks) == SLAB_OK);
    CHECK(slab_words_get(words, me, 2, &value) == SLAB_OK);
    CHECK(value == 1000 + (me + count - 1) % count);
}

/* Nobody answers: the values come without the others' help, and as they were set. */
static void check_looking(void)
{
    int count = slab_ranks_count(ranks), me = slab_ranks_me(ranks);
    int64_t seen[16 * 2];
    bool all = false;
    for (int round = 1; round <= 3; round++) {
        CHECK(slab_ranks_barrier(ranks) == SLAB_OK);
        CHECK(slab_words_set(words, me, 1, 10 * me + round) == SLAB_OK);
        CHECK(slab_words_set(words, me, 2, -me - round) == SLAB_OK);
        CHECK(slab_ranks_barrier(ranks) == SLAB_OK);
        for (int tries = 0; me == 0 && tries < 100000; tries++) {
            CHECK(slab_words_look(words, 1, 2, seen, &all) == SLAB_OK);
            if (all)
                break;
        }
        CHECK(me != 0 || all);
        for (int r = 0; me == 0 && all && r < count; r++)
            CHECK(seen[2 * r] == 10 * r + round && seen[2 * r + 1] == -r - round);
    }
    /* begun, and never taken */
    if (me == 0)
        CHECK(slab_words_look(words, 1, 2, seen, &all) == SLAB_OK);
}

/* As many as there are parts of spilled keys, on one rank alone. */
static void check_many_on_one_rank(void)
{
    enum { MANY = 5000 };
    int count = slab_ranks_count(ranks), me = slab_ranks_me(ranks);
    static int64_t seen[16 * MANY];
    int64_t value;
    bool all;
    slab_words *many = NULL;
    CHECK(slab_words_create(ranks, me == 0 ? MANY : 1, &many) == SLAB_OK);
    if (!many)
        return;
    for (int i = me; i < MANY; i += 97)
        CHECK(slab_words_fetch_add(many, 0, (size_t)i, i + 1, &value) == SLAB_OK);
    CHECK(slab_ranks_barrier(ranks) == SLAB_OK);
    for (int i = 0; i < MANY; i++) {
        int64_t expected = i % 97 < count ? i + 1 : 0;
        if (i % 50 == me) /* each looks at some */
            CHECK(slab_words_get(many, 0, (size_t)i, &value) == SLAB_OK && value == expected);
    }
    if (me == 0)
        CHECK(slab_words_look(many, 0, MANY, seen, &all) == SLAB_ERR_INTERNAL && !all);
    slab_words_destroy(&many);
}

int main(void)
{
    if (slab_ranks_start(&ranks) != SLAB_OK)
        return 1;
    CHECK(slab_words_create(ranks, WORDS, &words) == SLAB_OK);
    check_changes();
    check_setting();
    check_looking();
    check_many_on_one_rank();
    slab_words_destroy(&words);
    CHECK(words == NULL);
    slab_words_destroy(&words);
    return checks_end(ranks);
}

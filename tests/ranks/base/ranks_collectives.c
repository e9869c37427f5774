/* Agreement, broadcast, gathering, sums and messages among 1, 2 and 4 ranks. */
#include "check_ranks.h"
#include <mpi.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdlib.h>
#include <string.h>

static int me, count;

static void check_world(slab_ranks *ranks)
{
    const char *stated = getenv("OMPI_COMM_WORLD_SIZE");
    slab_ranks *again = NULL;
    CHECK(!stated || atoi(stated) == count);
    CHECK(me >= 0 && me < count);
    CHECK(slab_ranks_on_node(ranks) == count); /* the test runs on one machine */
    CHECK(slab_ranks_me_on_node(ranks) == me);
    CHECK(slab_ranks_start(&again) == SLAB_OK && again == ranks);
    CHECK(slab_ranks_count(slab_ranks_alone()) == 1 && slab_ranks_me(slab_ranks_alone()) == 0);
}

/* Ranks from `first` on fail, each with a message of its own; all get that of the lowest. */
/* @param shared_out  the work was: the first rank is named then, too */
static void check_agreement(slab_ranks *ranks, bool shared_out)
{
    for (int first = 0; first <= count; first++) {
        slab_status mine = SLAB_OK;
        char expected[64];
        slab_error_clear();
        if (me >= first)
            mine = slab_error_set(me == first ? SLAB_ERR_FORMAT : SLAB_ERR_IO, "f.c", 10 + me,
                                  "bad block on %d", me);
        slab_status all = shared_out ? slab_ranks_agree_idly(ranks, mine, NULL, NULL)
                                     : slab_ranks_agree(ranks, mine);
        CHECK(all == (first < count ? SLAB_ERR_FORMAT : SLAB_OK));
        CHECK(slab_error_last()->agreed == (first < count && count > 1));
        if (first == count)
            continue;
        if (count > 1 && (first > 0 || shared_out))
            snprintf(expected, sizeof expected, "rank %d: bad block on %d", first, first);
        else
            snprintf(expected, sizeof expected, "bad block on %d", first);
        CHECK(strcmp(slab_error_last()->message, expected) == 0);
        CHECK(slab_error_last()->code == SLAB_ERR_FORMAT);
        CHECK(slab_error_last()->line == 10 + first);
        CHECK(slab_ranks_agree(ranks, all) == all);
        CHECK(strcmp(slab_error_last()->message, expected) == 0); /* named once, not twice */
    }
}

static void check_broadcast(slab_ranks *ranks)
{
    for (int root = 0; root < count; root++) {
        char text[100] = "";
        if (me == root)
            snprintf(text, sizeof text, "from %d", root);
        CHECK(slab_ranks_broadcast(ranks, text, sizeof text, root) == SLAB_OK);
        CHECK(strncmp(text, "from ", 5) == 0 && atoi(text + 5) == root);
    }
    CHECK(slab_ranks_broadcast(ranks, NULL, 0, 0) == SLAB_OK);
    CHECK(slab_ranks_barrier(ranks) == SLAB_OK);
}

/* Rank r gives `unit` * r bytes of the letter 'a' + r; rank 0 gives none. */
static void check_gathered(const char *all, const size_t *offsets, size_t unit)
{
    CHECK(offsets[0] == 0);
    for (int r = 0; r < count; r++) {
        CHECK(offsets[r + 1] - offsets[r] == unit * (size_t)r);
        size_t right = 0;
        for (size_t i = offsets[r]; i < offsets[r + 1]; i++)
            right += all[i] == 'a' + r;
        CHECK(right == unit * (size_t)r);
    }
}

static void check_gathers(slab_ranks *ranks, size_t unit)
{
    size_t n = unit * (size_t)me, *offsets = NULL, before = slab_memory_used();
    char *mine = malloc(n + 1);
    void *all = NULL;
    memset(mine, 'a' + me, n);
    CHECK(slab_ranks_allgather(ranks, mine, n, &all, &offsets) == SLAB_OK);
    check_gathered(all, offsets, unit);
    slab_memory_free(all);
    slab_memory_free(offsets);
    for (int root = 0; root < count; root++) {
        CHECK(slab_ranks_gather(ranks, mine, n, root, &all, &offsets) == SLAB_OK);
        CHECK(me == root ? offsets != NULL : !all && !offsets);
        if (me == root)
            check_gathered(all, offsets, unit);
        slab_memory_free(all);
        slab_memory_free(offsets);
    }
    CHECK(slab_memory_used() == before);
    free(mine);
}

/* No room on one rank is an error on all, and nobody hangs. */
static void check_gather_without_room(slab_ranks *ranks)
{
    size_t before = slab_memory_used(), *offsets = NULL;
    void *all = NULL;
    if (me == count - 1)
        slab_memory_limit_set(before + 20000);
    char *mine = calloc(100000, 1);
    CHECK(slab_ranks_allgather(ranks, mine, 100000, &all, &offsets) == SLAB_ERR_MEMORY);
    CHECK(!all && !offsets);
    slab_memory_limit_set(0);
    CHECK(slab_memory_used() == before);
    free(mine);
}

static void check_sums(slab_ranks *ranks)
{
    int64_t sum[3] = {me, 1, -me}, most[3] = {me, -me, INT64_MIN + me};
    CHECK(slab_ranks_sum(ranks, sum, 3) == SLAB_OK);
    CHECK(sum[0] == (int64_t)count * (count - 1) / 2 && sum[1] == count && sum[2] == -sum[0]);
    CHECK(slab_ranks_max(ranks, most, 3) == SLAB_OK);
    CHECK(most[0] == count - 1 && most[1] == 0 && most[2] == INT64_MIN + count - 1);
}

static int longest; /* values that were reduced at once */

/* In the place of MPI's own, which it calls. */
int MPI_Allreduce(const void *from, void *to, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm)
{
    longest = n > longest ? n : longest;
    return PMPI_Allreduce(from, to, n, type, op, comm);
}

/* More than go at once: no value is missed between the pieces, and MPI's own buffers stay small. */
static void check_long_sums(slab_ranks *ranks)
{
    const int64_t n = 3 * 1048576 + 5, each = (int64_t)count * (count - 1) / 2;
    int64_t *values = malloc((size_t)n * sizeof *values), wrong = 0;
    for (int64_t i = 0; i < n; i++)
        values[i] = i + me;
    longest = 0;
    CHECK(slab_ranks_sum(ranks, values, (size_t)n) == SLAB_OK);
    CHECK(longest <= 1048576);
    for (int64_t i = 0; i < n; i++)
        wrong += values[i] != count * i + each;
    CHECK(wrong == 0);
    CHECK(slab_ranks_max(ranks, values, (size_t)n) == SLAB_OK);
    CHECK(values[n - 1] == count * (n - 1) + each);
    free(values);
}

/* Round a ring, against deadlock: rank 0 sends first, the others receive first. */
static void check_messages(slab_ranks *ranks)
{
    int64_t token[1000] = {0};
    if (count == 1) {
        CHECK(slab_ranks_send(ranks, token, 8, 0, 1) == SLAB_ERR_INTERNAL);
        return;
    }
    if (me > 0)
        CHECK(slab_ranks_receive(ranks, token, sizeof token, me - 1, 7) == SLAB_OK);
    token[0]++;
    token[999] += me;
    CHECK(slab_ranks_send(ranks, token, sizeof token, (me + 1) % count, 7) == SLAB_OK);
    if (me == 0) {
        CHECK(slab_ranks_receive(ranks, token, sizeof token, count - 1, 7) == SLAB_OK);
        CHECK(token[0] == count && token[999] == (int64_t)count * (count - 1) / 2);
    }
}

int main(void)
{
    slab_ranks *ranks;
    if (slab_ranks_start(&ranks) != SLAB_OK)
        return 1;
    me = slab_ranks_me(ranks);
    count = slab_ranks_count(ranks);
    check_world(ranks);
    check_agreement(ranks, false);
    check_agreement(ranks, true);
    check_broadcast(ranks);
    check_gathers(ranks, 1);
    check_gathers(ranks, 100003);
    check_gather_without_room(ranks);
    check_sums(ranks);
    check_long_sums(ranks);
    check_messages(ranks);
    return checks_end(ranks);
}

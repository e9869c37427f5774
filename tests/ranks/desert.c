/* A rank that leaves with an error nobody has agreed on, while the others wait for it elsewhere: the
 * job is ended, with that error. */
#include <stdio.h>

#include <slab/storage/base/ranks.h>
#include <slab/storage/base/try.h>

static void say(void)
{
    fprintf(stderr, "ended: %s\n", slab_error_last()->message);
}

int main(void)
{
    slab_ranks *ranks;
    slab_words *words;
    slab_ranks_desertion_set(say, 2);
    if (slab_ranks_start(&ranks) != SLAB_OK || slab_ranks_count(ranks) < 2 ||
        slab_words_create(ranks, 1, &words) != SLAB_OK)
        return 1;
    if (slab_ranks_me(ranks) != 1) {
        int64_t one = 1;
        slab_ranks_sum(ranks, &one, 1); /* for ever */
        return 3;
    }
    slab_status rc = slab_error_set(SLAB_ERR_IO, __FILE__, __LINE__, "nobody knows");
    slab_words_destroy(&words);
    return slab_ranks_agree_at_end(ranks, rc) == SLAB_OK ? 4 : 5;
}

/**
 * Shared words where MPI has no window for them: every rank serves its own.
 */
#ifndef SLAB_STORAGE_BASE_WORDS_IMPL_H
#define SLAB_STORAGE_BASE_WORDS_IMPL_H

#include <slab/storage/base/ranks.h>

enum { WORDS_LOOK_MOST = 64 }; /* words of a rank that are looked at together */

typedef struct served_words served_words;
typedef enum served_op { SERVED_ADD, SERVED_SET, SERVED_GET } served_op;

/** Collective. A thread on every rank answers for its words until they are destroyed.
 * @param n  may differ from rank to rank */
slab_status served_words_create(slab_ranks *ranks, size_t n, served_words **out);
void served_words_destroy(served_words **words); /* collective */

/** @param[out] before  what the word was. Waits for the owner's thread, not for its tasks. */
slab_status served_words_do(served_words *words, int owner, size_t index, served_op op,
                            int64_t operand, int64_t *before);

/** As slab_words_look(). */
slab_status served_words_look(served_words *words, size_t first, size_t n, int64_t *values,
                              bool *all);

#endif

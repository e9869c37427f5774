/**
 * Selection: the elements of given ranks, without sorting. Every pass looks at one digit of the
 * elements' keys (compute/kernel/order.h), of those alone whose higher digits are the wanted ones.
 * After the last digit, or when so few candidates are left that a pass can gather them, the
 * elements are known exactly.
 *
 * For elements of 32 bits over the whole array that is two passes; of 64 bits two or three, and four
 * when more than 65,536 elements agree in their leading 32 bits.
 */
#ifndef SLAB_COMPUTE_SINK_SELECTION_H
#define SLAB_COMPUTE_SINK_SELECTION_H

#include <slab/compute/sink/sink.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_selector slab_selector;
extern const slab_sink_class slab_sink_selection;

/** Says which ranks are wanted once it is known how many elements (that are not NaN) there are.
 * @param[out] ranks  i64 [nranks], 0 <= rank < n, ascending; not called for n = 0 */
typedef void (*slab_ranks_wanted)(const void *context, int64_t n, int64_t *ranks);

/**
 * @param axes    reduced away (bit a: axis a); 0: all. What is left are the slots
 * @param nranks  elements wanted of every slot, 1 or more
 * @retval SLAB_ERR_TYPE  complex numbers, or not numbers
 */
slab_status slab_selector_create(const slab_value *value, uint32_t axes, int nranks,
                                 slab_ranks_wanted wanted, const void *context,
                                 slab_selector **out);

/** Ends the selection after its first pass, whose digit has that many bits: the keys are those in
 * the middle of what a digit leaves open. Before the pass. */
void slab_selector_approximate(slab_selector *selector, int bits);
/** Has the sink say what states of later passes may come to; for plans. */
void slab_selector_foresee(slab_selector *selector, bool later);
void slab_selector_destroy(slab_selector **selector);

/** After a pass with this sink: true while another one is needed. */
bool slab_selector_again(const slab_selector *selector);
/** Passes that it takes at most. */
int slab_selector_passes(const slab_selector *selector);

int64_t slab_selector_slots(const slab_selector *selector);
/** Elements of a slot: all, and those that are NaN. */
int64_t slab_selector_count(const slab_selector *selector, int64_t slot);
int64_t slab_selector_nans(const slab_selector *selector, int64_t slot);
/** The key of the slot's element of wanted rank r (its number in `ranks`), after the last pass. */
uint64_t slab_selector_key(const slab_selector *selector, int64_t slot, int r);

#ifdef __cplusplus
}
#endif
#endif

/**
 * Digests: XXH3 of 128 bits, against damage and not against forgers. What is hashed is a sequence
 * of numbers, texts and bytes that can be taken apart again, so that no two sequences give the same
 * bytes. Digests of the members of a set are added up: their sum does not depend on any order.
 */
#ifndef SLAB_STORAGE_BASE_DIGEST_H
#define SLAB_STORAGE_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_digest {
    uint64_t low, high;
} slab_digest;

/** A digest under way. Plain memory: no end is needed. */
typedef struct slab_hash {
    unsigned char state[640] __attribute__((aligned(64)));
} slab_hash;

void slab_hash_begin(slab_hash *hash);
/** Bytes alone: their number must be known from what was hashed before. */
void slab_hash_bytes(slab_hash *hash, const void *bytes, size_t n);
void slab_hash_number(slab_hash *hash, uint64_t number);
void slab_hash_text(slab_hash *hash, const char *text);
slab_digest slab_hash_end(const slab_hash *hash);

/** Of a text alone. */
slab_digest slab_digest_text(const char *text);

/** Modulo 2^128. */
slab_digest slab_digest_add(slab_digest a, slab_digest b);
slab_digest slab_digest_subtract(slab_digest a, slab_digest b);

bool slab_digest_equal(slab_digest a, slab_digest b);
bool slab_digest_is_zero(slab_digest a);

#ifdef __cplusplus
}
#endif
#endif

/**
 * Tables of people and variants beside simulated genotypes, as an import from PLINK would make
 * them (docs/on-disk.md), so that they can be exported.
 */
#ifndef SLAB_TOOLS_GENOTYPE_TABLES_H
#define SLAB_TOOLS_GENOTYPE_TABLES_H

#include <slab/storage/base/crew.h>
#include <slab/storage/transaction.h>

/**
 * Writes "<array>.samples" and "<array>.variants". Collective.
 *
 * @param shape        of the genotypes, [people, variants]
 * @param populations  people come in that many equal blocks; a person's family id is "pop<k>"
 */
slab_status slab_genotype_tables(slab_crew *crew, slab_txn *txn, const char *array,
                                 const slab_shape *shape, int populations, const char *filter);

/** Memory that one thread takes for them. */
size_t slab_genotype_tables_memory(void);

#endif

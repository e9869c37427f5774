/*
 * Standardises the columns of a matrix that need not fit in memory, (x - mean) / std, and stores
 * the result as /z. The matrix is read twice: once for the moments, once for the elements.
 *
 *     standardize_columns FILE.h5:/MATRIX OUT.h5 [MEBIBYTES]
 */
#include <stdio.h>
#include <stdlib.h>

#include <slab/slab.h>

int main(int argc, char **argv)
{
    slab_ranks *ranks = NULL;
    slab_crew *crew = NULL;
    slab_program *program = NULL;
    size_t budget = (size_t)(argc > 3 ? atoi(argv[3]) : 64) << 20;
    if (argc < 3 || slab_ranks_start(&ranks) || slab_crew_create(ranks, 0, &crew) ||
        slab_program_create(crew, NULL, &program))
        return fprintf(stderr, "standardize_columns FILE.h5:/MATRIX OUT.h5 [MEBIBYTES]\n"), 2;

    /* Nothing is read here. What fails gives a value that carries the cause to the last line. */
    slab_reduce_options columns = {.axes = 1u << 0, .keepdims = true};
    slab_value *x = slab_value_open(crew, argv[1]);
    slab_value *mean = slab_value_reduce("mean", x, &columns);
    slab_value *std = slab_value_reduce("std", x, &columns);
    slab_value *centred = slab_value_apply("subtract", (slab_value *[]){x, mean}, 2);
    slab_value *z = slab_value_apply("divide", (slab_value *[]){centred, std}, 2);
    slab_program_save(program, "/z", z);
    slab_status rc = slab_program_write(program, argv[2], NULL, budget);
    if (rc != SLAB_OK && slab_ranks_me(ranks) == 0)
        fprintf(stderr, "standardize_columns: %s\n", slab_error_last()->message);

    slab_program_destroy(&program);
    for (slab_value **value = (slab_value *[]){x, mean, std, centred, z, NULL}; *value; value++)
        slab_value_drop(value);
    slab_crew_destroy(&crew);
    slab_ranks_stop();
    return rc == SLAB_OK ? 0 : 1;
}

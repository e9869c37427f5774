/*
 * Several results of one reading: the mean and standard deviation of every row, a histogram, and
 * the square root of every element, all stored in one file.
 *
 *     one_reading FILE.h5:/MATRIX OUT.h5
 *
 * Prints how many bytes of the matrix there are, and how many were read.
 */
#include <inttypes.h>
#include <stdio.h>

#include <slab/slab.h>

int main(int argc, char **argv)
{
    slab_ranks *ranks = NULL;
    slab_crew *crew = NULL;
    slab_program *program = NULL;
    if (argc < 3 || slab_ranks_start(&ranks) || slab_crew_create(ranks, 0, &crew) ||
        slab_program_create(crew, NULL, &program))
        return fprintf(stderr, "one_reading FILE.h5:/MATRIX OUT.h5\n"), 2;

    slab_reduce_options rows = {.axes = 1u << 1};
    slab_histogram_axis bins = {.n = 20, .has_range = true, .low = 0, .high = 100};
    slab_value *x = slab_value_open(crew, argv[1]), *made[5];
    made[0] = slab_value_reduce("mean", x, &rows);
    made[1] = slab_value_reduce("std", x, &rows);
    made[2] = slab_value_apply("sqrt", &x, 1);
    slab_value_histogram(&x, 1, NULL, &bins, false, &made[3]);
    static const char *const names[] = {"/mean", "/std", "/root", "/counts", "/edges"};
    for (int i = 0; i < 5; i++)
        slab_program_save(program, names[i], made[i]);
    slab_status rc = slab_program_write(program, argv[2], NULL, 64 << 20);
    int64_t seen = slab_value_counts(x).packed_bytes; /* by this rank */
    if (rc == SLAB_OK)
        rc = slab_ranks_sum(ranks, &seen, 1);
    if (slab_ranks_me(ranks) == 0 && rc == SLAB_OK)
        printf("%" PRId64 " bytes, read %" PRId64 "\n", slab_value_packed_bytes(x), seen);
    else if (slab_ranks_me(ranks) == 0)
        fprintf(stderr, "one_reading: %s\n", slab_error_last()->message);

    slab_program_destroy(&program);
    for (int i = 0; i < 5; i++)
        slab_value_drop(&made[i]);
    slab_value_drop(&x);
    slab_crew_destroy(&crew);
    slab_ranks_stop();
    return rc == SLAB_OK ? 0 : 1;
}

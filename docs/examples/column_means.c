/*
 * Prints the mean and standard deviation of every column of a matrix that need not fit in memory.
 *
 *     column_means FILE.h5 /ARRAY [MEGABYTES]
 *
 * Run it by itself or under mpirun: the numbers are the same to the last bit.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <slab/slab.h>

int main(int argc, char **argv)
{
    slab_ranks *ranks = NULL;
    slab_crew *crew = NULL;
    slab_file *file = NULL;
    slab_array *array = NULL;
    slab_value *x = NULL;
    slab_statistics *columns = NULL;
    slab_pass *pass = NULL;
    size_t budget = (size_t)(argc > 3 ? atoi(argv[3]) : 64) << 20;
    if (argc < 3)
        return fprintf(stderr, "column_means FILE.h5 /ARRAY [MEGABYTES]\n"), 2;

    int failed = slab_ranks_start(&ranks) || slab_crew_create(ranks, 0, &crew) ||
                 slab_file_open(ranks, argv[1], &file) || slab_array_open(file, argv[2], &array);
    if (!failed) {
        /* Nothing is read yet: a lazy value, a sink that takes axis 0 away, a pass over both. */
        x = slab_value_load(array, NULL, slab_crew_threads(crew));
        failed = slab_value_status(x) || slab_statistics_create(x, 1u << 0, &columns) ||
                 slab_pass_create(crew, "column means", x, &pass) ||
                 slab_pass_add(pass, &slab_sink_statistics, columns) || slab_pass_run(pass, budget);
    }
    if (failed)
        fprintf(stderr, "column_means: %s\n", slab_error_last()->message);
    else if (slab_ranks_me(ranks) == 0)
        for (int64_t j = 0; j < slab_statistics_get(columns)->n; j++)
            printf("%" PRId64 " %.17g %.17g\n", j, slab_statistics_get(columns)->mean[j],
                   slab_statistics_get(columns)->std[j]);

    slab_pass_destroy(&pass);
    slab_statistics_destroy(&columns);
    slab_value_drop(&x);
    slab_array_close(&array);
    slab_file_close(&file);
    slab_crew_destroy(&crew);
    slab_ranks_stop();
    return failed ? 1 : 0;
}

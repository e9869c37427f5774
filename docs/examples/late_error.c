/*
 * A chain of builders whose first link fails: the steps behind it do nothing but carry the cause,
 * which surfaces where the result is stored. No file is made.
 *
 *     late_error OUT.h5
 */
#include <stdio.h>

#include <slab/slab.h>

int main(int argc, char **argv)
{
    slab_ranks *ranks = NULL;
    slab_crew *crew = NULL;
    slab_program *program = NULL;
    if (argc < 2 || slab_ranks_start(&ranks) || slab_crew_create(ranks, 0, &crew) ||
        slab_program_create(crew, NULL, &program))
        return fprintf(stderr, "late_error OUT.h5\n"), 2;

    slab_dtype f8 = slab_dtype_make(SLAB_KIND_FLOAT, 8);
    slab_reduce_options third_axis = {.axes = 1u << 2};
    slab_value *x = slab_value_full(&(slab_shape){2, {100, 3}}, f8, &(double){2.0});
    slab_value *sum = slab_value_reduce("sum", x, &third_axis); /* x has two axes */
    slab_value *root = slab_value_apply("sqrt", &sum, 1);
    slab_value *centred = slab_value_apply("subtract", (slab_value *[]){x, root}, 2);
    slab_program_save(program, "/result", centred);
    slab_status rc = slab_program_write(program, argv[1], NULL, 64 << 20);
    if (rc != SLAB_OK && slab_ranks_me(ranks) == 0)
        printf("%s: %s\n", slab_status_name(rc), slab_error_last()->message);

    slab_program_destroy(&program);
    for (slab_value **value = (slab_value *[]){x, sum, root, centred, NULL}; *value; value++)
        slab_value_drop(value);
    slab_crew_destroy(&crew);
    slab_ranks_stop();
    return rc == SLAB_ERR_RANGE ? 0 : 1;
}

/*
 * The language of `slab calc` from C: the text says what is computed of an array, x, and the
 * results are stored under the names that it gives them.
 *
 *     evaluate_text 'm = mean(x, axis=0); z = x - m' FILE.h5:/ARRAY OUT.h5
 */
#include <stdio.h>

#include <slab/slab.h>

int main(int argc, char **argv)
{
    slab_ranks *ranks = NULL;
    slab_crew *crew = NULL;
    slab_program *program = NULL;
    slab_expression *text = NULL;
    slab_expression_outputs results = {0};
    if (argc < 4 || slab_ranks_start(&ranks) || slab_crew_create(ranks, 0, &crew) ||
        slab_program_create(crew, NULL, &program))
        return fprintf(stderr, "evaluate_text TEXT FILE.h5:/ARRAY OUT.h5\n"), 2;

    slab_value *x = slab_value_open(crew, argv[2]);
    slab_status rc = slab_value_status(x);
    if (rc == SLAB_OK)
        rc = slab_expression_parse(argv[1], &text);
    if (rc == SLAB_OK)
        rc = slab_expression_build(text, (const char *[]){"x"}, &x, 1, NULL, &results);
    for (int i = 0; rc == SLAB_OK && i < results.n; i++) {
        const char *name = results.output[i].name;
        rc = slab_program_save(program, name[0] ? name : "result", results.output[i].value);
    }
    if (rc == SLAB_OK)
        rc = slab_program_write(program, argv[3], NULL, 64 << 20);
    if (rc != SLAB_OK && slab_ranks_me(ranks) == 0)
        fprintf(stderr, "evaluate_text: %s\n", slab_error_last()->message);

    slab_expression_outputs_clear(&results);
    slab_expression_destroy(&text);
    slab_program_destroy(&program);
    slab_value_drop(&x);
    slab_crew_destroy(&crew);
    slab_ranks_stop();
    return rc == SLAB_OK ? 0 : 1;
}

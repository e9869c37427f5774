/* Hands a script to the batch system, and learns the number of the job. */
#include <slab/tools/batch.h>
#include <slab/tools/child.h>

#include <slab/storage/base/try.h>
#include <stdio.h>
#include <string.h>

/* The number in what sbatch --parsable ("12;cluster") and qsub ("12[].server") print. */
static slab_status take_number(char *printed, const char *program,
                               char number[SLAB_JOB_NUMBER_MAX])
{
    slab_status rc = SLAB_OK;
    printed[strcspn(printed, ";\n")] = '\0';
    REQUIRE(*printed && strlen(printed) < SLAB_JOB_NUMBER_MAX &&
                !printed[strspn(printed, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "abcdefghijklmnopqrstuvwxyz._[]-")],
            SLAB_ERR_FORMAT, "%s has not said the number of the job", program);
    strcpy(number, printed);
done:
    return rc;
}

slab_status slab_batch_submit(const slab_batch *b, const char *script, const char *after,
                              char number[SLAB_JOB_NUMBER_MAX])
{
    slab_status rc = SLAB_OK;
    slab_child child = {0};
    char depends[SLAB_JOB_NUMBER_MAX + 32], option[] = "-W", parsable[] = "--parsable";
    char invalid[] = "--kill-on-invalid-dep=yes", slurm[] = "sbatch", pbs[] = "qsub";
    snprintf(depends, sizeof depends, b->pbs ? "depend=afterok:%s" : "--dependency=afterok:%s",
             after ? after : "");
    char *slurm_words[] = {slurm, parsable, after ? depends : NULL, invalid, NULL};
    char *pbs_words[] = {pbs, after ? option : NULL, depends, NULL};
    char **words = b->pbs ? pbs_words : slurm_words;
    rc = slab_child_run(words, script, 0, &child);
    if (rc == SLAB_ERR_NOT_FOUND)
        rc = slab_error_prefix(rc, "no %s here (--print shows the script)", words[0]);
    TRY(rc);
    REQUIRE(child.code == 0, SLAB_ERR_VALUE, "%s has not taken the job (exit code %d)", words[0],
            child.code);
    TRY(take_number(child.out, words[0], number));
done:
    slab_child_clear(&child);
    return rc;
}

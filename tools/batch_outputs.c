/* The files that the jobs of an array write. */
#include <slab/tools/batch.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/selection.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

slab_status slab_batch_output(slab_batch_task *task, const char *output)
{
    slab_status rc = SLAB_OK;
    char *file = NULL, *brackets = NULL, *folder = NULL;
    TRY(slab_memory_strdup(&task->output, output));
    TRY(slab_locator_split(output, &file, &task->output_path, &brackets));
    char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
    char first = *name;
    *name = '\0'; /* cuts off what is behind the folder */
    folder = realpath(slash ? file : ".", NULL);
    *name = first;
    if (folder) {
        size_t size = strlen(folder) + strlen(name) + 2;
        ALLOC(task->output_file, size, "the name of an output");
        snprintf(task->output_file, size, "%s/%s", folder, name);
    } else {
        task->output_file = file;
        file = NULL;
    }
done:
    free(folder);
    FREE(file);
    FREE(brackets);
    return rc;
}

static int by_file_and_path(const void *a, const void *b)
{
    const slab_batch_task *x = *(const slab_batch_task *const *)a,
                          *y = *(const slab_batch_task *const *)b;
    int order = strcmp(x->output_file, y->output_file);
    return order ? order : strcmp(x->output_path, y->output_path);
}

/* A file has one writer, and until a job that was stopped has gone on, it stays that job's. */
slab_status slab_batch_check_outputs(const slab_batch_task *tasks, int ntasks)
{
    slab_status rc = SLAB_OK;
    const slab_batch_task **writers = NULL;
    size_t n = 0;
    ALLOC(writers, ntasks, "the outputs of an array");
    for (int i = 0; i < ntasks; i++)
        if (tasks[i].output)
            writers[n++] = &tasks[i];
    qsort(writers, n, sizeof *writers, by_file_and_path);
    for (size_t i = 1; i < n; i++) {
        REQUIRE(by_file_and_path(&writers[i - 1], &writers[i]) != 0, SLAB_ERR_USAGE,
                "several jobs of the array would write '%s': put {stem} or {dir} into -o",
                writers[i]->output);
        REQUIRE(strcmp(writers[i - 1]->output_file, writers[i]->output_file) != 0, SLAB_ERR_USAGE,
                "several jobs of the array would write into one file, as '%s': put {stem} or {dir} "
                "into its name (--merge can bring them together)",
                writers[i]->output);
    }
done:
    FREE(writers);
    return rc;
}

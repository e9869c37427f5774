/*
 * Provenance: attributes that say how an array came to be. Names and meanings: docs/on-disk.md.
 */
#include <slab/tools/call_impl.h>
#include <slab/tools/json.h>
#include <slab/tools/shell_word.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { COMMAND_MOST = 60000 }; /* an HDF5 attribute has room for 64,000 bytes */

slab_status slab_call_command_text(const slab_call *call, char **out)
{
    slab_status rc = SLAB_OK;
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    *out = NULL;
    REQUIRE(to, SLAB_ERR_MEMORY, "no memory to write down the command line");
    fputs("slab", to);
    for (int i = 1; i < call->nwords; i++) {
        putc(' ', to);
        slab_shell_word(to, call->words[i]);
    }
    REQUIRE(fclose(to) == 0, SLAB_ERR_MEMORY, "no memory to write down the command line");
    if (size > COMMAND_MOST)
        strcpy(text + COMMAND_MOST - 4, "...");
    TRY(slab_memory_strdup(out, text));
done:
    free(text);
    return rc;
}

/* [{"path": "1kg.bed", "size": 3843570, "mtime": 1700000000}] */
static slab_status inputs_text(const slab_call *call, char **out)
{
    slab_status rc = SLAB_OK;
    json_t *list = json_array();
    char *text = NULL;
    for (const call_input *i = call->inputs; i; i = i->next) {
        struct stat s;
        json_t *one = json_object();
        json_object_set_new(one, "path", slab_json_text(i->path));
        if (*i->object)
            json_object_set_new(one, "object", slab_json_text(i->object));
        if (stat(i->path, &s) == 0) {
            json_object_set_new(one, "size", json_integer(s.st_size));
            json_object_set_new(one, "mtime", json_integer(s.st_mtime));
        }
        json_array_insert_new(list, 0, one);
    }
    text = json_dumps(list, JSON_COMPACT);
    REQUIRE(text, SLAB_ERR_MEMORY, "no memory to write down the inputs");
    TRY(slab_memory_strdup(out, text));
done:
    json_decref(list);
    free(text);
    return rc;
}

/* Now, in UTC; SOURCE_DATE_EPOCH stands for it where files must come out the same. */
static void date_text(char *text, size_t size)
{
    const char *fixed = getenv("SOURCE_DATE_EPOCH");
    time_t t = fixed ? (time_t)strtoll(fixed, NULL, 10) : time(NULL);
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

slab_status slab_call_provenance(slab_call *call, slab_txn *txn, const char *path)
{
    slab_status rc = SLAB_OK;
    char *command = NULL, *inputs = NULL, date[32];
    TRY(slab_call_command_text(call, &command));
    TRY(inputs_text(call, &inputs));
    date_text(date, sizeof date);
    TRY(slab_txn_attribute_text(txn, path, "slab_command", command));
    TRY(slab_txn_attribute_text(txn, path, "slab_version", SLAB_VERSION));
    TRY(slab_txn_attribute_text(txn, path, "slab_inputs", inputs));
    if (slab_call_text(call, "seed"))
        TRY(slab_txn_attribute_text(txn, path, "slab_seed", slab_call_text(call, "seed")));
    TRY(slab_txn_attribute_text(txn, path, "slab_date", date));
done:
    FREE(command);
    FREE(inputs);
    return rc;
}

/*
 * Arrays of jobs: the files, and the command for each of them. All is put together here, before
 * any shell sees it.
 */
#include <slab/tools/batch.h>

#include <errno.h>
#include <glob.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILES_MOST = 100000 };

slab_status slab_argv_add(slab_argv *list, const char *word)
{
    slab_status rc = SLAB_OK;
    if ((list->n & (list->n + 1)) == 0) /* full at 1, 3, 7, ... words and the NULL */
        TRY(slab_memory_resize((void **)&list->at, 2 * ((size_t)list->n + 1), sizeof *list->at,
                               "words of a command"));
    TRY(slab_memory_strdup(&list->at[list->n], word));
    list->at[++list->n] = NULL;
done:
    return rc;
}

void slab_argv_clear(slab_argv *list)
{
    for (int i = 0; i < list->n; i++)
        slab_memory_free(list->at[i]);
    FREE(list->at);
    list->n = 0;
}

static slab_status add_pattern(const char *pattern, slab_argv *out)
{
    slab_status rc = SLAB_OK;
    struct stat s;
    glob_t found = {0};
    if (lstat(pattern, &s) == 0) { /* a name, even one with brackets in it */
        TRY(slab_argv_add(out, pattern));
        goto done;
    }
    int code = glob(pattern, GLOB_ERR, NULL, &found);
    REQUIRE(code != GLOB_NOSPACE, SLAB_ERR_MEMORY, "no memory for the files of '%s'", pattern);
    REQUIRE(code != GLOB_ABORTED, SLAB_ERR_IO, "cannot read a folder of '%s'", pattern);
    REQUIRE(code == 0, SLAB_ERR_NOT_FOUND, "no file fits '%s'", pattern);
    REQUIRE(found.gl_pathc <= FILES_MOST, SLAB_ERR_RANGE,
            "%zu files fit '%s'; an array has at most %d", found.gl_pathc, pattern, FILES_MOST);
    for (size_t i = 0; i < found.gl_pathc; i++)
        TRY(slab_argv_add(out, found.gl_pathv[i]));
done:
    globfree(&found);
    return rc;
}

slab_status slab_batch_files(slab_call *call, slab_argv *out)
{
    slab_status rc = SLAB_OK;
    const char *pattern;
    for (int k = 0; (pattern = slab_call_text_at(call, "array", k)) != NULL; k++)
        TRY(add_pattern(pattern, out));
    REQUIRE(out->n <= FILES_MOST, SLAB_ERR_RANGE, "%d files: an array has at most %d", out->n,
            FILES_MOST);
done:
    return rc;
}

/* --- the words for a file --- */

typedef struct piece {
    const char *text;
    size_t n;
} piece;

/* What stands for a placeholder at the beginning of the text; text NULL: there is none. */
static piece placeholder(const char *text, const char *file, size_t *length)
{
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
    const char *dot = strrchr(name, '.');
    size_t stem = dot && dot > name ? (size_t)(dot - name) : strlen(name);
    size_t dir = slash == file ? 1 : slash ? (size_t)(slash - file) : 1;
    const struct {
        const char *word;
        piece is;
    } all[] = {{"{}", {file, strlen(file)}},
               {"{name}", {name, strlen(name)}},
               {"{stem}", {name, stem}},
               {"{dir}", {slash ? file : ".", dir}}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        *length = strlen(all[i].word);
        if (strncmp(text, all[i].word, *length) == 0)
            return all[i].is;
    }
    return (piece){NULL, 0};
}

static slab_status expand_word(const char *word, const char *file, char **out)
{
    slab_status rc = SLAB_OK;
    char *text = NULL;
    size_t size = 0, length;
    FILE *to = open_memstream(&text, &size);
    *out = NULL;
    REQUIRE(to, SLAB_ERR_MEMORY, "no memory for the words of a command");
    for (const char *c = word; *c;) {
        piece p = placeholder(c, file, &length);
        if (c == word && p.text && p.n > 0 && *p.text == '-')
            fputs("./", to); /* it would be taken for an option */
        if (p.text)
            fwrite(p.text, 1, p.n, to);
        else
            putc(*c, to);
        c += p.text ? length : 1;
    }
    REQUIRE(fclose(to) == 0, SLAB_ERR_MEMORY, "no memory for the words of a command");
    TRY(slab_memory_strdup(out, text));
done:
    free(text);
    return rc;
}

slab_status slab_batch_expand(const slab_argv *words, const char *file, slab_argv *out)
{
    slab_status rc = SLAB_OK;
    char *word = NULL;
    TRY(slab_argv_add(out, words->at[0])); /* the verb is no file's business */
    for (int i = 1; i < words->n; i++) {
        TRY(expand_word(words->at[i], file, &word));
        TRY(slab_argv_add(out, word));
        FREE(word);
    }
done:
    FREE(word);
    return rc;
}

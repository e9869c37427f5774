#include <slab/format/format.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <slab/storage/base/try.h>

#define SLAB_FORMAT(row) extern const slab_format slab_format_##row;
#include <slab/format/format_list.h>
#undef SLAB_FORMAT

static const slab_format *const formats[] = {
#define SLAB_FORMAT(row) &slab_format_##row,
#include <slab/format/format_list.h>
#undef SLAB_FORMAT
};

#define NFORMATS ((int)(sizeof formats / sizeof *formats))

const slab_format *slab_format_at(int i)
{
    return i >= 0 && i < NFORMATS ? formats[i] : NULL;
}

const slab_format *slab_format_by_name(const char *name)
{
    for (int i = 0; i < NFORMATS; i++)
        if (strcmp(formats[i]->name, name) == 0)
            return formats[i];
    return NULL;
}

/* Steps through the words of "bed bim fam"; false at the end. */
static bool next_suffix(const char **words, const char **word, size_t *length)
{
    *words += strspn(*words, " ");
    *word = *words;
    *length = strcspn(*words, " ");
    *words += *length;
    return *length > 0;
}

static bool has_suffix(const slab_format *format, const char *suffix)
{
    const char *words = format->suffixes, *word;
    size_t length;
    while (next_suffix(&words, &word, &length))
        if (strlen(suffix) == length && strncasecmp(suffix, word, length) == 0)
            return true;
    return false;
}

/* "cohort" names cohort.bed, cohort.bim and cohort.fam, as plink's --bfile does. */
static bool is_prefix_for(const slab_format *format, const char *path)
{
    const char *words = format->suffixes, *word;
    size_t length;
    while (next_suffix(&words, &word, &length)) {
        char name[4096];
        int n = snprintf(name, sizeof name, "%s.%.*s", path, (int)length, word);
        if (n > 0 && (size_t)n < sizeof name && access(name, F_OK) == 0)
            return true;
    }
    return false;
}

static void list_suffixes(char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < NFORMATS; i++) {
        const char *words = formats[i]->suffixes, *word;
        size_t length;
        while (next_suffix(&words, &word, &length) && used < size) {
            int n =
                snprintf(text + used, size - used, "%s.%.*s", used ? ", " : "", (int)length, word);
            used += n > 0 ? (size_t)n : 0;
        }
    }
}

slab_status slab_format_for(const char *path, const slab_format **out)
{
    slab_status rc = SLAB_OK;
    const char *base = strrchr(path, '/'), *dot;
    char known[256];
    *out = NULL;
    base = base ? base + 1 : path;
    dot = strrchr(base, '.');
    for (int i = 0; i < NFORMATS && dot; i++)
        if (has_suffix(formats[i], dot + 1)) {
            *out = formats[i];
            goto done;
        }
    for (int i = 0; i < NFORMATS; i++)
        if (is_prefix_for(formats[i], path)) {
            *out = formats[i];
            goto done;
        }
    list_suffixes(known, sizeof known);
    REQUIRE(!dot || strcasecmp(dot, ".gz") != 0, SLAB_ERR_UNSUPPORTED,
            "'%s' is compressed: gunzip it first, slab reads %s", path, known);
    FAIL(SLAB_ERR_UNSUPPORTED, "the name '%s' tells no format: those known end in %s", path, known);
done:
    return rc;
}

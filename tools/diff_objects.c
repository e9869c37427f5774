/*
 * Two groups with all below them: both lists are sorted the same way and walked side by side.
 */
#include <slab/tools/diff.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void slab_diff_note(slab_diff *diff, const char *path, const char *what, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    diff->ndifferent++;
    if (diff->objects) {
        json_t *one = json_object();
        json_object_set_new(one, "path", slab_json_text(path));
        json_object_set_new(one, "what", json_string(what));
        json_object_set_new(one, "detail", slab_json_text(text));
        json_array_append_new(diff->objects, one);
        return;
    }
    slab_print_name(diff->call, path);
    slab_print(diff->call, ": %s: ", what);
    slab_print_name(diff->call, text);
    slab_print(diff->call, "\n");
}

/* --- lists of objects --- */

typedef struct object {
    char *path; /* within the file */
    char *target;
    slab_object kind;
} object;

typedef struct side {
    slab_file *file;
    const char *group;
    size_t skip; /* bytes of a path before its part below the group */
    object *at;
    size_t n, room;
} side;

static slab_status collect(void *context, const char *path, slab_object kind, const char *target)
{
    slab_status rc = SLAB_OK;
    side *s = context;
    if (s->n == s->room) {
        size_t room = s->room ? 2 * s->room : 64;
        TRY(slab_memory_resize((void **)&s->at, room, sizeof *s->at, "a list of objects"));
        s->room = room;
    }
    object *o = &s->at[s->n];
    *o = (object){.kind = kind};
    TRY(slab_memory_strdup(&o->path, path));
    s->n++;
    if (target)
        TRY(slab_memory_strdup(&o->target, target));
done:
    return rc;
}

static slab_status side_open(slab_file *file, const char *group, side *s)
{
    size_t n = strlen(group);
    while (n > 0 && group[n - 1] == '/')
        n--;
    *s = (side){.file = file, .group = group, .skip = n};
    return slab_file_list(file, group, true, collect, s);
}

static void side_close(side *s)
{
    for (size_t i = 0; i < s->n; i++) {
        slab_memory_free(s->at[i].path);
        slab_memory_free(s->at[i].target);
    }
    FREE(s->at);
}

static const char *relative(const side *s, size_t i)
{
    return s->at[i].path + s->skip;
}

/* The order of slab_file_list(). */
static int order(const char *x, const char *y)
{
    while (*x != '\0' && *x == *y)
        x++, y++;
    int p = *x == '/' ? 1 : (unsigned char)*x, q = *y == '/' ? 1 : (unsigned char)*y;
    return p < q ? -1 : p > q;
}

/* --- attributes --- */

static bool is_provenance(const char *name)
{
    static const char *const names[] = {"slab_command", "slab_version", "slab_inputs", "slab_seed",
                                        "slab_date"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static void see_nothing(void *context, int64_t i, double absolute)
{
    (void)context, (void)i, (void)absolute;
}

/* Numbers are compared like elements, everything else through HDF5. */
static slab_status attribute_same(slab_diff *diff, const side *a, const char *path_a,
                                  const slab_attribute *x, const side *b, const char *path_b,
                                  const slab_attribute *y, bool *same)
{
    slab_status rc = SLAB_OK;
    slab_difference_rule rule;
    slab_difference_sums sums = {0};
    double least = 0;
    slab_difference_found found = {.see = see_nothing, .least = &least};
    int64_t n;
    if (!x->data || !y->data)
        return slab_file_attribute_equal(a->file, path_a, b->file, path_b, x->name, same);
    *same = slab_shape_equal(&x->shape, &y->shape);
    if (!*same)
        return SLAB_OK;
    TRY(slab_shape_elements(&x->shape, &n));
    TRY(slab_difference_rule_make(x->dtype, y->dtype, &rule));
    rule.atol = diff->options.atol;
    rule.rtol = diff->options.rtol;
    rule.equal_nan = true; /* an attribute's NaN is a mark, such as a fill value */
    TRY(slab_difference_run(&rule, x->data, x->dtype.size, y->data, y->dtype.size, n, &sums,
                            &found));
    *same = sums.differ == 0;
done:
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const slab_attribute *)a)->name, ((const slab_attribute *)b)->name);
}

static slab_status attributes_of(const side *s, const char *path, slab_attribute **list, size_t *n)
{
    slab_status rc = slab_file_attributes_here(s->file, path, list, n);
    if (rc == SLAB_OK && *n > 1)
        qsort(*list, *n, sizeof **list, by_name);
    return rc;
}

static slab_status compare_attributes(slab_diff *diff, const char *name, const side *a,
                                      const char *path_a, const side *b, const char *path_b)
{
    slab_status rc = SLAB_OK;
    slab_attribute *x = NULL, *y = NULL;
    size_t nx = 0, ny = 0;
    TRY(attributes_of(a, path_a, &x, &nx));
    TRY(attributes_of(b, path_b, &y, &ny));
    for (size_t i = 0, k = 0; i < nx || k < ny;) {
        int c = i == nx ? 1 : k == ny ? -1 : by_name(&x[i], &y[k]);
        const slab_attribute *one = c <= 0 ? &x[i] : &y[k];
        bool same = true;
        i += c <= 0;
        k += c >= 0;
        if (!diff->provenance && is_provenance(one->name))
            continue;
        if (c)
            slab_diff_note(diff, name, "attribute", "'%s' is only in %s: %s", one->name,
                           c < 0 ? "the first" : "the second", one->text);
        else
            TRY(attribute_same(diff, a, path_a, one, b, path_b, &y[k - 1], &same));
        if (!same)
            slab_diff_note(diff, name, "attribute", "'%s': %s and %s", one->name, one->text,
                           y[k - 1].text);
    }
done:
    slab_attributes_free(&x, nx);
    slab_attributes_free(&y, ny);
    return rc;
}

/* --- the walk --- */

static const char *const kinds[] = {"a group", "an array", "a type", "a link", "an external link"};

static slab_status compare_pair(slab_diff *diff, const side *a, const object *x, const side *b,
                                const object *y)
{
    slab_status rc = SLAB_OK;
    const char *name = x->path + a->skip;
    bool links = x->kind == SLAB_OBJECT_SOFT_LINK || x->kind == SLAB_OBJECT_EXTERNAL_LINK, same;
    if (x->kind != y->kind) {
        slab_diff_note(diff, name, "kind", "%s and %s", kinds[x->kind], kinds[y->kind]);
        goto done;
    }
    if (links) {
        if (strcmp(x->target, y->target) != 0)
            slab_diff_note(diff, name, "link", "to %s and to %s", x->target, y->target);
        goto done;
    }
    if (x->kind == SLAB_OBJECT_TYPE) {
        TRY(slab_file_types_equal(a->file, x->path, b->file, y->path, &same));
        if (!same)
            slab_diff_note(diff, name, "type", "the named types differ");
    }
    TRY(compare_attributes(diff, name, a, x->path, b, y->path));
done:
    return rc;
}

/* What only one side has; what lies in a group that is missing is not named. */
static size_t note_missing(slab_diff *diff, const side *s, size_t i, const char *where)
{
    const char *path = s->at[i].path;
    size_t n = strlen(path), next = i + 1;
    slab_diff_note(diff, relative(s, i), "missing", "%s only in %s", kinds[s->at[i].kind], where);
    while (next < s->n && strncmp(s->at[next].path, path, n) == 0 && s->at[next].path[n] == '/')
        next++;
    return next;
}

static slab_status common_add(char **common, size_t *size, size_t *room, const char *path)
{
    slab_status rc = SLAB_OK;
    size_t n = strlen(path) + 1;
    if (*size + n > *room) {
        size_t more = 2 * (*size + n) + 256;
        TRY(slab_memory_resize((void **)common, more, 1, "names of arrays"));
        *room = more;
    }
    memcpy(*common + *size, path, n);
    *size += n;
done:
    return rc;
}

slab_status slab_diff_trees(slab_diff *diff, slab_file *a, const char *path_a, slab_file *b,
                            const char *path_b, char **common, size_t *size)
{
    slab_status rc = SLAB_OK;
    side x = {0}, y = {0};
    size_t room = 0;
    *size = 0;
    TRY(side_open(a, path_a, &x));
    TRY(side_open(b, path_b, &y));
    TRY(compare_attributes(diff, "/", &x, path_a, &y, path_b));
    for (size_t i = 0, k = 0; i < x.n || k < y.n;) {
        int c = i == x.n ? 1 : k == y.n ? -1 : order(relative(&x, i), relative(&y, k));
        if (c < 0) {
            i = note_missing(diff, &x, i, "the first");
        } else if (c > 0) {
            k = note_missing(diff, &y, k, "the second");
        } else {
            TRY(compare_pair(diff, &x, &x.at[i], &y, &y.at[k]));
            if (x.at[i].kind == SLAB_OBJECT_ARRAY && y.at[k].kind == SLAB_OBJECT_ARRAY)
                TRY(common_add(common, size, &room, relative(&x, i)));
            i++, k++;
        }
    }
done:
    side_close(&x);
    side_close(&y);
    return rc;
}

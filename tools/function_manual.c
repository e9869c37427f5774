/*
 * Functions of expressions for the terminal: what their descriptors know.
 */
#include <slab/tools/function_manual.h>
#include <slab/tools/wording.h>

#include <stdbool.h>
#include <string.h>

enum {
    TEXT_MOST = 1200,
    TYPES = 14,
    LABEL = 12 /* where the text behind a label begins */
};

/* --- the signature --- */

typedef struct words {
    char text[TEXT_MOST];
    size_t used;
} words;

static void add(words *w, const char *text, size_t length)
{
    if (length > sizeof w->text - 1 - w->used)
        length = sizeof w->text - 1 - w->used;
    memcpy(w->text + w->used, text, length);
    w->used += length;
    w->text[w->used] = '\0';
}

static void join(words *w, const char *between, const char *text)
{
    if (w->used)
        add(w, between, strlen(between));
    add(w, text, strlen(text));
}

/* One parameter, "axis: axes = None", as Python would write it: "axis=None". */
static void write_parameter(const char *at, size_t length, words *to)
{
    const char *colon = memchr(at, ':', length), *equals = memchr(at, '=', length);
    size_t name = colon ? (size_t)(colon - at) : length;
    join(to, ", ", "");
    add(to, at, name);
    if (equals) {
        add(to, "=", 1);
        add(to, equals + 2, length - (size_t)(equals + 2 - at));
    }
}

/* Parameters that are taken, and the names of those that NumPy has and slab has not. */
static void split_parameters(const char *parameters, words *taken, words *missing)
{
    static const char no[] = ": no";
    bool star = false; /* a bare * waits for a parameter behind it */
    for (const char *at = parameters; *at;) {
        size_t length = strcspn(at, ",");
        const char *colon = memchr(at, ':', length);
        if (length == 1 && *at == '*') {
            star = true;
        } else if (colon && strncmp(colon, no, sizeof no - 1) == 0) {
            join(missing, ", ", "");
            add(missing, at, (size_t)(colon - at));
        } else {
            if (star)
                join(taken, ", ", "*");
            star = false;
            write_parameter(at, length, taken);
        }
        at += length;
        at += strspn(at, ", ");
    }
}

/* --- types --- */

/* What a function gives for arrays of each type; "" where it does not take it. */
typedef struct given {
    char of[TYPES][SLAB_FUNCTION_TYPE_MAX];
} given;

static const char *const type_names[TYPES] = {
    "bool",  "int8",   "uint8",   "int16",   "uint16",  "int32",     "uint32",
    "int64", "uint64", "float16", "float32", "float64", "complex64", "complex128"};

static void find_types(const slab_function_info *f, given *g)
{
    const char *first = NULL;
    bool one = true; /* result, whatever the type */
    for (int i = 0; i < TYPES; i++) {
        slab_dtype dtype;
        g->of[i][0] = '\0';
        if (slab_dtype_parse(type_names[i], &dtype) != SLAB_OK ||
            !slab_expression_function_type(f, dtype, g->of[i]))
            continue;
        first = first ? first : g->of[i];
        one = one && strcmp(g->of[i], first) == 0;
    }
    for (int i = 0; i < TYPES && !one; i++)
        if (strcmp(g->of[i], type_names[i]) == 0)
            strcpy(g->of[i], "the same");
}

/* Types with the same result stand together: "float64 of int32 int64; the same of float32". */
static void write_types(const slab_function_info *f, words *to)
{
    given g;
    find_types(f, &g);
    for (int i = 0; i < TYPES; i++) {
        words types = {{0}, 0};
        int n = 0;
        for (int k = 0; k < TYPES; k++)
            if (g.of[i][0] && strcmp(g.of[k], g.of[i]) == 0) {
                join(&types, " ", type_names[k]);
                n++;
            }
        bool seen = false; /* with an earlier type */
        for (int k = 0; k < i; k++)
            seen = seen || strcmp(g.of[k], g.of[i]) == 0;
        if (n == 0 || seen)
            continue;
        join(to, "; ", g.of[i]);
        join(to, " of ", n == TYPES ? "any type" : types.text);
    }
}

/* --- printing --- */

static void line(FILE *to, const char *label, const char *text)
{
    if (*text == '\0')
        return;
    int n = fprintf(to, "  %s", label);
    slab_text_wrap(to, text, n, LABEL);
}

/* The operands of an element-wise operation are called as in its formula: "arctan2(y, x)". */
static void write_operation(FILE *to, const slab_function_info *f)
{
    size_t length = strlen(f->name);
    int n = 0;
    if (strncmp(f->formula, f->name, length) == 0 && f->formula[length] == '(') {
        fprintf(to, "%s\n", f->formula);
        return;
    }
    for (const char *at = f->parameters; (at = strchr(at, ':')) != NULL; at++)
        n++;
    fprintf(to, "%s(%s)\n", f->name, n == 1 ? "x" : "x, y");
}

static void write_signature(FILE *to, const slab_function_info *f, const char *method,
                            const char *taken)
{
    char signature[TEXT_MOST + 80];
    if (f->elementwise) {
        write_operation(to, f);
        return;
    }
    if (method) { /* the first parameter stands before the point */
        const char *rest = strchr(taken, ',');
        snprintf(signature, sizeof signature, "a.%s(%s)", method, rest ? rest + 2 : "");
    } else {
        snprintf(signature, sizeof signature, "%s(%s)", f->name, taken);
    }
    slab_text_wrap(to, signature, 4, 4);
}

void slab_manual_function(FILE *to, const slab_function_info *f)
{
    static const char class[] = "ndarray.";
    words taken = {{0}, 0}, missing = {{0}, 0}, types = {{0}, 0};
    char call[80];
    bool only_method = strncmp(f->name, class, sizeof class - 1) == 0;
    split_parameters(f->parameters, &taken, &missing);
    write_signature(to, f, only_method ? f->name + sizeof class - 1 : NULL, taken.text);
    fputs("  ", to);
    slab_text_wrap(to, f->summary, 2, 2);
    snprintf(call, sizeof call, "%s(", f->name);
    if (f->elementwise && strncmp(f->formula, call, strlen(call)) != 0)
        line(to, "written", f->formula);
    write_types(f, &types);
    line(to, "gives", types.text);
    line(to, "also", f->aliases);
    snprintf(call, sizeof call, "x.%s()", f->name);
    line(to, "method", f->method && !only_method ? call : "");
    line(to, "without", missing.text);
}

void slab_manual_functions(FILE *to)
{
    slab_function_info f;
    fputs("Functions of expressions ('slab calc'). 'slab help NAME' explains one.\n\n", to);
    for (int i = 0; slab_expression_function_at(i, &f); i++) {
        int n = fprintf(to, "  %-17s ", f.name);
        slab_text_wrap(to, f.summary, n, 20);
    }
}

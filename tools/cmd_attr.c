/*
 * Attributes: listed, printed, set and deleted. What is set is read as JSON where it is JSON, and
 * as text where it is not.
 */
#include <slab/tools/json.h>

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdlib.h>
#include <string.h>

static const slab_option options[] = {
    {"dtype", 0, 't', "TYPE", NULL,
     "element type of what is set, as f4, u1 or S16 (default: i8, f8, bool or text, by the value)"},
    {"delete", 0, 'b', NULL, NULL, "delete the attributes that are named"},
    {NULL, 0, 0, NULL, NULL, NULL}};

/* A new value: elements of a type, n of them or (-1) a scalar; or text. */
typedef struct setting {
    char *name;
    char *text; /* NULL: see data */
    slab_dtype dtype;
    int64_t n;
    char *data;
} setting;

static void setting_clear(setting *s)
{
    FREE(s->name);
    FREE(s->text);
    FREE(s->data);
}

/* --- values --- */

static bool is_whole(const char *text)
{
    size_t sign = *text == '-' || *text == '+';
    return text[sign] && text[sign + strspn(text + sign, "0123456789")] == '\0';
}

/* jansson has neither integers above 2^63 nor NaN: these are read here. */
static slab_status number_of(const char *text, setting *s, bool *is_number)
{
    slab_status rc = SLAB_OK;
    char *end = NULL;
    int64_t integer = 0;
    uint64_t large = 0;
    double real = strtod(text, &end);
    *is_number = *text && end != text && *end == '\0';
    if (!*is_number)
        goto done;
    s->n = -1;
    s->dtype = slab_dtype_make(SLAB_KIND_FLOAT, 8);
    ALLOC(s->data, 8, "an attribute");
    memcpy(s->data, &real, sizeof real);
    if (!is_whole(text))
        goto done;
    errno = 0;
    integer = strtoll(text, NULL, 10);
    if (errno == 0) {
        s->dtype = slab_dtype_make(SLAB_KIND_INT, 8);
        memcpy(s->data, &integer, sizeof integer);
        goto done;
    }
    errno = 0;
    large = strtoull(text, NULL, 10);
    REQUIRE(*text != '-' && errno == 0, SLAB_ERR_RANGE,
            "attribute '%s': %s does not fit 64 bits; as a real: %s.0", s->name, text, text);
    s->dtype = slab_dtype_make(SLAB_KIND_UINT, 8);
    memcpy(s->data, &large, sizeof large);
done:
    return rc;
}

/* The type that holds every element of a list. */
static slab_status list_type(const json_t *list, setting *s)
{
    slab_status rc = SLAB_OK;
    size_t texts = 0, bools = 0, reals = 0, longest = 1, n = json_array_size(list);
    for (size_t i = 0; i < n; i++) {
        const json_t *e = json_array_get(list, i);
        REQUIRE(json_is_string(e) || json_is_boolean(e) || json_is_number(e), SLAB_ERR_USAGE,
                "attribute '%s': a list holds numbers, or texts, or true and false", s->name);
        texts += json_is_string(e);
        bools += json_is_boolean(e);
        reals += json_is_real(e);
        if (json_is_string(e) && json_string_length(e) > longest)
            longest = json_string_length(e);
    }
    REQUIRE((texts == 0 || texts == n) && (bools == 0 || bools == n), SLAB_ERR_USAGE,
            "attribute '%s': a list holds numbers, or texts, or true and false, not a mixture",
            s->name);
    s->n = (int64_t)n;
    s->dtype = texts   ? slab_dtype_make(SLAB_KIND_STRING, (uint32_t)longest)
               : bools ? slab_dtype_make(SLAB_KIND_BOOL, 1)
               : reals ? slab_dtype_make(SLAB_KIND_FLOAT, 8)
                       : slab_dtype_make(SLAB_KIND_INT, 8);
done:
    return rc;
}

static void element_put(const json_t *e, slab_dtype dtype, char *at)
{
    double real = json_number_value(e);
    int64_t integer = json_integer_value(e);
    if (dtype.kind == SLAB_KIND_STRING)
        memcpy(at, json_string_value(e), json_string_length(e));
    else if (dtype.kind == SLAB_KIND_BOOL)
        *at = json_is_true(e);
    else if (dtype.kind == SLAB_KIND_FLOAT)
        memcpy(at, &real, sizeof real);
    else
        memcpy(at, &integer, sizeof integer);
}

static slab_status list_of(const json_t *list, setting *s)
{
    slab_status rc = SLAB_OK;
    TRY(list_type(list, s));
    TRY(slab_memory_alloc((void **)&s->data, (size_t)s->n, s->dtype.size, "an attribute"));
    for (int64_t i = 0; i < s->n; i++)
        element_put(json_array_get(list, (size_t)i), s->dtype, s->data + (size_t)i * s->dtype.size);
done:
    return rc;
}

static slab_status json_of(const char *text, setting *s)
{
    slab_status rc = SLAB_OK;
    json_error_t error;
    json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    bool must = *text == '[' || *text == '{' || *text == '"';
    REQUIRE(json || !must, SLAB_ERR_USAGE, "attribute '%s': '%s' is not JSON: %s", s->name, text,
            error.text);
    if (json_is_array(json)) {
        TRY(list_of(json, s));
    } else if (json_is_boolean(json)) {
        s->n = -1;
        s->dtype = slab_dtype_make(SLAB_KIND_BOOL, 1);
        ALLOC(s->data, 1, "an attribute");
        s->data[0] = json_is_true(json);
    } else {
        REQUIRE(!json_is_object(json) && !json_is_null(json), SLAB_ERR_USAGE,
                "attribute '%s': a value is a number, a text, true or false, or a list of them",
                s->name);
        TRY(slab_memory_strdup(&s->text, json_is_string(json) ? json_string_value(json) : text));
    }
done:
    json_decref(json);
    return rc;
}

/* --- the type that was asked for --- */

/* Numbers change to the type where they keep their value; reals are rounded. */
static slab_status numbers_as(slab_dtype to, setting *s)
{
    slab_status rc = SLAB_OK;
    int64_t n = s->n < 0 ? 1 : s->n;
    char *data = NULL, *back = NULL, name[SLAB_DTYPE_NAME_MAX], value[64];
    slab_dtype native = slab_dtype_native(to);
    REQUIRE(!s->text && s->dtype.kind != SLAB_KIND_STRING, SLAB_ERR_USAGE,
            "attribute '%s': a text is no %s", s->name, slab_dtype_name(to, name));
    TRY(slab_memory_alloc((void **)&data, (size_t)n, native.size, "an attribute"));
    TRY(slab_memory_alloc((void **)&back, (size_t)n, s->dtype.size, "an attribute"));
    TRY(slab_dtype_convert(s->dtype, s->data, native, data, (size_t)n));
    TRY(slab_dtype_convert(native, data, s->dtype, back, (size_t)n));
    for (int64_t i = 0; i < n; i++) {
        const char *was = s->data + i * s->dtype.size;
        bool rounds = native.kind == SLAB_KIND_FLOAT || native.kind == SLAB_KIND_COMPLEX;
        double is = rounds ? slab_dtype_get_double(s->dtype, back + i * s->dtype.size) : 0;
        bool kept = rounds ? !isinf(is) || isinf(slab_dtype_get_double(s->dtype, was))
                           : memcmp(was, back + i * s->dtype.size, s->dtype.size) == 0;
        slab_dtype_print(s->dtype, was, value, sizeof value);
        REQUIRE(kept, SLAB_ERR_RANGE, "attribute '%s': %s does not fit %s", s->name, value,
                slab_dtype_name(to, name));
    }
    s->dtype = to;
    FREE(s->data);
    s->data = data;
    data = NULL;
done:
    FREE(data);
    FREE(back);
    return rc;
}

/* Texts of the stated length. */
static slab_status texts_as(slab_dtype to, const char *given, setting *s)
{
    slab_status rc = SLAB_OK;
    char *data = NULL;
    bool list = !s->text && s->dtype.kind == SLAB_KIND_STRING;
    int64_t n = list ? s->n : 1;
    TRY(slab_memory_alloc((void **)&data, (size_t)n, to.size, "an attribute"));
    for (int64_t i = 0; i < n; i++) {
        const char *from = list ? s->data + i * s->dtype.size : s->text ? s->text : given;
        size_t length = list ? strnlen(from, s->dtype.size) : strlen(from);
        REQUIRE(length <= to.size, SLAB_ERR_RANGE,
                "attribute '%s': '%.*s' is longer than S%" PRIu32, s->name, (int)length, from,
                to.size);
        memcpy(data + i * to.size, from, length);
    }
    FREE(s->text);
    FREE(s->data);
    s->n = list ? n : -1;
    s->dtype = to;
    s->data = data;
    data = NULL;
done:
    FREE(data);
    return rc;
}

static slab_status setting_parse(slab_call *call, const char *word, setting *s)
{
    slab_status rc = SLAB_OK;
    const char *value = strchr(word, '=') + 1, *dtype = slab_call_text(call, "dtype");
    bool is_number;
    slab_dtype to;
    REQUIRE(value - word > 1, SLAB_ERR_USAGE, "'%s' has no name before the '='", word);
    ALLOC(s->name, value - word, "the name of an attribute");
    memcpy(s->name, word, (size_t)(value - word) - 1);
    TRY(number_of(value, s, &is_number));
    if (!is_number)
        TRY(json_of(value, s));
    if (!dtype)
        goto done;
    TRY(slab_dtype_parse(dtype, &to));
    if (to.kind == SLAB_KIND_STRING)
        TRY(texts_as(to, value, s));
    else
        TRY(numbers_as(to, s));
done:
    return rc;
}

/* --- looking --- */

static slab_status print_one(slab_call *call, const char *locator, const slab_attribute *list,
                             size_t n, const char *name)
{
    slab_status rc = SLAB_OK;
    const slab_attribute *found = NULL;
    char names[400] = "";
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%.40s", used ? ", " : "", list[i].name);
        found = strcmp(list[i].name, name) == 0 ? &list[i] : found;
    }
    REQUIRE(found, SLAB_ERR_NOT_FOUND, "'%s' has no attribute '%s': it has %s", locator, name,
            n ? names : "none");
    if (slab_call_flag(call, "json")) {
        slab_print_json(call, slab_json_attribute(found));
    } else {
        slab_print_name(call, found->text);
        slab_print(call, "\n");
    }
done:
    return rc;
}

static slab_status show(slab_call *call, slab_file *file, const char *path)
{
    slab_status rc = SLAB_OK;
    slab_attribute *list = NULL;
    size_t n = 0;
    const char *locator = slab_call_argument(call, 0);
    TRY(slab_file_attributes(file, path, &list, &n));
    if (slab_call_count(call) == 2) {
        TRY(print_one(call, locator, list, n, slab_call_argument(call, 1)));
        goto done;
    }
    json_t *json = slab_call_flag(call, "json") ? json_object() : NULL;
    for (size_t i = 0; i < n; i++) {
        if (json) {
            slab_json_set_named(json, list[i].name, slab_json_attribute(&list[i]));
            continue;
        }
        slab_print_name(call, list[i].name);
        slab_print(call, " = ");
        slab_print_name(call, list[i].text);
        slab_print(call, "\n");
    }
    if (json)
        slab_print_json(call, json);
done:
    slab_attributes_free(&list, n);
    return rc;
}

/* --- changing --- */

static slab_status setting_write(slab_txn *txn, const char *path, const setting *s)
{
    return s->text ? slab_txn_attribute_text(txn, path, s->name, s->text)
                   : slab_txn_attribute(txn, path, s->name, s->dtype, s->n, s->data);
}

static slab_status change(slab_call *call, slab_file *file, const char *path)
{
    slab_status rc = SLAB_OK;
    bool removes = slab_call_flag(call, "delete");
    int n = slab_call_count(call) - 1;
    slab_txn *txn = NULL;
    slab_txn_options defaults = slab_txn_defaults();
    setting *settings = NULL;
    ALLOC(settings, n, "attributes");
    for (int i = 0; i < n && !removes; i++)
        TRY(setting_parse(call, slab_call_argument(call, i + 1), &settings[i]));
    TRY(slab_txn_begin(slab_call_ranks(call), slab_file_path(file), &defaults, &txn));
    for (int i = 0; i < n; i++)
        if (removes)
            TRY(slab_txn_attribute_remove(txn, path, slab_call_argument(call, i + 1)));
        else
            TRY(setting_write(txn, path, &settings[i]));
    TRY(slab_txn_commit(&txn));
done:
    slab_txn_abort(&txn);
    for (int i = 0; settings && i < n; i++)
        setting_clear(&settings[i]);
    FREE(settings);
    return rc;
}

/* All words after the first say the same kind of thing: names to look at, or values to set. */
static slab_status check_words(slab_call *call, bool *sets)
{
    slab_status rc = SLAB_OK;
    int n = slab_call_count(call), assignments = 0;
    bool removes = slab_call_flag(call, "delete");
    for (int i = 1; i < n; i++)
        assignments += strchr(slab_call_argument(call, i), '=') != NULL;
    *sets = assignments > 0 && !removes;
    REQUIRE(!removes || n > 1, SLAB_ERR_USAGE, "--delete needs the names of attributes");
    REQUIRE(removes || assignments == 0 || assignments == n - 1, SLAB_ERR_USAGE,
            "NAME and NAME=VALUE do not go together: print or set, not both");
    REQUIRE(*sets || removes || n <= 2, SLAB_ERR_USAGE,
            "one attribute is printed at a time, or all of them; '%s' is too much",
            slab_call_argument(call, 2));
    REQUIRE(*sets || !slab_call_text(call, "dtype"), SLAB_ERR_USAGE,
            "--dtype is for attributes that are set: NAME=VALUE");
done:
    return rc;
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    slab_file *file;
    char *name = NULL, *path = NULL, *brackets = NULL;
    const char *locator = slab_call_argument(call, 0);
    slab_object object;
    bool sets;
    *exit_code = 0;
    TRY(check_words(call, &sets));
    TRY(slab_locator_split(locator, &name, &path, &brackets));
    TRY(slab_call_open(call, locator, &file, NULL, NULL));
    TRY(slab_file_object(file, path, &object));
    if (sets || slab_call_flag(call, "delete"))
        TRY(change(call, file, path));
    else
        TRY(show(call, file, path));
done:
    FREE(name);
    FREE(path);
    FREE(brackets);
    return rc;
}

const slab_command slab_command_attr = {
    .name = "attr",
    .arguments = "FILE.h5:/PATH [NAME | NAME=VALUE...]",
    .summary = "list, print, set and delete attributes",
    .description =
        "Without a name, lists the attributes of an array or group (FILE.h5 alone: of the root "
        "group). With a name, prints that attribute's value and nothing else. With NAME=VALUE sets "
        "attributes, replacing those that are there; all on one command line are set at once, or "
        "none.\n\n"
        "A VALUE is a number, true or false, a list in JSON (of numbers, of texts, or of true and "
        "false), or else a text. A text that looks like one of the others is put in double quotes "
        "(and these in single ones, for the shell). Whole numbers are stored as i8, others as f8; "
        "--dtype says otherwise, and refuses numbers that do not fit.",
    .examples = "  slab attr x.h5:/x\n"
                "  slab attr x.h5:/x units\n"
                "  slab attr x.h5:/x units=K scale=0.5 'shape=[3, 4]' 'version=\"2\"'\n"
                "  slab attr x.h5:/x missing_value=255 --dtype u1\n"
                "  slab attr x.h5:/x --delete units scale\n",
    .takes = SLAB_TAKES_MEMORY | SLAB_TAKES_JSON,
    .least = 1,
    .most = -1,
    .options = options,
    .run = run,
};

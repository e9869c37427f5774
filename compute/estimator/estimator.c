#include <slab/compute/estimator/estimator.h>

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <slab/storage/base/try.h>
#include <stdlib.h>
#include <string.h>

#define SLAB_ESTIMATOR(name) extern const slab_estimator_class slab_estimator_##name;
#include <slab/compute/estimator/estimator_list.h>
#undef SLAB_ESTIMATOR

static const slab_estimator_class *const estimators[] = {
#define SLAB_ESTIMATOR(name) &slab_estimator_##name,
#include <slab/compute/estimator/estimator_list.h>
#undef SLAB_ESTIMATOR
};

const slab_estimator_class *slab_estimator_at(int i)
{
    int n = (int)(sizeof estimators / sizeof estimators[0]);
    return i >= 0 && i < n ? estimators[i] : NULL;
}

const slab_estimator_class *slab_estimator_by_name(const char *name)
{
    for (int i = 0; slab_estimator_at(i); i++)
        if (strcmp(slab_estimator_at(i)->name, name) == 0)
            return slab_estimator_at(i);
    return NULL;
}

/* What was given, or the default; NULL when there is neither. */
static const char *text_of(const slab_fit *fit, const slab_estimator_class *cls, const char *name,
                           const slab_parameter **which)
{
    for (int i = 0; cls->parameters[i].name; i++) {
        const slab_parameter *p = &cls->parameters[i];
        if (strcmp(p->name, name) != 0)
            continue;
        *which = p;
        return fit->values && fit->values[i] ? fit->values[i] : p->initial;
    }
    *which = NULL;
    return NULL;
}

slab_status slab_parameter_int(const slab_fit *fit, const slab_estimator_class *cls,
                               const char *name, int64_t least, int64_t most, int64_t *out,
                               bool *given)
{
    slab_status rc = SLAB_OK;
    const slab_parameter *p;
    const char *text = text_of(fit, cls, name, &p);
    char *end;
    *given = text != NULL;
    if (!text)
        goto done;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    REQUIRE(end != text && *end == '\0' && errno == 0, SLAB_ERR_USAGE,
            "--%s takes an integer, not '%s'", name, text);
    REQUIRE(value >= least && value <= most, SLAB_ERR_USAGE,
            "--%s is %lld, but must be from %" PRId64 " to %" PRId64, name, value, least, most);
    *out = value;
done:
    return rc;
}

slab_status slab_parameter_real(const slab_fit *fit, const slab_estimator_class *cls,
                                const char *name, double least, double most, double *out)
{
    slab_status rc = SLAB_OK;
    const slab_parameter *p;
    const char *text = text_of(fit, cls, name, &p);
    char *end;
    if (!text)
        goto done;
    double value = strtod(text, &end);
    REQUIRE(end != text && *end == '\0' && isfinite(value), SLAB_ERR_USAGE,
            "--%s takes a number, not '%s'", name, text);
    REQUIRE(value >= least && value <= most, SLAB_ERR_USAGE,
            "--%s is %g, but must be from %g to %g", name, value, least, most);
    *out = value;
done:
    return rc;
}

slab_status slab_parameter_choice(const slab_fit *fit, const slab_estimator_class *cls,
                                  const char *name, int *out, bool *given)
{
    slab_status rc = SLAB_OK;
    const slab_parameter *p;
    const char *text = text_of(fit, cls, name, &p);
    *given = text != NULL;
    if (!text)
        goto done;
    size_t length = strlen(text);
    const char *at = p->choices;
    for (int i = 0; at; i++) {
        const char *end = strchrnul(at, '|');
        if ((size_t)(end - at) == length && memcmp(at, text, length) == 0) {
            *out = i;
            goto done;
        }
        at = *end ? end + 1 : NULL;
    }
    FAIL(SLAB_ERR_USAGE, "--%s is one of %s, not '%s'", name, p->choices, text);
done:
    return rc;
}

bool slab_parameter_flag(const slab_fit *fit, const slab_estimator_class *cls, const char *name)
{
    const slab_parameter *p;
    const char *text = text_of(fit, cls, name, &p);
    return text && strcmp(text, "0") != 0 && *text != '\0';
}

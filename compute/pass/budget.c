/* How much memory a rank may use: what is stated, else what budget_detect.c finds. */
#include <slab/compute/pass/budget_impl.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <slab/storage/base/try.h>

slab_status slab_budget_parse(const char *text, size_t *out)
{
    slab_status rc = SLAB_OK;
    static const char units[] = "KMGT";
    char *end = NULL;
    double bytes = 0;
    *out = 0;
    /* strtod() takes "0x1p3", "inf" and signs as well. */
    size_t digits = strspn(text, "0123456789.");
    REQUIRE(digits > 0, SLAB_ERR_USAGE, "'%s' is not an amount of memory: write 8G, 512M or bytes",
            text);
    bytes = strtod(text, &end);
    REQUIRE(end == text + digits, SLAB_ERR_USAGE,
            "'%s' is not an amount of memory: write 8G, 512M or bytes", text);
    if (*end) {
        const char *unit = strchr(units, toupper((unsigned char)*end));
        for (const char *u = units; unit && u <= unit; u++)
            bytes *= 1024;
        end += unit != NULL;
        end += unit && *end == 'i' && toupper((unsigned char)end[1]) == 'B';
        end += toupper((unsigned char)*end) == 'B';
    }
    REQUIRE(*end == '\0', SLAB_ERR_USAGE,
            "'%s' is not an amount of memory: write 8G, 512M or bytes", text);
    REQUIRE(bytes >= 1 && bytes < 0x1p62, SLAB_ERR_USAGE, "'%s' is not a sensible amount of memory",
            text);
    *out = (size_t)bytes;
done:
    return rc;
}

slab_status slab_budget_find(const slab_ranks *ranks, size_t stated, slab_budget *out)
{
    memset(out, 0, sizeof *out);
    if (stated == 0)
        return slab_budget_detect("", slab_ranks_on_node(ranks), out);
    out->bytes = stated;
    snprintf(out->source, sizeof out->source, "--memory");
    return SLAB_OK;
}

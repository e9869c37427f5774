#include <slab/tools/axes.h>

#include <math.h>
#include <slab/storage/base/try.h>
#include <stdlib.h>
#include <string.h>

slab_status slab_numbers_parse(const char *option, const char *text, double *out, int most, int *n)
{
    slab_status rc = SLAB_OK;
    const char *at = text;
    *n = 0;
    for (;;) {
        char *end = NULL;
        double x = strtod(at, &end);
        REQUIRE(end != at && (*end == ',' || *end == '\0') && !isnan(x), SLAB_ERR_USAGE,
                "--%s needs numbers parted by commas, not '%s'", option, text);
        REQUIRE(*n < most, SLAB_ERR_USAGE, "--%s takes at most %d numbers", option, most);
        out[(*n)++] = x;
        if (*end == '\0')
            break;
        at = end + 1;
    }
done:
    return rc;
}

slab_status slab_axes_parse(const char *text, int rank, uint32_t *out)
{
    slab_status rc = SLAB_OK;
    double numbers[SLAB_RANK_MAX];
    int n = 0;
    *out = 0;
    if (!text || !*text)
        return SLAB_OK;
    TRY(slab_numbers_parse("axis", text, numbers, SLAB_RANK_MAX, &n));
    for (int i = 0; i < n; i++) {
        REQUIRE(numbers[i] == trunc(numbers[i]) && numbers[i] >= -rank && numbers[i] < rank,
                SLAB_ERR_USAGE, "--axis %s: the array has %d ax%s", text, rank,
                rank == 1 ? "is" : "es");
        int axis = (int)numbers[i] < 0 ? (int)numbers[i] + rank : (int)numbers[i];
        REQUIRE(!(*out >> axis & 1), SLAB_ERR_USAGE, "--axis %s names an axis twice", text);
        *out |= 1U << axis;
    }
done:
    return rc;
}

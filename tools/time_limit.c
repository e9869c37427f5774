#include <slab/tools/time_limit.h>

#include <slab/storage/base/log.h>
#include <slab/storage/base/try.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What stopping takes: the tiles under way, the disk, the end of MPI. Of a short job a tenth. */
static const double MARGIN = 60, MARGIN_PART = 0.1;

/* Fields parted by colons: hours, minutes and seconds, or minutes and seconds. */
static bool clock_parse(const char *text, double *seconds)
{
    int fields = 1;
    *seconds = 0;
    for (;;) {
        char *end;
        long value = strtol(text, &end, 10);
        if (end == text || *text < '0' || *text > '9' || value > 1000000 ||
            (fields > 1 && value > 59))
            return false;
        *seconds = 60 * *seconds + (double)value;
        if (*end == '\0')
            return fields == 2 || fields == 3;
        if (*end != ':' || ++fields > 3)
            return false;
        text = end + 1;
    }
}

static bool unit_parse(const char *text, double *seconds)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    char *end;
    if ((*text < '0' || *text > '9') && *text != '.')
        return false;
    double value = strtod(text, &end);
    for (size_t i = 0; end != text && i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].unit) != 0)
            continue;
        *seconds = value * units[i].seconds;
        return *seconds <= 1e9;
    }
    return false;
}

slab_status slab_duration_parse(const char *text, double *seconds)
{
    slab_status rc = SLAB_OK;
    const char *dash = strchr(text, '-');
    char *end;
    double days = dash ? (double)strtol(text, &end, 10) : 0;
    bool good = dash ? end == dash && days >= 0 && days <= 10000 && strchr(dash, ':') &&
                           clock_parse(dash + 1, seconds)
                     : unit_parse(text, seconds) || clock_parse(text, seconds);
    REQUIRE(good, SLAB_ERR_VALUE, "'%s' is not a time like 90, 10m, 2h or 12:30:00", text);
    *seconds += 86400 * days;
done:
    return rc;
}

slab_status slab_time_limit_begin(slab_call *call)
{
    slab_status rc = SLAB_OK;
    const char *limit = slab_call_text(call, "time-limit"), *slurm = getenv("SLURM_JOB_END_TIME");
    double seconds;
    if (limit) {
        TRY(slab_duration_parse(limit, &seconds));
        slab_stop_after(seconds);
    }
    long long end = slurm ? strtoll(slurm, NULL, 10) : 0;
    if (end > 0) {
        double left = difftime((time_t)end, time(NULL));
        double margin = left * MARGIN_PART < MARGIN ? left * MARGIN_PART : MARGIN;
        slab_stop_after(left - margin);
        slab_log(SLAB_LOG_INFO, "the Slurm job ends in %.0f s; this run stops in %.0f s", left,
                 left - margin);
    }
done:
    return rc;
}

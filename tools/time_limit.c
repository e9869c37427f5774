#include <slab/tools/time_limit.h>

#include <slab/storage/base/log.h>
#include <slab/storage/base/try.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What stopping takes: the tiles under way, the disk, the end of MPI. Of a short job a tenth. */
static const double MARGIN = 60, MARGIN_PART = 0.1;

/* Fields parted by colons. Alone, the last of them are seconds; behind days the first are hours, as
 * Slurm reads them. */
static bool clock_parse(const char *text, bool behind_days, double *seconds)
{
    int fields = 1;
    *seconds = 0;
    for (;; fields++) {
        char *end;
        long value = strtol(text, &end, 10);
        if (end == text || *text < '0' || *text > '9' || value > 1000000 ||
            (fields > 1 && value > 59))
            return false;
        *seconds = 60 * *seconds + (double)value;
        if (*end == '\0')
            break;
        if (*end != ':' || fields == 3)
            return false;
        text = end + 1;
    }
    for (int missing = behind_days ? 3 - fields : 0; missing > 0; missing--)
        *seconds *= 60;
    return behind_days || fields > 1;
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
    bool good =
        dash ? end == dash && days >= 0 && days <= 10000 && clock_parse(dash + 1, true, seconds)
             : unit_parse(text, seconds) || clock_parse(text, false, seconds);
    REQUIRE(good, SLAB_ERR_VALUE, "'%s' is not a time like 90, 10m, 2h or 12:30:00", text);
    *seconds += 86400 * days;
done:
    return rc;
}

/* An end that is past is that of another job, out of which this shell has come. */
static void stop_before_the_job_ends(long long end)
{
    double left = difftime((time_t)end, time(NULL));
    double margin = left * MARGIN_PART < MARGIN ? left * MARGIN_PART : MARGIN;
    if (left <= 0) {
        slab_log(SLAB_LOG_WARN, "SLURM_JOB_END_TIME is past, and so ignored");
        return;
    }
    slab_stop_after(left - margin, "the end of the Slurm job");
    slab_log(SLAB_LOG_INFO, "the Slurm job ends in %.0f s; this run stops in %.0f s", left,
             left - margin);
}

slab_status slab_time_limit_begin(slab_call *call)
{
    slab_status rc = SLAB_OK;
    const char *limit = slab_call_text(call, "time-limit"), *slurm = getenv("SLURM_JOB_END_TIME");
    double seconds;
    if (limit) {
        TRY(slab_duration_parse(limit, &seconds));
        slab_stop_after(seconds, "the time limit");
    }
    long long end = slurm ? strtoll(slurm, NULL, 10) : 0;
    if (end > 0)
        stop_before_the_job_ends(end);
done:
    return rc;
}

#include <slab/tools/call_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/base/watch.h>
#include <slab/tools/time_limit.h>
#include <stdlib.h>
#include <string.h>

int slab_call_count(const slab_call *call)
{
    return call->parsed.narguments;
}

const char *slab_call_argument(const slab_call *call, int i)
{
    return i >= 0 && i < call->parsed.narguments ? call->parsed.arguments[i] : NULL;
}

const char *slab_call_text(const slab_call *call, const char *option)
{
    int i = slab_option_find(&call->parsed.table, option);
    if (i < 0)
        return NULL;
    return call->parsed.values[i] ? call->parsed.values[i] : call->parsed.table.at[i]->initial;
}

const char *slab_call_text_at(const slab_call *call, const char *option, int k)
{
    int i = slab_option_find(&call->parsed.table, option);
    for (int g = 0; g < call->parsed.ngiven; g++)
        if (call->parsed.given[g].option == i && k-- == 0)
            return call->parsed.given[g].value;
    return NULL;
}

bool slab_call_flag(const slab_call *call, const char *option)
{
    return slab_parsed_value(&call->parsed, option) != NULL;
}

int64_t slab_call_int(const slab_call *call, const char *option)
{
    const char *text = slab_call_text(call, option);
    return text ? strtoll(text, NULL, 10) : 0;
}

double slab_call_real(const slab_call *call, const char *option)
{
    const char *text = slab_call_text(call, option);
    return text ? strtod(text, NULL) : 0;
}

uint64_t slab_call_seed(const slab_call *call)
{
    return (uint64_t)slab_call_int(call, "seed");
}

/* The crew as it is now shows its progress. */
static slab_status attach_bar(slab_call *call)
{
    slab_status rc = SLAB_OK;
    const char *text = slab_call_text(call, "log-every");
    double every = 60;
    if (text)
        TRY(slab_duration_parse(text, &every));
    TRY(slab_bar_attach(&call->bar, call->crew, every, slab_call_flag(call, "quiet")));
done:
    return rc;
}

slab_ranks *slab_call_ranks(slab_call *call)
{
    return call->ranks;
}

slab_status slab_call_crew(slab_call *call, slab_crew **out)
{
    slab_status rc = SLAB_OK;
    int64_t threads = slab_call_int(call, "threads");
    *out = NULL;
    if (!call->crew) {
        REQUIRE(threads <= 4096, SLAB_ERR_USAGE, "--threads %s is too many",
                slab_call_text(call, "threads"));
        TRY(slab_crew_create(call->ranks, (int)threads, &call->crew));
        TRY(attach_bar(call));
    }
    *out = call->crew;
done:
    return rc;
}

slab_status slab_call_crew_shrink(slab_call *call, int threads, slab_crew **out)
{
    slab_status rc = SLAB_OK;
    if (threads < slab_crew_widest(call->crew)) {
        slab_crew_destroy(&call->crew);
        TRY(slab_crew_create(call->ranks, threads, &call->crew));
        TRY(attach_bar(call));
    }
    *out = call->crew;
done:
    return rc;
}

slab_status slab_call_budget(slab_call *call, slab_budget *out)
{
    slab_status rc = SLAB_OK;
    size_t stated = 0;
    if (!call->has_budget) {
        const char *text = slab_call_text(call, "memory");
        if (text)
            TRY(slab_budget_parse(text, &stated));
        rc = slab_budget_find(call->ranks, stated, &call->budget);
        TRY(slab_ranks_agree(call->ranks, rc));
        /* Nodes may differ; plans must not: the least holds for all. */
        int64_t least = -(int64_t)call->budget.bytes;
        TRY(slab_ranks_max(call->ranks, &least, 1));
        call->budget.bytes = (size_t)-least;
        slab_memory_limit_set(call->budget.bytes);
        slab_watch_memory_set(call->budget.bytes);
        call->has_budget = true;
    }
    *out = call->budget;
done:
    return rc;
}

slab_status slab_call_limit_planning(slab_call *call)
{
    enum { ROOM = 32 << 20 }; /* mostly for the maps of the chunks, which count to the plan too */
    slab_status rc = SLAB_OK;
    slab_budget budget;
    TRY(slab_call_budget(call, &budget));
    slab_memory_limit_set(budget.bytes > SIZE_MAX - ROOM ? SIZE_MAX : budget.bytes + ROOM);
done:
    return rc;
}

slab_status slab_call_memory(slab_call *call)
{
    slab_status rc = SLAB_OK;
    size_t stated;
    TRY(slab_budget_parse(slab_call_text(call, "memory"), &stated));
    slab_memory_limit_set(stated);
    slab_watch_memory_set(stated);
done:
    return rc;
}

slab_status slab_call_limit(slab_call *call)
{
    slab_status rc = SLAB_OK;
    slab_budget budget;
    TRY(slab_call_budget(call, &budget));
    slab_memory_limit_set(budget.bytes);
done:
    return rc;
}

void slab_call_close(slab_call *call)
{
    for (call_array *a = call->arrays, *next; a; a = next) {
        next = a->next;
        slab_array_close(&a->array);
        slab_memory_free(a);
    }
    for (call_file *f = call->files, *next; f; f = next) {
        next = f->next;
        slab_file_close(&f->file);
        slab_memory_free(f->path);
        slab_memory_free(f);
    }
    for (call_input *i = call->inputs, *next; i; i = next) {
        next = i->next;
        slab_memory_free(i->path);
        slab_memory_free(i->object);
        slab_memory_free(i);
    }
    call->arrays = NULL;
    call->files = NULL;
    call->inputs = NULL;
    slab_crew_destroy(&call->crew);
    slab_bar_clear(&call->bar);
    FREE(call->output_file);
    FREE(call->output_path);
    FREE(call->job);
    call->kept = false;
}

void slab_call_clear(slab_call *call)
{
    slab_call_close(call);
    slab_parsed_clear(&call->parsed);
}

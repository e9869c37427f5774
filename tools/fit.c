#include <slab/tools/fit.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

void slab_fit_options(const slab_estimator_class *cls, slab_option *out)
{
    int n = 0;
    for (const slab_parameter *p = cls->parameters; p->name && n < SLAB_FIT_PARAMETERS_MAX; p++)
        out[n++] = (slab_option){.name = p->name,
                                 .letter = p->letter,
                                 .type = p->type,
                                 .argument = p->type == 'c' ? p->choices : NULL,
                                 .initial = p->type == 'b' ? NULL : p->initial,
                                 .help = p->help};
    out[n] = (slab_option){0};
}

static void values_of(const slab_call *call, const slab_estimator_class *cls, const char **values)
{
    int n = 0;
    for (const slab_parameter *p = cls->parameters; p->name && n < SLAB_FIT_PARAMETERS_MAX; p++)
        values[n++] = p->type != 'b'                  ? slab_call_text(call, p->name)
                      : slab_call_flag(call, p->name) ? "1"
                                                      : "0";
}

/* The output is begun first: what the fit keeps for another run lies beside it. */
static slab_status fit_and_store(slab_call *call, const slab_estimator_class *cls, void *model,
                                 const char *group)
{
    slab_status rc = SLAB_OK;
    slab_txn *txn = NULL;
    TRY(slab_call_begin(call, group, &txn, &group));
    TRY(cls->fit(model, slab_txn_checkpoint(txn)));
    if (strcmp(group, "/") != 0)
        TRY(slab_txn_group(txn, group));
    TRY(cls->store(model, txn, group));
    TRY(slab_call_provenance(call, txn, group));
    TRY(slab_txn_commit(&txn));
done:
    slab_txn_abort(&txn);
    return rc;
}

slab_status slab_fit_run(slab_call *call, const slab_estimator_class *cls, const char **file,
                         const char **group)
{
    slab_status rc = SLAB_OK;
    const char *values[SLAB_FIT_PARAMETERS_MAX] = {NULL}, *output;
    slab_array *array;
    slab_selection selection;
    slab_budget budget;
    slab_plan plan = {0};
    slab_fit fit = {.seed = slab_call_seed(call), .values = values, .selection = &selection};
    void *model = NULL;
    *file = NULL;
    TRY(slab_call_open(call, slab_call_argument(call, 0), NULL, &array, &selection));
    TRY(slab_call_output(call, "/", &output, group));
    TRY(slab_call_budget(call, &budget));
    TRY(slab_call_crew(call, &fit.crew));
    fit.array = array;
    fit.budget = budget.bytes;
    fit.scratch = slab_call_text(call, "scratch");
    values_of(call, cls, values);
    TRY(cls->create(&fit, &model));
    TRY(cls->plan(model, &plan));
    if (slab_call_planned(call, &plan))
        goto done;
    TRY(fit_and_store(call, cls, model, *group));
    *file = output;
done:
    if (model)
        cls->destroy(&model);
    return rc;
}

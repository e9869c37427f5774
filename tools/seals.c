#include <slab/tools/seals.h>

#include <inttypes.h>

const char *slab_seals_word(const slab_seal_check *check)
{
    if (check->ndiffers > 0)
        return "broken";
    return check->sealed == SLAB_SEALED_WHOLLY   ? "whole"
           : check->sealed == SLAB_SEALED_PARTLY ? "partly"
                                                 : "none";
}

static void say(slab_call *call, const char *path, const slab_seal_check *check)
{
    slab_print_name(call, path);
    slab_print(call, ": not as slab sealed it (");
    for (size_t i = 0; i < check->ndiffers; i++) {
        slab_print(call, i > 0 ? ", " : "");
        slab_print_name(call, check->differs[i]);
    }
    slab_print(call, "): changed by another program, or damaged\n");
}

void slab_seals_count(slab_call *call, slab_seals *seals, const char *path,
                      const slab_seal_check *check)
{
    path = *path ? path : "/";
    seals->objects++;
    seals->unsealed += check->sealed != SLAB_SEALED_WHOLLY;
    if (check->ndiffers == 0)
        return;
    seals->broken++;
    if (!seals->list) {
        say(call, path, check);
        return;
    }
    json_t *one = json_object(), *differs = json_array();
    for (size_t i = 0; i < check->ndiffers; i++)
        json_array_append_new(differs, slab_json_text(check->differs[i]));
    json_object_set_new(one, "path", slab_json_text(path));
    json_object_set_new(one, "differs", differs);
    json_array_append_new(seals->list, one);
}

void slab_seals_summary(slab_call *call, const slab_seals *seals)
{
    if (seals->unsealed > 0)
        slab_print(call,
                   "%" PRId64 " of %" PRId64 " object%s not made by this slab: there, only what "
                   "filters keep checksums of can be checked\n",
                   seals->unsealed, seals->objects, seals->unsealed == 1 ? " was" : "s were");
}

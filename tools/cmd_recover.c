#include <slab/tools/json.h>

#include <slab/storage/base/try.h>

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    char did[SLAB_MESSAGE_MAX] = "";
    const char *path = slab_call_argument(call, 0);
    *exit_code = 0;
    TRY(slab_recover(path, did));
    if (slab_call_flag(call, "json")) {
        json_t *out = json_object();
        json_object_set_new(out, "file", slab_json_text(path));
        json_object_set_new(out, "recovered", json_boolean(*did != '\0'));
        json_object_set_new(out, "did", slab_json_text(did));
        slab_print_json(call, out);
    } else {
        slab_print(call, "%s: %s\n", path, *did ? did : "nothing to recover");
    }
done:
    return rc;
}

const slab_command slab_command_recover = {
    .name = "recover",
    .arguments = "FILE.h5",
    .summary = "put a file right whose writer was killed",
    .description =
        "When a program that writes a file with slab is killed, or the machine loses power, the "
        "file can be left with a journal beside it. The next time slab opens the file it "
        "undoes the unfinished change by itself; this command does the same by hand, and removes "
        "temporary files that a dead writer left, but for those that the same command can continue "
        "('slab jobs' lists them). The file is then as it was before that writer "
        "began. Nothing happens to a file that is in order, or that another program is writing.",
    .examples = "  slab recover cohort.h5\n",
    .takes = SLAB_TAKES_JSON,
    .least = 1,
    .most = 1,
    .run = run,
};

#include <slab/tools/command.h>

#include <string.h>

#define SLAB_COMMAND(row) extern const slab_command slab_command_##row;
#include <slab/tools/command_list.h>
#undef SLAB_COMMAND

static const slab_command *const rows[] = {
#define SLAB_COMMAND(row) &slab_command_##row,
#include <slab/tools/command_list.h>
#undef SLAB_COMMAND
};

const slab_command *slab_command_at(int i)
{
    return i >= 0 && i < (int)(sizeof rows / sizeof *rows) ? rows[i] : NULL;
}

const slab_command *slab_command_by_name(const char *name)
{
    for (int i = 0; slab_command_at(i); i++)
        if (strcmp(slab_command_at(i)->name, name) == 0)
            return slab_command_at(i);
    return NULL;
}

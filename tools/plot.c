#include <slab/tools/plot.h>

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <slab/format/output.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int slab_plot_columns(void)
{
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40;
    return known ? size.ws_col : 80;
}

void slab_plot_bars(slab_call *call, const double *edges, const double *heights, int64_t n)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    enum { WORDS = 42 }; /* columns that the numbers take */
    double most = 0;
    int room = slab_plot_columns() - WORDS;
    for (int64_t i = 0; i < n; i++)
        most = heights[i] > most ? heights[i] : most;
    for (int64_t i = 0; i < n; i++) {
        double length = most > 0 && heights[i] > 0 ? heights[i] / most * room : 0;
        int whole = (int)length;
        slab_print(call, "%12.6g %12.6g %14.8g%s", edges[i], edges[i + 1], heights[i],
                   length * 8 >= 1 ? " " : "");
        for (int k = 0; k < whole; k++)
            slab_print(call, "█");
        slab_print(call, "%s\n", eighths[(int)((length - whole) * 8)]);
    }
}

static bool ends_in(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

static slab_status check_place(const slab_call *call, const char *file)
{
    slab_status rc = SLAB_OK;
    struct stat st;
    if (lstat(file, &st) != 0)
        return SLAB_OK;
    REQUIRE(stat(file, &st) != 0 || S_ISREG(st.st_mode), SLAB_ERR_USAGE,
            "'%s' is not a regular file", file);
    REQUIRE(!slab_call_reads(call, file), SLAB_ERR_USAGE, "the plot '%s' is an input", file);
    REQUIRE(slab_call_flag(call, "force"), SLAB_ERR_EXISTS,
            "'%s' exists already; --force replaces it", file);
done:
    return rc;
}

slab_status slab_plot_check(slab_call *call, const char *file)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_call_ranks(call);
    REQUIRE(ends_in(file, ".svg") || ends_in(file, ".png"), SLAB_ERR_USAGE,
            "--plot writes .svg or .png, not '%s'", file);
    TRY(slab_ranks_agree(ranks, slab_ranks_me(ranks) == 0 ? check_place(call, file) : SLAB_OK));
done:
    return rc;
}

/* In gnuplot's single quotes: a quote is written twice. Control characters have no place there. */
static void put_quoted(FILE *to, const char *text)
{
    putc('\'', to);
    for (; *text; text++) {
        if (*text == '\'')
            putc('\'', to);
        if ((unsigned char)*text >= 0x20)
            putc(*text, to);
    }
    putc('\'', to);
}

static void put_script(FILE *to, bool svg, const slab_picture *p)
{
    fputs(svg ? "set terminal svg size 900,600\n" : "set terminal png size 900,600\n", to);
    fputs("set title ", to);
    put_quoted(to, p->title);
    fputs(" noenhanced\nset xlabel ", to);
    put_quoted(to, p->xlabel);
    fputs("\nset ylabel ", to);
    put_quoted(to, p->ylabel);
    fputs("\nset datafile missing 'nan'\n", to);
    if (p->setup)
        fprintf(to, "%s\n", p->setup);
    fputs("$data << EOD\n", to);
    for (int64_t i = 0; i < p->n; i++) {
        for (int c = 0; c < p->ncolumns; c++)
            fprintf(to, "%.10g%c", p->columns[c][i], c + 1 < p->ncolumns ? ' ' : '\n');
        if (p->row > 0 && (i + 1) % p->row == 0)
            putc('\n', to);
    }
    fprintf(to, "EOD\nplot %s\n", p->plot);
}

/* gnuplot with a pipe as its input, the picture as its output, and nothing of what it says. */
static slab_status start(int picture, pid_t *child, FILE **to)
{
    slab_status rc = SLAB_OK;
    int ends[2] = {-1, -1};
    char *words[] = {"gnuplot", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (pipe(ends) != 0)
        FAIL_ERRNO("cannot make a pipe");
    posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    posix_spawn_file_actions_adddup2(&actions, picture, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", 1, 0);
    int failed = posix_spawnp(child, "gnuplot", &actions, NULL, words, environ);
    REQUIRE(failed == 0, SLAB_ERR_UNSUPPORTED,
            "--plot needs gnuplot, which is not installed here (%s)", strerror(failed));
    *to = fdopen(ends[1], "w");
    REQUIRE(*to, SLAB_ERR_MEMORY, "no memory for a plot");
    ends[1] = -1;
done:
    posix_spawn_file_actions_destroy(&actions);
    if (ends[0] >= 0)
        close(ends[0]);
    if (ends[1] >= 0)
        close(ends[1]);
    return rc;
}

static slab_status draw(const slab_output *out, const char *file, const slab_picture *picture)
{
    slab_status rc = SLAB_OK;
    pid_t child = 0;
    FILE *to = NULL;
    int status = 0;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigaction(SIGPIPE, &ignore, &before); /* a gnuplot that gives up is an error, not our end */
    TRY(start(out->fd, &child, &to));
    put_script(to, ends_in(file, ".svg"), picture);
    bool sent = fclose(to) == 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    REQUIRE(sent && WIFEXITED(status) && WEXITSTATUS(status) == 0, SLAB_ERR_IO,
            "gnuplot could not write '%s'", file);
done:
    sigaction(SIGPIPE, &before, NULL);
    return rc;
}

slab_status slab_plot_write(slab_call *call, const char *file, const slab_picture *picture)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_call_ranks(call);
    slab_output out = {.fd = -1};
    TRY(slab_output_open(ranks, file, slab_call_flag(call, "force"), &out));
    TRY(slab_ranks_agree(ranks, slab_ranks_me(ranks) == 0 ? draw(&out, file, picture) : SLAB_OK));
    TRY(slab_output_sync(&out));
    TRY(slab_output_rename(&out));
done:
    slab_output_close(&out);
    return rc;
}

#include <slab/tools/wording.h>

#include <inttypes.h>
#include <string.h>

enum { WIDTH = 79 };

char *slab_text_bytes(uint64_t bytes, char *text)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes / 1024;
    size_t unit = 0;
    if (bytes < 1024) {
        snprintf(text, SLAB_TEXT_MAX, "%" PRIu64 " B", bytes);
        return text;
    }
    for (; value >= 1000 && unit + 1 < sizeof units / sizeof *units; unit++)
        value /= 1024;
    snprintf(text, SLAB_TEXT_MAX,
             value < 10    ? "%.2f %s"
             : value < 100 ? "%.1f %s"
                           : "%.0f %s",
             value, units[unit]);
    return text;
}

int slab_text_control(const unsigned char *c)
{
    if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
        return 2;
    return *c < 0x20 || *c == 0x7f;
}

void slab_text_put(FILE *to, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        int n = slab_text_control(c);
        if (n == 0)
            putc(*c, to);
        for (; n > 0; n--, c += n > 0)
            fprintf(to, "\\x%02x", *c);
    }
}

char *slab_text_seconds(double seconds, char *text)
{
    if (seconds < 10)
        snprintf(text, SLAB_TEXT_MAX, "%.1f s", seconds);
    else if (seconds < 120)
        snprintf(text, SLAB_TEXT_MAX, "%.0f s", seconds);
    else if (seconds < 7200)
        snprintf(text, SLAB_TEXT_MAX, "%.0f min", seconds / 60);
    else
        snprintf(text, SLAB_TEXT_MAX, "%.1f h", seconds / 3600);
    return text;
}

/* One paragraph without line ends in it that matter; returns behind its last word. */
static const char *wrap_paragraph(FILE *to, const char *p, int at, int indent)
{
    while (*p && !(p[0] == '\n' && (p[1] == '\n' || p[1] == ' ' || p[1] == '\0'))) {
        p += strspn(p, " \n");
        size_t n = strcspn(p, " \n");
        if (at > indent && at + 1 + (int)n > WIDTH) {
            fprintf(to, "\n%*s", indent, "");
            at = indent;
        } else if (at > indent) {
            putc(' ', to);
            at++;
        }
        fwrite(p, 1, n, to);
        at += (int)n;
        p += n;
    }
    putc('\n', to);
    return p;
}

void slab_text_wrap(FILE *to, const char *text, int at, int indent)
{
    int gap = indent - at;
    while (*text) {
        fprintf(to, "%*s", gap, "");
        gap = indent;
        if (*text == ' ') { /* a line kept as it is */
            size_t n = strcspn(text, "\n");
            fprintf(to, "%.*s\n", (int)n, text);
            text += n;
        } else {
            text = wrap_paragraph(to, text, indent, indent);
        }
        text += *text == '\n';
        if (*text == '\n')
            putc('\n', to);
        text += strspn(text, "\n");
    }
}

#include <slab/tools/nearest.h>

#include <string.h>

enum { LETTERS_MAX = 32 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

int slab_edit_distance(const char *a, const char *b)
{
    /* Damerau's distance, restricted: d[i][j] turns the first i letters of a into j of b. */
    int d[LETTERS_MAX][LETTERS_MAX];
    int n = (int)strnlen(a, LETTERS_MAX - 1), m = (int)strnlen(b, LETTERS_MAX - 1);
    for (int i = 0; i <= n; i++)
        d[i][0] = i;
    for (int j = 0; j <= m; j++)
        d[0][j] = j;
    for (int i = 1; i <= n; i++)
        for (int j = 1; j <= m; j++) {
            int same = a[i - 1] == b[j - 1];
            d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + !same);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[n][m];
}

void slab_nearest_see(slab_nearest *nearest, const char *name)
{
    size_t length = strlen(nearest->word);
    int distance = slab_edit_distance(nearest->word, name);
    if (length > 1 && strncmp(nearest->word, name, length) == 0)
        distance = 1; /* an abbreviation */
    int limit = length < 4 ? 1 : 2;
    if (distance <= limit && (!nearest->best || distance < nearest->distance)) {
        nearest->best = name;
        nearest->distance = distance;
    }
}

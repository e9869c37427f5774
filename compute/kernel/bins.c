#include <slab/compute/kernel/bins.h>

#include <slab/storage/base/clones.h>

/* A guess by arithmetic, which may be one off where rounding decides: the edges decide then. */
SLAB_CLONES static void find_uniform(const slab_bins *bins, const double *x, int64_t n,
                                     int64_t *bin)
{
    const double *edges = bins->edges;
    double first = edges[0], last = edges[bins->n], scale = (double)bins->n / (last - first);
    double top = (double)(bins->n - 1);
    for (int64_t i = 0; i < n; i++) {
        bool inside = x[i] >= first && x[i] <= last;
        double at = inside ? (x[i] - first) * scale : 0;
        bin[i] = inside ? (int64_t)(at < top ? at : top) : -1;
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t b = bin[i];
        if (b < 0)
            continue;
        b -= b > 0 && x[i] < edges[b];
        b += b + 1 < bins->n && x[i] >= edges[b + 1];
        bin[i] = b;
    }
}

static void find_by_search(const slab_bins *bins, const double *x, int64_t n, int64_t *bin)
{
    const double *edges = bins->edges;
    for (int64_t i = 0; i < n; i++) {
        int64_t low = 0, high = bins->n; /* edges[low] <= x < edges[high + 1] */
        if (!(x[i] >= edges[0] && x[i] <= edges[bins->n])) {
            bin[i] = -1;
            continue;
        }
        while (high - low > 1) {
            int64_t middle = low + (high - low) / 2;
            if (x[i] >= edges[middle])
                low = middle;
            else
                high = middle;
        }
        bin[i] = low;
    }
}

void slab_bins_find(const slab_bins *bins, const double *x, int64_t n, int64_t *bin)
{
    if (bins->uniform && bins->edges[bins->n] > bins->edges[0])
        find_uniform(bins, x, n, bin);
    else
        find_by_search(bins, x, n, bin);
}

#include <slab/compute/computation/results.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

#define LARGE ((size_t)8 << 20)

bool slab_results_are_large(const slab_shape *shape, size_t state_bytes)
{
    int64_t elements = 0;
    size_t bytes = 0;
    bool known = slab_shape_elements(shape, &elements) == SLAB_OK &&
                 slab_size_multiply((size_t)elements, state_bytes, &bytes) == SLAB_OK;
    if (!known)
        slab_error_clear();
    return !known || bytes > LARGE;
}

slab_status slab_results_open(slab_results *results, const slab_workshop *workshop,
                              const slab_shape *shape, slab_dtype dtype)
{
    slab_status rc = SLAB_OK;
    slab_results_clear(results);
    results->shape = *shape;
    results->dtype = dtype;
    TRY(slab_scratch_create(slab_crew_ranks(workshop->crew), workshop->scratch, &results->file));
done:
    return rc;
}

void slab_results_clear(slab_results *results)
{
    slab_scratch_destroy(&results->file);
}

slab_status slab_results_put(slab_results *results, const slab_box *box, const void *elements)
{
    slab_status rc = SLAB_OK;
    int64_t stride[SLAB_RANK_MAX], at[SLAB_RANK_MAX] = {0}, offset = 0;
    int64_t run = (int64_t)results->dtype.size, bytes = slab_box_elements(box) * run;
    const char *from = elements;
    int inner = box->rank;
    slab_strides_of(box->rank, results->shape.extent, results->dtype.size, stride);
    for (int a = 0; a < box->rank; a++)
        offset += box->start[a] * stride[a];
    while (inner > 0 && (inner == box->rank || box->count[inner] == results->shape.extent[inner]))
        run *= box->count[--inner];
    for (; bytes > 0; from += run, bytes -= run) {
        TRY(slab_scratch_write(results->file, (uint64_t)offset, from, (size_t)run));
        for (int a = inner - 1; a >= 0; a--) {
            offset += stride[a];
            if (++at[a] < box->count[a])
                break;
            offset -= stride[a] * box->count[a];
            at[a] = 0;
        }
    }
done:
    return rc;
}

slab_status slab_results_value(slab_results *results, const slab_workshop *workshop,
                               slab_value **out)
{
    slab_status rc = SLAB_OK;
    TRY(slab_ranks_barrier(slab_crew_ranks(workshop->crew)));
    *out = slab_value_from_scratch(results->dtype, &results->shape, &results->file);
    TRY(slab_value_status(*out));
done:
    return rc;
}

void slab_span_kept(const slab_span *span, uint32_t axes, bool keepdims, slab_box *out)
{
    out->rank = 0;
    for (int a = 0; a < span->rank; a++) {
        bool gone = axes >> a & 1;
        if (gone && !keepdims)
            continue;
        out->start[out->rank] = gone ? 0 : span->start[a];
        out->count[out->rank++] = gone ? 1 : span->count[a];
    }
}

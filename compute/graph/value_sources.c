/* What lies at the bottom of an expression. */
#include <slab/compute/graph/value_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

/* Values that have been seen, in order, and a hash over their addresses to find them again. */
typedef struct seen {
    slab_value **list;
    int32_t *slots; /* number in the list + 1; 0: free */
    size_t count, nslots;
} seen;

static size_t slot_of(const seen *s, const slab_value *value)
{
    size_t slot = ((uintptr_t)value >> 4) * 0x9E3779B97F4A7C15U >> 20;
    for (slot %= s->nslots; s->slots[slot] && s->list[s->slots[slot] - 1] != value;)
        slot = (slot + 1) % s->nslots;
    return slot;
}

static slab_status grow(seen *s)
{
    slab_status rc = SLAB_OK;
    size_t n = s->nslots ? 2 * s->nslots : 64;
    FREE(s->slots);
    ALLOC(s->slots, n, "an expression");
    s->nslots = n;
    TRY(slab_memory_resize((void **)&s->list, n / 2, sizeof(slab_value *), "an expression"));
    for (size_t i = 0; i < s->count; i++)
        s->slots[slot_of(s, s->list[i])] = (int32_t)i + 1;
done:
    return rc;
}

static slab_status see(seen *s, slab_value *value)
{
    slab_status rc = SLAB_OK;
    if (s->count == s->nslots / 2)
        TRY(grow(s));
    size_t slot = slot_of(s, value);
    if (s->slots[slot])
        goto done;
    s->list[s->count++] = value;
    s->slots[slot] = (int32_t)s->count;
done:
    return rc;
}

slab_status slab_value_sources(slab_value *const *values, int n, slab_value ***out, int *nout)
{
    slab_status rc = SLAB_OK;
    seen s = {0};
    size_t nsources = 0;
    *out = NULL;
    *nout = 0;
    for (int i = 0; i < n; i++)
        TRY(see(&s, values[i]));
    for (size_t i = 0; i < s.count; i++) {
        slab_value *const *operands;
        const slab_value *value = s.list[i];
        int noperands =
            !value->poison && value->cls->operands ? value->cls->operands(value, &operands) : 0;
        for (int k = 0; k < noperands; k++)
            TRY(see(&s, operands[k]));
    }
    for (size_t i = 0; i < s.count; i++)
        if (s.list[i]->poison || !s.list[i]->cls->operands)
            s.list[nsources++] = s.list[i];
    *out = s.list;
    *nout = (int)nsources;
    s.list = NULL;
done:
    FREE(s.list);
    FREE(s.slots);
    return rc;
}

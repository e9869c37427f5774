/*
 * One node for what is the same: `(x + 1) * (x + 1)` has one x + 1, and evaluates it once. The
 * table is weak: it keeps nothing alive. Nodes are chained through themselves, so that entering one
 * cannot fail.
 */
#include <slab/compute/graph/value_impl.h>

#include <string.h>

enum { BUCKETS = 4096 };

static slab_value *buckets[BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static slab_value **bucket_of(const share_key *key)
{
    uint64_t words[sizeof *key / 8], hash = 0;
    memcpy(words, key, sizeof words);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        hash = (hash ^ words[i]) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 29;
    }
    return &buckets[hash % BUCKETS];
}

/* Another reference, unless the last one is being given back right now. */
static bool keep_alive(slab_value *value)
{
    int n = atomic_load(&value->references);
    while (n > 0)
        if (atomic_compare_exchange_weak(&value->references, &n, n + 1))
            return true;
    return false;
}

slab_value *share_find(const share_key *key)
{
    slab_value *found;
    pthread_mutex_lock(&lock);
    for (found = *bucket_of(key); found; found = found->shared)
        if (memcmp(&found->key, key, sizeof *key) == 0 && keep_alive(found))
            break;
    pthread_mutex_unlock(&lock);
    return found;
}

void share_enter(slab_value *value, const share_key *key)
{
    slab_value **bucket = bucket_of(key);
    pthread_mutex_lock(&lock);
    value->key = *key;
    value->shared = *bucket;
    *bucket = value;
    pthread_mutex_unlock(&lock);
}

void share_leave(slab_value *value)
{
    if (!value->key.kind)
        return;
    pthread_mutex_lock(&lock);
    slab_value **place = bucket_of(&value->key);
    while (*place != value)
        place = &(*place)->shared;
    *place = value->shared;
    pthread_mutex_unlock(&lock);
}

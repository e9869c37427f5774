/* Whether an array is still the one it was: for those who go on where another run has ended. */
#include <slab/storage/array_impl.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <slab/storage/base/try.h>
#include <slab/storage/chunk_log.h>

static void digest_word(XXH3_state_t *state, uint64_t word)
{
    XXH3_64bits_update(state, &word, sizeof word);
}

/* What lies in other files is known by their sizes and times alone. Collective. */
static slab_status digest_files(slab_array *array, XXH3_state_t *state)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = array->file->ranks;
    slab_meta *meta;
    uint64_t digest = 0;
    if (slab_file_leads(array->file)) {
        rc = slab_file_meta(array->file, &meta);
        if (rc == SLAB_OK)
            rc = slab_meta_outside_digest(meta, array->path, &digest);
    }
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_ranks_broadcast(ranks, &digest, sizeof digest, 0));
    digest_word(state, digest);
done:
    return rc;
}

slab_status slab_array_identity(slab_array *array, uint64_t *out)
{
    slab_status rc = SLAB_OK;
    const slab_array_info *info = &array->info;
    XXH3_state_t state;
    slab_grid grid;
    const slab_chunk *chunks = NULL;
    XXH3_INITSTATE(&state);
    XXH3_64bits_reset(&state);
    digest_word(&state, slab_array_digest(info));
    digest_word(&state, info->offset);
    if (info->elsewhere || info->layout == SLAB_LAYOUT_VIRTUAL ||
        info->layout == SLAB_LAYOUT_EXTERNAL)
        TRY(digest_files(array, &state));
    if (info->layout == SLAB_LAYOUT_CHUNKED && info->fallback[0] == '\0')
        TRY(slab_array_chunks(array, &grid, &chunks));
    for (int64_t c = 0; chunks && c < grid.ntiles; c++) {
        digest_word(&state, chunks[c].address);
        digest_word(&state, chunks[c].size);
        digest_word(&state, chunks[c].mask);
    }
    *out = XXH3_64bits_digest(&state);
done:
    return rc;
}

uint64_t slab_file_end(slab_file *file)
{
    return file->meta ? slab_meta_end(file->meta) : 0;
}

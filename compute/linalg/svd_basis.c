/* The Krylov basis. In single precision: its blocks are rounded to 24 bits before they are
 * multiplied, so nothing is lost; in a file when the budget cannot hold it. */
#include <errno.h>
#include <inttypes.h>
#include <slab/compute/linalg/svd_impl.h>
#include <slab/storage/base/io.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t block_bytes(int64_t m, int l)
{
    return (size_t)m * (size_t)l * sizeof(float);
}

size_t svd_basis_bytes(int64_t m, int l, int capacity)
{
    return (size_t)capacity * block_bytes(m, l);
}

/* A file that vanishes with the process. */
static slab_status open_scratch(const char *directory, int *file)
{
    slab_status rc = SLAB_OK;
    char path[4096];
    if (!directory)
        directory = getenv("TMPDIR");
    if (!directory || !*directory)
        directory = "/tmp";
    int n = snprintf(path, sizeof path, "%s/slab-basis-XXXXXX", directory);
    REQUIRE(n > 0 && n < (int)sizeof path, SLAB_ERR_RANGE, "the scratch directory's name is long");
    *file = mkstemp(path);
    if (*file < 0)
        FAIL_ERRNO("cannot create a scratch file in '%s' (--scratch chooses another)", directory);
    unlink(path);
done:
    return rc;
}

slab_status svd_basis_create(int64_t m, int l, int capacity, const char *scratch, bool spill,
                             svd_basis *out)
{
    slab_status rc = SLAB_OK;
    memset(out, 0, sizeof *out);
    *out = (svd_basis){.m = m, .l = l, .capacity = capacity, .file = -1};
    if (spill)
        TRY(open_scratch(scratch, &out->file));
    else
        ALLOC(out->blocks, capacity, "a basis");
done:
    return rc;
}

void svd_basis_clear(svd_basis *basis)
{
    for (int i = 0; basis->blocks && i < basis->count; i++)
        FREE(basis->blocks[i]);
    FREE(basis->blocks);
    if (basis->capacity > 0 && basis->file >= 0)
        close(basis->file);
    memset(basis, 0, sizeof *basis);
}

slab_status svd_basis_add(svd_basis *basis, const float *block)
{
    slab_status rc = SLAB_OK;
    size_t bytes = block_bytes(basis->m, basis->l);
    REQUIRE(basis->count < basis->capacity, SLAB_ERR_INTERNAL, "a basis of %d blocks is full",
            basis->capacity);
    if (basis->blocks) {
        ALLOC(basis->blocks[basis->count], basis->m * basis->l, "a basis");
        memcpy(basis->blocks[basis->count++], block, bytes);
        goto done;
    }
    if (!slab_write_at(basis->file, block, bytes, (size_t)basis->count * bytes))
        FAIL_ERRNO("cannot write %zu bytes to the scratch file", bytes);
    basis->count++;
done:
    return rc;
}

static slab_status read_rows(const svd_basis *basis, int block, int64_t i, int64_t n, float *out)
{
    slab_status rc = SLAB_OK;
    size_t row = (size_t)basis->l * sizeof(float), bytes = (size_t)n * row;
    size_t start = (size_t)block * block_bytes(basis->m, basis->l) + (size_t)i * row;
    ssize_t got = slab_read_at(basis->file, out, bytes, start);
    if (got < 0)
        FAIL_ERRNO("cannot read the scratch file at %zu", start);
    REQUIRE((size_t)got == bytes, SLAB_ERR_IO, "the scratch file ends at %zu", start + (size_t)got);
done:
    return rc;
}

slab_status svd_basis_rows(const svd_basis *basis, int block, int64_t i, int64_t n, double *out,
                           float *buffer)
{
    slab_status rc = SLAB_OK;
    const float *rows = buffer;
    if (basis->blocks)
        rows = basis->blocks[block] + i * basis->l;
    else
        TRY(read_rows(basis, block, i, n, buffer));
    for (int64_t k = 0; k < n * basis->l; k++)
        out[k] = rows[k];
done:
    return rc;
}

/*
 * Two functions inside the HDF5 library, replaced for the fuzzer's sake:
 *
 *     H5F_get_checksums   a checksum of metadata that is wrong is put right, or no mutation of a
 *                         file of the newer format would get past it; and it is put right in
 *                         `image`, the input as it should have been
 *     H5E_printf_stack    where the library fails counts as reached: it has no counters of its own
 */
#ifndef SLAB_TESTS_FUZZ_HDF5_INSIDE_H
#define SLAB_TESTS_FUZZ_HDF5_INSIDE_H

#include "forked.h"
#include <hdf5.h>
#include <stdarg.h>

enum { IMAGE_MOST = 1 << 16, CHECKSUM_BYTES = 4 };
static uint8_t *image; /* shared with the parent */
static size_t image_bytes;

/* Of a private header of HDF5's. */
uint32_t H5_checksum_metadata(const void *bytes, size_t n, uint32_t begin);
herr_t H5E__push_stack(void *stack, const char *file, const char *function, unsigned line,
                       hid_t class, hid_t major, hid_t minor, const char *text);

herr_t H5F_get_checksums(const uint8_t *bytes, size_t n, uint32_t *stored, uint32_t *computed);
herr_t H5E_printf_stack(void *stack, const char *file, const char *function, unsigned line,
                        hid_t class, hid_t major, hid_t minor, const char *format, ...);

herr_t H5F_get_checksums(const uint8_t *bytes, size_t n, uint32_t *stored, uint32_t *computed)
{
    if (n < CHECKSUM_BYTES)
        return 0;
    size_t body = n - CHECKSUM_BYTES;
    uint32_t right = H5_checksum_metadata(bytes, body, 0);
    if (memcmp(bytes + body, &right, sizeof right) != 0 && image) {
        uint8_t *at = memmem(image, image_bytes, bytes, n);
        if (at)
            memcpy(at + body, &right, sizeof right);
    }
    if (stored)
        *stored = right;
    if (computed)
        *computed = right;
    return 0;
}

herr_t H5E_printf_stack(void *stack, const char *file, const char *function, unsigned line,
                        hid_t class, hid_t major, hid_t minor, const char *format, ...)
{
    char text[512];
    va_list arguments;
    uint32_t hash = line * 2654435761U;
    for (const char *c = function; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619U;
    own_counters[hash % OWN_COUNTERS] = 1;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return H5E__push_stack(stack, file, function, line, class, major, minor, text);
}

#endif

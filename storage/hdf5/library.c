/* The one lock and the one place where HDF5's errors become ours. */
#include <slab/storage/hdf5/library_impl.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <slab/storage/base/watch.h>

static pthread_mutex_t hdf5_lock = PTHREAD_MUTEX_INITIALIZER;

void slab_file_skip_cleanup(void)
{
    H5dont_atexit();
#if H5_VERS_MAJOR < 2 /* a parallel HDF5 2 would start MPI, in its own way */
    H5open();         /* when it starts after MPI, it hooks itself to the end of MPI */
#endif
}

slab_status slab_hdf5_enter(void)
{
    slab_status rc = SLAB_OK;
    pthread_mutex_lock(&hdf5_lock);
    slab_watch_enter();
    /* The error stack's printer belongs to the thread in a thread-safe build of HDF5, and MPI's end
     * closes the library: so each time, and not once. Both calls are cheap. */
    REQUIRE(H5open() >= 0, SLAB_ERR_HDF5, "the HDF5 library does not start");
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    slab_driver_error_clear();
done:
    return rc;
}

void slab_hdf5_leave(void)
{
    slab_watch_leave();
    pthread_mutex_unlock(&hdf5_lock);
}

typedef struct innermost {
    char text[400];
    char function[64];
} innermost;

static herr_t keep_innermost(unsigned n, const H5E_error2_t *error, void *context)
{
    innermost *found = context;
    if (found->text[0] == '\0' && error->desc != NULL)
        snprintf(found->text, sizeof found->text, "%s", error->desc);
    if (n == 0 && error->func_name != NULL)
        snprintf(found->function, sizeof found->function, "%s", error->func_name);
    return 0;
}

bool slab_hdf5_failed_in(const char *function)
{
    innermost found = {{0}, {0}};
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &found);
    return strcmp(found.function, function) == 0;
}

/* What HDF5 says of a format that came after it, and of damage. */
static bool is_newer(const char *text)
{
    return strncmp(text, "bad ", 4) == 0 && strstr(text, "version number") != NULL;
}

slab_status slab_hdf5_error(slab_status code, const char *file, int line, const char *format, ...)
{
    innermost found = {{0}, {0}};
    char message[SLAB_MESSAGE_MAX];
    va_list arguments;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &found);
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    const slab_error *below = slab_driver_error();
    if (below->code != SLAB_OK) {
        slab_error_restore(below);
        return slab_error_prefix(below->code, "%s", message);
    }
    if (slab_watch_here() && slab_watch_here()->refused > 0)
        return slab_error_set(SLAB_ERR_MEMORY, file, line,
                              "%s: no room for %zu bytes that HDF5 asks for: it may have %zu",
                              message, slab_watch_here()->refused, slab_watch_memory());
    if (found.text[0] == '\0')
        return slab_error_set(code, file, line, "%s", message);
    if (is_newer(found.text))
        return slab_error_set(code, file, line,
                              "%s: %s: damaged, or newer than HDF5 %d.%d, which slab is built on",
                              message, found.text, H5_VERS_MAJOR, H5_VERS_MINOR);
    return slab_error_set(code, file, line, "%s: %s", message, found.text);
}

void slab_hdf5_close(hid_t *id)
{
    if (*id < 0)
        return;
    switch (H5Iget_type(*id)) {
    case H5I_FILE:
        H5Fclose(*id);
        break;
    case H5I_GROUP:
        H5Gclose(*id);
        break;
    case H5I_DATATYPE:
        H5Tclose(*id);
        break;
    case H5I_DATASPACE:
        H5Sclose(*id);
        break;
    case H5I_DATASET:
        H5Dclose(*id);
        break;
    case H5I_ATTR:
        H5Aclose(*id);
        break;
    case H5I_GENPROP_LST:
        H5Pclose(*id);
        break;
    default:
        H5Idec_ref(*id);
    }
    *id = H5I_INVALID_HID;
}

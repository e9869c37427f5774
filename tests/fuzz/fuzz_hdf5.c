/*
 * A whole HDF5 file, as anything whatever may have left it: what is in it, attributes, where chunks
 * lie, and some elements, read by slab itself and through HDF5.
 *
 * HDF5 does not survive every file, so all are read in a child process (forked.h). Files that HDF5
 * ends on are kept in the folder $SLAB_FUZZ_LIBRARY, one for each function that it ended in.
 */
#include "hdf5_inside.h"
#include "hdf5_seeds.h"
#include <slab/storage/reader.h>
#include <slab/storage/texts.h>

long fuzz_taken;

enum { OBJECTS = 48, ELEMENTS_MOST = 1 << 16, TILES_MOST = 4096, TEXTS_MOST = 16 };

typedef struct found {
    char path[512];
    slab_object object;
} found;

typedef struct listing {
    found objects[OBJECTS];
    int n;
} listing;

static slab_status note_object(void *context, const char *path, slab_object object,
                               const char *target)
{
    listing *l = context;
    bool link = object == SLAB_OBJECT_SOFT_LINK || object == SLAB_OBJECT_EXTERNAL_LINK;
    MUST(path && path[0] == '/', "a path without a beginning");
    MUST(link == (target != NULL), "'%s': a link leads somewhere, and nothing else does", path);
    if (l->n == OBJECTS || strlen(path) >= sizeof l->objects->path)
        return SLAB_OK;
    strcpy(l->objects[l->n].path, path);
    l->objects[l->n++].object = object;
    return SLAB_OK;
}

static void look_at_attributes(slab_file *file, const char *path)
{
    slab_attribute *attributes = NULL;
    size_t n = 0;
    char *text = NULL;
    if (!is_good(slab_file_attributes(file, path, &attributes, &n)))
        return;
    for (size_t i = 0; i < n; i++) {
        bool same = false;
        const char *name = attributes[i].name;
        MUST(name && attributes[i].text, "an attribute without a name, or without a text");
        if (is_good(slab_file_attribute_text(file, path, name, &text)))
            slab_memory_free(text);
        is_good(slab_file_attribute_equal(file, path, file, path, name, &same));
    }
    slab_attributes_free(&attributes, n);
}

static void check_info(const slab_array_info *info)
{
    MUST(info->shape.rank >= 0 && info->shape.rank <= SLAB_RANK_MAX, "%d axes", info->shape.rank);
    MUST(info->dtype.size > 0, "elements of no size");
    MUST(info->layout != SLAB_LAYOUT_CHUNKED || info->chunk.rank == info->shape.rank,
         "chunks of %d axes in an array of %d", info->chunk.rank, info->shape.rank);
    for (int a = 0; a < info->shape.rank; a++) {
        MUST(info->shape.extent[a] >= 0, "axis %d has %ld elements", a,
             (long)info->shape.extent[a]);
        MUST(info->layout != SLAB_LAYOUT_CHUNKED || info->chunk.extent[a] > 0,
             "axis %d of a chunk has %ld elements", a, (long)info->chunk.extent[a]);
    }
}

/* The first few strings. */
static void look_at_texts(slab_array *array, const slab_shape *shape)
{
    slab_texts *texts = NULL;
    slab_selection some = slab_selection_all(shape);
    int64_t n = 1;
    for (int a = 0; a < some.rank; a++) {
        int64_t most = n > 0 ? TEXTS_MOST / n : 0;
        some.count[a] = some.count[a] < most ? some.count[a] : most;
        n *= some.count[a];
    }
    if (!is_good(slab_texts_read(array, &some, &texts)))
        return;
    for (int64_t i = 0; i < n; i++)
        MUST(slab_texts_at(texts, i), "no text %ld", (long)i);
    slab_texts_destroy(&texts);
}

/* What HDF5 itself reads there. False: it does not, or elements of this type may differ. */
static bool read_by_hdf5(const char *path, const slab_array_info *info, const slab_box *box,
                         void *elements)
{
    hsize_t start[SLAB_RANK_MAX], count[SLAB_RANK_MAX];
    bool good = false;
    if (info->dtype.is_enum || info->dtype.kind == SLAB_KIND_OTHER ||
        info->dtype.kind == SLAB_KIND_STRING || info->dtype.kind == SLAB_KIND_COMPLEX ||
        info->dtype.kind == SLAB_KIND_BOOL ||
        (info->dtype.kind == SLAB_KIND_FLOAT && info->dtype.size < 4))
        return false;
    for (int a = 0; a < box->rank; a++) {
        start[a] = (hsize_t)box->start[a];
        count[a] = (hsize_t)box->count[a];
    }
    slab_watch_enter();
    hid_t file = H5Fopen("f.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t array = file < 0 ? -1 : H5Dopen2(file, path, H5P_DEFAULT);
    hid_t space = array < 0 ? -1 : H5Dget_space(array);
    hid_t stored = array < 0 ? -1 : H5Dget_type(array);
    hid_t type = stored < 0 ? -1 : H5Tget_native_type(stored, H5T_DIR_ASCEND);
    hid_t memory = H5Screate_simple(box->rank, count, NULL);
    if (type >= 0 && memory >= 0 && H5Tget_size(type) == info->dtype.size &&
        (box->rank == 0 ||
         H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0))
        good = H5Dread(array, type, memory, space, H5P_DEFAULT, elements) >= 0;
    hid_t *all[] = {&memory, &type, &stored, &space, &array, &file};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        slab_hdf5_close(all[i]);
    slab_watch_leave();
    return good;
}

static void look_at_box(slab_reader *reader, const slab_array_info *info, const char *path,
                        const slab_box *box)
{
    size_t size = slab_reader_dtype(reader).size, n = (size_t)slab_box_elements(box);
    if (n == 0 || n > ELEMENTS_MOST || size > ELEMENTS_MOST / n)
        return;
    uint8_t *elements = malloc(n * size), *other = malloc(n * size);
    slab_view view;
    MUST(elements && other, "no memory");
    bool good = is_good(slab_reader_copy(reader, 0, box, elements));
    MUST(is_good(slab_reader_get(reader, 0, box, &view)) == good,
         "'%s' is read by one call, and not by another", path);
    if (good && info->fallback[0] == '\0' && read_by_hdf5(path, info, box, other))
        MUST(memcmp(elements, other, n * size) == 0, "'%s' is not what HDF5 reads", path);
    free(elements);
    free(other);
}

static void look_at_elements(slab_array *array, const char *path)
{
    const slab_array_info *info = slab_array_describe(array);
    slab_reader *reader = NULL;
    slab_box box;
    if (!is_good(slab_reader_open(array, NULL, NULL, 1, &reader)))
        return;
    const slab_grid *grid = slab_reader_grid(reader);
    int64_t last = -1;
    for (int part = 0; part < 3 && grid->ntiles > 0; part++) {
        int64_t tile = (grid->ntiles - 1) * part / 2;
        if (tile == last)
            continue;
        slab_grid_box(grid, last = tile, &box);
        look_at_box(reader, info, path, &box);
    }
    slab_reader_close(&reader);
}

static bool has_few_chunks(const slab_array_info *info)
{
    int64_t n = 1;
    if (info->layout != SLAB_LAYOUT_CHUNKED)
        return true;
    for (int a = 0; a < info->shape.rank; a++) {
        int64_t along = info->shape.extent[a] / info->chunk.extent[a];
        if (along >= TILES_MOST / n)
            return false;
        n *= along + 1;
    }
    return true;
}

static void look_at_array(slab_file *file, const char *path)
{
    slab_array *array = NULL;
    slab_grid grid;
    const slab_chunk *chunks;
    uint64_t identity;
    int64_t first[4];
    slab_unequal unequal = {.first = first, .most = 4};
    if (!is_good(slab_array_open(file, path, &array)))
        return;
    const slab_array_info *info = slab_array_describe(array);
    check_info(info);
    if (has_few_chunks(info)) {
        is_good(slab_array_identity(array, &identity));
        if (info->layout == SLAB_LAYOUT_CHUNKED)
            is_good(slab_array_chunks(array, &grid, &chunks));
        if (slab_texts_are_in(array))
            look_at_texts(array, &info->shape);
        else
            look_at_elements(array, path);
        int64_t n;
        if (is_good(slab_shape_elements(&info->shape, &n)) && n <= TILES_MOST)
            is_good(slab_file_elements_equal(file, path, file, path, &unequal));
    }
    slab_array_close(&array);
}

static void look_at_object(slab_file *file, const found *object)
{
    const char *path = object->path;
    slab_object now, link;
    bool same = false;
    int64_t objects;
    uint64_t bytes;
    is_good(slab_file_object(file, path, &now));
    if (is_good(slab_file_link(file, path, &link)))
        MUST(link == object->object, "'%s' is listed as %d, and is %d", path, (int)object->object,
             (int)link);
    look_at_attributes(file, path);
    if (object->object == SLAB_OBJECT_TYPE)
        is_good(slab_file_types_equal(file, path, file, path, &same));
    if (object->object == SLAB_OBJECT_ARRAY)
        look_at_array(file, path);
    is_good(slab_file_occupied(file, &path, 1, &objects, &bytes));
}

static bool look_once(void)
{
    static listing l;
    slab_file *file = NULL;
    l.n = 0;
    if (!is_good(slab_file_open(slab_ranks_world(), "f.h5", &file)))
        return false;
    bool good = is_good(slab_file_list(file, "/", true, note_object, &l));
    look_at_attributes(file, "/");
    for (int i = 0; i < l.n; i++)
        look_at_object(file, &l.objects[i]);
    slab_file_close(&file);
    return good;
}

/* What filters work in stays, and grows with the chunks: a leak grows again. */
static bool look_at_file(void)
{
    size_t before = memory_begin();
    bool good = look_once();
    if (slab_memory_used() != before) {
        before = memory_begin();
        look_once();
        memory_end(before);
    }
    return good;
}

/* One file for each place that the library ends in. */
static void keep_for_library(void)
{
    char name[512];
    const char *folder = getenv("SLAB_FUZZ_LIBRARY");
    if (!folder)
        return;
    snprintf(name, sizeof name, "%s/%s", folder, shared->where);
    if (access(name, F_OK) != 0)
        file_write(name, image, image_bytes);
}

static void start(void)
{
    if (image)
        return;
    fuzz_folder();
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
    H5open(); /* here, and not in every child */
    image = shared_memory(IMAGE_MOST);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    start();
    image_bytes = n < IMAGE_MOST ? n : IMAGE_MOST;
    memcpy(image, bytes, image_bytes);
    file_write("f.h5", image, image_bytes);
    child_end end = in_child(look_at_file);
    fuzz_taken += end == CHILD_TOOK;
    if (end == CHILD_IN_LIBRARY)
        keep_for_library();
    return 0;
}

void fuzz_seeds(fuzz_take take)
{
    start();
    hdf5_seeds(take);
}

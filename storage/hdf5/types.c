/* Element types between HDF5 and slab: what h5py and netCDF write, read the way they mean it. */
#include <slab/storage/hdf5/types_impl.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <slab/storage/array.h>
#include <slab/storage/base/try.h>
#include <slab/storage/hdf5/library_impl.h>

enum { TEXT_DEPTH = 8 };

/* Where the parts of an IEEE 754 number lie. */
typedef struct float_parts {
    size_t sign, exponent, exponent_size, mantissa, mantissa_size, bias;
} float_parts;

static const float_parts ieee_half = {15, 10, 5, 0, 10, 15};
static const float_parts ieee_single = {31, 23, 8, 0, 23, 127};
static const float_parts ieee_double = {63, 52, 11, 0, 52, 1023};

static const float_parts *ieee_of(size_t size)
{
    return size == 2 ? &ieee_half : size == 4 ? &ieee_single : size == 8 ? &ieee_double : NULL;
}

static slab_status integer_from(hid_t type, slab_dtype *dtype, char *reason)
{
    slab_status rc = SLAB_OK;
    size_t size = H5Tget_size(type), precision = H5Tget_precision(type);
    int offset = H5Tget_offset(type);
    bool is_signed = H5Tget_class(type) == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_2;
    HDF5_REQUIRE(size > 0 && precision > 0 && offset >= 0, SLAB_ERR_FORMAT,
                 "an integer type makes no sense");
    if (size > 8) {
        *dtype = (slab_dtype){.kind = SLAB_KIND_OTHER, .size = (uint32_t)size};
        goto done;
    }
    REQUIRE(precision + (size_t)offset <= 8 * size, SLAB_ERR_FORMAT,
            "an integer type of %zu bytes has its %zu bits at bit %d", size, precision, offset);
    slab_kind kind = is_signed ? SLAB_KIND_INT : SLAB_KIND_UINT;
    if (size == 1 || size == 2 || size == 4 || size == 8) {
        *dtype = slab_dtype_make(kind, (uint32_t)size);
        dtype->precision = (uint16_t)precision;
        dtype->offset = (uint16_t)offset;
        dtype->big_endian = size > 1 && H5Tget_order(type) == H5T_ORDER_BE;
    } else {
        *dtype = slab_dtype_make(kind, size == 3 ? 4 : 8);
        snprintf(reason, SLAB_REASON_MAX, "its integers take %zu bytes", size);
    }
done:
    return rc;
}

static slab_status float_from(hid_t type, slab_dtype *dtype, char *reason)
{
    slab_status rc = SLAB_OK;
    float_parts p = {0};
    size_t size = H5Tget_size(type);
    const float_parts *ieee = ieee_of(size);
    H5T_order_t order = H5Tget_order(type);
    HDF5_REQUIRE(size > 0 && H5Tget_fields(type, &p.sign, &p.exponent, &p.exponent_size,
                                           &p.mantissa, &p.mantissa_size) >= 0,
                 SLAB_ERR_FORMAT, "a floating-point type makes no sense");
    p.bias = H5Tget_ebias(type);
    if (ieee != NULL && (order == H5T_ORDER_LE || order == H5T_ORDER_BE) &&
        memcmp(&p, ieee, sizeof p) == 0 && H5Tget_norm(type) == H5T_NORM_IMPLIED &&
        H5Tget_offset(type) == 0 && H5Tget_precision(type) == 8 * size) {
        *dtype = slab_dtype_make(SLAB_KIND_FLOAT, (uint32_t)size);
        dtype->big_endian = order == H5T_ORDER_BE;
        goto done;
    }
    /* Of the types with so few bits, only that with five of exponent has infinities and NaN. HDF5
     * reads the largest numbers of the others as such: 256 of F8E4M3 is infinite. */
    if (size == 1 && p.exponent_size != 5) {
        *dtype = (slab_dtype){.kind = SLAB_KIND_OTHER, .size = 1};
        goto done;
    }
    bool small = p.exponent_size <= 8 && p.mantissa_size <= 23;
    *dtype = slab_dtype_make(SLAB_KIND_FLOAT, small ? 4 : 8);
    snprintf(reason, SLAB_REASON_MAX,
             "its floats of %zu bytes (%zu bits of exponent, %zu of mantissa) are not IEEE "
             "half, single or double",
             size, p.exponent_size, p.mantissa_size);
done:
    return rc;
}

static bool member_is(hid_t type, unsigned i, const char *name)
{
    char *found = H5Tget_member_name(type, i);
    bool same = found != NULL && strcmp(found, name) == 0;
    H5free_memory(found);
    return same;
}

/* h5py's bool: an enum of one byte, FALSE = 0, TRUE = 1. */
static bool enum_is_bool(hid_t type)
{
    uint8_t values[2] = {9, 9};
    if (H5Tget_size(type) != 1 || H5Tget_nmembers(type) != 2)
        return false;
    for (unsigned i = 0; i < 2; i++) {
        uint8_t value = 9;
        if (H5Tget_member_value(type, i, &value) < 0 || value > 1 ||
            !member_is(type, i, value == 0 ? "FALSE" : "TRUE"))
            return false;
        values[value] = value;
    }
    return values[0] == 0 && values[1] == 1;
}

static slab_status enum_from(hid_t type, slab_dtype *dtype, char *reason)
{
    slab_status rc = SLAB_OK;
    hid_t base = H5Tget_super(type);
    HDF5_REQUIRE(base >= 0, SLAB_ERR_FORMAT, "an enum has no base type");
    TRY(slab_type_from_hdf5(base, dtype, reason));
    if (enum_is_bool(type))
        *dtype = slab_dtype_make(SLAB_KIND_BOOL, 1);
    else
        dtype->is_enum = dtype->kind != SLAB_KIND_OTHER;
done:
    slab_hdf5_close(&base);
    return rc;
}

/* The float that both parts of a complex number are, or SLAB_KIND_OTHER. */
static slab_status part_of_complex(hid_t type, slab_dtype *part)
{
    slab_status rc = SLAB_OK;
    hid_t re = H5I_INVALID_HID, im = H5I_INVALID_HID;
    slab_dtype other = {0};
    char reason[SLAB_REASON_MAX] = "";
    *part = (slab_dtype){.kind = SLAB_KIND_OTHER};
#if H5_VERSION_GE(2, 0, 0)
    if (H5Tget_class(type) == H5T_COMPLEX) {
        re = H5Tget_super(type);
        HDF5_REQUIRE(re >= 0, SLAB_ERR_FORMAT, "a complex type has no base type");
        TRY(slab_type_from_hdf5(re, part, reason));
        goto done;
    }
#endif
    if (H5Tget_nmembers(type) != 2 || !member_is(type, 0, "r") || !member_is(type, 1, "i"))
        goto done;
    re = H5Tget_member_type(type, 0);
    im = H5Tget_member_type(type, 1);
    HDF5_REQUIRE(re >= 0 && im >= 0, SLAB_ERR_FORMAT, "a compound has a member without a type");
    if (H5Tget_class(re) != H5T_FLOAT || H5Tget_class(im) != H5T_FLOAT)
        goto done;
    TRY(slab_type_from_hdf5(re, part, reason));
    TRY(slab_type_from_hdf5(im, &other, reason));
    if (reason[0] != '\0' || !slab_dtype_equal(*part, other) ||
        H5Tget_size(type) != 2 * (size_t)part->size || H5Tget_member_offset(type, 0) != 0)
        part->kind = SLAB_KIND_OTHER;
done:
    slab_hdf5_close(&re);
    slab_hdf5_close(&im);
    return rc;
}

static slab_status compound_from(hid_t type, slab_dtype *dtype)
{
    slab_status rc = SLAB_OK;
    slab_dtype part;
    TRY(part_of_complex(type, &part));
    if (part.kind == SLAB_KIND_FLOAT) {
        *dtype = slab_dtype_make(SLAB_KIND_COMPLEX, 2 * part.size);
        dtype->big_endian = part.big_endian;
    }
done:
    return rc;
}

slab_status slab_type_from_hdf5(hid_t type, slab_dtype *dtype, char *reason)
{
    slab_status rc = SLAB_OK;
    size_t size = H5Tget_size(type);
    reason[0] = '\0';
    HDF5_REQUIRE(size > 0, SLAB_ERR_FORMAT, "an element type has no size");
    REQUIRE(size <= UINT32_MAX, SLAB_ERR_UNSUPPORTED, "elements of %zu bytes are too large", size);
    *dtype = (slab_dtype){.kind = SLAB_KIND_OTHER, .size = (uint32_t)size};
    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
    case H5T_BITFIELD:
        return integer_from(type, dtype, reason);
    case H5T_FLOAT:
        return float_from(type, dtype, reason);
    case H5T_ENUM:
        return enum_from(type, dtype, reason);
    case H5T_STRING:
        if (H5Tis_variable_str(type) == 0)
            *dtype = slab_dtype_make(SLAB_KIND_STRING, (uint32_t)size);
        break;
#if H5_VERSION_GE(2, 0, 0)
    case H5T_COMPLEX:
#endif
    case H5T_COMPOUND:
        return compound_from(type, dtype);
    default:
        break;
    }
done:
    return rc;
}

/* --- to HDF5 --- */

static slab_status float_to(uint32_t size, bool big_endian, hid_t *type)
{
    slab_status rc = SLAB_OK;
    *type = H5Tcopy(size == 8 ? H5T_IEEE_F64LE : H5T_IEEE_F32LE);
    HDF5_REQUIRE(*type >= 0, SLAB_ERR_HDF5, "cannot make a floating-point type");
    REQUIRE(size == 2 || size == 4 || size == 8, SLAB_ERR_TYPE,
            "there are no floats of %" PRIu32 " bytes", size);
    if (size == 2) { /* before 1.14.4 HDF5 has no half of its own */
        const float_parts *p = &ieee_half;
        HDF5_REQUIRE(H5Tset_fields(*type, p->sign, p->exponent, p->exponent_size, p->mantissa,
                                   p->mantissa_size) >= 0 &&
                         H5Tset_size(*type, 2) >= 0 && H5Tset_ebias(*type, p->bias) >= 0,
                     SLAB_ERR_HDF5, "cannot make a half-precision type");
    }
    if (big_endian)
        HDF5_REQUIRE(H5Tset_order(*type, H5T_ORDER_BE) >= 0, SLAB_ERR_HDF5,
                     "cannot make a big-endian type");
done:
    return rc;
}

static slab_status integer_to(slab_dtype dtype, hid_t *type)
{
    slab_status rc = SLAB_OK;
    bool is_signed = dtype.kind == SLAB_KIND_INT;
    REQUIRE(dtype.size == 1 || dtype.size == 2 || dtype.size == 4 || dtype.size == 8, SLAB_ERR_TYPE,
            "there are no integers of %" PRIu32 " bytes", dtype.size);
    *type = H5Tcopy(dtype.size == 1   ? (is_signed ? H5T_STD_I8LE : H5T_STD_U8LE)
                    : dtype.size == 2 ? (is_signed ? H5T_STD_I16LE : H5T_STD_U16LE)
                    : dtype.size == 4 ? (is_signed ? H5T_STD_I32LE : H5T_STD_U32LE)
                                      : (is_signed ? H5T_STD_I64LE : H5T_STD_U64LE));
    HDF5_REQUIRE(*type >= 0, SLAB_ERR_HDF5, "cannot make an integer type");
    if (dtype.precision != 8 * dtype.size || dtype.offset != 0)
        HDF5_REQUIRE(H5Tset_precision(*type, dtype.precision) >= 0 &&
                         H5Tset_offset(*type, dtype.offset) >= 0,
                     SLAB_ERR_HDF5, "cannot make an integer of %d bits at bit %d", dtype.precision,
                     dtype.offset);
    if (dtype.big_endian)
        HDF5_REQUIRE(H5Tset_order(*type, H5T_ORDER_BE) >= 0, SLAB_ERR_HDF5,
                     "cannot make a big-endian type");
done:
    return rc;
}

static slab_status bool_to(hid_t *type)
{
    slab_status rc = SLAB_OK;
    int8_t no = 0, yes = 1;
    *type = H5Tenum_create(H5T_STD_I8LE);
    HDF5_REQUIRE(*type >= 0 && H5Tenum_insert(*type, "FALSE", &no) >= 0 &&
                     H5Tenum_insert(*type, "TRUE", &yes) >= 0,
                 SLAB_ERR_HDF5, "cannot make the bool type");
done:
    return rc;
}

static slab_status complex_to(slab_dtype dtype, hid_t *type)
{
    slab_status rc = SLAB_OK;
    hid_t part = H5I_INVALID_HID;
    TRY(float_to(dtype.size / 2, dtype.big_endian, &part));
    *type = H5Tcreate(H5T_COMPOUND, dtype.size);
    HDF5_REQUIRE(*type >= 0 && H5Tinsert(*type, "r", 0, part) >= 0 &&
                     H5Tinsert(*type, "i", dtype.size / 2, part) >= 0,
                 SLAB_ERR_HDF5, "cannot make a complex type");
done:
    slab_hdf5_close(&part);
    return rc;
}

static slab_status string_to(slab_dtype dtype, hid_t *type)
{
    slab_status rc = SLAB_OK;
    *type = H5Tcopy(H5T_C_S1);
    HDF5_REQUIRE(*type >= 0 && H5Tset_size(*type, dtype.size) >= 0 &&
                     H5Tset_strpad(*type, H5T_STR_NULLPAD) >= 0,
                 SLAB_ERR_HDF5, "cannot make a string type of %" PRIu32 " bytes", dtype.size);
done:
    return rc;
}

slab_status slab_type_to_hdf5(slab_dtype dtype, hid_t *type)
{
    slab_status rc = SLAB_OK;
    *type = H5I_INVALID_HID;
    switch (dtype.kind) {
    case SLAB_KIND_BOOL:
        TRY(bool_to(type));
        break;
    case SLAB_KIND_INT:
    case SLAB_KIND_UINT:
        TRY(integer_to(dtype, type));
        break;
    case SLAB_KIND_FLOAT:
        TRY(float_to(dtype.size, dtype.big_endian, type));
        break;
    case SLAB_KIND_COMPLEX:
        TRY(complex_to(dtype, type));
        break;
    case SLAB_KIND_STRING:
        TRY(string_to(dtype, type));
        break;
    case SLAB_KIND_OTHER:
        FAIL(SLAB_ERR_TYPE, "this element type cannot be written");
    }
done:
    if (rc != SLAB_OK)
        slab_hdf5_close(type);
    return rc;
}

/* --- in memory --- */

/* A bitfield converts to bitfields alone. */
static slab_status bitfield_memory(uint32_t size, hid_t *type)
{
    slab_status rc = SLAB_OK;
    *type = H5Tcopy(size == 1   ? H5T_NATIVE_B8
                    : size == 2 ? H5T_NATIVE_B16
                    : size == 4 ? H5T_NATIVE_B32
                                : H5T_NATIVE_B64);
    HDF5_REQUIRE(*type >= 0, SLAB_ERR_HDF5, "cannot make a bitfield type");
done:
    return rc;
}

slab_status slab_type_memory(hid_t file_type, slab_dtype native, hid_t *type)
{
    slab_status rc = SLAB_OK;
    H5T_class_t class = H5Tget_class(file_type);
    *type = H5I_INVALID_HID;
    if (class == H5T_BITFIELD)
        TRY(bitfield_memory(native.size, type));
    else if (class == H5T_ENUM) {
        *type = H5Tget_native_type(file_type, H5T_DIR_ASCEND);
        HDF5_REQUIRE(*type >= 0, SLAB_ERR_HDF5, "an enum has no native type");
    } else if (class == H5T_STRING && native.kind == SLAB_KIND_STRING) {
        *type = H5Tcopy(file_type); /* padding and character set as they are */
        HDF5_REQUIRE(*type >= 0, SLAB_ERR_HDF5, "cannot copy a string type");
    } else {
#if H5_VERSION_GE(2, 0, 0)
        if (class == H5T_COMPLEX) {
            hid_t part = H5I_INVALID_HID;
            TRY(float_to(native.size / 2, false, &part));
            *type = H5Tcomplex_create(part);
            H5Tclose(part);
            HDF5_REQUIRE(*type >= 0, SLAB_ERR_HDF5, "cannot make a complex type");
            goto done;
        }
#endif
        TRY(slab_type_to_hdf5(native, type));
    }
    REQUIRE(H5Tget_size(*type) == native.size, SLAB_ERR_TYPE,
            "elements of %" PRIu32 " bytes cannot be read as %zu", native.size, H5Tget_size(*type));
done:
    if (rc != SLAB_OK)
        slab_hdf5_close(type);
    return rc;
}

/* --- in words --- */

typedef struct words {
    char *text;
    size_t size, used;
} words;

static void say(words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(words *w, const char *format, ...)
{
    va_list arguments;
    if (w->used + 1 >= w->size)
        return;
    va_start(arguments, format);
    int n = vsnprintf(w->text + w->used, w->size - w->used, format, arguments);
    va_end(arguments);
    w->used += n < 0 ? 0 : (size_t)n;
    if (w->used >= w->size)
        w->used = w->size - 1;
}

static void say_type(words *w, hid_t type, int depth);

static void say_super(words *w, hid_t type, int depth)
{
    hid_t base = H5Tget_super(type);
    if (base >= 0)
        say_type(w, base, depth + 1);
    slab_hdf5_close(&base);
}

static void say_compound(words *w, hid_t type, int depth)
{
    int n = H5Tget_nmembers(type);
    say(w, "compound {");
    for (int i = 0; i < n && w->used + 1 < w->size; i++) {
        char *name = H5Tget_member_name(type, (unsigned)i);
        hid_t member = H5Tget_member_type(type, (unsigned)i);
        say(w, "%s%s: ", i > 0 ? ", " : "", name != NULL ? name : "?");
        if (member >= 0)
            say_type(w, member, depth + 1);
        slab_hdf5_close(&member);
        H5free_memory(name);
    }
    say(w, "}");
}

static void say_array(words *w, hid_t type, int depth)
{
    hsize_t extent[H5S_MAX_RANK];
    int rank = H5Tget_array_dims2(type, extent);
    say(w, "array [");
    for (int i = 0; i < rank; i++)
        say(w, "%s%" PRIu64, i > 0 ? ", " : "", (uint64_t)extent[i]);
    say(w, "] of ");
    say_super(w, type, depth);
}

static void say_number(words *w, hid_t type, const char *family)
{
    char name[SLAB_DTYPE_NAME_MAX], reason[SLAB_REASON_MAX];
    slab_dtype dtype;
    if (slab_type_from_hdf5(type, &dtype, reason) == SLAB_OK && reason[0] == '\0' &&
        dtype.kind != SLAB_KIND_OTHER)
        say(w, "%s", slab_dtype_name(dtype, name));
    else
        say(w, "%s of %zu bytes", family, H5Tget_size(type));
}

static void say_type(words *w, hid_t type, int depth)
{
    char *tag;
    if (depth > TEXT_DEPTH) {
        say(w, "...");
        return;
    }
    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
    case H5T_BITFIELD:
        say_number(w, type, "integer");
        break;
    case H5T_FLOAT:
        say_number(w, type, "float");
        break;
#if H5_VERSION_GE(2, 0, 0)
    case H5T_COMPLEX:
        say(w, "complex of ");
        say_super(w, type, depth);
        break;
#endif
    case H5T_ENUM:
        say(w, "enum of ");
        say_super(w, type, depth);
        break;
    case H5T_STRING:
        if (H5Tis_variable_str(type) > 0)
            say(w, "variable-length string");
        else
            say(w, "string of %zu bytes", H5Tget_size(type));
        break;
    case H5T_COMPOUND:
        say_compound(w, type, depth);
        break;
    case H5T_ARRAY:
        say_array(w, type, depth);
        break;
    case H5T_VLEN:
        say(w, "variable-length sequence of ");
        say_super(w, type, depth);
        break;
    case H5T_OPAQUE:
        tag = H5Tget_tag(type);
        say(w, "opaque, %zu bytes%s%s", H5Tget_size(type), tag && *tag ? ", " : "", tag ? tag : "");
        H5free_memory(tag);
        break;
    case H5T_REFERENCE:
        say(w, H5Tequal(type, H5T_STD_REF_OBJ) > 0 ? "object reference" : "reference");
        break;
    case H5T_TIME:
        say(w, "time, %zu bytes", H5Tget_size(type));
        break;
    default:
        say(w, "unknown type of %zu bytes", H5Tget_size(type));
    }
}

void slab_type_text(hid_t type, char *text, size_t size)
{
    words w = {.text = text, .size = size};
    text[0] = '\0';
    say_type(&w, type, 0);
    /* Names of members are any text: nothing in it acts on a terminal. */
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0))
            *c = '?';
}

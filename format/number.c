/*
 * Most numbers in tables have up to 19 digits and a decimal exponent of at most 27 either way. For
 * them x = digits * 10^e is an exact ratio of integers of 128 bits, because 5^27 < 2^63; rounding
 * it to a binary fraction is one multiplication or division and a look at what is cut off. Whatever
 * lies outside goes to the C library.
 */
#include <slab/format/number_impl.h>

#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EXPONENT_MOST 27
#define DIGITS_MOST   19   /* of a 64-bit number, all of them */
#define TEXT_MOST     4096 /* bytes of a number handed to the C library: any field of a table */

typedef unsigned __int128 wide;

static const uint64_t fives[EXPONENT_MOST + 1] = {1u,
                                                  5u,
                                                  25u,
                                                  125u,
                                                  625u,
                                                  3125u,
                                                  15625u,
                                                  78125u,
                                                  390625u,
                                                  1953125u,
                                                  9765625u,
                                                  48828125u,
                                                  244140625u,
                                                  1220703125u,
                                                  6103515625u,
                                                  30517578125u,
                                                  152587890625u,
                                                  762939453125u,
                                                  3814697265625u,
                                                  19073486328125u,
                                                  95367431640625u,
                                                  476837158203125u,
                                                  2384185791015625u,
                                                  11920928955078125u,
                                                  59604644775390625u,
                                                  298023223876953125u,
                                                  1490116119384765625u,
                                                  7450580596923828125u};

static int width_of(wide x)
{
    uint64_t high = (uint64_t)(x >> 64), low = (uint64_t)x;
    return high ? 128 - __builtin_clzll(high) : low ? 64 - __builtin_clzll(low) : 0;
}

/* 2^n, -1022 <= n <= 1023. */
static double power_of_two(int n)
{
    uint64_t bits = (uint64_t)(n + 1023) << 52;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* x * 2^exponent to `bits` significant bits, ties to even; `more`: something was cut off below x.
 * The result is far from the ends of the type's range. */
static double round_binary(wide x, bool more, int exponent, int bits)
{
    int cut = width_of(x) - bits;
    if (cut > 0) {
        wide rest = x & (((wide)1 << cut) - 1), half = (wide)1 << (cut - 1);
        x >>= cut;
        exponent += cut;
        if (rest > half || (rest == half && (more || (x & 1))))
            x++;
    }
    return (double)(uint64_t)x * power_of_two(exponent);
}

/* digits * 10^exponent, correctly rounded; |exponent| <= EXPONENT_MOST. */
static double real_of(uint64_t digits, int exponent, int bits)
{
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    int size = exponent < 0 ? -exponent : exponent;
    if (digits == 0)
        return 0;
    if (digits < (uint64_t)1 << bits && bits == 53 && size <= 22) /* both exact: rounded once */
        return exponent < 0 ? (double)digits / tens[size] : (double)digits * tens[size];
    if (digits < (uint64_t)1 << bits && bits == 24 && size <= 10)
        return exponent < 0 ? (float)digits / (float)tens[size] : (float)digits * (float)tens[size];
    if (exponent >= 0)
        return round_binary((wide)digits * fives[exponent], false, exponent, bits);
    int shift = __builtin_clzll(digits);
    wide numerator = (wide)(digits << shift) << 63;
    uint64_t divisor = fives[-exponent];
    wide quotient = numerator / divisor;
    return round_binary(quotient, quotient * divisor != numerator, exponent - shift - 63, bits);
}

/* --- reading --- */

static locale_t c_locale;

static void make_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", NULL);
}

static bool read_by_library(const char *p, size_t length, int bits, double *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char text[TEXT_MOST + 1];
    if (length > TEXT_MOST)
        return false;
    pthread_once(&once, make_locale);
    memcpy(text, p, length);
    text[length] = '\0';
    *out = bits == 24 ? (double)strtof_l(text, NULL, c_locale) : strtod_l(text, NULL, c_locale);
    return true;
}

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

static const char *read_name(const char *p, const char *end, double *out)
{
    static const struct {
        const char *name;
        double value;
    } names[] = {{"infinity", INFINITY}, {"inf", INFINITY}, {"nan", NAN}};
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(names[i].name);
        if ((size_t)(end - p) >= n && strncasecmp(p, names[i].name, n) == 0) {
            *out = names[i].value;
            return p + n;
        }
    }
    return NULL;
}

/* Digits before or behind the point. `digits` holds the first 19 significant ones. */
static const char *read_digits(const char *p, const char *end, uint64_t *digits, int *n,
                               int64_t *dropped)
{
    for (; p < end && is_digit(*p); p++) {
        if (*n < DIGITS_MOST) {
            *digits = *digits * 10 + (uint64_t)(*p - '0');
            *n += *digits != 0;
        } else
            ++*dropped;
    }
    return p;
}

/* "e-12" at p; where there is none, *exponent is 0 and p comes back. */
static const char *read_exponent(const char *p, const char *end, int64_t *exponent)
{
    const char *at = p + 1;
    *exponent = 0;
    if (p == end || (*p != 'e' && *p != 'E'))
        return p;
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (at == end || !is_digit(*at))
        return p;
    for (; at < end && is_digit(*at); at++)
        if (*exponent < 100000)
            *exponent = *exponent * 10 + (*at - '0');
    if (negative)
        *exponent = -*exponent;
    return at;
}

const char *slab_number_real(const char *p, const char *end, int bits, double *out)
{
    const char *begin = p, *first, *at;
    uint64_t digits = 0;
    int n = 0;
    int64_t dropped = 0, behind = 0, exponent;
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    first = p;
    p = read_digits(p, end, &digits, &n, &dropped);
    at = p;
    int64_t kept = dropped;
    if (p < end && *p == '.') {
        p = read_digits(p + 1, end, &digits, &n, &dropped);
        behind = p - at - 1;
    }
    if (p - first == (at < p ? 1 : 0)) { /* no digit at all */
        p = read_name(first, end, out);
        if (p && negative)
            *out = -*out;
        return p;
    }
    p = read_exponent(p, end, &exponent);
    exponent += kept - (behind - (dropped - kept));
    if (dropped == 0 && (exponent < 0 ? -exponent : exponent) <= EXPONENT_MOST)
        *out = real_of(digits, (int)exponent, bits);
    else if (!read_by_library(first, (size_t)(p - first), bits, out))
        return NULL;
    if (negative)
        *out = -*out;
    return p == begin ? NULL : p;
}

const char *slab_number_whole(const char *p, const char *end, bool *negative, uint64_t *magnitude,
                              bool *overflow)
{
    *negative = p < end && *p == '-';
    *magnitude = 0;
    *overflow = false;
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (p == end || !is_digit(*p))
        return NULL;
    for (; p < end && is_digit(*p); p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (*magnitude > (UINT64_MAX - digit) / 10)
            *overflow = true;
        *magnitude = *magnitude * 10 + digit;
    }
    return p;
}

/* --- writing --- */

size_t slab_number_print_whole(bool negative, uint64_t magnitude, char *text)
{
    char digits[20];
    size_t n = 0, length = 0;
    do
        digits[n++] = (char)('0' + magnitude % 10);
    while (magnitude /= 10);
    if (negative)
        text[length++] = '-';
    while (n > 0)
        text[length++] = digits[--n];
    return length;
}

/* x = m * 2^e times 10^scale, rounded to a whole number; |scale| <= EXPONENT_MOST, and the result
 * is known to be below 2^63. */
static uint64_t scaled(uint64_t m, int e, int scale)
{
    wide x = m, divisor = 1;
    if (scale >= 0)
        x *= fives[scale];
    else
        divisor = fives[-scale];
    e += scale;
    if (e > 0)
        x <<= e;
    else if (-e > 126)
        return 0;
    if (divisor == 1 && e < 0) {
        wide rest = x & (((wide)1 << -e) - 1), half = (wide)1 << (-e - 1);
        x >>= -e;
        return (uint64_t)x + (rest > half || (rest == half && (x & 1)));
    }
    if (e < 0) /* then m / 10^k with a small m: the divisor takes the twos */
        divisor <<= -e;
    wide quotient = x / divisor, rest = x % divisor;
    return (uint64_t)quotient + (rest > divisor - rest || (rest == divisor - rest && quotient & 1));
}

/* The shortest digits that read back as x > 0: x = *digits * 10^*exponent. */
static bool shortest(double x, int bits, uint64_t *digits, int *exponent)
{
    static const uint64_t limit[] = {1000000u, 1000000000000000u}; /* 10^6, 10^15 */
    uint64_t m;
    memcpy(&m, &x, sizeof m);
    int e = (int)(m >> 52) - 1022; /* x = m * 2^(e - 53), m of 53 bits */
    m = (m & (((uint64_t)1 << 52) - 1)) | (uint64_t)1 << 52;
    bool single = bits == 24;
    int least = single ? 6 : 15, most = single ? 9 : 17;
    uint64_t over = limit[!single];
    int magnitude = ((e - 1) * 1233) >> 12; /* floor(log10 x), or one less; log10 2 = 0.30103 */
    for (int precision = least; precision <= most; precision++, over *= 10) {
        for (int up = 0; up < 2; up++) {
            int scale = precision - 1 - (magnitude + up);
            if (scale > EXPONENT_MOST || scale < -EXPONENT_MOST)
                return false;
            *digits = scaled(m, e - 53, scale);
            *exponent = -scale;
            if (*digits < over)
                break;
        }
        if (real_of(*digits, *exponent, bits) == x)
            return true;
    }
    return false;
}

/* Digits and a decimal exponent, written plainly or as 1.5e-07. */
static size_t lay_out(uint64_t digits, int exponent, char *text)
{
    char d[20];
    size_t length = 0;
    while (digits % 10 == 0) {
        digits /= 10;
        exponent++;
    }
    int n = (int)slab_number_print_whole(false, digits, d), point = n + exponent;
    if (point < -3 || point > 17) {
        text[length++] = d[0];
        if (n > 1)
            text[length++] = '.';
        memcpy(text + length, d + 1, (size_t)n - 1);
        length += (size_t)n - 1;
        return length + (size_t)sprintf(text + length, "e%+03d", point - 1);
    }
    if (point <= 0) {
        memcpy(text, "0.000", 5);
        length = 2 + (size_t)-point;
    }
    for (int i = 0; i < n; i++) {
        if (i == point && i > 0)
            text[length++] = '.';
        text[length++] = d[i];
    }
    for (int i = n; i < point; i++)
        text[length++] = '0';
    return length;
}

size_t slab_number_print(double x, int bits, char *text)
{
    size_t length = 0;
    uint64_t digits;
    int exponent;
    double back;
    if (isnan(x)) {
        memcpy(text, "nan", 3);
        return 3;
    }
    if (signbit(x))
        text[length++] = '-';
    x = fabs(x);
    if (isinf(x) || x == 0) {
        memcpy(text + length, x == 0 ? "0\0" : "inf", 3);
        return length + (x == 0 ? 1 : 3);
    }
    bool normal = x >= (bits == 24 ? FLT_MIN : DBL_MIN);
    if (normal && shortest(x, bits, &digits, &exponent))
        return length + lay_out(digits, exponent, text + length);
    for (int precision = !normal      ? 1
                         : bits == 24 ? 6
                                      : 15;
         ; precision++) { /* very large or very small */
        int n = snprintf(text + length, SLAB_NUMBER_MAX - length, "%.*g", precision, x);
        slab_number_real(text + length, text + length + n, bits, &back);
        if (back == x || precision == 17)
            return length + (size_t)n;
    }
}

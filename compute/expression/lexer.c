/* Text to tokens, as Python's tokenizer cuts it. */
#include <slab/compute/expression/expression_impl.h>

#include <locale.h>
#include <stdlib.h>
#include <string.h>

typedef struct lexer {
    const char *text, *at;
    int character; /* of `at` */
    char brackets[EXPRESSION_DEPTH_MAX];
    int bracket_at[EXPRESSION_DEPTH_MAX];
    int nbrackets;
    char *word; /* where the next goes in list->words */
    locale_t c_locale;
    token_list *list;
} lexer;

static const struct {
    const char *spelling;
    token_kind kind;
} words[] = {{"and", TOKEN_AND}, {"else", TOKEN_ELSE}, {"False", TOKEN_FALSE}, {"if", TOKEN_IF},
             {"in", TOKEN_IN},   {"is", TOKEN_IS},     {"None", TOKEN_NONE},   {"not", TOKEN_NOT},
             {"or", TOKEN_OR},   {"True", TOKEN_TRUE}},
  signs[] = {/* the longer ones first */
             {"...", TOKEN_ELLIPSIS},
             {"**", TOKEN_POWER},
             {"//", TOKEN_FLOOR},
             {"<<", TOKEN_SHIFT_LEFT},
             {">>", TOKEN_SHIFT_RIGHT},
             {"<=", TOKEN_LESS_EQUAL},
             {">=", TOKEN_GREATER_EQUAL},
             {"==", TOKEN_EQUAL},
             {"!=", TOKEN_NOT_EQUAL},
             {"(", TOKEN_LEFT_PAREN},
             {")", TOKEN_RIGHT_PAREN},
             {"[", TOKEN_LEFT_BRACKET},
             {"]", TOKEN_RIGHT_BRACKET},
             {",", TOKEN_COMMA},
             {":", TOKEN_COLON},
             {".", TOKEN_DOT},
             {"=", TOKEN_ASSIGN},
             {"+", TOKEN_PLUS},
             {"-", TOKEN_MINUS},
             {"*", TOKEN_STAR},
             {"/", TOKEN_SLASH},
             {"%", TOKEN_PERCENT},
             {"@", TOKEN_AT},
             {"&", TOKEN_AMPERSAND},
             {"|", TOKEN_BAR},
             {"^", TOKEN_CARET},
             {"~", TOKEN_TILDE},
             {"<", TOKEN_LESS},
             {">", TOKEN_GREATER},
             {";", TOKEN_NEWLINE}};

/* Python's other words: a name may not be one of them. */
static const char *const reserved[] = {
    "as",   "assert", "async",   "await", "break", "class",  "continue", "def",    "del",
    "elif", "except", "finally", "for",   "from",  "global", "import",   "lambda", "nonlocal",
    "pass", "raise",  "return",  "try",   "while", "with",   "yield"};

const char *token_spelling(token_kind kind)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].kind == kind)
            return words[i].spelling;
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (signs[i].kind == kind && kind != TOKEN_NEWLINE)
            return signs[i].spelling;
    switch (kind) {
    case TOKEN_NAME:
        return "a name";
    case TOKEN_INTEGER:
    case TOKEN_REAL:
    case TOKEN_IMAGINARY:
        return "a number";
    case TOKEN_STRING:
        return "a string";
    case TOKEN_NEWLINE:
        return "the end of the statement";
    case TOKEN_NOT_IN:
        return "not in";
    case TOKEN_IS_NOT:
        return "is not";
    default:
        return "the end";
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* A code point and its bytes; 0 bytes when it is not UTF-8. */
static uint32_t decode(const char *text, int *bytes)
{
    const unsigned char *s = (const unsigned char *)text;
    int n = s[0] < 0x80 ? 1 : s[0] >= 0xC2 && s[0] < 0xE0 ? 2 : (s[0] & 0xF0) == 0xE0 ? 3 : 4;
    uint32_t code = n == 1 ? s[0] : s[0] & (0x7Fu >> n);
    *bytes = 0;
    if (n == 4 && (s[0] < 0xF0 || s[0] > 0xF4))
        return 0;
    for (int i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3Fu);
    }
    if ((n == 3 && code < 0x800) || (n == 4 && (code < 0x10000 || code > 0x10FFFF)))
        return 0;
    *bytes = n;
    return code;
}

/* Letters beyond ASCII that a name may have: scripts, but not the signs and quotes among them that
 * word processors put in place of Python's. */
static bool is_wide_letter(uint32_t code)
{
    static const struct {
        uint32_t from, to;
    } scripts[] = {{0xAA, 0xAA},     {0xB5, 0xB5},     {0xBA, 0xBA},     {0xC0, 0xD6},
                   {0xD8, 0xF6},     {0xF8, 0x2C1},    {0x370, 0x373},   {0x376, 0x377},
                   {0x37B, 0x37D},   {0x386, 0x386},   {0x388, 0x481},   {0x48A, 0x52F},
                   {0x531, 0x556},   {0x561, 0x587},   {0x5D0, 0x5EA},   {0x620, 0x64A},
                   {0x900, 0x963},   {0xE01, 0xE3A},   {0x10A0, 0x10FF}, {0x1E00, 0x1FBC},
                   {0x3041, 0x3096}, {0x30A1, 0x30FA}, {0x4E00, 0x9FFF}, {0xAC00, 0xD7A3}};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
        if (code >= scripts[i].from && code <= scripts[i].to)
            return true;
    return false;
}

/* Bytes of a letter at `text`, 0 when there is none. */
static int letter_bytes(const char *text)
{
    int bytes;
    if ((unsigned char)*text < 0x80)
        return is_letter(*text);
    uint32_t code = decode(text, &bytes);
    return bytes > 0 && is_wide_letter(code) ? bytes : 0;
}

/* Goes on by n bytes; a character is counted at its first. */
static void advance(lexer *l, int n)
{
    for (int i = 0; i < n; i++)
        l->character += ((unsigned char)l->at[i] & 0xC0) != 0x80;
    l->at += n;
}

static token *add(lexer *l, token_kind kind, int length)
{
    token *t = &l->list->tokens[l->list->n++];
    *t = (token){.kind = kind, .character = l->character, .text = l->at, .length = length};
    return t;
}

static void keep_word(lexer *l, token *t, const char *from, int length)
{
    memcpy(l->word, from, (size_t)length);
    l->word[length] = '\0';
    t->text = l->word;
    t->length = length;
    l->word += length + 1;
}

static slab_status lex_name(lexer *l)
{
    slab_status rc = SLAB_OK;
    int n = 0, more;
    while ((more = is_digit(l->at[n]) ? 1 : letter_bytes(l->at + n)) > 0)
        n += more;
    token *t = add(l, TOKEN_NAME, n);
    keep_word(l, t, l->at, n);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(t->text, words[i].spelling) == 0)
            t->kind = words[i].kind;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        REQUIRE_AT(strcmp(t->text, reserved[i]) != 0, l->character, SLAB_ERR_USAGE,
                   "'%s' is a word of Python's that expressions here do not have", t->text);
    REQUIRE_AT(l->at[n] != '\'' && l->at[n] != '"', l->character, SLAB_ERR_USAGE,
               "strings have no prefix here");
    advance(l, n);
done:
    return rc;
}

/* The length of digits with single underscores between them; 0: none. */
static int digits(const char *s, bool (*is)(char))
{
    int n = 0;
    while (is(s[n]) || (s[n] == '_' && n > 0 && is(s[n + 1])))
        n++;
    return n;
}

static bool is_binary(char c)
{
    return c == '0' || c == '1';
}

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static slab_status read_integer(const char *s, int n, unsigned base, int character, uint64_t *out)
{
    slab_status rc = SLAB_OK;
    uint64_t x = 0;
    for (int i = 0; i < n; i++) {
        if (s[i] == '_')
            continue;
        unsigned digit =
            is_digit(s[i]) ? (unsigned)(s[i] - '0') : (unsigned)((s[i] | 32) - 'a' + 10);
        REQUIRE_AT(!__builtin_mul_overflow(x, base, &x) && !__builtin_add_overflow(x, digit, &x),
                   character, SLAB_ERR_RANGE, "an integer beyond 2**64 - 1");
    }
    *out = x;
done:
    return rc;
}

/* 0x1F, 0o17, 0b101: false when it is none of them. */
static slab_status lex_prefixed(lexer *l, int *length)
{
    slab_status rc = SLAB_OK;
    char letter = (char)(l->at[1] | 32);
    unsigned base = letter == 'x' ? 16 : letter == 'o' ? 8 : 2;
    const char *s = l->at + 2;
    s += *s == '_';
    int n = digits(s, base == 16 ? is_hex : base == 8 ? is_octal : is_binary);
    *length = n > 0 ? (int)(s - l->at) + n : 2;
    token *t = add(l, TOKEN_INTEGER, *length);
    REQUIRE_AT(n > 0, l->character, SLAB_ERR_USAGE, "a number without digits");
    TRY(read_integer(s, n, base, l->character, &t->integer));
done:
    return rc;
}

/* The length of a float at s, 0 when there is a plain integer or nothing. */
static int real_length(const char *s)
{
    int n = digits(s, is_digit), whole = n;
    bool real = false;
    if (s[n] == '.') {
        int fraction = digits(s + n + 1, is_digit);
        if (whole == 0 && fraction == 0)
            return 0;
        n += 1 + fraction;
        real = true;
    }
    if ((s[n] | 32) == 'e') {
        int sign = s[n + 1] == '+' || s[n + 1] == '-';
        int exponent = digits(s + n + 1 + sign, is_digit);
        n += exponent > 0 ? 1 + sign + exponent : 0;
        real |= exponent > 0;
    }
    return real ? n : 0;
}

/* The C library reads no underscores, and a dot only in the C locale. */
static slab_status read_real(lexer *l, int n, double *out)
{
    slab_status rc = SLAB_OK;
    char *plain = NULL;
    int length = 0;
    ALLOC(plain, n + 1, "a number");
    for (int i = 0; i < n; i++)
        if (l->at[i] != '_')
            plain[length++] = l->at[i];
    if (!l->c_locale)
        l->c_locale = newlocale(LC_ALL_MASK, "C", NULL);
    REQUIRE(l->c_locale, SLAB_ERR_MEMORY, "no memory for a number");
    *out = strtod_l(plain, NULL, l->c_locale);
done:
    FREE(plain);
    return rc;
}

static slab_status lex_plain_number(lexer *l, int *length)
{
    slab_status rc = SLAB_OK;
    int n = real_length(l->at), whole = digits(l->at, is_digit);
    bool real = n > 0;
    n = real ? n : whole;
    bool imaginary = (l->at[n] | 32) == 'j';
    token *t = add(l, imaginary ? TOKEN_IMAGINARY : real ? TOKEN_REAL : TOKEN_INTEGER, n);
    *length = n + imaginary;
    if (imaginary || real)
        return read_real(l, n, &t->real);
    TRY(read_integer(l->at, n, 10, l->character, &t->integer));
    REQUIRE_AT(l->at[0] != '0' || t->integer == 0, l->character, SLAB_ERR_USAGE,
               "an integer does not begin with 0: octal numbers are written 0o17");
done:
    return rc;
}

static slab_status lex_number(lexer *l)
{
    slab_status rc = SLAB_OK;
    int n = 0;
    bool prefixed = l->at[0] == '0' && l->at[1] && strchr("xXoObB", l->at[1]);
    TRY(prefixed ? lex_prefixed(l, &n) : lex_plain_number(l, &n));
    REQUIRE_AT(!is_digit(l->at[n]) && letter_bytes(l->at + n) == 0, l->character, SLAB_ERR_USAGE,
               "'%.*s' is not a number", n + (is_digit(l->at[n]) ? 1 : letter_bytes(l->at + n)),
               l->at);
    advance(l, n);
done:
    return rc;
}

/* Words of a few letters: names of types, norms and modes. So escapes stay out. */
static slab_status lex_string(lexer *l)
{
    slab_status rc = SLAB_OK;
    char quote = *l->at;
    int n = 1;
    while (l->at[n] && l->at[n] != quote && l->at[n] != '\n') {
        REQUIRE_AT(l->at[n] != '\\', l->character, SLAB_ERR_USAGE,
                   "a string with a backslash: there are no escapes here");
        n++;
    }
    REQUIRE_AT(l->at[n] == quote, l->character, SLAB_ERR_USAGE, "a string that is not closed");
    token *t = add(l, TOKEN_STRING, n + 1);
    keep_word(l, t, l->at + 1, n - 1);
    advance(l, n + 1);
done:
    return rc;
}

static slab_status track_brackets(lexer *l, char c)
{
    slab_status rc = SLAB_OK;
    if (c == '(' || c == '[') {
        REQUIRE_AT(l->nbrackets < EXPRESSION_DEPTH_MAX, l->character, SLAB_ERR_RANGE,
                   "more than %d brackets inside each other", EXPRESSION_DEPTH_MAX);
        l->bracket_at[l->nbrackets] = l->character;
        l->brackets[l->nbrackets++] = c;
    } else if (c == ')' || c == ']') {
        REQUIRE_AT(l->nbrackets > 0, l->character, SLAB_ERR_USAGE, "'%c' closes nothing", c);
        char open = l->brackets[--l->nbrackets];
        REQUIRE_AT((open == '(') == (c == ')'), l->character, SLAB_ERR_USAGE,
                   "'%c' does not close the '%c' at character %d", c, open,
                   l->bracket_at[l->nbrackets]);
    }
done:
    return rc;
}

/* Signs that are Python's but not this language's. */
static slab_status refuse_sign(const lexer *l, int length)
{
    slab_status rc = SLAB_OK;
    const char *s = l->at;
    bool updates = s[length] == '=' && strchr("+-*/%@&|^<>", s[0]) && s[length - 1] != '=';
    REQUIRE_AT(!updates, l->character, SLAB_ERR_USAGE, "'%.*s': write x = x %.*s ...", length + 1,
               s, length, s);
    REQUIRE_AT(s[0] != ':' || s[1] != '=', l->character, SLAB_ERR_USAGE,
               "':=': write the assignment as a statement of its own, name = ...");
done:
    return rc;
}

static slab_status lex_sign(lexer *l)
{
    slab_status rc = SLAB_OK;
    int bytes;
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        int n = (int)strlen(signs[i].spelling);
        if (strncmp(l->at, signs[i].spelling, (size_t)n) != 0)
            continue;
        TRY(refuse_sign(l, n));
        TRY(track_brackets(l, *l->at));
        REQUIRE_AT(signs[i].kind != TOKEN_NEWLINE || l->nbrackets == 0, l->character,
                   SLAB_ERR_USAGE, "';' inside brackets");
        add(l, signs[i].kind, n);
        advance(l, n);
        return SLAB_OK;
    }
    decode(l->at, &bytes);
    REQUIRE_AT(bytes > 0, l->character, SLAB_ERR_USAGE, "a byte that is not UTF-8: 0x%02x",
               (unsigned)(unsigned char)*l->at);
    REQUIRE_AT(bytes > 1 || (unsigned char)*l->at > ' ', l->character, SLAB_ERR_USAGE,
               "a control character: 0x%02x", (unsigned)(unsigned char)*l->at);
    FAIL_AT(l->character, SLAB_ERR_USAGE, "'%.*s' has no meaning here", bytes, l->at);
done:
    return rc;
}

/* Over blanks, comments, continued lines, and newlines inside brackets. */
static void skip_blanks(lexer *l)
{
    for (;;) {
        char c = *l->at;
        int newline = l->at[c == '\\'] == '\n'                  ? 1
                      : strncmp(l->at + (c == '\\'), "\r\n", 2) ? 0
                                                                : 2;
        if (c == ' ' || c == '\t' || c == '\f' || (c == '\r' && l->at[1] == '\n'))
            advance(l, 1);
        else if (c == '\\' && newline > 0)
            advance(l, 1 + newline);
        else if (c == '\n' && l->nbrackets > 0)
            advance(l, 1);
        else if (c == '#')
            advance(l, (int)strcspn(l->at, "\n"));
        else
            return;
    }
}

static slab_status lex_all(lexer *l)
{
    slab_status rc = SLAB_OK;
    for (skip_blanks(l); *l->at; skip_blanks(l)) {
        const char *s = l->at;
        if (*s == '\n') {
            add(l, TOKEN_NEWLINE, 1);
            advance(l, 1);
        } else if (is_digit(*s) || (*s == '.' && is_digit(s[1]))) {
            TRY(lex_number(l));
        } else if (letter_bytes(s) > 0) {
            TRY(lex_name(l));
        } else if (*s == '\'' || *s == '"') {
            TRY(lex_string(l));
        } else {
            TRY(lex_sign(l));
        }
    }
    REQUIRE_AT(l->nbrackets == 0, l->bracket_at[l->nbrackets - 1], SLAB_ERR_USAGE,
               "'%c' is not closed", l->brackets[l->nbrackets - 1]);
    add(l, TOKEN_END, 0);
done:
    return rc;
}

slab_status expression_lex(const char *text, token_list *out)
{
    slab_status rc = SLAB_OK;
    lexer *l = NULL;
    size_t bytes = strnlen(text, EXPRESSION_TEXT_MAX + 1);
    *out = (token_list){0};
    REQUIRE(bytes <= EXPRESSION_TEXT_MAX, SLAB_ERR_RANGE, "an expression of more than %d bytes",
            EXPRESSION_TEXT_MAX);
    ALLOC(l, 1, "an expression");
    ALLOC(out->tokens, bytes + 1, "an expression");
    ALLOC(out->words, 2 * bytes + 1, "an expression");
    *l = (lexer){.text = text, .at = text, .character = 1, .word = out->words, .list = out};
    TRY(lex_all(l));
done:
    if (l && l->c_locale)
        freelocale(l->c_locale);
    FREE(l);
    if (rc != SLAB_OK)
        token_list_clear(out);
    return rc;
}

void token_list_clear(token_list *list)
{
    FREE(list->tokens);
    FREE(list->words);
    list->n = 0;
}

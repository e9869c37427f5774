/* What the files of the expression language share: tokens, the tree, and errors with a place. */
#ifndef SLAB_COMPUTE_EXPRESSION_EXPRESSION_IMPL_H
#define SLAB_COMPUTE_EXPRESSION_EXPRESSION_IMPL_H

#include <slab/compute/expression/expression.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

/* Limits against hostile texts. The tree is walked recursively: its depth bounds the stack. */
enum {
    EXPRESSION_TEXT_MAX = 1 << 16, /* bytes */
    EXPRESSION_DEPTH_MAX = 1000,   /* of the tree, and of what is nested while parsing */
    EXPRESSION_SYMBOLS_MAX = 1024,
    EXPRESSION_ITEMS_MAX = 1 << 16 /* in a tuple or list */
};

typedef enum token_kind {
    TOKEN_END,
    TOKEN_NEWLINE, /* also ; */
    TOKEN_NAME,
    TOKEN_INTEGER,
    TOKEN_REAL,
    TOKEN_IMAGINARY,
    TOKEN_STRING,
    TOKEN_ELLIPSIS,
    /* words */
    TOKEN_AND,
    TOKEN_ELSE,
    TOKEN_FALSE,
    TOKEN_IF,
    TOKEN_IN,
    TOKEN_IS,
    TOKEN_NONE,
    TOKEN_NOT,
    TOKEN_OR,
    TOKEN_TRUE,
    /* signs */
    TOKEN_LEFT_PAREN,
    TOKEN_RIGHT_PAREN,
    TOKEN_LEFT_BRACKET,
    TOKEN_RIGHT_BRACKET,
    TOKEN_COMMA,
    TOKEN_COLON,
    TOKEN_DOT,
    TOKEN_ASSIGN,
    TOKEN_PLUS,
    TOKEN_MINUS,
    TOKEN_STAR,
    TOKEN_SLASH,
    TOKEN_FLOOR,
    TOKEN_PERCENT,
    TOKEN_AT,
    TOKEN_POWER,
    TOKEN_SHIFT_LEFT,
    TOKEN_SHIFT_RIGHT,
    TOKEN_AMPERSAND,
    TOKEN_BAR,
    TOKEN_CARET,
    TOKEN_TILDE,
    TOKEN_LESS,
    TOKEN_LESS_EQUAL,
    TOKEN_GREATER,
    TOKEN_GREATER_EQUAL,
    TOKEN_EQUAL,
    TOKEN_NOT_EQUAL,
    /* comparisons that the parser puts together of two words */
    TOKEN_NOT_IN,
    TOKEN_IS_NOT
} token_kind;

typedef struct token {
    token_kind kind;
    int character;    /* 1 and up: Unicode characters, as a caret under the text counts them */
    const char *text; /* of `length` bytes; of a name or string: its bytes, NUL-terminated */
    int length;
    union {
        uint64_t integer;
        double real; /* also of an imaginary */
    };
} token;

/* A text cut into tokens; the last is TOKEN_END. Newlines inside brackets are gone. */
typedef struct token_list {
    token *tokens;
    int n;
    char *words; /* names and strings, each with a NUL */
} token_list;

slab_status expression_lex(const char *text, token_list *out);
void token_list_clear(token_list *list);
/* How a token is spelled, for messages: "name", "+" */
const char *token_spelling(token_kind kind);

typedef enum node_kind {
    NODE_STATEMENT, /* children: the targets, then the value */
    NODE_NAME,
    NODE_CONSTANT, /* token: TOKEN_INTEGER .. TOKEN_ELLIPSIS, NONE, TRUE, FALSE */
    NODE_TUPLE,
    NODE_LIST,
    NODE_UNARY,      /* token, operand; `not` too */
    NODE_BINARY,     /* token, left, right; `and` and `or` too */
    NODE_COMPARE,    /* left, then a NODE_COMPARISON each */
    NODE_COMPARISON, /* token, right */
    NODE_CHOICE,     /* yes, condition, no: as written */
    NODE_ATTRIBUTE,  /* object; text: the name */
    NODE_CALL,       /* callee, arguments */
    NODE_KEYWORD,    /* an argument; text: the name; value */
    NODE_SUBSCRIPT,  /* object, items */
    NODE_SLICE,      /* start, stop, step: NODE_ABSENT where left out */
    NODE_ABSENT
} node_kind;

typedef struct node {
    node_kind kind;
    token_kind token;
    int character, depth;
    const char *text;
    struct node *first, *last, *next; /* children, and the next child of the parent */
    union {
        uint64_t integer; /* of a constant */
        double real;
        int symbol; /* of a name: its number in the expression's symbols */
    };
} node;

/* A name that is not an attribute or a keyword. */
typedef struct symbol {
    const char *name;
    bool assigned;
    bool
        free; /* used before any assignment: its meaning comes from outside, or is the language's */
} symbol;

struct slab_expression {
    token_list tokens;
    node *nodes; /* [room]: a token makes at most so many */
    int n, room;
    node *first, *last; /* statements */
    symbol *symbols;    /* [EXPRESSION_SYMBOLS_MAX], in order of first use */
    int nsymbols;
};

/* parser.c: tokens to statements. */
slab_status expression_parse_tokens(slab_expression *e);

/* symbols.c: gives names their numbers and finds those that mean something outside. */
slab_status expression_find_symbols(slab_expression *e);
/* True for what the language itself gives a meaning: pi, float32, sqrt, linalg ... */
bool expression_is_known(const char *name);
/* A type by NumPy's or Python's name: float32, double, bool_. */
bool expression_dtype_by_name(const char *name, slab_dtype *out);
/* pi, e, inf ... as a literal. */
bool expression_constant_by_name(const char *name, double *out);

/* Records a failure at a character of the text: "at character 12: message". */
slab_status expression_fail(int character, slab_status code, const char *file, int line,
                            const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Puts the character before a recorded failure that has none. */
slab_status expression_fail_at(int character, slab_status code);

#define FAIL_AT(at, code, ...)                                                                     \
    do {                                                                                           \
        rc = expression_fail((at), (code), __FILE__, __LINE__, __VA_ARGS__);                       \
        goto done;                                                                                 \
    } while (0)

#define REQUIRE_AT(condition, at, code, ...)                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            FAIL_AT(at, code, __VA_ARGS__);                                                        \
    } while (0)

#define TRY_AT(at, call)                                                                           \
    do {                                                                                           \
        rc = (call);                                                                               \
        if (rc != SLAB_OK) {                                                                       \
            rc = expression_fail_at((at), rc);                                                     \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

#endif

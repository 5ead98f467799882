/*
 * Inside of the expression evaluator: tree, lexer, evaluation state. Only for this folder.
 *
 * A node marked `single` gives exactly one value or an error and is evaluated by eval_one; any
 * other node is a generator and hands its values to a callback in jq's order (eval_each). Values
 * are shared by reference and never changed after they were handed out.
 */
#ifndef COORDINATOR_DEFINITION_EXPR_PRIVATE_H
#define COORDINATOR_DEFINITION_EXPR_PRIVATE_H

#include "coordinator/definition/expr.h"

#include "common/base/arena.h"
#include "common/base/buf.h"

enum {
    EXPR_TEXT_MAX = 16 * 1024,         /* bytes of one expression */
    EXPR_NESTING_MAX = 100,            /* brackets, pipes and bodies inside each other */
    EXPR_HEIGHT_MAX = 400,             /* levels of the tree, counts chains such as 1+1+1 */
    EXPR_SLOTS_MAX = 64,               /* variables bound inside one expression */
    EXPR_STRING_MAX = 4 * 1024 * 1024, /* bytes of a string made on the way */
    EXPR_DEPTH_MAX = 256,              /* nesting of a value made on the way */
    EXPR_REDUCE_CHECK = 64, /* iterations of reduce between two looks at depth and size */
};

enum token_kind {
    TOKEN_END,
    TOKEN_FIELD,    /* .name */
    TOKEN_DOT,      /* . */
    TOKEN_RECURSE,  /* .. */
    TOKEN_NAME,     /* name, also keywords */
    TOKEN_VARIABLE, /* $name */
    TOKEN_NUMBER,
    TOKEN_QUOTE,  /* start of a string: the parser reads on from `start` */
    TOKEN_FORMAT, /* @name */
    TOKEN_SYMBOL, /* operator or bracket, text in `text` */
    TOKEN_BAD,
};

struct token {
    enum token_kind kind;
    const char *text;
    size_t size;
};

/* Next token at *cursor (moved behind it). The text is terminated. */
struct token expr_token_next(const char **cursor);
bool token_is(const struct token *token, const char *text);

enum node_kind {
    NODE_IDENTITY,
    NODE_FIELD,    /* a, name */
    NODE_INDEX,    /* a[b] */
    NODE_SLICE,    /* a[b:c], b or c may be NULL */
    NODE_ITERATE,  /* a[] */
    NODE_OPTIONAL, /* a? */
    NODE_LITERAL,
    NODE_TEXT, /* parts in list */
    NODE_NEGATE,
    NODE_BINARY, /* a op b */
    NODE_AND,
    NODE_OR,
    NODE_ALTERNATIVE,
    NODE_ARRAY,  /* [a], a may be NULL */
    NODE_OBJECT, /* key, value, key, value in list */
    NODE_PIPE,
    NODE_COMMA, /* list */
    NODE_IF,    /* a then b else c; c may be NULL */
    NODE_VARIABLE,
    NODE_LOCAL,
    NODE_BIND,   /* a as slot | b */
    NODE_REDUCE, /* reduce a as slot (b; c) */
    NODE_CALL,
};

enum binary_op {
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_MODULO,
    OP_EQUAL,
    OP_NOT_EQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_GREATER,
    OP_GREATER_EQUAL,
};

struct builtin;

struct node {
    enum node_kind kind;
    enum binary_op op;
    bool single;
    uint16_t slot;
    uint16_t height;
    uint32_t count;
    const char *name; /* field or variable */
    size_t name_size;
    json_t *literal;
    const struct builtin *builtin;
    struct node *a;
    struct node *b;
    struct node *c;
    struct node **list;
    struct node *next_literal; /* chain of nodes that own a literal */
};

struct expr {
    struct arena *arena;
    const char *text;
    const char *jq_text; /* as jq 1.6 reads it too: see grammar_edit */
    uint32_t id;
    bool owns_arena;
    bool native;
    bool builds; /* can make values bigger than its inputs: the result is measured */
    uint16_t slot_count;
    struct node *root; /* NULL unless native */
    struct node *literals;
    const char **variables;
    size_t variable_count;
};

struct eval {
    const struct expr *expr;
    const struct expr_scope *scope;
    struct error *err;
    int64_t fuel;
    const void *broken; /* the frame that a break is for */
    json_t *slots[EXPR_SLOTS_MAX];
};

/* Not an error of anybody: a generator was stopped by `eval->broken` (first, limit, any, all). */
#define EVAL_BREAK ((enum err)1000)

/* Receives one value of a generator and owns it. Anything but ERR_OK stops the generator. */
typedef enum err value_fn(struct eval *eval, void *user, json_t *value);

/* One value: new reference in *ret_value. `node` is single. */
MUST_CHECK enum err eval_one(struct eval *eval, const struct node *node, json_t *input,
                             json_t **ret_value);

/* Every value of any node, in jq's order. */
MUST_CHECK enum err eval_each(struct eval *eval, const struct node *node, json_t *input,
                              value_fn *yield, void *user);

/* Every value of `node` as a new array. */
MUST_CHECK enum err eval_collect(struct eval *eval, const struct node *node, json_t *input,
                                 json_t **ret_array);

/* Give back the single value of a single builtin or operator as the only value of a generator. */
MUST_CHECK enum err eval_yield_one(struct eval *eval, const struct node *node, json_t *input,
                                   value_fn *yield, void *user);

/* Spend fuel; ERR_LIMIT when it is used up. */
MUST_CHECK enum err eval_spend(struct eval *eval, size_t amount);

/* ERR_INVALID with the message, prefixed by the expression in expr_eval. */
enum err eval_fail(struct eval *eval, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#ifdef __clang_analyzer__ /* it cannot see from here that a refusal never is ERR_OK */
#define eval_fail(...) ((void)eval_fail(__VA_ARGS__), ERR_INVALID)
#endif
enum err eval_limit(struct eval *eval, const char *what);

/* Depth and logical size of a made value against the limits, spending fuel for its nodes. */
MUST_CHECK enum err eval_measure(struct eval *eval, const json_t *value);

/* A native function. Exactly one of the three is set. */
struct builtin {
    const char *name;
    unsigned arity;
    /* input and argument values to one value; arguments that are generators give the product. */
    enum err (*value)(struct eval *eval, json_t *input, json_t *const *args, json_t **ret_value);
    /* arguments unevaluated, one value */
    enum err (*one)(struct eval *eval, const struct node *call, json_t *input, json_t **ret_value);
    /* arguments unevaluated, any number of values */
    enum err (*each)(struct eval *eval, const struct node *call, json_t *input, value_fn *yield,
                     void *user);
};

/* The native function, or NULL. */
const struct builtin *builtin_find(const char *name, size_t size, size_t arity);

/* A function of jq 1.6 that we leave to mainstay-jq. */
bool builtin_is_external(const char *name, size_t size, size_t arity);

/* Why a name may never be used (environment, clock, input stream), or NULL. */
const char *builtin_refusal(const char *name, size_t size);

/* A native or external function whose name is near, or NULL. Static memory. */
const char *builtin_near(const char *name, size_t size);

extern const struct builtin builtins_text[];
extern const struct builtin builtins_collection[];
extern const struct builtin builtins_order[];
extern const struct builtin builtins_generator[];

/* Operators and paths on values; new reference in *ret_value. */
MUST_CHECK enum err value_binary(struct eval *eval, enum binary_op op, json_t *a, json_t *b,
                                 json_t **ret_value);
MUST_CHECK enum err value_negate(struct eval *eval, json_t *a, json_t **ret_value);
MUST_CHECK enum err value_index(struct eval *eval, json_t *target, json_t *key, json_t **ret_value);
MUST_CHECK enum err value_slice(struct eval *eval, json_t *target, json_t *from, json_t *to,
                                json_t **ret_value);
MUST_CHECK enum err value_iterate(struct eval *eval, json_t *target, value_fn *yield, void *user);
MUST_CHECK enum err value_indices(struct eval *eval, json_t *target, json_t *key,
                                  json_t **ret_value);

/* jq's total order: null < false < true < numbers < texts < arrays < objects. */
MUST_CHECK enum err value_compare(struct eval *eval, const json_t *a, const json_t *b,
                                  int *ret_order);

/* Keys of an object sorted by their bytes, as a new array of texts. */
json_t *value_sorted_keys(const json_t *object);

/* A whole-valued real becomes an integer; not finite is an error that names `what`. */
MUST_CHECK enum err value_of_real(struct eval *eval, double real, const char *what,
                                  json_t **ret_value);

/* JSON text of the value appended; fails on values beyond the limits. */
MUST_CHECK enum err value_text(struct eval *eval, const json_t *value, struct buf *out);

/* jq's tostring: texts as they are, others as JSON text. */
MUST_CHECK enum err value_tostring(struct eval *eval, json_t *value, json_t **ret_value);

/* New text of the bytes, or ERR_NOMEM. */
MUST_CHECK enum err value_of_text(struct eval *eval, const char *bytes, size_t size,
                                  json_t **ret_value);

/* A short rendering for messages, in `out`: "string (\"abc...\")". */
const char *value_brief(const json_t *value, char *out, size_t size);
const char *value_type(const json_t *value);

/* Bytes of the first `count` characters of UTF-8 text (at most `size`). */
size_t utf8_offset(const char *text, size_t size, size_t count);
size_t utf8_length(const char *text, size_t size);

/* expr_compile into memory of `arena`, which must outlive the expression. */
MUST_CHECK enum err expr_compile_in(struct arena *arena, const char *text, uint32_t id,
                                    struct expr **ret_expr, struct error *err);

/* Parse into `expr`; used by expr_compile. */
MUST_CHECK enum err expr_parse(struct expr *expr, struct error *err);

#endif

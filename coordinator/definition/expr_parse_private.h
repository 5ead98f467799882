/*
 * The parser of jq's grammar (jq 1.6 parser.y, plus `if` without `else` and `.a.[0]` of 1.7). It
 * accepts the whole language so that syntax errors are found at load; what the native evaluator
 * lacks clears `native`, and the tree below such a place is not used.
 */
#ifndef COORDINATOR_DEFINITION_EXPR_PARSE_PRIVATE_H
#define COORDINATOR_DEFINITION_EXPR_PARSE_PRIVATE_H

#include "coordinator/definition/expr_private.h"

enum {
    PARSE_SCOPE_MAX = 256,
    PARSE_FUNCTIONS_MAX = 64,
    PARSE_VARIABLES_MAX = 64,
    PARSE_EDITS_MAX = 64
};

/* What libjq 1.6 has to read in place of `drop` bytes of the text. */
struct edit {
    const char *at;
    size_t drop;
    const char *put;
};

struct binding {
    const char *name;
    size_t size;
    uint16_t slot;
};

struct parser {
    struct expr *expr;
    struct error *err;
    struct token token;
    const char *cursor;
    unsigned nesting;
    bool native;
    struct token large; /* a literal that only the native evaluator keeps exactly */
    struct binding scope[PARSE_SCOPE_MAX];
    size_t scope_count;
    struct token functions[PARSE_FUNCTIONS_MAX]; /* defined inside the text: external anyway */
    size_t function_count;
    const char *variables[PARSE_VARIABLES_MAX];
    size_t variable_count;
    struct edit edits[PARSE_EDITS_MAX]; /* in the order of the text */
    size_t edit_count;                  /* may be more than there is room for */
};

void grammar_advance(struct parser *p);
/* Grammar of jq 1.7 that mainstay-jq, which may have libjq 1.6, gets in the words of 1.6. */
void grammar_edit(struct parser *p, const char *at, size_t drop, const char *put);
enum err grammar_fail(struct parser *p, const struct token *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#ifdef __clang_analyzer__ /* it cannot see from here that a refusal never is ERR_OK */
#define grammar_fail(...) ((void)grammar_fail(__VA_ARGS__), ERR_INVALID)
#endif
MUST_CHECK enum err grammar_expect(struct parser *p, const char *text, const char *where);
MUST_CHECK enum err grammar_node(struct parser *p, enum node_kind kind, struct node **ret_node);
/* Compute `single` and height of a finished node. */
MUST_CHECK enum err grammar_finish(struct parser *p, struct node *node);
MUST_CHECK enum err grammar_enter(struct parser *p);
MUST_CHECK enum err grammar_bind(struct parser *p, const struct token *variable,
                                 uint16_t *ret_slot);

MUST_CHECK enum err grammar_pipe(struct parser *p, struct node **ret_node);
MUST_CHECK enum err grammar_unary(struct parser *p, struct node **ret_node);
MUST_CHECK enum err grammar_postfix(struct parser *p, struct node **ret_node);
MUST_CHECK enum err grammar_patterns(struct parser *p, uint16_t *ret_slot);
MUST_CHECK enum err grammar_primary(struct parser *p, struct node **ret_node);
MUST_CHECK enum err grammar_string(struct parser *p, struct node **ret_node);
MUST_CHECK enum err grammar_object(struct parser *p, struct node **ret_node);
MUST_CHECK enum err grammar_keyword(struct parser *p, struct node **ret_node, bool *ret_done);

/* Growing list of nodes in the arena. */
struct node_list {
    struct node **items;
    uint32_t count;
    uint32_t capacity;
};
MUST_CHECK enum err grammar_list_add(struct parser *p, struct node_list *list, struct node *node);

#endif

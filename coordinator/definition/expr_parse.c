#include "coordinator/definition/expr_parse_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"

void grammar_advance(struct parser *p)
{
    p->token = expr_token_next(&p->cursor);
}

void grammar_edit(struct parser *p, const char *at, size_t drop, const char *put)
{
    if (p->edit_count < PARSE_EDITS_MAX) {
        p->edits[p->edit_count] = (struct edit){at, drop, put};
    }
    p->edit_count++;
}

static enum err jq_text_write(struct parser *p)
{
    struct expr *expr = p->expr;
    size_t size = strlen(expr->text) + 1;
    if (p->edit_count > PARSE_EDITS_MAX) {
        return error_set(p->err, ERR_INVALID,
                         "1:1: more than %d times 'if' without 'else' or '.[' in an expression "
                         "that goes to mainstay-jq: write 'else .', and '[' without the point",
                         PARSE_EDITS_MAX);
    }
    for (size_t i = 0; i < p->edit_count; i++) {
        size += strlen(p->edits[i].put);
    }
    char *out = ARENA_ARRAY(expr->arena, char, size);
    if (out == NULL) {
        return error_set(p->err, ERR_LIMIT, "the expression is too large");
    }
    const char *from = expr->text;
    expr->jq_text = out;
    for (size_t i = 0; i < p->edit_count; i++) {
        const struct edit *edit = &p->edits[i];
        CHECK(edit->at >= from);
        memcpy(out, from, (size_t)(edit->at - from));
        out += edit->at - from;
        memcpy(out, edit->put, strlen(edit->put));
        out += strlen(edit->put);
        from = edit->at + edit->drop;
    }
    memcpy(out, from, strlen(from) + 1);
    return ERR_OK;
}

enum err(grammar_fail)(struct parser *p, const struct token *at, const char *format, ...)
{
    char message[ERROR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    unsigned line = 1;
    unsigned column = 1;
    for (const char *c = p->expr->text; c < at->text; c++) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n' ? 1U : 0U;
    }
    return error_set(p->err, ERR_INVALID, "%u:%u: %s", line, column, message);
}

/* The words for an unexpected token. */
static enum err fail_unexpected(struct parser *p, const char *wanted)
{
    if (p->token.kind == TOKEN_END) {
        return grammar_fail(p, &p->token, "%s expected, but the expression ends here", wanted);
    }
    return grammar_fail(p, &p->token, "%s expected, found '%.*s'", wanted, (int)p->token.size,
                        p->token.text);
}

enum err grammar_expect(struct parser *p, const char *text, const char *where)
{
    if (!token_is(&p->token, text)) {
        char wanted[80];
        (void)snprintf(wanted, sizeof(wanted), "'%s' %s", text, where);
        return fail_unexpected(p, wanted);
    }
    grammar_advance(p);
    return ERR_OK;
}

enum err grammar_node(struct parser *p, enum node_kind kind, struct node **ret_node)
{
    *ret_node = ARENA_NEW(p->expr->arena, struct node);
    if (*ret_node == NULL) {
        return error_set(p->err, ERR_LIMIT, "the expression is too large");
    }
    (*ret_node)->kind = kind;
    return ERR_OK;
}

enum err grammar_list_add(struct parser *p, struct node_list *list, struct node *node)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? 4 : 2 * list->capacity;
        struct node **items = ARENA_ARRAY(p->expr->arena, struct node *, capacity);
        if (items == NULL) {
            return error_set(p->err, ERR_LIMIT, "the expression is too large");
        }
        if (list->count > 0) {
            memcpy(items, list->items, list->count * sizeof(items[0]));
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = node;
    return ERR_OK;
}

static bool part_single(const struct node *node)
{
    return node == NULL || node->single;
}

static bool parts_single(const struct node *node)
{
    bool single = part_single(node->a) && part_single(node->b) && part_single(node->c);
    for (uint32_t i = 0; i < node->count; i++) {
        single = single && node->list[i]->single;
    }
    return single;
}

static bool node_single(const struct node *node)
{
    switch (node->kind) {
    case NODE_ITERATE:
    case NODE_OPTIONAL:
    case NODE_COMMA:
        return false;
    case NODE_ARRAY:
    case NODE_REDUCE:
        return true;
    case NODE_CALL:
        if (node->builtin == NULL || node->builtin->each != NULL) {
            return false;
        }
        return node->builtin->one != NULL || parts_single(node);
    case NODE_IDENTITY:
    case NODE_FIELD:
    case NODE_INDEX:
    case NODE_SLICE:
    case NODE_LITERAL:
    case NODE_TEXT:
    case NODE_NEGATE:
    case NODE_BINARY:
    case NODE_AND:
    case NODE_OR:
    case NODE_ALTERNATIVE:
    case NODE_OBJECT:
    case NODE_PIPE:
    case NODE_IF:
    case NODE_VARIABLE:
    case NODE_LOCAL:
    case NODE_BIND:
        break;
    }
    return parts_single(node);
}

static unsigned height_of(const struct node *node)
{
    return node == NULL ? 0 : node->height;
}

static unsigned max_of(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

enum err grammar_finish(struct parser *p, struct node *node)
{
    unsigned height = max_of(height_of(node->a), max_of(height_of(node->b), height_of(node->c)));
    for (uint32_t i = 0; i < node->count; i++) {
        height = max_of(height, height_of(node->list[i]));
    }
    if (height >= EXPR_HEIGHT_MAX) {
        return grammar_fail(p, &p->token, "the expression is nested too deep (limit %d)",
                            EXPR_HEIGHT_MAX);
    }
    node->height = (uint16_t)(height + 1);
    node->single = node_single(node);
    if (node->kind != NODE_IDENTITY && node->kind != NODE_FIELD && node->kind != NODE_INDEX &&
        node->kind != NODE_LITERAL && node->kind != NODE_VARIABLE && node->kind != NODE_PIPE &&
        node->kind != NODE_AND && node->kind != NODE_OR) {
        p->expr->builds = true;
    }
    return ERR_OK;
}

enum err grammar_enter(struct parser *p)
{
    p->nesting++;
    if (p->nesting > EXPR_NESTING_MAX) {
        return grammar_fail(p, &p->token, "the expression is nested too deep (limit %d)",
                            EXPR_NESTING_MAX);
    }
    return ERR_OK;
}

enum err grammar_bind(struct parser *p, const struct token *variable, uint16_t *ret_slot)
{
    if (p->scope_count == PARSE_SCOPE_MAX || p->expr->slot_count == EXPR_SLOTS_MAX) {
        return grammar_fail(p, variable, "too many variables (limit %d)", EXPR_SLOTS_MAX);
    }
    *ret_slot = p->expr->slot_count++;
    p->scope[p->scope_count++] =
        (struct binding){.name = variable->text + 1, .size = variable->size - 1, .slot = *ret_slot};
    return ERR_OK;
}

enum level {
    LEVEL_COMMA = 1,
    LEVEL_ALTERNATIVE,
    LEVEL_ASSIGN,
    LEVEL_OR,
    LEVEL_AND,
    LEVEL_COMPARE,
    LEVEL_ADD,
    LEVEL_MULTIPLY,
};

struct operator_row {
    const char *text;
    enum level level;
    enum node_kind kind;
    enum binary_op op;
};

static const struct operator_row operators[] = {
    {"//", LEVEL_ALTERNATIVE, NODE_ALTERNATIVE, OP_ADD},
    {"or", LEVEL_OR, NODE_OR, OP_ADD},
    {"and", LEVEL_AND, NODE_AND, OP_ADD},
    {"==", LEVEL_COMPARE, NODE_BINARY, OP_EQUAL},
    {"!=", LEVEL_COMPARE, NODE_BINARY, OP_NOT_EQUAL},
    {"<", LEVEL_COMPARE, NODE_BINARY, OP_LESS},
    {"<=", LEVEL_COMPARE, NODE_BINARY, OP_LESS_EQUAL},
    {">", LEVEL_COMPARE, NODE_BINARY, OP_GREATER},
    {">=", LEVEL_COMPARE, NODE_BINARY, OP_GREATER_EQUAL},
    {"+", LEVEL_ADD, NODE_BINARY, OP_ADD},
    {"-", LEVEL_ADD, NODE_BINARY, OP_SUBTRACT},
    {"*", LEVEL_MULTIPLY, NODE_BINARY, OP_MULTIPLY},
    {"/", LEVEL_MULTIPLY, NODE_BINARY, OP_DIVIDE},
    {"%", LEVEL_MULTIPLY, NODE_BINARY, OP_MODULO},
    {",", LEVEL_COMMA, NODE_COMMA, OP_ADD},
    {"=", LEVEL_ASSIGN, NODE_IDENTITY, OP_ADD},
    {"|=", LEVEL_ASSIGN, NODE_IDENTITY, OP_ADD},
    {"+=", LEVEL_ASSIGN, NODE_IDENTITY, OP_ADD},
    {"-=", LEVEL_ASSIGN, NODE_IDENTITY, OP_ADD},
    {"*=", LEVEL_ASSIGN, NODE_IDENTITY, OP_ADD},
    {"/=", LEVEL_ASSIGN, NODE_IDENTITY, OP_ADD},
    {"%=", LEVEL_ASSIGN, NODE_IDENTITY, OP_ADD},
    {"//=", LEVEL_ASSIGN, NODE_IDENTITY, OP_ADD},
};

static const struct operator_row *operator_of(const struct token *token)
{
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (token_is(token, operators[i].text)) {
            return &operators[i];
        }
    }
    return NULL;
}

static enum err parse_binary(struct parser *p, enum level level, struct node **ret_node);

static enum err parse_comma_rest(struct parser *p, struct node *first, struct node **ret_node)
{
    struct node_list list = {0};
    TRY(grammar_list_add(p, &list, first));
    while (token_is(&p->token, ",")) {
        struct node *item = NULL;
        grammar_advance(p);
        TRY(parse_binary(p, LEVEL_ALTERNATIVE, &item));
        TRY(grammar_list_add(p, &list, item));
    }
    TRY(grammar_node(p, NODE_COMMA, ret_node));
    (*ret_node)->list = list.items;
    (*ret_node)->count = list.count;
    return grammar_finish(p, *ret_node);
}

/* The level the right operand starts at: `//` is right associative, the others left or none. */
static enum level right_level(const struct operator_row *row)
{
    return row->level == LEVEL_ALTERNATIVE ? LEVEL_ALTERNATIVE : (enum level)(row->level + 1);
}

static enum err parse_binary(struct parser *p, enum level level, struct node **ret_node)
{
    struct node *left = NULL;
    TRY(grammar_unary(p, &left));
    enum level highest = LEVEL_MULTIPLY; /* nothing that binds tighter than a non-associative one */
    for (;;) {
        const struct operator_row *row = operator_of(&p->token);
        if (row == NULL || row->level < level) {
            break;
        }
        if (row->level > highest) {
            return grammar_fail(p, &p->token, "'%s' cannot be chained: use parentheses", row->text);
        }
        if (row->level == LEVEL_COMMA) {
            TRY(parse_comma_rest(p, left, &left));
            continue;
        }
        grammar_advance(p);
        struct node *node = NULL;
        TRY(grammar_node(p, row->kind, &node));
        node->op = row->op;
        node->a = left;
        TRY(grammar_enter(p));
        TRY(parse_binary(p, right_level(row), &node->b));
        p->nesting--;
        if (row->level == LEVEL_ASSIGN) {
            p->native = false;
        }
        if (row->level == LEVEL_ASSIGN || row->level == LEVEL_COMPARE) {
            highest = (enum level)(row->level - 1);
        }
        TRY(grammar_finish(p, node));
        left = node;
    }
    *ret_node = left;
    return ERR_OK;
}

enum err grammar_unary(struct parser *p, struct node **ret_node)
{
    if (token_is(&p->token, "-")) {
        grammar_advance(p);
        TRY(grammar_enter(p));
        TRY(grammar_node(p, NODE_NEGATE, ret_node));
        TRY(parse_binary(p, LEVEL_MULTIPLY, &(*ret_node)->a));
        p->nesting--;
        return grammar_finish(p, *ret_node);
    }
    TRY(grammar_postfix(p, ret_node));
    if (!token_is(&p->token, "as")) {
        return ERR_OK;
    }
    struct node *bind = NULL;
    size_t scope = p->scope_count;
    grammar_advance(p);
    TRY(grammar_node(p, NODE_BIND, &bind));
    bind->a = *ret_node;
    TRY(grammar_patterns(p, &bind->slot));
    TRY(grammar_expect(p, "|", "after the variable of 'as'"));
    TRY(grammar_pipe(p, &bind->b));
    p->scope_count = scope;
    *ret_node = bind;
    return grammar_finish(p, bind);
}

/* def name: body; or def name(a; $b): body; -- external, but its names are noted. */
static enum err parse_definition(struct parser *p)
{
    grammar_advance(p);
    if (p->token.kind != TOKEN_NAME) {
        return fail_unexpected(p, "a function name after 'def'");
    }
    size_t scope = p->scope_count;
    if (p->function_count + 8 > PARSE_FUNCTIONS_MAX) {
        return grammar_fail(p, &p->token, "too many functions");
    }
    p->functions[p->function_count++] = p->token;
    grammar_advance(p);
    if (token_is(&p->token, "(")) {
        do {
            grammar_advance(p);
            uint16_t slot;
            if (p->token.kind == TOKEN_VARIABLE) {
                TRY(grammar_bind(p, &p->token, &slot));
            } else if (p->token.kind == TOKEN_NAME && p->function_count < PARSE_FUNCTIONS_MAX) {
                p->functions[p->function_count++] = p->token;
            } else {
                return fail_unexpected(p, "a parameter name");
            }
            grammar_advance(p);
        } while (token_is(&p->token, ";"));
        TRY(grammar_expect(p, ")", "after the parameters"));
    }
    TRY(grammar_expect(p, ":", "after the function's name"));
    struct node *body = NULL;
    TRY(grammar_pipe(p, &body));
    p->scope_count = scope;
    p->native = false;
    return grammar_expect(p, ";", "after the function's body");
}

enum err grammar_pipe(struct parser *p, struct node **ret_node)
{
    TRY(grammar_enter(p));
    while (token_is(&p->token, "def")) {
        TRY(parse_definition(p));
    }
    struct node *left = NULL;
    TRY(parse_binary(p, LEVEL_COMMA, &left));
    if (token_is(&p->token, "|")) {
        struct node *pipe = NULL;
        grammar_advance(p);
        TRY(grammar_node(p, NODE_PIPE, &pipe));
        pipe->a = left;
        TRY(grammar_pipe(p, &pipe->b));
        TRY(grammar_finish(p, pipe));
        left = pipe;
    }
    p->nesting--;
    *ret_node = left;
    return ERR_OK;
}

enum err expr_parse(struct expr *expr, struct error *err)
{
    struct parser p = {.expr = expr, .err = err, .cursor = expr->text, .native = true};
    grammar_advance(&p);
    TRY(grammar_pipe(&p, &expr->root));
    if (p.token.kind != TOKEN_END) {
        return token_is(&p.token, "}") || token_is(&p.token, ")") || token_is(&p.token, "]")
                   ? grammar_fail(&p, &p.token, "'%.*s' closes nothing", (int)p.token.size,
                                  p.token.text)
                   : fail_unexpected(&p, "an operator or the end");
    }
    if (!p.native && p.large.text != NULL) {
        return grammar_fail(&p, &p.large,
                            "the number %.*s loses digits in an expression that goes to "
                            "mainstay-jq: make it a text",
                            (int)p.large.size, p.large.text);
    }
    expr->native = p.native;
    expr->jq_text = expr->text;
    if (!p.native && p.edit_count > 0) {
        TRY(jq_text_write(&p));
    }
    expr->variables = ARENA_ARRAY(expr->arena, const char *, p.variable_count + 1);
    if (expr->variables == NULL) {
        return error_set(err, ERR_LIMIT, "the expression is too large");
    }
    memcpy(expr->variables, p.variables, p.variable_count * sizeof(p.variables[0]));
    expr->variable_count = p.variable_count;
    return ERR_OK;
}

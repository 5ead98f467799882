#include "coordinator/definition/expr_parse_private.h"

#include <string.h>

/* Value of an object member: terms and pipes of terms, as jq 1.6 and 1.7 have it. */
static enum err parse_member_value(struct parser *p, struct node **ret_node)
{
    if (token_is(&p->token, "-")) {
        grammar_advance(p);
        TRY(grammar_enter(p));
        TRY(grammar_node(p, NODE_NEGATE, ret_node));
        TRY(parse_member_value(p, &(*ret_node)->a));
        p->nesting--;
        return grammar_finish(p, *ret_node);
    }
    TRY(grammar_postfix(p, ret_node));
    if (token_is(&p->token, "|")) {
        struct node *pipe = NULL;
        grammar_advance(p);
        TRY(grammar_enter(p));
        TRY(grammar_node(p, NODE_PIPE, &pipe));
        pipe->a = *ret_node;
        TRY(parse_member_value(p, &pipe->b));
        p->nesting--;
        *ret_node = pipe;
        return grammar_finish(p, pipe);
    }
    if (!token_is(&p->token, ",") && !token_is(&p->token, "}") && p->token.kind != TOKEN_END) {
        return grammar_fail(p, &p->token,
                            "put the value of an object member in parentheses: "
                            "{name: (a %.*s b)}",
                            (int)(p->token.size > 20 ? 20 : p->token.size), p->token.text);
    }
    return ERR_OK;
}

static enum err key_literal(struct parser *p, const char *text, size_t size, struct node **ret_node)
{
    TRY(grammar_node(p, NODE_LITERAL, ret_node));
    (*ret_node)->literal = json_stringn(text, size);
    if ((*ret_node)->literal == NULL) {
        return error_set(p->err, ERR_NOMEM, "no memory for a key");
    }
    (*ret_node)->next_literal = p->expr->literals;
    p->expr->literals = *ret_node;
    return grammar_finish(p, *ret_node);
}

/* {name} and {"name"}: the value is the field of that name. */
static enum err shorthand_value(struct parser *p, struct node *key, struct node **ret_node)
{
    struct node *identity = NULL;
    TRY(grammar_node(p, NODE_IDENTITY, &identity));
    TRY(grammar_finish(p, identity));
    TRY(grammar_node(p, NODE_INDEX, ret_node));
    (*ret_node)->a = identity;
    (*ret_node)->b = key;
    return grammar_finish(p, *ret_node);
}

static enum err parse_member(struct parser *p, struct node **ret_key, struct node **ret_value)
{
    bool needs_value = false;
    if (p->token.kind == TOKEN_VARIABLE) {
        TRY(key_literal(p, p->token.text + 1, p->token.size - 1, ret_key));
        return grammar_primary(p, ret_value);
    }
    if (p->token.kind == TOKEN_NAME) {
        TRY(key_literal(p, p->token.text, p->token.size, ret_key));
        grammar_advance(p);
    } else if (p->token.kind == TOKEN_QUOTE) {
        TRY(grammar_string(p, ret_key));
    } else if (p->token.kind == TOKEN_FORMAT) {
        TRY(grammar_primary(p, ret_key));
    } else if (token_is(&p->token, "(")) {
        grammar_advance(p);
        TRY(grammar_pipe(p, ret_key));
        TRY(grammar_expect(p, ")", "after the computed key"));
        needs_value = true;
    } else {
        return grammar_fail(p, &p->token,
                            "an object key expected: name, \"text\", $variable or "
                            "(expression)");
    }
    if (token_is(&p->token, ":")) {
        grammar_advance(p);
        return parse_member_value(p, ret_value);
    }
    if (needs_value) {
        return grammar_expect(p, ":", "after the computed key");
    }
    return shorthand_value(p, *ret_key, ret_value);
}

enum err grammar_object(struct parser *p, struct node **ret_node)
{
    struct node_list members = {0};
    TRY(grammar_enter(p));
    grammar_advance(p);
    while (!token_is(&p->token, "}")) {
        struct node *key = NULL;
        struct node *value = NULL;
        TRY(parse_member(p, &key, &value));
        TRY(grammar_list_add(p, &members, key));
        TRY(grammar_list_add(p, &members, value));
        if (!token_is(&p->token, "}")) {
            TRY(grammar_expect(p, ",", "or '}' in an object"));
        }
    }
    grammar_advance(p);
    p->nesting--;
    TRY(grammar_node(p, NODE_OBJECT, ret_node));
    (*ret_node)->list = members.items;
    (*ret_node)->count = members.count;
    return grammar_finish(p, *ret_node);
}

static enum err parse_pattern(struct parser *p, uint16_t *ret_slot);

static enum err parse_pattern_members(struct parser *p, const char *close)
{
    uint16_t slot;
    do {
        grammar_advance(p);
        if (*close == '}') {
            struct node *key = NULL;
            bool variable = p->token.kind == TOKEN_VARIABLE;
            if (variable) {
                TRY(grammar_bind(p, &p->token, &slot));
                grammar_advance(p);
            } else if (p->token.kind == TOKEN_NAME) {
                grammar_advance(p);
            } else {
                TRY(grammar_primary(p, &key));
            }
            if (variable && !token_is(&p->token, ":")) {
                continue;
            }
            TRY(grammar_expect(p, ":", "in a pattern"));
        }
        TRY(parse_pattern(p, &slot));
    } while (token_is(&p->token, ","));
    return grammar_expect(p, close, "to end the pattern");
}

static enum err parse_pattern(struct parser *p, uint16_t *ret_slot)
{
    if (p->token.kind == TOKEN_VARIABLE) {
        TRY(grammar_bind(p, &p->token, ret_slot));
        grammar_advance(p);
        return ERR_OK;
    }
    p->native = false;
    TRY(grammar_enter(p));
    if (token_is(&p->token, "[")) {
        TRY(parse_pattern_members(p, "]"));
    } else if (token_is(&p->token, "{")) {
        TRY(parse_pattern_members(p, "}"));
    } else {
        return grammar_fail(p, &p->token, "'$name' expected after 'as'");
    }
    p->nesting--;
    return ERR_OK;
}

enum err grammar_patterns(struct parser *p, uint16_t *ret_slot)
{
    *ret_slot = 0;
    TRY(parse_pattern(p, ret_slot));
    while (token_is(&p->token, "?//")) {
        p->native = false;
        grammar_advance(p);
        TRY(parse_pattern(p, ret_slot));
    }
    return ERR_OK;
}

static enum err parse_if(struct parser *p, struct node **ret_node)
{
    TRY(grammar_enter(p));
    grammar_advance(p);
    TRY(grammar_node(p, NODE_IF, ret_node));
    TRY(grammar_pipe(p, &(*ret_node)->a));
    TRY(grammar_expect(p, "then", "after the condition of 'if'"));
    TRY(grammar_pipe(p, &(*ret_node)->b));
    if (token_is(&p->token, "elif")) {
        TRY(parse_if(p, &(*ret_node)->c));
        p->nesting--;
        return grammar_finish(p, *ret_node);
    }
    if (token_is(&p->token, "else")) {
        grammar_advance(p);
        TRY(grammar_pipe(p, &(*ret_node)->c));
    } else {
        grammar_edit(p, p->token.text, 0, " else . ");
    }
    TRY(grammar_expect(p, "end", "to end 'if'"));
    p->nesting--;
    return grammar_finish(p, *ret_node);
}

/* reduce and foreach share a head: SOURCE as $x ( */
static enum err parse_loop(struct parser *p, struct node **ret_node)
{
    bool reduce = token_is(&p->token, "reduce");
    size_t scope = p->scope_count;
    TRY(grammar_enter(p));
    grammar_advance(p);
    TRY(grammar_node(p, NODE_REDUCE, ret_node));
    TRY(grammar_postfix(p, &(*ret_node)->a));
    TRY(grammar_expect(p, "as", "after the source of a loop"));
    TRY(grammar_patterns(p, &(*ret_node)->slot));
    TRY(grammar_expect(p, "(", "after the variable of a loop"));
    TRY(grammar_pipe(p, &(*ret_node)->b));
    TRY(grammar_expect(p, ";", "after the start value of a loop"));
    TRY(grammar_pipe(p, &(*ret_node)->c));
    if (!reduce) {
        p->native = false;
        if (token_is(&p->token, ";")) {
            struct node *extract = NULL;
            grammar_advance(p);
            TRY(grammar_pipe(p, &extract));
        }
    }
    TRY(grammar_expect(p, ")", "to end the loop"));
    p->scope_count = scope;
    p->nesting--;
    return grammar_finish(p, *ret_node);
}

static enum err parse_try(struct parser *p, struct node **ret_node)
{
    p->native = false;
    TRY(grammar_enter(p));
    grammar_advance(p);
    TRY(grammar_postfix(p, ret_node));
    if (token_is(&p->token, "catch")) {
        grammar_advance(p);
        TRY(grammar_postfix(p, ret_node));
    }
    p->nesting--;
    return ERR_OK;
}

static enum err parse_label(struct parser *p, struct node **ret_node)
{
    bool is_label = token_is(&p->token, "label");
    p->native = false;
    grammar_advance(p);
    if (p->token.kind != TOKEN_VARIABLE) {
        return grammar_fail(p, &p->token, "'$name' expected after 'label' or 'break'");
    }
    grammar_advance(p);
    if (is_label) {
        TRY(grammar_expect(p, "|", "after a label"));
        return grammar_pipe(p, ret_node);
    }
    TRY(grammar_node(p, NODE_IDENTITY, ret_node));
    return grammar_finish(p, *ret_node);
}

enum err grammar_keyword(struct parser *p, struct node **ret_node, bool *ret_done)
{
    static const char *const reserved[] = {"then",  "elif", "else", "end", "as",
                                           "catch", "and",  "or",   "def", "__loc__"};
    *ret_done = true;
    if (token_is(&p->token, "if")) {
        return parse_if(p, ret_node);
    }
    if (token_is(&p->token, "reduce") || token_is(&p->token, "foreach")) {
        return parse_loop(p, ret_node);
    }
    if (token_is(&p->token, "try")) {
        return parse_try(p, ret_node);
    }
    if (token_is(&p->token, "label") || token_is(&p->token, "break")) {
        return parse_label(p, ret_node);
    }
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (token_is(&p->token, reserved[i])) {
            return grammar_fail(p, &p->token, "a value expected, found '%s'", reserved[i]);
        }
    }
    *ret_done = false;
    return ERR_OK;
}

#include "coordinator/definition/expr_parse_private.h"

#include <math.h>
#include <string.h>

#include "common/base/check.h"

/* A node that stands for something only mainstay-jq evaluates. */
static enum err external_node(struct parser *p, struct node **ret_node)
{
    p->native = false;
    TRY(grammar_node(p, NODE_IDENTITY, ret_node));
    return grammar_finish(p, *ret_node);
}

static enum err literal_node(struct parser *p, json_t *value, struct node **ret_node)
{
    if (value == NULL) {
        return error_set(p->err, ERR_NOMEM, "no memory for a literal");
    }
    enum err code = grammar_node(p, NODE_LITERAL, ret_node);
    if (code != ERR_OK) {
        json_decref(value);
        return code;
    }
    (*ret_node)->literal = value;
    (*ret_node)->next_literal = p->expr->literals;
    p->expr->literals = *ret_node;
    return grammar_finish(p, *ret_node);
}

static enum err parse_number(struct parser *p, struct node **ret_node)
{
    struct token token = p->token;
    const char *start = token.text;
    size_t size = token.size;
    while (size > 1 && start[0] == '0' && start[1] >= '0' && start[1] <= '9') {
        start++;
        size--;
    }
    struct buf text = BUF_INIT(EXPR_TEXT_MAX + 8);
    const char *dot = memchr(start, '.', size);
    size_t whole = dot == NULL ? size : (size_t)(dot - start) + 1;
    buf_append_str(&text, start[0] == '.' ? "0" : "");
    buf_append(&text, start, whole);
    if (dot != NULL && (whole == size || start[whole] < '0' || start[whole] > '9')) {
        buf_append_str(&text, "0");
    }
    buf_append(&text, start + whole, size - whole);
    json_t *value = NULL;
    enum err code = json_parse(text.data, text.size, NULL, &value, NULL);
    buf_release(&text);
    if (code != ERR_OK) {
        return grammar_fail(p, &token, "the number %.*s would lose digits: write it as a text",
                            (int)(token.size > 60 ? 60 : token.size), token.text);
    }
    double real = json_is_real(value) ? json_real_value(value) : 0.5;
    if (fabs(real) <= 9007199254740992.0 && !(floor(real) < real)) {
        json_decref(value);
        value = json_integer((json_int_t)real);
    }
    if (json_is_integer(value) && json_integer_value(value) > INT64_C(9007199254740991)) {
        p->large = token;
    }
    grammar_advance(p);
    return literal_node(p, value, ret_node);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex4(const char *at, unsigned *ret_code)
{
    *ret_code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(at[i]);
        if (digit < 0) {
            return false;
        }
        *ret_code = *ret_code * 16 + (unsigned)digit;
    }
    return true;
}

static void append_utf8(struct buf *out, unsigned code)
{
    if (code < 0x80) {
        buf_append_byte(out, (uint8_t)code);
    } else if (code < 0x800) {
        buf_append_byte(out, (uint8_t)(0xC0 | (code >> 6)));
        buf_append_byte(out, (uint8_t)(0x80 | (code & 0x3F)));
    } else if (code < 0x10000) {
        buf_append_byte(out, (uint8_t)(0xE0 | (code >> 12)));
        buf_append_byte(out, (uint8_t)(0x80 | ((code >> 6) & 0x3F)));
        buf_append_byte(out, (uint8_t)(0x80 | (code & 0x3F)));
    } else {
        buf_append_byte(out, (uint8_t)(0xF0 | (code >> 18)));
        buf_append_byte(out, (uint8_t)(0x80 | ((code >> 12) & 0x3F)));
        buf_append_byte(out, (uint8_t)(0x80 | ((code >> 6) & 0x3F)));
        buf_append_byte(out, (uint8_t)(0x80 | (code & 0x3F)));
    }
}

static enum err parse_unicode(struct parser *p, struct buf *out)
{
    struct token here = {.text = p->cursor, .size = 1};
    unsigned code;
    if (!read_hex4(p->cursor + 1, &code)) {
        return grammar_fail(p, &here, "four hex digits expected after \\u");
    }
    p->cursor += 5;
    if (code >= 0xD800 && code < 0xDC00) {
        unsigned low;
        if (p->cursor[0] != '\\' || p->cursor[1] != 'u' || !read_hex4(p->cursor + 2, &low) ||
            low < 0xDC00 || low > 0xDFFF) {
            return grammar_fail(p, &here, "a lone surrogate is not a character");
        }
        p->cursor += 6;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if ((code >= 0xDC00 && code < 0xE000) || code == 0) {
        return grammar_fail(p, &here, "\\u%04x is not allowed in a text", code);
    }
    append_utf8(out, code);
    return ERR_OK;
}

/* One escape behind the backslash, other than an interpolation. */
static enum err parse_escape(struct parser *p, struct buf *out)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    if (*p->cursor == 'u') {
        return parse_unicode(p, out);
    }
    const char *found = *p->cursor == '\0' ? NULL : strchr(from, *p->cursor);
    if (found == NULL) {
        struct token here = {.text = p->cursor, .size = 1};
        return grammar_fail(p, &here, "unknown escape in a text");
    }
    buf_append_byte(out, (uint8_t)to[found - from]);
    p->cursor++;
    return ERR_OK;
}

static enum err add_text_part(struct parser *p, struct node_list *parts, struct buf *text)
{
    struct node *part = NULL;
    json_t *value = json_stringn(text->data == NULL ? "" : text->data, text->size);
    buf_clear(text);
    TRY(literal_node(p, value, &part));
    return grammar_list_add(p, parts, part);
}

static enum err parse_parts(struct parser *p, struct node_list *parts, struct buf *text)
{
    struct token start = p->token;
    for (;;) {
        char c = *p->cursor;
        if (c == '\0') {
            return grammar_fail(p, &start, "the text that starts here has no closing quote");
        }
        p->cursor++;
        if (c == '"') {
            break;
        }
        if (c != '\\') {
            buf_append_byte(text, (uint8_t)c);
            continue;
        }
        if (*p->cursor != '(') {
            TRY(parse_escape(p, text));
            continue;
        }
        struct node *part = NULL;
        TRY(add_text_part(p, parts, text));
        p->cursor++;
        grammar_advance(p);
        TRY(grammar_pipe(p, &part));
        TRY(grammar_list_add(p, parts, part));
        if (!token_is(&p->token, ")")) {
            return grammar_expect(p, ")", "to end \\( in a text");
        }
        p->cursor = p->token.text + 1;
    }
    return parts->count == 0 || text->size > 0 ? add_text_part(p, parts, text) : ERR_OK;
}

enum err grammar_string(struct parser *p, struct node **ret_node)
{
    struct node_list parts = {0};
    struct buf text = BUF_INIT(EXPR_TEXT_MAX + 8);
    TRY(grammar_enter(p));
    enum err code = parse_parts(p, &parts, &text);
    buf_release(&text);
    TRY(code);
    p->nesting--;
    grammar_advance(p);
    if (parts.count == 1) {
        *ret_node = parts.items[0];
        return ERR_OK;
    }
    TRY(grammar_node(p, NODE_TEXT, ret_node));
    (*ret_node)->list = parts.items;
    (*ret_node)->count = parts.count;
    return grammar_finish(p, *ret_node);
}

static enum err note_variable(struct parser *p, const char *name, size_t size, const char **ret)
{
    for (size_t i = 0; i < p->variable_count; i++) {
        if (strlen(p->variables[i]) == size && memcmp(p->variables[i], name, size) == 0) {
            *ret = p->variables[i];
            return ERR_OK;
        }
    }
    char *copy = arena_dup(p->expr->arena, name, size);
    if (copy == NULL || p->variable_count == PARSE_VARIABLES_MAX) {
        return error_set(p->err, ERR_LIMIT, "too many variables in one expression");
    }
    p->variables[p->variable_count++] = copy;
    *ret = copy;
    return ERR_OK;
}

static enum err parse_variable(struct parser *p, struct node **ret_node)
{
    struct token token = p->token;
    const char *name = token.text + 1;
    size_t size = token.size - 1;
    grammar_advance(p);
    for (size_t i = p->scope_count; i-- > 0;) {
        if (p->scope[i].size == size && memcmp(p->scope[i].name, name, size) == 0) {
            TRY(grammar_node(p, NODE_LOCAL, ret_node));
            (*ret_node)->slot = p->scope[i].slot;
            return grammar_finish(p, *ret_node);
        }
    }
    if ((size == 3 && memcmp(name, "ENV", 3) == 0) || (size > 2 && memcmp(name, "__", 2) == 0)) {
        return grammar_fail(p, &token, "'$%.*s' is not available: expressions see only data",
                            (int)size, name);
    }
    TRY(grammar_node(p, NODE_VARIABLE, ret_node));
    TRY(note_variable(p, name, size, &(*ret_node)->name));
    (*ret_node)->name_size = size;
    return grammar_finish(p, *ret_node);
}

static enum err index_node(struct parser *p, struct node *target, struct node *key,
                           struct node **ret_node)
{
    CHECK(key != NULL);
    if (key->kind == NODE_LITERAL && json_is_string(key->literal)) {
        TRY(grammar_node(p, NODE_FIELD, ret_node));
        (*ret_node)->name = json_string_value(key->literal);
        (*ret_node)->name_size = json_string_length(key->literal);
    } else {
        TRY(grammar_node(p, NODE_INDEX, ret_node));
        (*ret_node)->b = key;
    }
    (*ret_node)->a = target;
    return grammar_finish(p, *ret_node);
}

static enum err field_node(struct parser *p, struct node *target, struct node **ret_node)
{
    TRY(grammar_node(p, NODE_FIELD, ret_node));
    (*ret_node)->a = target;
    (*ret_node)->name_size = p->token.size - 1;
    (*ret_node)->name = arena_dup(p->expr->arena, p->token.text + 1, p->token.size - 1);
    if ((*ret_node)->name == NULL) {
        return error_set(p->err, ERR_LIMIT, "the expression is too large");
    }
    grammar_advance(p);
    return grammar_finish(p, *ret_node);
}

/* Behind `[` of a postfix: ] or index ] or a slice. */
static enum err parse_bracket(struct parser *p, struct node *target, struct node **ret_node)
{
    grammar_advance(p);
    if (token_is(&p->token, "]")) {
        grammar_advance(p);
        TRY(grammar_node(p, NODE_ITERATE, ret_node));
        (*ret_node)->a = target;
        return grammar_finish(p, *ret_node);
    }
    struct node *from = NULL;
    if (!token_is(&p->token, ":")) {
        TRY(grammar_pipe(p, &from));
    }
    if (!token_is(&p->token, ":")) {
        TRY(grammar_expect(p, "]", "after an index"));
        return index_node(p, target, from, ret_node);
    }
    grammar_advance(p);
    TRY(grammar_node(p, NODE_SLICE, ret_node));
    (*ret_node)->a = target;
    (*ret_node)->b = from;
    if (from == NULL || !token_is(&p->token, "]")) {
        TRY(grammar_pipe(p, &(*ret_node)->c));
    }
    TRY(grammar_expect(p, "]", "after a slice"));
    return grammar_finish(p, *ret_node);
}

enum err grammar_postfix(struct parser *p, struct node **ret_node)
{
    TRY(grammar_primary(p, ret_node));
    for (;;) {
        struct node *key = NULL;
        if (p->token.kind == TOKEN_FIELD) {
            TRY(field_node(p, *ret_node, ret_node));
        } else if (p->token.kind == TOKEN_DOT) {
            const char *dot = p->token.text;
            grammar_advance(p);
            if (p->token.kind == TOKEN_QUOTE) {
                TRY(grammar_string(p, &key));
                TRY(index_node(p, *ret_node, key, ret_node));
            } else if (!token_is(&p->token, "[")) {
                return grammar_fail(p, &p->token, "a name, a text or '[' expected after '.'");
            } else {
                grammar_edit(p, dot, 1, "");
            }
        } else if (token_is(&p->token, "[")) {
            TRY(grammar_enter(p));
            TRY(parse_bracket(p, *ret_node, ret_node));
            p->nesting--;
        } else if (token_is(&p->token, "?")) {
            struct node *optional = NULL;
            grammar_advance(p);
            TRY(grammar_node(p, NODE_OPTIONAL, &optional));
            optional->a = *ret_node;
            TRY(grammar_finish(p, optional));
            *ret_node = optional;
        } else {
            return ERR_OK;
        }
    }
}

static enum err parse_array(struct parser *p, struct node **ret_node)
{
    grammar_advance(p);
    TRY(grammar_node(p, NODE_ARRAY, ret_node));
    if (!token_is(&p->token, "]")) {
        TRY(grammar_pipe(p, &(*ret_node)->a));
    }
    TRY(grammar_expect(p, "]", "to end the array"));
    return grammar_finish(p, *ret_node);
}

static enum err parse_call(struct parser *p, struct node **ret_node);

static enum err parse_name(struct parser *p, struct node **ret_node)
{
    bool done = false;
    if (token_is(&p->token, "true") || token_is(&p->token, "false")) {
        json_t *value = json_boolean(token_is(&p->token, "true"));
        grammar_advance(p);
        return literal_node(p, value, ret_node);
    }
    if (token_is(&p->token, "null")) {
        grammar_advance(p);
        return literal_node(p, json_null(), ret_node);
    }
    TRY(grammar_keyword(p, ret_node, &done));
    return done ? ERR_OK : parse_call(p, ret_node);
}

enum err grammar_primary(struct parser *p, struct node **ret_node)
{
    struct node *identity = NULL;
    switch (p->token.kind) {
    case TOKEN_FIELD:
        TRY(grammar_node(p, NODE_IDENTITY, &identity));
        TRY(grammar_finish(p, identity));
        return field_node(p, identity, ret_node);
    case TOKEN_DOT:
        grammar_advance(p);
        TRY(grammar_node(p, NODE_IDENTITY, ret_node));
        TRY(grammar_finish(p, *ret_node));
        if (p->token.kind == TOKEN_QUOTE) {
            struct node *key = NULL;
            TRY(grammar_string(p, &key));
            return index_node(p, *ret_node, key, ret_node);
        }
        return ERR_OK;
    case TOKEN_RECURSE:
        grammar_advance(p);
        return external_node(p, ret_node);
    case TOKEN_VARIABLE:
        return parse_variable(p, ret_node);
    case TOKEN_NUMBER:
        return parse_number(p, ret_node);
    case TOKEN_QUOTE:
        return grammar_string(p, ret_node);
    case TOKEN_FORMAT:
        grammar_advance(p);
        if (p->token.kind == TOKEN_QUOTE) {
            TRY(grammar_string(p, ret_node));
        }
        return external_node(p, ret_node);
    case TOKEN_NAME:
        return parse_name(p, ret_node);
    case TOKEN_SYMBOL:
        if (token_is(&p->token, "(")) {
            grammar_advance(p);
            TRY(grammar_pipe(p, ret_node));
            return grammar_expect(p, ")", "to end the parentheses");
        }
        if (token_is(&p->token, "[")) {
            return parse_array(p, ret_node);
        }
        if (token_is(&p->token, "{")) {
            return grammar_object(p, ret_node);
        }
        break;
    case TOKEN_END:
        return grammar_fail(p, &p->token, "a value expected, but the expression ends here");
    case TOKEN_BAD:
        break;
    }
    if (*p->token.text == '\'') {
        return grammar_fail(p, &p->token, "texts in expressions stand in double quotes");
    }
    return grammar_fail(p, &p->token, "a value expected, found '%.*s'", (int)p->token.size,
                        p->token.text);
}

static enum err parse_arguments(struct parser *p, struct node_list *args)
{
    if (!token_is(&p->token, "(")) {
        return ERR_OK;
    }
    do {
        struct node *arg = NULL;
        grammar_advance(p);
        TRY(grammar_pipe(p, &arg));
        TRY(grammar_list_add(p, args, arg));
    } while (token_is(&p->token, ";"));
    return grammar_expect(p, ")", "after the arguments");
}

static bool is_local_function(const struct parser *p, const struct token *name)
{
    for (size_t i = 0; i < p->function_count; i++) {
        if (p->functions[i].size == name->size &&
            memcmp(p->functions[i].text, name->text, name->size) == 0) {
            return true;
        }
    }
    return false;
}

static enum err parse_call(struct parser *p, struct node **ret_node)
{
    struct token name = p->token;
    struct node_list args = {0};
    const char *refusal = builtin_refusal(name.text, name.size);
    if (refusal != NULL) {
        return grammar_fail(p, &name, "'%.*s' is not available: %s", (int)name.size, name.text,
                            refusal);
    }
    grammar_advance(p);
    TRY(parse_arguments(p, &args));
    TRY(grammar_node(p, NODE_CALL, ret_node));
    (*ret_node)->list = args.items;
    (*ret_node)->count = args.count;
    bool local = is_local_function(p, &name);
    (*ret_node)->builtin = local ? NULL : builtin_find(name.text, name.size, args.count);
    if ((*ret_node)->builtin == NULL) {
        p->native = false;
        if (!local && !builtin_is_external(name.text, name.size, args.count)) {
            const char *near = builtin_near(name.text, name.size);
            bool same = near != NULL && strlen(near) == name.size &&
                        memcmp(near, name.text, name.size) == 0;
            return grammar_fail(p, &name, "unknown function '%.*s' with %u argument%s%s%s%s",
                                (int)(name.size > 64 ? 64 : name.size), name.text, args.count,
                                args.count == 1 ? "" : "s", near && !same ? ": did you mean '" : "",
                                near && !same            ? near
                                : same || args.count > 0 ? ""
                                                         : ": a field is '.name'",
                                near && !same ? "'?" : "");
        }
    }
    return grammar_finish(p, *ret_node);
}

#include "coordinator/definition/expr_private.h"

#include <string.h>

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return is_name_start(c) || is_digit(c);
}

static const char *skip_blank(const char *at)
{
    for (;; at++) {
        if (*at == '#') {
            while (*at != '\0' && *at != '\n') {
                at++;
            }
        }
        if (*at != ' ' && *at != '\t' && *at != '\n' && *at != '\r') {
            return at;
        }
    }
}

static const char *skip_name(const char *at)
{
    while (is_name(*at) || (at[0] == ':' && at[1] == ':' && is_name_start(at[2]))) {
        at += *at == ':' ? 2 : 1;
    }
    return at;
}

static const char *skip_number(const char *at)
{
    while (is_digit(*at)) {
        at++;
    }
    if (*at == '.') {
        at++;
        while (is_digit(*at)) {
            at++;
        }
    }
    if (*at == 'e' || *at == 'E') {
        const char *digits = at[1] == '+' || at[1] == '-' ? at + 2 : at + 1;
        if (is_digit(*digits)) {
            at = digits;
            while (is_digit(*at)) {
                at++;
            }
        }
    }
    return at;
}

/* Longest operator at `at`, 0 when there is none. */
static size_t symbol_size(const char *at)
{
    static const char *const symbols[] = {
        "?//", "//=", "|=", "+=", "-=", "*=", "/=", "%=", "==", "!=", "<=", ">=", "//"};
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        size_t size = strlen(symbols[i]);
        if (strncmp(at, symbols[i], size) == 0) {
            return size;
        }
    }
    return *at != '\0' && strchr("?=|,;:()[]{}+-*/%<>", *at) != NULL ? 1 : 0;
}

static struct token token_upto(enum token_kind kind, const char *start, const char *end,
                               const char **cursor)
{
    *cursor = end;
    return (struct token){.kind = kind, .text = start, .size = (size_t)(end - start)};
}

struct token expr_token_next(const char **cursor)
{
    const char *at = skip_blank(*cursor);
    if (*at == '\0') {
        return token_upto(TOKEN_END, at, at, cursor);
    }
    if (is_name_start(*at)) {
        return token_upto(TOKEN_NAME, at, skip_name(at), cursor);
    }
    if (is_digit(*at) || (*at == '.' && is_digit(at[1]))) {
        return token_upto(TOKEN_NUMBER, at, skip_number(at), cursor);
    }
    if (*at == '.' && is_name_start(at[1])) {
        const char *end = at + 1;
        while (is_name(*end)) {
            end++;
        }
        return token_upto(TOKEN_FIELD, at, end, cursor);
    }
    if (*at == '.') {
        return at[1] == '.' ? token_upto(TOKEN_RECURSE, at, at + 2, cursor)
                            : token_upto(TOKEN_DOT, at, at + 1, cursor);
    }
    if (*at == '$' && is_name_start(at[1])) {
        return token_upto(TOKEN_VARIABLE, at, skip_name(at + 1), cursor);
    }
    if (*at == '@' && is_name_start(at[1])) {
        return token_upto(TOKEN_FORMAT, at, skip_name(at + 1), cursor);
    }
    if (*at == '"') {
        return token_upto(TOKEN_QUOTE, at, at + 1, cursor);
    }
    size_t size = symbol_size(at);
    return size > 0 ? token_upto(TOKEN_SYMBOL, at, at + size, cursor)
                    : token_upto(TOKEN_BAD, at, at + 1, cursor);
}

bool token_is(const struct token *token, const char *text)
{
    return (token->kind == TOKEN_SYMBOL || token->kind == TOKEN_NAME) &&
           strlen(text) == token->size && memcmp(token->text, text, token->size) == 0;
}

#include <string.h>

#include "common/base/buf.h"
#include "common/json/json.h"

enum { INDEX_DIGITS_MAX = 9 };

void json_pointer_append(struct buf *pointer, const char *token, size_t size)
{
    buf_append_byte(pointer, '/');
    for (size_t i = 0; i < size; i++) {
        if (token[i] == '~') {
            buf_append(pointer, "~0", 2);
        } else if (token[i] == '/') {
            buf_append(pointer, "~1", 2);
        } else {
            buf_append_byte(pointer, (uint8_t)token[i]);
        }
    }
}

/* Read the token after the slash at *at into `out` (terminated by buf) and move behind it. False
 * when an escape is malformed or memory is out. */
static bool token_next(const char **at, struct buf *out)
{
    const char *c = *at + 1;
    buf_clear(out);
    buf_append(out, "", 0);
    for (; *c != '\0' && *c != '/'; c++) {
        char byte = *c;
        if (byte == '~') {
            c++;
            if (*c != '0' && *c != '1') {
                return false;
            }
            byte = *c == '0' ? '~' : '/';
        }
        buf_append_byte(out, (uint8_t)byte);
    }
    *at = c;
    return !out->failed;
}

/* An array index as RFC 6901 spells it: digits without leading zeros. */
static bool token_index(const struct buf *token, size_t *ret_index)
{
    size_t index = 0;
    if (token->size == 0 || token->size > INDEX_DIGITS_MAX ||
        (token->size > 1 && token->data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < token->size; i++) {
        if (token->data[i] < '0' || token->data[i] > '9') {
            return false;
        }
        index = index * 10 + (size_t)(token->data[i] - '0');
    }
    *ret_index = index;
    return true;
}

static json_t *child_of(const json_t *value, const struct buf *token)
{
    size_t index = 0;
    if (json_is_object(value)) {
        return json_object_getn(value, token->data, token->size);
    }
    return json_is_array(value) && token_index(token, &index) ? json_array_get(value, index) : NULL;
}

json_t *json_pointer_get(const json_t *root, const char *pointer)
{
    json_t *value = json_mutable(root);
    struct buf token = BUF_INIT(LIMIT_EVENT_BYTES);
    const char *at = pointer;
    while (value != NULL && *at != '\0') {
        value = *at == '/' && token_next(&at, &token) ? child_of(value, &token) : NULL;
    }
    buf_release(&token);
    return value;
}

/* Put `value` under `token` of `parent`; borrows `value`. */
static enum err child_set(json_t *parent, const struct buf *token, json_t *value,
                          const char *pointer, struct error *err)
{
    if (json_is_object(parent)) {
        return json_object_setn(parent, token->data, token->size, value) == 0
                   ? ERR_OK
                   : error_set(err, ERR_NOMEM, "cannot set '%s'", pointer);
    }
    size_t count = json_array_size(parent);
    size_t index = count;
    bool end = token->size == 1 && token->data[0] == '-';
    if (!json_is_array(parent) || (!end && !token_index(token, &index)) || index > count) {
        return error_set(err, ERR_NOT_FOUND, "cannot set '%s': no such place", pointer);
    }
    int failed =
        index == count ? json_array_append(parent, value) : json_array_set(parent, index, value);
    return failed == 0 ? ERR_OK : error_set(err, ERR_NOMEM, "cannot set '%s'", pointer);
}

static enum err pointer_walk_set(json_t *root, const char *pointer, json_t *value,
                                 struct buf *token, struct error *err)
{
    json_t *parent = root;
    const char *at = pointer;
    for (;;) {
        if (*at != '/' || !token_next(&at, token)) {
            return error_set(err, ERR_INVALID, "'%s' is not a JSON pointer", pointer);
        }
        if (*at == '\0') {
            return child_set(parent, token, value, pointer, err);
        }
        parent = child_of(parent, token);
        if (parent == NULL) {
            return error_set(err, ERR_NOT_FOUND, "cannot set '%s': '%.*s' does not exist", pointer,
                             (int)(at - pointer), pointer);
        }
    }
}

enum err json_pointer_set(json_t **root, const char *pointer, json_t *value, struct error *err)
{
    if (pointer[0] == '\0') {
        json_decref(*root);
        *root = value;
        return ERR_OK;
    }
    struct buf token = BUF_INIT(LIMIT_EVENT_BYTES);
    enum err code = pointer_walk_set(*root, pointer, value, &token, err);
    buf_release(&token);
    json_decref(value);
    return code;
}

#include "agents/reconciliation/book.h"

#include "common/base/limits.h"

void book_key(struct buf *key, const char *part)
{
    static const char digits[] = "0123456789abcdef";
    if (key->size > 0) {
        buf_append_byte(key, '/');
    }
    for (const char *at = part != NULL ? part : ""; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte == '%' || byte == '/' || byte < 0x20) {
            buf_append_byte(key, '%');
            buf_append_byte(key, (uint8_t)digits[byte >> 4]);
            buf_append_byte(key, (uint8_t)digits[byte & 15]);
        } else {
            buf_append_byte(key, byte);
        }
    }
}

enum err book_read(const struct book *book, enum book_table table, struct str key, json_t **ret_row,
                   struct error *err)
{
    struct buf text = BUF_INIT(LIMIT_VALUE_BYTES);
    *ret_row = NULL;
    enum err code = book->get(book->user, table, key, &text, err);
    if (code == ERR_NOT_FOUND) {
        code = ERR_OK;
    } else if (code == ERR_OK) {
        code = json_parse(text.data, text.size, NULL, ret_row, err);
        if (code != ERR_OK) {
            error_wrap(err, "row '%.*s'", (int)key.size, key.data);
            code = ERR_CORRUPT;
        }
    }
    buf_release(&text);
    return code;
}

enum err book_write(const struct book *book, enum book_table table, struct str key,
                    const json_t *row, struct error *err)
{
    struct buf text = BUF_INIT(LIMIT_VALUE_BYTES);
    json_write(row, &text);
    enum err code = text.failed
                        ? error_set(err, ERR_LIMIT, "row '%.*s' is larger than %d bytes",
                                    (int)key.size, key.data, (int)LIMIT_VALUE_BYTES)
                        : book->put(book->user, table, key,
                                    (struct str){.data = text.data, .size = text.size}, err);
    buf_release(&text);
    return code;
}

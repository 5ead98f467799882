#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/json/json.h"
#include "common/json/number.h"

/* Objects up to this size are sorted on the stack. */
enum { SORT_INLINE = 24 };

enum layout { LAYOUT_COMPACT, LAYOUT_PRETTY, LAYOUT_CANONICAL };

struct writer {
    struct buf *out;
    enum layout layout;
    unsigned depth;
};

static void write_value(struct writer *w, const json_t *value);

/* How a byte is written in a string: 0 as it is, 'u' as \u00xx, else as backslash and the letter.
 */
static char escape_of(unsigned char byte)
{
    switch (byte) {
    case '"':
        return '"';
    case '\\':
        return '\\';
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return byte < 0x20 ? 'u' : 0;
    }
}

static void write_string(struct buf *out, const char *text, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    size_t run = 0;
    buf_append_byte(out, '"');
    for (size_t at = 0; at < size; at++) {
        unsigned char byte = (unsigned char)text[at];
        if (byte >= 0x20 && byte != '"' && byte != '\\') {
            continue;
        }
        char escape = escape_of(byte);
        buf_append(out, text + run, at - run);
        run = at + 1;
        if (escape == 'u') {
            char code[] = {'\\', 'u', '0', '0', hex[byte >> 4U], hex[byte & 15U]};
            buf_append(out, code, sizeof(code));
        } else {
            char pair[] = {'\\', escape};
            buf_append(out, pair, sizeof(pair));
        }
    }
    buf_append(out, text + run, size - run);
    buf_append_byte(out, '"');
}

static void write_break(struct writer *w)
{
    if (w->layout == LAYOUT_PRETTY) {
        buf_append_byte(w->out, '\n');
        for (unsigned i = 0; i < w->depth; i++) {
            buf_append(w->out, "  ", 2);
        }
    }
}

static void write_member(struct writer *w, bool first, void *iter)
{
    if (!first) {
        buf_append_byte(w->out, ',');
    }
    write_break(w);
    write_string(w->out, json_object_iter_key(iter), json_object_iter_key_len(iter));
    buf_append_byte(w->out, ':');
    if (w->layout == LAYOUT_PRETTY) {
        buf_append_byte(w->out, ' ');
    }
    write_value(w, json_object_iter_value(iter));
}

static int compare_keys(const void *left, const void *right)
{
    void *a = *(void *const *)left;
    void *b = *(void *const *)right;
    size_t a_size = json_object_iter_key_len(a);
    size_t b_size = json_object_iter_key_len(b);
    size_t common = a_size < b_size ? a_size : b_size;
    int order = memcmp(json_object_iter_key(a), json_object_iter_key(b), common);
    if (order != 0) {
        return order;
    }
    return a_size < b_size ? -1 : a_size > b_size ? 1 : 0;
}

/* Insertion sort: nearly all objects are small and many are sorted already. */
static void sort_few(void **iters, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        void *iter = iters[i];
        size_t at = i;
        while (at > 0 && compare_keys(&iters[at - 1], &iter) > 0) {
            iters[at] = iters[at - 1];
            at--;
        }
        iters[at] = iter;
    }
}

static void write_members_sorted(struct writer *w, json_t *object)
{
    void *few[SORT_INLINE];
    size_t count = json_object_size(object);
    void **iters = count <= SORT_INLINE ? few : malloc(count * sizeof(*iters));
    if (iters == NULL) {
        w->out->failed = true;
        return;
    }
    size_t used = 0;
    for (void *iter = json_object_iter(object); iter != NULL;
         iter = json_object_iter_next(object, iter)) {
        iters[used++] = iter;
    }
    CHECK(used == count);
    if (iters == few) {
        sort_few(iters, count);
    } else {
        qsort(iters, count, sizeof(*iters), compare_keys);
    }
    for (size_t i = 0; i < count; i++) {
        write_member(w, i == 0, iters[i]);
    }
    if (iters != few) {
        free(iters);
    }
}

static void write_object(struct writer *w, const json_t *value)
{
    json_t *object = json_mutable(value);
    if (json_object_size(object) == 0) {
        buf_append(w->out, "{}", 2);
        return;
    }
    buf_append_byte(w->out, '{');
    w->depth++;
    if (w->layout == LAYOUT_CANONICAL) {
        write_members_sorted(w, object);
    } else {
        bool first = true;
        for (void *iter = json_object_iter(object); iter != NULL;
             iter = json_object_iter_next(object, iter)) {
            write_member(w, first, iter);
            first = false;
        }
    }
    w->depth--;
    write_break(w);
    buf_append_byte(w->out, '}');
}

static void write_array(struct writer *w, const json_t *value)
{
    size_t count = json_array_size(value);
    if (count == 0) {
        buf_append(w->out, "[]", 2);
        return;
    }
    buf_append_byte(w->out, '[');
    w->depth++;
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_append_byte(w->out, ',');
        }
        write_break(w);
        write_value(w, json_array_get(value, i));
    }
    w->depth--;
    write_break(w);
    buf_append_byte(w->out, ']');
}

static void write_value(struct writer *w, const json_t *value)
{
    char number[NUMBER_TEXT_BYTES];
    if (w->out->failed) {
        return;
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        if (w->depth >= JSON_DEPTH_MAX) {
            w->out->failed = true;
        } else if (json_is_object(value)) {
            write_object(w, value);
        } else {
            write_array(w, value);
        }
        break;
    case JSON_STRING:
        write_string(w->out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        buf_append(w->out, number, number_print_int(json_integer_value(value), number));
        break;
    case JSON_REAL:
        buf_append(w->out, number, number_print_real(json_real_value(value), number));
        break;
    case JSON_TRUE:
        buf_append(w->out, "true", 4);
        break;
    case JSON_FALSE:
        buf_append(w->out, "false", 5);
        break;
    case JSON_NULL:
        buf_append(w->out, "null", 4);
        break;
    }
}

void json_write(const json_t *value, struct buf *out)
{
    struct writer w = {.out = out, .layout = LAYOUT_COMPACT};
    write_value(&w, value);
}

void json_write_pretty(const json_t *value, struct buf *out)
{
    struct writer w = {.out = out, .layout = LAYOUT_PRETTY};
    write_value(&w, value);
}

void json_write_canonical(const json_t *value, struct buf *out)
{
    struct writer w = {.out = out, .layout = LAYOUT_CANONICAL};
    write_value(&w, value);
}

struct digest json_digest(const json_t *value)
{
    struct buf text = BUF_INIT(SIZE_MAX / 4);
    json_write_canonical(value, &text);
    CHECK(!text.failed);
    struct digest digest = crypto_blake(text.data, text.size);
    buf_release(&text);
    return digest;
}

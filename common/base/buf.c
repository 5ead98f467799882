#include "common/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

void buf_init(struct buf *buf, size_t max)
{
    *buf = BUF_INIT(max);
}

void buf_release(struct buf *buf)
{
    free(buf->data);
    *buf = BUF_INIT(buf->max);
}

void buf_clear(struct buf *buf)
{
    buf->size = 0;
    buf->failed = false;
    if (buf->data != NULL) {
        buf->data[0] = '\0';
    }
}

/* Make room for `more` bytes and a terminator. */
static bool reserve(struct buf *buf, size_t more)
{
    if (buf->failed || more > buf->max - buf->size) {
        buf->failed = true;
        return false;
    }
    size_t need = buf->size + more + 1;
    if (need <= buf->capacity) {
        CHECK(buf->data != NULL);
        return true;
    }
    size_t capacity = buf->capacity < 64 ? 64 : buf->capacity * 2;
    if (capacity < need) {
        capacity = need;
    }
    char *data = realloc(buf->data, capacity);
    if (data == NULL) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void buf_append(struct buf *buf, const void *bytes, size_t size)
{
    if (!reserve(buf, size)) {
        return;
    }
    if (size > 0) {
        memcpy(buf->data + buf->size, bytes, size);
    }
    buf->size += size;
    buf->data[buf->size] = '\0';
}

char *buf_extend(struct buf *buf, size_t size)
{
    if (!reserve(buf, size)) {
        return NULL;
    }
    char *room = buf->data + buf->size;
    buf->size += size;
    buf->data[buf->size] = '\0';
    return room;
}

void buf_append_str(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

void buf_append_byte(struct buf *buf, uint8_t byte)
{
    buf_append(buf, &byte, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0 || !reserve(buf, (size_t)length)) {
        buf->failed = true;
        return;
    }
    va_start(args, format);
    (void)vsnprintf(buf->data + buf->size, (size_t)length + 1, format, args);
    va_end(args);
    buf->size += (size_t)length;
}

static void append_be(struct buf *buf, uint64_t value, unsigned bytes)
{
    uint8_t out[8];
    for (unsigned i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    }
    buf_append(buf, out, bytes);
}

void buf_append_u16(struct buf *buf, uint16_t value)
{
    append_be(buf, value, 2);
}

void buf_append_u32(struct buf *buf, uint32_t value)
{
    append_be(buf, value, 4);
}

void buf_append_u64(struct buf *buf, uint64_t value)
{
    append_be(buf, value, 8);
}

char *buf_detach(struct buf *buf, size_t *ret_size)
{
    if (buf->data == NULL) {
        buf_append(buf, "", 0);
    }
    char *data = buf->failed ? NULL : buf->data;
    if (buf->failed) {
        free(buf->data);
    }
    if (ret_size != NULL) {
        *ret_size = buf->size;
    }
    *buf = BUF_INIT(buf->max);
    return data;
}

/*
 * A growing byte buffer with a named maximum. Appending past the maximum, or without memory, sets
 * `failed` and changes nothing more; check it once at the end. `data` is always zero-terminated
 * after the first append, the terminator not counted in `size`.
 *
 * Threads: none. Initialise with buf_init or BUF_INIT(max); release with buf_release.
 */
#ifndef COMMON_BASE_BUF_H
#define COMMON_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data; /* NULL until the first append */
    size_t size;
    size_t capacity; /* private */
    size_t max;      /* bytes `size` may reach */
    bool failed;
};

#define BUF_INIT(maximum) ((struct buf){.max = (maximum)})

/* Start an empty buffer that may hold `max` bytes. */
void buf_init(struct buf *buf, size_t max);

/* Free the bytes and become an empty buffer with the same maximum. */
void buf_release(struct buf *buf);

/* Become empty and keep the memory; clears `failed`. */
void buf_clear(struct buf *buf);

/* Append bytes, a string, one byte, or formatted text. */
void buf_append(struct buf *buf, const void *bytes, size_t size);
void buf_append_str(struct buf *buf, const char *text);
void buf_append_byte(struct buf *buf, uint8_t byte);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append `size` bytes for the caller to fill; NULL when they do not fit. Valid until the next call.
 */
char *buf_extend(struct buf *buf, size_t size);

/* Append a big-endian integer, so that byte order is key order. */
void buf_append_u16(struct buf *buf, uint16_t value);
void buf_append_u32(struct buf *buf, uint32_t value);
void buf_append_u64(struct buf *buf, uint64_t value);

/* Hand the bytes to the caller, who frees them with free(); the buffer becomes empty. Never NULL
 * unless `failed`. */
char *buf_detach(struct buf *buf, size_t *ret_size);

#endif

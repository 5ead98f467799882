/*
 * Cutting text without cutting a character. Private to common/json.
 */
#ifndef COMMON_JSON_TEXT_H
#define COMMON_JSON_TEXT_H

#include <stddef.h>
#include <string.h>

/* The largest size up to `wanted` that does not end inside a UTF-8 sequence of `text`, which has at
 * least wanted + 1 readable bytes. */
static inline size_t text_cut(const char *text, size_t wanted)
{
    while (wanted > 0 && ((unsigned char)text[wanted] & 0xC0U) == 0x80U) {
        wanted--;
    }
    return wanted;
}

/* Remove an incomplete UTF-8 sequence from the end of a text that was cut. */
static inline void text_trim(char *text)
{
    size_t size = strlen(text);
    size_t lead = size;
    while (lead > 0 && size - lead < 3 && ((unsigned char)text[lead - 1] & 0xC0U) == 0x80U) {
        lead--;
    }
    if (lead == 0) {
        return;
    }
    unsigned char first = (unsigned char)text[lead - 1];
    size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
    if (lead - 1 + length > size) {
        text[lead - 1] = '\0';
    }
}

#endif

#include "common/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Cut `message` back to a whole UTF-8 character when vsnprintf truncated it. */
static void message_trim(char *message, int wanted)
{
    if (wanted < ERROR_MESSAGE_BYTES) {
        return;
    }
    size_t end = ERROR_MESSAGE_BYTES - 1;
    while (end > 0 && ((unsigned char)message[end - 1] & 0xC0U) == 0x80U) {
        end--;
    }
    if (end > 0 && ((unsigned char)message[end - 1] & 0x80U) != 0) {
        end--;
    }
    message[end] = '\0';
}

enum err(error_set)(struct error *err, enum err code, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        int wanted = vsnprintf(err->message, sizeof(err->message), format, args);
        va_end(args);
        message_trim(err->message, wanted);
        err->code = code;
    }
    return code;
}

void error_wrap(struct error *err, const char *format, ...)
{
    if (err == NULL) {
        return;
    }
    char tail[ERROR_MESSAGE_BYTES];
    memcpy(tail, err->message, sizeof(tail));
    va_list args;
    va_start(args, format);
    int used = vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    if (used < 0 || used >= ERROR_MESSAGE_BYTES - 2) {
        message_trim(err->message, used);
        return;
    }
    int rest = snprintf(err->message + used, sizeof(err->message) - (size_t)used, ": %s", tail);
    message_trim(err->message, used + rest);
}

enum err_class error_class(enum err code)
{
    switch (code) {
    case ERR_OK:
        return ERR_CLASS_TRANSIENT;
#define ERR(name, value, class, text) \
    case name:                        \
        return ERR_CLASS_##class;
#include "common/base/errors.def"
#undef ERR
    }
    return ERR_CLASS_FATAL;
}

const char *error_text(enum err code)
{
    switch (code) {
    case ERR_OK:
        return "ok";
#define ERR(name, value, class, text) \
    case name:                        \
        return text;
#include "common/base/errors.def"
#undef ERR
    }
    return "unknown error";
}

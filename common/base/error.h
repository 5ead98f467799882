/*
 * Operating errors: a code to branch on, a class to retry on, a message for the person who can fix
 * it. Every function that can fail returns `enum err` and takes `struct error *err` last; `err` may
 * be NULL when nobody wants the words. Library code never logs: it sets, callers wrap, the edge
 * logs.
 *
 * Message style: lower case, failure first, no full stop, subject in single quotes:
 * "cannot open 'x': permission denied".
 */
#ifndef COMMON_BASE_ERROR_H
#define COMMON_BASE_ERROR_H

enum err_class { ERR_CLASS_TRANSIENT, ERR_CLASS_PERMANENT, ERR_CLASS_FATAL };

enum err {
    ERR_OK = 0,
#define ERR(name, value, class, text) name = (value),
#include "common/base/errors.def"
#undef ERR
};

enum { ERROR_MESSAGE_BYTES = 512 };

/* The words that go with a code, in memory of the caller. Zero-initialise before use. */
struct error {
    enum err code;
    char message[ERROR_MESSAGE_BYTES]; /* truncated on a character boundary, always terminated */
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* Set `err` (may be NULL) to `code` and the formatted message, and return `code`. */
enum err error_set(struct error *err, enum err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#ifdef __clang_analyzer__ /* clang-tidy cannot see from here what is returned */
#define error_set(err, code, ...) ((void)error_set(err, code, __VA_ARGS__), (code))
#endif

/* Put context in front of the message: "context: message". The code does not change. */
void error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The class that retry decisions read. ERR_OK counts as transient. */
enum err_class error_class(enum err code);

/* Stable lower-case text of a code ("not found"); "ok" for ERR_OK. Static memory. */
const char *error_text(enum err code);

/* Return from the calling function with the code of `call` unless it is ERR_OK. */
#define TRY(call)                   \
    do {                            \
        enum err try_code = (call); \
        if (try_code != ERR_OK) {   \
            return try_code;        \
        }                           \
    } while (0)

/* Jump to `label` with `code` set unless `call` is ERR_OK. */
#define TRY_GOTO(code, call, label) \
    do {                            \
        (code) = (call);            \
        if ((code) != ERR_OK) {     \
            goto label;             \
        }                           \
    } while (0)

#endif

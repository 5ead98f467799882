#include "common/wire/subjects.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/str.h"

/* Prefix and number of tokens after it for each kind; 0 tokens: a dotted type. */
static const struct {
    const char *prefix;
    unsigned tokens;
} shapes[] = {
    [SUBJECT_EVENT] = {"event.", 0},       [SUBJECT_TASK] = {"task.", 2},
    [SUBJECT_RESULT] = {"result.", 2},     [SUBJECT_HELLO] = {"hello.", 2},
    [SUBJECT_PRESENCE] = {"presence.", 2}, [SUBJECT_CONTROL] = {"control.", 0},
    [SUBJECT_JOURNAL] = {"journal.", 1},   [SUBJECT_LIFECYCLE] = {"lifecycle.", 0},
    [SUBJECT_BLOB] = {"blob.", 2},         [SUBJECT_CALL] = {"call.", 2},
    [SUBJECT_INPUT] = {"input.", 2},
};

enum { SHAPE_COUNT = sizeof(shapes) / sizeof(shapes[0]) };

static bool token_character(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

bool subject_type_valid(const char *type)
{
    if (type == NULL) {
        return false;
    }
    size_t run = 0;
    size_t length = 0;
    for (; type[length] != '\0'; length++) {
        if (length + 1 >= SUBJECT_TYPE_BYTES) {
            return false;
        }
        if (type[length] == '.') {
            if (run == 0) {
                return false;
            }
            run = 0;
        } else if (token_character(type[length])) {
            run++;
        } else {
            return false;
        }
    }
    return run > 0;
}

__attribute__((format(printf, 2, 3))) static void build(char *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(out, SUBJECT_BYTES, format, args);
    va_end(args);
    CHECK(length > 0);
    CHECK(length < SUBJECT_BYTES);
}

static bool build_type(enum subject_kind kind, const char *type, char *out)
{
    out[0] = '\0';
    if (!subject_type_valid(type)) {
        return false;
    }
    build(out, "%s%s", shapes[kind].prefix, type);
    return true;
}

static bool build_two(enum subject_kind kind, const char *first, const char *second, char *out)
{
    out[0] = '\0';
    if (!text_is_token(first) || !text_is_token(second)) {
        return false;
    }
    build(out, "%s%s.%s", shapes[kind].prefix, first, second);
    return true;
}

bool subject_event(const char *type, char *out)
{
    return build_type(SUBJECT_EVENT, type, out);
}

bool subject_task(const char *agent, const char *store, char *out)
{
    return build_two(SUBJECT_TASK, agent, store, out);
}

bool subject_result(const char *agent, const char *store, char *out)
{
    return build_two(SUBJECT_RESULT, agent, store, out);
}

bool subject_hello(const char *agent, const char *store, char *out)
{
    return build_two(SUBJECT_HELLO, agent, store, out);
}

bool subject_presence(const char *agent, const char *store, char *out)
{
    return build_two(SUBJECT_PRESENCE, agent, store, out);
}

bool subject_control(const char *verb, char *out)
{
    return build_type(SUBJECT_CONTROL, verb, out);
}

bool subject_lifecycle(const char *type, char *out)
{
    return build_type(SUBJECT_LIFECYCLE, type, out);
}

bool subject_blob(const char *agent, const char *store, char *out)
{
    return build_two(SUBJECT_BLOB, agent, store, out);
}

bool subject_input(const char *agent, const char *store, char *out)
{
    return build_two(SUBJECT_INPUT, agent, store, out);
}

bool subject_call(const char *agent, const char *service, char *out)
{
    return build_two(SUBJECT_CALL, agent, service, out);
}

void subject_journal(uint16_t partition, char *out)
{
    build(out, "%s%u", shapes[SUBJECT_JOURNAL].prefix, (unsigned)partition);
}

/* Copy the token at the start of `text`; returns what follows it, or NULL when there is none. */
static const char *token_take(const char *text, char *ret_token)
{
    size_t length = 0;
    while (token_character(text[length])) {
        if (length + 1 >= SUBJECT_TOKEN_BYTES) {
            return NULL;
        }
        ret_token[length] = text[length];
        length++;
    }
    ret_token[length] = '\0';
    return length == 0 ? NULL : text + length;
}

static bool partition_parse(const char *token, uint16_t *ret_partition)
{
    uint64_t value = 0;
    if (!text_to_u64(token, &value) || value > UINT16_MAX ||
        (token[0] == '0' && token[1] != '\0')) {
        return false;
    }
    *ret_partition = (uint16_t)value;
    return true;
}

static bool tokens_parse(const char *rest, unsigned count, struct subject *subject)
{
    char tokens[2][SUBJECT_TOKEN_BYTES] = {{0}};
    for (unsigned i = 0; i < count; i++) {
        if (i > 0) {
            if (*rest != '.') {
                return false;
            }
            rest++;
        }
        rest = token_take(rest, tokens[i]);
        if (rest == NULL) {
            return false;
        }
    }
    if (*rest != '\0') {
        return false;
    }
    if (subject->kind == SUBJECT_JOURNAL) {
        return partition_parse(tokens[0], &subject->partition);
    }
    (void)text_copy(subject->agent, sizeof(subject->agent), tokens[0]);
    if (subject->kind == SUBJECT_CALL) {
        return text_copy(subject->name, sizeof(subject->name), tokens[1]);
    }
    return text_copy(subject->store, sizeof(subject->store), tokens[1]);
}

bool subject_parse(const char *text, struct subject *ret_subject)
{
    memset(ret_subject, 0, sizeof(*ret_subject));
    if (text == NULL) {
        return false;
    }
    for (unsigned i = 0; i < SHAPE_COUNT; i++) {
        if (!text_starts(text, shapes[i].prefix)) {
            continue;
        }
        const char *rest = text + strlen(shapes[i].prefix);
        ret_subject->kind = (enum subject_kind)i;
        bool ok = false;
        if (shapes[i].tokens == 0) {
            ok = subject_type_valid(rest) &&
                 text_copy(ret_subject->name, sizeof(ret_subject->name), rest);
        } else {
            ok = tokens_parse(rest, shapes[i].tokens, ret_subject);
        }
        if (!ok) {
            memset(ret_subject, 0, sizeof(*ret_subject));
        }
        return ok;
    }
    return false;
}

bool subject_consumer(const char *agent, const char *store, char *out)
{
    out[0] = '\0';
    if (!text_is_token(agent) || !text_is_token(store) || strchr(agent, '_') != NULL) {
        return false;
    }
    build(out, "%s_%s", agent, store);
    return true;
}

bool subject_results_stream(const char *agent, const char *store, char *out)
{
    char consumer[SUBJECT_BYTES];
    out[0] = '\0';
    if (!subject_consumer(agent, store, consumer)) {
        return false;
    }
    build(out, STREAM_RESULTS "_%s_%s", agent, store);
    return true;
}

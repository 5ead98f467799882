/* Failures for people: where, which rule, and what would have been right. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/json/schema_run.h"
#include "common/json/text.h"

static void spot_print(const struct spot *spot, struct buf *out)
{
    const struct spot *steps[JSON_DEPTH_MAX];
    size_t count = 0;
    for (; spot->parent != NULL && count < JSON_DEPTH_MAX; spot = spot->parent) {
        steps[count++] = spot;
    }
    while (count > 0) {
        const struct spot *step = steps[--count];
        if (step->key != NULL) {
            json_pointer_append(out, step->key, step->key_size);
        } else {
            buf_printf(out, "/%zu", step->index);
        }
    }
}

/* A new entry with everything but the message, or NULL when nobody wants one. */
static struct schema_failure *failure_new(struct run *run, const struct node *node,
                                          const struct spot *spot, const char *keyword)
{
    if (!run_collects(run)) {
        return NULL;
    }
    struct schema_failures *all = run->failures;
    if (all->count == SCHEMA_FAILURES_MAX) {
        all->more++;
        return NULL;
    }
    struct schema_failure *failure = &all->items[all->count++];
    failure->keyword = keyword;
    struct buf pointer = BUF_INIT(sizeof(failure->instance) - 1);
    spot_print(spot, &pointer);
    (void)text_copy(failure->instance, sizeof(failure->instance),
                    pointer.data == NULL ? "" : pointer.data);
    text_trim(failure->instance);
    buf_release(&pointer);
    if (strcmp(keyword, "false") == 0) {
        (void)text_copy(failure->schema, sizeof(failure->schema), node->pointer);
    } else {
        (void)snprintf(failure->schema, sizeof(failure->schema), "%s/%s", node->pointer, keyword);
    }
    text_trim(failure->schema);
    return failure;
}

bool refuse(struct run *run, const struct node *node, const struct spot *spot, const char *keyword,
            const char *format, ...)
{
    struct schema_failure *failure = failure_new(run, node, spot, keyword);
    if (failure != NULL) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(failure->message, sizeof(failure->message), format, args);
        va_end(args);
    }
    return false;
}

bool refuse_value(struct run *run, const struct node *node, const struct spot *spot,
                  const char *keyword, const char *format, ...)
{
    struct schema_failure *failure = failure_new(run, node, spot, keyword);
    if (failure != NULL) {
        char value[VALUE_TEXT_BYTES];
        char words[sizeof(failure->message) - VALUE_TEXT_BYTES - 8];
        va_list args;
        va_start(args, format);
        (void)vsnprintf(words, sizeof(words), format, args);
        va_end(args);
        value_excerpt(spot->value, value);
        (void)snprintf(failure->message, sizeof(failure->message), "%s, not %s", words, value);
    }
    return false;
}

bool abort_run(struct run *run, const struct node *node, const struct spot *spot, const char *why)
{
    if (!run->aborted) {
        unsigned quiet = run->quiet;
        run->quiet = 0; /* a limit is a failure wherever it is met */
        (void)refuse(run, node, spot, "limit", "%s", why);
        run->quiet = quiet;
        run->aborted = true;
    }
    return false;
}

void schema_failures_print(const struct schema_failures *failures, struct buf *out)
{
    for (size_t i = 0; i < failures->count; i++) {
        const struct schema_failure *failure = &failures->items[i];
        buf_printf(out, "%s%s%s%s", i == 0 ? "" : "; ", failure->instance,
                   failure->instance[0] == '\0' ? "" : ": ", failure->message);
    }
    if (failures->more > 0) {
        buf_printf(out, "; and %zu more", failures->more);
    }
}

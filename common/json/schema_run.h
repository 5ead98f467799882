/*
 * One validation in progress: what schema_validate.c (scalars, arrays), schema_object.c,
 * schema_logic.c (references, combinations, unevaluated) and schema_failure.c share. Private to
 * common/json.
 *
 * A validation of a plain schema allocates nothing: places are a list through the C stack, failures
 * go to the caller's memory. Only patterns, propertyNames, and "unevaluated" over more than 64
 * members take memory.
 */
#ifndef COMMON_JSON_SCHEMA_RUN_H
#define COMMON_JSON_SCHEMA_RUN_H

#include "common/json/schema_private.h"

/* Where in the value we are. */
struct spot {
    const struct spot *parent;
    const json_t *value;
    const char *key; /* NULL in an array */
    size_t key_size;
    size_t index;
};

/* The resources passed through on the way here, innermost first: the dynamic scope. */
struct scope {
    const struct scope *parent;
    const struct resource *resource;
};

/* Which members or items of one value successful rules have looked at. */
struct evaluated {
    bool all;
    size_t count;   /* members or items */
    uint64_t few;   /* bit i: member i, when count <= 64 */
    uint64_t *many; /* else */
};

struct run {
    struct schema_failures *failures; /* NULL: nobody wants to know */
    unsigned quiet;                   /* inside a rule that may fail without consequence */
    unsigned depth;
    size_t work; /* left */
    bool aborted;
    struct regex_memory *memory;
};

/* Whether `value` at `spot` fits `node`. `seen` (may be NULL) starts empty and collects what was
 * evaluated; it means nothing when the result is false. */
bool check_node(struct run *run, const struct node *node, const struct spot *spot,
                struct evaluated *seen, const struct scope *scope);

/* check_node of a subschema at the same place: what it evaluated is added when it fits. */
bool check_applied(struct run *run, const struct node *node, const struct spot *spot,
                   struct evaluated *seen, const struct scope *scope);

/* The rules about the members of an object; `node` has object rules. */
bool object_check(struct run *run, const struct node *node, const struct spot *spot,
                  struct evaluated *seen, const struct scope *scope);

/* References and combinations (`node` has logic rules), and what no rule has looked at. */
bool check_logic(struct run *run, const struct node *node, const struct spot *spot,
                 struct evaluated *seen, const struct scope *scope);
bool check_unevaluated(struct run *run, const struct node *node, const struct spot *spot,
                       struct evaluated *seen, const struct scope *scope);

/* Whether to go on after a failure, to find the others too. */
static inline bool run_collects(const struct run *run)
{
    return run->failures != NULL && run->quiet == 0 && !run->aborted;
}

/* Note a failure and return false. The message is only made when somebody wants it. */
bool refuse(struct run *run, const struct node *node, const struct spot *spot, const char *keyword,
            const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The same with ", not <value>" behind the message. */
bool refuse_value(struct run *run, const struct node *node, const struct spot *spot,
                  const char *keyword, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Stop the whole validation. */
bool abort_run(struct run *run, const struct node *node, const struct spot *spot, const char *why);

/* A pattern on a text; a limit aborts. */
bool run_matches(struct run *run, const struct regex *regex, const char *text, size_t size,
                 const struct node *node, const struct spot *spot);

bool evaluated_start(struct run *run, struct evaluated *seen, const struct spot *spot,
                     const struct node *node);
void evaluated_end(struct evaluated *seen);
void evaluated_mark(struct evaluated *seen, size_t index);
bool evaluated_has(const struct evaluated *seen, size_t index);

#endif

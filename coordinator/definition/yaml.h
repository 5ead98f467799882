/*
 * A YAML 1.2 or JSON text as a tree that knows where each value stood. The home of libfyaml.
 *
 * Scalars resolve as in JSON: plain null, true, false and JSON numbers are themselves, everything
 * else is text (yes, on, NO, 0123, 1.0.3, dates). Plain scalars that other YAML readers take for
 * numbers (0x1F, .5, +1, .inf) are refused, because people would read them differently. Refused
 * too: anchors, aliases, tags, merge keys, duplicate keys, several documents, nesting over
 * YAML_DEPTH_MAX.
 */
#ifndef COORDINATOR_DEFINITION_YAML_H
#define COORDINATOR_DEFINITION_YAML_H

#include <stddef.h>
#include <stdint.h>

#include "common/json/json.h"

struct arena;
struct report;

enum { YAML_DEPTH_MAX = 60 };

struct yaml_member;

struct yaml_node {
    const struct yaml_node *parent;
    const char *key; /* name in the parent object, or NULL */
    size_t index;    /* place in the parent */
    uint32_t line;   /* 1-based */
    uint32_t column;
    uint32_t key_line;
    uint32_t key_column;
    json_t *value;            /* the whole value; borrowed from the root */
    struct yaml_node **items; /* of an object or array, in order of the text */
    size_t count;
    size_t capacity;
};

/*
 * Parse; the tree lives in `arena`, its JSON value (new reference) in *ret_root->value. NULL when a
 * problem was reported.
 */
struct yaml_node *yaml_parse(struct arena *arena, const char *text, size_t size,
                             struct report *report);

/* Member of an object, or NULL (also when `node` is NULL or no object). */
const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key);

/* The same for a member that is an object itself: its items have keys. */
const struct yaml_node *yaml_get_object(const struct yaml_node *node, const char *key);

/* JSON pointer of the node in memory of `arena`. */
const char *yaml_pointer(struct arena *arena, const struct yaml_node *node);

/* A whole text as a value, under the same rules; *ret_value is a new reference. The error names
 * line and column. ERR_INVALID, ERR_NOMEM. For files beside definitions. */
MUST_CHECK enum err yaml_value(const char *text, size_t size, json_t **ret_value,
                               struct error *err);

#endif

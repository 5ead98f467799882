/*
 * The instances that a request means: those it names, or a page of those that fit a query. One
 * request looks at a page, so that thousands are dealt with by many requests and no turn is long.
 */
#ifndef COORDINATOR_EDGE_CONTROL_CHOICE_H
#define COORDINATOR_EDGE_CONTROL_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/edge/control_private.h"

struct choice {
    struct request *request;
    const char *definition; /* namespace/name or with its version; NULL: any */
    const char *status;     /* NULL: any */
    struct id *ids;         /* those chosen; of the request's arena */
    size_t count;
    size_t limit;
    size_t examined;
    bool more; /* there may be others behind the page */
    int64_t last_ms;
    struct id last;
};

/* Whether there are the `definition` and the `status` of the request's body, as far as it names
 * any: a misspelt one would just fit no instance. Fails with ERR_NOT_FOUND or ERR_INVALID. */
MUST_CHECK enum err choice_check(struct request *request, struct error *err);

/* Begin with `definition`, `status` and `limit` of the request's body, which are checked; at most
 * `limit_max`. */
MUST_CHECK enum err choice_begin(struct choice *choice, struct request *request, size_t limit_max,
                                 struct error *err);

/* The instances of `list`, texts that may be the beginnings of ids. */
MUST_CHECK enum err choice_named(struct choice *choice, const json_t *list, struct error *err);

/* Look at the next one of a query, whose place in its order is key_ms and id: false when the page
 * is over, which ends the visit. */
bool choice_look(struct choice *choice, const struct id *id, int64_t key_ms);

/* Whether an instance is of the definition and in the status asked for. */
bool choice_fits(const struct choice *choice, const char *definition, enum instance_status status);

/* It is one of them. Precondition: choice_look said true. */
void choice_add(struct choice *choice, const struct id *id);

/* Into a reply: where the next page begins, if there is one. */
void choice_next(const struct choice *choice, json_t *body);

#endif

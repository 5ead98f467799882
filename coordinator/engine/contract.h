/*
 * What an agent promises: the parsed contract document, with its schemas compiled.
 *
 * Format: agents/runtime/contract.md. The engine uses what both sides check: actions, phases,
 * effect class, schemas, timeout, concurrency, rate, cost.
 *
 * Threads: immutable after parsing.
 */
#ifndef COORDINATOR_ENGINE_CONTRACT_H
#define COORDINATOR_ENGINE_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/money.h"
#include "common/json/json.h"
#include "coordinator/engine/outcome.h"

struct buf;
struct schema;

struct contract_action {
    const char *name;
    const char *title;      /* "" when not said */
    const char *compensate; /* action that undoes the effect; NULL none */
    enum effect_class effect;
    bool decides;
    bool performs;
    bool confidence_required;
    int64_t timeout_ms;   /* 0: none */
    uint32_t concurrency; /* tasks that a store runs at once */
    bool quick;           /* runs as it is received */
    uint32_t rate_count;  /* at most so many starts */
    int64_t rate_ms;      /* in this time; count 0: no limit */
    struct money cost;    /* the most that one answer costs; 0 or not given: it is free */
    struct schema *input;
    struct schema *output;
    struct schema *proposal; /* NULL: the same as output, or not used */
};

struct contract {
    const char *agent;
    const char *version;
    struct digest digest; /* of the canonical JSON */
    const struct contract_action *actions;
    size_t action_count;
    json_t *document;
};

/* Parse and check a contract document. Errors: ERR_INVALID naming the member. */
MUST_CHECK enum err contract_parse(const json_t *document, struct contract **ret_contract,
                                   struct error *err);

/* Free *contract and set it to NULL. Accepts NULL. */
void contract_destroy(struct contract **contract);

/* Action by name, or NULL. */
const struct contract_action *contract_action(const struct contract *contract, const char *name);

/* Whether `after` keeps what `before` promised (contract_compare.c): every action, effect class and
 * phase, inputs that it takes and fields that it gives. What is broken is appended to `words`. */
bool contract_keeps(const struct contract *before, const struct contract *after, struct buf *words);

#endif

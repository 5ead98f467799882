/*
 * What a rule found: the rule with its version, both values, the exact difference and a sentence
 * that a logistics consultant understands. A list also keeps which rules were applied and held.
 *
 * Threads: none. Texts live in the arena of the list.
 */
#ifndef AGENTS_RECONCILIATION_FINDING_H
#define AGENTS_RECONCILIATION_FINDING_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/decimal.h"
#include "common/json/json.h"

struct arena;

enum rule {
#define RULE(name, id, version, severity, exception, basis) RULE_##name,
#include "agents/reconciliation/rules.def"
#undef RULE
    RULE_COUNT_OF_RULES
};

/* ERROR stops a payment, WARNING asks for a look, INFO is worth knowing. */
enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR };

enum { FINDINGS_MAX = 100 }; /* kept; more are counted */

struct finding {
    enum rule rule;
    enum severity severity;
    const char *field;    /* JSON pointer into the invoice, "" for the whole */
    const char *invoiced; /* what the invoice says; NULL: nothing */
    const char *expected; /* what the ledger, the agreement or arithmetic says; NULL: nothing */
    const char *cause;    /* short stable name of the cause where the rule knows it, or NULL */
    bool has_difference;
    struct decimal difference; /* invoiced - expected */
    const char *unit;          /* of the difference: a currency, "LB", "days"; NULL: none */
    const char *sentence;
};

struct findings {
    struct arena *arena;
    struct finding items[FINDINGS_MAX];
    size_t count;
    size_t dropped;
    bool held[RULE_COUNT_OF_RULES]; /* applied at least once */
    bool hit[RULE_COUNT_OF_RULES];  /* found something that was not kept */
};

/* Start an empty list whose texts go to `arena`. */
void findings_init(struct findings *findings, struct arena *arena);

/* Note that a rule was applied; it counts as held unless it also found something. */
void findings_applied(struct findings *findings, enum rule rule);

/* Append a finding with the rule's own severity. The members may be filled in afterwards through
 * the result, which is never NULL. `format` gives the sentence. */
struct finding *findings_add(struct findings *findings, enum rule rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* First finding of a rule above INFO, or NULL. */
const struct finding *findings_of(const struct findings *findings, enum rule rule);

/* Findings of a severity. */
size_t findings_count_of(const struct findings *findings, enum severity severity);

const char *rule_id(enum rule rule);
unsigned rule_version(enum rule rule);
enum severity rule_severity(enum rule rule);
const char *rule_exception(enum rule rule);
const char *severity_text(enum severity severity);

/* New JSON array of the findings, worst first; NULL without memory. */
json_t *findings_json(const struct findings *findings);

/* New JSON array of "id@version" of the rules that were applied and held. */
json_t *findings_held_json(const struct findings *findings);

/* Decimal as text in the arena, with at least two digits after the point; "?" without memory. */
const char *money_text(struct arena *arena, struct decimal value);

/* Decimal as text in the arena, exactly as it is kept. */
const char *decimal_text_of(struct arena *arena, struct decimal value);

#endif

/*
 * What comes back from an agent: a decision with its explanation, or a failure with its class and
 * whether the effect happened. Plain values; texts are borrowed from whoever made them.
 */
#ifndef COORDINATOR_ENGINE_OUTCOME_H
#define COORDINATOR_ENGINE_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

struct doc;

/* Numbers are those of proto/task.proto and proto/result.proto; the codec asserts it. */
enum phase { PHASE_NONE = 0, PHASE_DECIDE = 1, PHASE_PERFORM = 2 };

enum result_status {
    RESULT_DONE = 1,
    RESULT_FAILED = 2,
    RESULT_RUNNING = 3,
    RESULT_RECALLED = 4,
};

enum failure_class {
    FAILURE_NONE = 0,
    FAILURE_TRANSIENT = 1,
    FAILURE_DATA = 2,
    FAILURE_PERMISSION = 3,
    FAILURE_CONTRACT = 4,
    FAILURE_QUALITY = 5,
    FAILURE_BUDGET = 6,
    FAILURE_IN_DOUBT = 7,
    FAILURE_CANCELLED = 8,
};

enum effect_mark { MARK_UNSPECIFIED = 0, MARK_NONE = 1, MARK_UNKNOWN = 2, MARK_DONE = 3 };

enum effect_class { EFFECT_PURE = 1, EFFECT_KEYED = 2, EFFECT_PROBED = 3, EFFECT_MANUAL = 4 };

struct decision {
    const char *rule;  /* never NULL; "" when not said */
    const char *model; /* never NULL */
    const char *cost;  /* never NULL */
    bool has_confidence;
    uint32_t confidence_ppm;
    struct doc *explanation; /* NULL: none; borrowed */
};

struct failure {
    enum failure_class failure_class;
    enum effect_mark effect;
    const char *code; /* texts never NULL */
    const char *title;
    const char *detail;
    const char *pointer;
    struct doc *correction; /* NULL: none; borrowed */
    uint32_t status;
    uint64_t retry_after_ms;
};

/* "transient", "data", ...; static. */
const char *failure_class_name(enum failure_class failure_class);

#endif

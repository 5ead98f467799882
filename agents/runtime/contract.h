/*
 * A contract file read, checked and compiled; the format is contract.md.
 *
 * Threads: load and destroy on one thread; everything else may be read by any number at once.
 */
#ifndef AGENTS_RUNTIME_CONTRACT_H
#define AGENTS_RUNTIME_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/crypto/crypto.h"

struct schema;

enum { CONTRACT_ACTIONS_MAX = 64, CONTRACT_CONCURRENCY_MAX = 256 };

enum effect_class { EFFECT_PURE, EFFECT_KEYED, EFFECT_PROBED, EFFECT_MANUAL };
enum confidence_rule { CONFIDENCE_NONE, CONFIDENCE_OPTIONAL, CONFIDENCE_REQUIRED };

struct contract_version {
    uint32_t major;
    uint32_t minor;
    uint32_t patch;
};

struct contract_action {
    char name[LIMIT_NAME_BYTES + 1];
    enum effect_class effect;
    enum confidence_rule confidence;
    bool decides;
    bool performs;
    bool local; /* the effect is in the agent's own tables */
    bool quick; /* may run on the receiving thread */
    bool paid;  /* has a cost: even pure outcomes are kept */
    uint32_t concurrency;
    uint64_t timeout_ms;
    struct schema *input;
    struct schema *proposal; /* NULL without both phases */
    struct schema *output;
};

struct contract {
    char agent[LIMIT_NAME_BYTES + 1];
    char version_text[32];
    struct contract_version version;
    struct digest digest; /* of the canonical text */
    char *text;           /* canonical JSON */
    size_t text_size;
    struct contract_action *actions;
    size_t action_count;
};

/* Read the contract in `bytes`; `name` (a file name) starts error messages. On failure
 * *ret_contract is NULL. ERR_INVALID (not JSON, a member missing, unknown or wrong, a schema that
 * does not compile; the message says where), ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK enum err agent_contract_parse(const char *name, const char *bytes, size_t size,
                                         struct contract **ret_contract, struct error *err);

/* The same from a file. Also ERR_NOT_FOUND and ERR_IO. */
MUST_CHECK enum err agent_contract_load(const char *path, struct contract **ret_contract,
                                        struct error *err);

/* Free *contract and set it to NULL. Accepts a NULL contract. */
void agent_contract_destroy(struct contract **contract);

/* The action of that name, or NULL. */
const struct contract_action *contract_find(const struct contract *contract, const char *name);

/* Whether this contract keeps what version `asked` promised: the same major version, and not an
 * older one. False for text that is no version. */
bool contract_serves(const struct contract *contract, const char *asked);

/* "MAJOR.MINOR.PATCH", digits without leading zeros (semver.org 2.0.0, without suffixes). */
bool contract_version_parse(const char *text, struct contract_version *ret_version);

/* Milliseconds of an ISO 8601 duration of days, hours, minutes and seconds ("P1DT2H3M4.5S"); false
 * for anything else, for 0 and for more than a day. */
bool contract_duration_parse(const char *text, uint64_t *ret_ms);

#endif

/*
 * Profiles: what each process of a company may use, as data. deploy/profiles/README.md describes
 * the file.
 *
 * Threads: immutable after loading.
 */
#ifndef COORDINATOR_DEFINITION_PROFILE_H
#define COORDINATOR_DEFINITION_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/crypto/crypto.h"

struct plan_report;

/* What one process may use; 0: the profile does not say. */
struct profile_share {
    uint64_t memory_bytes;
    uint32_t cpu_percent; /* 100 is one processor */
    uint32_t concurrency; /* coordinator: instances under way; agent: actions at once */
};

struct profile_agent {
    const char *name;
    struct profile_share share; /* complete: what its entry does not say is that of all agents */
};

struct profile {
    struct digest digest; /* of the text */
    struct profile_share bus;
    struct profile_share coordinator;
    struct profile_share agent; /* of each agent without an entry */
    const struct profile_agent *agents;
    size_t agent_count;
    struct arena *arena;
};

/* Read a profile, YAML or JSON. *ret_profile is the caller's. ERR_INVALID: `report` has all
 * problems with their places; to be released with plan_report_release in any case. */
MUST_CHECK enum err profile_load(const char *text, size_t size, struct profile **ret_profile,
                                 struct plan_report *report);

/* Free *profile and set it to NULL. Accepts NULL. */
void profile_destroy(struct profile **profile);

#endif

/*
 * The profile a company is started under: what each process may use, from deploy/profiles or a file
 * (deploy/profiles/README.md). The coordinator's program reads it, which knows YAML.
 *
 * Threads: none.
 */
#ifndef TOOLS_MAINSTAY_COMPANY_PROFILE_H
#define TOOLS_MAINSTAY_COMPANY_PROFILE_H

#include <stdint.h>

#include "common/base/error.h"
#include "common/json/json.h"
#include "tools/mainstay/files.h"

/* 0: not said. */
struct share {
    uint64_t memory_bytes;
    unsigned cpu_percent; /* 100 is one processor */
    unsigned concurrency;
};

struct profile {
    char name[PATH_BYTES]; /* "small", or the absolute path of a file */
    json_t *content;       /* what the coordinator made of it */
    struct share bus;
    struct share coordinator;
};

/* `word` is the name of an installed profile, or a file when it has a slash or a dot. `coordinator`
 * NULL: the installed program. Problems of the file are printed to stderr as file:line:column:
 * message. ERR_INVALID, ERR_NOT_FOUND; nothing is to be released then. */
MUST_CHECK enum err profile_choose(const char *word, const char *coordinator,
                                   struct profile *ret_profile, struct error *err);

/* What an agent of that name may use. */
struct share profile_agent(const struct profile *profile, const char *agent);

/* Names of agents with entries of their own: the object's keys. Borrowed. */
const json_t *profile_agents(const struct profile *profile);

/* Whole processors that hold its share; 0: not said. */
unsigned share_processors(const struct share *share);

void profile_release(struct profile *profile);

#endif

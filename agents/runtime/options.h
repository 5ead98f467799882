/* The command line of every agent. */
#ifndef AGENTS_RUNTIME_OPTIONS_H
#define AGENTS_RUNTIME_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/log.h"

struct agent_definition;

enum { OPTIONS_SETTINGS_MAX = 64, OPTIONS_WORKERS_MAX = 64 };

struct options {
    const char *bus;
    const char *creds; /* NULL: no login */
    const char *ca;    /* NULL: no TLS */
    const char *data;
    const char *store;
    const char *contract;
    const char *secrets;   /* NULL: not given */
    const char *metrics;   /* ADDRESS:PORT; NULL: off */
    int workers;           /* -1: from the contract */
    uint64_t memory_bytes; /* 0: not said */
    unsigned drain_ms;
    enum log_level level;
    const char *settings[OPTIONS_SETTINGS_MAX]; /* NAME=VALUE */
    size_t setting_count;
};

enum options_answer { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_USAGE };

/* Read the command line; strings are borrowed from argv. OPTIONS_DONE: --help or --version was
 * printed. OPTIONS_USAGE: what is wrong was printed on stderr. */
enum options_answer options_read(int argc, char **argv, const struct agent_definition *definition,
                                 struct options *ret_options);

/* The value of a setting, or NULL. */
const char *options_setting(const struct options *options, const char *name);

#endif

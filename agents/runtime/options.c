#include "agents/runtime/options.h"

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "agents/runtime/agent.h"
#include "common/base/footprint.h"
#include "common/base/str.h"

enum { DRAIN_SECONDS = 20 };

static void help_print(const struct agent_definition *definition)
{
    printf("usage: agent-%s --data DIR --contract FILE [options]\n\n"
           "  --bus URL            NATS server (nats://127.0.0.1:4222)\n"
           "  --creds FILE         login: lines user=... and password=..., mode 0600\n"
           "  --ca FILE            certificate authority; asks for TLS\n"
           "  --data DIR           the agent's own store, made when there is none\n"
           "  --store NAME         name of the store on the bus (main)\n"
           "  --contract FILE      what this agent promises (agents/runtime/contract.md)\n"
           "  --secrets DIR        files of secrets, mode 0600 ($CREDENTIALS_DIRECTORY, or\n"
           "                       DATA/secrets)\n"
           "  --metrics ADDR:PORT  serve /metrics, /healthz and /readyz there; 'off' (off)\n"
           "  --workers N          threads for actions; 0 runs them where they are received\n"
           "                       (as many as the contract's concurrency, at most 16)\n"
           "  --memory SIZE        what it may use, for example 64M: sizes its caches\n"
           "  --drain SECONDS      wait so long for running actions when stopped (%d)\n"
           "  --log-level LEVEL    debug, info, warn or error (info)\n"
           "  --set NAME=VALUE     a setting of this agent; may be repeated\n"
           "  --version, --help\n"
           "\nexit codes: 0 stopped as asked, 1 failed, 2 usage, 7 the bus cannot be used as "
           "configured\n",
           definition->name, DRAIN_SECONDS);
    if (definition->help != NULL) {
        printf("\n%s\n", definition->help);
    }
}

static enum options_answer usage(const struct agent_definition *definition, const char *what,
                                 const char *value)
{
    (void)fprintf(stderr, "agent-%s: %s '%s'; try --help\n", definition->name, what, value);
    return OPTIONS_USAGE;
}

static bool number_read(const char *text, uint64_t most, uint64_t *ret_number)
{
    return text_to_u64(text, ret_number) && *ret_number <= most;
}

enum {
    OPTION_BUS = 1,
    OPTION_CREDS,
    OPTION_CA,
    OPTION_DATA,
    OPTION_STORE,
    OPTION_CONTRACT,
    OPTION_SECRETS,
    OPTION_METRICS,
    OPTION_WORKERS,
    OPTION_MEMORY,
    OPTION_DRAIN,
    OPTION_LEVEL,
    OPTION_SET,
    OPTION_VERSION,
    OPTION_HELP
};

static const struct option table[] = {{"bus", required_argument, NULL, OPTION_BUS},
                                      {"creds", required_argument, NULL, OPTION_CREDS},
                                      {"ca", required_argument, NULL, OPTION_CA},
                                      {"data", required_argument, NULL, OPTION_DATA},
                                      {"store", required_argument, NULL, OPTION_STORE},
                                      {"contract", required_argument, NULL, OPTION_CONTRACT},
                                      {"secrets", required_argument, NULL, OPTION_SECRETS},
                                      {"metrics", required_argument, NULL, OPTION_METRICS},
                                      {"workers", required_argument, NULL, OPTION_WORKERS},
                                      {"memory", required_argument, NULL, OPTION_MEMORY},
                                      {"drain", required_argument, NULL, OPTION_DRAIN},
                                      {"log-level", required_argument, NULL, OPTION_LEVEL},
                                      {"set", required_argument, NULL, OPTION_SET},
                                      {"version", no_argument, NULL, OPTION_VERSION},
                                      {"help", no_argument, NULL, OPTION_HELP},
                                      {NULL, 0, NULL, 0}};

static const char **text_option(struct options *options, int option)
{
    switch (option) {
    case OPTION_BUS:
        return &options->bus;
    case OPTION_CREDS:
        return &options->creds;
    case OPTION_CA:
        return &options->ca;
    case OPTION_DATA:
        return &options->data;
    case OPTION_STORE:
        return &options->store;
    case OPTION_CONTRACT:
        return &options->contract;
    case OPTION_SECRETS:
        return &options->secrets;
    case OPTION_METRICS:
        return &options->metrics;
    default:
        return NULL;
    }
}

static enum options_answer option_take(const struct agent_definition *definition,
                                       struct options *options, int option)
{
    uint64_t number = 0;
    const char **text = text_option(options, option);
    if (text != NULL) {
        *text = optarg;
        return OPTIONS_RUN;
    }
    switch (option) {
    case OPTION_WORKERS:
        if (!number_read(optarg, OPTIONS_WORKERS_MAX, &number)) {
            return usage(definition, "--workers must be 0 to 64, not", optarg);
        }
        options->workers = (int)number;
        return OPTIONS_RUN;
    case OPTION_MEMORY:
        if (!footprint_parse(optarg, &number)) {
            return usage(definition, "--memory must be a size like 64M, not", optarg);
        }
        options->memory_bytes = number;
        return OPTIONS_RUN;
    case OPTION_DRAIN:
        if (!number_read(optarg, 3600, &number)) {
            return usage(definition, "--drain must be 0 to 3600 seconds, not", optarg);
        }
        options->drain_ms = (unsigned)number * 1000;
        return OPTIONS_RUN;
    case OPTION_LEVEL:
        if (strcmp(optarg, "debug") != 0 && strcmp(optarg, "info") != 0 &&
            strcmp(optarg, "warn") != 0 && strcmp(optarg, "error") != 0) {
            return usage(definition, "unknown --log-level", optarg);
        }
        options->level = log_level_of(optarg);
        return OPTIONS_RUN;
    case OPTION_SET:
        if (options->setting_count == OPTIONS_SETTINGS_MAX || strchr(optarg, '=') == NULL ||
            optarg[0] == '=') {
            return usage(definition, "--set must be NAME=VALUE, at most 64 of them, not", optarg);
        }
        options->settings[options->setting_count++] = optarg;
        return OPTIONS_RUN;
    case OPTION_VERSION:
        printf("agent-%s %s\n", definition->name, definition->version);
        return OPTIONS_DONE;
    case OPTION_HELP:
        help_print(definition);
        return OPTIONS_DONE;
    default:
        (void)fprintf(stderr, "try agent-%s --help\n", definition->name);
        return OPTIONS_USAGE;
    }
}

enum options_answer options_read(int argc, char **argv, const struct agent_definition *definition,
                                 struct options *ret_options)
{
    *ret_options = (struct options){.bus = "nats://127.0.0.1:4222",
                                    .store = "main",
                                    .workers = -1,
                                    .drain_ms = DRAIN_SECONDS * 1000,
                                    .level = LOG_INFO};
    int option = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        enum options_answer answer = option_take(definition, ret_options, option);
        if (answer != OPTIONS_RUN) {
            return answer;
        }
    }
    if (optind < argc) {
        return usage(definition, "unexpected argument", argv[optind]);
    }
    if (ret_options->data == NULL || ret_options->contract == NULL) {
        return usage(definition, "missing option",
                     ret_options->data == NULL ? "--data" : "--contract");
    }
    if (!text_is_token(ret_options->store)) {
        return usage(definition, "--store must be 1..64 of A-Za-z0-9_-, not", ret_options->store);
    }
    if (ret_options->metrics != NULL && strcmp(ret_options->metrics, "off") == 0) {
        ret_options->metrics = NULL;
    }
    return OPTIONS_RUN;
}

const char *options_setting(const struct options *options, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = options->setting_count; i-- > 0;) {
        const char *setting = options->settings[i];
        if (strncmp(setting, name, length) == 0 && setting[length] == '=') {
            return setting + length + 1;
        }
    }
    return NULL;
}

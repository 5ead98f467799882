/*
 * The coordinator: parse options, open the edge, run turns. Exit codes: 0 done, 1 failed, 2 usage.
 */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/footprint.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/crypto/program.h"
#include "coordinator/check.h"
#include "coordinator/edge/edge.h"

enum { EXIT_USAGE = 2 };

static const char usage_text[] =
    "usage: coordinator --bus URL --data DIR [options]\n"
    "       coordinator --check FILE [-o text|json]\n"
    "\n"
    "  --bus URL           the NATS server, nats://127.0.0.1:4222 or tls://host:port\n"
    "  --creds FILE        user=... and password=... lines, mode 0600\n"
    "  --ca FILE           certificate authority of the server; asks for TLS\n"
    "  --data DIR          the coordinator's store\n"
    "  --metrics ADDR:PORT where /metrics, /healthz and /readyz are served, or 'off'\n"
    "                      (127.0.0.1:0: any free port)\n"
    "  --durability MODE   power: every turn is on the device before it acts (default);\n"
    "                      process: survives the death of the process only\n"
    "  --max-running N     instances under way, and steps that wait for an agent, from which on "
    "no\n"
    "                      more events are taken (50000)\n"
    "  --max-open N        the same for all instances that have not ended (2000000)\n"
    "  --policy FILE       what is done about failures; without it the one in force stays\n"
    "  --memory SIZE       what it may use, for example 256M: sizes its caches\n"
    "  --profile NAME      what it was started under, for status and the journal\n"
    "  --log-level LEVEL   debug, info, warn, error\n"
    "  --check FILE        check a process definition and exit\n"
    "  --check-profile FILE  check a profile (deploy/profiles) and exit\n"
    "  --version           print the version and exit\n";

struct arguments {
    struct edge_options edge;
    const char *check;
    const char *check_profile;
    uint64_t memory_bytes;
    const char *output;
    const char *log_level;
    char jq_path[4096];
};

enum option_id {
    OPT_BUS = 256,
    OPT_CREDS,
    OPT_CA,
    OPT_DATA,
    OPT_METRICS,
    OPT_DURABILITY,
    OPT_MAX_RUNNING,
    OPT_MAX_OPEN,
    OPT_POLICY,
    OPT_MEMORY,
    OPT_PROFILE,
    OPT_LOG_LEVEL,
    OPT_CHECK,
    OPT_CHECK_PROFILE,
    OPT_VERSION,
    OPT_HELP,
};

static const struct option long_options[] = {
    {"bus", required_argument, NULL, OPT_BUS},
    {"creds", required_argument, NULL, OPT_CREDS},
    {"ca", required_argument, NULL, OPT_CA},
    {"data", required_argument, NULL, OPT_DATA},
    {"metrics", required_argument, NULL, OPT_METRICS},
    {"durability", required_argument, NULL, OPT_DURABILITY},
    {"max-running", required_argument, NULL, OPT_MAX_RUNNING},
    {"max-open", required_argument, NULL, OPT_MAX_OPEN},
    {"policy", required_argument, NULL, OPT_POLICY},
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"profile", required_argument, NULL, OPT_PROFILE},
    {"log-level", required_argument, NULL, OPT_LOG_LEVEL},
    {"check", required_argument, NULL, OPT_CHECK},
    {"check-profile", required_argument, NULL, OPT_CHECK_PROFILE},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static int usage_error(const char *what, const char *subject)
{
    fprintf(stderr, "coordinator: %s%s; see coordinator --help\n", what, subject);
    return EXIT_USAGE;
}

static bool durability_take(struct arguments *arguments, const char *mode)
{
    arguments->edge.sync = strcmp(mode, "power") == 0;
    return arguments->edge.sync || strcmp(mode, "process") == 0;
}

static const char bound_words[] = "--max-running and --max-open take a number from 1 up, not ";

static bool bound_take(uint64_t *ret_bound)
{
    return text_to_u64(optarg, ret_bound) && *ret_bound > 0;
}

/* One option; -1 to go on, or the exit code. */
static int option_take(int option, struct arguments *arguments)
{
    switch (option) {
    case OPT_BUS:
        arguments->edge.bus_url = optarg;
        return -1;
    case OPT_CREDS:
        arguments->edge.creds_file = optarg;
        return -1;
    case OPT_CA:
        arguments->edge.ca_file = optarg;
        return -1;
    case OPT_DATA:
        arguments->edge.data_dir = optarg;
        return -1;
    case OPT_METRICS:
        arguments->edge.metrics = optarg;
        return -1;
    case OPT_DURABILITY:
        return durability_take(arguments, optarg)
                   ? -1
                   : usage_error("--durability takes power or process, not ", optarg);
    case OPT_MAX_RUNNING:
        return bound_take(&arguments->edge.max_running) ? -1 : usage_error(bound_words, optarg);
    case OPT_MAX_OPEN:
        return bound_take(&arguments->edge.max_open) ? -1 : usage_error(bound_words, optarg);
    case OPT_POLICY:
        arguments->edge.policy_file = optarg;
        return -1;
    case OPT_MEMORY:
        return footprint_parse(optarg, &arguments->memory_bytes)
                   ? -1
                   : usage_error("--memory takes a size like 256M, not ", optarg);
    case OPT_PROFILE:
        arguments->edge.profile = optarg;
        return -1;
    case OPT_LOG_LEVEL:
        arguments->log_level = optarg;
        return -1;
    case OPT_CHECK:
        arguments->check = optarg;
        return -1;
    case OPT_CHECK_PROFILE:
        arguments->check_profile = optarg;
        return -1;
    case 'o':
        arguments->output = optarg;
        return -1;
    case OPT_VERSION:
        puts("coordinator " MAINSTAY_VERSION);
        return EXIT_SUCCESS;
    case OPT_HELP:
        fputs(usage_text, stdout);
        return EXIT_SUCCESS;
    default:
        return EXIT_USAGE; /* getopt has said why */
    }
}

/* mainstay-jq stands beside this program. */
static void jq_path_find(struct arguments *arguments)
{
    ssize_t size = readlink("/proc/self/exe", arguments->jq_path, sizeof(arguments->jq_path) - 16);
    arguments->jq_path[size < 0 ? 0 : size] = '\0';
    char *slash = strrchr(arguments->jq_path, '/');
    char *end = slash == NULL ? arguments->jq_path : slash + 1;
    memcpy(end, "mainstay-jq", sizeof("mainstay-jq"));
    arguments->edge.jq_path = arguments->jq_path;
}

/* Signals are taken by one thread, which asks the edge to stop. */
static void *signals_wait(void *user)
{
    sigset_t wanted;
    (void)sigemptyset(&wanted);
    (void)sigaddset(&wanted, SIGTERM);
    (void)sigaddset(&wanted, SIGINT);
    (void)sigaddset(&wanted, SIGUSR1);
    int taken = 0;
    while (sigwait(&wanted, &taken) == 0 && taken == SIGUSR1) {
        edge_checkpoint(user);
    }
    edge_stop(user);
    return NULL;
}

static void signals_block(void)
{
    sigset_t blocked;
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGTERM);
    (void)sigaddset(&blocked, SIGINT);
    (void)sigaddset(&blocked, SIGUSR1);
    (void)pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static int run(struct edge_options *edge_options)
{
    struct error err = {0};
    struct edge *edge = NULL;
    enum err code = crypto_init(&err);
    if (code == ERR_OK) {
        code = program_digest(&edge_options->program, &err);
    }
    if (code == ERR_OK) {
        signals_block();
        code = edge_create(edge_options, &edge, &err);
    }
    if (code == ERR_OK) {
        pthread_t signals;
        if (pthread_create(&signals, NULL, signals_wait, edge) != 0) {
            code = error_set(&err, ERR_NOMEM, "cannot start the signal thread");
        } else {
            (void)pthread_detach(signals);
            code = edge_run(edge, &err);
        }
    }
    if (code != ERR_OK) {
        log_error("%s", err.message);
    }
    edge_destroy(&edge);
    return code == ERR_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static struct arguments arguments = {
        .edge = {.version = MAINSTAY_VERSION,
                 .metrics = "127.0.0.1:0",
                 .sync = true,
                 .watch_bus = true,
                 .watch_disk = true},
        .output = "text",
        .log_level = "info",
    };
    int option = 0;
    while ((option = getopt_long(argc, argv, "o:", long_options, NULL)) != -1) {
        int code = option_take(option, &arguments);
        if (code >= 0) {
            return code;
        }
    }
    if (optind < argc) {
        return usage_error("unexpected argument ", argv[optind]);
    }
    log_init("coordinator", log_level_of(arguments.log_level));
    if (arguments.check != NULL) {
        return check_definition(arguments.check, strcmp(arguments.output, "json") == 0);
    }
    if (arguments.check_profile != NULL) {
        return check_profile(arguments.check_profile, strcmp(arguments.output, "json") == 0);
    }
    if (arguments.edge.bus_url == NULL || arguments.edge.data_dir == NULL) {
        return usage_error("--bus and --data are needed", "");
    }
    if (arguments.memory_bytes > 0) {
        footprint_set(arguments.memory_bytes);
    }
    jq_path_find(&arguments);
    struct buf policy = BUF_INIT(LIMIT_DEFINITION_BYTES);
    int code = EXIT_FAILURE;
    if (arguments.edge.policy_file == NULL || check_policy(arguments.edge.policy_file, &policy)) {
        arguments.edge.policy_text = policy.data;
        code = run(&arguments.edge);
    }
    buf_release(&policy);
    return code;
}

/* agent_main(): put the parts together, run until told to stop, take them apart. */
#include "agents/runtime/agent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/runtime/health.h"
#include "agents/runtime/options.h"
#include "agents/runtime/pool.h"
#include "agents/runtime/runtime.h"
#include "agents/runtime/sender.h"
#include "agents/runtime/session.h"
#include "agents/runtime/tables.h"
#include "agents/runtime/telemetry.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/footprint.h"
#include "common/base/log.h"
#include "common/http/http_server.h"
#include "common/store/backup.h"
#include "common/store/kv.h"

enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_BUS = 7,
    WORKERS_DEFAULT_MAX = 16,
    CAPACITY_MAX = 4096,
    CAPACITY_QUICK = 2048, /* tasks that need no worker */
    HURRY_MS = 2000,       /* for running actions that were told to stop */
    FAREWELL_MS = 5000     /* for the bus to store the last results */
};

struct agent {
    struct options options;
    struct runtime runtime;
    struct kv *kv;
    struct session *session;
    struct http_server *http;
    char store[4096];      /* directory */
    char secrets[4096];    /* directory */
    char metrics_url[128]; /* where it really serves; empty when off */
    size_t workers;
    size_t capacity;
    int signal_fd;
    int wake_fd;
    bool opened; /* the definition's open succeeded */
};

struct agent_setup {
    const struct options *options;
    struct tables *tables;
    struct agent_store *store;
};

const char *agent_setting(const struct agent_setup *setup, const char *name)
{
    return options_setting(setup->options, name);
}

struct agent_store *agent_setup_store(struct agent_setup *setup)
{
    if (setup->store == NULL) {
        setup->store = tables_handle(setup->tables, true);
        CHECK(setup->store != NULL);
    }
    return setup->store;
}

const char *agent_setup_directory(const struct agent_setup *setup)
{
    return setup->options->data;
}

/* ---- callbacks of the parts ---- */

/* The store failed: what it holds is unknown until it is opened again, so nothing more may leave
 * this process. Ending at once is safe at any moment. */
static void on_fatal(struct runtime *runtime, const struct error *err)
{
    log_error("agent '%s' stops: %s", runtime->definition->name, err->message);
    _exit(EXIT_FAILED);
}

static void on_sender_fatal(void *user, const struct error *err)
{
    struct agent *agent = user;
    on_fatal(&agent->runtime, err);
}

static enum err on_publish(void *user, struct str body, uint64_t token, struct error *err)
{
    struct agent *agent = user;
    return session_publish(agent->session, body, token, err);
}

static bool on_ready(void *user, struct buf *why)
{
    struct agent *agent = user;
    if (session_is_ready(agent->session)) {
        return true;
    }
    buf_append_str(why, "not accepted by a coordinator, or the bus is gone\n");
    return false;
}

/* ---- starting ---- */

static enum err actions_match(struct agent *agent, struct error *err)
{
    struct runtime *runtime = &agent->runtime;
    const struct agent_definition *definition = runtime->definition;
    const struct contract *contract = runtime->contract;
    if (strcmp(contract->agent, definition->name) != 0) {
        return error_set(err, ERR_INVALID, "contract '%s' is of agent '%s', this is agent '%s'",
                         agent->options.contract, contract->agent, definition->name);
    }
    runtime->actions = calloc(contract->action_count, sizeof(runtime->actions[0]));
    if (runtime->actions == NULL) {
        return error_set(err, ERR_NOMEM, "no memory for the actions");
    }
    for (size_t i = 0; i < contract->action_count; i++) {
        const struct contract_action *promised = &contract->actions[i];
        const struct agent_action *action = NULL;
        for (size_t k = 0; k < definition->action_count; k++) {
            if (strcmp(definition->actions[k].name, promised->name) == 0) {
                action = &definition->actions[k];
            }
        }
        if (action == NULL || (action->decide != NULL) != promised->decides ||
            (action->perform != NULL) != promised->performs ||
            (action->probe != NULL) != (promised->effect == EFFECT_PROBED)) {
            return error_set(err, ERR_INVALID,
                             "contract '%s' promises action '%s' with phases or a probe this "
                             "program does not have",
                             agent->options.contract, promised->name);
        }
        runtime->actions[i] = action;
    }
    if (definition->action_count != contract->action_count) {
        return error_set(err, ERR_INVALID, "contract '%s' has %zu actions, this program has %zu",
                         agent->options.contract, contract->action_count, definition->action_count);
    }
    return ERR_OK;
}

static void sizes_choose(struct agent *agent)
{
    size_t places = 0;
    bool quick = false;
    for (size_t i = 0; i < agent->runtime.contract->action_count; i++) {
        const struct contract_action *action = &agent->runtime.contract->actions[i];
        quick = quick || action->quick;
        places += action->quick ? 0 : action->concurrency;
    }
    size_t most = places < WORKERS_DEFAULT_MAX ? places : WORKERS_DEFAULT_MAX;
    agent->workers = agent->options.workers < 0 ? most : (size_t)agent->options.workers;
    agent->capacity = 16 + 4 * places + (quick ? CAPACITY_QUICK : 0);
    if (agent->capacity > CAPACITY_MAX) {
        agent->capacity = CAPACITY_MAX;
    }
}

/* A store that `mainstay restore` brought back has lost what came after the backup: it is another
 * store from now on. The file that says so goes when the new id is on the device. */
static enum err store_restored(struct agent *agent, struct error *err)
{
    bool restored = false;
    TRY(backup_restored(agent->store, &restored, err));
    if (!restored) {
        return ERR_OK;
    }
    TRY(outcomes_renew(agent->runtime.outcomes, err));
    log_warn("restored from a backup: this is another store now");
    return backup_restored_done(agent->store, err);
}

static enum err store_open(struct agent *agent, struct error *err)
{
    int length = snprintf(agent->store, sizeof(agent->store), "%s/store", agent->options.data);
    if (length < 0 || (size_t)length >= sizeof(agent->store)) {
        return error_set(err, ERR_INVALID, "path '%s' is too long", agent->options.data);
    }
    if (mkdir(agent->options.data, 0700) != 0 && errno != EEXIST) {
        return error_set(err, ERR_IO, "cannot make directory '%s': %s", agent->options.data,
                         strerror(errno));
    }
    struct kv_options options;
    outcomes_kv_options(&options);
    TRY(kv_open(agent->store, &options, &agent->kv, err));
    TRY(outcomes_create(agent->kv, &agent->runtime.outcomes, err));
    TRY(store_restored(agent, err));
    return tables_create(agent->runtime.outcomes, agent->runtime.definition->tables,
                         &agent->runtime.tables, err);
}

/* As asked, or what systemd hands over, or below the data directory. */
static enum err secrets_find(struct agent *agent, struct error *err)
{
    const char *given = agent->options.secrets;
    given = given != NULL ? given : getenv("CREDENTIALS_DIRECTORY");
    int length = given != NULL ? snprintf(agent->secrets, sizeof(agent->secrets), "%s", given)
                               : snprintf(agent->secrets, sizeof(agent->secrets), "%s/secrets",
                                          agent->options.data);
    if (length < 0 || (size_t)length >= sizeof(agent->secrets)) {
        return error_set(err, ERR_INVALID, "the path of the secrets is too long");
    }
    agent->runtime.secrets = agent->secrets;
    return ERR_OK;
}

static enum err definition_open(struct agent *agent, struct error *err)
{
    const struct agent_definition *definition = agent->runtime.definition;
    if (definition->open == NULL) {
        agent->opened = true;
        return ERR_OK;
    }
    struct agent_setup setup = {.options = &agent->options, .tables = agent->runtime.tables};
    enum err code = definition->open(&setup, &agent->runtime.user, err);
    tables_release(&setup.store);
    agent->opened = code == ERR_OK;
    return code;
}

static enum err parts_start(struct agent *agent, struct error *err)
{
    struct runtime *runtime = &agent->runtime;
    TRY(crypto_init(err));
    crypto_random(runtime->session, sizeof(runtime->session));
    TRY(agent_contract_load(agent->options.contract, &runtime->contract, err));
    TRY(actions_match(agent, err));
    sizes_choose(agent);
    TRY(store_open(agent, err));
    TRY(secrets_find(agent, err));
    runtime->telemetry = telemetry_create(runtime, runtime->definition->name);
    if (runtime->telemetry == NULL) {
        return error_set(err, ERR_NOMEM, "no memory for metrics");
    }
    TRY(definition_open(agent, err));
    TRY(session_create(runtime, &agent->options, agent->capacity, agent->wake_fd, &agent->session,
                       err));
    struct sender_options options = {
        .outcomes = runtime->outcomes,
        .session = runtime->session,
        .store_id = outcomes_store_id(runtime->outcomes),
        .publish = on_publish,
        .fatal = on_sender_fatal,
        .user = agent,
    };
    TRY(sender_create(&options, &runtime->sender, err));
    if (agent->workers > 0) {
        TRY(pool_create(runtime, agent->workers, 2 * agent->capacity, &runtime->pool, err));
    }
    if (agent->options.metrics != NULL) {
        struct health_options health = {.address = agent->options.metrics,
                                        .metrics = telemetry_metrics(runtime->telemetry),
                                        .ready = on_ready,
                                        .user = agent};
        TRY(health_start(&health, &agent->http, err));
        const char *colon = strrchr(agent->options.metrics, ':');
        (void)snprintf(agent->metrics_url, sizeof(agent->metrics_url), "http://%.*s:%u/metrics",
                       (int)(colon - agent->options.metrics), agent->options.metrics,
                       http_server_port(agent->http));
        session_metrics_url(agent->session, agent->metrics_url);
        log_info("serving %s", agent->metrics_url);
    }
    return ERR_OK;
}

/* ---- running ---- */

static enum err signals_take(struct agent *agent, struct error *err)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGUSR1);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    agent->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    agent->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (agent->signal_fd < 0 || agent->wake_fd < 0) {
        return error_set(err, ERR_IO, "cannot prepare signals: %s", strerror(errno));
    }
    return ERR_OK;
}

/* Whether a signal says to stop. */
static bool signal_stops(struct agent *agent)
{
    struct signalfd_siginfo info;
    while (read(agent->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo != SIGUSR1) {
            return true;
        }
        backup_checkpoint(agent->kv, agent->store);
    }
    return false;
}

/* Until a signal says to stop. */
static void serve(struct agent *agent)
{
    struct pollfd files[2] = {{.fd = agent->signal_fd, .events = POLLIN},
                              {.fd = agent->wake_fd, .events = POLLIN}};
    for (;;) {
        int wait_ms = session_step(agent->session);
        if (poll(files, 2, wait_ms) < 0 && errno != EINTR) {
            struct error err = {0};
            (void)error_set(&err, ERR_IO, "cannot wait: %s", strerror(errno));
            on_fatal(&agent->runtime, &err);
        }
        if ((files[0].revents & POLLIN) != 0 && signal_stops(agent)) {
            return;
        }
        uint64_t count = 0;
        ssize_t got = read(agent->wake_fd, &count, sizeof(count));
        (void)got; /* nothing to read is fine: it only empties the counter */
    }
}

/* Finish what runs, send what is done, say goodbye. */
static void drain(struct agent *agent)
{
    struct runtime *runtime = &agent->runtime;
    log_info("stopping: finishing what runs");
    session_stop_pulling(agent->session);
    if (runtime->pool != NULL && !pool_drain(runtime->pool, agent->options.drain_ms)) {
        atomic_store(&runtime->hurry, true);
        if (!pool_drain(runtime->pool, HURRY_MS)) {
            log_warn("an action does not stop; its task will be settled by the next start");
            (void)sender_stop(runtime->sender, FAREWELL_MS);
            session_goodbye(agent->session);
            _exit(EXIT_DONE);
        }
    }
    if (!sender_stop(runtime->sender, FAREWELL_MS)) {
        log_warn("the bus has not stored the last results; they will be asked for again");
    }
    session_goodbye(agent->session);
}

/* Accepts an agent that is only half made. */
static void parts_stop(struct agent *agent)
{
    struct runtime *runtime = &agent->runtime;
    http_server_stop(&agent->http);
    pool_destroy(&runtime->pool);
    session_destroy(&agent->session);
    sender_destroy(&runtime->sender);
    if (agent->opened && runtime->definition->close != NULL) {
        runtime->definition->close(runtime->user);
    }
    telemetry_destroy(&runtime->telemetry);
    tables_destroy(&runtime->tables);
    outcomes_destroy(&runtime->outcomes);
    kv_close(&agent->kv);
    agent_contract_destroy(&runtime->contract);
    free(runtime->actions);
    if (agent->signal_fd >= 0) {
        (void)close(agent->signal_fd);
    }
    if (agent->wake_fd >= 0) {
        (void)close(agent->wake_fd);
    }
}

static int agent_run(struct agent *agent)
{
    struct error err = {0};
    int code = EXIT_FAILED;
    if (signals_take(agent, &err) != ERR_OK || parts_start(agent, &err) != ERR_OK) {
        log_error("agent '%s' cannot start: %s", agent->runtime.definition->name, err.message);
    } else if (session_connect(agent->session, &err) != ERR_OK) {
        log_error("agent '%s' cannot use the bus: %s", agent->runtime.definition->name,
                  err.message);
        code = EXIT_BUS;
    } else {
        serve(agent);
        drain(agent);
        parts_stop(agent);
        log_info("stopped");
        return EXIT_DONE;
    }
    if (agent->runtime.pool != NULL) {
        (void)pool_drain(agent->runtime.pool, 0);
    }
    if (agent->runtime.sender != NULL) {
        (void)sender_stop(agent->runtime.sender, 0);
    }
    parts_stop(agent);
    return code;
}

int agent_main(int argc, char **argv, const struct agent_definition *definition)
{
    struct agent agent = {.signal_fd = -1, .wake_fd = -1};
    switch (options_read(argc, argv, definition, &agent.options)) {
    case OPTIONS_DONE:
        return EXIT_DONE;
    case OPTIONS_USAGE:
        return EXIT_USAGE;
    case OPTIONS_RUN:
    default:
        break;
    }
    log_init(definition->name, agent.options.level);
    if (agent.options.memory_bytes > 0) {
        footprint_set(agent.options.memory_bytes);
    }
    agent.runtime.definition = definition;
    agent.runtime.store_name = agent.options.store;
    agent.runtime.fatal = on_fatal;
    agent.runtime.owner = &agent;
    atomic_init(&agent.runtime.hurry, false);
    return agent_run(&agent);
}

#include "tools/mainstay/company/company.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/footprint.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "tools/mainstay/company/bus_server.h"

enum { CONFIG_BYTES = 1024 * 1024, TEXT_BYTES = 64 * 1024 };

#define GIB UINT64_C(1073741824)

/* Agents that come with Mainstay. */
static const char *const shipped_agents[] = {"connector", "extraction", "reconciliation"};
enum { SHIPPED_COUNT = sizeof(shipped_agents) / sizeof(shipped_agents[0]) };

enum err company_path(const char *dir, const char *name, char *out, struct error *err)
{
    return path_join(dir, name, out, err);
}

enum err company_lock_folder(const char *dir, int *ret_fd, struct error *err)
{
    char path[PATH_BYTES];
    TRY(path_join(dir, "run", path, err));
    TRY(dir_create(path, err));
    TRY(path_join(dir, "run/lock", path, err));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return error_set(err, ERR_IO, "cannot open '%s': %s", path, strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        return error_set(err, ERR_CONFLICT, "a company already runs in '%s'", dir);
    }
    *ret_fd = fd;
    return ERR_OK;
}

struct child *company_child(struct company *company, const char *name)
{
    for (size_t i = 0; i < company->child_count; i++) {
        if (strcmp(company->children[i].name, name) == 0) {
            return &company->children[i];
        }
    }
    return NULL;
}

static enum err args_add(struct child *child, const char *const *args, struct error *err)
{
    for (; *args != NULL; args++) {
        TRY(child_arg(child, *args, err));
    }
    return ERR_OK;
}

static enum err child_add(struct company *company, const char *name, enum child_kind kind,
                          struct child **ret_child, struct error *err)
{
    char relative[ACCOUNT_NAME_BYTES + 16];
    char path[PATH_BYTES];
    struct child *child = &company->children[company->child_count++];
    child->kind = kind;
    child->output = -1;
    child->log.fd = -1;
    child->ready_mark = kind == CHILD_BUS ? "Server is ready" : "\"message\":\"ready\"";
    (void)text_copy(child->name, sizeof(child->name), name);
    (void)snprintf(relative, sizeof(relative), "run/%s.pid", name);
    TRY(path_join(company->dir, relative, child->pid_path, err));
    (void)snprintf(relative, sizeof(relative), "log/%s.log", name);
    TRY(path_join(company->dir, relative, path, err));
    *ret_child = child;
    return logfile_open(&child->log, path, err);
}

/* 60 % of what is free now, between 1 and 16 GiB. */
static uint64_t bus_disk_bytes(const char *dir)
{
    struct statvfs disk;
    uint64_t bytes = GIB;
    if (statvfs(dir, &disk) == 0) {
        bytes = (uint64_t)disk.f_bavail * disk.f_frsize / 10 * 6;
    }
    return bytes < GIB ? GIB : bytes > 16 * GIB ? 16 * GIB : bytes;
}

uint64_t company_bus_heap(const struct share *share)
{
    return share->memory_bytes > 0 ? share->memory_bytes / 10 * 9 : COMPANY_BUS_HEAP_BYTES;
}

bool company_bus_frugal(const struct share *share)
{
    return share->memory_bytes > 0 && share->memory_bytes < FOOTPRINT_SMALL_BYTES;
}

size_t company_shipped_shares(const struct profile *profile, uint64_t *ret_bytes)
{
    for (size_t i = 0; i < SHIPPED_COUNT; i++) {
        ret_bytes[i] = profile_agent(profile, shipped_agents[i]).memory_bytes;
    }
    return SHIPPED_COUNT;
}

static enum err number_add(struct child *child, const char *option, uint64_t number,
                           struct error *err)
{
    char text[24];
    if (number == 0) {
        return ERR_OK;
    }
    (void)snprintf(text, sizeof(text), "%" PRIu64, number);
    const char *args[] = {option, text, NULL};
    return args_add(child, args, err);
}

/* What a profile says to a process of ours. */
static enum err share_add(struct child *child, const struct share *share, const char *concurrency,
                          struct error *err)
{
    child->processors = share_processors(share);
    TRY(number_add(child, "--memory", share->memory_bytes, err));
    return number_add(child, concurrency, share->concurrency, err);
}

enum err company_write_bus(const struct company *company, struct error *err)
{
    char path[PATH_BYTES];
    TRY(path_join(company->dir, "run/nats.conf", path, err));
    struct buf text = BUF_INIT(CONFIG_BYTES);
    bus_config_write(&company->bus, &company->accounts, &text);
    enum err code = text.failed ? error_set(err, ERR_LIMIT, "the configuration is too long")
                                : file_write(path, text.data, text.size, 0600, err);
    buf_release(&text);
    return code;
}

/* It is a program of Go, which reads its limits itself. A profile goes before the environment, and
 * that before what is usual. */
static void bus_variables(struct child *child, const struct share *share)
{
    child->processors = share_processors(share);
    if (share->memory_bytes > 0 || getenv("GOMEMLIMIT") == NULL) {
        (void)snprintf(child->variables[0], sizeof(child->variables[0]), "GOMEMLIMIT=%" PRIu64,
                       company_bus_heap(share));
    }
    if (share->memory_bytes > 0 || getenv("GOGC") == NULL) {
        (void)text_copy(child->variables[1], sizeof(child->variables[1]),
                        company_bus_frugal(share) ? COMPANY_BUS_FRUGAL : COMPANY_BUS_LAVISH);
    }
    if (share->cpu_percent == 0 && getenv("GOMAXPROCS") == NULL) {
        (void)text_copy(child->variables[2], sizeof(child->variables[2]), COMPANY_BUS_THREADS);
    }
}

static enum err bus_add(struct company *company, const struct company_options *options,
                        struct error *err)
{
    char config_path[PATH_BYTES];
    struct bus_server server;
    struct child *child = NULL;
    uint16_t port = 0;
    TRY(bus_server_find(options->nats_server, &server, err));
    TRY(ports_pick(&company->ports, "nats-server", &port, err));
    TRY(path_join(company->dir, "bus", company->bus_store, err));
    TRY(path_join(company->dir, "run/nats.conf", config_path, err));
    company->bus = (struct bus_config){.host = "127.0.0.1",
                                       .port = port,
                                       .store_dir = company->bus_store,
                                       .max_file_bytes = bus_disk_bytes(company->dir),
                                       .sync_always = server.sync_always};
    TRY(company_write_bus(company, err));
    (void)snprintf(company->context.bus, sizeof(company->context.bus), "nats://127.0.0.1:%u",
                   (unsigned)port);
    TRY(child_add(company, "nats-server", CHILD_BUS, &child, err));
    static const struct share unsaid;
    bus_variables(child, options->profile != NULL ? &options->profile->bus : &unsaid);
    const char *args[] = {server.program, "--config", config_path, NULL};
    return args_add(child, args, err);
}

/* What coordinator and agents have in common: program, bus, credentials, data and metrics. */
static enum err member_args(struct company *company, struct child *child, const char *program,
                            const char *user, const char *data, struct error *err)
{
    char creds[PATH_BYTES];
    char relative[ACCOUNT_NAME_BYTES + 32];
    char metrics[32];
    uint16_t port = 0;
    (void)snprintf(relative, sizeof(relative), "creds/%s.creds", user);
    TRY(path_join(company->dir, relative, creds, err));
    TRY(ports_pick(&company->ports, child->name, &port, err));
    (void)snprintf(metrics, sizeof(metrics), "127.0.0.1:%u", (unsigned)port);
    const char *args[] = {program,  "--bus", company->context.bus, "--creds", creds,
                          "--data", data,    "--metrics",          metrics,   NULL};
    TRY(dir_create(data, err));
    return args_add(child, args, err);
}

static enum err coordinator_add(struct company *company, const struct company_options *options,
                                struct error *err)
{
    char program[PATH_BYTES];
    char data[PATH_BYTES];
    struct child *child = NULL;
    if (options->coordinator != NULL) {
        TRY(path_absolute(options->coordinator, program, err));
    } else {
        TRY(program_find("coordinator", program, err));
    }
    TRY(path_join(company->dir, "coordinator", data, err));
    TRY(child_add(company, "coordinator", CHILD_COORDINATOR, &child, err));
    TRY(member_args(company, child, program, "coordinator", data, err));
    TRY(path_join(company->dir, "policy.yaml", data, err));
    if (access(data, F_OK) == 0) { /* the company's own, deploy/policies/README.md */
        const char *args[] = {"--policy", data, NULL};
        TRY(args_add(child, args, err));
    }
    if (options->profile != NULL) {
        const char *args[] = {"--profile", options->profile->name, NULL};
        TRY(args_add(child, args, err));
        TRY(share_add(child, &options->profile->coordinator, "--max-running", err));
    }
    if (options->log_level != NULL) {
        const char *args[] = {"--log-level", options->log_level, NULL};
        TRY(args_add(child, args, err));
    }
    return ERR_OK;
}

/* An agent to run. */
struct agent_source {
    char name[ACCOUNT_NAME_BYTES];
    char program[PATH_BYTES];
    char contract[PATH_BYTES];
};

/* The settings that --set gives this agent: "AGENT.NAME=VALUE". */
static enum err settings_add(struct child *child, const struct company_options *options,
                             const char *agent, struct error *err)
{
    size_t size = strlen(agent);
    for (size_t i = 0; i < options->setting_count; i++) {
        const char *setting = options->settings[i];
        if (strncmp(setting, agent, size) == 0 && setting[size] == '.') {
            const char *args[] = {"--set", setting + size + 1, NULL};
            TRY(args_add(child, args, err));
        }
    }
    return ERR_OK;
}

static enum err agent_add(struct company *company, const struct company_options *options,
                          const struct agent_source *source, struct error *err)
{
    char data[PATH_BYTES];
    char relative[ACCOUNT_NAME_BYTES + 16];
    char user[ACCOUNT_NAME_BYTES + 16];
    struct child *child = NULL;
    (void)snprintf(relative, sizeof(relative), "agents/%s", source->name);
    (void)snprintf(user, sizeof(user), "agent-%s", source->name);
    TRY(path_join(company->dir, relative, data, err));
    TRY(child_add(company, source->name, CHILD_AGENT, &child, err));
    TRY(member_args(company, child, source->program, user, data, err));
    const char *args[] = {"--store", COMPANY_STORE, "--contract", source->contract, NULL};
    TRY(args_add(child, args, err));
    if (options->profile != NULL) {
        struct share share = profile_agent(options->profile, source->name);
        TRY(share_add(child, &share, "--workers", err));
    }
    return settings_add(child, options, source->name, err);
}

/* Every --set must be meant for an agent that runs. */
static enum err settings_check(const struct company *company, const struct company_options *options,
                               struct error *err)
{
    for (size_t i = 0; i < options->setting_count; i++) {
        const char *setting = options->settings[i];
        const char *equals = strchr(setting, '=');
        const char *dot = strchr(setting, '.');
        bool known = false;
        for (size_t k = 0; dot != NULL && k < company->accounts.agent_count; k++) {
            const char *agent = company->accounts.agents[k].agent;
            known = known || (strlen(agent) == (size_t)(dot - setting) &&
                              strncmp(agent, setting, strlen(agent)) == 0);
        }
        if (!known || equals == NULL || equals <= dot + 1) {
            return error_set(err, ERR_INVALID,
                             "cannot use --set '%s': it is not AGENT.NAME=VALUE of an agent that "
                             "runs here",
                             setting);
        }
    }
    return ERR_OK;
}

static bool left_out(const struct company_options *options, const char *name)
{
    for (size_t i = 0; i < options->without_count; i++) {
        if (strcmp(options->without[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* A shipped agent: agent-NAME beside us, its contract in share/mainstay/contracts. */
static enum err shipped_find(const char *name, struct agent_source *ret_source, struct error *err)
{
    char file[ACCOUNT_NAME_BYTES + 32];
    (void)text_copy(ret_source->name, sizeof(ret_source->name), name);
    (void)snprintf(file, sizeof(file), "agent-%s", name);
    TRY(program_find(file, ret_source->program, err));
    (void)snprintf(file, sizeof(file), "contracts/%s.yaml", name);
    if (share_find(file, ret_source->contract, NULL) == ERR_OK) {
        return ERR_OK;
    }
    (void)snprintf(file, sizeof(file), "contracts/%s.json", name);
    return share_find(file, ret_source->contract, err);
}

/* The agent's name is the member "agent" of its contract. */
static enum err contract_name(const char *path, char *out, struct error *err)
{
    struct buf text = BUF_INIT(LIMIT_EVENT_BYTES);
    json_t *contract = NULL;
    enum err code = file_read(path, &text, err);
    if (code == ERR_OK) {
        code = json_parse(text.data != NULL ? text.data : "", text.size, NULL, &contract, err);
    }
    const char *name = json_text_of(contract, "agent");
    if (code == ERR_OK && (name == NULL || !text_copy(out, ACCOUNT_NAME_BYTES, name))) {
        code = error_set(err, ERR_INVALID, "it names no agent");
    }
    if (code != ERR_OK) {
        error_wrap(err, "cannot read the contract '%s'", path);
    }
    json_decref(contract);
    buf_release(&text);
    return code;
}

/* "PROGRAM:CONTRACT" */
static enum err source_parse(const char *text, struct agent_source *ret_source, struct error *err)
{
    char program[PATH_BYTES];
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text || colon[1] == '\0' ||
        (size_t)(colon - text) >= sizeof(program)) {
        return error_set(err, ERR_INVALID, "cannot read --agent '%s': it is not PROGRAM:CONTRACT",
                         text);
    }
    memcpy(program, text, (size_t)(colon - text));
    program[colon - text] = '\0';
    TRY(path_absolute(program, ret_source->program, err));
    TRY(path_absolute(colon + 1, ret_source->contract, err));
    if (access(ret_source->program, X_OK) != 0) {
        return error_set(err, ERR_NOT_FOUND, "cannot run the agent '%s': %s", ret_source->program,
                         strerror(errno));
    }
    return contract_name(ret_source->contract, ret_source->name, err);
}

/* Collect what is to run into `sources` of ACCOUNTS_MAX and name it in the accounts. */
static enum err sources_find(struct company *company, const struct company_options *options,
                             struct agent_source *sources, struct error *err)
{
    struct buf absent = BUF_INIT(sizeof(company->absent) - 1);
    struct accounts *accounts = &company->accounts;
    for (size_t i = 0; i < SHIPPED_COUNT; i++) {
        struct agent_source *source = &sources[accounts->agent_count];
        if (left_out(options, shipped_agents[i])) {
            continue;
        }
        if (shipped_find(shipped_agents[i], source, NULL) != ERR_OK) {
            buf_printf(&absent, "%s%s", absent.size > 0 ? ", " : "", shipped_agents[i]);
            continue;
        }
        TRY(accounts_add(accounts, source->name, COMPANY_STORE, err));
    }
    (void)text_copy(company->absent, sizeof(company->absent),
                    absent.data != NULL ? absent.data : "");
    buf_release(&absent);
    for (size_t i = 0; i < options->agent_count; i++) {
        struct agent_source source = {0};
        TRY(source_parse(options->agents[i], &source, err));
        if (strcmp(source.name, "coordinator") == 0 || strcmp(source.name, "nats-server") == 0) {
            return error_set(err, ERR_INVALID, "an agent cannot be called '%s'", source.name);
        }
        TRY(accounts_add(accounts, source.name, COMPANY_STORE, err));
        sources[accounts->agent_count - 1] = source;
    }
    return ERR_OK;
}

/* Targets for Prometheus: prometheus.io/docs/prometheus/latest/configuration, file_sd_config. */
static enum err targets_write(const struct company *company, struct error *err)
{
    char path[PATH_BYTES];
    TRY(path_join(company->dir, "prometheus.json", path, err));
    json_t *targets = json_array();
    for (size_t i = 0; i < company->child_count; i++) {
        const struct child *child = &company->children[i];
        if (child->kind == CHILD_BUS) {
            continue;
        }
        char address[32];
        (void)snprintf(address, sizeof(address), "127.0.0.1:%d",
                       (int)json_int_of(company->ports.by_name, child->name, 0));
        (void)json_array_append_new(targets,
                                    json_pack("{s:[s], s:{s:s, s:s}}", "targets", address, "labels",
                                              "job", "mainstay", "process", child->name));
    }
    struct buf text = BUF_INIT(TEXT_BYTES);
    json_write_pretty(targets, &text);
    buf_append_byte(&text, '\n');
    json_decref(targets);
    enum err code = text.failed ? error_set(err, ERR_LIMIT, "too many targets")
                                : file_write(path, text.data, text.size, 0644, err);
    buf_release(&text);
    return code;
}

static enum err files_write(struct company *company, struct error *err)
{
    char path[PATH_BYTES];
    TRY(path_join(company->dir, "run/ports.json", path, err));
    TRY(ports_save(&company->ports, path, err));
    TRY(targets_write(company, err));
    (void)text_copy(company->context.dir, sizeof(company->context.dir), company->dir);
    TRY(path_join(company->dir, "creds/operator.creds", company->context.creds, err));
    TRY(path_join(company->dir, "context.json", path, err));
    return context_write(path, &company->context, err);
}

static enum err company_fill(struct company *company, const struct company_options *options,
                             struct agent_source *sources, struct error *err)
{
    static const char *const folders[] = {"log", "bus", "agents"};
    char path[PATH_BYTES];
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        TRY(path_join(company->dir, folders[i], path, err));
        TRY(dir_create(path, err));
    }
    TRY(crypto_init(err));
    TRY(path_join(company->dir, "run/ports.json", path, err));
    TRY(ports_load(path, &company->ports, err));
    TRY(sources_find(company, options, sources, err));
    TRY(settings_check(company, options, err));
    TRY(path_join(company->dir, "creds", path, err));
    TRY(accounts_keep(&company->accounts, path, err));
    TRY(bus_add(company, options, err));
    TRY(coordinator_add(company, options, err));
    for (size_t i = 0; i < company->accounts.agent_count; i++) {
        TRY(agent_add(company, options, &sources[i], err));
    }
    return files_write(company, err);
}

enum err company_create(const struct company_options *options, struct company **ret_company,
                        struct error *err)
{
    struct company *company = calloc(1, sizeof(*company));
    struct agent_source *sources = calloc(ACCOUNTS_MAX + 1, sizeof(*sources));
    enum err code = ERR_OK;
    *ret_company = NULL;
    if (company == NULL || sources == NULL) {
        code = error_set(err, ERR_NOMEM, "out of memory");
    } else {
        (void)text_copy(company->dir, sizeof(company->dir), options->dir);
        code = company_fill(company, options, sources, err);
    }
    free(sources);
    if (code != ERR_OK) {
        company_destroy(&company);
        return code;
    }
    *ret_company = company;
    return ERR_OK;
}

void company_destroy(struct company **company)
{
    if (*company == NULL) {
        return;
    }
    for (size_t i = 0; i < (*company)->child_count; i++) {
        child_release(&(*company)->children[i]);
    }
    ports_release(&(*company)->ports);
    free(*company);
    *company = NULL;
}

enum err company_write_context(const struct company *company, struct error *err)
{
    char path[PATH_BYTES];
    char selected[PATH_BYTES];
    TRY(path_config("nats/context", path, err));
    TRY(dir_create(path, err));
    TRY(path_config("nats/context/mainstay.json", path, err));
    TRY(path_config("nats/context.txt", selected, err));
    json_t *context =
        json_pack("{s:s, s:s, s:s, s:s}", "description", "Mainstay on this machine", "url",
                  company->context.bus, "user", "operator", "password", company->accounts.operator);
    struct buf text = BUF_INIT(TEXT_BYTES);
    json_write_pretty(context, &text);
    buf_append_byte(&text, '\n');
    json_decref(context);
    enum err code = text.failed ? error_set(err, ERR_NOMEM, "out of memory")
                                : file_write(path, text.data, text.size, 0600, err);
    buf_release(&text);
    if (code == ERR_OK && !path_exists(selected)) {
        code = file_write(selected, "mainstay", strlen("mainstay"), 0600, err);
    }
    return code;
}

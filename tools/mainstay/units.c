/* mainstay units: a profile for the units of systemd. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/company/company.h"
#include "tools/mainstay/company/profile.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"

enum { DROPIN_BYTES = 8192, SUPERVISOR_BYTES = 32 * 1024 * 1024 };

#define UNITS_FOLDER "/etc/systemd/system"

/* Options travel as one word of a unit file that systemd splits at blanks. */
static bool name_fits(const char *name)
{
    return name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                             "/._+-")] == '\0';
}

/* systemd does not care who may read; people who look for the cause of a limit do. */
static enum err folder_make(const char *path, struct error *err)
{
    if (path_exists(path)) {
        return ERR_OK;
    }
    TRY(dir_create(path, err));
    return chmod(path, 0755) == 0
               ? ERR_OK
               : error_set(err, ERR_IO, "cannot open '%s' to others: %s", path, strerror(errno));
}

static enum err dropin_write(const char *folder, const char *unit, const struct buf *text,
                             struct error *err)
{
    char name[256];
    char path[PATH_BYTES];
    (void)snprintf(name, sizeof(name), "%s.d", unit);
    TRY(path_join(folder, name, path, err));
    TRY(folder_make(path, err));
    (void)snprintf(name, sizeof(name), "%s.d/profile.conf", unit);
    TRY(path_join(folder, name, path, err));
    if (text->failed) {
        return error_set(err, ERR_LIMIT, "'%s' would be too long", path);
    }
    TRY(file_write(path, text->data, text->size, 0644, err));
    (void)printf("%s\n", path);
    return ERR_OK;
}

/* Everything a unit of ours is told. */
static enum err unit_write(const struct profile *profile, const char *folder, const char *unit,
                           const struct share *share, const char *options, struct error *err)
{
    struct buf text = BUF_INIT(DROPIN_BYTES);
    buf_printf(&text, "# Written by mainstay units; profile %s\n[Service]\n", profile->name);
    if (share->memory_bytes > 0) {
        buf_printf(&text, "MemoryMax=%" PRIu64 "\n", share->memory_bytes);
    }
    if (share->cpu_percent > 0) {
        buf_printf(&text, "CPUQuota=%u%%\n", share->cpu_percent);
    }
    if (options != NULL) {
        buf_printf(&text, "Environment=\"PROFILE=%s\"\n", options);
    }
    enum err code = dropin_write(folder, unit, &text, err);
    buf_release(&text);
    return code;
}

static enum err agent_unit(const struct profile *profile, const char *folder, const char *agent,
                           struct error *err)
{
    char unit[128];
    char options[128] = "";
    struct share share = profile_agent(profile, agent);
    (void)snprintf(unit, sizeof(unit), "mainstay-agent@%s.service", agent);
    int size = 0;
    if (share.memory_bytes > 0) {
        size = snprintf(options, sizeof(options), " --memory %" PRIu64, share.memory_bytes);
    }
    if (share.concurrency > 0) {
        (void)snprintf(options + size, sizeof(options) - (size_t)size, " --workers %u",
                       share.concurrency);
    }
    return unit_write(profile, folder, unit, &share, options[0] != '\0' ? options + 1 : "", err);
}

static enum err coordinator_unit(const struct profile *profile, const char *folder,
                                 struct error *err)
{
    char options[PATH_BYTES + 128];
    const struct share *share = &profile->coordinator;
    int size = snprintf(options, sizeof(options), "--profile %s", profile->name);
    if (share->memory_bytes > 0) {
        size += snprintf(options + size, sizeof(options) - (size_t)size, " --memory %" PRIu64,
                         share->memory_bytes);
    }
    if (share->concurrency > 0) {
        (void)snprintf(options + size, sizeof(options) - (size_t)size, " --max-running %u",
                       share->concurrency);
    }
    return unit_write(profile, folder, "mainstay-coordinator.service", share, options, err);
}

static enum err bus_unit(const struct profile *profile, const char *folder, struct error *err)
{
    struct buf text = BUF_INIT(DROPIN_BYTES);
    const struct share *share = &profile->bus;
    buf_printf(&text, "# Written by mainstay units; profile %s\n[Service]\n", profile->name);
    if (share->memory_bytes > 0) {
        buf_printf(&text, "MemoryMax=%" PRIu64 "\nEnvironment=GOMEMLIMIT=%" PRIu64 "\n",
                   share->memory_bytes, company_bus_heap(share));
    }
    if (company_bus_frugal(share)) {
        buf_printf(&text, "Environment=" COMPANY_BUS_FRUGAL "\n");
    }
    if (share->cpu_percent > 0) {
        buf_printf(&text, "CPUQuota=%u%%\nEnvironment=GOMAXPROCS=%u\n", share->cpu_percent,
                   share_processors(share));
    }
    enum err code = dropin_write(folder, "mainstay-nats.service", &text, err);
    buf_release(&text);
    return code;
}

/* The whole company in one unit: the sum, when every part is said. */
static enum err company_unit(const struct profile *profile, const char *folder, struct error *err)
{
    char options[PATH_BYTES + 32];
    struct share sum = {.memory_bytes = SUPERVISOR_BYTES};
    uint64_t parts[2 + ACCOUNTS_MAX] = {profile->bus.memory_bytes,
                                        profile->coordinator.memory_bytes};
    size_t count = 2 + company_shipped_shares(profile, parts + 2);
    for (size_t i = 0; i < count; i++) {
        sum.memory_bytes = parts[i] > 0 && sum.memory_bytes > 0 ? sum.memory_bytes + parts[i] : 0;
    }
    (void)snprintf(options, sizeof(options), "--profile %s", profile->name);
    return unit_write(profile, folder, "mainstay.service", &sum, options, err);
}

static enum err units_write(const struct profile *profile, const char *folder, struct error *err)
{
    const char *agent = NULL;
    json_t *own = NULL;
    if (!name_fits(profile->name)) {
        return error_set(err, ERR_INVALID,
                         "the path '%s' cannot stand in a unit: letters, digits and /._+- only",
                         profile->name);
    }
    TRY(folder_make(folder, err));
    TRY(company_unit(profile, folder, err));
    TRY(bus_unit(profile, folder, err));
    TRY(coordinator_unit(profile, folder, err));
    TRY(agent_unit(profile, folder, "", err));
    json_object_foreach(json_mutable(profile_agents(profile)), agent, own)
    {
        TRY(agent_unit(profile, folder, agent, err));
    }
    return ERR_OK;
}

enum exit_code units_run(struct cli *cli)
{
    struct error err = {0};
    struct profile profile;
    char folder[PATH_BYTES];
    const char *out = cli_option(cli, OPTION_OUT);
    if (path_absolute(out != NULL ? out : UNITS_FOLDER, folder, &err) != ERR_OK) {
        return cli_fail(&err, NULL);
    }
    enum err code =
        profile_choose(cli->args->operands[0], cli_option(cli, OPTION_COORDINATOR), &profile, &err);
    if (code == ERR_OK) {
        code = units_write(&profile, folder, &err);
        profile_release(&profile);
    }
    if (code != ERR_OK) {
        return cli_fail(&err, NULL);
    }
    (void)printf("systemctl daemon-reload and a restart of the units apply them\n");
    return EXIT_DONE;
}

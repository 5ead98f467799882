#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "tools/mainstay/company/accounts.h"
#include "tools/mainstay/company/bus_server.h"
#include "tools/mainstay/company/ports.h"
#include "tools/mainstay/files.h"

static struct accounts accounts;
static char folder[] = "/tmp/mainstay-accounts-XXXXXX";

static void setup(void)
{
    memset(&accounts, 0, sizeof(accounts));
    cr_assert_not_null(mkdtemp(folder));
}

static void teardown(void)
{
    static const char *const names[] = {"coordinator.creds", "operator.creds", "events.creds",
                                        "agent-one.creds", "ports.json"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[PATH_BYTES];
        cr_assert_eq(path_join(folder, names[i], path, NULL), ERR_OK);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

TestSuite(accounts, .init = setup, .fini = teardown);

Test(accounts, names_that_could_leave_a_subject_are_refused)
{
    cr_expect_eq(accounts_add(&accounts, "a.b", "main", NULL), ERR_INVALID);
    cr_expect_eq(accounts_add(&accounts, "a>", "main", NULL), ERR_INVALID);
    cr_expect_eq(accounts_add(&accounts, "a_b", "main", NULL), ERR_INVALID,
                 "a_b of store c and a of store b_c would share a consumer");
    cr_expect_eq(accounts_add(&accounts, "one", "*", NULL), ERR_INVALID);
    cr_expect_eq(accounts_add(&accounts, "one", "main", NULL), ERR_OK);
    cr_expect_eq(accounts_add(&accounts, "one", "main", NULL), ERR_EXISTS);
}

Test(accounts, a_further_store_of_an_agent_has_an_account_of_its_own)
{
    struct buf text = BUF_INIT(65536);
    struct bus_config config = {.host = "127.0.0.1", .port = 4222, .max_file_bytes = 1};
    char path[PATH_BYTES];
    cr_assert_eq(accounts_add(&accounts, "one", "main", NULL), ERR_OK);
    cr_assert_eq(accounts_add(&accounts, "one", "other", NULL), ERR_OK);
    cr_assert_eq(accounts_keep(&accounts, folder, NULL), ERR_OK);
    cr_expect_str_neq(accounts.agents[0].password, accounts.agents[1].password);
    cr_assert_eq(path_join(folder, "agent-one_other.creds", path, NULL), ERR_OK);
    cr_expect(path_exists(path));
    bus_config_write(&config, &accounts, &text);
    cr_expect_not_null(strstr(text.data, "{ service: \"result.one.main\", accounts: [ "
                                         "\"AGENT_one\" ] }"));
    cr_expect_not_null(strstr(text.data, "{ service: \"result.one.other\", accounts: [ "
                                         "\"AGENT_one_other\" ] }"));
    cr_expect_not_null(strstr(text.data, "user: \"agent-one_other\""));
    buf_release(&text);
}

Test(accounts, passwords_are_random_kept_and_private)
{
    static struct accounts again;
    struct stat status;
    char path[PATH_BYTES];
    struct error err = {0};
    cr_assert_eq(accounts_add(&accounts, "one", "main", NULL), ERR_OK);
    cr_assert_eq(accounts_keep(&accounts, folder, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(accounts_add(&again, "one", "main", NULL), ERR_OK);
    cr_assert_eq(accounts_keep(&again, folder, NULL), ERR_OK);
    cr_expect_eq(strlen(accounts.coordinator), 48);
    cr_expect_str_neq(accounts.coordinator, accounts.operator);
    cr_expect_str_eq(accounts.agents[0].password, again.agents[0].password);
    cr_assert_eq(path_join(folder, "agent-one.creds", path, NULL), ERR_OK);
    cr_assert_eq(stat(path, &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0600);
}

Test(accounts, a_credentials_file_of_another_is_refused)
{
    char path[PATH_BYTES];
    struct error err = {0};
    cr_assert_eq(path_join(folder, "operator.creds", path, NULL), ERR_OK);
    cr_assert_eq(file_write(path, "user=root\npassword=x\n", 21, 0600, NULL), ERR_OK);
    cr_expect_eq(accounts_keep(&accounts, folder, &err), ERR_INVALID);
    cr_expect_not_null(strstr(err.message, path));
}

Test(accounts, only_the_coordinator_is_in_core)
{
    struct buf text = BUF_INIT(65536);
    struct bus_config config = {
        .host = "127.0.0.1", .port = 4222, .store_dir = "/a \"b\"", .max_file_bytes = 1};
    cr_assert_eq(accounts_add(&accounts, "one", "main", NULL), ERR_OK);
    cr_assert_eq(accounts_keep(&accounts, folder, NULL), ERR_OK);
    bus_config_write(&config, &accounts, &text);
    cr_assert_not(text.failed);
    cr_expect_not_null(strstr(text.data, "store_dir: \"/a \\\"b\\\"\""));
    cr_expect_null(strstr(text.data, "sync_interval"), "unknown to nats-server 2.9");
    cr_expect_not_null(strstr(text.data, "GUARD {}"));
    const char *core = strstr(text.data, "CORE {");
    const char *next = strstr(text.data, "\n  }\n");
    cr_assert(core != NULL && next != NULL && core < next);
    const char *user = strstr(core, "user: ");
    cr_expect(strncmp(user, "user: \"coordinator\"", 19) == 0);
    cr_expect(strstr(user + 1, "user: ") > next, "one user in CORE");
    buf_release(&text);
}

Test(accounts, a_store_that_is_shut_out_changes_its_password_and_nothing_else)
{
    struct buf open = BUF_INIT(65536);
    struct buf shut = BUF_INIT(65536);
    struct bus_config config = {.host = "127.0.0.1", .port = 4222, .max_file_bytes = 1};
    cr_assert_eq(accounts_add(&accounts, "one", "main", NULL), ERR_OK);
    cr_assert_eq(accounts_keep(&accounts, folder, NULL), ERR_OK);
    struct account *account = &accounts.agents[0];
    bus_config_write(&config, &accounts, &open);
    account_shut(account);
    bus_config_write(&config, &accounts, &shut);
    cr_expect_null(strstr(shut.data, account->password));
    char *at = strstr(open.data, account->password);
    cr_assert_not_null(at);
    cr_assert_eq(open.size, shut.size);
    memcpy(at, shut.data + (at - (char *)open.data), strlen(account->password));
    cr_expect_eq(memcmp(open.data, shut.data, open.size), 0, "the rest is as it was");
    char first[ACCOUNT_PASSWORD_BYTES];
    memcpy(first, account->instead, sizeof(first));
    account_shut(account);
    cr_expect_str_neq(first, account->instead, "another one each time");
    account_open(account);
    buf_clear(&shut);
    bus_config_write(&config, &accounts, &shut);
    cr_expect_not_null(strstr(shut.data, account->password));
    buf_release(&open);
    buf_release(&shut);
}

Test(accounts, tls_and_sync_are_written_when_asked_for)
{
    struct buf text = BUF_INIT(65536);
    struct bus_config config = {.host = "::",
                                .port = 4222,
                                .max_file_bytes = 1,
                                .sync_always = true,
                                .tls_cert = "c.pem",
                                .tls_key = "k.pem",
                                .tls_ca = "ca.pem"};
    bus_config_write(&config, &accounts, &text);
    cr_expect_not_null(strstr(text.data, "listen: \"[::]:4222\""));
    cr_expect_not_null(strstr(text.data, "sync_interval: always"));
    cr_expect_not_null(strstr(text.data, "verify: true"));
    buf_release(&text);
}

Test(accounts, ports_stay_and_differ)
{
    struct ports ports;
    struct ports again;
    uint16_t a = 0;
    uint16_t b = 0;
    uint16_t kept = 0;
    char path[PATH_BYTES];
    cr_assert_eq(path_join(folder, "ports.json", path, NULL), ERR_OK);
    cr_assert_eq(ports_load(path, &ports, NULL), ERR_OK);
    cr_assert_eq(ports_pick(&ports, "a", &a, NULL), ERR_OK);
    cr_assert_eq(ports_pick(&ports, "b", &b, NULL), ERR_OK);
    cr_expect_neq(a, b);
    cr_expect_lt(a, 32768, "below the ephemeral range");
    cr_assert_eq(ports_save(&ports, path, NULL), ERR_OK);
    cr_assert_eq(ports_load(path, &again, NULL), ERR_OK);
    cr_assert_eq(ports_pick(&again, "a", &kept, NULL), ERR_OK);
    cr_expect_eq(kept, a);
    ports_release(&ports);
    ports_release(&again);
}

Test(accounts, the_version_of_a_server_is_read)
{
    int major = 0;
    int minor = 0;
    cr_expect(bus_server_version("nats-server: v2.9.10\n", &major, &minor));
    cr_expect(major == 2 && minor == 9);
    cr_expect(bus_server_version("nats-server: 2.10.27-RC", &major, &minor));
    cr_expect(major == 2 && minor == 10);
    cr_expect_not(bus_server_version("nats-streaming v1", &major, &minor));
    cr_expect_not(bus_server_version("nats-server: v2", &major, &minor));
}

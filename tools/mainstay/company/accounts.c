#include "tools/mainstay/company/accounts.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "tools/mainstay/files.h"

/* Largest message: an event of LIMIT_EVENT_BYTES as base64 in a control request. */
enum { MAX_PAYLOAD_BYTES = 2 * LIMIT_EVENT_BYTES, CREDS_BYTES = 1024 };

enum err accounts_add(struct accounts *accounts, const char *agent, const char *store,
                      struct error *err)
{
    if (!text_is_token(agent) || strchr(agent, '_') != NULL) {
        return error_set(err, ERR_INVALID,
                         "cannot use '%s' as an agent's name: 1 to 64 characters of A-Z a-z 0-9 -",
                         agent);
    }
    if (!text_is_token(store)) {
        return error_set(err, ERR_INVALID,
                         "cannot use '%s' as a store's name: 1 to 64 characters of A-Z a-z 0-9 _ -",
                         store);
    }
    bool further = false;
    for (size_t i = 0; i < accounts->agent_count; i++) {
        bool same = strcmp(accounts->agents[i].agent, agent) == 0;
        further = further || same;
        if (same && strcmp(accounts->agents[i].store, store) == 0) {
            return error_set(err, ERR_EXISTS, "the store '%s' of agent '%s' is named twice", store,
                             agent);
        }
    }
    if (accounts->agent_count == ACCOUNTS_MAX) {
        return error_set(err, ERR_LIMIT, "more than %d stores of agents", ACCOUNTS_MAX);
    }
    struct account *account = &accounts->agents[accounts->agent_count++];
    (void)snprintf(account->user, sizeof(account->user), "agent-%s%s%s", agent, further ? "_" : "",
                   further ? store : "");
    (void)text_copy(account->agent, sizeof(account->agent), agent);
    (void)text_copy(account->store, sizeof(account->store), store);
    return ERR_OK;
}

/* The password of a credentials file, two lines "user=..." and "password=...". */
static enum err password_read(const char *path, const char *user, char *ret_password,
                              struct error *err)
{
    char head[CREDS_BYTES];
    struct buf text = BUF_INIT(CREDS_BYTES);
    enum err code = file_read(path, &text, err);
    if (code == ERR_OK) {
        (void)snprintf(head, sizeof(head), "user=%s\npassword=", user);
        const char *bytes = text.data != NULL ? text.data : "";
        const char *password = text_starts(bytes, head) ? bytes + strlen(head) : "";
        size_t size = strspn(password, "0123456789abcdef");
        if (size != ACCOUNT_PASSWORD_BYTES - 1 || password[size] != '\n') {
            code = error_set(err, ERR_INVALID,
                             "cannot read '%s': it is not the credentials file of '%s'; remove it "
                             "to make a new one",
                             path, user);
        } else {
            memcpy(ret_password, password, size);
            ret_password[size] = '\0';
        }
    }
    buf_release(&text);
    return code;
}

static void password_draw(char *ret_password)
{
    unsigned char random[(ACCOUNT_PASSWORD_BYTES - 1) / 2];
    crypto_random(random, sizeof(random));
    hex_encode(random, sizeof(random), ret_password);
}

static enum err password_make(const char *path, const char *user, char *ret_password,
                              struct error *err)
{
    password_draw(ret_password);
    char text[CREDS_BYTES];
    int size = snprintf(text, sizeof(text), "user=%s\npassword=%s\n", user, ret_password);
    return file_write(path, text, (size_t)size, 0600, err);
}

static enum err password_keep(const char *folder, const char *user, char *ret_password,
                              struct error *err)
{
    char name[ACCOUNT_USER_BYTES + sizeof(".creds")];
    char path[PATH_BYTES];
    (void)snprintf(name, sizeof(name), "%s.creds", user);
    TRY(path_join(folder, name, path, err));
    if (path_exists(path)) {
        return password_read(path, user, ret_password, err);
    }
    return password_make(path, user, ret_password, err);
}

enum err accounts_keep(struct accounts *accounts, const char *folder, struct error *err)
{
    TRY(crypto_init(err));
    TRY(dir_create(folder, err));
    TRY(password_keep(folder, "coordinator", accounts->coordinator, err));
    TRY(password_keep(folder, "operator", accounts->operator, err));
    TRY(password_keep(folder, "events", accounts->events, err));
    for (size_t i = 0; i < accounts->agent_count; i++) {
        struct account *account = &accounts->agents[i];
        TRY(password_keep(folder, account->user, account->password, err));
    }
    return ERR_OK;
}

void account_shut(struct account *account)
{
    password_draw(account->instead);
}

void account_open(struct account *account)
{
    account->instead[0] = '\0';
}

/* What an agent may call in CORE. `%1$s` is the agent, `%2$s` the store. The pull is answered by a
 * stream of messages; acknowledgements come in the form of servers before and after 2.14. */
static const struct {
    const char *subject;
    bool streamed;
} agent_rights[] = {
    {"$JS.API.CONSUMER.MSG.NEXT.TASKS.%s_%s", true},
    {"$JS.ACK.TASKS.%s_%s.>", false},
    {"$JS.ACK.*.*.TASKS.%s_%s.>", false},
    {"result.%s.%s", false},
    {"hello.%s.%s", false},
    {"input.%s.%s", false},
};
enum { RIGHT_COUNT = sizeof(agent_rights) / sizeof(agent_rights[0]) };

/* What CORE may ask an agent. */
static const char agent_serves[] = "blob.%s.%s";

/* A right of one agent; its two %s are replaced by hand, so that no format comes from a table. */
static void right_write(const char *pattern, const struct account *account, struct buf *out)
{
    const char *names[] = {account->agent, account->store};
    size_t next = 0;
    for (const char *c = pattern; *c != '\0'; c++) {
        if (*c == '%') {
            buf_append_str(out, names[next]);
            next = 1;
            c++;
        } else {
            buf_append_byte(out, (uint8_t)*c);
        }
    }
}

static void core_write(const struct accounts *accounts, struct buf *out)
{
    buf_printf(out,
               "  CORE {\n    jetstream: enabled\n"
               "    users: [ { user: \"coordinator\", password: \"%s\" } ]\n    exports: [\n"
               "      { service: \"control.>\", accounts: [ OPERATOR ] }\n"
               "      { service: \"event.>\", accounts: [ OPERATOR, EVENTS ] }\n"
               "      { stream: \"lifecycle.>\", accounts: [ OPERATOR, EVENTS ] }\n",
               accounts->coordinator);
    for (size_t i = 0; i < accounts->agent_count; i++) {
        const struct account *account = &accounts->agents[i];
        for (size_t r = 0; r < RIGHT_COUNT; r++) {
            buf_append_str(out, "      { service: \"");
            right_write(agent_rights[r].subject, account, out);
            buf_printf(out, "\",%s accounts: [ \"AGENT_%s\" ] }\n",
                       agent_rights[r].streamed ? " response_type: stream," : "",
                       account->user + strlen("agent-"));
        }
    }
    buf_append_str(out, "    ]\n    imports: [\n");
    for (size_t i = 0; i < accounts->agent_count; i++) {
        const struct account *account = &accounts->agents[i];
        buf_printf(out, "      { service: { account: \"AGENT_%s\", subject: \"",
                   account->user + strlen("agent-"));
        right_write(agent_serves, account, out);
        buf_append_str(out, "\" } }\n");
    }
    buf_append_str(out, "    ]\n  }\n");
}

static void agent_write(const struct account *account, struct buf *out)
{
    buf_printf(out,
               "  \"AGENT_%s\" {\n    users: [ { user: \"%s\", password: \"%s\" } ]\n"
               "    imports: [\n",
               account->user + strlen("agent-"), account->user,
               account->instead[0] != '\0' ? account->instead : account->password);
    for (size_t r = 0; r < RIGHT_COUNT; r++) {
        buf_append_str(out, "      { service: { account: CORE, subject: \"");
        right_write(agent_rights[r].subject, account, out);
        buf_append_str(out, "\" } }\n");
    }
    buf_append_str(out, "    ]\n    exports: [ { service: \"");
    right_write(agent_serves, account, out);
    buf_append_str(out, "\", accounts: [ CORE ] } ]\n  }\n");
}

static void people_write(const struct accounts *accounts, struct buf *out)
{
    buf_printf(out,
               "  OPERATOR {\n    users: [ { user: \"operator\", password: \"%s\" } ]\n"
               "    imports: [\n"
               "      { service: { account: CORE, subject: \"control.>\" } }\n"
               "      { service: { account: CORE, subject: \"event.>\" } }\n"
               "      { stream: { account: CORE, subject: \"lifecycle.>\" } }\n    ]\n  }\n",
               accounts->operator);
    buf_printf(out,
               "  EVENTS {\n    users: [ { user: \"events\", password: \"%s\" } ]\n"
               "    imports: [\n"
               "      { service: { account: CORE, subject: \"event.>\" } }\n"
               "      { stream: { account: CORE, subject: \"lifecycle.>\" } }\n    ]\n  }\n",
               accounts->events);
}

/* Text in double quotes; the server's syntax knows \" and \\ in them. */
static void quoted_write(const char *text, struct buf *out)
{
    buf_append_byte(out, '"');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            buf_append_byte(out, '\\');
        }
        buf_append_byte(out, (uint8_t)*c);
    }
    buf_append_byte(out, '"');
}

static void member_write(const char *indent, const char *key, const char *text, struct buf *out)
{
    buf_printf(out, "%s%s: ", indent, key);
    quoted_write(text, out);
    buf_append_byte(out, '\n');
}

void bus_config_write(const struct bus_config *config, const struct accounts *accounts,
                      struct buf *out)
{
    bool bare_v6 = strchr(config->host, ':') != NULL && config->host[0] != '[';
    buf_printf(out, "# Written by mainstay; changes are overwritten.\nlisten: \"%s%s%s:%u\"\n",
               bare_v6 ? "[" : "", config->host, bare_v6 ? "]" : "", (unsigned)config->port);
    buf_printf(out, "server_name: mainstay\nmax_payload: %d\n", MAX_PAYLOAD_BYTES);
    if (config->tls_cert != NULL) {
        buf_append_str(out, "tls {\n");
        member_write("  ", "cert_file", config->tls_cert, out);
        member_write("  ", "key_file", config->tls_key, out);
        if (config->tls_ca != NULL) {
            member_write("  ", "ca_file", config->tls_ca, out);
            buf_append_str(out, "  verify: true\n");
        }
        buf_append_str(out, "}\n"); /* TLS 1.2 and up is the default; 2.9 knows no min_version */
    }
    buf_append_str(out, "jetstream {\n");
    if (config->store_dir != NULL) {
        member_write("  ", "store_dir", config->store_dir, out);
    }
    buf_printf(out, "  max_memory_store: 67108864\n  max_file_store: %" PRIu64 "\n",
               config->max_file_bytes);
    if (config->sync_always) {
        buf_append_str(out, "  sync_interval: always\n");
    }
    buf_append_str(out, "}\naccounts {\n");
    core_write(accounts, out);
    people_write(accounts, out);
    for (size_t i = 0; i < accounts->agent_count; i++) {
        agent_write(&accounts->agents[i], out);
    }
    buf_append_str(out, "  GUARD {}\n}\n");
}

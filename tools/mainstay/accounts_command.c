/* mainstay accounts: configuration and credentials of a bus for several machines. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/company/accounts.h"
#include "tools/mainstay/nouns.h"

enum { NATS_PORT = 4222, CONFIG_BYTES = 1024 * 1024 };

#define MAX_FILE_BYTES (UINT64_C(16) * 1024 * 1024 * 1024)

/* "ADDR", "ADDR:PORT" or "[V6]:PORT" into `host` of `size` and *ret_port. */
static enum err listen_parse(const char *text, char *host, size_t size, uint16_t *ret_port,
                             struct error *err)
{
    const char *start = text[0] == '[' ? text + 1 : text;
    size_t length = strcspn(start, text[0] == '[' ? "]" : ":");
    const char *rest = start + length + (text[0] == '[' && start[length] == ']' ? 1 : 0);
    int64_t port = NATS_PORT;
    if (length == 0 || length >= size || (rest[0] != '\0' && rest[0] != ':') ||
        (rest[0] == ':' && (!text_to_i64(rest + 1, &port) || port < 1 || port > UINT16_MAX))) {
        return error_set(err, ERR_INVALID, "'--listen %s' is not ADDR:PORT", text);
    }
    memcpy(host, start, length);
    host[length] = '\0';
    *ret_port = (uint16_t)port;
    return ERR_OK;
}

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

static enum err agents_take(const struct cli *cli, struct accounts *accounts, struct error *err)
{
    for (size_t i = 0; i < cli->args->operand_count; i++) {
        char agent[2 * ACCOUNT_NAME_BYTES];
        if (!text_copy(agent, sizeof(agent), cli->args->operands[i])) {
            return error_set(err, ERR_LIMIT, "'%s' is too long", cli->args->operands[i]);
        }
        char *colon = strchr(agent, ':');
        if (colon != NULL) {
            *colon = '\0';
        }
        TRY(accounts_add(accounts, agent, colon != NULL ? colon + 1 : "main", err));
    }
    return ERR_OK;
}

static enum err config_take(const struct cli *cli, char *host, size_t size,
                            struct bus_config *config, struct error *err)
{
    const char *listen = cli_option(cli, OPTION_LISTEN);
    TRY(listen_parse(listen != NULL ? listen : "127.0.0.1", host, size, &config->port, err));
    config->host = host;
    config->max_file_bytes = MAX_FILE_BYTES;
    config->tls_cert = cli_option(cli, OPTION_TLS_CERT);
    config->tls_key = cli_option(cli, OPTION_TLS_KEY);
    config->tls_ca = cli_option(cli, OPTION_TLS_CA);
    if ((config->tls_cert == NULL) != (config->tls_key == NULL)) {
        return error_set(err, ERR_INVALID, "--tls-cert and --tls-key go together");
    }
    if (config->tls_cert == NULL && !is_loopback(host)) {
        return error_set(err, ERR_REFUSED,
                         "'%s' is not the loopback address: TLS is required, give --tls-cert and "
                         "--tls-key",
                         host);
    }
    return ERR_OK;
}

static enum err accounts_write(const struct cli *cli, struct accounts *accounts, const char *out,
                               struct error *err)
{
    char host[256];
    char path[PATH_BYTES];
    struct bus_config config = {0};
    TRY(config_take(cli, host, sizeof(host), &config, err));
    TRY(agents_take(cli, accounts, err));
    TRY(accounts_keep(accounts, out, err));
    TRY(path_join(out, "nats.conf", path, err));
    struct buf text = BUF_INIT(CONFIG_BYTES);
    bus_config_write(&config, accounts, &text);
    enum err code = text.failed ? error_set(err, ERR_LIMIT, "the configuration is too long")
                                : file_write(path, text.data, text.size, 0600, err);
    buf_release(&text);
    return code;
}

enum exit_code accounts_run(struct cli *cli)
{
    struct error err = {0};
    const char *out = cli_option(cli, OPTION_OUT);
    struct accounts *accounts = calloc(1, sizeof(*accounts));
    if (out == NULL || accounts == NULL) {
        free(accounts);
        return cli_usage("'accounts' needs --out DIR", NULL);
    }
    enum err code = accounts_write(cli, accounts, out, &err);
    if (code == ERR_OK) {
        (void)printf("%s/nats.conf and %zu credentials files\n", out, accounts->agent_count + 3);
    }
    free(accounts);
    if (code == ERR_INVALID || code == ERR_REFUSED) {
        return cli_usage(err.message, NULL);
    }
    return code == ERR_OK ? EXIT_DONE : cli_fail(&err, NULL);
}

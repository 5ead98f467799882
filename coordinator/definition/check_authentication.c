/*
 * Authentication policies of endpoints, as the connector takes them: the policy of the definition,
 * with `use: NAME` of a policy replaced by what it names, and `use: SECRET` inside a policy by a
 * reference to the whole secret, which the connector puts in its place.
 */
#include <string.h>

#include "common/base/str.h"
#include "coordinator/definition/load.h"

static const char *const login_keys[] = {"username", "password", NULL};
static const char *const bearer_keys[] = {"token", NULL};
static const char *const oauth2_keys[] = {"authority", "grant",     "client",   "request",
                                          "scopes",    "audiences", "username", "password",
                                          "endpoints", "subject",   "actor",    NULL};
static const char *const oidc_keys[] = {"authority", "grant",     "client",   "request",
                                        "scopes",    "audiences", "username", "password",
                                        "subject",   "actor",     NULL};
static const char *const grant_keys[] = {"authority", "grant", NULL};

static const struct refused_key refused_oauth2[] = {
    {"issuers", "tokens are passed on unread, so their issuer is not checked"}, {NULL, NULL}};

struct scheme {
    const char *name;
    const char *what;
    const char *const *allowed;
    const char *const *required;
    const struct refused_key *refused;
    bool tokens; /* a token is fetched first */
};

static const struct scheme schemes[] = {
    {"basic", "'basic'", login_keys, login_keys, NULL, false},
    {"digest", "'digest'", login_keys, login_keys, NULL, false},
    {"bearer", "'bearer'", bearer_keys, bearer_keys, NULL, false},
    {"oauth2", "'oauth2'", oauth2_keys, grant_keys, refused_oauth2, true},
    {"oidc", "'oidc'", oidc_keys, grant_keys, refused_oauth2, true},
};
enum { SCHEME_COUNT = sizeof(schemes) / sizeof(schemes[0]) };

/* A fixed word of a known list; expressions are left to the connector. */
static void check_choice(struct load *load, const struct yaml_node *node, const char *what,
                         const char *const *words)
{
    const char *inside;
    if (node != NULL && !(json_is_string(node->value) &&
                          check_embrace(load, json_string_value(node->value), &inside) == 1)) {
        (void)check_word(load, node, what, words);
    }
}

static void check_object_keys(struct load *load, const struct yaml_node *node, const char *what,
                              const char *const *allowed)
{
    if (node != NULL && check_is_object(load, node, what)) {
        check_keys(load, node, what, allowed, NULL);
    }
}

#define EXCHANGE "urn:ietf:params:oauth:grant-type:token-exchange"

/* Whose tokens are exchanged (RFC 8693, 2.1). */
static void check_exchange(struct load *load, const struct yaml_node *node)
{
    static const char *const token_keys[] = {"token", "type", NULL};
    static const struct {
        const char *name;
        const char *what;
    } whose[] = {{"subject", "'subject'"}, {"actor", "'actor'"}};
    const struct yaml_node *grant = yaml_get(node, "grant");
    const char *text = grant == NULL ? NULL : json_string_value(grant->value);
    bool fixed = text != NULL && strchr(text, '$') == NULL;
    if (fixed && strcmp(text, EXCHANGE) == 0) {
        (void)check_required(load, node, "subject", "a token exchange");
    }
    for (size_t i = 0; i < sizeof(whose) / sizeof(whose[0]); i++) {
        const struct yaml_node *token = yaml_get(node, whose[i].name);
        if (token == NULL || !check_is_object(load, token, whose[i].what)) {
            continue;
        }
        check_keys(load, token, whose[i].what, token_keys, NULL);
        (void)check_required(load, token, "token", whose[i].what);
        (void)check_required(load, token, "type", whose[i].what);
        if (fixed && strcmp(text, EXCHANGE) != 0) {
            report_key(load->report, token, "write grant: " EXCHANGE,
                       "%s goes with a token exchange", whose[i].what);
        }
    }
}

static void check_tokens(struct load *load, const struct yaml_node *node)
{
    static const char *const client_keys[] = {"id", "secret", "authentication", NULL};
    static const char *const request_keys[] = {"encoding", NULL};
    static const char *const endpoint_keys[] = {"token", "revocation", "introspection", NULL};
    static const char *const grants[] = {"client_credentials", "password", EXCHANGE, NULL};
    static const char *const logins[] = {"client_secret_post", "client_secret_basic", "none", NULL};
    static const char *const encodings[] = {"application/x-www-form-urlencoded", "application/json",
                                            NULL};
    const struct yaml_node *client = yaml_get(node, "client");
    const struct yaml_node *request = yaml_get(node, "request");
    check_choice(load, yaml_get(node, "grant"), "'grant' of this profile", grants);
    check_exchange(load, node);
    check_object_keys(load, client, "'client'", client_keys);
    check_object_keys(load, request, "'request'", request_keys);
    check_object_keys(load, yaml_get(node, "endpoints"), "'endpoints'", endpoint_keys);
    check_choice(load, yaml_get(client, "authentication"), "'authentication' of a client", logins);
    check_choice(load, yaml_get(request, "encoding"), "'encoding'", encodings);
}

static const struct template *check_scheme(struct load *load, const struct scheme *scheme,
                                           const struct yaml_node *node)
{
    static const char *const use[] = {"use", NULL};
    if (!check_is_object(load, node, scheme->what)) {
        return NULL;
    }
    const struct yaml_node *secret = yaml_get(node, "use");
    if (secret != NULL) {
        check_keys(load, node, scheme->what, use, NULL);
        seal_named(load, secret);
        return load_fixed(load, json_sprintf("${ $secrets.%s }", json_string_value(secret->value)));
    }
    check_keys(load, node, scheme->what, scheme->allowed, scheme->refused);
    for (size_t i = 0; scheme->required[i] != NULL; i++) {
        (void)check_required(load, node, scheme->required[i], scheme->what);
    }
    if (scheme->tokens) {
        check_tokens(load, node);
    }
    return check_template(load, node, PLACE_TASK);
}

/* The policy that `node` is or names; NULL after reporting. */
static const struct yaml_node *policy_of(struct load *load, const struct yaml_node *node)
{
    static const char *const allowed[] = {"use",    "basic", "bearer", "digest",
                                          "oauth2", "oidc",  NULL};
    if (!check_is_object(load, node, "'authentication'")) {
        return NULL;
    }
    check_keys(load, node, "'authentication'", allowed, NULL);
    if (node->count != 1) {
        report_problem(load->report, node, NULL, "'authentication' takes exactly one of %s",
                       check_list_text(load, allowed));
        return NULL;
    }
    const struct yaml_node *use = yaml_get(node, "use");
    return use == NULL ? node : check_reference(load, use, "authentications");
}

const struct template *check_authentication(struct load *load, const struct yaml_node *node)
{
    const struct yaml_node *policy = policy_of(load, node);
    if (policy == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        const struct yaml_node *scheme = yaml_get(policy, schemes[i].name);
        if (scheme != NULL) {
            size_t path = seal_enter(load, schemes[i].name, 0);
            const struct template *value = check_scheme(load, &schemes[i], scheme);
            seal_leave(load, path);
            return load_object(load, &schemes[i].name, &value, 1);
        }
    }
    if (policy != node && yaml_get(policy, "use") != NULL) {
        report_problem(load->report, policy, NULL,
                       "a policy of 'use.authentications' may not use another one");
    }
    return NULL;
}

void check_authentications(struct load *load, const struct yaml_node *node)
{
    struct plan_agent_call unused = {0};
    for (size_t i = 0; node != NULL && i < node->count; i++) {
        struct seal seal;
        seal_begin(load, &seal);
        (void)check_authentication(load, node->items[i]);
        seal_end(load, &unused);
    }
}

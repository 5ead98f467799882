/* Authentication policies of endpoints, as the connector takes them. */
#include "coordinator/definition/load.h"

/* basic and digest: a user and a password, each fixed or an expression. */
static const struct template *check_login(struct load *load, const struct yaml_node *node,
                                          const char *what)
{
    static const char *const allowed[] = {"username", "password", NULL};
    if (!check_is_object(load, node, what)) {
        return NULL;
    }
    check_keys(load, node, what, allowed, NULL);
    (void)check_required(load, node, "username", what);
    (void)check_required(load, node, "password", what);
    return check_template(load, node, PLACE_TASK);
}

static const struct template *check_bearer(struct load *load, const struct yaml_node *node,
                                           const char *what)
{
    static const char *const allowed[] = {"token", NULL};
    if (!check_is_object(load, node, what)) {
        return NULL;
    }
    check_keys(load, node, what, allowed, NULL);
    (void)check_required(load, node, "token", what);
    return check_template(load, node, PLACE_TASK);
}

typedef const struct template *scheme_fn(struct load *load, const struct yaml_node *node,
                                         const char *what);

static const struct {
    const char *name;
    const char *what;
    scheme_fn *check;
} schemes[] = {
    {"basic", "'basic'", check_login},
    {"digest", "'digest'", check_login},
    {"bearer", "'bearer'", check_bearer},
};
enum { SCHEME_COUNT = sizeof(schemes) / sizeof(schemes[0]) };

const struct template *check_authentication(struct load *load, const struct yaml_node *node)
{
    static const char *const allowed[] = {"basic", "bearer", "digest", NULL};
    if (!check_is_object(load, node, "'authentication'")) {
        return NULL;
    }
    check_keys(load, node, "'authentication'", allowed, NULL);
    if (node->count != 1) {
        report_problem(load->report, node, NULL, "'authentication' takes exactly one of %s",
                       check_list_text(load, allowed));
        return NULL;
    }
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        const struct yaml_node *scheme = yaml_get(node, schemes[i].name);
        if (scheme != NULL) {
            const struct template *value = schemes[i].check(load, scheme, schemes[i].what);
            return load_object(load, &schemes[i].name, &value, 1);
        }
    }
    return NULL;
}

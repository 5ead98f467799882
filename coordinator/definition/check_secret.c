/*
 * Secrets: named by use.secrets, passed whole to the agent of a call, seen by nobody else.
 *
 * `${ $secrets.x.y }` as one value in `with` becomes a reference (struct plan_secret) beside the
 * input; the value stays the text of the definition. Any other use is an error at load.
 */
#include <ctype.h>
#include <string.h>

#include "coordinator/definition/load.h"

enum { SECRETS_MAX = 32, SEAL_PATH_BYTES = 64 * 1024 };

static bool is_secret_name(const char *text)
{
    size_t size = strlen(text);
    bool good = size > 0 && size <= LIMIT_NAME_BYTES && text[0] != '.';
    for (size_t i = 0; good && i < size; i++) {
        good = isalnum((unsigned char)text[i]) || strchr("_-.", text[i]) != NULL;
    }
    return good;
}

void check_secrets(struct load *load, const struct yaml_node *node)
{
    if (node == NULL || !check_is_array(load, node, "'use.secrets'")) {
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const char *name = check_text(load, node->items[i], "the name of a secret");
        if (name != NULL && !is_secret_name(name)) {
            report_problem(load->report, node->items[i], NULL,
                           "the name of a secret must be 1 to %d letters, digits, '_', '-' or '.', "
                           "not '%.80s'",
                           LIMIT_NAME_BYTES, name);
        }
    }
}

/* ---- the path of what is being checked ---- */

void seal_begin(struct load *load, struct seal *seal)
{
    *seal = (struct seal){.path = BUF_INIT(SEAL_PATH_BYTES),
                          .secrets = ARENA_ARRAY(load->arena, struct plan_secret, SECRETS_MAX)};
    load->seal = seal;
    load->failed = load->failed || seal->secrets == NULL;
}

void seal_end(struct load *load, struct plan_agent_call *call)
{
    call->secrets = load->seal->secrets;
    call->secret_count = load->seal->count;
    buf_release(&load->seal->path);
    load->seal = NULL;
}

size_t seal_enter(struct load *load, const char *key, size_t index)
{
    if (load->seal == NULL) {
        return 0;
    }
    struct buf *path = &load->seal->path;
    size_t size = path->size;
    if (key != NULL) {
        json_pointer_append(path, key, strlen(key));
    } else {
        buf_printf(path, "/%zu", index);
    }
    return size;
}

void seal_leave(struct load *load, size_t size)
{
    if (load->seal != NULL && load->seal->path.data != NULL) {
        load->seal->path.size = size;
        load->seal->path.data[size] = '\0';
    }
}

/* ---- references ---- */

static bool is_declared(const struct load *load, const char *name)
{
    const struct yaml_node *secrets = yaml_get(load->use, "secrets");
    for (size_t i = 0; secrets != NULL && i < secrets->count; i++) {
        const char *known = json_string_value(secrets->items[i]->value);
        if (known != NULL && strcmp(known, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Keep the reference, or say why not. Both texts are the plan's. */
static void seal_add(struct load *load, const struct yaml_node *node, const char *name,
                     const char *path)
{
    struct seal *seal = load->seal;
    if (seal == NULL) {
        report_problem(load->report, node, "pass it in 'with' of a call: http, openapi or agent",
                       "the secret '%.64s' cannot be passed here: it would become data", name);
    } else if (!is_declared(load, name)) {
        report_problem(load->report, node, "add it to 'use.secrets'",
                       "there is no secret '%.64s' in 'use.secrets'", name);
    } else if (seal->count == SECRETS_MAX) {
        report_problem(load->report, node, NULL, "more than %d secrets in one call", SECRETS_MAX);
    } else {
        const char *pointer =
            arena_dup(load->arena, seal->path.data == NULL ? "" : seal->path.data, seal->path.size);
        if (pointer == NULL || seal->path.failed) {
            load->failed = true;
            return;
        }
        seal->secrets[seal->count++] =
            (struct plan_secret){.pointer = pointer, .name = name, .path = path};
    }
}

/* One step of a path, .name or ."name" or ["name"], behind *at; its text in `out`. */
static bool step_take(const char **at, struct buf *out)
{
    const char *c = *at;
    bool bracket = *c == '[';
    if (*c != '.' && *c != '[') {
        return false;
    }
    c++;
    size_t size = 0;
    if (*c == '"') {
        c++;
        size = strcspn(c, "\"\\");
        buf_append(out, c, size);
        c += size;
        if (*c++ != '"') {
            return false;
        }
    } else if (!bracket) {
        while (isalnum((unsigned char)c[size]) || c[size] == '_') {
            size++;
        }
        buf_append(out, c, size);
        c += size;
    }
    if (bracket && *c++ != ']') {
        return false;
    }
    *at = c;
    return out->size > 0 && !out->failed;
}

bool check_sealed(struct load *load, const struct yaml_node *node, const char *inside)
{
    static const char variable[] = "$secrets";
    struct buf name = BUF_INIT(LIMIT_NAME_BYTES);
    struct buf path = BUF_INIT(1024);
    const char *at = inside + strspn(inside, " \t\r\n");
    if (strncmp(at, variable, sizeof(variable) - 1) != 0) {
        return false;
    }
    at += sizeof(variable) - 1;
    bool whole = step_take(&at, &name);
    while (whole && at[strspn(at, " \t\r\n")] != '\0') {
        struct buf step = BUF_INIT(256);
        whole = step_take(&at, &step);
        if (whole) {
            json_pointer_append(&path, step.data, step.size);
        }
        buf_release(&step);
    }
    if (whole && !path.failed) {
        const char *kept = arena_dup(load->arena, name.data, name.size);
        const char *way = arena_dup(load->arena, path.data == NULL ? "" : path.data, path.size);
        if (kept != NULL && way != NULL) {
            seal_add(load, node, kept, way);
        }
    }
    buf_release(&name);
    buf_release(&path);
    return whole;
}

void seal_named(struct load *load, const struct yaml_node *node)
{
    const char *name = check_text(load, node, "'use'");
    if (name != NULL) {
        seal_add(load, node, name, "");
    }
}

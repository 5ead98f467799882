#include <stdio.h>
#include <string.h>

#include "coordinator/definition/expr_private.h"
#include "coordinator/definition/load.h"
#include "coordinator/definition/near.h"

static const struct {
    const char *name;
    unsigned bit;
} variable_places[] = {
    {"context", SEE_CONTEXT}, {"input", SEE_INPUT},       {"output", SEE_OUTPUT},
    {"task", SEE_TASK},       {"workflow", SEE_WORKFLOW}, {"runtime", SEE_RUNTIME},
};
enum { VARIABLE_COUNT = sizeof(variable_places) / sizeof(variable_places[0]) };

/* --- where does an expression end ---------------------------------------------------------------
 */

static const char *skip_text(const char *at, unsigned depth);

/* Behind `open`, find the bracket that closes it, over texts and comments. */
static const char *skip_brackets(const char *at, char open, char close, unsigned depth)
{
    unsigned nested = 1;
    while (*at != '\0') {
        char c = *at;
        if (c == '"') {
            at = skip_text(at + 1, depth + 1);
            continue;
        }
        if (c == '#') {
            at += strcspn(at, "\n");
            continue;
        }
        at++;
        if (c == open) {
            nested++;
        } else if (c == close && --nested == 0) {
            return at;
        }
    }
    return at;
}

/* Behind the opening quote: behind the closing one. \( nests; beyond the limit the text has no end.
 */
static const char *skip_text(const char *at, unsigned depth)
{
    while (*at != '\0') {
        if (depth > EXPR_NESTING_MAX) {
            return at + strlen(at);
        }
        if (*at == '\\' && at[1] == '(') {
            at = skip_brackets(at + 2, '(', ')', depth + 1);
        } else if (*at == '\\' && at[1] != '\0') {
            at += 2;
        } else if (*at++ == '"') {
            return at;
        }
    }
    return at;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

int check_embrace(struct load *load, const char *text, const char **ret_inside)
{
    const char *start = text;
    while (is_blank(*start)) {
        start++;
    }
    if (strncmp(start, "${", 2) != 0) {
        return strstr(text, "${") == NULL ? 0 : -1;
    }
    const char *end = skip_brackets(start + 2, '{', '}', 0);
    if (end[-1] != '}' || end - start < 3 || end[strspn(end, " \t\r\n")] != '\0') {
        return -1;
    }
    *ret_inside = arena_dup(load->arena, start + 2, (size_t)(end - start - 3));
    return *ret_inside == NULL ? -1 : 1;
}

/* --- variables ----------------------------------------------------------------------------------
 */

static bool in_scope(const struct load *load, const char *name)
{
    for (size_t i = 0; i < load->scope_count; i++) {
        if (strcmp(load->scope[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_standard(const char *name, unsigned place)
{
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        if (strcmp(variable_places[i].name, name) == 0) {
            return (variable_places[i].bit & place) != 0;
        }
    }
    return false;
}

static void report_variable(struct load *load, const struct yaml_node *node, const char *name,
                            unsigned place)
{
    const char *names[VARIABLE_COUNT + LOAD_SCOPE_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        if ((variable_places[i].bit & place) != 0) {
            names[count++] = variable_places[i].name;
        }
    }
    for (size_t i = 0; place != PLACE_TRIGGER && i < load->scope_count; i++) {
        names[count++] = load->scope[i];
    }
    names[count] = NULL;
    if (strcmp(name, "secrets") == 0) {
        report_problem(load->report, node,
                       "pass it on whole, as one value in 'with' of a call: ${ $secrets.NAME }",
                       "'$secrets' cannot be read: only the agent that uses a secret sees it");
        return;
    }
    if (strcmp(name, "authorization") == 0) {
        report_problem(load->report, node, "let the agent that needs it hold it",
                       "'$authorization' is not available: definitions never see credentials");
        return;
    }
    char hint[600];
    const char *near = near_name(names, name, strlen(name));
    (void)snprintf(hint, sizeof(hint), "%s%s%svariables here: %s",
                   near == NULL ? "" : "did you mean '$", near == NULL ? "" : near,
                   near == NULL ? "" : "'? ", check_list_text(load, names));
    report_problem(load->report, node, hint, "the variable '$%.64s' is not known here", name);
}

static void check_variables(struct load *load, const struct yaml_node *node,
                            const struct expr *expr, unsigned place)
{
    const char *const *names;
    size_t count = expr_variables(expr, &names);
    for (size_t i = 0; i < count; i++) {
        bool scoped = place != PLACE_TRIGGER && in_scope(load, names[i]);
        if (!scoped && !is_standard(names[i], place)) {
            report_variable(load, node, names[i], place);
        }
    }
}

const char *check_variable_name(struct load *load, const struct yaml_node *node, const char *what,
                                const char *fallback)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    const char *name = check_text(load, node, what);
    if (name == NULL) {
        return fallback;
    }
    size_t letter = strspn(name, letters);
    size_t size = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
    if (letter == 0 || size != strlen(name) || size > LIMIT_NAME_BYTES) {
        report_problem(load->report, node, NULL,
                       "%s must be a variable name of letters, digits and _, without '$'", what);
        return fallback;
    }
    if (is_standard(name, UINT32_MAX) || strcmp(name, "secrets") == 0 ||
        strcmp(name, "authorization") == 0 || strcmp(name, "ENV") == 0) {
        report_problem(load->report, node, NULL, "%s may not be '%s': that name is taken", what,
                       name);
        return fallback;
    }
    return name;
}

void load_scope_push(struct load *load, const struct yaml_node *node, const char *name)
{
    if (load->scope_count == LOAD_SCOPE_MAX) {
        report_problem(load->report, node, NULL, "more than %d variables around one task",
                       LOAD_SCOPE_MAX);
        load->scope_count--;
    }
    load->scope[load->scope_count++] = name;
}

/* --- expressions --------------------------------------------------------------------------------
 */

/* What to write where mainstay-jq cannot be asked. */
static const char *native_hint(const char *where)
{
    static const struct {
        const char *where;
        const char *hint;
    } hints[] = {
        {"an event filter", "filter by what the native evaluator knows, and decide on the rest in "
                            "a task after it"},
        {"a condition of 'catch'", "catch the error, decide in a task of 'catch.do', and raise it "
                                   "again if it was not meant"},
        {"'until'", "compute it in a task of 'foreach', export it, and ask for that"},
    };
    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
        if (strcmp(hints[i].where, where) == 0) {
            return hints[i].hint;
        }
    }
    return "use what the native evaluator knows, or compute it in a task before";
}

static const struct expr *compile(struct load *load, const struct yaml_node *node, const char *text,
                                  unsigned place)
{
    struct plan_memory *memory = load->memory;
    struct expr *expr = NULL;
    struct error err = {0};
    if (!load_grow((void **)&memory->exprs, memory->expr_count, &memory->expr_capacity,
                   sizeof(memory->exprs[0]))) {
        load->failed = true;
        return NULL;
    }
    if (expr_compile_in(load->arena, text, (uint32_t)memory->expr_count, &expr, &err) != ERR_OK) {
        report_problem(load->report, node, NULL, "not a valid jq expression: %s", err.message);
        return NULL;
    }
    memory->exprs[memory->expr_count++] = expr;
    check_variables(load, node, expr, place);
    if (!expr_is_native(expr) && load->native_in != NULL) {
        report_problem(load->report, node, native_hint(load->native_in),
                       "this expression needs mainstay-jq, which cannot be asked in %s: that is "
                       "decided at once",
                       load->native_in);
    } else if (!expr_is_native(expr)) {
        report_warning(load->report, node, "fine now and then, slow on a hot path",
                       "this expression goes to mainstay-jq, a child process");
    }
    return expr;
}

static void report_embedded(struct load *load, const struct yaml_node *node)
{
    report_problem(load->report, node,
                   "make the whole text one expression: ${ \"text \\(.name) text\" }",
                   "an expression must be the whole text, from '${' to its closing '}'");
}

const struct expr *check_expression(struct load *load, const struct yaml_node *node,
                                    const char *what, unsigned place)
{
    if (node == NULL) {
        return NULL;
    }
    if (json_is_boolean(node->value)) {
        return compile(load, node, json_is_true(node->value) ? "true" : "false", place);
    }
    if (!json_is_string(node->value)) {
        report_problem(load->report, node, NULL, "%s must be an expression, not %s", what,
                       check_type_text(node));
        return NULL;
    }
    const char *text = json_string_value(node->value);
    const char *inside = text;
    if (check_embrace(load, text, &inside) < 0) {
        report_embedded(load, node);
        return NULL;
    }
    return compile(load, node, inside, place);
}

static const struct template *literal_template(struct load *load, const json_t *value)
{
    struct template *tmpl = ARENA_NEW(load->arena, struct template);
    if (tmpl != NULL) {
        tmpl->literal = value;
    }
    return tmpl;
}

static const struct template *expression_template(struct load *load, const struct expr *expr)
{
    struct template *tmpl = expr == NULL ? NULL : ARENA_NEW(load->arena, struct template);
    if (tmpl != NULL) {
        tmpl->expr = expr;
    }
    return tmpl;
}

static const struct template *text_template(struct load *load, const struct yaml_node *node,
                                            unsigned place)
{
    const char *inside;
    int found = check_embrace(load, json_string_value(node->value), &inside);
    if (found < 0) {
        report_embedded(load, node);
        return NULL;
    }
    if (found == 1 && check_sealed(load, node, inside)) {
        return literal_template(load, node->value);
    }
    return found == 0 ? literal_template(load, node->value)
                      : expression_template(load, compile(load, node, inside, place));
}

static bool all_literal(const struct template *tmpl)
{
    for (size_t i = 0; i < tmpl->count; i++) {
        if (tmpl->items[i] == NULL || tmpl->items[i]->literal == NULL) {
            return false;
        }
    }
    return true;
}

const struct template *check_template(struct load *load, const struct yaml_node *node,
                                      unsigned place)
{
    if (node == NULL) {
        return NULL;
    }
    if (json_is_string(node->value)) {
        return text_template(load, node, place);
    }
    if (!json_is_array(node->value) && !json_is_object(node->value)) {
        return literal_template(load, node->value);
    }
    struct template *tmpl = ARENA_NEW(load->arena, struct template);
    const char **keys = ARENA_ARRAY(load->arena, const char *, node->count + 1);
    const struct template **items =
        ARENA_ARRAY(load->arena, const struct template *, node->count + 1);
    if (tmpl == NULL || keys == NULL || items == NULL) {
        load->failed = true;
        return NULL;
    }
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *item = node->items[i];
        keys[i] = item->key;
        if (item->key != NULL && strstr(item->key, "${") != NULL) {
            report_key(load->report, item, "build the object in one expression: ${ {(.name): 1} }",
                       "a key may not hold an expression");
        }
        size_t path = seal_enter(load, item->key, i);
        items[i] = check_template(load, item, place);
        seal_leave(load, path);
    }
    tmpl->items = items;
    tmpl->count = node->count;
    tmpl->keys = json_is_object(node->value) ? keys : NULL;
    if (all_literal(tmpl)) {
        return literal_template(load, node->value);
    }
    return tmpl;
}

const struct template *check_inside(struct load *load, const struct yaml_node *node,
                                    const char *text, unsigned place)
{
    return expression_template(load, compile(load, node, text, place));
}

const struct template *load_fixed(struct load *load, json_t *value)
{
    const json_t *kept = load_keep(load, value);
    return kept == NULL ? NULL : literal_template(load, kept);
}

const struct template *load_object(struct load *load, const char *const *keys,
                                   const struct template *const *items, size_t count)
{
    struct template *tmpl = ARENA_NEW(load->arena, struct template);
    const char **names = ARENA_ARRAY(load->arena, const char *, count + 1);
    const struct template **values = ARENA_ARRAY(load->arena, const struct template *, count + 1);
    if (tmpl == NULL || names == NULL || values == NULL) {
        load->failed = true;
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = keys[i];
        values[i] = items[i];
    }
    tmpl->keys = names;
    tmpl->items = values;
    tmpl->count = count;
    return tmpl;
}

const struct template *check_shape(struct load *load, const struct yaml_node *node,
                                   const char *what, unsigned place)
{
    if (node == NULL) {
        return NULL;
    }
    if (json_is_string(node->value)) {
        return expression_template(load, check_expression(load, node, what, place));
    }
    return check_template(load, node, place);
}

/* --- durations ----------------------------------------------------------------------------------
 */

struct plan_duration check_duration(struct load *load, const struct yaml_node *node,
                                    const char *what, unsigned place)
{
    struct plan_duration duration = {0};
    struct error err = {0};
    const char *inside;
    if (json_is_string(node->value) &&
        check_embrace(load, json_string_value(node->value), &inside) != 0) {
        duration.tmpl = text_template(load, node, place);
        return duration;
    }
    if (plan_duration_parse(node->value, &duration.ms, &err) != ERR_OK) {
        report_problem(load->report, node, NULL, "%s: %s", what, err.message);
    }
    return duration;
}

int64_t check_fixed_duration(struct load *load, const struct yaml_node *node, const char *what)
{
    if (node == NULL) {
        return 0;
    }
    struct plan_duration duration = check_duration(load, node, what, PLACE_TASK);
    if (duration.tmpl != NULL) {
        report_problem(load->report, node, NULL, "%s must be a fixed duration, not an expression",
                       what);
    }
    return duration.ms;
}

static struct plan_timeout timeout_object(struct load *load, const struct yaml_node *node,
                                          unsigned place)
{
    static const char *const allowed[] = {"after", NULL};
    struct plan_timeout timeout = {0};
    if (!check_is_object(load, node, "a timeout")) {
        return timeout;
    }
    check_keys(load, node, "a timeout", allowed, NULL);
    const struct yaml_node *after = check_required(load, node, "after", "a timeout");
    if (after != NULL) {
        timeout.present = true;
        timeout.after = check_duration(load, after, "'after'", place);
    }
    return timeout;
}

struct plan_timeout check_timeout(struct load *load, const struct yaml_node *node, unsigned place)
{
    if (node == NULL) {
        return (struct plan_timeout){0};
    }
    if (!json_is_string(node->value)) {
        return timeout_object(load, node, place);
    }
    int64_t ms;
    if (plan_duration_parse(node->value, &ms, NULL) == ERR_OK &&
        yaml_get(yaml_get(load->use, "timeouts"), json_string_value(node->value)) == NULL) {
        char hint[96];
        (void)snprintf(hint, sizeof(hint), "write {after: %.60s}", json_string_value(node->value));
        report_problem(load->report, node, hint,
                       "a text here is the name of a timeout under 'use.timeouts'");
        return (struct plan_timeout){0};
    }
    const struct yaml_node *named = check_reference(load, node, "timeouts");
    return named == NULL ? (struct plan_timeout){0} : timeout_object(load, named, place);
}

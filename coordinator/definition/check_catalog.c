/*
 * use.catalogs: functions that stand in files of their own. And what else does: parts of a text.
 *
 * Nothing is read or fetched here. Who deploys gives functions and schemas along with the
 * definition, as parts of one text (plan.h), so the digest covers them and a restart needs no
 * files. What is needed and was not given is reported, and listed as `wanted`.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "coordinator/definition/load.h"
#include "coordinator/definition/semver.h"

#define PART_LINE "--- # "

/* Whether a line that begins a part stands here. */
static bool is_part(const char *at, const char *end)
{
    static const char *const lines[] = {PART_LINE "function ", PART_LINE "schema "};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        size_t size = strlen(lines[i]);
        if ((size_t)(end - at) > size && memcmp(at, lines[i], size) == 0) {
            return true;
        }
    }
    return false;
}

/* Start of the next part line at or behind `at`, or NULL. */
static const char *find_part(const char *text, const char *at, const char *end)
{
    while (at != NULL && (size_t)(end - at) > sizeof(PART_LINE)) {
        if ((at == text || at[-1] == '\n') && is_part(at, end)) {
            return at;
        }
        at = memchr(at + 1, '-', (size_t)(end - at) - 1);
    }
    return NULL;
}

size_t parts_split(struct load *load, const char *text, size_t size)
{
    const char *end = text + size;
    const char *part = find_part(text, text, end);
    size_t definition = part == NULL ? size : (size_t)(part - text);
    while (part != NULL && !load->failed) {
        const char *label = part + sizeof(PART_LINE) - 1;
        const char *line = memchr(label, '\n', (size_t)(end - label));
        if (line == NULL || load->part_count == LOAD_PARTS_MAX) {
            report_at(load->report, 0, 0, NULL,
                      line == NULL ? "a function or schema that was given along has no text"
                                   : "more than %d functions and schemas were given along",
                      LOAD_PARTS_MAX);
            break;
        }
        const char *next = find_part(text, line + 1, end);
        struct part *row = &load->parts[load->part_count++];
        row->label = arena_dup(load->arena, label, (size_t)(line - label));
        row->text = line + 1;
        row->size = (size_t)((next == NULL ? end : next) - row->text);
        load->failed = row->label == NULL;
        part = next;
    }
    return definition;
}

void parts_parse(struct load *load)
{
    for (size_t i = 0; i < load->part_count && !load->failed; i++) {
        struct part *part = &load->parts[i];
        load->report->file = part->label;
        part->root = yaml_parse(load->arena, part->text, part->size, load->report);
        if (part->root != NULL) {
            (void)load_keep(load, part->root->value);
        }
    }
    load->report->file = NULL;
}

const struct part *part_of(const struct load *load, const char *kind, const char *name)
{
    size_t size = strlen(kind);
    for (size_t i = 0; i < load->part_count; i++) {
        const char *label = load->parts[i].label;
        if (strncmp(label, kind, size) == 0 && label[size] == ' ' &&
            strcmp(label + size + 1, name) == 0) {
            return &load->parts[i];
        }
    }
    return NULL;
}

/* The text of an endpoint in any of its forms, or NULL. */
static const char *endpoint_text(const struct yaml_node *catalog)
{
    const struct yaml_node *endpoint = yaml_get(catalog, "endpoint");
    const struct yaml_node *uri = yaml_get(endpoint, "uri");
    const struct yaml_node *node = uri != NULL ? uri : endpoint;
    return node == NULL ? NULL : json_string_value(node->value);
}

void check_catalogs(struct load *load)
{
    static const char *const allowed[] = {"endpoint", NULL};
    load->catalogs = yaml_get_object(load->use, "catalogs");
    for (size_t i = 0; load->catalogs != NULL && i < load->catalogs->count; i++) {
        const struct yaml_node *catalog = load->catalogs->items[i];
        if (!check_is_object(load, catalog, "a catalog")) {
            continue;
        }
        check_keys(load, catalog, "a catalog", allowed, NULL);
        if (check_required(load, catalog, "endpoint", "a catalog") != NULL &&
            endpoint_text(catalog) == NULL) {
            report_problem(load->report, catalog, "for example endpoint: ./catalog",
                           "the endpoint of catalog '%.64s' must be a folder or a URI",
                           catalog->key);
        }
        if (strcmp(catalog->key, "default") == 0) {
            report_key(load->report, catalog, "give the catalog another name",
                       "'default' is the company's own catalog");
        }
    }
}

/* The endpoint of a catalog as it is written; the company's own has a folder of its name. */
static const char *catalog_endpoint(const struct load *load, const char *catalog)
{
    const char *endpoint = strcmp(catalog, "default") == 0
                               ? "catalog"
                               : endpoint_text(yaml_get(load->catalogs, catalog));
    return endpoint == NULL ? "" : endpoint;
}

void load_want(struct load *load, const struct yaml_node *source, const char *schema,
               const char *function)
{
    struct plan_report *out = load->report->out;
    const char *catalog = function == NULL ? NULL : strrchr(function, '@');
    for (size_t i = 0; i < out->wanted_count; i++) {
        if (text_equal(out->wanted[i].schema, schema) &&
            text_equal(out->wanted[i].function, function)) {
            return;
        }
    }
    if (out->wanted == NULL) {
        out->wanted = ARENA_ARRAY(out->arena, struct plan_wanted, LOAD_PARTS_MAX);
    }
    if (out->wanted != NULL && out->wanted_count < LOAD_PARTS_MAX) {
        out->wanted[out->wanted_count++] = (struct plan_wanted){
            .schema = arena_strdup(out->arena, schema),
            .function = arena_strdup(out->arena, function),
            .endpoint = catalog == NULL
                            ? NULL
                            : arena_strdup(out->arena, catalog_endpoint(load, catalog + 1)),
            .line = load->report->file == NULL ? source->line : 0,
            .column = source->column,
        };
    }
}

static void report_wanted(struct load *load, const struct yaml_node *source, const char *name,
                          const char *catalog)
{
    const char *endpoint = catalog_endpoint(load, catalog);
    bool remote = strstr(endpoint, "://") != NULL && !text_starts(endpoint, "file://");
    char hint[256];
    (void)snprintf(hint, sizeof(hint),
                   remote ? "give a copy of it: mainstay deploy --catalog %.64s=DIR"
                          : "mainstay deploy reads functions/NAME/VERSION/function.yaml below "
                            "'%.120s', or below DIR of --catalog NAME=DIR",
                   remote ? catalog : endpoint);
    load_want(load, source, NULL, name);
    report_problem(load->report, source, hint,
                   remote ? "the function '%.80s' is in a catalog at '%.120s', and nothing is "
                            "fetched when a definition is deployed"
                          : "the function '%.80s' of the catalog at '%.120s' was not given",
                   name, endpoint);
}

bool check_cataloged(struct load *load, const struct yaml_node *node, const char *text,
                     struct plan_node *task)
{
    const struct yaml_node *source = yaml_get(node, "call");
    const char *catalog = strrchr(text, '@');
    if (catalog == NULL ||
        (strcmp(catalog + 1, "default") != 0 && yaml_get(load->catalogs, catalog + 1) == NULL)) {
        return false;
    }
    const char *colon = strchr(text, ':');
    const char *version = colon == NULL || colon > catalog
                              ? NULL
                              : arena_dup(load->arena, colon + 1, (size_t)(catalog - colon - 1));
    const char *name =
        version == NULL ? NULL : arena_dup(load->arena, text, (size_t)(colon - text));
    struct semver parsed;
    if (name == NULL || !text_is_token(name) || !semver_parse(version, &parsed)) {
        report_problem(load->report, source, "for example 'call: log:1.0.0@catalog'",
                       "'%.80s' is not name:version@catalog with an exact version", text);
        return true;
    }
    const struct part *part = part_of(load, "function", text);
    if (part == NULL) {
        report_wanted(load, source, text, catalog + 1);
        return true;
    }
    if (part->root == NULL) {
        return true; /* its text was refused already */
    }
    const struct yaml_node *use = load->use;
    const char *file = load->report->file;
    struct function function = {.name = text, .body = part->root, .file = part->label};
    load->use = NULL; /* a catalog's function means the same in every definition */
    expand_function(load, node, &function, task);
    load->use = use;
    load->report->file = file;
    return true;
}

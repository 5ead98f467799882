/*
 * Versions of definitions: deployed, taken out of service, taken back.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/map.h"
#include "common/base/str.h"
#include "coordinator/engine/process/process.h"

enum { NAME_BYTES = 256, NUMBERS = 3 };

/* The version after `newest`: its last number raised; a pre-release is followed by its release. */
static void version_next(const char *newest, char *out, size_t size)
{
    uint64_t number[NUMBERS] = {0};
    const char *at = newest;
    for (int i = 0; i < NUMBERS; i++) {
        char *end = NULL;
        number[i] = strtoul(at, &end, 10);
        at = *end == '.' ? end + 1 : end;
    }
    number[2] += *at == '-' ? 0 : 1;
    (void)snprintf(out, size, "%" PRIu64 ".%" PRIu64 ".%" PRIu64, number[0], number[1], number[2]);
}

static void retired_emit(struct engine *engine, const struct definition *definition, bool retired,
                         const char *reason, const char *person)
{
    struct event event = engine_event(NULL, EVENT_DEFINITION_RETIRED);
    event.name = engine_text(engine, definition->name);
    event.has_digest = true;
    event.digest = definition->plan->digest;
    event.status = retired ? 1 : 0;
    event.text = engine_text(engine, reason);
    event.person = engine_text(engine, person);
    engine_emit(engine, &event);
    schedule_follow(engine, definition->plan);
}

/* The same text is deployed already: nothing to do, unless it was retired. */
static void deployed_again(struct engine *engine, uint64_t token, const struct definition *same,
                           const struct deploy_command *command)
{
    if (same->retired_ms == 0) {
        engine_reply_ok(engine, token, NULL, false);
    } else if (!command->force) {
        engine_refuse(engine, token, ERR_CONFLICT,
                      "%s is retired; raise document.version, or take it back into service with "
                      "`mainstay deploy --force`",
                      same->name);
    } else {
        retired_emit(engine, same, false, "deployed again", command->person);
        engine_reply_ok(engine, token, NULL, true);
    }
}

/* What a plan runs is deployed before it: a misspelt name is found now and not on a Sunday. */
static bool runs_possible(struct engine *engine, uint64_t token, const struct plan *plan,
                          const char *file)
{
    for (uint32_t i = 0; i < plan->node_count; i++) {
        const struct plan_node *node = &plan->nodes[i];
        char name[COMPANY_RUN_BYTES];
        char where[PLAN_WHERE_BYTES];
        if (node->kind == TASK_RUN &&
            !company_run_possible(&engine->company, plan, &node->run, name)) {
            plan_where(node, file, where);
            engine_refuse(engine, token, ERR_NOT_FOUND,
                          "%s runs %s, which is not deployed, or retired: deploy it first", where,
                          name);
            return false;
        }
    }
    return true;
}

void process_deploy(struct engine *engine, uint64_t token, const struct deploy_command *command)
{
    const struct plan *plan = *command->plan;
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof(name), "%s/%s:%s", plan->namespace_, plan->name, plan->version);
    const struct definition *same = company_definition(&engine->company, &plan->digest);
    if (same != NULL) {
        deployed_again(engine, token, same, command);
        return;
    }
    if (company_find_definition(&engine->company, name) != NULL) {
        char next[64];
        const struct definition *newest = company_newest_definition(&engine->company, name);
        version_next(newest->plan->version, next, sizeof(next));
        engine_refuse(engine, token, ERR_CONFLICT,
                      "%s is deployed with another text; definitions are immutable per version: "
                      "raise document.version to %s or higher (newest deployed: %s)",
                      name, next, newest->plan->version);
        return;
    }
    if (!schedule_possible(engine, token, plan) ||
        !runs_possible(engine, token, plan, command->file)) {
        return;
    }
    struct digest digest = plan->digest;
    struct event event = engine_event(NULL, EVENT_DEFINITION_DEPLOYED);
    event.name = engine_text(engine, name);
    event.has_digest = true;
    event.digest = plan->digest;
    event.text = engine_text(engine, command->text);
    event.source = engine_text(engine, command->file);
    event.person = engine_text(engine, command->person);
    engine_emit(engine, &event);
    schedule_follow(engine, company_definition(&engine->company, &digest)->plan);
    engine_reply_ok(engine, token, NULL, true);
}

/* Whether another version in service takes over what this one is started by. */
static bool version_follows(const struct engine *engine, const struct definition *definition)
{
    size_t cursor = 0;
    size_t size = strcspn(definition->name, ":");
    const struct definition *other = NULL;
    while ((other = map_next(engine->company.definitions, &cursor, NULL, NULL)) != NULL) {
        if (other != definition && other->retired_ms == 0 &&
            strncmp(other->name, definition->name, size + 1) == 0) {
            return true;
        }
    }
    return false;
}

void process_retire(struct engine *engine, uint64_t token, const struct retire_command *command)
{
    const struct definition *definition =
        company_find_definition(&engine->company, command->definition);
    if (definition == NULL) {
        engine_refuse(engine, token, ERR_NOT_FOUND,
                      "no definition '%s' is deployed; see `mainstay definitions ls`",
                      command->definition);
        return;
    }
    if (definition->retired_ms != 0) {
        engine_reply_ok(engine, token, NULL, false);
        return;
    }
    bool started =
        definition->plan->trigger != NULL || definition->plan->schedule.kind != SCHEDULE_NONE;
    if (started && !command->force && !version_follows(engine, definition)) {
        engine_refuse(engine, token, ERR_REFUSED,
                      "%s is the last version in service: what triggers it would start nothing any "
                      "more; deploy a newer version first, or say --force",
                      definition->name);
        return;
    }
    retired_emit(engine, definition, true, command->reason, command->person);
    engine_reply_ok(engine, token, NULL, true);
}

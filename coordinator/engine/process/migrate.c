/*
 * Moving instances to another version: each one by itself, at once or not at all.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "coordinator/engine/migration.h"
#include "coordinator/engine/process/process.h"

enum { NAME_BYTES = 256, WHY_BYTES = 512 };

static void migration_free(void *value)
{
    struct migration *migration = value;
    migration_destroy(&migration);
}

static struct doc *nodes_doc(struct engine *engine, const struct migration *migration)
{
    json_t *nodes = json_array();
    CHECK(nodes != NULL);
    for (uint32_t i = 0; i < migration_from(migration)->node_count; i++) {
        uint32_t to = migration_node(migration, i);
        json_int_t stored = to == PLAN_NONE ? 0 : (json_int_t)to + 1;
        CHECK(json_array_append_new(nodes, json_integer(stored)) == 0);
    }
    json_t *value = json_pack("{s:o}", "nodes", nodes);
    CHECK(value != NULL);
    return engine_hold(engine, doc_of_json(value));
}

const struct definition *migration_target(const struct company *company,
                                          const struct definition *from, const char *version)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof(name), "%s/%s:%s", from->plan->namespace_, from->plan->name,
                   version);
    return company_find_definition(company, name);
}

/* The comparison of two versions, made once for a command. */
static const struct migration *migration_of(struct map *known, const struct plan *from,
                                            const struct plan *to)
{
    uint8_t key[2 * DIGEST_BYTES];
    memcpy(key, from->digest.bytes, DIGEST_BYTES);
    memcpy(key + DIGEST_BYTES, to->digest.bytes, DIGEST_BYTES);
    struct migration *migration = map_get(known, key, sizeof(key));
    if (migration == NULL) {
        migration = migration_create(from, to);
        (void)map_put(known, key, sizeof(key), migration, NULL);
    }
    return migration;
}

/* Why the instance cannot move, as text of the turn; NULL when it did. */
static const char *instance_migrate(struct engine *engine, struct map *known,
                                    const struct migrate_command *command, const struct id *id)
{
    struct instance *instance = engine_load(engine, id);
    if (instance == NULL) {
        return "is not open any more";
    }
    const struct definition *from = company_definition(&engine->company, &instance->definition);
    const struct definition *to = migration_target(&engine->company, from, command->version);
    char why[WHY_BYTES];
    if (to == NULL) {
        (void)snprintf(why, sizeof(why), "no version %.64s of %s/%s is deployed", command->version,
                       from->plan->namespace_, from->plan->name);
        return engine_text(engine, why);
    }
    if (to->retired_ms != 0) {
        (void)snprintf(why, sizeof(why), "%s is retired", to->name);
        return engine_text(engine, why);
    }
    const struct migration *migration = migration_of(known, from->plan, to->plan);
    if (!migration_fits(migration, instance, why, sizeof(why))) {
        return engine_text(engine, why);
    }
    struct event event = engine_event(instance, EVENT_INSTANCE_MIGRATED);
    event.name = to->name;
    event.has_digest = true;
    event.digest = to->plan->digest;
    event.value = nodes_doc(engine, migration);
    event.source = from->name;
    event.text = engine_text(engine, command->reason);
    event.person = engine_text(engine, command->person);
    engine_emit(engine, &event);
    return NULL;
}

void process_migrate(struct engine *engine, uint64_t token, const struct migrate_command *command)
{
    struct map *known = map_create();
    CHECK(known != NULL);
    struct migrated *results =
        engine_alloc(engine, ((size_t)command->count + 1) * sizeof(*results));
    for (uint32_t i = 0; i < command->count; i++) {
        results[i] = (struct migrated){
            .instance = command->instances[i],
            .why = instance_migrate(engine, known, command, &command->instances[i])};
    }
    map_destroy(&known, migration_free);
    if (token != 0) {
        struct order *order = engine_order(engine, ORDER_REPLY, token);
        order->reply.migrated = results;
        order->reply.migrated_count = command->count;
    }
}

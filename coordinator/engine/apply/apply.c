/*
 * Events into state: the dispatcher and the company's own facts. Nothing here decides.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "coordinator/definition/zone.h"
#include "coordinator/engine/engine_private.h"

static uint64_t *count_of(struct open_count *open, enum instance_status status)
{
    return status == INSTANCE_RUNNING     ? &open->running
           : status == INSTANCE_WAITING   ? &open->waiting
           : status == INSTANCE_SUSPENDED ? &open->suspended
                                          : NULL;
}

static void apply_count(struct engine *engine, const struct digest *digest,
                        enum instance_status status, bool more)
{
    struct definition *definition =
        map_get(engine->company.definitions, digest->bytes, sizeof(digest->bytes));
    CHECK(definition != NULL);
    uint64_t *count = count_of(&definition->open, status);
    CHECK(count != NULL);
    CHECK(more || *count > 0);
    *count += more ? 1 : UINT64_MAX;
    definition->open_changed = true;
    engine->open_changed = true;
}

/* What an ended instance is told does not open it again. */
static bool apply_after_end(struct engine *engine, const struct event *event)
{
    struct instance *instance = engine_load_ended(engine, &event->instance);
    if (instance == NULL) {
        engine->port->done_late(engine->port_user, &event->instance, &event->key, engine->sequence);
        return true;
    }
    if (instance->ended) { /* in this turn: its row is still to be written */
        apply_call(engine, instance, event);
        return true;
    }
    return false;
}

void apply_event(struct engine *engine, const struct event *event)
{
    if (!event->has_instance || event->kind == EVENT_BUFFERED || event->kind == EVENT_UNBUFFERED) {
        apply_company(engine, event);
        return;
    }
    if (event->kind == EVENT_EFFECT_LATE && apply_after_end(engine, event)) {
        return;
    }
    struct instance *instance = NULL;
    enum instance_status before = 0;
    struct digest definition = event->digest;
    if (event->kind == EVENT_INSTANCE_STARTED) {
        instance = instance_create(&event->instance);
        engine_cache_add(engine, instance);
    } else {
        instance = engine_load(engine, &event->instance);
        CHECK(instance != NULL);
        before = instance->status;
        definition = instance->definition;
    }
    engine_touch(engine, instance);
    apply_instance(engine, instance, event);
    enum instance_status after = instance->ended ? 0 : instance->status;
    if (before != after || !digest_equal(&definition, &instance->definition)) {
        if (before != 0) {
            apply_count(engine, &definition, before, false);
        }
        if (after != 0) {
            apply_count(engine, &instance->definition, after, true);
        }
    }
}

static struct id id_of_digest(const struct digest *digest)
{
    struct id id;
    memcpy(id.bytes, digest->bytes, sizeof(id.bytes));
    return id;
}

static void definition_deployed(struct engine *engine, const struct event *event)
{
    struct plan *plan = NULL;
    struct plan_report report;
    enum err code = plan_load(event->text, strlen(event->text), &plan, &report);
    plan_report_release(&report);
    CHECK(code == ERR_OK);
    const struct definition *definition =
        company_add_definition(&engine->company, &plan, event->text, event->source, engine->now);
    engine->port->definition_put(engine->port_user, definition);
}

static void definition_retired(struct engine *engine, const struct event *event)
{
    struct definition *definition =
        map_get(engine->company.definitions, event->digest.bytes, sizeof(event->digest.bytes));
    CHECK(definition != NULL);
    company_retire_definition(&engine->company, definition, event->status == 1 ? engine->now : 0,
                              event->status == 1 ? event->text : NULL);
    engine->port->definition_put(engine->port_user, definition);
}

static void contract_published(struct engine *engine, const struct event *event)
{
    struct contract *contract = NULL;
    enum err code = contract_parse(doc_json(event->value), &contract, NULL);
    CHECK(code == ERR_OK);
    const struct contract *added = company_add_contract(&engine->company, &contract);
    engine->port->contract_put(engine->port_user, added, engine->now);
}

static void store_hello(struct engine *engine, const struct event *event)
{
    struct store *store = company_add_store(&engine->company, event->agent, event->store);
    store->session = event->key;
    store->store_id = id_of_digest(&event->digest);
    store->contract = company_contract(&engine->company, event->agent, event->name);
    CHECK(store->contract != NULL);
    store->capacity = event->count;
    store->state = STORE_LIVE;
    store->since_ms = engine->now;
    store->pid = (uint64_t)event->at_ms;
    text_replace(&store->program, event->text);
    text_replace(&store->metrics_url, event->id);
    engine->port->store_put(engine->port_user, store);
}

static void store_gone(struct engine *engine, const struct event *event, enum store_state state)
{
    struct store *store = company_store(&engine->company, event->agent, event->store);
    CHECK(store != NULL);
    store->state = state;
    store->since_ms = engine->now;
    engine->port->store_put(engine->port_user, store);
}

static void event_accepted(struct engine *engine, const struct event *event)
{
    struct id mark = id_of_digest(&event->digest);
    engine->port->mark_put(engine->port_user, &mark, event->at_ms);
    (void)map_put(engine->turn_marks, mark.bytes, sizeof(mark.bytes), engine, NULL);
}

static void event_buffered(struct engine *engine, const struct event *event)
{
    engine->port->buffer_put(engine->port_user, event->name, &event->key, event->value,
                             event->at_ms);
    buffer_changed(engine, &(struct buffer_change){.type = event->name,
                                                   .mark = event->key,
                                                   .envelope = event->value,
                                                   .expires_ms = event->at_ms});
}

static void zone_set(struct engine *engine, const struct event *event)
{
    struct zone *zone = NULL;
    enum err code = zone_parse(event->raw, &zone, NULL);
    CHECK(code == ERR_OK);
    engine->port->zone_put(engine->port_user,
                           company_set_zone(&engine->company, event->name, event->raw, &zone));
}

static void policy_set(struct engine *engine, const struct event *event)
{
    struct policy *policy = NULL;
    struct plan_report report;
    enum err code = policy_load(event->text, strlen(event->text), &policy, &report);
    plan_report_release(&report);
    CHECK(code == ERR_OK);
    policy_destroy(&engine->policy);
    engine->policy = policy;
    apply_budget_caps(engine);
    engine->port->policy_put(engine->port_user, event->name, event->text, engine->now);
}

static void schedule_set(struct engine *engine, const struct event *event)
{
    struct schedule schedule = {.name = (char *)(uintptr_t)event->name,
                                .definition = event->digest,
                                .due_ms = event->at_ms};
    if (event->has_key) {
        schedule.running = event->key;
    }
    engine->port->schedule_put(engine->port_user,
                               company_set_schedule(&engine->company, &schedule));
}

static void clock_jumped(struct engine *engine, const struct event *event)
{
    struct gate *gate = calloc(1, sizeof(*gate));
    CHECK(gate != NULL);
    gate->id = event->key;
    gate->kind = GATE_CLOCK;
    gate->revision = event->count;
    gate->digest = event->digest;
    gate->opened_ms = engine->now;
    failure_copy(&gate->failure, event->failure);
    text_replace(&gate->step, "");
    company_add_gate(&engine->company, gate);
    engine->port->gate_put(engine->port_user, gate);
}

static void circuit_opened(struct engine *engine, const struct event *event)
{
    struct gate *gate = company_gate(&engine->company, &event->key);
    bool fresh = gate == NULL;
    if (fresh) {
        gate = calloc(1, sizeof(*gate));
        CHECK(gate != NULL);
        gate->id = event->key;
        gate->kind = (enum gate_kind)event->status;
        gate->opened_ms = engine->now;
        text_replace(&gate->step, "");
        text_replace(&gate->agent, event->agent == NULL ? "" : event->agent);
        text_replace(&gate->action, event->action == NULL ? "" : event->action);
        text_replace(&gate->scope, event->name == NULL ? "" : event->name);
    } else {
        failure_release(&gate->failure);
    }
    gate->phase = event->phase;
    gate->revision = event->count;
    gate->digest = event->digest;
    gate->probing = false;
    gate->probe = 0;
    failure_copy(&gate->failure, event->failure);
    if (fresh) {
        company_add_gate(&engine->company, gate);
    }
    engine->port->gate_put(engine->port_user, gate);
}

static void circuit_decided(struct engine *engine, const struct event *event)
{
    if (event->kind == EVENT_CIRCUIT_DECIDED && event->count == 1) {
        struct gate *gate = company_gate(&engine->company, &event->key);
        CHECK(gate != NULL);
        gate->probing = true;
        engine->port->gate_put(engine->port_user, gate);
        return;
    }
    engine->port->gate_delete(engine->port_user, &event->key);
    company_remove_gate(&engine->company, &event->key);
}

/* Gates of the company. */
static void company_gate_event(struct engine *engine, const struct event *event)
{
    if (event->kind == EVENT_CLOCK_JUMPED) {
        clock_jumped(engine, event);
    } else if (event->kind == EVENT_CIRCUIT_OPENED) {
        circuit_opened(engine, event);
    } else {
        circuit_decided(engine, event);
    }
}

void apply_run_ended(struct engine *engine, const struct instance *instance)
{
    if (map_count(engine->company.schedules) == 0) {
        return;
    }
    char name[160];
    (void)snprintf(name, sizeof(name), "%s/%s", instance->plan->namespace_, instance->plan->name);
    const struct schedule *waits = company_schedule(&engine->company, name);
    if (waits == NULL || waits->due_ms != 0 || !id_equal(&waits->running, &instance->id)) {
        return;
    }
    const struct plan *plan = company_definition(&engine->company, &waits->definition)->plan;
    struct schedule schedule = *waits;
    schedule.running = (struct id){{0}};
    schedule.due_ms = engine->now + plan->schedule.interval_ms;
    engine->port->schedule_put(engine->port_user,
                               company_set_schedule(&engine->company, &schedule));
}

void apply_company(struct engine *engine, const struct event *event)
{
    switch ((unsigned)event->kind) {
    case EVENT_DEFINITION_DEPLOYED:
        definition_deployed(engine, event);
        break;
    case EVENT_DEFINITION_RETIRED:
        definition_retired(engine, event);
        break;
    case EVENT_CONTRACT_PUBLISHED:
        contract_published(engine, event);
        break;
    case EVENT_STORE_HELLO:
        store_hello(engine, event);
        break;
    case EVENT_STORE_LOST:
        store_gone(engine, event, STORE_LOST);
        break;
    case EVENT_STORE_LEFT:
        store_gone(engine, event, STORE_AWAY);
        break;
    case EVENT_ACCEPTED:
        event_accepted(engine, event);
        break;
    case EVENT_BUFFERED:
        event_buffered(engine, event);
        break;
    case EVENT_UNBUFFERED:
        buffer_changed(engine, &(struct buffer_change){
                                   .taken = true, .type = event->name, .mark = event->key});
        engine->port->buffer_delete(engine->port_user, event->name, &event->key, event->at_ms);
        break;
    case EVENT_DEAD_LETTER:
        engine->port->dead_letter_put(engine->port_user, event, engine->now);
        break;
    case EVENT_DEAD_LETTER_REPLAYED:
        engine->port->dead_letter_replayed(engine->port_user, event->count);
        break;
    case EVENT_CLOCK_JUMPED:
    case EVENT_CLOCK_DECIDED:
    case EVENT_CIRCUIT_OPENED:
    case EVENT_CIRCUIT_DECIDED:
        company_gate_event(engine, event);
        break;
    case EVENT_POLICY_SET:
        policy_set(engine, event);
        break;
    case EVENT_BUDGET_RAISED:
    case EVENT_BUDGET_DAY:
        apply_budget(engine, event);
        break;
    case EVENT_PROGRAM_STARTED:
        break; /* for the record: nothing depends on which program it is */
    case EVENT_ZONE_SET:
        zone_set(engine, event);
        break;
    case EVENT_SCHEDULE_SET:
        schedule_set(engine, event);
        break;
    case EVENT_SCHEDULE_ENDED:
        company_end_schedule(&engine->company, event->name);
        engine->port->schedule_delete(engine->port_user, event->name);
        break;
    default:
        UNREACHABLE();
    }
}

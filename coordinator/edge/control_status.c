/*
 * The company at a glance: status, definitions, agents.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/map.h"
#include "coordinator/edge/control_private.h"

/* ---- agents ---- */

static const char *effect_name(enum effect_class effect)
{
    switch (effect) {
    case EFFECT_PURE:
        return "pure";
    case EFFECT_KEYED:
        return "keyed";
    case EFFECT_PROBED:
        return "probed";
    case EFFECT_MANUAL:
        return "manual";
    }
    return "unknown";
}

static json_t *action_json(const struct company *company, const struct store *store,
                           const struct contract_action *action)
{
    json_t *row = json_object();
    json_t *phases = json_array();
    CHECK(row != NULL);
    CHECK(phases != NULL);
    if (action->decides) {
        CHECK(json_array_append_new(phases, json_string("decide")) == 0);
    }
    if (action->performs) {
        CHECK(json_array_append_new(phases, json_string("perform")) == 0);
    }
    json_set_text(row, "action", action->name);
    json_set_text(row, "effect", effect_name(action->effect));
    json_set(row, "phases", phases);
    struct ready_wait waiting = company_waiting(company, store->agent, action->name);
    json_set_int(row, "outstanding", store_in_use(store, action->name));
    json_set_int(row, "credit", store_credit(store, action));
    json_set_int(row, "ready", (int64_t)waiting.steps);
    json_set_time(row, "ready_since", waiting.since_ms);
    if (action->rate_count > 0) {
        json_set(row, "rate",
                 json_pack("{s:I, s:I}", "count", (json_int_t)action->rate_count, "per_ms",
                           (json_int_t)action->rate_ms));
    }
    return row;
}

static const char *store_state_name(enum store_state state)
{
    switch (state) {
    case STORE_LIVE:
        return "live";
    case STORE_AWAY:
        return "away";
    case STORE_LOST:
        return "lost";
    }
    return "unknown";
}

static json_t *store_json(const struct company *company, const struct store *store)
{
    json_t *row = json_object();
    json_t *actions = json_array();
    CHECK(row != NULL);
    CHECK(actions != NULL);
    for (size_t i = 0; i < store->contract->action_count; i++) {
        CHECK(json_array_append_new(
                  actions, action_json(company, store, &store->contract->actions[i])) == 0);
    }
    json_set_text(row, "agent", store->agent);
    json_set_text(row, "store", store->name);
    json_set_text(row, "version", store->contract->version);
    json_set_text(row, "state", store_state_name(store->state));
    bool unhealthy = company_circuit(company, GATE_CONTRACT, store->agent, "",
                                     store->contract->version, "") != NULL;
    json_set_text(row, "health", unhealthy ? "unhealthy" : "well");
    json_set_time(row, "since", store->since_ms);
    json_set_int(row, "outstanding", store->outstanding);
    json_set_int(row, "credit", store->capacity);
    json_set_int(row, "ready", (int64_t)company_waiting(company, store->agent, NULL).steps);
    json_set_text(row, "program", store->program);
    json_set_int(row, "pid", (int64_t)store->pid);
    json_set_text(row, "metrics_url", store->metrics_url);
    json_set(row, "actions", actions);
    return row;
}

static json_t *agents_json(struct request *request)
{
    const struct company *company = control_company(request->control);
    json_t *rows = json_array();
    CHECK(rows != NULL);
    size_t cursor = 0;
    const struct store *store = NULL;
    while ((store = map_next(company->stores, &cursor, NULL, NULL)) != NULL &&
           request_add_row(request, rows, store_json(company, store))) {
    }
    return rows;
}

enum err verb_agents_ls(struct request *request, struct error *err)
{
    TRY(body_check(request, NULL, 0, err));
    json_set(request->reply, "agents", agents_json(request));
    return ERR_OK;
}

/* ---- definitions ---- */

json_t *triggers_json(const struct plan *plan)
{
    json_t *types = json_array();
    CHECK(types != NULL);
    for (size_t i = 0; plan->trigger != NULL && i < plan->trigger->on.filter_count; i++) {
        const char *type = plan->trigger->on.filters[i].type;
        CHECK(json_array_append_new(types, json_string(type == NULL ? "*" : type)) == 0);
    }
    if (plan->trigger != NULL && plan->trigger->on.filter_count == 0) {
        CHECK(json_array_append_new(types, json_string("*")) == 0);
    }
    return types;
}

void schedule_fill(const struct company *company, const struct definition *definition, json_t *row)
{
    const struct plan_schedule *schedule = &definition->plan->schedule;
    static const char *const kinds[] = {"", "every", "cron", "after"};
    if (schedule->kind == SCHEDULE_NONE) {
        return;
    }
    json_t *shown = json_object();
    CHECK(shown != NULL);
    if (schedule->kind == SCHEDULE_CRON) {
        json_set_text(shown, "cron", schedule->text);
        json_set_text(shown, "timezone", schedule->zone == NULL ? "UTC" : schedule->zone);
    } else {
        json_set_int(shown, "interval_ms", schedule->interval_ms);
    }
    json_set_text(shown, "kind", kinds[schedule->kind]);
    json_set(row, "schedule", shown);
    char name[160];
    (void)snprintf(name, sizeof(name), "%s/%s", definition->plan->namespace_,
                   definition->plan->name);
    const struct schedule *state = company_schedule(company, name);
    if (state != NULL && digest_equal(&state->definition, &definition->plan->digest)) {
        json_set_time(row, "next_run_at", state->due_ms);
    }
}

enum err verb_definitions_ls(struct request *request, struct error *err)
{
    TRY(body_check(request, NULL, 0, err));
    json_t *rows = json_array();
    CHECK(rows != NULL);
    json_set(request->reply, "definitions", rows);
    size_t cursor = 0;
    const struct definition *definition = NULL;
    const struct map *all = control_company(request->control)->definitions;
    while ((definition = map_next(all, &cursor, NULL, NULL)) != NULL) {
        json_t *row = json_object();
        CHECK(row != NULL);
        definition_fill(row, definition);
        json_set_text(row, "title", definition->plan->title);
        json_set(row, "triggers", triggers_json(definition->plan));
        schedule_fill(control_company(request->control), definition, row);
        if (!request_add_row(request, rows, row)) {
            break;
        }
    }
    return ERR_OK;
}

/* ---- status ---- */

json_t *open_count_json(const struct open_count *open)
{
    json_t *counts = json_object();
    CHECK(counts != NULL);
    json_set_int(counts, "running", (int64_t)open->running);
    json_set_int(counts, "waiting", (int64_t)open->waiting);
    json_set_int(counts, "suspended", (int64_t)open->suspended);
    return counts;
}

enum err verb_status(struct request *request, struct error *err)
{
    TRY(body_check(request, NULL, 0, err));
    struct control *control = request->control;
    struct tables *tables = turn_tables(control->turn);
    const struct engine *engine = turn_engine(control->turn);
    const struct company *company = control_company(control);
    struct open_count open = company_open(company);
    json_t *reply = request->reply;
    json_t *journal = json_object();
    CHECK(journal != NULL);
    json_set_text(reply, "version", control->options.version);
    json_set_digest(reply, "program", &control->options.program);
    json_set_text(reply, "profile", control->options.profile);
    json_set_int(reply, "pid", (int64_t)control->options.pid);
    json_set_id(reply, "store", tables_store_id(tables));
    json_set_int(reply, "epoch", (int64_t)tables_epoch(tables));
    json_set_time(reply, "started_at", control->options.started_ms);
    json_set_int(journal, "sequence", (int64_t)tables_sequence(tables));
    json_set_digest(journal, "hash", tables_head(tables));
    json_set(reply, "journal", journal);
    json_set(reply, "instances", open_count_json(&open));
    json_set_int(reply, "gates", (int64_t)map_count(company->gates));
    json_set_int(reply, "dead_letters", (int64_t)tables_letter_count(tables));
    json_set_int(reply, "ready", (int64_t)engine_ready(engine));
    json_set_int(reply, "outstanding", (int64_t)engine_outstanding(engine));
    char why[ADMISSION_REASON_BYTES];
    if (!control_takes(control, false, why)) {
        json_set_text(reply, "busy", why);
    }
    json_set_int(reply, "definitions", (int64_t)map_count(company->definitions));
    json_set(reply, "agents", agents_json(request));
    return ERR_OK;
}

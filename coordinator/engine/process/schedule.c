/*
 * Runs by time: what a deployment sets, what is due, and what a new rule of a time zone moves.
 *
 * A schedule belongs to a namespace/name and follows its latest version. A run that is late, after
 * downtime or under load, happens once, at the first turn after its due time; due times that passed
 * meanwhile are not made up for, the run's input says which time it is for and when the next is.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/map.h"
#include "coordinator/definition/zone.h"
#include "coordinator/engine/process/process.h"

enum { NAME_BYTES = 160 };

static const struct zone *schedule_zone(const struct engine *engine, const struct plan *plan)
{
    if (plan->schedule.zone == NULL) {
        return NULL;
    }
    const struct time_zone *known = company_zone(&engine->company, plan->schedule.zone);
    CHECK(known != NULL); /* a deployment without it was refused */
    return known->zone;
}

static void schedule_set(struct engine *engine, const char *name, const struct plan *plan,
                         int64_t due_ms, const struct id *running)
{
    struct event event = engine_event(NULL, EVENT_SCHEDULE_SET);
    event.name = engine_text(engine, name);
    event.has_digest = true;
    event.digest = plan->digest;
    event.at_ms = due_ms;
    if (running != NULL) {
        event.has_key = true;
        event.key = *running;
    }
    engine_emit(engine, &event);
}

static void schedule_end(struct engine *engine, const char *name)
{
    struct event event = engine_event(NULL, EVENT_SCHEDULE_ENDED);
    event.name = engine_text(engine, name);
    engine_emit(engine, &event);
}

/* The first due time after now of a plan that is scheduled `every` or by `cron`; `grid_ms` is a due
 * time that is known. */
static int64_t next_due(const struct engine *engine, const struct plan *plan, int64_t grid_ms)
{
    if (plan->schedule.kind == SCHEDULE_CRON) {
        return cron_next(&plan->schedule.cron, schedule_zone(engine, plan), engine->now);
    }
    int64_t interval = plan->schedule.interval_ms;
    return grid_ms > engine->now ? grid_ms
                                 : grid_ms + ((engine->now - grid_ms) / interval + 1) * interval;
}

bool schedule_possible(struct engine *engine, uint64_t token, const struct plan *plan)
{
    const char *zone = plan->schedule.zone;
    if (zone == NULL || company_zone(&engine->company, zone) != NULL) {
        return true;
    }
    engine_refuse(engine, token, ERR_NOT_FOUND, "the time zone '%s' is not known here", zone);
    return false;
}

/* When the first run of a plan is due that takes over from `old`, NULL: from nothing. An interval
 * that stays the same keeps its rhythm. */
static int64_t first_due(const struct engine *engine, const struct plan *plan,
                         const struct schedule *old)
{
    const struct definition *before =
        old == NULL ? NULL : company_definition(&engine->company, &old->definition);
    bool same = before != NULL && before->plan->schedule.kind == plan->schedule.kind;
    int64_t interval = plan->schedule.interval_ms;
    switch (plan->schedule.kind) {
    case SCHEDULE_EVERY:
        same = same && before->plan->schedule.interval_ms == interval;
        return same ? old->due_ms : engine->now + interval;
    case SCHEDULE_CRON:
        return next_due(engine, plan, 0);
    case SCHEDULE_AFTER:
        return same ? old->due_ms : engine->now;
    case SCHEDULE_NONE:
        break;
    }
    return INT64_MAX;
}

void schedule_follow(struct engine *engine, const struct plan *version)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof(name), "%s/%s", version->namespace_, version->name);
    const struct definition *latest = company_find_definition(&engine->company, name);
    const struct schedule *old = company_schedule(&engine->company, name);
    int64_t due = latest == NULL ? INT64_MAX : first_due(engine, latest->plan, old);
    if (due == INT64_MAX) {
        if (old != NULL) {
            schedule_end(engine, name);
        }
    } else if (old == NULL || !digest_equal(&old->definition, &latest->plan->digest)) {
        struct id running = {{0}};
        if (due == 0) { /* a run is open: the next is due after it */
            running = old->running;
        }
        schedule_set(engine, name, latest->plan, due, due == 0 ? &running : NULL);
    }
}

static struct doc *run_input(struct engine *engine, int64_t due_ms, int64_t next_ms)
{
    char due[CLOCK_TEXT_BYTES];
    char next[CLOCK_TEXT_BYTES];
    (void)clock_format(due_ms, due);
    json_t *input = json_pack("{s:s}", "due", due);
    CHECK(input != NULL);
    if (next_ms != INT64_MAX && clock_format(next_ms, next)) {
        CHECK(json_object_set_new(input, "next", json_string(next)) == 0);
    }
    return engine_hold(engine, doc_of_json(input));
}

static void schedule_fire(struct engine *engine, const struct schedule *schedule)
{
    const struct definition *definition =
        company_definition(&engine->company, &schedule->definition);
    CHECK(definition != NULL);
    const struct plan *plan = definition->plan;
    const char *name = engine_text(engine, schedule->name);
    int64_t due = schedule->due_ms;
    struct id id = id_of_schedule(name, due);
    bool after = plan->schedule.kind == SCHEDULE_AFTER;
    int64_t next = after ? INT64_MAX : next_due(engine, plan, due);
    if (after) {
        schedule_set(engine, name, plan, 0, &id);
    } else if (next != INT64_MAX) {
        schedule_set(engine, name, plan, next, NULL);
    } else {
        schedule_end(engine, name);
    }
    char shown[CLOCK_TEXT_BYTES];
    (void)clock_format(due, shown);
    const char *trigger = arena_printf(engine->arena, "schedule %s", shown);
    CHECK(trigger != NULL);
    bool begun =
        instance_begin(engine, definition, &id, run_input(engine, due, next), trigger, NULL);
    if (!begun && after) { /* its end will not be seen again */
        schedule_set(engine, name, plan, engine->now + plan->schedule.interval_ms, NULL);
    }
}

bool schedule_due(struct engine *engine, int64_t before_ms)
{
    int64_t due = engine->company.schedule_due_ms;
    if (due > engine->now || due > before_ms) {
        return false;
    }
    schedule_fire(engine, company_schedule_first(&engine->company));
    return true;
}

/* The schedules by cron in the zone, in order of name. */
static size_t zone_schedules(struct engine *engine, const char *zone, const char ***ret_names)
{
    const struct company *company = &engine->company;
    const char **names =
        engine_alloc(engine, (map_count(company->schedules) + 1) * sizeof(const char *));
    size_t count = 0;
    size_t cursor = 0;
    const struct schedule *schedule = NULL;
    while ((schedule = map_next(company->schedules, &cursor, NULL, NULL)) != NULL) {
        const struct plan *plan = company_definition(company, &schedule->definition)->plan;
        if (plan->schedule.zone == NULL || strcmp(plan->schedule.zone, zone) != 0) {
            continue;
        }
        size_t at = count++;
        for (; at > 0 && strcmp(schedule->name, names[at - 1]) < 0; at--) {
            names[at] = names[at - 1];
        }
        names[at] = engine_text(engine, schedule->name);
    }
    *ret_names = names;
    return count;
}

void process_zone(struct engine *engine, uint64_t token, const struct zone_command *command)
{
    struct zone *zone = NULL;
    struct error err = {0};
    struct digest digest = crypto_blake(command->rules.data, command->rules.size);
    const struct time_zone *known = company_zone(&engine->company, command->name);
    if (known != NULL && digest_equal(&known->digest, &digest)) {
        engine_reply_ok(engine, token, NULL, false);
        return;
    }
    if (!zone_name_valid(command->name) || zone_parse(command->rules, &zone, &err) != ERR_OK) {
        engine_refuse(engine, token, ERR_INVALID, "the rules of time zone '%.64s': %s",
                      command->name, err.message);
        return;
    }
    zone_destroy(&zone);
    struct event event = engine_event(NULL, EVENT_ZONE_SET);
    event.name = engine_text(engine, command->name);
    event.has_digest = true;
    event.digest = digest;
    char *bytes = arena_dup(engine->arena, command->rules.data, command->rules.size);
    CHECK(bytes != NULL);
    event.raw = (struct str){.data = bytes, .size = command->rules.size};
    engine_emit(engine, &event);
    const char **names = NULL;
    size_t count = zone_schedules(engine, command->name, &names);
    for (size_t i = 0; i < count; i++) {
        const struct schedule *schedule = company_schedule(&engine->company, names[i]);
        const struct plan *plan = company_definition(&engine->company, &schedule->definition)->plan;
        if (schedule->due_ms > engine->now) { /* what is due already stays due */
            schedule_set(engine, names[i], plan, next_due(engine, plan, 0), NULL);
        }
    }
    engine_reply_ok(engine, token, NULL, true);
}

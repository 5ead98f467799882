/* When instances begin by themselves: events, intervals, cron. */
#include <string.h>

#include "coordinator/definition/load.h"
#include "coordinator/definition/zone.h"

static void check_cron(struct load *load, const struct yaml_node *node,
                       struct plan_schedule *schedule)
{
    const char *text = check_text(load, node, "'cron'");
    struct error err = {0};
    if (text == NULL) {
        return;
    }
    if (strstr(text, "TZ=") != NULL) {
        report_problem(load->report, node, "document: {metadata: {mainstay: {timezone: ...}}}",
                       "the time zone of 'cron' stands in the document's metadata");
        return;
    }
    if (cron_parse(text, &schedule->cron, &err) != ERR_OK) {
        report_problem(load->report, node,
                       text[0] == '@' ? "for example 0 0 * * * for every midnight" : NULL,
                       "'cron': %s", err.message);
    }
    schedule->text = text;
}

static void check_interval(struct load *load, const struct yaml_node *node, const char *what,
                           int64_t least_ms, struct plan_schedule *schedule)
{
    const char *inside = NULL;
    if (json_is_string(node->value) &&
        check_embrace(load, json_string_value(node->value), &inside) != 0) {
        report_problem(load->report, node, NULL, "%s must be a fixed duration, not an expression",
                       what);
        return;
    }
    schedule->interval_ms = check_fixed_duration(load, node, what);
    if (schedule->interval_ms < least_ms || schedule->interval_ms > PLAN_INTERVAL_MS_MAX) {
        report_problem(load->report, node, NULL, "%s takes from %s to ten years", what,
                       least_ms > 1 ? "one second" : "one millisecond");
    }
}

/* every, cron, after: one of them. */
static void check_times(struct load *load, const struct yaml_node *node,
                        struct plan_schedule *schedule)
{
    static const char *const kinds[] = {"every", "cron", "after"};
    for (size_t i = 0; i < 3; i++) {
        const struct yaml_node *found = yaml_get(node, kinds[i]);
        if (found == NULL) {
            continue;
        }
        if (schedule->kind != SCHEDULE_NONE) {
            report_key(load->report, found, "make a definition for each that calls the same tasks",
                       "one of 'every', 'cron' and 'after', not several");
            return;
        }
        schedule->kind = (enum schedule_kind)(SCHEDULE_EVERY + i);
        if (schedule->kind == SCHEDULE_CRON) {
            check_cron(load, found, schedule);
        } else if (schedule->kind == SCHEDULE_EVERY) {
            check_interval(load, found, "'every'", PLAN_EVERY_MS_MIN, schedule);
        } else {
            check_interval(load, found, "'after'", 1, schedule);
        }
    }
}

static void check_trigger(struct load *load, const struct yaml_node *node)
{
    static const char *const reads[] = {"data", "envelope", "raw", NULL};
    const struct yaml_node *on = yaml_get(node, "on");
    const struct yaml_node *read = yaml_get(node, "read");
    if (on == NULL) {
        if (read != NULL) {
            report_key(load->report, read, NULL, "'read' says how events are read: it needs 'on'");
        }
        return;
    }
    struct plan_trigger *trigger = ARENA_NEW(load->arena, struct plan_trigger);
    if (trigger == NULL) {
        load->failed = true;
        return;
    }
    check_consumption(load, on, true, &trigger->on);
    int word = read == NULL ? READ_ENVELOPE : check_word(load, read, "'read'", reads);
    trigger->on.read = word < 0 ? READ_ENVELOPE : (enum event_read)word;
    load->memory->plan.trigger = trigger;
}

void check_timezone(struct load *load, const struct yaml_node *node)
{
    const char *name = check_text(load, node, "'timezone'");
    if (name != NULL && !zone_name_valid(name)) {
        report_problem(load->report, node, "for example Europe/Berlin",
                       "'timezone' must be a name of the IANA time zone database, not '%.64s'",
                       name);
    }
    load->memory->plan.schedule.zone = name;
    load->memory->plan.schedule.zone_line = node->line;
    load->memory->plan.schedule.zone_column = node->column;
}

void check_schedule(struct load *load, const struct yaml_node *node, const struct yaml_node *zone)
{
    static const char *const allowed[] = {"every", "cron", "after", "on", "read", NULL};
    struct plan_schedule *schedule = &load->memory->plan.schedule;
    if (node != NULL && check_is_object(load, node, "'schedule'")) {
        check_keys(load, node, "'schedule'", allowed, NULL);
        if (node->count == 0) {
            report_problem(load->report, node, NULL,
                           "'schedule' needs 'every', 'cron', 'after' or 'on'");
        }
        check_times(load, node, schedule);
        check_trigger(load, node);
    }
    if (zone != NULL && schedule->kind != SCHEDULE_CRON) {
        report_key(load->report, zone, NULL,
                   "'timezone' is that of 'schedule.cron', which is not "
                   "there");
    }
}

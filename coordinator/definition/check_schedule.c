/* When instances begin by themselves: events, intervals, cron. */
#include <string.h>

#include "common/base/arena.h"
#include "common/crypto/crypto.h"
#include "common/json/json.h"
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

/* Where the filters of a strategy stand. */
static const struct yaml_node *filters_node(const struct yaml_node *on)
{
    static const char *const kinds[] = {"one", "any", "all"};
    const struct yaml_node *found = NULL;
    for (size_t i = 0; i < 3 && found == NULL; i++) {
        found = yaml_get(on, kinds[i]);
    }
    return found;
}

static const struct yaml_node *filter_node(const struct event_consumption *on,
                                           const struct yaml_node *filters, size_t index)
{
    return on->kind == CONSUME_ONE ? filters : filters->items[index];
}

/* The name of what waits for a filter: the same in another version that has the same filter. The
 * `nth` of those that are written alike. */
static uint64_t gather_name(struct load *load, const char *role, const json_t *filter, int nth)
{
    json_t *all = json_pack("{s:s, s:i, s:O}", "as", role, "nth", nth, "filter", filter);
    if (load_keep(load, all) == NULL) {
        return 0;
    }
    struct digest digest = json_digest(all);
    uint64_t name = 0;
    for (size_t i = 0; i < sizeof(name); i++) {
        name = name << 8 | digest.bytes[i];
    }
    return name;
}

static void filters_name(struct load *load, const struct yaml_node *node, const char *role,
                         struct event_consumption *on)
{
    struct event_filter *named =
        ARENA_ARRAY(load->arena, struct event_filter, on->filter_count + 1);
    if (named == NULL) {
        load->failed = true;
        return;
    }
    for (size_t i = 0; i < on->filter_count; i++) {
        int nth = 0;
        const json_t *filter = filter_node(on, node, i)->value;
        for (size_t j = 0; j < i; j++) {
            nth += json_equal(filter, filter_node(on, node, j)->value);
        }
        named[i] = on->filters[i];
        named[i].gather = gather_name(load, role, filter, nth);
    }
    on->filters = named;
    on->gather = gather_name(load, role, node->value, -1);
}

/* Whether the filter correlates by the name with other events; an expected value is a filter. */
static bool correlates_by(const struct event_filter *filter, const char *name)
{
    bool found = false;
    for (size_t i = 0; i < filter->correlation_count && !found; i++) {
        found = strcmp(filter->correlations[i].name, name) == 0 &&
                filter->correlations[i].expect == NULL;
    }
    return found;
}

/* Which events belong together is a question of all of them. */
static void check_same_names(struct load *load, const struct yaml_node *node,
                             const struct event_filter *filter, const struct event_filter *first)
{
    static const struct event_filter none;
    const struct event_filter *pair[] = {first == NULL ? &none : first, filter};
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < pair[i]->correlation_count; j++) {
            const char *name = pair[i]->correlations[j].name;
            if (pair[i]->correlations[j].expect == NULL && !correlates_by(pair[1 - i], name)) {
                report_problem(load->report, node,
                               "give each filter of 'on' the same names in 'correlate'",
                               "it is not said which events belong together: '%.64s' is not "
                               "correlated by all of them",
                               name);
                return;
            }
        }
    }
}

/* Correlations and names of a start by several events; by one there are none. */
static void check_gathering(struct load *load, const struct yaml_node *node,
                            struct event_consumption *on)
{
    const struct yaml_node *filters = filters_node(node);
    const struct event_filter *first = on->filter_count > 0 ? &on->filters[0] : NULL;
    for (size_t i = 1; i < on->filter_count; i++) {
        check_same_names(load, filter_node(on, filters, i), &on->filters[i], first);
    }
    filters_name(load, filters, on->kind == CONSUME_ALL ? "all" : "any", on);
    if (on->until_events == NULL) {
        return;
    }
    struct event_consumption *ends = ARENA_NEW(load->arena, struct event_consumption);
    if (ends == NULL) {
        load->failed = true;
        return;
    }
    *ends = *on->until_events;
    filters = filters_node(yaml_get(node, "until"));
    if (ends->filters == NULL) {
        return; /* told already */
    }
    for (size_t i = 0; i < ends->filter_count; i++) {
        check_same_names(load, filter_node(ends, filters, i), &ends->filters[i], first);
    }
    filters_name(load, filters, "until", ends);
    on->until_events = ends;
}

/* What starts an instance alone has nothing to be correlated with. */
static void check_alone(struct load *load, const struct yaml_node *node,
                        const struct event_consumption *on)
{
    const struct yaml_node *filters = filters_node(node);
    for (size_t i = 0; i < on->filter_count; i++) {
        const struct yaml_node *correlate = yaml_get(filter_node(on, filters, i), "correlate");
        if (correlate != NULL) {
            report_key(load->report, correlate,
                       "'all', or 'any' with 'until', start an instance by several events",
                       "an event that starts an instance alone has nothing to be correlated with");
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
    trigger->gathers = trigger->on.kind == CONSUME_ALL || trigger->on.until != NULL ||
                       trigger->on.until_events != NULL;
    if (trigger->on.filters != NULL && trigger->gathers) {
        check_gathering(load, on, &trigger->on);
    } else if (trigger->on.filters != NULL) {
        check_alone(load, on, &trigger->on);
    }
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

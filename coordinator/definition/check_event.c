/* emit, listen and event triggers. */
#include <string.h>

#include "common/base/limits.h"
#include "coordinator/definition/load.h"

static const char *const read_modes[] = {"data", "envelope", "raw", NULL};

/* A fixed text as an event's type. */
static void check_type(struct load *load, const struct yaml_node *node)
{
    const char *inside = NULL;
    if (json_is_string(node->value) &&
        check_embrace(load, json_string_value(node->value), &inside) == 0 &&
        !plan_event_type_valid(json_string_value(node->value))) {
        report_problem(load->report, node, "for example com.example.order.paid",
                       "the type of an event has 1 to %d bytes, no spaces and no control "
                       "characters (LIMIT_EVENT_TYPE_BYTES)",
                       LIMIT_EVENT_TYPE_BYTES);
    }
}

/* What is fixed about an event; expressions are looked at when they have a value. */
static void check_sent(struct load *load, const struct yaml_node *item)
{
    const char *inside = NULL;
    bool expression = json_is_string(item->value) &&
                      check_embrace(load, json_string_value(item->value), &inside) != 0;
    const char *why = expression ? NULL : plan_attribute_problem(item->key, item->value);
    if (why != NULL && strcmp(item->key, "type") == 0 && json_is_string(item->value)) {
        check_type(load, item);
    } else if (why != NULL) {
        report_problem(load->report, item, NULL, "'%.64s' of an event: %s", item->key, why);
    }
}

void check_emit(struct load *load, const struct yaml_node *node, struct plan_node *task)
{
    static const char *const emit_keys[] = {"event", NULL};
    static const char *const event_keys[] = {"with", NULL};
    const struct yaml_node *emit = yaml_get(node, "emit");
    if (!check_is_object(load, emit, "'emit'")) {
        return;
    }
    check_keys(load, emit, "'emit'", emit_keys, NULL);
    const struct yaml_node *event = check_required(load, emit, "event", "'emit'");
    if (event == NULL || !check_is_object(load, event, "'event'")) {
        return;
    }
    check_keys(load, event, "'event'", event_keys, NULL);
    const struct yaml_node *with = check_required(load, event, "with", "'event'");
    if (with == NULL || !check_is_object(load, with, "'with' of an event")) {
        return;
    }
    (void)check_required(load, with, "type", "an event");
    for (size_t i = 0; i < with->count; i++) {
        check_sent(load, with->items[i]);
    }
    task->emit = check_template(load, with, PLACE_TASK);
}

/* Types are compared exactly; subjects of the bus have such patterns, and the specification does
 * not say that types have none. */
static void check_pattern(struct load *load, const struct yaml_node *item, const char *type)
{
    if (type != NULL && strpbrk(type, "*>") != NULL) {
        report_warning(load->report, item,
                       "name each type as a filter of 'any', or take 'any: []' for all events",
                       "'%.100s' is no pattern: only an event of exactly this type fits", type);
    }
}

static void check_attribute(struct load *load, const struct yaml_node *item,
                            struct event_filter *filter, json_t *others)
{
    const char *inside;
    if (json_is_string(item->value) &&
        check_embrace(load, json_string_value(item->value), &inside) != 0) {
        report_problem(
            load->report, item, "compare with a fixed text here and the rest in 'data: ${ ... }'",
            "'%.64s' of an event filter must be a fixed text, not an expression", item->key);
        return;
    }
    const char *text = json_string_value(item->value);
    if (strcmp(item->key, "type") == 0 || strcmp(item->key, "source") == 0 ||
        strcmp(item->key, "subject") == 0) {
        (void)check_text(load, item, "an attribute of an event filter");
        if (*item->key == 't') {
            check_type(load, item);
            check_pattern(load, item, text);
        }
        filter->type = *item->key == 't' ? text : filter->type;
        filter->source = strcmp(item->key, "source") == 0 ? text : filter->source;
        filter->subject = strcmp(item->key, "subject") == 0 ? text : filter->subject;
        return;
    }
    if (json_is_object(item->value) || json_is_array(item->value) || json_is_null(item->value)) {
        report_problem(load->report, item, NULL,
                       "'%.64s' of an event filter must be a text, number or boolean", item->key);
        return;
    }
    if (json_object_set(others, item->key, item->value) != 0) {
        load->failed = true;
    }
}

static void check_with(struct load *load, const struct yaml_node *with, unsigned place,
                       struct event_filter *filter)
{
    if (with == NULL || !check_is_object(load, with, "'with' of an event filter")) {
        return;
    }
    json_t *others = json_object();
    if (load_keep(load, others) == NULL) {
        return;
    }
    if (with->count == 0) {
        report_problem(load->report, with, "use 'any: []' to take every event",
                       "'with' of an event filter needs at least one attribute");
    }
    for (size_t i = 0; i < with->count; i++) {
        const struct yaml_node *item = with->items[i];
        if (strcmp(item->key, "data") != 0) {
            check_attribute(load, item, filter, others);
            continue;
        }
        const char *inside;
        if (!json_is_string(item->value) ||
            check_embrace(load, json_string_value(item->value), &inside) != 1) {
            report_problem(load->report, item, "for example data: ${ .total > 100 }",
                           "'data' of an event filter must be an expression in ${ }");
            continue;
        }
        filter->data = check_expression(load, item, "'data'", place);
    }
    filter->attributes = json_object_size(others) == 0 ? NULL : others;
}

static void check_correlate(struct load *load, const struct yaml_node *node, unsigned place,
                            struct event_filter *filter)
{
    static const char *const allowed[] = {"from", "expect", NULL};
    if (node == NULL || !check_is_object(load, node, "'correlate'")) {
        return;
    }
    struct event_correlation *rows =
        ARENA_ARRAY(load->arena, struct event_correlation, node->count + 1);
    if (rows == NULL) {
        load->failed = true;
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *item = node->items[i];
        rows[i].name = item->key;
        if (!check_is_object(load, item, "a correlation")) {
            continue;
        }
        check_keys(load, item, "a correlation", allowed, NULL);
        rows[i].from = check_expression(load, check_required(load, item, "from", "a correlation"),
                                        "'from'", place);
        rows[i].expect = check_template(load, yaml_get(item, "expect"), place);
    }
    filter->correlations = rows;
    filter->correlation_count = node->count;
}

static void check_filter(struct load *load, const struct yaml_node *node, bool trigger,
                         struct event_filter *filter)
{
    static const char *const allowed[] = {"with", "correlate", NULL};
    unsigned place = trigger ? PLACE_TRIGGER : PLACE_TASK;
    if (!check_is_object(load, node, "an event filter")) {
        return;
    }
    load->native_in = "an event filter";
    check_keys(load, node, "an event filter", allowed, NULL);
    check_with(load, check_required(load, node, "with", "an event filter"), place, filter);
    check_correlate(load, yaml_get(node, "correlate"), place, filter);
    load->native_in = NULL;
}

/* The one of `one`, `any` and `all` that is there; NULL after reporting. */
static const struct yaml_node *consumption_source(struct load *load, const struct yaml_node *node,
                                                  struct event_consumption *consumption)
{
    static const char *const kinds[] = {"one", "any", "all", NULL};
    const struct yaml_node *source = NULL;
    for (int i = 0; kinds[i] != NULL; i++) {
        const struct yaml_node *found = yaml_get(node, kinds[i]);
        if (found != NULL && source != NULL) {
            report_key(load->report, found, NULL, "one of 'one', 'any' and 'all', not several");
        }
        if (found != NULL && source == NULL) {
            consumption->kind = (enum consume_kind)i;
            source = found;
        }
    }
    if (source == NULL) {
        report_problem(load->report, node, NULL, "an event strategy needs 'one', 'any' or 'all'");
    }
    return source;
}

/* An expression over what the listen gives so far, or the events that end it. */
static void check_until(struct load *load, const struct yaml_node *node, bool trigger,
                        struct event_consumption *consumption)
{
    if (node == NULL) {
        return;
    }
    if (consumption->kind != CONSUME_ANY) {
        report_key(load->report, node, NULL,
                   "'until' goes with 'any': 'one' and 'all' say themselves when they are done");
        return;
    }
    if (!json_is_object(node->value)) {
        load->native_in = "'until'";
        consumption->until =
            check_expression(load, node, "'until'", trigger ? PLACE_TRIGGER : PLACE_TASK);
        load->native_in = NULL;
        return;
    }
    if (yaml_get(node, "until") != NULL) {
        report_key(load->report, yaml_get(node, "until"), NULL,
                   "'until' has no 'until' of its own");
        return;
    }
    struct event_consumption *events = ARENA_NEW(load->arena, struct event_consumption);
    if (events == NULL) {
        load->failed = true;
        return;
    }
    check_consumption(load, node, trigger, events);
    consumption->until_events = events;
}

void check_consumption(struct load *load, const struct yaml_node *node, bool trigger,
                       struct event_consumption *consumption)
{
    static const char *const allowed[] = {"one", "any", "all", "until", NULL};
    if (!check_is_object(load, node, trigger ? "'on'" : "'to'")) {
        return;
    }
    check_keys(load, node, trigger ? "'on'" : "'to'", allowed, NULL);
    const struct yaml_node *source = consumption_source(load, node, consumption);
    if (source == NULL) {
        return;
    }
    bool one = consumption->kind == CONSUME_ONE;
    size_t count = one ? 1 : source->count;
    if (!one && !check_is_array(load, source, "'any' and 'all'")) {
        return;
    }
    if (consumption->kind == CONSUME_ALL && count == 0) {
        report_problem(load->report, source, NULL, "'all' needs at least one event filter");
    }
    if (consumption->kind == CONSUME_ALL && count > CONSUME_ALL_MAX) {
        report_problem(load->report, source, NULL, "'all' takes at most %d event filters",
                       CONSUME_ALL_MAX);
    }
    struct event_filter *filters = ARENA_ARRAY(load->arena, struct event_filter, count + 1);
    if (filters == NULL) {
        load->failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        check_filter(load, one ? source : source->items[i], trigger, &filters[i]);
    }
    consumption->filters = filters;
    consumption->filter_count = count;
    check_until(load, yaml_get(node, "until"), trigger, consumption);
}

static void check_foreach(struct load *load, const struct yaml_node *node, struct plan_node *task)
{
    static const char *const allowed[] = {"item", "at", "do", "output", "export", NULL};
    struct plan_foreach *foreach = ARENA_NEW(load->arena, struct plan_foreach);
    if (foreach == NULL || !check_is_object(load, node, "'foreach'")) {
        load->failed = load->failed || foreach == NULL;
        return;
    }
    check_keys(load, node, "'foreach'", allowed, NULL);
    foreach
        ->item = check_variable_name(load, yaml_get(node, "item"), "'item'", "item");
    foreach
        ->at = check_variable_name(load, yaml_get(node, "at"), "'at'", "index");
    if (strcmp(foreach->item, foreach->at) == 0) {
        report_problem(load->report, node, NULL, "'item' and 'at' are both called '%s'",
                       foreach->at);
    }
    size_t scope = load->scope_count;
    load_scope_push(load, node, foreach->item);
    load_scope_push(load, node, foreach->at);
    check_data(load, node, &foreach->data, false);
    foreach
        ->first = check_tasks(load, yaml_get(node, "do"),
                              load_printf(load, "%s/foreach/do", task->pointer), task->index);
    load->scope_count = scope;
    task->listen.foreach = foreach;
}

/* A key of `correlate` is one value in the whole listen: where it says what it expects, it says so
 * for the filters that only name it too. */
static const struct template *expected_value(const struct event_consumption *on, const char *name)
{
    for (size_t i = 0; on != NULL && i < on->filter_count; i++) {
        for (size_t c = 0; c < on->filters[i].correlation_count; c++) {
            const struct event_correlation *row = &on->filters[i].correlations[c];
            if (row->expect != NULL && strcmp(row->name, name) == 0) {
                return row->expect;
            }
        }
    }
    return NULL;
}

static void share_expected(const struct event_consumption *on, const struct event_consumption *from)
{
    for (size_t i = 0; on != NULL && i < on->filter_count; i++) {
        for (size_t c = 0; c < on->filters[i].correlation_count; c++) {
            struct event_correlation *row = &on->filters[i].correlations[c];
            row->expect = row->expect != NULL ? row->expect : expected_value(from, row->name);
        }
    }
}

void check_listen(struct load *load, const struct yaml_node *node, struct plan_node *task)
{
    static const char *const allowed[] = {"to", "read", NULL};
    const struct yaml_node *listen = yaml_get(node, "listen");
    const struct yaml_node *foreach_node = yaml_get(node, "foreach");
    task->listen = (struct event_consumption){.read = READ_DATA};
    if (!check_is_object(load, listen, "'listen'")) {
        return;
    }
    check_keys(load, listen, "'listen'", allowed, NULL);
    int read = yaml_get(listen, "read") == NULL
                   ? READ_DATA
                   : check_word(load, yaml_get(listen, "read"), "'read'", read_modes);
    const struct yaml_node *to = check_required(load, listen, "to", "'listen'");
    if (to != NULL) {
        check_consumption(load, to, false, &task->listen);
        share_expected(&task->listen, &task->listen);
        share_expected(task->listen.until_events, task->listen.until_events);
        share_expected(task->listen.until_events, &task->listen);
        share_expected(&task->listen, task->listen.until_events);
    }
    task->listen.read = read < 0 ? READ_DATA : (enum event_read)read;
    if (foreach_node != NULL) {
        check_foreach(load, foreach_node, task);
    }
}

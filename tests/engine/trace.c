/*
 * Journal events and orders as lines of text.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "tests/engine/harness.h"

static size_t instance_number(struct harness *h, const struct id *id)
{
    for (size_t i = 0; i < h->instance_count; i++) {
        if (id_equal(&h->instances[i], id)) {
            return i + 1;
        }
    }
    return 0;
}

static void instance_seen(struct harness *h, const struct event *event)
{
    if (event->kind == EVENT_INSTANCE_STARTED) {
        CHECK(h->instance_count < HARNESS_INSTANCES);
        h->instances[h->instance_count] = event->instance;
        h->definitions[h->instance_count++] = event->digest;
    } else if (event->kind == EVENT_INSTANCE_MIGRATED) {
        h->definitions[instance_number(h, &event->instance) - 1] = event->digest;
    } else if (event->kind == EVENT_GATE_OPENED || event->kind == EVENT_CLOCK_JUMPED ||
               (event->kind == EVENT_CIRCUIT_OPENED && event->count == 1)) {
        CHECK(h->gate_count < HARNESS_GATES);
        h->gates[h->gate_count++] = event->key;
    }
}

static const struct plan *plan_of(struct harness *h, size_t number)
{
    const struct company *company = engine_company(turn_engine(h->turn));
    return company_definition(company, &h->definitions[number - 1])->plan;
}

static void trace_doc(struct harness *h, const char *name, struct doc *doc)
{
    if (doc == NULL) {
        return;
    }
    static const char errors[] = "https://open-workflow-specification.org/spec/1.0.0/errors/";
    buf_printf(&h->trace, " %s=", name);
    const char *text = doc_text(doc, NULL);
    const char *found = NULL;
    while ((found = strstr(text, errors)) != NULL) {
        buf_append(&h->trace, text, (size_t)(found - text));
        buf_append_str(&h->trace, "err:");
        text = found + sizeof(errors) - 1;
    }
    buf_append_str(&h->trace, text);
}

static void trace_text(struct harness *h, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        buf_printf(&h->trace, " %s=%s", name, text);
    }
}

static void trace_step(struct harness *h, const struct event *event, size_t number)
{
    bool back = event->kind == EVENT_INSTANCE_REWINDING || event->kind == EVENT_INSTANCE_REWOUND ||
                event->kind == EVENT_INSTANCE_FORKED;
    uint32_t node = back ? event->next_node : event->node;
    if (node == PLAN_NONE) {
        return;
    }
    char step[256];
    engine_step_name(plan_of(h, number), node, back ? "" : event->path, event->activation, step,
                     sizeof(step));
    buf_printf(&h->trace, " %s", step);
}

/* Of which instance another one is a fork. */
static void trace_origin(struct harness *h, const struct event *event)
{
    if (event->kind == EVENT_INSTANCE_FORKED) {
        buf_printf(&h->trace, " of=i%zu%s", instance_number(h, &event->key),
                   event->count == 1 ? " forced" : "");
    }
}

static void trace_flow(struct harness *h, const struct event *event)
{
    bool leaves = event->kind == EVENT_STEP_RAN || event->kind == EVENT_STEP_SKIPPED ||
                  event->kind == EVENT_STEP_COMPLETED;
    if (leaves && event->flow == WALK_SCOPE_END) {
        buf_append_str(&h->trace, " ^");
    } else if (event->flow == WALK_END) {
        buf_append_str(&h->trace, " !");
    } else if (event->flow == WALK_BYPASS) {
        buf_append_str(&h->trace, " ~");
    }
}

static const char *result_word(uint32_t status)
{
    return status == RESULT_DONE ? "done" : "failed";
}

static void trace_call(struct harness *h, const struct event *event)
{
    static const char *const phases[] = {"", " decide", " perform"};
    static const char *const marks[] = {"", "none", "unknown", "done"};
    if (event->kind == EVENT_STEP_DISPATCHED || event->kind == EVENT_STEP_RESULT ||
        event->kind == EVENT_STEP_RETRY) {
        buf_printf(&h->trace, "%s #%u.%u", phases[event->phase], event->attempt >> 8U,
                   event->attempt & 0xFFU);
    }
    if (event->kind == EVENT_STEP_RESULT) {
        buf_printf(&h->trace, " %s effect=%s", result_word(event->status), marks[event->effect]);
    }
    if (event->kind == EVENT_STEP_DISPATCHED) {
        trace_text(h, "store", event->store);
        trace_text(h, "contract", event->name);
    }
    if (event->failure != NULL) {
        buf_printf(&h->trace, " %s:%s", failure_class_name(event->failure->failure_class),
                   event->failure->code);
    }
}

static void trace_circuit(struct harness *h, const struct event *event)
{
    if (event->kind == EVENT_CIRCUIT_OPENED) {
        bool agent = event->agent != NULL && event->agent[0] != '\0'; /* else of a budget */
        buf_printf(&h->trace, " %s%s%s", gate_kind_name((enum gate_kind)event->status),
                   agent ? " " : "", agent ? event->agent : "");
        trace_text(h, "action", event->action);
        trace_text(h, "scope", event->name);
        buf_printf(&h->trace, " r%u", event->count);
    } else if (event->kind == EVENT_CIRCUIT_DECIDED) {
        buf_append_str(&h->trace, event->count == 1 ? " probe" : " by-itself");
    }
}

static void trace_undo(struct harness *h, const struct event *event)
{
    switch ((unsigned)event->kind) {
    case EVENT_COMPENSATION_REGISTERED:
        trace_text(h, "of", event->frame == 0 ? event->text : NULL);
        trace_text(h, "by", event->action);
        buf_append_str(&h->trace, event->status == 1   ? " unwanted"
                                  : event->status == 2 ? " undone"
                                                       : "");
        break;
    case EVENT_UNWINDING:
        buf_printf(&h->trace, " %s to=%s",
                   event->count == UNDO_ALL        ? "all"
                   : event->count == UNDO_UNWANTED ? "unwanted"
                                                   : "caught",
                   event->status == 0 ? "go on"
                                      : instance_status_name((enum instance_status)event->status));
        break;
    case EVENT_COMPENSATION_STARTED:
        buf_printf(&h->trace, " %s %s by=%s", event->status == PURPOSE_UNDO ? "undo" : "settle",
                   event->text, event->action);
        break;
    case EVENT_COMPENSATION_ENDED:
        buf_printf(&h->trace, " %s %s", event->source,
                   event->status == LEDGER_COMPENSATED ? "compensated"
                   : event->status == LEDGER_KEPT      ? "kept"
                   : event->status == LEDGER_DONE      ? "done"
                   : event->status == LEDGER_NONE      ? "none"
                                                       : "given up");
        break;
    default:
        break;
    }
}

static void trace_numbers(struct harness *h, const struct event *event)
{
    switch ((unsigned)event->kind) {
    case EVENT_STEP_RETRY:
    case EVENT_TRY_RETRY:
    case EVENT_WORKFLOW_ENTERED:
    case EVENT_INSTANCE_FORKED:
    case EVENT_STEP_STARTED:
        if (event->at_ms != 0) {
            buf_printf(&h->trace, " at=+%lld", (long long)(event->at_ms - h->start_ms));
        }
        break;
    case EVENT_SCHEDULE_SET:
        if (event->at_ms != 0) {
            buf_printf(&h->trace, " at=+%lld", (long long)(event->at_ms - h->start_ms));
        } else {
            buf_append_str(&h->trace, " waits");
        }
        break;
    case EVENT_ITERATION_ENDED:
        buf_append_str(&h->trace, event->status == 1 ? " last" : "");
        break;
    case EVENT_ITERATION_STARTED:
        buf_printf(&h->trace, " [%u]", event->count);
        break;
    case EVENT_GATE_OPENED:
        buf_printf(&h->trace, " %s r%u", gate_kind_name((enum gate_kind)event->status),
                   event->count);
        break;
    case EVENT_GATE_DECIDED:
        buf_printf(&h->trace, " %s",
                   event->status == VERDICT_APPROVE ? "approve"
                   : event->status == VERDICT_EDIT  ? "edit"
                   : event->status == VERDICT_YES   ? "yes"
                   : event->status == VERDICT_NO    ? "no"
                                                    : "reject");
        break;
    case EVENT_CONSUMED:
        buf_printf(&h->trace, "%s filter=%u%s", event->attempt == 1 ? " until" : "", event->count,
                   event->status == 1 ? " all" : "");
        break;
    case EVENT_INSTANCE_SETTLING:
        buf_printf(&h->trace, " to=%s", instance_status_name((enum instance_status)event->status));
        break;
    case EVENT_STEP_CANCELLED:
        buf_append_str(&h->trace,
                       event->status == LEAVES || event->status == STAYS_FOR_RETRY ? "" : " stays");
        break;
    case EVENT_CHILD_STARTED:
        buf_printf(&h->trace, " runs=%s%s", event->name, event->frame == 0 ? " detached" : "");
        break;
    case EVENT_CHILD_ENDED:
        buf_printf(&h->trace, " %s", instance_status_name((enum instance_status)event->status));
        break;
    case EVENT_INSTANCE_REWINDING:
        buf_append_str(&h->trace, event->count == 1 ? " forced" : "");
        break;
    case EVENT_BRANCHES_JOINED:
        if (event->count > 0) {
            buf_printf(&h->trace, " winner=%u", event->count);
        }
        break;
    default:
        break;
    }
}

static void trace_lock(struct harness *h, const struct event *event, size_t number)
{
    static const char *const leases[] = {"waits", "held", "shared"};
    if (event->kind == EVENT_LOCK_GRANTED || event->kind == EVENT_LOCK_EXPIRED) {
        trace_text(h, "lock", event->id);
    } else if (event->kind == EVENT_STEP_STARTED &&
               plan_of(h, number)->nodes[event->node].kind == TASK_LOCK) {
        trace_text(h, "lock", event->id);
        buf_printf(&h->trace, " %s", leases[event->status]);
    }
}

static void trace_money(struct harness *h, const struct event *event)
{
    char text[MONEY_TEXT_BYTES];
    bool amount = event->kind == EVENT_BUDGET_RESERVED || event->kind == EVENT_BUDGET_RAISED ||
                  event->kind == EVENT_STEP_UNFUNDED;
    if (amount) {
        buf_printf(&h->trace, " %s", money_print(event->at_ms, event->source, text));
    }
    if (event->kind == EVENT_BUDGET_RESERVED) {
        buf_printf(&h->trace, " in=%u", event->count);
    } else if (event->kind == EVENT_STEP_UNFUNDED) {
        buf_printf(&h->trace, " kind=%u", event->status);
    }
}

static bool is_company(const struct event *event)
{
    return event->kind == EVENT_DEFINITION_DEPLOYED || event->kind == EVENT_CONTRACT_PUBLISHED ||
           event->kind == EVENT_STORE_HELLO || event->kind == EVENT_STORE_LEFT ||
           event->kind == EVENT_STORE_LOST || event->kind == EVENT_POLICY_SET ||
           event->kind == EVENT_DEFINITION_RETIRED;
}

static void trace_values(struct harness *h, const struct event *event)
{
    trace_doc(h, "in", event->input);
    trace_doc(h, "out", event->output);
    trace_doc(h, "context", event->context);
    trace_doc(h, "error", event->error);
    if (event->kind == EVENT_INSTANCE_MIGRATED) {
        trace_text(h, "to", event->name);
    } else if (event->kind != EVENT_EMITTED && event->kind != EVENT_BUFFERED) {
        trace_doc(h, "value", event->value);
    }
    if (event->kind == EVENT_STEP_CANCELLED || event->kind == EVENT_DEAD_LETTER) {
        trace_text(h, "why", event->text);
    }
}

/* Of what waits for a start by several events only the definition: the rest is digests. */
static void trace_type(struct harness *h, const struct event *event)
{
    const char *type = event->kind == EVENT_CIRCUIT_OPENED ? NULL : event->name;
    if (type != NULL && text_starts(type, "start ")) {
        buf_printf(&h->trace, " type=%.*s", (int)(6 + strcspn(type + 6, " ")), type);
    } else {
        trace_text(h, "type", type);
    }
}

static void trace_event(struct harness *h, const struct event *event)
{
    if (is_company(event)) {
        return;
    }
    if (event->has_instance && event->kind != EVENT_BUFFERED && event->kind != EVENT_UNBUFFERED) {
        size_t number = instance_number(h, &event->instance);
        CHECK(number > 0);
        buf_printf(&h->trace, "i%zu %s", number, event_kind_name(event->kind));
        trace_step(h, event, number);
        trace_lock(h, event, number);
        trace_origin(h, event);
    } else {
        buf_printf(&h->trace, "%s", event_kind_name(event->kind));
        trace_type(h, event);
    }
    trace_flow(h, event);
    trace_call(h, event);
    trace_circuit(h, event);
    trace_numbers(h, event);
    trace_undo(h, event);
    trace_money(h, event);
    trace_values(h, event);
    buf_append_byte(&h->trace, '\n');
}

void trace_batch(struct harness *h, const struct journal_batch *batch)
{
    for (size_t i = 0; i < batch->event_count; i++) {
        instance_seen(h, &batch->events[i]);
        if (h->untraced) {
            continue;
        }
        if (batch->now_ms != h->traced_now && !is_company(&batch->events[i])) {
            buf_printf(&h->trace, "+%lld\n", (long long)(batch->now_ms - h->start_ms));
            h->traced_now = batch->now_ms;
        }
        trace_event(h, &batch->events[i]);
    }
}

void trace_order(struct harness *h, const struct order *order)
{
    if (h->untraced) {
        return;
    }
    if (order->kind == ORDER_RECALL && !order->recall.again) {
        buf_printf(&h->trace, "> recall %s/%s #%u.%u\n", order->recall.agent, order->recall.store,
                   order->recall.attempt >> 8U, order->recall.attempt & 0xFFU);
    } else if (order->kind == ORDER_PUBLISH) {
        buf_printf(&h->trace, "> publish %s\n", order->publish.type);
    } else if (order->kind == ORDER_REPLY && order->reply.code != ERR_OK) {
        buf_printf(&h->trace, "> %s: %s\n", error_text(order->reply.code), order->reply.message);
    } else if (order->kind == ORDER_REPLY && order->reply.migrated != NULL) {
        for (uint32_t i = 0; i < order->reply.migrated_count; i++) {
            const struct migrated *migrated = &order->reply.migrated[i];
            buf_printf(&h->trace, "> i%zu %s%s\n", instance_number(h, &migrated->instance),
                       migrated->why == NULL ? "moved" : "stays: ",
                       migrated->why == NULL ? "" : migrated->why);
        }
    } else if (order->kind == ORDER_REPLY && order->reply.operated != NULL) {
        for (uint32_t i = 0; i < order->reply.operated_count; i++) {
            const struct operated *operated = &order->reply.operated[i];
            if (operated->why != NULL) {
                buf_printf(&h->trace, "> i%zu %s\n", instance_number(h, &operated->instance),
                           operated->why);
            } else if (operated->has_made) {
                buf_printf(&h->trace, "> i%zu made another one\n",
                           instance_number(h, &operated->instance));
            }
        }
    } else if (order->kind == ORDER_REPLY && order->reply.outcome != 0) {
        static const char *const outcomes[] = {"", "started", "continued", "kept", "duplicate"};
        buf_printf(&h->trace, "> %s\n", outcomes[order->reply.outcome]);
    }
}

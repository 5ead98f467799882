/*
 * Errors on their way up: caught by a try, retried, or the end of the instance.
 */
#include <math.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/str.h"
#include "coordinator/engine/process/process.h"

const struct failure *failure_keep(struct engine *engine, const struct failure *from)
{
    struct failure *kept = engine_alloc(engine, sizeof(*kept));
    *kept = *from;
    kept->code = engine_text(engine, from->code);
    kept->title = engine_text(engine, from->title);
    kept->detail = engine_text(engine, from->detail);
    kept->pointer = engine_text(engine, from->pointer);
    if (from->correction != NULL) {
        kept->correction = engine_hold(engine, doc_ref(from->correction));
    }
    return kept;
}

static bool text_fits(const char *wanted, const json_t *error, const char *member)
{
    return wanted == NULL || text_equal(wanted, json_text_of(error, member));
}

static bool filter_fits(const struct error_filter *filter, const json_t *error)
{
    if (!filter->present) {
        return true;
    }
    if (filter->type != NULL) {
        const char *type = json_text_of(error, "type");
        if (type == NULL || !plan_error_type_equal(filter->type, type)) {
            return false;
        }
    }
    if (filter->status != 0 && json_int_of(error, "status", 0) != filter->status) {
        return false;
    }
    return text_fits(filter->instance, error, "instance") &&
           text_fits(filter->title, error, "title") && text_fits(filter->detail, error, "detail");
}

/* The variables that catch and what is below it see. */
static struct doc *catch_variables(struct engine *engine, const struct plan_try *attempt,
                                   struct doc *error)
{
    json_t *vars = json_object();
    CHECK(vars != NULL);
    CHECK(json_object_set(vars, attempt->as, doc_json(error)) == 0);
    return engine_hold(engine, doc_of_json(vars));
}

static struct scope catch_scope(struct engine *engine, struct instance *instance,
                                struct frame *frame, struct doc *vars)
{
    return (struct scope){
        .engine = engine,
        .instance = instance,
        .frame = frame,
        .node = frame_node(instance, frame),
        .path = frame->path,
        .activation = frame->activation,
        .started_ms = frame->started_ms,
        .raw_input = frame->raw_input,
        .input = frame->input,
        .extra = doc_json(vars),
        .no_external = true,
    };
}

/* Both conditions of a catch or a retry. An expression that fails does not match: the first error
 * is the one that people should see. */
static bool conditions_hold(struct scope *scope, const struct expr *when,
                            const struct expr *except_when)
{
    bool wanted = true;
    if (scope_truth(scope, when, scope->input, &wanted) != EVAL_OK || !wanted) {
        return false;
    }
    bool except = false;
    if (except_when == NULL) {
        return true;
    }
    return scope_truth(scope, except_when, scope->input, &except) == EVAL_OK && !except;
}

static bool has_handler(const struct plan_try *attempt)
{
    return attempt->catch_first != PLAN_NONE || attempt->has_then || attempt->retry == NULL;
}

/* Delay before retry `n` (1 for the first); formulas in plan.h. False when the definition's own
 * delay cannot be evaluated: no retry then, the first error is the one that people should see. */
static bool retry_delay(struct scope *scope, const struct retry_policy *retry, uint32_t n,
                        int64_t *ret_ms)
{
    int64_t base = 0;
    if (scope_duration(scope, &retry->delay, scope->input, &base) != EVAL_OK) {
        return false;
    }
    double delay = (double)base;
    if (retry->backoff == BACKOFF_LINEAR) {
        delay *= n;
    } else if (retry->backoff == BACKOFF_EXPONENTIAL) {
        delay *= pow(retry->factor, (double)(n - 1));
    }
    double cap = retry->max_delay_ms != 0 ? (double)retry->max_delay_ms : 365.0 * 86400000.0;
    delay = delay > cap ? cap : delay;
    struct id key =
        id_of_step(&scope->instance->origin, scope->node->place, scope->path, scope->activation);
    int64_t spread = retry->jitter_to_ms - retry->jitter_from_ms;
    int64_t jitter = retry->jitter_from_ms;
    if (spread > 0) {
        jitter += (int64_t)id_draw(&key, n, (uint64_t)spread + 1);
    }
    *ret_ms = (int64_t)delay + jitter;
    return true;
}

/* Whether another attempt is allowed, and after which delay: none that would begin after
 * limit.duration. */
static bool retry_left(struct scope *scope, const struct retry_policy *retry, int64_t *ret_ms)
{
    const struct frame *frame = scope->frame;
    *ret_ms = 0;
    if (retry == NULL || frame->retries >= retry->count ||
        !conditions_hold(scope, retry->when, retry->except_when) ||
        !retry_delay(scope, retry, frame->retries + 1, ret_ms)) {
        return false;
    }
    int64_t begins = scope->engine->now + *ret_ms - frame->started_ms;
    return retry->duration_ms == 0 || begins < retry->duration_ms;
}

static void try_retry(struct scope *scope, int64_t delay_ms, struct doc *error)
{
    struct frame *frame = scope->frame;
    struct event event = engine_event(scope->instance, EVENT_TRY_RETRY);
    event.frame = frame->id;
    event.node = frame->node;
    event.error = error;
    event.count = frame->retries + 1;
    event.at_ms = scope->engine->now + delay_ms;
    if (event.at_ms <= scope->engine->now) {
        event.at_ms = scope->engine->now + 1;
    }
    engine_emit(scope->engine, &event);
}

static void try_catch(struct scope *scope, const struct plan_try *attempt, struct doc *vars,
                      struct doc *error)
{
    struct frame *frame = scope->frame;
    struct event event = engine_event(scope->instance, EVENT_ERROR_CAUGHT);
    event.frame = frame->id;
    event.node = frame->node;
    event.error = error;
    event.value = vars;
    event.next_node = attempt->catch_first;
    engine_emit(scope->engine, &event);
}

/* Whether the try frame takes the error; does it unless `only_ask`. */
static bool try_takes(struct engine *engine, struct instance *instance, struct frame *frame,
                      struct doc *error, bool only_ask)
{
    const struct plan_node *node = frame_node(instance, frame);
    if (node == NULL || node->kind != TASK_TRY || frame->part != PART_BODY) {
        return false;
    }
    const struct plan_try *attempt = &node->attempt;
    if (!filter_fits(&attempt->filter, doc_json(error))) {
        return false;
    }
    struct doc *vars = catch_variables(engine, attempt, error);
    struct scope scope = catch_scope(engine, instance, frame, vars);
    bool takes = conditions_hold(&scope, attempt->when, attempt->except_when);
    int64_t delay_ms = 0;
    bool again = takes && retry_left(&scope, attempt->retry, &delay_ms);
    takes = takes && (again || has_handler(attempt));
    if (takes && !only_ask) {
        if (again) {
            try_retry(&scope, delay_ms, error);
        } else {
            try_catch(&scope, attempt, vars, error);
            (void)undo_begin(engine, instance, frame, UNDO_UNWANTED, 0);
        }
    }
    scope_release(&scope);
    return takes;
}

void fault_raise(struct engine *engine, struct instance *instance, struct frame *frame,
                 struct doc *error)
{
    while (!fork_takes(engine, instance, frame, error) &&
           !try_takes(engine, instance, frame, error, false)) {
        if (frame->parent == 0) {
            instance_finish(engine, instance, INSTANCE_FAULTED, error);
            return;
        }
        struct frame *parent = instance_frame(instance, frame->parent);
        struct event event = engine_event(instance, EVENT_STEP_FAULTED);
        event.frame = frame->id;
        event.parent = frame->parent;
        event.node = frame->node;
        event.path = engine_text(engine, frame->path);
        event.activation = frame->activation;
        event.error = error;
        engine_emit(engine, &event);
        frame = parent;
    }
}

void fault_frame(struct engine *engine, struct instance *instance, struct frame *frame,
                 struct doc *error)
{
    CHECK(frame->parent != 0);
    struct frame *parent = instance_frame(instance, frame->parent);
    struct event event = engine_event(instance, EVENT_STEP_FAULTED);
    event.frame = frame->id;
    event.parent = frame->parent;
    event.node = frame->node;
    event.path = engine_text(engine, frame->path);
    event.activation = frame->activation;
    event.error = error;
    engine_emit(engine, &event);
    fault_raise(engine, instance, parent, error);
}

void fault_entry(struct engine *engine, struct instance *instance, struct frame *parent,
                 uint32_t node, const char *path, uint32_t activation, struct doc *error)
{
    struct event event = engine_event(instance, EVENT_STEP_FAULTED);
    event.parent = parent->id;
    event.node = node;
    event.path = path;
    event.activation = activation;
    event.error = error;
    engine_emit(engine, &event);
    fault_raise(engine, instance, parent, error);
}

bool fault_caught_above(struct engine *engine, struct instance *instance, const struct frame *frame,
                        struct doc *error)
{
    while (frame != NULL) {
        struct frame *above = instance_frame(instance, frame->parent);
        while (above != NULL) {
            if (fork_races(instance, above) || try_takes(engine, instance, above, error, true)) {
                return true;
            }
            above = instance_frame(instance, above->parent);
        }
        frame = child_waiter(engine, &instance); /* the error would go on there */
    }
    return false;
}

/*
 * The doors of the engine: commands, timers, and picking up after a start.
 */
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "coordinator/engine/process/process.h"

void process_evaluation(struct engine *engine, const struct evaluation_command *command)
{
    struct instance *instance = engine_load(engine, &command->instance);
    struct frame *frame = instance == NULL ? NULL : instance_frame(instance, command->frame);
    if (frame == NULL || frame->state != FRAME_EVALUATING || frame->awaited != command->expr) {
        engine->counters.stale_results++;
        return;
    }
    struct event event = engine_event(instance, EVENT_EVALUATION_DONE);
    event.frame = frame->id;
    event.node = frame->node;
    event.count = command->expr;
    event.value = command->value;
    if (command->value == NULL) {
        json_t *words = json_string(command->error);
        event.error = engine_hold(
            engine, doc_of_json(words != NULL ? words : json_string("not valid UTF-8")));
    }
    engine_emit(engine, &event);
    walk(engine, instance);
}

void engine_command(struct engine *engine, const struct command *command)
{
    engine->counters.commands++;
    budget_day_begin(engine);
    switch (command->kind) {
    case COMMAND_EVENT:
        process_event(engine, command->token, &command->event);
        break;
    case COMMAND_RUN:
        process_run(engine, command->token, &command->run);
        break;
    case COMMAND_RESULT:
        process_result(engine, &command->result);
        break;
    case COMMAND_HELLO:
        process_hello(engine, command->token, &command->hello);
        break;
    case COMMAND_DEPLOY:
        process_deploy(engine, command->token, &command->deploy);
        break;
    case COMMAND_MIGRATE:
        process_migrate(engine, command->token, &command->migrate);
        break;
    case COMMAND_RETIRE:
        process_retire(engine, command->token, &command->retire);
        break;
    case COMMAND_CANCEL:
        process_cancel(engine, command->token, &command->cancel);
        break;
    case COMMAND_LOST:
        process_lost(engine, command->token, &command->lost);
        break;
    case COMMAND_OPERATE:
        process_operate(engine, command->token, &command->operate);
        break;
    case COMMAND_VERDICT:
        process_verdict(engine, command->token, &command->verdict);
        break;
    case COMMAND_EVALUATION:
        process_evaluation(engine, &command->evaluation);
        break;
    case COMMAND_DEAD_LETTER:
        process_dead_letter(engine, command->token, &command->dead_letter);
        break;
    case COMMAND_CLOCK:
        process_clock(engine, &command->clock);
        break;
    case COMMAND_POLICY:
        process_policy(engine, command->token, &command->policy);
        break;
    case COMMAND_PROGRAM:
        process_program(engine, &command->program);
        break;
    case COMMAND_ZONE:
        process_zone(engine, command->token, &command->zone);
        break;
    }
    process_pending(engine);
}

static struct doc *timeout_error(struct engine *engine, const struct instance *instance,
                                 const struct frame *frame)
{
    const struct plan_node *node = frame_node(instance, frame);
    return error_make(engine, "timeout", 408, node == NULL ? "/" : node->pointer,
                      node == NULL ? "the workflow took longer than its timeout"
                                   : "the task took longer than its timeout",
                      NULL);
}

static void frame_wake(struct engine *engine, struct instance *instance, struct frame *frame)
{
    const struct plan_node *node = frame_node(instance, frame);
    if (node->kind == TASK_TRY && frame->state != FRAME_RETRY) {
        unwind_begin(engine, instance, frame, STAYS_FOR_RETRY,
                     timeout_error(engine, instance, frame));
        walk(engine, instance);
        return;
    }
    if (node->kind == TASK_LOCK) {
        lock_lost(engine, instance, frame);
        walk(engine, instance);
        return;
    }
    if (node->kind == TASK_APPROVAL) {
        approval_deadline(engine, instance, frame);
        return;
    }
    struct event event = engine_event(instance, EVENT_TIMER_FIRED);
    event.frame = frame->id;
    event.node = frame->node;
    if (node->kind == TASK_TRY && node->attempt.retry != NULL) {
        event.count = (uint32_t)node->attempt.retry->attempt_duration_ms;
    }
    engine_emit(engine, &event);
    walk(engine, instance);
}

/* Fire the outermost thing that is due; false when nothing of the instance is. */
static bool instance_fire(struct engine *engine, struct instance *instance)
{
    if (instance->locks > 0 && !instance->ended && lock_expire(engine, instance)) {
        return true;
    }
    if (instance->ended || instance->final != 0 || instance->paused != NULL) {
        return false;
    }
    for (uint32_t i = 0; instance->undoing > 0 && i < instance->frame_count; i++) {
        struct frame *frame = instance->frames[i];
        if (frame->purpose != PURPOSE_STEP && frame->wake_ms != 0 &&
            frame->wake_ms <= engine->now) {
            frame_wake(engine, instance, frame);
            return true;
        }
    }
    if (instance->cancelling || instance->unwinding != 0) {
        return false;
    }
    if (instance->deadline_ms != 0 && instance->deadline_ms <= engine->now &&
        instance->frames[0]->state != FRAME_CANCELLING) {
        unwind_begin(engine, instance, instance->frames[0], STAYS,
                     timeout_error(engine, instance, instance->frames[0]));
        return true;
    }
    bool unwinding = false;
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        struct frame *frame = instance->frames[i];
        unwinding = unwinding || frame->state == FRAME_CANCELLING;
        if (unwinding && instance_unwinding(instance, frame) != NULL) {
            continue; /* it and what is below wait for an effect */
        }
        if (frame->deadline_ms != 0 && frame->deadline_ms <= engine->now) {
            unwind_begin(engine, instance, frame, STAYS, timeout_error(engine, instance, frame));
            walk(engine, instance);
            return true;
        }
        if (frame->wake_ms != 0 && frame->wake_ms <= engine->now) {
            frame_wake(engine, instance, frame);
            return true;
        }
    }
    return false;
}

static void runnable_go(struct engine *engine)
{
    size_t count = engine->runnable_count;
    if (count == 0) {
        return;
    }
    struct id *ids = engine_alloc(engine, count * sizeof(*ids));
    memcpy(ids, engine->runnable, count * sizeof(*ids));
    engine->runnable_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct instance *instance = engine_load(engine, &ids[i]);
        if (instance != NULL) {
            walk(engine, instance);
        }
    }
}

void engine_timers(struct engine *engine)
{
    budget_day_begin(engine);
    runnable_go(engine);
    const struct timer *timer = NULL;
    for (;;) { /* in order of their time; at the same time schedules first */
        timer = company_timer_first(&engine->company);
        if (schedule_due(engine, timer == NULL ? INT64_MAX : timer->due_ms)) {
            continue;
        }
        if (timer == NULL || timer->due_ms > engine->now) {
            break;
        }
        struct timer due = *timer;
        company_timer_pop(&engine->company);
        struct instance *instance = engine_load(engine, &due.instance);
        if (instance == NULL || instance->timer_ms != due.due_ms) {
            continue;
        }
        while (instance_fire(engine, instance)) {
        }
    }
    redispatch_due(engine);
    absences_due(engine);
    process_pending(engine);
}

void engine_restore_definition(struct engine *engine, struct plan **plan, const char *text,
                               const char *file, int64_t deployed_ms)
{
    (void)company_add_definition(&engine->company, plan, text, file, deployed_ms);
}

void engine_restore_retirement(struct engine *engine, const struct digest *definition,
                               int64_t retired_ms, const char *reason)
{
    struct definition *known =
        map_get(engine->company.definitions, definition->bytes, sizeof(definition->bytes));
    CHECK(known != NULL);
    company_retire_definition(&engine->company, known, retired_ms, reason);
}

void engine_restore_open_count(struct engine *engine, const struct digest *definition,
                               const struct open_count *open)
{
    struct definition *known =
        map_get(engine->company.definitions, definition->bytes, sizeof(definition->bytes));
    if (known != NULL) {
        known->open = *open;
    }
}

void engine_restore_contract(struct engine *engine, struct contract **contract)
{
    (void)company_add_contract(&engine->company, contract);
}

void engine_restore_store(struct engine *engine, const struct store *from,
                          const char *contract_version)
{
    struct store *store = company_add_store(&engine->company, from->agent, from->name);
    store->store_id = from->store_id;
    store->session = from->session;
    store->capacity = from->capacity;
    store->state = from->state;
    store->since_ms = from->since_ms;
    store->pid = from->pid;
    store->contract = company_contract(&engine->company, from->agent, contract_version);
    CHECK(store->contract != NULL);
    text_replace(&store->program, from->program);
    text_replace(&store->metrics_url, from->metrics_url);
}

void engine_restore_gate(struct engine *engine, struct gate *gate)
{
    company_add_gate(&engine->company, gate);
}

void engine_restore_timer(struct engine *engine, int64_t due_ms, const struct id *instance)
{
    company_timer_push(&engine->company, due_ms, instance);
}

void engine_restore_listener(struct engine *engine, const char *type, const struct id *instance,
                             uint32_t frame)
{
    company_listener_add(&engine->company, type, instance, frame);
}

void engine_restore_claim(struct engine *engine, const char *entity, const struct claim *from)
{
    struct claim *claim = claim_add(&engine->company, entity, from);
    if (from->until_ms != 0) {
        claim_hold(&engine->company, claim, from->held_ms, from->until_ms);
    }
}

void engine_restore_account(struct engine *engine, const struct account *from)
{
    struct account *account =
        account_add(&engine->company, from->name, from->currency, from->day_ms);
    account->capped = from->capped;
    account->cap = from->cap;
    account->spent = from->spent;
    account->reserved = from->reserved;
    account->allowed = from->allowed;
    account->over = from->over;
}

void engine_restore_schedule(struct engine *engine, const struct schedule *schedule)
{
    CHECK(company_definition(&engine->company, &schedule->definition) != NULL);
    (void)company_set_schedule(&engine->company, schedule);
}

void engine_restore_rate(struct engine *engine, const struct rate *rate)
{
    company_add_rate(&engine->company, rate->agent, rate->action)->full_us = rate->full_us;
}

void engine_restore_policy(struct engine *engine, struct policy **policy)
{
    policy_destroy(&engine->policy);
    engine->policy = *policy;
    *policy = NULL;
}

void engine_restore_zone(struct engine *engine, const char *name, struct str bytes,
                         struct zone **zone)
{
    (void)company_set_zone(&engine->company, name, bytes, zone);
}

void engine_restore_instance(struct engine *engine, struct instance *instance)
{
    const struct definition *definition =
        company_definition(&engine->company, &instance->definition);
    CHECK(definition != NULL);
    instance->plan = definition->plan;
    engine_cache_add(engine, instance);
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        struct frame *frame = instance->frames[i];
        if (frame_in_flight(frame)) {
            flight_begin(engine, instance, frame);
        } else if (frame->state == FRAME_READY && instance->paused == NULL) {
            ready_push(engine, instance, frame);
        }
    }
}

/* An expression was with the jq child when we stopped: walk into it again, which asks again. */
static void evaluation_again(struct engine *engine, struct instance *instance)
{
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        if (instance->frames[i]->state == FRAME_EVALUATING) {
            walk_again(engine, instance, instance->frames[i]);
        }
    }
}

void engine_resume(struct engine *engine)
{
    size_t count = map_count(engine->cache);
    struct instance **list = engine_alloc(engine, (count + 1) * sizeof(struct instance *));
    size_t cursor = 0;
    for (size_t i = 0; i < count; i++) {
        list[i] = map_next(engine->cache, &cursor, NULL, NULL);
    }
    for (size_t i = 0; i < count; i++) {
        struct instance *instance = list[i];
        for (uint32_t j = 0; j < instance->frame_count; j++) {
            if (frame_in_flight(instance->frames[j])) {
                task_resend(engine, instance, instance->frames[j]);
            }
        }
        evaluation_again(engine, instance);
        walk(engine, instance);
    }
    absences_find(engine);
    process_pending(engine);
}

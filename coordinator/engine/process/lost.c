/*
 * A person declares a store lost: its disk is gone, and with it what it knew. What was in flight
 * there is settled by the class of its effect.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "coordinator/engine/process/process.h"

/* The answer that the store will never give. */
static const struct failure *lost_result(struct engine *engine, struct instance *instance,
                                         struct frame *frame, const struct store *store)
{
    struct failure failure = {
        .failure_class = frame->effectful ? FAILURE_IN_DOUBT : FAILURE_TRANSIENT,
        .effect = frame->effectful ? MARK_UNKNOWN : MARK_NONE,
        .code = "store-lost",
        .title = "the store that had this step is lost",
        .detail = "a person declared it lost with what it knew: look outside whether the effect "
                  "happened",
        .pointer = "",
    };
    struct event event = engine_event(instance, EVENT_STEP_RESULT);
    event.frame = frame->id;
    event.node = frame->node;
    event.path = engine_text(engine, frame->path);
    event.activation = frame->activation;
    event.agent = engine_text(engine, store->agent);
    event.store = engine_text(engine, store->name);
    event.attempt = frame->attempt;
    event.phase = frame->phase;
    event.status = RESULT_FAILED;
    event.effect = failure.effect;
    event.failure = failure_keep(engine, &failure);
    engine_emit(engine, &event);
    return event.failure;
}

/* Pure work and effects whose key the outside knows, or that can be asked about, go to another
 * store; what nobody can be asked about goes to a person. */
static void frame_lost(struct engine *engine, struct instance *instance, struct frame *frame,
                       const struct store *store)
{
    bool cancelling = frame->state == FRAME_CANCELLING;
    bool ask = frame->effectful && call_effect(engine, instance, frame) == EFFECT_MANUAL;
    const struct failure *failure = lost_result(engine, instance, frame, store);
    if (cancelling) {
        unwind(engine, instance, instance_unwinding(instance, frame));
    } else if (ask) {
        call_failed(engine, instance, frame, failure);
    } else {
        struct event ready = engine_event(instance, EVENT_STEP_READY);
        ready.frame = frame->id;
        ready.node = frame->node;
        engine_emit(engine, &ready);
    }
    if (!instance->ended) {
        walk(engine, instance);
    }
}

/* The frame of a task in flight at the store, or NULL. */
static struct frame *frame_at(struct engine *engine, const struct redispatch *entry,
                              const struct store *store, struct instance **ret_instance)
{
    struct instance *instance = engine_load(engine, &entry->instance);
    struct frame *frame = instance == NULL ? NULL : instance_frame(instance, entry->frame);
    *ret_instance = instance;
    return frame != NULL && frame_in_flight(frame) && frame->ready_order == entry->order &&
                   text_equal(frame->store, store->name) &&
                   text_equal(frame_node(instance, frame)->call.agent, store->agent)
               ? frame
               : NULL;
}

uint32_t store_effects(struct engine *engine, const struct store *store)
{
    uint32_t effects = 0;
    for (size_t i = 0; i < engine->redispatch_count; i++) {
        struct instance *instance = NULL;
        const struct frame *frame = frame_at(engine, &engine->redispatches[i], store, &instance);
        effects += frame != NULL && frame->effectful ? 1 : 0;
    }
    return effects;
}

/* Every task in flight has an entry in the heap; settling one adds none before the turn's end. */
static void outstanding_lost(struct engine *engine, const struct store *store)
{
    for (size_t i = 0; i < engine->redispatch_count; i++) {
        struct redispatch entry = engine->redispatches[i];
        struct instance *instance = NULL;
        struct frame *frame = frame_at(engine, &entry, store, &instance);
        if (frame != NULL) {
            frame_lost(engine, instance, frame, store);
        }
    }
}

/* The only store with the name, of the agent when one is given; refuses otherwise. */
static struct store *store_named(struct engine *engine, uint64_t token,
                                 const struct lost_command *command)
{
    struct store *found = NULL;
    struct store *store = NULL;
    size_t count = 0;
    size_t cursor = 0;
    while ((store = map_next(engine->company.stores, &cursor, NULL, NULL)) != NULL) {
        if (text_equal(store->name, command->store) &&
            (command->agent == NULL || text_equal(store->agent, command->agent))) {
            found = store;
            count++;
        }
    }
    if (count == 0) {
        engine_refuse(engine, token, ERR_NOT_FOUND, "there is no store '%s%s%s'",
                      command->agent == NULL ? "" : command->agent,
                      command->agent == NULL ? "" : "/", command->store);
    } else if (count > 1) {
        engine_refuse(engine, token, ERR_INVALID,
                      "several agents have a store '%s': name it as AGENT/%s", command->store,
                      command->store);
    }
    return count == 1 ? found : NULL;
}

void process_lost(struct engine *engine, uint64_t token, const struct lost_command *command)
{
    const struct store *store = store_named(engine, token, command);
    if (store == NULL) {
        return;
    }
    if (store->state == STORE_LOST) {
        engine_refuse(engine, token, ERR_CONFLICT, "store %s/%s is declared lost already",
                      store->agent, store->name);
        return;
    }
    if (store->state == STORE_LIVE && !command->force) {
        engine_refuse(engine, token, ERR_CONFLICT,
                      "store %s/%s has not said goodbye: if its agent runs, stop it; if it was "
                      "killed and its disk is gone, say so with force",
                      store->agent, store->name);
        return;
    }
    struct event event = engine_event(NULL, EVENT_STORE_LOST);
    event.agent = store->agent;
    event.store = store->name;
    event.text = engine_text(engine, command->reason);
    event.person = engine_text(engine, command->person);
    engine_emit(engine, &event);
    outstanding_lost(engine, store);
    engine_reply_ok(engine, token, NULL, false);
}

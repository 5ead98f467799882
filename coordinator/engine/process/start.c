/*
 * Beginnings: instances, stores, dead letters.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "coordinator/engine/process/process.h"

/* W3C Trace Context of an instance nobody gave one: derived, so that a replayed cause has the same.
 */
static const char *trace_of(struct engine *engine, const struct id *id)
{
    struct digest digest = crypto_blake(id->bytes, sizeof(id->bytes));
    char trace[33];
    char span[17];
    hex_encode(digest.bytes, 16, trace);
    hex_encode(digest.bytes + 16, 8, span);
    char text[64];
    (void)snprintf(text, sizeof(text), "00-%s-%s-01", trace, span);
    return engine_text(engine, text);
}

bool workflow_enter(struct engine *engine, struct instance *instance)
{
    struct frame *root = instance->frames[0];
    const struct plan *plan = instance->plan;
    struct doc *raw = engine_hold(engine, doc_ref(root->raw_input));
    struct scope scope = {
        .engine = engine,
        .instance = instance,
        .frame = root,
        .path = "",
        .activation = 1,
        .started_ms = engine->now,
        .raw_input = raw,
    };
    struct event event = engine_event(instance, EVENT_WORKFLOW_ENTERED);
    event.frame = root->id;
    event.next_node = plan->first;
    struct doc *input = raw;
    int64_t timeout_ms = 0;
    enum eval eval = scope_schema(&scope, plan->data.input_schema, raw, "workflow's input");
    if (eval == EVAL_OK) {
        eval = scope_template(&scope, plan->data.input_from, raw, &input);
    }
    if (eval == EVAL_OK && plan->timeout.present) {
        eval = scope_duration(&scope, &plan->timeout.after, input, &timeout_ms);
        event.at_ms = engine->now + timeout_ms;
    }
    scope_release(&scope);
    if (eval == EVAL_OK) {
        event.output = input == raw ? NULL : input;
        engine_emit(engine, &event);
    } else if (eval == EVAL_ERROR) {
        fault_raise(engine, instance, root, scope.error);
    }
    return eval == EVAL_OK;
}

/* The customer that the input names: a text, a number or a truth value. What names nobody, or
 * cannot be evaluated, takes the process's turns: a hint does not fail an instance. */
static const char *fairness_key(struct engine *engine, const struct plan *plan, struct doc *input)
{
    struct expr_scope scope = {.input = doc_json(input)};
    json_t *value = NULL;
    const char *key = NULL;
    if (plan->fairness == NULL || expr_eval(plan->fairness, &scope, &value, NULL) != ERR_OK) {
        return NULL;
    }
    if (json_is_string(value)) {
        key = engine_text(engine, json_string_value(value));
    } else if (json_is_integer(value) || json_is_real(value) || json_is_boolean(value)) {
        struct buf text = BUF_INIT(64);
        json_write(value, &text);
        key = text.failed ? NULL : engine_text(engine, text.data);
        buf_release(&text);
    }
    json_decref(value);
    return key != NULL && strlen(key) <= LIMIT_FAIRNESS_KEY_BYTES ? key : NULL;
}

struct event instance_event(struct engine *engine, const struct definition *definition,
                            const struct id *id, struct doc *input, const char *trigger,
                            const char *traceparent)
{
    const struct plan *plan = definition->plan;
    struct event event = engine_event(NULL, EVENT_INSTANCE_STARTED);
    event.has_instance = true;
    event.instance = *id;
    event.plan = plan;
    event.name = definition->name;
    event.has_digest = true;
    event.digest = plan->digest;
    event.input = input;
    event.text = engine_text(engine, trigger);
    event.traceparent =
        traceparent != NULL ? engine_text(engine, traceparent) : trace_of(engine, id);
    event.count = (uint32_t)plan->priority;
    event.source = fairness_key(engine, plan, input);
    return event;
}

bool instance_begin(struct engine *engine, const struct definition *definition, const struct id *id,
                    struct doc *input, const char *trigger, const char *traceparent)
{
    if (engine_knows(engine, id)) {
        return false;
    }
    struct event event = instance_event(engine, definition, id, input, trigger, traceparent);
    engine_emit(engine, &event);
    struct instance *instance = engine_load(engine, id);
    if (workflow_enter(engine, instance)) {
        walk(engine, instance);
    }
    return true;
}

void process_run(struct engine *engine, uint64_t token, const struct run_command *command)
{
    const struct definition *definition =
        company_find_definition(&engine->company, command->definition);
    if (definition == NULL) {
        bool retired = strchr(command->definition, ':') == NULL &&
                       company_newest_definition(&engine->company, command->definition) != NULL;
        engine_refuse(engine, token, retired ? ERR_CONFLICT : ERR_NOT_FOUND,
                      retired ? "every version of '%s' is retired; see `mainstay definitions ls`"
                              : "no definition '%s' is deployed; see `mainstay definitions ls`",
                      command->definition);
        return;
    }
    struct id id = id_of_request(&definition->plan->digest, command->request_id);
    if (definition->retired_ms != 0 && !engine_knows(engine, &id)) {
        engine_refuse(engine, token, ERR_CONFLICT,
                      "%s is retired and starts nothing any more; name another version, see "
                      "`mainstay definitions ls`",
                      definition->name);
        return;
    }
    char trigger[160];
    (void)snprintf(trigger, sizeof(trigger), "request %.100s", command->request_id);
    bool created =
        instance_begin(engine, definition, &id, command->input, trigger, command->traceparent);
    engine_reply_ok(engine, token, &id, created);
}

static unsigned long major_of(const char *version)
{
    return strtoul(version, NULL, 10);
}

/* The known version before or after `contract` that has its major number; NULL: there is none. */
static const struct contract *neighbour(const struct engine *engine,
                                        const struct contract *contract, bool before)
{
    const struct contract *found = NULL;
    const struct contract *known = NULL;
    size_t cursor = 0;
    while ((known = map_next(engine->company.contracts, &cursor, NULL, NULL)) != NULL) {
        int order = version_compare(known->version, contract->version);
        if (strcmp(known->agent, contract->agent) != 0 ||
            major_of(known->version) != major_of(contract->version) ||
            (before ? order >= 0 : order <= 0)) {
            continue;
        }
        int nearer = found == NULL ? 0 : version_compare(known->version, found->version);
        found = found == NULL || (before ? nearer > 0 : nearer < 0) ? known : found;
    }
    return found;
}

/* Definitions in service that call the agent and take its version: whom a break would hurt. */
static void users_print(const struct engine *engine, const struct contract *contract,
                        struct buf *words)
{
    enum { USERS_SHOWN = 3 };
    unsigned users = 0;
    size_t cursor = 0;
    const struct definition *definition = NULL;
    while ((definition = map_next(engine->company.definitions, &cursor, NULL, NULL)) != NULL) {
        for (uint32_t i = 0; definition->retired_ms == 0 && i < definition->plan->node_count; i++) {
            const struct plan_node *node = &definition->plan->nodes[i];
            if (node->kind == TASK_AGENT && strcmp(node->call.agent, contract->agent) == 0 &&
                plan_version_in_range(contract->version, node->call.contract) &&
                users++ < USERS_SHOWN) {
                buf_printf(words, "%s%s %s", users == 1 ? "; used by " : ", ", definition->name,
                           node->pointer);
            }
        }
    }
    if (users > USERS_SHOWN) {
        buf_printf(words, " and %u more", users - USERS_SHOWN);
    }
}

/* Under one major number a later version keeps what an earlier one promised, whichever of the two
 * came first. 0.x promises nothing yet. */
static bool contract_compatible(struct engine *engine, uint64_t token,
                                const struct contract *contract)
{
    const struct contract *before = neighbour(engine, contract, true);
    const struct contract *after = neighbour(engine, contract, false);
    struct buf words = BUF_INIT(1024);
    bool keeps = major_of(contract->version) == 0 ||
                 ((before == NULL || contract_keeps(before, contract, &words)) &&
                  (after == NULL || contract_keeps(contract, after, &words)));
    if (!keeps) {
        users_print(engine, contract, &words);
        engine_refuse(engine, token, ERR_CONFLICT,
                      "contract %s:%s breaks what the versions beside it promise: %s; raise its "
                      "major version",
                      contract->agent, contract->version, words.failed ? "" : words.data);
    }
    buf_release(&words);
    return keeps;
}

/* A contract with the version of a known one must be the same document. */
static bool contract_accept(struct engine *engine, uint64_t token,
                            const struct hello_command *hello, const char **ret_version)
{
    struct contract *contract = NULL;
    struct error err = {0};
    if (contract_parse(hello->contract, &contract, &err) != ERR_OK) {
        engine_refuse(engine, token, ERR_INVALID, "contract refused: %s", err.message);
        return false;
    }
    bool fits = strcmp(contract->agent, hello->agent) == 0;
    const struct contract *known =
        company_contract(&engine->company, contract->agent, contract->version);
    if (!fits) {
        engine_refuse(engine, token, ERR_REFUSED,
                      "the contract is of agent '%s' but the connection is of agent '%s'",
                      contract->agent, hello->agent);
    } else if (known != NULL && !digest_equal(&known->digest, &contract->digest)) {
        fits = false;
        engine_refuse(engine, token, ERR_CONFLICT,
                      "contract %s:%s is known with another text; raise its version",
                      contract->agent, contract->version);
    } else if (known == NULL && !contract_compatible(engine, token, contract)) {
        fits = false;
    } else if (known == NULL) {
        struct event event = engine_event(NULL, EVENT_CONTRACT_PUBLISHED);
        event.agent = engine_text(engine, contract->agent);
        event.name = engine_text(engine, contract->version);
        event.has_digest = true;
        event.digest = contract->digest;
        event.value = engine_hold(engine, doc_of_json(json_incref(contract->document)));
        engine_emit(engine, &event);
    }
    *ret_version = engine_text(engine, contract->version);
    contract_destroy(&contract);
    return fits;
}

static void store_leaves(struct engine *engine, uint64_t token, const struct hello_command *hello)
{
    struct store *store = company_store(&engine->company, hello->agent, hello->store);
    if (store != NULL && store->state == STORE_LIVE && id_equal(&store->session, &hello->session)) {
        struct event event = engine_event(NULL, EVENT_STORE_LEFT);
        event.agent = store->agent;
        event.store = store->name;
        engine_emit(engine, &event);
    }
    engine_reply_ok(engine, token, NULL, false);
}

/* A store that was declared lost does not come back; and one that got another disk, or an older
 * copy of its own, does not know the effects in flight: the one before may come back, or a person
 * declares it lost. */
static bool store_accept(struct engine *engine, uint64_t token, const struct hello_command *hello,
                         const struct store *known)
{
    bool same = id_equal(&known->store_id, &hello->store_id);
    if (known->state == STORE_LOST && same) {
        engine_refuse(engine, token, ERR_REFUSED,
                      "store %s/%s was declared lost and its work settled without it: start the "
                      "agent on an empty data directory",
                      hello->agent, hello->store);
        return false;
    }
    uint32_t effects = known->state == STORE_LOST || same ? 0 : store_effects(engine, known);
    if (effects > 0) {
        engine_refuse(engine, token, ERR_REFUSED,
                      "the data directory is not the one that store %s/%s had, and effects are "
                      "under way there (%u): start the agent on that one; or if it is gone, "
                      "'mainstay agents lost %s/%s%s' settles them; or start with another store "
                      "name",
                      hello->agent, hello->store, effects, hello->agent, hello->store,
                      known->state == STORE_LIVE ? " --force" : "");
    }
    return effects == 0;
}

void process_hello(struct engine *engine, uint64_t token, const struct hello_command *hello)
{
    if (hello->leaving) {
        store_leaves(engine, token, hello);
        return;
    }
    const char *version = NULL;
    if (!contract_accept(engine, token, hello, &version)) {
        return;
    }
    const struct store *known = company_store(&engine->company, hello->agent, hello->store);
    if (known != NULL && !store_accept(engine, token, hello, known)) {
        return;
    }
    bool same = known != NULL && known->state == STORE_LIVE &&
                id_equal(&known->session, &hello->session) &&
                id_equal(&known->store_id, &hello->store_id) &&
                text_equal(known->contract->version, version);
    if (!same) {
        struct event event = engine_event(NULL, EVENT_STORE_HELLO);
        event.agent = engine_text(engine, hello->agent);
        event.store = engine_text(engine, hello->store);
        event.has_key = true;
        event.key = hello->session;
        event.has_digest = true;
        memcpy(event.digest.bytes, hello->store_id.bytes, sizeof(hello->store_id.bytes));
        event.name = version;
        event.count = hello->capacity == 0 ? 1 : hello->capacity;
        event.text = engine_text(engine, hello->program);
        event.id = engine_text(engine, hello->metrics_url);
        event.at_ms = (int64_t)hello->pid;
        engine_emit(engine, &event);
    }
    absence_ends(engine, hello->agent);
    struct order *joined = engine_order(engine, ORDER_STORE_JOINED, token);
    joined->joined = company_store(&engine->company, hello->agent, hello->store);
    redispatch_store(engine, joined->joined);
    engine_reply_ok(engine, token, NULL, !same);
}

void dead_letter_keep(struct engine *engine, const struct dead_letter_command *letter)
{
    struct event event = engine_event(NULL, EVENT_DEAD_LETTER);
    event.source = engine_text(engine, letter->source);
    event.name = engine_text(engine, letter->subject);
    event.text = engine_text(engine, letter->reason);
    event.id = engine_text(engine, letter->advice);
    event.value = letter->headers;
    size_t kept =
        letter->body.size < LIMIT_DEAD_LETTER_BYTES ? letter->body.size : LIMIT_DEAD_LETTER_BYTES;
    char *bytes = arena_dup(engine->arena, letter->body.data, kept);
    CHECK(bytes != NULL);
    event.raw = (struct str){.data = bytes, .size = kept};
    event.at_ms = (int64_t)letter->size;
    engine_emit(engine, &event);
}

void process_dead_letter(struct engine *engine, uint64_t token,
                         const struct dead_letter_command *command)
{
    if (command->replayed != 0) {
        struct event event = engine_event(NULL, EVENT_DEAD_LETTER_REPLAYED);
        event.count = (uint32_t)command->replayed;
        engine_emit(engine, &event);
    } else {
        dead_letter_keep(engine, command);
    }
    engine_reply_ok(engine, token, NULL, true);
}

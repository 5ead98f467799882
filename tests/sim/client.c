#include "tests/sim/client.h"

#include <stdio.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/map.h"
#include "common/json/json.h"
#include "common/wire/proto_arena.h"
#include "coordinator/engine/engine.h"
#include "proto/control.pb-c.h"
#include "tests/sim/bus_model.h"
#include "tests/sim/checker.h"
#include "tests/sim/coordinator.h"
#include "tests/sim/effects.h"
#include "tests/sim/sim.h"

enum {
    REQUESTS_WILD = 512, /* while there are faults; the others put things in order afterwards */
    EVENTS_MAX = 256,
    OPEN_WANTED = 7, /* instances at a time */
    EVENT_TYPES = 4,
    TIMEOUT_US = 3000000,
    BODY_BYTES = 64 * 1024
};

struct request {
    const char *verb;
    const char *body;
    char id[24];
    bool is_run;
    bool answered;
    bool accepted;
    char instance[ID_HEX_BYTES];
};

struct published {
    char id[24];
    char subject[32];
    const char *body;
    uint64_t uid; /* of the last publication; 0: none was taken */
    bool wanted;  /* to be published (again) */
};

/* An instance that was asked to be cancelled in the end. */
struct leaver {
    struct id instance;
    struct leaver *next;
};

struct client {
    struct request **requests;
    size_t request_count;
    size_t request_room;
    struct published events[EVENTS_MAX];
    size_t event_count;
    struct request *deploys[SIM_FLOWS_MAX]; /* NULL: not asked yet */
    size_t flows_deployed;
    bool deciding;
    bool losing; /* a store is being declared lost */
    bool restored;
    uint64_t restores;
    uint64_t runs;
    struct leaver *leavers;
};

static void ask(struct sim *sim, struct request *request);
static void deploy(struct sim *sim);

static void ask_act(struct sim *sim, void *what, uint64_t number)
{
    (void)number;
    ask(sim, what);
}

static void reply_take(struct sim *sim, struct request *request,
                       const Mainstay__ControlReply *reply)
{
    if (request->answered) {
        return;
    }
    request->answered = true;
    request->accepted = reply->code == 0;
    sim_trace(sim, request->verb, request->accepted, reply->code);
    if (sim->verbose && !request->accepted) {
        fprintf(stderr, "           %s\n", reply->error);
    }
    json_t *body = NULL;
    struct error err = {0};
    if (json_parse((const char *)reply->body.data, reply->body.len, NULL, &body, &err) == ERR_OK) {
        const char *instance = json_text_of(body, "instance");
        if (instance != NULL) {
            (void)snprintf(request->instance, sizeof(request->instance), "%s", instance);
        }
    }
    if (strcmp(request->verb, "deploy") == 0) {
        sim->client->flows_deployed += request->accepted ? 1 : 0;
        bool again = sim->client->restored && strstr(reply->error, "deploy it first") != NULL;
        if (again) { /* an answer of before the restore passed for one of after it */
            sim->client->flows_deployed = 0;
        } else if (sim->healed && !request->accepted &&
                   strstr(reply->error, "is retired") != NULL) {
            sim->client->flows_deployed++; /* it was accepted, which was not told, and then ended */
        } else if (!request->accepted) {
            sim_finding(sim, "the loader refuses a generated definition: %s", reply->error);
        }
        deploy(sim);
    }
    if (strcmp(request->verb, "definitions.retire") == 0 && !request->accepted) {
        request->answered = false; /* its deployment is still under way */
        sim_after(sim, draw_between(&sim->draw, 10000, 200000), ask_act, request, 0);
    }
    if (strcmp(request->verb, "gates.verdict") == 0) {
        sim->client->deciding = false;
    }
    if (strcmp(request->verb, "agents.lost") == 0) {
        sim->client->losing = false;
    }
    json_decref(body);
}

static void on_reply(struct sim *sim, void *user, uint64_t number, const char *body, size_t size)
{
    struct request *request = user;
    if (body == NULL && strcmp(request->verb, "agents.lost") == 0) {
        request->answered = true; /* by now it may be about the store that follows */
        sim->client->losing = false;
        return;
    }
    bool void_now = number != sim->client->restores; /* said before a restore */
    if (body == NULL || void_now) {
        sim_after(sim, draw_between(&sim->draw, 1000, 200000), ask_act, request, 0);
        return;
    }
    struct arena *arena = arena_create((size_t)4 * 1024 * 1024);
    ProtobufCMessage *message = NULL;
    CHECK(arena != NULL);
    if (proto_unpack(&mainstay__control_reply__descriptor, (struct str){body, size},
                     &proto_limits_bus, arena, &message, NULL) == ERR_OK) {
        reply_take(sim, request, (const Mainstay__ControlReply *)message);
    } else {
        sim_finding(sim, "the answer to %s cannot be read", request->verb);
    }
    arena_destroy(&arena);
}

static void ask(struct sim *sim, struct request *request)
{
    if (request->answered) {
        return;
    }
    Mainstay__ControlRequest proto = MAINSTAY__CONTROL_REQUEST__INIT;
    proto.version = 1;
    proto.request_id = request->id;
    proto.person = (char *)(uintptr_t) "sim";
    proto.body.data = (uint8_t *)(uintptr_t)request->body;
    proto.body.len = strlen(request->body);
    struct buf bytes = BUF_INIT(BODY_BYTES * 2);
    CHECK(proto_pack(&proto.base, &bytes, NULL) == ERR_OK);
    char subject[64];
    (void)snprintf(subject, sizeof(subject), "control.%s", request->verb);
    sim_bus_request(sim, subject, bytes.data, bytes.size, TIMEOUT_US, on_reply, request,
                    sim->client->restores);
    buf_release(&bytes);
}

static struct request *request_new(struct sim *sim)
{
    struct client *it = sim->client;
    if (it->request_count == it->request_room) {
        size_t room = it->request_room == 0 ? REQUESTS_WILD : 2 * it->request_room;
        struct request **requests = sim_alloc(sim, room * sizeof(struct request *));
        for (size_t i = 0; i < it->request_count; i++) {
            requests[i] = it->requests[i];
        }
        it->requests = requests;
        it->request_room = room;
    }
    struct request *request = sim_alloc(sim, sizeof(*request));
    it->requests[it->request_count++] = request;
    return request;
}

/* Takes `body`. */
static void request_add(struct sim *sim, const char *verb, json_t *body, bool is_run)
{
    struct client *it = sim->client;
    if (!sim->healed && it->request_count >= REQUESTS_WILD) {
        json_decref(body);
        return;
    }
    struct request *request = request_new(sim);
    struct buf text = BUF_INIT(BODY_BYTES);
    CHECK(body != NULL);
    json_write(body, &text);
    CHECK(!text.failed);
    *request = (struct request){
        .verb = verb, .body = sim_copy(sim, text.data, text.size), .is_run = is_run};
    (void)snprintf(request->id, sizeof(request->id), "r%zu", it->request_count);
    buf_release(&text);
    json_decref(body);
    sim_after(sim, draw_between(&sim->draw, 10, 1000), ask_act, request, 0);
}

/* The next definition: what it runs was deployed before. */
static void deploy(struct sim *sim)
{
    struct client *it = sim->client;
    if (it->flows_deployed == sim->flow_count) {
        if (sim->healed) {
            client_end_schedules(sim);
        }
        return;
    }
    struct request *request = it->deploys[it->flows_deployed];
    if (request != NULL) {
        request->answered = false;
        sim_after(sim, draw_between(&sim->draw, 1000, 2000000), ask_act, request, 0);
        return;
    }
    struct buf text = BUF_INIT(BODY_BYTES);
    generate_write(sim->flows[it->flows_deployed], &text);
    CHECK(!text.failed);
    request_add(sim, "deploy", json_pack("{s:s#}", "text", text.data, (int)text.size), false);
    it->deploys[it->flows_deployed] = it->requests[it->request_count - 1];
    buf_release(&text);
}

void client_create(struct sim *sim)
{
    sim->client = sim_alloc(sim, sizeof(*sim->client));
    deploy(sim);
}

/* Nothing would ever be quiet while runs begin by themselves. */
void client_end_schedules(struct sim *sim)
{
    if (sim->client->flows_deployed < sim->flow_count) {
        return; /* what is still to be deployed may run them: once it is */
    }
    for (size_t i = 0; i < sim->flow_count; i++) {
        const json_t *schedule = json_object_get(sim->flows[i], "schedule");
        bool by_time = json_object_get(schedule, "every") != NULL ||
                       json_object_get(schedule, "after") != NULL ||
                       json_object_get(schedule, "cron") != NULL;
        if (by_time) {
            const json_t *document = json_object_get(sim->flows[i], "document");
            char name[64];
            (void)snprintf(name, sizeof(name), "%s/%s:%s", json_text_of(document, "namespace"),
                           json_text_of(document, "name"), json_text_of(document, "version"));
            request_add(sim, "definitions.retire",
                        json_pack("{s:s, s:b}", "definition", name, "force", 1), false);
        }
    }
}

static void run(struct sim *sim)
{
    const json_t *document =
        json_object_get(sim->flows[draw_below(&sim->draw, sim->flow_count)], "document");
    char name[128];
    (void)snprintf(name, sizeof(name), "%s/%s", json_text_of(document, "namespace"),
                   json_text_of(document, "name"));
    request_add(sim, "run",
                json_pack("{s:s, s:o}", "definition", name, "input", generate_input(&sim->draw)),
                true);
    sim->client->runs++;
}

/* ---- events ---- */

static void publish_act(struct sim *sim, void *what, uint64_t number)
{
    struct published *event = what;
    uint64_t uid = 0;
    bool taken = sim_bus_publish(sim, event->subject, event->body, strlen(event->body), &uid);
    if (!taken) { /* publishers feel pressure and try again */
        if (number < 100) {
            sim_after(sim, draw_between(&sim->draw, 10000, 1000000), publish_act, event,
                      number + 1);
        }
        return;
    }
    event->uid = uid;
    event->wanted = false;
}

static void publish(struct sim *sim)
{
    struct client *it = sim->client;
    if (it->event_count == EVENTS_MAX) {
        return;
    }
    struct published *event = &it->events[it->event_count++];
    unsigned type = (unsigned)draw_below(&sim->draw, EVENT_TYPES);
    (void)snprintf(event->id, sizeof(event->id), "e%zu", it->event_count);
    (void)snprintf(event->subject, sizeof(event->subject), "event.t%u", type);
    char name[8];
    (void)snprintf(name, sizeof(name), "t%u", type);
    json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:o}", "specversion", "1.0", "id", event->id,
                             "source", "/sim", "type", name, "data", generate_input(&sim->draw));
    struct buf text = BUF_INIT(BODY_BYTES);
    CHECK(body != NULL);
    json_write(body, &text);
    event->body = sim_copy(sim, text.data, text.size);
    buf_release(&text);
    json_decref(body);
    event->wanted = true;
    publish_act(sim, event, 0);
}

/* ---- stores ---- */

void client_declare_lost(struct sim *sim, const char *agent, const char *store)
{
    if (sim->client->losing) {
        return;
    }
    sim->client->losing = true;
    request_add(sim, "agents.lost",
                json_pack("{s:s, s:s, s:b}", "agent", agent, "store", store, "force", 1), false);
}

/* ---- gates and cancellation ---- */

/* Whether what the gate is about has happened outside, or may happen still because an agent is
 * late with it: then nobody sane has it done again. */
static bool gate_is_of_effect(struct engine *engine, struct sim *sim, const struct gate *gate)
{
    const struct instance *instance = engine_instance(engine, &gate->instance);
    const struct frame *frame = instance == NULL ? NULL : instance_frame(instance, gate->frame);
    return frame == NULL || gate->failure.effect == MARK_UNKNOWN ||
           effects_key_happened(sim, frame->key.bytes);
}

/* An effect of a killed instance is in flight: people here wait for the store's own word. */
static bool store_will_tell(struct engine *engine, const struct gate *gate)
{
    const struct instance *instance =
        gate->kind == GATE_CLOCK ? NULL : engine_instance(engine, &gate->instance);
    const struct frame *frame = instance == NULL ? NULL : instance_frame(instance, gate->frame);
    return frame != NULL && instance->killed && frame->dispatched_ms != 0;
}

/* A circuit that was approved: the next step of its kind that comes tries, if one does. */
static bool gate_is_decided(const struct gate *gate)
{
    return gate->agent != NULL && gate->probing;
}

size_t client_gates(struct engine *engine)
{
    size_t count = 0;
    size_t cursor = 0;
    const struct gate *gate = NULL;
    while ((gate = map_next(engine_company(engine)->gates, &cursor, NULL, NULL)) != NULL) {
        count += gate_is_decided(gate) ? 0 : 1;
    }
    return count;
}

void client_decide(struct sim *sim)
{
    struct engine *engine = coordinator_engine(sim);
    if (engine == NULL || sim->client->deciding) {
        return;
    }
    size_t count = map_count(engine_company(engine)->gates);
    if (count == 0) {
        return;
    }
    uint64_t wanted = draw_below(&sim->draw, count);
    size_t cursor = 0;
    const struct gate *gate = NULL;
    do {
        gate = map_next(engine_company(engine)->gates, &cursor, NULL, NULL);
    } while (wanted-- > 0);
    if (store_will_tell(engine, gate) || gate_is_decided(gate)) {
        return;
    }
    char hex[ID_HEX_BYTES];
    id_hex(&gate->id, hex);
    json_t *body = json_pack("{s:s}", "gate", hex);
    uint64_t how = draw_below(&sim->draw, sim->healed ? 8 : 3);
    if (gate->kind == GATE_CLOCK || gate->agent != NULL) {
        how = sim->healed ? 0 : how; /* edit is refused, reject asks again, or is refused */
    } else if (gate_is_of_effect(engine, sim, gate)) {
        how = 2;
    }
    const char *verdict = how == 0 ? "approve" : how == 1 ? "edit" : "reject";
    (void)json_object_set_new(body, "verdict", json_string(verdict));
    (void)json_object_set_new(body, "reason", json_string("drawn"));
    if (how == 1) {
        (void)json_object_set_new(body, "value", generate_input(&sim->draw));
    }
    if (how == 0 && gate->kind == GATE_BUDGET && draw_chance(&sim->draw, 500)) {
        (void)json_object_set_new(body, "value", json_string("3.00 EUR"));
    }
    sim->client->deciding = true;
    request_add(sim, "gates.verdict", body, false);
}

static void cancel(struct sim *sim, const char *hex)
{
    request_add(sim, "instances.cancel", json_pack("{s:s}", "instance", hex), false);
}

/* Once: an instance that does not leave is a finding, and not asked again. */
static bool cancel_visit(void *user, const struct id *instance)
{
    struct sim *sim = user;
    struct leaver **list = &sim->client->leavers;
    for (const struct leaver *it = *list; it != NULL; it = it->next) {
        if (id_equal(&it->instance, instance)) {
            return true;
        }
    }
    struct leaver *leaver = sim_alloc(sim, sizeof(*leaver));
    *leaver = (struct leaver){.instance = *instance, .next = *list};
    *list = leaver;
    char hex[ID_HEX_BYTES];
    id_hex(instance, hex);
    cancel(sim, hex);
    return true;
}

bool client_cancel_all(struct sim *sim)
{
    const struct leaver *before = sim->client->leavers;
    checker_each_open(sim, cancel_visit, sim);
    return sim->client->leavers != before;
}

static void cancel_some(struct sim *sim)
{
    const struct client *it = sim->client;
    if (it->request_count == 0) {
        return;
    }
    const struct request *request = it->requests[draw_below(&sim->draw, it->request_count)];
    if (request->is_run && request->instance[0] != '\0') {
        cancel(sim, request->instance);
    }
}

/* ---- what operators do ---- */

static void operate(struct sim *sim, const char *verb, const char *hex)
{
    request_add(sim, verb, json_pack("{s:[s]}", "instances", hex), false);
}

static void operate_on_some(struct sim *sim)
{
    static const char *const verbs[] = {"instances.pause",  "instances.pause",   "instances.resume",
                                        "instances.resume", "instances.retry",   "instances.retry",
                                        "instances.retry",  "instances.restart", "instances.kill"};
    const struct client *it = sim->client;
    if (it->request_count == 0) {
        return;
    }
    const struct request *request = it->requests[draw_below(&sim->draw, it->request_count)];
    const char *verb = verbs[draw_below(&sim->draw, sizeof(verbs) / sizeof(verbs[0]))];
    if (request->is_run && request->instance[0] != '\0') {
        operate(sim, verb, request->instance);
    }
}

/* Some step of the top list, whether it was entered or not; PLAN_NONE: there is none. */
static uint32_t step_draw(struct sim *sim, const struct plan *plan)
{
    uint32_t node = plan->first;
    for (uint64_t steps = draw_below(&sim->draw, 4); steps > 0 && node != PLAN_NONE; steps--) {
        uint32_t next = plan->nodes[node].next;
        node = next == PLAN_NONE ? node : next;
    }
    return node;
}

static void rewind_some(struct sim *sim)
{
    const struct client *it = sim->client;
    struct id id;
    if (it->request_count == 0 || coordinator_engine(sim) == NULL) {
        return;
    }
    const struct request *request = it->requests[draw_below(&sim->draw, it->request_count)];
    if (!request->is_run || request->instance[0] == '\0' || !id_of_hex(request->instance, &id)) {
        return;
    }
    const struct instance *instance = engine_instance(coordinator_engine(sim), &id);
    if (instance == NULL || instance->plan == NULL) {
        return;
    }
    uint32_t node = step_draw(sim, instance->plan);
    if (node != PLAN_NONE) {
        request_add(sim, "instances.rewind",
                    json_pack("{s:[s], s:s, s:b}", "instances", request->instance, "to",
                              instance->plan->nodes[node].pointer, "force",
                              draw_below(&sim->draw, 4) == 0),
                    false);
    }
}

/* The plan of a run that was asked for, open or ended; NULL: its definition is not deployed. */
static const struct plan *plan_of_run(struct sim *sim, const struct request *request)
{
    json_t *body = NULL;
    struct error err = {0};
    CHECK(json_parse(request->body, strlen(request->body), NULL, &body, &err) == ERR_OK);
    const struct definition *definition = company_find_definition(
        engine_company(coordinator_engine(sim)), json_text_of(body, "definition"));
    json_decref(body);
    return definition == NULL ? NULL : definition->plan;
}

/* From some step of one that may have ended long ago. */
static void fork_some(struct sim *sim)
{
    const struct client *it = sim->client;
    if (it->request_count == 0 || coordinator_engine(sim) == NULL ||
        checker_open_instances(sim->checker) >= OPEN_WANTED) {
        return;
    }
    const struct request *request = it->requests[draw_below(&sim->draw, it->request_count)];
    if (!request->is_run || request->instance[0] == '\0') {
        return;
    }
    const struct plan *plan = plan_of_run(sim, request);
    uint32_t node = plan == NULL ? PLAN_NONE : step_draw(sim, plan);
    if (node != PLAN_NONE) {
        request_add(sim, "instances.fork",
                    json_pack("{s:[s], s:s, s:b}", "instances", request->instance, "from",
                              plan->nodes[node].pointer, "force", draw_below(&sim->draw, 2) == 0),
                    false);
    }
}

struct paused {
    struct sim *sim;
    bool found;
};

static bool paused_visit(void *user, const struct id *id)
{
    struct paused *paused = user;
    const struct instance *instance = engine_instance(coordinator_engine(paused->sim), id);
    if (instance == NULL || instance->paused == NULL) {
        return true;
    }
    paused->found = true;
    if (client_is_answered(paused->sim)) {
        char hex[ID_HEX_BYTES];
        id_hex(id, hex);
        operate(paused->sim, "instances.resume", hex);
    }
    return false;
}

bool client_resume(struct sim *sim)
{
    struct paused paused = {.sim = sim};
    if (coordinator_engine(sim) != NULL) {
        checker_each_open(sim, paused_visit, &paused);
    }
    return paused.found;
}

/* ---- acting ---- */

void client_act(struct sim *sim)
{
    struct client *it = sim->client;
    if (it->flows_deployed < sim->flow_count) {
        return;
    }
    uint64_t what = draw_below(&sim->draw, 100);
    if (what < 35 && checker_open_instances(sim->checker) < OPEN_WANTED) {
        run(sim);
    } else if (what < 65) {
        publish(sim);
    } else if (what < 85) {
        client_decide(sim);
    } else if (what < 88) {
        cancel_some(sim);
    } else if (what < 94) {
        operate_on_some(sim);
    } else if (what < 96) {
        rewind_some(sim);
    } else if (what < 98) {
        fork_some(sim);
    }
}

void client_restored(struct sim *sim)
{
    struct client *it = sim->client;
    it->deciding = false;
    it->losing = false;
    it->restored = true;
    it->restores++;
    it->flows_deployed = 0;
    for (size_t i = 0; i < it->request_count; i++) {
        struct request *request = it->requests[i];
        if (!request->is_run) {
            request->answered = true;
            continue;
        }
        if (request->answered) {
            request->answered = false;
            request->accepted = false;
            sim_after(sim, draw_between(&sim->draw, 1000, 2000000), ask_act, request, 0);
        }
    }
    deploy(sim);
    for (size_t i = 0; i < it->event_count; i++) {
        it->events[i].wanted = true;
        it->events[i].uid = 0;
        sim_after(sim, draw_between(&sim->draw, 1000, 3000000), publish_act, &it->events[i], 0);
    }
}

bool client_is_answered(const struct sim *sim)
{
    for (size_t i = 0; i < sim->client->request_count; i++) {
        if (!sim->client->requests[i]->answered) {
            return false;
        }
    }
    for (size_t i = 0; i < sim->client->event_count; i++) {
        if (sim->client->events[i].wanted) {
            return false;
        }
    }
    return true;
}

bool client_is_heard(struct sim *sim)
{
    for (size_t i = 0; i < sim->client->event_count; i++) {
        if (sim_bus_under_way(sim, sim->client->events[i].uid)) {
            return false;
        }
    }
    return true;
}

void client_check(struct sim *sim)
{
    const struct client *it = sim->client;
    for (size_t i = 0; i < it->request_count; i++) {
        const struct request *request = it->requests[i];
        struct id id;
        if (request->is_run && request->accepted && id_of_hex(request->instance, &id) &&
            !checker_knows_instance(sim, &id)) {
            sim_finding(sim, "instance %s was accepted and is not in the journal",
                        request->instance);
        }
    }
    for (size_t i = 0; i < it->event_count; i++) {
        const struct published *event = &it->events[i];
        if (sim_bus_acked(sim, event->uid) && !checker_accepted_event(sim, "/sim", event->id)) {
            sim_finding(sim, "event %s was acknowledged and is not in the journal", event->id);
        }
    }
}

#include "tests/sim/checker.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "common/json/doc.h"
#include "common/store/kv.h"
#include "common/store/kv_mem.h"
#include "coordinator/definition/plan.h"
#include "coordinator/engine/engine.h"
#include "coordinator/tables/tables.h"
#include "coordinator/turn.h"
#include "tests/sim/budgets.h"
#include "tests/sim/client.h"
#include "tests/sim/coordinator.h"
#include "tests/sim/effects.h"
#include "tests/sim/leases.h"
#include "tests/sim/sim.h"
#include "tests/sim/stores.h"
#include "tests/sim/undoing.h"

enum { COMPARE_EVERY = 32, CHECKER_ARENA_BYTES = 256 * 1024 * 1024, KEY_BYTES = 16 };

/* A step of an instance as the journal tells it. */
struct step_book {
    struct id key;
    bool in_flight;
    uint32_t attempt; /* of the dispatch in flight */
    uint32_t phase;
};

struct instance_book {
    struct id id;
    bool ended;
};

struct effect_book {
    enum accounted said;
    bool open;        /* dispatched and not answered */
    struct id origin; /* of the instance that dispatched it */
    char store[16];   /* of the last dispatch */
    int64_t asked_ms; /* when that was */
    uint32_t attempts_count;
    uint32_t attempts[64]; /* that were dispatched */
};

struct checker {
    struct arena *arena;
    struct kv *kv;
    struct replica *replica;
    int64_t batch_ms;      /* of the batch that is read */
    int64_t restored_ms;   /* when the coordinator's store was restored; 0: never */
    struct map *instances; /* id -> instance_book */
    struct map *steps;     /* id, frame -> step_book */
    struct map *effects;   /* key -> effect_book */
    struct map *events;    /* source \0 id -> itself */
    struct undoing *undoing;
    struct leases *leases;
    struct budgets *budgets;
    size_t open;
    uint64_t compared; /* turns since the tables were compared */
};

static void books_open(struct checker *it)
{
    it->kv = store_clone(NULL, tables_kv_options());
    struct error err = {0};
    CHECK(replica_create(it->kv, &it->replica, &err) == ERR_OK);
    it->instances = map_create();
    it->steps = map_create();
    it->effects = map_create();
    it->events = map_create();
    it->undoing = undoing_create();
    it->leases = leases_create();
    it->budgets = budgets_create();
    it->open = 0;
}

static void books_close(struct checker *it)
{
    replica_destroy(&it->replica);
    store_close(&it->kv);
    map_destroy(&it->instances, free);
    map_destroy(&it->steps, free);
    map_destroy(&it->effects, free);
    map_destroy(&it->events, NULL);
    undoing_destroy(&it->undoing);
    leases_destroy(&it->leases);
    budgets_destroy(&it->budgets);
}

void checker_create(struct sim *sim)
{
    sim->checker = sim_alloc(sim, sizeof(*sim->checker));
    sim->checker->arena = arena_create(CHECKER_ARENA_BYTES);
    CHECK(sim->checker->arena != NULL);
    books_open(sim->checker);
}

void checker_destroy(struct sim *sim)
{
    books_close(sim->checker);
    arena_destroy(&sim->checker->arena);
}

size_t checker_open_instances(const struct checker *checker)
{
    return checker == NULL ? 0 : checker->open;
}

uint64_t checker_instances(const struct checker *checker)
{
    return map_count(checker->instances);
}

void checker_each_open(const struct sim *sim, checker_visit_fn *visit, void *user)
{
    size_t cursor = 0;
    const struct instance_book *book = NULL;
    while ((book = map_next(sim->checker->instances, &cursor, NULL, NULL)) != NULL) {
        if (!book->ended && !visit(user, &book->id)) {
            return;
        }
    }
}

bool checker_knows_instance(const struct sim *sim, const struct id *instance)
{
    return map_get(sim->checker->instances, instance->bytes, ID_BYTES) != NULL;
}

bool checker_dispatched(const struct sim *sim, const uint8_t *key, uint32_t attempt)
{
    const struct effect_book *book = map_get(sim->checker->effects, key, KEY_BYTES);
    for (uint32_t i = 0; book != NULL && i < book->attempts_count; i++) {
        if (book->attempts[i] == attempt) {
            return true;
        }
    }
    return false;
}

bool checker_dispatched_to(const struct sim *sim, const uint8_t *key, const char *store)
{
    const struct effect_book *book = map_get(sim->checker->effects, key, KEY_BYTES);
    return book != NULL && strcmp(book->store, store) == 0 &&
           book->asked_ms > sim->checker->restored_ms;
}

bool checker_origin(const struct sim *sim, const uint8_t *key, struct id *ret_origin)
{
    const struct effect_book *book = map_get(sim->checker->effects, key, KEY_BYTES);
    if (book != NULL) {
        *ret_origin = book->origin;
    }
    return book != NULL;
}

static size_t event_name(const char *source, const char *id, char out[512])
{
    int size = snprintf(out, 512, "%s\n%s", source, id);
    return size < 512 ? (size_t)size : 511;
}

bool checker_accepted_event(const struct sim *sim, const char *source, const char *id)
{
    char name[512];
    size_t size = event_name(source, id, name);
    return map_get(sim->checker->events, name, size) != NULL;
}

enum accounted checker_effect(const struct sim *sim, const uint8_t *key)
{
    const struct effect_book *book = map_get(sim->checker->effects, key, KEY_BYTES);
    if (book == NULL) {
        return EFFECT_UNKNOWN_TO_US;
    }
    return book->open ? EFFECT_SAID_OPEN : book->said;
}

/* ---- the books ---- */

static const struct instance *instance_of(const struct sim *sim, const struct event *event)
{
    return engine_instance((struct engine *)(uintptr_t)replica_engine(sim->checker->replica),
                           &event->instance);
}

static void *book_of(struct map *map, const void *key, size_t size, size_t bytes)
{
    void *book = map_get(map, key, size);
    if (book == NULL) {
        book = calloc(1, bytes);
        CHECK(book != NULL);
        (void)map_put(map, key, size, book, NULL);
    }
    return book;
}

static struct step_book *step_of(struct checker *it, const struct event *event)
{
    uint8_t name[ID_BYTES + 4];
    memcpy(name, event->instance.bytes, ID_BYTES);
    memcpy(name + ID_BYTES, &event->frame, 4);
    return book_of(it->steps, name, sizeof(name), sizeof(struct step_book));
}

static void dispatched(struct sim *sim, const struct event *event)
{
    struct step_book *step = step_of(sim->checker, event);
    if (step->in_flight) {
        sim_finding(sim, "step of frame %u is dispatched while it is in flight", event->frame);
    }
    step->key = event->key;
    step->in_flight = true;
    step->attempt = event->attempt;
    step->phase = event->phase;
    if (event->phase != PHASE_PERFORM) {
        return;
    }
    struct effect_book *effect =
        book_of(sim->checker->effects, event->key.bytes, ID_BYTES, sizeof(struct effect_book));
    const struct instance *instance = instance_of(sim, event);
    effect->origin = instance == NULL ? event->instance : instance->origin;
    effect->open = true;
    (void)snprintf(effect->store, sizeof(effect->store), "%s", event->store);
    effect->asked_ms = sim->checker->batch_ms;
    effect->attempts[effect->attempts_count % 64] = event->attempt;
    effect->attempts_count += effect->attempts_count < 64 ? 1 : 0;
}

static bool is_lie(struct doc *doc)
{
    return doc != NULL && json_is_object(doc_json(doc)) &&
           json_object_get(doc_json(doc), "lie") != NULL;
}

static void effect_said(struct effect_book *effect, const struct event *event)
{
    effect->open = false;
    bool done = event->status == RESULT_DONE || event->effect == MARK_DONE;
    if (done) {
        effect->said = EFFECT_SAID_DONE;
    } else if (event->effect == MARK_NONE) {
        /* of this attempt: what an earlier one left open stays open */
        effect->said = effect->said == EFFECT_UNKNOWN_TO_US ? EFFECT_SAID_NONE : effect->said;
    } else {
        effect->said = effect->said == EFFECT_SAID_DONE ? effect->said : EFFECT_SAID_OPEN;
    }
}

static void answered(struct sim *sim, const struct event *event)
{
    struct step_book *step = step_of(sim->checker, event);
    if (event->agent == NULL || event->agent[0] == '\0') {
        return; /* failed before it was sent */
    }
    if (!step->in_flight) {
        sim_finding(sim, "a result is applied twice: frame %u attempt %u phase %u", event->frame,
                    event->attempt, (unsigned)event->phase);
    } else if (step->attempt != event->attempt || step->phase != (uint32_t)event->phase) {
        sim_finding(sim, "the result of attempt %u phase %u answers attempt %u phase %u",
                    event->attempt, (unsigned)event->phase, step->attempt, step->phase);
    }
    step->in_flight = false;
    if (is_lie(event->output)) {
        sim_finding(sim, "a lie is applied: %s", doc_text(event->output, NULL));
    }
    if (event->phase == PHASE_PERFORM) {
        effect_said(
            book_of(sim->checker->effects, step->key.bytes, ID_BYTES, sizeof(struct effect_book)),
            event);
    }
}

static void late(struct sim *sim, const struct event *event)
{
    struct effect_book *effect = map_get(sim->checker->effects, event->key.bytes, ID_BYTES);
    if (effect == NULL) {
        sim_finding(sim, "a late effect of a key that was never dispatched");
        return;
    }
    effect->said = EFFECT_SAID_DONE;
}

static void started(struct sim *sim, const struct event *event)
{
    struct checker *it = sim->checker;
    if (map_get(it->instances, event->instance.bytes, ID_BYTES) != NULL) {
        sim_finding(sim, "an instance is started twice");
    }
    struct instance_book *book =
        book_of(it->instances, event->instance.bytes, ID_BYTES, sizeof(*book));
    book->id = event->instance;
    it->open++;
    sim->figures.instances++;
    const struct instance *instance = instance_of(sim, event);
    if (instance != NULL) {
        features_instance(sim, instance);
    }
}

static void ended(struct sim *sim, const struct event *event)
{
    struct instance_book *book = map_get(sim->checker->instances, event->instance.bytes, ID_BYTES);
    if (book == NULL || book->ended) {
        sim_finding(sim, "an instance ends that is not open");
        return;
    }
    book->ended = true;
    sim->checker->open--;
}

static void task_counted(struct sim *sim, const struct event *event)
{
    const struct instance *instance = instance_of(sim, event);
    if (instance != NULL && event->node < instance->plan->node_count) {
        const struct plan_node *node = &instance->plan->nodes[event->node];
        unsigned kind = node->kind;
        sim->figures.tasks[kind < SIM_TASK_KINDS ? kind : SIM_TASK_KINDS - 1]++;
        features_step(sim, node);
    }
}

static void accepted(struct sim *sim, const struct event *event)
{
    char name[512];
    size_t size = event_name(event->source, event->id, name);
    if (map_put(sim->checker->events, name, size, sim->checker, NULL) != NULL) {
        sim_finding(sim, "event %s is accepted twice", event->id);
    }
}

static void event_book(struct sim *sim, const struct event *event)
{
    uint64_t short_id = 0;
    sim->figures.events[(unsigned)event->kind % SIM_EVENT_KINDS]++;
    memcpy(&short_id, event->instance.bytes, sizeof(short_id));
    sim_trace(sim, event_kind_name(event->kind), (uint64_t)event->frame << 32 | event->attempt,
              short_id);
    if (event->has_key) {
        memcpy(&short_id, event->key.bytes, sizeof(short_id));
        sim_trace(sim, "  of key", event->effect, short_id);
    }
    undoing_event(sim, sim->checker->undoing, event, instance_of(sim, event));
    leases_event(sim, sim->checker->leases, event, instance_of(sim, event));
    budgets_event(sim, sim->checker->budgets, event);
    switch ((unsigned)event->kind) {
    case EVENT_ACCEPTED:
        accepted(sim, event);
        break;
    case EVENT_INSTANCE_STARTED:
        started(sim, event);
        break;
    case EVENT_INSTANCE_COMPLETED:
    case EVENT_INSTANCE_FAULTED:
    case EVENT_INSTANCE_CANCELLED:
        ended(sim, event);
        break;
    case EVENT_STEP_RAN:
    case EVENT_STEP_STARTED:
    case EVENT_STEP_FAULTED: /* a raise is not entered first */
        if (event->kind == EVENT_STEP_FAULTED && event->frame != 0) {
            step_of(sim->checker, event)->in_flight = false;
            break;
        }
        task_counted(sim, event);
        break;
    case EVENT_STEP_DISPATCHED:
        dispatched(sim, event);
        break;
    case EVENT_STEP_RESULT:
        answered(sim, event);
        break;
    case EVENT_EFFECT_LATE:
        late(sim, event);
        break;
    case EVENT_STEP_CANCELLED:
        if (event->status == 0 && event->frame != 0) {
            step_of(sim->checker, event)->in_flight = false;
        }
        break;
    default:
        break;
    }
}

/* ---- following ---- */

static bool same_cause(const struct gate *a, const struct gate *b)
{
    return a->kind == b->kind && text_equal(a->agent, b->agent) &&
           text_equal(a->action, b->action) && text_equal(a->scope, b->scope) &&
           (a->kind != GATE_PERMISSION || text_equal(a->failure.code, b->failure.code));
}

/* Nobody is asked twice for one cause. */
static void causes_check(struct sim *sim)
{
    const struct company *company = engine_company(coordinator_engine(sim));
    size_t cursor = 0;
    const struct gate *gate = NULL;
    while ((gate = map_next(company->gates, &cursor, NULL, NULL)) != NULL) {
        size_t later = cursor;
        const struct gate *other = NULL;
        while (gate->agent != NULL &&
               (other = map_next(company->gates, &later, NULL, NULL)) != NULL) {
            if (same_cause(gate, other)) {
                sim_finding(sim, "two gates for one cause: %s of agent %s, %s",
                            gate_kind_name(gate->kind), gate->agent, gate->failure.code);
                return;
            }
        }
    }
}

static void compare(struct sim *sim)
{
    struct checker *it = sim->checker;
    causes_check(sim);
    struct error err = {0};
    if (replica_compare(it->replica, coordinator_tables(sim), &err) != ERR_OK) {
        sim_finding(sim, "after batch %llu: %s", (unsigned long long)replica_sequence(it->replica),
                    err.message);
    }
    const struct engine *followed = replica_engine(it->replica);
    const struct engine *engine = coordinator_engine(sim);
    if (engine_outstanding(followed) != engine_outstanding(engine) ||
        engine_ready(followed) != engine_ready(engine)) {
        sim_finding(sim,
                    "the journal says %llu tasks in flight and %llu ready, the engine %llu "
                    "and %llu",
                    (unsigned long long)engine_outstanding(followed),
                    (unsigned long long)engine_ready(followed),
                    (unsigned long long)engine_outstanding(engine),
                    (unsigned long long)engine_ready(engine));
    }
    it->compared = 0;
}

static void follow(struct sim *sim)
{
    struct checker *it = sim->checker;
    struct tables *tables = coordinator_tables(sim);
    while (replica_sequence(it->replica) < tables_sequence(tables) && sim->finding[0] == '\0') {
        struct journal_batch batch;
        struct error err = {0};
        if (tables_journal(tables, replica_sequence(it->replica) + 1, it->arena, &batch, &err) !=
            ERR_OK) {
            sim_finding(sim, "the journal cannot be read: %s", err.message);
            return;
        }
        if (replica_apply(it->replica, &batch, &err) != ERR_OK) {
            sim_finding(sim, "the journal cannot be replayed: %s", err.message);
        }
        it->batch_ms = batch.now_ms;
        for (size_t i = 0; i < batch.event_count; i++) {
            event_book(sim, &batch.events[i]);
        }
        journal_release(&batch);
        arena_reset(it->arena);
    }
}

void checker_turn(struct sim *sim)
{
    follow(sim);
    leases_turn(sim);
    budgets_turn(sim, sim->checker->budgets);
    if (++sim->checker->compared >= COMPARE_EVERY) {
        compare(sim);
    }
}

void checker_started(struct sim *sim)
{
    follow(sim);
    compare(sim);
}

void checker_restored(struct sim *sim)
{
    books_close(sim->checker);
    books_open(sim->checker);
    sim->checker->restored_ms = sim_wall_ms(sim);
    effects_forgotten(sim);
}

/* ---- the end ---- */

/* That the table has so many rows, and no more. */
static void row_count(struct sim *sim, char table, size_t wanted, const char *what)
{
    char lower[3] = {0, 0, table};
    char upper[3] = {0, 0, (char)(table + 1)};
    struct kv_range range = {.family = 0, .lower = {lower, 3}, .upper = {upper, 3}};
    struct kv_iter *iter = kv_iter_create(coordinator_kv(sim), &range);
    size_t count = 0;
    for (kv_iter_seek_first(iter); kv_iter_valid(iter); kv_iter_next(iter)) {
        count++;
    }
    if (count != wanted) {
        sim_finding(sim, "everything has ended and a row of %s is left", what);
    }
    kv_iter_destroy(&iter);
}

static bool waits_for_a_named_thing(const struct frame *frame, const struct plan_node *node)
{
    switch ((unsigned)frame->state) {
    case FRAME_SUSPENDED:
        return frame->has_gate;
    case FRAME_WAITING:
        return frame->wake_ms != 0 || frame->has_child ||
               (node != NULL && node->kind == TASK_LISTEN);
    case FRAME_RETRY:
        return frame->wake_ms != 0;
    case FRAME_LOCKED_OUT:
        return true; /* leases_turn looks whether somebody has it */
    default:
        return false;
    }
}

/* When all is quiet the engine waits for no time: whoever still has one was forgotten. */
static bool waits_for_a_forgotten_time(const struct instance *instance)
{
    if (instance->cancelling) {
        return false; /* compensations that wait for a person hold frames that have deadlines */
    }
    bool forgotten = instance->deadline_ms != 0;
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        forgotten =
            forgotten || instance->frames[i]->wake_ms != 0 || instance->frames[i]->deadline_ms != 0;
    }
    return forgotten;
}

static bool quiet_visit(void *user, const struct id *id)
{
    struct sim *sim = user;
    const struct instance *instance = engine_instance(coordinator_engine(sim), id);
    char hex[ID_HEX_BYTES];
    id_hex(id, hex);
    if (instance == NULL) {
        sim_finding(sim, "instance %s has not ended and the engine does not know it", hex);
        return false;
    }
    if (engine_next_due(coordinator_engine(sim)) == INT64_MAX &&
        waits_for_a_forgotten_time(instance)) {
        sim_finding(sim, "instance %s waits for a time that the engine has forgotten", hex);
        return false;
    }
    if (instance->frame_count == 0) {
        sim_finding(sim, "instance %s settles its effects for ever", hex);
        return false;
    }
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        const struct frame *leaf = instance->frames[i];
        const struct plan_node *node =
            leaf->node == PLAN_NONE ? NULL : &instance->plan->nodes[leaf->node];
        bool ended = leaf->state == FRAME_JOINED;
        if (leaf->children == 0 && !ended && !waits_for_a_named_thing(leaf, node)) {
            sim_finding(sim, "instance %s hangs: %s is %s", hex, node == NULL ? "/" : node->pointer,
                        frame_state_name(leaf->state));
            return false;
        }
    }
    return true;
}

void checker_quiet(struct sim *sim)
{
    checker_each_open(sim, quiet_visit, sim);
}

static bool evaluates_visit(void *user, const struct id *id)
{
    bool *evaluates = user;
    const struct instance *instance = engine_instance(coordinator_engine(sim_current), id);
    for (uint32_t i = 0; instance != NULL && i < instance->frame_count; i++) {
        *evaluates = *evaluates || instance->frames[i]->state == FRAME_EVALUATING;
    }
    return true;
}

bool checker_evaluates(struct sim *sim)
{
    bool evaluates = false;
    checker_each_open(sim, evaluates_visit, &evaluates);
    return evaluates;
}

static bool open_visit(void *user, const struct id *id)
{
    struct sim *sim = user;
    char hex[ID_HEX_BYTES];
    id_hex(id, hex);
    const struct instance *instance = engine_instance(coordinator_engine(sim), id);
    const struct frame *leaf = instance == NULL ? NULL : instance_leaf(instance);
    sim_finding(sim, "instance %s does not end after it was cancelled: %s", hex,
                leaf == NULL ? "no step is open" : frame_state_name(leaf->state));
    return false;
}

/* An instance does not end before its store has said what became of an effect in flight. */
static void open_effects(struct sim *sim)
{
    size_t cursor = 0;
    const struct effect_book *book = NULL;
    while ((book = map_next(sim->checker->effects, &cursor, NULL, NULL)) != NULL) {
        bool known = book->said == EFFECT_SAID_DONE; /* and asked for again when it was killed */
        if (book->open && !known) {
            sim_finding(sim, "everything has ended and an effect is in flight");
        }
    }
}

void checker_end(struct sim *sim)
{
    checker_each_open(sim, open_visit, sim);
    if (coordinator_engine(sim) == NULL) {
        sim_finding(sim, "the coordinator is down at the end");
        return;
    }
    follow(sim);
    compare(sim);
    open_effects(sim);
    undoing_end(sim, sim->checker->undoing);
    static const struct {
        char table;
        const char *name;
    } empty[] = {{'A', "active instances"}, {'W', "waiting instances"}, {'T', "timers"},
                 {'L', "listeners"},        {'H', "schedules"},         {'P', "open instances"},
                 {'U', "kept effects"},     {'V', "claims of locks"}};
    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]) && sim->finding[0] == '\0'; i++) {
        row_count(sim, empty[i].table, 0, empty[i].name);
    }
    budgets_end(sim);
    row_count(sim, 'G', map_count(engine_company(coordinator_engine(sim))->gates), "gates");
    if (client_gates(coordinator_engine(sim)) > 0) {
        sim_finding(sim, "everything has ended and a gate is open");
    }
    if (engine_outstanding(coordinator_engine(sim)) + engine_ready(coordinator_engine(sim)) > 0) {
        sim_finding(sim, "everything has ended and tasks are in flight or ready");
    }
    struct error err = {0};
    uint64_t batches = 0;
    uint64_t bad = 0;
    if (tables_verify(coordinator_tables(sim), &batches, &bad, &err) != ERR_OK) {
        sim_finding(sim, "the journal's chain is broken at %llu: %s", (unsigned long long)bad,
                    err.message);
    }
}

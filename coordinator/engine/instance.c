#include "coordinator/engine/instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/json/doc.h"
#include "coordinator/definition/plan.h"

/* The engine has no path for "no memory": the process ends and the stores are the truth. */
static void *must(void *memory)
{
    CHECK(memory != NULL);
    return memory;
}

void doc_replace(struct doc **place, struct doc *doc)
{
    struct doc *old = *place;
    *place = doc == NULL ? NULL : doc_ref(doc);
    doc_unref(&old);
}

void text_replace(char **place, const char *text)
{
    char *copy = text == NULL ? NULL : must(strdup(text));
    free(*place);
    *place = copy;
}

struct instance *instance_create(const struct id *id)
{
    struct instance *instance = must(calloc(1, sizeof(*instance)));
    instance->id = *id;
    instance->origin = *id;
    instance->status = INSTANCE_RUNNING;
    instance->next_frame = 1;
    return instance;
}

void frame_evaluated_clear(struct frame *frame)
{
    for (uint32_t i = 0; i < frame->evaluated_count; i++) {
        doc_unref(&frame->evaluated[i].value);
    }
    free(frame->evaluated);
    frame->evaluated = NULL;
    frame->evaluated_count = 0;
}

static void own_destroy(struct plan_node *own)
{
    free((void *)(uintptr_t)own->pointer);
    free((void *)(uintptr_t)own->call.agent);
    free((void *)(uintptr_t)own->call.action);
    free((void *)(uintptr_t)own->call.contract);
    free(own);
}

static void undo_destroy(struct undo *undo)
{
    if (undo == NULL) {
        return;
    }
    free(undo->action);
    free(undo->contract);
    free(undo->effect_key);
    free(undo->reason);
    doc_unref(&undo->input);
    doc_unref(&undo->call);
    doc_unref(&undo->value);
    doc_unref(&undo->error);
    free(undo);
}

static void frame_destroy(struct frame *frame)
{
    struct doc **docs[] = {&frame->raw_input, &frame->input,  &frame->data,       &frame->vars,
                           &frame->error,     &frame->items,  &frame->call_input, &frame->proposal,
                           &frame->context,   &frame->results};
    for (size_t i = 0; i < sizeof(docs) / sizeof(docs[0]); i++) {
        doc_unref(docs[i]);
    }
    frame_evaluated_clear(frame);
    if (frame->own != NULL) {
        own_destroy(frame->own);
    }
    if (frame->lock != NULL) {
        free(frame->lock->entity);
        free(frame->lock);
    }
    free(frame->money);
    free(frame->visits);
    free(frame->path);
    free(frame->idempotency_key);
    free(frame->store);
    free(frame->contract_version);
    free(frame);
}

static void ledger_free(struct ledger_entry *ledger, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        free(ledger[i].step);
        free(ledger[i].agent);
        free(ledger[i].action);
        free(ledger[i].store);
        undo_destroy(ledger[i].undo);
    }
    free(ledger);
}

void instance_rewind_clear(struct instance *instance)
{
    if (instance->rewind != NULL) {
        doc_unref(&instance->rewind->data);
        doc_unref(&instance->rewind->context);
        free(instance->rewind);
        instance->rewind = NULL;
    }
}

void instance_rewind_set(struct instance *instance, const struct rewind *to)
{
    instance_rewind_clear(instance);
    instance->rewind = must(malloc(sizeof(*instance->rewind)));
    *instance->rewind = *to;
    (void)doc_ref(to->data);
    (void)doc_ref(to->context);
}

void instance_destroy(struct instance **instance)
{
    struct instance *it = *instance;
    if (it == NULL) {
        return;
    }
    for (uint32_t i = 0; i < it->frame_count; i++) {
        frame_destroy(it->frames[i]);
    }
    ledger_free(it->ledger, it->ledger_count);
    ledger_free(it->kept, it->kept_count);
    free(it->frames);
    free(it->journal);
    free(it->traceparent);
    free(it->trigger);
    free(it->paused);
    free(it->fairness);
    doc_unref(&it->input);
    doc_unref(&it->context);
    doc_unref(&it->final_value);
    instance_rewind_clear(it);
    free(it);
    *instance = NULL;
}

/* Place of the first frame whose id is not below `frame`; frames are sorted by id. */
static uint32_t frame_place(const struct instance *instance, uint32_t frame)
{
    uint32_t low = 0;
    uint32_t high = instance->frame_count;
    if (high > 0 && instance->frames[high - 1]->id <= frame) {
        return instance->frames[high - 1]->id == frame ? high - 1 : high;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (instance->frames[middle]->id < frame) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct frame *instance_frame(const struct instance *instance, uint32_t frame)
{
    uint32_t at = frame_place(instance, frame);
    bool found = at < instance->frame_count && instance->frames[at]->id == frame;
    return found ? instance->frames[at] : NULL;
}

struct frame *instance_push(struct instance *instance, uint32_t id, uint32_t parent)
{
    CHECK(id != 0 && frame_place(instance, id) == instance->frame_count);
    if (parent != 0) {
        struct frame *above = instance_frame(instance, parent);
        CHECK(above != NULL);
        above->children++;
    }
    struct frame *frame = must(calloc(1, sizeof(*frame)));
    frame->id = id;
    frame->parent = parent;
    frame->node = PLAN_NONE;
    frame->cursor = PLAN_NONE;
    frame->state = FRAME_RUNNING;
    frame->activation = 1;
    frame->path = must(strdup(""));
    instance->frames =
        must(realloc(instance->frames, (instance->frame_count + 1) * sizeof(*instance->frames)));
    instance->frames[instance->frame_count++] = frame;
    if (id >= instance->next_frame) {
        instance->next_frame = id + 1;
    }
    return frame;
}

void instance_branch(struct instance *instance, struct frame *frame, struct doc *context)
{
    CHECK(frame->context == NULL && context != NULL);
    doc_replace(&frame->context, context);
    instance->branches++;
}

void instance_remove(struct instance *instance, uint32_t frame)
{
    uint32_t at = frame_place(instance, frame);
    CHECK(at < instance->frame_count);
    struct frame *gone = instance->frames[at];
    CHECK(gone->id == frame && gone->children == 0);
    if (gone->parent != 0) {
        instance_frame(instance, gone->parent)->children--;
    }
    instance->branches -= gone->context != NULL ? 1 : 0;
    instance->undoing -= gone->purpose != PURPOSE_STEP ? 1 : 0;
    instance->locks -= gone->lock != NULL ? 1 : 0;
    frame_destroy(gone);
    memmove(&instance->frames[at], &instance->frames[at + 1],
            (instance->frame_count - at - 1) * sizeof(*instance->frames));
    instance->frame_count--;
}

struct frame *instance_leaf(const struct instance *instance)
{
    return instance->frame_count == 0 ? NULL : instance->frames[instance->frame_count - 1];
}

static bool frame_walks(const struct frame *frame)
{
    return frame->children == 0 && frame->purpose == PURPOSE_STEP &&
           (frame->state == FRAME_RUNNING || frame->state == FRAME_OUTPUT);
}

struct frame *instance_walkable(const struct instance *instance)
{
    if (instance->branches == 0) {
        struct frame *leaf = instance_leaf(instance);
        return leaf != NULL && frame_walks(leaf) ? leaf : NULL;
    }
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        if (frame_walks(instance->frames[i])) {
            return instance->frames[i];
        }
    }
    return NULL;
}

/* What `doc` adds where `before` stands already, as rows are written. */
static size_t doc_adds(struct doc *doc, struct doc *before)
{
    size_t size = doc == NULL || doc == before ? 0 : doc_size_known(doc);
    bool same = size > 0 && before != NULL && doc_size_known(before) == size &&
                memcmp(doc_text(doc, NULL), doc_text(before, NULL), size) == 0;
    return same ? 0 : size;
}

static size_t undo_bytes(const struct ledger_entry *entry)
{
    const struct undo *undo = entry->undo;
    return undo == NULL ? 0
                        : doc_adds(undo->input, NULL) + doc_adds(undo->call, undo->input) +
                              doc_adds(undo->value, NULL);
}

/* `apart`: as if no value stood in two places, which is never less and needs no looking. */
static size_t frame_bytes(const struct instance *instance, const struct frame *frame, bool apart)
{
    const struct frame *parent = apart ? NULL : instance_frame(instance, frame->parent);
    struct doc *around = apart ? NULL : instance->input;
    if (parent != NULL) {
        around = frame->context != NULL ? parent->input : parent->data;
    }
    struct doc *context = apart ? NULL : instance->context;
    for (; parent != NULL; parent = instance_frame(instance, parent->parent)) {
        if (parent->context != NULL) {
            context = parent->context;
            break;
        }
    }
    return doc_adds(frame->raw_input, around) +
           doc_adds(frame->input, apart ? NULL : frame->raw_input) +
           doc_adds(frame->data, apart ? NULL : frame->input) + doc_adds(frame->context, context) +
           doc_adds(frame->call_input, apart ? NULL : frame->input) + doc_adds(frame->vars, NULL) +
           doc_adds(frame->error, NULL) + doc_adds(frame->items, NULL) +
           doc_adds(frame->results, NULL) + doc_adds(frame->proposal, NULL);
}

static size_t all_bytes(const struct instance *instance, bool apart)
{
    size_t bytes = doc_adds(instance->input, NULL) +
                   doc_adds(instance->context, apart ? NULL : instance->input) +
                   doc_adds(instance->final_value, NULL);
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        bytes += frame_bytes(instance, instance->frames[i], apart);
    }
    for (uint32_t i = 0; instance->undos > 0 && i < instance->ledger_count; i++) {
        bytes += undo_bytes(&instance->ledger[i]);
    }
    return bytes;
}

bool instance_is_large(const struct instance *instance)
{
    return all_bytes(instance, true) > LIMIT_INSTANCE_BYTES &&
           all_bytes(instance, false) > LIMIT_INSTANCE_BYTES;
}

struct doc **instance_context(struct instance *instance, const struct frame *frame)
{
    while (instance->branches > 0 && frame != NULL) {
        struct frame *it = instance_frame(instance, frame->id);
        if (it->context != NULL) {
            return &it->context;
        }
        frame = instance_frame(instance, frame->parent);
    }
    return &instance->context;
}

static bool frame_unwinds(const struct frame *frame)
{
    return frame->state == FRAME_CANCELLING &&
           (frame->error != NULL || frame->resume == FRAME_OUTPUT ||
            frame->resume == FRAME_RUNNING);
}

struct frame *instance_unwinding(const struct instance *instance, const struct frame *frame)
{
    if (instance->cancelling) {
        return instance->frames[0];
    }
    struct frame *outermost = NULL;
    struct frame *it = instance_frame(instance, frame->id);
    for (; it != NULL; it = instance_frame(instance, it->parent)) {
        outermost = frame_unwinds(it) ? it : outermost;
    }
    return outermost;
}

static enum instance_status frame_standing(const struct frame *frame)
{
    if (frame->has_gate) {
        return INSTANCE_SUSPENDED;
    }
    bool waits = frame->state == FRAME_WAITING || frame->state == FRAME_RETRY ||
                 frame->state == FRAME_LOCKED_OUT;
    return waits ? INSTANCE_WAITING : INSTANCE_RUNNING;
}

enum instance_status instance_standing(const struct instance *instance)
{
    const struct frame *leaf = instance_leaf(instance);
    if (instance->paused != NULL) {
        return INSTANCE_SUSPENDED;
    }
    if (leaf == NULL) {
        return INSTANCE_RUNNING;
    }
    if (instance->branches == 0) {
        return frame_standing(leaf);
    }
    enum instance_status most = INSTANCE_SUSPENDED; /* their numbers rise in this order */
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        const struct frame *frame = instance->frames[i];
        if (frame->children == 0 && frame->state != FRAME_JOINED && frame_standing(frame) < most) {
            most = frame_standing(frame);
        }
    }
    return most;
}

struct ledger_entry *instance_ledger(const struct instance *instance, const struct id *key)
{
    for (uint32_t i = 0; i < instance->ledger_count; i++) {
        if (id_equal(&instance->ledger[i].key, key)) {
            return &instance->ledger[i];
        }
    }
    return NULL;
}

struct ledger_entry *instance_ledger_add(struct instance *instance, const struct id *key)
{
    instance->ledger =
        must(realloc(instance->ledger, (instance->ledger_count + 1) * sizeof(*instance->ledger)));
    struct ledger_entry *entry = &instance->ledger[instance->ledger_count++];
    *entry = (struct ledger_entry){.key = *key};
    return entry;
}

void ledger_copy(struct ledger_entry *to, const struct ledger_entry *from)
{
    struct ledger_entry copy = *from;
    copy.step = to->step;
    copy.agent = to->agent;
    copy.action = to->action;
    copy.store = to->store;
    copy.undo = to->undo;
    text_replace(&copy.step, from->step);
    text_replace(&copy.agent, from->agent);
    text_replace(&copy.action, from->action);
    text_replace(&copy.store, from->store);
    *to = copy;
}

void instance_keep(struct instance *instance, const struct ledger_entry *entry,
                   const struct id *origin)
{
    if (instance->kept_count == instance->kept_room) {
        instance->kept_room = instance->kept_room == 0 ? 8 : instance->kept_room * 2;
        instance->kept =
            must(realloc(instance->kept, instance->kept_room * sizeof(*instance->kept)));
    }
    struct ledger_entry *place = &instance->kept[instance->kept_count++];
    *place = (struct ledger_entry){.key = entry->key};
    ledger_copy(place, entry);
    place->origin = *origin;
    place->state = ledger_is_open(entry) ? LEDGER_ABANDONED : entry->state;
}

void instance_kept_clear(struct instance *instance)
{
    ledger_free(instance->kept, instance->kept_count);
    instance->kept = NULL;
    instance->kept_count = 0;
    instance->kept_room = 0;
}

void instance_take_over(struct instance *instance, const struct ledger_entry *entry)
{
    static const struct id none;
    if (instance_ledger(instance, &entry->key) == NULL) {
        struct ledger_entry *place = instance_ledger_add(instance, &entry->key);
        ledger_copy(place, entry);
        place->origin = none;
    }
}

struct id frame_use(const struct frame *frame, const char *action)
{
    size_t size = 0;
    const char *proposal = frame->proposal == NULL ? "" : doc_text(frame->proposal, &size);
    return id_of_use(action, &frame->input_digest, proposal, size);
}

struct undo *instance_undo_add(struct instance *instance, struct ledger_entry *entry)
{
    if (entry->undo == NULL) {
        entry->undo = must(calloc(1, sizeof(*entry->undo)));
        entry->undo->state = UNDO_DECLARED;
        entry->undo->node = PLAN_NONE;
        entry->undo->version = 1;
        instance->undos++;
    }
    return entry->undo;
}

bool ledger_undo_open(const struct ledger_entry *entry)
{
    const struct undo *undo = entry->undo;
    if (undo == NULL || undo->state == UNDO_CLOSED) {
        return false;
    }
    return undo->state == UNDO_REGISTERED
               ? entry->state == LEDGER_DONE
               : entry->state == LEDGER_DONE || entry->state == LEDGER_UNKNOWN ||
                     entry->state == LEDGER_ABANDONED;
}

struct ledger_entry *instance_undo_next(const struct instance *instance, uint32_t frame)
{
    struct ledger_entry *last = NULL;
    for (uint32_t i = 0; instance->undos > 0 && i < instance->ledger_count; i++) {
        struct ledger_entry *entry = &instance->ledger[i];
        if (ledger_undo_open(entry) && entry->undo->wanted_in == frame &&
            (last == NULL || entry->undo->order > last->undo->order)) {
            last = entry;
        }
    }
    return last;
}

static char *text_join(const char *before, const char *text)
{
    size_t room = strlen(before) + strlen(text) + 1;
    char *joined = must(malloc(room));
    (void)snprintf(joined, room, "%s%s", before, text);
    return joined;
}

void instance_purpose(struct instance *instance, struct frame *frame, enum frame_purpose purpose,
                      const struct ledger_entry *entry)
{
    bool undoes = purpose == PURPOSE_UNDO;
    const char *action = undoes ? entry->undo->action : entry->action;
    const char *contract = entry->undo->contract;
    struct plan_node *own = must(calloc(1, sizeof(*own)));
    own->index = PLAN_NONE;
    own->parent = PLAN_NONE;
    own->next = PLAN_NONE;
    own->about = PLAN_NONE;
    own->tail = PLAN_NONE;
    own->kind = TASK_AGENT;
    own->pointer = text_join(undoes ? "undo of " : "outcome of ", entry->step);
    own->name = own->pointer;
    own->place = own->pointer;
    own->call.priority = -1;
    own->call.agent = must(strdup(entry->agent));
    own->call.action = must(strdup(action == NULL ? "" : action));
    own->call.contract = contract == NULL ? NULL : must(strdup(contract));
    frame->purpose = purpose;
    frame->undoes = entry->key;
    frame->own = own;
    instance->undoing++;
}

struct frame_lock *instance_lock_add(struct instance *instance, struct frame *frame,
                                     const char *entity, int64_t ttl_ms)
{
    CHECK(frame->lock == NULL);
    frame->lock = must(calloc(1, sizeof(*frame->lock)));
    frame->lock->ttl_ms = ttl_ms;
    text_replace(&frame->lock->entity, entity);
    instance->locks++;
    return frame->lock;
}

struct frame_money *frame_money_add(struct frame *frame)
{
    if (frame->money == NULL) {
        frame->money = must(calloc(1, sizeof(*frame->money)));
    }
    return frame->money;
}

void frame_money_trim(struct frame *frame)
{
    if (frame->money != NULL && frame->money->accounts == 0 && frame->money->wants == 0) {
        free(frame->money);
        frame->money = NULL;
    }
}

bool ledger_is_open(const struct ledger_entry *entry)
{
    return entry->state == LEDGER_DISPATCHED || entry->state == LEDGER_UNKNOWN;
}

bool instance_ledger_open(const struct instance *instance)
{
    for (uint32_t i = 0; i < instance->ledger_count; i++) {
        if (ledger_is_open(&instance->ledger[i])) {
            return true;
        }
    }
    return false;
}

bool instance_active(const struct instance *instance)
{
    if (instance_walkable(instance) != NULL) {
        return true; /* its walk was cut by the turn's share of steps */
    }
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        enum frame_state state = instance->frames[i]->state;
        if (state == FRAME_READY || state == FRAME_DISPATCHED || state == FRAME_EVALUATING ||
            state == FRAME_CANCELLING) {
            return true;
        }
    }
    return instance->final != 0;
}

/* Compensations are tried again whatever becomes of the frames around them. */
static int64_t undoing_due(const struct instance *instance)
{
    int64_t due = 0;
    for (uint32_t i = 0; instance->undoing > 0 && i < instance->frame_count; i++) {
        const struct frame *frame = instance->frames[i];
        if (frame->purpose != PURPOSE_STEP && frame->wake_ms != 0 &&
            (due == 0 || frame->wake_ms < due)) {
            due = frame->wake_ms;
        }
    }
    return due;
}

/* Leases end whatever becomes of the frames: others wait for the entity. */
static int64_t lease_due(const struct instance *instance)
{
    int64_t due = 0;
    for (uint32_t i = 0; instance->locks > 0 && i < instance->frame_count; i++) {
        const struct frame_lock *lock = instance->frames[i]->lock;
        if (lock != NULL && lock->lease == LEASE_HELD && (due == 0 || lock->until_ms < due)) {
            due = lock->until_ms;
        }
    }
    return due;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

int64_t instance_due(const struct instance *instance)
{
    int64_t lease = lease_due(instance);
    if (instance->paused != NULL) {
        return lease;
    }
    bool leaving = instance->final != 0 || instance->cancelling || instance->frame_count == 0 ||
                   instance->frames[0]->state == FRAME_CANCELLING;
    int64_t due = earlier(undoing_due(instance), lease);
    if (leaving) {
        return due;
    }
    if (instance->deadline_ms != 0 && (due == 0 || instance->deadline_ms < due)) {
        due = instance->deadline_ms;
    }
    bool unwinding = false;
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        const struct frame *frame = instance->frames[i];
        unwinding = unwinding || frame->state == FRAME_CANCELLING;
        if (unwinding && instance_unwinding(instance, frame) != NULL) {
            continue; /* it and what is below wait for an effect */
        }
        if (frame->deadline_ms != 0 && (due == 0 || frame->deadline_ms < due)) {
            due = frame->deadline_ms;
        }
        if (frame->wake_ms != 0 && (due == 0 || frame->wake_ms < due)) {
            due = frame->wake_ms;
        }
    }
    return due;
}

void instance_journal_add(struct instance *instance, uint64_t sequence)
{
    uint32_t count = instance->journal_count;
    if (count > 0 && instance->journal[count - 1] == sequence) {
        return;
    }
    if ((count & (count - 1)) == 0) {
        size_t room = count == 0 ? 4 : (size_t)count * 2;
        instance->journal = must(realloc(instance->journal, room * sizeof(uint64_t)));
    }
    instance->journal[instance->journal_count++] = sequence;
}

void frame_visits_clear(struct frame *frame)
{
    free(frame->visits);
    frame->visits = NULL;
    frame->visit_count = 0;
}

uint32_t frame_visits(const struct frame *frame, uint32_t node)
{
    for (uint32_t i = 0; i < frame->visit_count; i++) {
        if (frame->visits[i].node == node) {
            return frame->visits[i].count;
        }
    }
    return 0;
}

void frame_visit(struct frame *frame, uint32_t node)
{
    for (uint32_t i = 0; i < frame->visit_count; i++) {
        if (frame->visits[i].node == node) {
            frame->visits[i].count++;
            return;
        }
    }
    frame->visits = must(realloc(frame->visits, (frame->visit_count + 1) * sizeof(*frame->visits)));
    frame->visits[frame->visit_count++] = (struct visit){.node = node, .count = 1};
}

const struct evaluated *frame_evaluated(const struct frame *frame, uint32_t expr)
{
    for (uint32_t i = 0; i < frame->evaluated_count; i++) {
        if (frame->evaluated[i].expr == expr) {
            return &frame->evaluated[i];
        }
    }
    return NULL;
}

void frame_evaluated_add(struct frame *frame, uint32_t expr, bool failed, struct doc *value)
{
    frame->evaluated =
        must(realloc(frame->evaluated, (frame->evaluated_count + 1) * sizeof(*frame->evaluated)));
    frame->evaluated[frame->evaluated_count++] =
        (struct evaluated){.expr = expr, .failed = failed, .value = doc_ref(value)};
}

void instance_check(const struct instance *instance)
{
    CHECK(instance->plan != NULL);
    CHECK(instance->input != NULL);
    CHECK(instance->context != NULL);
    CHECK_IMPLIES(instance->rewind != NULL && !instance->cancelling && instance->unwinding == 0,
                  instance->frame_count > 0 && instance->frames[0]->state == FRAME_CANCELLING &&
                      instance->frames[0]->resume == FRAME_RUNNING);
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        const struct frame *frame = instance->frames[i];
        CHECK(frame->id < instance->next_frame);
        CHECK((frame->parent == 0 || frame->purpose != PURPOSE_STEP) == (frame->node == PLAN_NONE));
        CHECK((frame->purpose != PURPOSE_STEP) == (frame->own != NULL));
        CHECK(i == 0 || frame->parent != 0);
        CHECK_IMPLIES(i > 0, instance->frames[i - 1]->id < frame->id);
        CHECK(frame->node == PLAN_NONE || frame->node < instance->plan->node_count);
        CHECK(frame->cursor == PLAN_NONE || frame->cursor < instance->plan->node_count);
        CHECK_IMPLIES(frame->state == FRAME_DISPATCHED, frame->store != NULL);
        CHECK_IMPLIES(frame->state == FRAME_SUSPENDED, frame->has_gate);
        CHECK_IMPLIES(frame->state == FRAME_RETRY, frame->wake_ms != 0);
        CHECK_IMPLIES(frame->state == FRAME_JOINED, frame->context != NULL);
        CHECK_IMPLIES(frame->state == FRAME_LOCKED_OUT,
                      frame->lock != NULL && frame->lock->lease == LEASE_WAITS);
        CHECK_IMPLIES(frame->money != NULL,
                      frame->money->wants != 0 || frame->money->accounts != 0);
        CHECK_IMPLIES(frame->has_child,
                      frame->state == FRAME_WAITING || frame->state == FRAME_CANCELLING);
        CHECK_IMPLIES(instance->branches == 0, frame->children == (i + 1 < instance->frame_count));
    }
}

const char *instance_status_name(enum instance_status status)
{
    switch (status) {
    case INSTANCE_RUNNING:
        return "running";
    case INSTANCE_WAITING:
        return "waiting";
    case INSTANCE_SUSPENDED:
        return "suspended";
    case INSTANCE_CANCELLED:
        return "cancelled";
    case INSTANCE_FAULTED:
        return "faulted";
    case INSTANCE_COMPLETED:
        return "completed";
    }
    return "unknown";
}

const char *frame_state_name(enum frame_state state)
{
    switch (state) {
    case FRAME_RUNNING:
    case FRAME_OUTPUT:
    case FRAME_EVALUATING:
        return "running";
    case FRAME_READY:
        return "ready";
    case FRAME_DISPATCHED:
        return "dispatched";
    case FRAME_RETRY:
        return "retrying";
    case FRAME_WAITING:
        return "waiting";
    case FRAME_SUSPENDED:
        return "suspended";
    case FRAME_CANCELLING:
        return "cancelling";
    case FRAME_JOINED:
        return "joined";
    case FRAME_LOCKED_OUT:
        return "locked out";
    }
    return "unknown";
}

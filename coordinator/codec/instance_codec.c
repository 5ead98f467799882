/*
 * The instance row. What equals something else in the row (input to raw input, data to input) is
 * left out and restored on reading, so that a step's bytes are stored once.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/json/doc.h"
#include "coordinator/codec/codec_private.h"
#include "coordinator/codec/row_codec.h"
#include "coordinator/definition/plan.h"
#include "proto/tables.pb-c.h"

static uint32_t node_out(uint32_t node)
{
    return node == PLAN_NONE ? 0 : node + 1;
}

static uint32_t node_in(uint32_t node)
{
    return node == 0 ? PLAN_NONE : node - 1;
}

static void visits_pack(const struct frame *frame, Mainstay__FrameRow *row, struct arena *arena)
{
    row->n_visits = 2 * (size_t)frame->visit_count;
    row->visits = ARENA_ARRAY(arena, uint32_t, row->n_visits + 1);
    CHECK(row->visits != NULL);
    for (uint32_t i = 0; i < frame->visit_count; i++) {
        row->visits[2 * (size_t)i] = frame->visits[i].node;
        row->visits[2 * (size_t)i + 1] = frame->visits[i].count;
    }
}

static void evaluated_pack(const struct frame *frame, Mainstay__FrameRow *row, struct arena *arena)
{
    row->n_evaluated = frame->evaluated_count;
    row->evaluated = ARENA_ARRAY(arena, Mainstay__EvaluatedRow *, row->n_evaluated + 1);
    CHECK(row->evaluated != NULL);
    for (uint32_t i = 0; i < frame->evaluated_count; i++) {
        Mainstay__EvaluatedRow *item = ARENA_NEW(arena, Mainstay__EvaluatedRow);
        CHECK(item != NULL);
        mainstay__evaluated_row__init(item);
        item->expression = frame->evaluated[i].expr;
        item->failed = frame->evaluated[i].failed;
        item->value = proto_doc(frame->evaluated[i].value);
        row->evaluated[i] = item;
    }
}

static void call_pack(const struct frame *frame, Mainstay__FrameRow *row)
{
    row->key = proto_bytes(frame->key.bytes, ID_BYTES);
    row->idempotency_key = proto_text(frame->idempotency_key);
    row->attempt = frame->attempt;
    row->phase = (Mainstay__Phase)frame->phase;
    row->store = proto_text(frame->store);
    row->contract_version = proto_text(frame->contract_version);
    row->input_digest = proto_bytes(frame->input_digest.bytes, DIGEST_BYTES);
    row->proposal = proto_doc(frame->proposal);
    row->dispatched_ms = (uint64_t)frame->dispatched_ms;
    row->effectful = frame->effectful;
    row->past = (uint32_t)frame->past;
    row->call_input = doc_repeats(frame->call_input, frame->input) ? proto_doc(NULL)
                                                                   : proto_doc(frame->call_input);
    row->ready_order = frame->ready_order;
    row->ready_tag = frame->ready_tag;
    row->ready_ms = (uint64_t)frame->ready_ms;
    if (frame->has_gate) {
        row->gate = proto_bytes(frame->gate.bytes, ID_BYTES);
    }
    row->gate_revision = frame->gate_revision;
}

static Mainstay__LockRow *lock_pack(const struct frame_lock *lock, struct arena *arena)
{
    Mainstay__LockRow *row = ARENA_NEW(arena, Mainstay__LockRow);
    CHECK(row != NULL);
    mainstay__lock_row__init(row);
    row->entity = proto_text(lock->entity);
    row->lease = (uint32_t)lock->lease;
    row->order = lock->order;
    row->ttl_ms = (uint64_t)lock->ttl_ms;
    row->until_ms = (uint64_t)lock->until_ms;
    return row;
}

static Mainstay__MoneyRow *money_pack(const struct frame_money *money, struct arena *arena)
{
    Mainstay__MoneyRow *row = ARENA_NEW(arena, Mainstay__MoneyRow);
    CHECK(row != NULL);
    mainstay__money_row__init(row);
    row->currency = proto_text(money->currency);
    row->held = (uint64_t)money->held;
    row->accounts = money->accounts;
    row->doubt = money->doubt;
    row->wants = money->wants;
    row->need = (uint64_t)money->need;
    return row;
}

/* The context that a frame sees. */
static struct doc *context_around(const struct instance *instance, const struct frame *frame)
{
    while (frame != NULL && frame->context == NULL) {
        frame = instance_frame(instance, frame->parent);
    }
    return frame == NULL ? instance->context : frame->context;
}

/* A branch begins with the context that is around it. */
static void branch_pack(const struct instance *instance, const struct frame *frame,
                        Mainstay__FrameRow *row)
{
    const struct frame *fork = instance_frame(instance, frame->parent);
    row->branch = true;
    if (!doc_repeats(frame->context, context_around(instance, fork))) {
        row->context = proto_doc(frame->context);
    }
}

/* What a frame is mostly entered with: it is left out then. */
static struct doc *input_around(const struct instance *instance, uint32_t parent, bool branch)
{
    const struct frame *frame = parent == 0 ? NULL : instance_frame(instance, parent);
    if (frame == NULL) {
        return instance->input;
    }
    return branch ? frame->input : frame->data;
}

static Mainstay__FrameRow *frame_pack(const struct instance *instance, const struct frame *frame,
                                      struct arena *arena)
{
    Mainstay__FrameRow *row = ARENA_NEW(arena, Mainstay__FrameRow);
    CHECK(row != NULL);
    mainstay__frame_row__init(row);
    row->id = frame->id;
    row->parent = frame->parent;
    row->node = node_out(frame->node);
    row->path = proto_text(frame->path);
    row->activation = frame->activation;
    row->state = (uint32_t)frame->state;
    row->resume = (uint32_t)frame->resume;
    row->part = (uint32_t)frame->part;
    row->started_ms = (uint64_t)frame->started_ms;
    row->deadline_ms = (uint64_t)frame->deadline_ms;
    row->wake_ms = (uint64_t)frame->wake_ms;
    row->attempt_started_ms = (uint64_t)frame->attempt_started_ms;
    struct doc *around = input_around(instance, frame->parent, frame->context != NULL);
    row->raw_input =
        doc_repeats(frame->raw_input, around) ? proto_doc(NULL) : proto_doc(frame->raw_input);
    row->input =
        doc_repeats(frame->input, frame->raw_input) ? proto_doc(NULL) : proto_doc(frame->input);
    row->data = doc_repeats(frame->data, frame->input) ? proto_doc(NULL) : proto_doc(frame->data);
    row->vars = proto_doc(frame->vars);
    row->error = proto_doc(frame->error);
    row->items = proto_doc(frame->items);
    row->results = proto_doc(frame->results);
    row->index = frame->index;
    row->retries = frame->retries;
    row->cursor = node_out(frame->cursor);
    visits_pack(frame, row, arena);
    evaluated_pack(frame, row, arena);
    if (frame->call_input != NULL) {
        call_pack(frame, row);
    }
    if (frame->context != NULL) {
        branch_pack(instance, frame, row);
    }
    if (frame->purpose != PURPOSE_STEP) {
        row->purpose = (uint32_t)frame->purpose;
        row->undoes = proto_bytes(frame->undoes.bytes, ID_BYTES);
    }
    if (frame->lock != NULL) {
        row->lock = lock_pack(frame->lock, arena);
    }
    if (frame->money != NULL) {
        row->money = money_pack(frame->money, arena);
    }
    if (frame->has_child) {
        row->child = proto_bytes(frame->child.bytes, ID_BYTES);
    }
    return row;
}

static Mainstay__UndoRow *undo_pack(const struct undo *undo, struct arena *arena)
{
    Mainstay__UndoRow *row = ARENA_NEW(arena, Mainstay__UndoRow);
    CHECK(row != NULL);
    mainstay__undo_row__init(row);
    row->state = (uint32_t)undo->state;
    row->node = node_out(undo->node);
    row->scope = undo->scope;
    row->order = undo->order;
    row->unwanted = undo->unwanted;
    row->caught = undo->caught;
    row->wanted_in = undo->wanted_in;
    row->version = undo->version;
    row->action = proto_text(undo->action);
    row->contract = proto_text(undo->contract);
    row->effect_key = proto_text(undo->effect_key);
    row->input = proto_doc(undo->input);
    row->call = proto_doc(undo->call);
    row->value = proto_doc(undo->value);
    row->error = proto_doc(undo->error);
    row->reason = proto_text(undo->reason);
    return row;
}

static Mainstay__LedgerRow *entry_pack(const struct ledger_entry *entry, struct arena *arena)
{
    static const struct id none;
    Mainstay__LedgerRow *item = ARENA_NEW(arena, Mainstay__LedgerRow);
    CHECK(item != NULL);
    mainstay__ledger_row__init(item);
    item->key = proto_bytes(entry->key.bytes, ID_BYTES);
    item->step = proto_text(entry->step);
    item->agent = proto_text(entry->agent);
    item->action = proto_text(entry->action);
    item->store = proto_text(entry->store);
    item->state = (uint32_t)entry->state;
    item->attempts = entry->attempts;
    item->first_ms = (uint64_t)entry->first_ms;
    item->store_id = proto_bytes(entry->store_id.bytes, ID_BYTES);
    item->use = proto_bytes(entry->use.bytes, ID_BYTES);
    if (!id_equal(&entry->origin, &none)) {
        item->origin = proto_bytes(entry->origin.bytes, ID_BYTES);
    }
    item->undo = entry->undo == NULL ? NULL : undo_pack(entry->undo, arena);
    return item;
}

static Mainstay__LedgerRow **ledger_pack(const struct ledger_entry *ledger, uint32_t count,
                                         struct arena *arena)
{
    Mainstay__LedgerRow **rows = ARENA_ARRAY(arena, Mainstay__LedgerRow *, count + 1);
    CHECK(rows != NULL);
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = entry_pack(&ledger[i], arena);
    }
    return rows;
}

void kept_pack(const struct ledger_entry *entry, struct arena *arena, struct buf *out)
{
    Mainstay__KeptRow row = MAINSTAY__KEPT_ROW__INIT;
    row.version = ROW_VERSION;
    row.effect = entry_pack(entry, arena);
    row_append(&row.base, out);
}

static Mainstay__RewindRow *rewind_pack(const struct rewind *rewind, struct arena *arena)
{
    Mainstay__RewindRow *row = ARENA_NEW(arena, Mainstay__RewindRow);
    CHECK(row != NULL);
    mainstay__rewind_row__init(row);
    row->node = node_out(rewind->node);
    row->activation = rewind->activation;
    row->after = rewind->after;
    row->data = proto_doc(rewind->data);
    row->context = proto_doc(rewind->context);
    return row;
}

void instance_pack(const struct instance *instance, struct arena *arena, struct buf *out)
{
    Mainstay__InstanceRow row = MAINSTAY__INSTANCE_ROW__INIT;
    row.version = ROW_VERSION;
    row.definition = proto_bytes(instance->definition.bytes, DIGEST_BYTES);
    row.status = (uint32_t)instance->status;
    row.started_ms = (uint64_t)instance->started_ms;
    row.deadline_ms = (uint64_t)instance->deadline_ms;
    row.input = proto_doc(instance->input);
    row.context = proto_doc(instance->context);
    row.traceparent = proto_text(instance->traceparent);
    row.trigger = proto_text(instance->trigger);
    row.priority = (uint32_t)instance->priority;
    row.fairness = proto_text(instance->fairness);
    row.next_frame = instance->next_frame;
    row.steps = instance->steps;
    row.retries = instance->retries;
    row.cancelling = instance->cancelling;
    row.killed = instance->killed;
    row.paused = proto_text(instance->paused);
    row.migrated = instance->migrated;
    row.final = (uint32_t)instance->final;
    row.unwinding = (uint32_t)instance->unwinding;
    row.final_value = proto_doc(instance->final_value);
    row.wake_ms = (uint64_t)instance->timer_ms;
    if (instance->has_parent) {
        row.parent = proto_bytes(instance->parent.bytes, ID_BYTES);
        row.parent_frame = instance->parent_frame;
        row.depth = instance->depth;
        row.origin = proto_bytes(instance->origin.bytes, ID_BYTES);
    }
    row.n_journal = instance->journal_count;
    row.journal = journal_differences(instance->journal, instance->journal_count, arena);
    row.n_frames = instance->frame_count;
    row.frames = ARENA_ARRAY(arena, Mainstay__FrameRow *, row.n_frames + 1);
    CHECK(row.frames != NULL);
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        row.frames[i] = frame_pack(instance, instance->frames[i], arena);
    }
    row.n_ledger = instance->ledger_count;
    row.ledger = ledger_pack(instance->ledger, instance->ledger_count, arena);
    row.keeps = instance->keeps;
    row.rewind = instance->rewind == NULL ? NULL : rewind_pack(instance->rewind, arena);
    row_append(&row.base, out);
}

/* Takes over the reference in `doc`. */
static void doc_take(struct doc **place, struct doc *doc)
{
    doc_unref(place);
    *place = doc;
}

static void call_unpack(const Mainstay__FrameRow *row, struct frame *frame)
{
    (void)proto_fixed(&row->key, frame->key.bytes, ID_BYTES);
    (void)proto_fixed(&row->input_digest, frame->input_digest.bytes, DIGEST_BYTES);
    text_replace(&frame->idempotency_key, row->idempotency_key);
    frame->attempt = row->attempt;
    frame->phase = (enum phase)row->phase;
    text_replace(&frame->store, row->store[0] == '\0' ? NULL : row->store);
    text_replace(&frame->contract_version,
                 row->contract_version[0] == '\0' ? NULL : row->contract_version);
    doc_take(&frame->proposal, doc_of_proto(&row->proposal));
    struct doc *input = doc_of_proto(&row->call_input);
    doc_take(&frame->call_input, input != NULL ? input : doc_ref(frame->input));
    frame->dispatched_ms = (int64_t)row->dispatched_ms;
    frame->effectful = row->effectful;
    frame->past = (enum past)row->past;
    frame->ready_order = row->ready_order;
    frame->ready_tag = row->ready_tag;
    frame->ready_ms = (int64_t)row->ready_ms;
    frame->has_gate = proto_fixed(&row->gate, frame->gate.bytes, ID_BYTES);
    frame->gate_revision = row->gate_revision;
}

static void branch_unpack(const Mainstay__FrameRow *row, struct instance *instance,
                          struct frame *frame)
{
    const struct frame *fork = instance_frame(instance, frame->parent);
    struct doc *context = doc_of_proto(&row->context);
    instance_branch(instance, frame, context != NULL ? context : context_around(instance, fork));
    doc_unref(&context);
}

static void lock_unpack(const Mainstay__LockRow *row, struct instance *instance,
                        struct frame *frame)
{
    struct frame_lock *lock = instance_lock_add(instance, frame, row->entity, (int64_t)row->ttl_ms);
    lock->lease = (enum lease)row->lease;
    lock->order = row->order;
    lock->until_ms = (int64_t)row->until_ms;
}

static void money_unpack(const Mainstay__MoneyRow *row, struct frame *frame)
{
    struct frame_money *money = frame_money_add(frame);
    (void)text_copy(money->currency, sizeof(money->currency), row->currency);
    money->held = (int64_t)row->held;
    money->accounts = row->accounts;
    money->doubt = row->doubt;
    money->wants = row->wants;
    money->need = (int64_t)row->need;
}

static void frame_unpack(const Mainstay__FrameRow *row, struct instance *instance,
                         struct frame *frame)
{
    frame->node = node_in(row->node);
    text_replace(&frame->path, row->path);
    frame->activation = row->activation;
    frame->state = (enum frame_state)row->state;
    frame->resume = (enum frame_state)row->resume;
    frame->part = (enum frame_part)row->part;
    frame->started_ms = (int64_t)row->started_ms;
    frame->deadline_ms = (int64_t)row->deadline_ms;
    frame->wake_ms = (int64_t)row->wake_ms;
    frame->attempt_started_ms = (int64_t)row->attempt_started_ms;
    struct doc *raw = doc_of_proto(&row->raw_input);
    if (raw == NULL) {
        raw = doc_ref(input_around(instance, frame->parent, row->branch));
    }
    doc_take(&frame->raw_input, raw);
    if (row->branch) {
        branch_unpack(row, instance, frame);
    }
    struct doc *input = doc_of_proto(&row->input);
    doc_take(&frame->input, input != NULL ? input : doc_ref(frame->raw_input));
    struct doc *data = doc_of_proto(&row->data);
    doc_take(&frame->data, data != NULL ? data : doc_ref(frame->input));
    doc_take(&frame->vars, doc_of_proto(&row->vars));
    doc_take(&frame->error, doc_of_proto(&row->error));
    doc_take(&frame->items, doc_of_proto(&row->items));
    doc_take(&frame->results, doc_of_proto(&row->results));
    frame->index = row->index;
    frame->retries = row->retries;
    frame->cursor = node_in(row->cursor);
    for (size_t i = 0; i + 1 < row->n_visits; i += 2) {
        for (uint32_t n = 0; n < row->visits[i + 1]; n++) {
            frame_visit(frame, row->visits[i]);
        }
    }
    for (size_t i = 0; i < row->n_evaluated; i++) {
        struct doc *value = doc_of_proto(&row->evaluated[i]->value);
        if (value != NULL) {
            frame_evaluated_add(frame, row->evaluated[i]->expression, row->evaluated[i]->failed,
                                value);
            doc_unref(&value);
        }
    }
    if (row->key.len > 0) {
        call_unpack(row, frame);
    }
    if (row->lock != NULL) {
        lock_unpack(row->lock, instance, frame);
    }
    if (row->money != NULL) {
        money_unpack(row->money, frame);
    }
    frame->has_child = proto_fixed(&row->child, frame->child.bytes, ID_BYTES);
}

static struct ledger_entry entry_unpack(const Mainstay__LedgerRow *item)
{
    struct ledger_entry entry = {.step = item->step,
                                 .agent = item->agent,
                                 .action = item->action,
                                 .store = item->store,
                                 .state = (enum ledger_state)item->state,
                                 .attempts = item->attempts,
                                 .first_ms = (int64_t)item->first_ms};
    (void)proto_fixed(&item->key, entry.key.bytes, ID_BYTES);
    (void)proto_fixed(&item->store_id, entry.store_id.bytes, ID_BYTES);
    (void)proto_fixed(&item->use, entry.use.bytes, ID_BYTES);
    (void)proto_fixed(&item->origin, entry.origin.bytes, ID_BYTES);
    return entry;
}

static void text_take(char **place, const char *text)
{
    text_replace(place, text[0] == '\0' ? NULL : text);
}

static void undo_unpack(const Mainstay__UndoRow *row, struct undo *undo)
{
    undo->state = (enum undo_state)row->state;
    undo->node = node_in(row->node);
    undo->scope = row->scope;
    undo->order = row->order;
    undo->unwanted = row->unwanted;
    undo->caught = row->caught;
    undo->wanted_in = row->wanted_in;
    undo->version = row->version;
    text_take(&undo->action, row->action);
    text_take(&undo->contract, row->contract);
    text_take(&undo->effect_key, row->effect_key);
    doc_take(&undo->input, doc_of_proto(&row->input));
    doc_take(&undo->call, doc_of_proto(&row->call));
    doc_take(&undo->value, doc_of_proto(&row->value));
    doc_take(&undo->error, doc_of_proto(&row->error));
    text_take(&undo->reason, row->reason);
}

/* Frames with a purpose are made of the ledger's rows; false when one is missing. */
static bool purposes_unpack(const Mainstay__InstanceRow *row, struct instance *instance)
{
    for (size_t i = 0; i < row->n_frames; i++) {
        const Mainstay__FrameRow *frame = row->frames[i];
        struct id key;
        if (frame->purpose == PURPOSE_STEP) {
            continue;
        }
        const struct ledger_entry *entry = proto_fixed(&frame->undoes, key.bytes, ID_BYTES)
                                               ? instance_ledger(instance, &key)
                                               : NULL;
        if (entry == NULL || entry->undo == NULL || i == 0) {
            return false;
        }
        instance_purpose(instance, instance_frame(instance, frame->id),
                         (enum frame_purpose)frame->purpose, entry);
    }
    return true;
}

static void ledger_unpack(const Mainstay__InstanceRow *row, struct instance *instance)
{
    for (size_t i = 0; i < row->n_ledger; i++) {
        struct ledger_entry read = entry_unpack(row->ledger[i]);
        struct ledger_entry *entry = instance_ledger_add(instance, &read.key);
        ledger_copy(entry, &read);
        if (row->ledger[i]->undo != NULL) {
            undo_unpack(row->ledger[i]->undo, instance_undo_add(instance, entry));
        }
    }
    instance->keeps = row->keeps;
}

enum err kept_unpack(struct str bytes, struct arena *arena, struct ledger_entry *ret_entry,
                     struct error *err)
{
    ProtobufCMessage *message = NULL;
    TRY(row_read(&mainstay__kept_row__descriptor, bytes, arena, "kept effect", &message, err));
    const Mainstay__KeptRow *row = (const Mainstay__KeptRow *)message;
    TRY(row_version_check(row->version, "kept effect", err));
    if (row->effect == NULL) {
        return error_set(err, ERR_CORRUPT, "kept effect row is empty");
    }
    *ret_entry = entry_unpack(row->effect);
    return ERR_OK;
}

/* Whether one of the first `count` frames has the id. */
static bool has_frame(const Mainstay__InstanceRow *row, size_t count, uint32_t id)
{
    for (size_t i = count; i > 0; i--) {
        if (row->frames[i - 1]->id == id) {
            return true;
        }
    }
    return false;
}

static bool frames_are_sound(const Mainstay__InstanceRow *row)
{
    for (size_t i = 0; i < row->n_frames; i++) {
        const Mainstay__FrameRow *frame = row->frames[i];
        bool sound = frame->id != 0 && (i == 0 || row->frames[i - 1]->id < frame->id);
        bool rooted = i == 0 ? frame->parent == 0 : has_frame(row, i, frame->parent);
        if (!sound || !rooted) {
            return false;
        }
    }
    return row->input.len > 0 && row->context.len > 0;
}

/* False when the row does not hold together. */
static bool rewind_unpack(const Mainstay__RewindRow *row, struct instance *instance)
{
    struct rewind rewind = {.node = node_in(row->node),
                            .activation = row->activation,
                            .after = row->after,
                            .data = doc_of_proto(&row->data),
                            .context = doc_of_proto(&row->context)};
    bool sound = rewind.data != NULL && rewind.context != NULL && rewind.node != PLAN_NONE;
    if (sound) {
        instance_rewind_set(instance, &rewind);
    }
    doc_unref(&rewind.data);
    doc_unref(&rewind.context);
    return sound;
}

enum err instance_unpack(struct str bytes, const struct id *id, struct arena *arena,
                         struct instance **ret_instance, struct error *err)
{
    ProtobufCMessage *message = NULL;
    TRY(row_read(&mainstay__instance_row__descriptor, bytes, arena, "instance", &message, err));
    const Mainstay__InstanceRow *row = (const Mainstay__InstanceRow *)message;
    TRY(row_version_check(row->version, "instance", err));
    struct instance *instance = instance_create(id);
    if (!proto_fixed(&row->definition, instance->definition.bytes, DIGEST_BYTES) ||
        !frames_are_sound(row)) {
        instance_destroy(&instance);
        return error_set(err, ERR_CORRUPT, "instance row does not hold together");
    }
    instance->status = (enum instance_status)row->status;
    instance->started_ms = (int64_t)row->started_ms;
    instance->deadline_ms = (int64_t)row->deadline_ms;
    instance->input = doc_of_proto(&row->input);
    instance->context = doc_of_proto(&row->context);
    text_replace(&instance->traceparent, row->traceparent);
    text_replace(&instance->trigger, row->trigger);
    instance->priority = (int)row->priority;
    text_replace(&instance->fairness, row->fairness[0] == '\0' ? NULL : row->fairness);
    instance->steps = row->steps;
    instance->retries = row->retries;
    instance->cancelling = row->cancelling;
    instance->killed = row->killed;
    if (row->paused[0] != '\0') {
        text_replace(&instance->paused, row->paused);
    }
    instance->migrated = row->migrated;
    instance->final = (enum instance_status)row->final;
    instance->unwinding = (enum instance_status)row->unwinding;
    instance->final_value = doc_of_proto(&row->final_value);
    instance->timer_ms = (int64_t)row->wake_ms;
    instance->has_parent = proto_fixed(&row->parent, instance->parent.bytes, ID_BYTES);
    instance->parent_frame = row->parent_frame;
    instance->depth = row->depth;
    (void)proto_fixed(&row->origin, instance->origin.bytes, ID_BYTES);
    instance->stored = true;
    uint64_t sequence = 0;
    for (size_t i = 0; i < row->n_journal; i++) {
        sequence += row->journal[i];
        instance_journal_add(instance, sequence);
    }
    for (size_t i = 0; i < row->n_frames; i++) {
        const Mainstay__FrameRow *frame = row->frames[i];
        frame_unpack(frame, instance, instance_push(instance, frame->id, frame->parent));
    }
    instance->next_frame = row->next_frame;
    ledger_unpack(row, instance);
    bool sound = purposes_unpack(row, instance) &&
                 (row->rewind == NULL || rewind_unpack(row->rewind, instance));
    if (!sound) {
        instance_destroy(&instance);
        return error_set(err, ERR_CORRUPT, "instance row does not hold together");
    }
    *ret_instance = instance;
    return ERR_OK;
}

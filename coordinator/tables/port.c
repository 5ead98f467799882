/*
 * The engine's port: one function per row operation.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/map.h"
#include "common/json/doc.h"
#include "coordinator/definition/plan.h"
#include "coordinator/tables/tables_private.h"

/* Expired marks are dropped in the first turn of a minute that makes one: decided by the journal's
 * times alone, so that replay drops the same ones. */
enum { MARKS_SWEPT = 4096, BUFFERED_SWEPT = 4096, SWEEP_MS = 60000 };

static struct table_key instance_key(const struct id *id, bool active)
{
    struct table_key key = key_begin(active ? TABLE_ACTIVE : TABLE_WAITING);
    key_id(&key, id);
    return key;
}

static struct str buf_str(const struct buf *buf)
{
    return (struct str){.data = buf->data, .size = buf->size};
}

static struct instance *port_instance_load(void *user, const struct id *id)
{
    struct tables *tables = user;
    bool active = true;
    struct table_key key = instance_key(id, active);
    if (!tables_read(tables, &key)) {
        active = false;
        key = instance_key(id, active);
        if (!tables_read(tables, &key)) {
            return NULL;
        }
    }
    struct error err = {0};
    struct instance *instance = NULL;
    enum err code = instance_unpack(buf_str(&tables->value), id, tables->arena, &instance, &err);
    if (code != ERR_OK) {
        tables_fatal("reading an instance", &err);
    }
    instance->stored_active = active;
    return instance;
}

static struct table_key open_time_key(const struct instance *instance)
{
    struct table_key key = key_begin(TABLE_OPEN_TIME);
    key_u64(&key, (uint64_t)instance->started_ms);
    key_id(&key, &instance->id);
    return key;
}

static void port_instance_put(void *user, const struct instance *instance, bool active,
                              bool was_active, bool was_stored)
{
    struct tables *tables = user;
    if (was_stored && was_active != active) {
        struct table_key old = instance_key(&instance->id, was_active);
        tables_delete(tables, &old);
    }
    if (!was_stored) {
        struct table_key by_time = open_time_key(instance);
        tables_put(tables, &by_time, (struct str){.data = "", .size = 0});
    }
    buf_clear(&tables->value);
    instance_pack(instance, tables->arena, &tables->value);
    struct table_key key = instance_key(&instance->id, active);
    tables_put(tables, &key, buf_str(&tables->value));
}

static void port_instance_end(void *user, const struct instance *instance, int64_t ended_ms,
                              bool was_active, bool was_stored)
{
    struct tables *tables = user;
    if (was_stored) {
        struct table_key old = instance_key(&instance->id, was_active);
        tables_delete(tables, &old);
        struct table_key opened = open_time_key(instance);
        tables_delete(tables, &opened);
    }
    char name[256];
    (void)snprintf(name, sizeof(name), "%s/%s:%s", instance->plan->namespace_, instance->plan->name,
                   instance->plan->version);
    buf_clear(&tables->value);
    done_pack(instance, name, ended_ms, tables->arena, &tables->value);
    struct table_key key = key_begin(TABLE_DONE);
    key_id(&key, &instance->id);
    tables_put(tables, &key, buf_str(&tables->value));
    struct table_key by_time = key_begin(TABLE_DONE_TIME);
    key_u64(&by_time, (uint64_t)ended_ms);
    key_id(&by_time, &instance->id);
    tables_put(tables, &by_time, (struct str){.data = "", .size = 0});
    (void)map_put(tables->turn_done, instance->id.bytes, sizeof(instance->id.bytes), tables, NULL);
}

static bool port_done_exists(void *user, const struct id *id)
{
    struct tables *tables = user;
    struct table_key key = key_begin(TABLE_DONE);
    key_id(&key, id);
    return map_get(tables->turn_done, id->bytes, sizeof(id->bytes)) != NULL ||
           tables_read(tables, &key);
}

/* The row of an ended instance as this turn has left it; into tables->value. */
static bool done_read(struct tables *tables, const struct id *id)
{
    const struct buf *late = map_get(tables->turn_late, id->bytes, sizeof(id->bytes));
    if (late == NULL) {
        struct table_key key = key_begin(TABLE_DONE);
        key_id(&key, id);
        return tables_read(tables, &key);
    }
    buf_clear(&tables->value);
    buf_append(&tables->value, late->data, late->size);
    return true;
}

static const char *port_done_effect(void *user, const struct id *instance, const struct id *key)
{
    struct tables *tables = user;
    if (!done_read(tables, instance)) {
        return NULL;
    }
    struct done done;
    struct error err = {0};
    if (done_unpack(buf_str(&tables->value), tables->arena, &done, &err) != ERR_OK) {
        tables_fatal("reading an ended instance", &err);
    }
    for (size_t i = 0; i < done.effect_count; i++) {
        if (id_equal(&done.effects[i].key, key)) {
            return done.effects[i].agent;
        }
    }
    return NULL;
}

static void port_done_late(void *user, const struct id *instance, const struct id *key,
                           uint64_t sequence)
{
    struct tables *tables = user;
    CHECK(done_read(tables, instance));
    struct buf *row = calloc(1, sizeof(*row));
    CHECK(row != NULL);
    buf_init(row, tables->value.max);
    struct error err = {0};
    if (done_pack_late(buf_str(&tables->value), key, sequence, tables->arena, row, &err) !=
        ERR_OK) {
        tables_fatal("reading an ended instance", &err);
    }
    struct table_key at = key_begin(TABLE_DONE);
    key_id(&at, instance);
    tables_put(tables, &at, buf_str(row));
    struct buf *before =
        map_put(tables->turn_late, instance->bytes, sizeof(instance->bytes), row, NULL);
    if (before != NULL) {
        buf_release(before);
        free(before);
    }
}

static bool port_mark_exists(void *user, const struct id *mark)
{
    struct tables *tables = user;
    struct table_key key = key_begin(TABLE_MARK);
    key_id(&key, mark);
    return tables_read(tables, &key);
}

/* Drop a few marks that have expired; what they guarded is refused by its age now. */
static void marks_sweep(struct tables *tables)
{
    struct table_key lower;
    struct table_key upper;
    struct kv_range range = table_range(TABLE_MARK_EXPIRY, &lower, &upper);
    struct kv_iter *iter = kv_iter_create(tables->kv, &range);
    kv_iter_seek_first(iter);
    for (int i = 0; i < MARKS_SWEPT && kv_iter_valid(iter); i++) {
        struct str found = kv_iter_key(iter);
        if (found.size != 3 + 8 + ID_BYTES || (int64_t)u64_of(found.data + 3) > tables->now) {
            break;
        }
        struct table_key expiry = {.size = 0};
        key_bytes(&expiry, found.data, found.size);
        struct table_key mark = key_begin(TABLE_MARK);
        key_bytes(&mark, found.data + 3 + 8, ID_BYTES);
        tables_delete(tables, &expiry);
        tables_delete(tables, &mark);
        kv_iter_next(iter);
    }
    kv_iter_destroy(&iter);
}

/* Drop what has expired among some thousand rows of the event buffer: what somebody still listens
 * for goes when it is found, the rest would stay for ever. They stand by type, so the next sweep
 * goes on where this one stopped, which a row of its own says: a replay drops the same. */
static void buffer_sweep(struct tables *tables)
{
    struct table_key lower;
    struct table_key upper;
    struct kv_range range = table_range(TABLE_BUFFER, &lower, &upper);
    struct table_key place = key_begin(TABLE_META);
    key_text(&place, "buffer-swept");
    bool placed = tables_read(tables, &place) && tables->value.size <= sizeof(lower.bytes) &&
                  tables->value.size > 0;
    if (placed) {
        lower.size = 0;
        key_bytes(&lower, tables->value.data, tables->value.size);
        range.lower = key_str(&lower);
    }
    struct kv_iter *iter = kv_iter_create(tables->kv, &range);
    kv_iter_seek_first(iter);
    for (int i = 0; i < BUFFERED_SWEPT && kv_iter_valid(iter); i++) {
        struct str found = kv_iter_key(iter);
        struct table_key key = {.size = 0};
        key_bytes(&key, found.data, found.size);
        if ((int64_t)u64_of(found.data + found.size - ID_BYTES - 8) <= tables->now) {
            tables_delete(tables, &key);
        }
        kv_iter_next(iter);
    }
    if (kv_iter_valid(iter)) {
        tables_put(tables, &place, kv_iter_key(iter));
    } else if (placed) {
        tables_put(tables, &place, (struct str){.data = "", .size = 0});
    }
    kv_iter_destroy(&iter);
}

static void port_mark_put(void *user, const struct id *mark, int64_t expires_ms)
{
    struct tables *tables = user;
    if (!tables->swept && tables->now / SWEEP_MS != tables->last_now / SWEEP_MS) {
        tables->swept = true;
        marks_sweep(tables);
        buffer_sweep(tables);
    }
    struct table_key key = key_begin(TABLE_MARK);
    key_id(&key, mark);
    tables_put(tables, &key, (struct str){.data = "", .size = 0});
    struct table_key expiry = key_begin(TABLE_MARK_EXPIRY);
    key_u64(&expiry, (uint64_t)expires_ms);
    key_id(&expiry, mark);
    tables_put(tables, &expiry, (struct str){.data = "", .size = 0});
}

static struct table_key timer_key(int64_t due_ms, const struct id *instance)
{
    struct table_key key = key_begin(TABLE_TIMER);
    key_u64(&key, (uint64_t)due_ms);
    key_id(&key, instance);
    return key;
}

static void port_timer_put(void *user, int64_t due_ms, const struct id *instance)
{
    struct table_key key = timer_key(due_ms, instance);
    tables_put(user, &key, (struct str){.data = "", .size = 0});
}

static void port_timer_delete(void *user, int64_t due_ms, const struct id *instance)
{
    struct table_key key = timer_key(due_ms, instance);
    tables_delete(user, &key);
}

static struct table_key listener_key(const char *type, const struct id *instance, uint32_t frame)
{
    struct table_key key = key_begin(TABLE_LISTENER);
    key_text(&key, type);
    key_id(&key, instance);
    key_u64(&key, frame);
    return key;
}

static void port_listener_put(void *user, const char *type, const struct id *instance,
                              uint32_t frame)
{
    struct table_key key = listener_key(type, instance, frame);
    tables_put(user, &key, (struct str){.data = "", .size = 0});
}

static void port_listener_delete(void *user, const char *type, const struct id *instance,
                                 uint32_t frame)
{
    struct table_key key = listener_key(type, instance, frame);
    tables_delete(user, &key);
}

static struct table_key claim_key(const char *entity, uint64_t order)
{
    struct table_key key = key_begin(TABLE_CLAIM);
    key_text(&key, entity);
    key_u64(&key, order);
    return key;
}

static void port_claim_put(void *user, const struct claim *claim)
{
    struct tables *tables = user;
    struct table_key key = claim_key(claim->lock->entity, claim->order);
    buf_clear(&tables->value);
    claim_pack(claim, &tables->value);
    tables_put(tables, &key, buf_str(&tables->value));
}

static void port_claim_delete(void *user, const char *entity, uint64_t order)
{
    struct table_key key = claim_key(entity, order);
    tables_delete(user, &key);
}

static void port_account_put(void *user, const struct account *account)
{
    struct tables *tables = user;
    struct table_key key = key_begin(TABLE_ACCOUNT);
    key_text(&key, account->name);
    buf_clear(&tables->value);
    account_pack(account, &tables->value);
    tables_put(tables, &key, buf_str(&tables->value));
}

static void port_account_delete(void *user, const char *name)
{
    struct table_key key = key_begin(TABLE_ACCOUNT);
    key_text(&key, name);
    tables_delete(user, &key);
}

static void port_gate_put(void *user, const struct gate *gate)
{
    struct tables *tables = user;
    struct table_key key = key_begin(TABLE_GATE);
    key_id(&key, &gate->id);
    buf_clear(&tables->value);
    gate_pack(gate, tables->arena, &tables->value);
    tables_put(tables, &key, buf_str(&tables->value));
}

static void port_gate_delete(void *user, const struct id *gate)
{
    struct table_key key = key_begin(TABLE_GATE);
    key_id(&key, gate);
    tables_delete(user, &key);
}

static void port_definition_put(void *user, const struct definition *definition)
{
    struct tables *tables = user;
    struct table_key key = key_begin(TABLE_DEFINITION);
    key_text(&key, definition->name);
    buf_clear(&tables->value);
    definition_pack(definition, &tables->value);
    tables_put(tables, &key, buf_str(&tables->value));
}

static void port_open_count_put(void *user, const struct definition *definition)
{
    struct tables *tables = user;
    struct table_key key = key_begin(TABLE_OPEN_COUNT);
    key_bytes(&key, definition->plan->digest.bytes, DIGEST_BYTES);
    const struct open_count *open = &definition->open;
    if (open->running == 0 && open->waiting == 0 && open->suspended == 0) {
        tables_delete(tables, &key);
        return;
    }
    buf_clear(&tables->value);
    open_count_pack(open, &tables->value);
    tables_put(tables, &key, buf_str(&tables->value));
}

static void port_contract_put(void *user, const struct contract *contract, int64_t now_ms)
{
    struct tables *tables = user;
    struct table_key key = key_begin(TABLE_CONTRACT);
    key_text(&key, contract->agent);
    key_text(&key, contract->version);
    buf_clear(&tables->value);
    contract_pack(contract, now_ms, &tables->value);
    tables_put(tables, &key, buf_str(&tables->value));
}

static void port_store_put(void *user, const struct store *store)
{
    struct tables *tables = user;
    struct table_key key = key_begin(TABLE_STORE);
    key_text(&key, store->agent);
    key_text(&key, store->name);
    buf_clear(&tables->value);
    store_pack(store, &tables->value);
    tables_put(tables, &key, buf_str(&tables->value));
}

/* Buffered events of one type stand in order of expiry, which is that of arrival. */
static struct table_key buffer_key(const char *type)
{
    struct table_key key = key_begin(TABLE_BUFFER);
    key_text(&key, type);
    return key;
}

static void port_buffer_put(void *user, const char *type, const struct id *mark,
                            struct doc *envelope, int64_t expires_ms)
{
    struct tables *tables = user;
    struct table_key key = buffer_key(type);
    key_u64(&key, (uint64_t)expires_ms);
    key_id(&key, mark);
    buf_clear(&tables->value);
    buffered_pack(envelope, tables->now, expires_ms, &tables->value);
    tables_put(tables, &key, buf_str(&tables->value));
}

static void port_buffer_delete(void *user, const char *type, const struct id *mark,
                               int64_t expires_ms)
{
    struct table_key key = buffer_key(type);
    key_u64(&key, (uint64_t)expires_ms);
    key_id(&key, mark);
    tables_delete(user, &key);
}

static void port_buffer_scan(void *user, const char *type,
                             bool (*visit)(void *visitor, const char *type, const struct id *mark,
                                           struct doc *envelope, int64_t expires_ms),
                             void *visitor)
{
    struct tables *tables = user;
    struct table_key lower;
    struct table_key upper;
    struct kv_range range = table_range(TABLE_BUFFER, &lower, &upper);
    if (type[0] != '\0') {
        lower = buffer_key(type);
        upper = lower;
        upper.bytes[upper.size - 1] = 1; /* after the terminator */
        range.lower = key_str(&lower);
        range.upper = key_str(&upper);
    }
    struct kv_iter *iter = kv_iter_create(tables->kv, &range);
    bool more = true;
    for (kv_iter_seek_first(iter); more && kv_iter_valid(iter); kv_iter_next(iter)) {
        struct str key = kv_iter_key(iter);
        struct id mark;
        memcpy(mark.bytes, key.data + key.size - ID_BYTES, ID_BYTES);
        struct doc *envelope = NULL;
        int64_t expires_ms = 0;
        struct error err = {0};
        enum err code =
            buffered_unpack(kv_iter_value(iter), tables->arena, &envelope, &expires_ms, &err);
        if (code != ERR_OK) {
            tables_fatal("reading the event buffer", &err);
        }
        more = visit(visitor, key.data + 3, &mark, envelope, expires_ms);
        doc_unref(&envelope);
    }
    kv_iter_destroy(&iter);
}

static void port_schedule_put(void *user, const struct schedule *schedule)
{
    struct tables *tables = user;
    struct table_key key = key_begin(TABLE_SCHEDULE);
    key_text(&key, schedule->name);
    buf_clear(&tables->value);
    schedule_pack(schedule, &tables->value);
    tables_put(tables, &key, buf_str(&tables->value));
}

static void port_schedule_delete(void *user, const char *name)
{
    struct table_key key = key_begin(TABLE_SCHEDULE);
    key_text(&key, name);
    tables_delete(user, &key);
}

static void port_zone_put(void *user, const struct time_zone *zone)
{
    struct tables *tables = user;
    struct table_key key = key_begin(TABLE_ZONE);
    key_text(&key, zone->name);
    buf_clear(&tables->value);
    zone_pack(zone, &tables->value);
    tables_put(tables, &key, buf_str(&tables->value));
}

static void port_rate_put(void *user, const struct rate *rate)
{
    struct tables *tables = user;
    struct table_key key = key_begin(TABLE_RATE);
    key_text(&key, rate->agent);
    key_text(&key, rate->action);
    buf_clear(&tables->value);
    rate_pack(rate, &tables->value);
    tables_put(tables, &key, buf_str(&tables->value));
}

static void port_policy_put(void *user, const char *file, const char *text, int64_t now_ms)
{
    struct tables *tables = user;
    struct table_key key = key_begin(TABLE_POLICY);
    buf_clear(&tables->value);
    policy_pack(file, text, now_ms, &tables->value);
    tables_put(tables, &key, buf_str(&tables->value));
}

static struct table_key letter_key(uint64_t number)
{
    struct table_key key = key_begin(TABLE_LETTER);
    key_u64(&key, number);
    return key;
}

/* At its quota a source loses its oldest letter to the new one. */
static void letter_make_room(struct tables *tables, const char *source)
{
    struct letter_quota *quota = map_get_text(tables->quotas, source);
    if (quota == NULL) {
        quota = calloc(1, sizeof(*quota));
        CHECK(quota != NULL);
        (void)map_put_text(tables->quotas, source, quota, NULL);
    }
    quota->rows++;
    if (quota->rows <= LIMIT_DEAD_LETTERS_PER_SOURCE) {
        tables->letter_rows++;
        return;
    }
    quota->rows--;
    struct table_key lower = key_begin(TABLE_LETTER_SOURCE);
    key_text(&lower, source);
    struct table_key upper = lower;
    upper.bytes[upper.size - 1] = 1;
    struct kv_range range = {
        .family = FAMILY_STATE, .lower = key_str(&lower), .upper = key_str(&upper)};
    struct kv_iter *iter = kv_iter_create(tables->kv, &range);
    kv_iter_seek_first(iter);
    if (kv_iter_valid(iter)) {
        struct str found = kv_iter_key(iter);
        struct table_key index = {.size = 0};
        key_bytes(&index, found.data, found.size);
        struct table_key row = letter_key(u64_of(found.data + found.size - 8));
        tables_delete(tables, &index);
        tables_delete(tables, &row);
    }
    kv_iter_destroy(&iter);
}

static void port_dead_letter_put(void *user, const struct event *event, int64_t now_ms)
{
    struct tables *tables = user;
    char source[129];
    (void)snprintf(source, sizeof(source), "%s", event->source == NULL ? "" : event->source);
    letter_make_room(tables, source);
    uint64_t number = ++tables->letters;
    size_t headers_size = 0;
    const char *headers = event->value == NULL ? "" : doc_text(event->value, &headers_size);
    struct dead_letter letter = {
        .source = source,
        .subject = event->name,
        .reason = event->text,
        .advice = event->id,
        .headers = {.data = headers, .size = headers_size},
        .body = event->raw,
        .size = (uint64_t)event->at_ms,
        .at_ms = now_ms,
    };
    buf_clear(&tables->value);
    dead_letter_pack(&letter, &tables->value);
    struct table_key key = letter_key(number);
    tables_put(tables, &key, buf_str(&tables->value));
    struct table_key index = key_begin(TABLE_LETTER_SOURCE);
    key_text(&index, source);
    key_u64(&index, number);
    tables_put(tables, &index, (struct str){.data = "", .size = 0});
}

static void port_dead_letter_replayed(void *user, uint64_t number)
{
    struct tables *tables = user;
    struct table_key key = letter_key(number);
    if (!tables_read(tables, &key)) {
        return;
    }
    struct dead_letter letter;
    struct error err = {0};
    if (dead_letter_unpack(buf_str(&tables->value), tables->arena, &letter, &err) != ERR_OK) {
        tables_fatal("reading a dead letter", &err);
    }
    letter.replayed = true;
    struct buf row = BUF_INIT(tables->value.max);
    dead_letter_pack(&letter, &row);
    tables_put(tables, &key, buf_str(&row));
    buf_release(&row);
}

const struct engine_port tables_port = {
    .name = "tables",
    .instance_load = port_instance_load,
    .instance_put = port_instance_put,
    .instance_end = port_instance_end,
    .done_exists = port_done_exists,
    .done_effect = port_done_effect,
    .done_late = port_done_late,
    .kept_put = kept_put,
    .kept_delete = kept_delete,
    .kept_scan = kept_scan,
    .mark_exists = port_mark_exists,
    .mark_put = port_mark_put,
    .timer_put = port_timer_put,
    .timer_delete = port_timer_delete,
    .listener_put = port_listener_put,
    .listener_delete = port_listener_delete,
    .claim_put = port_claim_put,
    .claim_delete = port_claim_delete,
    .account_put = port_account_put,
    .account_delete = port_account_delete,
    .gate_put = port_gate_put,
    .gate_delete = port_gate_delete,
    .definition_put = port_definition_put,
    .open_count_put = port_open_count_put,
    .contract_put = port_contract_put,
    .store_put = port_store_put,
    .buffer_put = port_buffer_put,
    .buffer_delete = port_buffer_delete,
    .buffer_scan = port_buffer_scan,
    .schedule_put = port_schedule_put,
    .schedule_delete = port_schedule_delete,
    .rate_put = port_rate_put,
    .zone_put = port_zone_put,
    .policy_put = port_policy_put,
    .dead_letter_put = port_dead_letter_put,
    .dead_letter_replayed = port_dead_letter_replayed,
};

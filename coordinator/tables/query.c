/*
 * Restoring at start, and reading committed state for queries and verification.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "common/json/doc.h"
#include "coordinator/definition/plan.h"
#include "coordinator/definition/policy.h"
#include "coordinator/definition/zone.h"
#include "coordinator/engine/engine.h"
#include "coordinator/tables/tables_private.h"

static struct id id_of_bytes(const char *bytes)
{
    struct id id;
    memcpy(id.bytes, bytes, sizeof(id.bytes));
    return id;
}

typedef enum err row_fn(struct tables *tables, struct engine *engine, struct str key,
                        struct str value, struct error *err);

/* Visit every row of a table; `key` is what follows partition and letter. */
static enum err each_row(struct tables *tables, struct engine *engine, enum table table,
                         row_fn *visit, struct error *err)
{
    struct table_key lower;
    struct table_key upper;
    struct kv_range range = table_range(table, &lower, &upper);
    struct kv_iter *iter = kv_iter_create(tables->kv, &range);
    enum err code = ERR_OK;
    for (kv_iter_seek_first(iter); code == ERR_OK && kv_iter_valid(iter); kv_iter_next(iter)) {
        struct str key = kv_iter_key(iter);
        key.data += 3;
        key.size -= 3;
        code = visit(tables, engine, key, kv_iter_value(iter), err);
        arena_reset(tables->arena);
    }
    if (code == ERR_OK) {
        code = kv_iter_status(iter, err);
    }
    kv_iter_destroy(&iter);
    return code;
}

static enum err restore_definition(struct tables *tables, struct engine *engine, struct str key,
                                   struct str value, struct error *err)
{
    struct definition_row row;
    TRY(definition_unpack(value, tables->arena, &row, err));
    struct plan *plan = NULL;
    struct plan_report report;
    enum err code = plan_load(row.text, strlen(row.text), &plan, &report);
    if (code != ERR_OK) {
        code = error_set(err, ERR_FORMAT, "the stored definition %.*s does not load any more: %s",
                         (int)key.size, key.data,
                         report.count > 0 ? report.problems[0].message : "unknown");
    } else {
        struct digest digest = plan->digest;
        engine_restore_definition(engine, &plan, row.text, row.file, row.deployed_ms);
        if (row.retired_ms != 0) {
            engine_restore_retirement(engine, &digest, row.retired_ms, row.retired_reason);
        }
    }
    plan_report_release(&report);
    return code;
}

static enum err restore_contract(struct tables *tables, struct engine *engine, struct str key,
                                 struct str value, struct error *err)
{
    (void)key;
    struct contract *contract = NULL;
    TRY(contract_unpack(value, tables->arena, &contract, err));
    engine_restore_contract(engine, &contract);
    return ERR_OK;
}

static enum err restore_store(struct tables *tables, struct engine *engine, struct str key,
                              struct str value, struct error *err)
{
    struct store store;
    const char *version = NULL;
    TRY(store_unpack(value, tables->arena, &store, &version, err));
    char *agent = arena_dup(tables->arena, key.data, key.size);
    CHECK(agent != NULL);
    store.agent = agent;
    store.name = agent + strlen(agent) + 1;
    engine_restore_store(engine, &store, version);
    return ERR_OK;
}

static enum err restore_gate(struct tables *tables, struct engine *engine, struct str key,
                             struct str value, struct error *err)
{
    struct id id = id_of_bytes(key.data);
    struct gate *gate = NULL;
    TRY(gate_unpack(value, &id, tables->arena, &gate, err));
    engine_restore_gate(engine, gate);
    return ERR_OK;
}

static enum err restore_timer(struct tables *tables, struct engine *engine, struct str key,
                              struct str value, struct error *err)
{
    (void)tables;
    (void)value;
    if (key.size != 8 + ID_BYTES) {
        return error_set(err, ERR_CORRUPT, "a timer key has %zu bytes", key.size);
    }
    struct id id = id_of_bytes(key.data + 8);
    engine_restore_timer(engine, (int64_t)u64_of(key.data), &id);
    return ERR_OK;
}

static enum err restore_listener(struct tables *tables, struct engine *engine, struct str key,
                                 struct str value, struct error *err)
{
    (void)tables;
    (void)value;
    if (key.size < 1 + ID_BYTES + 8) {
        return error_set(err, ERR_CORRUPT, "a listener key has %zu bytes", key.size);
    }
    struct id id = id_of_bytes(key.data + key.size - 8 - ID_BYTES);
    engine_restore_listener(engine, key.data, &id, (uint32_t)u64_of(key.data + key.size - 8));
    return ERR_OK;
}

static enum err restore_claim(struct tables *tables, struct engine *engine, struct str key,
                              struct str value, struct error *err)
{
    struct claim claim;
    TRY(claim_unpack(value, tables->arena, &claim, err));
    if (key.size < 2 + 8 || strlen(key.data) != key.size - 1 - 8) {
        return error_set(err, ERR_CORRUPT, "the key of a claim has %zu bytes", key.size);
    }
    claim.order = u64_of(key.data + key.size - 8);
    engine_restore_claim(engine, key.data, &claim);
    return ERR_OK;
}

static enum err restore_account(struct tables *tables, struct engine *engine, struct str key,
                                struct str value, struct error *err)
{
    struct account account;
    TRY(account_unpack(value, tables->arena, &account, err));
    account.name = (char *)(uintptr_t)key.data; /* a terminated text */
    engine_restore_account(engine, &account);
    return ERR_OK;
}

static enum err restore_policy(struct tables *tables, struct engine *engine, struct str key,
                               struct str value, struct error *err)
{
    (void)key;
    struct str text;
    struct policy *policy = NULL;
    struct plan_report report;
    TRY(policy_unpack(value, tables->arena, &text, err));
    enum err code = policy_load(text.data, text.size, &policy, &report);
    plan_report_release(&report);
    if (code != ERR_OK) {
        return error_set(err, ERR_CORRUPT, "the policy in force is not readable");
    }
    engine_restore_policy(engine, &policy);
    return ERR_OK;
}

static enum err restore_zone(struct tables *tables, struct engine *engine, struct str key,
                             struct str value, struct error *err)
{
    struct str rules;
    struct zone *zone = NULL;
    TRY(zone_unpack(value, tables->arena, &rules, err));
    enum err code = zone_parse(rules, &zone, err);
    if (code != ERR_OK) {
        error_wrap(err, "time zone %.*s", (int)key.size, key.data);
        return code;
    }
    engine_restore_zone(engine, key.data, rules, &zone);
    return ERR_OK;
}

static enum err restore_rate(struct tables *tables, struct engine *engine, struct str key,
                             struct str value, struct error *err)
{
    struct rate rate;
    TRY(rate_unpack(value, tables->arena, &rate, err));
    rate.agent = (char *)(uintptr_t)key.data; /* two terminated texts */
    rate.action = rate.agent + strlen(rate.agent) + 1;
    engine_restore_rate(engine, &rate);
    return ERR_OK;
}

static enum err restore_schedule(struct tables *tables, struct engine *engine, struct str key,
                                 struct str value, struct error *err)
{
    struct schedule schedule;
    TRY(schedule_unpack(value, tables->arena, &schedule, err));
    schedule.name = (char *)(uintptr_t)key.data;
    if (company_definition(engine_company(engine), &schedule.definition) == NULL) {
        return error_set(err, ERR_CORRUPT, "the definition of schedule %.*s is missing",
                         (int)key.size, key.data);
    }
    engine_restore_schedule(engine, &schedule);
    return ERR_OK;
}

static enum err restore_active(struct tables *tables, struct engine *engine, struct str key,
                               struct str value, struct error *err)
{
    struct id id = id_of_bytes(key.data);
    struct instance *instance = NULL;
    TRY(instance_unpack(value, &id, tables->arena, &instance, err));
    instance->stored_active = true;
    engine_restore_instance(engine, instance);
    return ERR_OK;
}

static enum err restore_letter(struct tables *tables, struct engine *engine, struct str key,
                               struct str value, struct error *err)
{
    (void)engine;
    (void)value;
    (void)err;
    uint64_t number = u64_of(key.data + key.size - 8);
    tables->letters = number > tables->letters ? number : tables->letters;
    tables->letter_rows++;
    struct letter_quota *quota = map_get_text(tables->quotas, key.data);
    if (quota == NULL) {
        quota = calloc(1, sizeof(*quota));
        CHECK(quota != NULL);
        (void)map_put_text(tables->quotas, key.data, quota, NULL);
    }
    quota->rows++;
    return ERR_OK;
}

static enum err restore_open_count(struct tables *tables, struct engine *engine, struct str key,
                                   struct str value, struct error *err)
{
    struct open_count open;
    struct digest digest;
    if (key.size != DIGEST_BYTES) {
        return error_set(err, ERR_CORRUPT, "the key of an open count has %zu bytes", key.size);
    }
    TRY(open_count_unpack(value, tables->arena, &open, err));
    memcpy(digest.bytes, key.data, DIGEST_BYTES);
    engine_restore_open_count(engine, &digest, &open);
    return ERR_OK;
}

enum err tables_restore(struct tables *tables, struct engine *engine, struct error *err)
{
    TRY(each_row(tables, engine, TABLE_DEFINITION, restore_definition, err));
    TRY(each_row(tables, engine, TABLE_OPEN_COUNT, restore_open_count, err));
    TRY(each_row(tables, engine, TABLE_POLICY, restore_policy, err));
    TRY(each_row(tables, engine, TABLE_ZONE, restore_zone, err));
    TRY(each_row(tables, engine, TABLE_SCHEDULE, restore_schedule, err));
    TRY(each_row(tables, engine, TABLE_CONTRACT, restore_contract, err));
    TRY(each_row(tables, engine, TABLE_STORE, restore_store, err));
    TRY(each_row(tables, engine, TABLE_RATE, restore_rate, err));
    TRY(each_row(tables, engine, TABLE_GATE, restore_gate, err));
    TRY(each_row(tables, engine, TABLE_TIMER, restore_timer, err));
    TRY(each_row(tables, engine, TABLE_LISTENER, restore_listener, err));
    TRY(each_row(tables, engine, TABLE_CLAIM, restore_claim, err));
    TRY(each_row(tables, engine, TABLE_ACCOUNT, restore_account, err));
    TRY(each_row(tables, engine, TABLE_LETTER_SOURCE, restore_letter, err));
    return each_row(tables, engine, TABLE_ACTIVE, restore_active, err);
}

/* ---- queries ---- */

enum err tables_done(struct tables *tables, const struct id *id, struct arena *arena,
                     struct done *ret_done, struct error *err)
{
    struct table_key key = key_begin(TABLE_DONE);
    key_id(&key, id);
    if (!tables_read(tables, &key)) {
        return ERR_NOT_FOUND;
    }
    return done_unpack((struct str){.data = tables->value.data, .size = tables->value.size}, arena,
                       ret_done, err);
}

enum err tables_each_done(struct tables *tables, int64_t before_ms, const struct id *before,
                          tables_done_fn *visit, void *user, struct error *err)
{
    struct table_key lower;
    struct table_key upper;
    struct kv_range range = table_range(TABLE_DONE_TIME, &lower, &upper);
    if (before_ms != 0) {
        upper = key_begin(TABLE_DONE_TIME);
        key_u64(&upper, (uint64_t)before_ms);
        key_id(&upper, before);
        range.upper = key_str(&upper);
    }
    struct kv_iter *iter = kv_iter_create(tables->kv, &range);
    enum err code = ERR_OK;
    bool more = true;
    for (kv_iter_seek_last(iter); more && code == ERR_OK && kv_iter_valid(iter);
         kv_iter_prev(iter)) {
        struct str key = kv_iter_key(iter);
        struct id id = id_of_bytes(key.data + key.size - ID_BYTES);
        struct done done;
        code = tables_done(tables, &id, tables->arena, &done, err);
        more = code == ERR_OK && visit(user, &id, &done);
        arena_reset(tables->arena);
    }
    if (code == ERR_OK) {
        code = kv_iter_status(iter, err);
    }
    kv_iter_destroy(&iter);
    return code;
}

/* The row of an open instance, decoded; NULL when it is not open. */
static enum err open_read(struct tables *tables, const struct id *id,
                          struct instance **ret_instance, struct error *err)
{
    static const enum table places[] = {TABLE_ACTIVE, TABLE_WAITING};
    *ret_instance = NULL;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct table_key key = key_begin(places[i]);
        key_id(&key, id);
        if (tables_read(tables, &key)) {
            struct str row = {.data = tables->value.data, .size = tables->value.size};
            return instance_unpack(row, id, tables->arena, ret_instance, err);
        }
    }
    return ERR_OK;
}

enum err tables_each_open(struct tables *tables, int64_t before_ms, const struct id *before,
                          tables_open_fn *visit, void *user, struct error *err)
{
    struct table_key lower;
    struct table_key upper;
    struct kv_range range = table_range(TABLE_OPEN_TIME, &lower, &upper);
    if (before != NULL) {
        upper = key_begin(TABLE_OPEN_TIME);
        key_u64(&upper, (uint64_t)before_ms);
        key_id(&upper, before);
        range.upper = key_str(&upper);
    }
    struct kv_iter *iter = kv_iter_create(tables->kv, &range);
    enum err code = ERR_OK;
    bool more = true;
    for (kv_iter_seek_last(iter); more && code == ERR_OK && kv_iter_valid(iter);
         kv_iter_prev(iter)) {
        struct str key = kv_iter_key(iter);
        struct id id = id_of_bytes(key.data + key.size - ID_BYTES);
        struct instance *instance = NULL;
        code = open_read(tables, &id, &instance, err);
        if (code == ERR_OK && instance != NULL) {
            more = visit(user, instance);
        }
        instance_destroy(&instance);
        arena_reset(tables->arena);
    }
    if (code == ERR_OK) {
        code = kv_iter_status(iter, err);
    }
    kv_iter_destroy(&iter);
    return code;
}

static size_t find_in(struct tables *tables, enum table table, const char *prefix, struct id *ids,
                      size_t found, size_t max)
{
    char low[ID_HEX_BYTES];
    size_t digits = strlen(prefix);
    (void)text_copy(low, sizeof(low), prefix);
    while (strlen(low) < ID_HEX_BYTES - 1) {
        size_t at = strlen(low);
        low[at] = '0';
        low[at + 1] = '\0';
    }
    struct id first;
    if (digits > ID_HEX_BYTES - 1 || !id_of_hex(low, &first)) {
        return found;
    }
    struct table_key lower;
    struct table_key upper;
    struct kv_range range = table_range(table, &lower, &upper);
    key_id(&lower, &first);
    range.lower = key_str(&lower);
    struct kv_iter *iter = kv_iter_create(tables->kv, &range);
    for (kv_iter_seek_first(iter); found < max && kv_iter_valid(iter); kv_iter_next(iter)) {
        struct id id = id_of_bytes(kv_iter_key(iter).data + 3);
        char hex[ID_HEX_BYTES];
        id_hex(&id, hex);
        if (strncmp(hex, prefix, digits) != 0) {
            break;
        }
        ids[found++] = id;
    }
    kv_iter_destroy(&iter);
    return found;
}

size_t tables_find(struct tables *tables, const char *prefix, struct id *ret_ids, size_t max)
{
    size_t found = find_in(tables, TABLE_ACTIVE, prefix, ret_ids, 0, max);
    found = find_in(tables, TABLE_WAITING, prefix, ret_ids, found, max);
    return find_in(tables, TABLE_DONE, prefix, ret_ids, found, max);
}

static struct table_key journal_key(uint64_t sequence)
{
    struct table_key key = {.size = 2};
    key_u64(&key, sequence);
    return key;
}

enum err tables_journal(struct tables *tables, uint64_t sequence, struct arena *arena,
                        struct journal_batch *ret_batch, struct error *err)
{
    struct table_key key = journal_key(sequence);
    TRY(kv_get(tables->kv, FAMILY_JOURNAL, key_str(&key), &tables->journal, err));
    struct keyring keys = tables_keyring(tables);
    return journal_decode((struct str){.data = tables->journal.data, .size = tables->journal.size},
                          &keys, arena, ret_batch, err);
}

enum err tables_journal_of(struct tables *tables, uint64_t sequence, const struct id *instance,
                           struct arena *arena, struct journal_batch *ret_batch, struct error *err)
{
    struct table_key key = journal_key(sequence);
    TRY(kv_get(tables->kv, FAMILY_JOURNAL, key_str(&key), &tables->journal, err));
    struct keyring keys = tables_keyring(tables);
    struct str bytes = {.data = tables->journal.data, .size = tables->journal.size};
    return journal_decode_of(instance, bytes, &keys, arena, ret_batch, err);
}

/* One link of the chain: readable, next in sequence, built on the hash before it. */
static enum err link_check(struct tables *tables, struct str bytes, uint64_t expected,
                           const struct digest *previous, struct digest *ret_hash,
                           struct error *err)
{
    struct journal_batch batch;
    TRY(journal_peek(bytes, tables->arena, &batch, err));
    if (batch.sequence != expected) {
        return error_set(err, ERR_CORRUPT, "batch %llu is missing: the next one is %llu",
                         (unsigned long long)expected, (unsigned long long)batch.sequence);
    }
    if (!digest_equal(&batch.previous, previous)) {
        return error_set(err, ERR_CORRUPT,
                         "batch %llu was not built on the batch before it as it is stored",
                         (unsigned long long)expected);
    }
    *ret_hash = batch.hash;
    return ERR_OK;
}

enum err tables_verify(struct tables *tables, uint64_t *ret_batches, uint64_t *ret_bad,
                       struct error *err)
{
    struct kv_range range = {.family = FAMILY_JOURNAL};
    struct kv_iter *iter = kv_iter_create(tables->kv, &range);
    struct digest previous = {{0}};
    enum err code = ERR_OK;
    *ret_batches = 0;
    *ret_bad = 0;
    for (kv_iter_seek_first(iter); code == ERR_OK && kv_iter_valid(iter); kv_iter_next(iter)) {
        struct digest hash;
        code = link_check(tables, kv_iter_value(iter), *ret_batches + 1, &previous, &hash, err);
        if (code == ERR_OK) {
            previous = hash;
            (*ret_batches)++;
        } else {
            *ret_bad = *ret_batches + 1;
        }
        arena_reset(tables->arena);
    }
    if (code == ERR_OK) {
        code = kv_iter_status(iter, err);
    }
    kv_iter_destroy(&iter);
    if (code == ERR_OK && *ret_batches != tables->sequence) {
        *ret_bad = *ret_batches + 1;
        code = error_set(err, ERR_CORRUPT, "the journal ends at batch %llu, the head says %llu",
                         (unsigned long long)*ret_batches, (unsigned long long)tables->sequence);
    }
    return code;
}

enum err tables_each_letter(struct tables *tables, uint64_t before, tables_letter_fn *visit,
                            void *user, struct error *err)
{
    struct table_key lower;
    struct table_key upper;
    struct kv_range range = table_range(TABLE_LETTER, &lower, &upper);
    if (before != 0) {
        upper = key_begin(TABLE_LETTER);
        key_u64(&upper, before);
        range.upper = key_str(&upper);
    }
    struct kv_iter *iter = kv_iter_create(tables->kv, &range);
    enum err code = ERR_OK;
    bool more = true;
    for (kv_iter_seek_last(iter); more && code == ERR_OK && kv_iter_valid(iter);
         kv_iter_prev(iter)) {
        struct dead_letter letter;
        code = dead_letter_unpack(kv_iter_value(iter), tables->arena, &letter, err);
        more = code == ERR_OK && visit(user, u64_of(kv_iter_key(iter).data + 3), &letter);
        arena_reset(tables->arena);
    }
    if (code == ERR_OK) {
        code = kv_iter_status(iter, err);
    }
    kv_iter_destroy(&iter);
    return code;
}

enum err tables_each_gathered(struct tables *tables, const char *name, tables_gathered_fn *visit,
                              void *user, struct error *err)
{
    struct table_key lower = key_begin(TABLE_BUFFER);
    key_bytes(&lower, "start ", strlen("start "));
    key_bytes(&lower, name, strlen(name));
    key_bytes(&lower, " ", 1);
    struct table_key upper = lower;
    upper.bytes[upper.size - 1]++; /* after the space */
    struct kv_range range = {
        .family = FAMILY_STATE, .lower = key_str(&lower), .upper = key_str(&upper)};
    struct kv_iter *iter = kv_iter_create(tables->kv, &range);
    enum err code = ERR_OK;
    bool more = true;
    for (kv_iter_seek_first(iter); more && code == ERR_OK && kv_iter_valid(iter);
         kv_iter_next(iter)) {
        struct doc *envelope = NULL;
        int64_t expires_ms = 0;
        code = buffered_unpack(kv_iter_value(iter), tables->arena, &envelope, &expires_ms, err);
        more = code == ERR_OK && visit(user, doc_json(envelope), expires_ms);
        doc_unref(&envelope);
        arena_reset(tables->arena);
    }
    if (code == ERR_OK) {
        code = kv_iter_status(iter, err);
    }
    kv_iter_destroy(&iter);
    return code;
}

enum err tables_letter(struct tables *tables, uint64_t number, struct arena *arena,
                       struct dead_letter *ret_letter, struct error *err)
{
    struct table_key key = key_begin(TABLE_LETTER);
    key_u64(&key, number);
    if (!tables_read(tables, &key)) {
        return error_set(err, ERR_NOT_FOUND, "there is no dead letter %llu",
                         (unsigned long long)number);
    }
    return dead_letter_unpack((struct str){.data = tables->value.data, .size = tables->value.size},
                              arena, ret_letter, err);
}

uint64_t tables_letter_count(const struct tables *tables)
{
    return tables->letter_rows;
}

static bool is_of_state(struct str key)
{
    return key.data[2] != TABLE_META && key.data[2] != TABLE_KEY;
}

struct digest tables_state_digest(struct tables *tables)
{
    struct kv_range range = {.family = FAMILY_STATE};
    struct kv_iter *iter = kv_iter_create(tables->kv, &range);
    struct blake state;
    blake_init(&state, NULL);
    for (kv_iter_seek_first(iter); kv_iter_valid(iter); kv_iter_next(iter)) {
        struct str key = kv_iter_key(iter);
        struct str value = kv_iter_value(iter);
        if (is_of_state(key)) {
            blake_part(&state, key.data, key.size);
            blake_part(&state, value.data, value.size);
        }
    }
    kv_iter_destroy(&iter);
    return blake_final(&state);
}

/* The next row of state at or behind where the iterator stands. */
static bool state_row(struct kv_iter *iter)
{
    while (kv_iter_valid(iter) && !is_of_state(kv_iter_key(iter))) {
        kv_iter_next(iter);
    }
    return kv_iter_valid(iter);
}

bool tables_state_equal(struct tables *tables, struct tables *other, char *ret_table)
{
    struct kv_range range = {.family = FAMILY_STATE};
    struct kv_iter *a = kv_iter_create(tables->kv, &range);
    struct kv_iter *b = kv_iter_create(other->kv, &range);
    kv_iter_seek_first(a);
    kv_iter_seek_first(b);
    bool same = true;
    bool more = true;
    while (same && more) {
        bool in_a = state_row(a);
        bool in_b = state_row(b);
        more = in_a && in_b;
        same = in_a == in_b && (!more || (str_equal(kv_iter_key(a), kv_iter_key(b)) &&
                                          str_equal(kv_iter_value(a), kv_iter_value(b))));
        if (!same) {
            char table_a = in_a ? kv_iter_key(a).data[2] : CHAR_MAX;
            char table_b = in_b ? kv_iter_key(b).data[2] : CHAR_MAX;
            *ret_table = table_a < table_b ? table_a : table_b;
        } else if (more) {
            kv_iter_next(a);
            kv_iter_next(b);
        }
    }
    kv_iter_destroy(&b);
    kv_iter_destroy(&a);
    return same;
}

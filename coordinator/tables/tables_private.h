/*
 * Inside of the tables.
 */
#ifndef COORDINATOR_TABLES_TABLES_PRIVATE_H
#define COORDINATOR_TABLES_TABLES_PRIVATE_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/store/kv.h"
#include "coordinator/tables/tables.h"

struct map;

enum { FAMILY_STATE = 0, FAMILY_JOURNAL = 1, KEY_CACHE = 4096, TABLES_KEY_BYTES = 320 };

/* Tables by their letter in the key. Stored: never reuse a letter. */
enum table {
    TABLE_META = 'M',
    TABLE_ACTIVE = 'A',
    TABLE_WAITING = 'W',
    TABLE_DEFINITION = 'D',
    TABLE_CONTRACT = 'C',
    TABLE_STORE = 'S',
    TABLE_GATE = 'G',
    TABLE_TIMER = 'T',
    TABLE_LISTENER = 'L',
    TABLE_BUFFER = 'B',
    TABLE_MARK = 'E',
    TABLE_MARK_EXPIRY = 'X',
    TABLE_LETTER = 'Z',
    TABLE_LETTER_SOURCE = 'Y',
    TABLE_KEY = 'K',
    TABLE_SCHEDULE = 'H',
    TABLE_ZONE = 'J',
    TABLE_RATE = 'R',
    TABLE_DONE = 'F',
    TABLE_DONE_TIME = 'N',
    TABLE_OPEN_TIME = 'P',
    TABLE_OPEN_COUNT = 'Q',
    TABLE_POLICY = 'O',
    TABLE_KEPT = 'U',
    TABLE_CLAIM = 'V',
    TABLE_ACCOUNT = 'I',
};

struct data_key {
    struct id owner;
    bool valid;
    uint8_t key[CRYPTO_KEY_BYTES];
};

/* Quota of one source of dead letters. */
struct letter_quota {
    uint64_t rows;
};

struct tables {
    struct kv *kv;
    struct kv_batch *batch;
    struct arena *arena; /* of one call or turn */
    struct buf value;
    struct buf journal;
    int64_t now;
    uint64_t sequence;
    struct digest head;
    uint8_t salt[JOURNAL_SALT_BYTES]; /* of this process */
    int64_t last_now;
    struct id store_id;
    uint64_t epoch;
    uint64_t letters; /* number of the newest dead letter */
    uint64_t letter_rows;
    struct map *quotas;    /* source -> struct letter_quota */
    struct map *made_keys; /* owner -> key made in this turn */
    struct map *turn_done; /* instances that ended in this turn */
    struct map *turn_late; /* ended instance -> struct buf, its row as this turn has left it */
    bool swept;            /* marks were swept in this turn */
    struct data_key keys[KEY_CACHE];
    struct tables_figures figures;
};

/* A key under construction: partition, table letter, then the parts. */
struct table_key {
    uint8_t bytes[TABLES_KEY_BYTES];
    size_t size;
};

struct table_key key_begin(enum table table);
void key_bytes(struct table_key *key, const void *bytes, size_t size);
void key_text(struct table_key *key, const char *text); /* with its terminator */
void key_u64(struct table_key *key, uint64_t value);
void key_id(struct table_key *key, const struct id *id);
struct str key_str(const struct table_key *key);

/* Range of all keys of a table; the bounds live in the two keys. */
struct kv_range table_range(enum table table, struct table_key *lower, struct table_key *upper);

/* Read into tables->value; false when there is no such row. Any other failure ends the process. */
bool tables_read(struct tables *tables, const struct table_key *key);

void tables_put(struct tables *tables, const struct table_key *key, struct str value);
void tables_delete(struct tables *tables, const struct table_key *key);

/* End the process with words: the store cannot be trusted or reached. */
_Noreturn void tables_fatal(const char *doing, const struct error *err);

struct keyring tables_keyring(struct tables *tables);

uint64_t u64_of(const char *bytes);

/* Of the engine's port (kept.c). */
void kept_put(void *user, const struct id *holder, const struct ledger_entry *entry);
void kept_delete(void *user, const struct id *holder, const struct ledger_entry *entry);
void kept_scan(void *user, const struct id *holder, const struct id *origin,
               void (*visit)(void *visitor, const struct ledger_entry *entry), void *visitor);

#endif

/*
 * The engine's way to its tables. Implemented by coordinator/tables over the store, and by the
 * tests over the in-memory twin.
 *
 * Writes are collected into the turn's batch; reads see what earlier turns committed. The engine
 * itself remembers what it wrote in the current turn. Nothing here fails: a store that cannot read
 * or write ends the process, because acting on half a state is worse (design: crash only).
 */
#ifndef COORDINATOR_ENGINE_PORT_H
#define COORDINATOR_ENGINE_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/engine/id.h"
#include "coordinator/engine/instance.h"

struct account;
struct claim;
struct definition;
struct contract;
struct gate;
struct store;
struct doc;
struct event;
struct schedule;
struct rate;
struct time_zone;

struct engine_port {
    const char *name;
    /* The instance with its plan unset, owned by the caller; NULL when there is none open. */
    struct instance *(*instance_load)(void *user, const struct id *id);
    void (*instance_put)(void *user, const struct instance *instance, bool active, bool was_active,
                         bool was_stored);
    /* The instance has ended: drop its row, keep a line that finds its journal. */
    void (*instance_end)(void *user, const struct instance *instance, int64_t ended_ms,
                         bool was_active, bool was_stored);
    /* Whether an ended instance of this id is known. */
    bool (*done_exists)(void *user, const struct id *id);
    /* The agent of an effect that an ended instance does not know to have happened, valid for the
     * turn; NULL when there is no such effect. */
    const char *(*done_effect)(void *user, const struct id *instance, const struct id *key);
    /* It has happened: it is no such effect any more, and the journal's sequence belongs to the
     * instance. Seen by done_effect in the same turn. */
    void (*done_late)(void *user, const struct id *instance, const struct id *key,
                      uint64_t sequence);
    /* Effects that `holder` keeps of instances it ran (instance.h), by origin and key. A scan
     * visits those of one origin (NULL: of all) that earlier turns left, in a fixed order; the
     * entry is valid for the visit. */
    void (*kept_put)(void *user, const struct id *holder, const struct ledger_entry *entry);
    void (*kept_delete)(void *user, const struct id *holder, const struct ledger_entry *entry);
    void (*kept_scan)(void *user, const struct id *holder, const struct id *origin,
                      void (*visit)(void *visitor, const struct ledger_entry *entry),
                      void *visitor);
    bool (*mark_exists)(void *user, const struct id *mark);
    void (*mark_put)(void *user, const struct id *mark, int64_t expires_ms);
    void (*timer_put)(void *user, int64_t due_ms, const struct id *instance);
    void (*timer_delete)(void *user, int64_t due_ms, const struct id *instance);
    void (*listener_put)(void *user, const char *type, const struct id *instance, uint32_t frame);
    void (*listener_delete)(void *user, const char *type, const struct id *instance,
                            uint32_t frame);
    /* Claims of locks, by entity and order. */
    void (*claim_put)(void *user, const struct claim *claim);
    void (*claim_delete)(void *user, const char *entity, uint64_t order);
    /* Accounts of budgets, by name. Deleting one that is not there does nothing. */
    void (*account_put)(void *user, const struct account *account);
    void (*account_delete)(void *user, const char *name);
    void (*gate_put)(void *user, const struct gate *gate);
    void (*gate_delete)(void *user, const struct id *gate);
    void (*definition_put)(void *user, const struct definition *definition);
    void (*open_count_put)(void *user, const struct definition *definition);
    void (*contract_put)(void *user, const struct contract *contract, int64_t now_ms);
    void (*store_put)(void *user, const struct store *store);
    void (*buffer_put)(void *user, const char *type, const struct id *mark, struct doc *envelope,
                       int64_t expires_ms);
    void (*buffer_delete)(void *user, const char *type, const struct id *mark, int64_t expires_ms);
    /* Visit buffered events of a type ("" for all) in order of arrival until `visit` returns false.
     */
    void (*buffer_scan)(void *user, const char *type,
                        bool (*visit)(void *visitor, const char *type, const struct id *mark,
                                      struct doc *envelope, int64_t expires_ms),
                        void *visitor);
    /* `event` is an EVENT_DEAD_LETTER; the table keeps its quota per source. */
    void (*dead_letter_put)(void *user, const struct event *event, int64_t now_ms);
    void (*schedule_put)(void *user, const struct schedule *schedule);
    void (*schedule_delete)(void *user, const char *name);
    void (*rate_put)(void *user, const struct rate *rate);
    void (*zone_put)(void *user, const struct time_zone *zone);
    /* The policy in force; there is one. */
    void (*policy_put)(void *user, const char *file, const char *text, int64_t now_ms);
    void (*dead_letter_replayed)(void *user, uint64_t number);
};

#endif

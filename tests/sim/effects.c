#include "tests/sim/effects.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "common/crypto/crypto.h"
#include "coordinator/engine/id.h"
#include "tests/sim/checker.h"
#include "tests/sim/sim.h"

struct row {
    uint8_t key[16];
    struct digest input;
    uint64_t number;
    enum world_class world_class;
    uint32_t attempt;
    bool forgotten; /* the coordinator's store is older than this */
    bool agent_forgot;
    char store[16];
    char name[200];
};

struct effects {
    struct map *rows;      /* agent \n outside key -> row */
    struct map *steps;     /* agent, instance, step -> row */
    struct map *lied;      /* keys */
    struct map *forgetful; /* agents whose store was lost or is an older one */
    uint64_t count;
    bool restored; /* agents may still do what an older store does not know */
};

void effects_create(struct sim *sim)
{
    sim->effects = sim_alloc(sim, sizeof(*sim->effects));
    sim->effects->rows = map_create();
    sim->effects->lied = map_create();
    sim->effects->steps = map_create();
    sim->effects->forgetful = map_create();
    CHECK(sim->effects->rows != NULL);
    CHECK(sim->effects->lied != NULL);
    CHECK(sim->effects->steps != NULL);
    CHECK(sim->effects->forgetful != NULL);
}

void effects_destroy(struct sim *sim)
{
    map_destroy(&sim->effects->rows, free);
    map_destroy(&sim->effects->lied, NULL);
    map_destroy(&sim->effects->steps, NULL);
    map_destroy(&sim->effects->forgetful, NULL);
}

static struct row *row_of(struct sim *sim, const char *agent, const char *outside_key)
{
    char name[200];
    (void)snprintf(name, sizeof(name), "%s\n%s", agent, outside_key);
    return map_get_text(sim->effects->rows, name);
}

/* The same key again. */
static void repeated(struct sim *sim, struct row *row, const struct world_call *call,
                     const struct digest *input)
{
    if (map_get(sim->effects->lied, call->key, 16) != NULL) {
        return;
    }
    if (row->forgotten && call->world_class == WORLD_KEYED) {
        return; /* an older coordinator does not know which store began it, nor with what */
    }
    if (call->world_class != WORLD_KEYED) {
        sim_finding(sim, "effect '%s' of agent %s happens twice: attempt %u, then %u",
                    call->outside_key, call->agent, row->attempt, call->attempt);
    } else if (!digest_equal(&row->input, input)) {
        sim_finding(sim, "key '%s' of agent %s is used for another input", call->outside_key,
                    call->agent);
    }
}

/* A step that is entered again asks under the name it had. Names that definitions give are theirs
 * to choose: those derived here are 32 hex digits. */
static void name_check(struct sim *sim, const struct world_call *call, struct row *row)
{
    char who[600];
    char origin[ID_HEX_BYTES];
    struct id id = {{0}};
    if (!checker_origin(sim, call->key, &id)) {
        return; /* an older coordinator does not know who asked */
    }
    id_hex(&id, origin);
    bool derived =
        strspn(call->outside_key, "0123456789abcdef") == 32 && call->outside_key[32] == 0;
    (void)snprintf(who, sizeof(who), "%s\n%s\n%s", call->agent, origin, call->step);
    const struct row *before = map_get_text(sim->effects->steps, who);
    if (before == NULL && derived) {
        (void)map_put_text(sim->effects->steps, who, row, NULL);
    } else if (before != NULL && derived && before != row && !before->forgotten) {
        sim_finding(sim, "step %s of agent %s has an effect under a second key", call->step,
                    call->agent);
    }
}

uint64_t effects_happen(struct sim *sim, const struct world_call *call)
{
    struct digest input = crypto_blake(call->input, strlen(call->input));
    struct row *row = row_of(sim, call->agent, call->outside_key);
    uint64_t short_key = 0;
    memcpy(&short_key, call->key, sizeof(short_key));
    sim_trace(sim, "effect", call->attempt, short_key);
    bool dispatched = checker_dispatched(sim, call->key, call->attempt);
    if (!dispatched && !sim->effects->restored) {
        sim_finding(sim, "an effect of agent %s happens before its dispatch is committed",
                    call->agent);
    }
    if (row != NULL) {
        name_check(sim, call, row);
        repeated(sim, row, call, &input);
        return row->number;
    }
    row = calloc(1, sizeof(*row));
    CHECK(row != NULL);
    *row = (struct row){.input = input,
                        .number = ++sim->effects->count,
                        .world_class = call->world_class,
                        .attempt = call->attempt,
                        .forgotten = !dispatched,
                        .agent_forgot = map_get_text(sim->effects->forgetful, call->agent) != NULL};
    memcpy(row->key, call->key, sizeof(row->key));
    (void)snprintf(row->store, sizeof(row->store), "%s", call->store);
    (void)snprintf(row->name, sizeof(row->name), "%s\n%s", call->agent, call->outside_key);
    (void)map_put_text(sim->effects->rows, row->name, row, NULL);
    sim->figures.effects++;
    name_check(sim, call, row);
    return row->number;
}

bool effects_happened(struct sim *sim, const char *agent, const char *outside_key,
                      uint64_t *ret_number)
{
    const struct row *row = row_of(sim, agent, outside_key);
    *ret_number = row == NULL ? 0 : row->number;
    return row != NULL;
}

bool effects_key_happened(const struct sim *sim, const uint8_t *key)
{
    size_t cursor = 0;
    const struct row *row = NULL;
    while ((row = map_next(sim->effects->rows, &cursor, NULL, NULL)) != NULL) {
        if (memcmp(row->key, key, sizeof(row->key)) == 0) {
            return true;
        }
    }
    return false;
}

void effects_lied(struct sim *sim, const uint8_t *key)
{
    (void)map_put(sim->effects->lied, key, 16, sim, NULL);
}

void effects_forgotten(struct sim *sim)
{
    size_t cursor = 0;
    struct row *row = NULL;
    sim->effects->restored = true;
    while ((row = map_next(sim->effects->rows, &cursor, NULL, NULL)) != NULL) {
        row->forgotten = true;
    }
}

void effects_agent_forgets(struct sim *sim, const char *agent)
{
    (void)map_put_text(sim->effects->forgetful, agent, sim, NULL);
    size_t cursor = 0;
    struct row *row = NULL;
    size_t size = strlen(agent);
    while ((row = map_next(sim->effects->rows, &cursor, NULL, NULL)) != NULL) {
        bool its = strncmp(row->name, agent, size) == 0 && row->name[size] == '\n';
        row->agent_forgot = row->agent_forgot || its;
    }
}

/* Done by a store that the restored coordinator never asked: another one, asked in its place, says
 * truly that it did nothing; or it was asked before the backup, when that was true, and the step
 * was taken down before it was asked again. */
static bool asked_elsewhere(const struct sim *sim, const struct row *row)
{
    return row->forgotten && !checker_dispatched_to(sim, row->key, row->store);
}

void effects_check(struct sim *sim)
{
    size_t cursor = 0;
    const struct row *row = NULL;
    while ((row = map_next(sim->effects->rows, &cursor, NULL, NULL)) != NULL) {
        enum accounted said = checker_effect(sim, row->key);
        if (said == EFFECT_SAID_NONE && !row->agent_forgot && !asked_elsewhere(sim, row)) {
            sim_finding(sim, "effect %llu, key %.80s, happened and the journal says it did not",
                        (unsigned long long)row->number, row->name);
        } else if (said == EFFECT_UNKNOWN_TO_US && !row->forgotten && !row->agent_forgot) {
            sim_finding(sim, "effect %llu, key %.80s, happened and the journal knows no such key",
                        (unsigned long long)row->number, row->name);
        }
    }
}

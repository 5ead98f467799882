/*
 * Circuits: gates that stand for all work that goes one way. There are few of them, and none in a
 * company that is well, so they are looked through and not looked up.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "coordinator/engine/company.h"

void circuits_add(struct company *company, struct gate *gate)
{
    CHECK(map_put(company->circuits, gate->id.bytes, sizeof(gate->id.bytes), gate, NULL) == NULL);
}

void circuits_remove(struct company *company, const struct gate *gate)
{
    CHECK(map_remove(company->circuits, gate->id.bytes, sizeof(gate->id.bytes)) == gate);
}

struct gate *company_circuit(const struct company *company, enum gate_kind kind, const char *agent,
                             const char *action, const char *scope, const char *code)
{
    size_t cursor = 0;
    struct gate *gate = NULL;
    while ((gate = map_next(company->circuits, &cursor, NULL, NULL)) != NULL) {
        if (gate->kind == kind && strcmp(gate->agent, agent) == 0 &&
            strcmp(gate->action, action) == 0 && strcmp(gate->scope, scope) == 0 &&
            (kind != GATE_PERMISSION || strcmp(gate->failure.code, code) == 0)) {
            return gate;
        }
    }
    return NULL;
}

size_t company_circuits(const struct company *company, enum gate_kind kind)
{
    size_t count = 0;
    size_t cursor = 0;
    const struct gate *gate = NULL;
    while ((gate = map_next(company->circuits, &cursor, NULL, NULL)) != NULL) {
        count += gate->kind == kind ? 1 : 0;
    }
    return count;
}

static bool lets_one_through(const struct gate *gate)
{
    return gate->probing && gate->probe == 0;
}

struct gate *circuit_stops(const struct company *company, const char *agent, const char *action,
                           const char *scope)
{
    size_t cursor = 0;
    struct gate *gate = NULL;
    while ((gate = map_next(company->circuits, &cursor, NULL, NULL)) != NULL) {
        if (gate->kind == GATE_PERMISSION && strcmp(gate->agent, agent) == 0 &&
            strcmp(gate->action, action) == 0 && strcmp(gate->scope, scope) == 0 &&
            !lets_one_through(gate)) {
            return gate;
        }
    }
    return NULL;
}

struct gate *circuit_unhealthy(const struct company *company, const char *agent,
                               const char *version)
{
    struct gate *gate = company_circuit(company, GATE_CONTRACT, agent, "", version, "");
    return gate == NULL || lets_one_through(gate) ? NULL : gate;
}

struct gate *circuit_of_probe(const struct company *company, uint64_t ready_order)
{
    size_t cursor = 0;
    struct gate *gate = NULL;
    while ((gate = map_next(company->circuits, &cursor, NULL, NULL)) != NULL) {
        if (gate->probing && gate->probe == ready_order) {
            return gate;
        }
    }
    return NULL;
}

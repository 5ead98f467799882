#include "coordinator/engine/migration.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "coordinator/definition/compare.h"
#include "coordinator/definition/plan.h"
#include "coordinator/engine/instance.h"

struct migration {
    const struct plan *from;
    const struct plan *to;
    uint32_t *forward;
    uint32_t *backward;
};

struct migration *migration_create(const struct plan *from, const struct plan *to)
{
    struct migration *migration = calloc(1, sizeof(*migration));
    CHECK(migration != NULL);
    migration->from = from;
    migration->to = to;
    migration->forward = calloc((size_t)from->node_count + 1, sizeof(uint32_t));
    migration->backward = calloc((size_t)to->node_count + 1, sizeof(uint32_t));
    CHECK(migration->forward != NULL);
    CHECK(migration->backward != NULL);
    plan_match(from, to, migration->forward);
    plan_match(to, from, migration->backward);
    return migration;
}

void migration_destroy(struct migration **migration)
{
    if (*migration == NULL) {
        return;
    }
    free((*migration)->forward);
    free((*migration)->backward);
    free(*migration);
    *migration = NULL;
}

const struct plan *migration_from(const struct migration *migration)
{
    return migration->from;
}

uint32_t migration_node(const struct migration *migration, uint32_t node)
{
    return node == PLAN_NONE ? PLAN_NONE : migration->forward[node];
}

/* ---- what stands in the way ---- */

static bool frame_has_children(const struct instance *instance, const struct frame *frame)
{
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        if (instance->frames[i]->parent == frame->id) {
            return true;
        }
    }
    return false;
}

/* Words for a step that is in no state to move; false when it is. */
static bool frame_moving(const struct instance *instance, const struct frame *frame,
                         const char *step, char *why, size_t size)
{
    switch ((unsigned)frame->state) {
    case FRAME_DISPATCHED:
        (void)snprintf(why, size, "a call is in flight: %s", step);
        return true;
    case FRAME_CANCELLING:
        (void)snprintf(why, size, "is being taken down: %s", step);
        return true;
    case FRAME_EVALUATING:
        (void)snprintf(why, size, "an expression is being evaluated: %s", step);
        return true;
    case FRAME_OUTPUT:
        (void)snprintf(why, size, "is just leaving a step: %s", step);
        return true;
    case FRAME_RUNNING:
        if (!frame_has_children(instance, frame)) {
            (void)snprintf(why, size, "is just walking on from %s", step);
            return true;
        }
        return false;
    default:
        return false; /* ready, retry, waiting, suspended, joined */
    }
}

/* A try that is in its list may get another catch: it has not begun. */
static bool frame_alike(const struct frame *frame, const struct plan_node *old,
                        const struct plan_node *now)
{
    bool body = old->kind == TASK_TRY && now->kind == TASK_TRY && frame->part == PART_BODY;
    return body || plan_node_alike(old, now, true);
}

static void differs_words(const struct frame *frame, const struct plan_node *node, bool block,
                          const char *version, char *why, size_t size)
{
    if (node->kind == TASK_FOR) {
        (void)snprintf(why, size, "is inside a loop that is another one in %s: %s", version,
                       node->pointer);
    } else if (block) {
        (void)snprintf(why, size, "is inside a block that is changed in %s: %s", version,
                       node->pointer);
    } else if (node->kind == TASK_LISTEN) {
        (void)snprintf(why, size, "listens for something else in %s: %s", version, node->pointer);
    } else if (frame->has_gate) {
        (void)snprintf(why, size,
                       "a gate is open on a step that is changed in %s, decide it first: %s",
                       version, node->pointer);
    } else {
        (void)snprintf(why, size, "stands at a step that is changed in %s: %s", version,
                       node->pointer);
    }
}

static bool frame_fits(const struct migration *migration, const struct instance *instance,
                       const struct frame *frame, char *why, size_t size)
{
    const struct plan_node *node =
        frame->node == PLAN_NONE ? NULL : &migration->from->nodes[frame->node];
    const char *step = node == NULL ? "the workflow" : node->pointer;
    const char *version = migration->to->version;
    if (frame_moving(instance, frame, step, why, size)) {
        return false;
    }
    if (node == NULL) {
        return true;
    }
    uint32_t to = migration->forward[frame->node];
    if (to != PLAN_NONE &&
        plan_call_in_lock(migration->from, frame->node) != plan_call_in_lock(migration->to, to)) {
        (void)snprintf(why, size, "stands at a call that has a lock in only one of the two: %s",
                       step);
        return false;
    }
    if (to == PLAN_NONE) {
        (void)snprintf(why, size, "stands at a step that is not in %s: %s", version, step);
        return false;
    }
    if (!frame_alike(frame, node, &migration->to->nodes[to])) {
        differs_words(frame, node, frame_has_children(instance, frame), version, why, size);
        return false;
    }
    return true;
}

static bool ledger_fits(const struct instance *instance, char *why, size_t size)
{
    for (uint32_t i = 0; i < instance->ledger_count; i++) {
        const struct ledger_entry *entry = &instance->ledger[i];
        if (entry->state == LEDGER_DISPATCHED || entry->state == LEDGER_UNKNOWN) {
            (void)snprintf(why, size, "an effect is %s: %s %s of %s",
                           entry->state == LEDGER_UNKNOWN ? "in doubt" : "in flight", entry->agent,
                           entry->action, entry->step);
            return false;
        }
    }
    return true;
}

bool migration_fits(const struct migration *migration, const struct instance *instance, char *why,
                    size_t size)
{
    why[0] = '\0';
    if (instance->final != 0 || instance->cancelling) {
        (void)snprintf(why, size, "is at its end and only settles its effects");
        return false;
    }
    if (instance->undoing > 0) {
        (void)snprintf(why, size, "is undoing what it did");
        return false;
    }
    if (digest_equal(&migration->from->digest, &migration->to->digest)) {
        (void)snprintf(why, size, "runs %s already", migration->to->version);
        return false;
    }
    if (!ledger_fits(instance, why, size)) {
        return false;
    }
    /* Innermost first: that is where somebody would look. */
    for (uint32_t i = instance->frame_count; i > 0; i--) {
        if (!frame_fits(migration, instance, instance->frames[i - 1], why, size)) {
            return false;
        }
    }
    return true;
}

/* ---- what it passed by ---- */

/* Whether `later` stands behind `node` in the same list. */
static bool node_before(const struct plan *plan, uint32_t node, uint32_t later)
{
    while (node != PLAN_NONE && node != later) {
        node = plan->nodes[node].next;
    }
    return node == later;
}

void migration_passed(const struct migration *migration, const struct instance *instance,
                      struct buf *out)
{
    const struct plan *to = migration->to;
    for (uint32_t i = 1; i < instance->frame_count; i++) {
        uint32_t now = migration_node(migration, instance->frames[i]->node);
        for (uint32_t node = 0; now != PLAN_NONE && node < now; node++) {
            if (migration->backward[node] == PLAN_NONE &&
                to->nodes[node].parent == to->nodes[now].parent && node_before(to, node, now)) {
                buf_printf(out, "%s%s", out->size > 0 ? ", " : "", to->nodes[node].pointer);
            }
        }
    }
}

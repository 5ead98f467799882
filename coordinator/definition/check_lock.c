/* Locks: call: lock around tasks, and `lock` in `with` of one call. */
#include <stdio.h>
#include <string.h>

#include "coordinator/definition/load.h"

/* entity and ttl, of both forms. */
static void check_lease(struct load *load, const struct yaml_node *node, const char *what,
                        struct plan_lock *lock)
{
    const struct yaml_node *entity = check_required(load, node, "entity", what);
    const struct yaml_node *ttl = check_required(load, node, "ttl", what);
    *lock = (struct plan_lock){.first = PLAN_NONE};
    if (entity != NULL &&
        (!json_is_string(entity->value) || json_string_length(entity->value) == 0)) {
        report_problem(load->report, entity, "for example ${ \"invoice/\" + .invoice }",
                       "'entity' must be a text or an expression that gives one, not %s",
                       json_is_string(entity->value) ? "an empty text" : check_type_text(entity));
    } else if (entity != NULL) {
        lock->entity = check_template(load, entity, PLACE_TASK);
        if (json_string_length(entity->value) > PLAN_ENTITY_BYTES && lock->entity != NULL &&
            lock->entity->literal != NULL) {
            report_problem(load->report, entity, NULL, "'entity' may have %d bytes, not %zu",
                           PLAN_ENTITY_BYTES, json_string_length(entity->value));
        }
    }
    if (ttl == NULL) {
        return;
    }
    lock->ttl = check_duration(load, ttl, "'ttl'", PLACE_TASK);
    int64_t ms = 0;
    if (lock->ttl.tmpl == NULL && plan_duration_parse(ttl->value, &ms, NULL) == ERR_OK &&
        (ms == 0 || ms > PLAN_INTERVAL_MS_MAX)) {
        report_problem(load->report, ttl, "for example PT10M",
                       "'ttl' must be longer than nothing and at most ten years: a lease that "
                       "never ends would keep all others out");
    }
}

void check_lock(struct load *load, const struct yaml_node *node, struct plan_node *task)
{
    static const char *const allowed[] = {"entity", "ttl", "do", NULL};
    const struct yaml_node *with = check_required(load, node, "with", "'call: lock'");
    task->kind = TASK_LOCK;
    task->lock = (struct plan_lock){.first = PLAN_NONE};
    if (with == NULL || !check_is_object(load, with, "'with'")) {
        return;
    }
    check_keys(load, with, "'with' of call: lock", allowed, NULL);
    struct plan_lock lock;
    check_lease(load, with, "'with' of call: lock", &lock);
    const struct yaml_node *list = check_required(load, with, "do", "'with' of call: lock");
    const char *pointer = load_printf(load, "%s/with/do", task->pointer);
    lock.first = check_tasks(load, list, pointer, task->index);
    task->lock = lock;
}

struct plan_node *check_locked(struct load *load, const struct yaml_node *task_node,
                               const struct yaml_node *with, struct plan_node *task)
{
    static const char *const allowed[] = {"entity", "ttl", NULL};
    const struct yaml_node *node = yaml_get(with, "lock");
    if (node == NULL) {
        return task;
    }
    struct plan_lock lock = {.first = PLAN_NONE};
    if (check_is_object(load, node, "'lock'")) {
        check_keys(load, node, "'lock'", allowed, NULL);
        check_lease(load, node, "'lock'", &lock);
    }
    struct task_site site = {.pointer = load_printf(load, "%s/call", task->pointer),
                             .parent = task->index};
    struct plan_node *call = load_add_node(load, &site, task_node);
    if (call == NULL) {
        return task; /* the load has failed */
    }
    call->name = task->name;
    call->kind = TASK_AGENT;
    call->call = task->call;
    lock.first = call->index;
    task->kind = TASK_LOCK;
    task->lock = lock;
    return call;
}

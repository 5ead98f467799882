/*
 * The instances that the steps of an instance ran: from its journal, because a step is gone when
 * what it ran has ended.
 */
#include "coordinator/edge/control_private.h"

struct children {
    struct request *request;
    const struct plan *plan; /* of the event; a migration changes it */
    json_t *rows;
};

/* Whether its journal must be read: its plan runs others, or an earlier one may have. */
static bool runs_others(const struct view *view)
{
    const struct plan *plan = view->definition == NULL ? NULL : view->definition->plan;
    uint64_t migrated = view->open != NULL ? view->open->migrated : view->done.migrated;
    bool runs = plan == NULL || migrated != 0;
    for (uint32_t i = 0; !runs && i < plan->node_count; i++) {
        runs = plan->nodes[i].kind == TASK_RUN;
    }
    return runs;
}

static bool children_visit(void *user, const struct view_event *at)
{
    struct children *children = user;
    const struct event *event = at->event;
    children->plan = plan_after(control_company(children->request->control), event, children->plan);
    if (event->kind != EVENT_CHILD_STARTED) {
        return true;
    }
    char name[STEP_NAME_BYTES];
    struct view view;
    json_t *row = json_object();
    CHECK(row != NULL);
    json_set_id(row, "instance", &event->key);
    json_set_text(row, "definition", event->name);
    if (view_load(children->request->control, &event->key, &view, NULL) == ERR_OK) {
        json_set_text(row, "status", instance_status_name(view_status(&view)));
    }
    if (children->plan != NULL) {
        engine_step_name(children->plan, event->node, event->path, event->activation, name,
                         sizeof(name));
        json_set_text(row, "step", name);
    }
    CHECK(json_object_set_new(row, "awaited", json_boolean(event->frame != 0)) == 0);
    return request_add_row(children->request, children->rows, row);
}

enum err view_set_family(struct request *request, const struct view *view, struct error *err)
{
    const struct instance *open = view->open;
    if (open != NULL ? open->has_parent : view->done.has_parent) {
        json_set_id(request->reply, "parent", open != NULL ? &open->parent : &view->done.parent);
    }
    struct children children = {.request = request, .rows = json_array()};
    CHECK(children.rows != NULL);
    json_set(request->reply, "children", children.rows);
    if (!runs_others(view)) {
        return ERR_OK;
    }
    return view_each_event(request->control, view, 0, children_visit, &children, err);
}

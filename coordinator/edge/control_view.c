/*
 * An instance as queries see it: the open one from its row, the ended one from its line and the
 * journal.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "coordinator/edge/control_private.h"

const struct company *control_company(const struct control *control)
{
    return engine_company(turn_engine(control->turn));
}

enum err view_load(struct control *control, const struct id *id, struct view *ret_view,
                   struct error *err)
{
    *ret_view = (struct view){.id = *id};
    const struct instance *open = engine_instance(turn_engine(control->turn), id);
    if (open != NULL) {
        ret_view->open = open;
        ret_view->definition = company_definition(control_company(control), &open->definition);
        ret_view->journal = open->journal;
        ret_view->journal_count = open->journal_count;
        return ERR_OK;
    }
    enum err code =
        tables_done(turn_tables(control->turn), id, control->arena, &ret_view->done, err);
    if (code == ERR_NOT_FOUND) {
        char hex[ID_HEX_BYTES];
        id_hex(id, hex);
        return error_set(err, ERR_NOT_FOUND, "there is no instance %s", hex);
    }
    TRY(code);
    ret_view->definition = company_definition(control_company(control), &ret_view->done.definition);
    ret_view->journal = ret_view->done.journal;
    ret_view->journal_count = ret_view->done.journal_count;
    return ERR_OK;
}

enum instance_status view_status(const struct view *view)
{
    return view->open != NULL ? view->open->status : view->done.status;
}

const char *view_definition(const struct view *view)
{
    if (view->open == NULL) {
        return view->done.name;
    }
    return view->definition == NULL ? "" : view->definition->name;
}

void frame_name(const struct instance *instance, const struct frame *frame, char *out, size_t size)
{
    if (frame->own != NULL) {
        (void)snprintf(out, size, "%s", frame->own->pointer);
        return;
    }
    engine_step_name(instance->plan, frame->node, frame->path, frame->activation, out, size);
}

static bool agent_is_live(const struct company *company, const char *agent)
{
    size_t cursor = 0;
    const struct store *store = NULL;
    while ((store = map_next(company->stores, &cursor, NULL, NULL)) != NULL) {
        if (strcmp(store->agent, agent) == 0 && store->state == STORE_LIVE) {
            return true;
        }
    }
    return false;
}

static void until(const char *what, int64_t ms, char *out, size_t size)
{
    char text[CLOCK_TEXT_BYTES] = "";
    (void)clock_format(ms, text);
    (void)snprintf(out, size, "%s %s", what, text);
}

static void waiting_reason(const struct plan_node *node, const struct frame *frame, char *out,
                           size_t size)
{
    if (frame->has_child) {
        char child[ID_HEX_BYTES];
        id_hex(&frame->child, child);
        (void)snprintf(out, size, "waits for instance %s of %.64s/%.64s", child,
                       node->run.namespace_, node->run.name);
    } else if (node->kind == TASK_LISTEN) {
        const struct event_consumption *listen = &node->listen;
        const char *type = listen->filter_count > 0 ? listen->filters[0].type : NULL;
        (void)snprintf(out, size, "waits for event %.100s%s", type == NULL ? "of any type" : type,
                       listen->filter_count > 1 ? " and others" : "");
    } else if (frame->wake_ms != 0) {
        until(node->kind == TASK_TRY ? "tries again at" : "waits until", frame->wake_ms, out, size);
    }
}

/* waits for the lock on X held by instance Y at step Z since T until T2 */
static void lock_reason(const struct control *control, const struct frame *frame, char *out,
                        size_t size)
{
    struct engine *engine = turn_engine(control->turn);
    const struct lock *lock = company_lock(control_company(control), frame->lock->entity);
    const struct claim *holder = lock == NULL ? NULL : lock->holder;
    struct instance *instance = holder == NULL ? NULL : engine_instance(engine, &holder->instance);
    const struct frame *held = instance == NULL ? NULL : instance_frame(instance, holder->frame);
    if (held == NULL) {
        (void)snprintf(out, size, "waits for the lock on %.256s, which nobody has",
                       frame->lock->entity);
        return;
    }
    char hex[ID_HEX_BYTES];
    char step[160];
    char since[CLOCK_TEXT_BYTES] = "";
    char until_text[CLOCK_TEXT_BYTES] = "";
    id_hex(&holder->instance, hex);
    frame_name(instance, held, step, sizeof(step));
    (void)clock_format(holder->held_ms, since);
    (void)clock_format(holder->until_ms, until_text);
    (void)snprintf(out, size,
                   "waits for the lock on %.160s, held by instance %s at %s since %s "
                   "until %s",
                   frame->lock->entity, hex, step, since, until_text);
}

static void leaf_reason(const struct control *control, const struct instance *open,
                        const struct frame *frame, char *out, size_t size)
{
    const struct plan_node *node =
        frame->own != NULL ? frame->own : &open->plan->nodes[frame->node];
    const struct gate *circuit = NULL;
    const struct company *company = control_company(control);
    const struct gate *gate = frame->has_gate ? company_gate(company, &frame->gate) : NULL;
    switch (frame->state) {
    case FRAME_READY:
        circuit = engine_circuit_of(turn_engine(control->turn), open, frame);
        if (circuit != NULL) {
            (void)snprintf(out, size,
                           circuit->probing ? "waits for another step to try whether it is well: "
                                              "%.160s"
                                            : "waits for a person: %.160s",
                           circuit->failure.title);
            break;
        }
        (void)snprintf(out, size,
                       agent_is_live(company, node->call.agent)
                           ? "waits for a free store of agent %s"
                           : "no live store of agent %s",
                       node->call.agent);
        break;
    case FRAME_DISPATCHED:
        (void)snprintf(out, size, "%s/%s works on it", node->call.agent, frame->store);
        break;
    case FRAME_RETRY:
        until("tries again at", frame->wake_ms, out, size);
        break;
    case FRAME_WAITING:
        waiting_reason(node, frame, out, size);
        break;
    case FRAME_SUSPENDED:
        (void)snprintf(out, size, "waits for a person: %.160s",
                       gate == NULL ? "" : gate->failure.title);
        break;
    case FRAME_EVALUATING:
        (void)text_copy(out, size, "an expression is with mainstay-jq");
        break;
    case FRAME_CANCELLING:
        (void)snprintf(out, size, gate == NULL ? "recalls what is in flight" : "%.160s",
                       gate == NULL ? "" : gate->failure.title);
        break;
    case FRAME_LOCKED_OUT:
        lock_reason(control, frame, out, size);
        break;
    case FRAME_RUNNING:
    case FRAME_OUTPUT:
    case FRAME_JOINED:
        break;
    }
}

const struct frame *view_leaf(const struct instance *open)
{
    const struct frame *first = NULL;
    for (uint32_t i = 0; open->branches > 0 && i < open->frame_count; i++) {
        const struct frame *frame = open->frames[i];
        if (frame->children == 0 && frame->has_gate) {
            return frame;
        }
        if (first == NULL && frame->children == 0 && frame->state != FRAME_JOINED) {
            first = frame;
        }
    }
    return first != NULL ? first : instance_leaf(open);
}

/* Open tasks beside the one that is shown. */
static uint32_t leaves_beside(const struct instance *open)
{
    uint32_t count = 0;
    for (uint32_t i = 0; open->branches > 0 && i < open->frame_count; i++) {
        const struct frame *frame = open->frames[i];
        count += frame->children == 0 && frame->state != FRAME_JOINED ? 1 : 0;
    }
    return count > 0 ? count - 1 : 0;
}

void view_reason(const struct control *control, const struct view *view, char *out, size_t size)
{
    out[0] = '\0';
    const struct instance *open = view->open;
    if (open == NULL) {
        return;
    }
    const struct frame *leaf = view_leaf(open);
    if (open->final != 0) {
        (void)snprintf(out, size, "is %s once its effects are settled",
                       instance_status_name(open->final));
    } else if (open->rewind != NULL && !open->cancelling && open->paused == NULL) {
        char step[STEP_NAME_BYTES];
        engine_step_name(open->plan, open->rewind->node, "", open->rewind->activation, step,
                         sizeof(step));
        (void)snprintf(out, size, "goes back to %.200s once what was done since is undone", step);
    } else if (open->paused != NULL) {
        (void)text_copy(out, size, open->paused);
    } else if (leaf != NULL && (leaf->node != PLAN_NONE || leaf->own != NULL)) {
        leaf_reason(control, open, leaf, out, size);
        uint32_t beside = leaves_beside(open);
        size_t used = strlen(out);
        if (beside > 0) {
            (void)snprintf(out + used, size - used, "%s%u more in other branches",
                           used > 0 ? "; " : "", beside);
        }
    }
}

enum err view_each_event(struct control *control, const struct view *view, uint64_t after,
                         view_event_fn *visit, void *user, struct error *err)
{
    bool more = true;
    for (size_t i = 0; more && i < view->journal_count; i++) {
        if (view->journal[i] <= after) {
            continue;
        }
        struct journal_batch batch;
        arena_reset(control->journal);
        TRY(tables_journal_of(turn_tables(control->turn), view->journal[i], &view->id,
                              control->journal, &batch, err));
        for (size_t j = 0; more && j < batch.event_count; j++) {
            const struct event *event = &batch.events[j];
            if (event->has_instance && id_equal(&event->instance, &view->id)) {
                struct view_event at = {.sequence = batch.sequence,
                                        .index = (uint32_t)j,
                                        .now_ms = batch.now_ms,
                                        .event = event,
                                        .erased = batch.erased[j]};
                more = visit(user, &at);
            }
        }
        journal_release(&batch);
    }
    return ERR_OK;
}

const struct plan *plan_after(const struct company *company, const struct event *event,
                              const struct plan *plan)
{
    bool begins = event->kind == EVENT_INSTANCE_STARTED || event->kind == EVENT_INSTANCE_MIGRATED;
    const struct definition *definition =
        begins ? company_definition(company, &event->digest) : NULL;
    return definition != NULL ? definition->plan : plan;
}

struct before {
    struct control *control;
    uint64_t sequence;
    const struct plan *plan;
};

static bool before_visit(void *user, const struct view_event *at)
{
    struct before *before = user;
    if (at->sequence >= before->sequence) {
        return false;
    }
    before->plan = plan_after(control_company(before->control), at->event, before->plan);
    return true;
}

const struct plan *view_plan_before(struct control *control, const struct view *view,
                                    uint64_t sequence)
{
    uint64_t migrated = view->open != NULL ? view->open->migrated : view->done.migrated;
    if (migrated < sequence) {
        return view->definition == NULL ? NULL : view->definition->plan;
    }
    struct before before = {.control = control, .sequence = sequence};
    struct arena *mine = control->journal; /* holds the batch that the caller reads */
    control->journal = arena_create(JOURNAL_ARENA_BYTES);
    CHECK(control->journal != NULL);
    enum err code = view_each_event(control, view, 0, before_visit, &before, NULL);
    arena_destroy(&control->journal);
    control->journal = mine;
    return code == ERR_OK ? before.plan : NULL;
}

static bool outcome_visit(void *user, const struct view_event *at)
{
    struct request *request = user;
    if (at->event->kind == EVENT_INSTANCE_COMPLETED) {
        request_set_doc(request, request->reply, "output", at->event->output, SIZE_MAX);
    } else if (at->event->kind == EVENT_INSTANCE_FAULTED) {
        request_set_doc(request, request->reply, "error", at->event->error, SIZE_MAX);
    }
    return true;
}

enum err view_set_outcome(struct request *request, const struct view *view, struct error *err)
{
    if (view->open != NULL || view->done.ended == 0) {
        return ERR_OK;
    }
    return view_each_event(request->control, view, view->done.ended - 1, outcome_visit, request,
                           err);
}

/* Words are cut like other reasons; a sentence is enough to recognise what happened. */
static bool fault_visit(void *user, const struct view_event *at)
{
    json_t *row = user;
    char words[STEP_NAME_BYTES];
    if (at->event->kind != EVENT_INSTANCE_FAULTED || at->event->error == NULL) {
        return true;
    }
    const json_t *error = doc_json(at->event->error);
    const char *title = json_text_of(error, "title");
    const char *type = json_text_of(error, "type");
    const char *where = json_text_of(error, "instance");
    const char *last = type == NULL ? NULL : strrchr(type, '/');
    (void)snprintf(words, sizeof(words), "%.160s%s%.120s",
                   title != NULL  ? title
                   : last != NULL ? last + 1
                   : type != NULL ? type
                                  : "an error",
                   where == NULL ? "" : " at ", where == NULL ? "" : where);
    for (size_t size = strlen(words); !utf8_valid(words, size); size = strlen(words)) {
        words[size - 1] = '\0';
    }
    json_set_text(row, "reason", words);
    return false;
}

void fault_reason(struct control *control, const struct id *id, json_t *row)
{
    struct view view;
    struct error err = {0};
    if (view_load(control, id, &view, &err) == ERR_OK && view.open == NULL && view.done.ended > 0) {
        if (view_each_event(control, &view, view.done.ended - 1, fault_visit, row, &err) !=
            ERR_OK) {
            json_set_text(row, "reason", "its story cannot be read");
        }
    }
}

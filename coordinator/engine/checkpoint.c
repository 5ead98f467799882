/*
 * Follows what apply/ does with the data and contexts of frames, and with nothing else of them. A
 * value that it cannot follow is unknown, and so is what is made of it, until an event has it.
 */
#include "coordinator/engine/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/str.h"
#include "common/json/doc.h"
#include "common/json/json.h"
#include "coordinator/definition/plan.h"
#include "coordinator/engine/engine.h"
#include "coordinator/engine/event.h"
#include "coordinator/engine/instance.h"

enum { ROOT = 1, NAME_BYTES = 320 };

struct open {
    uint32_t id;
    uint32_t parent;
    uint32_t node;
    bool branch;
    struct doc *input;
    struct doc *data;    /* NULL: unknown */
    struct doc *results; /* of listen.foreach, else NULL */
};

struct checkpoints {
    char *step;        /* NULL: no values are wanted */
    struct open *open; /* the first is the workflow's; parents before children */
    size_t open_count;
    size_t open_room;
    struct doc *context;
    struct doc *raw;
    int64_t timeout_ms;
    struct checkpoint *points;
    size_t point_count;
    size_t point_room;
    struct happening *happenings;
    size_t happening_count;
    size_t happening_room;
    bool has_wanted;
    struct checkpoint wanted;
    struct doc *data_wanted;
    struct doc *context_wanted;
    /* from INSTANCE_REWINDING on */
    struct checkpoint back;
    struct doc *data_back;
    struct doc *context_back;
};

struct place {
    const struct plan *plan;
    uint64_t order;
    int64_t now_ms;
};

static void *must(void *memory)
{
    CHECK(memory != NULL);
    return memory;
}

static void doc_drop(struct doc **place)
{
    doc_replace(place, NULL);
}

struct checkpoints *checkpoints_create(const char *step)
{
    struct checkpoints *it = must(calloc(1, sizeof(*it)));
    it->step = step == NULL ? NULL : must(strdup(step));
    return it;
}

static void open_release(struct open *open)
{
    doc_drop(&open->input);
    doc_drop(&open->data);
    doc_drop(&open->results);
}

void checkpoints_destroy(struct checkpoints **place)
{
    struct checkpoints *it = *place;
    if (it == NULL) {
        return;
    }
    for (size_t i = 0; i < it->open_count; i++) {
        open_release(&it->open[i]);
    }
    for (size_t i = 0; i < it->happening_count; i++) {
        free(it->happenings[i].name);
        free(it->happenings[i].step);
    }
    struct doc **docs[] = {&it->context,        &it->raw,       &it->data_wanted,
                           &it->context_wanted, &it->data_back, &it->context_back};
    for (size_t i = 0; i < sizeof(docs) / sizeof(docs[0]); i++) {
        doc_drop(docs[i]);
    }
    free(it->open);
    free(it->points);
    free(it->happenings);
    free(it->step);
    free(it);
    *place = NULL;
}

/* ---- frames ---- */

static struct open *open_of(struct checkpoints *it, uint32_t id)
{
    for (size_t i = it->open_count; id != 0 && i-- > 0;) {
        if (it->open[i].id == id) {
            return &it->open[i];
        }
    }
    return NULL;
}

static struct open *open_push(struct checkpoints *it, uint32_t id, uint32_t parent, uint32_t node,
                              struct doc *input)
{
    if (it->open_count == it->open_room) {
        it->open_room = it->open_room == 0 ? 8 : it->open_room * 2;
        it->open = must(realloc(it->open, it->open_room * sizeof(*it->open)));
    }
    struct open *open = &it->open[it->open_count++];
    *open = (struct open){.id = id, .parent = parent, .node = node};
    doc_replace(&open->input, input);
    doc_replace(&open->data, input);
    return open;
}

static void open_remove(struct checkpoints *it, uint32_t id)
{
    struct open *open = open_of(it, id);
    if (open != NULL) {
        size_t at = (size_t)(open - it->open);
        open_release(open);
        memmove(open, open + 1, (it->open_count - at - 1) * sizeof(*open));
        it->open_count--;
    }
}

static void open_only_root(struct checkpoints *it)
{
    while (it->open_count > 1) {
        open_release(&it->open[--it->open_count]);
    }
}

static bool has_branch(const struct checkpoints *it)
{
    for (size_t i = 0; i < it->open_count; i++) {
        if (it->open[i].branch) {
            return true;
        }
    }
    return false;
}

/* Whether the frame sees the context of a branch, not the workflow's. */
static bool in_branch(struct checkpoints *it, const struct open *open)
{
    while (open != NULL && !open->branch) {
        open = open_of(it, open->parent);
    }
    return open != NULL;
}

static void context_set(struct checkpoints *it, const struct open *open, struct doc *context)
{
    if (context != NULL && !in_branch(it, open)) {
        doc_replace(&it->context, context);
    }
}

static void array_push(struct doc **place, struct doc *item)
{
    if (*place == NULL || item == NULL) {
        doc_drop(place);
        return;
    }
    json_t *array = must(json_copy(doc_json(*place)));
    CHECK(json_array_append(array, doc_json(item)) == 0);
    struct doc *doc = doc_of_json(array);
    doc_replace(place, doc);
    doc_unref(&doc);
}

static const struct plan_node *node_of(const struct place *place, uint32_t node)
{
    bool known = place->plan != NULL && node < place->plan->node_count;
    return known ? &place->plan->nodes[node] : NULL;
}

/* ---- points ---- */

/* The step under the name that the wanted one was given by. */
static bool is_wanted(const struct checkpoints *it, const struct plan_node *node,
                      uint32_t activation)
{
    char text[NAME_BYTES];
    if (it->step == NULL || node == NULL) {
        return false;
    }
    if (text_equal(it->step, node->pointer) || text_equal(it->step, node->name)) {
        return true;
    }
    (void)snprintf(text, sizeof(text), "%s#%u", node->pointer, activation);
    if (text_equal(it->step, text)) {
        return true;
    }
    (void)snprintf(text, sizeof(text), "%s#%u", node->name, activation);
    return text_equal(it->step, text);
}

static void wanted_set(struct checkpoints *it, const struct checkpoint *point, struct doc *data,
                       struct doc *context)
{
    it->has_wanted = true;
    it->wanted = *point;
    doc_replace(&it->data_wanted, data);
    doc_replace(&it->context_wanted, context);
}

static void point_add(struct checkpoints *it, const struct place *place, const struct event *event)
{
    if (event->parent != ROOT || it->open_count == 0) {
        return;
    }
    if (it->point_count == it->point_room) {
        it->point_room = it->point_room == 0 ? 16 : it->point_room * 2;
        it->points = must(realloc(it->points, it->point_room * sizeof(*it->points)));
    }
    struct checkpoint *point = &it->points[it->point_count++];
    *point = (struct checkpoint){.node = event->node,
                                 .activation = event->activation,
                                 .order = place->order,
                                 .at_ms = place->now_ms};
    if (is_wanted(it, node_of(place, event->node), event->activation)) {
        struct doc *raw = event->kind == EVENT_STEP_STARTED ? event->input : it->open[0].data;
        wanted_set(it, point, raw, it->context);
    }
}

static void happening_add(struct checkpoints *it, const struct place *place,
                          enum happening_kind kind, const struct id *key, const char *name)
{
    if (it->happening_count == it->happening_room) {
        it->happening_room = it->happening_room == 0 ? 16 : it->happening_room * 2;
        it->happenings =
            must(realloc(it->happenings, it->happening_room * sizeof(*it->happenings)));
    }
    struct happening *happening = &it->happenings[it->happening_count++];
    *happening = (struct happening){
        .kind = kind,
        .order = place->order,
        .name = must(strdup(name == NULL ? "" : name)),
        .step = must(strdup("")),
    };
    if (key != NULL) {
        happening->key = *key;
    }
}

static struct happening *effect_find(struct checkpoints *it, const struct id *key)
{
    for (size_t i = it->happening_count; i-- > 0;) {
        struct happening *known = &it->happenings[i];
        if (known->kind == HAPPENED_EFFECT && id_equal(&known->key, key)) {
            return known;
        }
    }
    return NULL;
}

static void step_set(struct happening *effect, const char *step)
{
    free(effect->step);
    effect->step = must(strdup(step));
}

/* An effect has the place where its key was first used. */
static struct happening *effect_of(struct checkpoints *it, const struct place *place,
                                   const struct event *event)
{
    struct happening *effect = effect_find(it, &event->key);
    if (effect == NULL) {
        bool registered = event->kind == EVENT_COMPENSATION_REGISTERED;
        happening_add(it, place, HAPPENED_EFFECT, &event->key,
                      registered ? event->source : event->action);
        effect = &it->happenings[it->happening_count - 1];
        if (registered && event->text != NULL) {
            step_set(effect, event->text);
        }
    }
    return effect;
}

static void effect_dispatched(struct checkpoints *it, const struct place *place,
                              const struct event *event)
{
    if (event->phase != PHASE_PERFORM || event->effect == EFFECT_PURE || !event->has_key ||
        event->node == PLAN_NONE) { /* nothing to the outside, or a compensation */
        return;
    }
    struct happening *effect = effect_of(it, place, event);
    const struct plan_node *node = node_of(place, event->node);
    effect->frame = event->frame;
    effect->own_key =
        node != NULL && node->kind == TASK_AGENT && node->call.idempotency_key != NULL;
    if (effect->step[0] == '\0' && node != NULL) {
        step_set(effect, node->pointer);
    }
}

/* The first answer decides, and no later one takes back what an attempt did. */
static void effect_answered(struct checkpoints *it, const struct event *event)
{
    for (size_t i = it->happening_count; i-- > 0;) {
        struct happening *effect = &it->happenings[i];
        if (effect->kind == HAPPENED_EFFECT && effect->frame == event->frame) {
            effect->harmless = event->status != RESULT_DONE && event->effect == MARK_NONE &&
                               (effect->harmless || !effect->answered);
            effect->answered = true;
            return;
        }
    }
}

static void effect_undone(struct checkpoints *it, const struct place *place,
                          const struct event *event)
{
    struct happening *effect =
        event->status == LEDGER_COMPENSATED ? effect_find(it, &event->key) : NULL;
    if (effect != NULL) {
        effect->undone = place->order;
    }
}

/* ---- events ---- */

static void learn_begun(struct checkpoints *it, const struct event *event)
{
    struct doc *empty = doc_of_json(json_object());
    (void)open_push(it, ROOT, 0, PLAN_NONE, event->input);
    doc_replace(&it->raw, event->input);
    doc_replace(&it->context, empty);
    doc_unref(&empty);
}

static void learn_entered(struct checkpoints *it, const struct place *place,
                          const struct event *event)
{
    if (it->open_count == 0) {
        return;
    }
    if (event->output != NULL) {
        doc_replace(&it->open[0].input, event->output);
        doc_replace(&it->open[0].data, event->output);
    }
    if (event->kind == EVENT_INSTANCE_FORKED) {
        doc_replace(&it->open[0].data, event->input);
        doc_replace(&it->context, event->context);
    }
    it->timeout_ms = event->at_ms == 0 ? 0 : event->at_ms - place->now_ms;
}

static void learn_passed(struct checkpoints *it, const struct event *event, struct doc *output)
{
    struct open *parent = open_of(it, event->parent);
    if (parent == NULL) {
        return;
    }
    struct doc *kept = output == NULL ? NULL : doc_ref(output);
    if (event->flow == WALK_END && has_branch(it)) {
        parent = it->open;
    } else if (event->flow == WALK_END) {
        open_only_root(it);
        parent = it->open;
        context_set(it, parent, event->context);
    } else {
        context_set(it, parent, event->context);
    }
    doc_replace(&parent->data, kept);
    doc_unref(&kept);
}

static void learn_started(struct checkpoints *it, const struct place *place,
                          const struct event *event)
{
    const struct plan_node *node = node_of(place, event->node);
    struct doc *input = event->value == NULL ? event->input : event->value;
    struct open *open = open_push(it, event->frame, event->parent, event->node, input);
    if (node == NULL) {
        doc_drop(&open->data);
    } else if (node->kind == TASK_LISTEN) {
        struct doc *none = doc_of_json(json_array());
        doc_replace(&open->data, none);
        doc_replace(&open->results, node->listen.foreach == NULL ? NULL : none);
        doc_unref(&none);
    } else if (node->kind == TASK_FORK) {
        for (uint32_t i = 0; i < node->fork.count; i++) {
            open_push(it, event->frame + 1 + i, event->frame, node->fork.branches[i], input)
                ->branch = true;
        }
    }
}

static void learn_completed(struct checkpoints *it, const struct event *event)
{
    struct open *open = open_of(it, event->frame);
    struct doc *own = open == NULL ? NULL : open->results != NULL ? open->results : open->data;
    struct doc *output = event->output != NULL ? event->output : own;
    struct doc *kept = output == NULL ? NULL : doc_ref(output);
    open_remove(it, event->frame);
    learn_passed(it, event, kept);
    doc_unref(&kept);
}

static void learn_joined(struct checkpoints *it, const struct place *place,
                         const struct event *event)
{
    const struct open *fork = open_of(it, event->frame);
    const struct plan_node *node = fork == NULL ? NULL : node_of(place, fork->node);
    if (node == NULL || node->kind != TASK_FORK) {
        return;
    }
    struct doc *outputs = doc_of_json(json_array());
    struct doc *first = NULL;
    for (size_t i = 0; i < it->open_count;) {
        struct open *branch = &it->open[i];
        if (branch->parent != event->frame) {
            i++;
            continue;
        }
        if (first == NULL && branch->data != NULL) {
            first = doc_ref(branch->data);
        }
        array_push(&outputs, branch->data);
        open_remove(it, branch->id);
    }
    doc_replace(&open_of(it, event->frame)->data, node->fork.compete ? first : outputs);
    doc_unref(&outputs);
    doc_unref(&first);
}

static void learn_listen(struct checkpoints *it, const struct place *place, struct open *open,
                         const struct event *event)
{
    const struct plan_node *node = node_of(place, open->node);
    bool each = node != NULL && node->kind == TASK_LISTEN && node->listen.foreach != NULL;
    if (event->kind == EVENT_CONSUMED) {
        happening_add(it, place, HAPPENED_CONSUMED, NULL, event->name);
        if (event->attempt != 1 && !each) {
            array_push(&open->data, event->value);
        }
    } else if (event->kind == EVENT_ITERATION_ENDED) {
        context_set(it, open, event->context);
        array_push(&open->results, event->output);
    } else if (each) { /* ITERATION_STARTED */
        struct doc *item = doc_of_json(
            json_incref(json_object_get(doc_json(event->value), node->listen.foreach->item)));
        doc_replace(&open->data, item);
        doc_unref(&item);
    }
}

static void learn_decided(struct checkpoints *it, const struct place *place, struct open *open,
                          const struct event *event)
{
    const struct plan_node *node = node_of(place, open->node);
    if (event->output != NULL) {
        doc_replace(&open->data, event->output);
    }
    if (node != NULL && node->kind == TASK_APPROVAL && event->person != NULL) {
        happening_add(it, place, HAPPENED_DECIDED, NULL, node->pointer);
    }
}

/* Events of open frames that change their data. */
static void learn_frame(struct checkpoints *it, const struct place *place,
                        const struct event *event)
{
    struct open *open = open_of(it, event->frame);
    if (open == NULL) {
        return; /* of a compensation */
    }
    switch ((unsigned)event->kind) {
    case EVENT_STEP_RESULT:
        effect_answered(it, event);
        if (event->status == RESULT_DONE && event->count != 1) {
            doc_replace(&open->data, event->output);
        }
        break;
    case EVENT_CHILD_ENDED:
        if (event->status == INSTANCE_COMPLETED) {
            doc_replace(&open->data, event->output);
        }
        break;
    case EVENT_ERROR_CAUGHT:
    case EVENT_TRY_RETRY:
        doc_replace(&open->data, open->input);
        break;
    case EVENT_GATE_DECIDED:
        learn_decided(it, place, open, event);
        break;
    case EVENT_BRANCHES_JOINED:
        learn_joined(it, place, event);
        break;
    default:
        learn_listen(it, place, open, event);
        break;
    }
}

/* ---- going back, and to other versions ---- */

static void learn_rewinding(struct checkpoints *it, const struct event *event)
{
    it->back = (struct checkpoint){
        .node = event->next_node, .activation = event->activation, .order = (uint64_t)event->at_ms};
    doc_replace(&it->data_back, event->input);
    doc_replace(&it->context_back, event->context);
}

/* What was entered since is no point any more: its effects are undone. */
static void learn_rewound(struct checkpoints *it, const struct place *place)
{
    while (it->point_count > 0 && it->points[it->point_count - 1].order >= it->back.order) {
        it->back.at_ms = it->points[--it->point_count].at_ms;
    }
    if (it->has_wanted && it->wanted.order >= it->back.order) {
        it->has_wanted = false;
    }
    if (it->open_count == 0) {
        return;
    }
    open_only_root(it);
    doc_replace(&it->open[0].data, it->data_back);
    doc_replace(&it->context, it->context_back);
    if (it->point_count < it->point_room) { /* it is entered again, and stays one until then */
        it->points[it->point_count++] = it->back;
        if (is_wanted(it, node_of(place, it->back.node), it->back.activation)) {
            wanted_set(it, &it->back, it->data_back, it->context_back);
        }
    }
}

static uint32_t node_after(const json_t *nodes, uint32_t node)
{
    json_int_t to = node == PLAN_NONE ? 0 : json_integer_value(json_array_get(nodes, node));
    return to <= 0 ? PLAN_NONE : (uint32_t)(to - 1);
}

static void learn_migrated(struct checkpoints *it, const struct event *event)
{
    const json_t *nodes =
        event->value == NULL ? NULL : json_object_get(doc_json(event->value), "nodes");
    for (size_t i = 0; i < it->open_count; i++) {
        it->open[i].node = node_after(nodes, it->open[i].node);
    }
    for (size_t i = 0; i < it->point_count; i++) {
        it->points[i].node = node_after(nodes, it->points[i].node);
    }
    it->wanted.node = node_after(nodes, it->wanted.node);
}

static void learn_instance(struct checkpoints *it, const struct place *place,
                           const struct event *event)
{
    switch ((unsigned)event->kind) {
    case EVENT_INSTANCE_STARTED:
        learn_begun(it, event);
        break;
    case EVENT_WORKFLOW_ENTERED:
    case EVENT_INSTANCE_FORKED:
        learn_entered(it, place, event);
        break;
    case EVENT_INSTANCE_MIGRATED:
        learn_migrated(it, event);
        break;
    case EVENT_INSTANCE_REWINDING:
        learn_rewinding(it, event);
        break;
    case EVENT_INSTANCE_REWOUND:
        learn_rewound(it, place);
        break;
    default:
        break;
    }
}

static void learn_done(struct checkpoints *it, const struct place *place, const struct event *event)
{
    switch ((unsigned)event->kind) {
    case EVENT_STEP_DISPATCHED:
        effect_dispatched(it, place, event);
        break;
    case EVENT_COMPENSATION_REGISTERED:
        effect_of(it, place, event)->undoable = event->status != 2;
        break;
    case EVENT_COMPENSATION_ENDED:
        effect_undone(it, place, event);
        break;
    case EVENT_EMITTED:
        happening_add(it, place, HAPPENED_EMITTED, NULL, event->name);
        break;
    case EVENT_CHILD_STARTED:
        happening_add(it, place, event->frame == 0 ? HAPPENED_DETACHED : HAPPENED_CHILD,
                      &event->key, event->name);
        break;
    default:
        learn_instance(it, place, event);
        break;
    }
}

void checkpoints_learn(struct checkpoints *it, const struct plan *plan, uint64_t sequence,
                       uint32_t index, int64_t now_ms, const struct event *event)
{
    struct place place = {.plan = plan, .order = sequence << ORDER_BITS | index, .now_ms = now_ms};
    switch ((unsigned)event->kind) {
    case EVENT_STEP_SKIPPED:
    case EVENT_STEP_RAN: {
        point_add(it, &place, event);
        const struct open *parent = open_of(it, event->parent);
        struct doc *own = parent == NULL ? NULL : parent->data;
        learn_passed(it, event, event->output == NULL ? own : event->output);
        break;
    }
    case EVENT_STEP_STARTED:
        point_add(it, &place, event);
        learn_started(it, &place, event);
        break;
    case EVENT_STEP_FAULTED:
        if (event->frame == 0) {
            point_add(it, &place, event);
        }
        open_remove(it, event->frame);
        break;
    case EVENT_STEP_CANCELLED:
        if (event->status == LEAVES) {
            open_remove(it, event->frame);
        }
        break;
    case EVENT_STEP_COMPLETED:
        learn_completed(it, event);
        break;
    case EVENT_STEP_RESULT:
    case EVENT_CHILD_ENDED:
    case EVENT_ERROR_CAUGHT:
    case EVENT_TRY_RETRY:
    case EVENT_GATE_DECIDED:
    case EVENT_BRANCHES_JOINED:
    case EVENT_CONSUMED:
    case EVENT_ITERATION_STARTED:
    case EVENT_ITERATION_ENDED:
        learn_frame(it, &place, event);
        break;
    default:
        learn_done(it, &place, event);
        break;
    }
}

/* ---- what was learnt ---- */

const struct checkpoint *checkpoints_points(const struct checkpoints *it, size_t *ret_count)
{
    *ret_count = it->point_count;
    return it->points;
}

const struct happening *checkpoints_happenings(const struct checkpoints *it, size_t *ret_count)
{
    *ret_count = it->happening_count;
    return it->happenings;
}

const struct checkpoint *checkpoints_wanted(const struct checkpoints *it, struct doc **ret_data,
                                            struct doc **ret_context)
{
    *ret_data = it->data_wanted;
    *ret_context = it->context_wanted;
    bool whole = it->has_wanted && it->data_wanted != NULL && it->context_wanted != NULL;
    return whole && it->wanted.node != PLAN_NONE ? &it->wanted : NULL;
}

struct checkpoint_entry checkpoints_entry(const struct checkpoints *it)
{
    return (struct checkpoint_entry){.raw = it->raw,
                                     .input = it->open_count == 0 ? NULL : it->open[0].input,
                                     .timeout_ms = it->timeout_ms};
}

struct doc *checkpoints_data(const struct checkpoints *it)
{
    return it->open_count == 0 ? NULL : it->open[0].data;
}

struct doc *checkpoints_context(const struct checkpoints *it)
{
    return it->context;
}

/*
 * Forking an instance: the point it is forked at, and what a person has to know before: what the
 * fork does again that was done already, and what it takes as done that is not so any more.
 */
#include <stdio.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "coordinator/edge/control_reading.h"

enum { WORDS_BYTES = 200 };

struct repeating {
    struct control *control;
    const struct checkpoints *top; /* of the instance that is forked */
    bool force;
    uint32_t depth;
    size_t room; /* lines that may be added */
    size_t left_out;
    json_t *repeats; /* effects that are done again */
    json_t *answers; /* effects that their store answers from the first time */
    json_t *again;   /* what else happens again */
    const char *why; /* the first thing that speaks against it; of the request's arena */
    struct arena *arena;
};

static void line_add(struct repeating *it, json_t *lines, const char *words)
{
    if (it->room == 0) {
        it->left_out++;
        return;
    }
    it->room--;
    CHECK(json_array_append_new(lines, json_string(words)) == 0);
}

/* Whether an effect was undone, by the instance or by the one that ran it; where it was. */
static uint64_t undone_at(const struct repeating *it, const struct happening *effect)
{
    size_t count = 0;
    const struct happening *known = checkpoints_happenings(it->top, &count);
    for (size_t i = 0; effect->undone == 0 && i < count; i++) {
        if (known[i].kind == HAPPENED_EFFECT && id_equal(&known[i].key, &effect->key)) {
            return known[i].undone;
        }
    }
    return effect->undone;
}

static void refuse(struct repeating *it, const struct happening *effect, const char *words)
{
    if (!it->force && it->why == NULL) {
        it->why = arena_printf(it->arena, "%s: %.100s at %.200s; --force forks all the same", words,
                               effect->name, effect->step);
    }
}

static void effect_list(struct repeating *it, const struct happening *effect)
{
    char words[WORDS_BYTES];
    if (effect->harmless || effect->frame == 0) { /* frame 0: of a workflow that it ran */
        return;
    }
    uint64_t undone = undone_at(it, effect);
    (void)snprintf(words, sizeof(words), "%.60s at %.80s%s%s", effect->name, effect->step,
                   it->depth > 0 ? " in a workflow that it ran" : "",
                   undone != 0         ? ", undone since"
                   : !effect->answered ? ", in flight"
                                       : "");
    if (!effect->own_key) {
        line_add(it, it->repeats, words);
        return;
    }
    if (undone != 0) {
        refuse(it, effect,
               "has undone an effect with an idempotencyKey of its own, which would be answered as "
               "if it were done");
    }
    line_add(it, it->answers, words);
}

static enum err child_list(struct repeating *it, const struct happening *child, struct error *err);

static enum err happening_list(struct repeating *it, const struct happening *happening,
                               struct error *err)
{
    char words[WORDS_BYTES];
    switch (happening->kind) {
    case HAPPENED_EFFECT:
        effect_list(it, happening);
        return ERR_OK;
    case HAPPENED_EMITTED:
        (void)snprintf(words, sizeof(words), "sends event %.150s", happening->name);
        break;
    case HAPPENED_CONSUMED:
        (void)snprintf(words, sizeof(words), "waits for another event %.150s", happening->name);
        break;
    case HAPPENED_DECIDED:
        (void)snprintf(words, sizeof(words), "asks at %.150s", happening->name);
        break;
    case HAPPENED_CHILD:
    case HAPPENED_DETACHED:
        (void)snprintf(words, sizeof(words), "runs %.150s", happening->name);
        line_add(it, it->again, words);
        return child_list(it, happening, err);
    }
    line_add(it, it->again, words);
    return ERR_OK;
}

/* The arena of the journal is the caller's while this reads another instance's. */
static enum err child_list(struct repeating *it, const struct happening *child, struct error *err)
{
    struct view view;
    if (it->depth == LIMIT_RUN_DEPTH) {
        return ERR_OK;
    }
    TRY(view_load(it->control, &child->key, &view, err));
    struct reading reading = {.control = it->control, .view = &view};
    enum err code = reading_read(&reading, NULL, err);
    size_t count = 0;
    const struct happening *happenings = checkpoints_happenings(reading.points, &count);
    it->depth++;
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        code = happening_list(it, &happenings[i], err);
    }
    it->depth--;
    checkpoints_destroy(&reading.points);
    return code;
}

static enum err repeating_list(struct repeating *it, const struct checkpoint *point,
                               struct error *err)
{
    size_t count = 0;
    enum err code = ERR_OK;
    const struct happening *happenings = checkpoints_happenings(it->top, &count);
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        const struct happening *happening = &happenings[i];
        if (happening->order >= point->order) {
            code = happening_list(it, happening, err);
        } else if (happening->kind == HAPPENED_EFFECT && happening->undone >= point->order) {
            refuse(
                it, happening,
                "has undone since what would be taken as done, so fork from that step or before");
        }
    }
    return code;
}

static void lines_set(json_t *row, const char *name, json_t *lines)
{
    if (json_array_size(lines) > 0) {
        json_set(row, name, lines);
    } else {
        json_decref(lines);
    }
}

static enum err repeating_fill(struct request *request, const struct reading *reading,
                               const struct fork_ask *ask, const struct checkpoint *point,
                               json_t *row, const char **ret_why, struct error *err)
{
    struct repeating it = {.control = request->control,
                           .top = reading->points,
                           .force = ask->force,
                           .room = ask->lines,
                           .repeats = json_array(),
                           .answers = json_array(),
                           .again = json_array(),
                           .arena = request->arena};
    CHECK(it.repeats != NULL && it.answers != NULL && it.again != NULL);
    enum err code = repeating_list(&it, point, err);
    lines_set(row, "repeats", it.repeats);
    lines_set(row, "answers", it.answers);
    lines_set(row, "again", it.again);
    if (it.left_out > 0) {
        json_set_int(row, "more", (int64_t)it.left_out);
    }
    *ret_why = it.why;
    return code;
}

enum err view_fork(struct request *request, const struct view *view, const struct fork_ask *ask,
                   struct operate_item *item, json_t *row, const char **ret_why, struct error *err)
{
    struct reading reading = {.control = request->control, .view = view};
    struct doc *data = NULL;
    struct doc *context = NULL;
    char name[STEP_NAME_BYTES];
    *ret_why = NULL;
    enum err code = reading_read(&reading, ask->step, err);
    const struct checkpoint *point =
        code == ERR_OK ? checkpoints_wanted(reading.points, &data, &context) : NULL;
    struct checkpoint_entry entry = checkpoints_entry(reading.points);
    if (code == ERR_OK && (point == NULL || entry.raw == NULL || entry.input == NULL)) {
        *ret_why = reading_missing(&reading, request->arena, ask->step);
    } else if (code == ERR_OK) {
        engine_step_name(reading.plan, point->node, "", point->activation, name, sizeof(name));
        json_set_text(row, "from", name);
        item->definition = reading.plan->digest;
        item->input = doc_ref(entry.raw);
        item->point = (struct operate_point){
            .node = point->node,
            .activation = point->activation,
            .order = point->order,
            .data = doc_ref(data),
            .context = doc_ref(context),
            .entered = entry.input == entry.raw ? NULL : doc_ref(entry.input),
            .timeout_ms = entry.timeout_ms};
        code = repeating_fill(request, &reading, ask, point, row, ret_why, err);
    }
    checkpoints_destroy(&reading.points);
    return code;
}

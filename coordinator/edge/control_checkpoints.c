/*
 * Where an instance can go back to, what would be undone there, and what could not be: from its
 * journal, its ledger and those of the instances that its steps ran.
 */
#include <stdio.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "coordinator/edge/control_reading.h"

enum { WORDS_BYTES = 512 };

/* Of a turn that is not committed yet nothing can be read. */
static struct view view_committed(struct control *control, const struct view *view)
{
    struct view committed = *view;
    uint64_t last = tables_sequence(turn_tables(control->turn));
    while (committed.journal_count > 0 && committed.journal[committed.journal_count - 1] > last) {
        committed.journal_count--;
    }
    return committed;
}

static bool reading_visit(void *user, const struct view_event *at)
{
    struct reading *it = user;
    it->plan = plan_after(control_company(it->control), at->event, it->plan);
    it->erased = it->erased || at->erased;
    checkpoints_learn(it->points, it->plan, at->sequence, at->index, at->now_ms, at->event);
    return true;
}

enum err reading_read(struct reading *it, const char *step, struct error *err)
{
    struct view committed = view_committed(it->control, it->view);
    it->points = checkpoints_create(step);
    it->seen = committed.journal_count == 0 ? 0 : committed.journal[committed.journal_count - 1];
    return view_each_event(it->control, &committed, 0, reading_visit, it, err);
}

static void word_add(json_t *words, const char *text)
{
    CHECK(json_array_append_new(words, json_string(text)) == 0);
}

/* ---- instances that its steps ran ---- */

struct family {
    struct control *control;
    const struct instance *open;  /* whose effects these became, when they can be undone */
    const struct instance *child; /* whose they are, when it has not ended */
    json_t *stays;
    uint32_t depth;
};

static enum err family_stays(const struct family *family, const struct happening *child,
                             struct error *err);

static bool is_undone(const struct instance *open, const struct id *key)
{
    const struct ledger_entry *entry = open == NULL ? NULL : instance_ledger(open, key);
    return entry != NULL && engine_effect_stays(entry) == NULL;
}

/* Of an instance below: what stays in the world although the one above goes back. */
static enum err happening_stays(const struct family *family, const struct happening *it,
                                struct error *err)
{
    char words[WORDS_BYTES];
    char hex[ID_HEX_BYTES];
    id_hex(&it->key, hex);
    if (it->kind == HAPPENED_CHILD) {
        return family_stays(family, it, err);
    }
    if (it->kind == HAPPENED_EFFECT && !it->undoable && !it->harmless &&
        !is_undone(family->open, &it->key) && !is_undone(family->child, &it->key)) {
        (void)snprintf(words, sizeof(words), "%.100s in a workflow that it ran", it->name);
    } else if (it->kind == HAPPENED_EMITTED) {
        (void)snprintf(words, sizeof(words), "event %.200s was sent", it->name);
    } else if (it->kind == HAPPENED_DETACHED) {
        (void)snprintf(words, sizeof(words), "instance %.12s of %.200s was started", hex, it->name);
    } else {
        return ERR_OK;
    }
    word_add(family->stays, words);
    return ERR_OK;
}

/* The arena of the journal is the caller's while this reads another instance's. */
static enum err family_stays(const struct family *family, const struct happening *child,
                             struct error *err)
{
    struct view view;
    struct family below = *family;
    if (++below.depth > LIMIT_RUN_DEPTH) {
        return ERR_OK;
    }
    TRY(view_load(family->control, &child->key, &view, err));
    below.child = view.open;
    struct reading reading = {.control = family->control, .view = &view};
    enum err code = reading_read(&reading, NULL, err);
    size_t count = 0;
    const struct happening *happenings = checkpoints_happenings(reading.points, &count);
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        code = happening_stays(&below, &happenings[i], err);
    }
    checkpoints_destroy(&reading.points);
    return code;
}

/* ---- one point ---- */

struct point_words {
    struct control *control;
    const struct instance *open; /* NULL: it has ended */
    json_t *undoes;
    json_t *stays;
    json_t *again;
};

static void effect_words(const struct point_words *out, const struct happening *it)
{
    char words[WORDS_BYTES];
    const struct ledger_entry *entry =
        out->open == NULL ? NULL : instance_ledger(out->open, &it->key);
    if (entry == NULL) {
        if (out->open == NULL && !it->harmless) {
            word_add(out->again, it->name);
        }
        return;
    }
    const char *stays = engine_effect_stays(entry);
    if (stays != NULL) {
        (void)snprintf(words, sizeof(words), "%.100s at %.200s %.100s", entry->action, entry->step,
                       stays);
        word_add(out->stays, words);
    } else if (entry->undo != NULL && entry->undo->state != UNDO_CLOSED &&
               entry->state != LEDGER_NONE) {
        (void)snprintf(words, sizeof(words), "%.100s at %.200s", entry->action, entry->step);
        word_add(out->undoes, words);
    }
}

static enum err happening_words(const struct point_words *out, const struct happening *it,
                                struct error *err)
{
    char words[WORDS_BYTES];
    struct family family = {.control = out->control, .open = out->open, .stays = out->stays};
    switch (it->kind) {
    case HAPPENED_EFFECT:
        effect_words(out, it);
        return ERR_OK;
    case HAPPENED_CONSUMED:
        (void)snprintf(words, sizeof(words), "waits for another event %.200s", it->name);
        word_add(out->again, words);
        return ERR_OK;
    case HAPPENED_DECIDED:
        (void)snprintf(words, sizeof(words), "asks again at %.200s", it->name);
        word_add(out->again, words);
        return ERR_OK;
    case HAPPENED_EMITTED:
    case HAPPENED_CHILD:
    case HAPPENED_DETACHED:
        return happening_stays(&family, it, err);
    }
    UNREACHABLE();
}

/* ---- describe ---- */

static void words_set(json_t *row, const char *name, json_t *words)
{
    if (json_array_size(words) > 0) {
        json_set(row, name, words);
    } else {
        json_decref(words);
    }
}

/* What happened from this point up to the next one; `at` is the first of it, then of the next. */
static enum err point_row(const struct reading *reading, const struct checkpoint *point,
                          uint64_t until, size_t *at, json_t *row, struct error *err)
{
    struct point_words out = {.control = reading->control,
                              .open = reading->view->open,
                              .undoes = json_array(),
                              .stays = json_array(),
                              .again = json_array()};
    CHECK(out.undoes != NULL && out.stays != NULL && out.again != NULL);
    size_t count = 0;
    enum err code = ERR_OK;
    const struct happening *happenings = checkpoints_happenings(reading->points, &count);
    for (; *at < count && happenings[*at].order < until && code == ERR_OK; (*at)++) {
        if (happenings[*at].order >= point->order) {
            code = happening_words(&out, &happenings[*at], err);
        }
    }
    words_set(row, "undoes", out.undoes);
    words_set(row, "stays", out.stays);
    words_set(row, "again", out.again);
    return code;
}

enum err view_set_checkpoints(struct request *request, const struct view *view, struct error *err)
{
    struct reading reading = {.control = request->control, .view = view};
    enum err code = reading_read(&reading, NULL, err);
    json_t *rows = json_array();
    CHECK(rows != NULL);
    size_t count = 0;
    size_t at = 0;
    const struct checkpoint *points = checkpoints_points(reading.points, &count);
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        char name[STEP_NAME_BYTES];
        if (points[i].node == PLAN_NONE || reading.plan == NULL) {
            continue; /* the version that it runs now has no such step */
        }
        json_t *row = json_object();
        CHECK(row != NULL);
        engine_step_name(reading.plan, points[i].node, "", points[i].activation, name,
                         sizeof(name));
        json_set_text(row, "step", name);
        json_set_time(row, "at", points[i].at_ms);
        uint64_t until = i + 1 < count ? points[i + 1].order : UINT64_MAX;
        code = point_row(&reading, &points[i], until, &at, row, err);
        if (!request_add_row(request, rows, row)) {
            break;
        }
    }
    json_set(request->reply, "checkpoints", rows);
    checkpoints_destroy(&reading.points);
    return code;
}

/* ---- rewind ---- */

const char *reading_missing(const struct reading *reading, struct arena *arena, const char *step)
{
    size_t count = 0;
    if (reading->erased) {
        return "has no values any more: they were erased";
    }
    const struct checkpoint *points = checkpoints_points(reading->points, &count);
    for (size_t i = count; i-- > 0;) {
        char name[STEP_NAME_BYTES];
        if (points[i].node == PLAN_NONE || reading->plan == NULL) {
            continue;
        }
        const struct plan_node *node = &reading->plan->nodes[points[i].node];
        engine_step_name(reading->plan, points[i].node, "", points[i].activation, name,
                         sizeof(name));
        if (text_equal(step, node->name) || text_equal(step, node->pointer) ||
            text_equal(step, name)) {
            return arena_printf(arena,
                                "does not know what %.100s was entered with: try %.200s, or one "
                                "before it",
                                step, name);
        }
    }
    return arena_printf(arena,
                        "has entered no step '%.200s' of its top list: 'mainstay instances "
                        "describe --checkpoints' lists them",
                        step);
}

/* The effects that were begun before the point, and what of the others stays. */
static enum err point_judge(struct request *request, const struct reading *reading, bool force,
                            struct operate_point *point, const char **ret_why, struct error *err)
{
    size_t count = 0;
    const struct happening *happenings = checkpoints_happenings(reading->points, &count);
    struct id *kept = ARENA_ARRAY(request->arena, struct id, count + 1);
    json_t *stays = json_array();
    CHECK(kept != NULL && stays != NULL);
    struct family family = {
        .control = request->control, .open = reading->view->open, .stays = stays};
    enum err code = ERR_OK;
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        const struct happening *it = &happenings[i];
        if (it->order < point->order && it->kind == HAPPENED_EFFECT) {
            kept[point->kept_count++] = it->key;
        } else if (it->order >= point->order && it->kind != HAPPENED_EFFECT && !force) {
            code = happening_stays(&family, it, err);
        }
    }
    point->kept = kept;
    if (json_array_size(stays) > 0) {
        *ret_why = arena_printf(request->arena,
                                "leaves something as it is: %.300s%s; --force goes "
                                "back all the same",
                                json_string_value(json_array_get(stays, 0)),
                                json_array_size(stays) > 1 ? ", and more" : "");
    }
    json_decref(stays);
    return code;
}

enum err view_point(struct request *request, const struct view *view, const char *step, bool force,
                    struct operate_point *ret_point, const char **ret_why, struct error *err)
{
    struct reading reading = {.control = request->control, .view = view};
    struct doc *data = NULL;
    struct doc *context = NULL;
    *ret_why = NULL;
    *ret_point = (struct operate_point){.node = PLAN_NONE};
    enum err code = reading_read(&reading, step, err);
    const struct checkpoint *point =
        code == ERR_OK ? checkpoints_wanted(reading.points, &data, &context) : NULL;
    if (code == ERR_OK && point == NULL) {
        *ret_why = reading_missing(&reading, request->arena, step);
    } else if (code == ERR_OK) {
        *ret_point = (struct operate_point){.seen = reading.seen,
                                            .node = point->node,
                                            .activation = point->activation,
                                            .order = point->order,
                                            .data = doc_ref(data),
                                            .context = doc_ref(context)};
        code = point_judge(request, &reading, force, ret_point, ret_why, err);
    }
    checkpoints_destroy(&reading.points);
    return code;
}

/*
 * Going back and forking in scenarios; and that what the journal says an instance can go back to is
 * what it really stood with.
 */
#include <stdio.h>
#include <string.h>

#include "coordinator/engine/checkpoint.h"
#include "tests/engine/harness.h"

enum { CHECKED_BATCHES = 32 }; /* each turn reads them all */

struct points {
    struct checkpoints *known;
    uint64_t seen;
};

static struct points points_of(struct harness *h, const struct id *id, const uint64_t *journal,
                               size_t count, const char *step)
{
    struct points points = {.known = checkpoints_create(step)};
    const struct company *company = engine_company(turn_engine(h->turn));
    const struct plan *plan = NULL;
    struct arena *arena = arena_create(64 * 1024 * 1024);
    for (size_t i = 0; i < count; i++) {
        struct journal_batch batch;
        struct error err = {0};
        arena_reset(arena);
        cr_assert_eq(tables_journal_of(turn_tables(h->turn), journal[i], id, arena, &batch, &err),
                     ERR_OK, "%s", err.message);
        for (size_t j = 0; j < batch.event_count; j++) {
            const struct event *event = &batch.events[j];
            bool its = event->has_instance && id_equal(&event->instance, id);
            if (its &&
                (event->kind == EVENT_INSTANCE_STARTED || event->kind == EVENT_INSTANCE_MIGRATED)) {
                plan = company_definition(company, &event->digest)->plan;
            }
            if (its) {
                checkpoints_learn(points.known, plan, batch.sequence, (uint32_t)j, batch.now_ms,
                                  event);
            }
        }
        points.seen = batch.sequence;
        journal_release(&batch);
    }
    arena_destroy(&arena);
    return points;
}

static struct points points_read(struct harness *h, const struct instance *instance,
                                 const char *step)
{
    return points_of(h, &instance->id, instance->journal, instance->journal_count, step);
}

void points_check(struct harness *h)
{
    for (size_t i = 0; i < h->instance_count; i++) {
        struct instance *instance = engine_instance(turn_engine(h->turn), &h->instances[i]);
        if (instance == NULL || instance->frame_count == 0 ||
            instance->journal_count > CHECKED_BATCHES) {
            continue;
        }
        struct points points = points_read(h, instance, NULL);
        struct doc *data = checkpoints_data(points.known);
        struct doc *context = checkpoints_context(points.known);
        cr_assert_not_null(data, "i%zu: what it has is not in its journal", i + 1);
        cr_assert_str_eq(doc_text(data, NULL), doc_text(instance->frames[0]->data, NULL),
                         "i%zu: data by its journal", i + 1);
        cr_assert_str_eq(doc_text(context, NULL), doc_text(instance->context, NULL),
                         "i%zu: context by its journal", i + 1);
        checkpoints_destroy(&points.known);
    }
}

static uint32_t kept_before(const struct checkpoints *known, uint64_t order, struct id *kept)
{
    size_t count = 0;
    uint32_t found = 0;
    const struct happening *happenings = checkpoints_happenings(known, &count);
    for (size_t i = 0; i < count; i++) {
        if (happenings[i].kind == HAPPENED_EFFECT && happenings[i].order < order) {
            cr_assert_lt(found, HARNESS_TASKS);
            kept[found++] = happenings[i].key;
        }
    }
    return found;
}

static void rewind_with(struct harness *h, size_t number, const char *step, bool force)
{
    static struct id kept[HARNESS_TASKS];
    struct operate_item item = {.instance = h->instances[number - 1]};
    const struct instance *instance =
        engine_instance(turn_engine(h->turn), &h->instances[number - 1]);
    struct points points = {.known = NULL};
    struct doc *data = NULL;
    struct doc *context = NULL;
    if (instance != NULL) {
        points = points_read(h, instance, step);
        const struct checkpoint *point = checkpoints_wanted(points.known, &data, &context);
        cr_assert_not_null(point, "%s: no such point", step);
        item.point =
            (struct operate_point){.seen = points.seen,
                                   .node = point->node,
                                   .activation = point->activation,
                                   .order = point->order,
                                   .data = data,
                                   .context = context,
                                   .kept = kept,
                                   .kept_count = kept_before(points.known, point->order, kept)};
    }
    struct command command = {.kind = COMMAND_OPERATE,
                              .token = 1,
                              .operate = {.operation = OPERATE_REWIND,
                                          .items = &item,
                                          .count = 1,
                                          .request_id = "r",
                                          .force = force,
                                          .reason = "because",
                                          .person = "ann"}};
    harness_turn(h, &command);
    checkpoints_destroy(&points.known);
}

void rewind_to(struct harness *h, const char *step)
{
    rewind_with(h, 1, step, false);
}

void rewind_forced(struct harness *h, const char *step)
{
    rewind_with(h, 1, step, true);
}

void fork_from(struct harness *h, size_t number, const char *step)
{
    const struct id *id = &h->instances[number - 1];
    const struct instance *open = engine_instance(turn_engine(h->turn), id);
    struct arena *arena = arena_create(1024 * 1024);
    struct done done = {.journal = NULL};
    struct error err = {0};
    if (open == NULL) {
        cr_assert_eq(tables_done(turn_tables(h->turn), id, arena, &done, &err), ERR_OK, "%s",
                     err.message);
    }
    struct points points = open != NULL ? points_read(h, open, step)
                                        : points_of(h, id, done.journal, done.journal_count, step);
    struct doc *data = NULL;
    struct doc *context = NULL;
    const struct checkpoint *point = checkpoints_wanted(points.known, &data, &context);
    struct checkpoint_entry entry = checkpoints_entry(points.known);
    cr_assert_not_null(point, "%s: no such point", step);
    struct operate_item item = {.instance = *id,
                                .definition = h->definitions[number - 1],
                                .input = entry.raw,
                                .point = {.node = point->node,
                                          .activation = point->activation,
                                          .data = data,
                                          .context = context,
                                          .entered = entry.input == entry.raw ? NULL : entry.input,
                                          .timeout_ms = entry.timeout_ms}};
    struct command command = {.kind = COMMAND_OPERATE,
                              .token = 1,
                              .operate = {.operation = OPERATE_FORK,
                                          .items = &item,
                                          .count = 1,
                                          .request_id = "r",
                                          .reason = "because",
                                          .person = "ann"}};
    harness_turn(h, &command);
    checkpoints_destroy(&points.known);
    arena_destroy(&arena);
}

void points_expect(struct harness *h, const char *golden)
{
    struct buf words = BUF_INIT(16384);
    struct instance *instance = engine_instance(turn_engine(h->turn), &h->instances[0]);
    struct points points = points_read(h, instance, NULL);
    size_t count = 0;
    const struct checkpoint *list = checkpoints_points(points.known, &count);
    for (size_t i = 0; i < count; i++) {
        char name[160];
        engine_step_name(instance->plan, list[i].node, "", list[i].activation, name, sizeof(name));
        buf_printf(&words, "%s%s", i > 0 ? " " : "", name);
    }
    checkpoints_destroy(&points.known);
    cr_assert_str_eq(words.data == NULL ? "" : words.data, golden);
    buf_release(&words);
}

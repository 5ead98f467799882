/*
 * locks.ls: who holds an entity, and who waits for it. One row a claim, oldest first.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/map.h"
#include "coordinator/edge/control_private.h"

static int claim_order(const void *a, const void *b)
{
    const struct claim *left = *(const struct claim *const *)a;
    const struct claim *right = *(const struct claim *const *)b;
    return left->order < right->order ? -1 : left->order > right->order;
}

static json_t *number_text(uint64_t number)
{
    json_t *text = json_sprintf("%llu", (unsigned long long)number);
    CHECK(text != NULL);
    return text;
}

/* How many are served before it; 0: it holds the entity. */
static int64_t claim_place(const struct claim *claim)
{
    const struct lock *lock = claim->lock;
    int64_t place = lock->holder != NULL && lock->holder != claim ? 1 : 0;
    for (const struct claim *it = claim->before; it != NULL && lock->holder != claim;
         it = it->before) {
        place += it == lock->holder ? 0 : 1;
    }
    return place;
}

static json_t *claim_row(struct request *request, const struct claim *claim)
{
    struct engine *engine = turn_engine(request->control->turn);
    const struct instance *open = engine_instance(engine, &claim->instance);
    const struct frame *frame = open == NULL ? NULL : instance_frame(open, claim->frame);
    CHECK(frame != NULL);
    char step[STEP_NAME_BYTES];
    char name[STEP_NAME_BYTES];
    bool held = claim->until_ms != 0;
    json_t *row = json_object();
    CHECK(row != NULL);
    frame_name(open, frame, step, sizeof(step));
    (void)snprintf(name, sizeof(name), "%s/%s:%s", open->plan->namespace_, open->plan->name,
                   open->plan->version);
    json_set_text(row, "entity", claim->lock->entity);
    json_set_text(row, "state", held ? "held" : open->paused != NULL ? "waits, paused" : "waits");
    json_set_id(row, "instance", &claim->instance);
    json_set_text(row, "definition", name);
    json_set_text(row, "step", step);
    json_set_time(row, "since", held ? claim->held_ms : claim->since_ms);
    json_set_time(row, "until", claim->until_ms);
    json_set_int(row, "before", claim_place(claim));
    return row;
}

static const struct claim **claims_sorted(struct request *request, size_t *ret_count)
{
    const struct map *claims = control_company(request->control)->claims;
    const struct claim **list =
        ARENA_ARRAY(request->arena, const struct claim *, map_count(claims) + 1);
    CHECK(list != NULL);
    size_t count = 0;
    size_t cursor = 0;
    const struct claim *claim = NULL;
    while ((claim = map_next(claims, &cursor, NULL, NULL)) != NULL) {
        list[count++] = claim;
    }
    qsort(list, count, sizeof(*list), claim_order);
    *ret_count = count;
    return list;
}

enum err verb_locks_ls(struct request *request, struct error *err)
{
    static const struct member members[] = {{"entity", MEMBER_TEXT, false},
                                            {"limit", MEMBER_COUNT, false},
                                            {"after", MEMBER_CURSOR, false}};
    TRY(body_check(request, members, 3, err));
    const char *entity = json_text_of(request->body, "entity");
    size_t limit = 0;
    uint64_t after = 0;
    TRY(body_limit(request, &limit, err));
    TRY(body_number(request, "after", &after, err));
    json_t *rows = json_array();
    CHECK(rows != NULL);
    json_set(request->reply, "locks", rows);
    size_t count = 0;
    const struct claim **claims = claims_sorted(request, &count);
    uint64_t last = 0;
    for (size_t i = 0; i < count; i++) {
        bool wanted = entity == NULL || strcmp(entity, claims[i]->lock->entity) == 0;
        if (!wanted || claims[i]->order <= after) {
            continue;
        }
        if (json_array_size(rows) == limit ||
            !request_add_row(request, rows, claim_row(request, claims[i]))) {
            json_set(request->reply, "next", number_text(last));
            break;
        }
        last = claims[i]->order;
    }
    return ERR_OK;
}

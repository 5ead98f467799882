#include "coordinator/definition/compare.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/map.h"
#include "common/base/str.h"

enum { POINTER_BYTES = 4096, MEMBER_DEPTH = 8 };

void plan_match(const struct plan *from, const struct plan *to, uint32_t *out)
{
    struct map *places = map_create();
    CHECK(places != NULL);
    for (uint32_t i = 0; i < to->node_count; i++) {
        void *node = (void *)(uintptr_t)&to->nodes[i];
        (void)map_put_text(places, to->nodes[i].place, node, NULL);
    }
    for (uint32_t i = 0; i < from->node_count; i++) {
        const struct plan_node *found = map_get_text(places, from->nodes[i].place);
        out[i] = found == NULL ? PLAN_NONE : found->index;
    }
    map_destroy(&places, NULL);
}

/* ---- a task without the tasks inside it ---- */

static void member_drop(json_t *object, const char *holder, const char *name)
{
    const json_t *inner = json_object_get(object, holder);
    if (json_is_object(inner)) {
        json_t *copy = json_copy(json_mutable(inner));
        CHECK(copy != NULL);
        (void)json_object_del(copy, name);
        CHECK(json_object_set_new(object, holder, copy) == 0);
    }
}

/* Branches of a fork by their names alone: their number and order belong to the fork. */
static void branches_name(json_t *object)
{
    const json_t *fork = json_object_get(object, "fork");
    const json_t *branches = json_object_get(fork, "branches");
    if (!json_is_array(branches)) {
        return;
    }
    json_t *names = json_array();
    CHECK(names != NULL);
    size_t at = 0;
    json_t *branch = NULL;
    json_array_foreach(branches, at, branch)
    {
        void *first = json_object_iter(branch);
        const char *name = first == NULL ? "" : json_object_iter_key(first);
        CHECK(json_array_append_new(names, json_string(name)) == 0);
    }
    json_t *copy = json_copy(json_mutable(fork));
    CHECK(copy != NULL);
    CHECK(json_object_set_new(copy, "branches", names) == 0);
    CHECK(json_object_set_new(object, "fork", copy) == 0);
}

static json_t *node_own(const struct plan_node *node, bool so_far)
{
    static const char *const lists[] = {"do", "try"};
    static const char *const later[] = {"then", "output", "export", "metadata"};
    if (!json_is_object(node->definition)) {
        return json_null(); /* a list: what is in it has nodes of its own */
    }
    json_t *own = json_copy(json_mutable(node->definition));
    CHECK(own != NULL);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (json_is_array(json_object_get(own, lists[i]))) {
            (void)json_object_del(own, lists[i]);
        }
    }
    member_drop(own, "catch", "do");
    member_drop(own, "foreach", "do");
    if (node->kind == TASK_LOCK) {
        member_drop(own, "with", "do");
    }
    branches_name(own);
    for (size_t i = 0; so_far && i < sizeof(later) / sizeof(later[0]); i++) {
        (void)json_object_del(own, later[i]);
    }
    return own;
}

bool plan_node_alike(const struct plan_node *a, const struct plan_node *b, bool so_far)
{
    json_t *left = node_own(a, so_far);
    json_t *right = node_own(b, so_far);
    bool alike = a->kind == b->kind && json_equal(left, right) == 1;
    json_decref(left);
    json_decref(right);
    return alike;
}

bool plan_call_in_lock(const struct plan *plan, uint32_t node)
{
    uint32_t parent = node == PLAN_NONE ? PLAN_NONE : plan->nodes[node].parent;
    return parent != PLAN_NONE && plan->nodes[parent].kind == TASK_LOCK &&
           plan->nodes[parent].definition == plan->nodes[node].definition;
}

const char *plan_node_word(const struct plan_node *node)
{
    static const char *const words[] = {"for",  "set",  "switch", "try",  "raise", "wait",
                                        "emit", "fork", "listen", "call", "run",   "do"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (json_object_get(node->definition, words[i]) != NULL) {
            return words[i];
        }
    }
    return node->kind == TASK_SET ? "set" : node->kind == TASK_DO ? "do" : "task";
}

/* ---- members ---- */

struct members {
    json_t *list;
    struct buf path;
};

static void member_add(struct members *members, const json_t *from, const json_t *to)
{
    json_t *row = json_object();
    CHECK(row != NULL);
    const char *path = members->path.data == NULL ? "" : members->path.data;
    CHECK(json_object_set_new(row, "member", json_string(path)) == 0);
    if (from != NULL) {
        CHECK(json_object_set(row, "from", json_mutable(from)) == 0);
    }
    if (to != NULL) {
        CHECK(json_object_set(row, "to", json_mutable(to)) == 0);
    }
    CHECK(json_array_append_new(members->list, row) == 0);
}

static void members_compare(struct members *members, const json_t *from, const json_t *to,
                            unsigned depth);

static void member_compare(struct members *members, const char *name, const json_t *from,
                           const json_t *to, unsigned depth)
{
    size_t before = members->path.size;
    json_pointer_append(&members->path, name, strlen(name));
    members_compare(members, from, to, depth + 1);
    members->path.size = before;
    members->path.data[before] = '\0';
}

/* Down to where one of the two is no object; arrays are compared whole. */
static void members_compare(struct members *members, const json_t *from, const json_t *to,
                            unsigned depth)
{
    if (from != NULL && to != NULL && json_equal(from, to) == 1) {
        return;
    }
    if (!json_is_object(from) || !json_is_object(to) || depth >= MEMBER_DEPTH) {
        member_add(members, from, to);
        return;
    }
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(json_mutable(from), name, value)
    {
        member_compare(members, name, value, json_object_get(to, name), depth);
    }
    json_object_foreach(json_mutable(to), name, value)
    {
        if (json_object_get(from, name) == NULL) {
            member_compare(members, name, NULL, value, depth);
        }
    }
}

static json_t *members_differing(const json_t *from, const json_t *to)
{
    struct members members = {.list = json_array(), .path = BUF_INIT(POINTER_BYTES)};
    CHECK(members.list != NULL);
    members_compare(&members, from, to, 0);
    buf_release(&members.path);
    return members.list;
}

/* ---- the whole ---- */

static json_t *entry_add(json_t *list, const char *change, const char *step, const char *was,
                         const char *task)
{
    json_t *entry = json_object();
    CHECK(entry != NULL);
    CHECK(json_object_set_new(entry, "change", json_string(change)) == 0);
    CHECK(json_object_set_new(entry, "step", json_string(step)) == 0);
    if (was != NULL && strcmp(was, step) != 0) {
        CHECK(json_object_set_new(entry, "was", json_string(was)) == 0);
    }
    if (task != NULL) {
        CHECK(json_object_set_new(entry, "task", json_string(task)) == 0);
    }
    CHECK(json_array_append_new(list, entry) == 0);
    return entry;
}

static void document_compare(json_t *list, const struct plan *from, const struct plan *to)
{
    json_t *before = json_copy(json_mutable(from->document));
    json_t *after = json_copy(json_mutable(to->document));
    CHECK(before != NULL && after != NULL);
    (void)json_object_del(before, "do");
    (void)json_object_del(after, "do");
    member_drop(before, "document", "version");
    member_drop(after, "document", "version");
    if (json_equal(before, after) != 1) {
        json_t *entry = entry_add(list, "changed", "", NULL, NULL);
        CHECK(json_object_set_new(entry, "members", members_differing(before, after)) == 0);
    }
    json_decref(before);
    json_decref(after);
}

/* Neighbours of every task in its list, of those that both versions have. */
struct order {
    const struct plan *plan;
    uint32_t *match; /* node of the other version */
    uint32_t *before;
    uint32_t *after;
};

static void order_make(struct order *order, const struct plan *plan, const struct plan *other)
{
    size_t room = (size_t)plan->node_count + 1;
    uint32_t *memory = calloc(3 * room, sizeof(*memory));
    bool *inner = calloc(room, sizeof(*inner)); /* not the first of its list */
    CHECK(memory != NULL && inner != NULL);
    *order = (struct order){
        .plan = plan, .match = memory, .before = memory + room, .after = memory + 2 * room};
    plan_match(plan, other, order->match);
    for (uint32_t i = 0; i < plan->node_count; i++) {
        order->before[i] = PLAN_NONE;
        order->after[i] = PLAN_NONE;
        if (plan->nodes[i].next != PLAN_NONE) {
            inner[plan->nodes[i].next] = true;
        }
    }
    for (uint32_t head = 0; head < plan->node_count; head++) {
        uint32_t last = PLAN_NONE;
        for (uint32_t i = inner[head] ? PLAN_NONE : head; i != PLAN_NONE; i = plan->nodes[i].next) {
            if (order->match[i] == PLAN_NONE) {
                continue;
            }
            order->before[i] = last;
            if (last != PLAN_NONE) {
                order->after[last] = i;
            }
            last = i;
        }
    }
    free(inner);
}

static uint32_t matched(const struct order *order, uint32_t node)
{
    return node == PLAN_NONE ? PLAN_NONE : order->match[node];
}

/* Whether the task stands between others than before. */
static bool node_moved(const struct order *from, uint32_t old, const struct order *to, uint32_t now)
{
    return matched(from, from->before[old]) != to->before[now] &&
           matched(from, from->after[old]) != to->after[now];
}

static void node_compare(json_t *list, const struct plan_node *old, const struct plan_node *now,
                         bool moved)
{
    if (now->kind == TASK_BRANCH) {
        return; /* the task in it tells */
    }
    if (!plan_node_alike(old, now, false)) {
        json_t *before = node_own(old, false);
        json_t *after = node_own(now, false);
        json_t *entry = entry_add(list, "changed", now->pointer, old->pointer, plan_node_word(now));
        CHECK(json_object_set_new(entry, "members", members_differing(before, after)) == 0);
        json_decref(before);
        json_decref(after);
    } else if (moved) {
        (void)entry_add(list, "moved", now->pointer, old->pointer, plan_node_word(now));
    }
}

/* A task that is gone with everything around it is told once, by the outermost. */
static bool parent_matched(const struct order *order, uint32_t node)
{
    uint32_t parent = order->plan->nodes[node].parent;
    return parent == PLAN_NONE || order->match[parent] != PLAN_NONE;
}

/* A call with a lock is two nodes of one task: the other one tells. */
static bool other_tells(const struct order *order, uint32_t node)
{
    const struct plan_node *nodes = order->plan->nodes;
    uint32_t parent = nodes[node].parent;
    if (plan_call_in_lock(order->plan, node)) {
        return order->match[parent] != PLAN_NONE;
    }
    uint32_t call = nodes[node].kind == TASK_LOCK ? nodes[node].lock.first : PLAN_NONE;
    return call != PLAN_NONE && plan_call_in_lock(order->plan, call) &&
           order->match[node] == PLAN_NONE && order->match[call] != PLAN_NONE;
}

json_t *plan_diff(const struct plan *from, const struct plan *to)
{
    struct order before;
    struct order after;
    json_t *list = json_array();
    CHECK(list != NULL);
    order_make(&before, from, to);
    order_make(&after, to, from);
    document_compare(list, from, to);
    for (uint32_t i = 0; i < from->node_count; i++) {
        if (before.match[i] == PLAN_NONE && parent_matched(&before, i) &&
            !other_tells(&before, i)) {
            (void)entry_add(list, "removed", from->nodes[i].pointer, NULL,
                            plan_node_word(&from->nodes[i]));
        }
    }
    for (uint32_t i = 0; i < to->node_count; i++) {
        uint32_t old = after.match[i];
        if (other_tells(&after, i)) {
            continue;
        }
        if (old != PLAN_NONE) {
            node_compare(list, &from->nodes[old], &to->nodes[i],
                         node_moved(&before, old, &after, i));
        } else if (parent_matched(&after, i)) {
            (void)entry_add(list, "added", to->nodes[i].pointer, NULL,
                            plan_node_word(&to->nodes[i]));
        }
    }
    free(before.match);
    free(after.match);
    return list;
}

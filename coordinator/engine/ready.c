#include "coordinator/engine/ready.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

/* Cost of one step of weight 1. */
enum { TAG_UNIT = 1 << 20 };

static void *must(void *memory)
{
    CHECK(memory != NULL);
    return memory;
}

struct ready_queue *ready_queue_create(const char *key)
{
    struct ready_queue *queue = must(calloc(1, sizeof(*queue)));
    queue->key = must(strdup(key));
    return queue;
}

bool ready_queue_is_of(const struct ready_queue *queue, const char *agent, const char *action)
{
    size_t size = strlen(agent);
    if (strncmp(queue->key, agent, size) != 0 || queue->key[size] != '\n') {
        return false;
    }
    const char *name = queue->key + size + 1;
    size = action == NULL ? 0 : strlen(action);
    return action == NULL || (strncmp(name, action, size) == 0 && name[size] == '\n');
}

/* ---- trees: treaps whose balance is drawn from `order`, so that their shape is no chance ---- */

static uint64_t rank(const struct ready *node)
{
    uint64_t x = node->order; /* splitmix64 */
    x = (x ^ (x >> 30U)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27U)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31U);
}

static bool tree_before(enum ready_index by, const struct ready *a, const struct ready *b)
{
    if (by == READY_BY_TURN && a->tag != b->tag) {
        return a->tag < b->tag;
    }
    if (by == READY_BY_FLOW && a->flow != b->flow) {
        return a->flow < b->flow;
    }
    return a->order < b->order;
}

static void tree_insert(struct ready **root, enum ready_index by, struct ready *node)
{
    struct ready **at = root;
    while (*at != NULL && rank(*at) >= rank(node)) {
        at = &(*at)->child[by][tree_before(by, node, *at) ? 0 : 1];
    }
    struct ready *rest = *at;
    struct ready **less = &node->child[by][0];
    struct ready **more = &node->child[by][1];
    *at = node;
    while (rest != NULL) { /* split what hung here around the node */
        if (tree_before(by, rest, node)) {
            *less = rest;
            less = &rest->child[by][1];
            rest = *less;
        } else {
            *more = rest;
            more = &rest->child[by][0];
            rest = *more;
        }
    }
    *less = NULL;
    *more = NULL;
}

static void tree_remove(struct ready **root, enum ready_index by, struct ready *node)
{
    struct ready **at = root;
    while (*at != node) {
        CHECK(*at != NULL);
        at = &(*at)->child[by][tree_before(by, node, *at) ? 0 : 1];
    }
    struct ready *less = node->child[by][0];
    struct ready *more = node->child[by][1];
    while (less != NULL && more != NULL) { /* join what hung below */
        if (rank(less) >= rank(more)) {
            *at = less;
            at = &less->child[by][1];
            less = *at;
        } else {
            *at = more;
            at = &more->child[by][0];
            more = *at;
        }
    }
    *at = less != NULL ? less : more;
}

static struct ready *tree_first(struct ready *root, enum ready_index by)
{
    while (root != NULL && root->child[by][0] != NULL) {
        root = root->child[by][0];
    }
    return root;
}

static const struct ready *flow_newest(const struct ready *root, uint64_t flow)
{
    const struct ready *newest = NULL;
    while (root != NULL) {
        if (root->flow <= flow) {
            newest = root;
            root = root->child[READY_BY_FLOW][1];
        } else {
            root = root->child[READY_BY_FLOW][0];
        }
    }
    return newest != NULL && newest->flow == flow ? newest : NULL;
}

/* ---- the queue ---- */

static struct ready_class *class_of(struct ready_queue *queue, int priority)
{
    CHECK(priority >= PLAN_PRIORITY_MOST && priority <= PLAN_PRIORITY_LEAST);
    return &queue->classes[priority - PLAN_PRIORITY_MOST];
}

uint64_t ready_tag(const struct ready_queue *queue, int priority, uint64_t flow, uint32_t weight)
{
    const struct ready_class *class = &queue->classes[priority - PLAN_PRIORITY_MOST];
    const struct ready *first = tree_first(class->by_turn, READY_BY_TURN);
    if (first == NULL) {
        return 0;
    }
    CHECK(weight >= 1);
    const struct ready *newest = flow_newest(class->by_flow, flow);
    uint64_t after = newest == NULL ? 0 : newest->tag + TAG_UNIT / weight;
    return after > first->tag ? after : first->tag;
}

struct ready *ready_add(struct ready_queue *queue, const struct ready *ready)
{
    struct ready *node = must(malloc(sizeof(*node)));
    struct ready_class *class = class_of(queue, ready->priority);
    *node = *ready;
    node->queue = queue;
    memset(node->child, 0, sizeof(node->child));
    tree_insert(&class->by_turn, READY_BY_TURN, node);
    tree_insert(&class->by_flow, READY_BY_FLOW, node);
    tree_insert(&queue->by_age, READY_BY_AGE, node);
    queue->count++;
    return node;
}

void ready_remove(struct ready *ready)
{
    struct ready_queue *queue = ready->queue;
    struct ready_class *class = class_of(queue, ready->priority);
    tree_remove(&class->by_turn, READY_BY_TURN, ready);
    tree_remove(&class->by_flow, READY_BY_FLOW, ready);
    tree_remove(&queue->by_age, READY_BY_AGE, ready);
    CHECK(queue->count > 0);
    queue->count--;
    free(ready);
}

void ready_queue_destroy(struct ready_queue *queue)
{
    struct ready *oldest = NULL;
    while ((oldest = queue->by_age) != NULL) {
        tree_remove(&queue->by_age, READY_BY_AGE, oldest);
        free(oldest);
    }
    free(queue->key);
    free(queue);
}

struct ready *ready_next(const struct ready_queue *queue)
{
    for (size_t i = 0; i < sizeof(queue->classes) / sizeof(queue->classes[0]); i++) {
        if (queue->classes[i].by_turn != NULL) {
            return tree_first(queue->classes[i].by_turn, READY_BY_TURN);
        }
    }
    return NULL;
}

struct ready *ready_oldest(const struct ready_queue *queue)
{
    return tree_first(queue->by_age, READY_BY_AGE);
}

const struct ready *ready_younger(const struct ready_queue *queue, const struct ready *ready)
{
    const struct ready *found = NULL;
    const struct ready *at = queue->by_age;
    while (at != NULL) {
        bool younger = at->order > ready->order;
        found = younger ? at : found;
        at = at->child[READY_BY_AGE][younger ? 0 : 1];
    }
    return found;
}

bool ready_before(const struct ready *a, const struct ready *b)
{
    return a->priority != b->priority ? a->priority < b->priority : a->order < b->order;
}

static uint64_t fnv(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++) {
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001B3);
    }
    return (hash ^ 0xFFU) * UINT64_C(0x100000001B3); /* no byte of UTF-8: a border */
}

uint64_t ready_flow(const char *customer, const char *namespace_, const char *name)
{
    static const uint64_t basis = UINT64_C(0xCBF29CE484222325);
    return customer != NULL ? fnv(basis, customer) : fnv(fnv(~basis, namespace_), name);
}

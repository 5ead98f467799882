/*
 * Definitions drawn from a seed: the whole language the loader accepts, bounded so that each ends.
 * A jump back goes through a counter in the context, because a loop without one is legal and long.
 * Here: the document, lists, blocks and simple tasks; generate_more.c has the tasks that involve
 * others.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/json/json.h"
#include "tests/sim/generate_private.h"

enum { TASKS_MAX = 14 };

static json_t *one_task(struct making *it, unsigned depth, const char *later);

void task_append(json_t *list, const char *name, json_t *task)
{
    json_t *named = json_object();
    CHECK(named != NULL);
    CHECK(json_object_set_new(named, name, task) == 0);
    CHECK(json_array_append_new(list, named) == 0);
}

void put(json_t *object, const char *name, json_t *value)
{
    CHECK(value != NULL);
    CHECK(json_object_set_new(object, name, value) == 0);
}

json_t *pick(struct making *it, const char *const *texts, size_t count)
{
    return json_string(texts[draw_below(it->draw, count)]);
}

bool chance(struct making *it, unsigned per_mille)
{
    return draw_chance(it->draw, per_mille);
}

json_t *generate_input(struct draw *draw)
{
    json_t *list = json_array();
    CHECK(list != NULL);
    uint64_t count = draw_below(draw, 4);
    for (uint64_t i = 0; i < count; i++) {
        (void)json_array_append_new(list, json_integer((json_int_t)draw_below(draw, 10)));
    }
    return json_pack("{s:I, s:s, s:o}", "n", (json_int_t)draw_below(draw, 5), "k",
                     draw_chance(draw, 500) ? "a" : "b", "list", list);
}

json_t *duration(struct making *it, unsigned most_ms)
{
    char text[32];
    unsigned ms = (unsigned)draw_below(it->draw, most_ms) + 1;
    (void)snprintf(text, sizeof(text), "PT%u.%03uS", ms / 1000, ms % 1000);
    return json_string(text);
}

json_t *timeout(struct making *it)
{
    if (!it->bare && it->has_timeout && chance(it, 300)) {
        return json_string("long");
    }
    return json_pack("{s:o}", "after", duration(it, 8000));
}

/* ---- tasks ---- */

static void task_set(struct making *it, json_t *task)
{
    json_t *set = json_object();
    put(set, "n",
        PICK(it, "${ (.n? // 0) + 1 }", "${ 7 }", "${ .n? // null }", "${ [1,2,3] | length }",
             "${ ($context.c // 0) * 2 }"));
    if (chance(it, 300)) {
        put(set, "list", PICK(it, "${ [1,2,3] }", "${ [.n] }", "${ .list? // [] }"));
    }
    if (chance(it, 200)) {
        put(set, "t",
            PICK(it, "${ tostring | test(\"1\") }", "${ \"n is \\(.n? // 0)\" }",
                 "${ $workflow.id }", "${ .n.m.o }"));
    }
    put(task, "set", set);
}

static void task_switch(struct making *it, json_t *task, const char *later)
{
    json_t *cases = json_array();
    const char *then = later != NULL && chance(it, 500) ? later : "continue";
    (void)json_array_append_new(
        cases, json_pack("{s:{s:o, s:s}}", "a", "when",
                         PICK(it, "${ ($context.c // 0) > 2 }", "${ .n? == 1 }",
                              "${ (.list? // []) | length > 1 }"),
                         "then", chance(it, 200) ? (chance(it, 500) ? "exit" : "end") : then));
    if (chance(it, 700)) {
        (void)json_array_append_new(cases, json_pack("{s:{s:s}}", "b", "then", "continue"));
    }
    put(task, "switch", cases);
}

static void task_for(struct making *it, json_t *task, unsigned depth)
{
    json_t *loop = json_object();
    put(loop, "in", PICK(it, "${ [1,2,3] }", "${ .list? // [] }", "${ [] }", "${ [.n, .n] }"));
    if (chance(it, 300)) {
        put(loop, "each", json_string("x"));
    }
    put(task, "for", loop);
    if (chance(it, 300)) {
        put(task, "while", json_string("${ ($context.c // 0) < 4 }"));
    }
    put(task, "do", tasks(it, depth + 1, 2));
}

static json_t *backoff(struct making *it)
{
    return json_pack("{s:{}}", chance(it, 500) ? "linear" : "exponential");
}

static json_t *retry(struct making *it)
{
    json_t *policy = json_object();
    json_t *attempt = json_pack("{s:I}", "count", (json_int_t)draw_below(it->draw, 3) + 1);
    put(policy, "delay", duration(it, 1500));
    if (chance(it, 500)) {
        put(policy, "backoff", backoff(it));
    }
    if (chance(it, 300)) {
        put(attempt, "duration", duration(it, 5000));
    }
    json_t *limit = json_object();
    put(limit, "attempt", attempt);
    if (chance(it, 200)) {
        put(limit, "duration", json_string("PT20S"));
    }
    put(policy, "limit", limit);
    if (chance(it, 200)) {
        put(policy, "jitter", json_pack("{s:s, s:s}", "from", "PT0.01S", "to", "PT0.3S"));
    }
    if (chance(it, 150)) {
        put(policy, "when", json_string("${ $error.status != 408 }"));
    }
    return policy;
}

static void task_try(struct making *it, json_t *task, unsigned depth)
{
    put(task, "try", tasks(it, depth + 1, 3));
    json_t *catch = json_object();
    if (chance(it, 250)) {
        put(catch, "errors",
            json_pack("{s:{s:I}}", "with", "status", chance(it, 500) ? (json_int_t)408 : 500));
    }
    if (chance(it, 150)) {
        put(catch, "when", json_string("${ $error.status >= 400 }"));
    }
    if (chance(it, 600)) {
        put(catch, "retry",
            !it->bare && it->has_retry && chance(it, 300) ? json_string("again") : retry(it));
    }
    if (chance(it, 600) || json_object_size(catch) == 0) {
        put(catch, "do", tasks(it, depth + 1, 2));
    }
    put(task, "catch", catch);
}

static void task_fork(struct making *it, json_t *task, unsigned depth)
{
    json_t *branches = json_array();
    CHECK(branches != NULL);
    unsigned count = (unsigned)draw_below(it->draw, 2) + 2;
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "t%u", it->names++);
        task_append(branches, name, one_task(it, depth + 1, NULL));
    }
    json_t *fork = json_pack("{s:o}", "branches", branches);
    CHECK(fork != NULL);
    if (chance(it, 400)) {
        put(fork, "compete", json_true());
    }
    put(task, "fork", fork);
}

static void task_emit(struct making *it, json_t *task)
{
    json_t *with = json_object();
    put(with, "type", PICK(it, "t2", "t3", "out")); /* never what starts a definition */
    put(with, "source", json_string("/flow"));
    put(with, "data", json_pack("{s:s, s:s}", "n", "${ .n? // 0 }", "k", "a"));
    put(task, "emit", json_pack("{s:{s:o}}", "event", "with", with));
}

static void task_raise(struct making *it, json_t *task)
{
    static const json_int_t statuses[] = {400, 408, 500};
    json_int_t status = statuses[draw_below(it->draw, 3)];
    json_t *error =
        !it->bare && it->has_error && chance(it, 300)
            ? json_string("known")
            : json_pack("{s:s, s:I}", "type", "https://sim.example/drawn", "status", status);
    put(task, "raise", json_pack("{s:o}", "error", error));
    if (chance(it, 500)) {
        put(task, "if", json_string("${ ($context.c // 0) > 1 }"));
    }
}

static void task_flat(struct making *it, json_t *task, const char *later)
{
    switch (draw_below(it->draw, 15)) {
    case 0:
    case 1:
        task_set(it, task);
        break;
    case 2:
        task_switch(it, task, later);
        break;
    case 3:
        it->calls++;
        put(task, "wait", duration(it, 4000));
        break;
    case 4:
        if (it->no_emit) {
            task_set(it, task);
        } else {
            task_emit(it, task);
        }
        break;
    case 5:
        task_listen(it, task);
        break;
    case 6:
        task_raise(it, task);
        break;
    case 7:
        task_approval(it, task);
        break;
    case 8:
        task_http(it, task);
        break;
    case 9:
        if (!task_run(it, task)) {
            task_set(it, task);
        }
        break;
    default:
        task_call(it, task);
        break;
    }
}

/* Its deadline is its gate's. */
static bool is_approval(const json_t *task)
{
    const char *call = json_text_of(task, "call");
    return call != NULL && strcmp(call, "approval") == 0;
}

/* What any task may carry. */
static void task_dress(struct making *it, json_t *task, const char *later)
{
    if (chance(it, 120) && json_object_get(task, "if") == NULL) {
        put(task, "if", PICK(it, "${ ($context.c // 0) < 3 }", "${ .n? != 4 }", "${ true }"));
    }
    bool approval = is_approval(task);
    if (!approval && chance(it, 100) && json_object_get(task, "timeout") == NULL) {
        put(task, "timeout", timeout(it));
    }
    if (chance(it, 150)) {
        put(task, "export", json_pack("{s:s}", "as", "${ {c: (($context.c // 0) + 1)} }"));
    }
    if (chance(it, 80)) {
        put(task, "input", json_pack("{s:s}", "from", "${ {n: (.n? // 1), list: [1]} }"));
    }
    if (chance(it, 80)) {
        put(task, "output", json_pack("{s:s}", "as", "${ {n: (.n? // 2)} }"));
    }
    if (!it->no_then && chance(it, 60) && json_object_get(task, "switch") == NULL) {
        put(task, "then",
            later != NULL && chance(it, 500) ? json_string(later)
                                             : PICK(it, "continue", "exit", "end", "continue"));
    }
}

static json_t *one_task(struct making *it, unsigned depth, const char *later)
{
    json_t *task = json_object();
    CHECK(task != NULL);
    uint64_t kind = draw_below(it->draw, 12);
    bool no_then = it->no_then;
    it->tasks++;
    it->no_then = false; /* in lists below it may be */
    if (depth < DEPTH_MAX && kind == 0 && chance(it, 400)) {
        task_lock(it, task, depth);
    } else if (depth < DEPTH_MAX && kind == 0) {
        put(task, "do", tasks(it, depth + 1, 3));
    } else if (depth < DEPTH_MAX && kind == 1) {
        task_for(it, task, depth);
    } else if (depth < DEPTH_MAX && kind <= 3) {
        task_try(it, task, depth);
    } else if (depth < DEPTH_MAX && kind == 10) {
        task_fork(it, task, depth);
    } else if (depth < DEPTH_MAX && kind == 11) {
        task_listen_each(it, task, depth);
    } else {
        task_flat(it, task, later);
    }
    it->no_then = no_then;
    task_dress(it, task, later);
    return task;
}

/* Go back to `first` until the counter of the context says enough. */
static void jump_back(struct making *it, json_t *list, const char *first)
{
    char name[16];
    (void)snprintf(name, sizeof(name), "t%u", it->names++);
    task_append(list, name,
                json_pack("{s:{s:s}, s:{s:s}}", "set", "n", "${ 1 }", "export", "as",
                          "${ {c: (($context.c // 0) + 1)} }"));
    (void)snprintf(name, sizeof(name), "t%u", it->names++);
    task_append(list, name,
                json_pack("{s:[{s:{s:s, s:s}}]}", "switch", "again", "when",
                          "${ ($context.c // 0) < 3 }", "then", first));
    it->tasks += 2;
}

json_t *tasks(struct making *it, unsigned depth, unsigned most)
{
    json_t *list = json_array();
    CHECK(list != NULL);
    unsigned count = (unsigned)draw_below(it->draw, most) + 1;
    count = it->tasks + count > TASKS_MAX ? 1 : count;
    unsigned first = it->names;
    unsigned calls = it->calls;
    it->names += count;
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        char later[16];
        (void)snprintf(name, sizeof(name), "t%u", first + i);
        (void)snprintf(later, sizeof(later), "t%u", first + count - 1);
        task_append(list, name, one_task(it, depth, i + 1 < count ? later : NULL));
    }
    if (depth == 0 && !it->no_jump && it->calls > calls && chance(it, 150)) {
        char name[16];
        (void)snprintf(name, sizeof(name), "t%u", first);
        jump_back(it, list, name);
    }
    return list;
}

/* ---- the document ---- */

/* A task that stands alone: `then` in it would have no list. */
static json_t *lonely_task(struct making *it, unsigned depth)
{
    it->no_then = true;
    json_t *task = one_task(it, depth, NULL);
    it->no_then = false;
    return task;
}

static json_t *use_functions(struct making *it)
{
    json_t *functions = json_object();
    it->no_emit = true; /* whatever handles events may call it */
    put(functions, "fn", lonely_task(it, DEPTH_MAX - 1));
    it->no_emit = false;
    it->has_function = true;
    return functions;
}

/* What extends a task of a function must not call it: the function would call itself. Of those
 * drawn, only a `set` has no tasks inside. */
static bool extension_may_call(const json_t *extension, const json_t *function)
{
    const char *extends = json_text_of(extension, "extend");
    return json_object_get(function, "set") != NULL && strcmp(extends, "set") != 0 &&
           strcmp(extends, "all") != 0;
}

static json_t *use_extensions(struct making *it, const json_t *function)
{
    json_t *extension = json_pack("{s:o}", "extend",
                                  PICK(it, "call", "set", "wait", "composite", "listen", "run",
                                       "switch", "try", "for", "all"));
    CHECK(extension != NULL);
    bool has_function = it->has_function;
    it->has_function = has_function && extension_may_call(extension, function);
    if (chance(it, 400)) {
        put(extension, "when", PICK(it, "${ ($context.c // 0) < 2 }", "${ .n? != 2 }"));
    }
    bool before = chance(it, 700);
    it->no_jump = true;
    it->no_emit = true;
    if (before) {
        put(extension, "before", tasks(it, DEPTH_MAX, 2));
    }
    if (!before || chance(it, 600)) {
        put(extension, "after", tasks(it, DEPTH_MAX, 2));
    }
    it->no_jump = false;
    it->no_emit = false;
    it->has_function = has_function;
    return json_pack("[{s:o}]", "audit", extension);
}

/* What tasks name: made before them, so that they know what is there. */
static json_t *use(struct making *it)
{
    json_t *object = json_object();
    CHECK(object != NULL);
    if (chance(it, 150)) {
        put(object, "timeouts", json_pack("{s:{s:o}}", "long", "after", duration(it, 8000)));
        it->has_timeout = true;
    }
    if (chance(it, 150)) {
        put(object, "retries", json_pack("{s:o}", "again", retry(it)));
        it->has_retry = true;
    }
    if (chance(it, 100)) {
        put(object, "errors",
            json_pack("{s:{s:s, s:I}}", "known", "type", "https://sim.example/known", "status",
                      (json_int_t)500));
        it->has_error = true;
    }
    if (chance(it, 150)) {
        put(object, "functions", use_functions(it));
    }
    if (chance(it, 150)) {
        const json_t *functions = json_object_get(object, "functions");
        put(object, "extensions", use_extensions(it, json_object_get(functions, "fn")));
    }
    return object;
}

/* Functions of the company's catalog, deployed with the definition: they see nothing of `use`. */
static json_t *parts(struct making *it)
{
    json_t *object = json_object();
    it->bare = true;
    it->no_emit = true;
    put(object, "g:1.0.0@default", lonely_task(it, DEPTH_MAX - 1));
    it->no_emit = false;
    it->bare = false;
    it->has_part = true;
    return object;
}

static json_t *gathered_filter(const char *type, bool correlated)
{
    json_t *filter = json_pack("{s:{s:s}}", "with", "type", type);
    CHECK(filter != NULL);
    if (correlated) {
        put(filter, "correlate", json_pack("{s:{s:s}}", "k", "from", ".data.k?"));
    }
    return filter;
}

/* A start by several events. */
static json_t *gathering(struct making *it)
{
    bool correlated = chance(it, 500);
    json_t *first = gathered_filter("t0", correlated);
    json_t *second = gathered_filter("t1", correlated);
    json_t *on = NULL;
    switch (draw_below(it->draw, 4)) {
    case 0:
    case 1:
        on = json_pack("{s:[o,o]}", "all", first, second);
        break;
    case 2:
        on = json_pack("{s:[o,o], s:s}", "any", first, second, "until", "length >= 2");
        break;
    default:
        on = json_pack("{s:[o], s:{s:o}}", "any", first, "until", "one", second);
    }
    CHECK(on != NULL);
    return on;
}

static json_t *schedule(struct making *it)
{
    json_t *object = json_object();
    CHECK(object != NULL);
    if (chance(it, 350)) {
        put(object, "on",
            chance(it, 300)
                ? gathering(it)
                : json_pack("{s:o}", "one",
                            json_pack("{s:{s:o}}", "with", "type", PICK(it, "t0", "t1"))));
    }
    if (chance(it, 180)) {
        uint64_t kind = draw_below(it->draw, 3);
        char text[16];
        (void)snprintf(text, sizeof(text), "PT%uS", (unsigned)draw_below(it->draw, 9) + 2);
        put(object,
            kind == 0   ? "every"
            : kind == 1 ? "after"
                        : "cron",
            kind == 2 ? PICK(it, "* * * * *", "*/2 * * * *", "30 * * * *") : json_string(text));
    }
    return object;
}

/* Caps that two or three paid calls come to. */
static json_t *budget(struct making *it)
{
    json_t *caps = json_object();
    CHECK(caps != NULL);
    if (chance(it, 600)) {
        put(caps, "instance", PICK(it, "0.50 EUR", "1.50 EUR", "2.20 EUR"));
    }
    if (chance(it, 600)) {
        put(caps, "day", PICK(it, "1.00 EUR", "3.10 EUR", "6.00 EUR"));
    }
    json_t *metadata = json_pack("{s:{s:o}}", "mainstay", "budget", caps);
    CHECK(metadata != NULL);
    return metadata;
}

json_t *generate_flow(struct draw *draw, unsigned number, json_t *const *earlier)
{
    struct making it = {.draw = draw, .number = number, .earlier = earlier};
    char name[16];
    (void)snprintf(name, sizeof(name), "f%u", number);
    json_t *flow = json_pack("{s:{s:s, s:s, s:s, s:s}}", "document", "dsl", "1.0.3", "namespace",
                             "sim", "name", name, "version", "1.0.0");
    CHECK(flow != NULL);
    if (chance(&it, 150)) {
        put(json_object_get(flow, "document"), "metadata",
            json_pack("{s:{s:I, s:{s:s, s:I}}}", "mainstay", "priority",
                      (json_int_t)draw_below(it.draw, 5) + 1, "fairness", "key", "${ .n? }",
                      "weight", (json_int_t)draw_below(it.draw, 3) + 1));
    }
    if (chance(&it, 250)) {
        put(json_object_get(flow, "document"), "metadata", budget(&it));
    }
    json_t *when = schedule(&it);
    if (json_object_size(when) > 0) {
        put(flow, "schedule", json_incref(when));
    }
    json_decref(when);
    if (chance(&it, 150)) {
        put(flow, "timeout", json_pack("{s:s}", "after", "PT25S"));
    }
    if (chance(&it, 150)) {
        put(flow, "output", json_pack("{s:s}", "as", "${ {n: .n?} }"));
    }
    if (chance(&it, 100)) {
        put(flow, GENERATE_PARTS, parts(&it));
    }
    json_t *named = use(&it);
    if (json_object_size(named) > 0) {
        put(flow, "use", json_incref(named));
    }
    json_decref(named);
    it.tasks = 0;
    put(flow, "do", tasks(&it, 0, 5));
    return flow;
}

/* Tasks that involve others: agents, people, other workflows, events. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/json/json.h"
#include "tests/sim/generate_private.h"

/* Few entities, so that instances meet, and deadlines that may come while somebody holds one. */
static json_t *lease(struct making *it)
{
    json_t *lock = json_object();
    put(lock, "entity", PICK(it, "a", "b", "${ \"n/\\(.n? // 0)\" }"));
    put(lock, "ttl", duration(it, 20000));
    return lock;
}

void task_call(struct making *it, json_t *task)
{
    it->calls++;
    if (it->has_function && !it->bare && chance(it, 200)) {
        put(task, "call", json_string("fn"));
        put(task, "with", json_pack("{s:s}", "n", "${ .n? // 0 }"));
        return;
    }
    if (it->has_part && !it->bare && chance(it, 200)) {
        put(task, "call", json_string("g:1.0.0@default"));
        return;
    }
    put(task, "call",
        PICK(it, "work@quick", "work@pure", "work@keyed", "work@keyed", "work@probed",
             "work@manual", "work@both"));
    json_t *with = json_object();
    put(with, "input",
        chance(it, 500) ? json_string("${ {n: (.n? // 0)} }")
                        : json_pack("{s:I}", "k", (json_int_t)3));
    if (chance(it, 100)) {
        put(with, "minConfidence", json_real(0.5));
    }
    if (chance(it, 80)) {
        put(with, "idempotencyKey",
            PICK(it, "${ \"\\($workflow.id)-k\" }", "${ \"\\($workflow.id)-\\(.n? // 0)\" }"));
    }
    if (chance(it, 100)) {
        put(with, "priority", json_integer((json_int_t)draw_below(it->draw, 5) + 1));
    }
    if (chance(it, 80)) {
        put(with, "lock", lease(it));
    }
    put(task, "with", with);
}

void task_lock(struct making *it, json_t *task, unsigned depth)
{
    json_t *with = lease(it);
    put(with, "do", tasks(it, depth + 1, 3));
    put(task, "call", json_string("lock"));
    put(task, "with", with);
}

/* As the loader compiles it: fetch is pure, send keyed, submit manual, operate probed. */
void task_http(struct making *it, json_t *task)
{
    it->calls++;
    if (chance(it, 200)) {
        put(task, "call", json_string("openapi"));
        put(task, "with",
            json_pack("{s:{s:s}, s:s, s:{s:s}}", "document", "endpoint",
                      "http://sim.example/api.json", "operationId", "op", "parameters", "n",
                      "${ .n? // 0 }"));
        return;
    }
    json_t *with =
        json_pack("{s:o, s:o}", "method", PICK(it, "get", "post", "post", "put"), "endpoint",
                  PICK(it, "http://sim.example/{n}", "http://sim.example/a",
                       "${ \"http://sim.example/\\(.n? // 0)\" }"));
    CHECK(with != NULL);
    if (chance(it, 500)) {
        put(with, "headers", json_pack("{s:s}", "Idempotency-Key", "${ $workflow.id }"));
    }
    if (chance(it, 300)) {
        put(with, "output", PICK(it, "raw", "content", "response"));
    }
    put(task, "call", json_string("http"));
    put(task, "with", with);
}

void task_approval(struct making *it, json_t *task)
{
    it->calls++;
    json_t *with = json_pack("{s:s}", "title", "${ \"n is \\(.n? // 0)\" }");
    CHECK(with != NULL);
    if (chance(it, 600)) {
        put(with, "proposal",
            chance(it, 500) ? json_string("${ {n: (.n? // 0)} }")
                            : json_pack("{s:I}", "k", (json_int_t)1));
    }
    if (chance(it, 200)) {
        put(with, "form",
            json_pack("{s:{s:s, s:[s]}}", "document", "type", "object", "required",
                      chance(it, 500) ? "n" : "k"));
    }
    if (chance(it, 600)) {
        put(with, "deadline", duration(it, 5000));
        if (chance(it, 800)) {
            put(with, "onTimeout", PICK(it, "park", "deny", "allow", "escalate"));
        }
    }
    if (chance(it, 150)) {
        put(with, "assignees", json_pack("[s]", "ann"));
    }
    put(task, "call", json_string("approval"));
    put(task, "with", with);
}

static bool is_silent(const json_t *flow)
{
    char *text = json_dumps(flow, 0);
    CHECK(text != NULL);
    bool silent = strstr(text, "\"emit\"") == NULL && strstr(text, "\"run\"") == NULL;
    free(text);
    return silent;
}

/* Another one that was deployed before, or itself, which ends by a count in the input. */
bool task_run(struct making *it, json_t *task)
{
    bool itself = it->number == 0 || chance(it, 100);
    unsigned number = itself ? it->number : (unsigned)draw_below(it->draw, it->number);
    if (it->no_emit && (itself || !is_silent(it->earlier[number]))) {
        return false;
    }
    it->calls++;
    char name[16];
    (void)snprintf(name, sizeof(name), "f%u", number);
    json_t *workflow = json_pack("{s:s, s:s}", "namespace", "sim", "name", name);
    CHECK(workflow != NULL);
    if (chance(it, 300)) {
        put(workflow, "version", PICK(it, "1.0.0", "latest"));
    }
    if (itself) {
        put(workflow, "input", json_pack("{s:s}", "d", "${ ($workflow.input.d? // 0) + 1 }"));
        put(task, "if", json_string("${ ($workflow.input.d? // 0) < 2 }"));
    } else if (chance(it, 400)) {
        put(workflow, "input", json_pack("{s:s}", "n", "${ .n? // 0 }"));
    }
    json_t *run = json_pack("{s:o}", "workflow", workflow);
    CHECK(run != NULL);
    if (chance(it, 250)) {
        put(run, "await", json_boolean(chance(it, 200)));
    }
    put(task, "run", run);
    if (chance(it, 200)) {
        put(task, "timeout", timeout(it));
    }
    return true;
}

static json_t *filter(struct making *it)
{
    json_t *with = json_object();
    json_t *filter_ = json_object();
    put(with, "type", PICK(it, "t0", "t1", "t2", "t3"));
    if (chance(it, 200)) {
        put(with, "data", json_string("${ .n > 1 }"));
    }
    put(filter_, "with", with);
    if (chance(it, 200)) {
        put(filter_, "correlate", json_pack("{s:{s:s}}", "k", "from", "${ .data.k }"));
    }
    return filter_;
}

void task_listen(struct making *it, json_t *task)
{
    json_t *to = json_object();
    uint64_t kind = draw_below(it->draw, 4);
    if (kind < 2) {
        put(to, "one", filter(it));
    } else {
        json_t *list = json_array();
        uint64_t count = draw_below(it->draw, 2) + 1;
        for (uint64_t i = 0; i < count; i++) {
            (void)json_array_append_new(list, filter(it));
        }
        put(to, kind == 2 ? "any" : "all", list);
    }
    json_t *listen = json_object();
    put(listen, "to", to);
    if (chance(it, 200)) {
        put(listen, "read", PICK(it, "data", "envelope"));
    }
    put(task, "listen", listen);
    if (chance(it, 700)) {
        put(task, "timeout", timeout(it));
    }
}

/* Several events: until something is so, and each handled by tasks of its own. */
void task_listen_each(struct making *it, json_t *task, unsigned depth)
{
    json_t *to = json_object();
    json_t *any = json_array();
    CHECK(any != NULL);
    bool some = chance(it, 800);
    if (some) {
        (void)json_array_append_new(any, filter(it));
    }
    put(to, "any", any);
    /* Who listens to everything ends: dozens that hear all that the others emit take minutes. */
    uint64_t kind = some ? draw_below(it->draw, 4) : 1;
    if (kind == 0) {
        json_t *until = chance(it, 700) ? json_pack("{s:o}", "one", filter(it))
                                        : json_pack("{s:[o]}", "all", filter(it));
        put(to, "until", until);
    } else if (kind < 3) {
        put(to, "until",
            some ? PICK(it, "${ length > 1 }", "${ length > 2 }", "${ ($context.c // 0) > 2 }")
                 : PICK(it, "${ length > 1 }", "${ length > 2 }", "${ length > 7 }"));
    }
    json_t *listen = json_pack("{s:o}", "to", to);
    CHECK(listen != NULL);
    if (chance(it, 200)) {
        put(listen, "read", PICK(it, "data", "envelope", "raw"));
    }
    put(task, "listen", listen);
    if (chance(it, 700)) {
        json_t *foreach = json_pack("{s:s}", "item", "e");
        CHECK(foreach != NULL);
        if (chance(it, 900)) {
            bool outside = it->no_emit;
            it->no_emit = true;
            put(foreach, "do", tasks(it, depth + 1, 2));
            it->no_emit = outside;
        }
        if (chance(it, 200)) {
            put(foreach, "export", json_pack("{s:s}", "as", "${ {c: (($context.c // 0) + 1)} }"));
        }
        if (chance(it, 200)) {
            put(foreach, "output", json_pack("{s:s}", "as", "${ {n: $index} }"));
        }
        put(task, "foreach", foreach);
    }
    if (chance(it, 800)) {
        put(task, "timeout", timeout(it));
    }
}

void generate_write(const json_t *flow, struct buf *text)
{
    json_t *definition = json_copy((json_t *)(uintptr_t)flow);
    CHECK(definition != NULL);
    (void)json_object_del(definition, GENERATE_PARTS);
    json_write(definition, text);
    json_decref(definition);
    const char *name = NULL;
    json_t *part = NULL;
    json_object_foreach(json_object_get(flow, GENERATE_PARTS), name, part)
    {
        buf_printf(text, "\n--- # function %s\n", name);
        json_write(part, text);
        buf_append_byte(text, '\n');
    }
}

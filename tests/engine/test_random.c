/*
 * Generated definitions with generated answers: whatever they do, the properties hold. A failure
 * prints its seed; RANDOM_SEED in the environment plays that one alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/harness.h"

enum { SEEDS = 200, DEPTH_MAX = 3, MOVES_MAX = 120, TEXT_BYTES = 256 * 1024 };

/* xorshift64* (Vigna 2016). */
struct draw {
    uint64_t state;
    unsigned parts; /* definitions p0, p1, ... that may be run */
};

static uint64_t draw(struct draw *d, uint64_t below)
{
    d->state ^= d->state >> 12;
    d->state ^= d->state << 25;
    d->state ^= d->state >> 27;
    return (d->state * 2685821657736338717ULL >> 33) % below;
}

/* ---- definitions, as JSON, which is YAML too ---- */

static void tasks(struct draw *d, struct buf *out, unsigned depth);

static void task_for(struct draw *d, struct buf *out, unsigned depth)
{
    buf_printf(out, "\"for\":{\"in\":\"${ [1,2,3][0:%u] }\"},", (unsigned)draw(d, 4));
    if (draw(d, 3) == 0) {
        buf_append_str(out, "\"while\":\"${ $item < 3 }\",");
    }
    buf_append_str(out, "\"do\":");
    tasks(d, out, depth + 1);
}

static void task_try(struct draw *d, struct buf *out, unsigned depth)
{
    buf_append_str(out, "\"try\":");
    tasks(d, out, depth + 1);
    buf_append_str(out, ",\"catch\":{");
    bool retries = draw(d, 2) == 0;
    if (retries) {
        buf_printf(out,
                   "\"retry\":{\"delay\":\"PT1S\",\"backoff\":{\"linear\":{}},\"limit\":"
                   "{\"attempt\":{\"count\":%u%s}}}",
                   (unsigned)draw(d, 3) + 1, draw(d, 3) == 0 ? ",\"duration\":\"PT4S\"" : "");
    }
    if (draw(d, 2) == 0) {
        buf_printf(out, "%s\"do\":", retries ? "," : "");
        tasks(d, out, depth + 1);
    }
    buf_append_str(out, "}");
}

static void one_task(struct draw *d, struct buf *out, unsigned depth);

static void task_fork(struct draw *d, struct buf *out, unsigned depth)
{
    unsigned count = (unsigned)draw(d, 3) + 1;
    buf_printf(out, "\"fork\":{\"compete\":%s,\"branches\":[", draw(d, 2) == 0 ? "true" : "false");
    for (unsigned i = 0; i < count; i++) {
        buf_printf(out, "%s{\"b%u\":{", i > 0 ? "," : "", i);
        if (draw(d, 2) == 0) {
            buf_append_str(out, "\"do\":");
            tasks(d, out, depth + 1);
        } else {
            one_task(d, out, depth + 1);
        }
        buf_append_str(out, "}}");
    }
    buf_append_str(out, "]}");
    if (draw(d, 4) == 0) {
        buf_append_str(out, ",\"timeout\":{\"after\":\"PT7S\"}");
    }
}

static void task_run(struct draw *d, struct buf *out)
{
    buf_printf(out, "\"run\":{\"workflow\":{\"namespace\":\"test\",\"name\":\"p%u\"},\"await\":%s}",
               (unsigned)draw(d, d->parts), draw(d, 4) == 0 ? "false" : "true");
    if (draw(d, 4) == 0) {
        buf_append_str(out, ",\"timeout\":{\"after\":\"PT8S\"}");
    }
}

/* Ends by its timeout at the latest. */
static void task_listen_each(struct draw *d, struct buf *out, unsigned depth)
{
    buf_printf(out, "\"listen\":{\"to\":{\"any\":[{\"with\":{\"type\":\"t%u\"}}]",
               (unsigned)draw(d, 3));
    if (draw(d, 2) == 0) {
        buf_printf(out, ",\"until\":\"${ length > %u }\"", (unsigned)draw(d, 3));
    }
    buf_append_str(out, "}},\"foreach\":{\"item\":\"e\",\"do\":");
    tasks(d, out, depth + 1);
    buf_append_str(out, "},\"timeout\":{\"after\":\"PT9S\"}");
}

static void task_approval(struct draw *d, struct buf *out)
{
    buf_append_str(out, "\"call\":\"approval\",\"with\":{\"title\":\"t\",\"proposal\":{\"k\":1}");
    if (draw(d, 2) == 0) {
        static const char *const ways[] = {"park", "deny", "allow", "escalate"};
        buf_printf(out, ",\"deadline\":\"PT2S\",\"onTimeout\":\"%s\"", ways[draw(d, 4)]);
    }
    buf_append_str(out, "}");
}

static void task_call(struct draw *d, struct buf *out)
{
    static const char *const agents[] = {"pure", "keyed", "manual", "both"};
    buf_printf(out, "\"call\":\"work@%s\",\"with\":{\"input\":{\"k\":%u}", agents[draw(d, 4)],
               (unsigned)draw(d, 3));
    if (draw(d, 6) == 0) {
        buf_append_str(out, ",\"minConfidence\":0.5");
    }
    buf_append_str(out, "}");
    if (draw(d, 3) == 0) {
        buf_append_str(out, ",\"timeout\":{\"after\":\"PT6S\"}");
    }
}

static void task_flat(struct draw *d, struct buf *out)
{
    switch (draw(d, 7)) {
    case 0:
        buf_append_str(out, "\"set\":{\"n\":\"${ (.n? // 0) + 1 }\"},"
                            "\"export\":{\"as\":\"${ {c: .n} }\"}");
        break;
    case 1:
        buf_append_str(out, "\"switch\":[{\"a\":{\"when\":\"${ ($context.c // 0) > 2 }\","
                            "\"then\":\"exit\"}},{\"b\":{\"then\":\"continue\"}}]");
        break;
    case 2:
        buf_printf(out, "\"wait\":\"PT%uS\"", (unsigned)draw(d, 4) + 1);
        break;
    case 3:
        buf_printf(out, "\"emit\":{\"event\":{\"with\":{\"type\":\"t%u\",\"data\":{}}}}",
                   (unsigned)draw(d, 3));
        break;
    case 4:
        buf_printf(out,
                   "\"listen\":{\"to\":{\"one\":{\"with\":{\"type\":\"t%u\"}}}},"
                   "\"timeout\":{\"after\":\"PT9S\"}",
                   (unsigned)draw(d, 3));
        break;
    case 5:
        buf_append_str(out, "\"if\":\"${ ($context.c // 0) > 0 }\",\"raise\":{\"error\":"
                            "{\"type\":\"https://x.example/e\",\"status\":500}}");
        break;
    default:
        buf_append_str(out, "\"set\":{\"t\":\"${ tostring | test(\\\"1\\\") }\"}");
        break;
    }
}

static void one_task(struct draw *d, struct buf *out, unsigned depth)
{
    uint64_t kind = draw(d, d->parts > 0 ? 15 : 14);
    if (depth < DEPTH_MAX && kind == 0) {
        buf_append_str(out, "\"do\":");
        tasks(d, out, depth + 1);
    } else if (depth < DEPTH_MAX && kind == 1) {
        task_for(d, out, depth);
    } else if (depth < DEPTH_MAX && kind <= 3) {
        task_try(d, out, depth);
    } else if (kind == 14) {
        task_run(d, out);
    } else if (kind == 13) {
        task_approval(d, out);
    } else if (depth < DEPTH_MAX && kind == 12) {
        task_listen_each(d, out, depth);
    } else if (depth < DEPTH_MAX && kind >= 10) {
        task_fork(d, out, depth);
    } else if (kind <= 5) {
        task_call(d, out);
    } else {
        task_flat(d, out);
    }
}

static void tasks(struct draw *d, struct buf *out, unsigned depth)
{
    unsigned count = (unsigned)draw(d, 3) + 1;
    buf_append_str(out, "[");
    for (unsigned i = 0; i < count; i++) {
        buf_printf(out, "%s{\"t%u\":{", i > 0 ? "," : "", i);
        one_task(d, out, depth);
        if (depth > 0 && draw(d, 16) == 0) {
            buf_append_str(out, ",\"then\":\"end\"");
        }
        buf_append_str(out, "}}");
    }
    buf_append_str(out, "]");
}

/* ---- the world's moves ---- */

static struct sent *open_task(struct harness *h, struct draw *d)
{
    size_t open = 0;
    for (size_t i = 0; i < h->sent_count; i++) {
        open += h->sent[i].answered ? 0 : 1;
    }
    size_t wanted = open == 0 ? 0 : draw(d, open);
    for (size_t i = 0; open > 0 && i < h->sent_count; i++) {
        if (!h->sent[i].answered && wanted-- == 0) {
            return &h->sent[i];
        }
    }
    return NULL;
}

static void answer_somehow(struct harness *h, struct draw *d)
{
    struct sent *sent = open_task(h, d);
    if (sent == NULL) {
        return;
    }
    sent->answered = true;
    uint64_t how = draw(d, 10);
    struct result_command result = result_of(sent, how < 6   ? RESULT_DONE
                                                   : how < 7 ? RESULT_RECALLED
                                                             : RESULT_FAILED);
    if (result.status == RESULT_DONE) {
        static const char *const outputs[] = {"{\"n\":1}", "{}", "{\"n\":\"bad\"}", "{\"n\":7}"};
        const char *text = outputs[draw(d, 4)];
        cr_assert_eq(doc_of_text(text, strlen(text), &result.output, NULL), ERR_OK);
        result.decision.has_confidence = draw(d, 2) == 0;
        result.decision.confidence_ppm = (uint32_t)draw(d, 1000001);
    } else if (result.status == RESULT_FAILED) {
        result.failure.failure_class = (enum failure_class)(draw(d, 8) + 1);
        bool touches = strcmp(sent->agent, "pure") != 0 && sent->phase == PHASE_PERFORM;
        result.failure.effect = touches ? (enum effect_mark)(draw(d, 3) + 1) : MARK_NONE;
        result.failure.code = "drawn";
    }
    give(h, &result);
    doc_unref(&result.output);
}

static void decide_somehow(struct harness *h, struct draw *d)
{
    const struct company *company = engine_company(turn_engine(h->turn));
    for (size_t i = 0; i < h->gate_count; i++) {
        if (company_gate(company, &h->gates[i]) != NULL) {
            struct id last = h->gates[h->gate_count - 1];
            h->gates[h->gate_count - 1] = h->gates[i]; /* `verdict` takes the newest */
            h->gates[i] = last;
            uint32_t what = (uint32_t)draw(d, 3) + 1;
            verdict(h, what, what == VERDICT_EDIT ? "{\"k\":9}" : NULL);
            return;
        }
    }
}

static void evaluate_somehow(struct harness *h, struct draw *d)
{
    for (size_t i = 0; i < h->asked_count; i++) {
        if (!h->asked[i].answered) {
            if (draw(d, 4) == 0) {
                evaluated(h, NULL, "drawn");
            } else {
                evaluated(h, "true", NULL);
            }
            return;
        }
    }
}

static void move(struct harness *h, struct draw *d)
{
    switch (draw(d, 12)) {
    case 0:
    case 1:
        advance(h, (int64_t)draw(d, 3000) + 1);
        break;
    case 2: {
        char id[24];
        char type[4] = {'t', (char)('0' + draw(d, 3)), '\0'};
        (void)snprintf(id, sizeof(id), "%u", (unsigned)draw(d, 40));
        event(h, type, id, "{}");
        break;
    }
    case 3:
    case 4:
        decide_somehow(h, d);
        break;
    case 5:
    case 6:
        evaluate_somehow(h, d);
        break;
    case 7:
        if (h->instance_count > 0 && draw(d, 8) == 0) {
            cancel(h, draw(d, h->instance_count) + 1);
        }
        break;
    default:
        answer_somehow(h, d);
        break;
    }
}

/* Answer, decide and wait until all instances have ended. */
static void heal(struct harness *h, struct draw *d)
{
    for (int i = 0; i < 2000 && open_instances(h) > 0; i++) {
        evaluate_somehow(h, d);
        answer_somehow(h, d);
        decide_somehow(h, d);
        if (i % 4 == 0) {
            advance(h, 10000);
        }
    }
}

/* What the instances that are still open wait for. */
static void tell_open(struct harness *h)
{
    struct engine *engine = turn_engine(h->turn);
    for (size_t i = 0; i < h->instance_count; i++) {
        struct instance *instance = engine_instance(engine, &h->instances[i]);
        for (uint32_t f = 0; instance != NULL && f < instance->frame_count; f++) {
            const struct frame *frame = instance->frames[f];
            char step[256];
            engine_step_name(instance->plan, frame->node, frame->path, frame->activation, step,
                             sizeof(step));
            fprintf(stderr, "i%zu %s is %s (%d) since %lld, wakes %lld\n", i + 1, step,
                    frame_state_name(frame->state), (int)frame->state,
                    (long long)(frame->started_ms - h->start_ms), (long long)frame->wake_ms);
        }
        if (instance != NULL && instance->frame_count == 0) {
            fprintf(stderr, "i%zu settles its effects\n", i + 1);
        }
    }
}

static void deploy_drawn(struct harness *h, struct draw *d, const char *name, unsigned depth)
{
    struct buf text = BUF_INIT(TEXT_BYTES);
    buf_printf(&text,
               "{\"document\":{\"dsl\":\"1.0.3\",\"namespace\":\"test\",\"name\":\"%s\","
               "\"version\":\"1.0.0\"},\"do\":",
               name);
    tasks(d, &text, depth);
    buf_append_str(&text, "}");
    deploy(h, text.data);
    buf_release(&text);
}

static void play_seed(uint64_t seed, bool restarts, struct digest *ret_state, bool *ret_ended)
{
    struct draw d = {.state = seed * 0x9E3779B97F4A7C15ULL + 1};
    struct harness *h = harness_create();
    struct draw when = {.state = seed + 77};
    h->untraced = getenv("RANDOM_SEED") == NULL; /* a seed of its own shows what it does */
    /* How often an agent breaks its contract is a rate in memory: a restart forgets it, and the
     * circuit would open later than without one. */
    policy(h, "policy: 1\nunhealthy: {instances: 60}\n");
    hello(h, CONTRACT("pure", "1.0.0", "work", "[\"decide\"]", "pure"), "a", 2);
    hello(h, CONTRACT("keyed", "1.0.0", "work", "[\"perform\"]", "keyed"), "a", 1);
    hello(h, CONTRACT("manual", "1.0.0", "work", "[\"perform\"]", "manual"), "a", 1);
    hello(h, CONTRACT("both", "1.0.0", "work", "[\"decide\",\"perform\"]", "keyed"), "a", 2);
    deploy_drawn(h, &d, "p0", 2);
    d.parts = 1;
    deploy_drawn(h, &d, "p1", 2);
    d.parts = 2;
    deploy_drawn(h, &d, "flow", 0);
    for (int i = 0; i < 3; i++) {
        run(h, "{}");
    }
    for (int i = 0; i < MOVES_MAX && open_instances(h) > 0; i++) {
        move(h, &d);
        if (restarts && draw(&when, 3) == 0) {
            harness_restart(h);
        }
    }
    heal(h, &d);
    harness_replay(h);
    *ret_state = tables_state_digest(turn_tables(h->turn));
    *ret_ended = open_instances(h) == 0;
    fprintf(stderr, "%s", h->trace.size == 0 ? "" : h->trace.data);
    tell_open(h);
    harness_destroy(&h);
}

Test(random, whatever_happens_the_properties_hold)
{
    const char *only = getenv("RANDOM_SEED");
    uint64_t first = only == NULL ? 1 : strtoull(only, NULL, 10);
    uint64_t last = only == NULL ? SEEDS : first;
    for (uint64_t seed = first; seed <= last; seed++) {
        fprintf(stderr, "RANDOM_SEED=%llu\r", (unsigned long long)seed);
        struct digest plain;
        struct digest restarted;
        bool ended = false;
        play_seed(seed, false, &plain, &ended);
        cr_expect(ended, "RANDOM_SEED=%llu: instances do not end", (unsigned long long)seed);
        play_seed(seed, true, &restarted, &ended);
        cr_expect(digest_equal(&plain, &restarted), "RANDOM_SEED=%llu: restarts changed the state",
                  (unsigned long long)seed);
    }
}

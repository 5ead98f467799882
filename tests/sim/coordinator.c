#include "tests/sim/coordinator.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mailbox.h"
#include "common/base/metrics.h"
#include "common/store/kv_mem.h"
#include "coordinator/definition/expr.h"
#include "coordinator/edge/edge_private.h"
#include "coordinator/tables/tables.h"
#include "tests/sim/bus_model.h"
#include "tests/sim/checker.h"
#include "tests/sim/client.h"
#include "tests/sim/sim.h"
#include "tests/sim/stores.h"

struct coordinator {
    struct kv *kv;
    struct kv *backup;
    struct edge *edge; /* NULL: down */
    unsigned asked;    /* of mainstay-jq, and not answered */
    uint64_t life;     /* counts starts */
    bool awake;        /* a turn is on its way */
    uint64_t plan;     /* of the next turn without message; older plans are void */
};

struct kv *coordinator_kv(const struct sim *sim)
{
    return sim->coordinator->kv;
}

bool coordinator_is_up(const struct sim *sim)
{
    return sim->coordinator->edge != NULL && atomic_load(&sim->coordinator->edge->connected) &&
           sim->coordinator->edge->announced;
}

struct engine *coordinator_engine(const struct sim *sim)
{
    return sim->coordinator->edge == NULL ? NULL : turn_engine(sim->coordinator->edge->turn);
}

struct tables *coordinator_tables(const struct sim *sim)
{
    return sim->coordinator->edge == NULL ? NULL : turn_tables(sim->coordinator->edge->turn);
}

/* ---- life ---- */

enum { POLICY_STREAM = 5 }; /* play.c draws from those before */

/* Of some seeds; the same at each start, because the books know one cap of an account. */
static const char *policy_of(const struct sim *sim)
{
    static const char *const policies[] = {
        "policy: 1\nbudget: {day: 4.00 EUR}\n",
        "policy: 1\nbudget: {agents: {manual: 1.10 EUR, both: 2.00 EUR}}\n",
        ("policy: 1\nbudget: {day: 6.50 EUR, agents: {probed: 3.00 EUR}}\n"
         "failures: {budget: raise}\n"),
    };
    struct draw draw = draw_stream(sim->seed, POLICY_STREAM);
    uint64_t which = draw_below(&draw, 4 * sizeof(policies) / sizeof(policies[0]));
    return which < sizeof(policies) / sizeof(policies[0]) ? policies[which] : NULL;
}

static void start_act(struct sim *sim, void *what, uint64_t number)
{
    (void)what;
    struct coordinator *it = sim->coordinator;
    if (it->life != number || it->edge != NULL) {
        return;
    }
    struct edge_options options = {
        .bus_url = "sim", .data_dir = "sim", .metrics = "off", .version = "sim", .sync = true};
    struct error err = {0};
    options.policy_text = policy_of(sim);
    options.policy_file = options.policy_text == NULL ? NULL : "sim.yaml";
    if (edge_create(&options, &it->edge, &err) != ERR_OK) {
        sim_finding(sim, "the coordinator does not start: %s", err.message);
        sim->over = true;
        return;
    }
    sim_trace(sim, "coordinator starts", it->life, 0);
    it->awake = false;
    checker_started(sim);
    coordinator_wake(sim);
}

void coordinator_kill(struct sim *sim, bool power)
{
    struct coordinator *it = sim->coordinator;
    if (it->edge == NULL) {
        return;
    }
    edge_destroy(&it->edge);
    if (power) {
        kv_mem_crash(it->kv);
    } else {
        kv_mem_reopen(it->kv);
    }
    kv_mem_fail_commit(it->kv, 0, ERR_OK, false);
    it->life++;
    it->plan++;
    sim_after(sim, draw_between(&sim->draw, 5000, 2000000), start_act, NULL, it->life);
}

void coordinator_create(struct sim *sim)
{
    sim->coordinator = sim_alloc(sim, sizeof(*sim->coordinator));
    sim->coordinator->kv = store_clone(NULL, tables_kv_options());
    sim_after(sim, 0, start_act, NULL, 0);
}

void coordinator_destroy(struct sim *sim)
{
    struct coordinator *it = sim->coordinator;
    edge_destroy(&it->edge);
    store_close(&it->kv);
    store_close(&it->backup);
}

void coordinator_backup(struct sim *sim)
{
    struct coordinator *it = sim->coordinator;
    store_close(&it->backup);
    it->backup = store_clone(it->kv, tables_kv_options());
}

bool coordinator_restore(struct sim *sim)
{
    struct coordinator *it = sim->coordinator;
    if (it->backup == NULL || it->edge == NULL) {
        return false;
    }
    coordinator_kill(sim, true);
    store_close(&it->kv);
    it->kv = it->backup;
    it->backup = NULL;
    struct error err = {0}; /* as `mainstay restore` leaves it: it knows what it is */
    CHECK(tables_renew(it->kv, sim_wall_ms(sim), &err) == ERR_OK);
    checker_restored(sim);
    client_restored(sim);
    return true;
}

/* ---- turns ---- */

static void turn_act(struct sim *sim, void *what, uint64_t number);

static void due_act(struct sim *sim, void *what, uint64_t number)
{
    if (sim->coordinator->plan == number) {
        turn_act(sim, what, sim->coordinator->life);
    }
}

static void due_plan(struct sim *sim)
{
    struct coordinator *it = sim->coordinator;
    int64_t due_ms = edge_next_due(it->edge);
    if (due_ms == INT64_MAX || it->awake) {
        return;
    }
    int64_t left_ms = due_ms - sim->now_us / 1000;
    int64_t delay_us = left_ms <= 0 ? 10 : left_ms > 86400000 ? 86400000000 : left_ms * 1000;
    sim_after(sim, delay_us, due_act, NULL, ++it->plan);
}

static bool turn_wanted(const struct sim *sim)
{
    const struct edge *edge = sim->coordinator->edge;
    return mailbox_count(edge->mailbox) > 0 || edge_next_due(edge) <= sim->now_us / 1000 ||
           atomic_load(&edge->resend);
}

static void turn_act(struct sim *sim, void *what, uint64_t number)
{
    (void)what;
    struct coordinator *it = sim->coordinator;
    if (it->edge == NULL || it->life != number) {
        return;
    }
    it->awake = false;
    if (!turn_wanted(sim)) {
        due_plan(sim);
        return;
    }
    bool before = sim_fault(sim, FAULT_CRASH_BEFORE);
    bool after = !before && sim_fault(sim, FAULT_CRASH_AFTER);
    bool refused = !before && !after && sim_fault_draw(sim, FAULT_WRITE_FAILS);
    if (before || after || refused) {
        kv_mem_fail_commit(it->kv, 1, ERR_IO, after);
    }
    struct error err = {0};
    sim->figures.turns++;
    enum err code = edge_step(it->edge, &err);
    if (refused && code != ERR_OK) {
        sim_fault_count(sim, FAULT_WRITE_FAILS);
    } else if (refused) { /* there was nothing to write */
        kv_mem_fail_commit(it->kv, 0, ERR_OK, false);
    } else if (code != ERR_OK && !before && !after) {
        sim_finding(sim, "a turn fails: %s", err.message);
    }
    if (code != ERR_OK || before || after) {
        coordinator_kill(sim, draw_chance(&sim->draw, 500));
        return;
    }
    checker_turn(sim);
    if (sim_fault(sim, FAULT_CRASH_BETWEEN)) {
        coordinator_kill(sim, draw_chance(&sim->draw, 500));
        return;
    }
    if (turn_wanted(sim)) {
        coordinator_wake(sim);
    } else {
        due_plan(sim);
    }
}

void coordinator_wake(struct sim *sim)
{
    struct coordinator *it = sim->coordinator;
    if (it->edge == NULL || it->awake) {
        return;
    }
    it->awake = true;
    sim_after(sim, draw_between(&sim->draw, 5, 200), turn_act, NULL, it->life);
}

/* ---- in place of mailbox threads, jq child and health server ---- */

bool __real_mailbox_push(struct mailbox *mailbox, void *item);
bool __wrap_mailbox_push(struct mailbox *mailbox, void *item);
void __real_mailbox_wake(struct mailbox *mailbox);
void __wrap_mailbox_wake(struct mailbox *mailbox);

bool __wrap_mailbox_push(struct mailbox *mailbox, void *item)
{
    bool taken = __real_mailbox_push(mailbox, item);
    coordinator_wake(sim_current);
    return taken;
}

/* The turn that comes soon may find nothing and nothing due: it must not sleep then. */
void __wrap_mailbox_wake(struct mailbox *mailbox)
{
    __real_mailbox_wake(mailbox);
    coordinator_wake(sim_current);
}

struct jq {
    uint64_t life;
};

struct jq *jq_create(const char *path, jq_answer_fn *answer, void *user)
{
    (void)path;
    (void)answer;
    (void)user;
    struct jq *jq = sim_alloc(sim_current, sizeof(*jq));
    jq->life = sim_current->coordinator->life;
    sim_current->coordinator->asked = 0;
    return jq;
}

void jq_destroy(struct jq **jq)
{
    *jq = NULL;
}

void jq_answer_free(struct jq_answer *answer)
{
    if (answer != NULL) {
        json_decref(answer->value);
        free(answer);
    }
}

bool coordinator_evaluates(const struct sim *sim)
{
    return sim->coordinator->edge != NULL && sim->coordinator->asked > 0;
}

struct question {
    struct id instance;
    uint32_t frame;
    uint32_t expr;
    bool value;
};

static void answer_act(struct sim *sim, void *what, uint64_t number)
{
    const struct question *question = what;
    struct coordinator *it = sim->coordinator;
    if (it->edge == NULL || it->life != number) {
        return;
    }
    it->asked--;
    struct jq_answer *answer = calloc(1, sizeof(*answer));
    CHECK(answer != NULL);
    answer->instance = question->instance;
    answer->frame = question->frame;
    answer->expr = question->expr;
    if (sim_fault(sim, FAULT_EVALUATION_FAILS)) {
        (void)snprintf(answer->error, sizeof(answer->error), "drawn");
    } else {
        answer->value = json_boolean(question->value);
    }
    inbox_answer(it->edge, answer);
}

void jq_ask(struct jq *jq, const struct evaluate_order *order)
{
    struct sim *sim = sim_current;
    struct question *question = sim_alloc(sim, sizeof(*question));
    *question = (struct question){.instance = order->instance,
                                  .frame = order->frame,
                                  .expr = expr_id(order->expr),
                                  .value = draw_chance(&sim->draw, 700)};
    sim->coordinator->asked++;
    sim_after(sim, draw_between(&sim->draw, 500, 20000), answer_act, question, jq->life);
}

enum err edge_health_start(struct edge *edge, struct error *err)
{
    static struct metrics *registry;
    static struct metric *histogram;
    (void)err;
    if (registry == NULL) {
        registry = metrics_create("sim", "sim");
        histogram = metrics_histogram(registry, "sim_step_seconds", "unread", NULL, METRIC_SECONDS);
    }
    edge->metrics.step_seconds = histogram;
    return ERR_OK;
}

void health_stop(struct edge *edge)
{
    (void)edge;
}

void health_turn(struct edge *edge, int64_t turn_ns)
{
    (void)edge;
    (void)turn_ns;
}

/*
 * A wall clock that jumps. `advance` moves wall and boot time together; `jump_by` moves the wall
 * alone, as somebody who sets it does. Restarts explain what passed, so these are single plays.
 */
#include <string.h>

#include "tests/engine/harness.h"

static const int64_t minute = 60000;

static void jump_by(struct harness *h, int64_t ms)
{
    h->now += ms;
    h->apart_ms += ms;
    tick(h);
}

static bool held(struct harness *h)
{
    return engine_clock_held(turn_engine(h->turn));
}

static int64_t engine_time(struct harness *h)
{
    return engine_now(turn_engine(h->turn)) - h->start_ms;
}

/* One instance that waits ten minutes. */
static struct harness *waiting(void)
{
    struct harness *h = harness_create();
    deploy_tasks(h, "- w: {wait: PT10M}\n");
    run(h, "{}");
    forget_trace(h);
    return h;
}

static void finish(struct harness *h)
{
    forget_trace(h);
    harness_check(h);
    harness_replay(h);
    harness_destroy(&h);
}

Test(clock, a_jump_forward_asks_and_deadlines_go_by_the_time_that_passed)
{
    struct harness *h = waiting();
    jump_by(h, 60 * minute);
    cr_expect(held(h));
    cr_expect_eq(open_instances(h), 1, "the wait must not end by the jump");
    cr_expect_eq(table_rows(h, 'G'), 1);
    advance(h, 10 * minute - 1);
    cr_expect_eq(open_instances(h), 1);
    advance(h, 1);
    cr_expect_eq(open_instances(h), 0, "ten minutes have passed");
    cr_expect_eq(engine_time(h), 10 * minute);
    finish(h);
}

Test(clock, approved_it_is_followed_and_what_is_due_fires)
{
    struct harness *h = waiting();
    jump_by(h, 60 * minute);
    forget_trace(h);
    verdict(h, VERDICT_APPROVE, NULL);
    cr_expect_eq(h->reply, ERR_OK);
    cr_expect_not(held(h));
    tick(h);
    cr_expect_eq(engine_time(h), 60 * minute);
    cr_expect_eq(open_instances(h), 0);
    finish(h);
}

Test(clock, set_right_again_the_gate_closes_by_itself)
{
    struct harness *h = waiting();
    jump_by(h, 24 * 60 * minute);
    advance(h, 2 * minute);
    jump_by(h, -24 * 60 * minute + 3000);
    cr_expect_not(held(h));
    cr_expect_eq(table_rows(h, 'G'), 0);
    tick(h);
    cr_expect_eq(engine_time(h), 2 * minute + 3000);
    cr_expect_eq(open_instances(h), 1);
    finish(h);
}

Test(clock, rejected_it_stays_open_and_says_so)
{
    struct harness *h = waiting();
    jump_by(h, 60 * minute);
    struct id first = h->gates[h->gate_count - 1];
    verdict(h, VERDICT_EDIT, "{}");
    cr_expect_eq(h->reply, ERR_INVALID);
    verdict(h, VERDICT_REJECT, NULL);
    cr_expect_eq(h->reply, ERR_OK);
    cr_expect(held(h));
    const struct gate *gate = engine_company(turn_engine(h->turn))->clock_gate;
    cr_expect_eq(gate->revision, 2);
    cr_expect_not(id_equal(&gate->id, &first), "an old look must not decide it");
    cr_expect_not_null(strstr(gate->failure.detail, "found the clock wrong"));
    finish(h);
}

Test(clock, a_jump_back_asks_and_time_goes_on)
{
    struct harness *h = waiting();
    advance(h, 4 * minute);
    jump_by(h, -60 * minute);
    cr_expect(held(h));
    advance(h, 6 * minute);
    cr_expect_eq(open_instances(h), 0, "ten minutes have passed");
    verdict(h, VERDICT_APPROVE, NULL);
    tick(h);
    cr_expect_eq(engine_time(h), 10 * minute, "time stands until the clock has caught up");
    finish(h);
}

Test(clock, five_minutes_are_no_jump)
{
    struct harness *h = waiting();
    jump_by(h, 5 * minute);
    cr_expect_not(held(h));
    cr_expect_eq(engine_time(h), 5 * minute);
    jump_by(h, -5 * minute);
    cr_expect_not(held(h));
    cr_expect_eq(engine_time(h), 5 * minute, "now never goes back");
    finish(h);
}

Test(clock, a_clock_that_is_slewed_is_no_jump)
{
    struct harness *h = waiting();
    for (int i = 0; i < 9; i++) {
        advance(h, minute);
        jump_by(h, minute);
    }
    cr_expect_not(held(h));
    cr_expect_eq(open_instances(h), 0);
    finish(h);
}

Test(clock, downtime_and_suspension_are_no_jump)
{
    struct harness *h = waiting();
    advance(h, 5 * minute); /* suspended: both clocks went on */
    cr_expect_not(held(h));
    harness_close(h);
    h->now += 7 * 24 * 60 * minute;
    h->apart_ms = 12345; /* another boot */
    harness_open(h);
    tick(h);
    cr_expect_not(held(h));
    cr_expect_eq(open_instances(h), 0, "late, but not lost");
    finish(h);
}

Test(clock, a_clock_behind_the_journal_at_start_asks)
{
    struct harness *h = waiting();
    advance(h, 9 * minute);
    event(h, "t", "1", "{}"); /* the time is journaled */
    harness_close(h);
    h->now -= 30 * minute;
    harness_open(h);
    tick(h);
    cr_expect(held(h));
    advance(h, minute);
    cr_expect_eq(open_instances(h), 0);
    finish(h);
}

Test(clock, the_question_outlives_a_restart)
{
    struct harness *h = waiting();
    jump_by(h, 60 * minute);
    harness_restart(h);
    tick(h);
    cr_expect(held(h));
    cr_expect_eq(open_instances(h), 1);
    advance(h, 10 * minute);
    cr_expect_eq(open_instances(h), 0, "by the time that this process measured");
    verdict(h, VERDICT_APPROVE, NULL);
    cr_expect_eq(h->reply, ERR_OK);
    finish(h);
}

Test(clock, a_schedule_waits_too)
{
    struct harness *h = harness_create();
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: s, version: 1.0.0}\n"
              "schedule: {every: PT10M}\ndo: [{a: {set: {x: 1}}}]\n");
    jump_by(h, 365LL * 24 * 60 * minute);
    cr_expect_eq(h->instance_count, 0);
    advance(h, 10 * minute);
    cr_expect_eq(h->instance_count, 1);
    finish(h);
}

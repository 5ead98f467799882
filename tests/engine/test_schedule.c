/*
 * Runs by time. The virtual clock starts at 2025-06-15T15:06:40Z.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "coordinator/definition/zone.h"
#include "tests/engine/harness.h"

static void deploy_schedule(struct harness *h, const char *version, const char *metadata,
                            const char *schedule, const char *tasks)
{
    struct buf text = BUF_INIT(64 * 1024);
    buf_printf(&text,
               "document: {dsl: 1.0.3, namespace: test, name: flow, version: %s,\n"
               "           metadata: {%s}}\n%s\ndo:\n%s",
               version, metadata, schedule, tasks);
    deploy(h, text.data);
    buf_release(&text);
}

static void zone(struct harness *h, const char *name, const char *file)
{
    char path[512];
    snprintf(path, sizeof(path), TEST_DATA_DIR "/tz/%s", file);
    FILE *stream = fopen(path, "rb");
    cr_assert_not_null(stream);
    char bytes[8192];
    size_t size = fread(bytes, 1, sizeof(bytes), stream);
    fclose(stream);
    harness_begin(h);
    harness_command(
        h, &(struct command){.kind = COMMAND_ZONE,
                             .token = 1,
                             .zone = {.name = name, .rules = {.data = bytes, .size = size}}});
    cr_assert(harness_end(h));
}

#define ONE_STEP "- a: {set: '${ . }'}\n"

SCENARIO(schedule, every_runs_once_an_interval)
{
    deploy_schedule(h, "1.0.0", "", "schedule: {every: PT10S}", ONE_STEP);
    cr_expect_eq(turn_next_due(h->turn), h->now + 10000);
    advance(h, 9999);
    advance(h, 1);
    advance(h, 10000);
    EXPECT("schedule-set type=test/flow at=+10000\n"
           "+10000\n"
           "schedule-set type=test/flow at=+20000\n"
           "i1 instance-started in={\"due\":\"2025-06-15T15:06:50Z\","
           "\"next\":\"2025-06-15T15:07:00Z\"}\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a ^ out={\"due\":\"2025-06-15T15:06:50Z\","
           "\"next\":\"2025-06-15T15:07:00Z\"}\n"
           "i1 instance-completed out={\"due\":\"2025-06-15T15:06:50Z\","
           "\"next\":\"2025-06-15T15:07:00Z\"}\n"
           "+20000\n"
           "schedule-set type=test/flow at=+30000\n"
           "i2 instance-started in={\"due\":\"2025-06-15T15:07:00Z\","
           "\"next\":\"2025-06-15T15:07:10Z\"}\n"
           "i2 workflow-entered\n"
           "i2 step-ran /do/0/a ^ out={\"due\":\"2025-06-15T15:07:00Z\","
           "\"next\":\"2025-06-15T15:07:10Z\"}\n"
           "i2 instance-completed out={\"due\":\"2025-06-15T15:07:00Z\","
           "\"next\":\"2025-06-15T15:07:10Z\"}\n");
}

SCENARIO(schedule, runs_overlap)
{
    deploy_schedule(h, "1.0.0", "", "schedule: {every: PT10S}", "- w: {wait: PT1H}\n");
    for (int i = 0; i < 5; i++) {
        advance(h, 10000);
    }
    forget_trace(h);
    cr_expect_eq(open_instances(h), 5);
}

SCENARIO(schedule, what_downtime_missed_runs_once_late_and_the_rhythm_stays)
{
    deploy_schedule(h, "1.0.0", "", "schedule: {every: PT10S}", "- w: {wait: PT1H}\n");
    advance(h, 123456);
    EXPECT("schedule-set type=test/flow at=+10000\n"
           "+123456\n"
           "schedule-set type=test/flow at=+130000\n"
           "i1 instance-started in={\"due\":\"2025-06-15T15:06:50Z\","
           "\"next\":\"2025-06-15T15:08:50Z\"}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={\"due\":\"2025-06-15T15:06:50Z\","
           "\"next\":\"2025-06-15T15:08:50Z\"}\n");
    tick(h);
    EXPECT("");
}

SCENARIO(schedule, after_counts_from_the_end_of_the_run_however_it_ends)
{
    deploy_schedule(h, "1.0.0", "", "schedule: {after: PT10S}",
                    "- w: {wait: PT1M}\n"
                    "- r: {if: '${ .due < \"2025-06-15T15:07:40Z\" }', raise: {error: {type: x, "
                    "status: 500}}}\n");
    EXPECT("schedule-set type=test/flow at=+0\n"
           "schedule-set type=test/flow waits\n"
           "i1 instance-started in={\"due\":\"2025-06-15T15:06:40Z\"}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={\"due\":\"2025-06-15T15:06:40Z\"}\n");
    advance(h, 60000); /* faulted */
    cr_expect_eq(open_instances(h), 0);
    advance(h, 9999);
    cr_expect_eq(open_instances(h), 0);
    advance(h, 1);
    cr_expect_eq(open_instances(h), 1);
    cancel(h, 2);
    cr_expect_eq(open_instances(h), 0);
    advance(h, 9999);
    cr_expect_eq(open_instances(h), 0);
    advance(h, 1);
    cr_expect_eq(open_instances(h), 1);
    advance(h, 60000); /* completed */
    cr_expect_eq(open_instances(h), 0);
    cr_expect_eq(turn_next_due(h->turn), h->now + 10000);
    forget_trace(h);
}

SCENARIO(schedule, after_is_not_bound_to_instances_started_otherwise)
{
    deploy_schedule(h, "1.0.0", "", "schedule: {after: PT10S}", "- w: {wait: PT1M}\n");
    advance(h, 1000);
    run(h, "{}");
    advance(h, 59000); /* the scheduled one ends, the other is open */
    cr_expect_eq(turn_next_due(h->turn), h->now + 1000);
    advance(h, 1000);
    cr_expect_eq(turn_next_due(h->turn), h->now + 9000);
    forget_trace(h);
}

SCENARIO(schedule, a_newer_version_takes_over)
{
    deploy_schedule(h, "1.0.0", "", "schedule: {every: PT10S}", ONE_STEP);
    advance(h, 4000);
    deploy_schedule(h, "1.1.0", "", "schedule: {every: PT10S}", "- b: {set: {x: 11}}\n");
    deploy_schedule(h, "1.0.5", "", "schedule: {every: PT1S}", "- c: {set: {x: 5}}\n");
    advance(h, 6000);
    EXPECT("schedule-set type=test/flow at=+10000\n"
           "+4000\n"
           "schedule-set type=test/flow at=+10000\n" /* same interval, same rhythm */
           "+10000\n"                                /* 1.0.5 is not the latest */
           "schedule-set type=test/flow at=+20000\n"
           "i1 instance-started in={\"due\":\"2025-06-15T15:06:50Z\","
           "\"next\":\"2025-06-15T15:07:00Z\"}\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/b ^ out={\"x\":11}\n"
           "i1 instance-completed out={\"x\":11}\n");
    deploy_schedule(h, "1.2.0", "", "schedule: {every: PT1M}", ONE_STEP);
    deploy_schedule(h, "1.3.0", "", "", ONE_STEP);
    EXPECT("schedule-set type=test/flow at=+70000\n" /* another interval begins now */
           "schedule-ended type=test/flow\n");
    cr_expect_eq(turn_next_due(h->turn), INT64_MAX);
    cr_expect_eq(table_rows(h, 'H'), 0);
}

static void retire(struct harness *h, const char *name, bool force)
{
    harness_begin(h);
    harness_command(
        h, &(struct command){
               .kind = COMMAND_RETIRE,
               .token = 1,
               .retire = {.definition = name, .reason = "r", .person = "ann", .force = force}});
    cr_assert(harness_end(h));
}

SCENARIO(schedule, a_retired_version_runs_no_more)
{
    deploy_schedule(h, "1.0.0", "", "schedule: {every: PT10S}", ONE_STEP);
    deploy_schedule(h, "2.0.0", "", "schedule: {every: PT1M}", ONE_STEP);
    forget_trace(h);
    retire(h, "test/flow:2.0.0", false);
    cr_expect_eq(turn_next_due(h->turn), h->now + 10000);
    retire(h, "test/flow:1.0.0", false);
    cr_expect_eq(h->reply, ERR_REFUSED); /* nothing would run any more */
    retire(h, "test/flow:1.0.0", true);
    cr_expect_eq(turn_next_due(h->turn), INT64_MAX);
    cr_expect_eq(table_rows(h, 'H'), 0);
    forget_trace(h);
}

SCENARIO(schedule, a_newer_version_waits_for_the_open_run)
{
    deploy_schedule(h, "1.0.0", "", "schedule: {after: PT10S}", "- w: {wait: PT1M}\n");
    advance(h, 1000);
    deploy_schedule(h, "2.0.0", "", "schedule: {after: PT30S}", ONE_STEP);
    advance(h, 59000);
    cr_expect_eq(turn_next_due(h->turn), h->now + 30000);
    advance(h, 30000);
    cr_expect_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(schedule, equal_times_fire_in_order_of_name_before_timers)
{
    static const char *const names[] = {"zebra", "ant", "bee"};
    deploy_tasks(h, "- w: {wait: PT10S}\n");
    run(h, "{}");
    for (size_t i = 0; i < 3; i++) {
        char text[256];
        snprintf(text, sizeof(text),
                 "document: {dsl: 1.0.3, namespace: test, name: %s, version: 1.0.0}\n"
                 "schedule: {every: PT10S}\ndo: [{a: {set: {x: 1}}}]\n",
                 names[i]);
        deploy(h, text);
    }
    forget_trace(h);
    advance(h, 10000);
    EXPECT("+10000\n"
           "schedule-set type=test/ant at=+20000\n"
           "i2 instance-started in={\"due\":\"2025-06-15T15:06:50Z\","
           "\"next\":\"2025-06-15T15:07:00Z\"}\n"
           "i2 workflow-entered\n"
           "i2 step-ran /do/0/a ^ out={\"x\":1}\n"
           "i2 instance-completed out={\"x\":1}\n"
           "schedule-set type=test/bee at=+20000\n"
           "i3 instance-started in={\"due\":\"2025-06-15T15:06:50Z\","
           "\"next\":\"2025-06-15T15:07:00Z\"}\n"
           "i3 workflow-entered\n"
           "i3 step-ran /do/0/a ^ out={\"x\":1}\n"
           "i3 instance-completed out={\"x\":1}\n"
           "schedule-set type=test/zebra at=+20000\n"
           "i4 instance-started in={\"due\":\"2025-06-15T15:06:50Z\","
           "\"next\":\"2025-06-15T15:07:00Z\"}\n"
           "i4 workflow-entered\n"
           "i4 step-ran /do/0/a ^ out={\"x\":1}\n"
           "i4 instance-completed out={\"x\":1}\n"
           "i1 timer-fired /do/0/w\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n");
}

SCENARIO(schedule, cron_follows_the_zone)
{
    zone(h, "Europe/Berlin", "Europe-Berlin");
    deploy_schedule(h, "1.0.0", "mainstay: {timezone: Europe/Berlin}",
                    "schedule: {cron: 30 2 * * *}", ONE_STEP);
    /* 16 June 02:30 in Berlin is 00:30Z */
    EXPECT("zone-set type=Europe/Berlin\n"
           "schedule-set type=test/flow at=+33800000\n");
    advance(h, 33800000);
    EXPECT("+33800000\n"
           "schedule-set type=test/flow at=+120200000\n"
           "i1 instance-started in={\"due\":\"2025-06-16T00:30:00Z\","
           "\"next\":\"2025-06-17T00:30:00Z\"}\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a ^ out={\"due\":\"2025-06-16T00:30:00Z\","
           "\"next\":\"2025-06-17T00:30:00Z\"}\n"
           "i1 instance-completed out={\"due\":\"2025-06-16T00:30:00Z\","
           "\"next\":\"2025-06-17T00:30:00Z\"}\n");
}

/* The next run is due then, and starts then: one instance, of this due time. */
static void expect_run(struct harness *h, const char *due)
{
    int64_t at = 0;
    cr_assert(clock_parse(due, &at));
    cr_assert_eq(turn_next_due(h->turn), at, "not due at %s", due);
    size_t before = h->instance_count;
    h->now = at - 1;
    tick(h);
    cr_expect_eq(h->instance_count, before, "before %s", due);
    advance(h, 1);
    cr_assert_eq(h->instance_count, before + 1, "not started at %s", due);
    struct id id = id_of_schedule("test/flow", at);
    cr_expect(id_equal(&id, &h->instances[before]));
}

SCENARIO(schedule, a_time_that_occurs_twice_runs_once)
{
    zone(h, "Europe/Berlin", "Europe-Berlin");
    h->now = INT64_C(1761393600000); /* 2025-10-25T12:00:00Z */
    deploy_schedule(h, "1.0.0", "mainstay: {timezone: Europe/Berlin}",
                    "schedule: {cron: 30 2 * * *}", ONE_STEP);
    expect_run(h, "2025-10-26T00:30:00Z");
    expect_run(h, "2025-10-27T01:30:00Z");
    forget_trace(h);
}

SCENARIO(schedule, a_time_that_does_not_exist_runs_at_the_change)
{
    zone(h, "Europe/Berlin", "Europe-Berlin");
    h->now = INT64_C(1774699200000); /* 2026-03-28T12:00:00Z */
    deploy_schedule(h, "1.0.0", "mainstay: {timezone: Europe/Berlin}",
                    "schedule: {cron: 30 2 * * *}", ONE_STEP);
    expect_run(h, "2026-03-29T01:00:00Z");
    expect_run(h, "2026-03-30T00:30:00Z");
    forget_trace(h);
}

SCENARIO(schedule, a_rhythm_runs_twice_in_an_hour_that_occurs_twice)
{
    zone(h, "America/New_York", "America-New_York");
    h->now = INT64_C(1762059000000); /* 2025-11-02T04:50:00Z */
    deploy_schedule(h, "1.0.0", "mainstay: {timezone: America/New_York}",
                    "schedule: {cron: 30 * * * *}", ONE_STEP);
    expect_run(h, "2025-11-02T05:30:00Z");
    expect_run(h, "2025-11-02T06:30:00Z");
    expect_run(h, "2025-11-02T07:30:00Z");
    forget_trace(h);
}

SCENARIO(schedule, a_rhythm_does_not_run_in_an_hour_that_is_skipped)
{
    zone(h, "America/New_York", "America-New_York");
    h->now = INT64_C(1772952600000); /* 2026-03-08T06:50:00Z */
    deploy_schedule(h, "1.0.0", "mainstay: {timezone: America/New_York}",
                    "schedule: {cron: '*/30 2 * * *'}", ONE_STEP);
    expect_run(h, "2026-03-09T06:00:00Z");
    forget_trace(h);
}

SCENARIO(schedule, new_rules_of_a_zone_move_what_is_not_due_yet)
{
    zone(h, "Europe/Berlin", "Asia-Kolkata");
    deploy_schedule(h, "1.0.0", "mainstay: {timezone: Europe/Berlin}",
                    "schedule: {cron: 0 0 * * *}", ONE_STEP);
    zone(h, "Europe/Berlin", "Asia-Kolkata"); /* known */
    zone(h, "Europe/Berlin", "Europe-Berlin");
    EXPECT("zone-set type=Europe/Berlin\n"
           "schedule-set type=test/flow at=+12200000\n" /* 18:30Z */
           "zone-set type=Europe/Berlin\n"
           "schedule-set type=test/flow at=+24800000\n"); /* 22:00Z */
}

SCENARIO(schedule, an_unknown_zone_is_refused)
{
    static const char text[] =
        "document: {dsl: 1.0.3, namespace: test, name: flow, version: 1.0.0,\n"
        "           metadata: {mainstay: {timezone: Europe/Berlin}}}\n"
        "schedule: {cron: 0 0 * * *}\ndo: [{a: {set: {x: 1}}}]\n";
    cr_expect_eq(deploy_try(h, text), ERR_NOT_FOUND);
    EXPECT("> not found: the time zone 'Europe/Berlin' is not known here\n");
}

SCENARIO(schedule, a_run_is_named_by_its_due_time)
{
    deploy_schedule(h, "1.0.0", "", "schedule: {every: PT10S}", ONE_STEP);
    advance(h, 10000);
    struct id id = id_of_schedule("test/flow", h->start_ms + 10000);
    cr_expect(id_equal(&id, &h->instances[0]));
    forget_trace(h);
}

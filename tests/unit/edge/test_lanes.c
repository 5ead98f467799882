/* Turns between lanes. The bus is replaced by the linker (CMakeLists.txt): messages are what the
 * tests say. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mailbox.h"
#include "coordinator/edge/conduct.h"
#include "coordinator/edge/edge_private.h"
#include "coordinator/edge/lanes.h"

enum { LANES_MAX = 4, TAKEN_MAX = 4096, NOW = 1000000000 };

struct bus_pull {
    struct bus_pull_options options;
    size_t consumed;
    size_t kicks;
};

static struct bus_pull pulls[LANES_MAX];
static size_t pull_count;
static uint64_t purged_to;
static struct bus_consumer_state taken_state;
static enum err state_asked;
static size_t destroyed;

enum err __wrap_bus_pull_start(struct bus *bus, const struct bus_pull_options *options,
                               struct bus_pull **ret_pull, struct error *err);
void __wrap_bus_pull_consumed(struct bus_pull *pull, size_t count);
void __wrap_bus_pull_kick(struct bus_pull *pull);
void __wrap_bus_pull_stop(struct bus_pull **pull);
void __wrap_bus_msg_destroy(struct bus_msg **msg);
enum err __wrap_bus_consumer_state(struct bus *bus, const char *stream, const char *consumer,
                                   struct bus_consumer_state *ret_state, struct error *err);
enum err __wrap_bus_stream_purge(struct bus *bus, const char *stream, uint64_t sequence,
                                 struct error *err);

enum err __wrap_bus_pull_start(struct bus *bus, const struct bus_pull_options *options,
                               struct bus_pull **ret_pull, struct error *err)
{
    (void)bus;
    (void)err;
    *ret_pull = &pulls[pull_count++];
    (*ret_pull)->options = *options;
    return ERR_OK;
}

void __wrap_bus_pull_consumed(struct bus_pull *pull, size_t count)
{
    pull->consumed += count;
}

void __wrap_bus_pull_kick(struct bus_pull *pull)
{
    pull->kicks++;
}

void __wrap_bus_pull_stop(struct bus_pull **pull)
{
    *pull = NULL;
}

void __wrap_bus_msg_destroy(struct bus_msg **msg)
{
    destroyed += *msg != NULL ? 1 : 0;
    free(*msg);
    *msg = NULL;
}

enum err __wrap_bus_consumer_state(struct bus *bus, const char *stream, const char *consumer,
                                   struct bus_consumer_state *ret_state, struct error *err)
{
    (void)bus;
    (void)stream;
    (void)consumer;
    (void)err;
    *ret_state = taken_state;
    return state_asked;
}

enum err __wrap_bus_stream_purge(struct bus *bus, const char *stream, uint64_t sequence,
                                 struct error *err)
{
    (void)bus;
    (void)stream;
    (void)err;
    purged_to = sequence;
    return ERR_OK;
}

/* ---- helpers ---- */

static struct edge *edge;

static void begin(void)
{
    edge = calloc(1, sizeof(*edge));
    taken_state = (struct bus_consumer_state){.ack_floor_sequence = 77, .delivered_sequence = 100};
    state_asked = ERR_OK;
    edge->mailbox = mailbox_create(16);
    edge->lanes = lanes_create(edge);
    atomic_store(&edge->connected, true);
    struct error err = {0};
    static const char *const stores[] = {"one", "two", "three"};
    for (size_t i = 0; i < 3; i++) {
        char stream[64];
        (void)snprintf(stream, sizeof(stream), "RESULTS_%s_main", stores[i]);
        cr_assert_eq(lane_open(edge->lanes, stream, stores[i], "main", true, &err), ERR_OK);
    }
}

static void end(void)
{
    lanes_close(edge->lanes);
    lanes_destroy(&edge->lanes);
    mailbox_destroy(&edge->mailbox, NULL);
    free(edge);
}

static void arrive(size_t lane, size_t count, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        struct bus_msg *msg = calloc(1, sizeof(*msg));
        msg->size = size;
        msg->stream_sequence = lane;
        pulls[lane].options.deliver(pulls[lane].options.user, msg);
    }
}

/* Take `most`; how many of them came in which lane. */
static size_t take(size_t most, size_t counts[LANES_MAX])
{
    static struct item *items[TAKEN_MAX];
    size_t taken = lanes_take(edge->lanes, items, most, NOW);
    memset(counts, 0, LANES_MAX * sizeof(counts[0]));
    for (size_t i = 0; i < taken; i++) {
        counts[items[i]->msg->stream_sequence]++;
        lane_done(items[i]->lane, items[i]->msg->size);
        item_destroy(&items[i]);
    }
    return taken;
}

TestSuite(lanes, .init = begin, .fini = end);

Test(lanes, a_full_lane_stands_before_nobody_else)
{
    size_t counts[LANES_MAX];
    arrive(0, 1000, 50 * 1024);
    arrive(1, 3, 1024);
    arrive(2, 3, 1024);
    cr_expect_eq(take(16, counts), 16);
    cr_expect_eq(counts[1], 3, "%zu", counts[1]);
    cr_expect_eq(counts[2], 3);
    cr_expect_eq(counts[0], 10, "what the others do not need is its own");
    cr_expect_eq(lanes_count(edge->lanes), 990);
}

Test(lanes, shares_are_of_bytes_and_not_of_messages)
{
    size_t counts[LANES_MAX];
    arrive(0, 200, 32 * 1024);
    arrive(1, 2000, 1024);
    cr_expect_eq(take(330, counts), 330);
    size_t more =
        counts[0] * 32 > counts[1] ? counts[0] * 32 - counts[1] : counts[1] - counts[0] * 32;
    cr_expect_leq(more, LANE_QUANTUM / 1024 + 32, "%zu large and %zu small", counts[0], counts[1]);
}

Test(lanes, a_message_larger_than_a_share_has_its_turn)
{
    size_t counts[LANES_MAX];
    arrive(0, 2, 20 * LANE_QUANTUM);
    cr_expect_eq(take(10, counts), 2);
}

Test(lanes, the_next_step_goes_on_with_the_next_lane)
{
    size_t counts[LANES_MAX];
    for (size_t lane = 0; lane < 3; lane++) {
        arrive(lane, 10, LANE_QUANTUM);
    }
    cr_expect_eq(take(1, counts), 1);
    cr_expect_eq(counts[0], 1);
    cr_expect_eq(take(1, counts), 1);
    cr_expect_eq(counts[1], 1);
    cr_expect_eq(take(1, counts), 1);
    cr_expect_eq(counts[2], 1);
}

Test(lanes, credit_goes_back_to_the_lane_it_is_of)
{
    size_t counts[LANES_MAX];
    arrive(0, 5, 10);
    arrive(2, 7, 10);
    (void)take(100, counts);
    cr_expect_eq(pulls[0].consumed, 5);
    cr_expect_eq(pulls[1].consumed, 0);
    cr_expect_eq(pulls[2].consumed, 7);
}

Test(lanes, what_was_taken_from_a_lane_that_closed_meanwhile_is_nobodys_credit)
{
    struct item *items[2];
    struct error err = {0};
    arrive(0, 2, 10);
    cr_assert_eq(lanes_take(edge->lanes, items, 1, NOW), 1);
    lane_close(edge->lanes, "RESULTS_one_main");
    cr_expect_eq(lanes_count(edge->lanes), 0);
    cr_expect_eq(destroyed, 1, "what waited comes again, or its stream is gone");
    cr_assert_eq(lane_open(edge->lanes, "RESULTS_one_main", "one", "main", true, &err), ERR_OK);
    lane_done(items[0]->lane, 10);
    cr_expect_eq(pulls[0].consumed + pulls[3].consumed, 0);
    arrive(0, 1, 10);
    cr_expect_eq(lanes_count(edge->lanes), 0, "a late delivery of the closed one");
    item_destroy(&items[0]);
}

Test(lanes, an_open_lane_asks_again_only_when_its_consumer_was_made)
{
    struct error err = {0};
    cr_expect_eq(lane_open(edge->lanes, "RESULTS_two_main", "two", "main", false, &err), ERR_OK);
    cr_expect_eq(pulls[1].kicks, 0);
    cr_expect_eq(lane_open(edge->lanes, "RESULTS_two_main", "two", "main", true, &err), ERR_OK);
    cr_expect_eq(pulls[1].kicks, 1);
    cr_expect_eq(pull_count, 3);
}

Test(lanes, what_was_taken_is_purged_before_the_bound_is_reached)
{
    size_t counts[LANES_MAX];
    arrive(0, LANE_TRIM_MESSAGES - 1, 10);
    (void)take(TAKEN_MAX, counts);
    lanes_trim(edge->lanes, NOW);
    cr_expect_eq(purged_to, 0);
    arrive(0, 1, 10);
    (void)take(TAKEN_MAX, counts);
    lanes_trim(edge->lanes, NOW);
    cr_expect_eq(purged_to, 77);
    purged_to = 0;
    arrive(1, 2, LANE_TRIM_BYTES / 2);
    (void)take(TAKEN_MAX, counts);
    lanes_trim(edge->lanes, NOW);
    cr_expect_eq(purged_to, 77, "bytes count as well");
}

/* An acknowledgement was lost and its message is delivered again much later, when the stream is
 * full: its store could say nothing any more, and nothing came that would have had it trimmed. */
Test(lanes, a_full_stream_of_taken_messages_is_trimmed_though_nothing_comes)
{
    size_t counts[LANES_MAX];
    taken_state = (struct bus_consumer_state){.ack_floor_sequence = 0, .delivered_sequence = 8192};
    arrive(0, LANE_TRIM_MESSAGES, 10);
    (void)take(TAKEN_MAX, counts);
    cr_expect_eq(lanes_due(edge->lanes, NOW), INT64_MAX);
    lanes_trim(edge->lanes, NOW);
    cr_assert_eq(purged_to, 0);
    int64_t due = lanes_due(edge->lanes, NOW);
    cr_expect_eq(due, NOW + 1000);
    taken_state.ack_floor_sequence = 8192;
    lanes_trim(edge->lanes, due - 1);
    cr_expect_eq(purged_to, 0);
    lanes_trim(edge->lanes, due);
    cr_expect_eq(purged_to, 8192);
    cr_expect_eq(lanes_due(edge->lanes, due), INT64_MAX, "and that was all");
}

Test(lanes, large_messages_are_trimmed_later_too)
{
    size_t counts[LANES_MAX];
    taken_state = (struct bus_consumer_state){.ack_floor_sequence = 4, .delivered_sequence = 20};
    arrive(0, 16, 1024 * 1024);
    (void)take(TAKEN_MAX, counts);
    lanes_trim(edge->lanes, NOW);
    cr_expect_eq(lanes_due(edge->lanes, NOW), NOW + 1000);
    taken_state.ack_floor_sequence = 17;
    lanes_trim(edge->lanes, NOW + 1000);
    cr_expect_eq(lanes_due(edge->lanes, NOW), INT64_MAX, "three are on their way");
}

Test(lanes, a_trim_that_failed_is_tried_again_when_there_is_a_connection)
{
    size_t counts[LANES_MAX];
    state_asked = ERR_TIMEOUT;
    arrive(0, LANE_TRIM_MESSAGES, 10);
    (void)take(TAKEN_MAX, counts);
    lanes_trim(edge->lanes, NOW);
    cr_expect_eq(lanes_due(edge->lanes, NOW), NOW + 1000);
    atomic_store(&edge->connected, false);
    cr_expect_eq(lanes_due(edge->lanes, NOW + 2000), INT64_MAX, "no turn for what cannot be done");
    lanes_trim(edge->lanes, NOW + 2000);
    atomic_store(&edge->connected, true);
    state_asked = ERR_OK;
    lanes_trim(edge->lanes, NOW + 2000);
    cr_expect_eq(purged_to, 77);
    cr_expect_eq(lanes_due(edge->lanes, NOW + 2000), INT64_MAX);
}

Test(lanes, one_that_rests_waits_and_the_others_have_its_share)
{
    size_t counts[LANES_MAX];
    arrive(0, 10, 1024);
    arrive(1, 10, 1024);
    cr_assert_eq(take(2, counts), 2);
    struct item *items[1];
    cr_assert_eq(lanes_take(edge->lanes, items, 1, NOW), 1);
    lane_useless(items[0]->lane, CONDUCT_ANSWERS + 1, items[0]->msg, NOW);
    size_t bad = items[0]->msg->stream_sequence;
    item_destroy(&items[0]);
    (void)take(TAKEN_MAX, counts);
    cr_expect_eq(counts[bad], 0);
    cr_expect_eq(counts[1 - bad] + lanes_count(edge->lanes), 17);
    int64_t due = lanes_due(edge->lanes, NOW);
    cr_expect_gt(due, NOW, "nothing can be taken at once");
    cr_expect_leq(due, NOW + 1200);
    cr_expect_gt(lanes_take(edge->lanes, items, 1, due), 0, "and then its turn comes");
    item_destroy(&items[0]);
}

Test(lanes, what_comes_beside_one_that_rests_is_taken_at_once, .timeout = 20)
{
    struct item *items[1];
    void *nothing[1];
    arrive(0, 2, 10);
    cr_assert_eq(mailbox_take_all(edge->mailbox, CLOCK_FOREVER, nothing, 1), 0, "woken");
    cr_assert_eq(lanes_take(edge->lanes, items, 1, NOW), 1);
    lane_useless(items[0]->lane, CONDUCT_ANSWERS + 1, items[0]->msg, NOW);
    item_destroy(&items[0]);
    arrive(1, 1, 10);
    cr_expect_eq(mailbox_take_all(edge->mailbox, CLOCK_FOREVER, nothing, 1), 0, "woken again");
    cr_expect_eq(lanes_take(edge->lanes, items, 1, NOW), 1);
    cr_expect_eq(items[0]->msg->stream_sequence, 1);
    item_destroy(&items[0]);
}

Test(lanes, of_letters_that_are_not_kept_the_number_is_told_with_the_store)
{
    uint64_t count = 0;
    const char *why = NULL;
    const char *agent = NULL;
    const char *store = NULL;
    struct conduct *conduct = lanes_conduct(edge->lanes, "two", "main");
    cr_expect_neq(conduct, lanes_conduct(edge->lanes, "one", "main"));
    cr_expect_eq(lanes_conduct(edge->lanes, "none", "main"), lanes_conduct(edge->lanes, "", ""));
    while (conduct_letter(conduct, 65536, "bad bytes", NOW)) {
    }
    cr_expect_not(lanes_tell(edge->lanes, NOW, &count, &why, &agent, &store));
    int64_t due = lanes_due(edge->lanes, NOW);
    cr_expect_eq(due, NOW + CONDUCT_TELL_MS);
    cr_assert(lanes_tell(edge->lanes, due, &count, &why, &agent, &store));
    cr_expect_eq(count, 1);
    cr_expect_str_eq(why, "bad bytes");
    cr_expect_str_eq(agent, "two");
    cr_expect_str_eq(store, "main");
    cr_expect_not(lanes_tell(edge->lanes, due, &count, &why, &agent, &store));
}

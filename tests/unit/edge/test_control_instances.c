/* run, wait, list, describe, cancel, explain. */
#include <stdio.h>

#include "tests/unit/edge/office.h"

Test(instances, wait_is_answered_when_the_instance_ends)
{
    struct office *office = office_open();
    char id[33];
    char body[80];
    office_hello(office);
    office_deploy(office, definition_price);
    office_run(office, "t/price", "{'weight': 3}", id);
    (void)snprintf(body, sizeof(body), "{'instance': '%.8s', 'timeout_ms': 60000}", id);
    uint64_t token = office_send(office, "wait", body);
    cr_assert_null(office_reply(office, token));
    cr_assert_eq(control_open_requests(office->control), 1);
    struct office_task task = office_take(office);
    cr_assert_str_eq(task.action, "price");
    cr_assert_eq(json_int_of(task.input, "weight", 0), 3);
    office_done(office, &task, "{'amount': 7}");
    const struct office_reply *reply = office_reply(office, token);
    cr_assert_not_null(reply);
    cr_assert_eq(reply->code, ERR_OK);
    cr_assert_str_eq(text_of(reply->body, "instance"), id);
    cr_assert_str_eq(text_of(reply->body, "status"), "completed");
    cr_assert_eq(json_int_of(json_object_get(reply->body, "output"), "amount", 0), 7);
    cr_assert_eq(control_open_requests(office->control), 0);
    const json_t *again = office_get(office, "wait", "{'instance': '%s'}", id);
    cr_assert_str_eq(text_of(again, "status"), "completed");
    cr_assert_eq(json_int_of(json_object_get(again, "output"), "amount", 0), 7);
    office_close(&office);
}

Test(instances, wait_times_out_with_the_status_so_far)
{
    struct office *office = office_open();
    char id[33];
    char body[80];
    office_deploy(office, definition_nap);
    office_run(office, "t/nap", "{}", id);
    (void)snprintf(body, sizeof(body), "{'instance': '%s', 'timeout_ms': 5000}", id);
    int64_t now = office->now;
    uint64_t token = office_send(office, "wait", body);
    cr_assert_eq(control_next_due(office->control), now + 5000);
    control_timeouts(office->control, now + 4999);
    cr_assert_null(office_reply(office, token));
    control_timeouts(office->control, now + 5000);
    const struct office_reply *reply = office_reply(office, token);
    cr_assert_not_null(reply);
    cr_assert_eq(reply->code, ERR_TIMEOUT);
    cr_assert_str_eq(text_of(reply->body, "status"), "waiting");
    cr_assert_eq(control_next_due(office->control), INT64_MAX);
    office_pass(office, 3600 * 1000);
    cr_assert_eq(control_open_requests(office->control), 0);
    const json_t *after = office_get(office, "wait", "{'instance': '%s'}", id);
    cr_assert_str_eq(text_of(after, "status"), "completed");
    office_close(&office);
}

Test(instances, wait_says_which_person_is_asked)
{
    struct office *office = office_open();
    char id[33];
    char body[80];
    office_hello(office);
    office_deploy(office, definition_price);
    office_run(office, "t/price", "{'weight': 3}", id);
    (void)snprintf(body, sizeof(body), "{'instance': '%s'}", id);
    uint64_t token = office_send(office, "wait", body);
    struct office_task task = office_take(office);
    office_failed(office, &task, FAILURE_CONTRACT, "no access", "the key was refused");
    const struct office_reply *reply = office_reply(office, token);
    cr_assert_not_null(reply);
    cr_assert_str_eq(text_of(reply->body, "status"), "suspended");
    char gate[33];
    (void)snprintf(gate, sizeof(gate), "%s", text_of(reply->body, "gate"));
    const json_t *now = office_get(office, "wait", "{'instance': '%s'}", id);
    cr_assert_str_eq(text_of(now, "gate"), gate);
    office_close(&office);
}

Test(instances, a_cancelled_instance_stays_cancelled)
{
    struct office *office = office_open();
    char id[33];
    office_deploy(office, definition_nap);
    office_run(office, "t/nap", "{}", id);
    const json_t *reply =
        office_get(office, "instances.cancel", "{'instance': '%.10s', 'reason': 'mistake'}", id);
    cr_assert_str_eq(text_of(reply, "instance"), id);
    cr_assert_str_eq(text_of(reply, "status"), "cancelled");
    struct office_reply *again = office_ask(office, "instances.cancel", "{'instance': '%s'}", id);
    cr_assert_eq(again->code, ERR_CONFLICT);
    cr_assert_not_null(strstr(again->error, "has ended already"));
    office_close(&office);
}

/* Ids are hashes; two request ids whose instances share six digits are looked for first. */
Test(instances, a_prefix_of_several_is_refused_with_their_names)
{
    struct office *office = office_open();
    office_deploy(office, definition_nap);
    const json_t *list = office_get(office, "definitions.ls", "{}");
    struct digest digest;
    const json_t *row = json_array_get(json_object_get(list, "definitions"), 0);
    cr_assert(digest_of_hex(text_of(row, "digest"), &digest));
    enum { TRIED = 400 };
    static char ids[TRIED][ID_HEX_BYTES];
    size_t one = 0;
    size_t two = 0;
    for (size_t i = 0; i < TRIED && two == 0; i++) {
        char request[24];
        (void)snprintf(request, sizeof(request), "q%zu", i);
        struct id id = id_of_request(&digest, request);
        id_hex(&id, ids[i]);
        for (size_t j = 0; j < i && two == 0; j++) {
            if (strncmp(ids[i], ids[j], 6) == 0) {
                one = j;
                two = i;
            }
        }
    }
    cr_assert_gt(two, 0, "no two ids share six digits");
    const size_t both[] = {one, two};
    for (size_t i = 0; i < 2; i++) {
        char request[24];
        (void)snprintf(request, sizeof(request), "q%zu", both[i]);
        (void)office_ask_as(office, request, "run", "{'definition': 't/nap'}");
    }
    struct office_reply *reply = office_ask(office, "wait", "{'instance': '%.6s'}", ids[one]);
    cr_assert_eq(reply->code, ERR_INVALID);
    cr_assert_not_null(strstr(reply->error, "is the beginning of several instances"));
    cr_assert_not_null(strstr(reply->error, ids[one]), "%s", reply->error);
    cr_assert_not_null(strstr(reply->error, ids[two]), "%s", reply->error);
    office_close(&office);
}

Test(instances, the_list_is_newest_first_and_goes_on_where_it_stopped)
{
    struct office *office = office_open();
    char ids[7][33];
    office_deploy(office, definition_nap);
    for (size_t i = 0; i < 7; i++) {
        office_run(office, "t/nap", "{}", ids[i]);
    }
    (void)office_get(office, "instances.cancel", "{'instance': '%s'}", ids[2]);
    (void)office_get(office, "instances.cancel", "{'instance': '%s'}", ids[0]);
    /* ended ones by their end, which is newest; then open ones by their start */
    static const size_t order[] = {0, 2, 6, 5, 4, 3, 1};
    char after[80] = "";
    size_t seen = 0;
    for (size_t page = 0; page < 4; page++) {
        const json_t *reply = after[0] == '\0' ? office_get(office, "instances.ls", "{'limit': 2}")
                                               : office_get(office, "instances.ls",
                                                            "{'limit': 2, 'after': '%s'}", after);
        const json_t *rows = json_object_get(reply, "instances");
        for (size_t i = 0; i < json_array_size(rows); i++) {
            cr_assert_lt(seen, 7);
            cr_assert_str_eq(text_of(json_array_get(rows, i), "instance"), ids[order[seen]],
                             "place %zu", seen);
            seen++;
        }
        const char *next = json_text_of(reply, "next");
        cr_assert_eq(next != NULL, page < 3, "page %zu", page);
        (void)snprintf(after, sizeof(after), "%s", next == NULL ? "" : next);
    }
    cr_assert_eq(seen, 7);
    office_close(&office);
}

Test(instances, the_list_can_be_narrowed)
{
    struct office *office = office_open();
    char nap[33];
    char price[33];
    office_deploy(office, definition_nap);
    office_deploy(office, definition_price);
    office_run(office, "t/nap", "{}", nap);
    office_run(office, "t/price", "{'weight': 1}", price);
    (void)office_get(office, "instances.cancel", "{'instance': '%s'}", nap);
    static const struct {
        const char *body;
        size_t rows;
    } lists[] = {
        {"{}", 2},
        {"{'status': 'cancelled'}", 1},
        {"{'status': 'running'}", 1},
        {"{'status': 'completed'}", 0},
        {"{'definition': 't/nap'}", 1},
        {"{'definition': 't/nap:1.0.0'}", 1},
        {"{'definition': 't/price', 'status': 'cancelled'}", 0},
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const json_t *reply = office_get(office, "instances.ls", "%s", lists[i].body);
        cr_expect_eq(json_array_size(json_object_get(reply, "instances")), lists[i].rows, "%s",
                     lists[i].body);
    }
    cr_expect_eq(office_ask(office, "instances.ls", "{'definition': 't/na'}")->code, ERR_NOT_FOUND,
                 "the beginning of a name is none");
    const json_t *reply = office_get(office, "instances.ls", "{'status': 'running'}");
    const json_t *row = json_array_get(json_object_get(reply, "instances"), 0);
    cr_assert_str_eq(text_of(row, "reason"), "no live store of agent clerk");
    cr_assert_str_eq(text_of(row, "step"), "/do/0/ask");
    office_close(&office);
}

Test(instances, describe_shows_an_open_instance)
{
    struct office *office = office_open();
    char id[33];
    office_hello(office);
    office_deploy(office, definition_order);
    office_run(office, "t/order", "{'weight': 3}", id);
    const json_t *reply = office_get(office, "instances.describe", "{'instance': '%s'}", id);
    cr_assert_str_eq(text_of(reply, "definition"), "t/order:1.0.0");
    cr_assert_str_eq(text_of(reply, "status"), "running");
    cr_assert_str_eq(text_of(reply, "reason"), "clerk/main works on it");
    cr_assert_eq(json_int_of(json_object_get(reply, "input"), "weight", 0), 3);
    const json_t *step = json_array_get(json_object_get(reply, "steps"), 0);
    cr_assert_str_eq(text_of(step, "name"), "ask");
    cr_assert_str_eq(text_of(step, "state"), "dispatched");
    cr_assert_str_eq(text_of(step, "agent"), "clerk");
    cr_assert_str_eq(text_of(step, "store"), "main");
    cr_assert_eq(json_int_of(step, "attempt", 0), 1);
    cr_assert_eq(json_array_size(json_object_get(reply, "effects")), 0);
    struct office_task task = office_take(office);
    office_done(office, &task, "{'amount': 7}");
    reply = office_get(office, "instances.describe", "{'instance': '%s'}", id);
    const json_t *effect = json_array_get(json_object_get(reply, "effects"), 0);
    cr_assert_str_eq(text_of(effect, "state"), "dispatched");
    cr_assert_str_eq(text_of(effect, "action"), "book");
    office_close(&office);
}

Test(instances, describe_shows_an_ended_instance_from_the_journal)
{
    struct office *office = office_open();
    char id[33];
    office_hello(office);
    office_deploy(office, definition_order);
    office_run(office, "t/order", "{'weight': 3}", id);
    struct office_task task = office_take(office);
    office_done(office, &task, "{'amount': 7}");
    task = office_take(office);
    office_done(office, &task, "{'booking': 'B1'}");
    const json_t *reply = office_get(office, "instances.describe", "{'instance': '%s'}", id);
    cr_assert_str_eq(text_of(reply, "status"), "completed");
    cr_assert_eq(json_int_of(json_object_get(reply, "input"), "weight", 0), 3);
    cr_assert_not_null(json_object_get(reply, "output"));
    cr_assert_not_null(json_text_of(reply, "ended_at"));
    const json_t *effects = json_object_get(reply, "effects");
    cr_assert_eq(json_array_size(effects), 1);
    cr_assert_str_eq(text_of(json_array_get(effects, 0), "state"), "done");
    cr_assert_str_eq(text_of(json_array_get(effects, 0), "step"), "/do/2/book");
    office_close(&office);
}

/* The words of the first entry of a kind. */
static const char *words_of(const json_t *story, const char *kind, const char *name)
{
    size_t at = 0;
    const json_t *entry = NULL;
    json_array_foreach(story, at, entry)
    {
        const char *words = text_of(entry, "words");
        if (strcmp(text_of(entry, "kind"), kind) == 0 && strstr(words, name) != NULL) {
            return words;
        }
    }
    cr_assert_fail("the story has no %s of %s", kind, name);
    return "";
}

Test(instances, explain_tells_the_story)
{
    struct office *office = office_open();
    char id[33];
    office_hello(office);
    office_deploy(office, definition_order);
    office_run(office, "t/order", "{'weight': 3}", id);
    struct office_task task = office_take(office);
    office_failed(office, &task, FAILURE_TRANSIENT, "the table is locked", "somebody edits it");
    office_pass(office, 2000);
    task = office_take(office);
    office_done(office, &task, "{'amount': 7}");
    task = office_take(office);
    office_done(office, &task, "{'booking': 'B1'}");
    const json_t *reply = office_get(office, "explain", "{'instance': '%.6s'}", id);
    cr_assert_str_eq(text_of(reply, "status"), "completed");
    const json_t *story = json_object_get(reply, "story");
    cr_assert_not_null(strstr(words_of(story, "instance-started", ""), "started on request r"));
    cr_assert_str_eq(words_of(story, "step-started", "ask"), "'ask' asks agent clerk for price");
    cr_assert_str_eq(words_of(story, "step-dispatched", "ask"),
                     "'ask' was given to clerk/main (attempt 1)");
    cr_assert_str_eq(words_of(story, "step-result", "could not"),
                     "agent clerk could not do price: the table is locked: somebody edits it; "
                     "nothing happened outside");
    const char *retry = words_of(story, "step-retry", "ask");
    cr_assert_not_null(strstr(retry, "(attempt 2) because the table is locked: somebody"), "%s",
                       retry);
    cr_assert_str_eq(words_of(story, "step-result", "did"),
                     "agent clerk did price with rule rates@1.0.0, confidence 98 %");
    cr_assert_str_eq(words_of(story, "step-ran", "choose"),
                     "'choose': the walk goes on to 'book' because no case matched (default "
                     "'cheap')");
    cr_assert_str_eq(words_of(story, "event-emitted", "tell"),
                     "'tell' sent out event 'order.booked'");
    cr_assert_str_eq(words_of(story, "instance-completed", ""), "completed");
    const json_t *first = json_array_get(story, 0);
    cr_assert_eq(json_int_of(json_object_get(first, "input"), "weight", 0), 3);
    office_close(&office);
}

Test(instances, explain_tells_what_was_said_after_the_end)
{
    struct office *office = office_open();
    char id[33];
    office_hello(office);
    office_deploy(office, definition_order);
    office_run(office, "t/order", "{'weight': 3}", id);
    struct office_task task = office_take(office);
    office_done(office, &task, "{'amount': 7}");
    task = office_take(office);
    office_failed(office, &task, FAILURE_CONTRACT, "not allowed", "ask the manager");
    const json_t *reply = office_get(office, "gates.ls", "{}");
    const char *gate = text_of(json_array_get(json_object_get(reply, "gates"), 0), "gate");
    char verdict[100];
    (void)snprintf(verdict, sizeof(verdict), "{'gate': '%s', 'verdict': 'reject', 'reason': 'no'}",
                   gate);
    (void)office_get(office, "gates.verdict", "%s", verdict);
    reply = office_get(office, "instances.describe", "{'instance': '%s'}", id);
    cr_assert_str_eq(text_of(reply, "status"), "faulted");
    office_done(office, &task, "{'booking': 'B1'}"); /* it was booked all the same */
    reply = office_get(office, "explain", "{'instance': '%s'}", id);
    cr_assert_str_eq(words_of(json_object_get(reply, "story"), "effect-late", ""),
                     "clerk/main reported late that an effect had happened");
    reply = office_get(office, "instances.describe", "{'instance': '%s'}", id);
    cr_assert_str_eq(text_of(reply, "status"), "faulted");
    cr_assert_not_null(json_object_get(reply, "error"), "how it ended stands");
    const json_t *effect = json_array_get(json_object_get(reply, "effects"), 0);
    cr_assert_str_eq(text_of(effect, "state"), "done");
    reply = office_get(office, "instances.ls", "{}");
    const json_t *row = json_array_get(json_object_get(reply, "instances"), 0);
    cr_assert_not_null(json_object_get(row, "reason"));
    office_close(&office);
}

Test(instances, explain_names_the_case_that_matched)
{
    struct office *office = office_open();
    char id[33];
    office_hello(office);
    office_deploy(office, definition_order);
    office_run(office, "t/order", "{'weight': 300}", id);
    struct office_task task = office_take(office);
    office_done(office, &task, "{'amount': 700}");
    const json_t *reply = office_get(office, "explain", "{'instance': '%s'}", id);
    cr_assert_str_eq(words_of(json_object_get(reply, "story"), "step-ran", "choose"),
                     "'choose': the walk goes on to 'refuse' because case 'dear' matched");
    const json_t *story = json_object_get(reply, "story");
    size_t at = 0;
    const json_t *entry = NULL;
    bool decided = false;
    json_array_foreach(story, at, entry)
    {
        const json_t *decision = json_object_get(entry, "decision");
        if (decision != NULL) {
            decided = true;
            cr_assert_str_eq(text_of(decision, "rule"), "rates@1.0.0");
            cr_assert_str_eq(text_of(json_object_get(decision, "explanation"), "because"),
                             "table 7");
            cr_assert_eq(json_int_of(entry, "duration_us", 0), 1500);
        }
    }
    cr_assert(decided);
    office_close(&office);
}

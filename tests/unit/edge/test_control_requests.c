/* Requests that are wrong in every way: refused with words, never a crash, always one answer. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/wire/proto_arena.h"
#include "proto/control.pb-c.h"
#include "tests/unit/edge/office.h"

static const char *const all_verbs[] = {"status",
                                        "deploy",
                                        "definitions.ls",
                                        "run",
                                        "wait",
                                        "emit",
                                        "instances.ls",
                                        "instances.describe",
                                        "explain",
                                        "agents.ls",
                                        "instances.cancel",
                                        "gates.ls",
                                        "gates.verdict",
                                        "gates.describe",
                                        "journal.tail",
                                        "journal.verify",
                                        "deadletters.ls",
                                        "deadletters.show",
                                        "deadletters.replay"};

enum { VERBS = sizeof(all_verbs) / sizeof(all_verbs[0]) };

Test(requests, orders_and_queries_are_told_apart)
{
    static const char *const orders[] = {"deploy",           "run",           "emit",
                                         "instances.cancel", "gates.verdict", "deadletters.replay"};
    size_t count = 0;
    for (size_t i = 0; i < VERBS; i++) {
        count += control_is_order(all_verbs[i]) ? 1 : 0;
    }
    cr_assert_eq(count, 6);
    for (size_t i = 0; i < 6; i++) {
        cr_assert(control_is_order(orders[i]), "%s", orders[i]);
    }
    cr_assert_not(control_is_order("nothing"));
}

static const struct {
    const char *verb;
    const char *body;
    enum err code;
    const char *words;
} wrong[] = {
    {"nothing", "{}", ERR_UNSUPPORTED, "there is no 'control.nothing'"},
    {"status", "[]", ERR_INVALID, "must be a JSON object"},
    {"status", "{", ERR_INVALID, "the body is not JSON: 1:2"},
    {"status", "{'x': 1}", ERR_INVALID, "status takes no member 'x'; it takes none"},
    {"run", "{}", ERR_INVALID, "run needs member 'definition', text"},
    {"run", "{'definition': 1}", ERR_INVALID, "'definition' of run must be text"},
    {"run", "{'definition': 'a', 'inputs': {}}", ERR_INVALID, "it takes definition, input"},
    {"run", "{'definition': 'a/b'}", ERR_NOT_FOUND, "no definition 'a/b' is deployed"},
    {"wait", "{'instance': 'abc'}", ERR_INVALID, "give its 32 hex digits, or the first 6"},
    {"wait", "{'instance': 'abcdeg'}", ERR_INVALID, "'abcdeg' names no instance"},
    {"wait", "{'instance': 'abcdef'}", ERR_NOT_FOUND, "begins with abcdef"},
    {"wait", "{'instance': 'ABCDEF', 'timeout_ms': -1}", ERR_INVALID, "a number from 0"},
    {"wait", "{'instance': 'abcdef', 'timeout_ms': 99999999}", ERR_INVALID, "at most 3600000"},
    {"explain", "{'instance': '00112233445566778899aabbccddeeff'}", ERR_NOT_FOUND,
     "there is no instance 00112233445566778899aabbccddeeff"},
    {"instances.describe", "{'instance': '00112233445566778899aabbccddeeff00'}", ERR_INVALID,
     "names no instance"},
    {"instances.cancel", "{'instance': '00112233445566778899aabbccddeeff'}", ERR_NOT_FOUND,
     "there is no instance"},
    {"instances.ls", "{'status': 'sleeping'}", ERR_INVALID, "'sleeping' is none of running"},
    {"instances.ls", "{'definition': 'a/b'}", ERR_NOT_FOUND,
     "no definition 'a/b' is deployed; see"},
    {"instances.kill", "{'all': true, 'status': 'sleeping'}", ERR_INVALID, "is none of running"},
    {"instances.kill", "{'all': true, 'definition': 'a/b'}", ERR_NOT_FOUND, "no definition 'a/b'"},
    {"instances.ls", "{'limit': 0}", ERR_INVALID, "limit must be from 1 to 1000"},
    {"instances.ls", "{'limit': 1001}", ERR_INVALID, "limit must be from 1 to 1000"},
    {"instances.ls", "{'after': 'x'}", ERR_INVALID, "not a cursor"},
    {"gates.ls", "{'after': '1-2'}", ERR_INVALID, "not a cursor"},
    {"gates.describe", "{'gate': '001122'}", ERR_NOT_FOUND, "no open gate 001122"},
    {"gates.verdict", "{'gate': '001122', 'verdict': 'approve'}", ERR_NOT_FOUND, "no open gate"},
    {"emit", "{}", ERR_INVALID, "emit needs member 'type'"},
    {"emit", "{'type': 'a..b'}", ERR_INVALID, "type must be words"},
    {"deploy", "{'text': 'do: 1'}", ERR_INVALID, "problem"},
    {"deploy", "{'text': ''}", ERR_INVALID, ""},
    {"journal.tail", "{'after': 'x'}", ERR_INVALID, "'after' of journal.tail is not a number"},
    {"journal.tail", "{'after': -1}", ERR_INVALID, "a number from 0, or text"},
    {"deadletters.show", "{'id': 'x'}", ERR_INVALID, "is not a number"},
    {"deadletters.show", "{'id': 7}", ERR_NOT_FOUND, "no dead letter 7"},
    {"deadletters.replay", "{'id': '7'}", ERR_NOT_FOUND, "no dead letter 7"},
};

Test(requests, what_is_wrong_is_refused_in_words)
{
    struct office *office = office_open();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct office_reply *reply = office_ask(office, wrong[i].verb, "%s", wrong[i].body);
        cr_expect_eq(reply->code, wrong[i].code, "%s %s: %d %s", wrong[i].verb, wrong[i].body,
                     (int)reply->code, reply->error);
        cr_expect_not_null(strstr(reply->error, wrong[i].words), "%s %s: %s", wrong[i].verb,
                           wrong[i].body, reply->error);
    }
    cr_assert_eq(control_open_requests(office->control), 0);
    office_close(&office);
}

/* Bytes straight into control, as an order or a query. */
static void bytes_ask(struct office *office, const char *verb, const void *bytes, size_t size)
{
    uint64_t token = ++office->next_token;
    char *copy = malloc(size + 1); /* its own block, so that a read past the end is seen */
    cr_assert_not_null(copy);
    memcpy(copy, bytes, size);
    for (size_t i = 0; i < office->reply_count; i++) {
        json_decref(office->replies[i].body);
    }
    office->reply_count = 0;
    office->now++;
    turn_begin(office->turn, &(struct clock_reading){.wall_ms = office->now,
                                                     .boot_ms = office->now - office->apart_ms});
    if (control_is_order(verb)) {
        control_request(office->control, token, verb, copy, size);
    }
    cr_assert_eq(turn_end(office->turn, NULL), ERR_OK);
    if (!control_is_order(verb)) {
        control_request(office->control, token, verb, copy, size);
    }
    free(copy);
    cr_assert_not_null(office_reply(office, token), "%s", verb);
}

Test(requests, bytes_that_are_no_request_are_answered)
{
    struct office *office = office_open();
    static const char *const bytes[] = {"", "\xFF", "hello", "\x08\x02", "\x22\x02{}", "\x08\x01"};
    for (size_t verb = 0; verb < VERBS; verb++) {
        for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
            bytes_ask(office, all_verbs[verb], bytes[i], strlen(bytes[i]));
        }
    }
    office_close(&office);
}

Test(requests, no_beginning_and_no_changed_byte_of_a_request_breaks_control, .timeout = 60)
{
    struct office *office = office_open();
    office_hello(office);
    office_deploy(office, definition_price);
    static char body[] = "{\"definition\":\"t/price\",\"input\":{\"weight\":5},\"instance\":"
                         "\"001122\",\"type\":\"a\",\"limit\":5,\"gate\":\"001122\"}";
    Mainstay__ControlRequest request = MAINSTAY__CONTROL_REQUEST__INIT;
    request.version = 1;
    request.request_id = (char *)(uintptr_t) "r1";
    request.body.data = (uint8_t *)body;
    request.body.len = sizeof(body) - 1;
    struct buf packed = BUF_INIT(4096);
    cr_assert_eq(proto_pack(&request.base, &packed, NULL), ERR_OK);
    for (size_t verb = 0; verb < VERBS; verb++) {
        for (size_t cut = 0; cut <= packed.size; cut += 3) {
            bytes_ask(office, all_verbs[verb], packed.data, cut);
        }
        for (size_t at = 0; at < packed.size; at += 3) {
            char was = packed.data[at];
            packed.data[at] = (char)(was ^ 0x81);
            bytes_ask(office, all_verbs[verb], packed.data, packed.size);
            packed.data[at] = was;
        }
    }
    buf_release(&packed);
    office_close(&office);
}

Test(requests, a_request_id_is_what_makes_an_order_safe_to_repeat)
{
    struct office *office = office_open();
    office_hello(office);
    office_deploy(office, definition_price);
    static const char body[] = "{'definition': 't/price', 'input': {'weight': 3}}";
    char first[33];
    struct office_reply *reply = office_ask_as(office, "same", "run", body);
    cr_assert(json_bool_of(reply->body, "created", false));
    (void)text_copy(first, sizeof(first), text_of(reply->body, "instance"));
    reply = office_ask_as(office, "same", "run", body);
    cr_assert_not(json_bool_of(reply->body, "created", true));
    cr_assert_str_eq(text_of(reply->body, "instance"), first);
    reply = office_ask_as(office, "", "run", body);
    cr_assert_eq(reply->code, ERR_INVALID);
    cr_assert_not_null(strstr(reply->error, "needs a request id"));
    office_close(&office);
}

Test(requests, a_program_is_refused_while_no_agent_runs_programs)
{
    struct office *office = office_open();
    struct office_reply *refused =
        office_ask_as(office, "d1", "deploy",
                      "{'text': 'document: {dsl: 1.0.3, namespace: t, name: p, version: 1.0.0}\\n"
                      "do: [{list: {run: {shell: {command: ls}}}}]\\n', 'file': 'p.yaml'}");
    cr_assert_eq(refused->code, ERR_REFUSED, "%s", refused->error);
    cr_assert_str_eq(refused->error, "1 problem: p.yaml:2:13: 'run: shell' cannot run: no agent "
                                     "'exec' is registered that offers the action 'shell'");
    office_close(&office);
}

Test(requests, what_a_definition_lacks_is_told_as_problems_with_their_places)
{
    static const char text[] =
        "{'text': 'document: {dsl: 1.0.3, namespace: t, name: p, version: 1.0.0}\\n"
        "do:\\n"
        "  - a: {run: {workflow: {namespace: t, name: prat, version: 1.0.0}}}\\n"
        "  - b: {run: {workflow: {namespace: t, name: p, version: 1.0.0}}}\\n"
        "  - c: {run: {workflow: {namespace: t, name: part, version: latest}}}\\n"
        "', 'file': 'p.yaml'}";
    struct office *office = office_open();
    struct office_reply *refused = office_ask_as(office, "d1", "deploy", text);
    cr_assert_eq(refused->code, ERR_NOT_FOUND, "%s", refused->error);
    const json_t *problems = json_array_of(refused->body, "problems");
    cr_assert_eq(json_array_size(problems), 2);
    const json_t *first = json_array_get(problems, 0);
    cr_assert_eq(json_int_of(first, "line", 0), 3);
    cr_assert_eq(json_int_of(first, "column", 0), 8);
    cr_assert_str_eq(text_of(first, "pointer"), "/do/0/a");
    cr_assert_str_eq(text_of(first, "message"),
                     "it runs t/prat:1.0.0, which is not deployed, or retired: deploy it first");
    const json_t *second = json_array_get(problems, 1);
    cr_assert_eq(json_int_of(second, "line", 0), 5);
    cr_assert_str_eq(text_of(second, "message"),
                     "it runs t/part, which is not deployed, or retired: deploy it first");
    office_close(&office);
}

#include <criterion/criterion.h>
#include <string.h>

#include "agents/runtime/contract.h"
#include "common/base/buf.h"
#include "common/json/schema.h"

static const char good[] =
    "{\"agent\":\"a-1\",\"version\":\"1.20.3\",\"title\":\"A\",\"actions\":{\"go\":{\"title\":"
    "\"Go\","
    "\"input\":{\"type\":\"object\"},\"output\":{\"type\":\"string\"},\"proposal\":true,"
    "\"effect\":\"probed\",\"phases\":[\"decide\",\"perform\"],\"timeout\":\"PT1M30.5S\","
    "\"concurrency\":7,\"rate\":{\"count\":1,\"per\":\"PT1S\"},\"risk\":\"high\","
    "\"confidence\":\"required\",\"services\":[\"model\"],\"cost\":{\"max\":\"1 EUR\"},"
    "\"compensate\":\"undo\"},\"undo\":{\"title\":\"Undo\",\"input\":true,\"output\":true,"
    "\"effect\":\"keyed\",\"phases\":[\"perform\"],\"timeout\":\"P1D\",\"local\":true}}}";

Test(contract, a_good_one_is_read)
{
    struct contract *contract = NULL;
    struct error err = {0};
    cr_assert_eq(agent_contract_parse("good", good, strlen(good), &contract, &err), ERR_OK, "%s",
                 err.message);
    cr_assert_str_eq(contract->agent, "a-1");
    const struct contract_action *go = contract_find(contract, "go");
    cr_assert_eq(go->effect, EFFECT_PROBED);
    cr_assert_eq(go->confidence, CONFIDENCE_REQUIRED);
    cr_assert_eq(go->timeout_ms, 90500);
    cr_assert_eq(go->concurrency, 7);
    cr_assert(go->decides && go->performs && go->paid && !go->local && !go->quick);
    cr_assert_not_null(go->proposal);
    const struct contract_action *undo = contract_find(contract, "undo");
    cr_assert(undo->local && !undo->decides && undo->performs);
    cr_assert_eq(undo->concurrency, 1);
    cr_assert_null(contract_find(contract, "gone"));

    cr_assert(contract_serves(contract, "1.20.3"));
    cr_assert(contract_serves(contract, "1.19.9"));
    cr_assert(contract_serves(contract, "1.20.0"));
    cr_assert(!contract_serves(contract, "1.20.4"));
    cr_assert(!contract_serves(contract, "1.21.0"));
    cr_assert(!contract_serves(contract, "2.0.0"));
    cr_assert(!contract_serves(contract, "0.1.0"));
    cr_assert(!contract_serves(contract, ""));
    cr_assert(!contract_serves(contract, "1.20"));
    agent_contract_destroy(&contract);
    cr_assert_null(contract);
}

/* Change `from` to `to` in the good contract and expect a refusal that says `words`. */
static void refused(const char *from, const char *to, const char *words)
{
    struct buf text = BUF_INIT(10000);
    const char *at = strstr(good, from);
    cr_assert_not_null(at, "'%s'", from);
    buf_append(&text, good, (size_t)(at - good));
    buf_append_str(&text, to);
    buf_append_str(&text, at + strlen(from));
    struct contract *contract = NULL;
    struct error err = {0};
    enum err code = agent_contract_parse("bad", text.data, text.size, &contract, &err);
    cr_assert_eq(code, ERR_INVALID, "'%s' gives %d", to, (int)code);
    cr_assert_null(contract);
    cr_assert(strstr(err.message, words) != NULL, "'%s' is not in '%s'", words, err.message);
    buf_release(&text);
}

Test(contract, each_fault_is_named_with_its_place)
{
    refused("{\"agent\"", "[\"agent\"", "bad");
    refused("a-1", "a_1", "'agent'");
    refused("1.20.3", "1.20", "'version'");
    refused("1.20.3", "1.020.3", "'version'");
    refused("1.20.3", "1.20.99999999999", "'version'");
    refused("\"risk\"", "\"rsik\"", "/actions/go: unknown member 'rsik'");
    refused("probed", "maybe", "one of 'pure', 'keyed', 'probed', 'manual'");
    refused("\"high\"", "7", "'risk'");
    refused("PT1M30.5S", "1 minute", "'timeout'");
    refused("PT1M30.5S", "P2D", "'timeout'");
    refused("\"concurrency\":7", "\"concurrency\":0", "'concurrency'");
    refused("\"concurrency\":7", "\"concurrency\":257", "'concurrency'");
    refused("\"concurrency\":7", "\"concurrency\":\"7\"", "'concurrency'");
    refused("[\"decide\",\"perform\"]", "[\"perform\",\"decide\"]", "'phases'");
    refused("[\"decide\",\"perform\"]", "[]", "'phases'");
    refused("[\"decide\",\"perform\"]", "[\"decide\"]", "'proposal'");
    refused("\"proposal\":true,", "", "'proposal' is missing");
    refused("\"proposal\":true", "\"proposal\":{\"type\":\"strnig\"}", "'proposal'");
    refused("{\"type\":\"object\"}", "{\"pattern\":\"(\"}", "'input'");
    refused("[\"model\"]", "[\"email\"]", "'services'");
    refused("\"undo\"}", "\"gone\"}", "'compensate'");
    refused("\"keyed\"", "\"manual\"", "'local'");
    refused("\"local\":true", "\"quick\":true", "'quick'");
    refused("\"local\":true", "\"local\":1", "'local'");
    refused("\"title\":\"Go\",", "", "'title'");
    refused("\"go\":{", "\"g o\":{", "cannot name an action");
}

Test(contract, white_space_and_order_do_not_change_the_digest)
{
    static const char first[] =
        "{\"agent\":\"a\",\"version\":\"1.0.0\",\"title\":\"A\",\"actions\":{\"b\":{\"title\":"
        "\"B\","
        "\"input\":true,\"output\":true,\"effect\":\"pure\",\"phases\":[\"decide\"],"
        "\"timeout\":\"PT1S\"}}}";
    static const char second[] =
        "{ \"version\": \"1.0.0\", \"agent\": \"a\", \"title\": \"A\", \"actions\": {\"b\": {"
        "\"timeout\": \"PT1S\", \"title\": \"B\", \"output\": true, \"input\": true,"
        "\"effect\": \"pure\", \"phases\": [\"decide\"]}}}\n";
    struct contract *a = NULL;
    struct contract *b = NULL;
    cr_assert_eq(agent_contract_parse("a", first, strlen(first), &a, NULL), ERR_OK);
    cr_assert_eq(agent_contract_parse("b", second, strlen(second), &b, NULL), ERR_OK);
    cr_assert(digest_equal(&a->digest, &b->digest));
    agent_contract_destroy(&a);
    agent_contract_destroy(&b);
}

Test(contract, durations)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } table[] = {{"PT1S", 1000},
                 {"PT0.25S", 250},
                 {"PT1M", 60000},
                 {"PT2H", 7200000},
                 {"P1D", 86400000},
                 {"PT1H2M3S", 3723000},
                 {"PT90M", 5400000},
                 {"", 0},
                 {"P", 0},
                 {"PT", 0},
                 {"1S", 0},
                 {"PT1", 0},
                 {"PT1S1M", 0},
                 {"P1S", 0},
                 {"PT1D", 0},
                 {"PT-1S", 0},
                 {"PT1.5M", 0},
                 {"PT0S", 0},
                 {"P1Y", 0},
                 {"P1DT1S", 0},
                 {"PT1S ", 0},
                 {"PTT1S", 0},
                 {"PT9999999999S", 0}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        uint64_t ms = 0;
        bool ok = contract_duration_parse(table[i].text, &ms);
        cr_assert_eq(ok, table[i].ms != 0, "'%s'", table[i].text);
        cr_assert_eq(ms, table[i].ms, "'%s'", table[i].text);
    }
}

Test(contract, a_file_that_is_not_there_is_named)
{
    struct contract *contract = NULL;
    struct error err = {0};
    cr_assert_eq(agent_contract_load("/nowhere/contract.json", &contract, &err), ERR_NOT_FOUND);
    cr_assert(strstr(err.message, "/nowhere/contract.json") != NULL);
}

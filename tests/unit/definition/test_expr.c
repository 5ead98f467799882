#include <criterion/criterion.h>
#include <string.h>

#include "common/base/buf.h"
#include "coordinator/definition/expr.h"
#include "coordinator/definition/plan.h"

/* What the expression gives over the input as text; errors as "code: message". */
static void evaluate(const char *text, const char *input, struct buf *out)
{
    struct expr *expr = NULL;
    struct error err = {0};
    json_t *value = NULL;
    json_t *result = NULL;
    buf_clear(out);
    cr_assert_eq(json_parse(input, strlen(input), NULL, &value, NULL), ERR_OK, "%s", input);
    if (expr_compile(text, 0, &expr, &err) != ERR_OK) {
        buf_printf(out, "compile: %s", err.message);
    } else {
        struct expr_scope scope = {.input = value};
        enum err code = expr_eval(expr, &scope, &result, &err);
        if (code == ERR_OK) {
            json_write(result, out);
        } else {
            buf_printf(out, "%s: %s", error_text(code), err.message);
        }
    }
    json_decref(result);
    json_decref(value);
    expr_destroy(&expr);
}

struct row {
    const char *text;
    const char *input;
    const char *expected; /* the value, or a part of the error */
};

static void check_rows(const struct row *rows, size_t count)
{
    struct buf out = BUF_INIT(1 << 20);
    for (size_t i = 0; i < count; i++) {
        evaluate(rows[i].text, rows[i].input, &out);
        cr_expect_not_null(strstr(out.data, rows[i].expected), "%s over %s: %s", rows[i].text,
                           rows[i].input, out.data);
    }
    buf_release(&out);
}

Test(expr, numbers_are_exact_or_refused)
{
    static const struct row rows[] = {
        {".a + 1", "{\"a\":9007199254740993}", "9007199254740994"},
        {".a + 1", "{\"a\":9223372036854775807}", "would lose digits"},
        {"-.a", "{\"a\":-9223372036854775808}", "would lose digits"},
        {".a * 2", "{\"a\":4611686018427387904}", "would lose digits"},
        {".a + 0.5", "{\"a\":9007199254740993}", "would lose digits"},
        {".a == .b", "{\"a\":9007199254740993,\"b\":9007199254740992}", "false"},
        {"6 / 3", "null", "2"},
        {"1 / 4", "null", "0.25"},
        {"1 / 0", "null", "divide by zero"},
        {"5 % 0", "null", "divide by zero"},
        {".a % -1", "{\"a\":-9223372036854775808}", "0"},
        {"123456789012345678901", "null", "1:1: the number 123456789012345678901 would lose"},
        {"[9007199254740993] | implode", "null", "1:2: the number 9007199254740993 loses digits"},
        {"1e3", "null", "1000"},
    };
    check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

/* jq has a negative zero and prints it as -0. */
Test(expr, there_is_one_zero)
{
    static const struct row rows[] = {
        {"0 * -2.75", "null", "0"},
        {"0 * -1", "null", "0"},
        {"\"\\(0 * -2.75)\"", "null", "\"0\""},
        {"[-0.0, -0] | tojson", "null", "\"[0,0]\""},
        {".a | tostring", "{\"a\":-0.0}", "\"0\""},
    };
    check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

/* What people's texts look like: dates, amounts with a plus, cells of a table. */
Test(expr, tonumber_reads_what_jq_reads)
{
    static const struct row rows[] = {
        {"\"05\" | tonumber", "null", "5"},
        {"\"-007.50\" | tonumber", "null", "-7.5"},
        {"\"00\" | tonumber", "null", "0"},
        {"\"+5\" | tonumber", "null", "5"},
        {"\".5\" | tonumber", "null", "0.5"},
        {"\"5.\" | tonumber", "null", "5"},
        {"\"5.e1\" | tonumber", "null", "50"},
        {"\" 7\\n\" | tonumber", "null", "7"},
        {"\"9007199254740993\" | tonumber", "null", "9007199254740993"},
        {"\"1 2\" | tonumber", "null", "is not a number"},
        {"\".\" | tonumber", "null", "is not a number"},
        {"\"-\" | tonumber", "null", "is not a number"},
        {"\"1e\" | tonumber", "null", "is not a number"},
        {"\"\" | tonumber", "null", "is not a number"},
        {"\"--1\" | tonumber", "null", "is not a number"},
        {"\"12345678901234567890\" | tonumber", "null", "kept exactly"},
    };
    check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

/* Where `k` stands for the key, `v` is its value; jq 1.6 knows neither. */
Test(expr, entries_have_the_names_of_jq_1_7)
{
    static const struct row rows[] = {
        {"from_entries", "[{\"k\":\"a\",\"v\":1}]", "{\"a\":1}"},
        {"from_entries", "[{\"name\":\"a\",\"Value\":2}]", "{\"a\":2}"},
        {"from_entries", "[{\"key\":1,\"value\":false}]", "{\"1\":false}"},
        {"from_entries", "[{\"key\":null}]", "needs a 'key' that is a text or a number"},
    };
    check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

Test(expr, wants_exactly_one_result)
{
    static const struct row rows[] = {
        {".[]", "[1,2]", "invalid: expression '.[]': 2 results instead of one: wrap"},
        {".[]", "[]", "0 results instead of one"},
        {".[]", "[1]", "1"},
        {"[.[]]", "[]", "[]"},
        {"empty", "null", "0 results"},
        {"first(.[])", "[5,6]", "5"},
    };
    check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

Test(expr, is_bounded)
{
    static const struct row rows[] = {
        {"[range(1e9)]", "null", "limit exceeded"},
        {"reduce range(100) as $i (\"a\"; . + .)", "null", "limit exceeded"},
        {"reduce range(60) as $i (1; [., .])", "null", "limit exceeded"},
        {"reduce range(100000) as $i (1; [.])", "null", "nested deeper"},
        {"\"a\" * 1e9", "null", "limit exceeded"},
        {"[limit(3; range(1e9))]", "null", "[0,1,2]"},
        {"last(range(1e7))", "null", "limit exceeded"},
        {"(reduce range(70) as $i ([1]; . + .))", "null", "limit exceeded"},
    };
    check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

/* LeakSanitizer sees what the stopped split had begun. */
Test(expr, a_split_that_is_stopped_leaks_nothing)
{
    static const struct row rows[] = {
        {"reduce range(200) as $i ([]; (\"a\" * 10000) / \"a\")", "null", "limit exceeded"},
    };
    check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

Test(expr, refuses_what_reaches_out_of_the_data)
{
    static const struct row rows[] = {
        {"env", "null", "compile: 1:1: 'env' is not available"},
        {"$ENV.PATH", "null", "compile: 1:1: '$ENV' is not available"},
        {". | input", "null", "compile: 1:5: 'input' is not available"},
        {"now", "null", "not available"},
        {"halt", "null", "not available"},
        {"import \"a\" as a; 1", "null", "not available"},
        {"1) | (env", "null", "compile: 1:2: ')' closes nothing"},
        {"user", "null", "unknown function 'user'"},
        {"'x'", "null", "double quotes"},
        {"{a: 1 + 2}", "null", "parentheses"},
    };
    check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

Test(expr, tells_what_must_go_to_the_child)
{
    static const char *const texts[] = {"test(\"a\")",
                                        "..",
                                        "def f: 1; f",
                                        "@base64",
                                        "try error(\"x\") catch .",
                                        ". as [$a] | $a",
                                        ".a |= 1",
                                        "label $x | 1",
                                        "foreach .[] as $x (0; 1)"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct expr *expr = NULL;
        struct error err = {0};
        cr_assert_eq(expr_compile(texts[i], 9, &expr, &err), ERR_OK, "%s: %s", texts[i],
                     err.message);
        cr_expect(!expr_is_native(expr), "%s", texts[i]);
        cr_expect_eq(expr_id(expr), 9);
        expr_destroy(&expr);
    }
}

Test(expr, lists_its_variables_once)
{
    struct expr *expr = NULL;
    const char *const *names;
    cr_assert_eq(expr_compile("$a.x + $b + ($a | . as $c | $c) | test($d)", 0, &expr, NULL),
                 ERR_OK);
    cr_assert_eq(expr_variables(expr, &names), 3);
    cr_expect_str_eq(names[0], "a");
    cr_expect_str_eq(names[1], "b");
    cr_expect_str_eq(names[2], "d");
    expr_destroy(&expr);
}

Test(expr, shares_values_and_changes_none)
{
    struct expr *expr = NULL;
    struct expr_scope scope = {0};
    json_t *input = json_pack("{s:{s:i}, s:[i,i]}", "a", "x", 1, "b", 3, 2);
    json_t *copy = json_deep_copy(input);
    json_t *result = NULL;
    cr_assert_eq(
        expr_compile("{a, c: (.b | sort), d: (.a + {x: 2}), e: (.a * {y: 1})}", 0, &expr, NULL),
        ERR_OK);
    scope.input = input;
    cr_assert_eq(expr_eval(expr, &scope, &result, NULL), ERR_OK);
    cr_expect(json_equal(input, copy));
    cr_expect_eq(json_object_get(result, "a"), json_object_get(input, "a"));
    json_decref(result);
    json_decref(input);
    json_decref(copy);
    expr_destroy(&expr);
}

Test(duration, reads_both_forms)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } rows[] = {{"\"PT30S\"", 30000},
                {"\"PT1.5S\"", 1500},
                {"\"P1DT2H\"", 93600000},
                {"\"P2W\"", 1209600000},
                {"\"PT0S\"", 0},
                {"{\"hours\":1,\"seconds\":2}", 3602000},
                {"\"P1M\"", -1},
                {"\"P1Y\"", -1},
                {"\"PT\"", -1},
                {"\"P\"", -1},
                {"\"5s\"", -1},
                {"\"PT1H1H\"", -1},
                {"\"PT1S1H\"", -1},
                {"\"PT1.0005S\"", -1},
                {"\"-PT1S\"", -1},
                {"\"PT9999999999999999H\"", -1},
                {"{}", -1},
                {"{\"weeks\":1}", -1},
                {"{\"seconds\":-1}", -1},
                {"{\"seconds\":1.5}", -1},
                {"5", -1},
                {"null", -1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *value = NULL;
        int64_t ms = -1;
        cr_assert_eq(json_parse(rows[i].text, strlen(rows[i].text), NULL, &value, NULL), ERR_OK);
        enum err code = plan_duration_parse(value, &ms, NULL);
        cr_expect_eq(code == ERR_OK ? ms : -1, rows[i].ms, "%s", rows[i].text);
        json_decref(value);
    }
}

Test(version, ranges)
{
    static const struct {
        const char *version;
        const char *range;
        bool inside;
    } rows[] = {{"1.4.0", "1.3", true},
                {"1.2.9", "1.3", false},
                {"2.0.0", "1.3", false},
                {"1.3.5", "1.3.0", true},
                {"1.9.0", ">=1.2 <2", true},
                {"2.0.0", ">=1.2 <2", false},
                {"0.1.0", "*", true},
                {"3.0.0", NULL, true},
                {"1.0.0-alpha", ">=1.0.0", false},
                {"1.0.0-alpha.2", ">1.0.0-alpha.1", true},
                {"1.0", "*", false},
                {"x", NULL, false},
                {"1.0.0", "latest", false},
                {"1.0.0", "", false},
                {"1.0.0+b", "=1.0.0", true}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_expect_eq(plan_version_in_range(rows[i].version, rows[i].range), rows[i].inside,
                     "%s in %s", rows[i].version, rows[i].range ? rows[i].range : "NULL");
    }
}

Test(errors, standard_types_have_several_spellings)
{
    cr_expect(plan_error_type_equal(
        "https://serverlessworkflow.io/spec/1.0.0/errors/communication",
        "https://open-workflow-specification.org/dsl/errors/types/communication"));
    cr_expect(!plan_error_type_equal(plan_error_type("timeout"), plan_error_type("runtime")));
    cr_expect(!plan_error_type_equal("https://a/errors/timeout", plan_error_type("timeout")));
    cr_expect_str_eq(plan_error_type("validation"),
                     "https://open-workflow-specification.org/spec/1.0.0/errors/validation");
}

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/json/json.h"

static struct error failure;

/* The compact text of what was read, or NULL with `failure` set; free it. */
static char *reread_sized(const char *text, size_t size, const struct json_limits *limits)
{
    json_t *value = NULL;
    failure = (struct error){0};
    enum err code = json_parse(text, size, limits, &value, &failure);
    cr_assert_eq(code == ERR_OK, value != NULL);
    cr_assert_eq(code, failure.code);
    if (value == NULL) {
        return NULL;
    }
    struct buf out = BUF_INIT(1 << 22);
    json_write(value, &out);
    json_decref(value);
    return buf_detach(&out, NULL);
}

static void expect_text(const char *text, const char *expected)
{
    char *written = reread_sized(text, strlen(text), NULL);
    cr_assert_not_null(written, "%s: %s", text, failure.message);
    cr_assert_str_eq(written, expected);
    free(written);
}

static void expect_refused(const char *text, const char *message)
{
    char *written = reread_sized(text, strlen(text), NULL);
    cr_assert_null(written, "%s was read as %s", text, written);
    cr_assert_str_eq(failure.message, message);
}

Test(json_parse, reads_every_kind_of_value)
{
    expect_text(" {\"b\" : [1, -2.5 ,true,false,null, \"x\"],\n\t\"a\":{} , \"c\":[ ]}\r\n",
                "{\"b\":[1,-2.5,true,false,null,\"x\"],\"a\":{},\"c\":[]}");
    expect_text("\"top\"", "\"top\"");
    expect_text("0", "0");
}

Test(json_parse, numbers_that_print_back_are_kept)
{
    expect_text("9007199254740993", "9007199254740993");
    expect_text("9223372036854775807", "9223372036854775807");
    expect_text("-9223372036854775808", "-9223372036854775808");
    expect_text("0.1", "0.1");
    expect_text("1.10", "1.1");
    expect_text("1234567.89", "1234567.89");
    expect_text("1.0", "1.0");
    expect_text("-0.0", "-0.0");
    expect_text("1e2", "100.0");
    expect_text("1E+2", "100.0");
    expect_text("1e22", "1e+22");
    expect_text("1e21", "1e+21");
    expect_text("1e20", "100000000000000000000.0");
    expect_text("0.00001", "0.00001");
    expect_text("0.000001", "1e-6");
    expect_text("1.5e-300", "1.5e-300");
    expect_text("0.30000000000000004", "0.30000000000000004");
    expect_text("3.141592653589793", "3.141592653589793");
    expect_text("1.7976931348623157e308", "1.7976931348623157e+308");
    expect_text("5e-324", "5e-324");
    expect_text("0.00000000000000000000000000000000000000000000000000", "0.0");
    expect_text("0e999999999999999999999", "0.0");
    expect_text("1.00000000000000000000000000000000000000000000000000", "1.0");
    expect_text("123456789012345.6", "123456789012345.6");
}

Test(json_parse, numbers_that_would_change_are_refused_with_their_path)
{
    expect_refused("9223372036854775808",
                   "1:1: number 9223372036854775808 cannot be kept exactly (it would become "
                   "9223372036854776000.0); send it as a string");
    expect_refused("{\"a\":[0,123456789012345678.5]}",
                   "1:9: /a/1: number 123456789012345678.5 cannot be kept exactly (it would become "
                   "123456789012345680.0); send it as a string");
    expect_refused("[1e400]", "1:2: /0: number 1e400 is too large to be kept; send it as a string");
    expect_refused("[1e-400]",
                   "1:2: /0: number 1e-400 is too small to be kept; send it as a string");
    expect_refused("0.1000000000000000055511151231257827021181583404541015625",
                   "1:1: number 0.10000000000000000555111512312578270211... cannot be kept exactly "
                   "(it would become 0.1); send it as a string");
    expect_refused("0.10000000000000001",
                   "1:1: number 0.10000000000000001 cannot be kept exactly (it would become 0.1); "
                   "send it as a string");
    expect_refused("1e99999999999999999999",
                   "1:1: number 1e99999999999999999999 is too large to be kept; send it as a "
                   "string");
}

Test(json_parse, any_number_rounds_only_on_request)
{
    static const struct json_limits any = {.any_number = true};
    static const char *const cases[][2] = {
        {"9223372036854775808", "9223372036854776000.0"},
        {"123456789012345678.5", "123456789012345680.0"},
        {"98249283749234923498293171823948729348710298301928331", "9.824928374923492e+52"},
        {"1e-400", "0.0"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *written = reread_sized(cases[i][0], strlen(cases[i][0]), &any);
        cr_assert_not_null(written, "%s", failure.message);
        cr_assert_str_eq(written, cases[i][1]);
        free(written);
    }
    cr_assert_null(reread_sized("1e400", 5, &any));
}

Test(json_parse, the_grammar_is_strict)
{
    expect_refused("", "1:1: expected a value, found the end of the text");
    expect_refused("[1,\n 2,]", "2:4: /2: expected a value, found ']'");
    expect_refused("{\"a\":1,}", "1:8: expected a key in double quotes, found '}'");
    expect_refused("{a:1}", "1:2: expected a key in double quotes, found 'a'");
    expect_refused("{\"a\" 1}", "1:6: expected ':' after a key, found '1'");
    expect_refused("[1 2]", "1:4: expected ',' or ']', found '2'");
    expect_refused("[1", "1:3: expected ',' or ']', found the end of the text");
    expect_refused("012", "1:2: a number must not start with a zero");
    expect_refused("-", "1:2: expected a digit, found the end of the text");
    expect_refused("1.", "1:3: expected a digit, found the end of the text");
    expect_refused("1e+", "1:4: expected a digit, found the end of the text");
    expect_refused("+1", "1:1: expected a value, found '+'");
    expect_refused("NaN", "1:1: expected a value, found 'N'");
    expect_refused("nul", "1:1: expected a value, found 'n'");
    expect_refused("{} x", "1:4: 'x' after the end of the value");
    expect_refused("\xEF\xBB\xBF{}", "1:1: expected a value, found byte 0xef");
    expect_refused("'a'", "1:1: expected a value, found '''");
}

Test(json_parse, strings_are_unescaped_and_checked)
{
    expect_text("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u001f\\u00e9\\u20ac\\ud83d\\ude00\"",
                "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u001f\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"");
    expect_text("{\"\\u0061/~\":\"x\\ty\"}", "{\"a/~\":\"x\\ty\"}");
    expect_refused("\"a\nb\"", "1:3: control character 0x0a in a string; escape it");
    expect_refused("[\"abc", "1:2: /0: the string that starts here is not closed");
    expect_refused("\"\\x\"", "1:2: unknown escape");
    expect_refused("\"\\", "1:2: unknown escape");
    expect_refused("\"\\u12g4\"", "1:2: \\u must be followed by four hex digits");
    expect_refused("\"\\ud800\"", "1:2: half of a surrogate pair");
    expect_refused("\"\\ud800\\u0041\"", "1:2: half of a surrogate pair");
    expect_refused("\"\\udc00\"", "1:2: half of a surrogate pair");
    expect_refused("{\"a\":\"x\\u0000\"}", "1:8: /a: \\u0000 is not allowed in text");
    expect_refused("[\"ok\",\n\"\xC3(\"]", "2:2: byte 0xc3 is not valid UTF-8");
    expect_refused("\"\xED\xA0\x80\"", "1:2: byte 0xed is not valid UTF-8");
}

Test(json_parse, nul_is_accepted_in_values_only_on_request)
{
    static const struct json_limits nul = {.allow_nul = true};
    char *written = reread_sized("\"a\\u0000b\"", 10, &nul);
    cr_assert_str_eq(written, "\"a\\u0000b\"");
    free(written);
    cr_assert_null(reread_sized("{\"\\u0000\":1}", 12, &nul));
    cr_assert_null(reread_sized("\"a\0b\"", 5, &nul));
}

Test(json_parse, duplicate_keys_are_refused_however_they_are_spelt)
{
    expect_refused("{\"x\":{\"a\":1,\n\"a\":2}}", "2:1: /x: duplicate key 'a'");
    expect_refused("{\"a\":1,\"\\u0061\":2}", "1:8: duplicate key 'a'");
}

static char *nested(size_t depth)
{
    char *text = malloc(2 * depth + 1);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    text[2 * depth] = '\0';
    return text;
}

Test(json_parse, depth_and_size_have_limits)
{
    char *good = nested(LIMIT_JSON_DEPTH);
    expect_text(good, good);
    free(good);
    char *deep = nested(LIMIT_JSON_DEPTH + 1);
    cr_assert_null(reread_sized(deep, strlen(deep), NULL));
    cr_assert_eq(failure.code, ERR_LIMIT);
    free(deep);
    deep = nested(200000);
    cr_assert_null(reread_sized(deep, strlen(deep), NULL));
    cr_assert_eq(failure.code, ERR_LIMIT);
    free(deep);
    static const struct json_limits small = {.size_max = 3};
    cr_assert_null(reread_sized("[12]", 4, &small));
    cr_assert_eq(failure.code, ERR_LIMIT);
}

Test(json_parse, every_truncation_of_a_text_is_refused)
{
    static const char text[] = "{\"a\":[1.5e3,\"\\u00e9\xC3\xA9\",{\"b\":null}],\"c\":true}";
    for (size_t size = 0; size < sizeof(text) - 1; size++) {
        char *copy = malloc(size == 0 ? 1 : size); /* exactly sized, so that ASan sees overreads */
        memcpy(copy, text, size);
        cr_assert_null(reread_sized(copy, size, NULL));
        free(copy);
    }
}

Test(json_parse, a_long_key_is_kept_whole)
{
    char text[700];
    memset(text, 'k', sizeof(text));
    memcpy(text, "{\"", 2);
    memcpy(text + 600, "\":1}", 5);
    expect_text(text, text);
}

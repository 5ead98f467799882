#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/json/schema.h"

static json_t *value_of(const char *text)
{
    struct error err = {0};
    json_t *value = NULL;
    cr_assert_eq(json_parse(text, strlen(text), NULL, &value, &err), ERR_OK, "%s: %s", text,
                 err.message);
    return value;
}

static struct schema *compiled(const char *text, const struct schema_options *options)
{
    struct schema *schema = NULL;
    struct error err = {0};
    json_t *value = value_of(text);
    cr_assert_eq(schema_compile(value, options, &schema, &err), ERR_OK, "%s: %s", text,
                 err.message);
    json_decref(value);
    return schema;
}

/* What people read about `instance`; "" when it fits. */
static void expect_report(const char *schema_text, const char *instance, const char *expected)
{
    static const struct schema_options options = {.assert_formats = true};
    struct schema *schema = compiled(schema_text, &options);
    json_t *value = value_of(instance);
    struct schema_failures failures;
    bool fits = schema_validate(schema, value, &failures);
    struct buf text = BUF_INIT(20000);
    buf_append_str(&text, "");
    schema_failures_print(&failures, &text);
    cr_assert_str_eq(text.data, expected, "%s", text.data);
    cr_assert_eq(fits, expected[0] == '\0');
    cr_assert_eq(fits, schema_validate(schema, value, NULL));
    buf_release(&text);
    json_decref(value);
    schema_destroy(&schema);
}

Test(schema, failures_speak_to_people)
{
    expect_report("{\"type\":[\"string\",\"null\"]}", "12", "must be null or string, not 12");
    expect_report("{\"enum\":[\"road\",\"rail\",3]}", "\"ship\"",
                  "must be one of \"road\", \"rail\", 3, not \"ship\"");
    expect_report("{\"const\":{\"a\":1}}", "[]", "must be an object of 1, not an array of 0");
    expect_report("{\"required\":[\"total\"],\"properties\":{\"total\":{}}}", "{}",
                  "/total: is required");
    expect_report("{\"additionalProperties\":false,\"properties\":{\"a\":{}}}",
                  "{\"a\":1,\"b/c\":2}", "/b~1c: is not a known member");
    expect_report("{\"properties\":{\"lines\":{\"items\":{\"properties\":{\"qty\":{\"minimum\":"
                  "0.5}}}}}}",
                  "{\"lines\":[{\"qty\":1},{\"qty\":0.25}]}",
                  "/lines/1/qty: must be at least 0.5, not 0.25");
    expect_report("{\"pattern\":\"^[A-Z]{2}\\\\d+$\"}", "\"x\"",
                  "must match '^[A-Z]{2}\\d+$', not \"x\"");
    expect_report("{\"format\":\"date\"}", "\"2026-02-30\"",
                  "must be a valid date, not \"2026-02-30\"");
    expect_report("{\"minLength\":3}", "\"\xC3\xA9\xC3\xA9\"",
                  "must have at least 3 characters, not \"\xC3\xA9\xC3\xA9\"");
    expect_report("{\"multipleOf\":0.01}", "1.005", "must be a multiple of 0.01, not 1.005");
    expect_report("{\"multipleOf\":0.01}", "19.99", "");
    expect_report("{\"oneOf\":[{\"type\":\"number\"},{\"type\":\"integer\"}]}", "1",
                  "must fit exactly one of 2 forms, but fits both form 1 and form 2");
    expect_report("{\"anyOf\":[{\"type\":\"number\"},{\"type\":\"null\"}]}", "\"1\"",
                  "must fit at least one of 2 forms, not \"1\"");
    expect_report("{\"uniqueItems\":true}", "[1,2,1.0]", "must not have the same item twice");
    expect_report("{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1}", "/b: is required");
    expect_report("false", "1", "is not allowed here");
    expect_report("{\"unevaluatedProperties\":false,\"allOf\":[{\"properties\":{\"a\":{}}}]}",
                  "{\"a\":1,\"b\":1}", "/b: is not allowed here");
}

Test(schema, all_failures_are_found_and_counted)
{
    struct schema *schema = compiled("{\"items\":{\"type\":\"string\"}}", NULL);
    json_t *value = value_of("[1,2,3,4,5,6,7,8,9,10]");
    struct schema_failures failures;
    cr_assert(!schema_validate(schema, value, &failures));
    cr_assert_eq(failures.count, SCHEMA_FAILURES_MAX);
    cr_assert_eq(failures.more, 2);
    cr_assert_str_eq(failures.items[3].instance, "/3");
    cr_assert_str_eq(failures.items[3].schema, "#/items/type");
    cr_assert_str_eq(failures.items[3].keyword, "type");
    json_decref(value);
    schema_destroy(&schema);
    cr_assert_null(schema);
}

Test(schema, long_values_are_cut_on_a_character)
{
    struct buf words = BUF_INIT(400);
    buf_append_str(&words, "\"");
    for (int i = 0; i < 90; i++) {
        buf_append_str(&words, i % 2 == 0 ? "\xC3\xA9" : "a\xE2\x82\xAC");
    }
    buf_append_str(&words, "\"");
    const char *text = words.data;
    struct schema *schema = compiled("{\"type\":\"object\"}", NULL);
    json_t *value = value_of(text);
    struct schema_failures failures;
    cr_assert(!schema_validate(schema, value, &failures));
    const char *message = failures.items[0].message;
    cr_assert(utf8_valid(message, strlen(message)));
    cr_assert(text_ends(message, "...\""));
    cr_assert_lt(strlen(message), 120);
    json_decref(value);
    schema_destroy(&schema);
    buf_release(&words);
}

static void expect_refused(const char *text, enum err code, const char *message)
{
    struct schema *schema = NULL;
    struct error err = {0};
    json_t *value = value_of(text);
    cr_assert_eq(schema_compile(value, NULL, &schema, &err), code, "%s: %s", text, err.message);
    cr_assert_null(schema);
    cr_assert_str_eq(err.message, message);
    json_decref(value);
}

Test(schema, wrong_schemas_are_refused_with_their_place)
{
    expect_refused("1", ERR_INVALID, "#: a schema is an object, true or false");
    expect_refused("{\"properties\":{\"a\":{\"type\":\"text\"}}}", ERR_INVALID,
                   "#/properties/a/type: must be null, boolean, integer, number, string, array, "
                   "object or a list of them");
    expect_refused("{\"items\":{\"minLength\":-1}}", ERR_INVALID,
                   "#/items/minLength: must be a whole number, zero or more");
    expect_refused("{\"pattern\":\"(\"}", ERR_INVALID,
                   "#/pattern: not a regular expression: missing closing parenthesis (at 1)");
    expect_refused("{\"$ref\":\"#/$defs/none\"}", ERR_INVALID,
                   "#: the reference to '#/$defs/none' leads nowhere");
    expect_refused("{\"$ref\":\"#none\"}", ERR_INVALID, "#: there is no anchor 'none' in ''");
    expect_refused("{\"allOf\":[{\"$ref\":\"other.json\"}]}", ERR_INVALID,
                   "#/allOf/0: 'other.json' is not in this schema and nothing else may be read");
    expect_refused("{\"$ref\":\"#/required\",\"required\":[]}", ERR_INVALID,
                   "#: the reference to '#/required' does not lead to a schema");
    expect_refused("{\"$schema\":\"http://json-schema.org/draft-04/schema#\"}", ERR_UNSUPPORTED,
                   "#/$schema: 'http://json-schema.org/draft-04/schema#' is not a known dialect; "
                   "use draft 2020-12 or draft 7");
    expect_refused("{\"anyOf\":[]}", ERR_INVALID,
                   "#/anyOf: must be a list of schemas, at least one");
    expect_refused("{\"required\":\"a\"}", ERR_INVALID,
                   "#/required: must be a list of member names");
    expect_refused("{\"not\":3}", ERR_INVALID, "#/not: a schema is an object, true or false");
    expect_refused("{\"multipleOf\":0}", ERR_INVALID, "#/multipleOf: must be a number above zero");
}

static enum err load_chain(void *context, const char *uri, json_t **ret_document, struct error *err)
{
    int *loads = context;
    char text[100];
    if (strcmp(uri, "missing") == 0) {
        *ret_document = NULL;
        return error_set(err, ERR_NOT_FOUND, "no such file");
    }
    snprintf(text, sizeof(text), "{\"$ref\":\"next-%d\"}", (*loads)++);
    *ret_document = value_of(text);
    return ERR_OK;
}

Test(schema, the_loader_is_asked_a_bounded_number_of_times_and_its_words_are_kept)
{
    int loads = 0;
    const struct schema_options options = {.load = load_chain, .load_context = &loads};
    struct schema *schema = NULL;
    struct error err = {0};
    json_t *value = value_of("{\"$ref\":\"start\"}");
    cr_assert_eq(schema_compile(value, &options, &schema, &err), ERR_LIMIT);
    cr_assert_eq(loads, SCHEMA_DOCUMENTS_MAX);
    json_decref(value);
    value = value_of("{\"$ref\":\"missing#/a\"}");
    cr_assert_eq(schema_compile(value, &options, &schema, &err), ERR_NOT_FOUND);
    cr_assert_str_eq(err.message, "#: cannot read 'missing': no such file");
    json_decref(value);
}

static void expect_limit(const char *schema_text, const char *instance)
{
    struct schema *schema = compiled(schema_text, NULL);
    json_t *value = value_of(instance);
    struct schema_failures failures;
    cr_assert(!schema_validate(schema, value, &failures));
    cr_assert_eq(failures.count, 1);
    cr_assert_str_eq(failures.items[0].keyword, "limit");
    cr_assert(!schema_validate(schema, value, NULL));
    json_decref(value);
    schema_destroy(&schema);
}

Test(schema, endless_schemas_and_patterns_end)
{
    expect_limit("{\"$ref\":\"#\"}", "1");
    expect_limit("{\"not\":{\"$ref\":\"#\"}}", "1"); /* a limit under `not` is no success */
    expect_limit("{\"pattern\":\"^(a+)+$\"}", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"");
    struct buf text = BUF_INIT(10000);
    buf_append_str(&text, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
    for (int i = 0; i < 40; i++) { /* 2^40 paths */
        buf_printf(&text,
                   "\"d%d\":{\"allOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"}]},",
                   i, i + 1, i + 1);
    }
    buf_append_str(&text, "\"d40\":{\"type\":\"integer\"}}}");
    expect_limit(text.data, "1");
    buf_release(&text);
}

Test(schema, many_equal_looking_items_are_compared_quickly)
{
    struct schema *schema = compiled("{\"uniqueItems\":true}", NULL);
    json_t *value = json_array();
    for (int i = 0; i < 100000; i++) {
        json_array_append_new(value, json_integer(i));
    }
    cr_assert(schema_validate(schema, value, NULL));
    json_array_append_new(value, json_real(77.0));
    cr_assert(!schema_validate(schema, value, NULL));
    json_decref(value);
    schema_destroy(&schema);
}

Test(schema, numbers_are_compared_exactly)
{
    expect_report("{\"maximum\":9007199254740992}", "9007199254740993",
                  "must be at most 9007199254740992, not 9007199254740993");
    expect_report("{\"exclusiveMaximum\":9007199254740993}", "9007199254740992.0", "");
    expect_report("{\"multipleOf\":0.1}", "0.3", "");
    expect_report("{\"multipleOf\":0.0001}", "0.00751",
                  "must be a multiple of 0.0001, not 0.00751");
    expect_report("{\"multipleOf\":3}", "1e20",
                  "must be a multiple of 3, not 100000000000000000000.0");
    expect_report("{\"minimum\":-5.5}", "-9223372036854775808",
                  "must be at least -5.5, not -9223372036854775808");
}

static void *validate_often(void *argument)
{
    const struct schema *schema = argument;
    json_t *good = value_of("{\"id\":\"AB12\",\"n\":[1,2,3]}");
    json_t *bad = value_of("{\"id\":\"ab12\",\"n\":[1,2,\"3\"]}");
    size_t wrong = 0;
    for (int i = 0; i < 2000; i++) {
        struct schema_failures failures;
        wrong += schema_validate(schema, good, &failures) ? 0 : 1;
        wrong += schema_validate(schema, bad, &failures) ? 1 : 0;
        wrong += failures.count == 2 ? 0 : 1;
    }
    json_decref(good);
    json_decref(bad);
    return wrong == 0 ? NULL : argument;
}

Test(schema, one_schema_serves_several_threads)
{
    struct schema *schema =
        compiled("{\"properties\":{\"id\":{\"pattern\":\"^[A-Z]+[0-9]+$\"},\"n\":{\"items\":{"
                 "\"type\":\"integer\"}}}}",
                 NULL);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, validate_often, schema), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *result = schema;
        cr_assert_eq(pthread_join(threads[i], &result), 0);
        cr_assert_null(result);
    }
    schema_destroy(&schema);
}

Test(schema, the_schema_is_copied)
{
    struct schema *schema = NULL;
    json_t *text = value_of("{\"properties\":{\"a\":{\"enum\":[\"x\"]}}}");
    cr_assert_eq(schema_compile(text, NULL, &schema, NULL), ERR_OK);
    json_object_clear(text);
    json_decref(text);
    json_t *value = value_of("{\"a\":\"y\"}");
    cr_assert(!schema_validate(schema, value, NULL));
    json_decref(value);
    schema_destroy(&schema);
}

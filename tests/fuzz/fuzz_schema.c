/*
 * JSON Schema: input has the form of the official suite's files, [{"schema": ..., "tests":
 * [{"data":
 * ...}]}]; any other JSON is taken as a schema that validates itself. Both dialects compile it, and
 * the answer must not depend on whether failures are collected.
 */
#include <string.h>

#include "common/base/check.h"
#include "common/base/str.h"
#include "common/json/schema.h"

/* NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_instance(const struct schema *schema, const json_t *instance)
{
    struct schema_failures failures;
    bool fits = schema_validate(schema, instance, &failures);
    CHECK(fits == (failures.count == 0));
    for (size_t i = 0; i < failures.count; i++) {
        const struct schema_failure *failure = &failures.items[i];
        CHECK(utf8_valid(failure->message, strlen(failure->message)));
        CHECK(utf8_valid(failure->instance, strlen(failure->instance)));
        CHECK(utf8_valid(failure->schema, strlen(failure->schema)));
        if (strcmp(failure->keyword, "limit") == 0) {
            return; /* collecting does more work than stopping early, so it may meet the limit alone
                     */
        }
    }
    CHECK(fits == schema_validate(schema, instance, NULL));
}

static void check_schema(const json_t *text, const json_t *tests, enum schema_dialect dialect)
{
    const struct schema_options options = {.dialect = dialect, .assert_formats = true};
    struct schema *schema = NULL;
    struct error err = {0};
    if (schema_compile(text, &options, &schema, &err) != ERR_OK) {
        CHECK(schema == NULL && err.message[0] != '\0');
        CHECK(utf8_valid(err.message, strlen(err.message)));
        return;
    }
    for (size_t i = 0; i < json_array_size(tests) && i < 4; i++) {
        const json_t *instance = json_object_get(json_array_get(tests, i), "data");
        check_instance(schema, instance == NULL ? tests : instance);
    }
    check_instance(schema, text);
    schema_destroy(&schema);
}

/* NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *value = NULL;
    static const struct json_limits limits = {.any_number = true, .allow_nul = true};
    if (json_parse((const char *)data, size, &limits, &value, NULL) != ERR_OK) {
        return 0;
    }
    for (size_t i = 0; i < json_array_size(value) && i < 4; i++) {
        const json_t *group = json_array_get(value, i);
        const json_t *schema = json_object_get(group, "schema");
        if (schema != NULL) {
            check_schema(schema, json_object_get(group, "tests"), SCHEMA_2020_12);
            check_schema(schema, json_object_get(group, "tests"), SCHEMA_DRAFT_7);
        }
    }
    check_schema(value, NULL, SCHEMA_2020_12);
    json_decref(value);
    return 0;
}

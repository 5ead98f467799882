/* Operations and arguments to requests, without a network. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "agents/connector/openapi.h"
#include "common/base/buf.h"

/* The request as text, or the error's message after '!'. */
static void expect(const char *document, const char *operation, const char *arguments,
                   const char *wanted)
{
    struct error err = {0};
    struct buf text = BUF_INIT(4096);
    json_t *parsed = NULL;
    json_t *given = NULL;
    json_t *request = NULL;
    const char *pointer = NULL;
    cr_assert_eq(json_parse(document, strlen(document), NULL, &parsed, &err), ERR_OK, "%s",
                 err.message);
    cr_assert_eq(json_parse(arguments, strlen(arguments), NULL, &given, &err), ERR_OK);
    if (openapi_request(parsed, "https://h.example:8443/docs/api.json", operation, given, &request,
                        &pointer, &err) == ERR_OK) {
        json_write(request, &text);
    } else {
        buf_printf(&text, "!%s %s", pointer, err.message);
        cr_expect_null(request);
    }
    cr_expect_str_eq(text.data, wanted);
    json_decref(parsed);
    json_decref(given);
    json_decref(request);
    buf_release(&text);
}

#define SWAGGER(more, operation)                                                             \
    "{\"swagger\":\"2.0\"" more ",\"paths\":{\"/p/{id}\":{\"post\":{\"operationId\":\"op\"," \
    "\"parameters\":[" operation "]}}}}"

Test(openapi, servers_of_swagger)
{
    static const char *const rows[][2] = {
        {SWAGGER("", ""), "https://h.example:8443/p/{id}"},
        {SWAGGER(",\"host\":\"api.example\",\"basePath\":\"/v1/\"", ""),
         "https://api.example/v1/p/{id}"},
        {SWAGGER(",\"host\":\"api.example\",\"schemes\":[\"http\",\"https\"]", ""),
         "https://api.example/p/{id}"},
        {SWAGGER(",\"host\":\"api.example\",\"schemes\":[\"http\"]", ""),
         "http://api.example/p/{id}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char wanted[256];
        (void)snprintf(wanted, sizeof(wanted),
                       "{\"method\":\"POST\",\"endpoint\":\"%s\",\"variables\":{}}", rows[i][1]);
        expect(rows[i][0], "op", "{}", wanted);
    }
}

#define OPENAPI(servers) \
    "{\"openapi\":\"3.1.0\"" servers ",\"paths\":{\"/p\":{\"get\":{\"operationId\":\"op\"}}}}"

Test(openapi, servers_of_three)
{
    static const char *const rows[][2] = {
        {OPENAPI(""), "https://h.example:8443/p"},
        {OPENAPI(",\"servers\":[{\"url\":\"../v2\"}]"), "https://h.example:8443/v2/p"},
        {OPENAPI(",\"servers\":[{\"url\":\"https://{r}.api.example/x/\",\"variables\":"
                 "{\"r\":{\"default\":\"eu\"}}}]"),
         "https://eu.api.example/x/p"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char wanted[256];
        (void)snprintf(wanted, sizeof(wanted),
                       "{\"method\":\"GET\",\"endpoint\":\"%s\",\"variables\":{}}", rows[i][1]);
        expect(rows[i][0], "op", "{}", wanted);
    }
    expect(OPENAPI(",\"servers\":[{\"url\":\"https://{r}.example\"}]"), "op", "{}",
           "!/document a server's URL 'https://{r}.example' has a variable without default");
}

Test(openapi, arguments_go_where_they_belong)
{
    expect(SWAGGER("", "{\"name\":\"id\",\"in\":\"path\"},{\"name\":\"q\",\"in\":\"query\"},"
                       "{\"name\":\"H\",\"in\":\"header\"},{\"name\":\"b\",\"in\":\"body\"}"),
           "op", "{\"id\":[1,\"x\"],\"q\":true,\"H\":\"h\",\"b\":{\"n\":null}}",
           "{\"method\":\"POST\",\"endpoint\":\"https://h.example:8443/p/{id}\","
           "\"variables\":{\"id\":\"1,x\"},\"query\":{\"q\":true},\"headers\":{\"H\":\"h\"},"
           "\"body\":{\"n\":null}}");
    expect(SWAGGER("", "{\"name\":\"f\",\"in\":\"formData\"}"), "op", "{\"f\":\"v\"}",
           "{\"method\":\"POST\",\"endpoint\":\"https://h.example:8443/p/{id}\",\"variables\":{},"
           "\"headers\":{\"Content-Type\":\"application/x-www-form-urlencoded\"},"
           "\"body\":{\"f\":\"v\"}}");
}

Test(openapi, what_is_wrong_is_said_with_its_place)
{
    static const char required[] =
        SWAGGER("", "{\"name\":\"id\",\"in\":\"path\",\"required\":true}");
    expect(required, "op", "{}", "!/parameters the argument 'id' is missing");
    expect(required, "op", "{\"id\":null}", "!/parameters the argument 'id' is missing");
    expect(required, "op", "{\"id\":{}}",
           "!/parameters the argument 'id' must be a plain value or an array");
    expect(required, "op", "{\"id\":1,\"ix\":1}",
           "!/parameters the operation takes no argument 'ix'");
    expect(required, "other", "{}", "!/operationId the document has no operation 'other'");
    expect(
        "{\"openapi\":\"4.0\"}", "op", "{}",
        "!/document 'https://h.example:8443/docs/api.json' is neither Swagger 2.0 nor OpenAPI 3");
    expect(
        "[]", "op", "{}",
        "!/document 'https://h.example:8443/docs/api.json' is neither Swagger 2.0 nor OpenAPI 3");
}

Test(openapi, references_that_lead_nowhere_or_in_circles_end)
{
    expect("{\"swagger\":\"2.0\",\"parameters\":{\"a\":{\"$ref\":\"#/parameters/a\"}},"
           "\"paths\":{\"/p\":{\"get\":{\"operationId\":\"op\",\"parameters\":["
           "{\"$ref\":\"#/parameters/a\"}]}}}}",
           "op", "{}", "!/document a parameter of 'op' has no name or place");
    expect("{\"swagger\":\"2.0\",\"paths\":{\"/p\":{\"$ref\":\"other.json\"}}}", "op", "{}",
           "!/operationId the document has no operation 'op'");
}

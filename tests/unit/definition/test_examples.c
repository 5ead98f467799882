/*
 * Every example of the specification: loaded, or refused with the first reason and its place. A
 * line of this table changes when the profile grows.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "tests/unit/definition/load_file.h"

struct example {
    const char *file;
    const char *place;  /* NULL: it loads */
    const char *reason; /* how the first problem starts */
};

static const struct example EXAMPLES[] = {
    {"accumulate-room-readings.yaml", NULL, NULL},
    {"authentication-bearer-uri-format.yaml", NULL, NULL},
    {"authentication-bearer.yaml", NULL, NULL},
    {"authentication-oauth2-secret.yaml", NULL, NULL},
    {"authentication-oauth2.yaml", NULL, NULL},
    {"authentication-oidc-secret.yaml", NULL, NULL},
    {"authentication-oidc.yaml", NULL, NULL},
    {"authentication-reusable.yaml", NULL, NULL},
    {"call-asyncapi-publish.yaml", "8:13", "'call: asyncapi' cannot run"},
    {"call-asyncapi-subscribe-consume-amount.yaml", "8:13", "'call: asyncapi' cannot run"},
    {"call-asyncapi-subscribe-consume-forever-foreach.yaml", "8:13", "'call: asyncapi' cannot run"},
    {"call-asyncapi-subscribe-consume-until.yaml", "8:13", "'call: asyncapi' cannot run"},
    {"call-asyncapi-subscribe-consume-while.yaml", "8:13", "'call: asyncapi' cannot run"},
    {"call-custom-function-cataloged.yaml", "8:13", "the function at 'https:"},
    {"call-custom-function-inline.yaml", NULL, NULL},
    {"call-grpc.yaml", "8:13", "'call: grpc' cannot run"},
    {"call-http-endpoint-interpolation-shorthand.yaml", NULL, NULL},
    {"call-http-endpoint-interpolation.yaml", NULL, NULL},
    {"call-http-query-headers-expressions.yaml", NULL, NULL},
    {"call-http-query-parameters.yaml", NULL, NULL},
    {"call-http-redirect.yaml", NULL, NULL},
    {"call-mcp.yaml", "8:13", "'call: mcp' cannot run"},
    {"call-openapi-redirect.yaml", NULL, NULL},
    {"call-openapi.yaml", NULL, NULL},
    {"conditional-task.yaml", NULL, NULL},
    {"do-multiple.yaml", NULL, NULL},
    {"do-single.yaml", NULL, NULL},
    {"emit.yaml", NULL, NULL},
    {"for-inline-array.yaml", NULL, NULL},
    {"for.yaml", NULL, NULL},
    {"fork.yaml", NULL, NULL},
    {"listen-to-all read-envelope.yaml", NULL, NULL},
    {"listen-to-all.yaml", NULL, NULL},
    {"listen-to-any-filter.yaml", NULL, NULL},
    {"listen-to-any-forever-foreach.yaml", NULL, NULL},
    {"listen-to-any-until-condition.yaml", NULL, NULL},
    {"listen-to-any-until-consumed.yaml", NULL, NULL},
    {"listen-to-any.yaml", NULL, NULL},
    {"listen-to-one.yaml", NULL, NULL},
    {"mock-service-extension.yaml", NULL, NULL},
    {"raise-inline.yaml", NULL, NULL},
    {"raise-reusable.yaml", NULL, NULL},
    {"run-container-cleanup-always.yaml", "9:9", "'run: container' cannot run"},
    {"run-container-cleanup-eventually.yaml", "9:9", "'run: container' cannot run"},
    {"run-container-stdin-and-arguments.yaml", "14:9", "'run: container' cannot run"},
    {"run-container-with-name.yaml", "9:9", "'run: container' cannot run"},
    {"run-container-with-pull-policy.yaml", "9:9", "'run: container' cannot run"},
    {"run-container.yaml", "9:9", "'run: container' cannot run"},
    {"run-return-all.yaml", "9:9", "'run: container' cannot run"},
    {"run-return-code.yaml", "9:9", "'run: container' cannot run"},
    {"run-return-none.yaml", "9:9", "'run: container' cannot run"},
    {"run-return-stderr.yaml", "9:9", "'run: container' cannot run"},
    {"run-script-with-stdin-and-arguments.yaml", NULL, NULL},
    {"run-shell-stdin-and-arguments.yaml", NULL, NULL},
    {"run-subflow.yaml", NULL, NULL},
    {"schedule-cron.yaml", NULL, NULL},
    {"schedule-event-driven.yaml", NULL, NULL},
    {"set-expression.yaml", NULL, NULL},
    {"set.yaml", NULL, NULL},
    {"star-wars-homeworld.yaml", NULL, NULL},
    {"switch-then-string.yaml", NULL, NULL},
    {"try-catch-retry-inline.yaml", NULL, NULL},
    {"try-catch-retry-reusable.yaml", NULL, NULL},
    {"try-catch-then-directive.yaml", NULL, NULL},
    {"try-catch-then.yaml", NULL, NULL},
    {"try-catch.yaml", NULL, NULL},
    {"wait-duration-inline.yaml", NULL, NULL},
    {"wait-duration-iso8601.yaml", NULL, NULL},
};
enum { EXAMPLE_COUNT = sizeof(EXAMPLES) / sizeof(EXAMPLES[0]) };

static void check_example(const struct example *example)
{
    char path[256];
    struct plan *plan;
    struct plan_report report;
    snprintf(path, sizeof(path), "ows/examples/%s", example->file);
    enum err code = load_file(path, &plan, &report);
    if (example->place == NULL) {
        cr_expect_eq(code, ERR_OK, "%s: %s", example->file,
                     report.count > 0 ? report.problems[0].message : "");
    } else {
        char place[32] = "";
        cr_expect_eq(code, ERR_INVALID, "%s", example->file);
        cr_assert_gt(report.count, 0);
        snprintf(place, sizeof(place), "%u:%u", report.problems[0].line, report.problems[0].column);
        cr_expect_str_eq(place, example->place, "%s", example->file);
        cr_expect(text_starts(report.problems[0].message, example->reason), "%s: %s", example->file,
                  report.problems[0].message);
    }
    plan_destroy(&plan);
    plan_report_release(&report);
}

Test(examples, each_loads_or_is_refused_for_its_reason)
{
    for (size_t i = 0; i < EXAMPLE_COUNT; i++) {
        check_example(&EXAMPLES[i]);
    }
}

Test(examples, none_is_forgotten)
{
    DIR *dir = opendir(TEST_DATA_DIR "/ows/examples");
    size_t found = 0;
    cr_assert_not_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        found += text_ends(entry->d_name, ".yaml");
    }
    closedir(dir);
    cr_expect_eq(found, EXAMPLE_COUNT);
}

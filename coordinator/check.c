#include "coordinator/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/json/json.h"
#include "coordinator/definition/expr.h"
#include "coordinator/definition/plan.h"
#include "coordinator/definition/policy.h"
#include "coordinator/definition/profile.h"
#include "coordinator/edge/zones.h"

static bool file_read(const char *file, struct buf *out)
{
    FILE *stream = strcmp(file, "-") == 0 ? stdin : fopen(file, "rb");
    if (stream == NULL) {
        fprintf(stderr, "coordinator: cannot read '%s': %s\n", file, strerror(errno));
        return false;
    }
    char chunk[4096];
    size_t count = 0;
    while ((count = fread(chunk, 1, sizeof(chunk), stream)) > 0) {
        buf_append(out, chunk, count);
    }
    bool fine = ferror(stream) == 0 && !out->failed;
    if (!fine) {
        fprintf(stderr, "coordinator: cannot read '%s': %s\n", file,
                out->failed ? "larger than a definition may be (1 MB)" : strerror(errno));
    }
    if (stream != stdin) {
        (void)fclose(stream);
    }
    return fine;
}

static void problems_print(FILE *out, const char *file, const char *kind,
                           const struct plan_problem *problems, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%s:%u:%u: %s%s\n", file, problems[i].line, problems[i].column, kind,
                problems[i].message);
        if (problems[i].hint != NULL) {
            fprintf(out, "    hint: %s\n", problems[i].hint);
        }
    }
}

static json_t *problems_json(const struct plan_problem *problems, size_t count)
{
    json_t *list = json_array();
    CHECK(list != NULL);
    for (size_t i = 0; i < count; i++) {
        json_t *item = json_pack("{s:i, s:i, s:s, s:s, s:s*}", "line", (int)problems[i].line,
                                 "column", (int)problems[i].column, "pointer", problems[i].pointer,
                                 "message", problems[i].message, "hint", problems[i].hint);
        CHECK(json_array_append_new(list, item) == 0);
    }
    return list;
}

static json_t *externals_json(const struct plan *plan)
{
    json_t *list = json_array();
    CHECK(list != NULL);
    for (size_t i = 0; plan != NULL && i < plan->external_count; i++) {
        CHECK(json_array_append_new(list, json_string(expr_text(plan->externals[i]))) == 0);
    }
    return list;
}

static void report_json(const struct plan *plan, const struct plan_report *report)
{
    json_t *object = json_pack("{s:b, s:o, s:o, s:o, s:o}", "ok", plan != NULL, "problems",
                               problems_json(report->problems, report->count), "warnings",
                               problems_json(report->warnings, report->warning_count), "externals",
                               externals_json(plan), "wanted", plan_wanted_json(report));
    CHECK(object != NULL);
    if (plan != NULL) {
        json_t *name = json_sprintf("%s/%s:%s", plan->namespace_, plan->name, plan->version);
        CHECK(json_object_set_new(object, "definition", name) == 0);
    }
    struct buf text = BUF_INIT((size_t)16 * LIMIT_DEFINITION_BYTES);
    json_write(object, &text);
    json_decref(object);
    puts(text.failed ? "{}" : text.data);
    buf_release(&text);
}

int check_definition(const char *file, bool json)
{
    struct buf text = BUF_INIT(LIMIT_DEFINITION_BYTES);
    if (!file_read(file, &text)) {
        buf_release(&text);
        return EXIT_FAILURE;
    }
    struct plan *plan = NULL;
    struct plan_report report;
    enum err code = plan_load(text.data == NULL ? "" : text.data, text.size, &plan, &report);
    if (code == ERR_OK && (code = zones_check(plan, &report)) != ERR_OK) {
        plan_destroy(&plan);
    }
    if (json) {
        report_json(plan, &report);
    } else {
        problems_print(stdout, file, "", report.problems, report.count);
        problems_print(stdout, file, "warning: ", report.warnings, report.warning_count);
        if (code == ERR_OK) {
            printf("%s/%s:%s is fine\n", plan->namespace_, plan->name, plan->version);
        }
    }
    plan_report_release(&report);
    plan_destroy(&plan);
    buf_release(&text);
    return code == ERR_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

bool check_policy(const char *file, struct buf *out)
{
    if (!file_read(file, out)) {
        return false;
    }
    struct policy *policy = NULL;
    struct plan_report report;
    buf_append_byte(out, '\0');
    enum err code = policy_load(out->data, out->size - 1, &policy, &report);
    problems_print(stderr, file, "policy: ", report.problems, report.count);
    plan_report_release(&report);
    policy_destroy(&policy);
    return code == ERR_OK && !out->failed;
}

static json_t *share_json(const struct profile_share *share)
{
    json_t *row =
        json_pack("{s:I, s:I, s:I}", "memory", (json_int_t)share->memory_bytes, "cpu_percent",
                  (json_int_t)share->cpu_percent, "concurrency", (json_int_t)share->concurrency);
    CHECK(row != NULL);
    return row;
}

static json_t *profile_json(const struct profile *profile, const struct plan_report *report)
{
    json_t *object = json_pack("{s:b, s:o}", "ok", profile != NULL, "problems",
                               problems_json(report->problems, report->count));
    CHECK(object != NULL);
    if (profile != NULL) {
        json_t *agents = json_object();
        CHECK(agents != NULL);
        for (size_t i = 0; i < profile->agent_count; i++) {
            CHECK(json_object_set_new(agents, profile->agents[i].name,
                                      share_json(&profile->agents[i].share)) == 0);
        }
        CHECK(json_object_set_new(object, "bus", share_json(&profile->bus)) == 0);
        CHECK(json_object_set_new(object, "coordinator", share_json(&profile->coordinator)) == 0);
        CHECK(json_object_set_new(object, "agent", share_json(&profile->agent)) == 0);
        CHECK(json_object_set_new(object, "agents", agents) == 0);
    }
    return object;
}

int check_profile(const char *file, bool json)
{
    struct buf text = BUF_INIT(LIMIT_DEFINITION_BYTES);
    if (!file_read(file, &text)) {
        buf_release(&text);
        return EXIT_FAILURE;
    }
    struct profile *profile = NULL;
    struct plan_report report;
    enum err code = profile_load(text.data == NULL ? "" : text.data, text.size, &profile, &report);
    buf_clear(&text);
    if (json) {
        json_t *answer = profile_json(profile, &report);
        json_write(answer, &text);
        json_decref(answer);
        puts(text.failed ? "{}" : text.data);
    } else {
        problems_print(stdout, file, "", report.problems, report.count);
        if (code == ERR_OK) {
            printf("%s is fine\n", file);
        }
    }
    plan_report_release(&report);
    profile_destroy(&profile);
    buf_release(&text);
    return code == ERR_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

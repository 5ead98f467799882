/*
 * mainstay-offline: what `mainstay` does with a definition without a company.
 *
 *   mainstay-offline graph FILE                      DOT on standard output
 *   mainstay-offline simulate FILE... [--input JSON|@FILE] [--agents FILE] [--events FILE]
 *                    [--jq PROGRAM]                  one JSON object on standard output
 *
 * The first FILE is simulated, the others are definitions that it runs.
 *
 * Its own errors are {"error": "..."} with exit code 1, problems of a definition {"ok": false,
 * "problems": [...]}: the caller prints both.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/json/json.h"
#include "coordinator/definition/plan.h"
#include "tools/offline/graph.h"
#include "tools/offline/replies.h"
#include "tools/offline/trial.h"

enum { INPUT_BYTES = 4 * 1024 * 1024, OUTPUT_BYTES = 64 * 1024 * 1024 };

/* 2026-01-01T00:00:00Z: a run is the same on every day. */
static const int64_t start_ms = INT64_C(1767225600000);

static void value_print(json_t *value)
{
    struct buf text = BUF_INIT(OUTPUT_BYTES);
    json_write(value, &text);
    (void)puts(text.failed ? "{\"error\":\"the answer is too large\"}" : text.data);
    buf_release(&text);
    json_decref(value);
}

static int fail(const struct error *err)
{
    value_print(json_pack("{s:s}", "error", err->message));
    return EXIT_FAILURE;
}

static enum err file_read(const char *path, size_t max, struct buf *out, struct error *err)
{
    FILE *stream = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (stream == NULL) {
        return error_set(err, ERR_NOT_FOUND, "cannot read '%s': %s", path, strerror(errno));
    }
    char chunk[4096];
    size_t got = 0;
    out->max = max;
    while ((got = fread(chunk, 1, sizeof(chunk), stream)) > 0) {
        buf_append(out, chunk, got);
    }
    bool good = ferror(stream) == 0;
    if (stream != stdin) {
        (void)fclose(stream);
    }
    if (!good || out->failed) {
        return error_set(err, good ? ERR_LIMIT : ERR_IO, "cannot read '%s': %s", path,
                         good ? "it is too large" : strerror(errno));
    }
    buf_append(out, "", 0);
    return ERR_OK;
}

/* ---- graph ---- */

static json_t *problems_json(const struct plan_report *report)
{
    json_t *list = json_array();
    CHECK(list != NULL);
    for (size_t i = 0; i < report->count; i++) {
        const struct plan_problem *problem = &report->problems[i];
        json_t *row = json_pack("{s:i, s:i, s:s, s:s, s:s*}", "line", (int)problem->line, "column",
                                (int)problem->column, "pointer", problem->pointer, "message",
                                problem->message, "hint", problem->hint);
        CHECK(json_array_append_new(list, row) == 0);
    }
    return list;
}

static int graph(const char *file)
{
    struct error err = {0};
    struct buf text = BUF_INIT(LIMIT_DEFINITION_BYTES);
    struct buf dot = BUF_INIT(OUTPUT_BYTES);
    struct plan *plan = NULL;
    struct plan_report report;
    if (file_read(file, LIMIT_DEFINITION_BYTES, &text, &err) != ERR_OK) {
        buf_release(&text);
        return fail(&err);
    }
    enum err code = plan_load(text.data == NULL ? "" : text.data, text.size, &plan, &report);
    if (code == ERR_OK) {
        graph_write(plan, &dot);
        (void)fwrite(dot.data, 1, dot.size, stdout);
    } else {
        value_print(json_pack("{s:b, s:o}", "ok", 0, "problems", problems_json(&report)));
    }
    plan_destroy(&plan);
    plan_report_release(&report);
    buf_release(&text);
    buf_release(&dot);
    return code == ERR_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- simulate ---- */

struct given {
    char **files;
    size_t file_count;
    const char *input;
    const char *agents;
    const char *events;
    const char *jq;
};

static enum err input_read(const char *given, json_t **ret_input, struct error *err)
{
    struct buf text = BUF_INIT(INPUT_BYTES);
    if (given == NULL) {
        return ERR_OK;
    }
    enum err code = ERR_OK;
    if (given[0] == '@') {
        code = file_read(given + 1, INPUT_BYTES, &text, err);
    } else {
        buf_append_str(&text, given);
    }
    if (code == ERR_OK) {
        code = json_parse(text.data, text.size, NULL, ret_input, err);
        if (code != ERR_OK) {
            error_wrap(err, "the input is not JSON");
        }
    }
    buf_release(&text);
    return code;
}

static enum err replies_read(const char *file, struct replies **ret_replies, struct error *err)
{
    struct buf text = BUF_INIT(REPLIES_BYTES);
    enum err code = file == NULL ? ERR_OK : file_read(file, REPLIES_BYTES, &text, err);
    if (code == ERR_OK) {
        code = replies_load(file == NULL ? NULL : text.data, text.size, ret_replies, err);
        if (code != ERR_OK) {
            error_wrap(err, "%s", file);
        }
    }
    buf_release(&text);
    return code;
}

static enum err events_read(const char *file, json_t **ret_value, struct outside **ret_events,
                            size_t *ret_count, struct error *err)
{
    struct buf text = BUF_INIT(REPLIES_BYTES);
    if (file == NULL) {
        return ERR_OK;
    }
    enum err code = file_read(file, REPLIES_BYTES, &text, err);
    if (code == ERR_OK) {
        code = events_load(text.data, text.size, ret_value, ret_events, ret_count, err);
        if (code != ERR_OK) {
            error_wrap(err, "%s", file);
        }
    }
    buf_release(&text);
    return code;
}

static enum err files_read(const struct given *given, struct buf *texts, struct trial_file *files,
                           struct error *err)
{
    for (size_t i = 0; i < given->file_count; i++) {
        TRY(file_read(given->files[i], LIMIT_DEFINITION_BYTES, &texts[i], err));
        files[i].name = given->files[i];
        files[i].text = texts[i].data == NULL ? "" : texts[i].data;
    }
    return ERR_OK;
}

static int simulate(const struct given *given)
{
    struct error err = {0};
    struct buf texts[TRIAL_FILES_MAX] = {0};
    struct trial_file files[TRIAL_FILES_MAX] = {0};
    struct trial_options options = {
        .files = files, .file_count = given->file_count, .jq = given->jq, .start_ms = start_ms};
    struct outside *events = NULL;
    json_t *event_values = NULL;
    json_t *result = NULL;
    enum err code = files_read(given, texts, files, &err);
    code = code == ERR_OK ? input_read(given->input, &options.input, &err) : code;
    code = code == ERR_OK ? replies_read(given->agents, &options.replies, &err) : code;
    code = code == ERR_OK
               ? events_read(given->events, &event_values, &events, &options.event_count, &err)
               : code;
    options.events = events;
    code = code == ERR_OK ? trial_run(&options, &result, &err) : code;
    if (code == ERR_OK) {
        value_print(result);
    } else {
        json_decref(result);
    }
    json_decref(options.input);
    json_decref(event_values);
    free(events);
    replies_destroy(&options.replies);
    for (size_t i = 0; i < given->file_count; i++) {
        buf_release(&texts[i]);
    }
    return code == ERR_OK ? EXIT_SUCCESS : fail(&err);
}

static int usage(void)
{
    struct error err = {0};
    enum err code =
        error_set(&err, ERR_INVALID, "mainstay-offline graph FILE | simulate FILE... [OPTIONS]");
    return code == ERR_OK ? EXIT_SUCCESS : fail(&err);
}

int main(int argc, char **argv)
{
    struct error err = {0};
    struct given given = {0};
    static const char *const names[] = {"--input", "--agents", "--events", "--jq"};
    const char **values[] = {&given.input, &given.agents, &given.events, &given.jq};
    if (crypto_init(&err) != ERR_OK) {
        return fail(&err);
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)puts("mainstay-offline " MAINSTAY_VERSION);
        return EXIT_SUCCESS;
    }
    if (argc < 3) {
        return usage();
    }
    int first = 2;
    while (first < argc && strncmp(argv[first], "--", 2) != 0) {
        first++;
    }
    given.files = &argv[2];
    given.file_count = (size_t)first - 2;
    if (given.file_count == 0 || given.file_count > TRIAL_FILES_MAX) {
        return usage();
    }
    for (int i = first; i < argc; i += 2) {
        size_t at = 0;
        while (at < 4 && strcmp(argv[i], names[at]) != 0) {
            at++;
        }
        if (at == 4 || i + 1 == argc) {
            return usage();
        }
        *values[at] = argv[i + 1];
    }
    if (strcmp(argv[1], "graph") == 0) {
        return graph(argv[2]);
    }
    return strcmp(argv[1], "simulate") == 0 ? simulate(&given) : usage();
}

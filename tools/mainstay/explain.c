/* mainstay explain: the story of an instance for a person at a terminal. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/explain.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"

enum { DETAIL_BYTES = 4 * 1024 * 1024, VALUE_SHOWN = 400 };

struct ink {
    const char *bold;
    const char *dim;
    const char *good;
    const char *bad;
    const char *plain;
};

static struct ink ink_choose(void)
{
    if (isatty(STDOUT_FILENO) == 0 || getenv("NO_COLOR") != NULL) {
        return (struct ink){"", "", "", "", ""};
    }
    return (struct ink){"\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m"};
}

/* "13:45:01.250" of an RFC 3339 instant. */
static void time_print(const char *at)
{
    const char *clock = at != NULL ? strchr(at, 'T') : NULL;
    (void)printf("%-12.12s", clock != NULL ? clock + 1 : "");
}

/* An indented detail: "              label  text". */
static void detail_text(const struct ink *ink, const char *label, const char *text)
{
    if (text == NULL || text[0] == '\0') {
        return;
    }
    (void)printf("              %s%-10s%s ", ink->dim, label, ink->plain);
    output_safe(stdout, text);
    (void)printf("\n");
}

static void text_cut(struct buf *text)
{
    if (text->size > VALUE_SHOWN) {
        memcpy(text->data + text_cut_at(text->data, VALUE_SHOWN), "...", 4);
    }
}

static void detail_value(const struct ink *ink, const char *label, const json_t *value)
{
    struct buf text = BUF_INIT(DETAIL_BYTES);
    if (json_is_array(value)) { /* data: a list of one thing must not look like the thing */
        json_write(value, &text);
    } else {
        value_write(value, &text);
    }
    if (!text.failed && text.size > 0) {
        text_cut(&text);
        detail_text(ink, label, text.data);
    }
    buf_release(&text);
}

/* An explanation in words where the agent gives them, as `why`. */
static void detail_because(const struct ink *ink, const json_t *explanation)
{
    const char *why = json_is_string(explanation) ? json_string_value(explanation)
                                                  : json_text_of(explanation, "why");
    if (why != NULL) {
        detail_text(ink, "because", why);
    } else {
        detail_value(ink, "because", explanation);
    }
}

static void detail_decision(const struct ink *ink, const json_t *decision)
{
    const char *rule = json_text_of(decision, "rule");
    const char *model = json_text_of(decision, "model");
    const json_t *confidence = json_object_get(decision, "confidence");
    char line[512];
    int size = snprintf(line, sizeof(line), "%s%s%s%s%s", rule != NULL ? "rule " : "",
                        rule != NULL ? rule : "", rule != NULL && model != NULL ? ", " : "",
                        model != NULL ? "model " : "", model != NULL ? model : "");
    if (json_is_number(confidence) && size >= 0 && (size_t)size < sizeof(line)) {
        (void)snprintf(line + size, sizeof(line) - (size_t)size, "%sconfidence %.0f %%",
                       size > 0 ? ", " : "", 100 * json_number_value(confidence));
    }
    detail_text(ink, "decided by", line);
    detail_because(ink, json_object_get(decision, "explanation"));
    detail_value(ink, "cost", json_object_get(decision, "cost"));
}

static void duration_print(const struct ink *ink, const json_t *entry)
{
    int64_t us = json_int_of(entry, "duration_us", -1);
    char text[64];
    if (us < 0) {
        return;
    }
    if (us < 1000) {
        (void)snprintf(text, sizeof(text), "%" PRId64 " us", us);
    } else if (us < 1000000) {
        (void)snprintf(text, sizeof(text), "%.1f ms", (double)us / 1000);
    } else {
        (void)snprintf(text, sizeof(text), "%.1f s", (double)us / 1000000);
    }
    detail_text(ink, "took", text);
}

/* A value that was just shown under the same or the other name is not shown again: the input of a
 * step is most often the output of the one before. */
static void detail_new(const struct ink *ink, const json_t *entry, const char *label,
                       const json_t **shown)
{
    const json_t *value = json_object_get(entry, label);
    if (value != NULL && (*shown == NULL || json_equal(*shown, value) != 1)) {
        detail_value(ink, label, value);
        *shown = value;
    }
}

static void entry_print(const struct ink *ink, const json_t *entry, const json_t **shown)
{
    const char *words = json_text_of(entry, "words");
    const char *agent = json_text_of(entry, "agent");
    const char *action = json_text_of(entry, "action");
    const json_t *error = json_object_get(entry, "error");
    int64_t attempt = json_int_of(entry, "attempt", 0);
    bool failed = error != NULL && !json_is_null(error);
    time_print(json_text_of(entry, "at"));
    (void)printf("  %s", failed ? ink->bad : "");
    output_safe(stdout, words != NULL ? words : "");
    (void)printf("%s\n", failed ? ink->plain : "");
    detail_text(ink, "step", json_text_of(entry, "step"));
    if (agent != NULL) {
        char line[256];
        (void)snprintf(line, sizeof(line), "%s%s%s", agent, action != NULL ? " " : "",
                       action != NULL ? action : "");
        detail_text(ink, "agent", line);
    }
    if (attempt > 1) {
        char line[32];
        (void)snprintf(line, sizeof(line), "%" PRId64, attempt);
        detail_text(ink, "attempt", line);
    }
    detail_decision(ink, json_object_of(entry, "decision"));
    detail_new(ink, entry, "input", shown);
    detail_new(ink, entry, "output", shown);
    detail_value(ink, "error", error);
    duration_print(ink, entry);
}

void story_print(const json_t *reply)
{
    struct ink ink = ink_choose();
    const char *definition = json_text_of(reply, "definition");
    const char *instance = json_text_of(reply, "instance");
    const char *status = json_text_of(reply, "status");
    size_t index = 0;
    const json_t *entry = NULL;
    const char *day = "";
    const json_t *shown = NULL;
    bool good = text_equal(status, "completed");
    bool bad = text_equal(status, "faulted") || text_equal(status, "cancelled");
    (void)printf("%s%s%s  %s  %s%s%s\n", ink.bold, definition != NULL ? definition : "", ink.plain,
                 instance != NULL ? instance : "",
                 good  ? ink.good
                 : bad ? ink.bad
                       : ink.bold,
                 status != NULL ? status : "", ink.plain);
    json_array_foreach(json_array_of(reply, "story"), index, entry)
    {
        const char *at = json_text_of(entry, "at");
        if (at != NULL && strncmp(day, at, strlen("2026-01-01")) != 0) {
            day = at;
            (void)printf("\n%s%.10s%s\n", ink.bold, at, ink.plain);
        }
        entry_print(&ink, entry, &shown);
    }
    const char *reason = json_text_of(reply, "reason");
    if (reason != NULL) {
        (void)printf("\n%snow%s           ", ink.bold, ink.plain);
        output_safe(stdout, reason);
        (void)printf("\n");
        detail_text(&ink, "gate", json_text_of(reply, "gate"));
    }
}

enum exit_code explain_run(struct cli *cli)
{
    struct error err = {0};
    json_t *reply = NULL;
    json_t *body = json_pack("{s:s}", "instance", cli->args->operands[0]);
    enum err code = cli_ask(cli, "explain", body, &reply, &err);
    if (code == ERR_OK && cli->format == OUTPUT_TEXT) {
        story_print(reply);
    } else if (code == ERR_OK && cli->format == OUTPUT_JSONL) {
        output_list(cli, reply, "story", NULL, 0, "");
    } else if (code == ERR_OK) {
        output_json(cli, stdout, reply);
    }
    json_decref(reply);
    return code == ERR_OK ? EXIT_DONE : cli_fail(&err, "mainstay instances ls shows the instances");
}

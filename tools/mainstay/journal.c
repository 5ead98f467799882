/* mainstay journal tail, verify. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"

enum { FOLLOW_PAUSE_MS = 500, LINE_BYTES = 2 * 1024 * 1024, REST_SHOWN = 240 };

/* The members of an event that its line does not name yet, as JSON; a contract or a document would
 * bury the rest, so the line is cut. -o jsonl shows everything. */
static void event_rest(const json_t *event, struct buf *out)
{
    json_t *rest = json_copy(json_mutable(event));
    static const char *const named[] = {"kind", "instance", "step"};
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        (void)json_object_del(rest, named[i]);
    }
    if (json_object_size(rest) > 0) {
        size_t start = out->size + 1;
        buf_append_byte(out, ' ');
        json_write(rest, out);
        if (!out->failed && out->size - start > REST_SHOWN) {
            out->size = text_cut_at(out->data + start, REST_SHOWN) + start;
            buf_append(out, "...", 3);
        }
    }
    json_decref(rest);
}

static void batch_print(const json_t *batch)
{
    const char *at = json_text_of(batch, "at");
    size_t index = 0;
    const json_t *event = NULL;
    json_array_foreach(json_array_of(batch, "events"), index, event)
    {
        struct buf line = BUF_INIT(LINE_BYTES);
        const char *kind = json_text_of(event, "kind");
        const char *instance = json_text_of(event, "instance");
        const char *step = json_text_of(event, "step");
        buf_printf(&line, "%" PRId64 "  %s  %-20s %.12s %s", json_int_of(batch, "sequence", 0),
                   at != NULL ? at : "", kind != NULL ? kind : "", instance != NULL ? instance : "",
                   step != NULL ? step : "");
        event_rest(event, &line);
        buf_append_byte(&line, '\n');
        output_safe(stdout, line.failed ? "(too large to show)\n" : line.data);
        buf_release(&line);
    }
}

static void batches_print(const struct cli *cli, const json_t *reply)
{
    size_t index = 0;
    const json_t *batch = NULL;
    if (cli->format == OUTPUT_JSON) {
        output_json(cli, stdout, reply);
        return;
    }
    json_array_foreach(json_array_of(reply, "batches"), index, batch)
    {
        if (cli->format == OUTPUT_JSONL) {
            output_json(cli, stdout, batch);
        } else {
            batch_print(batch);
        }
    }
    (void)fflush(stdout);
}

/* Go on after the reply: its cursor, or the last batch it held. */
static void body_advance(json_t *body, const json_t *reply)
{
    json_t *next = json_object_get(reply, "next");
    const json_t *batches = json_array_of(reply, "batches");
    size_t count = json_array_size(batches);
    if (next != NULL && !json_is_null(next)) {
        (void)json_object_set(body, "after", next);
    } else if (count > 0) {
        (void)json_object_set(body, "after",
                              json_object_get(json_array_get(batches, count - 1), "sequence"));
    }
}

enum exit_code journal_tail_run(struct cli *cli)
{
    struct error err = {0};
    json_t *body = NULL;
    bool follow = cli_option(cli, OPTION_FOLLOW) != NULL;
    const char *after = cli_option(cli, OPTION_AFTER);
    int64_t sequence = 0;
    if (cli_list_body(cli, &body, &err) != ERR_OK) {
        return cli_usage(err.message, NULL);
    }
    if (after != NULL) {
        if (!text_to_i64(after, &sequence)) {
            json_decref(body);
            return cli_usage("--after is a sequence number of the journal", NULL);
        }
        (void)json_object_set_new(body, "after", json_integer(sequence));
    }
    cli_member(cli, body, "instance", OPTION_INSTANCE);
    enum err code = ERR_OK;
    do {
        json_t *reply = NULL;
        code = cli_ask(cli, "journal.tail", json_copy(body), &reply, &err);
        if (code == ERR_OK) {
            batches_print(cli, reply);
            body_advance(body, reply);
        }
        if (follow && json_array_size(json_array_of(reply, "batches")) == 0) {
            struct timespec pause = {.tv_nsec = FOLLOW_PAUSE_MS * 1000000L};
            (void)nanosleep(&pause, NULL);
        }
        json_decref(reply);
    } while (follow && code == ERR_OK);
    json_decref(body);
    return code == ERR_OK ? EXIT_DONE : cli_fail(&err, NULL);
}

enum exit_code journal_verify_run(struct cli *cli)
{
    enum { VERIFY_MS = 600000 };
    struct error err = {0};
    json_t *reply = NULL;
    if (cli_ask_within(cli, "journal.verify", NULL, false, VERIFY_MS, &reply, &err) != ERR_OK) {
        json_decref(reply);
        return cli_fail(&err, NULL);
    }
    bool good = json_bool_of(reply, "ok", false);
    const json_t *head = json_object_of(reply, "head");
    const json_t *bad = json_object_of(reply, "bad");
    const char *hash = json_text_of(head, "hash");
    const char *why = json_text_of(bad, "why");
    if (cli->format != OUTPUT_TEXT) {
        output_json(cli, stdout, reply);
    } else if (good) {
        (void)printf("the journal is whole: %" PRId64 " batches, head %" PRId64 " %s\n",
                     json_int_of(reply, "batches", 0), json_int_of(head, "sequence", 0),
                     hash != NULL ? hash : "");
    } else {
        (void)printf("the journal is broken at batch %" PRId64 ": %s\n",
                     json_int_of(bad, "sequence", 0), why != NULL ? why : "unknown");
    }
    json_decref(reply);
    return good ? EXIT_DONE : EXIT_FAILED;
}

/* mainstay status. */
#include <inttypes.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"

enum { STATUS_MS = 3000 };

static void number_print(const json_t *reply, const char *key, const char *label)
{
    (void)printf("  %-12s %" PRId64 "\n", label, json_int_of(reply, key, 0));
}

static void status_print(const json_t *reply)
{
    static const struct column columns[] = {
        {"AGENT", "agent", COLUMN_TEXT},     {"STORE", "store", COLUMN_TEXT},
        {"VERSION", "version", COLUMN_TEXT}, {"STATE", "state", COLUMN_TEXT},
        {"SINCE", "since", COLUMN_AGE},      {"OUTSTANDING", "outstanding", COLUMN_NUMBER},
        {"READY", "ready", COLUMN_NUMBER},
    };
    char started[64] = "";
    const char *started_at = json_text_of(reply, "started_at");
    if (started_at != NULL) {
        age_write(started_at, clock_wall_ms(), started, sizeof(started));
    }
    const json_t *instances = json_object_of(reply, "instances");
    const json_t *journal = json_object_of(reply, "journal");
    const char *version = json_text_of(reply, "version");
    (void)printf("coordinator %s, pid %" PRId64 ", started %s\n", version != NULL ? version : "",
                 json_int_of(reply, "pid", 0), started);
    const char *profile = json_text_of(reply, "profile");
    if (profile != NULL) {
        (void)printf("  %-12s %s\n", "profile", profile);
    }
    (void)printf("  %-12s %" PRId64 " running, %" PRId64 " waiting, %" PRId64 " suspended\n",
                 "instances", json_int_of(instances, "running", 0),
                 json_int_of(instances, "waiting", 0), json_int_of(instances, "suspended", 0));
    number_print(reply, "gates", "inbox");
    number_print(reply, "dead_letters", "dead letters");
    number_print(reply, "ready", "steps ready");
    number_print(reply, "outstanding", "outstanding");
    number_print(reply, "definitions", "definitions");
    number_print(journal, "sequence", "journal");
    const char *busy = json_text_of(reply, "busy");
    if (busy != NULL) {
        (void)printf("  %-12s %s; events wait on the bus\n", "busy", busy);
    }
    const json_t *agents = json_array_of(reply, "agents");
    if (json_array_size(agents) > 0) {
        (void)printf("\n");
        output_table(stdout, agents, columns, sizeof(columns) / sizeof(columns[0]));
    }
}

enum exit_code status_run(struct cli *cli)
{
    struct error err = {0};
    json_t *reply = NULL;
    if (cli_ask_within(cli, "status", NULL, false, STATUS_MS, &reply, &err) != ERR_OK) {
        json_decref(reply);
        return cli_fail(&err, err.code == ERR_UNAVAILABLE
                                  ? "mainstay up starts a company on this machine"
                                  : NULL);
    }
    if (cli->format == OUTPUT_TEXT) {
        status_print(reply);
    } else {
        output_json(cli, stdout, reply);
    }
    json_decref(reply);
    return EXIT_DONE;
}

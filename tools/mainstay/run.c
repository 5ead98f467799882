/* mainstay run. */
#include "tools/mainstay/run.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "tools/mainstay/definitions.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"

/* One `wait` request is short, so that an answer never has to travel for long. */
enum { WAIT_STEP_MS = 20000, WAIT_SLACK_MS = 5000, AWAY_MS = 60000, AWAY_PAUSE_MS = 100 };

enum err run_input(const struct cli *cli, json_t **ret_input, struct error *err)
{
    const char *text = cli_option(cli, OPTION_INPUT);
    if (text == NULL) {
        *ret_input = json_object();
        return ERR_OK;
    }
    return cli_json(text, "--input", ret_input, err);
}

/* Ask until the instance has ended or waits for a person, or the deadline has passed (ERR_TIMEOUT).
 * A coordinator that is being restarted is waited for; one that stays away is ERR_UNAVAILABLE. */
static enum err instance_wait(struct cli *cli, const char *instance, int64_t deadline_ns,
                              json_t **ret_reply, struct error *err)
{
    int64_t away_ns = CLOCK_FOREVER; /* give up on the coordinator then */
    for (;;) {
        int64_t now_ns = clock_monotonic_ns();
        int64_t left_ms = (deadline_ns - now_ns) / 1000000;
        int64_t step_ms = left_ms < WAIT_STEP_MS ? left_ms : WAIT_STEP_MS;
        step_ms = step_ms > 0 ? step_ms : 0;
        json_t *body =
            json_pack("{s:s, s:I}", "instance", instance, "timeout_ms", (json_int_t)step_ms);
        enum err code = cli_ask_within(cli, "wait", body, false, (unsigned)step_ms + WAIT_SLACK_MS,
                                       ret_reply, err);
        now_ns = clock_monotonic_ns();
        if (code == ERR_UNAVAILABLE && away_ns == CLOCK_FOREVER) {
            away_ns = clock_deadline_ns(AWAY_MS);
        } else if (code != ERR_UNAVAILABLE) {
            away_ns = CLOCK_FOREVER;
        }
        bool again = code == ERR_TIMEOUT || (code == ERR_UNAVAILABLE && now_ns < away_ns);
        if (!again || now_ns >= deadline_ns) {
            return again ? error_set(err, ERR_TIMEOUT, "not ended in the time given") : code;
        }
        if (code == ERR_UNAVAILABLE) {
            struct timespec pause = {.tv_nsec = AWAY_PAUSE_MS * 1000000L};
            (void)nanosleep(&pause, NULL);
        }
        json_decref(*ret_reply);
        *ret_reply = NULL;
    }
}

/* What became of the instance, printed; the exit code. */
static enum exit_code outcome_print(const struct cli *cli, const char *instance,
                                    const json_t *reply)
{
    const char *status = json_text_of(reply, "status");
    const char *gate = json_text_of(reply, "gate");
    if (text_equal(status, "completed")) {
        const json_t *output = json_object_get(reply, "output");
        json_t *null = json_null();
        output_json(cli, stdout, output != NULL ? output : null);
        return EXIT_DONE;
    }
    if (text_equal(status, "faulted")) {
        const json_t *error = json_object_get(reply, "error");
        json_t *null = json_null();
        output_json(cli, stderr, error != NULL ? error : null);
        return EXIT_FAULTED;
    }
    if (text_equal(status, "cancelled")) {
        (void)fprintf(stderr, "mainstay: instance %s was cancelled\n", instance);
        return EXIT_CANCELLED;
    }
    (void)fprintf(stderr, "mainstay: instance %s waits for a person (%s)\n", instance,
                  status != NULL ? status : "unknown");
    (void)fprintf(stderr, "  hint: mainstay gates describe %s\n", gate != NULL ? gate : "GATE");
    return EXIT_WAITS;
}

static enum exit_code started_print(const struct cli *cli, const json_t *reply)
{
    const char *instance = json_text_of(reply, "instance");
    if (cli->format != OUTPUT_TEXT) {
        output_json(cli, stdout, reply);
    } else {
        (void)printf("%s\n", instance != NULL ? instance : "");
    }
    return EXIT_DONE;
}

static enum exit_code wait_and_print(struct cli *cli, const char *instance, int64_t timeout_ms)
{
    struct error err = {0};
    json_t *reply = NULL;
    char hint[160];
    int64_t deadline_ns = timeout_ms < 0 ? CLOCK_FOREVER : clock_deadline_ns(timeout_ms);
    enum exit_code exit_code = EXIT_DONE;
    enum err code = instance_wait(cli, instance, deadline_ns, &reply, &err);
    if (code == ERR_OK) {
        exit_code = outcome_print(cli, instance, reply);
    } else {
        (void)snprintf(hint, sizeof(hint), "it goes on; mainstay instances describe %s", instance);
        error_wrap(&err, "instance %s", instance);
        exit_code = cli_fail(&err, hint);
    }
    json_decref(reply);
    return exit_code;
}

enum exit_code run_and_wait(struct cli *cli, const char *definition, json_t *input)
{
    struct error err = {0};
    json_t *started = NULL;
    int64_t timeout_ms = -1;
    enum exit_code exit_code = EXIT_DONE;
    if (cli_timeout(cli, -1, &timeout_ms, &err) != ERR_OK) {
        json_decref(input);
        return cli_usage(err.message, NULL);
    }
    json_t *body = json_pack("{s:s, s:o}", "definition", definition, "input", input);
    enum err code = cli_order(cli, "run", body, &started, &err);
    const char *instance = json_text_of(started, "instance");
    if (code != ERR_OK || instance == NULL) {
        error_wrap(&err, "cannot run '%s'", definition);
        exit_code = cli_fail(&err, "mainstay definitions ls shows what is deployed");
    } else if (cli_option(cli, OPTION_DETACH) != NULL) {
        exit_code = started_print(cli, started);
    } else {
        exit_code = wait_and_print(cli, instance, timeout_ms);
    }
    json_decref(started);
    return exit_code;
}

/* Whether the operand names a file rather than a deployed definition. */
static bool operand_is_file(const char *operand)
{
    return path_exists(operand) || text_ends(operand, ".yaml") || text_ends(operand, ".yml") ||
           text_ends(operand, ".json") || operand[0] == '.' || operand[0] == '/';
}

enum exit_code run_run(struct cli *cli)
{
    const char *operand = cli->args->operands[0];
    struct error err = {0};
    json_t *input = NULL;
    json_t *deployed = NULL;
    if (run_input(cli, &input, &err) != ERR_OK) {
        return cli_usage(err.message, NULL);
    }
    if (!operand_is_file(operand)) {
        return run_and_wait(cli, operand, input);
    }
    enum exit_code exit_code = EXIT_DONE;
    enum err code = definition_deploy(cli, operand, &deployed, &err);
    const char *definition = json_text_of(deployed, "definition");
    deploy_notes_print(stderr, operand, deployed);
    if (code != ERR_OK || definition == NULL) {
        json_decref(input);
        error_wrap(&err, "cannot deploy '%s'", operand);
        exit_code = cli_fail(&err, NULL);
    } else {
        exit_code = run_and_wait(cli, definition, input);
    }
    json_decref(deployed);
    return exit_code;
}

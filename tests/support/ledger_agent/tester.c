/* The agent of the tests: effects that an independent program writes down, failures on request. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "agents/runtime/agent.h"
#include "common/base/buf.h"
#include "common/base/fault_point.h"

enum { ANSWER_BYTES = 256, LEDGER_TIMEOUT_S = 5 };

/* Where the effect ledger listens. */
struct tester {
    uint16_t port; /* 0: not set */
};

static void echo(const struct agent_task *task, struct agent_reply *reply)
{
    reply->output = json_incref(task->input);
    reply->decision.rule = "echo@1.0.0";
}

/* ---- effects ---- */

static int ledger_connect(const struct tester *tester)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(tester->port)};
    struct timeval limit = {.tv_sec = LEDGER_TIMEOUT_S};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* One line out of the ledger; false when it did not come. */
static bool ledger_answer(int fd, char answer[ANSWER_BYTES])
{
    size_t size = 0;
    while (size + 1 < ANSWER_BYTES) {
        if (recv(fd, answer + size, 1, 0) != 1) {
            return false;
        }
        if (answer[size] == '\n') {
            answer[size] = '\0';
            return true;
        }
        size++;
    }
    return false;
}

static void effect(const struct agent_task *task, const json_t *what, struct agent_reply *reply)
{
    const struct tester *tester = task->user;
    struct digest digest = json_digest(what);
    char hex[DIGEST_HEX_BYTES];
    char answer[ANSWER_BYTES] = "";
    uint64_t attempts = 0;
    struct buf line = BUF_INIT(1024);
    int fd = ledger_connect(tester);
    if (fd < 0) {
        agent_fail(reply, AGENT_TRANSIENT, AGENT_EFFECT_NONE, "no-ledger",
                   "The effect ledger cannot be reached");
        return;
    }
    digest_hex(&digest, hex);
    const char *label = json_text_of(what, "label");
    buf_printf(&line, "%s %s%s%s\n", task->idempotency_key, hex, label == NULL ? "" : " ",
               label == NULL ? "" : label);
    FAULT_POINT("effect-before");
    if (send(fd, line.data, line.size, MSG_NOSIGNAL) != (ssize_t)line.size ||
        !ledger_answer(fd, answer)) {
        /* it passes: another attempt has the same key or probes first; a person sees manual ones */
        agent_fail(reply, AGENT_TRANSIENT, AGENT_EFFECT_UNKNOWN, "no-answer",
                   "The effect ledger did not answer");
    } else if (!text_starts(answer, "ok ") || !text_to_u64(answer + 3, &attempts)) {
        agent_fail(reply, AGENT_DATA, AGENT_EFFECT_NONE, "refused", "The effect ledger refused");
        reply->failure.detail = agent_text(reply, "%s", answer);
    } else {
        reply->output =
            json_pack("{s:s, s:I}", "key", task->idempotency_key, "attempts", (json_int_t)attempts);
        reply->decision.rule = "charge@1.0.0";
    }
    FAULT_POINT("effect-after");
    (void)close(fd);
    buf_release(&line);
}

static void charge(const struct agent_task *task, struct agent_reply *reply)
{
    effect(task, task->input, reply);
}

/* Ask the outside whether the key has come there. */
static enum agent_probe_answer charge_probe(const struct agent_task *task,
                                            struct agent_reply *reply)
{
    char answer[ANSWER_BYTES] = "";
    uint64_t attempts = 0;
    struct buf line = BUF_INIT(1024);
    int fd = ledger_connect(task->user);
    buf_printf(&line, "? %s\n", task->idempotency_key);
    bool told = fd >= 0 && send(fd, line.data, line.size, MSG_NOSIGNAL) == (ssize_t)line.size &&
                ledger_answer(fd, answer) && text_starts(answer, "known ") &&
                text_to_u64(answer + 6, &attempts);
    if (fd >= 0) {
        (void)close(fd);
    }
    buf_release(&line);
    if (!told) {
        return AGENT_PROBE_UNKNOWN;
    }
    if (attempts == 0) {
        return AGENT_PROBE_NOT_DONE;
    }
    reply->output =
        json_pack("{s:s, s:I}", "key", task->idempotency_key, "attempts", (json_int_t)attempts);
    reply->decision.rule = "charge-probed@1.0.0";
    return AGENT_PROBE_DONE;
}

static void propose(const struct agent_task *task, struct agent_reply *reply)
{
    reply->output = json_incref(json_object_of(task->input, "proposal"));
    reply->decision.rule = "propose@1.0.0";
    reply->decision.has_confidence = true;
    reply->decision.confidence = strtod(json_text_of(task->input, "confidence"), NULL);
    reply->decision.explanation = json_pack("{s:s}", "why", "the input said so");
}

static void accept_proposal(const struct agent_task *task, struct agent_reply *reply)
{
    effect(task, task->proposal, reply);
}

/* ---- failures and time ---- */

static int index_of(const char *text, const char *const *names)
{
    int i = 0;
    while (names[i] != NULL && strcmp(names[i], text) != 0) {
        i++;
    }
    return i;
}

static void pause_ms(int64_t ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}

static void fail(const struct agent_task *task, struct agent_reply *reply)
{
    static const char *const classes[] = {"transient", "data",      "permission",
                                          "contract",  "quality",   "budget",
                                          "in-doubt",  "cancelled", NULL};
    static const char *const marks[] = {"none", "unknown", "done", NULL};
    pause_ms(json_int_of(task->input, "ms", 0)); /* an effect cannot be called back */
    if ((int64_t)task->attempt > json_int_of(task->input, "times", 0)) {
        reply->output = json_incref(task->input);
        return;
    }
    const char *mark = json_text_of(task->input, "effect");
    int failure_class = 1 + index_of(json_text_of(task->input, "class"), classes);
    int effect_mark = 1 + (mark == NULL ? 0 : index_of(mark, marks));
    agent_fail(reply, (enum agent_failure_class)failure_class, (enum agent_effect)effect_mark,
               "asked", "Failed as asked");
    reply->failure.detail = agent_text(reply, "attempt %u", (unsigned)task->attempt);
    reply->failure.pointer = json_text_of(task->input, "pointer");
    reply->failure.correction = json_incref(json_object_get(task->input, "correction"));
}

static void slow(const struct agent_task *task, struct agent_reply *reply)
{
    enum { SLICE_MS = 10 };
    for (int64_t left = json_int_of(task->input, "ms", 0); left > 0; left -= SLICE_MS) {
        struct timespec pause = {.tv_nsec = (left < SLICE_MS ? left : SLICE_MS) * 1000000};
        (void)nanosleep(&pause, NULL);
        if (agent_task_cancelled(task)) {
            agent_fail(reply, AGENT_CANCELLED, AGENT_EFFECT_NONE, "stopped", "Stopped as asked");
            return;
        }
    }
    reply->output = json_incref(task->input);
}

static void paid(const struct agent_task *task, struct agent_reply *reply)
{
    slow(task, reply);
    reply->decision.cost = json_text_of(task->input, "cost");
}

/* ---- the agent's own table ---- */

static void count(const struct agent_task *task, struct agent_reply *reply)
{
    struct buf value = BUF_INIT(32);
    struct error err = {0};
    uint64_t number = 0;
    enum err code = agent_store_get(task->store, "counts", STR("calls"), &value, &err);
    if (code == ERR_OK) {
        (void)text_to_u64(value.data, &number);
    }
    buf_clear(&value);
    buf_printf(&value, "%llu", (unsigned long long)(number + 1));
    if (code == ERR_OK || code == ERR_NOT_FOUND) {
        code = agent_store_put(task->store, "counts", STR("calls"),
                               (struct str){.data = value.data, .size = value.size}, &err);
    }
    if (code == ERR_OK) {
        reply->output = json_pack("{s:I}", "count", (json_int_t)(number + 1));
    } else {
        agent_fail(reply, AGENT_TRANSIENT, AGENT_EFFECT_NONE, "store", "The table is not usable");
        reply->failure.detail = agent_text(reply, "%s", err.message);
    }
    buf_release(&value);
}

static enum err tester_open(struct agent_setup *setup, void **ret_user, struct error *err)
{
    struct tester *tester = calloc(1, sizeof(*tester));
    const char *text = agent_setting(setup, "ledger");
    uint64_t port = 0;
    if (tester == NULL) {
        return error_set(err, ERR_NOMEM, "no memory");
    }
    if (text != NULL && (!text_to_u64(text, &port) || port > UINT16_MAX)) {
        free(tester);
        return error_set(err, ERR_INVALID, "--set ledger must be a port, not '%s'", text);
    }
    tester->port = (uint16_t)port;
    *ret_user = tester;
    return ERR_OK;
}

/* Of the contract that it is given. */
static size_t promised(int argc, char **argv)
{
    const char *contract = "";
    for (int i = 1; i + 1 < argc; i++) {
        contract = strcmp(argv[i], "--contract") == 0 ? argv[i + 1] : contract;
    }
    json_t *document = json_load_file(contract, 0, NULL);
    size_t count = json_object_size(json_object_get(document, "actions"));
    json_decref(document);
    return count;
}

int main(int argc, char **argv)
{
    /* New ones stand last: contracts that are kept with stores of earlier versions promise the
     * first so many. */
    static const struct agent_action actions[] = {
        {.name = "echo", .decide = echo},
        {.name = "charge", .perform = charge},
        {.name = "charge-probed", .perform = charge, .probe = charge_probe},
        {.name = "charge-manual", .perform = charge},
        {.name = "refund", .perform = charge},
        {.name = "fail", .perform = fail},
        {.name = "fail-manual", .perform = fail},
        {.name = "slow", .decide = slow},
        {.name = "count", .perform = count},
        {.name = "propose", .decide = propose, .perform = accept_proposal},
        {.name = "bench", .decide = echo},
        {.name = "bench-keyed", .perform = echo},
        {.name = "paid", .decide = paid},
    };
    static const char *const tables[] = {"counts", NULL};
    size_t all = sizeof(actions) / sizeof(actions[0]);
    size_t count = promised(argc, argv);
    const struct agent_definition definition = {
        .name = "tester",
        .version = "1.0.0",
        .actions = actions,
        .action_count = count > 0 && count < all ? count : all,
        .tables = tables,
        .open = tester_open,
        .close = free,
        .help = "settings: ledger=PORT  where effect-ledger listens on 127.0.0.1",
    };
    return agent_main(argc, argv, &definition);
}

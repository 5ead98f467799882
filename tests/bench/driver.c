/*
 * The load of the bench and of the fault campaigns: starts workflows through control.run, waits for
 * their end through control.wait, keeps so many in flight, and prints one JSON object.
 *
 *   bench-driver load --bus URL --creds FILE --definition NAME --workflows N --concurrency C
 *   bench-driver ask --bus URL --creds FILE VERB [BODY]
 *
 * It speaks to the bus by cnats alone, so that what is measured is not measured with itself. A
 * question nobody answered within --resend-ms is asked again under the same request id, which
 * starts nothing twice; that is what a client of a company under kill -9 does.
 */
#include <getopt.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/wire/proto_arena.h"
#include "proto/control.pb-c.h"
#include "tests/bench/driver.h"

enum { MESSAGE_BYTES = 1024 * 1024, ASK_MS = 10000, CLOSE_MS = 10000, CREDS_BYTES = 512 };

struct arguments {
    struct driver_load load;
    struct driver_flood flood;
    const char *bus;
    const char *creds;
    const char *ca;
    uint64_t timeout_ms;
};

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench-driver: %s: %s\n", what, why);
    exit(1);
}

/* ---- the connection ---- */

/* "user=..." and "password=..." lines. */
static void login_read(const char *path, char user[CREDS_BYTES], char password[CREDS_BYTES])
{
    char line[CREDS_BYTES];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        die("cannot read", path);
    }
    user[0] = password[0] = '\0';
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (text_starts(line, "user=")) {
            (void)text_copy(user, CREDS_BYTES, line + strlen("user="));
        } else if (text_starts(line, "password=")) {
            (void)text_copy(password, CREDS_BYTES, line + strlen("password="));
        }
    }
    (void)fclose(file);
}

static natsConnection *connection_open(const struct arguments *arguments)
{
    natsOptions *options = NULL;
    natsConnection *connection = NULL;
    char user[CREDS_BYTES];
    char password[CREDS_BYTES];
    natsStatus status = natsOptions_Create(&options);
    if (status == NATS_OK) {
        status = natsOptions_SetURL(options, arguments->bus);
    }
    if (status == NATS_OK && arguments->creds != NULL) {
        login_read(arguments->creds, user, password);
        status = natsOptions_SetUserInfo(options, user, password);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetMaxReconnect(options, -1);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetReconnectWait(options, 50);
    }
    if (status == NATS_OK && arguments->ca != NULL) {
        status = natsOptions_SetSecure(options, true);
    }
    if (status == NATS_OK && arguments->ca != NULL) {
        status = natsOptions_LoadCATrustedCertificates(options, arguments->ca);
    }
    /* Few in flight: every message at once. Many: the client's flusher groups them. */
    if (status == NATS_OK && arguments->load.concurrency <= DRIVER_ASAP_CONCURRENCY) {
        status = natsOptions_SetSendAsap(options, true);
    }
    if (status == NATS_OK) {
        status = natsConnection_Connect(&connection, options);
    }
    natsOptions_Destroy(options);
    if (status != NATS_OK) {
        die(arguments->bus, natsStatus_GetText(status));
    }
    return connection;
}

/* ---- one question ---- */

void driver_request(struct buf *out, const char *request_id, const char *body)
{
    Mainstay__ControlRequest request = MAINSTAY__CONTROL_REQUEST__INIT;
    request.version = 1;
    request.request_id = (char *)(uintptr_t)request_id;
    request.person = (char *)(uintptr_t) "bench";
    request.body.data = (uint8_t *)(uintptr_t)body;
    request.body.len = strlen(body);
    buf_clear(out);
    CHECK(proto_pack(&request.base, out, NULL) == ERR_OK);
}

json_t *driver_reply(struct arena *arena, const void *bytes, size_t size, uint32_t *ret_code,
                     char *ret_error, size_t error_size)
{
    static const struct proto_limits limits = {
        .bytes = MESSAGE_BYTES, .depth = 1, .messages = 1, .fields = 64};
    ProtobufCMessage *message = NULL;
    json_t *body = NULL;
    struct error err = {0};
    struct str packed = {.data = bytes, .size = size};
    if (proto_unpack(&mainstay__control_reply__descriptor, packed, &limits, arena, &message,
                     &err) != ERR_OK) {
        die("unreadable reply", err.message);
    }
    const Mainstay__ControlReply *reply = (const Mainstay__ControlReply *)message;
    *ret_code = reply->code;
    (void)text_copy(ret_error, error_size, reply->error);
    if (reply->body.len > 0 &&
        json_parse((const char *)reply->body.data, reply->body.len, NULL, &body, &err) != ERR_OK) {
        die("reply is not JSON", err.message);
    }
    arena_reset(arena);
    return body;
}

static int ask(natsConnection *connection, const char *verb, const char *body, uint64_t timeout_ms)
{
    char subject[128];
    char error[512];
    uint32_t code = 0;
    natsMsg *reply = NULL;
    struct buf packed = BUF_INIT(MESSAGE_BYTES);
    struct buf text = BUF_INIT(MESSAGE_BYTES);
    char request_id[64];
    (void)snprintf(request_id, sizeof(request_id), "ask-%lld", (long long)clock_monotonic_ns());
    (void)snprintf(subject, sizeof(subject), "control.%s", verb);
    driver_request(&packed, request_id, body);
    natsStatus status = natsConnection_Request(&reply, connection, subject, packed.data,
                                               (int)packed.size, (int64_t)timeout_ms);
    if (status != NATS_OK) {
        die(subject, natsStatus_GetText(status));
    }
    struct arena *arena = arena_create(4 * MESSAGE_BYTES);
    CHECK(arena != NULL);
    json_t *answer =
        driver_reply(arena, natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply), &code,
                     error, sizeof(error));
    if (answer != NULL) {
        json_write(answer, &text);
        (void)printf("%s\n", text.data);
    }
    if (code != 0) {
        (void)fprintf(stderr, "%s: %s (code %u)\n", subject, error, (unsigned)code);
    }
    json_decref(answer);
    arena_destroy(&arena);
    natsMsg_Destroy(reply);
    buf_release(&packed);
    buf_release(&text);
    return code == 0 ? 0 : 1;
}

/* ---- options ---- */

static uint64_t number(const char *name, const char *text)
{
    uint64_t value = 0;
    if (!text_to_u64(text, &value)) {
        die(name, "not a number");
    }
    return value;
}

static const struct option table[] = {
    {"bus", required_argument, NULL, 'b'},       {"creds", required_argument, NULL, 'k'},
    {"ca", required_argument, NULL, 'a'},        {"definition", required_argument, NULL, 'd'},
    {"workflows", required_argument, NULL, 'w'}, {"concurrency", required_argument, NULL, 'c'},
    {"prefix", required_argument, NULL, 'p'},    {"bytes", required_argument, NULL, 'y'},
    {"resend-ms", required_argument, NULL, 'r'}, {"timeout-ms", required_argument, NULL, 't'},
    {"type", required_argument, NULL, 'e'},      {"events", required_argument, NULL, 'n'},
    {"rate", required_argument, NULL, 's'},      {"progress", no_argument, NULL, 'g'},
    {"patient", no_argument, NULL, 'i'},         {NULL, 0, NULL, 0}};

static void option_take(struct arguments *arguments, int option)
{
    struct driver_load *load = &arguments->load;
    switch (option) {
    case 'b':
        arguments->bus = optarg;
        break;
    case 'k':
        arguments->creds = optarg;
        break;
    case 'a':
        arguments->ca = optarg;
        break;
    case 'd':
        load->definition = optarg;
        break;
    case 'w':
        load->workflows = number("--workflows", optarg);
        break;
    case 'c':
        load->concurrency = number("--concurrency", optarg);
        break;
    case 'p':
        load->prefix = optarg;
        break;
    case 'y':
        load->bytes = number("--bytes", optarg);
        break;
    case 'r':
        load->resend_ms = number("--resend-ms", optarg);
        break;
    case 't':
        arguments->timeout_ms = number("--timeout-ms", optarg);
        load->timeout_ms = arguments->timeout_ms;
        break;
    case 'e':
        arguments->flood.type = optarg;
        break;
    case 'n':
        arguments->flood.events = number("--events", optarg);
        break;
    case 's':
        arguments->flood.rate = number("--rate", optarg);
        break;
    case 'g':
        load->progress = true;
        break;
    case 'i':
        load->patient = true;
        break;
    default:
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct arguments arguments = {
        .bus = "nats://127.0.0.1:4222",
        .timeout_ms = ASK_MS,
        .load = {.workflows = 1,
                 .concurrency = 1,
                 .bytes = 256,
                 .prefix = "bench",
                 .resend_ms = 10000,
                 .timeout_ms = 600000},
    };
    int option = 0;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        option_take(&arguments, option);
    }
    const char *verb = optind < argc ? argv[optind++] : "";
    natsConnection *connection = connection_open(&arguments);
    int code = 2;
    if (strcmp(verb, "load") == 0 && arguments.load.definition != NULL &&
        arguments.load.workflows > 0 && arguments.load.concurrency > 0) {
        code = driver_load_run(connection, &arguments.load);
    } else if (strcmp(verb, "flood") == 0 && arguments.flood.type != NULL &&
               arguments.flood.rate > 0) {
        arguments.flood.prefix = arguments.load.prefix;
        code = driver_flood_run(connection, &arguments.flood);
    } else if (strcmp(verb, "ask") == 0 && optind < argc) {
        code = ask(connection, argv[optind], optind + 1 < argc ? argv[optind + 1] : "{}",
                   arguments.timeout_ms);
    } else {
        (void)fprintf(stderr, "usage: bench-driver OPTIONS load | flood | ask VERB [BODY]\n");
    }
    natsConnection_Destroy(connection);
    /* Threads of the library still let go of messages: exit() must not find them at it. */
    (void)nats_CloseAndWait(CLOSE_MS);
    return code;
}

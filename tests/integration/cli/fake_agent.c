/* An agent for tests of the CLI: says hello until the coordinator answers, then waits for SIGTERM.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/bus/bus.h"
#include "common/json/json.h"
#include "common/wire/subjects.h"

static const char *option(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return argv[i + 1];
        }
    }
    return "";
}

static void hello(struct bus *bus, const char *agent, const char *store)
{
    char subject[SUBJECT_BYTES];
    struct buf reply = BUF_INIT(1024);
    (void)subject_hello(agent, store, subject);
    struct bus_publication publication = {.subject = subject, .body = "hello", .size = 5};
    while (bus_request(bus, &publication, 1000, &reply, NULL) != ERR_OK) {
        struct timespec pause = {.tv_nsec = 2000000};
        (void)nanosleep(&pause, NULL);
    }
    buf_release(&reply);
}

int main(int argc, char **argv)
{
    struct error err = {0};
    sigset_t stop;
    int signal_number = 0;
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &stop, NULL);
    log_init("agent", LOG_INFO);
    json_t *contract = json_load_file(option(argc, argv, "--contract"), 0, NULL);
    const char *agent = json_text_of(contract, "agent");
    struct bus_options options = {.url = option(argc, argv, "--bus"),
                                  .creds_file = option(argc, argv, "--creds"),
                                  .name = "agent"};
    struct bus *bus = NULL;
    if (agent == NULL || bus_connect(&options, &bus, &err) != ERR_OK) {
        log_error("cannot start: %s", err.message);
        return 1;
    }
    hello(bus, agent, option(argc, argv, "--store"));
    log_info("ready");
    (void)sigwait(&stop, &signal_number);
    bus_close(&bus);
    json_decref(contract);
    return 0;
}

/* bench-floor: the floor's coordinator or agent, by the first word of the command line. */
#include "tests/bench/floor.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/crypto/crypto.h"

int main(int argc, char **argv)
{
    static const struct option table[] = {
        {"bus", required_argument, NULL, 'b'},   {"creds", required_argument, NULL, 'k'},
        {"data", required_argument, NULL, 'd'},  {"durability", required_argument, NULL, 'y'},
        {"syncs", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
    struct floor_options options = {.bus = "nats://127.0.0.1:4222", .sync = true};
    int option = 0;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        switch (option) {
        case 'b':
            options.bus = optarg;
            break;
        case 'k':
            options.creds = optarg;
            break;
        case 'd':
            options.data = optarg;
            break;
        case 's':
            options.syncs = strtoull(optarg, NULL, 10);
            break;
        case 'y':
            options.sync = strcmp(optarg, "process") != 0;
            break;
        default:
            return 2;
        }
    }
    const char *role = optind < argc ? argv[optind] : "";
    struct error err = {0};
    log_init("bench-floor", LOG_INFO);
    if (crypto_init(&err) != ERR_OK) {
        log_error("%s", err.message);
        return 1;
    }
    if (strcmp(role, "coordinator") == 0 && options.data != NULL) {
        return floor_coordinator_run(&options);
    }
    if (strcmp(role, "agent") == 0) {
        return floor_agent_run(&options);
    }
    (void)fprintf(stderr, "usage: bench-floor --bus URL --creds FILE [--data DIR "
                          "--durability power|process --syncs N] coordinator | agent\n");
    return 2;
}

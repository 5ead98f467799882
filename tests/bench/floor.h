/* The two programs of the floor: what the same messages, bytes and syncs cost without an engine. */
#ifndef TESTS_BENCH_FLOOR_H
#define TESTS_BENCH_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

/* The agent and the store both programs speak for; the bench makes accounts for them. */
#define FLOOR_AGENT "tester"
#define FLOOR_STORE "main"

struct floor_options {
    const char *bus;
    const char *creds;
    const char *data; /* the store */
    uint64_t syncs;   /* agent: synced commits for 1,000 tasks, as the company's agent made */
    bool sync;        /* commits are on the device before anything is sent */
};

/* Run until SIGTERM ends the process; return 1 when it cannot start. */
int floor_coordinator_run(const struct floor_options *options);
int floor_agent_run(const struct floor_options *options);

#endif

/*
 * A nats-server of a test's own: free port on 127.0.0.1, its own directory, JetStream on. It dies
 * with the test. Nothing here uses Criterion, so thread programs may use it too; failures CHECK.
 */
#ifndef TESTS_SUPPORT_NATS_FIXTURE_H
#define TESTS_SUPPORT_NATS_FIXTURE_H

#include <stdbool.h>

struct nats_fixture;

/* Start a server; `config` (may be NULL) is text of a configuration file without listen, port and
 * jetstream store. NULL when nats-server is not installed. Returns when clients can connect. */
struct nats_fixture *nats_fixture_start(const char *config);

/* Kill the server, remove its directory, free *fixture and set it to NULL. Accepts NULL. */
void nats_fixture_destroy(struct nats_fixture **fixture);

/* "nats://127.0.0.1:PORT"; the same after a restart. */
const char *nats_fixture_url(const struct nats_fixture *fixture);

/* kill -9 and wait until it is dead. */
void nats_fixture_kill(struct nats_fixture *fixture);

/* Stop it for a while (SIGSTOP) and let it go on. */
void nats_fixture_pause(struct nats_fixture *fixture);
void nats_fixture_resume(struct nats_fixture *fixture);

/* Start again after a kill, on the same port and directory. */
void nats_fixture_restart(struct nats_fixture *fixture);

/* Remove the JetStream directory; the server must be dead. */
void nats_fixture_wipe(struct nats_fixture *fixture);

/* Use other configuration text from the next restart on. */
void nats_fixture_configure(struct nats_fixture *fixture, const char *config);

/* Write a creds file (mode 0600) into the fixture's directory; its path, owned by the fixture until
 * it is destroyed, or NULL without room for another. */
const char *nats_fixture_creds(struct nats_fixture *fixture, const char *user,
                               const char *password);

/* Call `done` every few milliseconds until it is true; false after `seconds`. */
bool fixture_wait(bool (*done)(void *user), void *user, unsigned seconds);

#endif

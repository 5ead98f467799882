/*
 * A company in a folder of the test's own: the real `mainstay up` and nats-server, doubles of the
 * coordinator and of the agents "one" and "two". Configuration of the user is in the folder too.
 */
#ifndef TESTS_INTEGRATION_CLI_COMPANY_FIXTURE_H
#define TESTS_INTEGRATION_CLI_COMPANY_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { FIXTURE_TEXT = 16384 };

/* Make the folder and the contracts; ends the test program when nats-server is not installed. */
void fixture_begin(void);

/* Stop what runs and remove the folder. */
void fixture_end(void);

/* Path of the company's folder, and of a file in it ("" for the folder's parent). */
const char *fixture_dir(void);
void fixture_path(const char *name, char *out, size_t size);

/* Run `mainstay` with these words (a shell's syntax); its exit code. Output of both kinds is in
 * fixture_output() until the next call. */
int fixture_run(const char *words);
const char *fixture_output(void);

/* Words that start the company in the background. */
int fixture_up(void);

/* The pid recorded for a process, 0 when there is none. */
pid_t fixture_pid(const char *name);

/* The supervisor's pid, from a child of it. */
pid_t fixture_supervisor(void);

/* Look every few milliseconds until `done(user)`; false after 20 s. */
bool fixture_until(bool (*done)(const void *user), const void *user);

#endif

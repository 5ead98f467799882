/* An agent without a bus: the runtime over the in-memory store, results collected for the test. */
#ifndef TESTS_UNIT_RUNTIME_HARNESS_H
#define TESTS_UNIT_RUNTIME_HARNESS_H

#include <pthread.h>
#include <stdatomic.h>

#include "agents/runtime/runtime.h"

struct kv;

enum { HARNESS_RESULTS_MAX = 1024 };

/* One result as it left. */
struct got {
    uint8_t key;
    uint32_t attempt;
    Mainstay__Phase phase;
    Mainstay__ResultStatus status;
    Mainstay__FailureClass failure_class;
    Mainstay__EffectMark effect;
    bool from_store;
    bool has_instance;
    char code[64];
    char detail[512];
    char pointer[64];
    char output[512];
    char cost[32];
    char rule[32];
    uint32_t confidence_ppm;
    struct digest blob; /* of an output that the result only names */
    uint64_t blob_bytes;
};

struct harness {
    struct runtime runtime;
    struct kv *kv;
    struct agent_definition definition;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct got results[HARNESS_RESULTS_MAX];
    size_t result_count;
    size_t batch_count;
    size_t dead_letters;
    char dead_reason[512];
    bool refuse_publish;      /* the bus is not there */
    const uint8_t *addressee; /* store id on messages that are sent; NULL: none */
    atomic_int fatal;         /* times the store failed */

    /* What the actions of the harness did. */
    atomic_int runs;
    atomic_int probes;
    atomic_int gate;    /* `wait` returns when it is not 0 */
    atomic_int heeding; /* when it is not 0, `wait` returns when told to stop, if it heeds that */
    atomic_size_t started_count;
    uint8_t started[64]; /* keys in the order in which `wait` began */
    atomic_int waiting;  /* actions inside `wait` */
    enum agent_probe_answer probe_answer;
};

/* Start over an empty store with that many workers. */
void harness_start(struct harness *harness, size_t workers);

/* Stop the runtime and keep the store. */
void harness_stop(struct harness *harness);

/* As after kill -9: unsynced commits are lost too, so this is a power cut. Start again. */
void harness_crash(struct harness *harness, size_t workers);

/* Stop and close the store. */
void harness_end(struct harness *harness);

/* A task under construction. */
struct ask {
    uint8_t key; /* of all 16 bytes */
    uint32_t attempt;
    const char *action;
    const char *input;
    const char *proposal;
    const char *contract_version; /* NULL: the harness's */
    bool perform;
    bool wrong_digest;
    uint32_t named; /* bytes of an input or a proposal that the task only names: harness_value */
    uint64_t timeout_ms;
    uint32_t priority;
    bool looked; /* a person says that nothing happened in earlier attempts */
};

/* The value of so many bytes that a task names: {"amount":"aaa..."}. */
void harness_value(size_t size, struct buf *out);

void harness_send(struct harness *harness, const struct ask *asks, size_t count, uint64_t epoch);
void harness_ask(struct harness *harness, const struct ask *ask);
void harness_recall(struct harness *harness, uint8_t key, uint32_t attempt, bool perform);
void harness_settle(struct harness *harness, uint8_t key);

/* Let the bus be away, or back. */
void harness_refuse(struct harness *harness, bool refuse);

/* Wait until `count` results have left in all; the last one. Fails the test after ten seconds. */
struct got harness_wait(struct harness *harness, size_t count);

/* Send and wait for the next result. */
struct got harness_answer(struct harness *harness, const struct ask *ask);

#endif

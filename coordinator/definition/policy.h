/*
 * What is done about failures by default: one path for each class, and the bounds around it.
 *
 * Threads: plain values, immutable while they are shared.
 */
#ifndef COORDINATOR_DEFINITION_POLICY_H
#define COORDINATOR_DEFINITION_POLICY_H

#include <stdint.h>

/* Bounds of circuits and absence. */
struct policy_limits {
    int64_t absence_grace_ms; /* how long work waits for an agent before a person is told */
    uint32_t breaches; /* of its contract, within the window, that make a version unhealthy */
    uint32_t breach_instances; /* so many different ones must have seen one */
    int64_t breach_window_ms;
};

#endif

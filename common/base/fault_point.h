/*
 * Named places where the crash campaign stops a process (tests/crash). Builds without the CMake
 * option FAULT_POINTS contain nothing of this.
 *
 * The environment says what happens where, one rule or several separated by commas:
 *
 *     MAINSTAY_FAULT_POINT=NAME@COUNT=ACTION
 *
 * The COUNT-th time (from 1) the process comes to NAME, ACTION happens: `kill` (SIGKILL to itself),
 * `stop` (SIGSTOP to itself, somebody else must send SIGCONT) or `fail` (a place that can fail
 * does; FAULT_POINT ignores it). A rule that cannot be read ends the process at once with words, so
 * that no campaign goes on without its fault.
 *
 * Threads: any.
 */
#ifndef COMMON_BASE_FAULT_POINT_H
#define COMMON_BASE_FAULT_POINT_H

#include <stdbool.h>

#ifdef FAULT_POINTS
/* Count the visit and do what the rules say. True: the caller is to fail now. */
bool fault_point(const char *name);
#define FAULT_POINT(name)       ((void)fault_point(name))
#define FAULT_POINT_FAILS(name) fault_point(name)
#else
#define FAULT_POINT(name)       ((void)0)
#define FAULT_POINT_FAILS(name) false
#endif

#endif

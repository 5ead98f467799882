/*
 * Rules of time zones from the host's files (Debian's tzdata) to the engine, which journals them:
 * what a schedule meant is known without the files, and new rules come with the next start.
 *
 * Threads: those of the turn.
 */
#ifndef COORDINATOR_EDGE_ZONES_H
#define COORDINATOR_EDGE_ZONES_H

#include "common/base/error.h"

struct plan;
struct plan_report;
struct turn;

#define ZONES_DIR "/usr/share/zoneinfo"

/* Whether this host has the rules of the zone that the plan names, if it names one: ERR_OK, or
 * ERR_INVALID with the problem, at its place, in the report of the plan. */
MUST_CHECK enum err zones_check(const struct plan *plan, struct plan_report *report);

/* In an open turn: tell the engine the rules of a zone unless it knows some. Errors:
 * ERR_NOT_FOUND, ERR_INVALID, with words for who named the zone. */
MUST_CHECK enum err zones_learn(struct turn *turn, const char *name, struct error *err);

/* In an open turn: tell the engine what has changed in the files since it learned its zones. */
void zones_refresh(struct turn *turn);

#endif

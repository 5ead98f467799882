/*
 * Rules of one time zone: how far its local time is from UTC, at any instant.
 *
 * Pure: the rules come as bytes of a compiled time zone file (TZif, RFC 8536, version 2 and later;
 * Debian's package tzdata has them under /usr/share/zoneinfo), with the POSIX rule of its footer
 * for the years behind its table. Who reads the file is somebody else.
 *
 * Instants are seconds since 1970-01-01T00:00:00Z. A local time is written the same way, as if its
 * clock showed UTC. A zone of NULL is UTC.
 *
 * Threads: a zone is immutable; it may be read from several threads.
 */
#ifndef COORDINATOR_DEFINITION_ZONE_H
#define COORDINATOR_DEFINITION_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/str.h"

struct zone;

enum {
    ZONE_BYTES_MAX = 64 * 1024, /* a compiled file; the largest known has 4 KB */
    ZONE_NAME_MAX = 64,
    ZONE_INSTANTS_MAX = 4, /* of one local time; more than two are not known */
};

/* Whether `name` can be the name of a zone: "Europe/Berlin", "Etc/GMT+1". Never a path out of the
 * folder of zones. */
bool zone_name_valid(const char *name);

/* Read a compiled file. Errors: ERR_INVALID with what is wrong (not TZif, version 1, cut off, leap
 * seconds, a rule that is none); ERR_NOMEM. The bytes are not kept. */
MUST_CHECK enum err zone_parse(struct str bytes, struct zone **ret_zone, struct error *err);

/* Free *zone and set it to NULL. Accepts NULL. */
void zone_destroy(struct zone **zone);

/* Seconds that local time is ahead of UTC at an instant. */
int64_t zone_offset(const struct zone *zone, int64_t instant);

/* The first instant after `instant` at which a rule begins to hold; INT64_MAX: none. The offset
 * need not differ there. */
int64_t zone_next_change(const struct zone *zone, int64_t instant);

/* The instants at which local clocks show `local`, ascending: none when a change skips it, two when
 * a change repeats it. Returns how many. */
size_t zone_instants(const struct zone *zone, int64_t local,
                     int64_t ret_instants[ZONE_INSTANTS_MAX]);

/* For a local time that does not exist: the instant of the change that skips it. */
int64_t zone_skipping(const struct zone *zone, int64_t local);

#endif

/*
 * The files of the bus that `mainstay up` runs, when nats-server cannot use them any more: it ends
 * at each start, or answers for a stream no more (2.9.10 does both when their bytes were changed).
 *
 * The stores are the truth, so an empty bus is made up again from them. The files are moved beside,
 * to bus.damaged-TIME, and never deleted: a person can look. At most BUS_FILES_ASIDE_MAX lie there;
 * from then on nothing is moved before a person took one away.
 *
 *   ends BUS_FILES_CRASHES times by itself --> set aside, begins empty --ready--> they were the
 * cause
 *                                                    |
 *                                                    +--ends as often--> put back, another cause
 *
 * Threads: none.
 */
#ifndef TOOLS_MAINSTAY_COMPANY_BUS_FILES_H
#define TOOLS_MAINSTAY_COMPANY_BUS_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"
#include "tools/mainstay/files.h"

enum { BUS_FILES_CRASHES = 3, BUS_FILES_ASIDE_MAX = 3, BUS_FILES_NOTE_BYTES = 4 * PATH_BYTES };

struct bus_files {
    const char *dir;        /* the company's, borrowed */
    char aside[PATH_BYTES]; /* set aside, not known yet to have been the cause; "" when none */
    unsigned crashes;       /* ends in a row that the server brought about itself */
    bool stuck;             /* it is killed because it does not answer */
    bool innocent;          /* it ends with empty files too */
};

/* The server has ended with wait status `status`, after having been `well` or not. True: its files
 * are others now and it should be started at once. Words for a person, or "", go to `note` of
 * BUS_FILES_NOTE_BYTES. */
bool bus_files_ended(struct bus_files *files, int status, bool well, char *note);

/* The server is ready. */
void bus_files_ready(struct bus_files *files);

#endif

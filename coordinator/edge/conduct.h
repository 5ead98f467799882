/*
 * What a store of an agent may cost others by what it says: two allowances that fill up again with
 * time (token buckets).
 *
 *   answers  that change nothing: to tasks that nobody waits for, said twice, forged, unreadable.
 * An honest store has some after a restart or a fault of the bus. One that has used its allowance
 * up rests: what it says waits on the bus, where its stream has a bound. letters  bytes of dead
 * letters that are kept of it. What is more is counted, and one letter a minute says how many there
 * were and why the last one was refused.
 *
 * Pure: time is given, by a clock that never goes back.
 *
 * Threads: none.
 */
#ifndef COORDINATOR_EDGE_CONDUCT_H
#define COORDINATOR_EDGE_CONDUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONDUCT_ANSWERS = 262144,     /* useless answers at once */
    CONDUCT_ANSWERS_PER_S = 1024, /* and for good; each costs a look at tables */
    CONDUCT_FORGED = 256,         /* answers that one counts for which the engine keeps */
    CONDUCT_BYTES = 256,          /* of an unreadable message count as one answer */
    CONDUCT_LETTERS = 4194304,    /* bytes of letters at once */
    CONDUCT_LETTERS_PER_S = 256,  /* and for good: 22 MB a day */
    CONDUCT_LETTER = 512,         /* what a letter costs beside its body */
    CONDUCT_TELL_MS = 60000,      /* between two letters that say how many there were */
    CONDUCT_WHY_BYTES = 160,
    CONDUCT_HELLOS = 512,   /* requests at once */
    CONDUCT_HELLO_MS = 250, /* and for good one each so often */
};

struct conduct {
    int64_t at_ms;   /* when the allowances were filled up last */
    int64_t answers; /* left; below 0: it rests */
    int64_t letters;
    bool resting;
    uint64_t unkept;      /* letters since the last telling */
    uint64_t unkept_ever; /* for figures */
    uint64_t useless_ever;
    int64_t tell_ms; /* when to tell; with unkept > 0 */
    char why[CONDUCT_WHY_BYTES];
};

void conduct_init(struct conduct *conduct, int64_t now_ms);

/* So many answers were useless. */
void conduct_useless(struct conduct *conduct, uint64_t count, int64_t now_ms);

/* Whether it has to rest now; when not, the time from which on it may be asked again is past. */
bool conduct_rests(struct conduct *conduct, int64_t now_ms);

/* When its rest is over. Precondition: it rests. */
int64_t conduct_rested_ms(const struct conduct *conduct);

/* Whether a dead letter with a body of `bytes` is kept; otherwise it is counted, with `why`. */
bool conduct_letter(struct conduct *conduct, size_t bytes, const char *why, int64_t now_ms);

/* How many were not kept, when it is time to tell; 0: nothing to tell now. */
uint64_t conduct_tell(struct conduct *conduct, int64_t now_ms);

/* When conduct_tell has something to say; INT64_MAX: not before another letter. */
int64_t conduct_tell_ms(const struct conduct *conduct);

/* How often one subject is answered (GCRA, ITU-T I.371): when the next request would come at its
 * steady pace. Begins as zeros. */
struct pace {
    int64_t due_ms;
};

/* Whether a hello that comes now is taken. */
bool pace_takes_hello(struct pace *pace, int64_t now_ms);

#endif

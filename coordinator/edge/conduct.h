/*
 * What a store of an agent may cost others by what it says: three allowances that fill up again
 * with time (token buckets).
 *
 * Answers that change nothing: to tasks that nobody waits for, said twice, forged, unreadable. An
 * honest store has some after a restart or a fault of the bus. One that has used its allowance up
 * rests: what it says waits on the bus, where its stream has a bound.
 *
 * Messages with such answers, taken for the first time. An honest store sends again what it does
 * not know to be stored (SENDER_CHUNKS_MAX messages a second), and answers again what it is asked
 * again (as much as it has credit for). One that says more floods: that is told to whoever can cut
 * it off the bus, which reads each message whether it is taken or refused.
 *
 * Bytes of dead letters that are kept of it. What is more is counted, and one letter a minute says
 * how many there were and why the last one was refused.
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
    CONDUCT_MESSAGES = 2048,      /* with useless answers, at once */
    CONDUCT_MESSAGES_PER_S = 128, /* and for good */
    CONDUCT_FLOOD_MS = 10000,     /* of a flood are told of once */
    CONDUCT_LETTERS = 4194304,    /* bytes of letters at once */
    CONDUCT_LETTERS_PER_S = 256,  /* and for good: 22 MB a day */
    CONDUCT_LETTER = 512,         /* what a letter costs beside its body */
    CONDUCT_TELL_MS = 60000,      /* between two letters that say how many there were */
    CONDUCT_WHY_BYTES = 160,
    CONDUCT_HELLOS = 512,   /* requests at once */
    CONDUCT_HELLO_MS = 250, /* and for good one each so often */
};

struct conduct {
    int64_t at_ms;    /* when the allowances were filled up last */
    int64_t answers;  /* left; below 0: it rests */
    int64_t messages; /* left; below 0: it floods */
    int64_t letters;
    bool resting;
    bool flooded;         /* it has been told of, */
    int64_t told_ms;      /* by a message stored then by the bus's clock */
    uint64_t newest;      /* the message that was stored last of those taken, */
    int64_t newest_ms;    /* and when that was */
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

/* Of each message: whether it is taken for the first time. A bus that forgot what was taken
 * delivers again what its stream still has. */
bool conduct_first(struct conduct *conduct, uint64_t sequence, int64_t stored_ms);

/* Of a message with useless answers that is taken for the first time, stored at `stored_ms` by the
 * bus's clock: whether it is to be told now that the store floods. What the flood left in the
 * stream is never told of, however late it is taken: whoever was told has cut it off by then. */
bool conduct_floods(struct conduct *conduct, int64_t stored_ms, int64_t now_ms);

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

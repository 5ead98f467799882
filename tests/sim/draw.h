/*
 * Draws from a seed: splitmix64 (Steele, Lea, Flood 2014). Streams drawn from one seed with
 * different numbers are independent, so that what one part of the simulator draws does not move the
 * others.
 */
#ifndef TESTS_SIM_DRAW_H
#define TESTS_SIM_DRAW_H

#include <stdbool.h>
#include <stdint.h>

struct draw {
    uint64_t state;
};

static inline uint64_t draw_next(struct draw *draw)
{
    uint64_t z = draw->state += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

static inline struct draw draw_stream(uint64_t seed, uint64_t stream)
{
    struct draw draw = {.state = seed * 0xD1342543DE82EF95ULL + stream * 0x2545F4914F6CDD1DULL};
    draw.state = draw_next(&draw);
    return draw;
}

/* In [0, below); `below` is not 0. */
static inline uint64_t draw_below(struct draw *draw, uint64_t below)
{
    return draw_next(draw) % below;
}

/* In [from, to]. */
static inline int64_t draw_between(struct draw *draw, int64_t from, int64_t to)
{
    return from + (int64_t)draw_below(draw, (uint64_t)(to - from) + 1);
}

static inline bool draw_chance(struct draw *draw, unsigned per_mille)
{
    return draw_below(draw, 1000) < per_mille;
}

#endif

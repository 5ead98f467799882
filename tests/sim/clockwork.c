/* Acts in order of time, draws of faults, findings, trace; and what the programs think is the
 * clock and the random source. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/crypto/crypto.h"
#include "tests/sim/checker.h"
#include "tests/sim/sim.h"

const char *const fault_names[FAULT_COUNT] = {
#define SIM_FAULT(name, text, rate) text,
#include "tests/sim/faults.def"
#undef SIM_FAULT
};

struct sim *sim_current;

/* ---- acts ---- */

static bool act_before(const struct sim_act *a, const struct sim_act *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void sim_after(struct sim *sim, int64_t delay_us, sim_act_fn *run, void *what, uint64_t number)
{
    CHECK(delay_us >= 0);
    if (sim->act_count == sim->act_room) {
        sim->act_room = sim->act_room == 0 ? 256 : 2 * sim->act_room;
        sim->acts = realloc(sim->acts, sim->act_room * sizeof(*sim->acts));
        CHECK(sim->acts != NULL);
    }
    struct sim_act act = {.at_us = sim->now_us + delay_us,
                          .order = sim->act_order++,
                          .run = run,
                          .what = what,
                          .number = number};
    size_t at = sim->act_count++;
    while (at > 0 && act_before(&act, &sim->acts[(at - 1) / 2])) {
        sim->acts[at] = sim->acts[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    sim->acts[at] = act;
}

bool sim_step(struct sim *sim)
{
    if (sim->act_count == 0) {
        return false;
    }
    struct sim_act first = sim->acts[0];
    struct sim_act last = sim->acts[--sim->act_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= sim->act_count) {
            break;
        }
        if (child + 1 < sim->act_count && act_before(&sim->acts[child + 1], &sim->acts[child])) {
            child++;
        }
        if (!act_before(&sim->acts[child], &last)) {
            break;
        }
        sim->acts[at] = sim->acts[child];
        at = child;
    }
    sim->acts[at] = last;
    CHECK(first.at_us >= sim->now_us);
    sim->now_us = first.at_us;
    sim->figures.acts++;
    first.run(sim, first.what, first.number);
    return true;
}

int64_t sim_wall_ms(const struct sim *sim)
{
    return sim->wall_ms + sim->now_us / 1000;
}

void *sim_alloc(struct sim *sim, size_t size)
{
    void *memory = arena_alloc(sim->arena, size);
    CHECK(memory != NULL);
    return memory;
}

void *sim_copy(struct sim *sim, const void *bytes, size_t size)
{
    void *memory = arena_dup(sim->arena, bytes, size);
    CHECK(memory != NULL);
    return memory;
}

/* ---- faults, findings, trace ---- */

void sim_fault_count(struct sim *sim, enum fault fault)
{
    sim->figures.faults[fault]++;
    sim->figures.hits += checker_open_instances(sim->checker) > 0 ? 1 : 0;
    sim_trace(sim, fault_names[fault], 0, 0);
}

bool sim_fault_draw(struct sim *sim, enum fault fault)
{
    return !sim->healed && sim->rates[fault] > 0 && draw_chance(&sim->draw, sim->rates[fault]);
}

bool sim_fault(struct sim *sim, enum fault fault)
{
    if (!sim_fault_draw(sim, fault)) {
        return false;
    }
    sim_fault_count(sim, fault);
    return true;
}

void sim_finding(struct sim *sim, const char *format, ...)
{
    if (sim->finding[0] != '\0') {
        return;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sim->finding, sizeof(sim->finding), format, args);
    va_end(args);
    if (sim->verbose) {
        fprintf(stderr, "FINDING %s\n", sim->finding);
    }
}

void sim_trace(struct sim *sim, const char *what, uint64_t a, uint64_t b)
{
    uint64_t hash = sim->figures.trace; /* FNV-1a over the words of the line */
    for (const char *c = what; *c != '\0'; c++) {
        hash = (hash ^ (uint8_t)*c) * 0x100000001B3ULL;
    }
    const uint64_t words[] = {(uint64_t)sim->now_us, a, b};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        hash = (hash ^ words[i]) * 0x100000001B3ULL;
        hash ^= hash >> 29;
    }
    sim->figures.trace = hash;
    if (sim->verbose) {
        fprintf(stderr, "%9.3f %s %llx %llx\n", (double)sim->now_us / 1e6, what,
                (unsigned long long)a, (unsigned long long)b);
    }
}

/* ---- in place of the system (linked with --wrap) ---- */

int64_t __wrap_clock_wall_ms(void);
int64_t __wrap_clock_boot_ms(void);
int64_t __wrap_clock_monotonic_ns(void);
int64_t __wrap_clock_deadline_ns(int64_t ms);
void __wrap_crypto_random(void *out, size_t size);

int64_t __wrap_clock_wall_ms(void)
{
    return sim_wall_ms(sim_current);
}

int64_t __wrap_clock_boot_ms(void)
{
    return sim_current->now_us / 1000;
}

int64_t __wrap_clock_monotonic_ns(void)
{
    return sim_current->now_us * 1000;
}

/* Only mailboxes of linked programs ask, and here nobody sleeps in one. */
int64_t __wrap_clock_deadline_ns(int64_t ms)
{
    (void)ms;
    return 0;
}

void __wrap_crypto_random(void *out, size_t size)
{
    uint8_t *at = out;
    while (size > 0) {
        uint64_t word = draw_next(&sim_current->randomness);
        size_t piece = size < sizeof(word) ? size : sizeof(word);
        memcpy(at, &word, piece);
        at += piece;
        size -= piece;
    }
}

/*
 * How much memory a process may use, as it was told at its start. What keeps data in memory to be
 * quick (caches, write buffers, the allocator's arenas) sizes itself after it; it is no limit that
 * is enforced here: systemd or a container does that.
 *
 * Threads: set it before any thread starts; then read it from any.
 */
#ifndef COMMON_BASE_FOOTPRINT_H
#define COMMON_BASE_FOOTPRINT_H

#include <stdbool.h>
#include <stdint.h>

enum { FOOTPRINT_SMALL_BYTES = 256 * 1024 * 1024 };

/* A size as systemd writes it: digits and K, M or G (powers of 1024), or bytes without a letter;
 * more than 0 and less than 2^53. */
bool footprint_parse(const char *text, uint64_t *ret_bytes);

/* What this process may use. Below FOOTPRINT_SMALL_BYTES its threads share one arena of malloc. */
void footprint_set(uint64_t bytes);

/* 0: nobody said. */
uint64_t footprint_bytes(void);

#endif

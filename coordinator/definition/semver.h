/*
 * Semantic versions (semver.org 2.0.0). Private to this folder; others use plan_version_in_range.
 */
#ifndef COORDINATOR_DEFINITION_SEMVER_H
#define COORDINATOR_DEFINITION_SEMVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct semver {
    uint32_t number[3];
    unsigned parts;  /* numbers that were written */
    const char *pre; /* pre-release, borrowed from the text */
    size_t pre_size;
};

/* A full version "1.4.0", "1.0.0-alpha.1+build". */
bool semver_parse(const char *text, struct semver *ret_version);

/* Precedence (semver section 11). */
int semver_compare(const struct semver *a, const struct semver *b);

/* Whether the text is a range that plan_version_in_range understands. */
bool semver_range_valid(const char *range);

#endif

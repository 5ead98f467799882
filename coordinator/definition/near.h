/*
 * "Did you mean": the nearest of a few names. Pure, allocates nothing.
 */
#ifndef COORDINATOR_DEFINITION_NEAR_H
#define COORDINATOR_DEFINITION_NEAR_H

#include <stddef.h>

/* Edits (insert, remove, replace, swap neighbours) between two names, counted up to 3; 3 means "3
 * or more", also when one is longer than 64 bytes. */
unsigned near_distance(const char *a, size_t a_size, const char *b, size_t b_size);

/* Whether a person who typed `a` may well have meant `b`. */
int near_enough(const char *a, size_t a_size, const char *b, size_t b_size);

/* The nearest of the names in `list` (terminated by NULL), or NULL when none is near enough. */
const char *near_name(const char *const *list, const char *name, size_t size);

#endif

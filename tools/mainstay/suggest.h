/* "Did you mean": the nearest of some words. Threads: any. */
#ifndef TOOLS_MAINSTAY_SUGGEST_H
#define TOOLS_MAINSTAY_SUGGEST_H

#include <stddef.h>

enum { SUGGEST_BYTES = 64 }; /* longer words have no neighbours */

/* Edits (insert, delete, replace, swap of neighbours: optimal string alignment distance) that make
 * `b` of `a`; SUGGEST_BYTES when either is too long. */
size_t suggest_distance(const char *a, const char *b);

/* Remember `candidate` in *best when it is nearer to `word` than what is there and near enough to
 * be meant: at most 2 edits and at most half the word. Start with *best NULL. */
void suggest_consider(const char *word, const char *candidate, const char **best);

#endif

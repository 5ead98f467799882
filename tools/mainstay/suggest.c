#include "tools/mainstay/suggest.h"

#include <string.h>

enum { EDITS_MAX = 2 };

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

size_t suggest_distance(const char *a, const char *b)
{
    size_t rows[3][SUGGEST_BYTES + 1];
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);
    if (a_size > SUGGEST_BYTES || b_size > SUGGEST_BYTES) {
        return SUGGEST_BYTES;
    }
    size_t *before = rows[0];
    size_t *last = rows[1];
    size_t *row = rows[2];
    for (size_t j = 0; j <= b_size; j++) {
        last[j] = j;
        before[j] = 0;
    }
    for (size_t i = 1; i <= a_size; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = least(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], before[j - 2] + 1, row[j]);
            }
        }
        size_t *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[b_size];
}

void suggest_consider(const char *word, const char *candidate, const char **best)
{
    size_t distance = suggest_distance(word, candidate);
    if (distance > EDITS_MAX || distance * 2 > strlen(candidate)) {
        return;
    }
    if (*best == NULL || distance < suggest_distance(word, *best)) {
        *best = candidate;
    }
}

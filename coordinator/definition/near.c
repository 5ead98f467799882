#include "coordinator/definition/near.h"

#include <string.h>

enum { NAME_MAX_BYTES = 64, FAR = 3 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment distance (Damerau 1964, Wagner and Fischer 1974) over three rows. */
unsigned near_distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    unsigned rows[3][NAME_MAX_BYTES + 1];
    if (a_size > NAME_MAX_BYTES || b_size > NAME_MAX_BYTES) {
        return FAR;
    }
    for (size_t j = 0; j <= b_size; j++) {
        rows[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i + 2) % 3];
        const unsigned *before = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_size; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1,
                           above[j - 1] + (a[i - 1] != b[j - 1] ? 1U : 0U));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
    }
    return least(rows[a_size % 3][b_size], FAR);
}

int near_enough(const char *a, size_t a_size, const char *b, size_t b_size)
{
    unsigned allowed = a_size < 4 || b_size < 4 ? 1 : 2;
    return a_size > 1 && near_distance(a, a_size, b, b_size) <= allowed;
}

const char *near_name(const char *const *list, const char *name, size_t size)
{
    const char *best = NULL;
    unsigned best_distance = FAR;
    for (; *list != NULL; list++) {
        size_t length = strlen(*list);
        unsigned distance = near_distance(name, size, *list, length);
        if (distance < best_distance && near_enough(name, size, *list, length)) {
            best = *list;
            best_distance = distance;
        }
    }
    return best;
}

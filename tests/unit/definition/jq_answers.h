/*
 * What libjq answers, for comparison. libjq runs in a child process, as in the product: it has no
 * limits of its own, and jq 1.6 never ends on `"abc" | index("")` but takes all memory there is.
 */
#ifndef TESTS_UNIT_DEFINITION_JQ_ANSWERS_H
#define TESTS_UNIT_DEFINITION_JQ_ANSWERS_H

#include <stddef.h>

/* The answer to one question. */
struct jq_answer {
    /* How many values came; 0 after an error; JQ_NO_ANSWER when the child died of the question. */
    size_t count;
    char *last; /* JSON of the last value, NULL when there is none; release with free() */
};

#define JQ_NO_ANSWER ((size_t)-1)

/*
 * Run `program` over each of `count` inputs, JSON texts. Each question has two seconds of CPU; one
 * that takes longer, or takes the child down, has no answer, and a new child goes on behind it.
 * Returns 0, or -1 when jq does not compile the program; `ret_answers` (room for `count`) is then
 * untouched. Fails the test when a process cannot be made.
 */
int jq_ask(const char *program, const char *const *inputs, size_t count,
           struct jq_answer *ret_answers);

#endif

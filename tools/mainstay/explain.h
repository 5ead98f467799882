/* Stories for people, shared by `explain` and `simulate`. Threads: none. */
#ifndef TOOLS_MAINSTAY_EXPLAIN_H
#define TOOLS_MAINSTAY_EXPLAIN_H

#include "common/json/json.h"

/* Print {definition, instance, status, story}, as control.explain gives it. */
void story_print(const json_t *reply);

#endif

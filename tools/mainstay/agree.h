/*
 * What a person agrees to before it is done.
 */
#ifndef TOOLS_MAINSTAY_AGREE_H
#define TOOLS_MAINSTAY_AGREE_H

#include "common/base/error.h"
#include "common/json/json.h"

/* Show on stderr what forks of instances would do again that was done already, by the rows of their
 * plan, and ask on stdin whether to go on; nothing is asked when there is nothing to show.
 * ERR_REFUSED: the answer is no, or there is none. */
MUST_CHECK enum err fork_agree(const json_t *rows, struct error *err);

#endif

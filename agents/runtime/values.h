/*
 * Values that are too large for a message, in both directions: inputs and proposals that a task
 * only names are asked for, outputs that a result only names are given to the coordinator
 * (common/wire/blob.h, blobs.h).
 *
 * Threads: any.
 */
#ifndef AGENTS_RUNTIME_VALUES_H
#define AGENTS_RUNTIME_VALUES_H

#include "agents/runtime/runtime.h"

enum { VALUE_FETCH_MS = 20000 }; /* for a whole value, within the task's time */

/* Names what the key was used for: action, input and proposal, whichever way they came. */
struct digest task_identity(const Mainstay__Task *task);

/* Whether the input is the one whose digest the task says; one to be fetched is compared then. */
bool task_input_is_announced(const Mainstay__Task *task);

/* Fetch what `blob` of the job's task names; it replaces the content of `ret_text`. Errors as
 * blob_fetch; ERR_UNAVAILABLE without a connection to ask over. */
MUST_CHECK enum err value_fetch(struct runtime *runtime, struct job *job, Mainstay__BlobKind kind,
                                const Mainstay__BlobRef *blob, struct buf *ret_text,
                                struct error *err);

/* Answer one request of the coordinator into the empty `ret_reply` of BLOB_REPLY_BYTES; it stays
 * empty when no answer is wanted. */
void value_serve(struct runtime *runtime, struct str request, struct buf *ret_reply);

/* Put the output that `result` names into it, for a coordinator that knows no blobs: false when it
 * cannot be read or does not fit into a message. The text lives in `text`. */
bool value_inline(struct runtime *runtime, Mainstay__Result *result, struct buf *text);

#endif

/*
 * The files beside a store by which `mainstay backup` and `mainstay restore` speak with the
 * program that has it open: STORE.checkpoint, a whole copy made on request, and STORE.restored,
 * which says that the store was put back and has lost what came after its backup.
 *
 * Threads: those of the store.
 */
#ifndef COMMON_STORE_BACKUP_H
#define COMMON_STORE_BACKUP_H

#include <stdbool.h>

#include "common/base/error.h"

struct kv;

/* Make STORE.checkpoint of the open store in `store`, a path. The log tells how that went: who
 * asked, by a signal, looks for the file. */
void backup_checkpoint(struct kv *kv, const char *store);

/* Whether STORE.restored is there. ERR_LIMIT: the path is too long. */
MUST_CHECK enum err backup_restored(const char *store, bool *ret_restored, struct error *err);

/* What follows from a restore is on the device: the next start is an ordinary one. ERR_IO. */
MUST_CHECK enum err backup_restored_done(const char *store, struct error *err);

#endif

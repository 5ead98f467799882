/*
 * Inside of the company: what its files share.
 */
#ifndef COORDINATOR_ENGINE_COMPANY_PRIVATE_H
#define COORDINATOR_ENGINE_COMPANY_PRIVATE_H

#include "coordinator/engine/ready.h"

struct store;

/* flow.c: free what company_release owns. */
void uses_free(struct store *store);
void rate_free(void *value);

#endif

/*
 * The action of the extraction agent, as contract.json describes it. Threads: any number at once.
 */
#ifndef AGENTS_EXTRACTION_ACTIONS_H
#define AGENTS_EXTRACTION_ACTIONS_H

#include "agents/runtime/agent.h"

/* "extract": a document that cannot be read is a data failure that names the element. */
agent_decide_fn extraction_extract;

#endif

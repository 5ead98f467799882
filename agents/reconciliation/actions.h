/*
 * The actions of the reconciliation agent, for main.c and tests.
 */
#ifndef AGENTS_RECONCILIATION_ACTIONS_H
#define AGENTS_RECONCILIATION_ACTIONS_H

#include "agents/runtime/agent.h"

/* Names of the agent's tables in the order of enum book_table, NULL-terminated. */
extern const char *const reconciliation_tables[];

agent_perform_fn reconciliation_record;
agent_decide_fn reconciliation_check;
agent_perform_fn reconciliation_post;
agent_perform_fn reconciliation_unpost;
agent_perform_fn reconciliation_dispute;
agent_decide_fn reconciliation_ledger;

#endif

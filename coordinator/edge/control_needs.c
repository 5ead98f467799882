/*
 * What a definition needs of the company on the day it is deployed: the workflows that it runs, and
 * an agent that runs its programs. What is missing is told like everything else that is wrong with
 * a definition, all of it at once, each thing with its place.
 */
#include <stdio.h>

#include "common/base/str.h"
#include "coordinator/edge/control_private.h"

enum { WORDS_BYTES = COMPANY_RUN_BYTES + 64 };

static void needs_report(const struct plan_node *node, const char *message, const char *hint,
                         struct plan_report *report)
{
    plan_report_add(report, &(struct plan_problem){.line = node->line,
                                                   .column = node->column,
                                                   .pointer = node->pointer,
                                                   .message = message,
                                                   .hint = hint});
}

/* A misspelt name is found now and not on a Sunday. */
static enum err workflow_check(const struct company *company, const struct plan *plan,
                               const struct plan_node *node, struct plan_report *report)
{
    char name[COMPANY_RUN_BYTES];
    char words[WORDS_BYTES];
    if (company_run_possible(company, plan, &node->run, name)) {
        return ERR_OK;
    }
    (void)snprintf(words, sizeof(words),
                   "it runs %s, which is not deployed, or retired: deploy it first", name);
    needs_report(node, words, "to simulate, name its file after the first", report);
    return ERR_NOT_FOUND;
}

/* run: shell and run: script would wait for ever, and running programs is a right to be given. */
static enum err program_check(const struct company *company, const struct plan_node *node,
                              struct plan_report *report)
{
    char words[WORDS_BYTES];
    bool live = false;
    if (!node->call.program || contract_bound(company, &node->call, &live) != NULL) {
        return ERR_OK;
    }
    (void)snprintf(words, sizeof(words),
                   "'run: %s' cannot run: no agent 'exec' is registered that offers the action "
                   "'%s'",
                   node->call.action, node->call.action);
    needs_report(node, words, NULL, report);
    return ERR_REFUSED;
}

enum err needs_check(const struct company *company, const struct plan *plan,
                     struct plan_report *report)
{
    char name[COMPANY_RUN_BYTES];
    enum err code = ERR_OK;
    (void)snprintf(name, sizeof(name), "%s/%s:%s", plan->namespace_, plan->name, plan->version);
    if (company_find_definition(company, name) != NULL) {
        return ERR_OK; /* deployed again, or refused for its version: the engine says */
    }
    for (uint32_t i = 0; i < plan->node_count; i++) {
        const struct plan_node *node = &plan->nodes[i];
        enum err found = ERR_OK;
        if (node->kind == TASK_RUN) {
            found = workflow_check(company, plan, node, report);
        } else if (node->kind == TASK_AGENT) {
            found = program_check(company, node, report);
        }
        code = code == ERR_OK ? found : code;
    }
    return code;
}

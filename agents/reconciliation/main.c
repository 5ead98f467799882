/* agent-reconciliation: the shipment ledger and the checks of invoices against it. */
#include "agents/reconciliation/actions.h"

int main(int argc, char **argv)
{
    static const struct agent_action actions[] = {
        {.name = "record", .perform = reconciliation_record},
        {.name = "check", .decide = reconciliation_check},
        {.name = "post", .perform = reconciliation_post},
        {.name = "unpost", .perform = reconciliation_unpost},
        {.name = "dispute", .perform = reconciliation_dispute},
        {.name = "ledger", .decide = reconciliation_ledger},
    };
    static const struct agent_definition definition = {
        .name = "reconciliation",
        .version = "1.1.0",
        .actions = actions,
        .action_count = sizeof(actions) / sizeof(actions[0]),
        .tables = reconciliation_tables,
    };
    return agent_main(argc, argv, &definition);
}

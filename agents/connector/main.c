/* agent-connector: makes HTTP requests to the hosts its operator allows. */
#include "agents/connector/connector.h"

static enum err open_connector(struct agent_setup *setup, void **ret_user, struct error *err)
{
    return connector_open(setup, ret_user, err);
}

int main(int argc, char **argv)
{
    static const struct agent_action actions[] = {
        {.name = "fetch", .decide = connector_fetch},
        {.name = "send", .perform = connector_send},
        {.name = "submit", .perform = connector_submit},
        {.name = "operate", .perform = connector_operate, .probe = connector_operate_probe},
    };
    static const struct agent_definition definition = {
        .name = "connector",
        .version = "1.0.0",
        .actions = actions,
        .action_count = sizeof(actions) / sizeof(actions[0]),
        .open = open_connector,
        .close = connector_close,
        .help = "settings:\n"
                "  --set allow=HOST[:PORT],...  hosts that may be called; without it, and without\n"
                "                               the file DATA/allow (one entry a line), none.\n"
                "                               HOST is a name, *.suffix, an address or a range;\n"
                "                               private addresses must be allowed as addresses\n"
                "  --set answer-bytes=N         most bytes of an answer (524288)\n"
                "  --set ca=FILE                certificate authorities instead of the system's",
    };
    return agent_main(argc, argv, &definition);
}

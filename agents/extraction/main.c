/* agent-extraction: reads business documents into canonical form. */
#include "agents/extraction/actions.h"

int main(int argc, char **argv)
{
    static const struct agent_action actions[] = {
        {.name = "extract", .decide = extraction_extract},
    };
    static const struct agent_definition definition = {
        .name = "extraction",
        .version = "1.0.0",
        .actions = actions,
        .action_count = sizeof(actions) / sizeof(actions[0]),
    };
    return agent_main(argc, argv, &definition);
}

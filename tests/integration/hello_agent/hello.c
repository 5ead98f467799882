/* Greets people by name, and remembers whom it has greeted. */
#include "agents/runtime/agent.h"

/* `greet` decides: it proposes a text and touches nothing. */
static void greet(const struct agent_task *task, struct agent_reply *reply)
{
    const char *name = json_text_of(task->input, "name");
    if (text_equal(name, "nobody")) {
        agent_fail(reply, AGENT_DATA, AGENT_EFFECT_NONE, "no-name", "There is nobody to greet");
        reply->failure.pointer = "/name";
        reply->failure.correction = json_pack("{s:s}", "name", "everybody");
        return;
    }
    reply->output = json_pack("{s:s}", "text", agent_text(reply, "Hello, %s!", name));
    reply->decision.rule = "greeting@1.0.0";
    reply->decision.explanation = json_pack("{s:s}", "why", "the input has a name");
}

/* `remember` performs: its row and its outcome are one commit, so it happens once. */
static void remember(const struct agent_task *task, struct agent_reply *reply)
{
    const char *name = json_text_of(task->input, "name");
    struct error err = {0};
    if (agent_store_put(task->store, "greeted", str_of(name), STR("yes"), &err) != ERR_OK) {
        agent_fail(reply, AGENT_TRANSIENT, AGENT_EFFECT_NONE, "store", "Cannot remember");
        reply->failure.detail = agent_text(reply, "%s", err.message);
        return;
    }
    reply->output = json_pack("{s:b}", "remembered", 1);
}

int main(int argc, char **argv)
{
    static const struct agent_action actions[] = {{.name = "greet", .decide = greet},
                                                  {.name = "remember", .perform = remember}};
    static const char *const tables[] = {"greeted", NULL};
    static const struct agent_definition definition = {.name = "hello",
                                                       .version = "1.0.0",
                                                       .actions = actions,
                                                       .action_count = 2,
                                                       .tables = tables};
    return agent_main(argc, argv, &definition);
}

#include "tools/mainstay/company/probe.h"

#include <time.h>

#include "common/base/str.h"
#include "tools/mainstay/company/company.h"
#include "tools/mainstay/control.h"

enum { PROBE_ASK_MS = 1000, PROBE_PAUSE_MS = 2, PROBE_PAUSE_MAX_MS = 50 };

static bool agent_is_live(const json_t *agents, const char *name)
{
    size_t index = 0;
    const json_t *agent = NULL;
    json_array_foreach(agents, index, agent)
    {
        if (text_equal(json_text_of(agent, "agent"), name) &&
            text_equal(json_text_of(agent, "state"), "live")) {
            return true;
        }
    }
    return false;
}

bool probe_all_live(const struct company *company, const json_t *agents)
{
    for (size_t i = 0; i < company->accounts.agent_count; i++) {
        if (!agent_is_live(agents, company->accounts.agents[i].agent)) {
            return false;
        }
    }
    return true;
}

static bool probe_once(struct control *control, const struct company *company)
{
    struct control_question question = {.verb = "status", .timeout_ms = PROBE_ASK_MS};
    json_t *reply = NULL;
    bool ready = control_ask(control, &question, &reply, NULL) == ERR_OK &&
                 probe_all_live(company, json_array_of(reply, "agents"));
    json_decref(reply);
    return ready;
}

int probe_run(const struct company *company)
{
    struct control *control = NULL;
    if (control_open(&company->context, &control, NULL) != ERR_OK) {
        return 1;
    }
    long pause_ms = PROBE_PAUSE_MS;
    while (!probe_once(control, company)) {
        struct timespec pause = {.tv_nsec = pause_ms * 1000000};
        (void)nanosleep(&pause, NULL);
        pause_ms = pause_ms * 2 > PROBE_PAUSE_MAX_MS ? PROBE_PAUSE_MAX_MS : pause_ms * 2;
    }
    control_close(&control);
    return 0;
}

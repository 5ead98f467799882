/*
 * Under what the engine works: policies (what is done about a failure when the definition does not
 * say), and the program that runs it.
 */
#include <string.h>

#include "common/base/str.h"
#include "coordinator/engine/process/process.h"

_Static_assert((int)POLICY_CLASSES == (int)FAILURE_CANCELLED + 1, "classes of policies");

void process_policy(struct engine *engine, uint64_t token, const struct policy_command *command)
{
    struct digest digest = crypto_blake(command->text, strlen(command->text));
    if (digest_equal(&digest, &engine->policy->digest)) {
        engine_reply_ok(engine, token, NULL, false);
        return;
    }
    struct policy *policy = NULL;
    struct plan_report report;
    enum err code = policy_load(command->text, strlen(command->text), &policy, &report);
    plan_report_release(&report);
    policy_destroy(&policy);
    if (code != ERR_OK) {
        engine_refuse(engine, token, ERR_INVALID, "'%s' is no policy", command->file);
        return;
    }
    struct event event = engine_event(NULL, EVENT_POLICY_SET);
    event.name = engine_text(engine, command->file);
    event.text = engine_text(engine, command->text);
    event.has_digest = true;
    event.digest = digest;
    engine_emit(engine, &event);
    engine_reply_ok(engine, token, NULL, true);
}

void process_program(struct engine *engine, const struct program_command *command)
{
    struct event event = engine_event(NULL, EVENT_PROGRAM_STARTED);
    event.text = engine_text(engine, command->program);
    event.name = engine_text(engine, command->profile);
    event.has_digest = true;
    event.digest = command->digest;
    event.at_ms = (int64_t)command->pid;
    engine_emit(engine, &event);
}

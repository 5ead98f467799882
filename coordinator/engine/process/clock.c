/*
 * The wall clock jumped: a gate asks whether it is right. While it is open, turns begin at the time
 * that really passed (turn.h), so that no deadline comes early or late because of the jump.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "coordinator/engine/process/process.h"

enum { WORDS_BYTES = 512 };

static void clock_ask(struct engine *engine, int64_t wall_ms, uint32_t revision, const char *detail)
{
    static const struct id nobody;
    struct failure *failure = engine_alloc(engine, sizeof(*failure));
    *failure = (struct failure){
        .failure_class = FAILURE_DATA,
        .effect = MARK_NONE,
        .code = "clock-jump",
        .title = "the clock of this machine jumped: is it right?",
        .detail = engine_text(engine, detail),
        .pointer = "",
    };
    struct event event = engine_event(NULL, EVENT_CLOCK_JUMPED);
    event.has_key = true;
    event.key = id_of_gate(&nobody, (uint32_t)engine->sequence, revision);
    event.count = revision;
    event.at_ms = wall_ms;
    event.failure = failure;
    event.has_digest = true;
    event.digest = crypto_blake(detail, strlen(detail));
    engine_emit(engine, &event);
}

static void clock_decide(struct engine *engine, uint32_t verdict, const char *reason,
                         const char *person)
{
    struct event event = engine_event(NULL, EVENT_CLOCK_DECIDED);
    event.has_key = true;
    event.key = engine->company.clock_gate->id;
    event.status = verdict;
    event.text = engine_text(engine, reason);
    event.person = engine_text(engine, person);
    engine_emit(engine, &event);
}

void process_clock(struct engine *engine, const struct clock_command *command)
{
    bool held = engine_clock_held(engine);
    if (command->agrees && held) {
        clock_decide(engine, 0, "the clock agrees again", NULL);
    }
    if (command->agrees || held) {
        return;
    }
    char shown[CLOCK_TEXT_BYTES];
    char expected[CLOCK_TEXT_BYTES];
    char detail[WORDS_BYTES];
    (void)clock_format(command->wall_ms, shown);
    (void)clock_format(command->expected_ms, expected);
    (void)snprintf(detail, sizeof(detail),
                   "it shows %s and should show %s by the time that passed, which deadlines go by "
                   "until this is decided; approve if the clock is right now; if it is wrong, set "
                   "it: this closes by itself when it agrees within 5 minutes",
                   shown, expected);
    clock_ask(engine, command->wall_ms, 1, detail);
}

void clock_verdict(struct engine *engine, uint64_t token, const struct verdict_command *command)
{
    const struct gate *gate = engine->company.clock_gate;
    if (command->verdict != VERDICT_APPROVE && command->verdict != VERDICT_REJECT) {
        engine_refuse(engine, token, ERR_INVALID,
                      "a clock is approved or rejected; it is set on the machine itself");
        return;
    }
    if (command->verdict == VERDICT_REJECT) { /* it is asked on, and says who found it wrong */
        char detail[WORDS_BYTES];
        (void)snprintf(detail, sizeof(detail),
                       "%.64s found the clock wrong: set it, and this "
                       "closes by itself; approve once it is right",
                       command->person == NULL ? "somebody" : command->person);
        uint32_t revision = gate->revision + 1;
        clock_decide(engine, VERDICT_REJECT, command->reason, command->person);
        clock_ask(engine, engine->now, revision, detail);
    } else {
        clock_decide(engine, VERDICT_APPROVE, command->reason, command->person);
    }
    engine_reply_ok(engine, token, NULL, false);
}

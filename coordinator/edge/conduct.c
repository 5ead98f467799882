#include "coordinator/edge/conduct.h"

#include "common/base/str.h"

void conduct_init(struct conduct *conduct, int64_t now_ms)
{
    *conduct = (struct conduct){.at_ms = now_ms,
                                .answers = CONDUCT_ANSWERS,
                                .messages = CONDUCT_MESSAGES,
                                .letters = CONDUCT_LETTERS};
}

static int64_t filled(int64_t level, int64_t most, int64_t gain)
{
    return gain >= most - level ? most : level + gain;
}

/* In whole milliseconds that are worth an answer, so that looking often does not lose any. */
static void fill(struct conduct *conduct, int64_t now_ms)
{
    int64_t passed_ms = now_ms - conduct->at_ms;
    if (passed_ms < 100) {
        return;
    }
    passed_ms = passed_ms > 3600000 ? 3600000 : passed_ms;
    conduct->at_ms = now_ms;
    conduct->answers =
        filled(conduct->answers, CONDUCT_ANSWERS, passed_ms * CONDUCT_ANSWERS_PER_S / 1000);
    conduct->messages =
        filled(conduct->messages, CONDUCT_MESSAGES, passed_ms * CONDUCT_MESSAGES_PER_S / 1000);
    conduct->letters =
        filled(conduct->letters, CONDUCT_LETTERS, passed_ms * CONDUCT_LETTERS_PER_S / 1000);
}

void conduct_useless(struct conduct *conduct, uint64_t count, int64_t now_ms)
{
    fill(conduct, now_ms);
    conduct->answers -= (int64_t)count;
    conduct->useless_ever += count;
    conduct->resting = conduct->resting || conduct->answers < 0;
}

bool conduct_first(struct conduct *conduct, uint64_t sequence, int64_t stored_ms)
{
    if (sequence <= conduct->newest && stored_ms <= conduct->newest_ms) {
        return false;
    }
    conduct->newest = sequence; /* smaller than the last one in a stream that was made again */
    conduct->newest_ms = stored_ms;
    return true;
}

bool conduct_floods(struct conduct *conduct, int64_t stored_ms, int64_t now_ms)
{
    fill(conduct, now_ms);
    conduct->messages -= conduct->messages >= 0 ? 1 : 0; /* a long one is forgiven as soon */
    if (conduct->messages >= 0 && !conduct->resting) {
        return false;
    }
    bool still = !conduct->flooded || stored_ms - conduct->told_ms >= CONDUCT_FLOOD_MS;
    bool back = stored_ms < conduct->told_ms - CONDUCT_FLOOD_MS; /* the clock was set back */
    conduct->flooded = true;
    conduct->told_ms = still || back ? stored_ms : conduct->told_ms;
    return still;
}

bool conduct_rests(struct conduct *conduct, int64_t now_ms)
{
    fill(conduct, now_ms);
    conduct->resting = conduct->resting && conduct->answers < CONDUCT_ANSWERS_PER_S;
    return conduct->resting;
}

int64_t conduct_rested_ms(const struct conduct *conduct)
{
    int64_t missing = CONDUCT_ANSWERS_PER_S - conduct->answers;
    int64_t wait_ms = missing * 1000 / CONDUCT_ANSWERS_PER_S + 1;
    return conduct->at_ms + (wait_ms < 100 ? 100 : wait_ms);
}

bool conduct_letter(struct conduct *conduct, size_t bytes, const char *why, int64_t now_ms)
{
    fill(conduct, now_ms);
    int64_t cost = (int64_t)bytes + CONDUCT_LETTER;
    if (conduct->letters >= cost) {
        conduct->letters -= cost;
        return true;
    }
    if (conduct->unkept == 0) {
        conduct->tell_ms = now_ms + CONDUCT_TELL_MS;
    }
    conduct->unkept++;
    conduct->unkept_ever++;
    (void)text_copy(conduct->why, sizeof(conduct->why), why);
    return false;
}

uint64_t conduct_tell(struct conduct *conduct, int64_t now_ms)
{
    if (conduct->unkept == 0 || now_ms < conduct->tell_ms) {
        return 0;
    }
    uint64_t unkept = conduct->unkept;
    conduct->unkept = 0;
    return unkept;
}

int64_t conduct_tell_ms(const struct conduct *conduct)
{
    return conduct->unkept == 0 ? INT64_MAX : conduct->tell_ms;
}

bool pace_takes_hello(struct pace *pace, int64_t now_ms)
{
    int64_t due_ms = pace->due_ms > now_ms ? pace->due_ms : now_ms;
    if (due_ms - now_ms >= (int64_t)CONDUCT_HELLOS * CONDUCT_HELLO_MS) {
        return false;
    }
    pace->due_ms = due_ms + CONDUCT_HELLO_MS;
    return true;
}

#include "tools/mainstay/company/cutoff.h"

#include "common/base/clock.h"

#define MS_NS INT64_C(1000000)

bool cutoff_begin(struct cutoff *cutoff, int64_t now_ns)
{
    if (cutoff->out) {
        return false;
    }
    bool again = cutoff->pause_ms > 0 && now_ns - cutoff->until_ns < CUTOFF_WELL_MS * MS_NS;
    int64_t pause_ms = again ? 2 * cutoff->pause_ms : CUTOFF_PAUSE_MS;
    cutoff->pause_ms = pause_ms < CUTOFF_PAUSE_MAX_MS ? pause_ms : CUTOFF_PAUSE_MAX_MS;
    cutoff->since_ns = now_ns;
    cutoff->until_ns = now_ns + cutoff->pause_ms * MS_NS;
    cutoff->out = true;
    return true;
}

void cutoff_shorten(struct cutoff *cutoff, int64_t now_ns)
{
    if (cutoff->out && cutoff->until_ns > now_ns) {
        cutoff->until_ns = now_ns;
    }
}

bool cutoff_end(struct cutoff *cutoff, int64_t now_ns)
{
    if (!cutoff->out || now_ns < cutoff->until_ns) {
        return false;
    }
    cutoff->out = false;
    cutoff->until_ns = now_ns;
    return true;
}

int64_t cutoff_due_ns(const struct cutoff *cutoff)
{
    return cutoff->out ? cutoff->until_ns : CLOCK_FOREVER;
}

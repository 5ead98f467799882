#include "coordinator/edge/admission.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>

enum { MEGABYTE = 1024 * 1024 };

static const struct {
    const char *name;
    const char *words;
} bounds[BOUND_COUNT] = {
    {"running", "instances are under way"},
    {"open", "instances are open"},
    {"ready", "steps wait for an agent"},
    {"outbox", "messages to agents are not stored by the bus yet"},
    {"disk", "bytes are missing to the disk space that is kept free"},
};

const char *admission_bound_name(enum admission_bound bound)
{
    return bounds[bound].name;
}

static bool bound_over(uint64_t level, uint64_t limit, bool over)
{
    return limit > 0 && level >= (over ? limit - limit / 8 : limit);
}

bool admission_look(struct admission *admission, const struct admission_levels *levels)
{
    bool closed = false;
    admission->levels = *levels;
    for (int i = 0; i < BOUND_COUNT; i++) {
        admission->over[i] = bound_over(levels->of[i], admission->limits.of[i], admission->over[i]);
        closed = closed || admission->over[i];
    }
    bool changed = closed != admission->closed;
    admission->closed = closed;
    return changed;
}

bool admission_takes(const struct admission *admission, bool urgent,
                     char out[ADMISSION_REASON_BYTES])
{
    for (int i = 0; i < BOUND_COUNT; i++) {
        uint64_t level = admission->levels.of[i];
        uint64_t limit = admission->limits.of[i];
        bool full = urgent && i != BOUND_DISK ? bound_over(level, limit + limit / 8, false)
                                              : admission->over[i];
        if (full) {
            int size =
                snprintf(out, ADMISSION_REASON_BYTES, "%" PRIu64 " %s", level, bounds[i].words);
            if (i != BOUND_DISK) {
                (void)snprintf(out + size, ADMISSION_REASON_BYTES - (size_t)size,
                               ", and %" PRIu64 " may", limit);
            }
            return false;
        }
    }
    out[0] = '\0';
    return true;
}

uint64_t admission_disk_missing(const char *dir)
{
    struct statvfs fs;
    if (statvfs(dir, &fs) != 0) {
        return 0;
    }
    uint64_t size = (uint64_t)fs.f_blocks * fs.f_frsize;
    uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    uint64_t kept = (uint64_t)ADMISSION_DISK_MB * MEGABYTE;
    kept = size / 20 < kept ? size / 20 : kept;
    return free_bytes < kept ? kept - free_bytes : 0;
}

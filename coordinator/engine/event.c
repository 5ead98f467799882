#include "coordinator/engine/event.h"

#include <stddef.h>

const char *event_kind_name(uint32_t kind)
{
    switch (kind) {
#define JOURNAL_EVENT(name, number, text, version) \
    case number:                                   \
        return text;
#include "coordinator/engine/events.def"
#undef JOURNAL_EVENT
    default:
        return NULL;
    }
}

uint32_t event_kind_version(uint32_t kind)
{
    switch (kind) {
#define JOURNAL_EVENT(name, number, text, kind_version) \
    case number:                                        \
        return kind_version;
#include "coordinator/engine/events.def"
#undef JOURNAL_EVENT
    default:
        return 0;
    }
}

const char *failure_class_name(enum failure_class failure_class)
{
    static const char *const names[] = {"none",       "transient", "data",
                                        "permission", "contract",  "quality",
                                        "budget",     "in-doubt",  "cancelled"};
    return (unsigned)failure_class < sizeof(names) / sizeof(names[0]) ? names[failure_class]
                                                                      : "unknown";
}

/* What an event that a definition sends may say: CloudEvents 1.0, as the intake of events asks it
 * of everybody else. */
#include <string.h>

#include "common/base/clock.h"
#include "coordinator/definition/plan.h"

enum { NAME_BYTES_MAX = 64, TEXT_BYTES_MAX = 4096 };

static bool name_valid(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t size = strlen(name);
    return size > 0 && size <= NAME_BYTES_MAX && strspn(name, letters) == size;
}

static bool is_context(const char *name)
{
    static const char *const names[] = {"specversion", "id",   "source",          "type",
                                        "subject",     "time", "datacontenttype", "dataschema"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool text_clean(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7F) {
            return false;
        }
    }
    return size > 0 && size <= TEXT_BYTES_MAX;
}

const char *plan_attribute_problem(const char *name, const json_t *value)
{
    const char *text = json_string_value(value);
    if (strcmp(name, "data") == 0) {
        return NULL;
    }
    if (strcmp(name, "data_base64") == 0) {
        return text != NULL ? NULL : "it must be a text";
    }
    if (!name_valid(name)) {
        return "names of attributes are 1 to 64 letters and digits";
    }
    if (text == NULL) {
        return is_context(name)                                   ? "it must be a text"
               : json_is_boolean(value) || json_is_integer(value) ? NULL
                                                                  : "it must be a text, true, "
                                                                    "false or an integer";
    }
    if (strcmp(name, "type") == 0) {
        return plan_event_type_valid(text) ? NULL
                                           : "it has 1 to 200 bytes (LIMIT_EVENT_TYPE_BYTES), no "
                                             "spaces and no control characters";
    }
    if (!text_clean(text, json_string_length(value))) {
        return "it has 1 to 4096 bytes and no control characters";
    }
    if (strcmp(name, "specversion") == 0 && strcmp(text, "1.0") != 0) {
        return "it is '1.0'";
    }
    if (strcmp(name, "time") == 0 && !clock_parse(text, &(int64_t){0})) {
        return "it is an instant such as 2026-01-02T03:04:05Z (RFC 3339)";
    }
    return NULL;
}

#include "tools/mainstay/media.h"

#include <string.h>
#include <strings.h>

#include "common/base/str.h"
#include "common/json/json.h"

static const char *guess_by_name(const char *name)
{
    static const struct {
        const char *ending;
        const char *type;
    } known[] = {
        {".csv", "text/csv"},
        {".json", "application/json"},
        {".xml", "application/xml"},
        {".edi", "application/edi-x12"},
        {".x12", "application/edi-x12"},
        {".pdf", "application/pdf"},
        {".txt", "text/plain"},
    };
    size_t size = name != NULL ? strlen(name) : 0;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t ending = strlen(known[i].ending);
        if (size >= ending && strcasecmp(name + size - ending, known[i].ending) == 0) {
            return known[i].type;
        }
    }
    return NULL;
}

const char *media_guess(const char *bytes, size_t size, const char *name)
{
    size_t at = size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    while (at < size && strchr(" \t\r\n", bytes[at]) != NULL) {
        at++;
    }
    const char *start = bytes + at;
    size_t left = size - at;
    if (left > 0 && start[0] == '<') {
        return "application/xml";
    }
    if (left >= 4 && memcmp(start, "ISA", 3) == 0) {
        return "application/edi-x12";
    }
    if (left >= 4 && memcmp(start, "%PDF", 4) == 0) {
        return "application/pdf";
    }
    const char *named = guess_by_name(name);
    json_t *value = NULL;
    if (named == NULL && json_parse(bytes, size, NULL, &value, NULL) == ERR_OK) {
        json_decref(value);
        return "application/json";
    }
    return named;
}

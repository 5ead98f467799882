/*
 * Attributes of an event: names, values, and headers to values.
 */
#include <string.h>
#include <strings.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "coordinator/edge/intake_private.h"

enum {
    ATTRIBUTES_MAX = 64,
    ATTRIBUTE_NAME_BYTES = 64,
    ATTRIBUTE_BYTES_MAX = 4096,
};

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool name_valid(const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < size; i++) {
        if (!is_alnum(name[i])) {
            return false;
        }
    }
    return size > 0 && size <= ATTRIBUTE_NAME_BYTES;
}

/* Valid UTF-8 without control characters. */
static bool text_clean(const char *text, size_t size)
{
    if (!utf8_valid(text, size)) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7F) {
            return false;
        }
    }
    return true;
}

bool media_valid(const char *content_type)
{
    size_t slash = strcspn(content_type, "/");
    size_t end = strcspn(content_type, "; ");
    if (slash == 0 || content_type[slash] != '/' || slash + 1 >= end) {
        return false;
    }
    for (size_t i = 0; i < end; i++) {
        if (!is_alnum(content_type[i]) && strchr("!#$&-^_.+/", content_type[i]) == NULL) {
            return false;
        }
    }
    return true;
}

/* The command with the attribute corrected, or left out when it may be. */
static const char *advice_without(struct taking *taking, const char *name, const char *instead)
{
    if (taking->mode == INTAKE_STRUCTURED) {
        const char *filter = instead != NULL
                                 ? arena_printf(taking->arena, ".%s = \"%s\"", name, instead)
                                 : arena_printf(taking->arena, "del(.[\"%s\"])", name);
        CHECK(filter != NULL);
        return advice_pub(taking, taking->type, NULL, NULL, advice_jq(taking, filter));
    }
    const char *drop = arena_printf(taking->arena, "ce-%s", name);
    CHECK(drop != NULL);
    const char *add =
        instead != NULL ? arena_printf(taking->arena, "ce-%s: %s", name, instead) : NULL;
    return advice_pub(taking, taking->type, drop, add, "\"$(cat FILE)\"");
}

static bool is_required(const char *name)
{
    return strcmp(name, "id") == 0 || strcmp(name, "source") == 0 || strcmp(name, "type") == 0;
}

/* What only some attributes must keep. */
static bool attribute_special(struct taking *taking, const char *name, const char *text)
{
    if (strcmp(name, "specversion") == 0 && strcmp(text, "1.0") != 0) {
        return taking_refuse(taking, advice_without(taking, "specversion", "1.0"),
                             "specversion is '%s'; this program reads CloudEvents 1.0", text);
    }
    if (strcmp(name, "time") == 0 && !clock_parse(text, &(int64_t){0})) {
        return taking_refuse(taking, advice_without(taking, name, NULL),
                             "time '%.64s' is not an RFC 3339 instant", text);
    }
    if (strcmp(name, "datacontenttype") == 0 && !media_valid(text)) {
        return taking_refuse(taking, advice_without(taking, name, "application/json"),
                             "content type '%.64s' is not a media type", text);
    }
    if (strcmp(name, "type") == 0 && strcmp(text, taking->type) != 0) {
        const char *body =
            taking->mode == INTAKE_STRUCTURED
                ? advice_jq(taking, arena_printf(taking->arena, ".type = \"%s\"", taking->type))
                : "\"$(cat FILE)\"";
        bool other = subject_type_valid(text);
        const char *advice = other ? advice_pub(taking, text, NULL, NULL, "\"$(cat FILE)\"")
                                   : advice_pub(taking, taking->type, "ce-type", NULL, body);
        return taking_refuse(taking, advice,
                             "the event says type '%.200s' but came on subject 'event.%s'", text,
                             taking->type);
    }
    return true;
}

static bool attribute_text(struct taking *taking, const char *name, const char *text, size_t size)
{
    const char *instead = is_required(name) ? "NAME" : NULL;
    if (size == 0 || size > ATTRIBUTE_BYTES_MAX) {
        return taking_refuse(taking, advice_without(taking, name, instead),
                             "attribute '%s' has %zu bytes; 1 to %d are allowed", name, size,
                             ATTRIBUTE_BYTES_MAX);
    }
    if (!text_clean(text, size)) {
        return taking_refuse(taking, advice_without(taking, name, instead),
                             "attribute '%s' is not text without control characters", name);
    }
    return attribute_special(taking, name, text);
}

static bool is_context(const char *name)
{
    static const char *const texts[] = {"specversion", "id",   "source",          "type",
                                        "subject",     "time", "datacontenttype", "dataschema"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(name, texts[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool attribute_check(struct taking *taking, const char *name, const json_t *value)
{
    if (!name_valid(name)) {
        return taking_refuse(taking, advice_without(taking, name, NULL),
                             "'%.64s' cannot be an attribute: names are 1 to %d letters and digits",
                             name, ATTRIBUTE_NAME_BYTES);
    }
    if (json_object_size(taking->envelope) >= ATTRIBUTES_MAX) {
        return taking_refuse(taking, advice_without(taking, name, NULL),
                             "the event has more than %d attributes", ATTRIBUTES_MAX);
    }
    if (json_is_string(value)) {
        return attribute_text(taking, name, json_string_value(value), json_string_length(value));
    }
    bool plain = json_is_boolean(value) || json_is_integer(value);
    if (!plain || is_context(name)) {
        return taking_refuse(taking, advice_without(taking, name, NULL),
                             "attribute '%s' must be %s", name,
                             is_context(name) ? "text" : "text, true, false or an integer");
    }
    return true;
}

bool attribute_put(struct taking *taking, const char *name, json_t *value)
{
    CHECK(value != NULL);
    bool good = json_is_null(value) || attribute_check(taking, name, value);
    if (good && !json_is_null(value)) {
        CHECK(json_object_set(taking->envelope, name, value) == 0);
    }
    json_decref(value);
    return good;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Without the quotes of an HTTP quoted-string. */
static size_t header_unquote(char *text, size_t size)
{
    if (size < 2 || text[0] != '"' || text[size - 1] != '"') {
        return size;
    }
    size_t out = 0;
    for (size_t i = 1; i + 1 < size; i++) {
        if (text[i] == '\\' && i + 2 < size) {
            i++;
        }
        text[out++] = text[i];
    }
    return out;
}

const char *header_decode(struct arena *arena, const char *value)
{
    while (*value == ' ' || *value == '\t') {
        value++;
    }
    size_t size = strlen(value);
    while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t')) {
        size--;
    }
    char *text = arena_dup(arena, value, size);
    CHECK(text != NULL);
    size = header_unquote(text, size);
    size_t out = 0;
    for (size_t i = 0; i < size; i++) {
        int high = text[i] == '%' && i + 2 < size ? hex_digit(text[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        if (low >= 0) {
            text[out++] = (char)(high * 16 + low);
            i += 2;
        } else {
            text[out++] = text[i];
        }
    }
    text[out] = '\0';
    return text_clean(text, out) && strlen(text) == out ? text : NULL;
}

/* Name of the attribute of a ce-* header, in lower case; NULL for any other header. */
static const char *header_attribute(struct arena *arena, const char *header)
{
    if (strncasecmp(header, "ce-", 3) != 0) {
        return NULL;
    }
    char *name = arena_strdup(arena, header + 3);
    CHECK(name != NULL);
    for (char *c = name; *c != '\0'; c++) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    }
    return name;
}

static bool header_take(struct taking *taking, const struct intake_header *header, const char *name)
{
    const char *text = header_decode(taking->arena, header->value);
    if (text == NULL) {
        return taking_refuse(taking, advice_without(taking, name, NULL),
                             "header '%.64s' is not percent-encoded UTF-8 text", header->name);
    }
    const json_t *known = json_object_get(taking->envelope, name);
    if (known != NULL && strcmp(json_string_value(known), text) != 0) {
        return taking_refuse(taking, advice_without(taking, name, NULL),
                             "header '%.64s' is there twice with different values", header->name);
    }
    return attribute_put(taking, name, json_string(text));
}

bool headers_take(struct taking *taking)
{
    for (size_t i = 0; i < taking->message->header_count; i++) {
        const struct intake_header *header = &taking->message->headers[i];
        const char *name = header_attribute(taking->arena, header->name);
        if (name != NULL && !header_take(taking, header, name)) {
            return false;
        }
    }
    return true;
}

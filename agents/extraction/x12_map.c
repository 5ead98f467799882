#include "agents/extraction/x12_map.h"

#include <stdio.h>
#include <string.h>

#include "agents/extraction/dates.h"
#include "common/base/arena.h"
#include "common/base/str.h"

struct origin x12_origin(const struct x12_segment *segment, uint32_t index, struct x12_place *place)
{
    (void)snprintf(place->place, sizeof(place->place), "segment %u", segment->number);
    const char *identifier = segment->elements[0];
    if (index == 0) {
        (void)snprintf(place->element, sizeof(place->element), "%.3s", identifier);
    } else {
        (void)snprintf(place->element, sizeof(place->element), "%.3s-%02u", identifier, index);
    }
    return (struct origin){.place = place->place, .element = place->element};
}

void x12_set_text(struct draft *draft, json_t *object, const char *key,
                  const struct x12_segment *segment, uint32_t index, const char *field)
{
    const char *text = x12_element(segment, index);
    if (text[0] == '\0') {
        return;
    }
    draft_set_text(draft, object, key, text);
    if (field != NULL) {
        struct x12_place place;
        draft_evidence(draft, field, x12_origin(segment, index, &place), text, 1.0, NULL);
    }
}

void x12_need_text(struct draft *draft, json_t *object, const char *key,
                   const struct x12_segment *segment, uint32_t index, const char *field)
{
    if (x12_element(segment, index)[0] == '\0') {
        struct x12_place place;
        draft_fail(draft, ERR_INVALID, x12_origin(segment, index, &place), "%s is missing",
                   field == NULL ? key : field + 1);
        return;
    }
    x12_set_text(draft, object, key, segment, index, field);
}

void x12_set_decimal(struct draft *draft, json_t *object, const char *key,
                     const struct x12_segment *segment, uint32_t index, int implied)
{
    struct x12_place place;
    struct origin origin = x12_origin(segment, index, &place);
    (void)draft_read_decimal(draft, object, key, x12_element(segment, index), implied, origin);
}

void x12_set_date(struct draft *draft, json_t *object, const char *key,
                  const struct x12_segment *segment, uint32_t index, const char *field)
{
    const char *text = x12_element(segment, index);
    if (text[0] == '\0') {
        return;
    }
    struct x12_place place;
    struct origin origin = x12_origin(segment, index, &place);
    char date[DATE_TEXT_BYTES];
    if (!date_from_digits(text, date)) {
        draft_fail(draft, ERR_INVALID, origin, "'%.20s' is not a date of 8 or 6 digits", text);
        return;
    }
    draft_set_text(draft, object, key, date);
    if (field != NULL) {
        draft_evidence(draft, field, origin, text, 1.0, NULL);
    }
}

bool x12_date_time(struct draft *draft, const struct x12_segment *segment, uint32_t date_index,
                   uint32_t time_index, char out[24])
{
    const char *date_text = x12_element(segment, date_index);
    const char *time_text = x12_element(segment, time_index);
    struct x12_place place;
    char date[DATE_TEXT_BYTES];
    char time[TIME_TEXT_BYTES] = "";
    if (!date_from_digits(date_text, date)) {
        struct origin origin = x12_origin(segment, date_index, &place);
        draft_fail(draft, ERR_INVALID, origin, "'%.20s' is not a date of 8 or 6 digits", date_text);
        return false;
    }
    if (time_text[0] != '\0' && !time_from_digits(time_text, time)) {
        struct origin origin = x12_origin(segment, time_index, &place);
        draft_fail(draft, ERR_INVALID, origin, "'%.20s' is not a time as hhmm", time_text);
        return false;
    }
    (void)snprintf(out, 24, "%s%s%s", date, time[0] == '\0' ? "" : "T", time);
    return true;
}

void x12_party_add(struct draft *draft, json_t *party, const struct x12_segment *segment)
{
    if (x12_is(segment, "N1")) {
        x12_set_text(draft, party, "name", segment, 2, NULL);
        if (x12_element(segment, 4)[0] != '\0') {
            json_t *list = draft_array(draft, party, "identifiers");
            json_t *identifier = draft_append_object(draft, list);
            x12_set_text(draft, identifier, "id", segment, 4, NULL);
            x12_set_text(draft, identifier, "scheme", segment, 3, NULL);
        }
        return;
    }
    bool address = x12_is(segment, "N3") || x12_is(segment, "N4");
    json_t *place = json_object_get(party, "address");
    if (address && place == NULL) {
        place = draft_object(draft, party, "address");
    }
    if (x12_is(segment, "N2")) {
        x12_set_text(draft, party, "additionalName", segment, 1, NULL);
    } else if (x12_is(segment, "N3")) {
        x12_set_text(draft, place, "street", segment, 1, NULL);
        x12_set_text(draft, place, "additionalStreet", segment, 2, NULL);
    } else if (x12_is(segment, "N4")) {
        x12_set_text(draft, place, "city", segment, 1, NULL);
        x12_set_text(draft, place, "subdivision", segment, 2, NULL);
        x12_set_text(draft, place, "postalCode", segment, 3, NULL);
        x12_set_text(draft, place, "country", segment, 4, NULL);
    } else if (x12_is(segment, "G61")) {
        json_t *contact = draft_object(draft, party, "contact");
        x12_set_text(draft, contact, "name", segment, 2, NULL);
        bool phone = strcmp(x12_element(segment, 3), "TE") == 0;
        x12_set_text(draft, contact, phone ? "telephone" : "email", segment, 4, NULL);
    }
}

static bool has_reference(const json_t *list, const char *qualifier, const char *value)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const char *entry_qualifier = json_string_value(json_object_get(entry, "qualifier"));
        const char *entry_value = json_string_value(json_object_get(entry, "value"));
        if (text_equal(entry_qualifier, qualifier) && text_equal(entry_value, value)) {
            return true;
        }
    }
    return false;
}

void x12_reference_add(struct draft *draft, json_t *object, json_t *named,
                       const struct x12_segment *segment)
{
    enum { REFERENCES_MAX = 200 };
    bool value_first = x12_is(segment, "L11");
    const char *value = x12_element(segment, value_first ? 1 : 2);
    const char *qualifier = x12_element(segment, value_first ? 2 : 1);
    json_t *list = draft_array(draft, object, "references");
    if (value[0] == '\0' || has_reference(list, qualifier, value)) {
        draft_drop_empty(object, "references");
        return;
    }
    if (json_array_size(list) >= REFERENCES_MAX) {
        struct x12_place place;
        struct origin origin = x12_origin(segment, 0, &place);
        draft_fail(draft, ERR_LIMIT, origin, "more than %d references", REFERENCES_MAX);
        return;
    }
    json_t *entry = draft_append_object(draft, list);
    draft_set_text(draft, entry, "qualifier", qualifier);
    draft_set_text(draft, entry, "value", value);
    static const struct {
        const char *qualifier;
        const char *key;
        const char *field;
    } names[] = {
        {"PO", "purchaseOrderReference", "/purchaseOrderReference"},
        {"BM", "billOfLading", NULL},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i].qualifier, qualifier) == 0 &&
            json_object_get(named, names[i].key) == NULL) {
            uint32_t index = value_first ? 1 : 2;
            x12_set_text(draft, named, names[i].key, segment, index, names[i].field);
        }
    }
}

void x12_set_measure(struct draft *draft, json_t *object, const char *key,
                     const struct x12_segment *segment, struct x12_measure at)
{
    if (x12_element(segment, at.value)[0] == '\0') {
        return;
    }
    json_t *measure = draft_object(draft, object, key);
    x12_set_decimal(draft, measure, "value", segment, at.value, X12_NOT_IMPLIED);
    if (at.unit > 0) {
        x12_set_text(draft, measure, "unit", segment, at.unit, NULL);
    }
    if (at.qualifier > 0) {
        x12_set_text(draft, measure, "qualifier", segment, at.qualifier, NULL);
    }
}

static void warn_problem(struct draft *draft, const struct x12_interchange *interchange,
                         const struct x12_problem *problem)
{
    struct x12_place place;
    struct origin origin = x12_origin(&interchange->segments[problem->segment - 1], 0, &place);
    const char *code = x12_problem_code(problem->kind);
    switch (problem->kind) {
    case X12_SEGMENT_COUNT:
    case X12_GROUP_COUNT:
    case X12_INTERCHANGE_COUNT:
        draft_warn(draft, code, 0.9, origin, "declares %.40s, %s were counted",
                   problem->declared[0] == '\0' ? "nothing" : problem->declared, problem->found);
        return;
    case X12_SET_REFERENCE:
    case X12_GROUP_REFERENCE:
    case X12_INTERCHANGE_REFERENCE:
        draft_warn(draft, code, 0.9, origin,
                   "control reference '%.40s' differs from '%.40s' in the header",
                   problem->declared, problem->found);
        return;
    case X12_SET_TRAILER:
        draft_warn(draft, code, 0.7, origin, "trailer is missing; the message may be cut short");
        return;
    case X12_GROUP_TRAILER:
    case X12_INTERCHANGE_TRAILER:
        draft_warn(draft, code, 0.9, origin,
                   "trailer is missing; messages after this one may be cut off");
        return;
    }
}

static void set_trimmed(struct draft *draft, json_t *object, const char *key, const char *text)
{
    char trimmed[64];
    draft_copy_text(trimmed, sizeof(trimmed), text);
    size_t size = strlen(trimmed);
    while (size > 0 && trimmed[size - 1] == ' ') {
        trimmed[--size] = '\0';
    }
    draft_set_text(draft, object, key, trimmed);
}

void x12_set_source(struct draft *draft, const struct x12_interchange *interchange,
                    const struct x12_set *set)
{
    const struct x12_segment *header = &interchange->segments[0];
    json_t *source = draft_object(draft, draft->root, "source");
    draft_set_text(draft, source, "format", "x12");
    draft_set_text(draft, source, "messageType", set->type);
    set_trimmed(draft, source, "sender", x12_element(header, 6));
    set_trimmed(draft, source, "receiver", x12_element(header, 8));
    set_trimmed(draft, source, "interchangeReference", x12_element(header, 13));
    draft_set_text(draft, source, "messageReference", x12_element(set->segments, 2));
    if (set->group != NULL) {
        draft_set_text(draft, source, "version", x12_element(set->group, 8));
    }
    const struct x12_segment *last = &set->segments[set->count - 1];
    if (x12_is(last, "SE")) {
        draft_set_text(draft, source, "segmentsDeclared", x12_element(last, 1));
    }
    char counted[24];
    (void)snprintf(counted, sizeof(counted), "%zu", x12_set_counted(set));
    draft_set_text(draft, source, "segmentsCounted", counted);
    size_t index = (size_t)(set - interchange->sets);
    for (size_t i = 0; i < interchange->problem_count; i++) {
        const struct x12_problem *problem = &interchange->problems[i];
        if (problem->set == UINT32_MAX || problem->set == index) {
            warn_problem(draft, interchange, problem);
        }
    }
    if (interchange->recoded) {
        draft_warn(draft, "encoding", 0.9, (struct origin){.element = "bytes"},
                   "not UTF-8, read as ISO 8859-1");
    }
}

struct mapping {
    const char *type;
    const char *kind;
    void (*map)(struct draft *draft, const struct x12_set *set);
};

static const struct mapping mappings[] = {
    {"110", "invoice", x12_map_invoice},       {"210", "invoice", x12_map_invoice},
    {"204", "tender", x12_map_tender},         {"990", "tenderResponse", x12_map_tender_response},
    {"214", "shipmentStatus", x12_map_status},
};

static const struct mapping *mapping_of(const char *type)
{
    for (size_t i = 0; i < sizeof(mappings) / sizeof(mappings[0]); i++) {
        if (strcmp(mappings[i].type, type) == 0) {
            return &mappings[i];
        }
    }
    return NULL;
}

static enum err extract_set(const struct x12_interchange *interchange, const struct x12_set *set,
                            json_t *documents, struct extract_failure *failure)
{
    struct x12_place place;
    struct origin origin = x12_origin(set->segments, 1, &place);
    const struct mapping *mapping = mapping_of(set->type);
    if (mapping == NULL) {
        return failure_set(failure, ERR_UNSUPPORTED, origin,
                           "X12 transaction set '%.20s' is not read; 110, 204, 210, 214, 990 are",
                           set->type);
    }
    struct draft draft;
    draft_init(&draft, failure);
    x12_set_source(&draft, interchange, set);
    mapping->map(&draft, set);
    json_t *document = NULL;
    TRY(draft_finish(&draft, mapping->kind, &document));
    if (json_array_append_new(documents, document) != 0) {
        return failure_set(failure, ERR_NOMEM, origin, "out of memory");
    }
    return ERR_OK;
}

/* A value at the end of what was cut off may be half a value, and charges may be missing. */
static enum err fail_cut(const struct x12_interchange *interchange, struct extract_failure *failure)
{
    struct x12_place place;
    const struct x12_segment *last = &interchange->segments[interchange->cut - 1];
    struct origin origin = x12_origin(last, 0, &place);
    return failure_set(failure, ERR_INVALID, origin,
                       "the interchange ends here, without the trailers SE, GE and IEA; it was cut "
                       "off");
}

enum err x12_extract(const char *bytes, size_t size, json_t *documents,
                     struct extract_failure *failure)
{
    enum { ARENA_FIXED = 256 * 1024, ARENA_PER_BYTE = 64 };
    struct arena *arena = arena_create(ARENA_FIXED + ARENA_PER_BYTE * size);
    if (arena == NULL) {
        return failure_set(failure, ERR_NOMEM, (struct origin){0}, "out of memory");
    }
    struct x12_interchange interchange = {0};
    enum err code = x12_read(bytes, size, arena, &interchange, failure);
    if (code == ERR_OK && interchange.set_count == 0) {
        code = failure_set(failure, ERR_UNSUPPORTED, (struct origin){.element = "ST"},
                           "interchange holds no transaction set");
    }
    if (code == ERR_OK && interchange.set_count > EXTRACT_DOCUMENTS_MAX) {
        code = failure_set(failure, ERR_LIMIT, (struct origin){.element = "ST"},
                           "more than %d transaction sets", EXTRACT_DOCUMENTS_MAX);
    }
    if (code == ERR_OK && interchange.cut > 0) {
        code = fail_cut(&interchange, failure);
    }
    for (size_t i = 0; code == ERR_OK && i < interchange.set_count; i++) {
        code = extract_set(&interchange, &interchange.sets[i], documents, failure);
    }
    arena_destroy(&arena);
    return code;
}

/* X12 214 (transportation carrier shipment status message). */
#include <stdio.h>
#include <string.h>

#include "agents/extraction/dates.h"
#include "agents/extraction/x12_map.h"
#include "common/base/str.h"

/* Status codes of data element 1650 in our words, and the state of the shipment each stands for; an
 * empty state says nothing about where the goods are. */
struct status_meaning {
    const char *code;
    const char *meaning;
    const char *state;
};

static const struct status_meaning meanings[] = {
    {"A3", "shipment returned to shipper", "exception"},
    {"A7", "refused by consignee", "exception"},
    {"A9", "shipment damaged", "exception"},
    {"AA", "pick-up appointment", ""},
    {"AB", "delivery appointment", ""},
    {"AF", "departed pick-up location", "inTransit"},
    {"AG", "estimated delivery", ""},
    {"AH", "attempted delivery", "exception"},
    {"AI", "shipment reconsigned", "exception"},
    {"AJ", "tendered for delivery", "inTransit"},
    {"AM", "loaded on truck", "inTransit"},
    {"AN", "diverted to air", "inTransit"},
    {"AP", "delivery not completed", "exception"},
    {"AR", "arrived at rail terminal", "inTransit"},
    {"AV", "available for delivery", "inTransit"},
    {"BC", "stored in transit", "inTransit"},
    {"C1", "estimated to depart terminal", ""},
    {"CA", "shipment cancelled", "cancelled"},
    {"CD", "carrier departed delivery location", "delivered"},
    {"CL", "trailer closed out", "inTransit"},
    {"CP", "completed loading at pick-up location", "inTransit"},
    {"D1", "completed unloading at delivery location", "delivered"},
    {"I1", "in-gate", "inTransit"},
    {"J1", "delivered to connecting line", "inTransit"},
    {"K1", "arrived at customs", "inTransit"},
    {"L1", "loading", "inTransit"},
    {"OA", "out-gate", "inTransit"},
    {"OO", "paperwork received", ""},
    {"P1", "departed terminal", "inTransit"},
    {"R1", "received from previous carrier", "inTransit"},
    {"S1", "trailer spotted at consignee", "inTransit"},
    {"SD", "shipment delayed", "exception"},
    {"X1", "arrived at delivery location", "inTransit"},
    {"X2", "estimated arrival at consignee", ""},
    {"X3", "arrived at pick-up location", "inTransit"},
    {"X4", "arrived at terminal", "inTransit"},
    {"X6", "en route to delivery location", "inTransit"},
    {"X8", "arrived at pick-up location", "inTransit"},
    {"XB", "shipment acknowledged", ""},
};

struct status_map {
    struct draft *draft;
    json_t *event;
    json_t *party;
    char latest[24];  /* time of the newest event that says where the goods are */
    bool header_seen; /* B10 */
};

static const struct status_meaning *meaning_of(const char *code)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if (strcmp(meanings[i].code, code) == 0) {
            return &meanings[i];
        }
    }
    return NULL;
}

static void map_header(struct status_map *map, const struct x12_segment *segment)
{
    struct draft *draft = map->draft;
    map->header_seen = true;
    x12_set_text(draft, draft->root, "proNumber", segment, 1, "/proNumber");
    x12_need_text(draft, draft->root, "loadNumber", segment, 2, "/loadNumber");
    json_t *carrier = draft_object(draft, draft->root, "carrier");
    x12_set_text(draft, carrier, "scac", segment, 3, "/carrier/scac");
}

static void set_when(struct draft *draft, json_t *object, const char *key, const char *at,
                     const char *offset)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%s%s", at, strchr(at, 'T') == NULL ? "" : offset);
    draft_set_text(draft, object, key, text);
}

static void map_state(struct status_map *map, const struct status_meaning *meaning, const char *at,
                      const char *offset, struct origin origin)
{
    struct draft *draft = map->draft;
    if (strcmp(meaning->code, "AG") == 0 || strcmp(meaning->code, "X2") == 0) {
        set_when(draft, draft->root, "estimatedDelivery", at, offset);
        draft_evidence(draft, "/estimatedDelivery", origin, meaning->code, 1.0, meaning->meaning);
    }
    if (meaning->state[0] == '\0' || strcmp(at, map->latest) < 0) {
        return;
    }
    (void)text_copy(map->latest, sizeof(map->latest), at);
    draft_set_text(draft, draft->root, "state", meaning->state);
    draft_evidence(draft, "/state", origin, meaning->code, 1.0, meaning->meaning);
    if (strcmp(meaning->code, "D1") == 0) {
        set_when(draft, draft->root, "deliveredAt", at, offset);
    }
}

static void map_event(struct status_map *map, const struct x12_segment *segment)
{
    struct draft *draft = map->draft;
    map->event = draft_append_object(draft, draft_array(draft, draft->root, "events"));
    bool appointment = x12_element(segment, 1)[0] == '\0';
    uint32_t index = appointment ? 3 : 1;
    struct x12_place place;
    struct origin origin = x12_origin(segment, index, &place);
    const char *code = x12_element(segment, index);
    char at[24];
    if (code[0] == '\0') {
        draft_fail(draft, ERR_INVALID, origin, "the event has no status code");
        return;
    }
    if (!x12_date_time(draft, segment, 5, 6, at)) {
        return;
    }
    const char *zone = x12_element(segment, 7);
    char date[DATE_TEXT_BYTES];
    char offset[OFFSET_TEXT_BYTES] = "";
    (void)text_copy(date, sizeof(date), at);
    (void)offset_of_time_code(zone, date, offset);
    draft_set_text(draft, map->event, "code", code);
    x12_set_text(draft, map->event, "reasonCode", segment, appointment ? 4 : 2, NULL);
    draft_set_text(draft, map->event, "at", at);
    draft_set_text(draft, map->event, "timeCode", zone);
    if (strchr(at, 'T') != NULL) {
        draft_set_text(draft, map->event, "offset", offset);
    }
    const struct status_meaning *meaning = meaning_of(code);
    if (meaning == NULL) {
        draft_warn(draft, "status-code", 0.7, origin, "status code '%.10s' is not known", code);
        return;
    }
    draft_set_text(draft, map->event, "meaning", meaning->meaning);
    map_state(map, meaning, at, offset, origin);
}

static void map_party(struct status_map *map, const struct x12_segment *segment)
{
    static const struct {
        const char *code;
        const char *key;
        const char *field;
    } roles[] = {
        {"SH", "shipper", "/shipper/name"},     {"SF", "shipper", "/shipper/name"},
        {"CN", "consignee", "/consignee/name"}, {"ST", "consignee", "/consignee/name"},
        {"BT", "billTo", "/billTo/name"},
    };
    struct draft *draft = map->draft;
    map->party = NULL;
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (strcmp(roles[i].code, x12_element(segment, 1)) == 0 &&
            json_object_get(draft->root, roles[i].key) == NULL) {
            struct x12_place place;
            struct origin origin = x12_origin(segment, 2, &place);
            map->party = draft_object(draft, draft->root, roles[i].key);
            x12_party_add(draft, map->party, segment);
            draft_evidence(draft, roles[i].field, origin, x12_element(segment, 2), 1.0, NULL);
            return;
        }
    }
}

static void map_weight(struct status_map *map, const struct x12_segment *segment)
{
    struct draft *draft = map->draft;
    struct x12_measure at = {.value = 3, .unit = 2, .qualifier = 1};
    x12_set_measure(draft, draft->root, "weight", segment, at);
    x12_set_decimal(draft, draft->root, "pieces", segment, 4, X12_NOT_IMPLIED);
    struct x12_place place;
    struct origin origin = x12_origin(segment, 3, &place);
    draft_evidence(draft, "/weight", origin, x12_element(segment, 3), 1.0, NULL);
}

static void map_segment(struct status_map *map, const struct x12_segment *segment)
{
    struct draft *draft = map->draft;
    if (x12_is(segment, "B10")) {
        map_header(map, segment);
    } else if (x12_is(segment, "L11")) {
        x12_reference_add(draft, draft->root, draft->root, segment);
    } else if (x12_is(segment, "N1")) {
        map_party(map, segment);
    } else if (x12_is(segment, "N2") || x12_is(segment, "N3") || x12_is(segment, "N4")) {
        x12_party_add(draft, map->party, segment);
    } else if (x12_is(segment, "AT7")) {
        map_event(map, segment);
    } else if (x12_is(segment, "MS1") && map->event != NULL) {
        x12_set_text(draft, map->event, "city", segment, 1, NULL);
        x12_set_text(draft, map->event, "subdivision", segment, 2, NULL);
        x12_set_text(draft, map->event, "country", segment, 3, NULL);
    } else if (x12_is(segment, "MS2") && map->event != NULL) {
        x12_set_text(draft, map->event, "equipment", segment, 2, NULL);
    } else if (x12_is(segment, "AT8")) {
        map_weight(map, segment);
    }
}

void x12_map_status(struct draft *draft, const struct x12_set *set)
{
    struct status_map map = {.draft = draft};
    for (size_t i = 1; i < set->count && !draft_failed(draft); i++) {
        map_segment(&map, &set->segments[i]);
    }
    struct x12_place place;
    struct origin origin = x12_origin(set->segments, 0, &place);
    if (!map.header_seen) {
        origin.element = "B10";
        draft_fail(draft, ERR_INVALID, origin, "the transaction set has no status header");
    } else if (json_object_get(draft->root, "events") == NULL) {
        origin.element = "AT7";
        draft_fail(draft, ERR_INVALID, origin, "the message reports no event");
    }
}

/* X12 204 (motor carrier load tender) and 990 (response to a load tender). */
#include <stdio.h>
#include <string.h>

#include "agents/extraction/x12_map.h"
#include "common/base/str.h"

struct tender_map {
    struct draft *draft;
    json_t *stop;  /* NULL before the first S5 */
    json_t *party; /* the party N2, N3, N4 add to */
    json_t *named; /* the document's shipper, consignee or bill-to that `party` is, or NULL */
    json_t *totals;
    bool header_seen; /* B2 */
};

static void map_header(struct tender_map *map, const struct x12_segment *segment)
{
    struct draft *draft = map->draft;
    map->header_seen = true;
    x12_need_text(draft, draft->root, "loadNumber", segment, 4, "/loadNumber");
    json_t *carrier = draft_object(draft, draft->root, "carrier");
    x12_set_text(draft, carrier, "scac", segment, 2, "/carrier/scac");
    x12_set_text(draft, draft->root, "paymentMethodCode", segment, 6, NULL);
}

static void map_stop(struct tender_map *map, const struct x12_segment *segment)
{
    static const struct {
        const char *code;
        const char *activity;
    } reasons[] = {
        {"CL", "pickup"},   {"LD", "pickup"},   {"PL", "pickup"},
        {"CU", "delivery"}, {"UL", "delivery"}, {"PU", "delivery"},
    };
    struct draft *draft = map->draft;
    map->stop = draft_append_object(draft, draft_array(draft, draft->root, "stops"));
    map->party = NULL;
    map->named = NULL;
    x12_need_text(draft, map->stop, "sequence", segment, 1, NULL);
    x12_set_text(draft, map->stop, "reasonCode", segment, 2, NULL);
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (strcmp(reasons[i].code, x12_element(segment, 2)) == 0) {
            draft_set_text(draft, map->stop, "activity", reasons[i].activity);
        }
    }
}

static void map_party(struct tender_map *map, const struct x12_segment *segment)
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
    const char *code = x12_element(segment, 1);
    map->party = NULL;
    map->named = NULL;
    if (map->stop != NULL) {
        map->party = draft_object(draft, map->stop, "party");
        x12_party_add(draft, map->party, segment);
    }
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (strcmp(roles[i].code, code) == 0 &&
            json_object_get(draft->root, roles[i].key) == NULL) {
            struct x12_place place;
            struct origin origin = x12_origin(segment, 2, &place);
            map->named = draft_object(draft, draft->root, roles[i].key);
            x12_party_add(draft, map->named, segment);
            draft_evidence(draft, roles[i].field, origin, x12_element(segment, 2), 1.0, NULL);
            break;
        }
    }
}

/* A date of a stop, and the window of the load that it bounds. */
static void map_date(struct tender_map *map, const struct x12_segment *segment)
{
    static const struct {
        const char *qualifier;
        const char *window;
        const char *bound;
        const char *field;
    } windows[] = {
        {"37", "pickupWindow", "earliest", "/pickupWindow/earliest"},
        {"38", "pickupWindow", "latest", "/pickupWindow/latest"},
        {"53", "deliveryWindow", "earliest", "/deliveryWindow/earliest"},
        {"54", "deliveryWindow", "latest", "/deliveryWindow/latest"},
    };
    struct draft *draft = map->draft;
    const char *qualifier = x12_element(segment, 1);
    char at[24];
    if (x12_element(segment, 2)[0] == '\0' || !x12_date_time(draft, segment, 2, 4, at)) {
        return;
    }
    json_t *owner = map->stop == NULL ? draft->root : map->stop;
    json_t *date = draft_append_object(draft, draft_array(draft, owner, "dates"));
    x12_set_text(draft, date, "qualifier", segment, 1, NULL);
    draft_set_text(draft, date, "at", at);
    for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        if (strcmp(windows[i].qualifier, qualifier) != 0) {
            continue;
        }
        json_t *window = json_object_get(draft->root, windows[i].window);
        if (window == NULL) {
            window = draft_object(draft, draft->root, windows[i].window);
        }
        if (json_object_get(window, windows[i].bound) == NULL) {
            struct x12_place place;
            struct origin origin = x12_origin(segment, 2, &place);
            draft_set_text(draft, window, windows[i].bound, at);
            draft_evidence(draft, windows[i].field, origin, x12_element(segment, 2), 1.0, NULL);
        }
    }
}

static void map_total(struct tender_map *map, const struct x12_segment *segment)
{
    struct draft *draft = map->draft;
    struct x12_measure at = {.value = 1, .unit = 12, .qualifier = 2};
    x12_set_measure(draft, draft->root, "weight", segment, at);
    if (x12_element(segment, 1)[0] != '\0') {
        struct x12_place place;
        struct origin origin = x12_origin(segment, 1, &place);
        draft_evidence(draft, "/weight", origin, x12_element(segment, 1), 1.0, NULL);
    }
    x12_set_decimal(draft, map->totals, "rate", segment, 3, X12_NOT_IMPLIED);
    x12_set_text(draft, map->totals, "rateQualifier", segment, 4, NULL);
    x12_set_text(draft, map->totals, "charge", segment, 5, "/totals/charge");
    x12_set_decimal(draft, map->totals, "charge", segment, 5, X12_CENTS);
    x12_set_decimal(draft, draft->root, "pieces", segment, 11, X12_NOT_IMPLIED);
}

static void map_stop_detail(struct tender_map *map, const struct x12_segment *segment)
{
    struct draft *draft = map->draft;
    if (x12_is(segment, "AT8")) {
        struct x12_measure at = {.value = 3, .unit = 2, .qualifier = 1};
        x12_set_measure(draft, map->stop, "weight", segment, at);
    } else if (x12_is(segment, "L5")) {
        json_t *item = draft_append_object(draft, draft_array(draft, map->stop, "items"));
        x12_set_text(draft, item, "description", segment, 2, NULL);
        x12_set_text(draft, item, "packaging", segment, 5, NULL);
        x12_set_text(draft, item, "reference", segment, 6, NULL);
        if (json_object_size(item) == 0) {
            draft_set_text(draft, item, "description", "not stated");
        }
    }
}

static void map_segment(struct tender_map *map, const struct x12_segment *segment)
{
    struct draft *draft = map->draft;
    if (x12_is(segment, "B2")) {
        map_header(map, segment);
    } else if (x12_is(segment, "B2A")) {
        x12_set_text(draft, draft->root, "purposeCode", segment, 1, NULL);
    } else if (x12_is(segment, "C3")) {
        x12_set_text(draft, draft->root, "currency", segment, 1, "/currency");
    } else if (x12_is(segment, "NTE")) {
        json_t *owner = map->stop == NULL ? draft->root : map->stop;
        draft_append_text(draft, draft_array(draft, owner, "notes"), x12_element(segment, 2));
    } else if (x12_is(segment, "S5")) {
        map_stop(map, segment);
    } else if (x12_is(segment, "L11")) {
        json_t *owner = map->stop == NULL ? draft->root : map->stop;
        x12_reference_add(draft, owner, draft->root, segment);
    } else if (x12_is(segment, "G62")) {
        map_date(map, segment);
    } else if (x12_is(segment, "N1")) {
        map_party(map, segment);
    } else if (x12_is(segment, "N2") || x12_is(segment, "N3") || x12_is(segment, "N4") ||
               x12_is(segment, "G61")) {
        x12_party_add(draft, map->party, segment);
        x12_party_add(draft, map->named, segment);
    } else if (x12_is(segment, "L3")) {
        map_total(map, segment);
    } else if (map->stop != NULL) {
        map_stop_detail(map, segment);
    }
}

void x12_map_tender(struct draft *draft, const struct x12_set *set)
{
    struct tender_map map = {.draft = draft};
    map.totals = draft_object(draft, draft->root, "totals");
    for (size_t i = 1; i < set->count && !draft_failed(draft); i++) {
        map_segment(&map, &set->segments[i]);
    }
    draft_drop_empty(draft->root, "totals");
    if (!map.header_seen) {
        struct x12_place place;
        struct origin origin = x12_origin(set->segments, 0, &place);
        origin.element = "B2";
        draft_fail(draft, ERR_INVALID, origin, "the transaction set has no tender header");
    }
}

static void map_response(struct draft *draft, const struct x12_segment *segment)
{
    static const struct {
        const char *code;
        const char *answer;
    } answers[] = {
        {"A", "accepted"},
        {"B", "acceptedConditionally"},
        {"D", "declined"},
    };
    json_t *carrier = draft_object(draft, draft->root, "carrier");
    x12_set_text(draft, carrier, "scac", segment, 1, "/carrier/scac");
    x12_need_text(draft, draft->root, "loadNumber", segment, 2, "/loadNumber");
    x12_set_date(draft, draft->root, "responseDate", segment, 3, "/responseDate");
    x12_need_text(draft, draft->root, "responseCode", segment, 4, "/responseCode");
    const char *code = x12_element(segment, 4);
    const char *answer = NULL;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        answer = strcmp(answers[i].code, code) == 0 ? answers[i].answer : answer;
    }
    struct x12_place place;
    struct origin origin = x12_origin(segment, 4, &place);
    if (answer == NULL) {
        draft_fail(draft, ERR_INVALID, origin,
                   "'%.10s' is not an answer to a tender; A, B and D are", code);
        return;
    }
    draft_set_text(draft, draft->root, "response", answer);
    draft_evidence(draft, "/response", origin, code, 1.0, "code of data element 558");
    draft_set_bool(draft, draft->root, "accepted", strcmp(answer, "accepted") == 0);
}

void x12_map_tender_response(struct draft *draft, const struct x12_set *set)
{
    bool header_seen = false;
    for (size_t i = 1; i < set->count && !draft_failed(draft); i++) {
        const struct x12_segment *segment = &set->segments[i];
        if (x12_is(segment, "B1")) {
            header_seen = true;
            map_response(draft, segment);
        } else if (x12_is(segment, "N9") || x12_is(segment, "L11")) {
            x12_reference_add(draft, draft->root, draft->root, segment);
        } else if (x12_is(segment, "K1")) {
            json_t *notes = draft_array(draft, draft->root, "notes");
            draft_append_text(draft, notes, x12_element(segment, 1));
            draft_drop_empty(draft->root, "notes");
        }
    }
    if (!header_seen) {
        struct x12_place place;
        struct origin origin = x12_origin(set->segments, 0, &place);
        origin.element = "B1";
        draft_fail(draft, ERR_INVALID, origin, "the transaction set has no response header");
    }
}

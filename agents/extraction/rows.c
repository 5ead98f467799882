#include "agents/extraction/rows.h"

#include <string.h>

enum { PROFILE_NEEDS_MAX = 8, PROFILE_DOCUMENTS_MAX = 2 };

struct row_profile {
    const char *name;
    const char *needs[PROFILE_NEEDS_MAX]; /* up to the first NULL */
    struct {
        const char *kind;
        row_map_fn *map;
    } documents[PROFILE_DOCUMENTS_MAX]; /* up to the first without a kind */
};

static const struct row_profile profiles[] = {
    {"scms delivery history",
     {"id", "asn/dn #", "freight cost (usd)", "weight (kilograms)", "line item value"},
     {{"shipment", scms_map_shipment}}},
    {"freight invoices",
     {"invoice_id", "carrier", "actual_billed_linehaul", "actual_billed_fuel",
      "actual_billed_accessorials", "actual_total_billed"},
     {{"invoice", freight_map_invoice}, {"shipment", freight_map_shipment}}},
    {"lane invoices",
     {"invoice_id", "load_id", "miles_billed", "rate_billed_per_mile"},
     {{"invoice", lane_map_invoice}}},
    {"lane rates",
     {"contract_lane_desc", "contract_rate_per_mile", "allowed_fuel_surcharge_pct"},
     {{"rate", lane_map_rate}}},
};

static bool has_column(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

const struct row_profile *row_profile_of(const char *const *names, size_t count)
{
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        bool all = true;
        for (size_t j = 0; j < PROFILE_NEEDS_MAX && profiles[i].needs[j] != NULL; j++) {
            all = all && has_column(names, count, profiles[i].needs[j]);
        }
        if (all) {
            return &profiles[i];
        }
    }
    return NULL;
}

const char *row_profile_list(void)
{
    return "scms delivery history, freight invoices, lane invoices, lane rates";
}

enum err row_extract(const struct row_profile *profile, const struct row *row,
                     extract_document_fn *on_document, void *closure)
{
    for (size_t i = 0; i < PROFILE_DOCUMENTS_MAX && profile->documents[i].kind != NULL; i++) {
        struct draft draft;
        draft_init(&draft, row->failure);
        json_t *source = draft_object(&draft, draft.root, "source");
        draft_set_text(&draft, source, "format", row->format);
        draft_set_text(&draft, source, "messageType", profile->name);
        draft_set_text(&draft, source, "record", row->place);
        profile->documents[i].map(&draft, row);
        json_t *document = NULL;
        TRY(draft_finish(&draft, profile->documents[i].kind, &document));
        enum err code = on_document(closure, document);
        json_decref(document);
        if (code != ERR_OK) {
            return row->failure->reason[0] != '\0'
                       ? code
                       : failure_set(row->failure, code, row_origin(row, NULL),
                                     "stopped by the caller");
        }
    }
    return ERR_OK;
}

const char *row_value(const struct row *row, const char *column)
{
    for (size_t i = 0; i < row->count; i++) {
        if (strcmp(row->names[i], column) == 0) {
            return row->values[i];
        }
    }
    return "";
}

struct origin row_origin(const struct row *row, const char *column)
{
    return (struct origin){.place = row->place, .element = column};
}

void row_set_text(struct draft *draft, const struct row *row, json_t *object, const char *key,
                  const char *column)
{
    draft_set_text(draft, object, key, row_value(row, column));
}

void row_set_decimal(struct draft *draft, const struct row *row, json_t *object, const char *key,
                     const char *column)
{
    const char *text = row_value(row, column);
    (void)draft_read_decimal(draft, object, key, text, -1, row_origin(row, column));
}

void row_evidence(struct draft *draft, const struct row *row, const char *field, const char *column)
{
    const char *text = row_value(row, column);
    if (text[0] != '\0') {
        draft_evidence(draft, field, row_origin(row, column), text, 1.0, NULL);
    }
}

/*
 * The invoice against what was tendered, agreed and delivered.
 */
#include "agents/reconciliation/rules.h"

#include <string.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/str.h"

enum { SERVICES_SEARCHED_MAX = 10 }; /* subsets are tried, so at most 1,024 */

static const char residential_service[] = "residential_delivery";

/* Agreed amounts are rounded to cents, and so is what is paid: one cent apart is rounding. Bills
 * that carry fractions of a cent are compared as they would be paid. */
static bool is_rounding(struct decimal difference)
{
    struct decimal cents;
    return decimal_round(difference, 2, DECIMAL_HALF_UP, &cents, NULL) == ERR_OK &&
           decimal_compare(cents, decimal_of(1, 2)) <= 0 &&
           decimal_compare(cents, decimal_of(-1, 2)) >= 0;
}

static bool is_negative(struct decimal value)
{
    return decimal_compare(value, decimal_of(0, 0)) < 0;
}

static struct decimal positive(struct decimal value)
{
    if (is_negative(value)) {
        value.coefficient = -value.coefficient;
    }
    return value;
}

static void put_difference(struct finding *finding, struct findings *findings,
                           struct decimal invoiced, struct decimal expected,
                           struct decimal difference, const char *unit)
{
    finding->invoiced = money_text(findings->arena, invoiced);
    finding->expected = money_text(findings->arena, expected);
    finding->has_difference = true;
    finding->difference = difference;
    finding->unit = unit;
}

static const char *unit_of(const struct invoice *invoice, const struct agreement *agreement)
{
    return invoice->currency != NULL ? invoice->currency : agreement->currency;
}

/* Sum of the charges of the kinds; *ret_any tells whether the invoice has one. */
static enum err sum_of(const struct invoice *invoice, enum charge_kind kind, enum charge_kind other,
                       struct decimal *ret_sum, bool *ret_any, struct error *err)
{
    *ret_sum = decimal_of(0, 0);
    *ret_any = false;
    for (size_t i = 0; i < invoice->line_count; i++) {
        const struct charge *line = &invoice->lines[i];
        if ((line->kind == kind || line->kind == other) && line->amount.present) {
            *ret_any = true;
            TRY(decimal_add(*ret_sum, line->amount.value, ret_sum, err));
        }
    }
    return ERR_OK;
}

static void check_parties(const struct invoice *invoice, const struct agreement *agreement,
                          struct findings *findings)
{
    if (invoice->consignee.name != NULL && agreement->consignee.name != NULL) {
        findings_applied(findings, RULE_CONSIGNEE);
        if (!name_same(invoice->consignee.name, agreement->consignee.name)) {
            struct finding *finding = findings_add(
                findings, RULE_CONSIGNEE, "the invoice bills a delivery to %s; %s says %s",
                invoice->consignee.name, agreement->source, agreement->consignee.name);
            finding->field = "/consignee/name";
            finding->invoiced = invoice->consignee.name;
            finding->expected = agreement->consignee.name;
        }
    }
    const char *seller = invoice->seller.id != NULL ? invoice->seller.id : invoice->seller.name;
    const char *carrier =
        agreement->carrier.id != NULL ? agreement->carrier.id : agreement->carrier.name;
    if (seller == NULL || carrier == NULL) {
        return;
    }
    findings_applied(findings, RULE_CARRIER);
    bool same = name_same(seller, carrier) ||
                name_same(invoice->seller.name, agreement->carrier.name) ||
                name_same(invoice->seller.name, agreement->carrier.id);
    if (!same) {
        struct finding *finding =
            findings_add(findings, RULE_CARRIER, "the invoice comes from %s; %s was given to %s",
                         seller, agreement->source, carrier);
        finding->field = "/seller";
        finding->invoiced = seller;
        finding->expected = carrier;
    }
}

/* Days from one ISO date to another; false when one cannot be read. */
static bool days_between(const char *from, const char *to, int64_t *ret_days)
{
    char text[2][32];
    int64_t ms[2];
    const char *dates[2] = {from, to};
    for (int i = 0; i < 2; i++) {
        if (dates[i] == NULL || strlen(dates[i]) < 10) {
            return false;
        }
        memcpy(text[i], dates[i], 10);
        memcpy(text[i] + 10, "T00:00:00Z", sizeof("T00:00:00Z"));
        if (!clock_parse(text[i], &ms[i])) {
            return false;
        }
    }
    *ret_days = (ms[1] - ms[0]) / 86400000;
    return true;
}

static void check_window(const struct invoice *invoice, const struct agreement *agreement,
                         struct findings *findings)
{
    int64_t days;
    if (!days_between(agreement->pickup_from, invoice->issue_date, &days)) {
        return;
    }
    findings_applied(findings, RULE_WINDOW);
    if (days >= 0) {
        return;
    }
    struct finding *finding =
        findings_add(findings, RULE_WINDOW,
                     "the invoice is dated %s, %lld days before the first possible pick-up on %s",
                     invoice->issue_date, (long long)-days, agreement->pickup_from);
    finding->field = "/issueDate";
    finding->invoiced = invoice->issue_date;
    finding->expected = agreement->pickup_from;
    finding->has_difference = true;
    finding->difference = decimal_of(days, 0);
    finding->unit = "days";
}

void rules_delivery(const struct agreement *agreement, struct findings *findings)
{
    int64_t days;
    if (agreement->delivered_on == NULL) {
        struct finding *finding = findings_add(
            findings, RULE_DELIVERED, "no delivery of %s is recorded yet", agreement->shipment);
        finding->expected = "a delivery status";
        return;
    }
    findings_applied(findings, RULE_DELIVERED);
    if (days_between(agreement->deliver_by, agreement->delivered_on, &days)) {
        findings_applied(findings, RULE_LATE);
        if (days > 0) {
            struct finding *finding = findings_add(
                findings, RULE_LATE, "%s was delivered on %.10s, %lld days after %.10s",
                agreement->shipment, agreement->delivered_on, (long long)days,
                agreement->deliver_by);
            finding->invoiced = agreement->delivered_on;
            finding->expected = agreement->deliver_by;
            finding->has_difference = true;
            finding->difference = decimal_of(days, 0);
            finding->unit = "days";
        }
    }
    if (agreement->delivered_to.name == NULL || agreement->consignee.name == NULL) {
        return;
    }
    findings_applied(findings, RULE_DELIVERED_TO);
    if (!name_same(agreement->delivered_to.name, agreement->consignee.name)) {
        struct finding *finding = findings_add(
            findings, RULE_DELIVERED_TO, "the carrier reports delivery to %s; %s says %s",
            agreement->delivered_to.name, agreement->source, agreement->consignee.name);
        finding->invoiced = agreement->delivered_to.name;
        finding->expected = agreement->consignee.name;
    }
}

/* 'L' for pounds, 'K' for kilograms, 0 for anything else (X12 element 188, UN/ECE Rec. 20). */
static char weight_unit(const char *unit)
{
    static const struct {
        const char *text;
        char kind;
    } units[] = {{"L", 'L'}, {"LB", 'L'}, {"LBR", 'L'}, {"LBS", 'L'},
                 {"K", 'K'}, {"KG", 'K'}, {"KGM", 'K'}};
    for (size_t i = 0; unit != NULL && i < sizeof(units) / sizeof(units[0]); i++) {
        if (name_same(unit, units[i].text)) {
            return units[i].kind;
        }
    }
    return 0;
}

static enum err check_weight(const struct invoice *invoice, const struct agreement *agreement,
                             struct findings *findings, struct error *err)
{
    if (!invoice->weight.present || !agreement->weight.present) {
        return ERR_OK;
    }
    struct decimal expected = agreement->weight.value;
    struct decimal slack = decimal_of(0, 0);
    char from = weight_unit(agreement->weight_unit);
    char to = weight_unit(invoice->weight_unit);
    if (from != 0 && to != 0 && from != to) {
        /* 1 lb is 0.45359237 kg by definition; converted weights are compared to half a per cent.
         */
        const struct decimal pound = decimal_of(45359237, 8);
        TRY(to == 'K' ? decimal_mul(expected, pound, &expected, err)
                      : decimal_div(expected, pound, 3, DECIMAL_HALF_UP, &expected, err));
        TRY(decimal_round(expected, 3, DECIMAL_HALF_UP, &expected, err));
        TRY(decimal_mul(expected, decimal_of(5, 3), &slack, err));
    }
    struct decimal difference;
    findings_applied(findings, RULE_WEIGHT);
    TRY(decimal_sub(invoice->weight.value, expected, &difference, err));
    if (decimal_compare(positive(difference), slack) <= 0) {
        return ERR_OK;
    }
    const char *unit = to == 'K' ? "KG" : "LB";
    struct finding *finding = findings_add(
        findings, RULE_WEIGHT, "the invoice bills %s %s; %s says %s %s, a difference of %s",
        decimal_text_of(findings->arena, invoice->weight.value), unit, agreement->source,
        decimal_text_of(findings->arena, expected), unit,
        decimal_text_of(findings->arena, difference));
    put_difference(finding, findings, invoice->weight.value, expected, difference, unit);
    finding->invoiced = decimal_text_of(findings->arena, invoice->weight.value);
    finding->expected = decimal_text_of(findings->arena, expected);
    finding->field = "/weight";
    return ERR_OK;
}

static enum err check_quantity(const struct invoice *invoice, const struct agreement *agreement,
                               struct findings *findings, struct error *err)
{
    if (!invoice->quantity.present || !agreement->quantity.present) {
        return ERR_OK;
    }
    struct decimal difference;
    findings_applied(findings, RULE_QUANTITY);
    TRY(decimal_sub(invoice->quantity.value, agreement->quantity.value, &difference, err));
    if (decimal_is_zero(difference)) {
        return ERR_OK;
    }
    struct finding *finding =
        findings_add(findings, RULE_QUANTITY, "the invoice bills %s pieces; %s says %s",
                     decimal_text_of(findings->arena, invoice->quantity.value), agreement->source,
                     decimal_text_of(findings->arena, agreement->quantity.value));
    put_difference(finding, findings, invoice->quantity.value, agreement->quantity.value,
                   difference, "pieces");
    finding->field = "/quantity";
    return ERR_OK;
}

/* One agreed amount against the invoice's. */
static enum err check_amount(enum rule rule, const char *what, struct decimal invoiced,
                             struct decimal expected, const struct agreement *agreement,
                             struct findings *findings, struct finding **ret_finding)
{
    struct decimal difference;
    *ret_finding = NULL;
    findings_applied(findings, rule);
    TRY(decimal_sub(invoiced, expected, &difference, NULL));
    if (is_rounding(difference)) {
        return ERR_OK;
    }
    *ret_finding = findings_add(findings, rule, "%s: invoiced %s, %s says %s: %s %s", what,
                                money_text(findings->arena, invoiced), agreement->source,
                                money_text(findings->arena, expected),
                                money_text(findings->arena, positive(difference)),
                                is_negative(difference) ? "too little" : "too much");
    put_difference(*ret_finding, findings, invoiced, expected, difference, NULL);
    return ERR_OK;
}

static enum err check_total(const struct invoice *invoice, const struct agreement *agreement,
                            struct findings *findings, struct error *err)
{
    if (!agreement->total.present || !invoice->total.present) {
        findings_applied(findings, RULE_PRICE);
        if (!agreement->total.present && !agreement->linehaul.present) {
            struct finding *finding = findings_add(
                findings, RULE_PRICE, "the ledger knows shipment %s but no price agreed for it%s",
                agreement->shipment,
                agreement->freight == FREIGHT_SEPARATE ? ": its freight is invoiced separately"
                : agreement->freight == FREIGHT_INCLUDED
                    ? ": its freight is included in the price of the goods"
                    : "");
            finding->invoiced =
                invoice->total.present ? money_text(findings->arena, invoice->total.value) : NULL;
        }
        return ERR_OK;
    }
    struct finding *finding;
    if (check_amount(RULE_TOTAL, "total", invoice->total.value, agreement->total.value, agreement,
                     findings, &finding) != ERR_OK) {
        return error_set(err, ERR_LIMIT, "rule %s: amounts are out of range", rule_id(RULE_TOTAL));
    }
    if (finding != NULL) {
        finding->field = "/totals/payable";
        finding->unit = unit_of(invoice, agreement);
    }
    return ERR_OK;
}

static enum err check_linehaul(const struct invoice *invoice, const struct agreement *agreement,
                               struct findings *findings, struct error *err)
{
    struct decimal billed;
    struct finding *finding;
    bool any;
    if (!agreement->linehaul.present) {
        return ERR_OK;
    }
    TRY(sum_of(invoice, CHARGE_LINEHAUL, CHARGE_DISCOUNT, &billed, &any, err));
    if (!any) {
        return ERR_OK; /* the invoice does not break its total down: the total decides */
    }
    TRY(check_amount(RULE_LINEHAUL, "linehaul", billed, agreement->linehaul.value, agreement,
                     findings, &finding));
    if (finding != NULL) {
        finding->field = "/lines";
        finding->unit = unit_of(invoice, agreement);
        finding->cause =
            is_negative(finding->difference) ? "underbilled linehaul" : "overbilled linehaul";
    }
    return ERR_OK;
}

static enum err check_fuel(const struct invoice *invoice, const struct agreement *agreement,
                           struct findings *findings, struct error *err)
{
    struct decimal billed;
    struct decimal linehaul;
    struct finding *finding;
    bool any;
    bool broken_down;
    if (!agreement->fuel.present) {
        return ERR_OK;
    }
    TRY(sum_of(invoice, CHARGE_LINEHAUL, CHARGE_FUEL, &linehaul, &broken_down, err));
    TRY(sum_of(invoice, CHARGE_FUEL, CHARGE_FUEL, &billed, &any, err));
    if (!broken_down) {
        return ERR_OK;
    }
    bool missing = decimal_is_zero(billed) && !is_rounding(agreement->fuel.value);
    findings_applied(findings, missing ? RULE_FUEL : RULE_FUEL_MISSING);
    TRY(check_amount(missing ? RULE_FUEL_MISSING : RULE_FUEL,
                     missing ? "fuel surcharge is missing" : "fuel surcharge", billed,
                     agreement->fuel.value, agreement, findings, &finding));
    if (finding != NULL) {
        finding->field = "/lines";
        finding->unit = unit_of(invoice, agreement);
        finding->cause = missing ? "fuel surcharge missing" : "other fuel rate";
        if (!missing && agreement->fuel_percent.present) {
            const char *sentence =
                arena_printf(findings->arena, "%s; the agreed rate is %s %%", finding->sentence,
                             decimal_text_of(findings->arena, agreement->fuel_percent.value));
            finding->sentence = sentence != NULL ? sentence : finding->sentence;
        }
    }
    return ERR_OK;
}

static const struct service_price *price_of(const struct agreement *agreement, const char *service)
{
    for (size_t i = 0; i < agreement->price_count; i++) {
        if (text_equal(agreement->prices[i].service, service)) {
            return &agreement->prices[i];
        }
    }
    return NULL;
}

/* The only set of agreed services whose prices add up to `amount`, as text "a, b", or NULL when
 * there is none or more than one. */
static const char *services_worth(const struct agreement *agreement, struct decimal amount,
                                  struct arena *arena)
{
    const struct service_price *priced[SERVICES_SEARCHED_MAX];
    unsigned count = 0;
    for (size_t i = 0; i < agreement->service_count && count < SERVICES_SEARCHED_MAX; i++) {
        const struct service_price *price = price_of(agreement, agreement->services[i]);
        if (price != NULL) {
            priced[count++] = price;
        }
    }
    unsigned found = 0;
    for (unsigned set = 1; set < 1U << count; set++) {
        struct decimal sum = decimal_of(0, 0);
        for (unsigned i = 0; i < count; i++) {
            if ((set >> i & 1U) != 0 && decimal_add(sum, priced[i]->price, &sum, NULL) != ERR_OK) {
                return NULL;
            }
        }
        if (decimal_compare(sum, amount) == 0) {
            if (found != 0) {
                return NULL;
            }
            found = set;
        }
    }
    const char *text = NULL;
    for (unsigned i = 0; i < count; i++) {
        if ((found >> i & 1U) != 0) {
            text = text == NULL ? priced[i]->service
                                : arena_printf(arena, "%s, %s", text, priced[i]->service);
        }
    }
    return text;
}

/* Which service explains what the invoice bills less or more than agreed. */
static void add_accessorial(const struct agreement *agreement, struct decimal billed,
                            struct decimal difference, struct findings *findings, const char *unit)
{
    struct arena *arena = findings->arena;
    const char *less = money_text(arena, positive(difference));
    const char *services =
        is_negative(difference) ? services_worth(agreement, positive(difference), arena) : NULL;
    const struct service_price *home = price_of(agreement, residential_service);
    bool residential = is_negative(difference) && agreement->has_residential &&
                       agreement->residential && home != NULL &&
                       !agreement_has_service(agreement, residential_service) &&
                       decimal_compare(home->price, positive(difference)) == 0;
    struct finding *finding;
    if (services != NULL) {
        finding = findings_add(findings, RULE_ACCESSORIAL_MISSING,
                               "the agreed service %s (%s) is not billed", services, less);
        finding->cause = services;
    } else if (residential) {
        finding = findings_add(findings, RULE_RESIDENTIAL,
                               "the delivery is residential; the invoice takes off the %s of a "
                               "residential delivery",
                               less);
        finding->cause = "residential flag";
    } else {
        finding = findings_add(findings, RULE_ACCESSORIAL,
                               "accessorial charges: invoiced %s, %s says %s: %s %s",
                               money_text(arena, billed), agreement->source,
                               money_text(arena, agreement->accessorials.value), less,
                               is_negative(difference) ? "too little" : "too much");
    }
    put_difference(finding, findings, billed, agreement->accessorials.value, difference, unit);
    finding->field = "/lines";
}

static enum err check_accessorials(const struct invoice *invoice, const struct agreement *agreement,
                                   struct findings *findings, struct error *err)
{
    struct decimal billed;
    struct decimal linehaul;
    struct decimal difference;
    bool any;
    bool broken_down;
    if (!agreement->accessorials.present) {
        return ERR_OK;
    }
    TRY(sum_of(invoice, CHARGE_LINEHAUL, CHARGE_ACCESSORIAL, &linehaul, &broken_down, err));
    TRY(sum_of(invoice, CHARGE_ACCESSORIAL, CHARGE_ACCESSORIAL, &billed, &any, err));
    if (!broken_down) {
        return ERR_OK;
    }
    findings_applied(findings, RULE_ACCESSORIAL);
    findings_applied(findings, RULE_ACCESSORIAL_MISSING);
    TRY(decimal_sub(billed, agreement->accessorials.value, &difference, err));
    if (!is_rounding(difference)) {
        add_accessorial(agreement, billed, difference, findings, unit_of(invoice, agreement));
    }
    return ERR_OK;
}

static enum err check_lane_accessorial(const struct invoice *invoice, const struct lane *lane,
                                       const struct agreement *agreement, struct findings *findings,
                                       struct error *err)
{
    struct decimal billed;
    bool any;
    TRY(sum_of(invoice, CHARGE_ACCESSORIAL, CHARGE_ACCESSORIAL, &billed, &any, err));
    if (!lane->accessorial_max.present || !any) {
        return ERR_OK;
    }
    findings_applied(findings, RULE_ACCESSORIAL);
    struct decimal over;
    TRY(decimal_sub(billed, lane->accessorial_max.value, &over, err));
    if (decimal_is_zero(over) || is_negative(over)) {
        return ERR_OK;
    }
    struct finding *finding = findings_add(
        findings, RULE_ACCESSORIAL,
        "accessorial charges of %s pass the %s that the rate agreement of %s allows (%s)",
        money_text(findings->arena, billed),
        money_text(findings->arena, lane->accessorial_max.value), lane->name,
        lane->accessorial != NULL ? lane->accessorial : "any service");
    put_difference(finding, findings, billed, lane->accessorial_max.value, over,
                   unit_of(invoice, agreement));
    finding->field = "/lines";
    return ERR_OK;
}

/* Rate per mile, fuel percentage and accessorial cap of the lane. */
static enum err check_lane(const struct invoice *invoice, const struct agreement *agreement,
                           struct findings *findings, struct error *err)
{
    const struct lane *lane = &agreement->lane;
    for (size_t i = 0; i < invoice->line_count; i++) {
        const struct charge *line = &invoice->lines[i];
        if (line->basis != RATE_PER_MILE || !line->rate.present || !lane->per_mile.present) {
            continue;
        }
        struct decimal over;
        findings_applied(findings, RULE_LANE_RATE);
        TRY(decimal_sub(line->rate.value, lane->per_mile.value, &over, err));
        if (decimal_is_zero(over)) {
            continue;
        }
        struct finding *finding = findings_add(
            findings, RULE_LANE_RATE, "%s per mile is billed; the rate agreement of %s says %s",
            money_text(findings->arena, line->rate.value), lane->name,
            money_text(findings->arena, lane->per_mile.value));
        put_difference(finding, findings, line->rate.value, lane->per_mile.value, over, "per mile");
        finding->field = "/lines";
        if (line->rated_quantity.present) {
            struct decimal amount;
            TRY(decimal_mul(over, line->rated_quantity.value, &amount, err));
            const char *sentence =
                arena_printf(findings->arena, "%s: %s on %s miles", finding->sentence,
                             money_text(findings->arena, amount),
                             decimal_text_of(findings->arena, line->rated_quantity.value));
            finding->sentence = sentence != NULL ? sentence : finding->sentence;
            finding->difference = amount;
            finding->unit = unit_of(invoice, agreement);
        }
    }
    if (invoice->fuel_percent.present && lane->fuel_percent_max.present) {
        struct decimal over;
        findings_applied(findings, RULE_FUEL);
        TRY(decimal_sub(invoice->fuel_percent.value, lane->fuel_percent_max.value, &over, err));
        if (!decimal_is_zero(over) && !is_negative(over)) {
            struct finding *finding = findings_add(
                findings, RULE_FUEL,
                "a fuel surcharge of %s %% passes the %s %% that the rate agreement of %s allows",
                decimal_text_of(findings->arena, invoice->fuel_percent.value),
                decimal_text_of(findings->arena, lane->fuel_percent_max.value), lane->name);
            put_difference(finding, findings, invoice->fuel_percent.value,
                           lane->fuel_percent_max.value, over, "percent");
            finding->field = "/lines";
        }
    }
    return check_lane_accessorial(invoice, lane, agreement, findings, err);
}

static void check_currency(const struct invoice *invoice, const struct agreement *agreement,
                           struct findings *findings)
{
    if (invoice->currency == NULL || agreement->currency == NULL) {
        return;
    }
    findings_applied(findings, RULE_CURRENCY);
    if (!name_same(invoice->currency, agreement->currency)) {
        struct finding *finding =
            findings_add(findings, RULE_CURRENCY, "the invoice is in %s; %s is in %s",
                         invoice->currency, agreement->source, agreement->currency);
        finding->field = "/currency";
        finding->invoiced = invoice->currency;
        finding->expected = agreement->currency;
    }
}

static void check_accepted(const struct agreement *agreement, struct findings *findings)
{
    if (!agreement->tendered) {
        return;
    }
    findings_applied(findings, RULE_ACCEPTED);
    if (agreement->answered && agreement->accepted) {
        return;
    }
    struct finding *finding =
        findings_add(findings, RULE_ACCEPTED,
                     agreement->answered ? "the carrier declined the tender of shipment %s"
                                         : "the carrier has not answered the tender of shipment %s",
                     agreement->shipment);
    finding->expected = "accepted";
    finding->invoiced = agreement->answered ? "declined" : "no answer";
    finding->severity = agreement->answered ? SEVERITY_ERROR : SEVERITY_WARNING;
}

enum err rules_agreement(const struct invoice *invoice, const struct agreement *agreement,
                         struct findings *findings, struct error *err)
{
    findings_applied(findings, RULE_SHIPMENT);
    if (!agreement->known) {
        struct finding *finding =
            invoice->shipment != NULL
                ? findings_add(findings, RULE_SHIPMENT,
                               "the ledger has no shipment %s: nothing was tendered, agreed or "
                               "delivered under that number",
                               invoice->shipment)
                : findings_add(findings, RULE_SHIPMENT,
                               "the invoice names no shipment, so nothing can be compared");
        finding->field = "/shipmentNumber";
        finding->invoiced = invoice->shipment;
        return agreement->has_lane ? check_lane(invoice, agreement, findings, err) : ERR_OK;
    }
    check_accepted(agreement, findings);
    check_currency(invoice, agreement, findings);
    TRY(check_linehaul(invoice, agreement, findings, err));
    TRY(check_fuel(invoice, agreement, findings, err));
    TRY(check_accessorials(invoice, agreement, findings, err));
    if (agreement->has_lane) {
        TRY(check_lane(invoice, agreement, findings, err));
    }
    TRY(check_total(invoice, agreement, findings, err));
    TRY(check_weight(invoice, agreement, findings, err));
    TRY(check_quantity(invoice, agreement, findings, err));
    check_parties(invoice, agreement, findings);
    check_window(invoice, agreement, findings);
    rules_delivery(agreement, findings);
    return ERR_OK;
}

void rules_repeats(const struct invoice *invoice, const struct repeats *repeats,
                   struct findings *findings)
{
    findings_applied(findings, RULE_DUPLICATE_NUMBER);
    findings_applied(findings, RULE_DUPLICATE_SHIPMENT);
    findings_applied(findings, RULE_DUPLICATE_NEAR);
    if (repeats->same_number != NULL) {
        struct finding *finding = findings_add(
            findings, RULE_DUPLICATE_NUMBER, "invoice %s of %s was already %s", invoice->number,
            invoice->seller.name != NULL ? invoice->seller.name : "this seller",
            repeats->same_number->state);
        finding->field = "/invoiceNumber";
        finding->invoiced = invoice->number;
        finding->expected = "a number not used before";
        return;
    }
    if (repeats->same_shipment != NULL) {
        struct finding *finding = findings_add(
            findings, RULE_DUPLICATE_SHIPMENT, "shipment %s was already %s with invoice %s",
            invoice->shipment, repeats->same_shipment->state, repeats->same_shipment->number);
        finding->field = "/shipmentNumber";
        finding->invoiced = invoice->number;
        finding->expected = repeats->same_shipment->number;
    }
    if (repeats->nearly_same != NULL) {
        struct finding *finding = findings_add(
            findings, RULE_DUPLICATE_NEAR, "invoice %s looks like invoice %s, which was already %s",
            invoice->number, repeats->nearly_same->number, repeats->nearly_same->state);
        finding->field = "/invoiceNumber";
        finding->invoiced = invoice->number;
        finding->expected = repeats->nearly_same->number;
    }
}

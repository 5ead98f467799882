#include "agents/reconciliation/verdict.h"

#include "common/base/arena.h"
#include "common/base/check.h"

static const double warning_factor = 0.9;
static const double other_shipment_factor = 0.7;
static const double near_factor = 0.6;

/* What is settled first: a repeat is not worth checking, a bill that does not add up cannot be
 * compared, and money is claimed only for a shipment we know. */
static const enum rule precedence[] = {
    RULE_DUPLICATE_NUMBER,
    RULE_DUPLICATE_SHIPMENT,
    RULE_FOOT_CHARGES,
    RULE_FOOT_NET,
    RULE_FOOT_GROSS,
    RULE_FOOT_PAYABLE,
    RULE_LINE_AMOUNT,
    RULE_TAX_SUM,
    RULE_TAX_RATE,
    RULE_COUNT,
    RULE_SHIPMENT,
    RULE_ACCEPTED,
    RULE_CURRENCY,
    RULE_LINEHAUL,
    RULE_LANE_RATE,
    RULE_FUEL_MISSING,
    RULE_FUEL,
    RULE_ACCESSORIAL_MISSING,
    RULE_RESIDENTIAL,
    RULE_ACCESSORIAL,
    RULE_TOTAL,
    RULE_FUEL_STATED,
    RULE_WEIGHT,
    RULE_QUANTITY,
    RULE_CONSIGNEE,
    RULE_CARRIER,
    RULE_WINDOW,
};

static const struct finding *first_error(const struct findings *findings)
{
    for (size_t i = 0; i < sizeof(precedence) / sizeof(precedence[0]); i++) {
        const struct finding *finding = findings_of(findings, precedence[i]);
        if (finding != NULL && finding->severity == SEVERITY_ERROR) {
            return finding;
        }
    }
    return NULL;
}

/* Facts about who, when and how much that do not fit: the number may stand for another shipment. */
static size_t identity_doubts(const struct findings *findings)
{
    static const enum rule rules[] = {RULE_WEIGHT, RULE_QUANTITY, RULE_CONSIGNEE, RULE_CARRIER,
                                      RULE_WINDOW};
    size_t doubts = 0;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        doubts += findings_of(findings, rules[i]) != NULL ? 1 : 0;
    }
    return doubts;
}

static bool is_price_rule(enum rule rule)
{
    return rule == RULE_TOTAL || rule == RULE_LINEHAUL || rule == RULE_LANE_RATE ||
           rule == RULE_FUEL || rule == RULE_FUEL_MISSING || rule == RULE_ACCESSORIAL ||
           rule == RULE_ACCESSORIAL_MISSING || rule == RULE_RESIDENTIAL;
}

/* What the invoice asks above the agreement. */
static bool overcharge(const struct findings *findings, struct decimal *ret_amount)
{
    const struct finding *total = findings_of(findings, RULE_TOTAL);
    if (total == NULL || decimal_compare(total->difference, decimal_of(0, 0)) <= 0) {
        return false;
    }
    *ret_amount = total->difference;
    return true;
}

static void add_alternative(struct verdict *verdict, enum verdict_kind kind, const char *why)
{
    if (verdict->alternative_count < ALTERNATIVES_MAX && why != NULL) {
        verdict->alternatives[verdict->alternative_count++] =
            (struct alternative){.kind = kind, .why = why};
    }
}

static const char *joined(const struct findings *findings, const struct finding *first)
{
    size_t others = findings_count_of(findings, SEVERITY_ERROR) +
                    findings_count_of(findings, SEVERITY_WARNING) - 1;
    const char *text =
        others == 0 ? first->sentence
        : others == 1
            ? arena_printf(findings->arena, "%s; 1 more finding", first->sentence)
            : arena_printf(findings->arena, "%s; %zu more findings", first->sentence, others);
    return text != NULL ? text : first->sentence;
}

static void decide_dispute(const struct invoice *invoice, const struct findings *findings,
                           struct decimal amount, struct verdict *verdict)
{
    struct arena *arena = findings->arena;
    size_t doubts = identity_doubts(findings);
    const char *unit = invoice->currency != NULL ? invoice->currency : "";
    verdict->kind = VERDICT_DISPUTE;
    verdict->has_amount = true;
    verdict->amount = amount;
    verdict->hold = true;
    if (doubts >= 2) {
        verdict->confidence *= other_shipment_factor;
        verdict->question = arena_printf(
            arena,
            "%zu facts besides the price differ: does invoice %s belong to shipment %s at all?",
            doubts, invoice->number, invoice->shipment != NULL ? invoice->shipment : "?");
        add_alternative(verdict, VERDICT_EXCEPTION,
                        "reject the invoice as billed to the wrong shipment");
    }
    const char *agreed = arena_printf(arena, "pay the agreed amount and claim %s %s",
                                      money_text(arena, amount), unit);
    add_alternative(verdict, VERDICT_POST, agreed);
}

static void decide_exception(const struct findings *findings, struct verdict *verdict)
{
    const struct finding *lane = findings_of(findings, RULE_LANE_RATE);
    verdict->kind = VERDICT_EXCEPTION;
    verdict->hold = true;
    if (verdict->rule == RULE_SHIPMENT) {
        verdict->question = "is there a tender or a proof of delivery for this invoice?";
        if (lane != NULL) {
            add_alternative(verdict, VERDICT_DISPUTE, lane->sentence);
        }
    } else if (verdict->rule == RULE_FOOT_CHARGES) {
        add_alternative(verdict, VERDICT_ASK, "ask the carrier for a corrected invoice");
    } else if (is_price_rule(verdict->rule)) {
        add_alternative(verdict, VERDICT_POST, "pay what is billed: it is less than agreed");
        add_alternative(verdict, VERDICT_ASK, "ask the carrier for a corrected invoice");
    }
}

static void decide_without_error(const struct agreement *agreement, const struct findings *findings,
                                 struct verdict *verdict)
{
    const struct finding *near = findings_of(findings, RULE_DUPLICATE_NEAR);
    const struct finding *price = findings_of(findings, RULE_PRICE);
    const struct finding *accepted = findings_of(findings, RULE_ACCEPTED);
    const struct finding *open = near != NULL ? near : price != NULL ? price : accepted;
    if (open == NULL) {
        verdict->kind = VERDICT_POST;
        const char *why = arena_printf(
            findings->arena, "everything that can be compared agrees with %s", agreement->source);
        verdict->why = why != NULL ? why : "everything that can be compared agrees";
        return;
    }
    verdict->kind = VERDICT_ASK;
    verdict->rule = open->rule;
    verdict->exception = rule_exception(open->rule);
    verdict->hold = true;
    verdict->why = joined(findings, open);
    verdict->confidence *= near != NULL ? near_factor : 1.0;
    verdict->question = near != NULL ? "is this the same invoice sent twice under another number?"
                        : price != NULL ? "what was agreed for this shipment?"
                                        : "did the carrier take this load?";
    add_alternative(verdict, VERDICT_POST, "pay it, when the answer is known");
}

struct verdict verdict_of(const struct invoice *invoice, const struct agreement *agreement,
                          const struct findings *findings, double extracted)
{
    struct verdict verdict = {.confidence = extracted};
    CHECK(extracted >= 0.0 && extracted <= 1.0);
    for (size_t i = findings_count_of(findings, SEVERITY_WARNING); i > 0; i--) {
        verdict.confidence *= warning_factor;
    }
    const struct finding *first = first_error(findings);
    if (first == NULL) {
        decide_without_error(agreement, findings, &verdict);
        return verdict;
    }
    struct decimal amount;
    verdict.rule = first->rule;
    verdict.exception = rule_exception(first->rule);
    verdict.why = joined(findings, first);
    if (is_price_rule(first->rule) && overcharge(findings, &amount)) {
        decide_dispute(invoice, findings, amount, &verdict);
    } else {
        decide_exception(findings, &verdict);
    }
    return verdict;
}

const char *verdict_text(enum verdict_kind kind)
{
    switch (kind) {
    case VERDICT_POST:
        return "post";
    case VERDICT_DISPUTE:
        return "dispute";
    case VERDICT_EXCEPTION:
        return "exception";
    case VERDICT_ASK:
        return "ask";
    }
    UNREACHABLE();
}

/*
 * The invoice's own arithmetic. Rules of EN 16931-1:2017 keep their numbers in rules.def.
 */
#include "agents/reconciliation/rules.h"

#include <string.h>

#include "common/base/arena.h"

/* One comparison of what is stated with what was computed. */
struct comparison {
    enum rule rule;
    const char *field;
    const char *unit;
    struct decimal stated;
    struct decimal computed;
    struct decimal tolerance; /* differences up to this are rounding */
};

static struct decimal zero(void)
{
    return decimal_of(0, 0);
}

static struct decimal magnitude(struct decimal value)
{
    if (decimal_compare(value, zero()) < 0) {
        value.coefficient = -value.coefficient;
    }
    return value;
}

static enum err sum_into(struct decimal *sum, struct decimal value, struct error *err)
{
    return decimal_add(*sum, value, sum, err);
}

/* NULL in *ret_finding when it holds; the finding is INFO when the difference is within rounding.
 */
static enum err compare(const struct comparison *c, const char *what, struct findings *findings,
                        struct finding **ret_finding, struct error *err)
{
    struct decimal difference;
    *ret_finding = NULL;
    findings_applied(findings, c->rule);
    TRY(decimal_sub(c->stated, c->computed, &difference, err));
    if (decimal_is_zero(difference)) {
        return ERR_OK;
    }
    const char *stated = money_text(findings->arena, c->stated);
    const char *computed = money_text(findings->arena, c->computed);
    bool rounding = decimal_compare(magnitude(difference), c->tolerance) <= 0;
    struct finding *finding =
        findings_add(findings, c->rule,
                     rounding ? "%s: stated %s, computed %s, a difference of %s: within rounding"
                              : "%s: stated %s, computed %s, a difference of %s",
                     what, stated, computed, money_text(findings->arena, difference));
    finding->severity = rounding ? SEVERITY_INFO : finding->severity;
    finding->field = c->field;
    finding->invoiced = stated;
    finding->expected = computed;
    finding->has_difference = true;
    finding->difference = difference;
    finding->unit = c->unit;
    *ret_finding = finding;
    return ERR_OK;
}

/* Half a cent for each rounded part that was added. */
static struct decimal rounding_of(size_t parts)
{
    return decimal_of((int64_t)parts * 5, 3);
}

static enum err check_charges(const struct invoice *invoice, struct findings *findings,
                              struct error *err)
{
    if (invoice->line_count == 0) {
        return ERR_OK;
    }
    struct decimal sum = zero();
    size_t amounts = 0;
    for (size_t i = 0; i < invoice->line_count; i++) {
        if (invoice->lines[i].amount.present) {
            TRY(sum_into(&sum, invoice->lines[i].amount.value, err));
            amounts++;
        }
    }
    const struct amount *stated =
        invoice->lines_total.present ? &invoice->lines_total : &invoice->total;
    if (amounts == 0 || !stated->present) {
        return ERR_OK;
    }
    struct finding *finding;
    struct comparison c = {
        .rule = RULE_FOOT_CHARGES,
        .field = invoice->lines_total.present ? "/totals/lineTotal" : "/totals/payable",
        .unit = invoice->currency,
        .stated = stated->value,
        .computed = sum,
        .tolerance = rounding_of(amounts),
    };
    return compare(&c, "the total is not the sum of the lines", findings, &finding, err);
}

static enum err check_net(const struct invoice *invoice, struct findings *findings,
                          struct error *err)
{
    if (!invoice->lines_total.present || !invoice->net.present) {
        return ERR_OK;
    }
    struct decimal computed = invoice->lines_total.value;
    if (invoice->allowances.present) {
        TRY(decimal_sub(computed, invoice->allowances.value, &computed, err));
    }
    if (invoice->charges.present) {
        TRY(sum_into(&computed, invoice->charges.value, err));
    }
    struct finding *finding;
    struct comparison c = {
        .rule = RULE_FOOT_NET,
        .field = "/totals/taxExclusive",
        .unit = invoice->currency,
        .stated = invoice->net.value,
        .computed = computed,
        .tolerance = zero(),
    };
    return compare(&c, "the total without tax is not lines less allowances plus charges", findings,
                   &finding, err);
}

/* Gross total and amount due belong together: a rounding amount that was put into the gross total
 * is one mistake, not two. */
static enum err check_gross(const struct invoice *invoice, struct findings *findings,
                            bool *ret_rounded, struct error *err)
{
    *ret_rounded = false;
    if (!invoice->net.present || !invoice->gross.present) {
        return ERR_OK;
    }
    struct decimal computed = invoice->net.value;
    if (invoice->tax.present) {
        TRY(sum_into(&computed, invoice->tax.value, err));
    }
    findings_applied(findings, RULE_FOOT_GROSS);
    if (invoice->rounding.present && !decimal_is_zero(invoice->rounding.value)) {
        struct decimal rounded;
        TRY(decimal_add(computed, invoice->rounding.value, &rounded, err));
        *ret_rounded = decimal_compare(invoice->gross.value, computed) != 0 &&
                       decimal_compare(invoice->gross.value, rounded) == 0;
    }
    if (*ret_rounded) {
        const char *stated = money_text(findings->arena, invoice->gross.value);
        const char *expected = money_text(findings->arena, computed);
        struct finding *finding =
            findings_add(findings, RULE_ROUNDING,
                         "the rounding of %s is already in the total with tax (stated %s, net plus "
                         "tax is %s); it "
                         "belongs to the amount due only",
                         money_text(findings->arena, invoice->rounding.value), stated, expected);
        finding->field = "/totals/taxInclusive";
        finding->invoiced = stated;
        finding->expected = expected;
        finding->has_difference = true;
        finding->difference = invoice->rounding.value;
        finding->unit = invoice->currency;
        return ERR_OK;
    }
    struct finding *finding;
    struct comparison c = {
        .rule = RULE_FOOT_GROSS,
        .field = "/totals/taxInclusive",
        .unit = invoice->currency,
        .stated = invoice->gross.value,
        .computed = computed,
        .tolerance = zero(),
    };
    return compare(&c, "the total with tax is not net plus tax", findings, &finding, err);
}

static enum err check_payable(const struct invoice *invoice, bool rounded,
                              struct findings *findings, struct error *err)
{
    if (!invoice->gross.present || !invoice->total.present) {
        return ERR_OK;
    }
    struct decimal computed = invoice->gross.value;
    if (invoice->prepaid.present) {
        TRY(decimal_sub(computed, invoice->prepaid.value, &computed, err));
    }
    if (invoice->rounding.present && !rounded) {
        TRY(sum_into(&computed, invoice->rounding.value, err));
    }
    struct finding *finding;
    struct comparison c = {
        .rule = RULE_FOOT_PAYABLE,
        .field = "/totals/payable",
        .unit = invoice->currency,
        .stated = invoice->total.value,
        .computed = computed,
        .tolerance = zero(),
    };
    return compare(&c, "the amount due is not total with tax less prepaid plus rounding", findings,
                   &finding, err);
}

static enum err check_tax(const struct invoice *invoice, struct findings *findings,
                          struct error *err)
{
    struct decimal sum = zero();
    struct decimal percent_unit = decimal_of(1, 2);
    for (size_t i = 0; i < invoice->tax_count; i++) {
        const struct tax_part *part = &invoice->taxes[i];
        if (part->tax.present) {
            TRY(sum_into(&sum, part->tax.value, err));
        }
        if (!part->tax.present || !part->base.present || !part->percent.present) {
            continue;
        }
        struct decimal computed;
        struct finding *finding;
        TRY(decimal_mul(part->base.value, part->percent.value, &computed, err));
        TRY(decimal_mul(computed, percent_unit, &computed, err));
        struct comparison c = {
            .rule = RULE_TAX_RATE,
            .field = "/taxBreakdown",
            .unit = invoice->currency,
            .stated = part->tax.value,
            .computed = computed,
            .tolerance = decimal_of(1, 2),
        };
        TRY(compare(&c, "the tax of a rate is not base x rate", findings, &finding, err));
        if (finding != NULL && finding->severity == SEVERITY_INFO) {
            findings->count--; /* a cent of rounding in one rate is not worth a line */
        }
    }
    if (invoice->tax_count == 0 || !invoice->tax.present) {
        return ERR_OK;
    }
    struct finding *finding;
    struct comparison c = {
        .rule = RULE_TAX_SUM,
        .field = "/totals/tax",
        .unit = invoice->currency,
        .stated = invoice->tax.value,
        .computed = sum,
        .tolerance = zero(),
    };
    return compare(&c, "the tax total is not the sum of the rates", findings, &finding, err);
}

/* Amount of a line by its rate or price; false when the line states neither. */
static enum err line_amount(const struct charge *line, bool *ret_known, struct decimal *ret_amount,
                            struct error *err)
{
    *ret_known = true;
    if (line->rate.present && line->basis != RATE_NONE) {
        if (line->basis == RATE_FLAT) {
            *ret_amount = line->rate.value;
            return ERR_OK;
        }
        *ret_known = line->rated_quantity.present;
        if (!*ret_known) {
            return ERR_OK;
        }
        TRY(decimal_mul(line->rate.value, line->rated_quantity.value, ret_amount, err));
        return line->basis == RATE_PER_HUNDREDWEIGHT
                   ? decimal_mul(*ret_amount, decimal_of(1, 2), ret_amount, err)
                   : ERR_OK;
    }
    *ret_known = line->price.present && line->quantity.present;
    if (!*ret_known) {
        return ERR_OK;
    }
    TRY(decimal_mul(line->price.value, line->quantity.value, ret_amount, err));
    bool base = line->base_quantity.present && !decimal_is_zero(line->base_quantity.value);
    if (base && decimal_compare(line->base_quantity.value, decimal_of(1, 0)) != 0) {
        TRY(decimal_div(*ret_amount, line->base_quantity.value, 6, DECIMAL_HALF_UP, ret_amount,
                        err));
    }
    return line->adjustments.present ? sum_into(ret_amount, line->adjustments.value, err) : ERR_OK;
}

static enum err check_lines(const struct invoice *invoice, struct findings *findings,
                            struct error *err)
{
    for (size_t i = 0; i < invoice->line_count; i++) {
        const struct charge *line = &invoice->lines[i];
        struct decimal computed;
        bool known;
        TRY(line_amount(line, &known, &computed, err));
        if (!known || !line->amount.present) {
            continue;
        }
        struct finding *finding;
        struct comparison c = {
            .rule = RULE_LINE_AMOUNT,
            .field = arena_printf(findings->arena, "/lines/%zu", i),
            .unit = invoice->currency,
            .stated = line->amount.value,
            .computed = computed,
            .tolerance = decimal_of(1, 2),
        };
        const char *what =
            arena_printf(findings->arena, "line %s (%s) is not rate x quantity",
                         line->id != NULL ? line->id : "?",
                         line->description != NULL ? line->description : "no description");
        TRY(compare(&c, what != NULL ? what : "a line is not rate x quantity", findings, &finding,
                    err));
        if (finding != NULL && finding->severity == SEVERITY_INFO) {
            findings->count--; /* rounding of one line */
        } else if (finding != NULL && line->kind == CHARGE_GOODS) {
            /* EN 16931 asks no such thing of a line: prices may be rounded or stand for a period.
             */
            finding->severity = SEVERITY_WARNING;
        }
    }
    return ERR_OK;
}

/* Whether `charged` is `percent` of `base`, as far as the stated digits of the percentage can tell.
 */
static enum err percent_holds(struct decimal charged, struct decimal percent, struct decimal base,
                              bool *ret_holds, struct decimal *ret_computed, struct error *err)
{
    struct decimal difference;
    struct decimal half_unit;
    struct decimal slack;
    TRY(decimal_mul(base, percent, ret_computed, err));
    TRY(decimal_mul(*ret_computed, decimal_of(1, 2), ret_computed, err));
    TRY(decimal_round(*ret_computed, 2, DECIMAL_HALF_UP, ret_computed, err));
    TRY(decimal_sub(charged, *ret_computed, &difference, err));
    half_unit =
        decimal_of(5, percent.scale + 3 <= DECIMAL_SCALE_MAX ? percent.scale + 3 : percent.scale);
    TRY(decimal_mul(magnitude(base), half_unit, &slack, err));
    TRY(decimal_add(slack, decimal_of(5, 3), &slack, err));
    *ret_holds = decimal_compare(magnitude(difference), slack) <= 0;
    return ERR_OK;
}

/* A fuel surcharge whose text states a percentage is checked on the linehaul after discount and,
 * because some tariffs charge fuel before discount, on the gross linehaul. */
static enum err check_fuel(const struct invoice *invoice, struct findings *findings,
                           struct error *err)
{
    struct decimal gross = zero();
    struct decimal net = zero();
    const struct charge *fuel = NULL;
    for (size_t i = 0; i < invoice->line_count; i++) {
        const struct charge *line = &invoice->lines[i];
        if (!line->amount.present) {
            continue;
        }
        if (line->kind == CHARGE_LINEHAUL) {
            TRY(sum_into(&gross, line->amount.value, err));
            TRY(sum_into(&net, line->amount.value, err));
        } else if (line->kind == CHARGE_DISCOUNT) {
            TRY(sum_into(&net, line->amount.value, err));
        } else if (line->kind == CHARGE_FUEL) {
            fuel = line;
        }
    }
    if (fuel == NULL || !invoice->fuel_percent.present || decimal_is_zero(gross)) {
        return ERR_OK;
    }
    bool on_net;
    bool on_gross;
    struct decimal computed_net;
    struct decimal computed_gross;
    struct decimal percent = invoice->fuel_percent.value;
    TRY(percent_holds(fuel->amount.value, percent, net, &on_net, &computed_net, err));
    TRY(percent_holds(fuel->amount.value, percent, gross, &on_gross, &computed_gross, err));
    findings_applied(findings, RULE_FUEL_STATED);
    if (on_net || on_gross) {
        return ERR_OK;
    }
    const char *charged = money_text(findings->arena, fuel->amount.value);
    struct finding *finding = findings_add(
        findings, RULE_FUEL_STATED,
        "the fuel surcharge of %s is not the stated %s %% of the linehaul: %s after discount, %s "
        "before",
        charged, decimal_text_of(findings->arena, percent),
        money_text(findings->arena, computed_net), money_text(findings->arena, computed_gross));
    finding->field = "/lines";
    finding->invoiced = charged;
    finding->expected = money_text(findings->arena, computed_net);
    finding->has_difference = true;
    finding->unit = invoice->currency;
    return decimal_sub(fuel->amount.value, computed_net, &finding->difference, err);
}

static enum err check_count(const struct invoice *invoice, struct findings *findings,
                            struct error *err)
{
    if (!invoice->declared_shipments.present || !invoice->present_shipments.present) {
        return ERR_OK;
    }
    findings_applied(findings, RULE_COUNT);
    struct decimal declared = invoice->declared_shipments.value;
    struct decimal present = invoice->present_shipments.value;
    if (decimal_compare(declared, present) == 0) {
        return ERR_OK;
    }
    const char *stated = decimal_text_of(findings->arena, declared);
    const char *counted = decimal_text_of(findings->arena, present);
    struct finding *finding =
        findings_add(findings, RULE_COUNT, "the invoice says it bills %s shipments and carries %s",
                     stated, counted);
    finding->field = "/shipmentCountDeclared";
    finding->invoiced = stated;
    finding->expected = counted;
    finding->has_difference = true;
    finding->unit = "shipments";
    return decimal_sub(declared, present, &finding->difference, err);
}

enum err rules_arithmetic(const struct invoice *invoice, struct findings *findings,
                          struct error *err)
{
    bool rounded;
    TRY(check_charges(invoice, findings, err));
    TRY(check_net(invoice, findings, err));
    TRY(check_gross(invoice, findings, &rounded, err));
    TRY(check_payable(invoice, rounded, findings, err));
    TRY(check_tax(invoice, findings, err));
    TRY(check_lines(invoice, findings, err));
    TRY(check_fuel(invoice, findings, err));
    return check_count(invoice, findings, err);
}

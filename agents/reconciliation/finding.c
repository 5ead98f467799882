#include "agents/reconciliation/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/check.h"

enum { SENTENCE_BYTES = 600 };

struct rule_row {
    const char *id;
    unsigned version;
    enum severity severity;
    const char *exception;
    const char *basis;
};

static const struct rule_row rule_rows[RULE_COUNT_OF_RULES] = {
#define RULE(name, id, version, severity, exception, basis) \
    [RULE_##name] = {id, version, SEVERITY_##severity, exception, basis},
#include "agents/reconciliation/rules.def"
#undef RULE
};

void findings_init(struct findings *findings, struct arena *arena)
{
    *findings = (struct findings){.arena = arena};
}

void findings_applied(struct findings *findings, enum rule rule)
{
    findings->held[rule] = true;
}

struct finding *findings_add(struct findings *findings, enum rule rule, const char *format, ...)
{
    char sentence[SENTENCE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);

    findings->held[rule] = true;
    if (findings->count == FINDINGS_MAX) {
        findings->dropped++;
        findings->hit[rule] = true;
        static _Thread_local struct finding unused;
        unused = (struct finding){.rule = rule};
        return &unused;
    }
    struct finding *finding = &findings->items[findings->count++];
    const char *kept = arena_strdup(findings->arena, sentence);
    *finding = (struct finding){
        .rule = rule,
        .severity = rule_severity(rule),
        .field = "",
        .sentence = kept != NULL ? kept : rule_id(rule),
    };
    return finding;
}

const struct finding *findings_of(const struct findings *findings, enum rule rule)
{
    for (size_t i = 0; i < findings->count; i++) {
        if (findings->items[i].rule == rule && findings->items[i].severity > SEVERITY_INFO) {
            return &findings->items[i];
        }
    }
    return NULL;
}

size_t findings_count_of(const struct findings *findings, enum severity severity)
{
    size_t count = 0;
    for (size_t i = 0; i < findings->count; i++) {
        count += findings->items[i].severity == severity ? 1 : 0;
    }
    return count;
}

const char *rule_id(enum rule rule)
{
    CHECK(rule < RULE_COUNT_OF_RULES);
    return rule_rows[rule].id;
}

unsigned rule_version(enum rule rule)
{
    CHECK(rule < RULE_COUNT_OF_RULES);
    return rule_rows[rule].version;
}

enum severity rule_severity(enum rule rule)
{
    CHECK(rule < RULE_COUNT_OF_RULES);
    return rule_rows[rule].severity;
}

const char *rule_exception(enum rule rule)
{
    CHECK(rule < RULE_COUNT_OF_RULES);
    return rule_rows[rule].exception;
}

const char *severity_text(enum severity severity)
{
    switch (severity) {
    case SEVERITY_INFO:
        return "info";
    case SEVERITY_WARNING:
        return "warning";
    case SEVERITY_ERROR:
        return "error";
    }
    UNREACHABLE();
}

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text != NULL) {
        (void)json_object_set_new(object, key, json_string(text));
    }
}

static json_t *finding_json(const struct findings *findings, const struct finding *finding)
{
    json_t *object = json_object();
    if (object == NULL) {
        return NULL;
    }
    set_text(object, "rule", rule_id(finding->rule));
    (void)json_object_set_new(object, "version", json_integer(rule_version(finding->rule)));
    set_text(object, "severity", severity_text(finding->severity));
    set_text(object, "exception", rule_exception(finding->rule));
    set_text(object, "basis", rule_rows[finding->rule].basis);
    set_text(object, "field", finding->field);
    set_text(object, "invoiced", finding->invoiced);
    set_text(object, "expected", finding->expected);
    set_text(object, "cause", finding->cause);
    if (finding->has_difference) {
        set_text(object, "difference", money_text(findings->arena, finding->difference));
        set_text(object, "unit", finding->unit);
    }
    set_text(object, "sentence", finding->sentence);
    return object;
}

json_t *findings_json(const struct findings *findings)
{
    static const enum severity order[] = {SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_INFO};
    json_t *array = json_array();
    for (size_t s = 0; s < sizeof(order) / sizeof(order[0]); s++) {
        for (size_t i = 0; i < findings->count; i++) {
            if (findings->items[i].severity == order[s]) {
                (void)json_array_append_new(array, finding_json(findings, &findings->items[i]));
            }
        }
    }
    return array;
}

json_t *findings_held_json(const struct findings *findings)
{
    json_t *array = json_array();
    for (unsigned rule = 0; rule < RULE_COUNT_OF_RULES; rule++) {
        bool held = findings->held[rule] && !findings->hit[rule];
        if (held && findings_of(findings, (enum rule)rule) == NULL) {
            (void)json_array_append_new(
                array, json_sprintf("%s@%u", rule_rows[rule].id, rule_rows[rule].version));
        }
    }
    return array;
}

const char *decimal_text_of(struct arena *arena, struct decimal value)
{
    char text[DECIMAL_TEXT_BYTES];
    const char *kept = arena_strdup(arena, decimal_print(value, text));
    return kept != NULL ? kept : "?";
}

const char *money_text(struct arena *arena, struct decimal value)
{
    struct decimal shown = value;
    while (shown.scale > 2 && shown.coefficient % 10 == 0) {
        shown.coefficient /= 10;
        shown.scale--;
    }
    /* Padding cannot round; when it does not fit, the value is shown as it is kept. */
    if (shown.scale < 2 && decimal_round(value, 2, DECIMAL_HALF_UP, &shown, NULL) != ERR_OK) {
        shown = value;
    }
    return decimal_text_of(arena, shown);
}

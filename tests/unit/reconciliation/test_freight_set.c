/*
 * The freight invoices of invoice-matchai. The data are synthetic: errors were injected and
 * labelled. The ledger gets the expected columns only, the check the billed ones only; the label is
 * read from the file by the test alone and compared with what the check says.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "desk.h"

enum { ROWS = 500, LABEL_BYTES = 64 };

/* The label of an invoice: the 21st column, counted from the end because services are quoted. */
static void cut_label(char *line, char out[LABEL_BYTES])
{
    for (int columns = 0; columns < 4; columns++) {
        *strrchr(line, ',') = '\0';
    }
    (void)text_copy(out, LABEL_BYTES, strrchr(line, ',') + 1);
}

static void read_labels(char labels[ROWS][LABEL_BYTES])
{
    FILE *stream = fopen(TEST_DATA_DIR "/matchai/freight_invoices.csv", "r");
    cr_assert_not_null(stream);
    char line[1024];
    size_t rows = 0;
    bool header = true;
    while (rows < ROWS && fgets(line, sizeof(line), stream) != NULL) {
        if (!header) {
            cut_label(line, labels[rows++]);
        }
        header = false;
    }
    fclose(stream);
    cr_assert_eq(rows, ROWS);
}

/* The label that the findings amount to. */
static void label_of(const json_t *answer, char out[LABEL_BYTES])
{
    static const struct {
        const char *rule;
        const char *label;
    } rules[] = {
        {"agreed.linehaul", "underbilled_linehaul"},
        {"agreed.fuel-missing", "missing_fuel_surcharge"},
        {"agreed.fuel", "incorrect_fuel_rate"},
        {"agreed.residential", "wrong_residential_flag"},
    };
    const json_t *missing = finding_of(answer, "agreed.accessorial-missing");
    (void)text_copy(out, LABEL_BYTES, "none");
    if (missing != NULL) {
        snprintf(out, LABEL_BYTES, "missing_accessorial_%.40s", json_text_of(missing, "cause"));
        return;
    }
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (finding_of(answer, rules[i].rule) != NULL) {
            (void)text_copy(out, LABEL_BYTES, rules[i].label);
            return;
        }
    }
    if (strcmp(json_text_of(answer, "verdict"), "post") != 0) {
        (void)text_copy(out, LABEL_BYTES, json_text_of(answer, "exception"));
    }
}

struct confusion {
    char actual[LABEL_BYTES];
    char found[LABEL_BYTES];
    size_t count;
};

static size_t tally(struct confusion *table, size_t used, const char *actual, const char *found)
{
    for (size_t i = 0; i < used; i++) {
        if (strcmp(table[i].actual, actual) == 0 && strcmp(table[i].found, found) == 0) {
            table[i].count++;
            return used;
        }
    }
    cr_assert_lt(used, 64);
    (void)text_copy(table[used].actual, LABEL_BYTES, actual);
    (void)text_copy(table[used].found, LABEL_BYTES, found);
    table[used].count = 1;
    return used + 1;
}

Test(freight_set, every_injected_error_is_named_and_nothing_else_is)
{
    static char labels[ROWS][LABEL_BYTES];
    static struct confusion table[64];
    size_t used = 0;
    read_labels(labels);
    struct desk *desk = desk_create();
    json_t *documents = desk_read("matchai/freight_invoices.csv");
    cr_assert_eq(json_array_size(documents), 2 * (size_t)ROWS);
    for (size_t i = 0; i < 2 * (size_t)ROWS; i++) {
        desk_record(desk, json_array_get(documents, i));
    }
    size_t invoices = 0;
    size_t posted = 0;
    for (size_t i = 0; i < 2 * (size_t)ROWS; i++) {
        const json_t *entry = json_array_get(documents, i);
        if (strcmp(json_text_of(entry, "kind"), "invoice") != 0) {
            continue;
        }
        char found[LABEL_BYTES];
        json_t *answer = desk_check(desk, entry);
        label_of(answer, found);
        posted += strcmp(json_text_of(answer, "verdict"), "post") == 0 ? 1 : 0;
        used = tally(table, used, labels[invoices], found);
        cr_expect_str_eq(found, labels[invoices], "row %zu: %s", invoices + 1,
                         json_text_of(answer, "why"));
        json_decref(answer);
        invoices++;
    }
    size_t right = 0;
    for (size_t i = 0; i < used; i++) {
        printf("label %-42s found %-42s %zu\n", table[i].actual, table[i].found, table[i].count);
        right += strcmp(table[i].actual, table[i].found) == 0 ? table[i].count : 0;
    }
    cr_assert_eq(invoices, ROWS);
    cr_assert_eq(right, ROWS, "%zu of %d labels", right, ROWS);
    cr_assert_eq(posted, 461, "%zu invoices without an injected error are posted", posted);
    json_decref(documents);
    desk_destroy(&desk);
}

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "tests/unit/extraction/support.h"

/* Every beginning of a document either fails with words or is read with a warning; `places` are
 * failures that name where. */
static void check_truncations(const char *path)
{
    size_t size = 0;
    char *bytes = read_data(path, &size);
    for (size_t length = 0; length < size; length++) {
        char *part = malloc(length + 1); /* exact size, so that a sanitizer sees overruns */
        memcpy(part, bytes, length);
        struct extraction got = {0};
        struct extract_failure failure = {0};
        enum err code = extract_document(NULL, part, length, &got, &failure);
        if (code == ERR_OK) {
            cr_assert_geq(json_array_size(got.documents), 1);
            extraction_release(&got);
        } else {
            cr_assert_neq(failure.reason[0], '\0', "%s cut at %zu", path, length);
            bool named = failure.place[0] != '\0' || failure.element[0] != '\0';
            cr_assert(named || length <= 3 || strstr(failure.reason, "JSON") != NULL,
                      "%s cut at %zu: %s", path, length, failure.reason);
        }
        free(part);
    }
    free(bytes);
}

Test(truncated, ubl, .timeout = 240)
{
    check_truncations("ubl/Invoice-Min_content_with_VAT.xml");
}

Test(truncated, x12)
{
    check_truncations("x12/edi.net/210-MGCTLYST-SAMPLE.EDI");
    check_truncations("x12/staedi/ts210_80char.edi");
    check_truncations("x12/staedi/ts214_ellipses_segterm.edi");
}

Test(truncated, csv)
{
    check_truncations("matchai/rates_sample.csv");
}

Test(truncated, an_xml_document_is_never_read_in_part)
{
    size_t size = 0;
    char *bytes = read_data("ubl/Invoice-Min_content_with_VAT.xml", &size);
    while (size > 0 && bytes[size - 1] != '>') {
        size--;
    }
    struct extract_failure failure;
    for (size_t length = 1; length < size; length += 7) {
        (void)extract_failing(bytes, length, &failure);
    }
    (void)extract_failing(bytes, size - 1, &failure);
    cr_assert_eq(strncmp(failure.place, "line ", 5), 0);
    free(bytes);
}

/* A value before the cut may be half a value, and what came after it may have been charges. */
Test(truncated, an_interchange_cut_within_a_message_is_not_read)
{
    static const char *const files[] = {"x12/edi.net/214-MGCTLYST-SAMPLE.EDI",
                                        "x12/edi.net/210-MGCTLYST-SAMPLE.EDI"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        size_t size = 0;
        char *bytes = read_data(files[i], &size);
        char *trailer = strstr(bytes, "SE*");
        struct extract_failure failure;
        cr_assert_not_null(trailer);
        size_t before = (size_t)(trailer - bytes);
        cr_assert_eq(extract_failing(bytes, before, &failure), ERR_INVALID);
        cr_assert_not_null(strstr(failure.reason, "cut off"), "%s", failure.reason);
        for (size_t cut = 200; cut < before; cut += 5) {
            (void)extract_failing(bytes, cut, &failure);
        }
        free(bytes);
    }
}

Test(truncated, an_interchange_without_its_own_trailer_says_so)
{
    size_t size = 0;
    char *bytes = read_data("x12/edi.net/214-MGCTLYST-SAMPLE.EDI", &size);
    struct extraction got = {0};
    struct extract_failure failure;
    size_t length = (size_t)(strstr(bytes, "GE*") - bytes);
    cr_assert_eq(extract_document(NULL, bytes, length, &got, &failure), ERR_OK, "%s",
                 failure.reason);
    cr_assert_eq(warnings_with(&got, 0, "group-trailer"), 1);
    cr_assert_eq(warnings_with(&got, 0, "interchange-trailer"), 1);
    extraction_release(&got);
    free(bytes);
}

static enum err fail_text(const char *text, struct extract_failure *failure)
{
    return extract_failing(text, strlen(text), failure);
}

Test(hostile, a_doctype_is_refused_wherever_it_points)
{
    static const char *const documents[] = {
        "<?xml version='1.0'?>\n<!DOCTYPE a>\n<a/>",
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        "<!DOCTYPE a PUBLIC '-//x' 'http://127.0.0.1:1/x.dtd'><a/>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
        "<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://127.0.0.1:1/'> %p;]><a/>",
    };
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        struct extract_failure failure;
        cr_assert_eq(fail_text(documents[i], &failure), ERR_INVALID);
        cr_assert_str_eq(failure.element, "DOCTYPE", "%s: %s", documents[i], failure.reason);
        cr_assert_eq(strncmp(failure.place, "line ", 5), 0);
    }
}

/* A megabyte of them kept the parser busy for minutes. */
Test(hostile, attributes_without_end_are_refused_at_once, .timeout = 20)
{
    struct buf text = BUF_INIT((size_t)4 * 1024 * 1024);
    buf_append_str(&text, "<a\n");
    for (int i = 0; i < 200000; i++) {
        buf_printf(&text, " x%d='='", i);
    }
    buf_append_str(&text, "/>");
    cr_assert_not(text.failed);
    struct extract_failure failure;
    cr_assert_eq(extract_failing(text.data, text.size, &failure), ERR_LIMIT);
    cr_assert_not_null(strstr(failure.reason, "attributes"), "%s", failure.reason);
    cr_assert_str_eq(failure.place, "line 2");
    buf_release(&text);
}

Test(hostile, entities_do_not_grow)
{
    struct buf text = BUF_INIT((size_t)64 * 1024);
    buf_append_str(&text, "<!DOCTYPE a [<!ENTITY l0 'lol'>");
    for (int i = 1; i < 10; i++) {
        buf_printf(&text, "<!ENTITY l%d '", i);
        for (int j = 0; j < 10; j++) {
            buf_printf(&text, "&l%d;", i - 1);
        }
        buf_append_str(&text, "'>");
    }
    buf_append_str(&text, "]><a>&l9;</a>");
    struct extract_failure failure;
    cr_assert_eq(extract_failing(text.data, text.size, &failure), ERR_INVALID);
    cr_assert_str_eq(failure.element, "DOCTYPE");
    cr_assert_eq(fail_text("<a>&unknown;</a>", &failure), ERR_INVALID);
    cr_assert_not_null(strstr(failure.reason, "unknown"));
    buf_release(&text);
}

Test(hostile, ten_thousand_nested_elements)
{
    struct buf text = BUF_INIT((size_t)1024 * 1024);
    for (int i = 0; i < 10000; i++) {
        buf_append_str(&text, "<a>");
    }
    struct extract_failure failure;
    cr_assert_eq(extract_failing(text.data, text.size, &failure), ERR_LIMIT);
    cr_assert_not_null(strstr(failure.reason, "64 deep"));
    buf_release(&text);
}

Test(hostile, ten_thousand_nested_arrays)
{
    char *text = malloc(10001);
    memset(text, '[', 10000);
    text[10000] = '\0';
    struct extract_failure failure;
    cr_assert_eq(fail_text(text, &failure), ERR_LIMIT);
    free(text);
}

Test(hostile, nul_bytes_are_refused_in_every_syntax)
{
    struct extract_failure failure;
    static const char xml[] = "<a>\0</a>";
    cr_assert_eq(extract_failing(xml, sizeof(xml) - 1, &failure), ERR_INVALID);
    static const char edi[] = "ISA*00*\0~";
    cr_assert_eq(extract_failing(edi, sizeof(edi) - 1, &failure), ERR_INVALID);
    cr_assert_not_null(strstr(failure.reason, "NUL"));
    static const char json[] = "{\"a\":\"\0\"}";
    cr_assert_eq(extract_failing(json, sizeof(json) - 1, &failure), ERR_INVALID);
}

Test(hostile, a_wrong_declared_encoding_is_named)
{
    struct extract_failure failure;
    cr_assert_eq(fail_text("<?xml version='1.0' encoding='UTF-8'?>\n<a>K\xF6ln</a>", &failure),
                 ERR_INVALID);
    cr_assert_eq(strncmp(failure.place, "line 2", 6), 0, "%s", failure.place);
    cr_assert_eq(fail_text("<?xml version='1.0' encoding='EBCDIC-17'?>\n<a/>", &failure),
                 ERR_INVALID);
    cr_assert_not_null(strstr(failure.reason, "EBCDIC-17"));
}

Test(hostile, what_is_something_else_is_refused_by_name)
{
    struct extract_failure failure;
    cr_assert_eq(fail_text("%PDF-1.7\n", &failure), ERR_UNSUPPORTED);
    cr_assert_not_null(strstr(failure.reason, "PDF"));
    cr_assert_eq(fail_text("UNA:+.? 'UNB+UNOA:1'", &failure), ERR_UNSUPPORTED);
    cr_assert_not_null(strstr(failure.reason, "EDIFACT"));
    cr_assert_eq(extract_failing("", 0, &failure), ERR_INVALID);
    struct extraction got = {0};
    cr_assert_eq(extract_document("application/xml", "abc", 3, &got, &failure), ERR_INVALID);
    cr_assert_not_null(strstr(failure.reason, "application/xml"));
}

Test(hostile, nothing_is_printed, .init = cr_redirect_stderr)
{
    struct extract_failure failure;
    (void)fail_text("<a><b></a>", &failure);
    (void)fail_text("<!DOCTYPE a [<!ENTITY x SYSTEM 'http://127.0.0.1:1/'>]><a>&x;</a>", &failure);
    (void)fail_text("<?xml version='1.0' encoding='nope'?><a/>", &failure);
    (void)fail_text("<x:a/>", &failure);
    (void)fflush(stderr);
    cr_assert_stderr_eq_str("");
}

/* One element of a good interchange replaced. */
static enum err fail_edi(const char *path, const char *from, const char *to,
                         struct extract_failure *failure)
{
    size_t size = 0;
    char *bytes = read_data(path, &size);
    const char *found = strstr(bytes, from);
    cr_assert_not_null(found, "%s", from);
    struct buf text = BUF_INIT((size_t)64 * 1024);
    buf_append(&text, bytes, (size_t)(found - bytes));
    buf_append_str(&text, to);
    buf_append_str(&text, found + strlen(from));
    enum err code = extract_failing(text.data, text.size, failure);
    buf_release(&text);
    free(bytes);
    return code;
}

Test(hostile, a_bad_element_is_named_with_its_segment)
{
    static const char invoice[] = "x12/edi.net/210-MGCTLYST-SAMPLE.EDI";
    struct extract_failure failure;
    cr_assert_eq(fail_edi(invoice, "*65940*", "*659.40*", &failure), ERR_INVALID);
    cr_assert_str_eq(failure.element, "B3-07");
    cr_assert_str_eq(failure.place, "segment 4");
    cr_assert_eq(fail_edi(invoice, "**20160707*", "**20161307*", &failure), ERR_INVALID);
    cr_assert_str_eq(failure.element, "B3-06");
    cr_assert_eq(fail_edi(invoice, "*09851270*", "**", &failure), ERR_INVALID);
    cr_assert_str_eq(failure.element, "B3-02");
    cr_assert_not_null(strstr(failure.reason, "missing"));
    cr_assert_eq(fail_edi(invoice, "FR*2627*", "FR*2,627*", &failure), ERR_INVALID);
    cr_assert_str_eq(failure.element, "L1-04");
    cr_assert_eq(fail_edi(invoice, "B3**", "BX**", &failure), ERR_INVALID);
    cr_assert_str_eq(failure.element, "B3");
    cr_assert_eq(fail_edi(invoice, "L0*1*", "?*1*", &failure), ERR_INVALID);
    cr_assert_not_null(strstr(failure.reason, "'?'"));
    cr_assert_eq(fail_edi("x12/edi.net/990-MGCTLYST-SAMPLE.EDI", "**A", "**Q", &failure),
                 ERR_INVALID);
    cr_assert_str_eq(failure.element, "B1-04");
    cr_assert_eq(fail_edi("x12/edi.net/214-MGCTLYST-SAMPLE.EDI", "*1230*", "*2530*", &failure),
                 ERR_INVALID);
    cr_assert_str_eq(failure.element, "AT7-06");
}

Test(hostile, two_interchanges_in_one_document)
{
    size_t size = 0;
    char *bytes = read_data("x12/edi.net/214-MGCTLYST-SAMPLE.EDI", &size);
    struct buf text = BUF_INIT(2 * size);
    buf_append(&text, bytes, size);
    buf_append(&text, bytes, size);
    struct extract_failure failure;
    cr_assert_eq(extract_failing(text.data, text.size, &failure), ERR_UNSUPPORTED);
    cr_assert_str_eq(failure.place, "segment 21");
    buf_release(&text);
    free(bytes);
}

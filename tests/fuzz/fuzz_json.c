/*
 * JSON text: whatever is accepted must survive writing and reading in all three layouts, keep its
 * digest, and be accepted by jansson's own reader too; whatever is refused must come with a message
 * that is UTF-8.
 */
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/str.h"
#include "common/json/doc.h"

/* NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef void write_fn(const json_t *value, struct buf *out);

static void check_reread(const json_t *value, write_fn *write)
{
    struct buf text = BUF_INIT(1 << 24);
    struct buf again = BUF_INIT(1 << 24);
    static const struct json_limits limits = {.size_max = 1 << 24, .depth_max = JSON_DEPTH_MAX};
    json_t *back = NULL;
    write(value, &text);
    CHECK(!text.failed);
    CHECK(json_parse(text.data, text.size, &limits, &back, NULL) == ERR_OK);
    CHECK(json_equal(value, back));
    CHECK(json_same(value, back));
    write(back, &again);
    CHECK(again.size == text.size && memcmp(again.data, text.data, text.size) == 0);
    struct digest a = json_digest(value);
    struct digest b = json_digest(back);
    CHECK(digest_equal(&a, &b));
    json_decref(back);
    buf_release(&text);
    buf_release(&again);
}

static void check_jansson(const char *bytes, size_t size)
{
    json_error_t reason;
    json_t *other = json_loadb(bytes, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &reason);
    /* jansson refuses reals nearer to zero than the smallest normal double; we keep what survives
     */
    CHECK(other != NULL || json_error_code(&reason) == json_error_numeric_overflow);
    json_decref(other);
}

/* NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    json_t *value = NULL;
    const char *bytes = (const char *)data;
    enum err code = json_parse(bytes, size, NULL, &value, &err);
    CHECK(code == err.code);
    CHECK((code == ERR_OK) == (value != NULL));
    if (value == NULL) {
        CHECK(err.message[0] != '\0');
        CHECK(utf8_valid(err.message, strlen(err.message)));
        return 0;
    }
    check_reread(value, json_write);
    check_reread(value, json_write_pretty);
    check_reread(value, json_write_canonical);
    check_jansson(bytes, size);
    json_decref(value);
    return 0;
}

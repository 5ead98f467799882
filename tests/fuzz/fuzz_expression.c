/*
 * Expressions: the text up to a zero byte, then the input. Compiling and evaluating ends within the
 * limits; a value is one that can be written and read; the input does not change.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "coordinator/definition/expr.h"

/* NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const json_t *bound;

static const json_t *variable(void *user, const char *name)
{
    (void)user;
    return strcmp(name, "none") == 0 ? NULL : bound;
}

static void check_value(const json_t *value)
{
    struct buf out = BUF_INIT(1 << 26);
    static const struct json_limits limits = {.size_max = 1 << 26, .allow_nul = true};
    json_t *back = NULL;
    json_write(value, &out);
    CHECK(!out.failed);
    CHECK(json_parse(out.data, out.size, &limits, &back, NULL) == ERR_OK);
    CHECK(json_same(value, back));
    json_decref(back);
    buf_release(&out);
}

static void evaluate(const struct expr *expr, const char *input, size_t size)
{
    static const char fallback[] =
        "{\"a\":[1,2.5,\"x\",null,{\"b\":[true]}],\"b\":\"text\",\"c\":-3}";
    json_t *value = NULL;
    json_t *result = NULL;
    if (json_parse(input, size, NULL, &value, NULL) != ERR_OK) {
        CHECK(json_parse(fallback, sizeof(fallback) - 1, NULL, &value, NULL) == ERR_OK);
    }
    json_t *copy = json_deep_copy(value);
    struct error err = {0};
    struct expr_scope scope = {.input = value, .variable = variable};
    bound = value;
    enum err code = expr_eval(expr, &scope, &result, &err);
    CHECK((code == ERR_OK) == (result != NULL));
    CHECK(json_equal(value, copy));
    if (result != NULL) {
        check_value(result);
    } else {
        CHECK(err.message[0] != '\0');
    }
    json_decref(result);
    json_decref(copy);
    json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size == 0 ? NULL : memchr(data, 0, size);
    size_t text_size = zero == NULL ? size : (size_t)(zero - data);
    char *text = calloc(1, text_size + 1);
    CHECK(text != NULL);
    memcpy(text, data == NULL ? (const uint8_t *)"" : data, text_size);
    struct expr *expr = NULL;
    struct error err = {0};
    if (expr_compile(text, 0, &expr, &err) == ERR_OK) {
        size_t used = zero == NULL ? size : text_size + 1;
        evaluate(expr, (const char *)data + used, size - used);
    } else {
        CHECK(err.message[0] != '\0');
    }
    expr_destroy(&expr);
    free(text);
    return 0;
}

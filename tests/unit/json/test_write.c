#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/json/json.h"

static json_t *value_of(const char *text)
{
    struct error err = {0};
    json_t *value = NULL;
    cr_assert_eq(json_parse(text, strlen(text), NULL, &value, &err), ERR_OK, "%s", err.message);
    return value;
}

Test(json_write, canonical_text_sorts_keys_by_bytes)
{
    json_t *value = value_of("{\"b\":1,\"a\":{\"z\":[],\"\xC3\xA9\":2,\"Z\":3},\"aa\":4,\"\":5}");
    struct buf out = BUF_INIT(1000);
    json_write_canonical(value, &out);
    cr_assert_str_eq(out.data, "{\"\":5,\"a\":{\"Z\":3,\"z\":[],\"\xC3\xA9\":2},\"aa\":4,\"b\":1}");
    buf_release(&out);
    json_decref(value);
}

Test(json_write, large_objects_are_sorted_too)
{
    json_t *object = json_object();
    char key[8];
    for (int i = 99; i >= 0; i--) {
        snprintf(key, sizeof(key), "k%02d", i);
        json_object_set_new(object, key, json_integer(i));
    }
    struct buf out = BUF_INIT(10000);
    json_write_canonical(object, &out);
    const char *at = out.data;
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "\"k%02d\"", i);
        at = strstr(at, key);
        cr_assert_not_null(at, "%s is out of order", key);
    }
    buf_release(&out);
    json_decref(object);
}

Test(json_write, pretty_text_is_indented)
{
    json_t *value = value_of("{\"a\":[1,{}],\"b\":{\"c\":[]}}");
    struct buf out = BUF_INIT(1000);
    json_write_pretty(value, &out);
    cr_assert_str_eq(out.data, "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": []\n  "
                               "}\n}");
    buf_release(&out);
    json_decref(value);
}

Test(json_write, reals_print_the_shortest_text_that_reads_back)
{
    /* xorshift64 (G. Marsaglia, 2003) over the bit patterns of doubles */
    uint64_t bits = 88172645463325252ULL;
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13U;
        bits ^= bits >> 7U;
        bits ^= bits << 17U;
        double value;
        memcpy(&value, &bits, sizeof(value));
        json_t *real = json_real(value);
        if (real == NULL) {
            continue; /* not finite */
        }
        struct buf out = BUF_INIT(100);
        json_write(real, &out);
        double back = strtod(out.data, NULL);
        cr_assert_eq(memcmp(&back, &value, sizeof(value)), 0, "%s", out.data);
        json_t *again = value_of(out.data); /* and our own reader takes it */
        cr_assert(json_equal(again, real));
        json_decref(again);
        json_decref(real);
        buf_release(&out);
    }
}

Test(json_write, a_sum_keeps_all_its_digits)
{
    json_t *real = json_real(0.1 + 0.2);
    struct buf out = BUF_INIT(100);
    json_write(real, &out);
    cr_assert_str_eq(out.data, "0.30000000000000004");
    buf_release(&out);
    json_decref(real);
}

Test(json_write, too_deep_or_too_long_fails_the_buffer)
{
    json_t *value = json_array();
    for (int i = 1; i <= JSON_DEPTH_MAX; i++) {
        json_t *outer = json_array();
        json_array_append_new(outer, value);
        value = outer;
    }
    cr_assert(!json_depth_fits(value, JSON_DEPTH_MAX));
    cr_assert(json_depth_fits(value, JSON_DEPTH_MAX + 1));
    struct buf out = BUF_INIT(10000);
    json_write(value, &out);
    cr_assert(out.failed);
    buf_release(&out);
    buf_init(&out, 10);
    json_write(json_array_get(value, 0), &out);
    cr_assert(out.failed);
    buf_release(&out);
    json_decref(value);
}

Test(json_digest, does_not_depend_on_spelling)
{
    json_t *a = value_of("{\"x\":1.50,\"y\":\"\\u00e9\"}");
    json_t *b = value_of(" {\"y\":\"\xC3\xA9\", \"x\":1.5}");
    json_t *c = value_of("{\"x\":1.5,\"y\":\"e\"}");
    struct digest da = json_digest(a);
    struct digest db = json_digest(b);
    struct digest dc = json_digest(c);
    cr_assert(digest_equal(&da, &db));
    cr_assert(!digest_equal(&da, &dc));
    json_decref(a);
    json_decref(b);
    json_decref(c);
}

Test(json_same, compares_values_not_spellings)
{
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } cases[] = {
        {"1", "1.0", true},
        {"1", "true", false},
        {"0", "false", false},
        {"9007199254740993", "9007199254740992.0", false},
        {"{\"a\":1,\"b\":[2.0]}", "{\"b\":[2],\"a\":1.0}", true},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"[1,2]", "[2,1]", false},
        {"[1]", "[1,1]", false},
        {"\"a\"", "\"a\"", true},
        {"\"a\"", "\"b\"", false},
        {"null", "null", true},
        {"0.0", "-0.0", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *a = value_of(cases[i].a);
        json_t *b = value_of(cases[i].b);
        cr_assert_eq(json_same(a, b), cases[i].same, "%s %s", cases[i].a, cases[i].b);
        json_decref(a);
        json_decref(b);
    }
}

Test(json_members, are_read_by_type)
{
    json_t *value = value_of("{\"t\":\"x\",\"i\":7,\"b\":true,\"o\":{},\"a\":[]}");
    cr_assert_str_eq(json_text_of(value, "t"), "x");
    cr_assert_null(json_text_of(value, "i"));
    cr_assert_null(json_text_of(value, "none"));
    cr_assert_null(json_text_of(NULL, "t"));
    cr_assert_eq(json_int_of(value, "i", 1), 7);
    cr_assert_eq(json_int_of(value, "t", 1), 1);
    cr_assert(json_bool_of(value, "b", false));
    cr_assert(json_bool_of(value, "t", true));
    cr_assert_not_null(json_object_of(value, "o"));
    cr_assert_null(json_object_of(value, "a"));
    cr_assert_not_null(json_array_of(value, "a"));
    cr_assert_null(json_array_of(value, "o"));
    json_decref(value);
}

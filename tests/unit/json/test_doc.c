#include <criterion/criterion.h>
#include <string.h>

#include "common/json/doc.h"

Test(doc, text_is_kept_as_it_came_and_the_tree_is_there)
{
    struct error err = {0};
    struct doc *doc = NULL;
    cr_assert_eq(doc_of_text(" {\"a\": 1.50}", 12, &doc, &err), ERR_OK);
    size_t size = 0;
    cr_assert_str_eq(doc_text(doc, &size), " {\"a\": 1.50}");
    cr_assert_eq(size, 12);
    cr_assert_float_eq(json_real_value(json_object_get(doc_json(doc), "a")), 1.5, 0);
    doc_unref(&doc);
    cr_assert_null(doc);
    cr_assert_eq(doc_of_text("{", 1, &doc, &err), ERR_INVALID);
    cr_assert_null(doc);
    cr_assert_str_eq(err.message,
                     "1:2: expected a key in double quotes, found the end of the text");
    doc_unref(&doc);
}

Test(doc, each_form_is_made_from_the_other)
{
    struct doc *text = doc_of_text_trusted("{\"a\":[1,2]}", 11);
    struct doc *tree = doc_of_json(json_deep_copy(doc_json(text)));
    cr_assert_eq(doc_json(text), doc_json(text));
    cr_assert_str_eq(doc_text(tree, NULL), "{\"a\":[1,2]}");
    cr_assert_eq(doc_text(tree, NULL), doc_text(tree, NULL));
    cr_assert(doc_same(text, tree));
    doc_unref(&text);
    doc_unref(&tree);
}

Test(doc, references_keep_it_alive)
{
    struct doc *doc = doc_of_text_trusted("[1]", 3);
    struct doc *other = doc_ref(doc);
    doc_unref(&doc);
    cr_assert_str_eq(doc_text(other, NULL), "[1]");
    doc_unref(&other);
    doc_unref(&other);
}

Test(doc, digests_name_the_value_not_the_spelling)
{
    struct doc *a = doc_of_text_trusted("{\"b\":2,\"a\":1}", 13);
    struct doc *b = doc_of_text_trusted("{ \"a\":1, \"b\":2 }", 16);
    struct doc *c = doc_of_text_trusted("{\"a\":1}", 7);
    cr_assert(doc_same(a, b));
    cr_assert(!doc_same(a, c));
    cr_assert_eq(doc_digest(a), doc_digest(a));
    doc_unref(&a);
    doc_unref(&b);
    doc_unref(&c);
}

Test(doc, null_is_one_static_value_like_any_other_null)
{
    struct doc *null = doc_null();
    struct doc *made = doc_of_text_trusted("null", 4);
    cr_assert_eq(doc_ref(null), doc_null());
    cr_assert_str_eq(doc_text(null, NULL), "null");
    cr_assert(json_is_null(doc_json(null)));
    cr_assert(digest_equal(doc_digest(null), doc_digest(made)));
    doc_unref(&null);
    cr_assert_null(null);
    cr_assert_str_eq(doc_text(doc_null(), NULL), "null");
    doc_unref(&made);
}

Test(doc, a_tree_deeper_than_outside_text_may_be_survives_the_store)
{
    json_t *value = json_array();
    for (int i = 1; i < JSON_DEPTH_MAX; i++) {
        json_t *outer = json_array();
        json_array_append_new(outer, value);
        value = outer;
    }
    struct doc *built = doc_of_json(value);
    size_t size = 0;
    const char *text = doc_text(built, &size);
    struct doc *stored = doc_of_text_trusted(text, size);
    cr_assert(json_equal(doc_json(stored), value));
    doc_unref(&stored);
    doc_unref(&built);
}

Test(media, json_is_json_with_parameters_and_suffixes)
{
    cr_expect(json_media_type("application/json"));
    cr_expect(json_media_type("text/json"));
    cr_expect(json_media_type("Application/JSON; charset=utf-8"));
    cr_expect(json_media_type("application/cloudevents+json"));
    cr_expect_not(json_media_type("text/csv"));
    cr_expect_not(json_media_type("application/jsonl"));
    cr_expect_not(json_media_type("json"));
    cr_expect_not(json_media_type(""));
}

Test(doc, what_does_not_fit_is_not_written)
{
    json_t *part = json_pack("[s, s, s, s]", "abcdefgh", "abcdefgh", "abcdefgh", "abcdefgh");
    json_t *whole = json_array(); /* 10,000,000 bytes of text out of one small value */
    for (int i = 0; i < 227272; i++) {
        cr_assert_eq(json_array_append(whole, part), 0);
    }
    struct doc *large = doc_of_json(whole);
    cr_expect_not(doc_fits(large, 1000));
    cr_expect_eq(doc_size_known(large), 0);
    struct doc *small = doc_of_json(part);
    cr_expect_eq(doc_size_known(small), 0);
    cr_expect_not(doc_fits(small, 44));
    cr_expect(doc_fits(small, 45));
    cr_expect_eq(doc_size_known(small), 45);
    cr_expect_not(doc_fits(small, 44), "its text is there, and too long all the same");
    doc_unref(&large);
    doc_unref(&small);
}

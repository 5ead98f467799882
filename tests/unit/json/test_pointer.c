#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/json/json.h"

static json_t *value_of(const char *text)
{
    json_t *value = NULL;
    cr_assert_eq(json_parse(text, strlen(text), NULL, &value, NULL), ERR_OK);
    return value;
}

/* RFC 6901 section 5. */
Test(json_pointer, finds_what_the_rfc_says)
{
    json_t *root = value_of("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,"
                            "\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}");
    static const char *const numbered[] = {"/",     "/a~1b", "/c%d", "/e^f", "/g|h",
                                           "/i\\j", "/k\"l", "/ ",   "/m~0n"};
    cr_assert_eq(json_pointer_get(root, ""), root);
    cr_assert_eq(json_pointer_get(root, "/foo"), json_object_get(root, "foo"));
    cr_assert_str_eq(json_string_value(json_pointer_get(root, "/foo/1")), "baz");
    for (int i = 0; i < 9; i++) {
        cr_assert_eq(json_integer_value(json_pointer_get(root, numbered[i])), i);
    }
    static const char *const none[] = {"foo",
                                       "/foo/2",
                                       "/foo/-",
                                       "/foo/01",
                                       "/foo/x",
                                       "/foo/0/",
                                       "/m~2n",
                                       "/m~",
                                       "/bar",
                                       "/foo/",
                                       "/ /x",
                                       "/foo/-1",
                                       "/foo/99999999999999999999"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        cr_assert_null(json_pointer_get(root, none[i]), "%s", none[i]);
    }
    json_decref(root);
}

static void expect_set(json_t **root, const char *pointer, enum err expected)
{
    struct error err = {0};
    cr_assert_eq(json_pointer_set(root, pointer, json_string("new"), &err), expected, "%s: %s",
                 pointer, err.message);
}

Test(json_pointer, sets_members_items_and_the_root)
{
    json_t *root = value_of("{\"a\":{\"b\":1},\"l\":[1,2]}");
    expect_set(&root, "/a/b", ERR_OK);
    expect_set(&root, "/a/c~1d", ERR_OK);
    expect_set(&root, "/l/0", ERR_OK);
    expect_set(&root, "/l/2", ERR_OK);
    expect_set(&root, "/l/-", ERR_OK);
    expect_set(&root, "/l/7", ERR_NOT_FOUND);
    expect_set(&root, "/x/y", ERR_NOT_FOUND);
    expect_set(&root, "/l/0/y", ERR_NOT_FOUND);
    expect_set(&root, "a", ERR_INVALID);
    expect_set(&root, "/a~", ERR_INVALID);
    struct buf out = BUF_INIT(1000);
    json_write(root, &out);
    cr_assert_str_eq(out.data, "{\"a\":{\"b\":\"new\",\"c/d\":\"new\"},\"l\":[\"new\",2,\"new\","
                               "\"new\"]}");
    buf_release(&out);
    expect_set(&root, "", ERR_OK);
    cr_assert_str_eq(json_string_value(root), "new");
    json_decref(root);
}

Test(json_pointer, tokens_are_escaped)
{
    struct buf out = BUF_INIT(100);
    json_pointer_append(&out, "a/b~c", 5);
    json_pointer_append(&out, "", 0);
    cr_assert_str_eq(out.data, "/a~1b~0c/");
    buf_release(&out);
}

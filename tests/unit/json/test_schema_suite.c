/*
 * The official JSON Schema test suite, every required case of draft 7 and draft 2020-12, counted,
 * and the optional cases of the formats we assert. A failing case names itself.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/json/schema.h"

#define SUITE TEST_DATA_DIR "/json-schema-suite"

struct tally {
    size_t run;
    size_t failed;
    char first[600]; /* the first failing cases by name */
};

static json_t *read_json(const char *path)
{
    /* the suite has numbers that ours would refuse, and a string with \u0000 */
    static const struct json_limits any = {
        .size_max = 1 << 24, .any_number = true, .allow_nul = true};
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    struct buf text = BUF_INIT(1 << 24);
    char chunk[4096];
    size_t size = 0;
    while ((size = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        buf_append(&text, chunk, size);
    }
    fclose(file);
    struct error err = {0};
    json_t *value = NULL;
    cr_assert_eq(json_parse(text.data, text.size, &any, &value, &err), ERR_OK, "%s: %s", path,
                 err.message);
    buf_release(&text);
    return value;
}

static enum err load(void *context, const char *uri, json_t **ret_document, struct error *err)
{
    static const char *const roots[][2] = {
        {"http://localhost:1234/", SUITE "/remotes/"},
        {"http://json-schema.org/draft-07/schema", SUITE "/metaschemas/draft7.json"},
        {"https://json-schema.org/draft/2020-12/", SUITE "/metaschemas/draft2020-12/"}};
    char path[1024];
    (void)context;
    *ret_document = NULL;
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        if (text_starts(uri, roots[i][0])) {
            snprintf(path, sizeof(path), "%s%s%s", roots[i][1], uri + strlen(roots[i][0]),
                     i == 2 ? ".json" : "");
            *ret_document = read_json(path);
        }
    }
    return *ret_document != NULL ? ERR_OK : error_set(err, ERR_NOT_FOUND, "no file for it");
}

static void note(struct tally *tally, const char *file, const char *group, const char *test,
                 const char *why)
{
    tally->failed++;
    fprintf(stderr, "FAILED %s: %s: %s: %s\n", file, group, test, why);
    size_t used = strlen(tally->first);
    snprintf(tally->first + used, sizeof(tally->first) - used, "%s: %s: %s; ", file, group, test);
}

static void run_test(struct tally *tally, const char *file, const char *group,
                     const struct schema *schema, const json_t *test)
{
    const char *name = json_text_of(test, "description");
    const json_t *data = json_object_get(test, "data");
    bool expected = json_is_true(json_object_get(test, "valid"));
    struct schema_failures failures;
    bool fits = schema_validate(schema, data, &failures);
    struct buf text = BUF_INIT(10000);
    buf_append_str(&text, fits ? "fits but should not" : "should fit: ");
    schema_failures_print(&failures, &text);
    tally->run++;
    if (fits != expected) {
        note(tally, file, group, name, text.data);
    } else if (fits != schema_validate(schema, data, NULL)) {
        note(tally, file, group, name, "the answer depends on who listens");
    } else if (!fits && failures.count == 0) {
        note(tally, file, group, name, "refused without a reason");
    }
    for (size_t i = 0; i < failures.count; i++) {
        if (!utf8_valid(failures.items[i].message, strlen(failures.items[i].message))) {
            note(tally, file, group, name, "a message is not UTF-8");
        }
    }
    buf_release(&text);
}

static void run_file(struct tally *tally, const char *path, const struct schema_options *options,
                     const char *without_group)
{
    json_t *groups = read_json(path);
    cr_assert_not_null(groups, "cannot read %s", path);
    const char *file = path + strlen(SUITE) + 1;
    for (size_t g = 0; g < json_array_size(groups); g++) {
        const json_t *group = json_array_get(groups, g);
        const char *name = json_text_of(group, "description");
        const json_t *tests = json_object_get(group, "tests");
        if (without_group != NULL && strcmp(name, without_group) == 0) {
            continue;
        }
        struct schema *schema = NULL;
        struct error err = {0};
        enum err code = schema_compile(json_object_get(group, "schema"), options, &schema, &err);
        for (size_t t = 0; t < json_array_size(tests); t++) {
            if (code == ERR_OK) {
                run_test(tally, file, name, schema, json_array_get(tests, t));
            } else {
                tally->run++;
                note(tally, file, name, "does not compile", err.message);
            }
        }
        schema_destroy(&schema);
    }
    json_decref(groups);
}

static void run_folder(struct tally *tally, const char *folder,
                       const struct schema_options *options)
{
    char path[1024];
    DIR *dir = opendir(folder);
    cr_assert_not_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (text_ends(entry->d_name, ".json")) {
            snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
            run_file(tally, path, options, NULL);
        }
    }
    closedir(dir);
}

static void expect(const struct tally *tally, size_t count)
{
    cr_assert_eq(tally->failed, 0, "%zu of %zu cases fail: %s", tally->failed, tally->run,
                 tally->first);
    cr_assert_eq(tally->run, count, "%zu cases were run, not %zu", tally->run, count);
}

Test(schema_suite, draft_7_required)
{
    static const struct schema_options options = {.dialect = SCHEMA_DRAFT_7, .load = load};
    struct tally tally = {0};
    run_folder(&tally, SUITE "/tests/draft7", &options);
    expect(&tally, 927);
}

Test(schema_suite, draft_2020_12_required)
{
    static const struct schema_options options = {.load = load};
    struct tally tally = {0};
    run_folder(&tally, SUITE "/tests/draft2020-12", &options);
    expect(&tally, 1299);
}

/* Host names are checked by RFC 1123; whether an "xn--" label decodes to a valid international name
 * (IDNA 2008) is not, so that group of the suite is left out. */
static void run_formats(struct tally *tally, const char *draft,
                        const struct schema_options *options)
{
    static const char *const formats[] = {
        "date", "time", "date-time", "duration",      "uri",          "email",  "uuid",
        "ipv4", "ipv6", "hostname",  "uri-reference", "json-pointer", "unknown"};
    char path[1024];
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        snprintf(path, sizeof(path), SUITE "/tests/%s/optional/format/%s.json", draft, formats[i]);
        FILE *file = fopen(path, "rb");
        if (file != NULL) { /* draft 7 has no duration and no uuid */
            fclose(file);
            run_file(tally, path, options, "validation of A-label (punycode) host names");
        }
    }
}

Test(schema_suite, draft_7_formats)
{
    static const struct schema_options options = {
        .dialect = SCHEMA_DRAFT_7, .assert_formats = true, .load = load};
    struct tally tally = {0};
    run_formats(&tally, "draft7", &options);
    expect(&tally, 411);
}

Test(schema_suite, draft_2020_12_formats)
{
    static const struct schema_options options = {.assert_formats = true, .load = load};
    struct tally tally = {0};
    run_formats(&tally, "draft2020-12", &options);
    expect(&tally, 498);
}

Test(schema_suite, draft_2020_12_optional)
{
    static const struct schema_options options = {.load = load};
    static const char *const files[] = {"format-assertion", "bignum", "float-overflow",
                                        "non-bmp-regex", "ecmascript-regex"};
    struct tally tally = {0};
    char path[1024];
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), SUITE "/tests/draft2020-12/optional/%s.json", files[i]);
        run_file(&tally, path, &options, NULL);
    }
    expect(&tally, 100);
}

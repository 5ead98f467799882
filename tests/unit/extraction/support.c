#include "tests/unit/extraction/support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/decimal.h"

char *read_data(const char *path, size_t *ret_size)
{
    char name[512];
    (void)snprintf(name, sizeof(name), "%s/%s", TEST_DATA_DIR, path);
    FILE *file = fopen(name, "rb");
    cr_assert_not_null(file, "cannot open '%s'", name);
    cr_assert_eq(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    cr_assert_geq(size, 0);
    rewind(file);
    char *bytes = malloc((size_t)size + 1);
    cr_assert_not_null(bytes);
    cr_assert_eq(fread(bytes, 1, (size_t)size, file), (size_t)size);
    bytes[size] = '\0';
    (void)fclose(file);
    *ret_size = (size_t)size;
    return bytes;
}

json_t *read_json(const char *path)
{
    size_t size = 0;
    char *bytes = read_data(path, &size);
    struct json_limits limits = {.size_max = size + 1};
    struct error err = {0};
    json_t *value = NULL;
    cr_assert_eq(json_parse(bytes, size, &limits, &value, &err), ERR_OK, "%s", err.message);
    free(bytes);
    return value;
}

const char *data_path(const char *file)
{
    static const struct {
        const char *from;
        const char *to;
    } folders[] = {
        {"ubl-en16931/examples/", "ubl/"},
        {"ubl-logistics/freightinvoice/", "ubl-freight/"},
        {"edi-x12/", "x12/"},
    };
    static char path[256];
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        size_t size = strlen(folders[i].from);
        if (strncmp(file, folders[i].from, size) == 0) {
            (void)snprintf(path, sizeof(path), "%s%s", folders[i].to, file + size);
            return path;
        }
    }
    cr_assert_fail("no set holds '%s'", file);
    return NULL;
}

struct extraction extract_file(const char *path)
{
    size_t size = 0;
    char *bytes = read_data(path, &size);
    struct extraction extraction = {0};
    struct extract_failure failure = {0};
    char text[512];
    enum err code = extract_document(NULL, bytes, size, &extraction, &failure);
    cr_assert_eq(code, ERR_OK, "%s: %s", path, extract_failure_text(&failure, text, sizeof(text)));
    free(bytes);
    return extraction;
}

enum err extract_failing(const char *bytes, size_t size, struct extract_failure *failure)
{
    struct extraction extraction = {0};
    enum err code = extract_document(NULL, bytes, size, &extraction, failure);
    cr_assert_neq(code, ERR_OK);
    cr_assert_null(extraction.documents);
    cr_assert_neq(failure->reason[0], '\0', "a failure without a reason");
    return code;
}

json_t *value_at(const struct extraction *extraction, size_t index, const char *pointer)
{
    const json_t *entry = json_array_get(extraction->documents, index);
    return json_pointer_get(json_object_get(entry, "document"), pointer);
}

const char *text_at(const struct extraction *extraction, size_t index, const char *pointer)
{
    return json_string_value(value_at(extraction, index, pointer));
}

size_t warnings_with(const struct extraction *extraction, size_t index, const char *code)
{
    const json_t *entry = json_array_get(extraction->documents, index);
    size_t count = 0;
    size_t at = 0;
    json_t *warning = NULL;
    json_array_foreach(json_object_get(entry, "warnings"), at, warning)
    {
        count += strcmp(json_text_of(warning, "code"), code) == 0 ? 1 : 0;
    }
    return count;
}

json_int_t cents_of(const char *text)
{
    struct decimal value = {0};
    cr_assert_not_null(text);
    cr_assert_eq(decimal_parse(text, &value, NULL), ERR_OK, "'%s'", text);
    cr_assert_leq(value.scale, 2);
    cr_assert_eq(decimal_round(value, 2, DECIMAL_HALF_UP, &value, NULL), ERR_OK);
    return value.coefficient;
}

void second_reader(const char *format, const char *path, second_reader_fn *on_record, void *closure)
{
    char command[1024];
    (void)snprintf(command, sizeof(command),
                   "python3 '%s/tests/support/second_reader.py' %s '%s/%s'", SOURCE_DIR, format,
                   TEST_DATA_DIR, path);
    FILE *output = popen(command, "r");
    cr_assert_not_null(output);
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size = 0;
    while ((size = getline(&line, &capacity, output)) > 0) {
        json_t *record = NULL;
        struct error err = {0};
        enum err code = json_parse(line, (size_t)size, NULL, &record, &err);
        cr_assert_eq(code, ERR_OK, "%s", err.message);
        on_record(closure, record);
        json_decref(record);
    }
    free(line);
    cr_assert_eq(pclose(output), 0, "the second reader failed, is python3 installed? %s", command);
}

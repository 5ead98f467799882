#include "tools/mainstay/agree.h"

#include <stdio.h>

#include "common/base/str.h"
#include "tools/mainstay/output.h"

enum { ANSWER_BYTES = 16 };

static void lines_print(const json_t *row, const char *member, const char *words)
{
    size_t at = 0;
    const json_t *line = NULL;
    json_array_foreach(json_object_get(row, member), at, line)
    {
        (void)fprintf(stderr, "  %s", words);
        output_safe(stderr, json_string_value(line));
        (void)fputc('\n', stderr);
    }
}

static bool row_tells(const json_t *row)
{
    return json_object_get(row, "repeats") != NULL || json_object_get(row, "answers") != NULL ||
           json_object_get(row, "again") != NULL || json_object_get(row, "more") != NULL;
}

static void row_print(const json_t *row)
{
    (void)fprintf(stderr, "%s from ", json_text_of(row, "instance"));
    output_safe(stderr, json_text_of(row, "from"));
    (void)fputs(":\n", stderr);
    lines_print(row, "repeats", "does again: ");
    lines_print(row, "answers", "is answered from the first time: ");
    lines_print(row, "again", "once more: ");
    json_int_t more = json_integer_value(json_object_get(row, "more"));
    if (more > 0) {
        (void)fprintf(stderr, "  and %lld more\n", (long long)more);
    }
}

enum err fork_agree(const json_t *rows, struct error *err)
{
    char answer[ANSWER_BYTES] = "";
    size_t at = 0;
    size_t told = 0;
    const json_t *row = NULL;
    json_array_foreach(rows, at, row)
    {
        if (json_bool_of(row, "done", false) && row_tells(row)) {
            row_print(row);
            told++;
        }
    }
    if (told == 0) {
        return ERR_OK;
    }
    (void)fprintf(stderr, "fork? [y/N] ");
    if (fgets(answer, sizeof(answer), stdin) == NULL) {
        (void)fputc('\n', stderr);
        return error_set(err, ERR_REFUSED, "nobody has agreed: --yes does");
    }
    return answer[0] == 'y' || answer[0] == 'Y' ? ERR_OK
                                                : error_set(err, ERR_REFUSED, "the answer was no");
}

#include "tools/mainstay/pages.h"

#include <stdio.h>

#include "common/base/str.h"
#include "tools/mainstay/output.h"

enum { PAGE = 200, CURSOR_BYTES = 128 };

static void page_take(struct pages *pages, const json_t *reply)
{
    size_t at = 0;
    json_t *row = NULL;
    json_array_foreach(json_array_of(reply, "instances"), at, row)
    {
        pages->count += json_bool_of(row, pages->marker, false) ? 1 : 0;
        (void)json_array_append(pages->rows, row);
        if (pages->cli->format == OUTPUT_JSONL && !pages->silent) {
            output_json(pages->cli, stdout, row);
        }
    }
}

/* The operands from `from` on, as many as fit a page. */
static json_t *page_operands(const struct invocation *args, size_t from)
{
    json_t *instances = json_array();
    for (size_t i = from; i < args->operand_count && i < from + PAGE; i++) {
        (void)json_array_append_new(instances, json_string(args->operands[i]));
    }
    return instances;
}

enum err pages_ask(struct pages *pages, json_t *body, bool named, struct error *err)
{
    const struct invocation *args = pages->cli->args;
    char after[CURSOR_BYTES] = "";
    bool more = true;
    enum err code = ERR_OK;
    for (size_t from = 0; code == ERR_OK && more; from += PAGE) {
        json_t *page = json_copy(body);
        json_t *reply = NULL;
        (void)json_object_set_new(page, "limit", json_integer(PAGE));
        if (named) {
            (void)json_object_set_new(page, "instances", page_operands(args, from));
        } else if (after[0] != '\0') {
            (void)json_object_set_new(page, "after", json_string(after));
        }
        code = cli_order(pages->cli, pages->verb, page, &reply, err);
        if (code == ERR_OK) {
            page_take(pages, reply);
            const char *next = json_text_of(reply, "next");
            more = named ? from + PAGE < args->operand_count
                         : next != NULL && text_copy(after, sizeof(after), next);
        }
        json_decref(reply);
    }
    json_decref(body);
    return code;
}

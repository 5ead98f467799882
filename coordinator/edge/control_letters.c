/*
 * Dead letters: what could not be understood, with the command that would have worked.
 */
#include <string.h>

#include "common/base/str.h"
#include "coordinator/edge/control_private.h"

static json_t *number_text(uint64_t number)
{
    json_t *text = json_sprintf("%llu", (unsigned long long)number);
    CHECK(text != NULL);
    return text;
}

static void letter_fill(json_t *row, uint64_t number, const struct dead_letter *letter)
{
    json_set(row, "id", number_text(number));
    json_set_time(row, "at", letter->at_ms);
    json_set_text(row, "source", letter->source);
    json_set_text(row, "subject", letter->subject);
    json_set_text(row, "reason", letter->reason);
    json_set_text(row, "advice", letter->advice);
    json_set_int(row, "size", (int64_t)letter->size);
    json_set(row, "replayed", json_boolean(letter->replayed));
}

struct letters {
    struct request *request;
    json_t *rows;
    size_t limit;
    uint64_t last;
};

static bool letter_visit(void *user, uint64_t number, const struct dead_letter *letter)
{
    struct letters *letters = user;
    bool more = json_array_size(letters->rows) == letters->limit;
    if (!more) {
        json_t *row = json_object();
        CHECK(row != NULL);
        letter_fill(row, number, letter);
        more = !request_add_row(letters->request, letters->rows, row);
    }
    if (more) {
        json_set(letters->request->reply, "next", number_text(letters->last));
        return false;
    }
    letters->last = number;
    return true;
}

enum err verb_letters_ls(struct request *request, struct error *err)
{
    static const struct member members[] = {{"limit", MEMBER_COUNT, false},
                                            {"after", MEMBER_CURSOR, false}};
    TRY(body_check(request, members, 2, err));
    struct letters letters = {.request = request, .rows = json_array()};
    CHECK(letters.rows != NULL);
    json_set(request->reply, "dead_letters", letters.rows);
    uint64_t before = 0;
    TRY(body_limit(request, &letters.limit, err));
    TRY(body_number(request, "after", &before, err));
    return tables_each_letter(turn_tables(request->control->turn), before, letter_visit, &letters,
                              err);
}

enum err verb_letters_show(struct request *request, struct error *err)
{
    static const struct member members[] = {{"id", MEMBER_CURSOR, true}};
    TRY(body_check(request, members, 1, err));
    uint64_t number = 0;
    struct dead_letter letter;
    TRY(body_number(request, "id", &number, err));
    TRY(tables_letter(turn_tables(request->control->turn), number, request->arena, &letter, err));
    letter_fill(request->reply, number, &letter);
    json_t *headers = NULL;
    if (letter.headers.size > 0 &&
        json_parse(letter.headers.data, letter.headers.size, NULL, &headers, NULL) == ERR_OK) {
        struct doc *doc = doc_of_json(headers);
        request_set_doc(request, request->reply, "headers", doc, SIZE_MAX);
        doc_unref(&doc);
    }
    if (letter.body.size == 0) {
        json_set(request->reply, "body", json_string(""));
        return ERR_OK;
    }
    if (memchr(letter.body.data, '\0', letter.body.size) == NULL &&
        utf8_valid(letter.body.data, letter.body.size)) {
        json_set(request->reply, "body", json_stringn(letter.body.data, letter.body.size));
        return ERR_OK;
    }
    struct buf base64 = BUF_INIT(CONTROL_ROOM_BYTES);
    base64_encode(letter.body.data, letter.body.size, &base64);
    CHECK(!base64.failed);
    json_set(request->reply, "body_base64", json_stringn(base64.data, base64.size));
    buf_release(&base64);
    return ERR_OK;
}

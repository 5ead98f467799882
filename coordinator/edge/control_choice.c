#include "coordinator/edge/control_choice.h"

#include <string.h>

#include "common/base/str.h"

enum { EXAMINED_MAX = 5000 };

enum err choice_check(struct request *request, struct error *err)
{
    const char *status = json_text_of(request->body, "status");
    if (status != NULL && !status_is_open(status) && !status_is_done(status)) {
        return error_set(err, ERR_INVALID,
                         "status '%.64s' is none of running, waiting, suspended, completed, "
                         "faulted, cancelled",
                         status);
    }
    const char *name = json_text_of(request->body, "definition");
    const struct definition *any = NULL;
    return name == NULL ? ERR_OK : definition_find(request, name, &any, err);
}

enum err choice_begin(struct choice *choice, struct request *request, size_t limit_max,
                      struct error *err)
{
    *choice = (struct choice){.request = request,
                              .definition = json_text_of(request->body, "definition"),
                              .status = json_text_of(request->body, "status")};
    TRY(choice_check(request, err));
    TRY(body_limit(request, &choice->limit, err));
    choice->limit = choice->limit < limit_max ? choice->limit : limit_max;
    choice->ids = ARENA_ARRAY(request->arena, struct id, choice->limit + 1);
    CHECK(choice->ids != NULL);
    return ERR_OK;
}

enum err choice_named(struct choice *choice, const json_t *list, struct error *err)
{
    size_t at = 0;
    const json_t *item = NULL;
    if (json_array_size(list) > choice->limit) {
        return error_set(err, ERR_LIMIT, "at most %zu instances at once", choice->limit);
    }
    json_array_foreach(list, at, item)
    {
        TRY(text_instance(choice->request, json_string_value(item), &choice->ids[choice->count],
                          err));
        choice->count++;
    }
    return ERR_OK;
}

bool choice_look(struct choice *choice, const struct id *id, int64_t key_ms)
{
    if (choice->count == choice->limit || choice->examined == EXAMINED_MAX) {
        choice->more = true;
        return false;
    }
    choice->examined++;
    choice->last_ms = key_ms;
    choice->last = *id;
    return true;
}

bool choice_fits(const struct choice *choice, const char *definition, enum instance_status status)
{
    size_t size = choice->definition == NULL ? 0 : strlen(choice->definition);
    bool named = size == 0 || (strncmp(definition, choice->definition, size) == 0 &&
                               (definition[size] == '\0' || definition[size] == ':'));
    return named &&
           (choice->status == NULL || text_equal(choice->status, instance_status_name(status)));
}

void choice_add(struct choice *choice, const struct id *id)
{
    CHECK(choice->count < choice->limit);
    choice->ids[choice->count++] = *id;
}

void choice_next(const struct choice *choice, json_t *body)
{
    if (choice->more) {
        json_set(body, "next", cursor_json(choice->last_ms, &choice->last));
    }
}

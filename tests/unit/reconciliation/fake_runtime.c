#include "fake_runtime.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agents/reconciliation/actions.h"
#include "common/base/arena.h"
#include "common/base/check.h"

enum { TEXT_BYTES = 64 * 1024, STAGED_MAX = 256, KEY_BYTES = 1024, ROW_BYTES = 16 * 1024 };

struct staged {
    enum book_table table;
    char key[KEY_BYTES];
    char value[ROW_BYTES];
    bool gone;
};

/* Writes of the running task, seen by its own reads only. */
struct agent_store {
    const struct book *book;
    struct staged staged[STAGED_MAX];
    size_t count;
    int locked; /* the last table locked; -1 none */
};

static struct agent_store desk_store;
static struct arena *texts;

static enum book_table table_of(const char *name)
{
    for (int i = 0; reconciliation_tables[i] != NULL; i++) {
        if (strcmp(reconciliation_tables[i], name) == 0) {
            return (enum book_table)i;
        }
    }
    UNREACHABLE();
}

enum err agent_store_get(struct agent_store *store, const char *table, struct str key,
                         struct buf *ret_value, struct error *err)
{
    for (size_t i = store->count; i > 0; i--) {
        const struct staged *row = &store->staged[i - 1];
        if (row->table == table_of(table) && str_equal(str_of(row->key), key)) {
            buf_append_str(ret_value, row->value);
            return row->gone ? error_set(err, ERR_NOT_FOUND, "no row") : ERR_OK;
        }
    }
    return store->book->get(store->book->user, table_of(table), key, ret_value, err);
}

enum err agent_store_put(struct agent_store *store, const char *table, struct str key,
                         struct str value, struct error *err)
{
    (void)err;
    CHECK(store->count < STAGED_MAX && key.size < KEY_BYTES && value.size < ROW_BYTES);
    struct staged *row = &store->staged[store->count++];
    row->table = table_of(table);
    memcpy(row->key, key.data, key.size);
    row->key[key.size] = '\0';
    memcpy(row->value, value.data, value.size);
    row->value[value.size] = '\0';
    row->gone = false;
    return ERR_OK;
}

enum err agent_store_delete(struct agent_store *store, const char *table, struct str key,
                            struct error *err)
{
    enum err code = agent_store_put(store, table, key, str_of(""), err);
    store->staged[store->count - 1].gone = true;
    return code;
}

enum err agent_store_scan(struct agent_store *store, const char *table, struct str prefix,
                          agent_store_visit_fn *visit, void *user, struct error *err)
{
    return store->book->scan(store->book->user, table_of(table), prefix, visit, user, err);
}

void agent_store_lock(struct agent_store *store, const char *table)
{
    int wanted = (int)table_of(table);
    CHECK(wanted > store->locked); /* in the order of the definition */
    store->locked = wanted;
}

const char *agent_text(struct agent_reply *reply, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    (void)reply;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments); // NOLINT(clang-analyzer-valist*)
    va_end(arguments);
    return arena_strdup(texts, text);
}

void agent_fail(struct agent_reply *reply, enum agent_failure_class failure_class,
                enum agent_effect effect, const char *code, const char *title)
{
    reply->failure.failure_class = failure_class;
    reply->failure.effect = effect;
    reply->failure.code = code;
    reply->failure.title = title;
}

static void commit(struct desk *desk)
{
    const struct book *book = desk_book(desk);
    for (size_t i = 0; i < desk_store.count; i++) {
        const struct staged *row = &desk_store.staged[i];
        struct str key = str_of(row->key);
        enum err code = row->gone
                            ? book->remove(book->user, row->table, key, NULL)
                            : book->put(book->user, row->table, key, str_of(row->value), NULL);
        cr_assert_eq(code, ERR_OK);
    }
}

void fake_run(struct desk *desk, action_fn *action, json_t *input, struct agent_reply *ret_reply)
{
    fake_run_as(desk, "key", action, input, ret_reply);
}

void fake_run_as(struct desk *desk, const char *key, action_fn *action, json_t *input,
                 struct agent_reply *ret_reply)
{
    texts = texts != NULL ? texts : arena_create(TEXT_BYTES);
    desk_store.book = desk_book(desk);
    desk_store.count = 0;
    desk_store.locked = -1;
    const struct agent_task task = {.input = input, .idempotency_key = key, .store = &desk_store};
    *ret_reply = (struct agent_reply){0};
    action(&task, ret_reply);
    if (ret_reply->failure.failure_class == 0) {
        commit(desk);
    }
    json_decref(input);
}

void fake_release(struct agent_reply *reply)
{
    json_decref(reply->output);
    json_decref(reply->decision.explanation);
    arena_destroy(&texts);
    *reply = (struct agent_reply){0};
}

#include "tools/mainstay/context.h"

#include <libgen.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/json/json.h"

enum { PROFILE_BYTES = 16 * 1024 };

enum err context_path(const char *name, char *out, struct error *err)
{
    char relative[PATH_BYTES];
    if (!text_is_token(name)) {
        return error_set(err, ERR_INVALID,
                         "'%s' cannot be a context's name: 1 to 64 characters of A-Z a-z 0-9 _ -",
                         name);
    }
    (void)snprintf(relative, sizeof(relative), "mainstay/contexts/%s.json", name);
    return path_config(relative, out, err);
}

static enum err member_take(const json_t *from, const char *key, char *out, size_t size,
                            struct error *err)
{
    const char *text = json_text_of(from, key);
    if (!text_copy(out, size, text != NULL ? text : "")) {
        return error_set(err, ERR_LIMIT, "the member '%s' is too long", key);
    }
    return ERR_OK;
}

static enum err context_parse(const struct buf *text, struct context *context, struct error *err)
{
    json_t *value = NULL;
    enum err code = json_parse(text->data, text->size, NULL, &value, err);
    if (code == ERR_OK && !json_is_object(value)) {
        code = error_set(err, ERR_INVALID, "it is not a JSON object");
    }
    if (code == ERR_OK) {
        code = member_take(value, "bus", context->bus, sizeof(context->bus), err);
    }
    if (code == ERR_OK) {
        code = member_take(value, "creds", context->creds, sizeof(context->creds), err);
    }
    if (code == ERR_OK) {
        code = member_take(value, "ca", context->ca, sizeof(context->ca), err);
    }
    if (code == ERR_OK) {
        code = member_take(value, "dir", context->dir, sizeof(context->dir), err);
    }
    json_decref(value);
    return code;
}

enum err context_read(const char *path, struct context *ret_context, struct error *err)
{
    struct buf text = BUF_INIT(PROFILE_BYTES);
    enum err code = file_read(path, &text, err);
    if (code == ERR_OK) {
        code = context_parse(&text, ret_context, err);
        if (code != ERR_OK) {
            error_wrap(err, "cannot read the context '%s'", path);
        }
    }
    buf_release(&text);
    return code;
}

enum err context_write(const char *path, const struct context *context, struct error *err)
{
    char folder[PATH_BYTES];
    (void)text_copy(folder, sizeof(folder), path);
    TRY(dir_create(dirname(folder), err));
    json_t *value = json_pack("{s:s, s:s, s:s, s:s}", "bus", context->bus, "creds", context->creds,
                              "ca", context->ca, "dir", context->dir);
    if (value == NULL) {
        return error_set(err, ERR_INVALID, "cannot write the context '%s': a path is not UTF-8",
                         path);
    }
    struct buf text = BUF_INIT(PROFILE_BYTES);
    json_write_pretty(value, &text);
    buf_append_byte(&text, '\n');
    json_decref(value);
    enum err code = text.failed ? error_set(err, ERR_LIMIT, "the context '%s' is too long", path)
                                : file_write(path, text.data, text.size, 0600, err);
    buf_release(&text);
    return code;
}

enum err context_dir(const char *dir, char *out, struct error *err)
{
    return dir != NULL ? path_absolute(dir, out, err) : path_data("mainstay", out, err);
}

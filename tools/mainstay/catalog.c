#include "tools/mainstay/catalog.h"

#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "tools/mainstay/files.h"

enum { CATALOGS_MAX = 64 };

/* DIR of --catalog CATALOG=DIR, or NULL. */
static const char *folder_given(const struct cli *cli, const char *catalog)
{
    const char *rows[CATALOGS_MAX];
    size_t count = invocation_all(cli->args, OPTION_CATALOG, rows, CATALOGS_MAX);
    size_t size = strlen(catalog);
    for (size_t i = 0; i < count; i++) {
        if (strncmp(rows[i], catalog, size) == 0 && rows[i][size] == '=') {
            return rows[i] + size + 1;
        }
    }
    return NULL;
}

/* The path of an endpoint, taken from the folder of `file`; false when it names none. */
static bool endpoint_path(const char *file, const char *endpoint, char *out, size_t size)
{
    const char *path = text_starts(endpoint, "file://") ? endpoint + strlen("file://") : endpoint;
    const char *slash = strrchr(file, '/');
    if (path[0] == '\0' || strstr(path, "://") != NULL) {
        return false;
    }
    int from = path[0] == '/' || slash == NULL ? 0 : (int)(slash - file) + 1;
    int written = snprintf(out, size, "%.*s%s", from, file, path);
    return written > 0 && (size_t)written < size;
}

/* The file of a function; an empty path when it is not ours to find. */
static enum err function_path(const struct cli *cli, const char *file, const json_t *row, char *out,
                              struct error *err)
{
    const char *function = json_text_of(row, "function");
    const char *endpoint = json_text_of(row, "endpoint");
    const char *at = function == NULL ? NULL : strrchr(function, '@');
    const char *colon = at == NULL ? NULL : strchr(function, ':');
    char found[PATH_BYTES];
    out[0] = '\0';
    if (colon == NULL || colon > at || endpoint == NULL || strchr(function, '/') != NULL) {
        return ERR_OK;
    }
    const char *folder = folder_given(cli, at + 1);
    if (folder == NULL) {
        if (!endpoint_path(file, endpoint, found, sizeof(found))) {
            return ERR_OK;
        }
        folder = found;
    }
    int size = snprintf(out, PATH_BYTES, "%s/functions/%.*s/%.*s/function.yaml", folder,
                        (int)(colon - function), function, (int)(at - colon - 1), colon + 1);
    return size < 0 || size >= PATH_BYTES
               ? error_set(err, ERR_LIMIT, "the path of function '%s' is too long", function)
               : ERR_OK;
}

static enum err add_one(const struct cli *cli, const char *file, const json_t *row,
                        struct buf *text, bool *ret_added, struct error *err)
{
    const char *function = json_text_of(row, "function");
    const char *schema = json_text_of(row, "schema");
    char named_in[PATH_BYTES];
    char path[PATH_BYTES];
    TRY(function_path(cli, file, row, path, err));
    if (schema != NULL) {
        (void)text_copy(named_in, sizeof(named_in), function == NULL ? file : path);
        if (!endpoint_path(named_in, schema, path, sizeof(path))) {
            path[0] = '\0';
        }
    }
    if (path[0] == '\0') {
        return ERR_OK;
    }
    if (schema == NULL) {
        buf_printf(text, "\n--- # function %s\n", function);
    } else {
        buf_printf(text, "\n--- # schema %s%s%s\n", schema, function == NULL ? "" : " of ",
                   function == NULL ? "" : function);
    }
    enum err code = file_read(path, text, err);
    if (code != ERR_OK) {
        error_wrap(err, schema == NULL ? "the definition calls '%s'" : "it names the schema '%s'",
                   schema == NULL ? function : schema);
        if (json_int_of(row, "line", 0) != 0) {
            error_wrap(err, "%s:%d:%d", file, (int)json_int_of(row, "line", 0),
                       (int)json_int_of(row, "column", 0));
        }
        return code;
    }
    *ret_added = true;
    return text->failed ? error_set(err, ERR_LIMIT,
                                    "the definition with its functions and schemas is too large")
                        : ERR_OK;
}

enum err catalog_add(const struct cli *cli, const char *file, const json_t *wanted,
                     struct buf *text, bool *ret_added, struct error *err)
{
    size_t index = 0;
    const json_t *row = NULL;
    *ret_added = false;
    json_array_foreach(wanted, index, row)
    {
        TRY(add_one(cli, file, row, text, ret_added, err));
    }
    return ERR_OK;
}

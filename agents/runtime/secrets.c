#include "agents/runtime/secrets.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"

/* ---- hiding ---- */

static void hidden_release(struct hidden *hidden)
{
    if (hidden->text != NULL) {
        explicit_bzero(hidden->text, hidden->size);
    }
    free(hidden->text);
    free(hidden->name);
    *hidden = (struct hidden){0};
}

void secrets_release(struct secrets *secrets)
{
    for (size_t i = 0; i < secrets->hidden_count; i++) {
        hidden_release(&secrets->hidden[i]);
    }
    secrets->hidden_count = 0;
}

/* Longer texts first, so that one inside another does not leave the rest of it behind. */
void secrets_hide(struct secrets *secrets, const char *name, const char *text)
{
    size_t size = strlen(text);
    if (size < SECRET_HIDDEN_BYTES || secrets->hidden_count == SECRETS_HIDDEN_MAX) {
        return;
    }
    struct hidden hidden = {.name = strdup(name), .text = strdup(text), .size = size};
    if (hidden.name == NULL || hidden.text == NULL) {
        hidden_release(&hidden);
        return;
    }
    size_t at = secrets->hidden_count++;
    for (; at > 0 && secrets->hidden[at - 1].size < size; at--) {
        secrets->hidden[at] = secrets->hidden[at - 1];
    }
    secrets->hidden[at] = hidden;
}

/* A text as it looks in URLs, in JSON and in base64. */
static void hide_forms(struct secrets *secrets, const char *name, const char *text)
{
    size_t size = strlen(text);
    struct buf form = BUF_INIT((size_t)8 * SECRET_BYTES);
    secrets_hide(secrets, name, text);
    for (size_t i = 0; i < size; i++) {
        bool plain = isalnum((unsigned char)text[i]) || strchr("-._~", text[i]) != NULL;
        buf_printf(&form, plain ? "%c" : "%%%02X", (unsigned char)text[i]);
    }
    if (form.size != size) {
        secrets_hide(secrets, name, form.data);
    }
    buf_clear(&form);
    json_t *value = json_string(text);
    json_write(value, &form);
    json_decref(value);
    if (form.size != size + 2) { /* without the quotes */
        form.data[form.size - 1] = '\0';
        secrets_hide(secrets, name, form.data + 1);
    }
    buf_clear(&form);
    base64_encode(text, size, &form);
    if (size >= SECRET_HIDDEN_BYTES) {
        secrets_hide(secrets, name, form.data);
    }
    explicit_bzero(form.data, form.size);
    buf_release(&form);
}

static void hide_leaves(struct secrets *secrets, const char *name, const json_t *value)
{
    const char *key = NULL;
    json_t *item = NULL;
    size_t index = 0;
    if (json_is_string(value)) {
        hide_forms(secrets, name, json_string_value(value));
    } else if (json_is_number(value)) {
        struct buf text = BUF_INIT(64);
        json_write(value, &text);
        secrets_hide(secrets, name, text.data == NULL ? "" : text.data);
        buf_release(&text);
    }
    json_object_foreach(json_mutable(value), key, item)
    {
        hide_leaves(secrets, name, item);
    }
    json_array_foreach(json_mutable(value), index, item)
    {
        hide_leaves(secrets, name, item);
    }
}

/* ---- redacting ---- */

static const struct hidden *hidden_at(const struct secrets *secrets, const char *at, size_t left)
{
    for (size_t i = 0; i < secrets->hidden_count; i++) {
        const struct hidden *hidden = &secrets->hidden[i];
        if (hidden->size <= left && memcmp(at, hidden->text, hidden->size) == 0) {
            return hidden;
        }
    }
    return NULL;
}

static bool holds_hidden(const struct secrets *secrets, const char *bytes, size_t size)
{
    for (size_t i = 0; i < secrets->hidden_count; i++) {
        if (memmem(bytes, size, secrets->hidden[i].text, secrets->hidden[i].size) != NULL) {
            return true;
        }
    }
    return false;
}

static void redact_into(const struct secrets *secrets, const char *bytes, size_t size,
                        struct buf *out)
{
    for (size_t i = 0; i < size;) {
        const struct hidden *hidden = hidden_at(secrets, bytes + i, size - i);
        if (hidden != NULL) {
            buf_printf(out, "[secret %s]", hidden->name);
            i += hidden->size;
        } else {
            buf_append_byte(out, (uint8_t)bytes[i++]);
        }
    }
}

void secrets_redact(const struct secrets *secrets, struct buf *bytes)
{
    if (bytes->data == NULL || !holds_hidden(secrets, bytes->data, bytes->size)) {
        return;
    }
    struct buf clean = BUF_INIT(SIZE_MAX / 2);
    redact_into(secrets, bytes->data, bytes->size, &clean);
    buf_clear(bytes);
    if (clean.size <= bytes->max) {
        buf_append(bytes, clean.data, clean.size);
    }
    buf_release(&clean);
}

static json_t *redact_text(const struct secrets *secrets, json_t *value)
{
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    if (!holds_hidden(secrets, text, size)) {
        return value;
    }
    struct buf clean = BUF_INIT(SIZE_MAX / 2);
    redact_into(secrets, text, size, &clean);
    json_t *made = json_stringn_nocheck(clean.data, clean.size);
    buf_release(&clean);
    json_decref(value);
    return made;
}

static json_t *redact_object(const struct secrets *secrets, json_t *value)
{
    json_t *made = json_object();
    const char *key = NULL;
    json_t *item = NULL;
    json_object_foreach(value, key, item)
    {
        struct buf name = BUF_INIT(SIZE_MAX / 2);
        buf_append(&name, "", 0);
        redact_into(secrets, key, strlen(key), &name);
        json_t *clean = secrets_redact_json(secrets, json_incref(item));
        if (clean == NULL || json_object_set_new_nocheck(made, name.data, clean) != 0) {
            json_decref(made);
            made = NULL;
        }
        buf_release(&name);
        if (made == NULL) {
            break;
        }
    }
    json_decref(value);
    return made;
}

static json_t *redact_array(const struct secrets *secrets, json_t *value)
{
    json_t *made = json_array();
    size_t index = 0;
    json_t *item = NULL;
    json_array_foreach(value, index, item)
    {
        json_t *clean = secrets_redact_json(secrets, json_incref(item));
        if (clean == NULL || json_array_append_new(made, clean) != 0) {
            json_decref(made);
            made = NULL;
            break;
        }
    }
    json_decref(value);
    return made;
}

/* Recursion is bounded by the depth that any value we accept or write may have. */
json_t *secrets_redact_json(const struct secrets *secrets, json_t *value)
{
    if (json_is_string(value)) {
        return redact_text(secrets, value);
    }
    if (json_is_object(value)) {
        return redact_object(secrets, value);
    }
    return json_is_array(value) ? redact_array(secrets, value) : value;
}

/* ---- reading ---- */

/* Below $CREDENTIALS_DIRECTORY lies more than secrets. */
static bool is_credentials(const char *directory)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    return credentials != NULL && strcmp(credentials, directory) == 0;
}

/* Names that stay inside the directory; the loader of definitions lets no others through. */
static bool is_name(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL &&
           strlen(name) <= LIMIT_NAME_BYTES;
}

static enum err file_open(const char *directory, const char *name, int *ret_fd, struct error *err)
{
    char path[4096];
    struct stat status;
    int length = snprintf(path, sizeof(path), "%s/%s%s", directory,
                          is_credentials(directory) ? "secret." : "", name);
    if (!is_name(name) || length < 0 || (size_t)length >= sizeof(path)) {
        return error_set(err, ERR_NOT_FOUND, "'%.64s' cannot be the name of a secret", name);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return error_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                         "there is no secret '%s': put it into '%s', readable by its owner only "
                         "(%s)",
                         name, path, strerror(errno));
    }
    enum err code = ERR_OK;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        code = error_set(err, ERR_IO, "'%s' is no file", path);
    } else if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        code = error_set(err, ERR_REFUSED, "others may read the secret '%s': chmod 600 '%s'", name,
                         path);
    }
    if (code != ERR_OK) {
        (void)close(fd);
        return code;
    }
    *ret_fd = fd;
    return ERR_OK;
}

static enum err file_take(int fd, const char *name, struct buf *text, struct error *err)
{
    char chunk[4096];
    ssize_t got = 0;
    while ((got = read(fd, chunk, sizeof(chunk))) > 0) {
        buf_append(text, chunk, (size_t)got);
    }
    explicit_bzero(chunk, sizeof(chunk));
    if (got < 0) {
        return error_set(err, ERR_IO, "cannot read the secret '%s': %s", name, strerror(errno));
    }
    if (text->failed) {
        return error_set(err, ERR_LIMIT, "the secret '%s' is larger than %d bytes", name,
                         SECRET_BYTES);
    }
    return ERR_OK;
}

/* JSON when it is an object or array, else the text itself. */
static json_t *secret_parse(struct buf *text)
{
    json_t *value = NULL;
    if (text->data == NULL) {
        return json_string("");
    }
    size_t start = strspn(text->data, " \t\r\n");
    if (text->size > start && (text->data[start] == '{' || text->data[start] == '[') &&
        json_parse(text->data, text->size, NULL, &value, NULL) == ERR_OK) {
        return value;
    }
    size_t size = text->size;
    size -= size > 0 && text->data[size - 1] == '\n' ? 1 : 0;
    size -= size > 0 && text->data[size - 1] == '\r' ? 1 : 0;
    bool good = size == 0 || (utf8_valid(text->data, size) && memchr(text->data, 0, size) == NULL);
    return good ? json_stringn(text->data, size) : NULL;
}

static enum err secret_read(const struct secrets *secrets, const Mainstay__SecretRef *ref,
                            json_t **ret_value, struct error *err)
{
    int fd = -1;
    struct buf text = BUF_INIT(SECRET_BYTES);
    TRY(file_open(secrets->directory, ref->name, &fd, err));
    enum err code = file_take(fd, ref->name, &text, err);
    (void)close(fd);
    json_t *whole = code == ERR_OK ? secret_parse(&text) : NULL;
    if (text.data != NULL) {
        explicit_bzero(text.data, text.size);
    }
    buf_release(&text);
    TRY(code);
    if (whole == NULL) {
        return error_set(err, ERR_INVALID, "the secret '%s' is neither JSON nor text", ref->name);
    }
    json_t *part = json_pointer_get(whole, ref->path);
    *ret_value = json_incref(part);
    json_decref(whole);
    return part != NULL ? ERR_OK
                        : error_set(err, ERR_NOT_FOUND, "the secret '%s' has no part '%s'",
                                    ref->name, ref->path);
}

enum err secrets_unseal(struct secrets *secrets, const json_t *input,
                        Mainstay__SecretRef *const *refs, size_t count, json_t **ret_input,
                        struct error *err)
{
    json_t *made = json_deep_copy(input);
    enum err code = made == NULL ? error_set(err, ERR_NOMEM, "no memory for an input") : ERR_OK;
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        json_t *value = NULL;
        if (json_pointer_get(made, refs[i]->pointer) == NULL) {
            code = error_set(err, ERR_INVALID, "the input has no place '%s' for the secret '%s'",
                             refs[i]->pointer, refs[i]->name);
        } else {
            code = secret_read(secrets, refs[i], &value, err);
        }
        if (code == ERR_OK) {
            hide_leaves(secrets, refs[i]->name, value);
            code = json_pointer_set(&made, refs[i]->pointer, value, err); /* takes the value */
        }
    }
    if (code != ERR_OK) {
        json_decref(made);
        return code;
    }
    *ret_input = made;
    return ERR_OK;
}

#include <string.h>

#include "common/base/buf.h"
#include "common/json/schema_private.h"

enum { URI_BYTES = 8192 };

/* The five components of RFC 3986; data NULL when absent. */
struct uri {
    struct str scheme;
    struct str authority;
    struct str path;
    struct str query;
    struct str fragment;
};

/* Length of the scheme before a colon, or 0. */
static size_t scheme_size(const char *text)
{
    size_t size = strcspn(text, ":/?#");
    return text[size] == ':' ? size : 0;
}

static struct uri uri_split(const char *text)
{
    struct uri uri = {0};
    size_t size = scheme_size(text);
    if (size > 0) {
        uri.scheme = (struct str){text, size};
        text += size + 1;
    }
    if (text[0] == '/' && text[1] == '/') {
        size = strcspn(text + 2, "/?#");
        uri.authority = (struct str){text + 2, size};
        text += 2 + size;
    }
    size = strcspn(text, "?#");
    uri.path = (struct str){text, size};
    text += size;
    if (text[0] == '?') {
        size = strcspn(text, "#");
        uri.query = (struct str){text + 1, size - 1};
        text += size;
    }
    if (text[0] == '#') {
        uri.fragment = (struct str){text + 1, strlen(text + 1)};
    }
    return uri;
}

/* Drop the last segment of what was written since `start`. */
static void segment_drop(struct buf *out, size_t start)
{
    while (out->size > start && out->data[out->size - 1] != '/') {
        out->size--;
    }
    out->size -= out->size > start ? 1 : 0;
}

/* Append `path` without its dot segments (RFC 3986 section 5.2.4). */
static void append_path(struct buf *out, const char *path)
{
    size_t start = out->size;
    while (*path != '\0') {
        size_t slash = *path == '/' ? 1 : 0;
        size_t size = strcspn(path + slash, "/");
        const char *segment = path + slash;
        bool last = segment[size] == '\0';
        if (size == 1 && segment[0] == '.') {
            if (last && slash == 1) {
                buf_append_byte(out, '/');
            }
        } else if (size == 2 && segment[0] == '.' && segment[1] == '.') {
            segment_drop(out, start);
            if (last) {
                buf_append_byte(out, '/');
            }
        } else {
            buf_append(out, path, slash + size);
        }
        path = segment + size;
    }
}

/* The path of a relative reference put beside the base's last segment (section 5.2.3). */
static void merge_path(struct buf *out, const struct uri *base, struct str path)
{
    size_t keep = base->path.size;
    while (keep > 0 && base->path.data[keep - 1] != '/') {
        keep--;
    }
    if (base->authority.data != NULL && base->path.size == 0) {
        buf_append_byte(out, '/');
    }
    buf_append(out, base->path.data, keep);
    buf_append(out, path.data, path.size);
}

const char *uri_resolve(struct arena *arena, const char *base_text, const char *reference)
{
    struct uri base = uri_split(base_text);
    struct uri ref = uri_split(reference);
    struct uri result = ref;
    struct buf path = BUF_INIT(URI_BYTES);
    struct buf out = BUF_INIT(URI_BYTES);
    buf_append(&path, "", 0);
    bool absolute = ref.scheme.data != NULL || ref.authority.data != NULL ||
                    (ref.path.size > 0 && ref.path.data[0] == '/');
    if (absolute) {
        buf_append(&path, ref.path.data, ref.path.size);
    } else if (ref.path.size == 0) {
        buf_append(&path, base.path.data, base.path.size);
        result.query = ref.query.data != NULL ? ref.query : base.query;
    } else {
        merge_path(&path, &base, ref.path);
    }
    if (ref.scheme.data == NULL) {
        result.scheme = base.scheme;
        result.authority = ref.authority.data != NULL ? ref.authority : base.authority;
    }
    if (result.scheme.data != NULL) {
        buf_append(&out, result.scheme.data, result.scheme.size);
        buf_append_byte(&out, ':');
    }
    if (result.authority.data != NULL) {
        buf_append(&out, "//", 2);
        buf_append(&out, result.authority.data, result.authority.size);
    }
    if (!path.failed) {
        append_path(&out, path.data);
    }
    if (result.query.data != NULL) {
        buf_append_byte(&out, '?');
        buf_append(&out, result.query.data, result.query.size);
    }
    if (result.fragment.data != NULL) {
        buf_append_byte(&out, '#');
        buf_append(&out, result.fragment.data, result.fragment.size);
    }
    const char *text = path.failed || out.failed ? NULL : arena_dup(arena, out.data, out.size);
    buf_release(&path);
    buf_release(&out);
    return text;
}

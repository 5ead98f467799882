/*
 * The command that would have worked.
 */
#include <string.h>
#include <strings.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "coordinator/edge/intake_private.h"

enum { ADVICE_BYTES = 16 * 1024, SNIFF_BYTES = 4096 };

static const char bom[] = "\xEF\xBB\xBF";

static bool has_bom(struct str body)
{
    return body.size >= 3 && memcmp(body.data, bom, 3) == 0;
}

static bool starts(struct str text, const char *prefix)
{
    size_t size = strlen(prefix);
    return text.size >= size && memcmp(text.data, prefix, size) == 0;
}

static struct str skip_space(struct str text)
{
    while (text.size > 0 && strchr(" \t\r\n", text.data[0]) != NULL && text.data[0] != '\0') {
        text.data++;
        text.size--;
    }
    return text;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* "ISA", then the element separator the interchange chose. */
static bool looks_x12(struct str text)
{
    return starts(text, "ISA") && text.size > 3 && !is_word(text.data[3]) && text.data[3] != ' ' &&
           text.data[3] != '\0';
}

static bool looks_xml(struct str text)
{
    return text.size > 1 && text.data[0] == '<' &&
           (is_word(text.data[1]) || text.data[1] == '?' || text.data[1] == '!');
}

static size_t count_in_line(const char *line, size_t size, char wanted)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        count += line[i] == wanted ? 1 : 0;
    }
    return count;
}

/* Two lines with the same number of the same separator. */
static bool looks_csv(struct str text)
{
    const char *end = memchr(text.data, '\n', text.size);
    if (end == NULL) {
        return false;
    }
    size_t first = (size_t)(end - text.data);
    struct str rest = {.data = end + 1, .size = text.size - first - 1};
    const char *second_end = memchr(rest.data, '\n', rest.size);
    size_t second = second_end == NULL ? rest.size : (size_t)(second_end - rest.data);
    for (const char *c = ",;\t|"; *c != '\0'; c++) {
        size_t count = count_in_line(text.data, first, *c);
        if (count > 0 && count == count_in_line(rest.data, second, *c)) {
            return true;
        }
    }
    return false;
}

static bool is_text(struct str body)
{
    return memchr(body.data, '\0', body.size) == NULL && utf8_valid(body.data, body.size);
}

const char *media_sniff(struct str body)
{
    if (body.size == 0) {
        return "application/octet-stream";
    }
    struct str text = body;
    if (has_bom(text)) {
        text.data += 3;
        text.size -= 3;
    }
    text = skip_space(text);
    if (starts(text, "%PDF-")) {
        return "application/pdf";
    }
    if (looks_xml(text)) {
        return "application/xml";
    }
    if (looks_x12(text)) {
        return "application/edi-x12";
    }
    if (starts(text, "UNA") || starts(text, "UNB+")) {
        return "application/edifact";
    }
    if (starts(text, "{") || starts(text, "[")) {
        return "application/json";
    }
    if (!is_text(body)) {
        return "application/octet-stream";
    }
    return text.size > 0 && looks_csv(text) ? "text/csv" : "text/plain";
}

/* `text` as one word of a shell. */
static void quote(struct buf *out, const char *text)
{
    buf_append_byte(out, '\'');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\'') {
            buf_append_str(out, "'\\''");
        } else if ((unsigned char)*c >= 0x20) {
            buf_append_byte(out, (uint8_t)*c);
        }
    }
    buf_append_byte(out, '\'');
}

static const char *keep(struct taking *taking, struct buf *text)
{
    const char *kept =
        text->failed ? arena_strdup(taking->arena, "")
                     : arena_dup(taking->arena, text->data == NULL ? "" : text->data, text->size);
    CHECK(kept != NULL);
    buf_release(text);
    return kept;
}

static bool header_matters(const char *name)
{
    return strncasecmp(name, "ce-", 3) == 0 || strcasecmp(name, "content-type") == 0;
}

const char *advice_pub(struct taking *taking, const char *type, const char *drop, const char *add,
                       const char *body)
{
    struct buf text = BUF_INIT(ADVICE_BYTES);
    buf_append_str(&text, "nats pub ");
    for (size_t i = 0; i < taking->message->header_count; i++) {
        const struct intake_header *header = &taking->message->headers[i];
        bool replaced = add != NULL && strncasecmp(add, header->name, strlen(header->name)) == 0 &&
                        add[strlen(header->name)] == ':';
        bool dropped = drop != NULL && strcasecmp(drop, header->name) == 0;
        if (!header_matters(header->name) || replaced || dropped ||
            !utf8_valid(header->value, strlen(header->value))) {
            continue;
        }
        struct buf line = BUF_INIT(ADVICE_BYTES);
        buf_printf(&line, "%s: %s", header->name, header->value);
        buf_append_str(&text, "-H ");
        quote(&text, line.failed ? "" : line.data);
        buf_append_byte(&text, ' ');
        buf_release(&line);
    }
    if (add != NULL) {
        buf_append_str(&text, "-H ");
        quote(&text, add);
        buf_append_byte(&text, ' ');
    }
    buf_printf(&text, "event.%s %s", type, body);
    return keep(taking, &text);
}

const char *advice_jq(struct taking *taking, const char *filter)
{
    struct buf text = BUF_INIT(ADVICE_BYTES);
    buf_append_str(&text, "\"$(jq ");
    quote(&text, filter);
    buf_append_str(&text, " FILE)\"");
    return keep(taking, &text);
}

const char *advice_describe(struct taking *taking)
{
    struct str body = taking->message->body;
    const char *type = media_sniff(body);
    if (strcmp(type, "application/json") == 0) {
        return advice_pub(taking, taking->type, NULL, NULL,
                          has_bom(body) ? "\"$(sed '1s/^\\xEF\\xBB\\xBF//' FILE)\""
                                        : "\"$(jq -c . FILE)\"");
    }
    const char *advice = NULL;
    if (is_text(body)) {
        const char *header = arena_printf(taking->arena, "Content-Type: %s", type);
        CHECK(header != NULL);
        advice = advice_pub(taking, taking->type, NULL, header, "\"$(cat FILE)\"");
    } else {
        /* a shell word cannot hold zero bytes and may change others */
        advice = arena_printf(taking->arena, "mainstay emit %s --content-type %s @FILE",
                              taking->type, type);
        CHECK(advice != NULL);
    }
    return advice;
}

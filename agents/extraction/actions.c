#include "agents/extraction/actions.h"

#include <string.h>

#include "agents/extraction/extraction.h"
#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/crypto/crypto.h"
#include "common/json/json.h"

/* The bytes the task is about: text as it is, base64 decoded, another JSON value as its text. */
static const char *read_input(const json_t *input, struct buf *bytes)
{
    const char *encoded = json_text_of(input, "data_base64");
    if (encoded != NULL) {
        size_t size = strlen(encoded);
        return base64_decode(encoded, size, bytes) ? NULL : "/data_base64";
    }
    const json_t *data = json_object_get(input, "data");
    if (json_is_string(data)) {
        buf_append(bytes, json_string_value(data), json_string_length(data));
    } else if (data != NULL) {
        json_write(data, bytes);
    }
    return bytes->failed ? "/data" : NULL;
}

static void fail_memory(struct agent_reply *reply)
{
    agent_fail(reply, AGENT_TRANSIENT, AGENT_EFFECT_NONE, "no-memory", "There is no memory left");
}

static void fail_unreadable(struct agent_reply *reply, const struct extract_failure *failure,
                            const char *pointer)
{
    char text[512];
    agent_fail(reply, AGENT_DATA, AGENT_EFFECT_NONE, "unreadable-document",
               "The document cannot be read");
    extract_failure_text(failure, text, sizeof(text));
    reply->failure.detail =
        agent_text(reply, "%s; correct the document or ask its sender for a new one", text);
    reply->failure.pointer = pointer;
}

/* Members the caller need not check one by one: false without memory. */
static bool set(json_t *object, const char *key, json_t *value)
{
    return value != NULL && json_object_set_new(object, key, value) == 0;
}

/* {"kind","document"} of each entry, and the warnings of all with their index. */
static bool add_entries(const json_t *entries, json_t *documents, json_t *warnings)
{
    bool ok = true;
    bool batch = json_array_size(entries) > 1;
    size_t at = 0;
    json_t *entry = NULL;
    json_array_foreach(json_mutable(entries), at, entry)
    {
        json_t *item = json_pack("{s:O, s:O}", "kind", json_object_get(entry, "kind"), "document",
                                 json_object_get(entry, "document"));
        ok = item != NULL && json_array_append_new(documents, item) == 0 && ok;
        size_t index = 0;
        json_t *warning = NULL;
        json_array_foreach(json_object_get(entry, "warnings"), index, warning)
        {
            if (batch) {
                ok = set(warning, "document", json_integer((json_int_t)at)) && ok;
            }
            ok = json_array_append(warnings, warning) == 0 && ok;
        }
    }
    return ok;
}

static double lowest_confidence(const json_t *entries)
{
    double lowest = 1.0;
    size_t at = 0;
    json_t *entry = NULL;
    json_array_foreach(json_mutable(entries), at, entry)
    {
        double one = json_real_value(json_object_get(entry, "confidence"));
        lowest = one < lowest ? one : lowest;
    }
    return lowest;
}

/* The output of the contract, or NULL without memory. */
static json_t *output_of(const struct extraction *extraction, const json_t *input)
{
    const json_t *first = json_array_get(extraction->documents, 0);
    bool single = json_array_size(extraction->documents) == 1;
    json_t *output = json_object();
    json_t *documents = json_array();
    json_t *warnings = json_array();
    bool ok = output != NULL && documents != NULL && warnings != NULL;
    ok = ok && add_entries(extraction->documents, documents, warnings);
    ok = ok && set(output, "format", json_string(extraction->format));
    const char *kind = single ? json_text_of(first, "kind") : "batch";
    ok = ok && set(output, "kind", json_string(kind));
    if (single) {
        ok = ok && json_object_set(output, "document", json_object_get(first, "document")) == 0;
    }
    json_t *evidence = single ? json_incref(json_object_get(first, "evidence")) : json_array();
    ok = set(output, "evidence", evidence) && ok;
    ok = set(output, "documents", documents) && ok;
    ok = set(output, "warnings", warnings) && ok;
    ok = ok && set(output, "confidence", json_real(lowest_confidence(extraction->documents)));
    const char *source = json_text_of(input, "source");
    if (source != NULL) {
        ok = ok && set(output, "source", json_string(source));
    }
    if (!ok) {
        json_decref(output);
        return NULL;
    }
    return output;
}

/* For people: how much was read, and why the confidence is what it is. Warnings carry none of their
 * own, so the field that is least sure speaks unless it is surer than the whole document. */
static const char *reading_why(struct agent_reply *reply, const json_t *output)
{
    const json_t *warnings = json_object_get(output, "warnings");
    const json_t *weakest = NULL;
    size_t count = json_array_size(json_object_get(output, "documents"));
    const char *documents = count == 1 ? "1 document" : agent_text(reply, "%zu documents", count);
    size_t at = 0;
    double lowest = 1.0;
    json_t *entry = NULL;
    json_array_foreach(json_mutable(json_object_get(output, "evidence")), at, entry)
    {
        double one = json_real_value(json_object_get(entry, "confidence"));
        weakest = one < lowest ? entry : weakest;
        lowest = one < lowest ? one : lowest;
    }
    if (json_real_value(json_object_get(output, "confidence")) < lowest) {
        const char *message = json_text_of(json_array_get(warnings, 0), "message");
        return agent_text(reply, "%s read; warnings: %zu, the first: %s", documents,
                          json_array_size(warnings), message == NULL ? "not kept" : message);
    }
    if (weakest != NULL) {
        return agent_text(reply, "%s read; least sure is %s: %s", documents,
                          json_text_of(weakest, "field"), json_text_of(weakest, "reason"));
    }
    return agent_text(reply, "%s read, everything as stated", documents);
}

static bool fits(const json_t *output)
{
    struct buf text = BUF_INIT(LIMIT_VALUE_BYTES);
    json_write(output, &text);
    bool fit = !text.failed;
    buf_release(&text);
    return fit;
}

static void answer(const struct agent_task *task, const struct extraction *extraction,
                   const char *pointer, struct agent_reply *reply)
{
    json_t *output = output_of(extraction, task->input);
    if (output == NULL) {
        fail_memory(reply);
        return;
    }
    if (!fits(output)) {
        struct extract_failure failure = {
            .reason = "what it says does not fit into one value of 512 KiB; send it in parts"};
        json_decref(output);
        fail_unreadable(reply, &failure, pointer);
        return;
    }
    const json_t *first = json_array_get(extraction->documents, 0);
    const char *message =
        json_text_of(json_object_get(json_object_get(first, "document"), "source"), "messageType");
    reply->decision.rule = agent_text(reply, "%s %s@1.0.0", extraction->format,
                                      message == NULL ? "document" : message);
    reply->decision.has_confidence = true;
    reply->decision.confidence = json_real_value(json_object_get(output, "confidence"));
    reply->decision.explanation = json_pack("{s:s, s:O, s:O}", "why", reading_why(reply, output),
                                            "evidence", json_object_get(output, "evidence"),
                                            "warnings", json_object_get(output, "warnings"));
    reply->output = output;
}

void extraction_extract(const struct agent_task *task, struct agent_reply *reply)
{
    const char *pointer =
        json_object_get(task->input, "data_base64") != NULL ? "/data_base64" : "/data";
    struct extract_failure failure = {0};
    struct buf bytes = BUF_INIT(EXTRACT_BYTES_MAX);
    if (read_input(task->input, &bytes) != NULL) {
        struct extract_failure coding = {.reason = "not base64, or longer than 16 MiB"};
        fail_unreadable(reply, &coding, pointer);
        buf_release(&bytes);
        return;
    }
    struct extraction extraction = {0};
    const char *type = json_text_of(task->input, "contentType");
    enum err code = extract_document(type, bytes.data, bytes.size, &extraction, &failure);
    buf_release(&bytes);
    if (code == ERR_NOMEM) {
        fail_memory(reply);
    } else if (code != ERR_OK) {
        fail_unreadable(reply, &failure, pointer);
    } else {
        answer(task, &extraction, pointer, reply);
        extraction_release(&extraction);
    }
}

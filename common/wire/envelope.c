#include "common/wire/envelope.h"

#include "common/base/limits.h"
#include "common/wire/proto_arena.h"

bool envelope_sized(ProtobufCBinaryData bytes, size_t size)
{
    return bytes.len == size;
}

struct str envelope_str(ProtobufCBinaryData bytes)
{
    return (struct str){.data = (const char *)bytes.data, .size = bytes.len};
}

ProtobufCBinaryData envelope_bytes(struct str bytes)
{
    union {
        const char *in;
        uint8_t *out;
    } pointer = {.in = bytes.data};
    return (ProtobufCBinaryData){.len = bytes.size, .data = pointer.out};
}

char *envelope_text(const char *text)
{
    union {
        const char *in;
        char *out;
    } pointer = {.in = text == NULL ? "" : text};
    return pointer.out;
}

static enum err version_check(uint32_t version, const char *what, struct error *err)
{
    if (version == ENVELOPE_VERSION) {
        return ERR_OK;
    }
    return error_set(err, ERR_UNSUPPORTED,
                     "%s has version %u, this program knows %d: upgrade the older side", what,
                     (unsigned)version, ENVELOPE_VERSION);
}

static bool phase_known(Mainstay__Phase phase)
{
    return phase == MAINSTAY__PHASE__PHASE_DECIDE || phase == MAINSTAY__PHASE__PHASE_PERFORM;
}

/* A value is in the message or named in it. */
static const char *blob_fault(const Mainstay__BlobRef *blob, ProtobufCBinaryData value)
{
    if (blob == NULL) {
        return NULL;
    }
    if (!envelope_sized(blob->digest, ENVELOPE_DIGEST_BYTES)) {
        return "a blob's digest is not 32 bytes";
    }
    if (blob->bytes == 0 || blob->bytes > LIMIT_DOCUMENT_BYTES) {
        return "a blob has no bytes, or more than LIMIT_DOCUMENT_BYTES";
    }
    return value.len > 0 ? "a value is there twice, as bytes and as a blob" : NULL;
}

static const char *task_fault(const Mainstay__Task *task)
{
    if (!envelope_sized(task->key, ENVELOPE_ID_BYTES)) {
        return "key is not 16 bytes";
    }
    if (!envelope_sized(task->instance, ENVELOPE_ID_BYTES)) {
        return "instance is not 16 bytes";
    }
    if (!envelope_sized(task->input_digest, ENVELOPE_DIGEST_BYTES)) {
        return "input digest is not 32 bytes";
    }
    if (!phase_known(task->phase)) {
        return "phase is unknown";
    }
    if (!text_is_token(task->action)) {
        return "action is not a name";
    }
    if (task->input.len > LIMIT_VALUE_BYTES || task->proposal.len > LIMIT_VALUE_BYTES) {
        return "input is over the limit";
    }
    const char *fault = blob_fault(task->input_blob, task->input);
    return fault != NULL ? fault : blob_fault(task->proposal_blob, task->proposal);
}

static enum err task_batch_check(const Mainstay__TaskBatch *batch, struct error *err)
{
    TRY(version_check(batch->version, "task batch", err));
    if (batch->n_tasks > LIMIT_BATCH_TASKS) {
        return error_set(err, ERR_LIMIT, "task batch has %zu tasks, at most %d", batch->n_tasks,
                         LIMIT_BATCH_TASKS);
    }
    for (size_t i = 0; i < batch->n_tasks; i++) {
        const char *fault = task_fault(batch->tasks[i]);
        if (fault != NULL) {
            return error_set(err, ERR_INVALID, "task %zu of the batch: %s", i, fault);
        }
    }
    for (size_t i = 0; i < batch->n_recalls; i++) {
        const Mainstay__Recall *recall = batch->recalls[i];
        if (!envelope_sized(recall->key, ENVELOPE_ID_BYTES) || !phase_known(recall->phase)) {
            return error_set(err, ERR_INVALID, "recall %zu of the batch names no task", i);
        }
    }
    for (size_t i = 0; i < batch->n_settled; i++) {
        if (!envelope_sized(batch->settled[i], ENVELOPE_ID_BYTES)) {
            return error_set(err, ERR_INVALID, "settled key %zu is not 16 bytes", i);
        }
    }
    return ERR_OK;
}

static const char *failure_fault(const Mainstay__Failure *failure)
{
    if (failure->failure_class <= MAINSTAY__FAILURE_CLASS__FAILURE_CLASS_UNSPECIFIED ||
        failure->failure_class > MAINSTAY__FAILURE_CLASS__FAILURE_CLASS_CANCELLED) {
        return "failure class is unknown";
    }
    if (failure->effect <= MAINSTAY__EFFECT_MARK__EFFECT_MARK_UNSPECIFIED ||
        failure->effect > MAINSTAY__EFFECT_MARK__EFFECT_MARK_DONE) {
        return "effect mark is unknown";
    }
    return NULL;
}

static const char *result_fault(const Mainstay__Result *result)
{
    if (!envelope_sized(result->key, ENVELOPE_ID_BYTES)) {
        return "key is not 16 bytes";
    }
    if (!envelope_sized(result->instance, ENVELOPE_ID_BYTES) && result->instance.len != 0) {
        return "instance is not 16 bytes";
    }
    if (!envelope_sized(result->input_digest, ENVELOPE_DIGEST_BYTES) &&
        result->input_digest.len != 0) {
        return "input digest is not 32 bytes";
    }
    if (!phase_known(result->phase)) {
        return "phase is unknown";
    }
    if (result->output.len > LIMIT_VALUE_BYTES) {
        return "output is over the limit";
    }
    if (blob_fault(result->output_blob, result->output) != NULL) {
        return blob_fault(result->output_blob, result->output);
    }
    switch (result->status) {
    case MAINSTAY__RESULT_STATUS__RESULT_STATUS_DONE:
    case MAINSTAY__RESULT_STATUS__RESULT_STATUS_RUNNING:
    case MAINSTAY__RESULT_STATUS__RESULT_STATUS_RECALLED:
        return NULL;
    case MAINSTAY__RESULT_STATUS__RESULT_STATUS_FAILED:
        return result->failure == NULL ? "failed without a failure"
                                       : failure_fault(result->failure);
    case MAINSTAY__RESULT_STATUS__RESULT_STATUS_UNSPECIFIED:
    case _MAINSTAY__RESULT_STATUS_IS_INT_SIZE:
    default:
        return "status is unknown";
    }
}

static enum err result_batch_check(const Mainstay__ResultBatch *batch, struct error *err)
{
    TRY(version_check(batch->version, "result batch", err));
    if (!envelope_sized(batch->session, ENVELOPE_ID_BYTES) ||
        !envelope_sized(batch->store_id, ENVELOPE_ID_BYTES)) {
        return error_set(err, ERR_INVALID, "result batch without session or store id");
    }
    if (batch->n_results > LIMIT_BATCH_TASKS || batch->n_dead_letters > LIMIT_BATCH_TASKS) {
        return error_set(err, ERR_LIMIT, "result batch has more than %d rows", LIMIT_BATCH_TASKS);
    }
    for (size_t i = 0; i < batch->n_results; i++) {
        const char *fault = result_fault(batch->results[i]);
        if (fault != NULL) {
            return error_set(err, ERR_INVALID, "result %zu of the batch: %s", i, fault);
        }
    }
    return ERR_OK;
}

enum err envelope_task_batch(struct str bytes, struct arena *arena, Mainstay__TaskBatch **ret_batch,
                             struct error *err)
{
    *ret_batch = NULL;
    ProtobufCMessage *message = NULL;
    TRY(proto_unpack(&mainstay__task_batch__descriptor, bytes, &proto_limits_bus, arena, &message,
                     err));
    Mainstay__TaskBatch *batch = (Mainstay__TaskBatch *)message;
    TRY(task_batch_check(batch, err));
    *ret_batch = batch;
    return ERR_OK;
}

enum err envelope_result_batch(struct str bytes, struct arena *arena,
                               Mainstay__ResultBatch **ret_batch, struct error *err)
{
    *ret_batch = NULL;
    ProtobufCMessage *message = NULL;
    TRY(proto_unpack(&mainstay__result_batch__descriptor, bytes, &proto_limits_bus, arena, &message,
                     err));
    Mainstay__ResultBatch *batch = (Mainstay__ResultBatch *)message;
    TRY(result_batch_check(batch, err));
    *ret_batch = batch;
    return ERR_OK;
}

enum err envelope_hello(struct str bytes, struct arena *arena, Mainstay__Hello **ret_hello,
                        struct error *err)
{
    *ret_hello = NULL;
    ProtobufCMessage *message = NULL;
    TRY(proto_unpack(&mainstay__hello__descriptor, bytes, &proto_limits_bus, arena, &message, err));
    Mainstay__Hello *hello = (Mainstay__Hello *)message;
    TRY(version_check(hello->version, "hello", err));
    if (!envelope_sized(hello->session, ENVELOPE_ID_BYTES) ||
        !envelope_sized(hello->store_id, ENVELOPE_ID_BYTES)) {
        return error_set(err, ERR_INVALID, "hello without session or store id");
    }
    if (!hello->leaving && !envelope_sized(hello->contract_digest, ENVELOPE_DIGEST_BYTES)) {
        return error_set(err, ERR_INVALID, "hello without contract digest");
    }
    *ret_hello = hello;
    return ERR_OK;
}

enum err envelope_hello_reply(struct str bytes, struct arena *arena,
                              Mainstay__HelloReply **ret_reply, struct error *err)
{
    *ret_reply = NULL;
    ProtobufCMessage *message = NULL;
    TRY(proto_unpack(&mainstay__hello_reply__descriptor, bytes, &proto_limits_bus, arena, &message,
                     err));
    Mainstay__HelloReply *reply = (Mainstay__HelloReply *)message;
    TRY(version_check(reply->version, "hello reply", err));
    if (reply->accepted && !text_is_token(reply->consumer)) {
        return error_set(err, ERR_INVALID, "hello reply names no consumer");
    }
    *ret_reply = reply;
    return ERR_OK;
}

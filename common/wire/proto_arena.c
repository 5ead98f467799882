#include "common/wire/proto_arena.h"

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/limits.h"

const struct proto_limits proto_limits_bus = {
    .bytes = LIMIT_MESSAGE_BYTES, .depth = 6, .messages = 4096, .fields = 65536};

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static void *allocator_alloc(void *data, size_t size)
{
    return arena_alloc(data, size);
}

static void allocator_free(void *data, void *pointer)
{
    (void)data;
    (void)pointer;
}

ProtobufCAllocator proto_allocator(struct arena *arena)
{
    return (ProtobufCAllocator){
        .alloc = allocator_alloc, .free = allocator_free, .allocator_data = arena};
}

/* One open message of the scan. */
struct frame {
    const ProtobufCMessageDescriptor *descriptor;
    size_t end;
};

struct scan {
    struct str bytes;
    size_t at;
    const struct proto_limits *limits;
    uint32_t messages;
    uint32_t fields;
    struct frame frames[PROTO_DEPTH_MAX];
    uint32_t depth;
};

static bool varint_take(struct scan *scan, size_t end, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (scan->at >= end) {
            return false;
        }
        uint8_t byte = (uint8_t)scan->bytes.data[scan->at++];
        if (shift == 63 && byte > 1) {
            return false;
        }
        value |= (uint64_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static enum err malformed(const struct scan *scan, const char *why, struct error *err)
{
    return error_set(err, ERR_INVALID, "malformed %s at byte %zu: %s",
                     scan->frames[scan->depth - 1].descriptor->name, scan->at, why);
}

static enum err field_count(struct scan *scan, size_t add, struct error *err)
{
    if (add > scan->limits->fields - scan->fields) {
        return error_set(err, ERR_LIMIT, "message has more than %u fields",
                         (unsigned)scan->limits->fields);
    }
    scan->fields += (uint32_t)add;
    return ERR_OK;
}

static enum err message_enter(struct scan *scan, const ProtobufCMessageDescriptor *descriptor,
                              size_t end, struct error *err)
{
    if (scan->depth >= scan->limits->depth || scan->depth >= PROTO_DEPTH_MAX) {
        return error_set(err, ERR_LIMIT, "message is nested deeper than %u at byte %zu",
                         (unsigned)scan->limits->depth, scan->at);
    }
    if (scan->depth > 0 && scan->messages++ >= scan->limits->messages) {
        return error_set(err, ERR_LIMIT, "message has more than %u embedded messages",
                         (unsigned)scan->limits->messages);
    }
    scan->frames[scan->depth++] = (struct frame){.descriptor = descriptor, .end = end};
    return ERR_OK;
}

/* A length-delimited field whose `size` bytes start at scan->at. */
static enum err bytes_scan(struct scan *scan, const ProtobufCFieldDescriptor *field, size_t size,
                           struct error *err)
{
    if (field == NULL) {
        scan->at += size;
        return ERR_OK;
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        return message_enter(scan, field->descriptor, scan->at + size, err);
    }
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = scan->bytes.data + scan->at;
        for (size_t i = 0; i < size; i++) {
            if (text[i] == '\0') {
                return malformed(scan, "text has a zero byte", err);
            }
        }
        if (!utf8_valid(text, size)) {
            return malformed(scan, "text is not UTF-8", err);
        }
    } else if (field->type != PROTOBUF_C_TYPE_BYTES) {
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            return malformed(scan, "number sent as bytes", err);
        }
        TRY(field_count(scan, size, err)); /* packed: never more elements than bytes */
    }
    scan->at += size;
    return ERR_OK;
}

static bool wire_type_fits(const ProtobufCFieldDescriptor *field, unsigned wire)
{
    if (field == NULL) {
        return true;
    }
    bool sized = field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_STRING ||
                 field->type == PROTOBUF_C_TYPE_BYTES;
    return sized == (wire == WIRE_BYTES) ||
           (wire == WIRE_BYTES && field->label == PROTOBUF_C_LABEL_REPEATED);
}

static enum err field_scan(struct scan *scan, struct error *err)
{
    const struct frame *frame = &scan->frames[scan->depth - 1];
    uint64_t tag = 0;
    uint64_t value = 0;
    if (!varint_take(scan, frame->end, &tag)) {
        return malformed(scan, "broken field tag", err);
    }
    if ((tag >> 3) == 0 || (tag >> 3) > 0x1FFFFFFF) {
        return malformed(scan, "field number out of range", err);
    }
    TRY(field_count(scan, 1, err));
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(frame->descriptor, (unsigned)(tag >> 3));
    unsigned wire = (unsigned)(tag & 7);
    if (!wire_type_fits(field, wire)) {
        return malformed(scan, "field has the wrong wire type", err);
    }
    size_t left = frame->end - scan->at;
    size_t fixed = wire == WIRE_64 ? 8 : 4;
    switch (wire) {
    case WIRE_VARINT:
        return varint_take(scan, frame->end, &value) ? ERR_OK
                                                     : malformed(scan, "broken number", err);
    case WIRE_64:
    case WIRE_32:
        if (left < fixed) {
            return malformed(scan, "cut off", err);
        }
        scan->at += fixed;
        return ERR_OK;
    case WIRE_BYTES:
        if (!varint_take(scan, frame->end, &value) || value > frame->end - scan->at) {
            return malformed(scan, "length passes the end", err);
        }
        return bytes_scan(scan, field, (size_t)value, err);
    default:
        return malformed(scan, "groups are not accepted", err);
    }
}

enum err proto_scan(const ProtobufCMessageDescriptor *descriptor, struct str bytes,
                    const struct proto_limits *limits, struct error *err)
{
    CHECK(limits->depth >= 1);
    if (bytes.size > limits->bytes) {
        return error_set(err, ERR_LIMIT, "message has %zu bytes, more than the %zu accepted",
                         bytes.size, limits->bytes);
    }
    struct scan scan = {.bytes = bytes, .limits = limits};
    TRY(message_enter(&scan, descriptor, bytes.size, err));
    while (scan.depth > 0) {
        if (scan.at < scan.frames[scan.depth - 1].end) {
            TRY(field_scan(&scan, err));
        } else {
            scan.depth--;
        }
    }
    return ERR_OK;
}

enum err proto_unpack(const ProtobufCMessageDescriptor *descriptor, struct str bytes,
                      const struct proto_limits *limits, struct arena *arena,
                      ProtobufCMessage **ret_message, struct error *err)
{
    *ret_message = NULL;
    TRY(proto_scan(descriptor, bytes, limits, err));
    ProtobufCAllocator allocator = proto_allocator(arena);
    static const uint8_t nothing[1] = {0};
    const uint8_t *data = bytes.size == 0 ? nothing : (const uint8_t *)bytes.data;
    *ret_message = protobuf_c_message_unpack(descriptor, &allocator, bytes.size, data);
    if (*ret_message != NULL) {
        return ERR_OK;
    }
    if (arena_overflowed(arena)) {
        return error_set(err, ERR_NOMEM, "no memory to unpack %s", descriptor->name);
    }
    return error_set(err, ERR_INVALID, "malformed %s", descriptor->name);
}

enum err proto_pack(const ProtobufCMessage *message, struct buf *buf, struct error *err)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    if (buf->failed || size > buf->max - buf->size) {
        return error_set(err, ERR_LIMIT, "%s of %zu bytes does not fit the %zu accepted",
                         message->descriptor->name, size, buf->max);
    }
    /* Packing through a ProtobufCBuffer would measure nested messages again at each level. */
    uint8_t *room = (uint8_t *)buf_extend(buf, size);
    if (room == NULL) {
        return error_set(err, ERR_NOMEM, "no memory to pack %s", message->descriptor->name);
    }
    CHECK(protobuf_c_message_pack(message, room) == size);
    return ERR_OK;
}

/*
 * Unpacking protobuf messages of strangers: into an arena, after a scan that bounds what the
 * unpacking may cost. protobuf-c has no recursion limit (6 KB of nested bytes overflow a small
 * stack) and needs about 20 bytes of memory for each byte of empty sub-messages, so nothing of ours
 * calls protobuf_c_message_unpack but this file.
 *
 * The scan follows the wire format (protobuf.dev/programming-guides/encoding) along the descriptor:
 * only fields the descriptor calls messages are entered. Groups are refused. Text must be UTF-8
 * without zero bytes, because protobuf-c hands it out as a terminated string.
 *
 * Threads: none per arena.
 */
#ifndef COMMON_WIRE_PROTO_ARENA_H
#define COMMON_WIRE_PROTO_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/str.h"

struct arena;
struct buf;

enum { PROTO_DEPTH_MAX = 16 }; /* whatever `depth` says */

/* What one message may cost. */
struct proto_limits {
    size_t bytes;      /* of the packed message */
    uint32_t depth;    /* nesting; a message without embedded ones has depth 1 */
    uint32_t messages; /* embedded messages at all depths together */
    uint32_t fields; /* fields at all depths together, unknown ones and packed elements included */
};

/* Fits every message of proto/ on the bus. */
extern const struct proto_limits proto_limits_bus;

/* An allocator over `arena` for protobuf-c calls. Its free does nothing; the arena's owner frees.
 */
ProtobufCAllocator proto_allocator(struct arena *arena);

/* Refuse bytes that unpacking would not survive or that break the descriptor's types.
 * ERR_INVALID: malformed, not UTF-8. ERR_LIMIT: a limit was passed; the message names it. */
MUST_CHECK enum err proto_scan(const ProtobufCMessageDescriptor *descriptor, struct str bytes,
                               const struct proto_limits *limits, struct error *err);

/* Scan, then unpack into the arena; *ret_message lives as long as the arena's memory (never call
 * free_unpacked on it). Bytes of fields point into the arena, not into `bytes`.
 * ERR_INVALID, ERR_LIMIT as proto_scan; ERR_NOMEM when the arena is at its limit. */
MUST_CHECK enum err proto_unpack(const ProtobufCMessageDescriptor *descriptor, struct str bytes,
                                 const struct proto_limits *limits, struct arena *arena,
                                 ProtobufCMessage **ret_message, struct error *err);

/* Append the packed message to `buf`. ERR_LIMIT when it does not fit below the buffer's maximum
 * (the buffer is then unchanged), ERR_NOMEM without memory. */
MUST_CHECK enum err proto_pack(const ProtobufCMessage *message, struct buf *buf, struct error *err);

#endif

/*
 * The messages between the coordinator and the agents, decoded and checked for shape: version,
 * sizes of ids, names that are tokens, known enum values, counts. What passes here can be read
 * without further checks of form; whether it is expected or allowed is the reader's business.
 *
 * Formats: proto/task.proto, proto/result.proto, proto/contract.proto. All decoders return messages
 * in the arena (see proto_arena.h), ERR_INVALID for bad bytes or shape, ERR_LIMIT for too much,
 * ERR_UNSUPPORTED for a version this program does not know, ERR_NOMEM when the arena is full.
 *
 * Threads: none per arena.
 */
#ifndef COMMON_WIRE_ENVELOPE_H
#define COMMON_WIRE_ENVELOPE_H

#include "common/base/error.h"
#include "common/base/str.h"
#include "proto/contract.pb-c.h"
#include "proto/result.pb-c.h"
#include "proto/task.pb-c.h"

struct arena;

enum {
    ENVELOPE_VERSION = 1,
    ENVELOPE_ID_BYTES = 16,    /* effect key, instance, session, store id */
    ENVELOPE_DIGEST_BYTES = 32 /* BLAKE2b-256 */
};

MUST_CHECK enum err envelope_task_batch(struct str bytes, struct arena *arena,
                                        Mainstay__TaskBatch **ret_batch, struct error *err);

MUST_CHECK enum err envelope_result_batch(struct str bytes, struct arena *arena,
                                          Mainstay__ResultBatch **ret_batch, struct error *err);

MUST_CHECK enum err envelope_hello(struct str bytes, struct arena *arena,
                                   Mainstay__Hello **ret_hello, struct error *err);

MUST_CHECK enum err envelope_hello_reply(struct str bytes, struct arena *arena,
                                         Mainstay__HelloReply **ret_reply, struct error *err);

/* Whether a bytes field holds exactly `size` bytes. */
bool envelope_sized(ProtobufCBinaryData bytes, size_t size);

/* View of a bytes field. */
struct str envelope_str(ProtobufCBinaryData bytes);

/* A bytes field that borrows `bytes`; protobuf-c does not write through it when it packs. */
ProtobufCBinaryData envelope_bytes(struct str bytes);

/* The same for text fields; NULL gives the empty text. */
char *envelope_text(const char *text);

#endif

/*
 * Shared by the row codecs.
 */
#ifndef COORDINATOR_CODEC_CODEC_PRIVATE_H
#define COORDINATOR_CODEC_CODEC_PRIVATE_H

#include <stdbool.h>

#include "common/base/error.h"
#include "common/base/str.h"
#include "common/wire/proto_arena.h"

struct arena;
struct buf;
struct doc;

enum { ROW_VERSION = 1 };

extern const struct proto_limits row_limits;

char *proto_text(const char *text);
ProtobufCBinaryData proto_bytes(const void *data, size_t size);
ProtobufCBinaryData proto_doc(struct doc *doc);
bool doc_repeats(struct doc *doc, struct doc *before);
struct doc *doc_of_proto(const ProtobufCBinaryData *bytes);
bool proto_fixed(const ProtobufCBinaryData *bytes, void *out, size_t size);
void row_append(const ProtobufCMessage *row, struct buf *out);
MUST_CHECK enum err row_version_check(uint32_t version, const char *what, struct error *err);
MUST_CHECK enum err row_read(const ProtobufCMessageDescriptor *descriptor, struct str bytes,
                             struct arena *arena, const char *what, ProtobufCMessage **ret_row,
                             struct error *err);

/* Sequences as differences, which pack into a byte or two each. */
uint64_t *journal_differences(const uint64_t *sequences, size_t count, struct arena *arena);

#endif

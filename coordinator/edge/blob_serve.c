/*
 * Inputs and proposals for the stores that have the tasks. The subject says who asks: a store is
 * given the values of its own tasks in flight and nothing else, whatever the request names.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/fault_point.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/json/doc.h"
#include "common/wire/blob.h"
#include "coordinator/edge/blobs.h"

/* Stores share the lanes by their names. A store asks for one piece at a time for each of its
 * workers; one that floods fills its lane and waits like one whose request was lost. */
static size_t lane_of(const char *subject)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (const char *c = subject; *c != '\0'; c++) {
        hash = (hash ^ (uint8_t)*c) * 16777619U;
    }
    return hash % EDGE_INPUT_LANES;
}

void inbox_input(void *user, struct bus_msg *msg)
{
    struct edge *edge = user;
    atomic_uint *lane = &edge->input_lanes[lane_of(msg->subject)];
    if (atomic_fetch_add(lane, 1U) >= EDGE_INPUT_LANE) {
        atomic_fetch_sub(lane, 1U);
        bus_msg_destroy(&msg);
    } else if (!inbox_put(edge, ITEM_INPUT, msg)) {
        atomic_fetch_sub(lane, 1U);
    }
}

/* The value that the request names, when it is the asker's to have. */
static struct doc *value_of(struct edge *edge, const struct subject *from,
                            const Mainstay__BlobRequest *request)
{
    struct task_name name = {
        .agent = from->agent,
        .store = from->store,
        .instance = request->instance,
        .key = request->key,
        .frame = request->frame,
        .phase = (uint32_t)request->phase,
    };
    const struct frame *frame = blob_task(edge, &name);
    if (frame == NULL) {
        return NULL;
    }
    if (request->kind == MAINSTAY__BLOB_KIND__BLOB_KIND_PROPOSAL) {
        return frame->phase == PHASE_PERFORM ? frame->proposal : NULL;
    }
    bool same = memcmp(request->digest.data, frame->input_digest.bytes, DIGEST_BYTES) == 0;
    return request->kind == MAINSTAY__BLOB_KIND__BLOB_KIND_INPUT && same ? frame->call_input : NULL;
}

void blob_serve(struct edge *edge, const struct bus_msg *msg)
{
    atomic_fetch_sub(&edge->input_lanes[lane_of(msg->subject)], 1U);
    struct subject from;
    struct error err = {0};
    Mainstay__BlobRequest *request = NULL;
    struct buf reply = BUF_INIT(BLOB_REPLY_BYTES);
    struct str piece = {0};
    const char *refused = "no such task is in flight with this store";
    if (!subject_parse(msg->subject, &from) || from.kind != SUBJECT_INPUT ||
        blob_request_read((struct str){msg->body, msg->size}, edge->arena, &request, &err) !=
            ERR_OK) {
        refused = "the request is not readable";
    } else {
        struct doc *value = value_of(edge, &from, request);
        size_t size = 0;
        const char *text = value == NULL ? NULL : doc_text(value, &size);
        piece = blob_piece((struct str){.data = text, .size = size}, request->offset);
        refused = piece.size > 0 ? "" : refused;
    }
    blob_reply_pack(piece, refused, &reply);
    FAULT_POINT("input-before-piece");
    if (bus_respond((struct bus_msg *)(uintptr_t)msg, reply.data, reply.size, &err) != ERR_OK) {
        log_debug("a piece of an input found nobody: %s", err.message);
    }
    buf_release(&reply);
}

#include <criterion/criterion.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/wire/envelope.h"
#include "common/wire/proto_arena.h"
#include "proto/journal.pb-c.h"
#include "proto/tables.pb-c.h"

static enum err scan(const struct buf *buf, const struct proto_limits *limits, struct error *err)
{
    return proto_scan(&mainstay__task_batch__descriptor,
                      (struct str){.data = buf->data, .size = buf->size}, limits, err);
}

/* `count` empty tasks: field 3, length 0. */
static void empty_tasks(struct buf *buf, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_append(buf, "\x1a\x00", 2);
    }
}

Test(proto_arena, amplification_is_bounded)
{
    struct buf buf = BUF_INIT(1 << 20);
    struct error err = {0};
    struct proto_limits limits = {.bytes = 1 << 20, .depth = 4, .messages = 100, .fields = 1000};
    empty_tasks(&buf, 100);
    cr_assert_eq(scan(&buf, &limits, &err), ERR_OK);
    empty_tasks(&buf, 1);
    cr_assert_eq(scan(&buf, &limits, &err), ERR_LIMIT);
    cr_assert(strstr(err.message, "100 embedded") != NULL, "%s", err.message);
    buf_release(&buf);
}

Test(proto_arena, fields_are_counted_known_or_not)
{
    struct buf buf = BUF_INIT(1 << 20);
    struct proto_limits limits = {.bytes = 1 << 20, .depth = 4, .messages = 10, .fields = 50};
    for (int i = 0; i < 50; i++) {
        buf_append(&buf, "\xf8\x01\x01", 3); /* unknown field 31, varint */
    }
    cr_assert_eq(scan(&buf, &limits, NULL), ERR_OK);
    buf_append(&buf, "\x08\x01", 2);
    cr_assert_eq(scan(&buf, &limits, NULL), ERR_LIMIT);
    buf_release(&buf);
}

Test(proto_arena, packed_elements_are_counted)
{
    struct buf buf = BUF_INIT(1 << 20);
    struct proto_limits limits = {.bytes = 1 << 20, .depth = 4, .messages = 10, .fields = 50};
    char elements[60] = {0};
    buf_append(&buf, "\x7a\x3c", 2); /* InstanceRow.journal = 15, packed, 60 bytes */
    buf_append(&buf, elements, sizeof(elements));
    const ProtobufCMessageDescriptor *descriptor = &mainstay__journal_batch__descriptor;
    cr_assert_eq(proto_scan(descriptor, (struct str){buf.data, buf.size}, &limits, NULL), ERR_OK);
    descriptor = &mainstay__instance_row__descriptor;
    cr_assert_eq(proto_scan(descriptor, (struct str){buf.data, buf.size}, &limits, NULL),
                 ERR_LIMIT);
    buf_release(&buf);
}

Test(proto_arena, depth_is_bounded)
{
    /* JournalBatch.events(6) -> JournalEvent.sealed... open(24) -> JournalValues.decision(6) */
    Mainstay__Decision decision = MAINSTAY__DECISION__INIT;
    decision.rule = envelope_text("r");
    Mainstay__JournalValues values = MAINSTAY__JOURNAL_VALUES__INIT;
    values.decision = &decision;
    Mainstay__JournalEvent event = MAINSTAY__JOURNAL_EVENT__INIT;
    event.open = &values;
    Mainstay__JournalEvent *events[] = {&event};
    Mainstay__JournalBatch batch = MAINSTAY__JOURNAL_BATCH__INIT;
    batch.n_events = 1;
    batch.events = events;
    struct buf buf = BUF_INIT(1 << 16);
    cr_assert_eq(proto_pack(&batch.base, &buf, NULL), ERR_OK);
    struct str bytes = {buf.data, buf.size};
    struct proto_limits limits = {.bytes = 1 << 16, .depth = 4, .messages = 10, .fields = 100};
    const ProtobufCMessageDescriptor *descriptor = &mainstay__journal_batch__descriptor;
    cr_assert_eq(proto_scan(descriptor, bytes, &limits, NULL), ERR_OK);
    limits.depth = 3;
    cr_assert_eq(proto_scan(descriptor, bytes, &limits, NULL), ERR_LIMIT);
    buf_release(&buf);
}

Test(proto_arena, malformed_bytes_are_refused)
{
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
        {"\x1a", 1},                                          /* length missing */
        {"\x1a\x05", 2},                                      /* length passes the end */
        {"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* huge length */
        {"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11}, /* more than 64 bits */
        {"\x00", 1},                                          /* field 0 */
        {"\x0b\x0c", 2},                                      /* group */
        {"\x0e", 1},                                          /* wire type 6 */
        {"\x09\x00", 2},                                      /* fixed64 cut off */
        {"\x08", 1},                                          /* varint cut off */
        {"\x0a\x01\x00", 3},                                  /* version sent as bytes */
        {"\x18\x01", 2},                                      /* tasks sent as a number */
        {"\x1a\x04\x32\x02\xc3\x28", 6},                      /* step is not UTF-8 */
        {"\x1a\x03\x32\x01\x00", 5},                          /* step has a zero byte */
    };
    struct arena *arena = arena_create(1 << 20);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ProtobufCMessage *message = NULL;
        struct error err = {0};
        enum err code =
            proto_unpack(&mainstay__task_batch__descriptor, (struct str){bad[i].bytes, bad[i].size},
                         &proto_limits_bus, arena, &message, &err);
        cr_assert_eq(code, ERR_INVALID, "case %zu gives %d", i, (int)code);
        cr_assert_null(message);
        cr_assert(strlen(err.message) > 0);
    }
    arena_destroy(&arena);
}

Test(proto_arena, a_small_arena_is_an_error_not_a_crash)
{
    struct buf buf = BUF_INIT(1 << 20);
    empty_tasks(&buf, 200);
    for (size_t limit = 0; limit < 20000; limit += 64) {
        struct arena *arena = arena_create(limit);
        ProtobufCMessage *message = NULL;
        enum err code =
            proto_unpack(&mainstay__task_batch__descriptor, (struct str){buf.data, buf.size},
                         &proto_limits_bus, arena, &message, NULL);
        cr_assert(code == ERR_OK || code == ERR_NOMEM);
        cr_assert_eq(code == ERR_OK, message != NULL);
        arena_destroy(&arena);
    }
    buf_release(&buf);
}

Test(proto_arena, packing_stops_at_the_buffers_maximum)
{
    Mainstay__Recall recall = MAINSTAY__RECALL__INIT;
    uint8_t key[16] = {1};
    recall.key = (ProtobufCBinaryData){.len = sizeof(key), .data = key};
    struct buf buf = BUF_INIT(20);
    buf_append_str(&buf, "xy");
    cr_assert_eq(proto_pack(&recall.base, &buf, NULL), ERR_OK);
    cr_assert_eq(buf.size, 20);
    cr_assert_eq(proto_pack(&recall.base, &buf, NULL), ERR_LIMIT);
    cr_assert_eq(buf.size, 20);
    cr_assert(!buf.failed);
    buf_release(&buf);
}

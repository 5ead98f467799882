#include "coordinator/engine/id.h"

#include <string.h>

#include "common/base/str.h"

enum { PARTITION_BYTES = 2 }; /* version 1 runs partition 0 */

static struct id id_final(struct blake *state, bool partitioned)
{
    struct digest digest = blake_final(state);
    struct id id;
    memcpy(id.bytes, digest.bytes, sizeof(id.bytes));
    if (partitioned) {
        memset(id.bytes, 0, PARTITION_BYTES);
    }
    return id;
}

static void id_begin(struct blake *state, const char *domain)
{
    blake_init(state, NULL);
    blake_part_text(state, domain);
}

struct id id_of_trigger(const struct digest *definition, const char *source, const char *event_id)
{
    struct blake state;
    id_begin(&state, "trigger");
    blake_part(&state, definition->bytes, sizeof(definition->bytes));
    blake_part_text(&state, source);
    blake_part_text(&state, event_id);
    return id_final(&state, true);
}

struct id id_of_request(const struct digest *definition, const char *request_id)
{
    struct blake state;
    id_begin(&state, "request");
    blake_part(&state, definition->bytes, sizeof(definition->bytes));
    blake_part_text(&state, request_id);
    return id_final(&state, true);
}

struct id id_of_schedule(const char *name, int64_t due_ms)
{
    struct blake state;
    id_begin(&state, "schedule");
    blake_part_text(&state, name);
    blake_part_u64(&state, (uint64_t)due_ms);
    return id_final(&state, true);
}

struct id id_of_child(const struct id *step, uint32_t round)
{
    struct blake state;
    id_begin(&state, "child");
    blake_part(&state, step->bytes, sizeof(step->bytes));
    blake_part_u64(&state, round);
    return id_final(&state, true);
}

struct id id_of_step(const struct id *instance, const char *place, const char *path,
                     uint32_t activation)
{
    struct blake state;
    id_begin(&state, "step");
    blake_part(&state, instance->bytes, sizeof(instance->bytes));
    blake_part_text(&state, place);
    blake_part_text(&state, path);
    blake_part_u64(&state, activation);
    return id_final(&state, false);
}

struct id id_of_user_key(const char *agent, const char *action, const char *user_key)
{
    struct blake state;
    id_begin(&state, "key");
    blake_part_text(&state, agent);
    blake_part_text(&state, action);
    blake_part_text(&state, user_key);
    return id_final(&state, false);
}

struct id id_of_use(const char *action, const struct digest *input, const char *proposal,
                    size_t proposal_size)
{
    struct blake state;
    id_begin(&state, "use");
    blake_part_text(&state, action);
    blake_part(&state, input->bytes, sizeof(input->bytes));
    blake_part(&state, proposal, proposal_size);
    return id_final(&state, false);
}

struct id id_of_event(const char *source, const char *event_id)
{
    struct blake state;
    id_begin(&state, "event");
    blake_part_text(&state, source);
    blake_part_text(&state, event_id);
    return id_final(&state, false);
}

struct id id_of_gate(const struct id *instance, uint32_t frame, uint32_t revision)
{
    struct blake state;
    id_begin(&state, "gate");
    blake_part(&state, instance->bytes, sizeof(instance->bytes));
    blake_part_u64(&state, frame);
    blake_part_u64(&state, revision);
    return id_final(&state, false);
}

struct id id_of_undo(const struct id *effect, uint32_t version)
{
    struct blake state;
    id_begin(&state, "undo");
    blake_part(&state, effect->bytes, sizeof(effect->bytes));
    blake_part_u64(&state, version);
    return id_final(&state, false);
}

struct id id_of_circuit(const char *what, uint64_t sequence)
{
    struct blake state;
    id_begin(&state, "circuit");
    blake_part_text(&state, what);
    blake_part_u64(&state, sequence);
    return id_final(&state, false);
}

uint64_t id_draw(const struct id *key, uint32_t attempt, uint64_t below)
{
    if (below == 0) {
        return 0;
    }
    struct blake state;
    id_begin(&state, "draw");
    blake_part(&state, key->bytes, sizeof(key->bytes));
    blake_part_u64(&state, attempt);
    struct digest digest = blake_final(&state);
    uint64_t value = 0;
    memcpy(&value, digest.bytes, sizeof(value));
    return value % below;
}

bool id_equal(const struct id *a, const struct id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

void id_hex(const struct id *id, char out[ID_HEX_BYTES])
{
    hex_encode(id->bytes, sizeof(id->bytes), out);
}

bool id_of_hex(const char *text, struct id *ret_id)
{
    return hex_decode(text, ret_id->bytes, sizeof(ret_id->bytes));
}

#include "coordinator/codec/outcome_codec.h"

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/json/doc.h"
#include "coordinator/codec/codec_private.h"

_Static_assert((int)PHASE_DECIDE == (int)MAINSTAY__PHASE__PHASE_DECIDE, "phase numbers");
_Static_assert((int)PHASE_PERFORM == (int)MAINSTAY__PHASE__PHASE_PERFORM, "phase numbers");
_Static_assert((int)RESULT_RECALLED == (int)MAINSTAY__RESULT_STATUS__RESULT_STATUS_RECALLED,
               "result numbers");
_Static_assert((int)FAILURE_CANCELLED == (int)MAINSTAY__FAILURE_CLASS__FAILURE_CLASS_CANCELLED,
               "failure numbers");
_Static_assert((int)MARK_DONE == (int)MAINSTAY__EFFECT_MARK__EFFECT_MARK_DONE, "mark numbers");

Mainstay__Decision *decision_to_proto(const struct decision *decision, struct arena *arena)
{
    Mainstay__Decision *proto = ARENA_NEW(arena, Mainstay__Decision);
    CHECK(proto != NULL);
    mainstay__decision__init(proto);
    proto->rule = proto_text(decision->rule);
    proto->model = proto_text(decision->model);
    proto->cost = proto_text(decision->cost);
    proto->has_confidence = decision->has_confidence;
    proto->confidence_ppm = decision->confidence_ppm;
    proto->explanation = proto_doc(decision->explanation);
    return proto;
}

Mainstay__Failure *failure_to_proto(const struct failure *failure, struct arena *arena)
{
    Mainstay__Failure *proto = ARENA_NEW(arena, Mainstay__Failure);
    CHECK(proto != NULL);
    mainstay__failure__init(proto);
    proto->failure_class = (Mainstay__FailureClass)failure->failure_class;
    proto->effect = (Mainstay__EffectMark)failure->effect;
    proto->code = proto_text(failure->code);
    proto->title = proto_text(failure->title);
    proto->detail = proto_text(failure->detail);
    proto->pointer = proto_text(failure->pointer);
    proto->correction = proto_doc(failure->correction);
    proto->status = failure->status;
    proto->retry_after_ms = failure->retry_after_ms;
    return proto;
}

/* What an agent sent as JSON may be anything: parse it, and drop what is not JSON. */
static struct doc *value_read(const ProtobufCBinaryData *bytes)
{
    struct doc *doc = NULL;
    if (bytes->len == 0 ||
        doc_of_text((const char *)bytes->data, bytes->len, &doc, NULL) != ERR_OK) {
        return NULL;
    }
    return doc;
}

const struct decision *decision_of_proto(const Mainstay__Decision *proto, struct arena *arena)
{
    struct decision *decision = ARENA_NEW(arena, struct decision);
    CHECK(decision != NULL);
    *decision = (struct decision){.rule = "", .model = "", .cost = ""};
    if (proto != NULL) {
        decision->rule = proto->rule;
        decision->model = proto->model;
        decision->cost = proto->cost;
        decision->has_confidence = proto->has_confidence != 0 && proto->confidence_ppm <= 1000000;
        decision->confidence_ppm = proto->confidence_ppm;
        decision->explanation = value_read(&proto->explanation);
    }
    return decision;
}

/* Numbers that no class or mark has become the most careful ones. */
const struct failure *failure_of_proto(const Mainstay__Failure *proto, struct arena *arena)
{
    struct failure *failure = ARENA_NEW(arena, struct failure);
    CHECK(failure != NULL);
    *failure = (struct failure){.failure_class = FAILURE_CONTRACT,
                                .effect = MARK_UNKNOWN,
                                .code = "no-failure-given",
                                .title = "the agent failed without saying how",
                                .detail = "",
                                .pointer = ""};
    if (proto == NULL) {
        return failure;
    }
    bool class_known = (int)proto->failure_class > (int)FAILURE_NONE &&
                       (int)proto->failure_class <= (int)FAILURE_CANCELLED;
    bool mark_known = (int)proto->effect >= (int)MARK_NONE && (int)proto->effect <= (int)MARK_DONE;
    failure->failure_class =
        class_known ? (enum failure_class)proto->failure_class : FAILURE_CONTRACT;
    failure->effect = mark_known ? (enum effect_mark)proto->effect : MARK_UNKNOWN;
    failure->code = proto->code;
    failure->title = proto->title;
    failure->detail = proto->detail;
    failure->pointer = proto->pointer;
    failure->correction = value_read(&proto->correction);
    failure->status = proto->status;
    failure->retry_after_ms = proto->retry_after_ms;
    return failure;
}

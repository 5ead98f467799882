/* Functions whose arguments are filters, and functions that give any number of values. */
#include "coordinator/definition/expr_private.h"

#include <math.h>

#include "common/base/check.h"

#define GENERATOR(name)                                                             \
    static enum err name(struct eval *eval, const struct node *call, json_t *input, \
                         value_fn *yield, void *user)
#define FILTER(name)                                                                \
    static enum err name(struct eval *eval, const struct node *call, json_t *input, \
                         json_t **ret_value)

/* What the callbacks of this file carry. */
struct frame {
    const struct node *call;
    json_t *input;
    json_t *result;
    json_t *from;
    int64_t left;
    bool wanted; /* any looks for true, all for false */
    bool found;
    value_fn *yield;
    void *user;
};

GENERATOR(empty_each)
{
    (void)eval;
    (void)call;
    (void)input;
    (void)yield;
    (void)user;
    return ERR_OK;
}

GENERATOR(values_each)
{
    (void)call;
    return json_is_null(input) ? ERR_OK : yield(eval, user, json_incref(input));
}

static enum err select_value(struct eval *eval, void *user, json_t *value)
{
    const struct frame *frame = user;
    bool truth = expr_truth(value);
    json_decref(value);
    return truth ? frame->yield(eval, frame->user, json_incref(frame->input)) : ERR_OK;
}

GENERATOR(select_each)
{
    struct frame frame = {.input = input, .yield = yield, .user = user};
    return eval_each(eval, call->list[0], input, select_value, &frame);
}

static enum err map_item(struct eval *eval, void *user, json_t *item)
{
    struct frame *frame = user;
    enum err code = eval_each(eval, frame->call->list[0], item, frame->yield, frame->user);
    json_decref(item);
    return code;
}

static enum err append_value(struct eval *eval, void *user, json_t *value)
{
    return json_array_append_new(user, value) == 0
               ? ERR_OK
               : error_set(eval->err, ERR_NOMEM, "no memory for an array");
}

FILTER(map_one)
{
    json_t *out = json_array();
    struct frame frame = {.call = call, .yield = append_value, .user = out};
    enum err code = out == NULL ? error_set(eval->err, ERR_NOMEM, "no memory for an array")
                                : value_iterate(eval, input, map_item, &frame);
    if (code != ERR_OK) {
        json_decref(out);
        return code;
    }
    *ret_value = out;
    return ERR_OK;
}

/* Stop the generator of this frame; eval_stopped says later whether it was this one. */
static enum err stop(struct eval *eval, const struct frame *frame)
{
    eval->broken = frame;
    return EVAL_BREAK;
}

static enum err stopped(struct eval *eval, const struct frame *frame, enum err code)
{
    if (code == EVAL_BREAK && eval->broken == frame) {
        eval->broken = NULL;
        return ERR_OK;
    }
    return code;
}

static enum err look_at(struct eval *eval, void *user, json_t *value)
{
    struct frame *frame = user;
    frame->found = expr_truth(value) == frame->wanted;
    json_decref(value);
    return frame->found ? stop(eval, frame) : ERR_OK;
}

static enum err look_item(struct eval *eval, void *user, json_t *item)
{
    struct frame *frame = user;
    const struct node *condition =
        frame->call->count == 0 ? NULL : frame->call->list[frame->call->count - 1];
    if (condition == NULL) {
        return look_at(eval, frame, item);
    }
    enum err code = eval_each(eval, condition, item, look_at, frame);
    json_decref(item);
    return code;
}

static enum err any_or_all(struct eval *eval, const struct node *call, json_t *input, bool wanted,
                           json_t **ret_value)
{
    struct frame frame = {.call = call, .wanted = wanted};
    enum err code = call->count == 2 ? eval_each(eval, call->list[0], input, look_item, &frame)
                                     : value_iterate(eval, input, look_item, &frame);
    TRY(stopped(eval, &frame, code));
    *ret_value = json_boolean(frame.found == wanted);
    return ERR_OK;
}

FILTER(any_one)
{
    return any_or_all(eval, call, input, true, ret_value);
}

FILTER(all_one)
{
    return any_or_all(eval, call, input, false, ret_value);
}

static enum err keep_and_stop(struct eval *eval, void *user, json_t *value)
{
    struct frame *frame = user;
    frame->result = value;
    return stop(eval, frame);
}

GENERATOR(first_each)
{
    struct frame frame = {0};
    enum err code =
        stopped(eval, &frame, eval_each(eval, call->list[0], input, keep_and_stop, &frame));
    if (code != ERR_OK) {
        CHECK(frame.result == NULL);
        return code;
    }
    return frame.result == NULL ? ERR_OK : yield(eval, user, frame.result);
}

FILTER(isempty_one)
{
    struct frame frame = {0};
    TRY(stopped(eval, &frame, eval_each(eval, call->list[0], input, keep_and_stop, &frame)));
    *ret_value = json_boolean(frame.result == NULL);
    json_decref(frame.result);
    return ERR_OK;
}

static enum err keep_last(struct eval *eval, void *user, json_t *value)
{
    json_t **last = user;
    (void)eval;
    json_decref(*last);
    *last = value;
    return ERR_OK;
}

FILTER(last_one)
{
    json_t *last = NULL;
    enum err code = eval_each(eval, call->list[0], input, keep_last, &last);
    if (code != ERR_OK) {
        json_decref(last);
        return code;
    }
    *ret_value = last == NULL ? json_null() : last;
    return ERR_OK;
}

static enum err limit_value(struct eval *eval, void *user, json_t *value)
{
    struct frame *frame = user;
    frame->left--;
    TRY(frame->yield(eval, frame->user, value));
    return frame->left <= 0 ? stop(eval, frame) : ERR_OK;
}

static enum err limit_count(struct eval *eval, void *user, json_t *count)
{
    const struct frame *outer = user;
    double wanted = json_number_value(count);
    bool valid = json_is_integer(count) && wanted >= 0;
    json_decref(count);
    if (!valid) {
        return eval_fail(eval, "the count of limit is a whole number that is not negative");
    }
    struct frame frame = {.left = wanted > 1e15 ? INT64_MAX : (int64_t)wanted,
                          .yield = outer->yield,
                          .user = outer->user};
    if (frame.left == 0) {
        return ERR_OK;
    }
    return stopped(eval, &frame,
                   eval_each(eval, outer->call->list[1], outer->input, limit_value, &frame));
}

GENERATOR(limit_each)
{
    struct frame frame = {.call = call, .input = input, .yield = yield, .user = user};
    return eval_each(eval, call->list[0], input, limit_count, &frame);
}

static enum err range_from(struct eval *eval, const json_t *from, const json_t *upto,
                           const struct frame *frame)
{
    if (!json_is_number(from) || !json_is_number(upto)) {
        return eval_fail(eval, "the bounds of range must be numbers");
    }
    double end = json_number_value(upto);
    double at = json_number_value(from);
    while (at < end) {
        json_t *value = NULL;
        TRY(eval_spend(eval, 1));
        TRY(value_of_real(eval, at, "the bound of range", &value));
        TRY(frame->yield(eval, frame->user, value));
        at += 1;
    }
    return ERR_OK;
}

static enum err range_upto(struct eval *eval, void *user, json_t *upto)
{
    const struct frame *frame = user;
    enum err code = range_from(eval, frame->from, upto, frame);
    json_decref(upto);
    return code;
}

static enum err range_start(struct eval *eval, void *user, json_t *from)
{
    struct frame frame = *(const struct frame *)user;
    frame.from = from;
    enum err code = eval_each(eval, frame.call->list[1], frame.input, range_upto, &frame);
    json_decref(from);
    return code;
}

GENERATOR(range_each)
{
    struct frame frame = {.call = call, .input = input, .yield = yield, .user = user};
    if (call->count == 2) {
        return eval_each(eval, call->list[0], input, range_start, &frame);
    }
    frame.from = json_integer(0);
    if (frame.from == NULL) {
        return error_set(eval->err, ERR_NOMEM, "no memory for a number");
    }
    enum err code = eval_each(eval, call->list[0], input, range_upto, &frame);
    json_decref(frame.from);
    return code;
}

const struct builtin builtins_generator[] = {
    {.name = "empty", .each = empty_each},
    {.name = "values", .each = values_each},
    {.name = "select", .arity = 1, .each = select_each},
    {.name = "map", .arity = 1, .one = map_one},
    {.name = "any", .one = any_one},
    {.name = "any", .arity = 1, .one = any_one},
    {.name = "any", .arity = 2, .one = any_one},
    {.name = "all", .one = all_one},
    {.name = "all", .arity = 1, .one = all_one},
    {.name = "all", .arity = 2, .one = all_one},
    {.name = "first", .arity = 1, .each = first_each},
    {.name = "last", .arity = 1, .one = last_one},
    {.name = "limit", .arity = 2, .each = limit_each},
    {.name = "isempty", .arity = 1, .one = isempty_one},
    {.name = "range", .arity = 1, .each = range_each},
    {.name = "range", .arity = 2, .each = range_each},
    {.name = NULL},
};

#include "coordinator/turn.h"

#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/fault_point.h"
#include "common/base/limits.h"
#include "coordinator/engine/command.h"
#include "coordinator/tables/tables.h"

struct turn {
    struct engine *engine;
    struct tables *tables;
    struct turn_options options;
    int64_t now;
    struct clock_reading last; /* of the turn before */
    bool read;                 /* there was one in this process */
    int64_t odd_ms; /* of the time that passed while the wall clock was behind: not halved yet */
};

enum err turn_create(struct kv *kv, const struct turn_options *options, struct turn **ret_turn,
                     struct error *err)
{
    *ret_turn = NULL;
    struct turn *turn = calloc(1, sizeof(*turn));
    CHECK(turn != NULL);
    turn->options = *options;
    enum err code = tables_open(kv, options->epoch_least, &turn->tables, err);
    if (code == ERR_OK) {
        struct engine_options engine = options->engine;
        int64_t restored = tables_restored_ms(turn->tables);
        engine.restored_ms = restored > engine.restored_ms ? restored : engine.restored_ms;
        turn->engine = engine_create(&engine, &tables_port, turn->tables);
        turn->now = tables_last_now(turn->tables);
        code = tables_restore(turn->tables, turn->engine, err);
    }
    if (code != ERR_OK) {
        turn_destroy(&turn);
        return code;
    }
    *ret_turn = turn;
    return ERR_OK;
}

void turn_destroy(struct turn **turn)
{
    if (*turn == NULL) {
        return;
    }
    engine_destroy(&(*turn)->engine);
    tables_close(&(*turn)->tables);
    free(*turn);
    *turn = NULL;
}

/* How far the wall clock is from what it should show. */
static int64_t clock_error(const struct turn *turn, const struct clock_reading *clock)
{
    if (!turn->read) { /* time that nobody measured passed since the last turn was stored */
        return clock->wall_ms < turn->now ? clock->wall_ms - turn->now : 0;
    }
    return clock->wall_ms - turn->last.wall_ms - (clock->boot_ms - turn->last.boot_ms);
}

static bool jump(int64_t error_ms)
{
    return error_ms > LIMIT_CLOCK_JUMP_MS || error_ms < -LIMIT_CLOCK_JUMP_MS;
}

/* What passed since the turn before. */
static int64_t passed_ms(const struct turn *turn, const struct clock_reading *clock)
{
    int64_t passed = turn->read ? clock->boot_ms - turn->last.boot_ms : 0;
    return passed > 0 ? passed : 0;
}

int64_t turn_time(const struct turn *turn, const struct clock_reading *clock)
{
    int64_t passed = passed_ms(turn, clock);
    if (engine_clock_held(turn->engine) || jump(clock_error(turn, clock))) {
        return turn->now + passed;
    }
    /* While the wall clock is behind, time goes at half its pace until the two meet. */
    return clock->wall_ms > turn->now ? clock->wall_ms : turn->now + (passed + turn->odd_ms) / 2;
}

void turn_begin(struct turn *turn, const struct clock_reading *clock)
{
    bool held = engine_clock_held(turn->engine);
    int64_t passed = passed_ms(turn, clock);
    int64_t error = held ? clock->wall_ms - (turn->now + passed) : clock_error(turn, clock);
    int64_t now = turn_time(turn, clock);
    turn->odd_ms = (passed + turn->odd_ms) % 2;
    turn->now = now;
    turn->last = *clock;
    turn->read = true;
    tables_begin(turn->tables, turn->now);
    engine_turn_begin(turn->engine, tables_sequence(turn->tables) + 1, turn->now);
    if (held != jump(error)) {
        struct command command = {.kind = COMMAND_CLOCK,
                                  .clock = {.wall_ms = clock->wall_ms,
                                            .expected_ms = clock->wall_ms - error,
                                            .agrees = held}};
        engine_command(turn->engine, &command);
    }
}

void turn_command(struct turn *turn, const struct command *command)
{
    engine_command(turn->engine, command);
}

void turn_resume(struct turn *turn)
{
    engine_resume(turn->engine);
}

/* What agents wait for goes first: they work while the rest is answered. */
static bool order_is_urgent(const struct order *order)
{
    return order->kind == ORDER_TASK || order->kind == ORDER_RECALL ||
           order->kind == ORDER_SETTLED || order->kind == ORDER_EVALUATE;
}

static void orders_carry_out(const struct turn *turn)
{
    size_t count = 0;
    const struct order *orders = engine_orders(turn->engine, &count);
    bool joins = false; /* a store's consumer is made before tasks are sent to it */
    for (size_t i = 0; i < count; i++) {
        joins = joins || orders[i].kind == ORDER_STORE_JOINED;
    }
    for (size_t i = 0; i < count && !joins; i++) {
        if (order_is_urgent(&orders[i])) {
            turn->options.order(turn->options.user, &orders[i]);
            FAULT_POINT("turn-order-given");
        }
    }
    if (turn->options.send != NULL) {
        turn->options.send(turn->options.user);
    }
    for (size_t i = 0; i < count; i++) {
        if (joins || !order_is_urgent(&orders[i])) {
            turn->options.order(turn->options.user, &orders[i]);
            FAULT_POINT("turn-order-given");
        }
    }
}

enum err turn_end(struct turn *turn, struct error *err)
{
    engine_timers(turn->engine);
    FAULT_POINT("turn-timers-run");
    engine_dispatch(turn->engine);
    FAULT_POINT("turn-dispatched");
    engine_turn_end(turn->engine);
    size_t event_count = 0;
    const struct event *events = engine_events(turn->engine, &event_count);
    FAULT_POINT("turn-before-commit");
    TRY(tables_commit(turn->tables, events, event_count, turn->options.sync, err));
    FAULT_POINT("turn-committed");
    orders_carry_out(turn);
    if (turn->options.facts != NULL && event_count > 0) {
        turn->options.facts(turn->options.user, events, event_count, tables_sequence(turn->tables),
                            turn->now);
    }
    engine_turn_done(turn->engine);
    return ERR_OK;
}

int64_t turn_next_due(const struct turn *turn)
{
    return engine_next_due(turn->engine);
}

struct engine *turn_engine(struct turn *turn)
{
    return turn->engine;
}

struct tables *turn_tables(struct turn *turn)
{
    return turn->tables;
}

/* ---- replicas ---- */

enum { REPLAY_ARENA_BYTES = 512 * 1024 * 1024 };

struct replica {
    struct tables *tables;
    struct engine *engine;
    uint64_t sequence;
};

enum err replica_create(struct kv *kv, struct replica **ret_replica, struct error *err)
{
    *ret_replica = NULL;
    struct replica *replica = calloc(1, sizeof(*replica));
    CHECK(replica != NULL);
    enum err code = tables_open(kv, 0, &replica->tables, err);
    if (code != ERR_OK) {
        replica_destroy(&replica);
        return code;
    }
    struct engine_options options = {.version = "replay"};
    replica->engine = engine_create(&options, &tables_port, replica->tables);
    *ret_replica = replica;
    return ERR_OK;
}

void replica_destroy(struct replica **replica)
{
    if (*replica == NULL) {
        return;
    }
    engine_destroy(&(*replica)->engine);
    tables_close(&(*replica)->tables);
    free(*replica);
    *replica = NULL;
}

enum err replica_apply(struct replica *replica, const struct journal_batch *batch,
                       struct error *err)
{
    CHECK(batch->sequence == replica->sequence + 1);
    tables_begin(replica->tables, batch->now_ms);
    engine_turn_begin(replica->engine, batch->sequence, batch->now_ms);
    for (size_t i = 0; i < batch->event_count; i++) {
        if (batch->erased[i]) {
            return error_set(err, ERR_NOT_FOUND, "batch %llu holds values whose key was erased",
                             (unsigned long long)batch->sequence);
        }
        engine_replay(replica->engine, &batch->events[i]);
    }
    engine_turn_end(replica->engine);
    enum err code = tables_commit(replica->tables, NULL, 0, false, err);
    engine_turn_done(replica->engine);
    replica->sequence = batch->sequence;
    return code;
}

uint64_t replica_sequence(const struct replica *replica)
{
    return replica->sequence;
}

const struct engine *replica_engine(const struct replica *replica)
{
    return replica->engine;
}

enum err replica_compare(struct replica *replica, struct tables *tables, struct error *err)
{
    CHECK(replica->sequence == tables_sequence(tables));
    char table = 0;
    if (!tables_state_equal(tables, replica->tables, &table)) {
        return error_set(err, ERR_CONFLICT,
                         "the tables differ from what the journal says, first in table %c", table);
    }
    return ERR_OK;
}

static enum err replay_all(struct tables *from, struct replica *to, struct arena *arena,
                           struct error *err)
{
    for (uint64_t sequence = 1; sequence <= tables_sequence(from); sequence++) {
        struct journal_batch batch;
        TRY(tables_journal(from, sequence, arena, &batch, err));
        enum err code = replica_apply(to, &batch, err);
        journal_release(&batch);
        arena_reset(arena);
        TRY(code);
    }
    return replica_compare(to, from, err);
}

enum err turn_replay(struct tables *tables, struct kv *kv, struct error *err)
{
    struct replica *to = NULL;
    TRY(replica_create(kv, &to, err));
    struct arena *arena = arena_create(REPLAY_ARENA_BYTES);
    CHECK(arena != NULL);
    enum err code = replay_all(tables, to, arena, err);
    arena_destroy(&arena);
    replica_destroy(&to);
    return code;
}

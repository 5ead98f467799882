/*
 * Books about money: what is reserved and spent in an account, as the journal tells it, and what
 * the engine makes of it.
 *
 * Threads: none.
 */
#ifndef TESTS_SIM_BUDGETS_H
#define TESTS_SIM_BUDGETS_H

struct budgets;
struct event;
struct sim;

struct budgets *budgets_create(void);
void budgets_destroy(struct budgets **it);

/* Before its effect is looked at in any tables. */
void budgets_event(struct sim *sim, struct budgets *it, const struct event *event);

/* After a turn: no account has more in it than its cap, what persons allowed and what answers cost
 * beyond their contract; and what is reserved is so for steps that are open. */
void budgets_turn(struct sim *sim, const struct budgets *it);

/* Everything has ended: nothing is reserved and no instance has an account. */
void budgets_end(struct sim *sim);

#endif

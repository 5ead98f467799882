/* What the simulator does to stores beside what kv_mem.h offers. */
#ifndef TESTS_SIM_STORES_H
#define TESTS_SIM_STORES_H

struct kv;
struct kv_options;

/* A new store in memory with the content of `from` (NULL: empty). Never NULL. */
struct kv *store_clone(struct kv *from, const struct kv_options *options);

/* The real kv_close, for stores that outlive the programs that use them. */
void store_close(struct kv **kv);

#endif

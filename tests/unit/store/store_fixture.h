/* A store under test with its own directory, and short forms of the calls. */
#ifndef TESTS_UNIT_STORE_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_STORE_FIXTURE_H

#include "common/store/kv.h"
#include "common/store/kv_mem.h"

enum { FAMILY_A, FAMILY_B, FAMILY_COUNT };

extern const struct kv_options store_options;

/* Make an empty directory under $TMPDIR; its path lives in `out` of 256 bytes. */
void store_folder(char *out);

/* Remove a directory and its plain files. */
void store_folder_remove(const char *path);

/* Open with store_options or fail the test. */
struct kv *store_open(const char *path);

/* One put or delete in a batch of its own. */
enum err store_put(struct kv *kv, unsigned family, const char *key, const char *value, bool sync);
enum err store_delete(struct kv *kv, unsigned family, const char *key);

/* The value of `key` in static memory, or "(none)". */
const char *store_get(struct kv *kv, unsigned family, const char *key);

/* All keys of a range joined with spaces, in static memory; backwards on wish. */
const char *store_keys(struct kv *kv, const struct kv_range *range, bool backwards);

#endif

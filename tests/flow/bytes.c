/*
 * flow-bytes DIR: compact the store of a stopped coordinator and print the bytes of its families'
 * table files as JSON: {"tables":N,"journal":N}.
 */
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAMILIES = 2 };

static int fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "%s: %s\n", what, why);
    return 1;
}

static int print_bytes(rocksdb_t *db, rocksdb_column_family_handle_t **handles)
{
    static const char *const labels[FAMILIES] = {"tables", "journal"};
    for (int i = 0; i < FAMILIES; i++) {
        char *why = NULL;
        rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
        rocksdb_flush_cf(db, flush, handles[i], &why);
        rocksdb_flushoptions_destroy(flush);
        if (why != NULL) {
            return fail("cannot flush", why);
        }
        rocksdb_compact_range_cf(db, handles[i], NULL, 0, NULL, 0);
        char *bytes = rocksdb_property_value_cf(db, handles[i], "rocksdb.live-sst-files-size");
        (void)printf("%s\"%s\":%s", i == 0 ? "{" : ",", labels[i], bytes == NULL ? "0" : bytes);
        rocksdb_free(bytes);
    }
    (void)printf("}\n");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        return fail("usage", "flow-bytes DIR");
    }
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
    size_t count = 0;
    char *why = NULL;
    char **names = rocksdb_list_column_families(options, argv[1], &count, &why);
    if (why != NULL || count != FAMILIES) {
        return fail("no store with two families", why == NULL ? argv[1] : why);
    }
    const rocksdb_options_t *each[FAMILIES] = {options, options};
    rocksdb_column_family_handle_t *handles[FAMILIES];
    rocksdb_t *db = rocksdb_open_column_families(options, argv[1], FAMILIES,
                                                 (const char *const *)names, each, handles, &why);
    if (why != NULL) {
        return fail("cannot open", why);
    }
    int code = print_bytes(db, handles);
    for (int i = 0; i < FAMILIES; i++) {
        rocksdb_column_family_handle_destroy(handles[i]);
    }
    rocksdb_close(db);
    rocksdb_list_column_families_destroy(names, count);
    rocksdb_options_destroy(options);
    return code;
}

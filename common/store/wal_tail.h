/*
 * The end of a RocksDB log after a power cut.
 *
 * A file system may know the new length of a file before its bytes are there (ext4 does, of blocks
 * allocated beforehand): what was being written when the power went reads as zeros, in part or in
 * whole. RocksDB's recovery mode 0, which refuses damage in the middle (README.md), refuses that
 * too. But a record that was synced has no such hole: nobody was told that this one is stored.
 *
 * So a log whose last record has a hole, and no record after it, ends before that record. All other
 * damage stays damage. Format: github.com/facebook/rocksdb/wiki, "Write Ahead Log File Format";
 * checksums are CRC-32C (RFC 3720, appendix B.4), masked as in LevelDB.
 *
 * Threads: none. Only for a folder that nobody has open.
 */
#ifndef COMMON_STORE_WAL_TAIL_H
#define COMMON_STORE_WAL_TAIL_H

#include <stdbool.h>
#include <stddef.h>

/* Where the `size` bytes of a log end when a torn last record is left out; `size` when there is
 * none, be the log in order or damaged. */
size_t wal_tail_find(const unsigned char *bytes, size_t size);

/* Cut a torn last record off the newest log in the store's folder. True when that was done. */
bool wal_tail_cut(const char *path);

#endif

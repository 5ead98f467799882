#include "common/store/wal_tail.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/str.h"

enum {
    BLOCK_BYTES = 32768,
    SECTOR_BYTES = 512,
    HEADER_BYTES = 7, /* checksum 4, length 2, type 1; the type counts for the checksum */
    TYPE_AT = 6,
    HOLE_LEAST = 16, /* zeros that are no hole yet, unless the log ends with them */
};

/* The whole of a record, or a part of it. */
enum record_type { RECORD_FULL = 1, RECORD_FIRST = 2, RECORD_MIDDLE = 3, RECORD_LAST = 4 };

static uint32_t crc32c(const unsigned char *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? UINT32_C(0x82F63B78) : 0);
        }
    }
    return ~crc;
}

static uint32_t masked(uint32_t crc)
{
    return ((crc >> 15U) | (crc << 17U)) + UINT32_C(0xA282EAD8);
}

/* Bytes of the part at `at`, its header included; 0 when there is none in order. */
static size_t part_size(const unsigned char *bytes, size_t size, size_t at)
{
    size_t room = BLOCK_BYTES - at % BLOCK_BYTES;
    room = room < size - at ? room : size - at;
    if (room < HEADER_BYTES || bytes[at + TYPE_AT] < RECORD_FULL ||
        bytes[at + TYPE_AT] > RECORD_LAST) {
        return 0;
    }
    const unsigned char *head = bytes + at;
    size_t length = head[4] | (size_t)head[5] << 8U;
    uint32_t crc =
        head[0] | (uint32_t)head[1] << 8U | (uint32_t)head[2] << 16U | (uint32_t)head[3] << 24U;
    bool whole = HEADER_BYTES + length <= room && masked(crc32c(head + TYPE_AT, 1 + length)) == crc;
    return whole ? HEADER_BYTES + length : 0;
}

static bool is_zero(const unsigned char *bytes, size_t from, size_t to)
{
    while (from < to && bytes[from] == 0) {
        from++;
    }
    return from == to;
}

/* Whether a sector of what begins at `from` is missing. */
static bool has_hole(const unsigned char *bytes, size_t size, size_t from)
{
    for (size_t at = from; at < size;) {
        size_t next = (at / SECTOR_BYTES + 1) * SECTOR_BYTES;
        next = next < size ? next : size;
        if ((next - at >= HOLE_LEAST || next == size) && is_zero(bytes, at, next)) {
            return true;
        }
        at = next;
    }
    return false;
}

/* Whether a record begins somewhere after `from`. */
static bool has_record(const unsigned char *bytes, size_t size, size_t from)
{
    for (size_t at = from + 1; at + HEADER_BYTES <= size; at++) {
        unsigned char type = bytes[at + TYPE_AT];
        if ((type == RECORD_FULL || type == RECORD_FIRST) && part_size(bytes, size, at) > 0) {
            return true;
        }
    }
    return false;
}

size_t wal_tail_find(const unsigned char *bytes, size_t size)
{
    size_t whole = 0; /* end of the last record that is there */
    size_t at = 0;
    bool inside = false;
    while (at < size) {
        size_t rest = BLOCK_BYTES - at % BLOCK_BYTES;
        if (rest < HEADER_BYTES) {
            at += rest; /* no header fits there */
            continue;
        }
        size_t part = part_size(bytes, size, at);
        unsigned char type = part > 0 ? bytes[at + TYPE_AT] : 0;
        if (part == 0 || inside != (type == RECORD_MIDDLE || type == RECORD_LAST)) {
            break;
        }
        at += part;
        inside = type == RECORD_FIRST || type == RECORD_MIDDLE;
        whole = inside ? whole : at;
    }
    bool torn = at < size && has_hole(bytes, size, at) && !has_record(bytes, size, at);
    return torn ? whole : size;
}

/* Name of the log with the highest number that is not empty into `name`. */
static bool newest_log(DIR *folder, char name[NAME_MAX + 1])
{
    unsigned long newest = 0;
    const struct dirent *entry = NULL;
    while ((entry = readdir(folder)) != NULL) {
        char *end = NULL;
        struct stat info;
        unsigned long number = strtoul(entry->d_name, &end, 10);
        if (strcmp(end, ".log") == 0 && number > newest &&
            fstatat(dirfd(folder), entry->d_name, &info, 0) == 0 && info.st_size > 0) {
            newest = number;
            (void)text_copy(name, NAME_MAX + 1, entry->d_name);
        }
    }
    return newest > 0;
}

static bool log_cut(int fd, size_t size, const char *path, const char *name)
{
    unsigned char *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        return false;
    }
    size_t end = wal_tail_find(bytes, size);
    (void)munmap(bytes, size);
    if (end == size || ftruncate(fd, (off_t)end) != 0 || fsync(fd) != 0) {
        return false;
    }
    log_warn("store '%s': what was being written when the power went is not all there, the last "
             "%zu bytes of '%s' are left out; nobody was told that they are stored",
             path, size - end, name);
    return true;
}

bool wal_tail_cut(const char *path)
{
    char name[NAME_MAX + 1];
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return false;
    }
    struct stat info = {0};
    int fd = newest_log(folder, name) ? openat(dirfd(folder), name, O_RDWR | O_CLOEXEC) : -1;
    bool cut = fd >= 0 && fstat(fd, &info) == 0 && log_cut(fd, (size_t)info.st_size, path, name);
    if (fd >= 0) {
        (void)close(fd);
    }
    (void)closedir(folder);
    return cut;
}

#include "common/base/footprint.h"

#include <malloc.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/str.h"

/* From this size on blocks go back to the system when they are freed. */
enum { BLOCK_BYTES = 64 * 1024 };

static const uint64_t size_limit = UINT64_C(1) << 53;

static uint64_t told;

bool footprint_parse(const char *text, uint64_t *ret_bytes)
{
    static const struct {
        char letter;
        unsigned shift;
    } units[] = {{'K', 10}, {'M', 20}, {'G', 30}};
    char digits[24];
    unsigned shift = 0;
    uint64_t number = 0;
    if (!text_copy(digits, sizeof(digits), text) || digits[0] == '\0') {
        return false;
    }
    char *last = digits + strlen(digits) - 1;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (*last == units[i].letter) {
            shift = units[i].shift;
            *last = '\0';
            break;
        }
    }
    if (!text_to_u64(digits, &number) || number == 0 || number >= size_limit >> shift) {
        return false;
    }
    *ret_bytes = number << shift;
    return true;
}

void footprint_set(uint64_t bytes)
{
    CHECK(bytes > 0);
    told = bytes;
    if (bytes < FOOTPRINT_SMALL_BYTES) {
        /* Hints; without them only more memory is used. */
        (void)mallopt(M_ARENA_MAX, 1);
        (void)mallopt(M_MMAP_THRESHOLD, BLOCK_BYTES);
        (void)mallopt(M_TRIM_THRESHOLD, 2 * BLOCK_BYTES);
    }
}

uint64_t footprint_bytes(void)
{
    return told;
}

/* What the validator asks of single values: exact arithmetic, uniqueness, short text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/json/schema_private.h"
#include "common/json/text.h"

__extension__ typedef unsigned __int128 wide; /* products of two 64-bit numbers */

enum { UNIQUE_PAIRWISE = 12 };

static int int_compare(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b ? 1 : 0;
}

/* Exact order of a 64-bit integer and a double. */
static int int_compare_real(int64_t a, double b)
{
    if (b >= 9223372036854775808.0) {
        return -1;
    }
    if (b < -9223372036854775808.0) {
        return 1;
    }
    double whole = trunc(b); /* fits an int64 now */
    int order = int_compare(a, (int64_t)whole);
    if (order != 0) {
        return order;
    }
    return b > whole ? -1 : b < whole ? 1 : 0;
}

int number_compare(const json_t *a, const json_t *b)
{
    if (json_is_integer(a)) {
        return json_is_integer(b) ? int_compare(json_integer_value(a), json_integer_value(b))
                                  : int_compare_real(json_integer_value(a), json_real_value(b));
    }
    if (json_is_integer(b)) {
        return -int_compare_real(json_integer_value(b), json_real_value(a));
    }
    double x = json_real_value(a);
    double y = json_real_value(b);
    return x < y ? -1 : x > y ? 1 : 0;
}

bool number_is_integer(const json_t *value)
{
    double real = json_real_value(value);
    return json_is_integer(value) || (!(trunc(real) < real) && !(trunc(real) > real));
}

static struct decimal decimal_of(const json_t *value)
{
    return json_is_integer(value) ? decimal_of_int(json_integer_value(value))
                                  : decimal_of_real(json_real_value(value));
}

/* 10^exponent mod modulus. */
static uint64_t power_mod(uint32_t exponent, uint64_t modulus)
{
    wide result = 1 % modulus;
    wide base = 10 % modulus;
    for (; exponent > 0; exponent >>= 1U) {
        if ((exponent & 1U) != 0) {
            result = result * base % modulus;
        }
        base = base * base % modulus;
    }
    return (uint64_t)result;
}

/* value = v * 10^x, of = o * 10^y: with x >= y ask whether o divides v * 10^(x-y), else whether
 * o * 10^(y-x) divides v. Decimal throughout, so that 0.3 is a multiple of 0.1. */
bool number_is_multiple(const json_t *value, const json_t *of)
{
    struct decimal v = decimal_of(value);
    struct decimal o = decimal_of(of);
    if (v.digits == 0) {
        return true;
    }
    int32_t shift = v.exponent - o.exponent;
    if (shift >= 0) {
        wide rest = (wide)(v.digits % o.digits) * power_mod((uint32_t)shift, o.digits);
        return rest % o.digits == 0;
    }
    wide divisor = o.digits;
    for (; shift < 0; shift++) {
        divisor *= 10;
        if (divisor > v.digits) {
            return false;
        }
    }
    return v.digits % divisor == 0;
}

/* --- uniqueness ----------------------------------------------------------------------------- */

static uint64_t hash_mix(uint64_t hash, uint64_t more)
{
    hash = (hash ^ more) * 0x9E3779B97F4A7C15ULL;
    return hash ^ (hash >> 29U);
}

static uint64_t hash_bytes(const char *bytes, size_t size)
{
    uint64_t hash = 14695981039346656037ULL; /* FNV-1a */
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * 1099511628211ULL;
    }
    return hash;
}

/* Equal values (json_same) have equal hashes: numbers by their decimal, objects in any order. */
static uint64_t value_hash(const json_t *value)
{
    uint64_t hash = 0;
    if (json_is_number(value)) {
        struct decimal d = decimal_of(value);
        uint64_t sign = d.negative && d.digits != 0 ? 1 : 0;
        return hash_mix(hash_mix(3 + sign, d.digits), (uint64_t)(int64_t)d.exponent);
    }
    if (json_is_string(value)) {
        return hash_bytes(json_string_value(value), json_string_length(value));
    }
    if (json_is_array(value)) {
        hash = 5;
        for (size_t i = 0; i < json_array_size(value); i++) {
            hash = hash_mix(hash, value_hash(json_array_get(value, i)));
        }
        return hash;
    }
    if (json_is_object(value)) {
        json_t *object = json_mutable(value);
        for (void *iter = json_object_iter(object); iter != NULL;
             iter = json_object_iter_next(object, iter)) {
            uint64_t key = hash_bytes(json_object_iter_key(iter), json_object_iter_key_len(iter));
            hash += hash_mix(key, value_hash(json_object_iter_value(iter)));
        }
        return hash_mix(7, hash);
    }
    return (uint64_t)json_typeof(value);
}

struct hashed {
    uint64_t hash;
    const json_t *value;
};

static int hashed_compare(const void *left, const void *right)
{
    const struct hashed *a = left;
    const struct hashed *b = right;
    return a->hash < b->hash ? -1 : a->hash > b->hash ? 1 : 0;
}

/* Compare within runs of equal hashes only. */
static bool sorted_unique(const struct hashed *items, size_t count, size_t *work)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count && items[j].hash == items[i].hash; j++) {
            if (*work == 0) {
                return true;
            }
            (*work)--;
            if (json_same(items[i].value, items[j].value)) {
                return false;
            }
        }
    }
    return true;
}

bool items_unique(const json_t *array, size_t *work)
{
    size_t count = json_array_size(array);
    if (count <= UNIQUE_PAIRWISE) {
        for (size_t i = 0; i < count; i++) {
            for (size_t j = i + 1; j < count; j++) {
                if (json_same(json_array_get(array, i), json_array_get(array, j))) {
                    return false;
                }
            }
        }
        return true;
    }
    struct hashed *items = malloc(count * sizeof(*items));
    if (items == NULL) {
        *work = 0;
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        items[i].value = json_array_get(array, i);
        items[i].hash = value_hash(items[i].value);
    }
    qsort(items, count, sizeof(*items), hashed_compare);
    bool unique = sorted_unique(items, count, work);
    free(items);
    return unique;
}

/* --- text ----------------------------------------------------------------------------------- */

void value_excerpt(const json_t *value, char out[VALUE_TEXT_BYTES])
{
    enum { SHOWN = VALUE_TEXT_BYTES - 8 };
    struct buf text = BUF_INIT(SHOWN);
    if (json_is_object(value) || json_is_array(value)) {
        bool object = json_is_object(value);
        size_t count = object ? json_object_size(value) : json_array_size(value);
        (void)snprintf(out, VALUE_TEXT_BYTES, "%s of %zu", object ? "an object" : "an array",
                       count);
        return;
    }
    json_write(value, &text);
    if (!text.failed) {
        (void)snprintf(out, VALUE_TEXT_BYTES, "%s", text.data);
    } else {
        const char *string = json_string_value(value); /* only strings are that long */
        size_t size = json_string_length(value);
        size = text_cut(string, size > SHOWN - 8 ? SHOWN - 8 : size);
        (void)snprintf(out, VALUE_TEXT_BYTES, "\"%.*s...\"", (int)size, string);
    }
    buf_release(&text);
}

void text_excerpt(const char *text, char out[VALUE_TEXT_BYTES])
{
    size_t size = strlen(text);
    bool whole = size < VALUE_TEXT_BYTES - 4;
    size_t shown = whole ? size : text_cut(text, VALUE_TEXT_BYTES - 4);
    (void)snprintf(out, VALUE_TEXT_BYTES, "%.*s%s", (int)shown, text, whole ? "" : "...");
}

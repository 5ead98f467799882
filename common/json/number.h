/*
 * Numbers as exact decimals: what the reader, the writer and the schema validator share. Private to
 * common/json. No function depends on the locale or allocates.
 */
#ifndef COMMON_JSON_NUMBER_H
#define COMMON_JSON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* (negative ? -1 : 1) * digits * 10^exponent, without trailing zeros in `digits`; zero has exponent
 * 0. */
struct decimal {
    uint64_t digits;
    int32_t exponent;
    bool negative;
};

enum { NUMBER_TEXT_BYTES = 48 };

/* The decimal of the shortest text that reads back as `value`, which is finite. */
struct decimal decimal_of_real(double value);
struct decimal decimal_of_int(int64_t value);

bool decimal_equal(struct decimal a, struct decimal b);

/* The double nearest to `decimal`; infinite when it is too large. */
double decimal_to_real(struct decimal decimal);

/* Write `value` as JSON text that reads back as the same real; returns the length. */
size_t number_print_real(double value, char out[NUMBER_TEXT_BYTES]);

/* Write `value` in decimal; returns the length. */
size_t number_print_int(int64_t value, char out[NUMBER_TEXT_BYTES]);

enum number_kind {
    NUMBER_INT,
    NUMBER_REAL,
    NUMBER_BIG_INT,   /* an integer outside 64 bits; `real` is the nearest double */
    NUMBER_INEXACT,   /* a real that would print differently; `real` is the nearest double */
    NUMBER_OVERFLOW,  /* beyond the largest double */
    NUMBER_UNDERFLOW, /* not zero and nearer to zero than the smallest double */
};

struct number {
    enum number_kind kind;
    int64_t integer;
    double real;
};

/* Classify `size` bytes that follow the number grammar of RFC 8259. */
struct number number_read(const char *text, size_t size);

#endif

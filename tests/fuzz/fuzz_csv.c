/* CSV and JSON records: what is neither XML nor X12. */
#include "tests/fuzz/fuzz_extraction.h"

/* NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_extraction(data, size);
    return 0;
}

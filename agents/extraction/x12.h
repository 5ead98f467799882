/*
 * ANSI X12 interchanges (X12.5, X12.6) as segments and elements, and the check of their envelopes.
 *
 * Reads what real senders write: a byte order mark, an ISA that is wrapped or not of fixed width,
 * segments that are indented or wrapped at 80 columns, and any segment terminator: a character of
 * one or more bytes, or the end of the line, also after a blank or a carriage return. Segments are
 * numbered from 1, which is the ISA.
 *
 * Wrong counts and references in the envelope are problems to report, not reasons to refuse.
 * Threads: none.
 */
#ifndef AGENTS_EXTRACTION_X12_H
#define AGENTS_EXTRACTION_X12_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agents/extraction/extraction.h"
#include "common/base/error.h"

struct arena;

enum {
    X12_SEGMENTS_MAX = 200000,
    X12_ELEMENTS_MAX = 64, /* of one segment, the identifier counted */
};

struct x12_segment {
    const char **elements; /* elements[0] is the segment identifier, elements[1] is -01 */
    uint32_t count;        /* elements, at least 1 */
    uint32_t number;       /* in the interchange, from 1 */
};

/* One transaction set: segments[0] is its ST, the last one its SE when it has one. */
struct x12_set {
    const struct x12_segment *segments;
    size_t count;
    const struct x12_segment *group; /* its GS; NULL without one */
    const char *type;                /* ST-01 */
};

enum x12_problem_kind {
    X12_SEGMENT_COUNT,         /* SE-01 is not the number of segments */
    X12_SET_REFERENCE,         /* SE-02 is not ST-02 */
    X12_SET_TRAILER,           /* no SE */
    X12_GROUP_COUNT,           /* GE-01 is not the number of transaction sets */
    X12_GROUP_REFERENCE,       /* GE-02 is not GS-06 */
    X12_GROUP_TRAILER,         /* no GE */
    X12_INTERCHANGE_COUNT,     /* IEA-01 is not the number of groups */
    X12_INTERCHANGE_REFERENCE, /* IEA-02 is not ISA-13 */
    X12_INTERCHANGE_TRAILER,   /* no complete IEA */
};

struct x12_problem {
    enum x12_problem_kind kind;
    uint32_t set;     /* index of the transaction set, or UINT32_MAX for the whole interchange */
    uint32_t segment; /* number of the segment that says so */
    const char *declared;
    const char *found;
};

struct x12_interchange {
    const struct x12_segment *segments;
    size_t segment_count;
    const struct x12_set *sets;
    size_t set_count;
    const struct x12_problem *problems;
    size_t problem_count;
    uint32_t cut; /* the segment in which or after which the bytes end too early; 0: nowhere */
    bool recoded; /* the bytes were not UTF-8 and were read as ISO 8859-1 */
};

/*
 * Read one interchange; everything in *ret lives in `arena`. A following interchange in the same
 * bytes is refused, because each needs its own envelope check.
 * Errors: ERR_INVALID (not an interchange), ERR_LIMIT, ERR_NOMEM; *failure then says where.
 */
MUST_CHECK enum err x12_read(const char *bytes, size_t size, struct arena *arena,
                             struct x12_interchange *ret, struct extract_failure *failure);

/* Whether the bytes start as an interchange does: "ISA" and a separator. */
bool x12_sniff(const char *bytes, size_t size);

/* Element -`index` (1 is the first after the identifier), "" when absent. */
const char *x12_element(const struct x12_segment *segment, uint32_t index);

bool x12_is(const struct x12_segment *segment, const char *identifier);

/* Segments from ST to SE, both counted. */
size_t x12_set_counted(const struct x12_set *set);

/* Stable name of a problem: "segment-count", "interchange-reference" ... */
const char *x12_problem_code(enum x12_problem_kind kind);

#endif

#include "agents/extraction/x12.h"

#include <stdio.h>
#include <string.h>

#include "agents/extraction/draft.h"
#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/str.h"

enum { ISA_ELEMENTS = 16, TERMINATOR_BYTES = 4 };

struct reader {
    const char *at;
    const char *end;
    char separator;
    char terminator[TERMINATOR_BYTES];
    size_t terminator_size; /* 0: the end of the line */
    struct arena *arena;
    struct x12_segment *segments;
    size_t count;
    size_t capacity;
    bool tail_unterminated; /* the last segment has no terminator although they have one */
    struct extract_failure *failure;
};

static enum err fail_at(struct reader *reader, enum err code, uint32_t segment, const char *reason)
{
    char place[DRAFT_PLACE_BYTES] = "";
    if (segment > 0) {
        (void)snprintf(place, sizeof(place), "segment %u", segment);
    }
    struct origin origin = {.place = place, .element = segment == 1 ? "ISA" : NULL};
    return failure_set(reader->failure, code, origin, "%s", reason);
}

static enum err out_of_memory(struct reader *reader)
{
    return fail_at(reader, ERR_NOMEM, 0, "document does not fit into the memory allowed for it");
}

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || is_line_end(c);
}

/* After a byte order mark and blanks. */
static const char *skip_start(const char *bytes, const char *end)
{
    if (end - bytes >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
        bytes += 3;
    }
    while (bytes < end && is_blank(*bytes)) {
        bytes++;
    }
    return bytes;
}

bool x12_sniff(const char *bytes, size_t size)
{
    const char *end = bytes + size;
    const char *at = skip_start(bytes, end);
    if (end - at < 4 || memcmp(at, "ISA", 3) != 0) {
        return false;
    }
    char separator = at[3];
    bool alphanumeric = (separator >= 'A' && separator <= 'Z') ||
                        (separator >= 'a' && separator <= 'z') ||
                        (separator >= '0' && separator <= '9');
    bool character =
        separator > '\0' && separator < 0x7F; /* 0x1D is usual where text may hold any */
    return !alphanumeric && character && !is_blank(separator);
}

/* The bytes as UTF-8: themselves, or recoded from ISO 8859-1. */
static enum err to_utf8(struct reader *reader, size_t size, bool *ret_recoded)
{
    *ret_recoded = !utf8_valid(reader->at, size);
    if (!*ret_recoded) {
        return ERR_OK;
    }
    char *text = arena_alloc(reader->arena, 2 * size);
    if (text == NULL) {
        return out_of_memory(reader);
    }
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)reader->at[i];
        if (c >= 0x80) {
            text[used++] = (char)(0xC0U | (c >> 6U));
            c = (unsigned char)(0x80U | (c & 0x3FU));
        }
        text[used++] = (char)c;
    }
    reader->at = text;
    reader->end = text + used;
    return ERR_OK;
}

static size_t character_size(const char *at, const char *end)
{
    size_t size = 1;
    while (at + size < end && ((unsigned char)at[size] & 0xC0U) == 0x80U) {
        size++;
    }
    return size;
}

/* The last character of the line after `at` that is not a blank, or 0. */
static char last_of_next_line(const char *at, const char *end)
{
    char last = 0;
    while (at < end && !is_line_end(*at)) {
        last = *at == ' ' || *at == '\t' ? last : *at;
        at++;
    }
    return last;
}

/*
 * `at` is behind the 16th separator of the ISA: element 16, which is one character, then the
 * terminator up to the next segment. When only one character stands before the end of the line, it
 * is the terminator of an ISA with an empty element 16 if the next line ends with it too, else it
 * is element 16 and lines end segments.
 */
static enum err find_terminator(struct reader *reader, const char *at)
{
    if (at >= reader->end) {
        return fail_at(reader, ERR_INVALID, 1, "interchange ends within its header");
    }
    const char *component = at;
    at += character_size(at, reader->end);
    const char *after = at;
    while (at < reader->end && is_blank(*at)) {
        at++;
    }
    bool line_between = memchr(after, '\n', (size_t)(at - after)) != NULL ||
                        memchr(after, '\r', (size_t)(at - after)) != NULL;
    const char *from = at;
    size_t size = at < reader->end ? character_size(at, reader->end) : 0;
    if (line_between) {
        bool repeated = after - component == 1 && last_of_next_line(at, reader->end) == *component;
        from = component;
        size = repeated ? 1 : 0;
    }
    if (!line_between && size == 0) {
        return fail_at(reader, ERR_INVALID, 1, "interchange ends with its header");
    }
    if (size > TERMINATOR_BYTES || (size == 1 && *from == reader->separator)) {
        return fail_at(reader, ERR_INVALID, 1, "segment terminator cannot be told");
    }
    memcpy(reader->terminator, from, size);
    reader->terminator_size = size;
    return ERR_OK;
}

/* Reads the separators from the ISA; the reader stays at its first byte. */
static enum err read_header(struct reader *reader)
{
    if (!x12_sniff(reader->at, (size_t)(reader->end - reader->at))) {
        return fail_at(reader, ERR_INVALID, 1, "interchange does not start with ISA");
    }
    reader->separator = reader->at[3];
    const char *at = reader->at;
    int separators = 0;
    while (at < reader->end && separators < ISA_ELEMENTS) {
        separators += *at == reader->separator ? 1 : 0;
        at++;
    }
    if (separators < ISA_ELEMENTS) {
        return fail_at(reader, ERR_INVALID, 1, "header has fewer than 16 elements");
    }
    while (at < reader->end && is_line_end(*at)) {
        at++;
    }
    return find_terminator(reader, at);
}

/* The end of the segment at reader->at; *ret_next is behind its terminator. */
static const char *find_end(struct reader *reader, const char **ret_next)
{
    const char *at = reader->at;
    if (reader->terminator_size == 0) {
        while (at < reader->end && !is_line_end(*at)) {
            at++;
        }
        *ret_next = at;
        return at;
    }
    const char *found =
        memmem(at, (size_t)(reader->end - at), reader->terminator, reader->terminator_size);
    reader->tail_unterminated = found == NULL;
    *ret_next = found == NULL ? reader->end : found + reader->terminator_size;
    return found == NULL ? reader->end : found;
}

/* Copy without line breaks; a segment ended by its line also loses trailing blanks. */
static char *copy_segment(struct reader *reader, const char *end)
{
    size_t size = (size_t)(end - reader->at);
    char *text = arena_alloc(reader->arena, size + 1);
    if (text == NULL) {
        return NULL;
    }
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        if (!is_line_end(reader->at[i])) {
            text[used++] = reader->at[i];
        }
    }
    bool trim = reader->terminator_size == 0 || reader->tail_unterminated;
    while (trim && used > 0 && is_blank(text[used - 1])) {
        used--;
    }
    text[used] = '\0';
    return text;
}

static enum err split_elements(struct reader *reader, char *text, struct x12_segment *segment)
{
    uint32_t count = 1;
    for (const char *at = text; *at != '\0'; at++) {
        count += *at == reader->separator ? 1 : 0;
    }
    if (count > X12_ELEMENTS_MAX) {
        return fail_at(reader, ERR_LIMIT, segment->number, "segment has more than 63 elements");
    }
    segment->elements = ARENA_ARRAY(reader->arena, const char *, count);
    if (segment->elements == NULL) {
        return out_of_memory(reader);
    }
    uint32_t index = 0;
    segment->elements[index++] = text;
    for (char *at = text; *at != '\0'; at++) {
        if (*at == reader->separator) {
            *at = '\0';
            segment->elements[index++] = at + 1;
        }
    }
    segment->count = count;
    return ERR_OK;
}

static bool valid_identifier(const char *text)
{
    size_t size = strlen(text);
    if (size < 2 || size > 3 || text[0] < 'A' || text[0] > 'Z') {
        return false;
    }
    for (size_t i = 1; i < size; i++) {
        bool plain = (text[i] >= 'A' && text[i] <= 'Z') || (text[i] >= '0' && text[i] <= '9');
        if (!plain) {
            return false;
        }
    }
    return true;
}

static enum err grow(struct reader *reader)
{
    if (reader->count < reader->capacity) {
        return ERR_OK;
    }
    if (reader->count >= X12_SEGMENTS_MAX) {
        return fail_at(reader, ERR_LIMIT, X12_SEGMENTS_MAX, "more than 200000 segments");
    }
    size_t capacity = reader->capacity == 0 ? 64 : reader->capacity * 2;
    struct x12_segment *segments = ARENA_ARRAY(reader->arena, struct x12_segment, capacity);
    if (segments == NULL) {
        return out_of_memory(reader);
    }
    if (reader->count > 0) {
        memcpy(segments, reader->segments, reader->count * sizeof(segments[0]));
    }
    reader->segments = segments;
    reader->capacity = capacity;
    return ERR_OK;
}

static enum err read_segment(struct reader *reader)
{
    TRY(grow(reader));
    const char *next = NULL;
    const char *end = find_end(reader, &next);
    char *text = copy_segment(reader, end);
    if (text == NULL) {
        return out_of_memory(reader);
    }
    CHECK(reader->segments != NULL);
    struct x12_segment *segment = &reader->segments[reader->count];
    *segment = (struct x12_segment){.number = (uint32_t)reader->count + 1};
    TRY(split_elements(reader, text, segment));
    if (!valid_identifier(segment->elements[0])) {
        char reason[96];
        (void)snprintf(reason, sizeof(reason), "'%.20s' is not a segment identifier",
                       segment->elements[0]);
        return fail_at(reader, ERR_INVALID, segment->number, reason);
    }
    reader->count++;
    reader->at = next;
    return ERR_OK;
}

static enum err read_segments(struct reader *reader)
{
    for (;;) {
        while (reader->at < reader->end && is_blank(*reader->at)) {
            reader->at++;
        }
        if (reader->at >= reader->end) {
            break;
        }
        TRY(read_segment(reader));
        const struct x12_segment *last = &reader->segments[reader->count - 1];
        if (reader->count > 1 && x12_is(last, "ISA")) {
            return fail_at(reader, ERR_UNSUPPORTED, last->number,
                           "a second interchange starts here; send each on its own");
        }
    }
    return ERR_OK;
}

const char *x12_element(const struct x12_segment *segment, uint32_t index)
{
    return index < segment->count ? segment->elements[index] : "";
}

bool x12_is(const struct x12_segment *segment, const char *identifier)
{
    return strcmp(segment->elements[0], identifier) == 0;
}

size_t x12_set_counted(const struct x12_set *set)
{
    return set->count;
}

const char *x12_problem_code(enum x12_problem_kind kind)
{
    switch (kind) {
    case X12_SEGMENT_COUNT:
        return "segment-count";
    case X12_SET_REFERENCE:
        return "transaction-set-reference";
    case X12_SET_TRAILER:
        return "transaction-set-trailer";
    case X12_GROUP_COUNT:
        return "group-count";
    case X12_GROUP_REFERENCE:
        return "group-reference";
    case X12_GROUP_TRAILER:
        return "group-trailer";
    case X12_INTERCHANGE_COUNT:
        return "interchange-count";
    case X12_INTERCHANGE_REFERENCE:
        return "interchange-reference";
    case X12_INTERCHANGE_TRAILER:
        return "interchange-trailer";
    }
    UNREACHABLE();
}

/* The envelope while it is walked. */
struct envelope {
    struct arena *arena;
    struct x12_set *sets;
    size_t set_count;
    struct x12_problem *problems;
    size_t problem_count;
    size_t problem_max;
    const struct x12_segment *group;
    size_t group_sets;
    size_t groups;
    bool set_open;
    uint32_t cut; /* the segment in which or after which the bytes end too early; 0: nowhere */
};

static void add_problem(struct envelope *envelope, enum x12_problem_kind kind, uint32_t segment,
                        const char *declared, const char *found)
{
    if (envelope->problem_count >= envelope->problem_max) {
        return;
    }
    bool of_set = kind == X12_SEGMENT_COUNT || kind == X12_SET_REFERENCE || kind == X12_SET_TRAILER;
    struct x12_problem *problem = &envelope->problems[envelope->problem_count++];
    *problem = (struct x12_problem){
        .kind = kind,
        .set = of_set ? (uint32_t)envelope->set_count - 1 : UINT32_MAX,
        .segment = segment,
        .declared = declared,
        .found = found,
    };
}

static void check_count(struct envelope *envelope, enum x12_problem_kind kind,
                        const struct x12_segment *segment, size_t found)
{
    const char *declared = x12_element(segment, 1);
    uint64_t value = 0;
    if (text_to_u64(declared, &value) && value == found) {
        return;
    }
    const char *text = arena_printf(envelope->arena, "%zu", found);
    add_problem(envelope, kind, segment->number, declared, text == NULL ? "" : text);
}

static void check_reference(struct envelope *envelope, enum x12_problem_kind kind,
                            const struct x12_segment *segment, const char *expected)
{
    const char *declared = x12_element(segment, 2);
    if (strcmp(declared, expected) != 0) {
        add_problem(envelope, kind, segment->number, declared, expected);
    }
}

static void close_set(struct envelope *envelope, uint32_t number)
{
    if (envelope->set_open) {
        add_problem(envelope, X12_SET_TRAILER, number, "", "");
        envelope->set_open = false;
    }
}

static void close_group(struct envelope *envelope, uint32_t number)
{
    close_set(envelope, number);
    if (envelope->group != NULL) {
        add_problem(envelope, X12_GROUP_TRAILER, number, "", "");
        envelope->group = NULL;
    }
}

static void open_set(struct envelope *envelope, const struct x12_segment *segment)
{
    close_set(envelope, segment->number);
    envelope->sets[envelope->set_count++] = (struct x12_set){
        .segments = segment, .group = envelope->group, .type = x12_element(segment, 1)};
    envelope->group_sets++;
    envelope->set_open = true;
}

static void end_set(struct envelope *envelope, const struct x12_segment *segment)
{
    if (!envelope->set_open) {
        return;
    }
    const struct x12_set *set = &envelope->sets[envelope->set_count - 1];
    check_count(envelope, X12_SEGMENT_COUNT, segment, x12_set_counted(set));
    check_reference(envelope, X12_SET_REFERENCE, segment, x12_element(set->segments, 2));
    envelope->set_open = false;
}

static void end_group(struct envelope *envelope, const struct x12_segment *segment)
{
    close_set(envelope, segment->number);
    if (envelope->group != NULL) {
        check_count(envelope, X12_GROUP_COUNT, segment, envelope->group_sets);
        check_reference(envelope, X12_GROUP_REFERENCE, segment, x12_element(envelope->group, 6));
    }
    envelope->group = NULL;
}

static void walk_segment(struct envelope *envelope, const struct x12_segment *segment)
{
    if (envelope->set_open && !x12_is(segment, "ST") && !x12_is(segment, "GS")) {
        envelope->sets[envelope->set_count - 1].count++;
    }
    if (x12_is(segment, "GS")) {
        close_group(envelope, segment->number);
        envelope->group = segment;
        envelope->group_sets = 0;
        envelope->groups++;
    } else if (x12_is(segment, "ST")) {
        open_set(envelope, segment);
        envelope->sets[envelope->set_count - 1].count = 1;
    } else if (x12_is(segment, "SE")) {
        end_set(envelope, segment);
    } else if (x12_is(segment, "GE")) {
        if (envelope->set_open) {
            envelope->sets[envelope->set_count - 1].count--;
        }
        end_group(envelope, segment);
    }
}

/* Sets, and what their envelope gets wrong. */
static void walk_envelope(struct envelope *envelope, const struct reader *reader)
{
    CHECK(reader->count > 0);
    CHECK(reader->segments != NULL);
    const struct x12_segment *header = &reader->segments[0];
    const struct x12_segment *trailer = NULL;
    for (size_t i = 1; i < reader->count && trailer == NULL; i++) {
        const struct x12_segment *segment = &reader->segments[i];
        if (x12_is(segment, "IEA")) {
            trailer = segment;
            close_group(envelope, segment->number);
        } else {
            walk_segment(envelope, segment);
        }
    }
    const struct x12_segment *end = &reader->segments[reader->count - 1];
    if (reader->tail_unterminated && trailer == NULL) {
        envelope->cut = end->number;
    }
    if (trailer != NULL && reader->tail_unterminated && trailer == end) {
        trailer = NULL; /* it may be cut: "00012" of "000123" */
    }
    if (trailer == NULL) {
        uint32_t last = end->number;
        envelope->cut = envelope->set_open ? last : envelope->cut;
        close_group(envelope, last);
        add_problem(envelope, X12_INTERCHANGE_TRAILER, last, "", "");
        return;
    }
    if (envelope->groups > 0) {
        check_count(envelope, X12_INTERCHANGE_COUNT, trailer, envelope->groups);
    }
    check_reference(envelope, X12_INTERCHANGE_REFERENCE, trailer, x12_element(header, 13));
}

static enum err check_envelope(struct reader *reader, struct x12_interchange *ret)
{
    size_t sets = 0;
    size_t envelopes = 1;
    for (size_t i = 0; i < reader->count; i++) {
        sets += x12_is(&reader->segments[i], "ST") ? 1 : 0;
        envelopes += x12_is(&reader->segments[i], "GS") ? 1 : 0;
    }
    size_t problem_max = 3 * (sets + envelopes);
    struct envelope envelope = {
        .arena = reader->arena,
        .sets = ARENA_ARRAY(reader->arena, struct x12_set, sets + 1),
        .problems = ARENA_ARRAY(reader->arena, struct x12_problem, problem_max),
        .problem_max = problem_max,
    };
    if (envelope.sets == NULL || envelope.problems == NULL) {
        return out_of_memory(reader);
    }
    walk_envelope(&envelope, reader);
    ret->segments = reader->segments;
    ret->segment_count = reader->count;
    ret->sets = envelope.sets;
    ret->set_count = envelope.set_count;
    ret->problems = envelope.problems;
    ret->problem_count = envelope.problem_count;
    ret->cut = envelope.cut;
    return arena_overflowed(reader->arena) ? out_of_memory(reader) : ERR_OK;
}

enum err x12_read(const char *bytes, size_t size, struct arena *arena, struct x12_interchange *ret,
                  struct extract_failure *failure)
{
    struct reader reader = {.arena = arena, .failure = failure, .end = bytes + size};
    const char *nul = size == 0 ? NULL : memchr(bytes, '\0', size);
    if (nul != NULL) {
        struct origin origin = {.element = "byte"};
        return failure_set(failure, ERR_INVALID, origin, "a NUL byte at offset %zu",
                           (size_t)(nul - bytes));
    }
    reader.at = skip_start(bytes, reader.end);
    bool recoded = false;
    TRY(to_utf8(&reader, (size_t)(reader.end - reader.at), &recoded));
    TRY(read_header(&reader));
    TRY(read_segments(&reader));
    *ret = (struct x12_interchange){.recoded = recoded};
    return check_envelope(&reader, ret);
}

/*
 * The native evaluator against libjq: the published expressions of the specification, and
 * expressions made from a seed, over values made from the same seed. What both evaluate must be the
 * same value; what one refuses the other must refuse too, but for the listed stricter rules of
 * ours.
 */
#include <criterion/criterion.h>
#include <jq.h>
#include <jv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "coordinator/definition/expr.h"
#include "tests/unit/definition/load_file.h"

enum { GENERATED = 3000, INPUTS_PER_EXPRESSION = 3, PER_PROGRAM = 50 };

/* jq 1.6 loses memory of its own on several errors; ours is still watched. */
/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): LeakSanitizer's name */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);

/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): LeakSanitizer's name */
const char *__lsan_default_suppressions(void)
{
    return "leak:libjq";
}

static uint64_t seed_of_run(void)
{
    const char *text = getenv("SEED");
    uint64_t seed = 20261122;
    if (text != NULL) {
        cr_assert(text_to_u64(text, &seed));
    }
    printf("SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

static unsigned pick(uint64_t *state, unsigned count)
{
    return (unsigned)(next_random(state) % count);
}

static const char *one_of(uint64_t *state, const char *const *list)
{
    unsigned count = 0;
    while (list[count] != NULL) {
        count++;
    }
    return list[pick(state, count)];
}

static json_t *make_value(uint64_t *state, unsigned depth)
{
    static const char *const texts[] = {
        "", "a", "b", "ab", "a,b", "12", "x y", "\xc3\xa9t\xc3\xa9", NULL};
    static const char *const keys[] = {"a", "b", "c", "key", "value", "name", NULL};
    unsigned kind = pick(state, depth == 0 ? 6 : 10);
    json_t *made;
    switch (kind) {
    case 0:
        return json_null();
    case 1:
        return json_boolean(pick(state, 2));
    case 2:
    case 3:
        return json_integer((json_int_t)pick(state, 12) - 4);
    case 4:
        return json_real((double)pick(state, 40) / 4 - 3);
    case 5:
        return json_string(one_of(state, texts));
    case 6:
    case 7:
        made = json_array();
        for (unsigned i = pick(state, 4); i > 0; i--) {
            json_array_append_new(made, make_value(state, depth - 1));
        }
        return made;
    default:
        made = json_object();
        for (unsigned i = pick(state, 4); i > 0; i--) {
            json_object_set_new(made, one_of(state, keys), make_value(state, depth - 1));
        }
        return made;
    }
}

/* Mostly containers, because most expressions refuse anything else. */
static json_t *make_input(uint64_t *state)
{
    json_t *value = make_value(state, 3);
    for (unsigned i = 0; i < 4 && json_array_size(value) + json_object_size(value) == 0; i++) {
        json_decref(value);
        value = make_value(state, 3);
    }
    return value;
}

static void make_expr(uint64_t *state, unsigned depth, struct buf *out);

static void part(uint64_t *state, unsigned depth, struct buf *out, const char *before,
                 const char *after)
{
    buf_append_str(out, before);
    make_expr(state, depth, out);
    buf_append_str(out, after);
}

/* One kind of slice only: jq 1.6 takes two slices of the same size of one array for equal. */
static void make_leaf(uint64_t *state, struct buf *out)
{
    static const char *const leaves[] = {
        ".",        ".a",    ".b",    ".a.b",       ".[0]",        ".[-1]",
        ".[\"a\"]", "1",     "2.5",   "-1",         "0",           "\"a\"",
        "\"\"",     "null",  "true",  "false",      "[]",          "{}",
        "[1,2]",    "{a:1}", "$v",    "$v.a",       ".a?",         ".[]?",
        ".[1:]",    "{a,b}", "{$v}",  "[.[]?]",     "\"x\\(.)y\"", "\"a\" * 2",
        ".[0,1]?",  "(1,2)", "empty", "[range(3)]", "range(2)",    NULL};
    buf_append_str(out, one_of(state, leaves));
}

static void make_call(uint64_t *state, unsigned depth, struct buf *out)
{
    static const char *const plain[] = {
        "length", "keys",  "values",       "not",     "tostring",       "type",         "add",
        "any",    "all",   "first",        "last",    "ascii_downcase", "ascii_upcase", "sort",
        "unique", "min",   "max",          "flatten", "to_entries",     "tojson",       "floor",
        "ceil",   "round", "from_entries", NULL};
    static const char *const filters[] = {
        "map",          "select",   "sort_by",  "group_by", "unique_by", "min_by",  "max_by",
        "first",        "last",     "isempty",  "has",      "contains",  "join",    "split",
        "startswith",   "endswith", "ltrimstr", "rtrimstr", "index",     "indices", "in",
        "with_entries", "flatten",  "any",      "all",      NULL};
    if (pick(state, 2) == 0) {
        part(state, depth - 1, out, "(", " | ");
        buf_printf(out, "%s)", one_of(state, plain));
        return;
    }
    part(state, depth - 1, out, "(", " | ");
    buf_printf(out, "%s(", one_of(state, filters));
    part(state, depth - 1, out, "", "))");
}

static void make_expr(uint64_t *state, unsigned depth, struct buf *out)
{
    static const char *const operators[] = {"+",  "-", "*",  "/",  "%",   "==", "!=", "<",
                                            "<=", ">", ">=", "//", "and", "or", NULL};
    if (depth == 0) {
        make_leaf(state, out);
        return;
    }
    switch (pick(state, 12)) {
    case 0:
    case 1:
    case 2:
        part(state, depth - 1, out, "(", " ");
        buf_append_str(out, one_of(state, operators));
        part(state, depth - 1, out, " ", ")");
        return;
    case 3:
        part(state, depth - 1, out, "(if ", " then ");
        part(state, depth - 1, out, "", " else ");
        part(state, depth - 1, out, "", " end)");
        return;
    case 4:
        part(state, depth - 1, out, "[", ", ");
        part(state, depth - 1, out, "", "]");
        return;
    case 5:
        part(state, depth - 1, out, "{a: (", "), \"b c\": (");
        part(state, depth - 1, out, "", ")}");
        return;
    case 6:
        part(state, depth - 1, out, "(", " | ");
        part(state, depth - 1, out, "", ")");
        return;
    case 7:
        part(state, depth - 1, out, "((", ") as $x | [$x, ");
        part(state, depth - 1, out, "", "])");
        return;
    case 8:
        part(state, depth - 1, out, "(reduce .[]? as $i (", "; [., $i, ");
        part(state, depth - 1, out, "", "]))");
        return;
    case 9:
        part(state, depth - 1, out, "\"<\\(", ")|\\(");
        part(state, depth - 1, out, "", ")>\"");
        return;
    default:
        make_call(state, depth, out);
    }
}

/* --- both sides ----------------------------------------------------------------------------------
 */

static const json_t *bound; /* the value of every variable in this test */

static const json_t *variable(void *user, const char *name)
{
    (void)user;
    (void)name;
    return bound;
}

/* jq 1.6 prints whole doubles without a point; bring ours to the same form. */
static json_t *plain_numbers(const json_t *value)
{
    if (json_is_real(value) && fabs(json_real_value(value)) < 9e15 &&
        floor(json_real_value(value)) >= json_real_value(value)) {
        return json_integer((json_int_t)json_real_value(value));
    }
    if (json_is_array(value)) {
        json_t *made = json_array();
        for (size_t i = 0; i < json_array_size(value); i++) {
            json_array_append_new(made, plain_numbers(json_array_get(value, i)));
        }
        return made;
    }
    if (json_is_object(value)) {
        json_t *made = json_object();
        json_t *tree = json_mutable(value);
        for (void *at = json_object_iter(tree); at; at = json_object_iter_next(tree, at)) {
            json_object_set_new(made, json_object_iter_key(at),
                                plain_numbers(json_object_iter_value(at)));
        }
        return made;
    }
    return json_incref(json_mutable(value));
}

static char *text_of(const json_t *value)
{
    struct buf out = BUF_INIT(1 << 24);
    json_t *plain = plain_numbers(value);
    json_write_canonical(plain, &out);
    json_decref(plain);
    cr_assert(!out.failed);
    return buf_detach(&out, NULL);
}

static void ignore_error(void *user, jv message)
{
    (void)user;
    jv_free(message);
}

/* All results of libjq as a JSON array text, or NULL after an error; *ret_count counts results. */
static json_t *run_jq(jq_state *jq, const char *arguments, size_t *ret_count)
{
    json_t *last = NULL;
    *ret_count = 0;
    jq_start(jq, jv_parse(arguments), 0);
    jv result;
    while (jv_is_valid(result = jq_next(jq))) {
        jv text = jv_dump_string(result, 0);
        json_decref(last);
        cr_assert_eq(json_parse(jv_string_value(text), strlen(jv_string_value(text)),
                                &(struct json_limits){.any_number = true}, &last, NULL),
                     ERR_OK);
        jv_free(text);
        (*ret_count)++;
    }
    if (jv_invalid_has_msg(jv_copy(result))) {
        json_decref(last);
        last = NULL;
        *ret_count = 0;
    }
    jv_free(result);
    return last;
}

struct tally {
    unsigned same;
    unsigned both_refuse;
    unsigned stricter;
};

/* Differences that are decisions of ours (PROFILE.md): refused here, a value in jq 1.6. */
static bool is_stricter(const char *message)
{
    static const char *const reasons[] = {"would lose digits",
                                          "is not a finite number",
                                          "divide by zero",
                                          "results instead of one",
                                          "cannot look for",
                                          "whole number",
                                          "from_entries needs",
                                          "is not a number",
                                          "fromjson",
                                          "cannot take",
                                          "has cannot look",
                                          "not kept",
                                          "text is repeated",
                                          "the depth of flatten",
                                          "bounds of",
                                          "cannot be compared with contains",
                                          NULL};
    for (size_t i = 0; reasons[i] != NULL; i++) {
        if (strstr(message, reasons[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static void compare(jq_state *jq, const struct expr *expr, const char *prefix, const json_t *input,
                    struct tally *tally)
{
    struct error err = {0};
    struct expr_scope scope = {.input = input, .variable = variable};
    json_t *ours = NULL;
    size_t count;
    struct buf arguments = BUF_INIT(1 << 20);
    enum err code = expr_eval(expr, &scope, &ours, &err);
    buf_printf(&arguments, "[%s,", prefix);
    json_write(bound, &arguments);
    buf_append_str(&arguments, ",");
    json_write(input, &arguments);
    buf_append_str(&arguments, "]");
    json_t *theirs = run_jq(jq, arguments.data, &count);
    char *mine = code == ERR_OK ? text_of(ours) : NULL;
    char *other = count == 1 ? text_of(theirs) : NULL;
    if (code == ERR_OK && count == 1) {
        cr_expect_str_eq(mine, other, "%s\n  over %s", expr_text(expr), arguments.data);
        tally->same++;
    } else if (code == ERR_OK) {
        cr_expect(false, "%s gives %s here and %zu results or an error in jq\n  over %s",
                  expr_text(expr), mine, count, arguments.data);
    } else if (count == 1) {
        cr_expect(is_stricter(err.message), "%s gives %s in jq, here: %s\n  over %s",
                  expr_text(expr), other, err.message, arguments.data);
        tally->stricter++;
    } else {
        tally->both_refuse++;
    }
    free(mine);
    free(other);
    json_decref(ours);
    json_decref(theirs);
    buf_release(&arguments);
}

static jq_state *compile_jq(const char *program)
{
    jq_state *jq = jq_init();
    cr_assert_not_null(jq);
    jq_set_attr(jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
    jq_set_error_cb(jq, ignore_error, NULL);
    if (!jq_compile(jq, program)) {
        jq_teardown(&jq);
        return NULL;
    }
    return jq;
}

/* jq 1.6 folds constants when compiling and refuses a whole program for 1 / 0 in it. */
static bool divides_by_constant_zero(const char *text)
{
    return strstr(text, "/ 0)") != NULL || strstr(text, "% 0)") != NULL;
}

/* Compiling is what costs (30 ms with jq 1.6), so many expressions make one program. */
static void compare_batch(struct expr **exprs, size_t count, uint64_t *state, struct tally *tally)
{
    struct buf program = BUF_INIT(1 << 22);
    buf_append_str(&program, ". as [$n, $v, $in] | $in | ");
    for (size_t i = 0; i < count; i++) {
        buf_printf(&program, "if $n == %zu then (%s) else ", i, expr_text(exprs[i]));
    }
    buf_append_str(&program, "null");
    for (size_t i = 0; i < count; i++) {
        buf_append_str(&program, " end");
    }
    jq_state *jq = compile_jq(program.data);
    cr_assert_not_null(jq, "jq does not compile %s", program.data);
    for (size_t i = 0; i < count; i++) {
        for (unsigned j = 0; j < INPUTS_PER_EXPRESSION; j++) {
            char number[24];
            json_t *input = make_input(state);
            json_t *v = make_value(state, 2);
            bound = v;
            snprintf(number, sizeof(number), "%zu", i);
            compare(jq, exprs[i], number, input, tally);
            json_decref(input);
            json_decref(v);
        }
    }
    jq_teardown(&jq);
    buf_release(&program);
}

Test(differential, generated_expressions_mean_what_they_mean_in_jq, .timeout = 300)
{
    uint64_t state = seed_of_run();
    struct tally tally = {0};
    struct expr *batch[PER_PROGRAM];
    for (unsigned done = 0; done < GENERATED; done += PER_PROGRAM) {
        for (size_t i = 0; i < PER_PROGRAM; i++) {
            struct buf text = BUF_INIT(1 << 16);
            struct error err = {0};
            do {
                buf_clear(&text);
                make_expr(&state, 1 + pick(&state, 3), &text);
            } while (divides_by_constant_zero(text.data));
            cr_assert_eq(expr_compile(text.data, 0, &batch[i], &err), ERR_OK, "%s: %s", text.data,
                         err.message);
            cr_expect(expr_is_native(batch[i]), "%s", text.data);
            buf_release(&text);
        }
        compare_batch(batch, PER_PROGRAM, &state, &tally);
        for (size_t i = 0; i < PER_PROGRAM; i++) {
            expr_destroy(&batch[i]);
        }
    }
    printf("%u same, %u refused by both, %u refused here only\n", tally.same, tally.both_refuse,
           tally.stricter);
    cr_expect_gt(tally.same, GENERATED / 2);
    cr_expect_lt(tally.stricter, GENERATED / 2);
}

/* Published expressions that are not jq or need what no expression gets. */
static bool compiles_in_jq(const char *text, size_t variables, const char *const *names)
{
    struct buf program = BUF_INIT(1 << 20);
    buf_append_str(&program, ". as [$__n, $__v, $__in] | ");
    for (size_t i = 0; i < variables; i++) {
        buf_printf(&program, "$__v as $%s | ", names[i]);
    }
    buf_printf(&program, "$__in | (%s)", text);
    jq_state *jq = compile_jq(program.data);
    buf_release(&program);
    bool compiles = jq != NULL;
    if (jq != NULL) {
        jq_teardown(&jq);
    }
    return compiles;
}

static void compare_published(const char *text, uint64_t *state, struct tally *tally)
{
    struct expr *expr = NULL;
    struct error err = {0};
    const char *const *names;
    if (expr_compile(text, 0, &expr, &err) != ERR_OK) {
        cr_expect(!compiles_in_jq(text, 0, NULL) || strstr(err.message, "not available") != NULL,
                  "%s: %s", text, err.message);
        tally->both_refuse++;
        return;
    }
    size_t count = expr_variables(expr, &names);
    struct buf program = BUF_INIT(1 << 20);
    buf_append_str(&program, ". as [$__n, $__v, $__in] | ");
    for (size_t i = 0; i < count; i++) {
        buf_printf(&program, "$__v as $%s | ", names[i]);
    }
    buf_printf(&program, "$__in | (%s)", text);
    jq_state *jq = compile_jq(program.data);
    cr_expect_not_null(jq, "%s compiles here but not in jq", text);
    for (unsigned i = 0; jq != NULL && expr_is_native(expr) && i < 20; i++) {
        json_t *input = make_value(state, 3);
        json_t *v = make_value(state, 3);
        bound = v;
        compare(jq, expr, "0", input, tally);
        json_decref(input);
        json_decref(v);
    }
    if (jq != NULL) {
        jq_teardown(&jq);
    }
    buf_release(&program);
    expr_destroy(&expr);
}

Test(differential, published_expressions_mean_what_they_mean_in_jq, .timeout = 300)
{
    uint64_t state = seed_of_run();
    struct tally tally = {0};
    size_t size;
    char *text = read_file("ows/expressions.json", &size);
    json_t *list = NULL;
    cr_assert_eq(json_parse(text, size, NULL, &list, NULL), ERR_OK);
    for (size_t i = 0; i < json_array_size(list); i++) {
        compare_published(json_string_value(json_array_get(list, i)), &state, &tally);
    }
    printf("%zu expressions: %u same, %u refused by both, %u refused here only\n",
           json_array_size(list), tally.same, tally.both_refuse, tally.stricter);
    json_decref(list);
    free(text);
}

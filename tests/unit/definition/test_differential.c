/*
 * The native evaluator against libjq: the published expressions of the specification, and
 * expressions made from a seed, over values made from the same seed. What both evaluate must be the
 * same value; what one refuses the other must refuse too, but for the listed stricter rules of
 * ours. A mismatch is shrunk: to a part of the expression, and to less of the values.
 *
 * SEED and EXPRESSIONS (how many are generated) come from the environment.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "coordinator/definition/expr.h"
#include "tests/unit/definition/jq_answers.h"
#include "tests/unit/definition/load_file.h"

enum { GENERATED = 3000, SHRINK_STEPS = 200, INPUTS_PER_EXPRESSION = 3, PER_PROGRAM = 50 };

enum { QUESTIONS_MAX = PER_PROGRAM * INPUTS_PER_EXPRESSION, INPUTS_PER_PUBLISHED = 20 };

static uint64_t number_of_run(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);
    if (text != NULL) {
        cr_assert(text_to_u64(text, &fallback));
    }
    printf("%s=%llu\n", name, (unsigned long long)fallback);
    return fallback;
}

static uint64_t seed_of_run(void)
{
    return number_of_run("SEED", 20261122);
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
    if (pick(state, 2) == 0) { /* what the leaves ask for, so that fewer expressions only fail */
        json_t *made = json_object();
        json_object_set_new(made, "a", make_value(state, 1));
        json_object_set_new(made, "b", make_value(state, 2));
        return made;
    }
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
        "length",         "keys",         "keys_unsorted", "values",   "not",   "tostring",
        "type",           "add",          "any",           "all",      "first", "last",
        "ascii_downcase", "ascii_upcase", "sort",          "unique",   "min",   "max",
        "flatten",        "to_entries",   "tojson",        "floor",    "ceil",  "round",
        "from_entries",   "reverse",      "tonumber",      "fromjson", NULL};
    static const char *const filters[] = {
        "map",          "select",   "sort_by",   "group_by",  "unique_by", "min_by",  "max_by",
        "first",        "last",     "isempty",   "has",       "contains",  "join",    "split",
        "startswith",   "endswith", "ltrimstr",  "rtrimstr",  "index",     "indices", "in",
        "with_entries", "flatten",  "any(first", "all(first", NULL};
    if (pick(state, 2) == 0) {
        part(state, depth - 1, out, "(", " | ");
        buf_printf(out, "%s)", one_of(state, plain));
        return;
    }
    part(state, depth - 1, out, "(", " | ");
    /* any and all take the first result of a condition here and in jq 1.7, not in jq 1.6, which is
     * also wrong after an element for which there is none: so a condition has one. */
    const char *filter = one_of(state, filters);
    bool condition = strchr(filter, '(') != NULL;
    buf_printf(out, "%s(%s", filter, condition ? "(" : "");
    part(state, depth - 1, out, "", condition ? "), null)))" : "))");
}

static void make_expr(uint64_t *state, unsigned depth, struct buf *out)
{
    static const char *const operators[] = {"+",  "-", "*",  "/",  "%",   "==", "!=", "<",
                                            "<=", ">", ">=", "//", "and", "or", NULL};
    if (depth == 0) {
        make_leaf(state, out);
        return;
    }
    switch (pick(state, 14)) {
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
        /* one start value: several are an error of ours, whatever else is wrong */
        part(state, depth - 1, out, "(reduce .[]? as $i ([", "]; [., $i, ");
        part(state, depth - 1, out, "", "]))");
        return;
    case 9:
        part(state, depth - 1, out, "[first(", ")]");
        return;
    case 10:
        part(state, depth - 1, out, "[limit(2; ", ")]");
        return;
    case 11:
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

struct tally {
    unsigned same;
    unsigned both_refuse;
    unsigned stricter;
    unsigned unanswered; /* jq did not come to an end */
};

/* jq 1.6 refuses numbers as keys of from_entries, jq 1.7 takes their text, and so does ours. */
static const char *const program_head =
    "def _entries: from_entries; "
    "def from_entries: map(if type == \"object\" then "
    "reduce (\"key\", \"Key\", \"name\", \"Name\") as $k "
    "(.; if .[$k] | type == \"number\" then .[$k] |= tojson else . end) else . end) | _entries; "
    "def with_entries(f): to_entries | map(f) | from_entries; ";

/* One comparison to make: the values belong to it. */
struct question {
    const struct expr *expr;
    json_t *input;
    json_t *v;      /* the value of every variable */
    char *argument; /* for jq: [number of the expression in its program, v, input] */
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

/* jq 1.6 counts bytes in index and indices, jq 1.7 and this evaluator characters. */
static bool counts_bytes(const char *text, const char *argument)
{
    bool counts = strstr(text, "index(") != NULL || strstr(text, "indices(") != NULL;
    for (size_t i = 0; counts && argument[i] != '\0'; i++) {
        if ((unsigned char)argument[i] > 0x7F) {
            return true;
        }
    }
    return false;
}

static char *argument_of(size_t number, const json_t *v, const json_t *input)
{
    struct buf out = BUF_INIT(1 << 20);
    buf_printf(&out, "[%zu,", number);
    json_write(v, &out);
    buf_append_str(&out, ",");
    json_write(input, &out);
    buf_append_str(&out, "]");
    cr_assert(!out.failed);
    return buf_detach(&out, NULL);
}

/* jq has a negative zero and prints it, in texts too; here there is one zero. */
static void one_zero(char *text)
{
    char *to = text;
    for (const char *at = text; *at != '\0'; at++) {
        bool alone = at == text || strchr("0123456789eE", at[-1]) == NULL;
        bool zero =
            at[0] == '-' && at[1] == '0' && (at[2] == '\0' || strchr(".0123456789", at[2]) == NULL);
        if (!zero || !alone) {
            *to++ = *at;
        }
    }
    *to = '\0';
}

/* What jq printed, in the form of text_of. */
static char *jq_text(const struct jq_answer *answer)
{
    json_t *value = NULL;
    cr_assert_eq(json_parse(answer->last, strlen(answer->last),
                            &(struct json_limits){.any_number = true}, &value, NULL),
                 ERR_OK);
    char *text = text_of(value);
    one_zero(text);
    json_decref(value);
    return text;
}

/* One comparison; false on a mismatch, which `out` then tells. */
static bool agrees(const struct question *question, const struct jq_answer *answer,
                   struct tally *tally, struct buf *out)
{
    struct error err = {0};
    struct expr_scope scope = {.input = question->input, .variable = variable};
    json_t *ours = NULL;
    bound = question->v;
    enum err code = expr_eval(question->expr, &scope, &ours, &err);
    char *mine = code == ERR_OK ? text_of(ours) : NULL;
    char *other = answer->count == 1 ? jq_text(answer) : NULL;
    bool same = true;
    if (answer->count == JQ_NO_ANSWER) {
        tally->unanswered++;
    } else if (code == ERR_OK) {
        same = other != NULL && strcmp(mine, other) == 0;
        tally->same += same;
    } else if (other != NULL) {
        same = is_stricter(err.message);
        tally->stricter += same;
    } else {
        tally->both_refuse++;
    }
    if (!same && counts_bytes(expr_text(question->expr), question->argument)) {
        same = true;
    }
    if (!same) {
        buf_clear(out);
        buf_printf(out, "%s\n  over %s\n  gives %s here and %s in jq", expr_text(question->expr),
                   question->argument, mine == NULL ? err.message : mine,
                   other == NULL ? "an error, nothing or several values" : other);
    }
    free(mine);
    free(other);
    json_decref(ours);
    return same;
}

/* jq 1.6 folds constants when compiling and refuses a whole program for 1 / 0 in it. */
static bool divides_by_constant_zero(const char *text)
{
    return strstr(text, "/ 0)") != NULL || strstr(text, "% 0)") != NULL;
}

/* --- shrinking -----------------------------------------------------------------------------------
 */

/* Whether the two still differ on a smaller case; `out` tells it then. */
static bool differs(const char *text, const json_t *input, const json_t *v, struct buf *out)
{
    struct expr *expr = NULL;
    struct error err = {0};
    struct tally tally = {0};
    if (divides_by_constant_zero(text) || expr_compile(text, 0, &expr, &err) != ERR_OK) {
        return false;
    }
    struct buf program = BUF_INIT(1 << 20);
    struct jq_answer answer = {0};
    struct question question = {.expr = expr,
                                .input = json_mutable(input),
                                .v = json_mutable(v),
                                .argument = argument_of(0, v, input)};
    buf_printf(&program, "%s. as [$n, $v, $in] | $in | (%s)", program_head, text);
    bool differ = expr_is_native(expr) &&
                  jq_ask(program.data, (const char *const *)&question.argument, 1, &answer) == 0 &&
                  !agrees(&question, &answer, &tally, out);
    free(answer.last);
    free(question.argument);
    buf_release(&program);
    expr_destroy(&expr);
    return differ;
}

/* Behind the bracket that closes the one at `open`; texts of generated expressions hold none. */
static size_t bracket_end(const char *text, size_t open)
{
    unsigned depth = 0;
    for (size_t i = open; text[i] != '\0'; i++) {
        if (strchr("([{", text[i]) != NULL) {
            depth++;
        } else if (strchr(")]}", text[i]) != NULL && --depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* A smaller expression that still differs: a bracketed part alone, or a part replaced by `.`. */
static bool shrink_text(struct buf *text, const json_t *input, const json_t *v, struct buf *out)
{
    struct buf smaller = BUF_INIT(1 << 16);
    bool shrunk = false;
    for (size_t i = 0; !shrunk && i < text->size; i++) {
        size_t end = strchr("([{", text->data[i]) == NULL ? 0 : bracket_end(text->data, i);
        if (end == 0) {
            continue;
        }
        for (unsigned way = 0; !shrunk && way < 2; way++) {
            buf_clear(&smaller);
            if (way == 0) {
                buf_append(&smaller, text->data + i, end - i);
            } else {
                buf_append(&smaller, text->data, i);
                buf_printf(&smaller, "(.)%s", text->data + end);
            }
            buf_append_byte(&smaller, '\0');
            smaller.size--;
            shrunk = smaller.size < text->size && differs(smaller.data, input, v, out);
        }
    }
    if (shrunk) {
        buf_clear(text);
        buf_printf(text, "%s", smaller.data);
    }
    buf_release(&smaller);
    return shrunk;
}

/* A smaller value in its place: null, one of its parts, or all but one of them. */
static json_t *smaller_value(const json_t *value, unsigned way)
{
    size_t count = json_array_size(value) + json_object_size(value);
    if (way == 0 || way > 2 * count) {
        return way == 0 && !json_is_null(value) ? json_null() : NULL;
    }
    size_t at = (way - 1) / 2;
    json_t *tree = json_mutable(value);
    const char *key = NULL;
    json_t *item = json_array_get(value, at);
    size_t place = 0;
    void *it = json_object_iter(tree);
    for (; it != NULL && place < at; place++) {
        it = json_object_iter_next(tree, it);
    }
    if (it != NULL) {
        key = json_object_iter_key(it);
        item = json_object_iter_value(it);
    }
    if (way % 2 == 1) {
        return json_incref(item);
    }
    json_t *rest = json_copy(tree);
    if (key != NULL) {
        json_object_del(rest, key);
    } else {
        json_array_remove(rest, at);
    }
    return rest;
}

static bool shrink_value(const char *text, json_t **value, const json_t *input, const json_t *v,
                         struct buf *out)
{
    bool is_input = input == *value;
    for (unsigned way = 0; way < 40; way++) {
        json_t *smaller = smaller_value(*value, way);
        if (smaller == NULL) {
            continue;
        }
        if (differs(text, is_input ? smaller : input, is_input ? v : smaller, out)) {
            json_decref(*value);
            *value = smaller;
            return true;
        }
        json_decref(smaller);
    }
    return false;
}

static void shrink(const struct question *question, struct buf *out)
{
    struct buf smaller = BUF_INIT(1 << 16);
    json_t *in = json_incref(question->input);
    json_t *v = json_incref(question->v);
    buf_printf(&smaller, "%s", expr_text(question->expr));
    for (unsigned i = 0; i < SHRINK_STEPS; i++) {
        if (!shrink_text(&smaller, in, v, out) && !shrink_value(smaller.data, &in, in, v, out) &&
            !shrink_value(smaller.data, &v, in, v, out)) {
            break;
        }
    }
    json_decref(in);
    json_decref(v);
    buf_release(&smaller);
}

static void question_make(uint64_t *state, const struct expr *expr, size_t number, unsigned v_depth,
                          struct question *ret_question)
{
    json_t *input = v_depth == 2 ? make_input(state) : make_value(state, 3);
    json_t *v = make_value(state, v_depth);
    *ret_question = (struct question){
        .expr = expr, .input = input, .v = v, .argument = argument_of(number, v, input)};
}

/* Ask jq and compare; takes what the questions hold. false: jq does not compile the program. */
static bool compare(const char *program, struct question *questions, size_t count,
                    struct tally *tally)
{
    const char *arguments[QUESTIONS_MAX];
    struct jq_answer answers[QUESTIONS_MAX] = {0};
    struct buf words = BUF_INIT(1 << 22);
    cr_assert_leq(count, QUESTIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        arguments[i] = questions[i].argument;
    }
    bool compiles = jq_ask(program, arguments, count, answers) == 0;
    for (size_t i = 0; i < count; i++) {
        if (compiles && !agrees(&questions[i], &answers[i], tally, &words)) {
            shrink(&questions[i], &words);
            cr_expect(false, "%s", words.data);
        }
        json_decref(questions[i].input);
        json_decref(questions[i].v);
        free(questions[i].argument);
        free(answers[i].last);
    }
    buf_release(&words);
    return compiles;
}

/* Compiling is what costs (30 ms with jq 1.6), so many expressions make one program. */
static void compare_batch(struct expr **exprs, size_t count, uint64_t *state, struct tally *tally)
{
    struct question questions[QUESTIONS_MAX];
    struct buf program = BUF_INIT(1 << 22);
    buf_printf(&program, "%s. as [$n, $v, $in] | $in | ", program_head);
    for (size_t i = 0; i < count; i++) {
        buf_printf(&program, "if $n == %zu then (%s) else ", i, expr_text(exprs[i]));
    }
    buf_append_str(&program, "null");
    for (size_t i = 0; i < count; i++) {
        buf_append_str(&program, " end");
    }
    for (size_t i = 0; i < count * INPUTS_PER_EXPRESSION; i++) {
        size_t number = i / INPUTS_PER_EXPRESSION;
        question_make(state, exprs[number], number, 2, &questions[i]);
    }
    cr_assert(compare(program.data, questions, count * INPUTS_PER_EXPRESSION, tally),
              "jq does not compile %s", program.data);
    buf_release(&program);
}

Test(differential, generated_expressions_mean_what_they_mean_in_jq, .timeout = 7200)
{
    uint64_t state = seed_of_run();
    uint64_t wanted = number_of_run("EXPRESSIONS", GENERATED);
    struct tally tally = {0};
    struct expr *batch[PER_PROGRAM];
    for (unsigned done = 0; done < wanted; done += PER_PROGRAM) {
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
    printf("%u same, %u refused by both, %u refused here only, %u that jq did not answer\n",
           tally.same, tally.both_refuse, tally.stricter, tally.unanswered);
    cr_expect_gt(tally.same, wanted / 2);
    cr_expect_lt(tally.stricter, wanted / 2);
    cr_expect_lt(tally.unanswered, wanted / 100);
}

/* Published expressions that are not jq or need what no expression gets. */
static void compare_published(const char *text, uint64_t *state, struct tally *tally)
{
    struct expr *expr = NULL;
    struct error err = {0};
    const char *const *names = NULL;
    struct question questions[INPUTS_PER_PUBLISHED];
    bool ours = expr_compile(text, 0, &expr, &err) == ERR_OK;
    size_t count = ours ? expr_variables(expr, &names) : 0;
    struct buf program = BUF_INIT(1 << 20);
    buf_append_str(&program, ". as [$__n, $__v, $__in] | ");
    for (size_t i = 0; i < count; i++) {
        buf_printf(&program, "$__v as $%s | ", names[i]);
    }
    buf_printf(&program, "$__in | (%s)", text);
    size_t asked = ours && expr_is_native(expr) ? INPUTS_PER_PUBLISHED : 0;
    for (size_t i = 0; i < asked; i++) {
        question_make(state, expr, 0, 3, &questions[i]);
    }
    bool theirs = compare(program.data, questions, asked, tally);
    if (ours) {
        cr_expect(theirs, "%s compiles here but not in jq", text);
    } else {
        cr_expect(!theirs || strstr(err.message, "not available") != NULL, "%s: %s", text,
                  err.message);
        tally->both_refuse++;
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

/* jq 1.6 takes memory without end when it looks for an empty text, which took the test down. */
Test(differential, a_question_that_jq_never_ends_has_no_answer)
{
    static const char *const inputs[] = {"\"a\"", "\"\"", "\"b\"", "[]"};
    struct jq_answer answers[4] = {0};
    struct expr *expr = NULL;
    struct error err = {0};
    json_t *ours = NULL;
    cr_assert_eq(jq_ask(". as $x | \"abc\" | index($x)", inputs, 4, answers), 0);
    cr_expect_eq(answers[0].count, 1);
    cr_expect_str_eq(answers[0].last, "0");
    cr_expect_eq(answers[1].count, JQ_NO_ANSWER);
    cr_expect_null(answers[1].last);
    cr_expect_eq(answers[2].count, 1);
    cr_expect_str_eq(answers[2].last, "1");
    cr_expect_eq(answers[3].count, 0, "an error has no value");
    free(answers[0].last);
    free(answers[2].last);
    cr_expect_eq(jq_ask("(1", inputs, 4, answers), -1);

    cr_assert_eq(expr_compile("\"abc\" | index(\"\")", 0, &expr, &err), ERR_OK);
    struct expr_scope scope = {.input = json_null(), .variable = variable};
    cr_assert_eq(expr_eval(expr, &scope, &ours, &err), ERR_OK, "%s", err.message);
    cr_expect(json_is_null(ours));
    json_decref(ours);
    expr_destroy(&expr);
}

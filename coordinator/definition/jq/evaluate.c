#include "coordinator/definition/jq/evaluate.h"

#include <jq.h>
#include <jv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "coordinator/definition/expr.h"
#include "coordinator/definition/jq_protocol.h"

enum { PROGRAMS_MAX = 64, EXIT_NO_MEMORY = 3 };

struct program {
    jq_state *jq;
    char *source; /* key of the cache */
    uint64_t used;
};

static struct program programs[PROGRAMS_MAX];
static uint64_t uses;

/* Shadows of what must not be reached, should a name ever slip past expr_compile. */
static const char prelude[] =
    "def __refuse($n): error($n + \" is not available\");"
    "def env: __refuse(\"env\"); def input: __refuse(\"input\");"
    "def inputs: __refuse(\"inputs\"); def debug: .; def stderr: .;"
    "def halt: __refuse(\"halt\"); def halt_error: __refuse(\"halt_error\");"
    "def halt_error($c): __refuse(\"halt_error\"); def now: __refuse(\"now\");"
    "def localtime: __refuse(\"localtime\"); def strflocaltime($f): __refuse(\"strflocaltime\");"
    "def input_filename: __refuse(\"input_filename\");"
    "def input_line_number: __refuse(\"input_line_number\");"
    "def modulemeta: __refuse(\"modulemeta\"); def get_search_list: __refuse(\"get_search_list\");"
    "def builtins: __refuse(\"builtins\"); {} as $ENV | ";

/*
 * Functions that jq 1.6, which libjq may be, lacks or has with another meaning: what one expression
 * means does not depend on who evaluates it, nor on the version of libjq. Only those whose name is
 * in the text are compiled.
 */
static const struct definition {
    const char *name; /* a part of the text of every expression that needs it */
    const char *source;
} definitions[] = {
    {"abs", "def abs: if type != \"number\" then error(\"abs cannot take \" + type) "
            "elif . < 0 then -. else . end; "},
    {"limit", "def limit($n; f): if $n < 0 or ($n | floor) != $n "
              "then error(\"the count of limit is a whole number that is not negative\") "
              "elif $n == 0 then empty else label $__out | foreach f as $__i (0; . + 1; "
              "$__i, if . >= $n then break $__out else empty end) end; "},
    {"_entries",
     "def from_entries: reduce .[] as $__e ({}; . + {($__e | [(.key, .k, .name, .Name, .K, .Key) "
     "| select(. != null and . != false)] | .[0] | if type == \"string\" then . "
     "elif type == \"number\" then tojson else error(\"an entry of from_entries needs a 'key' "
     "that is a text or a number\") end): ($__e | if has(\"value\") then .value "
     "elif has(\"v\") then .v else .Value end)}); "
     "def with_entries(f): to_entries | map(f) | from_entries; "},
    {"ind", "def indices($i): if type == \"string\" and ($i | type) == \"string\" "
            "then (if $i == \"\" then null else explode as $__s | ($i | explode) as $__t "
            "| ($__t | length) as $__n | [range(0; ($__s | length) - $__n + 1) "
            "| select($__s[.:. + $__n] == $__t)] end) "
            "elif type == \"array\" and ($i | type) == \"array\" then .[$i] "
            "elif type == \"array\" then .[[$i]] elif . == null then null "
            "else error(\"indices cannot look for \" + ($i | type) + \" in \" + type) end; "
            "def index($i): indices($i) | .[0]; def rindex($i): indices($i) | .[-1:] | .[0]; "},
    {"any", "def any(g; f): [label $__out | g | f | select(.) | 1, break $__out] | length == 1; "
            "def any(f): any(.[]; f); def any: any(.[]; .); "},
    {"all", "def all(g; f): [label $__out | g | f | select(. | not) | 1, break $__out] "
            "| length == 0; def all(f): all(.[]; f); def all: all(.[]; .); "},
    {"add", "def add(f): reduce f as $__x (null; . + $__x); "},
    {"pick", "def pick(f): . as $__v | reduce path(f) as $__p "
             "(null; setpath($__p; $__v | getpath($__p))); "},
    {"toarray", "def toarray: if type == \"array\" then . else [.] end; "},
    {"trim", "def ltrim: if type != \"string\" then error(\"trim input must be a string\") "
             "else sub(\"^\\\\s+\"; \"\") end; "
             "def rtrim: if type != \"string\" then error(\"trim input must be a string\") "
             "else sub(\"\\\\s+$\"; \"\") end; def trim: ltrim | rtrim; "},
};

static void note_error(void *user, jv message)
{
    struct error *err = user;
    if (err->code == ERR_OK && jv_get_kind(message) == JV_KIND_STRING) {
        (void)error_set(err, ERR_INVALID, "%.400s", jv_string_value(message));
    }
    jv_free(message);
}

static void no_memory(void *user)
{
    (void)user;
    _exit(EXIT_NO_MEMORY);
}

static void program_release(struct program *program)
{
    if (program->jq != NULL) {
        jq_teardown(&program->jq);
    }
    free(program->source);
    *program = (struct program){0};
}

/* `. as [$__in,$a,$b] | $__in | (E)`: libjq has no way to bind variables after compiling. */
static char *source_of(const char *expr, const json_t *vars)
{
    struct buf source = BUF_INIT((size_t)256 * 1024);
    json_t *object = json_mutable(vars);
    buf_append_str(&source, prelude);
    for (size_t i = 0; i < sizeof(definitions) / sizeof(definitions[0]); i++) {
        if (strstr(expr, definitions[i].name) != NULL) {
            buf_append_str(&source, definitions[i].source);
        }
    }
    buf_append_str(&source, ". as [$__in");
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        buf_printf(&source, ",$%s", json_object_iter_key(at));
    }
    buf_printf(&source, "] | $__in | (%s\n)", expr);
    if (source.failed) {
        buf_release(&source);
        return NULL;
    }
    return buf_detach(&source, NULL);
}

static enum err program_compile(struct program *program, struct error *err)
{
    struct error first = {0};
    program->jq = jq_init();
    if (program->jq == NULL) {
        return error_set(err, ERR_NOMEM, "no memory for jq");
    }
    jq_set_nomem_handler(program->jq, no_memory, NULL);
    jq_set_attr(program->jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
    jq_set_error_cb(program->jq, note_error, &first);
    int compiled = jq_compile(program->jq, program->source);
    jq_set_error_cb(program->jq, note_error, NULL);
    first.message[strcspn(first.message, "\n")] = '\0'; /* after it comes the text around it */
    return compiled ? ERR_OK
                    : error_set(err, ERR_INVALID, "jq cannot compile it: %.300s", first.message);
}

static bool name_valid(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    return name[0] != '\0' && strspn(name, letters) == strlen(name) &&
           strspn(name, "0123456789") == 0 && strncmp(name, "__", 2) != 0;
}

/* What expr_compile refuses is refused here too, whoever asks. */
static enum err vet(const char *expr, const json_t *vars, struct error *err)
{
    struct expr *compiled = NULL;
    json_t *object = json_mutable(vars);
    TRY(expr_compile(expr, 0, &compiled, err));
    expr_destroy(&compiled);
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        if (!name_valid(json_object_iter_key(at))) {
            return error_set(err, ERR_INVALID, "'%.64s' is not a variable name",
                             json_object_iter_key(at));
        }
    }
    return ERR_OK;
}

enum err program_get(const char *expr, const json_t *vars, struct program **ret_program,
                     struct error *err)
{
    struct program *oldest = &programs[0];
    TRY(vet(expr, vars, err));
    char *source = source_of(expr, vars);
    if (source == NULL) {
        return error_set(err, ERR_LIMIT, "the expression is too long");
    }
    for (size_t i = 0; i < PROGRAMS_MAX; i++) {
        if (programs[i].source != NULL && strcmp(programs[i].source, source) == 0) {
            free(source);
            programs[i].used = ++uses;
            *ret_program = &programs[i];
            return ERR_OK;
        }
        oldest = programs[i].used < oldest->used ? &programs[i] : oldest;
    }
    program_release(oldest);
    oldest->source = source;
    oldest->used = ++uses;
    enum err code = program_compile(oldest, err);
    if (code != ERR_OK) {
        program_release(oldest);
        return code;
    }
    *ret_program = oldest;
    return ERR_OK;
}

/* Up to here every whole number is a double of its own; 2^53 may already be a rounded neighbour. */
static const int64_t exact_max = INT64_C(9007199254740991);

static enum err check_numbers(const json_t *value, struct buf *path, struct error *err)
{
    size_t size = path->size;
    json_t *tree = json_mutable(value);
    if (json_is_integer(value) &&
        (json_integer_value(value) > exact_max || json_integer_value(value) < -exact_max)) {
        return error_set(err, ERR_INVALID,
                         "the number at '%s' has more digits than jq keeps: make it a text",
                         path->data == NULL ? "" : path->data);
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        buf_printf(path, "/%zu", i);
        TRY(check_numbers(json_array_get(value, i), path, err));
        path->size = size;
    }
    for (void *at = json_object_iter(tree); at != NULL; at = json_object_iter_next(tree, at)) {
        json_pointer_append(path, json_object_iter_key(at), json_object_iter_key_len(at));
        TRY(check_numbers(json_object_iter_value(at), path, err));
        path->size = size;
    }
    return ERR_OK;
}

static enum err numbers_fit(const json_t *value, const char *root, struct error *err)
{
    struct buf path = BUF_INIT(4096);
    buf_append_str(&path, root);
    enum err code = check_numbers(value, &path, err);
    buf_release(&path);
    return code;
}

static enum err arguments_of(const json_t *vars, const json_t *input, struct buf *text,
                             struct error *err)
{
    json_t *all = json_pack("[O]", input);
    json_t *object = json_mutable(vars);
    enum err code = numbers_fit(input, "input", err);
    for (void *at = json_object_iter(object); code == ERR_OK && at != NULL;
         at = json_object_iter_next(object, at)) {
        code = numbers_fit(json_object_iter_value(at), json_object_iter_key(at), err);
        if (json_array_append(all, json_object_iter_value(at)) != 0) {
            code = error_set(err, ERR_NOMEM, "no memory for the arguments");
        }
    }
    if (code == ERR_OK) {
        json_write(all, text);
        code = text->failed ? error_set(err, ERR_LIMIT, "the arguments are too large") : ERR_OK;
    }
    json_decref(all);
    return code;
}

static enum err fail_result(jv result, struct error *err)
{
    if (!jv_invalid_has_msg(jv_copy(result))) {
        jv_free(result);
        return error_set(err, ERR_INVALID,
                         "no result instead of one: wrap the expression in [...]");
    }
    jv message = jv_invalid_get_msg(result);
    if (jv_get_kind(message) != JV_KIND_STRING) {
        message = jv_dump_string(message, 0);
    }
    (void)error_set(err, ERR_INVALID, "%.400s", jv_string_value(message));
    jv_free(message);
    return ERR_INVALID;
}

static enum err result_of(jv result, json_t **ret_value, struct error *err)
{
    static const struct json_limits limits = {.size_max = JQ_LINE_BYTES};
    jv text = jv_dump_string(result, 0);
    enum err code = json_parse(jv_string_value(text), (size_t)jv_string_length_bytes(jv_copy(text)),
                               &limits, ret_value, err);
    jv_free(text);
    if (code != ERR_OK) {
        error_wrap(err, "the result is not kept");
        return code;
    }
    code = numbers_fit(*ret_value, "result", err);
    if (code != ERR_OK) {
        json_decref(*ret_value);
        *ret_value = NULL;
    }
    return code;
}

enum err program_run(struct program *program, const json_t *vars, const json_t *input,
                     json_t **ret_value, struct error *err)
{
    struct buf text = BUF_INIT(JQ_LINE_BYTES);
    enum err code = arguments_of(vars, input, &text, err);
    jv arguments = jv_invalid();
    if (code == ERR_OK) {
        arguments = jv_parse_sized(text.data, (int)text.size);
    }
    buf_release(&text);
    TRY(code);
    if (!jv_is_valid(arguments)) {
        return fail_result(arguments, err);
    }
    jq_start(program->jq, arguments, 0);
    jv result = jq_next(program->jq);
    if (!jv_is_valid(result)) {
        return fail_result(result, err);
    }
    jv second = jq_next(program->jq);
    bool several = jv_is_valid(second);
    jv_free(second);
    if (several) {
        jv_free(result);
        return error_set(err, ERR_INVALID,
                         "several results instead of one: wrap the expression in [...]");
    }
    return result_of(result, ret_value, err);
}

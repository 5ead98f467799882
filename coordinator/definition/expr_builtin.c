/* The names of jq's functions: native ones, those left to mainstay-jq, and those refused. */
#include "coordinator/definition/expr_private.h"

#include <stdio.h>
#include <string.h>

#include "coordinator/definition/near.h"

static const struct builtin *const builtin_tables[] = {builtins_text, builtins_collection,
                                                       builtins_order, builtins_generator};

/* The functions of jq 1.6, and a few of later ones that mainstay-jq defines, that the native
 * evaluator lacks and that touch nothing but their input. */
static const char external_names[] =
    "IN/1 IN/2 INDEX/1 INDEX/2 JOIN/2 JOIN/3 JOIN/4 acos/0 acosh/0 add/1 arrays/0 asin/0 "
    "asinh/0 atan/0 atan2/2 atanh/0 booleans/0 bsearch/1 capture/1 capture/2 cbrt/0 "
    "combinations/0 combinations/1 copysign/2 cos/0 cosh/0 del/1 delpaths/1 drem/2 erf/0 "
    "erfc/0 exp/0 exp10/0 exp2/0 explode/0 expm1/0 fabs/0 fdim/2 finites/0 fma/3 fmax/2 "
    "fmin/2 fmod/2 format/1 frexp/0 fromdate/0 fromdateiso8601/0 fromstream/1 gamma/0 "
    "getpath/1 gmtime/0 gsub/2 gsub/3 hypot/2 implode/0 infinite/0 inside/1 isfinite/0 "
    "isinfinite/0 isnan/0 isnormal/0 iterables/0 j0/0 j1/0 jn/2 ldexp/2 leaf_paths/0 "
    "lgamma/0 lgamma_r/0 log/0 log10/0 log1p/0 log2/0 logb/0 ltrim/0 map_values/1 match/1 "
    "match/2 mktime/0 modf/0 nan/0 nearbyint/0 nextafter/2 nexttoward/2 normals/0 nth/1 "
    "nth/2 nulls/0 numbers/0 objects/0 path/1 paths/0 paths/1 pick/1 pow/2 pow10/0 range/3 "
    "recurse/0 recurse/1 recurse/2 recurse_down/0 remainder/2 repeat/1 rindex/1 rint/0 "
    "rtrim/0 scalars/0 scalars_or_empty/0 scalb/2 scalbln/2 scan/1 setpath/2 significand/0 "
    "sin/0 sinh/0 split/2 splits/1 splits/2 sqrt/0 strftime/1 strings/0 strptime/1 sub/2 "
    "sub/3 tan/0 tanh/0 test/1 test/2 tgamma/0 toarray/0 todate/0 todateiso8601/0 "
    "tostream/0 transpose/0 trim/0 trunc/0 truncate_stream/1 until/2 utf8bytelength/0 "
    "walk/1 while/2 y0/0 y1/0 yn/2 ";

/* What a name says to somebody who wants it. */
struct refusal {
    const char *name;
    const char *reason;
};

static const struct refusal refusals[] = {
    {"env", "expressions see only data, not the environment"},
    {"now", "an expression gives the same value every time; use $workflow.startedAt or "
            "$task.startedAt"},
    {"localtime", "it depends on the time zone of the machine; use gmtime"},
    {"strflocaltime", "it depends on the time zone of the machine; use strftime"},
    {"input", "there is no input stream; the data is '.'"},
    {"inputs", "there is no input stream; the data is '.'"},
    {"input_line_number", "there is no input stream"},
    {"input_filename", "there is no input stream"},
    {"debug", "expressions have no output but their value"},
    {"stderr", "expressions have no output but their value"},
    {"halt", "an expression cannot stop the program; use error(\"...\")"},
    {"halt_error", "an expression cannot stop the program; use error(\"...\")"},
    {"import", "expressions have no modules"},
    {"include", "expressions have no modules"},
    {"module", "expressions have no modules"},
    {"modulemeta", "expressions have no modules"},
    {"get_search_list", "expressions have no modules"},
    {"get_jq_origin", "expressions see only data"},
    {"get_prog_origin", "expressions see only data"},
    {"builtins", "expressions see only data"},
};

static bool same(const char *text, const char *name, size_t size)
{
    return strlen(text) == size && memcmp(text, name, size) == 0;
}

const struct builtin *builtin_find(const char *name, size_t size, size_t arity)
{
    for (size_t t = 0; t < sizeof(builtin_tables) / sizeof(builtin_tables[0]); t++) {
        for (const struct builtin *row = builtin_tables[t]; row->name != NULL; row++) {
            if (row->arity == arity && same(row->name, name, size)) {
                return row;
            }
        }
    }
    return NULL;
}

bool builtin_is_external(const char *name, size_t size, size_t arity)
{
    char wanted[48];
    int length =
        snprintf(wanted, sizeof(wanted), "%.*s/%zu ", (int)(size > 40 ? 40 : size), name, arity);
    const char *at = strstr(external_names, wanted);
    while (at != NULL && at != external_names && at[-1] != ' ') {
        at = strstr(at + length, wanted);
    }
    return size <= 40 && at != NULL;
}

const char *builtin_refusal(const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        if (same(refusals[i].name, name, size)) {
            return refusals[i].reason;
        }
    }
    return NULL;
}

const char *builtin_near(const char *name, size_t size)
{
    const char *best = NULL;
    unsigned best_distance = 3;
    for (size_t t = 0; t < sizeof(builtin_tables) / sizeof(builtin_tables[0]); t++) {
        for (const struct builtin *row = builtin_tables[t]; row->name != NULL; row++) {
            size_t length = strlen(row->name);
            unsigned distance = near_distance(name, size, row->name, length);
            if (distance < best_distance &&
                (distance == 0 || near_enough(name, size, row->name, length))) {
                best = row->name;
                best_distance = distance;
            }
        }
    }
    return best;
}

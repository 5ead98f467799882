/*
 * The one table of commands and options. It drives parsing, help, completion and the check of the
 * manual page.
 *
 * Threads: any; the tables are constant.
 */
#ifndef TOOLS_MAINSTAY_COMMAND_H
#define TOOLS_MAINSTAY_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct cli;

/* Exit codes of every command. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_FAULTED = 3,
    EXIT_CANCELLED = 4,
    EXIT_WAITS = 5, /* for a person */
    EXIT_TIMEOUT = 6,
    EXIT_UNREACHABLE = 7,
};

enum option_id {
#define OPTION(id, name, letter, value, choices, help) OPTION_##id,
#include "tools/mainstay/options.def"
#undef OPTION
    OPTION_COUNT
};

struct option_spec {
    const char *name;    /* without dashes */
    char letter;         /* 0: none */
    const char *value;   /* what it takes, for help; NULL: a switch */
    const char *choices; /* allowed values with spaces between; NULL: any */
    const char *help;
};

extern const struct option_spec option_specs[OPTION_COUNT];

#define OPTION_BIT(id) (UINT64_C(1) << OPTION_##id)

/* Options that every command takes. */
#define OPTIONS_COMMON                                                                   \
    (OPTION_BIT(HELP) | OPTION_BIT(VERSION) | OPTION_BIT(OUTPUT) | OPTION_BIT(CONTEXT) | \
     OPTION_BIT(DIR) | OPTION_BIT(BUS) | OPTION_BIT(CREDS) | OPTION_BIT(CA))

typedef enum exit_code command_run(struct cli *cli);

struct command {
    const char *noun;
    const char *verb;     /* NULL: the noun alone */
    const char *alias;    /* another verb for the same; NULL: none */
    const char *operands; /* for help; "" for none */
    size_t operands_min;
    size_t operands_max;
    uint64_t options; /* bits beside OPTIONS_COMMON */
    command_run *run;
    const char *summary; /* one line */
    const char *text;    /* further lines of help; NULL: none */
};

extern const struct command commands[];
extern const size_t command_count;

enum { GIVEN_MAX = 128, PROBLEM_BYTES = 512 };

/* A parsed command line; everything points into argv. */
struct invocation {
    const struct command *command;
    const char *noun; /* first word, also when no command was found */
    struct {
        enum option_id id;
        const char *value; /* "" for a switch */
    } given[GIVEN_MAX];
    size_t given_count;
    const char **operands; /* free() */
    size_t operand_count;
    char problem[PROBLEM_BYTES];
    char hint[PROBLEM_BYTES];
};

enum parse_outcome { PARSE_RUN, PARSE_HELP, PARSE_VERSION, PARSE_WRONG };

/* Read a command line. PARSE_WRONG fills `problem` and maybe `hint` ("did you mean ..."). */
enum parse_outcome command_parse(int argc, char **argv, struct invocation *ret_invocation);

/* Free what command_parse took. */
void invocation_release(struct invocation *invocation);

/* The last value given for an option, "" for a switch, NULL when not given. */
const char *invocation_get(const struct invocation *invocation, enum option_id id);

/* All values given for an option into `out` of `max`; returns how many. */
size_t invocation_all(const struct invocation *invocation, enum option_id id, const char **out,
                      size_t max);

/* Whether a first word is known. */
bool command_noun_known(const char *noun);

/* Append help: of all commands, of the commands of one noun, of one command. */
void help_all(struct buf *out);
void help_noun(const char *noun, struct buf *out);
void help_command(const struct command *command, struct buf *out);

/* Append a completion script for bash. */
void completion_bash(struct buf *out);

#endif

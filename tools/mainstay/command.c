#include "tools/mainstay/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "tools/mainstay/suggest.h"

bool command_noun_known(const char *noun)
{
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(commands[i].noun, noun) == 0) {
            return true;
        }
    }
    return false;
}

/* The command of one or two words; `verb` NULL finds a noun that stands alone. */
static const struct command *command_find(const char *noun, const char *verb)
{
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        bool same = strcmp(command->noun, noun) == 0;
        if (same && (text_equal(command->verb, verb) ||
                     (verb != NULL && text_equal(command->alias, verb)))) {
            return command;
        }
    }
    return NULL;
}

static bool problem_noun(struct invocation *invocation, const char *word)
{
    const char *best = NULL;
    for (size_t i = 0; i < command_count; i++) {
        suggest_consider(word, commands[i].noun, &best);
    }
    (void)snprintf(invocation->problem, PROBLEM_BYTES, "unknown command '%s'", word);
    if (best != NULL) {
        (void)snprintf(invocation->hint, PROBLEM_BYTES, "did you mean 'mainstay %s'?", best);
    } else {
        (void)text_copy(invocation->hint, PROBLEM_BYTES, "mainstay --help lists the commands");
    }
    return false;
}

static bool problem_verb(struct invocation *invocation, const char *noun, const char *word)
{
    const char *best = NULL;
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(commands[i].noun, noun) == 0 && commands[i].verb != NULL) {
            suggest_consider(word, commands[i].verb, &best);
        }
    }
    (void)snprintf(invocation->problem, PROBLEM_BYTES, "unknown command '%s %s'", noun, word);
    if (best != NULL) {
        (void)snprintf(invocation->hint, PROBLEM_BYTES, "did you mean 'mainstay %s %s'?", noun,
                       best);
    } else {
        (void)snprintf(invocation->hint, PROBLEM_BYTES, "mainstay %s --help lists what it can do",
                       noun);
    }
    return false;
}

/* Options allowed now: the common ones, and those of the command once it is known. */
static uint64_t options_allowed(const struct invocation *invocation)
{
    return OPTIONS_COMMON | (invocation->command != NULL ? invocation->command->options : 0);
}

static bool problem_option(struct invocation *invocation, const char *word)
{
    const char *best = NULL;
    uint64_t allowed = options_allowed(invocation);
    char name[SUGGEST_BYTES];
    const char *bare = word + strspn(word, "-");
    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(bare, "="), bare);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if ((allowed >> i & 1) != 0) {
            suggest_consider(name, option_specs[i].name, &best);
        }
    }
    const struct command *command = invocation->command;
    (void)snprintf(invocation->problem, PROBLEM_BYTES, "unknown option '%s'", word);
    if (best != NULL) {
        (void)snprintf(invocation->hint, PROBLEM_BYTES, "did you mean '--%s'?", best);
    } else if (command != NULL) {
        (void)snprintf(invocation->hint, PROBLEM_BYTES, "mainstay %s%s%s --help lists its options",
                       command->noun, command->verb != NULL ? " " : "",
                       command->verb != NULL ? command->verb : "");
    } else {
        (void)text_copy(invocation->hint, PROBLEM_BYTES,
                        "options of a command stand after the command");
    }
    return false;
}

/* A command line being read. */
struct reader {
    int argc;
    char **argv;
    int at;
    bool only_operands; /* after "--" */
    bool help;
    bool version;
};

static bool choice_allowed(const char *choices, const char *value)
{
    size_t size = strlen(value);
    while (*choices != '\0') {
        size_t word = strcspn(choices, " ");
        if (word == size && strncmp(choices, value, size) == 0) {
            return true;
        }
        choices += word + (choices[word] == ' ' ? 1 : 0);
    }
    return false;
}

/* Record an option; `inlined` is the text after "=" or the letter, NULL when there is none. */
static bool option_take(struct reader *reader, struct invocation *invocation, size_t id,
                        const char *inlined)
{
    const struct option_spec *spec = &option_specs[id];
    const char *value = inlined;
    if (spec->value == NULL && inlined != NULL) {
        (void)snprintf(invocation->problem, PROBLEM_BYTES, "option '--%s' takes no value",
                       spec->name);
        return false;
    }
    if (spec->value != NULL && value == NULL) {
        if (reader->at >= reader->argc) {
            (void)snprintf(invocation->problem, PROBLEM_BYTES, "option '--%s' needs a value: %s",
                           spec->name, spec->value);
            return false;
        }
        value = reader->argv[reader->at++];
    }
    if (spec->choices != NULL && value != NULL && !choice_allowed(spec->choices, value)) {
        (void)snprintf(invocation->problem, PROBLEM_BYTES, "option '--%s' cannot be '%s'",
                       spec->name, value);
        (void)snprintf(invocation->hint, PROBLEM_BYTES, "it is one of: %s", spec->choices);
        return false;
    }
    if (invocation->given_count == GIVEN_MAX) {
        (void)text_copy(invocation->problem, PROBLEM_BYTES, "too many options");
        return false;
    }
    reader->help = reader->help || id == OPTION_HELP;
    reader->version = reader->version || id == OPTION_VERSION;
    invocation->given[invocation->given_count].id = (enum option_id)id;
    invocation->given[invocation->given_count++].value = value != NULL ? value : "";
    return true;
}

static bool option_read(struct reader *reader, struct invocation *invocation, const char *word)
{
    bool is_long = word[1] == '-';
    const char *name = word + (is_long ? 2 : 1);
    size_t size = is_long ? strcspn(name, "=") : 1;
    const char *rest = name + size;
    const char *inlined = *rest == '\0' ? NULL : is_long ? rest + 1 : rest;
    uint64_t allowed = options_allowed(invocation);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_spec *spec = &option_specs[i];
        bool same = is_long ? strlen(spec->name) == size && strncmp(spec->name, name, size) == 0
                            : spec->letter == name[0];
        if (same && (allowed >> i & 1) != 0) {
            return option_take(reader, invocation, i, inlined);
        }
    }
    return problem_option(invocation, word);
}

/* A word that is no option: part of the command's name, or an operand. */
static bool word_read(struct invocation *invocation, const char *word)
{
    if (invocation->command != NULL) {
        invocation->operands[invocation->operand_count++] = word;
        return true;
    }
    if (invocation->noun == NULL) {
        if (!command_noun_known(word)) {
            return problem_noun(invocation, word);
        }
        invocation->noun = word;
        invocation->command = command_find(word, NULL);
        return true;
    }
    invocation->command = command_find(invocation->noun, word);
    return invocation->command != NULL || problem_verb(invocation, invocation->noun, word);
}

static bool operands_check(struct invocation *invocation)
{
    const struct command *command = invocation->command;
    if (command == NULL) {
        if (invocation->noun == NULL) {
            (void)text_copy(invocation->problem, PROBLEM_BYTES, "no command given");
        } else {
            (void)snprintf(invocation->problem, PROBLEM_BYTES, "'%s' needs a verb",
                           invocation->noun);
        }
        (void)snprintf(invocation->hint, PROBLEM_BYTES, "mainstay %s%s--help lists them",
                       invocation->noun != NULL ? invocation->noun : "",
                       invocation->noun != NULL ? " " : "");
        return false;
    }
    size_t count = invocation->operand_count;
    if (count >= command->operands_min && count <= command->operands_max) {
        return true;
    }
    (void)snprintf(invocation->problem, PROBLEM_BYTES, "'%s%s%s' %s%s", command->noun,
                   command->verb != NULL ? " " : "", command->verb != NULL ? command->verb : "",
                   count < command->operands_min ? "needs " : "takes ",
                   command->operands[0] != '\0' ? command->operands : "no operands");
    return false;
}

enum parse_outcome command_parse(int argc, char **argv, struct invocation *ret_invocation)
{
    struct invocation *invocation = ret_invocation;
    struct reader reader = {.argc = argc, .argv = argv, .at = 1};
    memset(invocation, 0, sizeof(*invocation));
    invocation->operands = calloc((size_t)argc + 1, sizeof(*invocation->operands));
    if (invocation->operands == NULL) {
        (void)text_copy(invocation->problem, PROBLEM_BYTES, "out of memory");
        return PARSE_WRONG;
    }
    while (reader.at < argc) {
        const char *word = argv[reader.at++];
        bool is_option = !reader.only_operands && word[0] == '-' && word[1] != '\0';
        if (is_option && strcmp(word, "--") == 0) {
            reader.only_operands = true;
            continue;
        }
        bool read =
            is_option ? option_read(&reader, invocation, word) : word_read(invocation, word);
        if (!read) {
            return PARSE_WRONG;
        }
    }
    if (reader.help) {
        return PARSE_HELP;
    }
    if (reader.version) {
        return PARSE_VERSION;
    }
    return operands_check(invocation) ? PARSE_RUN : PARSE_WRONG;
}

void invocation_release(struct invocation *invocation)
{
    free(invocation->operands);
    invocation->operands = NULL;
}

const char *invocation_get(const struct invocation *invocation, enum option_id id)
{
    for (size_t i = invocation->given_count; i > 0; i--) {
        if (invocation->given[i - 1].id == id) {
            return invocation->given[i - 1].value;
        }
    }
    return NULL;
}

size_t invocation_all(const struct invocation *invocation, enum option_id id, const char **out,
                      size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < invocation->given_count && count < max; i++) {
        if (invocation->given[i].id == id) {
            out[count++] = invocation->given[i].value;
        }
    }
    return count;
}

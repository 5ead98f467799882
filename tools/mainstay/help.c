#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "tools/mainstay/command.h"

static void name_write(const struct command *command, char *out, size_t size)
{
    (void)snprintf(out, size, "%s%s%s", command->noun, command->verb != NULL ? " " : "",
                   command->verb != NULL ? command->verb : "");
}

static void row_write(const struct command *command, struct buf *out)
{
    char name[64];
    char usage[128];
    name_write(command, name, sizeof(name));
    (void)snprintf(usage, sizeof(usage), "%s %s", name, command->operands);
    buf_printf(out, "  %-28s %s\n", usage, command->summary);
}

static void option_write(const struct option_spec *spec, struct buf *out)
{
    char usage[80];
    char letter[5] = "    ";
    if (spec->letter != 0) {
        (void)snprintf(letter, sizeof(letter), "-%c, ", spec->letter);
    }
    (void)snprintf(usage, sizeof(usage), "%s--%s%s%s", letter, spec->name,
                   spec->value != NULL ? " " : "", spec->value != NULL ? spec->value : "");
    buf_printf(out, "  %-30s %s\n", usage, spec->help);
}

static void options_write(uint64_t options, struct buf *out)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if ((options >> i & 1) != 0) {
            option_write(&option_specs[i], out);
        }
    }
}

void help_all(struct buf *out)
{
    buf_append_str(out, "Mainstay: durable processes for a one-person company.\n\n"
                        "usage: mainstay COMMAND [OPTIONS]\n\n");
    for (size_t i = 0; i < command_count; i++) {
        if (i > 0 && strcmp(commands[i].noun, commands[i - 1].noun) != 0 &&
            (commands[i].verb != NULL || commands[i - 1].verb != NULL)) {
            buf_append_str(out, "\n");
        }
        row_write(&commands[i], out);
    }
    buf_append_str(out, "\noptions of every command:\n");
    options_write(OPTIONS_COMMON, out);
    buf_append_str(out,
                   "\nexit codes: 0 done, 1 failed, 2 usage, 3 faulted, 4 cancelled, 5 waits for a "
                   "person,\n            6 timeout, 7 cannot connect\n");
}

void help_noun(const char *noun, struct buf *out)
{
    buf_printf(out, "usage: mainstay %s VERB [OPTIONS]\n\n", noun);
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(commands[i].noun, noun) == 0) {
            row_write(&commands[i], out);
        }
    }
    buf_printf(out, "\nmainstay %s VERB --help tells more.\n", noun);
}

void help_command(const struct command *command, struct buf *out)
{
    char name[64];
    name_write(command, name, sizeof(name));
    buf_printf(out, "usage: mainstay %s%s%s [OPTIONS]\n\n%s\n", name,
               command->operands[0] != '\0' ? " " : "", command->operands, command->summary);
    if (command->text != NULL) {
        buf_printf(out, "\n%s\n", command->text);
    }
    if (command->options != 0) {
        buf_append_str(out, "\noptions:\n");
        options_write(command->options, out);
    }
    buf_append_str(out, "\noptions of every command:\n");
    options_write(OPTIONS_COMMON, out);
}

/* ---- completion ---- */

/* Every noun once, with spaces between. */
static void nouns_write(struct buf *out)
{
    for (size_t i = 0; i < command_count; i++) {
        if (i == 0 || strcmp(commands[i].noun, commands[i - 1].noun) != 0) {
            buf_printf(out, "%s%s", i > 0 ? " " : "", commands[i].noun);
        }
    }
}

static void flags_write(uint64_t options, struct buf *out)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if ((options >> i & 1) != 0) {
            buf_printf(out, " --%s", option_specs[i].name);
        }
    }
}

/* "words" of each noun: its verbs, or files when its operands are files. */
static void verbs_write(struct buf *out)
{
    for (size_t i = 0; i < command_count; i++) {
        if (commands[i].verb == NULL) {
            continue;
        }
        bool first = i == 0 || strcmp(commands[i].noun, commands[i - 1].noun) != 0;
        bool last = i + 1 == command_count || strcmp(commands[i].noun, commands[i + 1].noun) != 0;
        if (first) {
            buf_printf(out, "    %s) verbs='", commands[i].noun);
        }
        buf_printf(out, "%s%s", first ? "" : " ", commands[i].verb);
        if (last) {
            buf_append_str(out, "' ;;\n");
        }
    }
}

/* The options whose next word is their value, with bars between. */
static void valued_write(struct buf *out)
{
    const char *bar = "";
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_spec *spec = &option_specs[i];
        if (spec->value != NULL) {
            buf_printf(out, "%s--%s", bar, spec->name);
            bar = "|";
            if (spec->letter != 0) {
                buf_printf(out, "|-%c", spec->letter);
            }
        }
    }
}

void completion_bash(struct buf *out)
{
    buf_append_str(out, "# bash completion for mainstay; made by: mainstay completion bash\n"
                        "_mainstay() {\n"
                        "  local word=${COMP_WORDS[COMP_CWORD]}\n"
                        "  local previous=${COMP_WORDS[COMP_CWORD-1]}\n"
                        "  local noun='' verb='' verbs='' flags='' i\n"
                        "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
                        "    case ${COMP_WORDS[i]} in\n      ");
    valued_write(out);
    buf_append_str(out, ") i=$((i + 1)) ;;\n      -*) ;;\n"
                        "      *) if [ -z \"$noun\" ]; then noun=${COMP_WORDS[i]}\n"
                        "         elif [ -z \"$verb\" ]; then verb=${COMP_WORDS[i]}; fi ;;\n"
                        "    esac\n  done\n  case $previous in\n");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_spec *spec = &option_specs[i];
        if (spec->choices != NULL) {
            buf_printf(out, "    --%s) COMPREPLY=($(compgen -W '%s' -- \"$word\")); return ;;\n",
                       spec->name, spec->choices);
        } else if (spec->value != NULL &&
                   (strstr(spec->value, "FILE") != NULL || strcmp(spec->value, "PROGRAM") == 0)) {
            buf_printf(out, "    --%s) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n",
                       spec->name);
        } else if (spec->value != NULL && strcmp(spec->value, "DIR") == 0) {
            buf_printf(out, "    --%s) COMPREPLY=($(compgen -d -- \"$word\")); return ;;\n",
                       spec->name);
        }
    }
    buf_append_str(out, "  esac\n  if [ -z \"$noun\" ]; then\n    COMPREPLY=($(compgen -W '");
    nouns_write(out);
    flags_write(OPTIONS_COMMON, out);
    buf_append_str(out, "' -- \"$word\"))\n    return\n  fi\n  case $noun in\n");
    verbs_write(out);
    buf_append_str(out, "  esac\n  if [ -n \"$verbs\" ] && [ -z \"$verb\" ] && [[ $word != -* ]]; "
                        "then\n    COMPREPLY=($(compgen -W \"$verbs\" -- \"$word\"))\n    return\n"
                        "  fi\n  [ -z \"$verbs\" ] && verb=''\n  case \"$noun $verb\" in\n");
    for (size_t i = 0; i < command_count; i++) {
        buf_printf(out, "    '%s %s') flags='", commands[i].noun,
                   commands[i].verb != NULL ? commands[i].verb : "");
        flags_write(commands[i].options, out);
        buf_append_str(out, "' ;;\n");
    }
    buf_append_str(out,
                   "  esac\n  if [[ $word == -* ]]; then\n    COMPREPLY=($(compgen -W \"$flags");
    flags_write(OPTIONS_COMMON, out);
    buf_append_str(out, "\" -- \"$word\"))\n  else\n    COMPREPLY=($(compgen -f -- \"$word\"))\n"
                        "  fi\n}\ncomplete -o filenames -F _mainstay mainstay\n");
}

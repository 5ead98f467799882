#include "tools/mainstay/command.h"

#include "tools/mainstay/nouns.h"

const struct option_spec option_specs[OPTION_COUNT] = {
#define OPTION(id, name, letter, value, choices, help) \
    [OPTION_##id] = {name, letter, value, choices, help},
#include "tools/mainstay/options.def"
#undef OPTION
};

_Static_assert(OPTION_COUNT <= 64, "options are bits of a uint64_t");

enum { MANY = 4096 };

#define BIT(id) OPTION_BIT(id)
#define LIST    (BIT(LIMIT) | BIT(AFTER))
#define OPERATE \
    (BIT(REASON) | BIT(ALL) | BIT(DEFINITION) | BIT(STATUS) | BIT(OLDER_THAN) | BIT(DRY_RUN))

/* noun, verb, alias, operands, min, max, options, run, summary, text */
const struct command commands[] = {
    {"up", NULL, NULL, "", 0, 0,
     BIT(DETACH) | BIT(AGENT) | BIT(WITHOUT) | BIT(SET) | BIT(COORDINATOR) | BIT(NATS_SERVER) |
         BIT(LOG_LEVEL) | BIT(PROFILE) | BIT(TIMEOUT),
     up_run, "start a company on this machine: bus, coordinator and agents",
     "Everything lives in one folder (--dir, default ~/.local/share/mainstay), listens on the\n"
     "loopback address only, and is watched: what dies is started again. Without --detach it runs\n"
     "until interrupted. Starting again in the same folder goes on where it stopped.\n"
     "--profile says what memory and processors each process gets and how much it does at once.\n"
     "The connector calls no host but those of --set connector.allow=HOST[:PORT],... and of the\n"
     "file agents/connector/allow."},
    {"down", NULL, NULL, "", 0, 0, BIT(TIMEOUT), down_run, "stop the company of a folder",
     "Agents finish what they run, then the coordinator and the bus stop. Nothing is lost; what\n"
     "was waiting goes on at the next start."},
    {"backup", NULL, NULL, "DIR", 1, 1, 0, backup_run,
     "copy the stores of a running company into a new folder",
     "Taken under load, of the coordinator first; manifest.json names every file with its digest.\n"
     "Passwords, secrets and settings of agents are not part of it."},
    {"restore", NULL, NULL, "DIR", 1, 1, 0, restore_run,
     "bring a backup back into a folder without stores",
     "Digests are checked before anything is written. Start the company afterwards: effects that\n"
     "were in flight are settled as of lost stores, and what may have been done since the backup\n"
     "is asked about where the outside does not know keys."},
    {"units", NULL, NULL, "PROFILE", 1, 1, BIT(OUT) | BIT(COORDINATOR), units_run,
     "write a profile for the units of systemd",
     "PROFILE is small, standard or a file. Writes UNIT.d/profile.conf for each unit of Mainstay\n"
     "into --out (default /etc/systemd/system) and prints their names."},
    {"status", NULL, NULL, "", 0, 0, 0, status_run, "show how the company is doing", NULL},
    {"check", NULL, NULL, "FILE...", 1, MANY, BIT(COORDINATOR) | BIT(CATALOG), check_run,
     "check process definitions without a company",
     "Prints file:line:column: message for each problem and ends with code 1 if there is one."},
    {"simulate", NULL, NULL, "FILE...", 1, 32,
     BIT(INPUT) | BIT(AGENTS) | BIT(EVENTS) | BIT(CATALOG), simulate_run,
     "run a definition without a company, with canned replies and a clock that jumps",
     "The first file is simulated, the others are definitions that it runs. Nothing is started\n"
     "and nothing is written. --agents gives what agents answer and people decide, --events\n"
     "what comes from outside; waits take no time. Prints the story of every\n"
     "instance and then the output; ends as run does: 3 faulted, 4 cancelled, 5 waits for a\n"
     "person, 6 waits for something that never comes, 1 when a reply is missing."},
    {"graph", NULL, NULL, "FILE", 1, 1, BIT(CATALOG), graph_run, "draw a definition",
     "Prints a graph in the DOT language, or with -o svg a picture, for which Graphviz has to be\n"
     "installed."},
    {"deploy", NULL, NULL, "FILE...", 1, MANY, BIT(FORCE) | BIT(CATALOG), deploy_run,
     "deploy process definitions",
     "A version of a definition never changes: deploying the same text again does nothing,\n"
     "another text under the same version is refused. With --force a retired version comes back."},
    {"run", NULL, NULL, "FILE|NAME", 1, 1, BIT(INPUT) | BIT(CATALOG) | BIT(TIMEOUT) | BIT(DETACH),
     run_run, "run one instance and print its output",
     "A FILE is deployed first; a NAME (namespace/name or namespace/name:version) is deployed\n"
     "already. A fault is printed on standard error as JSON (exit code 3)."},
    {"emit", NULL, NULL, "TYPE [JSON|@FILE]", 1, 2,
     BIT(CONTENT_TYPE) | BIT(ID) | BIT(SOURCE) | BIT(SUBJECT), emit_run,
     "send an event and wait until it is accepted",
     "The data may be JSON, XML, X12, CSV or anything else; @FILE reads a file, @- standard\n"
     "input. The content type is guessed from the data and the file's name when not given.\n"
     "An event without data says by its type alone that something happened."},
    {"explain", NULL, NULL, "INSTANCE", 1, 1, 0, explain_run,
     "tell the story of an instance in plain words", NULL},
    {"inbox", NULL, NULL, "", 0, 0, LIST, gates_ls_run, "what waits for a person (gates ls)", NULL},
    {"instances", "ls", "list", "", 0, 0, LIST | BIT(STATUS) | BIT(DEFINITION), instances_ls_run,
     "list instances, newest first", NULL},
    {"instances", "describe", "info", "INSTANCE", 1, 1, BIT(CHECKPOINTS), instances_describe_run,
     "show one instance", "A unique beginning of the id, at least 6 digits, is enough."},
    {"instances", "cancel", NULL, "[INSTANCE...]", 0, MANY, OPERATE, instances_operate_run,
     "cancel instances; what is in flight is settled first",
     "Names instances, or --all of a query: without --status the open ones. Ends with code 1 if\n"
     "any stays as it is; --dry-run tells which and why. So do the verbs below."},
    {"instances", "kill", NULL, "[INSTANCE...]", 0, MANY, OPERATE, instances_operate_run,
     "end instances without undoing anything",
     "For what does not come to its end when it is cancelled. For each effect that is in flight "
     "or\n"
     "in doubt a gate asks what became of it."},
    {"instances", "pause", NULL, "[INSTANCE...]", 0, MANY, OPERATE, instances_operate_run,
     "begin no step of instances until they are resumed",
     "Results and events are still taken; timers fire late, when it is resumed. What the steps of\n"
     "an instance run and wait for is paused and resumed with it."},
    {"instances", "resume", NULL, "[INSTANCE...]", 0, MANY, OPERATE, instances_operate_run,
     "let paused instances go on", NULL},
    {"instances", "retry", NULL, "[INSTANCE...]", 0, MANY, OPERATE, instances_operate_run,
     "try parked steps again, and waiting ones at once",
     "The step has the same input and the same effect keys. An effect that may have happened is\n"
     "asked about first: gates yes or no."},
    {"instances", "restart", NULL, "[INSTANCE...]", 0, MANY, OPERATE, instances_operate_run,
     "start ended instances anew with the input they had",
     "The new instance does everything again, effects too, under keys of its own. --all needs a\n"
     "--status."},
    {"instances", "rewind", NULL, "[INSTANCE...]", 0, MANY, OPERATE | BIT(TO) | BIT(FORCE),
     instances_operate_run, "go back to a step and go on from there",
     "--to names a step of the top list, as instances describe --checkpoints shows them. What is\n"
     "open is taken down, what was done since is undone, last first; then the step is entered\n"
     "again, under another name. An effect that cannot be undone forbids it: --force leaves that\n"
     "as it is."},
    {"instances", "fork", NULL, "[INSTANCE...]", 0, MANY,
     OPERATE | BIT(FROM) | BIT(YES) | BIT(FORCE), instances_operate_run,
     "begin another instance at a step of one that is there",
     "--from names a step of the top list, as instances describe --checkpoints shows them. The "
     "new\n"
     "instance has the input, the context and the data that the other one had there; that one\n"
     "stays as it is, open or ended. What it has done since, the fork does again under keys of\n"
     "its own: that is listed and asked about, unless --yes. What it did before is its own, and\n"
     "no fork undoes it; where that was undone since, only --force forks. --all without\n"
     "--status means the open ones."},
    {"instances", "migrate", NULL, "NAME[:VERSION]|INSTANCE...", 1, 64,
     BIT(TO) | BIT(PLAN) | BIT(STATUS) | BIT(REASON), instances_migrate_run,
     "move open instances to another version of their definition",
     "Moves named instances, or all of a definition (of one version, with --status in that one).\n"
     "An instance moves when the steps and blocks it is in are the same in both versions and\n"
     "nothing is in flight; --plan tells why others stay. Ends with code 1 if any stays."},
    {"definitions", "ls", "list", "", 0, 0, 0, definitions_ls_run, "list deployed definitions",
     NULL},
    {"definitions", "describe", "info", "NAME[:VERSION]", 1, 1, 0, definitions_describe_run,
     "show a definition: steps, contracts, versions, text",
     "Without a version the newest one in service is shown, and all versions are listed."},
    {"definitions", "diff", NULL, "FROM TO", 2, 2, 0, definitions_diff_run,
     "tell what differs between two versions, step by step",
     "Each side is a deployed NAME[:VERSION] or a file; TO may be a version alone. Tasks are the\n"
     "same task when their names and those of the tasks around them are."},
    {"definitions", "retire", NULL, "NAME:VERSION...", 1, MANY, BIT(REASON) | BIT(FORCE),
     definitions_retire_run, "let a version start nothing any more",
     "Open instances go on to their end. Triggers and runs by name go to the newest version that\n"
     "is left; when none is, a definition with a trigger is only retired with --force."},
    {"agents", "ls", "list", "", 0, 0, 0, agents_ls_run, "list agents and what they can do", NULL},
    {"agents", "call", NULL, "AGENT ACTION", 2, 2, BIT(INPUT) | BIT(TIMEOUT), agents_call_run,
     "run one action through the company and print its answer",
     "Deploys a definition of one step, mainstay/call-AGENT-ACTION, and runs it: the call is\n"
     "recorded, checked and explained like any other work."},
    {"agents", "restart", NULL, "NAME", 1, 1, BIT(TIMEOUT), agents_restart_run,
     "stop a process of `mainstay up` and start it again",
     "NAME is an agent, coordinator or nats-server. An agent that was cut off the bus because it\n"
     "floods is let in again at once."},
    {"agents", "stop", NULL, "NAME", 1, 1, BIT(TIMEOUT), agents_stop_run,
     "stop a process of `mainstay up` until it is restarted",
     "NAME is an agent, coordinator or nats-server."},
    {"agents", "lost", NULL, "[AGENT/]STORE", 1, 1, BIT(REASON) | BIT(FORCE), agents_lost_run,
     "declare a store lost and settle what it had",
     "For an agent whose disk is gone. Pure, keyed and probed work goes to another store of the\n"
     "agent; a person is asked about manual effects. --force: it was killed and never said "
     "goodbye."},
    {"gates", "ls", "list", "", 0, 0, LIST, gates_ls_run, "list what waits for a person", NULL},
    {"gates", "describe", "info", "GATE", 1, 1, 0, gates_describe_run,
     "show one gate with its proposal", NULL},
    {"gates", "approve", NULL, "GATE", 1, 1, BIT(REASON) | BIT(VALUE), gates_approve_run,
     "try the step again as it is",
     "Of a budget: the step that waits longest may go this once; --value '1.00 EUR' raises the cap "
     "by an amount instead."},
    {"gates", "reject", NULL, "GATE", 1, 1, BIT(REASON), gates_reject_run,
     "let the step fail with its error", NULL},
    {"gates", "edit", NULL, "GATE", 1, 1, BIT(REASON) | BIT(VALUE), gates_edit_run,
     "resume the step with a corrected input",
     "Without --value, $EDITOR opens on the input with the proposed correction filled in."},
    {"gates", "yes", NULL, "GATE", 1, 1, BIT(REASON) | BIT(VALUE), gates_yes_run,
     "say that the effect in doubt happened, and what it gave",
     "Look outside first. --value is the step's output from here on; it must fit the contract."},
    {"gates", "no", NULL, "GATE", 1, 1, BIT(REASON), gates_no_run,
     "say that the effect in doubt did not happen: it is tried again", NULL},
    {"locks", "ls", "list", "[ENTITY]", 0, 1, LIST, locks_ls_run,
     "list who holds an entity and who waits for it",
     "SINCE: when it was granted, or when the wait began. BEFORE: how many go first."},
    {"budgets", "ls", "list", "[ACCOUNT]", 0, 1, LIST, budgets_ls_run,
     "list what paid work has cost and may cost",
     "ALLOWED: by persons, over the cap. RESERVED: of steps that are under way. WAITING: steps "
     "that do not fit."},
    {"journal", "tail", NULL, "", 0, 0, LIST | BIT(INSTANCE) | BIT(FOLLOW), journal_tail_run,
     "print the journal", NULL},
    {"journal", "verify", NULL, "", 0, 0, 0, journal_verify_run,
     "walk the hash chain and name the first bad record", NULL},
    {"deadletters", "ls", "list", "", 0, 0, LIST, deadletters_ls_run,
     "list what was refused and why", NULL},
    {"deadletters", "show", "describe", "ID", 1, 1, 0, deadletters_show_run,
     "show one dead letter with its bytes", NULL},
    {"deadletters", "replay", NULL, "ID", 1, 1, BIT(CONTENT_TYPE) | BIT(TYPE),
     deadletters_replay_run, "try a dead letter again", NULL},
    {"accounts", NULL, NULL, "AGENT[:STORE]...", 0, 64,
     BIT(OUT) | BIT(LISTEN) | BIT(TLS_CERT) | BIT(TLS_KEY) | BIT(TLS_CA), accounts_run,
     "write a bus configuration and credentials for several machines",
     "Writes nats.conf and one .creds file for each process into --out. Passwords that are there\n"
     "already are kept, so an agent can be added later. An agent named again with another store\n"
     "has AGENT_STORE for that one. Off the loopback address TLS is required."},
    {"completion", "bash", NULL, "", 0, 0, 0, completion_run, "print a completion script", NULL},
};

const size_t command_count = sizeof(commands) / sizeof(commands[0]);

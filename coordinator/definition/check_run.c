/* run: another workflow, or a program by the agent exec. */
#include <string.h>

#include "coordinator/definition/load.h"
#include "coordinator/definition/semver.h"

static const struct refused_key refused_runs[] = {
    {"container", "there is nothing here that starts containers; make it an action of an agent"},
    {NULL, NULL},
};

static void check_workflow(struct load *load, const struct yaml_node *node, struct plan_run *run)
{
    static const char *const allowed[] = {"namespace", "name", "version", "input", NULL};
    if (!check_is_object(load, node, "'workflow'")) {
        return;
    }
    check_keys(load, node, "'workflow' of run", allowed, NULL);
    run->namespace_ = check_text(load, check_required(load, node, "namespace", "'workflow' of run"),
                                 "'namespace'");
    run->name = check_text(load, check_required(load, node, "name", "'workflow' of run"), "'name'");
    run->version = check_text(load, yaml_get(node, "version"), "'version'");
    if (run->version != NULL && strcmp(run->version, "latest") == 0) {
        run->version = NULL;
    }
    struct semver parsed;
    if (run->version != NULL && !semver_parse(run->version, &parsed)) {
        report_problem(load->report, yaml_get(node, "version"),
                       "leave it out to run the newest version in service",
                       "'version' must be a version like 1.0.0 or 'latest', not '%.64s'",
                       run->version);
    }
    const struct yaml_node *input = yaml_get(node, "input");
    if (input != NULL && !json_is_object(input->value)) {
        report_problem(load->report, input, "leave it out to pass on the task's input",
                       "'input' of a workflow must be an object, not %s", check_type_text(input));
        return;
    }
    run->input = check_template(load, input, PLACE_TASK);
}

static const char *const returns[] = {"stdout", "stderr", "code", "all", "none", NULL};

/* {shell: {...}, return: ...}: what the action `shell` of the agent gets, or `script`. */
static const struct template *program_input(struct load *load, const struct yaml_node *program,
                                            const char *what)
{
    struct template *input = ARENA_NEW(load->arena, struct template);
    struct template *wanted = ARENA_NEW(load->arena, struct template);
    const char **keys = ARENA_ARRAY(load->arena, const char *, 2);
    const struct template **items = ARENA_ARRAY(load->arena, const struct template *, 2);
    const json_t *text = load_keep(load, json_string(what));
    if (input == NULL || wanted == NULL || keys == NULL || items == NULL || text == NULL) {
        load->failed = true;
        return NULL;
    }
    wanted->literal = text;
    keys[0] = program->key;
    items[0] = check_template(load, program, PLACE_TASK);
    keys[1] = "return";
    items[1] = wanted;
    input->keys = keys;
    input->items = items;
    input->count = 2;
    return input;
}

static void check_script(struct load *load, const struct yaml_node *script)
{
    static const char *const allowed[] = {"language",  "code",        "stdin",
                                          "arguments", "environment", NULL};
    static const char *const languages[] = {"js", "javascript", "python", NULL};
    static const struct refused_key refused[] = {
        {"source", "nothing is fetched when a definition is deployed: put the text under 'code'"},
        {NULL, NULL}};
    check_keys(load, script, "'script' of run", allowed, refused);
    (void)check_word(load, check_required(load, script, "language", "'script' of run"),
                     "'language'", languages);
    if (yaml_get(script, "source") == NULL) {
        (void)check_required(load, script, "code", "'script' of run");
    }
}

/* A program is a call of the agent exec; deploying it needs such an agent. */
static void check_program(struct load *load, const struct yaml_node *body,
                          const struct yaml_node *program, struct plan_node *task)
{
    static const char *const allowed[] = {"shell", "script", "return", "await", NULL};
    static const char *const shell_keys[] = {"command", "stdin", "arguments", "environment", NULL};
    task->kind = TASK_AGENT;
    task->call = (struct plan_agent_call){.agent = "exec",
                                          .action = program->key,
                                          .program = true,
                                          .priority = -1,
                                          .timeout = task->timeout};
    check_keys(load, body, "'run'", allowed, NULL);
    if (!check_is_object(load, program, "a program of 'run'")) {
        return;
    }
    if (strcmp(program->key, "script") == 0) {
        check_script(load, program);
    } else {
        check_keys(load, program, "'shell' of run", shell_keys, NULL);
        (void)check_required(load, program, "command", "'shell' of run");
    }
    const struct yaml_node *await = yaml_get(body, "await");
    if (!check_bool(load, await, "'await'", true)) {
        report_problem(load->report, await, "leave it out",
                       "a program is always waited for: its effect must be accounted for");
    }
    const struct yaml_node *wanted = yaml_get(body, "return");
    int index = wanted == NULL ? 0 : check_word(load, wanted, "'return'", returns);
    task->call.input = program_input(load, program, returns[index < 0 ? 0 : index]);
    report_warning(load->report, program, "register an agent 'exec' that offers it",
                   "'run: %s' runs only where an agent 'exec' offers the action '%s'", program->key,
                   program->key);
}

void check_run_task(struct load *load, const struct yaml_node *node, struct plan_node *task)
{
    static const char *const allowed[] = {"workflow", "await", NULL};
    static const struct refused_key workflow_refused[] = {
        {"return", "it is about programs; what a workflow gives is its output"}, {NULL, NULL}};
    const struct yaml_node *body = yaml_get(node, "run");
    task->run = (struct plan_run){.await = true};
    if (!check_is_object(load, body, "'run'")) {
        return;
    }
    for (const struct refused_key *row = refused_runs; row->name != NULL; row++) {
        const struct yaml_node *item = yaml_get(body, row->name);
        if (item != NULL) {
            report_key(load->report, item, NULL, "'run: %s' cannot run: %s", row->name,
                       row->sentence);
            return;
        }
    }
    const struct yaml_node *shell = yaml_get(body, "shell");
    const struct yaml_node *program = shell != NULL ? shell : yaml_get(body, "script");
    if (program != NULL) {
        check_program(load, body, program, task);
        return;
    }
    check_keys(load, body, "'run'", allowed, workflow_refused);
    task->run.await = check_bool(load, yaml_get(body, "await"), "'await'", true);
    const struct yaml_node *workflow = check_required(load, body, "workflow", "'run'");
    if (workflow != NULL) {
        check_workflow(load, workflow, &task->run);
    }
}

/* run: another workflow. */
#include <string.h>

#include "coordinator/definition/load.h"
#include "coordinator/definition/semver.h"

static const struct refused_key refused_runs[] = {
    {"container", "make it an action of an agent (the exec agent runs any program)"},
    {"script", "make it an action of an agent (the exec agent runs any program)"},
    {"shell", "make it an action of an agent (the exec agent runs any program)"},
    {"return", "it is about programs; what a workflow gives is its output"},
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

void check_run(struct load *load, const struct yaml_node *node, struct plan_node *task)
{
    static const char *const allowed[] = {"workflow", "await", NULL};
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
    check_keys(load, body, "'run'", allowed, NULL);
    task->run.await = check_bool(load, yaml_get(body, "await"), "'await'", true);
    const struct yaml_node *workflow = check_required(load, body, "workflow", "'run'");
    if (workflow != NULL) {
        check_workflow(load, workflow, &task->run);
    }
}

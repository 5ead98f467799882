/*
 * One function for each command of the table; each prints its result and returns the exit code.
 */
#ifndef TOOLS_MAINSTAY_NOUNS_H
#define TOOLS_MAINSTAY_NOUNS_H

#include "tools/mainstay/command.h"

command_run up_run, down_run, status_run;
command_run check_run, deploy_run, definitions_ls_run;
command_run definitions_describe_run, definitions_diff_run, definitions_retire_run;
command_run run_run, emit_run, explain_run;
command_run instances_migrate_run, instances_operate_run;
command_run simulate_run, graph_run;
command_run instances_ls_run, instances_describe_run;
command_run agents_ls_run, agents_call_run, agents_restart_run, agents_stop_run;
command_run gates_ls_run, gates_describe_run, gates_approve_run, gates_reject_run, gates_edit_run;
command_run gates_yes_run, gates_no_run, agents_lost_run;
command_run locks_ls_run, budgets_ls_run;
command_run journal_tail_run, journal_verify_run;
command_run deadletters_ls_run, deadletters_show_run, deadletters_replay_run;
command_run backup_run, restore_run;
command_run units_run;
command_run accounts_run, completion_run;

#endif

#!/usr/bin/env python3
"""Plant faults into copies of sources: plants.py ROOT OUT.

Writes ROOT's files that have plants to OUT, changed so that `sim_plant` (an integer, 0: none)
chooses which fault is there. When the text that is to be changed stands not exactly once in its
file, the file has moved on, and the build fails until the plant follows. Nothing of this is in
any other program.
"""
import os
import sys

# number: (what is wrong, [(file, text, text with the fault), ...])
PLANTS = {
    1: ("messages are acknowledged before the commit", [
        ("coordinator/edge/edge.c",
         "    enum err code = turn_end(edge->turn, err);\n",
         "    for (size_t i = 0; sim_plant == 1 && i < taken; i++) {\n"
         "        if (items[i]->kind == ITEM_EVENT || items[i]->kind == ITEM_RESULT) {\n"
         "            (void)!bus_msg_ack(items[i]->msg, NULL);\n"
         "        }\n"
         "    }\n"
         "    enum err code = turn_end(edge->turn, err);\n")]),
    2: ("the attempt of a result is not compared", [
        ("coordinator/engine/process/result.c",
         "&&\n           frame->attempt == result->attempt && ",
         "&&\n           (sim_plant == 2 || frame->attempt == result->attempt) && ")]),
    3: ("the input digest of a result is not compared", [
        ("coordinator/engine/process/result.c",
         "           digest_equal(&frame->input_digest, &result->input_digest);\n",
         "           (sim_plant == 3 ||\n"
         "            digest_equal(&frame->input_digest, &result->input_digest));\n")]),
    4: ("whose result it is is not compared", [
        ("coordinator/engine/process/result.c",
         "strcmp(node->call.agent, result->agent) == 0 &&\n"
         "           strcmp(frame->store, result->store) == 0 && ",
         "(sim_plant == 4 || (strcmp(node->call.agent, result->agent) == 0 &&\n"
         "           strcmp(frame->store, result->store) == 0)) && ")]),
    5: ("timers are lost at a restart", [
        ("coordinator/engine/process/commands.c",
         "    company_timer_push(&engine->company, due_ms, instance);\n",
         "    if (sim_plant != 5) {\n"
         "        company_timer_push(&engine->company, due_ms, instance);\n"
         "    }\n")]),
    6: ("ready steps are not restored", [
        ("coordinator/engine/process/commands.c",
         "        } else if (frame->state == FRAME_READY && instance->paused == NULL) {\n",
         "        } else if (frame->state == FRAME_READY && instance->paused == NULL &&\n"
         "                   sim_plant != 6) {\n")]),
    7: ("what is in flight is not sent again after a start", [
        ("coordinator/engine/process/commands.c",
         "            if (frame_in_flight(instance->frames[j])) {\n"
         "                task_resend(",
         "            if (frame_in_flight(instance->frames[j]) && sim_plant != 7) {\n"
         "                task_resend(")]),
    8: ("an agent keeps neither intents nor outcomes", [
        ("agents/runtime/execute.c",
         "    struct error err = {0};\n"
         "    struct outcomes *outcomes = run->runtime->outcomes;\n"
         "    struct kv_batch *batch = kv_batch_create(outcomes_kv(outcomes));\n"
         "    outcome_put(batch,",
         "    struct error err = {0};\n"
         "    if (sim_plant == 8) {\n"
         "        return true;\n"
         "    }\n"
         "    struct outcomes *outcomes = run->runtime->outcomes;\n"
         "    struct kv_batch *batch = kv_batch_create(outcomes_kv(outcomes));\n"
         "    outcome_put(batch,")]),
    9: ("an effect has a new key in each retry of its block", [
        ("coordinator/engine/process/enter.c",
         "                            entry->scope.activation);\n"
         "    char hex[ID_HEX_BYTES];\n",
         "                            entry->scope.activation + (sim_plant == 9 ? 1000U : 0U) *\n"
         "                                entry->scope.instance->retries);\n"
         "    char hex[ID_HEX_BYTES];\n")]),
    10: ("the codec forgets a field that apply sets", [
        ("coordinator/codec/instance_codec.c",
         "    row->attempt = frame->attempt;\n",
         "    row->attempt = sim_plant == 10 ? 0 : frame->attempt;\n")]),
    11: ("marks of events are forgotten at once", [
        ("coordinator/engine/process/event.c",
         "           engine->port->mark_exists(engine->port_user, mark);\n",
         "           (sim_plant != 11 && engine->port->mark_exists(engine->port_user, mark));\n")]),
    12: ("orders are carried out before the commit", [
        ("coordinator/turn.c",
         "    TRY(tables_commit(turn->tables, events, event_count, turn->options.sync, err));\n",
         "    if (sim_plant == 12) {\n"
         "        orders_carry_out(turn);\n"
         "    }\n"
         "    TRY(tables_commit(turn->tables, events, event_count, turn->options.sync, err));\n"),
        ("coordinator/turn.c",
         "    orders_carry_out(turn);\n    if (turn->options.facts",
         "    if (sim_plant != 12) {\n"
         "        orders_carry_out(turn);\n"
         "    }\n"
         "    if (turn->options.facts")]),
    13: ("the row of a gate outlives its decision", [
        ("coordinator/engine/apply/apply_step.c",
         "        engine->port->gate_delete(engine->port_user, &frame->gate);\n",
         "        if (sim_plant != 13) {\n"
         "            engine->port->gate_delete(engine->port_user, &frame->gate);\n"
         "        }\n")]),
    14: ("what happened first is undone first", [
        ("coordinator/engine/instance.c",
         "(last == NULL || entry->undo->order > last->undo->order)) {\n",
         "(last == NULL ||\n"
         "             (entry->undo->order > last->undo->order) == (sim_plant != 14))) {\n")]),
    15: ("who runs a workflow does not take over what it did", [
        ("coordinator/engine/process/undo.c",
         "        if (undo == NULL || (open && kept) || ",
         "        if (sim_plant == 15 || undo == NULL || (open && kept) || ")]),
    16: ("an instance fails and nothing is undone", [
        ("coordinator/engine/process/undo.c",
         "    if (instance->undos == 0 || instance->killed) {\n",
         "    if (instance->undos == 0 || instance->killed || sim_plant == 16) {\n")]),
    17: ("what was undone happens again under its name", [
        ("coordinator/engine/process/undo.c",
         "        if (entry != NULL && entry->state == LEDGER_COMPENSATED) {\n",
         "        if (sim_plant != 17 && entry != NULL &&\n"
         "            entry->state == LEDGER_COMPENSATED) {\n")]),
    18: ("a lock that somebody holds is given to who asks", [
        ("coordinator/engine/process/lock.c",
         "    if (lock == NULL || (lock->holder == NULL && ",
         "    if (lock == NULL || sim_plant == 18 || (lock->holder == NULL && ")]),
    19: ("a lock that is free is given to nobody who waits", [
        ("coordinator/engine/process/lock.c",
         "    for (size_t i = 0; i < engine->freed_count; i++) {\n",
         "    for (size_t i = 0; i < engine->freed_count && sim_plant != 19; i++) {\n")]),
    20: ("what does not fit into a budget is sent", [
        ("coordinator/engine/process/budget.c",
         "        if (room_for(engine, instance, frame, kind) < cost->amount) {\n",
         "        if (sim_plant != 20 &&\n"
         "            room_for(engine, instance, frame, kind) < cost->amount) {\n")]),
    21: ("what was reserved stays reserved when its step is taken down", [
        ("coordinator/engine/apply/apply_step.c",
         "    if (frame->money != NULL) {\n",
         "    if (frame->money != NULL && sim_plant != 21) {\n")]),
    22: ("a gate of a budget stays when nobody waits any more", [
        ("coordinator/engine/process/budget.c",
         "    } else if (!waits && gate != NULL) {\n",
         "    } else if (!waits && gate != NULL && sim_plant != 22) {\n")]),
}


def main():
    if sys.argv[1:] == ["--list"]:
        for number, (words, _) in PLANTS.items():
            print(number, words)
        return 0
    root, out = sys.argv[1:3]
    texts = {}
    left_out = 0
    for number, (words, changes) in PLANTS.items():
        for file, text, fault in changes:
            if file not in texts:
                with open(os.path.join(root, file), encoding="utf-8") as source:
                    texts[file] = "extern int sim_plant;\n" + source.read()
            if texts[file].count(text) != 1:
                print(f"{file}: plant {number} ({words}) finds its text {texts[file].count(text)} "
                      f"times, not once: change tests/sim/plants.py with the file")
                left_out += 1
                continue
            texts[file] = texts[file].replace(text, fault)
    for file, text in texts.items():
        with open(os.path.join(out, os.path.basename(file)), "w", encoding="utf-8") as copy:
            copy.write(text)
    return 1 if left_out > 0 else 0


sys.exit(main())

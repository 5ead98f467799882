#!/usr/bin/env python3
"""The account of the crash campaign must find what is planted into it: what the effect ledger would
hold, the drivers would say and the coordinator would answer if the product had that fault."""
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, os.path.join(os.path.dirname(sys.path[0]), "support"))
import check  # noqa: E402
import upgrade  # noqa: E402

WORKFLOWS = 4
PARTS = ("first", "second", "third", "fourth")


class Account:
    """A company that did everything once, and was asked a second time for what is keyed."""

    def __init__(self):
        self.effects = []
        for number in range(WORKFLOWS):
            for part in PARTS:
                label = f"quick:{number}:{part}"
                self.effects.append([f"key-{number}-{part}", f"{number:064x}", label])
        self.effects.append(list(self.effect("quick:2:first")))
        self.loads = [{"name": "quick", "workflows": WORKFLOWS, "completed": WORKFLOWS}]
        self.verified = True
        self.forgiven = set()
        self.open = {"running": 0, "waiting": 0, "suspended": 0}
        self.tail = "key-torn 0000"  # a write that the crash cut short

    def effect(self, label):
        return next(effect for effect in self.effects if effect[2] == label)

    def ask(self, verb, **_):
        return {"journal.verify": {"ok": self.verified}, "status": {"instances": self.open}}[verb]

    def findings(self):
        findings = check.Findings()
        expected = {f"{load['name']}:{number}:{part}" for load in self.loads
                    for number in range(load["workflows"]) for part in PARTS}
        once = {label for label in expected if label.endswith((":third", ":fourth"))}
        once -= self.forgiven
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "effects")
            with open(path, "w", encoding="ascii") as file:
                file.writelines(" ".join(effect) + "\n" for effect in self.effects)
                file.write(self.tail)
            attempts = check.effects_read(path, findings)
        check.effects_check(attempts, expected, findings, once)
        check.loads_check(self.loads, findings)
        check.company_check(self, findings)
        return findings


def result_acknowledged_before_it_was_stored(account):
    account.effects.remove(account.effect("quick:3:second"))


def nothing_synced_before_a_power_cut(account):
    account.effects = [effect for effect in account.effects if ":3:" not in effect[2]]


def event_lost_on_the_bus(account):
    account.effects.remove(account.effect("quick:1:third"))


def outcome_written_only_half(account):
    account.effects.remove(account.effect("quick:0:first"))
    account.tail = f"key-0-first {0:064x} quick:0:first"


def request_not_deduplicated(account):
    account.effects += [["key-again-" + part, f"{1:064x}", "quick:1:" + part] for part in PARTS]


def key_made_anew_on_a_retry(account):
    account.effects.append(["key-new", account.effect("quick:1:first")[1], "quick:1:first"])


def input_evaluated_anew_on_a_retry(account):
    account.effects.append(["key-1-first", "f" * 64, "quick:1:first"])


def two_effects_under_one_key(account):
    account.effect("quick:1:second")[0] = "key-1-first"


def lost_answer_taken_for_a_failure(account):
    account.effects.append(list(account.effect("quick:2:third")))


def doubt_not_brought_before_a_person(account):
    account.effects.append(list(account.effect("quick:0:fourth")))


def manual_effect_of_a_backup_repeated(account):
    """What began after the backup is forgiven, not what the backup knows."""
    account.forgiven = {"quick:3:fourth"}
    account.effects += [list(account.effect(f"quick:{number}:fourth")) for number in (1, 3)]


def store_lost_and_its_effects_with_it(account):
    account.effects.remove(account.effect("quick:2:fourth"))


def effect_nobody_asked_for(account):
    account.effects.append(["key-9", "9" * 64, "quick:9:first"])


def refused_instance_acted(account):
    account.loads[0]["workflows"] -= 1
    account.loads[0]["completed"] -= 1


def ledger_with_a_hole(account):
    account.effects.append(["key-9"])


def failure_of_an_agent_ends_the_instance(account):
    account.loads[0]["completed"] -= 1


def workflow_of_a_second_load_not_finished(account):
    account.loads.append({"name": "timed", "workflows": 1, "completed": 0})
    account.effects += [["key-t-" + part, "a" * 64, "timed:0:" + part] for part in PARTS]


def journal_entry_rewritten(account):
    account.verified = False


def timer_lost_at_a_restart(account):
    account.open["waiting"] = 1


def result_of_an_old_attempt_awaited(account):
    account.open["running"] = 2


def instance_left_with_a_person(account):
    account.open["suspended"] = 1


PLANTED = (
    (result_acknowledged_before_it_was_stored, "lost", "effect quick:3:second never happened"),
    (nothing_synced_before_a_power_cut, "lost", "effect quick:3:first never happened"),
    (event_lost_on_the_bus, "lost", "effect quick:1:third never happened"),
    (outcome_written_only_half, "lost", "effect quick:0:first never happened"),
    (request_not_deduplicated, "doubled", "effect quick:1:second happened 2 times"),
    (key_made_anew_on_a_retry, "doubled", "effect quick:1:first happened 2 times"),
    (input_evaluated_anew_on_a_retry, "doubled", "key key-1-first came with 2 payloads"),
    (two_effects_under_one_key, "doubled", "key key-1-first stands for"),
    (lost_answer_taken_for_a_failure, "doubled", "effect quick:2:third was attempted 2 times"),
    (doubt_not_brought_before_a_person, "doubled", "effect quick:0:fourth was attempted 2 times"),
    (manual_effect_of_a_backup_repeated, "doubled", "effect quick:1:fourth was attempted 2 times"),
    (store_lost_and_its_effects_with_it, "lost", "effect quick:2:fourth never happened"),
    (effect_nobody_asked_for, "unexplained", "effect quick:9:first happened and nobody"),
    (refused_instance_acted, "unexplained", "effect quick:3:first happened and nobody"),
    (ledger_with_a_hole, "unexplained", "not a record of an effect"),
    (failure_of_an_agent_ends_the_instance, "lost", "1 workflows of quick did not complete"),
    (workflow_of_a_second_load_not_finished, "lost", "1 workflows of timed did not complete"),
    (journal_entry_rewritten, "unexplained", "the journal does not verify"),
    (timer_lost_at_a_restart, "unexplained", "1 instances are still waiting"),
    (result_of_an_old_attempt_awaited, "unexplained", "2 instances are still running"),
    (instance_left_with_a_person, "unexplained", "1 instances are still suspended"),
)


class Checker(unittest.TestCase):
    def test_what_a_restored_company_cannot_know_is_forgiven(self):
        account = Account()
        account.forgiven = {"quick:3:fourth"}
        account.effects.append(list(account.effect("quick:3:fourth")))
        self.assertEqual([], account.findings().all())

    def test_nothing_is_found_in_an_account_that_is_in_order(self):
        self.assertEqual([], Account().findings().all())

    def test_every_planted_fault_is_found(self):
        for plant, kind, words in PLANTED:
            with self.subTest(plant.__name__):
                account = Account()
                plant(account)
                found = getattr(account.findings(), kind)
                self.assertTrue(any(words in finding for finding in found), found)


class Versions(unittest.TestCase):
    def test_a_version_a_linker_kept_as_the_end_of_a_longer_string_is_changed(self):
        """Optimised builds have no "0.1.0" of its own: upgraded programs told the old version."""
        code = b"\0coordinator 0.1.0\0mainstay-jq\0"
        self.assertEqual(b"\0coordinator 0.1.9\0mainstay-jq\0",
                         upgrade.renamed(code, "0.1.0", "0.1.9"))


if __name__ == "__main__":
    unittest.main()

"""tools/demo --show: each failure is shown, ends as it must, and leaves nothing behind."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import company
from company import BIN, SOURCE

SHOWN = {
    "compensation": ["agent reconciliation undoes the effect of /do/1/post with unpost",
                     "the effect of /do/1/post is undone", "ended with an error:"],
    "repair": ["$ mainstay gates edit",
               "corrected the input of 'extract': the carrier sent it again",
               "agent extraction did extract with rule x12 210"],
    "permission": ["permission", "waiting count 10", "approve: noted", "\"status\": 401"],
    "crash": ["in-doubt", "Nobody can tell whether the effect happened",
              "looked, and it happened: 'pay': it is on the statement"],
    "upgrade": ["coordinator restarted", "the bank made 20 payments", "program-started"],
}


@unittest.skipIf(shutil.which("jq") is None or shutil.which("curl") is None,
                 "jq or curl is not installed")
class Demo(unittest.TestCase):
    def demo(self, *words):
        with tempfile.TemporaryDirectory(prefix="mainstay-demo-test-") as folder:
            ran = subprocess.run(
                [SOURCE / "tools" / "demo", "--fast", *words], text=True, capture_output=True,
                env={**os.environ, "DEMO_BIN": str(BIN), "TMPDIR": folder, "NO_COLOR": "1"},
                stdin=subprocess.DEVNULL, timeout=3 * company.DEADLINE_S, check=False)
            self.assertEqual(list(pathlib.Path(folder).iterdir()), [], "it left something behind")
        return ran

    def shown(self, what):
        ran = self.demo("--show", what)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertIn("As it must be", ran.stdout)
        self.assertIn("$ mainstay explain", ran.stdout)
        for words in SHOWN[what]:
            self.assertIn(words, ran.stdout)

    def test_a_compensation(self):
        self.shown("compensation")

    def test_a_data_repair(self):
        self.shown("repair")

    def test_one_gate_for_ten_refused(self):
        self.shown("permission")

    def test_an_agent_killed_between_effect_and_outcome(self):
        self.shown("crash")

    def test_an_upgrade_with_work_in_flight(self):
        self.shown("upgrade")

    def test_what_is_not_there_is_refused(self):
        ran = self.demo("--show", "everything")
        self.assertEqual(ran.returncode, 2)
        for what in SHOWN:
            self.assertIn(what, ran.stderr)


if __name__ == "__main__":
    company.main()

"""The table of the README from a result file: nothing is made up, nothing that failed is hidden."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def result(campaigns):
    return {"commit": "c" * 40, "modified": False, "finished": "2026-01-02T03:04:05Z",
            "duration_s": 600, "tests": {"passed": 7, "failed": 1, "skipped": 2},
            "machine": {"cores": 2, "cpu": "a processor", "system": "a system"},
            "campaigns": campaigns}


class Figures(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="mainstay-figures.")
        self.addCleanup(self.folder.cleanup)

    def path(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def run_tool(self, campaigns, *words):
        path = self.path("result.json", json.dumps(result(campaigns)))
        return subprocess.run([os.path.join(ROOT, "tools", "lib", "figures"), path, *words],
                              capture_output=True, text=True, check=False)

    def test_pure_and_keyed_steps_have_a_row_each(self):
        side = {"workflows": 100, "steps": 3, "concurrency": 256, "durability": "power"}
        ran = self.run_tool([{"name": "bench", "seed": 7, "exit": 0, "figures": {
            "many": {**side, "median": {"steps_per_s": 12958, "ratio_steps": 0.57}},
            "one": {**side, "concurrency": 1},
            "keyed": {**side, "median": {"steps_per_s": 8001, "ratio_steps": 0.61},
                      "counts": {"agent_syncs": 15}}}}])
        self.assertIn("| steps a second | 12,958, 0.57 of the floor's |", ran.stdout)
        self.assertIn("| the same with keyed effects | 8,001, 0.61 of the floor's | "
                      "`tools/bench --effects keyed`, 256 workflows at a time, median of 5; the "
                      "agent makes 0.05 synced commits a step, up to 16 at once, and so does the "
                      "floor's, seed 7 |",
                      ran.stdout)

    def test_what_was_measured_and_what_was_not(self):
        ran = self.run_tool([{"name": "sim", "seed": 5, "exit": 0, "figures":
                              {"seeds": 1234, "faults": 5, "findings": 0}}])
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("| 1,234 with 5 faults, 0 findings | `tests/full/sim.sh`, seed 5 |",
                      ran.stdout)
        self.assertIn("| `tests/full/fuzz.sh` | not measured in this run | |", ran.stdout)
        self.assertIn("7 passed, 1 failed, 2 skipped in 10 minutes", ran.stdout)

    def test_a_campaign_that_failed_says_so(self):
        ran = self.run_tool([{"name": "crash", "seed": 9, "exit": 1, "figures":
                              {"faults": 10, "lost": 3}}])
        self.assertIn("10, 3 findings", ran.stdout)
        self.assertIn("| `tests/full/crash.sh` | failed | exit code 1, seed 9 |", ran.stdout)

    def test_a_bound_that_was_missed_is_shown_with_what_was_measured(self):
        ran = self.run_tool([{"name": "overload", "seed": 9, "exit": 1, "figures": {
            "seconds": 60, "factor": 10, "accepted": 1000, "lost": 0, "drained_s": 7.4,
            "loaded": {"p95_ms": 90}, "unloaded": {"p95_ms": 9.4},
            "peak_rss_kb": {"nats-server": 10240, "coordinator": 20480, "agent": 5120}}}])
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("| `tests/full/overload.sh` | failed | exit code 1, seed 9 |", ran.stdout)
        self.assertIn("| 90 ms; alone 9 ms |", ran.stdout)
        self.assertIn("1,000 accepted, 0 lost, all done 7 s after", ran.stdout)

    def test_they_are_put_between_the_marks(self):
        readme = self.path("README.md", "a\n<!-- figures: begin -->\nold\n"
                           "<!-- figures: end -->\nz\n")
        self.assertEqual(self.run_tool([], readme).returncode, 0)
        with open(readme, encoding="utf-8") as file:
            text = file.read()
        self.assertTrue(text.startswith("a\n<!-- figures: begin -->\n`tools/test --full`"), text)
        self.assertTrue(text.endswith("|\n<!-- figures: end -->\nz\n"), text)
        self.assertNotIn("old", text)
        self.assertEqual(self.run_tool([], self.path("x.md", "no marks")).returncode, 1)


if __name__ == "__main__":
    sys.exit(unittest.main())

"""What Prometheus and a load balancer see of every process."""
import shutil
import subprocess
import unittest

import company


def says_yes(url):
    try:
        company.http_get(url)
        return True
    except OSError:
        return False


class Metrics(company.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.deploy("echo", company.ECHO)
        cls.company.call("run", "e2e/echo", "--input", '{"a": 1}')
        cls.company.call("agents", "call", "extraction", "extract", "--input",
                         '{"data": "x", "contentType": "text/plain"}', code=3)

    def test_file_for_prometheus_names_every_process(self):
        self.assertEqual(set(self.company.targets()),
                         {"coordinator", "connector", "extraction", "reconciliation", "tester"})
        for address in self.company.targets().values():
            self.assertTrue(address.startswith("127.0.0.1:"), "loopback by default")

    def test_every_process_is_live_and_ready(self):
        for process, address in self.company.targets().items():
            for page in ("healthz", "readyz"):
                company.until(lambda url=f"http://{address}/{page}": says_yes(url),
                              f"{process} says yes on /{page}")

    @unittest.skipIf(shutil.which("promtool") is None, "promtool (package prometheus) is missing")
    def test_promtool_finds_nothing(self):
        for process in self.company.targets():
            with self.subTest(process=process):
                ran = subprocess.run(["promtool", "check", "metrics"], text=True,
                                     input=self.company.metrics(process), capture_output=True,
                                     check=False)
                self.assertEqual((ran.returncode, ran.stdout + ran.stderr), (0, ""))

    def test_coordinator_shows_what_operators_need(self):
        text = self.company.metrics()
        for name in ("mainstay_turn_seconds_bucket", "mainstay_agent_step_seconds_bucket",
                     "mainstay_tasks_outstanding", "mainstay_steps_ready",
                     "mainstay_mailbox_items", "mainstay_journal_sequence",
                     "mainstay_dead_letters", "process_resident_memory_bytes"):
            self.assertIn(name, text)
        self.assertGreater(self.company.metric("process_resident_memory_bytes"), 1e6)
        self.assertGreater(self.company.metric("mainstay_journal_sequence"), 0)
        self.assertGreater(self.company.metric("mainstay_turn_seconds_count"), 0)

    def test_agents_show_what_operators_need(self):
        for process in ("connector", "extraction", "reconciliation", "tester"):
            text = self.company.metrics(process)
            for name in ("mainstay_agent_task_seconds_bucket", "mainstay_agent_queued_tasks",
                         "mainstay_agent_running_tasks", "process_resident_memory_bytes"):
                self.assertIn(name, text, process)

    def test_the_time_agents_take_was_never_observed(self):
        """mainstay_agent_step_seconds stayed at 0: a result's duration was dropped."""
        before = self.company.metric("mainstay_agent_step_seconds_count")
        self.assertGreaterEqual(before, 2, "a result and a failure")
        self.company.call("run", "e2e/echo", "--input", '{"a": 2}')
        self.assertEqual(self.company.metric("mainstay_agent_step_seconds_count"), before + 1)

    def test_a_stopped_bus_is_not_ready_but_live(self):
        address = self.company.targets()["coordinator"]
        self.company.call("agents", "stop", "nats-server")
        company.until(lambda: not says_yes(f"http://{address}/readyz"), "/readyz says no")
        self.assertTrue(says_yes(f"http://{address}/healthz"))
        self.company.call("agents", "restart", "nats-server")
        self.test_every_process_is_live_and_ready()
        self.company.answers()
        self.goes_on()


if __name__ == "__main__":
    company.main()

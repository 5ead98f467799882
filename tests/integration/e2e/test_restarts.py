"""What dies comes back, and what was under way completes: agents, coordinator, the bus."""
import os
import shutil

import company
from company import ACT, ECHO, until

WAIT = """do:
  - wait: {wait: {seconds: 3}}
  - count:
      call: agent
      with: {agent: tester, action: count, contract: '1.0', input: '${ {} }'}
"""


class Restarts(company.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.deploy("slow", ACT % "slow")
        cls.company.deploy("count", ACT % "count")
        cls.company.deploy("echo", ECHO)

    def running(self, instance):
        until(lambda: self.company.metric("mainstay_agent_running_tasks", "tester") > 0,
              "the agent is at it")
        status = self.company.json("instances", "describe", instance)["status"]
        self.assertIn(status, ("running", "waiting"))

    def completes(self, *instances):
        for instance in instances:
            self.assertEqual(self.company.wait(instance)["status"], "completed",
                             self.company.run("explain", instance).out)

    def whole(self):
        self.assertTrue(self.company.json("journal", "verify")["ok"])

    def test_a_killed_agent_gets_its_work_again(self):
        before = self.company.pid("tester")
        instances = [self.company.start("slow", {"ms": 400, "n": n}) for n in range(5)]
        self.running(instances[-1])
        self.company.kill("tester")
        self.company.restarted("tester", before)
        self.completes(*instances)
        dispatched = [entry for entry in self.company.json("explain", instances[-1])["story"]
                      if entry["kind"] == "step-result"]
        self.assertEqual(len(dispatched), 1, "one result")

    def test_a_restarted_agent_gets_its_work_again(self):
        instances = [self.company.start("slow", {"ms": 400, "n": n}) for n in range(5)]
        self.running(instances[-1])
        self.company.call("agents", "restart", "tester")
        self.completes(*instances)

    def test_a_stopped_agent_at_work_was_killed_before_its_goodbye(self):
        """The coordinator took it for live and went on giving it work."""
        instance = self.company.start("slow", {"ms": 12000})
        self.running(instance)
        self.company.call("agents", "stop", "tester")
        self.assertEqual(self.company.agent("tester")["state"], "away")
        self.company.call("agents", "restart", "tester")
        self.completes(instance)

    def test_work_waits_for_an_absent_agent(self):
        self.company.call("agents", "stop", "extraction")
        until(lambda: self.company.agent("extraction")["state"] == "away", "it is away")
        self.company.deploy("extract", """do:
  - extract:
      call: agent
      with: {agent: extraction, action: extract, contract: '1.0', input: '${ . }'}
""")
        document = (company.DATA / "x12" / "staedi" / "ts210_80char.edi").read_text()
        instance = self.company.start("extract", {"data": document,
                                                  "contentType": "application/edi-x12"})
        step = self.company.json("instances", "describe", instance)["steps"][0]
        self.assertEqual((step["state"], self.company.agent("extraction")["ready"]), ("ready", 1))
        self.assertEqual(self.company.metric("mainstay_steps_ready"), 1)
        self.company.call("agents", "restart", "extraction")
        self.completes(instance)

    def test_a_timer_fires_once_over_a_restart_of_the_coordinator(self):
        self.company.deploy("timer", WAIT)
        instance = self.company.start("timer", {})
        before = self.company.pid("coordinator")
        self.company.kill("coordinator")
        self.company.restarted("coordinator", before)
        self.completes(instance)
        story = self.company.json("explain", instance)["story"]
        counted = [entry for entry in story if entry["kind"] == "step-result"]
        self.assertEqual(len(counted), 1, story)
        again = self.company.start("count", {})
        self.assertEqual(self.company.wait(again)["output"]["count"],
                         self.company.wait(instance)["output"]["count"] + 1)

    def test_a_killed_coordinator_takes_the_results_it_missed(self):
        instances = [self.company.start("slow", {"ms": 300, "n": n}) for n in range(5)]
        before = self.company.pid("coordinator")
        self.company.kill("coordinator")
        self.company.restarted("coordinator", before)
        self.completes(*instances)
        self.whole()

    def test_a_killed_bus(self):
        instances = [self.company.start("slow", {"ms": 300, "n": n}) for n in range(5)]
        before = self.company.pid("nats-server")
        self.company.kill("nats-server")
        self.company.restarted("nats-server", before)
        self.completes(*instances)
        self.whole()

    def test_the_bus_is_wiped_while_the_company_is_stopped(self):
        self.company.call("agents", "stop", "tester")
        instances = [self.company.start("count", {}) for _ in range(3)]
        self.company.down()
        shutil.rmtree(self.company.dir / "bus")
        os.mkdir(self.company.dir / "bus", 0o700)
        self.company.up()
        self.completes(*instances)
        counts = sorted(self.company.wait(one)["output"]["count"] for one in instances)
        self.assertEqual(counts[2], counts[0] + 2, "each counted once")
        self.whole()


if __name__ == "__main__":
    company.main()

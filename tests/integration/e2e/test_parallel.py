"""Branches and workflows that run workflows, through the real bus and over restarts."""
import company
from company import ACT, until

PARTS = """do:
  - both:
      fork:
        branches:
          - called: {call: 'slow:1.0@tester', with: {input: '${ {ms: .ms, n: 1} }'}}
          - run: {run: {workflow: {namespace: e2e, name: part, version: '1.0.0',
                                   input: {ms: '${ .ms }', n: 2}}}}
          - counted: {call: 'count:1.0@tester', with: {input: {}}}
      output: {as: '${ [.[0].n, .[1].n] }'}
"""

RACE = """do:
  - first:
      fork:
        compete: true
        branches:
          - lost: {run: {workflow: {namespace: e2e, name: part, input: {ms: 60000, n: 1}}}}
          - won: {call: 'slow:1.0@tester', with: {input: {ms: 50, n: 2}}}
"""

OUTER = """do:
  - run: {run: {workflow: {namespace: e2e, name: part, input: {ms: 60000, n: 1}}}}
"""


class Parallel(company.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.deploy("part", ACT % "slow")
        cls.company.deploy("parts", PARTS)
        cls.company.deploy("race", RACE)
        cls.company.deploy("outer", OUTER)

    def child(self, instance):
        children = self.company.json("instances", "describe", instance)["children"]
        self.assertEqual(len(children), 1)
        return children[0]

    def test_branches_join_over_a_killed_coordinator(self):
        instances = [self.company.start("parts", {"ms": 400}) for _ in range(3)]
        before = self.company.pid("coordinator")
        self.company.kill("coordinator")
        self.company.restarted("coordinator", before)
        for instance in instances:
            ended = self.company.wait(instance)
            self.assertEqual((ended["status"], ended["output"]), ("completed", [1, 2]),
                             self.company.run("explain", instance).out)
            self.assertEqual(self.child(instance)["status"], "completed")
            counted = [entry for entry in self.company.json("explain", instance)["story"]
                       if entry["kind"] == "step-result" and entry["step"].endswith("/counted")]
            self.assertEqual(len(counted), 1, "each counted once")
        self.assertTrue(self.company.json("journal", "verify")["ok"])

    def test_what_loses_a_race_is_cancelled(self):
        instance = self.company.start("race", {})
        ended = self.company.wait(instance)
        self.assertEqual((ended["status"], ended["output"]["n"]), ("completed", 2))
        self.assertEqual(self.child(instance)["status"], "cancelled")

    def test_a_cancelled_parent_takes_its_child_along(self):
        instance = self.company.start("outer", {})
        child = self.child(instance)
        self.assertEqual(self.company.json("instances", "describe", child["instance"])["parent"],
                         instance)
        self.company.call("instances", "cancel", instance)
        self.assertEqual(self.company.wait(instance)["status"], "cancelled")
        until(lambda: self.child(instance)["status"] == "cancelled", "the child is cancelled")

    def test_a_workflow_that_is_not_deployed_refuses_its_parent(self):
        text = company.definition("lonely", OUTER.replace("name: part", "name: prat"))
        ran = self.company.run("deploy", self.company.file("lonely.yaml", text))
        self.assertNotEqual(ran.code, 0)
        self.assertRegex(ran.err, r"\.yaml:4:10: it runs e2e/prat, which is not deployed")


if __name__ == "__main__":
    company.main()

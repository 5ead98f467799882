"""What an operator does to instances: pause, resume, retry, kill, restart; one and many."""
import company
from company import ACT, until

WAIT = """do:
  - first: {wait: {milliseconds: 300}}
  - then: {set: {waited: true}}
"""
LISTEN = "do: [{l: {listen: {to: {any: [{with: {type: never}}]}}}}]\n"
RAISE = "do: [{r: {raise: {error: {type: https://example.com/no, status: 400}}}}]\n"


class Operations(company.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.deploy("wait", WAIT)
        cls.company.deploy("listen", LISTEN)
        cls.company.deploy("raise", RAISE)
        cls.company.deploy("fail", ACT % "fail")

    def describe(self, instance):
        return self.company.json("instances", "describe", instance)

    def words(self, instance):
        return [entry["words"] for entry in self.company.json("explain", instance)["story"]]

    def test_pause_and_resume(self):
        instance = self.company.start("wait", {})
        self.company.call("instances", "pause", instance, "--reason", "the month ends")
        seen = self.describe(instance)
        self.assertEqual(seen["status"], "suspended")
        self.assertIn("the month ends", seen["reason"])
        again = self.company.run("instances", "pause", instance)
        self.assertEqual(again.code, 1)
        self.assertIn("is paused already", again.err)
        marker = self.company.start("wait", {})
        self.assertEqual(self.company.wait(marker)["status"], "completed")
        self.assertEqual(self.describe(instance)["status"], "suspended")
        self.company.call("instances", "resume", instance)
        self.assertEqual(self.company.wait(instance)["status"], "completed")
        self.assertTrue(any("paused it: the month ends" in words for words in self.words(instance)))

    def test_a_pause_survives_the_coordinator(self):
        instance = self.company.start("wait", {})
        self.company.call("instances", "pause", instance)
        self.company.call("agents", "restart", "coordinator")
        self.assertEqual(self.describe(instance)["status"], "suspended")
        self.company.call("instances", "resume", instance)
        self.assertEqual(self.company.wait(instance)["status"], "completed")

    def test_many_by_query(self):
        instances = {self.company.start("listen", {}) for _ in range(5)}
        plan = self.company.json("instances", "kill", "--all", "--definition", "e2e/listen",
                                 "--dry-run")
        self.assertTrue(plan["plan"])
        self.assertEqual({row["instance"] for row in plan["instances"]}, instances)
        self.assertTrue(all(self.describe(one)["status"] == "waiting" for one in instances))
        none = self.company.json("instances", "kill", "--all", "--definition", "e2e/listen",
                                 "--older-than", "1h")
        self.assertEqual(none["instances"], [])
        killed = self.company.json("instances", "kill", "--all", "--definition", "e2e/listen",
                                   "--reason", "nobody listens")
        self.assertEqual(killed["done"], 5)
        for one in instances:
            self.assertEqual(self.describe(one)["status"], "cancelled")

    def test_query_needs_all(self):
        self.assertEqual(self.company.run("instances", "kill").code, 2)
        self.assertEqual(self.company.run("instances", "kill", "--status", "waiting").code, 2)

    def test_restart(self):
        instance = self.company.start("raise", {"n": 7})
        self.company.wait(instance)
        reply = self.company.json("instances", "restart", instance, "--reason", "try once more")
        made = reply["instances"][0]["made"]
        self.assertNotEqual(made, instance)
        seen = self.describe(made)
        self.assertEqual(seen["input"], {"n": 7})
        self.assertIn(instance, seen["trigger"])
        self.assertIn("try once more", seen["trigger"])
        open_one = self.company.start("listen", {})
        refused = self.company.run("instances", "restart", open_one)
        self.assertEqual(refused.code, 1)
        self.assertIn("still open", refused.err)
        self.company.call("instances", "cancel", open_one)

    def test_retry_of_nothing(self):
        instance = self.company.start("listen", {})
        refused = self.company.run("instances", "retry", instance)
        self.assertEqual(refused.code, 1)
        self.assertIn("no step of it has failed", refused.err)
        self.company.call("instances", "kill", instance)

    def test_retry_of_a_parked_step(self):
        instance = self.company.start("fail", {"class": "contract", "times": 1})
        self.assertEqual(self.company.wait(instance)["status"], "suspended")
        rows = self.company.json("instances", "retry", "--all", "--status", "suspended",
                                 "--definition", "e2e/fail", "--reason", "fixed")["instances"]
        self.assertEqual([row["instance"] for row in rows if row["done"]], [instance])
        self.assertEqual(self.company.wait(instance)["status"], "completed")

    def test_kill_asks_about_an_effect_in_doubt(self):
        instance = self.company.start("fail", {"class": "in-doubt", "effect": "unknown",
                                               "times": 9})
        until(lambda: [e["state"] for e in self.describe(instance)["effects"]] == ["unknown"],
              "the effect is in doubt")
        self.company.call("instances", "kill", instance)
        gates = self.describe(instance)["gates"]
        self.assertEqual(len(gates), 1)
        self.assertEqual(self.company.json("gates", "describe", gates[0])["kind"], "in-doubt")
        refused = self.company.run("gates", "approve", gates[0])
        self.assertEqual(refused.code, 1)
        self.assertIn("was killed", refused.err)
        self.company.call("gates", "no", gates[0])
        self.assertEqual(self.describe(instance)["status"], "cancelled")


if __name__ == "__main__":
    company.main()

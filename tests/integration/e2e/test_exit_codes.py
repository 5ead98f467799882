"""Exit codes 0 to 7, each out of the situation a script would meet."""
import json
import subprocess

import company
from company import ACT, ECHO

SLOW = ACT % "slow"
FAIL = ACT % "fail"


class ExitCodes(company.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.deploy("echo", ECHO)
        cls.company.deploy("slow", SLOW)
        cls.company.deploy("fail", FAIL)
        cls.company.deploy("raise", "do:\n  - no: {raise: {error: {type: 'urn:e2e:no', "
                           "status: 409, title: no}}}\n")

    def run_with(self, name, data, *words):
        return self.company.run("run", f"e2e/{name}", "--input", json.dumps(data), *words)

    def test_0_done(self):
        ran = self.run_with("echo", {"a": 1})
        self.assertEqual((ran.code, ran.json(), ran.err), (0, {"a": 1}, ""))

    def test_1_failed(self):
        for words in (("instances", "describe", "0000deadbeef"), ("explain", "ffffffff"),
                      ("gates", "describe", "ffffffff"), ("deadletters", "show", "99999"),
                      ("run", "e2e/nothing-of-that-name"), ("check", "/nowhere.yaml"),
                      ("agents", "stop", "nobody")):
            with self.subTest(words=words):
                ran = self.company.run(*words)
                self.assertEqual(ran.code, 1, ran.err)
                self.assertIn("mainstay: ", ran.err)

    def test_2_usage(self):
        for words in (("rnu",), ("run",), ("run", "e2e/echo", "--input", "{"),
                      ("run", "e2e/echo", "--timeout", "soon"), ("status", "--colour", "red"),
                      ("instances", "ls", "--status", "asleep"), ("emit", "two words", "{}")):
            with self.subTest(words=words):
                self.assertEqual(self.company.run(*words).code, 2)

    def test_3_faulted_with_the_fault_as_json(self):
        ran = self.run_with("raise", {})
        self.assertEqual((ran.code, ran.out), (3, ""))
        fault = json.loads(ran.err)
        self.assertEqual((fault["type"], fault["status"], fault["instance"]),
                         ("urn:e2e:no", 409, "/do/0/no"))

    def test_4_cancelled(self):
        instance = self.company.start("slow", {"ms": 5000})
        self.company.call("instances", "cancel", instance, "--reason", "changed our mind")
        answer = self.company.wait(instance)
        self.assertEqual(answer["status"], "cancelled")
        self.assertEqual(self.company.run("explain", instance).code, 0)

    def test_4_run_says_that_somebody_cancelled(self):
        """`run` waits while another command cancels."""
        waiting = subprocess.Popen(
            [str(company.BIN / "mainstay"), "--dir", str(self.company.dir), "run", "e2e/slow",
             "--input", '{"ms": 5000}'], env=self.company.env, stderr=subprocess.PIPE, text=True)
        with waiting:
            running = company.until(
                lambda: [row["instance"] for row in self.company.instances("e2e/slow")
                         if row["status"] in ("running", "waiting")], "it runs")
            self.company.call("instances", "cancel", running[0])
            words = waiting.communicate(timeout=company.DEADLINE_S)[1]
        self.assertEqual(waiting.returncode, 4, words)
        self.assertIn("cancelled", words)

    def test_5_waits_for_a_person(self):
        ran = self.run_with("fail", {"class": "data", "times": 9})
        self.assertEqual(ran.code, 5, ran.err)
        self.assertIn("mainstay gates describe ", ran.err)
        gate = ran.err.split("gates describe ")[1].split()[0]
        self.company.call("gates", "reject", gate)

    def test_6_timeout_and_it_goes_on(self):
        ran = self.run_with("slow", {"ms": 5000}, "--timeout", "300ms")
        self.assertEqual(ran.code, 6, ran.err)
        self.assertIn("it goes on", ran.err)
        instance = ran.err.split("instances describe ")[1].split()[0]
        status = self.company.json("instances", "describe", instance)["status"]
        self.assertIn(status, ("running", "waiting"))
        self.company.call("instances", "cancel", instance)
        self.assertEqual(self.company.wait(instance)["status"], "cancelled")

    def test_7_no_bus_and_no_coordinator(self):
        ran = self.company.run("--bus", "nats://127.0.0.1:1", "status")
        self.assertEqual(ran.code, 7, ran.err)
        self.company.call("agents", "stop", "coordinator")
        ran = self.company.run("status")
        self.assertEqual(ran.code, 7, ran.err)
        self.assertIn("coordinator", ran.err)
        self.company.call("agents", "restart", "coordinator")
        self.company.answers()
        self.goes_on()


if __name__ == "__main__":
    company.main()

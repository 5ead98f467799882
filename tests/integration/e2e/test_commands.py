"""Commands of operators that the other files do not need: versions, calls, priority, cancelling."""
import json
import re
import subprocess

import company
from company import ACT, ECHO, SOURCE


class Commands(company.Case):
    def test_agents_call_runs_one_recorded_action(self):
        ran = self.company.call("agents", "call", "tester", "echo", "--input", '{"a": [1, "2"]}')
        self.assertEqual(ran.json(), {"a": [1, "2"]})
        rows = self.company.instances("mainstay/call-tester-echo")
        self.assertEqual(rows[0]["status"], "completed")
        self.assertIn("echo@1.0.0", self.company.call("explain", rows[0]["instance"]).out)

    def test_agents_call_counts_an_effect_once(self):
        first = self.company.call("agents", "call", "tester", "count", "--input", "{}").json()
        second = self.company.call("agents", "call", "tester", "count", "--input", "{}").json()
        self.assertEqual(second["count"], first["count"] + 1)

    def test_agents_call_with_a_wrong_input_leaves_nothing_behind(self):
        ran = self.company.run("agents", "call", "tester", "slow", "--input", '{"ms": "x"}')
        self.assertEqual(ran.code, 3, ran.err)
        self.assertIn("must be", ran.err)
        self.assertEqual(self.company.json("gates", "ls")["gates"], [])
        row = self.company.instances("mainstay/call-tester-slow")[0]
        self.assertEqual(row["status"], "faulted")
        self.assertIn("at /do/0/call", row["reason"])

    def test_a_reader_that_goes_away_is_no_failure(self):
        """A long output into `head` ended with "cannot write the output"."""
        text = self.company.file("long.json", json.dumps({"x": "y" * 300000}))
        self.company.call("emit", "e2e.nobody.wants", f"@{text}")
        words = [str(company.BIN / "mainstay"), "--dir", str(self.company.dir), "journal", "tail",
                 "--limit", "1000", "-o", "json"]
        with subprocess.Popen(words, env=self.company.env, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as reader:
            reader.stdout.read(10)
            reader.stdout.close()
            self.assertEqual(reader.stderr.read(), "")
            self.assertEqual(reader.wait(60), 0)

    def test_an_empty_document_is_sent(self):
        """It ended with "out of memory"."""
        self.company.deploy("empty", "schedule: {on: {one: {with: {type: empty.came}}}, "
                            "read: envelope}\ndo: [{keep: {set: {size: "
                            "'${ .[0].data_base64 | length }'}}}]\n")
        reply = self.company.json("emit", "empty.came", f"@{self.company.file('empty.csv', '')}",
                                  "--content-type", "text/csv")
        ended = self.company.wait(reply["instances"][0])
        self.assertEqual(ended["output"], {"size": 0})

    def test_agents_call_of_what_nobody_offers(self):
        ran = self.company.run("agents", "call", "tester", "no-such-action", "--input", "{}",
                               "--timeout", "30s")
        self.assertEqual(ran.code, 1, ran.err)
        self.assertIn("offers an action 'no-such-action'", ran.err)

    def test_a_detached_instance_is_cancelled(self):
        self.company.deploy("slow", ACT % "slow")
        instance = self.company.start("slow", {"ms": 2000})
        self.assertRegex(instance, "^[0-9a-f]{32}$")
        self.company.call("instances", "cancel", instance[:12], "--reason", "a beginning will do")
        self.assertEqual(self.company.wait(instance)["status"], "cancelled")
        told = self.company.call("explain", instance).out
        self.assertIn("a beginning will do", told)

    def test_another_text_under_the_same_version_is_refused(self):
        self.company.deploy("pinned", ECHO)
        self.company.deploy("pinned", ECHO)
        ran = self.company.deploy("pinned", ECHO.replace("echo:", "echoed:"), check=False)
        self.assertEqual(ran.code, 1)
        self.assertIn("version", ran.err)
        self.assertIn("e2e/pinned:1.0.0", ran.err)

    def test_two_versions_run_side_by_side(self):
        body = "do:\n  - wait: {listen: {to: {one: {with: {type: e2e.go}}}}}\n" \
               "  - say: {set: {version: '%s'}}\n"
        self.company.deploy("sides", body % "1.0.0", "1.0.0")
        old = self.company.start("e2e/sides")
        self.company.deploy("sides", body % "1.1.0", "1.1.0")
        new = self.company.start("e2e/sides")
        pinned = self.company.start("e2e/sides:1.0.0")
        deployed = self.company.json("definitions", "ls")["definitions"]
        listed = [row["definition"] for row in deployed]
        self.assertIn("e2e/sides:1.0.0", listed)
        self.assertIn("e2e/sides:1.1.0", listed)
        answer = self.company.json("emit", "e2e.go", "{}")
        self.assertEqual(set(answer["instances"]), {old, new, pinned})
        for instance, version in ((old, "1.0.0"), (new, "1.1.0"), (pinned, "1.0.0")):
            self.assertEqual(self.company.wait(instance)["output"], {"version": version})

    def test_a_retired_version_starts_nothing_and_finishes_what_is_open(self):
        body = "do:\n  - wait: {listen: {to: {one: {with: {type: e2e.retire}}}}}\n" \
               "  - say: {set: {version: '%s'}}\n"
        self.company.deploy("old", body % "1.0.0", "1.0.0")
        self.company.deploy("old", body % "1.1.0", "1.1.0")
        open_one = self.company.start("e2e/old:1.1.0")
        told = self.company.call("definitions", "retire", "e2e/old:1.1.0", "-r", "wrong").out
        self.assertIn("started from now on: e2e/old:1.0.0", told)
        self.company.call("agents", "restart", "coordinator")
        shown = self.company.json("definitions", "describe", "e2e/old")
        self.assertEqual(shown["definition"], "e2e/old:1.0.0")
        self.assertEqual([(row["definition"], row["open"]) for row in shown["versions"]],
                         [("e2e/old:1.1.0", 1), ("e2e/old:1.0.0", 0)])
        new = self.company.start("e2e/old")
        refused = self.company.run("run", "e2e/old:1.1.0")
        self.assertEqual(refused.code, 1)
        self.assertIn("is retired", refused.err)
        self.company.call("emit", "e2e.retire", "{}")
        self.assertEqual(self.company.wait(open_one)["output"], {"version": "1.1.0"})
        self.assertEqual(self.company.wait(new)["output"], {"version": "1.0.0"})

    def test_instances_move_to_another_version(self):
        waits = "do:\n  - wait: {listen: {to: {one: {with: {type: e2e.move}}}}}\n"
        self.company.deploy("moved", waits + "  - say: {set: {version: one}}\n", "1.0.0")
        instances = {self.company.start("moved") for _ in range(3)}
        new = "do:\n  - first: {set: {x: 1}}\n" + waits[4:] + "  - tell: {set: {version: two}}\n"
        self.company.deploy("moved", new, "2.0.0")
        self.company.deploy("moved", "do:\n  - tell: {set: {version: three}}\n", "3.0.0")
        refused = self.company.run("instances", "migrate", "e2e/moved", "--to", "3.0.0")
        self.assertEqual(refused.code, 1)
        self.assertIn("stands at a step that is not in 3.0.0: /do/0/wait", refused.out)
        plan = self.company.json("instances", "migrate", "e2e/moved:1.0.0", "--to", "2.0.0",
                                 "--plan")
        self.assertEqual((plan["can_move"], plan["stay"]), (3, 0))
        self.assertEqual(plan["instances"][0]["passed"], "/do/0/first")
        self.company.call("instances", "migrate", "e2e/moved:1.0.0", "--to", "2.0.0", "-r", "why")
        self.company.call("agents", "restart", "coordinator")
        shown = self.company.json("definitions", "describe", "e2e/moved:2.0.0")
        self.assertEqual(shown["open"]["waiting"], 3)
        self.company.call("emit", "e2e.move", "{}")
        for instance in instances:
            self.assertEqual(self.company.wait(instance)["output"], {"version": "two"})
        self.assertIn("moved it from e2e/moved:1.0.0 to e2e/moved:2.0.0",
                      self.company.call("explain", instance).out)

    def test_more_urgent_work_is_dispatched_first(self):
        for name, priority in (("idle", 5), ("urgent", 1)):
            text = company.definition(name, ECHO,
                                      metadata=f"{{mainstay: {{priority: {priority}}}}}")
            self.company.call("deploy", self.company.file(f"{name}.yaml", text))
        self.company.call("agents", "stop", "tester")
        company.until(lambda: self.company.agent("tester")["state"] == "away", "it is away")
        idle = [self.company.start("idle", {"n": n}) for n in range(3)]
        urgent = self.company.start("urgent", {"n": 9})
        self.company.call("agents", "restart", "tester")
        for instance in (*idle, urgent):
            self.assertEqual(self.company.wait(instance)["status"], "completed")
        self.assertEqual(self.dispatched({*idle, urgent})[0], urgent)

    def dispatched(self, instances):
        """Instances in the order in which the journal says that their steps were given out."""
        order, after = [], None
        while True:
            words = [] if after is None else ["--after", str(after)]
            page = self.company.json("journal", "tail", "--limit", "1000", *words)
            for batch in page["batches"]:
                for event in batch["events"]:
                    if event["kind"] == "step-dispatched" and event["instance"] in instances:
                        order.append(event["instance"])
            after = page.get("next")
            if after is None:
                return order

    def test_every_mistake_of_a_definition_has_its_place(self):
        path = self.company.file("wrong.yaml", """document:
  dsl: '1.0.3'
  namespace: e2e
  name: wrong
  version: 'one'
do:
  - a: {sett: {x: 1}}
  - b: {set: {x: '${ .a + }'}, then: nowhere}
  - c: {wait: P1M}
""")
        for command in ("check", "deploy"):
            ran = self.company.call(command, path, code=1)
            places = re.findall(r"^.*wrong\.yaml:(\d+:\d+): ", ran.out + ran.err, re.MULTILINE)
            self.assertEqual(places[:5], ["5:13", "7:9", "8:19", "8:38", "9:15"], ran.err)
        for verb in (("ls",), ("cancel", "--all")):
            ran = self.company.call("instances", *verb, "--definition", "e2e/wrong", code=1)
            self.assertIn("no definition 'e2e/wrong' is deployed", ran.err)

    def test_shipped_processes_are_deployed_twice_without_harm(self):
        files = sorted((SOURCE / "deploy" / "processes").glob("*.yaml"))
        self.company.call("deploy", *files)
        again = self.company.call("deploy", *files).out
        self.assertNotIn("\tdeployed", again)

    def test_journal_shows_and_verifies(self):
        self.company.deploy("echo", ECHO)
        instance = self.company.start("echo", {"a": 1})
        self.company.wait(instance)
        tail = self.company.json("journal", "tail", "--instance", instance)
        kinds = [event["kind"] for batch in tail["batches"] for event in batch["events"]]
        self.assertIn("step-dispatched", kinds)
        self.assertTrue(self.company.json("journal", "verify")["ok"])
        lines = self.company.call("instances", "ls", "-o", "jsonl").out.splitlines()
        self.assertTrue(all(json.loads(line) for line in lines))


if __name__ == "__main__":
    company.main()

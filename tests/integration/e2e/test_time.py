"""Runs by time and lifecycle events, with real clocks and a real bus."""
import json

import company

TYPE = "io.serverlessworkflow."
STEPS = """do:
  - one: {set: {n: 1}}
  - two: {wait: {milliseconds: 1}}
  - three: {if: '${ .n == 1 }', raise: {error: {type: 'urn:e2e:time', status: 500}}}
"""


class Time(company.Case):
    def lifecycle(self, *subjects):
        """Subscriptions with the right that outsiders have."""
        client = self.company.connect("events")
        self.addCleanup(client.close)
        for number, subject in enumerate(subjects, 1):
            client.send(f"SUB {subject} {number}\r\n".encode())
        client.flush()
        return client

    def events(self, client, count):
        """So many events; what one turn has for a subject comes as a batch."""
        found = []
        while len(found) < count:
            headers, body = client.next()
            value = json.loads(body)
            many = b"cloudevents-batch+json" in headers
            self.assertEqual(isinstance(value, list), many, headers)
            found += value if many else [value]
        return found

    def test_instances_are_told_of_by_default(self):
        client = self.lifecycle("lifecycle.e2e.told.>")
        self.company.deploy("told", "do:\n  - a: {set: {x: 1}}\n")
        self.company.call("run", "e2e/told", "--input", "{}")
        started, completed = self.events(client, 2)
        self.assertEqual(started["type"], TYPE + "workflow.started.v1")
        self.assertEqual(started["source"], "/e2e/told/1.0.0")
        self.assertEqual(started["data"]["definition"],
                         {"name": "told", "namespace": "e2e", "version": "1.0.0"})
        self.assertEqual(started["data"]["name"], f"told-{started['subject']}.e2e")
        self.assertEqual(completed["type"], TYPE + "workflow.completed.v1")
        self.assertEqual(completed["data"]["output"], {"x": 1})
        self.assertEqual(completed["subject"], started["subject"])
        self.assertNotEqual(completed["id"], started["id"])

    def test_steps_are_told_of_on_request(self):
        client = self.lifecycle("lifecycle.e2e.steps.>")
        self.company.deploy("steps", STEPS, metadata="{mainstay: {lifecycle: steps}}")
        self.company.call("run", "e2e/steps", "--input", "{}", code=3)
        found = self.events(client, 7)
        self.assertEqual(
            sorted((event["type"][len(TYPE):], event["data"].get("task")) for event in found),
            sorted([("workflow.started.v1", None), ("task.started.v1", "/do/0/one"),
                    ("task.completed.v1", "/do/0/one"), ("task.started.v1", "/do/1/two"),
                    ("task.completed.v1", "/do/1/two"), ("task.faulted.v1", "/do/2/three"),
                    ("workflow.faulted.v1", None)]))
        faulted = next(event for event in found if "workflow.faulted" in event["type"])
        self.assertEqual(faulted["data"]["error"]["type"], "urn:e2e:time")

    def test_nothing_is_told_where_nobody_should_know(self):
        client = self.lifecycle("lifecycle.e2e.quiet.>", "lifecycle.e2e.loud.>")
        self.company.deploy("quiet", "do:\n  - a: {set: {x: 1}}\n",
                            metadata="{mainstay: {lifecycle: none}}")
        self.company.deploy("loud", "do:\n  - a: {set: {x: 1}}\n")
        self.company.call("run", "e2e/quiet", "--input", "{}")
        self.company.call("run", "e2e/loud", "--input", "{}")
        self.assertEqual({event["source"] for event in self.events(client, 2)},
                         {"/e2e/loud/1.0.0"})

    def test_a_restart_tells_again_under_the_same_names(self):
        client = self.lifecycle("lifecycle.e2e.again.workflow.completed")
        self.company.deploy("again", "do:\n  - a: {set: {x: 1}}\n")
        self.company.call("run", "e2e/again", "--input", "{}")
        first = self.events(client, 1)
        before = self.company.pid("coordinator")
        self.company.kill("coordinator")
        self.company.restarted("coordinator", before)
        self.assertEqual(self.events(client, 1), first)

    def test_a_schedule_starts_runs_and_survives_a_restart(self):
        self.company.deploy("tick", "schedule: {every: PT1S}\ndo:\n  - a: {set: '${ . }'}\n")
        runs = company.until(lambda: self.company.instances("e2e/tick"), "the first run")
        before = self.company.pid("coordinator")
        self.company.kill("coordinator")
        self.company.restarted("coordinator", before)
        runs = company.until(
            lambda: len(now := self.company.instances("e2e/tick")) > len(runs) + 1 and now,
            "runs after the restart")
        due = [self.company.wait(run["instance"])["output"]["due"] for run in runs]
        self.assertEqual(len(set(due)), len(due), "a due time runs once")
        row = next(row for row in self.company.json("definitions", "ls")["definitions"]
                   if row["definition"] == "e2e/tick:1.0.0")
        self.assertEqual(row["schedule"], {"kind": "every", "interval_ms": 1000})
        self.assertGreater(row["next_run_at"], max(due))

    def test_a_zone_comes_from_the_host(self):
        self.company.deploy("zoned", "schedule: {cron: 30 2 * * *}\ndo:\n  - a: {set: {x: 1}}\n",
                            metadata="{mainstay: {timezone: Europe/Berlin}}")
        shown = self.company.json("definitions", "describe", "e2e/zoned")
        self.assertEqual(shown["schedule"]["timezone"], "Europe/Berlin")
        self.assertRegex(shown["next_run_at"], r"T0[01]:30:00")


if __name__ == "__main__":
    company.main()

"""Instances go back to a step, through real processes: what was done since is undone first."""
import company

FLOW = """do:
  - first: {call: agent, with: {agent: tester, action: count, input: {who: first},
            compensate: {action: count, input: '${ {undo: .count} }'}}}
  - note: {set: {noted: true}, export: {as: {note: 1}}}
  - second: {call: agent, with: {agent: tester, action: count, input: {who: second},
             compensate: {action: count}}}
  - wait: {wait: {hours: 1}}
"""

PLAIN = """do:
  - stays: {call: agent, with: {agent: tester, action: count, input: {who: third}}}
  - send: {emit: {event: {with: {type: rewind.sent, source: 'urn:e2e'}}}}
  - wait: {wait: {hours: 1}}
"""


class Rewind(company.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.deploy("back", FLOW)
        cls.company.deploy("plain", PLAIN)

    def describe(self, instance, *options):
        return self.company.json("instances", "describe", instance, *options)

    def start(self, name):
        instance = self.company.start(name, {})
        self.waits(instance, "wait")
        return instance

    def waits(self, instance, step):
        company.until(lambda: [row["name"] for row in self.describe(instance)["steps"]
                               if row["state"] == "waiting"] == [step], f"it waits at {step}")

    def effects(self, instance):
        return [(row["step"], row["state"]) for row in self.describe(instance)["effects"]
                if row["step"].startswith("/")]

    def test_it_goes_back_and_on(self):
        instance = self.start("back")
        points = self.describe(instance, "--checkpoints")["checkpoints"]
        self.assertEqual([row["step"] for row in points],
                         ["/do/0/first", "/do/1/note", "/do/2/second", "/do/3/wait"])
        self.assertEqual([row.get("undoes") for row in points],
                         [["count at /do/0/first"], None, ["count at /do/2/second"], None])
        plan = self.company.json("instances", "rewind", instance, "--to", "note", "--dry-run")
        self.assertEqual(plan["done"], 1, plan)
        self.assertEqual(self.effects(instance), [("/do/0/first", "done"),
                                                  ("/do/2/second", "done")])
        self.company.call("instances", "rewind", instance, "--to", "note", "--reason",
                          "the note was wrong")
        company.until(lambda: len(self.effects(instance)) == 3, "the step is entered again")
        self.waits(instance, "wait")
        self.assertEqual(self.effects(instance),
                         [("/do/0/first", "done"), ("/do/2/second", "compensated"),
                          ("/do/2/second#2", "done")])
        self.company.call("agents", "restart", "coordinator")
        story = self.company.call("explain", instance).out
        self.assertIn("let it go back to /do/1/note: the note was wrong", story)
        self.assertIn("stands at /do/1/note again", story)
        self.company.call("instances", "rewind", instance, "--to", "first")
        company.until(lambda: ("/do/2/second#3", "done") in self.effects(instance),
                      "it comes to the end again")
        self.waits(instance, "wait")
        self.assertEqual(self.describe(instance)["context"], {"note": 1})
        self.company.call("instances", "cancel", instance)
        company.until(lambda: self.describe(instance)["status"] == "cancelled", "it is cancelled")
        states = [(row["step"], row["state"]) for row in self.describe(instance)["effects"]
                  if "undone_by" in row]
        self.assertEqual(len(states), 5, states)
        self.assertTrue(all(state == "compensated" for _, state in states), states)
        refused = self.company.run("instances", "rewind", instance, "--to", "first")
        self.assertEqual(refused.code, 1)
        self.assertIn("has ended already", refused.err)

    def test_what_cannot_be_undone_forbids_it(self):
        instance = self.start("plain")
        rows = self.describe(instance, "--checkpoints")["checkpoints"]
        self.assertEqual([row.get("stays") for row in rows],
                         [["count at /do/0/stays was done, and nothing undoes it"],
                          ["event rewind.sent was sent"], None])
        for step, words in (("stays", "was done, and nothing undoes it"), ("send", "rewind.sent")):
            refused = self.company.run("instances", "rewind", instance, "--to", step)
            self.assertEqual(refused.code, 1)
            self.assertTrue(words in refused.err or "rewind.sent" in refused.err, refused.err)
        self.assertEqual(self.effects(instance), [("/do/0/stays", "done")])
        self.company.call("instances", "rewind", instance, "--to", "stays", "--force")
        company.until(lambda: self.effects(instance) == [("/do/0/stays", "done"),
                                                         ("/do/0/stays#2", "done")],
                      "it is done again")
        unknown = self.company.run("instances", "rewind", instance, "--to", "nowhere")
        self.assertEqual(unknown.code, 1)
        self.assertIn("entered no step 'nowhere'", unknown.err)
        self.assertEqual(self.company.run("instances", "rewind", instance).code, 2)
        self.company.call("instances", "kill", instance)

    def test_many_go_back(self):
        instances = {self.start("back") for _ in range(3)}
        rows = self.company.json("instances", "rewind", "--all", "--definition", "e2e/back",
                                 "--status", "waiting", "--to", "/do/2/second", "--reason",
                                 "all of them")["instances"]
        self.assertEqual({row["instance"] for row in rows if row["done"]}, instances)
        for instance in instances:
            company.until(lambda one=instance: self.effects(one)[1:] ==
                          [("/do/2/second", "compensated"), ("/do/2/second#2", "done")],
                          "each has gone back")
            self.company.call("instances", "kill", instance)


if __name__ == "__main__":
    company.main()

"""Another instance begins at a step of one that is there, through real processes: it asks before it
does again what was done, and each of the two undoes its own."""
import company

FLOW = """do:
  - first: {call: agent, with: {agent: tester, action: count, input: {who: first},
            compensate: {action: count}}}
  - note: {set: {noted: true}, export: {as: {note: 1}}}
  - second: {call: agent, with: {agent: tester, action: count, input: {who: second},
             compensate: {action: count}}}
  - own: {call: agent, with: {agent: tester, action: count, input: {who: own},
          idempotencyKey: '${ "fork-" + $workflow.input.order }'},
         export: {as: '${ {note: 1, own: .count} }'}}
  - send: {emit: {event: {with: {type: fork.sent, source: 'urn:e2e'}}}}
  - wait: {wait: {hours: 1}}
"""

FAILS = """do:
  - before: {call: agent, with: {agent: tester, action: count, input: {who: before},
             compensate: {action: count}}}
  - no: {raise: {error: {type: 'urn:e2e:no', status: 400}}}
"""

KEYED = """do:
  - own: {call: agent, with: {agent: tester, action: count, input: {who: keyed},
          compensate: {action: count}, idempotencyKey: fork-keyed}}
  - no: {raise: {error: {type: 'urn:e2e:no', status: 400}}}
"""

RUNS = """do:
  - below: {run: {workflow: {namespace: e2e, name: plain, version: '1.0.0', input: {}}}}
  - wait: {wait: {hours: 1}}
"""

PLAIN = """do:
  - deep: {call: agent, with: {agent: tester, action: count, input: {who: deep}}}
"""


class Fork(company.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name, tasks in (("again", FLOW), ("fails", FAILS), ("keyed", KEYED),
                            ("plain", PLAIN), ("runs", RUNS)):
            cls.company.deploy(name, tasks)

    def describe(self, instance, *options):
        return self.company.json("instances", "describe", instance, *options)

    def start(self, name, given):
        instance = self.company.start(name, given)
        self.waits(instance)
        return instance

    def count(self, definition):
        return len(self.company.json("instances", "ls", "--definition", definition)["instances"])

    def waits(self, instance):
        company.until(lambda: [row["name"] for row in self.describe(instance)["steps"]
                               if row["state"] == "waiting"] == ["wait"], "it waits")

    def effects(self, instance):
        return [(row["step"], row["state"]) for row in self.describe(instance)["effects"]
                if row["step"].startswith("/")]

    def fork(self, instance, *options):
        rows = self.company.json("instances", "fork", instance, *options)["instances"]
        self.assertTrue(rows[0]["done"], rows)
        return rows[0]

    def test_another_goes_on_from_there(self):
        instance = self.start("again", {"order": "a"})
        before = self.describe(instance)
        plan = self.fork(instance, "--from", "note", "--dry-run")
        self.assertEqual(plan["repeats"], ["count at /do/2/second"])
        self.assertEqual(plan["answers"], ["count at /do/3/own"])
        self.assertEqual(plan["again"], ["sends event fork.sent"])
        self.assertEqual(plan["from"], "/do/1/note")
        row = self.fork(instance, "--from", "note", "--yes", "--reason", "a second note")
        made = row["made"]
        self.waits(made)
        self.assertEqual(self.describe(instance), before, "the first one has been touched")
        after = self.describe(made)
        self.assertEqual(after["trigger"], f"fork of instance {instance} from /do/1/note by "
                         f"{after['trigger'].split(' by ')[1].split(':')[0]}: a second note")
        self.assertEqual((after["input"], after["context"]), ({"order": "a"}, before["context"]),
                         "an effect with a key of its own was not answered from the first time")
        self.assertEqual(self.effects(made), [("/do/2/second", "done"), ("/do/3/own", "done")])
        keys = [{row["step"]: row["key"] for row in rows["effects"]} for rows in (before, after)]
        self.assertNotEqual(keys[0]["/do/2/second"], keys[1]["/do/2/second"])
        self.company.call("agents", "restart", "coordinator")
        story = self.company.call("explain", made).out
        self.assertIn(f"fork of instance {instance} from /do/1/note", story)
        self.assertIn("begins at /do/1/note with what that one had there", story)
        journal = self.company.call("journal", "tail", "--instance", made, "-o", "jsonl").out
        self.assertIn('"instance-forked"', journal)
        self.company.call("instances", "cancel", made)
        company.until(lambda: self.describe(made)["status"] == "cancelled", "the fork is cancelled")
        self.assertEqual([row["step"] for row in self.describe(made)["effects"]
                          if row["state"] == "compensated"], ["/do/2/second"])
        self.assertEqual(self.describe(instance), before, "the first one has been touched")
        self.company.call("instances", "kill", instance)

    def test_it_asks_before_anything_is_done_again(self):
        instance = self.start("again", {"order": "b"})
        before = self.count("e2e/again")
        for words, answer in (("nobody has agreed: --yes does", ""), ("the answer was no", "n\n")):
            refused = self.company.run("instances", "fork", instance, "--from", "first",
                                       stdin=answer)
            self.assertEqual(refused.code, 1)
            self.assertIn(words, refused.err)
            self.assertIn("does again: count at /do/0/first", refused.err)
            self.assertIn("once more: sends event fork.sent", refused.err)
        self.assertEqual(self.count("e2e/again"), before)
        agreed = self.company.run("instances", "fork", instance, "--from", "first", stdin="y\n")
        self.assertEqual((agreed.code, agreed.out.split()[1]), (0, "forked"), agreed.err)
        made = agreed.out.split()[0]
        quiet = self.company.run("instances", "fork", instance, "--from", "wait")
        self.assertEqual((quiet.code, quiet.err), (0, ""), "nothing is done again, yet it asks")
        for one in (instance, made, quiet.out.split()[0]):
            self.company.call("instances", "kill", one)

    def test_what_is_undone_forbids_it(self):
        instance = self.company.start("fails", {})
        company.until(lambda: self.describe(instance)["status"] == "faulted", "it has failed")
        refused = self.company.run("instances", "fork", instance, "--from", "no", "--yes")
        self.assertEqual(refused.code, 1)
        self.assertIn("has undone since what would be taken as done, so fork from that step or "
                      "before: count at /do/0/before", refused.err)
        plan = self.fork(instance, "--from", "before", "--dry-run")
        self.assertEqual(plan["repeats"], ["count at /do/0/before, undone since"])
        made = self.fork(instance, "--from", "no", "--force", "--yes")["made"]
        company.until(lambda: self.describe(made)["status"] == "faulted", "so has the fork")
        self.assertIn("although effects of that one are undone",
                      self.company.call("explain", made).out)

    def test_a_key_of_its_own_that_was_undone_forbids_it(self):
        instance = self.company.start("keyed", {})
        company.until(lambda: self.describe(instance)["status"] == "faulted", "it has failed")
        refused = self.company.run("instances", "fork", instance, "--from", "own", "--yes")
        self.assertEqual(refused.code, 1)
        self.assertIn("has undone an effect with an idempotencyKey of its own, which would be "
                      "answered as if it were done: count at /do/0/own", refused.err)

    def test_what_workflows_did_is_listed_and_they_are_not_forked_themselves(self):
        instance = self.start("runs", {})
        plan = self.fork(instance, "--from", "below", "--dry-run")
        self.assertEqual(plan["repeats"], ["count at /do/0/deep in a workflow that it ran"])
        self.assertEqual(plan["again"], ["runs e2e/plain:1.0.0"])
        child = self.describe(instance)["children"][0]["instance"]
        refused = self.company.run("instances", "fork", child, "--from", "deep", "--yes")
        self.assertEqual(refused.code, 1)
        self.assertIn("was run by a step of another instance: fork that one", refused.err)
        self.company.call("instances", "kill", instance)

    def test_many_are_forked_and_nonsense_is_refused(self):
        instances = {self.start("again", {"order": f"m{number}"}) for number in range(3)}
        rows = self.company.json("instances", "fork", "--all", "--definition", "e2e/again",
                                 "--status", "waiting", "--from", "/do/5/wait")["instances"]
        self.assertEqual({row["instance"] for row in rows if row["done"]}, instances)
        for row in rows:
            self.waits(row["made"])
            self.company.call("instances", "kill", row["made"], row["instance"])
        unknown = self.company.run("instances", "fork", instances.pop(), "--from", "nowhere")
        self.assertEqual(unknown.code, 1)
        self.assertIn("entered no step 'nowhere'", unknown.err)
        for words in (["fork", "abc"], ["fork", "--from", "x"], ["rewind", "abc", "--from", "x"]):
            self.assertEqual(self.company.run("instances", *words).code, 2)


if __name__ == "__main__":
    company.main()

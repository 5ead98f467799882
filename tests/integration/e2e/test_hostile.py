"""An agent with good credentials and bad will: refused, kept, counted, and the others work on."""
import os
import signal

import company
import protobuf
import test_bad_input
from company import ACT, until
from test_bad_input import CONTRACT, DECIDE, HAUNT, HERE, PERFORM, batch, result

FAILED, TRANSIENT, NONE = 2, 1, 1


class Hostile(company.Case):
    options = ("--agent", f"{HERE}/ghost_agent.py:{CONTRACT}")
    task = test_bad_input.BadInput.task  # the task of an instance, taken from the bus

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ghost = cls.company.connect("agent-ghost")
        cls.addClassCleanup(cls.ghost.close)
        cls.company.deploy("haunt", HAUNT)
        cls.company.deploy("echo", company.ECHO)
        cls.company.deploy("charge", ACT % "count")

    def setUp(self):
        self.known = {letter["id"] for letter in self.company.dead_letters()}

    def letters(self, count=1):
        """What was kept of this test, once it is as many."""
        def fresh():
            found = [letter for letter in self.company.dead_letters()
                     if letter["id"] not in self.known]
            return found if len(found) >= count else None
        found = until(fresh, f"{count} dead letters")
        self.assertEqual({letter["source"] for letter in found}, {"ghost/main"})
        return found

    def stale(self, count, say):
        """Answers that are counted and change nothing."""
        before = self.company.metric("mainstay_stale_results_total")
        say()
        until(lambda: self.company.metric("mainstay_stale_results_total") >= before + count,
              f"{count} stale results")

    def say(self, *results):
        self.ghost.publish("result.ghost.main", batch(*results))

    def haunted(self, data):
        """An instance whose task the ghost holds, and the members of the right answer."""
        instance = self.company.start("haunt", data)
        task = self.task(instance)
        return instance, {"key": task[1], "instance": task[4], "digest": task[10],
                          "frame": task[5], "attempt": task[2], "output": b'{"right": true}'}

    def ends_well(self, instance, right):
        self.say(result(**right))
        answer = self.company.wait(instance)
        self.assertEqual((answer["status"], answer["output"]), ("completed", {"right": True}))

    def test_an_answer_for_the_task_of_another_agent(self):
        tester = self.company.pid("tester")
        os.kill(tester, signal.SIGSTOP)
        try:
            instance = self.company.start("charge", {})
            effect = until(lambda: self.company.json("instances", "describe", instance)["effects"],
                           "it is dispatched")[0]
            self.say(result(bytes.fromhex(effect["key"]), bytes.fromhex(instance), b"d" * 32,
                            output=b'{"count": 666}', phase=PERFORM))
            letter = self.letters()[0]
            self.assertEqual(letter["reason"], "answers for a task of agent tester")
            shown = self.company.call("deadletters", "show", letter["id"], "-o", "json").out
            self.assertIn(instance, shown)
            effect = self.company.json("instances", "describe", instance)["effects"][0]
            self.assertEqual(effect["state"], "dispatched")
        finally:
            os.kill(tester, signal.SIGCONT)
        answer = self.company.wait(instance)
        self.assertEqual(answer["status"], "completed")
        self.assertNotEqual(answer["output"], {"count": 666})

    def test_an_answer_to_another_input(self):
        instance, right = self.haunted({"n": 1})
        self.say(result(**{**right, "digest": b"d" * 32, "output": b'{"wrong": 1}'}))
        self.assertEqual(self.letters()[0]["reason"], "answers with the digest of another input")
        self.assertEqual(self.company.json("instances", "describe", instance)["status"], "running")
        self.ends_well(instance, right)

    def test_an_answer_given_twice_and_again_otherwise(self):
        instance, right = self.haunted({"n": 2})
        self.ends_well(instance, right)
        self.stale(2, lambda: self.say(result(**right),
                                       result(**{**right, "output": b'{"changed": 1}'})))
        self.assertEqual(self.company.json("instances", "describe", instance)["output"],
                         {"right": True})

    def test_two_answers_in_one_message(self):
        instance, right = self.haunted({"n": 3})
        self.stale(1, lambda: self.say(result(**right),
                                       result(**{**right, "output": b'{"changed": 1}'})))
        self.assertEqual(self.company.wait(instance)["output"], {"right": True})

    def test_an_answer_for_an_attempt_that_is_over(self):
        instance, right = self.haunted({"n": 4})
        failure = protobuf.encode([(1, TRANSIENT), (2, NONE), (3, "lazy"), (4, "Not now")])
        self.say(protobuf.encode([(1, right["key"]), (2, right["attempt"]), (3, DECIDE),
                                  (4, right["instance"]), (5, right["frame"]),
                                  (6, right["digest"]), (7, FAILED), (10, failure)]))
        again = self.task(instance)
        self.assertEqual(again[2], right["attempt"] + 1)
        self.stale(1, lambda: self.say(result(**{**right, "output": b'{"of": "before"}'})))
        self.assertEqual(self.company.json("instances", "describe", instance)["status"], "running")
        self.ends_well(instance, {**right, "attempt": again[2]})

    def test_an_answer_after_the_instance_was_cancelled(self):
        instance, right = self.haunted({"n": 5})
        self.company.call("instances", "kill", instance)
        self.assertEqual(self.company.wait(instance)["status"], "cancelled")
        self.stale(1, lambda: self.say(result(**right)))
        seen = self.company.json("instances", "describe", instance)
        self.assertEqual(seen["status"], "cancelled")
        self.assertNotIn("output", seen)

    def test_a_flood_hinders_nobody(self):
        """Answers to nothing and bytes that mean nothing, and between them the others' work."""
        nobody = result(b"k" * 16, b"i" * 16, b"d" * 32)
        wrong = []

        def flood():
            for _ in range(500):
                self.say(*[nobody] * 20)
                self.ghost.publish("result.ghost.main", b"\xff" * 50)
            for number in range(10):
                ran = self.company.call("run", "e2e/echo", "--input", f'{{"n": {number}}}')
                wrong.extend([] if ran.json() == {"n": number} else [ran.out])
        self.stale(10000, flood)
        self.assertEqual(wrong, [])
        self.assertEqual(len(self.letters(500)), 500)
        instance, right = self.haunted({"n": 6})
        self.ends_well(instance, right)


if __name__ == "__main__":
    company.main()

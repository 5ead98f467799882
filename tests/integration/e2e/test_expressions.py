"""Expressions that only mainstay-jq can evaluate: a value, or an error of that step alone."""
import json

import company
from company import until

SET = "do:\n  - value: {set: {value: '${ %s }'}}\n"
HOSTILE = {
    "endless": "last(range(1e12))",
    "bomb": "[limit(1000000000; repeat(\"xxxxxxxxxxxxxxxx\"))] | length | test(\"x\")",
    "wide": "reduce range(60) as $i (\"x\"; . + .) | test(\"y\")",
    "deep": "def f: [f]; f",
}


class Expressions(company.Case):
    def outcome(self, name, expression, data, code=0):
        self.company.deploy(name, SET % expression)
        ran = self.company.call("run", f"e2e/{name}", "--input", json.dumps(data), code=code)
        return json.loads(ran.out if code == 0 else ran.err)

    def test_a_regular_expression_gives_its_value(self):
        self.assertEqual(self.outcome("regex", '.x | test("^a+$")', {"x": "aaa"}), {"value": True})

    def test_a_function_gives_its_value(self):
        self.assertEqual(self.outcome("def", "def twice: . * 2; .n | twice", {"n": 21}),
                         {"value": 42})

    def test_deploy_says_which_expressions_take_that_way(self):
        path = self.company.file("w.yaml", company.definition("warned", SET % '.x | test("a")'))
        self.assertIn("mainstay-jq", self.company.call("deploy", path).err)

    def test_an_error_in_it_is_an_error_of_the_step(self):
        fault = self.outcome("error", '.x | test(1)', {"x": "a"}, code=3)
        self.assertTrue(fault["type"].endswith("/expression"), fault)
        self.assertEqual(fault["instance"], "/do/0/value")

    def test_hostile_expressions_hurt_only_themselves(self):
        for name, expression in HOSTILE.items():
            self.company.deploy(name, SET % expression)
        self.company.deploy("echo", company.ECHO)
        started = {name: self.company.start(name, {}) for name in HOSTILE}
        self.company.call("run", "e2e/echo", "--input", '{"meanwhile": 1}')
        ended = {name: self.company.json("instances", "describe", instance)["status"]
                 for name, instance in started.items()}
        self.assertIn("waiting", " ".join(ended.values()).replace("running", "waiting"),
                      "others completed while they were evaluated")
        for name, instance in started.items():
            with self.subTest(expression=HOSTILE[name]):
                answer = self.company.wait(instance)
                self.assertEqual(answer["status"], "faulted", answer)
                self.assertTrue(answer["error"]["type"].endswith("/expression"), answer)
        self.assertEqual(self.outcome("after", '.x | test("b")', {"x": "b"}), {"value": True})

    def test_it_is_evaluated_again_after_a_crash_of_the_coordinator(self):
        self.company.deploy("crash", SET % "last(range(1e12))")
        instance = self.company.start("crash", {})
        before = self.company.pid("coordinator")
        self.company.kill("coordinator")
        self.company.restarted("coordinator", before)
        answer = self.company.wait(instance)
        self.assertEqual(answer["status"], "faulted")
        until(lambda: self.company.metric("mainstay_tasks_outstanding") == 0, "nothing is left")


if __name__ == "__main__":
    company.main()

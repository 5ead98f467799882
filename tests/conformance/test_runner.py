#!/usr/bin/env python3
"""The runner itself, without a company: feature files as others write them, documents, stories."""
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    import documents
except ImportError as missing:
    print(missing)
    sys.exit(77)
import gherkin
import office
import steps

FEATURE = '''\ufeff# language: en
@all
Feature: Many forms
  Free words, also | with * strange
  And words that look like steps

  Background:
    Given a workflow with definition:
  """yaml
      document:
        dsl: '1.0.3'
"""

  # a comment
  @one @two
  Scenario: Plain
    * the workflow is executed
    Then the workflow should complete with output:
\t  ```json
\t  {"a": """}
\t  ```
    But a should not run

  Rule: With a background of its own
    Background:
      Given given the workflow input is:
        """
        x: \\"\\"\\"
          y
        """

    @three
    Scenario Outline: Some <n>
      When <task> has started
      Then the workflow output should have a '<n>' property with value:
        """
        <n> <other>
        """

      Examples: small
        | n | task |
        | 1 | a    |
        # between
        | 2 | b\\|c |

      @four
      Scenarios:
        | n | task |

        | 3 | d |
'''


class Gherkin(unittest.TestCase):
    def setUp(self):
        self.scenarios = gherkin.read("x.feature", FEATURE)

    def test_scenarios_outlines_and_tags(self):
        self.assertEqual([one.name for one in self.scenarios],
                         ["Plain", "Some 1 (1, a)", "Some 2 (2, b|c)", "Some 3 (3, d)"])
        self.assertEqual([one.tags for one in self.scenarios],
                         [["@all", "@one", "@two"], ["@all", "@three"], ["@all", "@three"],
                          ["@all", "@three", "@four"]])

    def test_steps_with_backgrounds_in_front(self):
        plain, first = self.scenarios[:2]
        self.assertEqual([step.text for step in plain.steps],
                         ["a workflow with definition:", "the workflow is executed",
                          "the workflow should complete with output:", "a should not run"])
        self.assertEqual([step.text for step in first.steps],
                         ["a workflow with definition:", "given the workflow input is:",
                          "a has started",
                          "the workflow output should have a '1' property with value:"])

    def test_texts_of_any_indentation(self):
        plain, first = self.scenarios[:2]
        self.assertEqual(plain.steps[0].doc, "    document:\n      dsl: '1.0.3'\n")
        self.assertEqual(plain.steps[2].doc, '{"a": """}\n')
        self.assertEqual(first.steps[1].doc, 'x: """\n  y\n')
        self.assertEqual(first.steps[3].doc, "1 <other>\n")

    def test_broken_files_are_refused_with_the_line(self):
        for text, place in (('Scenario: a\n Given b\n """\n x\n', "f:3:"),
                            ("Scenario: a\n Given b\n nonsense\n", "f:3:"),
                            ("Scenario Outline: a\n Given <b>\n", "f:1:"),
                            ("Scenario Outline: a\n Given <b>\n Examples:\n |b|c|\n |1|\n", "f:5:"),
                            ("# language: fr\n", "f:1:")):
            with self.assertRaises(gherkin.Bad) as caught:
                gherkin.read("f", text)
            self.assertTrue(str(caught.exception).startswith(place), caught.exception)

    def test_an_unknown_step_fails_with_text_and_line(self):
        scenario = gherkin.read("f", "Scenario: a\n\n  Given tea and biscuits\n")[0]
        with self.assertRaises(office.Failed) as caught:
            steps.carry_out(None, scenario.steps)
        self.assertEqual(str(caught.exception), "line 3: no such step: tea and biscuits")


class Documents(unittest.TestCase):
    def test_scalars_resolve_as_in_json(self):
        self.assertEqual(documents.value_of("[yes, on, 0123, 2024-01-01, 1.0.3, ~, null, true, 12, "
                                            "1.5, 1e3, '1']"),
                         ["yes", "on", "0123", "2024-01-01", "1.0.3", None, None, True, 12, 1.5,
                          1000.0, "1"])

    def test_truth_is_no_number(self):
        self.assertFalse(documents.same({"a": 1}, {"a": True}))
        self.assertTrue(documents.same({"a": [1.0]}, {"a": [1]}))
        self.assertFalse(documents.same({"a": 1}, {"a": 1, "b": None}))

    def test_standard_errors_are_equal_under_every_base(self):
        error = {"type": "https://open-workflow-specification.org/spec/1.0.0/errors/timeout",
                 "status": 408, "instance": "/do/0/a"}
        self.assertTrue(documents.error_like(error, {
            "type": "https://serverlessworkflow.io/spec/1.0.0/errors/timeout", "status": 408}))
        self.assertFalse(documents.error_like(error, {"instance": "/do/1/a"}))

    def test_names_are_made_unique_and_restored(self):
        isolation = documents.Isolation(7, {"https://a.example": "http://127.0.0.1:1"})
        text = ("document: {dsl: '1.0.3', namespace: own, name: x}  # own\n"
                "do:\n"
                "- a: {emit: {event: {with: {type: a.b, data: {type: a.b}}}}}\n"
                "- b: {listen: {to: {any: [{with: {type: a.c}}, {with: {source: own}}]}}}\n"
                "- c: {run: {workflow: {namespace: own, name: y, version: '1.0.0'}}}\n"
                "- d: {try: [], catch: {errors: {with: {type: a.b}}}}\n"
                "- e: {set: {x: '${ .type == \"a.b\" }', y: 'https://a.example/x',"
                " z: 'https://a.example.org'}}\n")
        made = isolation.definition(text)
        self.assertEqual(made, (
            'document: {dsl: \'1.0.3\', namespace: "own-scenario7", name: x}  # own\n'
            "do:\n"
            '- a: {emit: {event: {with: {type: "a.b-scenario7", data: {type: a.b}}}}}\n'
            '- b: {listen: {to: {any: [{with: {type: "a.c-scenario7"}}, {with: {source: own}}]}}}\n'
            '- c: {run: {workflow: {namespace: "own-scenario7", name: y, version: \'1.0.0\'}}}\n'
            "- d: {try: [], catch: {errors: {with: {type: a.b}}}}\n"
            "- e: {set: {x: '${ .type == \"a.b-scenario7\" }', y: 'http://127.0.0.1:1/x',"
            " z: 'https://a.example.org'}}\n"))
        self.assertEqual(isolation.restored({"a": ["/own-scenario7/x", "http://127.0.0.1:1/x"]}),
                         {"a": ["/own/x", "https://a.example/x"]})

    def test_properties_by_dotted_path(self):
        value = {"a": {"b": [{"c": None}]}}
        self.assertIsNone(documents.property_of(value, "a.b.0.c"))
        self.assertIs(documents.property_of(value, "a.b.1"), documents.MISSING)


class Stories(unittest.TestCase):
    def test_order_states_and_outputs(self):
        story = office.Story([
            {"kind": "instance-started"},
            {"kind": "step-started", "step": "/do/0/t", "input": {"n": 1}},
            {"kind": "step-started", "step": "/do/0/t/try/0/w", "input": {"n": 1}, "value": 1},
            {"kind": "step-result", "step": "/do/0/t/try/0/w", "outcome": "done", "output": 2},
            {"kind": "step-completed", "step": "/do/0/t/try/0/w"},
            {"kind": "step-completed", "step": "/do/0/t"},
            {"kind": "step-ran", "step": "/do/1/s#2", "output": 3},
            {"kind": "step-skipped", "step": "/do/2/i"},
            {"kind": "step-faulted", "step": "/do/3/f[1]", "error": {"status": 1}},
        ])
        self.assertEqual(story.names(), "t, w, s, f")
        self.assertEqual([story.of(name).state for name in ("t", "w", "s", "i", "f")],
                         ["completed", "completed", "completed", "skipped", "faulted"])
        self.assertEqual([story.of(name).output for name in ("t", "w", "s")], [2, 2, 3])
        self.assertEqual(story.of("f").error, {"status": 1})

    def test_a_branch_that_did_not_begin_is_cancelled(self):
        definition = {"do": [{"race": {"fork": {"compete": True, "branches": [
            {"fast": {"set": {"a": 1}}}, {"slow": {"wait": "PT1H"}}]}}}]}
        branches = "/do/0/race/fork/branches"
        story = office.Story([
            {"kind": "step-ran", "step": f"{branches}/0/fast", "output": 1},
            {"kind": "step-cancelled", "step": f"{branches}/1"},
        ], definition)
        self.assertEqual(story.of("slow").state, "cancelled")
        self.assertEqual(story.names(), "fast")


class Profile(unittest.TestCase):
    """Every decision of the profile names scenarios that are there."""

    FOLDER = os.path.dirname(os.path.abspath(__file__))

    def scenarios(self):
        names = set()
        folder = os.path.join(self.FOLDER, "features")
        for file in os.listdir(folder):
            with open(os.path.join(folder, file), encoding="utf-8") as text:
                for name in re.findall(r"^\s*Scenario(?: Outline)?: (.*\S)", text.read(), re.M):
                    names.add(f"{file.removesuffix('.feature')}: {name}")
        return names

    def test_every_row_names_a_scenario_that_is_there(self):
        profile = os.path.join(self.FOLDER, "..", "..", "coordinator", "definition", "PROFILE.md")
        with open(profile, encoding="utf-8") as text:
            tables = re.findall(r"^\| decision \|.*\n\|---.*\n((?:\|.*\n)+)", text.read(), re.M)
        known = self.scenarios()
        self.assertGreater(len(tables), 5)
        for row in "".join(tables).splitlines():
            tests = row.rsplit(" | ", 1)[1]
            named = re.findall(r"`([a-z]+: [^`]+)`", tests)
            # What a real clock cannot show quickly, or takes an operator or instances side by
            # side, is a scenario of the engine; so is the loss of the store that all share.
            suites = ("schedule", "circuits", "budgets", "gather", "locks", "reach", "rewind",
                      "forked")
            engine = any(f"`{suite}/" in tests for suite in suites)
            self.assertTrue(named or engine or "_lost_store..." in tests, row)
            for name in named:
                self.assertIn(name, known, row)

    def test_every_row_names_tests_in_c_that_are_there(self):
        root = os.path.join(self.FOLDER, "..", "..")
        known = set()
        for folder, _, files in os.walk(os.path.join(root, "tests")):
            for file in files:
                if file.endswith(".c"):
                    with open(os.path.join(folder, file), encoding="utf-8") as text:
                        known.update(f"{suite}/{name}" for suite, name in re.findall(
                            r"(?:SCENARIO|Test)\w*\((\w+),\s*(\w+)", text.read()))
        suites = {name.split("/")[0] for name in known}
        with open(os.path.join(root, "coordinator", "definition", "PROFILE.md"),
                  encoding="utf-8") as text:
            rows = [line for line in text if line.startswith("| ")]
        for row in rows:
            tests = row.rsplit(" | ", 1)[1]
            for name in re.findall(r"`([a-z_]+/[a-z_0-9]*)(?:\.\.\.|\*)?`", tests):
                if name.split("/")[0] not in ("e2e", "deploy", "agents"):
                    self.assertIn(name.split("/")[0], suites, row)
                    self.assertTrue(any(one.startswith(name) for one in known), f"{name}: {row}")


if __name__ == "__main__":
    unittest.main()

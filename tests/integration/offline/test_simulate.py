"""mainstay simulate: canned replies, a clock that jumps, exit codes, wrong files."""
import json
import os
import unittest

import offline

HEAD_OF = "document: {dsl: 1.0.3, namespace: t, name: %s, version: 1.0.0}\n\n"
ASK = "do:\n  - ask: {call: agent, with: {agent: clerk, action: price, contract: '1.3'}}\n"


class Simulate(offline.Case):
    def test_waits_take_no_time_and_the_output_is_printed(self):
        answer, code, _ = self.simulate(
            "do:\n  - w: {wait: {days: 30}}\n  - s: {set: {late: true}}\n")
        self.assertEqual(code, 0)
        self.assertEqual(answer["instances"][0]["output"], {"late": True})
        self.assertEqual(answer["ended_at"], "2026-01-31T00:00:00Z")

    def test_runs_are_the_same_every_time(self):
        tasks = "do:\n  - a: {call: agent, with: {agent: x, action: y}}\n"
        agents = "agents: {x: {y: [{fail: {class: transient}, times: 3}, {output: {n: 1}}]}}\n"
        first = self.simulate(tasks, agents=agents)
        self.assertEqual(first, self.simulate(tasks, agents=agents))
        self.assertEqual(first[1], 0)

    def test_what_it_runs_is_given_in_other_files(self):
        first = self.file("first.yaml", offline.HEAD + (
            "do:\n  - r: {run: {workflow: {namespace: t, name: second, version: latest,"
            " input: {n: 2}}}}\n"))
        second = self.file("second.yaml", HEAD_OF % "second" + (
            "do:\n  - r: {run: {workflow: {namespace: t, name: third, version: latest}}}\n"))
        third = self.file("third.yaml", HEAD_OF % "third" + (
            "do:\n  - p: {run: {shell: {command: date}}, output: {as: '${ {day: .} }'}}\n"))
        agents = self.file("a.yaml", "agents: {exec: {shell: {output: monday}}}\n")
        for order in ([first, third, second], [first, second, third]):
            ran = self.run_cli("simulate", *order, "--agents", agents, "-o", "json")
            self.assertEqual(ran.returncode, 0, ran.stderr)
            answer = json.loads(ran.stdout)
            self.assertEqual(answer["instances"][0]["output"], {"day": "monday"})
            self.assertEqual(len(answer["instances"]), 3)
        ran = self.run_cli("simulate", first, second)
        self.assertEqual(ran.returncode, 1)
        self.assertRegex(ran.stderr, r"second.yaml:4:\d+: it runs t/third.* name its file after")
        bad = self.file("third.yaml", HEAD_OF % "third" + "do:\n  - a: {sett: 1}\n")
        ran = self.run_cli("simulate", first, second, bad)
        self.assertEqual(ran.returncode, 1)
        self.assertRegex(ran.stderr, r"third.yaml:4:\d+: ")

    def test_schemas_and_functions_are_read_from_their_files(self):
        folder = os.path.join(self.folder.name, "shelf", "functions", "double", "1.0.0")
        os.makedirs(os.path.join(folder, "sub"))
        for name, text in (("function.yaml", "input: {schema: {resource: {endpoint: sub/m.yaml}}}\n"
                                             "set: {m: '${ .m * 2 }'}\n"),
                           ("sub/m.yaml", "required: [m]\n")):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        self.file("n.json", '{\n\t"type": "object",\n\t"required": ["n"]\n}\n')
        whole = self.file("w.yaml", offline.HEAD + (
            "use: {catalogs: {shelf: {endpoint: ./shelf}}}\n"
            "input: {schema: {resource: {endpoint: n.json}}}\n"
            "do:\n  - d: {call: 'double:1.0.0@shelf', with: {m: '${ .n }'}}\n"))
        ran = self.run_cli("simulate", whole, "-i", '{"n": 2}', "-o", "json")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertEqual(json.loads(ran.stdout)["instances"][0]["output"], {"m": 4})
        ran = self.run_cli("simulate", whole, "-i", "{}")
        self.assertEqual(ran.returncode, 3)
        self.assertIn("/n: is required", ran.stderr)
        self.assertEqual(self.run_cli("graph", whole).returncode, 0)
        self.assertEqual(self.run_cli("check", whole).returncode, 0)
        os.unlink(os.path.join(self.folder.name, "n.json"))
        ran = self.run_cli("check", whole)
        self.assertEqual(ran.returncode, 1)
        self.assertIn("w.yaml:3:28: it names the schema 'n.json': cannot ", ran.stderr)
        missing = self.file("m.yaml", offline.HEAD + (
            "use: {catalogs: {shelf: {endpoint: ./shelf}}}\n"
            "do:\n  - d: {call: 'double:2.0.0@shelf'}\n"))
        for command in ("check", "simulate"):
            ran = self.run_cli(command, missing)
            self.assertEqual(ran.returncode, 1, command)
            self.assertIn("m.yaml:4:16: the definition calls 'double:2.0.0@shelf': cannot ",
                          ran.stderr)

    def test_a_zone_the_host_does_not_know_is_told_at_its_place(self):
        whole = self.file("w.yaml", (
            "document:\n  {dsl: 1.0.3, namespace: t, name: z, version: 1.0.0,\n"
            "   metadata: {mainstay: {timezone: Europe/Atlantis}}}\n"
            "schedule: {cron: 0 0 * * *}\ndo:\n  - s: {set: {n: 1}}\n"))
        said = "w.yaml:3:36: there is no time zone 'Europe/Atlantis' in "
        for command in ("check", "simulate"):
            ran = self.run_cli(command, whole)
            self.assertEqual(ran.returncode, 1, ran.stderr)
            self.assertIn(said, ran.stdout + ran.stderr)
            self.assertIn("zones have names such as Europe/Berlin", ran.stdout + ran.stderr)

    def test_a_list_of_one_is_shown_as_a_list(self):
        ran = self.run_cli("simulate", self.file("v.yaml", offline.HEAD + (
            "do:\n  - a: {set: '${ [{n: 1}] }'}\n  - b: {set: '${ [] }'}\n"
            "  - c: {set: '${ [\"x\"] }'}\n")))
        shown = [line.split(None, 1)[1] for line in ran.stdout.splitlines()
                 if line.startswith("              output ")]
        self.assertEqual(shown, ['[{"n":1}]', "[]", '["x"]'])

    def test_the_story_says_which_expression_went_to_the_child(self):
        ran = self.run_cli("simulate", self.file("v.yaml", offline.HEAD + (
            "do:\n  - a: {set: {n: '${ \"b1\" | test(\"[0-9]\") }'}}\n")))
        self.assertIn('mainstay-jq evaluates ${ "b1" | test("[0-9]") }', ran.stdout)

    def test_events_without_id_are_different_events(self):
        events = self.file("e.yaml", "- {type: a, data: 1}\n- {type: a, after: PT1S, data: 1}\n")
        whole = self.file("w.yaml", offline.HEAD + (
            "do:\n  - l: {listen: {to: {any: [{with: {type: a}}], until: 'length == 2'}}}\n"))
        ran = self.run_cli("simulate", whole, "--events", events, "-o", "json")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertEqual(json.loads(ran.stdout)["instances"][0]["output"], [1, 1])

    def test_replies_come_in_order_and_by_input(self):
        tasks = ("do:\n  - each:\n      for: {in: '${ .list }'}\n      do:\n"
                 "        - ask: {call: agent, with: {agent: clerk, action: price,"
                 " input: '${ {n: $item} }'}, export: {as: '${ $context + {(($item | tostring)):"
                 " .} }'}}\n      output: {as: '${ $context }'}\n")
        agents = ("agents:\n  clerk:\n    price:\n"
                  "      - {when: .n == 3, output: {three: '${ .n * 2 }'}}\n"
                  "      - {output: {first: 1}}\n      - {output: {rest: 1}}\n")
        answer, code, err = self.simulate(tasks, "-i", '{"list": [1, 3, 2, 4]}', agents=agents)
        self.assertEqual(code, 0, err)
        self.assertEqual(answer["instances"][0]["output"],
                         {"1": {"first": 1}, "2": {"rest": 1}, "3": {"three": 6}, "4": {"rest": 1}})

    def test_a_missing_reply_is_said_with_what_to_add(self):
        answer, code, _ = self.simulate(ASK, "-i", '{"kg": 3}')
        self.assertEqual(code, 1)
        missing = answer["missing"][0]
        self.assertEqual((missing["agent"], missing["action"], missing["input"]),
                         ("clerk", "price", {"kg": 3}))
        answer, code, _ = self.simulate(ASK, agents=missing["template"])
        self.assertEqual(code, 0)
        ran = self.run_cli("simulate", self.file("w.yaml", offline.HEAD + ASK))
        self.assertIn("agents:\n  clerk:\n    price:\n      - output: {}", ran.stderr)

    def test_exit_codes_are_those_of_run(self):
        raised = "do:\n  - r: {raise: {error: {type: 'https://x.example/e', status: 409}}}\n"
        answer, code, _ = self.simulate(raised)
        self.assertEqual((code, answer["instances"][0]["error"]["status"]), (3, 409))
        parked = "agents: {clerk: {price: {fail: {class: data, detail: odd}}}}\n"
        answer, code, _ = self.simulate(ASK, agents=parked)
        self.assertEqual((code, answer["instances"][0]["status"]), (5, "suspended"))
        _, code, _ = self.simulate("do:\n  - l: {listen: {to: {one: {with: {type: never}}}}}\n")
        self.assertEqual(code, 6)
        bad = self.file("bad.yaml", offline.HEAD + "do:\n  - a: {sett: 1}\n")
        ran = self.run_cli("simulate", bad)
        self.assertEqual(ran.returncode, 1)
        self.assertRegex(ran.stderr, r"bad.yaml:3:\d+: ")

    def test_people_decide_by_the_name_of_the_step(self):
        tasks = ASK + "  - ok: {call: approval, with: {title: fine}}\n"
        agents = ("agents:\n  clerk: {price: [{fail: {class: data}}, {output: {n: 2}}]}\n"
                  "gates:\n  ask: {verdict: edit, value: {kg: 9}}\n"
                  "  ok: {verdict: approve, after: PT1H}\n")
        answer, code, err = self.simulate(tasks, agents=agents)
        self.assertEqual(code, 0, err)
        self.assertEqual(answer["ended_at"], "2026-01-01T01:00:00Z")
        self.assertEqual(answer["instances"][0]["output"]["value"], {"n": 2})

    def test_a_question_without_verdict_says_what_to_add(self):
        tasks = "do:\n  - ok: {call: approval, with: {title: fine}}\n"
        ran = self.run_cli("simulate", self.file("v.yaml", offline.HEAD + tasks))
        self.assertEqual(ran.returncode, 5, ran.stderr)
        self.assertIn("it stops here: waits for a person: fine", ran.stderr)
        self.assertIn("add to the file of --agents:\ngates:\n  ok: {verdict: approve}", ran.stderr)

    def test_events_start_and_continue(self):
        tasks = ("schedule: {on: {one: {with: {type: begin}}}}\n"
                 "do:\n  - l: {listen: {to: {one: {with: {type: go}}}}}\n")
        events = "- {type: go, after: PT2H, data: {n: 1}}\n- {type: begin, after: PT1H}\n"
        answer, code, err = self.simulate(tasks, events=events)
        self.assertEqual(code, 0, err)
        self.assertEqual(answer["instances"][0]["output"], [{"n": 1}])
        self.assertEqual(answer["ended_at"], "2026-01-01T02:00:00Z")

    def test_effects_timeouts_and_late_answers(self):
        tasks = ("do:\n  - t:\n      try:\n        - ask:\n            call: agent\n"
                 "            with: {agent: clerk, action: book}\n"
                 "            timeout: {after: PT5S}\n"
                 "      catch: {errors: {with: {type: "
                 "'https://serverlessworkflow.io/spec/1.0.0/errors/timeout'}},"
                 " do: [{late: {set: {late: true}}}]}\n")
        agents = "agents: {clerk: {book: {effect: keyed, replies: {output: {}, after: PT1M}}}}\n"
        answer, code, err = self.simulate(tasks, agents=agents)
        self.assertEqual(code, 0, err)
        self.assertEqual(answer["instances"][0]["output"], {"late": True})

    def test_expressions_of_mainstay_jq_are_evaluated(self):
        answer, code, err = self.simulate(
            "do:\n  - s: {set: {x: '${ .t | test(\"^a\") }'}}\n", "-i", '{"t": "abc"}')
        self.assertEqual(code, 0, err)
        self.assertEqual(answer["instances"][0]["output"], {"x": True})

    def test_a_schedule_runs_once(self):
        answer, code, err = self.simulate("schedule: {every: {minutes: 5}}\n"
                                          "do:\n  - w: {wait: {hours: 1}}\n")
        self.assertEqual(code, 0, err)
        self.assertEqual(len(answer["instances"]), 1)

    def test_a_schedule_gives_its_times(self):
        for schedule, keys in (("{every: {minutes: 5}}", ["due", "next"]),
                               ("{cron: 0 0 * * *}", ["due", "next"]),
                               ("{after: {minutes: 5}}", ["due"])):
            answer, code, err = self.simulate(f"schedule: {schedule}\n"
                                              "do:\n  - s: {set: '${ $workflow.input }'}\n")
            self.assertEqual(code, 0, err)
            output = answer["instances"][0]["output"]
            self.assertEqual(sorted(output), keys, schedule)
            self.assertLess(output["due"], output.get("next", "9"), "times in order")
        answer, code, err = self.simulate("schedule: {every: {minutes: 5}}\n"
                                          "do:\n  - s: {set: '${ $workflow.input }'}\n",
                                          "-i", '{"mine": 1}')
        self.assertEqual(answer["instances"][0]["output"], {"mine": 1}, err)

    def test_a_run_that_never_rests_is_stopped(self):
        _, code, err = self.simulate("do:\n  - w: {wait: {seconds: 1}}\n"
                                     "  - again: {set: {x: 1}, then: w}\n")
        self.assertIn(code, (1, 3), err)

    def test_what_is_wrong_with_the_files_is_said(self):
        wrong = {
            "agents: {clerk: {price: {outptu: {}}}}": "agents/clerk/price",
            "agents: {clerk: {price: {output: {}, tims: 1}}}": "'tims' is not known here",
            "agents: {clerk: {price: {fail: {class: odd}}}}": "one of transient",
            "agents: {clerk: {price: {fail: {class: data, effect: x}}}}": "one of none",
            "agents: {clerk: {price: {when: '.a ==', output: 1}}}": "agents/clerk/price/when",
            "agents: {clerk: {price: {output: 1, after: 5}}}": "agents/clerk/price/after",
            "agents: {clerk: {price: {output: 1, confidence: 2}}}": "from 0 to 1",
            "agents: {clerk: {price: {effect: odd, replies: []}}}": "one of pure",
            "agents: [1]": "must be an object",
            "gates: {x: maybe}": "approve, reject or edit",
            "agents: {clerk: {price: {output: &a 1}}}": "1:",
            "x: 1": "'x' is not known here (known: agents, gates)",
            "agent: {}": "'agent' is not known here (did you mean 'agents'? known: agents, gates)",
        }
        for text, words in wrong.items():
            _, code, err = self.simulate(ASK, agents=text)
            self.assertEqual(code, 1, text)
            self.assertIn(words, err, text)
        _, code, err = self.simulate(ASK, events="- {data: 1}")
        self.assertEqual(code, 1)
        self.assertIn("needs a 'type'", err)
        for arguments in (["--input", "{"], ["--input", "@/nowhere"], ["--agents", "/nowhere"]):
            ran = self.run_cli("simulate", self.file("v.yaml", offline.HEAD + ASK), *arguments)
            self.assertEqual(ran.returncode, 1, arguments)
            self.assertTrue(ran.stderr.startswith("mainstay: "), ran.stderr)
            self.assertEqual(ran.stderr.count("\n"), 1, ran.stderr)

    def test_the_story_is_told_in_words(self):
        path = self.file("v.yaml", offline.HEAD + "do:\n  - w: {wait: {hours: 3}}\n")
        ran = self.run_cli("simulate", path)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("'w' waits for 3 h", ran.stdout)
        self.assertNotIn("took", ran.stdout)  # it says nothing before it is over
        ran = self.run_cli("simulate", path, "-i", '{"kg": 3}')
        self.assertEqual(ran.stdout.count('{"kg":3}'), 1, "a value is shown where it is new")
        self.assertIn("03:00:00.000  the time of 'w' has come", ran.stdout)

    def test_what_was_done_is_undone(self):
        """By the step's word, or by that of the agent's contract; last first."""
        tasks = ("do:\n"
                 "  - slot: {call: agent, with: {agent: dock, action: book, contract: '1.0',"
                 " input: '${ {load: 7} }', compensate: {action: free, input: '${ {slot} }'}}}\n"
                 "  - bill: {call: agent, with: {agent: dock, action: bill, contract: '1.0'}}\n"
                 "  - stop: {raise: {error: {type: https://x.example/e, status: 503}}}\n")
        agents = ("agents:\n  dock:\n    book: {effect: keyed, replies: {output: {slot: D7}}}\n"
                  "    free: {output: {}}\n"
                  "    bill: {effect: keyed, compensate: unbill, replies: {output: {bill: 1}}}\n"
                  "    unbill: {output: {}}\n")
        path = self.file("v.yaml", offline.HEAD + tasks)
        ran = self.run_cli("simulate", path, "--agents", self.file("a.yaml", agents))
        self.assertEqual(ran.returncode, 3, ran.stdout + ran.stderr)
        at = [ran.stdout.find(text) for text in (
            "agent dock undoes the effect of /do/1/bill with unbill", "agent dock did unbill",
            "agent dock undoes the effect of /do/0/slot with free", "agent dock did free")]
        self.assertEqual(at, sorted(at), ran.stdout)
        self.assertNotIn(-1, at, ran.stdout)

    def test_a_shipped_process_runs_on_canned_replies(self):
        agents = json.dumps({"agents": {
            "extraction": {"extract": {"output": {"documents": []}, "confidence": 1}}}})
        words = ["simulate", f"{offline.SOURCE}/deploy/processes/invoice-audit.yaml", "-o", "json",
                 "--agents", self.file("a.json", agents), "--events",
                 self.file("e.yaml", "- {type: invoice.received, data: {x: 1}}")]
        ran = self.run_cli(*words)
        answer = json.loads(ran.stdout)
        self.assertEqual(answer["instances"][0]["status"], "completed", ran.stdout)
        self.assertEqual(ran.returncode, 0)


if __name__ == "__main__":
    unittest.main()

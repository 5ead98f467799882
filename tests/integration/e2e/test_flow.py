"""Processes of the profile through the real bus: flow, errors, events from one to another."""
import json

import company

FLOW = """do:
  - begin: {set: {sum: 0, seen: [], items: '${ .items }'}}
  - each:
      for: {each: item, in: '${ .items }', at: index}
      do:
        - kind:
            switch:
              - big: {when: '${ $item > 10 }', then: large}
              - rest: {then: small}
        - large:
            set:
              sum: '${ .sum + $item }'
              seen: '${ .seen + ["large \\($index)"] }'
              items: '${ .items }'
            then: exit
        - small:
            call: agent
            with: {agent: tester, action: echo, contract: '1.0',
                   input: '${ {sum: (.sum + 1), seen: (.seen + ["small \\($index)"]), items} }'}
  - keep:
      if: ${ .sum > 0 }
      set: {sum: '${ .sum }', seen: '${ .seen }'}
"""

TRY = """do:
  - attempt:
      try:
        - fail:
            call: agent
            with: {agent: tester, action: fail, contract: '1.0', input: '${ . }'}
      catch:
        errors: {with: {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/%s'}}
        as: problem
        do:
          - told: {set: {caught: '${ $problem.status }', title: '${ $problem.title }'}}
"""

RETRY = """do:
  - attempt:
      try:
        - flaky:
            switch:
              - enough: {when: '${ $task.name == "never" }', then: exit}
              - no: {then: raise}
        - raise: {raise: {error: {type: 'urn:e2e:flaky', status: 503, title: flaky}}}
      catch:
        errors: {with: {type: 'urn:e2e:flaky'}}
        retry: {delay: {milliseconds: 1}, limit: {attempt: {count: 3}}}
"""

ASK = """schedule: {on: {one: {with: {type: e2e.order}}}}
do:
  - note: {set: {order: '${ $workflow.input[0].data.order }'}, export: {as: '${ . }'}}
  - ask: {emit: {event: {with: {type: e2e.question, source: /e2e/ask, data: '${ $context }'}}}}
  - hear:
      listen: {to: {one: {with: {type: e2e.answer, data: '${ .order == $context.order }'}}}}
  - done: {set: {answer: '${ .[0].price }', order: '${ $context.order }'}}
"""

ANSWER = """schedule: {on: {one: {with: {type: e2e.question}}}}
do:
  - price:
      call: agent
      with: {agent: tester, action: echo, contract: '1.0',
             input: '${ {order: $workflow.input[0].data.order, price: "12.50"} }'}
  - say: {emit: {event: {with: {type: e2e.answer, source: /e2e/answer, data: '${ . }'}}}}
"""


class Flow(company.Case):
    def outcome(self, name, body, data, code=0):
        self.company.deploy(name, body)
        ran = self.company.call("run", f"e2e/{name}", "--input", json.dumps(data), code=code)
        return json.loads(ran.out if code == 0 else ran.err)

    def test_set_for_switch_if_and_calls(self):
        output = self.outcome("flow", FLOW, {"items": [1, 20, 3, 40]})
        self.assertEqual(output, {"sum": 62, "seen": ["small 0", "large 1", "small 2", "large 3"]})

    def test_permission_failure_of_an_agent_is_caught(self):
        output = self.outcome("caught", TRY % "authorization",
                              {"class": "permission", "times": 99})
        self.assertEqual(output, {"caught": 403, "title": "Failed as asked"})

    def test_retries_end_with_the_error(self):
        fault = self.outcome("retry", RETRY, {}, code=3)
        self.assertEqual((fault["type"], fault["status"]), ("urn:e2e:flaky", 503))

    def test_transient_failures_are_tried_again(self):
        output = self.outcome("again", company.ACT % "fail", {"class": "transient", "times": 1})
        self.assertEqual(output["class"], "transient")

    def test_events_start_and_continue_other_instances(self):
        self.company.deploy("ask", ASK)
        self.company.deploy("answer", ANSWER)
        first = self.company.json("emit", "e2e.order", '{"order": "A"}')["instances"][0]
        second = self.company.json("emit", "e2e.order", '{"order": "B"}')["instances"][0]
        for instance, order in ((first, "A"), (second, "B")):
            answer = self.company.wait(instance)
            self.assertEqual((answer["status"], answer.get("output")),
                             ("completed", {"answer": "12.50", "order": order}))
        answers = self.company.instances("e2e/answer")
        self.assertEqual([row["status"] for row in answers], ["completed", "completed"])

    def test_an_event_before_its_listener_is_kept(self):
        self.company.deploy("late", "do:\n  - hear: {listen: {to: {one: {with: {type: "
                            "e2e.early}}}}}\n")
        early = self.company.json("emit", "e2e.early", '{"early": true}')
        self.assertEqual((early["outcome"], early["instances"]), ("buffered", []))
        ran = self.company.call("run", "e2e/late", "--input", "{}", "--timeout", "30s")
        self.assertEqual(ran.json(), [{"early": True}])

    def test_a_timeout_of_the_workflow_faults(self):
        fault = self.outcome("timeout", "timeout: {after: {milliseconds: 200}}\n"
                             + company.ACT % "slow", {"ms": 5000}, code=3)
        self.assertTrue(fault["type"].endswith("/timeout"), fault)

    def test_input_that_breaks_the_schema_faults(self):
        body = ("input: {schema: {document: {type: object, required: [order]}}}\n"
                "do:\n  - a: {set: {x: 1}}\n")
        fault = self.outcome("schema", body, {}, code=3)
        self.assertTrue(fault["type"].endswith("/validation"), fault)
        self.assertIn("order", fault["detail"])


if __name__ == "__main__":
    company.main()

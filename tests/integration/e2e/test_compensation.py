"""What an instance did is undone when it fails or is cancelled, through real processes."""
import company

BODY = """do:
  - first: {call: agent, with: {agent: tester, action: count, input: {who: first},
            compensate: {action: count, input: '${ {undo: .count} }'}}}
  - second: {call: agent, with: {agent: tester, action: count, input: {who: second},
             compensate: {action: count}}}
  - stays: {call: agent, with: {agent: tester, action: count, input: {who: third}}}
%s"""

FAILS = BODY % "  - no: {raise: {error: {type: 'urn:e2e:no', status: 400, title: no}}}\n"
WAITS = BODY % "  - wait: {wait: {hours: 1}}\n"

POSTS = """do:
  - post: {call: agent, with: {agent: reconciliation, action: post, contract: '1.1',
           input: {invoice: {invoiceNumber: E2E-7, seller: {name: Carrier}, currency: EUR,
                             issueDate: '2026-01-02', totals: {due: '10.00'}}}}}
  - switch: {switch: [{stop: {when: .posted, then: no}}, {go: {then: end}}]}
  - no: {raise: {error: {type: 'urn:e2e:no', status: 400, title: no}}}
"""

POSTED = """do:
  - ask: {call: agent, with: {agent: reconciliation, action: ledger,
          input: {query: invoices, state: posted}}}
"""


class Compensation(company.Case):
    def effects(self, instance):
        reply = self.company.json("instances", "describe", instance)
        return [(row["step"].split("/")[-1], row["state"], row.get("undone_by"))
                for row in reply["effects"]], reply

    def undone(self, instance):
        rows, _ = self.effects(instance)
        states = {step: (state, by) for step, state, by in rows if by is not None}
        self.assertEqual(states, {"first": ("compensated", "count"),
                                  "second": ("compensated", "count")}, rows)
        story = self.company.call("explain", instance).out
        second = story.index("the effect of /do/1/second is undone")
        self.assertLess(second, story.index("the effect of /do/0/first is undone"), story)
        self.assertNotIn("stays is undone", story)

    def test_a_fault_is_reached_after_undoing(self):
        self.company.deploy("undo-fails", FAILS)
        instance = self.company.start("undo-fails", {})
        reply = self.company.wait(instance)
        self.assertEqual(reply["status"], "faulted", reply)
        self.undone(instance)

    def test_a_cancelled_instance_is_undone_over_a_kill(self):
        self.company.deploy("undo-waits", WAITS)
        instance = self.company.start("undo-waits", {})
        company.until(lambda: self.effects(instance)[1]["status"] == "waiting", "it waits")
        rows, reply = self.effects(instance)
        registered = [row["compensation"]["state"] for row in reply["effects"]
                      if "compensation" in row]
        self.assertEqual(registered, ["registered", "registered"], rows)
        before = self.company.pid("coordinator")
        self.company.call("instances", "cancel", instance, "--reason", "not wanted")
        self.company.kill("coordinator")
        self.company.restarted("coordinator", before)
        self.assertEqual(self.company.wait(instance)["status"], "cancelled")
        self.undone(instance)

    def test_a_posting_is_taken_back_by_the_agent_that_posted(self):
        self.company.deploy("undo-posts", POSTS)
        self.company.deploy("posted", POSTED)
        instance = self.company.start("undo-posts", {})
        self.assertEqual(self.company.wait(instance)["status"], "faulted")
        rows, _ = self.effects(instance)
        self.assertEqual(rows[0], ("post", "compensated", "unpost"), rows)
        posted = self.company.wait(self.company.start("posted", {}))
        self.assertEqual(posted["output"]["invoices"], [], posted)


if __name__ == "__main__":
    company.main()

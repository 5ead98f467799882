"""What paid work may cost, through real processes: reserved, settled, asked about, and kept."""
import time

import company

POLICY = """policy: 1
budget: {day: 3.50 EUR, agents: {tester: 2.50 EUR}}
"""

PAID = """do:
  - paid: {call: paid@tester, with: {input: '${ . }'}}
"""


class Budgets(company.Case):
    @classmethod
    def setUpClass(cls):
        company.until(lambda: time.time() % 86400 < 86400 - 50, "a day that does not end meanwhile")
        cls.company = company.Company()
        cls.addClassCleanup(cls.company.destroy)
        cls.company.dir.mkdir(parents=True)
        (cls.company.dir / "policy.yaml").write_text(POLICY)
        cls.company.up()
        cls.company.deploy("paid", PAID)

    def row(self, account):
        return self.company.json("budgets", "ls", account)["budgets"][0]

    def says(self, account, **members):
        company.until(lambda: members.items() <= self.row(account).items(),
                      f"{account} should say {members}, says {self.row(account)}")

    def gates(self):
        return [gate for gate in self.company.json("gates", "ls")["gates"]
                if gate["kind"] == "budget"]

    def test_money(self):
        self.assertEqual(self.row("agent/tester")["left"], "2.50 EUR")
        first = self.company.start("paid", {"cost": "0.80 EUR", "ms": 20000})
        second = self.company.start("paid", {"cost": "0.75 EUR", "ms": 20000})
        third = self.company.start("paid", {"cost": "0.10 EUR"})
        self.says("agent/tester", reserved="2.00 EUR", spent="0.00 EUR", waiting=1)
        self.says("company", reserved="2.00 EUR", waiting=0)
        gate, = self.gates()
        self.assertEqual(gate["account"], "agent/tester")
        self.assertIn("cap 2.50 EUR, spent 0.00 EUR, reserved 2.00 EUR", gate["rationale"])
        self.assertEqual(self.company.metric("mainstay_budgets_exhausted"), 1)

        self.company.kill("coordinator")
        self.company.answers()
        self.says("agent/tester", reserved="2.00 EUR", spent="0.00 EUR", waiting=1)
        self.assertEqual([it["gate"] for it in self.gates()], [gate["gate"]])
        self.assertIn("waits for money: it may cost 1.00 EUR, and the budget agent/tester",
                      self.company.call("explain", third).out)

        self.company.call("gates", "approve", gate["gate"], "--value", "1.00 EUR")
        self.assertEqual(self.company.wait(third)["status"], "completed")
        self.says("agent/tester", allowed="1.00 EUR", spent="0.10 EUR", reserved="2.00 EUR")
        self.assertEqual(self.gates(), [])

        self.company.call("instances", "cancel", second)
        self.assertEqual(self.company.wait(second)["status"], "cancelled")
        self.assertEqual(self.company.wait(first)["status"], "completed")
        # nobody waits for the answer of what was cancelled: all that it may have cost is booked
        self.says("agent/tester", spent="1.90 EUR", reserved="0.00 EUR", left="1.60 EUR")
        self.says("company", spent="1.90 EUR", reserved="0.00 EUR", left="1.60 EUR")
        self.assertIn("cost 0.80 EUR", self.company.call("explain", first).out)


if __name__ == "__main__":
    company.main()

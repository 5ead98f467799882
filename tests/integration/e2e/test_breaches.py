"""An agent that breaks its contract again and again, in real processes: its steps are parked one by
one, then one gate stops all work of its version, until that is mended or another one is started."""
import json
import pathlib
import shutil
import tempfile

import company
from company import BIN, SOURCE, until

ECHO = """do:
  - echo:
      call: agent
      with: {agent: tester, action: echo, contract: '1.0', input: '${ . }'}
"""
TITLE = "an agent's version breaks its contract again and again"


def contract(version):
    """What the tests' agent promises here: its echo promises more than it keeps."""
    text = (SOURCE / "tests" / "support" / "ledger_agent" / "contract.json").read_text()
    told = json.loads(text)
    told["version"] = version
    told["actions"]["echo"]["output"] = {"type": "object", "required": ["n"],
                                         "properties": {"n": {"type": "integer"}}}
    return json.dumps(told)


class Breaches(company.Case):
    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="mainstay-e2e-"))
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.contract = folder / "tester.json"
        cls.contract.write_text(contract("1.0.0"))
        cls.company = company.Company()
        cls.addClassCleanup(cls.company.destroy)
        cls.company.call("up", "--detach", "--agent", f"{BIN}/agent-tester:{cls.contract}",
                         "--timeout", f"{company.DEADLINE_S}s")
        cls.company.deploy("breaks", ECHO)

    def start(self, given):
        return self.company.start("breaks", given)

    def parked(self, given):
        """An instance whose answer breaks the contract, and the gate on its step."""
        instance = self.start(given)
        return instance, self.company.wait(instance)["gate"]

    def circuits(self):
        return [gate for gate in self.company.json("gates", "ls")["gates"]
                if gate["kind"] == "contract"]

    def test_one_gate_stops_the_version(self):
        stuck = []
        for number in range(5):
            self.assertEqual(self.circuits(), [], f"after {number} breaches")
            instance, gate = self.parked({"n": f"text {number}"})
            told = self.company.json("gates", "describe", gate)
            self.assertEqual((told["kind"], told["failure"]["class"], told["title"]),
                             ("parked", "contract", "The agent broke its contract"))
            stuck.append((instance, gate))
        gate = until(self.circuits, "the version is stopped")[0]
        self.assertEqual((gate["agent"], gate["title"]), ("tester", TITLE))
        told = self.company.json("gates", "describe", gate["gate"])
        self.assertEqual(told["version"], "1.0.0")
        self.assertIn("gave 5 answers that break its contract to 5 instances", told["rationale"])
        later = self.start({"n": 1})
        self.assertEqual(self.company.wait(later)["gate"], gate["gate"], "it got work")
        self.assertIn(TITLE, self.company.call("explain", later).out)

        # Approved although it is not mended: one step tries, and asks again.
        self.company.call("instances", "cancel", later)
        worse = self.start({"n": "no number"})
        self.company.call("gates", "approve", gate["gate"])
        until(lambda: self.company.json("gates", "describe", gate["gate"])["revision"] == 2,
              "it is asked again")
        stuck.append((worse, self.company.wait(worse)["gate"]))

        # Another version takes the work, while the gate of this one stays.
        self.contract.write_text(contract("1.0.1"))
        self.company.call("agents", "restart", "tester")
        well = self.start({"n": 2})
        self.assertEqual(self.company.wait(well)["output"], {"n": 2})
        self.assertEqual([one["gate"] for one in self.circuits()], [gate["gate"]])

        # The version that was stopped comes back, mended, and is approved.
        self.contract.write_text(contract("1.0.0"))
        self.company.call("agents", "restart", "tester")
        again = self.start({"n": 3})
        self.assertEqual(self.company.wait(again)["gate"], gate["gate"])
        self.company.call("gates", "approve", gate["gate"], "--reason", "mended")
        self.assertEqual(self.company.wait(again)["output"], {"n": 3})
        until(lambda: self.circuits() == [], "the gate is gone")
        for instance, parked in stuck:
            self.company.call("gates", "edit", parked, "--value", '{"n": 4}')
            self.assertEqual(self.company.wait(instance)["output"], {"n": 4})


if __name__ == "__main__":
    company.main()

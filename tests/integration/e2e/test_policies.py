"""What is done about failures, as a file of the company says; one gate for the cause."""
import http.server
import threading

import company
from company import ACT, SOURCE

POLICY = """policy: 1
retry: {delay: PT0.02S, factor: 1, maxDelay: PT0.02S, attempts: 2}
actions:
  tester/fail: {failures: {transient: raise}}
"""


class Gatekeeper(http.server.BaseHTTPRequestHandler):
    """Lets nobody in before `server.open`."""

    def do_GET(self):
        with self.server.lock:
            self.server.asked += 1
            code = 200 if self.server.open else 401
        body = b'{"in": true}' if code == 200 else b'{"title": "the key is revoked"}'
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Policies(company.Case):
    @classmethod
    def setUpClass(cls):
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gatekeeper)
        cls.server.daemon_threads = True
        cls.server.lock = threading.Lock()
        cls.addClassCleanup(cls.server.server_close)
        cls.addClassCleanup(cls.server.shutdown)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{cls.server.server_port}"
        cls.body = ("do: [{get: {call: http, with: {method: get, endpoint: 'http://"
                    + host + "/'}}}]\n")
        cls.company = company.Company("--set", f"connector.allow={host}")
        cls.addClassCleanup(cls.company.destroy)
        cls.company.dir.mkdir(parents=True)
        (cls.company.dir / "policy.yaml").write_text(POLICY)
        cls.company.up()
        cls.company.deploy("fail", ACT % "fail")

    def setUp(self):
        self.name = self.id().split(".")[-1].replace("_", "-")[:60]
        self.company.deploy(self.name, self.body)
        self.let(False)

    def let(self, in_):
        with self.server.lock:
            self.server.open = in_
            self.server.asked = 0

    def circuits(self):
        return [gate["gate"] for gate in self.company.json("gates", "ls")["gates"]
                if gate["kind"] == "permission"]

    def refused(self, count):
        """Instances whose step the outside refuses, and the one gate that they wait for."""
        instances = [self.company.start(self.name) for _ in range(count)]
        gates = {self.company.wait(instance)["gate"] for instance in instances}
        self.assertEqual(len(gates), 1, "one gate for the cause")
        self.assertEqual(self.circuits(), list(gates))
        return instances, gates.pop()

    def completed(self, instances):
        for instance in instances:
            self.assertEqual(self.company.wait(instance)["output"], {"in": True})
        self.assertEqual(self.circuits(), [])

    def test_ten_refusals_are_one_gate_and_its_approval_resumes_them_all(self):
        instances, gate = self.refused(10)
        seen = self.company.json("gates", "describe", gate)
        self.assertEqual(seen["agent"], "connector")
        self.assertIn("the key is revoked", seen["rationale"])
        self.assertEqual(seen["waiting_count"], 10)
        self.assertEqual(sorted(seen["waiting"]), sorted(instances))
        for instance in instances:
            told = self.company.json("explain", instance)
            self.assertEqual(told["gate"], gate)
            self.assertIn(seen["title"], told["reason"])
        refused = self.company.run("gates", "reject", gate)
        self.assertEqual(refused.code, 1)
        self.assertIn("cancel the instances that wait", refused.err)
        self.let(True)
        self.company.call("gates", "approve", gate, "--reason", "the key is renewed")
        self.completed(instances)
        self.assertEqual(self.server.asked, 10)

    def test_who_comes_later_is_not_tried_and_is_told_why_it_waits(self):
        instances, gate = self.refused(1)
        asked = self.server.asked
        later = self.company.start(self.name)
        self.assertEqual(self.company.wait(later)["gate"], gate)
        self.assertIn(gate, self.company.call("explain", later).out)
        self.assertEqual(self.server.asked, asked, "it was tried")
        self.let(True)
        self.company.call("gates", "approve", gate)
        self.completed([*instances, later])

    def test_an_approval_too_early_asks_again_after_one_try(self):
        instances, gate = self.refused(3)
        asked = self.server.asked
        self.company.call("gates", "approve", gate)
        again = {self.company.wait(instance)["gate"] for instance in instances}
        self.assertEqual(again, {gate})
        self.assertEqual(self.server.asked, asked + 1, "more than one step tried")
        self.assertEqual(self.company.json("gates", "describe", gate)["revision"], 2)
        self.let(True)
        self.company.call("gates", "approve", gate)
        self.completed(instances)

    def test_a_circuit_survives_the_coordinator(self):
        instances, gate = self.refused(2)
        pid = self.company.pid("coordinator")
        self.company.kill("coordinator")
        self.company.restarted("coordinator", pid)
        self.assertEqual(self.company.json("gates", "describe", gate)["waiting_count"], 2)
        self.let(True)
        self.company.call("gates", "approve", gate)
        self.completed(instances)

    def test_an_action_has_rules_of_its_own(self):
        instance = self.company.start("fail", {"class": "transient", "times": 2})
        self.assertEqual(self.company.wait(instance)["status"], "faulted",
                         "raised after the two attempts of the file")
        kept = self.company.json("instances", "describe", instance)
        self.assertIn("communication", str(kept["error"]))
        instance = self.company.start("fail", {"class": "transient", "times": 1})
        self.assertEqual(self.company.wait(instance)["status"], "completed")


class Files(company.Case):
    """Files that the coordinator takes and refuses."""

    @classmethod
    def setUpClass(cls):
        cls.company = company.Company()
        cls.addClassCleanup(cls.company.destroy)

    def test_the_file_of_the_documentation_is_taken(self):
        self.company.dir.mkdir(parents=True, exist_ok=True)
        target = self.company.dir / "policy.yaml"
        target.write_text((SOURCE / "deploy" / "policies" / "default.yaml").read_text())
        self.company.up()
        self.goes_on()
        self.company.down()

    def test_what_is_wrong_is_said_with_its_place(self):
        self.company.dir.mkdir(parents=True, exist_ok=True)
        (self.company.dir / "policy.yaml").write_text("policy: 1\nfailures:\n  data: circuit\n")
        ran = self.company.run("up", "--detach", "--timeout", "10s")
        self.assertNotEqual(ran.code, 0)
        self.assertRegex(ran.out + ran.err, r"policy\.yaml:3:\d+: ")
        (self.company.dir / "policy.yaml").unlink()


if __name__ == "__main__":
    company.main()

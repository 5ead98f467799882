"""A company of real processes in a folder of its own.

MAINSTAY_BIN is the folder of the programs. MAINSTAY_KEEP=1 leaves the folder behind.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import nats
import protobuf

SOURCE = pathlib.Path(__file__).resolve().parents[3]
DATA = SOURCE / "tests" / "data"
BIN = pathlib.Path(os.environ.get("MAINSTAY_BIN", SOURCE / "build" / "dev" / "bin")).resolve()
TESTER = f"{BIN}/agent-tester:{SOURCE}/tests/support/ledger_agent/contract.json"
SKIPPED = 77
DEADLINE_S = 60  # generous: of a sanitized build on a busy machine
SANITIZED = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:",
             "WARNING: ThreadSanitizer")


def until(condition, what, seconds=DEADLINE_S):
    """Wait for a condition; its first true value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.02)


class Ran:
    """What a command printed and how it ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def json(self):
        return json.loads(self.out)


class Company:
    def __init__(self, *options):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="mainstay-e2e-"))
        self.dir = self.root / "company"
        self.options = options
        self.client = None
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("MAINSTAY_BUS", "MAINSTAY_CREDS", "MAINSTAY_CA",
                                        "MAINSTAY_CONTEXT", "NATS_"))}
        self.env = {**kept, "HOME": str(self.root), "XDG_CONFIG_HOME": str(self.root / "config"),
                    "XDG_DATA_HOME": str(self.root / "share"), "NO_COLOR": "1"}

    # ---- processes ----

    def up(self):
        self.call("up", "--detach", "--agent", TESTER, "--timeout", f"{DEADLINE_S}s", *self.options)
        return self

    def down(self):
        self.hang_up()
        self.call("down", "--timeout", f"{DEADLINE_S}s")

    def destroy(self):
        """Stop it, look for what sanitizers said, leave nothing behind."""
        try:
            self.hang_up()
            ran = self.run("down", "--timeout", f"{DEADLINE_S}s")
            said = [line for log in sorted(self.dir.glob("log/*.log*"))
                    for line in log.read_text(errors="replace").splitlines()
                    if any(word in line for word in SANITIZED)]
        finally:
            if os.environ.get("MAINSTAY_KEEP"):
                print(f"kept: {self.dir}", file=sys.stderr)
            else:
                shutil.rmtree(self.root, ignore_errors=True)
        if said or ran.code != 0:
            raise AssertionError("\n".join(said) or f"down failed: {ran.err}")

    def kill(self, name):
        os.kill(self.pid(name), signal.SIGKILL)

    def pid(self, name):
        return int((self.dir / "run" / f"{name}.pid").read_text().split()[0])

    def restarted(self, name, before):
        """Wait until a process is there again with another pid, and the company answers."""
        self.started(name, before)
        return self.answers()

    def started(self, name, before):
        """Wait until a process is there again with another pid."""
        until(lambda: self._pid_or_none(name) not in (None, before), f"{name} is started again")

    def _pid_or_none(self, name):
        try:
            return self.pid(name)
        except (OSError, ValueError, IndexError):
            return None

    def answers(self):
        return until(lambda: self.run("status", "-o", "json").code == 0,
                     "the coordinator answers")

    def agent(self, name):
        agents = self.json("agents", "ls")["agents"]
        return next((agent for agent in agents if agent["agent"] == name), None)

    # ---- commands ----

    def run(self, *words, stdin=""):
        ran = subprocess.run([str(BIN / "mainstay"), "--dir", str(self.dir), *map(str, words)],
                             env=self.env, cwd=self.root, input=stdin, text=True,
                             capture_output=True, timeout=3 * DEADLINE_S, check=False)
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def call(self, *words, code=0):
        ran = self.run(*words)
        if ran.code != code:
            raise AssertionError(f"mainstay {' '.join(map(str, words))}: exit code {ran.code}, "
                                 f"not {code}\n{ran.out}{ran.err}")
        return ran

    def json(self, *words):
        return self.call(*words, "-o", "json").json()

    def file(self, name, text):
        path = self.root / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def deploy(self, name, body, version="1.0.0", check=True, metadata="{}"):
        """Deploy a definition whose tasks are `body`; NAME of namespace e2e."""
        path = self.file(f"{name}.yaml", definition(name, body, version, metadata))
        return self.call("deploy", path) if check else self.run("deploy", path)

    def start(self, name, data=None):
        """Run a deployed definition without waiting; the instance."""
        return self.call("run", name if "/" in name else f"e2e/{name}", "--detach", "--input",
                         json.dumps(data)).out.strip()

    # ---- questions over the bus ----

    def bus(self):
        context = json.loads((self.dir / "context.json").read_text())
        return context["bus"]

    def hang_up(self):
        if self.client is not None:
            self.client.close()
            self.client = None

    def connect(self, account):
        return nats.Client(self.bus(), self.dir / "creds" / f"{account}.creds")

    def ask(self, verb, **body):
        """A question to control.<verb>: the answer's code, words and body."""
        request = protobuf.encode([(1, 1), (3, "e2e"), (4, json.dumps(body))])

        def answer():
            try:
                if self.client is None:
                    self.client = self.connect("operator")
                return self.client.request(f"control.{verb}", request)
            except OSError:  # the bus or the coordinator was away
                self.hang_up()
                return None
        reply = protobuf.decode(until(answer, f"control.{verb} is answered"))
        return reply.get(2, 0), reply.get(3, b"").decode(), json.loads(reply.get(4) or b"{}")

    def wait(self, instance):
        """Until it has ended or waits for a person: {instance, status, output, error, gate}."""
        code, words, body = self.ask("wait", instance=instance, timeout_ms=1000 * DEADLINE_S)
        if code != 0:
            told = self.run("explain", instance).out
            raise AssertionError(f"instance {instance}: {words}\n{told}")
        return body

    def instances(self, definition_name=None):
        words = [] if definition_name is None else ["--definition", definition_name]
        return self.json("instances", "ls", *words)["instances"]

    def dead_letters(self):
        return self.json("deadletters", "ls", "--limit", "1000")["dead_letters"]

    # ---- figures ----

    def targets(self):
        """Process to address, out of the file for Prometheus."""
        groups = json.loads((self.dir / "prometheus.json").read_text())
        return {group["labels"]["process"]: group["targets"][0] for group in groups}

    def metrics(self, process="coordinator"):
        return http_get(f"http://{self.targets()[process]}/metrics")

    def metric(self, name, process="coordinator"):
        for line in self.metrics(process).splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        raise AssertionError(f"{process} has no metric {name}")


def http_get(url):
    with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
        return answer.read().decode()


def definition(name, body, version="1.0.0", metadata="{}"):
    return (f"document: {{dsl: '1.0.3', namespace: e2e, name: {name}, version: '{version}',\n"
            f"           metadata: {metadata}}}\n" + body)


# A step that the tester agent answers with its input.
ECHO = """do:
  - echo:
      call: agent
      with: {agent: tester, action: echo, contract: '1.0', input: '${ . }'}
"""

# A step that does what its input says, see tests/support/ledger_agent.
ACT = """do:
  - act:
      call: agent
      with: {agent: tester, action: %s, contract: '1.0', input: '${ . }'}
"""


class Case(unittest.TestCase):
    """Tests that share one company, made of `options` of `mainstay up`."""

    options = ()
    processes = ()  # shipped definitions to deploy
    company = None
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.company = Company(*cls.options)
        cls.addClassCleanup(cls.company.destroy)
        cls.company.up()
        for name in cls.processes:
            cls.company.call("deploy", SOURCE / "deploy" / "processes" / f"{name}.yaml")

    def goes_on(self):
        """The loop still works: a workflow completes."""
        self.company.deploy("goes-on", ECHO)
        ran = self.company.call("run", "e2e/goes-on", "--input", '{"well": true}')
        self.assertEqual(ran.json(), {"well": True})


def main():
    """unittest.main, with CTest's code for a file whose tests were all skipped."""
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(SKIPPED if result.skipped and len(result.skipped) >= result.testsRun else 0)

"""A company as a user has it, run by `mainstay up`, with the questions of tests/support/company.py.
All files are below one folder; everything ends with this process."""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
E2E = os.path.join(os.path.dirname(HERE), "integration", "e2e")
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))
sys.dont_write_bytecode = True
from company import READY_S, Company, Failure, Process, nats_server, wait_until  # noqa: E402


class Member:
    """A process of the supervisor."""

    def __init__(self, folder, name):
        self.name, self.path = name, os.path.join(folder, "run", name + ".pid")
        self.log = os.path.join(folder, "log", name + ".log")

    @property
    def pid(self):
        with open(self.path) as file:
            return int(file.read().split()[0])

    def said(self):
        with open(self.log, errors="replace") as log:
            return log.readlines()

    def tail(self, lines=15):
        return "".join(self.said()[-lines:])


class Supervised(Company):
    """With the agent of the tests and `agents`, "PROGRAM:CONTRACT"."""

    def __init__(self, build, folder, agents=()):
        self.bin, self.folder, self.ca = os.path.join(build, "bin"), folder, None
        self.host, self.durability = "127.0.0.1", "power"  # what the coordinator does unasked
        self.creds = os.path.join(folder, "creds")
        self.bus, self.coordinator, self.agent, self.notes = (
            Member(folder, name) for name in ("nats-server", "coordinator", "tester", "mainstay"))
        tester = os.path.join(os.path.dirname(HERE), "support", "ledger_agent", "contract.json")
        words = [f"{self.bin}/agent-tester:{tester}", *agents]
        os.makedirs(folder, exist_ok=True)
        self.supervisor = Process("supervisor", [
            os.path.join(self.bin, "mainstay"), "--dir", folder, "up", "--timeout", f"{READY_S}s",
            *(word for agent in words for word in ("--agent", agent)),
            *(word for name in ("connector", "extraction", "reconciliation")
              for word in ("--without", name)),
            *(("--nats-server", nats_server()) if nats_server() else ())], folder)
        self.supervisor.environment = {"HOME": folder, "XDG_CONFIG_HOME": folder + "/config"}

    def start(self, ledger=False):
        self.supervisor.start()

        def ready():
            if not self.supervisor.alive():
                raise Failure(f"mainstay up ended: {self.supervisor.tail()}")
            return os.path.exists(self.notes.log) and " ready\n" in "".join(self.notes.said())
        wait_until(ready, READY_S, "mainstay up is ready")
        with open(os.path.join(self.folder, "context.json")) as file:
            self.url = json.load(file)["bus"]
        self.port = int(self.url.rsplit(":", 1)[1])
        with open(os.path.join(self.folder, "prometheus.json")) as file:
            addresses = {one["labels"]["process"]: one["targets"][0] for one in json.load(file)}
        self.metrics = {name: int(addresses[process].rsplit(":", 1)[1])
                        for name, process in (("coordinator", "coordinator"), ("agent", "tester"))}
        return self

    def stop(self):
        self.supervisor.stop(READY_S)

    def restart(self, agent):
        """What the operator does for one that was cut off."""
        self.program("mainstay", "--dir", self.folder, "agents", "restart", agent)

    def cut_off(self, agent):
        """How often that was done to the agent."""
        return sum(f" agent {agent} floods the bus " in line for line in self.notes.said())

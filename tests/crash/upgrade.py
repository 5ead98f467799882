"""A rolling upgrade under load: every process is replaced by another version, one at a time."""
import json
import os
import shutil
import subprocess

from company import Failure, Process, wait_until
from fault import Fault

READY_S = 180
PROGRAMS = ("coordinator", "mainstay-jq", "agent-tester")


def renamed(code, version, other):
    """The program with another version in it. Only the end of the string can be looked for: a
    linker keeps one that is the end of a longer one ("coordinator 0.1.0") there alone."""
    return code.replace(version.encode() + b"\0", other.encode() + b"\0")


class Versions:
    """Two installations, this build's and a copy that calls itself by another version, and
    contracts with ever higher minor versions."""

    def __init__(self, build_bin, folder):
        self.bins = [build_bin, os.path.join(folder, "bin-next")]
        self.folder, self.minor = folder, 0
        told = self.told(build_bin)
        self.names = [told, told[:-1] + ("9" if told[-1] != "9" else "8")]
        os.makedirs(self.bins[1])
        for program in PROGRAMS:
            with open(os.path.join(build_bin, program), "rb") as file:
                code = file.read()
            path = os.path.join(self.bins[1], program)
            with open(path, "wb") as file:
                file.write(renamed(code, *self.names))
            os.chmod(path, 0o755)
        if self.told(self.bins[1]) != self.names[1]:
            raise Failure(f"the copy of the coordinator calls itself {self.told(self.bins[1])}, "
                          f"not {self.names[1]}")

    @staticmethod
    def told(folder):
        """The version the coordinator there tells."""
        return subprocess.run([os.path.join(folder, "coordinator"), "--version"], check=True,
                              capture_output=True, text=True).stdout.split()[1]

    def other(self, path):
        """The program of the other installation, and the version it tells."""
        here = self.bins.index(os.path.dirname(path))
        return os.path.join(self.bins[1 - here], os.path.basename(path)), self.names[1 - here]

    def contract(self, path):
        """The same contract under the next minor version: (file, version)."""
        self.minor += 1
        with open(path, encoding="utf-8") as file:
            contract = json.load(file)
        contract["version"] = f"1.{self.minor}.0"
        made = os.path.join(self.folder, f"contract-{self.minor}.json")
        with open(made, "w", encoding="utf-8") as file:
            json.dump(contract, file)
        return made, contract["version"]


def argument_set(args, option, value):
    args[args.index(option) + 1] = value


class Upgrade(Fault):
    """Each process ends in good order and comes back as another version on its store; or the
    agent's new version runs beside the old one on a store of its own until that is upgraded."""

    def live(self, store, version):
        return any((row["store"], row["version"], row["state"]) == (store, version, "live")
                   for row in self.company.ask("agents.ls")["agents"])

    def upgrade_coordinator(self):
        company = self.company
        company.coordinator.stop(READY_S)
        program, version = self.crash.versions.other(company.coordinator.args[0])
        company.coordinator.args[0] = program
        company.start_coordinator()
        wait_until(lambda: company.ask("status")["version"] == version, READY_S,
                   f"the coordinator is {version}")

    def agent_args(self, args):
        """Those of the next version."""
        args = list(args)
        args[0], _ = self.crash.versions.other(args[0])
        contract, version = self.crash.versions.contract(args[args.index("--contract") + 1])
        argument_set(args, "--contract", contract)
        return args, version

    def upgrade_agent(self):
        company = self.company
        company.agent.stop(READY_S)
        company.agent.args, version = self.agent_args(company.agent.args)
        company.start_agent()
        wait_until(lambda: self.live("main", version), READY_S, f"the agent is {version}")

    def upgrade_beside(self):
        company = self.company
        args, version = self.agent_args(company.agent.args)
        argument_set(args, "--store", "second")
        argument_set(args, "--data", company.second_data)
        argument_set(args, "--metrics", "127.0.0.1:0")
        argument_set(args, "--creds", os.path.join(company.creds, "agent-tester_second.creds"))
        second = Process("agent-second", args, company.words)
        second.always = company.agent.always
        second.start()
        try:
            wait_until(lambda: self.live("second", version), READY_S, "both versions are live")
            self.crash.go_on(self.rng.randint(5, 20), "with two versions")
            self.upgrade_agent()
            self.crash.go_on(self.rng.randint(5, 20), "with two stores")
        finally:
            second.stop(READY_S)

    def inject(self):
        beside = self.rng.random() < 0.5
        order = [self.upgrade_coordinator, self.upgrade_beside if beside else self.upgrade_agent]
        self.rng.shuffle(order)
        self.detail = f"{'side by side' if beside else 'in place'}, " \
                      f"{'coordinator' if order[0] == self.upgrade_coordinator else 'agent'} first"
        hit = self.in_flight()
        for step in order:
            step()
            self.crash.go_on(self.rng.randint(3, 15), f"after {step.__name__}")
        return hit

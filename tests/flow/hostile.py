#!/usr/bin/env python3
"""What one hostile agent costs the others, against a plain CPU burner under the same quota.

One company, run by `mainstay up`, with an honest load in a closed loop. In `--rounds` rounds, in
alternating order: nobody beside it, a process that burns a processor, and an agent with credentials
of its own that floods, lies, and answers late and twice (hostile_agent.py). Both under `--share` of
one processor: a control group where one can be made, else stopped and continued in turns. The agent
floods from the moment on when the load is under way, and in each round the company has to find out
and cut it off the bus anew; with --uncut nobody does, as where `mainstay up` does not run it.
Prints one JSON object; `ratio` is that of the medians of completed workflows per second, hostile to
burner. Fails when anything was lost or doubled, when a lie was believed, or when what is kept of it
has no bound. --smoke: no figures, for CTest.
"""
import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
from client import Client  # noqa: E402
from company import (Company, Failure, Load, campaign_of, die_with_parent,  # noqa: E402
                     nats_server, process_figures, report_tell, wait_until)
from overload import Watch, definition  # noqa: E402
from supervised import E2E, Supervised  # noqa: E402

sys.path.append(E2E)
import nats  # noqa: E402

GHOST = os.path.join(E2E, "ghost_agent.py")
CONTRACT = os.path.join(E2E, "ghost_contract.json")
FORGOTTEN_S = 20  # after a flood: the coordinator's allowance is full again (edge/conduct.h)
STORE = '{agent="ghost",store="main"}'
STEPS = 3  # of overload.definition
PERIOD_US = 20000
HAUNT = """document: {dsl: '1.0.3', namespace: flow, name: haunt, version: '1.0.0'}
do:
  - haunt: {call: agent, with: {agent: ghost, action: haunt, contract: '1.0', input: '${ . }'}}
"""
COUNT = """document: {dsl: '1.0.3', namespace: flow, name: count, version: '1.0.0'}
do:
  - count: {call: agent, with: {agent: tester, action: count, contract: '1.0', input: '${ . }'}}
"""


# ---- quotas ----

class Group:
    """A control group with a share of one processor; version 2 or 1."""

    def __init__(self, share):
        self.kind, self.path = self.find(), None
        quota = int(PERIOD_US * share)
        if self.kind == "cgroup v2":
            self.make("/sys/fs/cgroup")
            self.write("cpu.max", f"{quota} {PERIOD_US}")
        elif self.kind == "cgroup v1":
            self.make("/sys/fs/cgroup/cpu")
            self.write("cpu.cfs_period_us", PERIOD_US)
            self.write("cpu.cfs_quota_us", quota)

    @staticmethod
    def find():
        try:
            with open("/sys/fs/cgroup/cgroup.subtree_control") as file:
                if "cpu" in file.read().split() and os.access("/sys/fs/cgroup", os.W_OK):
                    return "cgroup v2"
        except OSError:
            pass
        v1 = "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"
        return "cgroup v1" if os.access(v1, os.W_OK) else None

    def make(self, below):
        self.path = os.path.join(below, f"mainstay-hostile-{os.getpid()}")
        os.mkdir(self.path)

    def write(self, name, value):
        with open(os.path.join(self.path, name), "w") as file:
            file.write(str(value))

    def add(self, pid):
        self.write("cgroup.procs", pid)

    def remove(self):
        if self.path is not None:
            os.rmdir(self.path)


class Turns:
    """Without control groups: the process stands still for all but its share of each period."""

    def __init__(self, pid, share):
        self.pid, self.share = pid, share
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.over.is_set():
            os.kill(self.pid, signal.SIGSTOP)
            self.over.wait(PERIOD_US * (1 - self.share) / 1e6)
            os.kill(self.pid, signal.SIGCONT)
            time.sleep(PERIOD_US * self.share / 1e6)

    def stop(self):
        self.over.set()
        self.thread.join()


class Intruder:
    """A process beside the company, under its quota."""

    def __init__(self, group, share, words):
        self.child = subprocess.Popen(
            [sys.executable, "-B", os.path.join(HERE, "hostile_agent.py"), *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=die_with_parent)
        if self.child.stdout.readline() != b"ready\n":
            raise Failure("the intruder does not start")
        self.begun = time.monotonic()
        self.cpu_begun = process_figures(self.child.pid)["cpu_s"]
        self.turns = None
        if group.kind is not None:
            group.add(self.child.pid)
        else:
            self.turns = Turns(self.child.pid, share)

    def used(self):
        """Of one processor, since it is ready."""
        used = process_figures(self.child.pid)["cpu_s"] - self.cpu_begun
        return round(used / (time.monotonic() - self.begun), 3)

    def free(self):
        if self.turns is not None:
            self.turns.stop()
            self.turns = None

    def signal(self, number):
        self.child.send_signal(number)

    def wait(self, seconds=300):
        self.free()
        self.child.wait(seconds)
        self.child.stdout.close()

    def kill(self):
        if self.child.poll() is None:
            self.free()
            self.child.kill()
            self.child.wait()


# ---- the company ----

class Harness:
    def __init__(self, company, options):
        self.company, self.options = company, options
        self.group = Group(options.share)
        self.supervised = isinstance(company, Supervised)
        self.haunted = []
        self.flooded = 0  # when the last flood ended
        self.cut_s = []  # from the begin of a flood until it was cut off
        self.honest = 0  # workflows of the load
        self.effects = os.path.join(company.folder, "effects.json")

    def start(self):
        company = self.company
        company.start()
        for text in (definition("closed", 3, None), HAUNT, COUNT):
            company.deploy(text)
        self.client = Client(company)
        found = []
        for number in range(4):  # effects of the honest agent, for lies about them
            instance = self.run("count", f"count-{number}")
            self.wait(instance)
            told = company.ask("instances.describe", {"instance": instance})
            found.append({"instance": instance, "key": told["effects"][0]["key"]})
        with open(self.effects, "w", encoding="utf-8") as file:
            json.dump(found, file)

    def run(self, name, request_id):
        code, words, body = self.client.ask("run", {"definition": f"flow/{name}",
                                                    "input": {"n": 1}}, request_id)
        if code != 0:
            raise Failure(f"run {name}: {words}")
        return body["instance"]

    def wait(self, instance, seconds=300):
        code, words, body = self.client.ask("wait", {"instance": instance,
                                                     "timeout_ms": 1000 * seconds},
                                            seconds=seconds + 30)
        if code != 0 or body["status"] != "completed":
            raise Failure(f"instance {instance}: {words} {body}")
        return body

    def intruder(self, kind):
        company = self.company
        words = ["--burn"] if kind == "burner" else [
            "--bus", company.url, "--creds", os.path.join(company.creds, "agent-ghost.creds"),
            "--contract", CONTRACT, "--effects", self.effects]
        return Intruder(self.group, self.options.share, words)

    def figure(self, name):
        return int(self.company.scrape("coordinator").get(name, 0))

    def useless(self):
        return self.figure("mainstay_results_useless_total" + STORE)

    def load(self, workflows, prefix):
        """A load under way."""
        load = Load(self.company, "flow/closed", workflows, self.options.concurrency, prefix,
                    progress=True)
        self.honest += workflows
        wait_until(lambda: load.ended or not load.running(), 300, "the load is under way")
        return load

    def rate(self, load):
        return load.finish()["workflows_per_s"]

    def flood(self, number, intruder):
        """Let it flood, and wait until that is felt."""
        self.haunted.append(self.run("haunt", f"haunt-{number}"))
        before, begun = self.useless(), time.monotonic()
        cut = self.company.cut_off("ghost") if self.supervised else 0
        intruder.signal(signal.SIGUSR1)
        if self.supervised:
            wait_until(lambda: self.company.cut_off("ghost") > cut, 120, "the flood is cut off")
            self.cut_s.append(round(time.monotonic() - begun, 2))
        else:
            wait_until(lambda: self.useless() > before, 120, "the flood has begun")

    def calm(self, intruder):
        """It answers what it owes and ends."""
        intruder.signal(signal.SIGTERM)
        intruder.free()
        if self.supervised:
            self.company.restart("ghost")
        intruder.wait()
        self.flooded = time.monotonic()

    def round(self, number, kind):
        """One load beside `kind`; (workflows/s, share of a processor that the intruder used)."""
        workflows, prefix = self.options.workflows, f"{kind}-{number}"
        if kind == "alone":
            return self.rate(self.load(workflows, prefix)), 0
        intruder = self.intruder(kind)
        try:
            if kind == "hostile" and not self.supervised:
                self.flood(number, intruder)
            load = self.load(workflows, prefix)
            if kind == "hostile" and self.supervised:
                self.flood(number, intruder)
            rate = self.rate(load)
            used = intruder.used()
            if kind == "hostile":
                self.calm(intruder)
        finally:
            intruder.kill()
        return rate, used

    def settled(self):
        """Nothing of the flood is left."""
        client = nats.Client(self.company.url,
                             os.path.join(self.company.creds, "coordinator.creds"))

        def drained():
            time.sleep(0.2)
            told = json.loads(client.request(
                "$JS.API.CONSUMER.INFO.RESULTS_ghost_main.coordinator", b""))
            return told["num_pending"] == 0 and told["num_ack_pending"] == 0
        wait_until(drained, 600, "what the flood left is taken")
        client.close()

    def letters(self):
        letters, body = [], {"limit": 1000}
        while True:
            page = self.company.ask("deadletters.ls", body)
            letters += page["dead_letters"]
            if page.get("next") is None:
                return letters
            body["after"] = page["next"]

    def verdict(self):
        """What is not as it must be, by what the coordinator itself tells; the flood is over."""
        broken = []
        for instance in self.haunted:
            output = self.wait(instance)["output"]
            if output != {"right": True}:
                broken.append(f"a haunted instance gave {output}")
        self.settled()
        with open(self.effects, encoding="utf-8") as file:
            for one in json.load(file):
                told = self.company.ask("instances.describe", {"instance": one["instance"]})
                if told["status"] != "completed" or told.get("output") == {"count": 666}:
                    broken.append(f"a lie was believed: {told}")
        completed = self.figure("mainstay_instances_completed_total")
        expected = self.honest + len(self.haunted) + 4
        if completed != expected:
            broken.append(f"{completed} instances completed, {expected} were started")
        steps = self.figure("mainstay_steps_completed_total")
        expected = STEPS * self.honest + len(self.haunted) + 4
        if steps != expected:
            broken.append(f"{steps} steps completed, {expected} there are")
        letters = self.letters()
        reasons = {one["reason"] for one in letters if one["source"] == "ghost/main"}
        if not {"answers with the digest of another input",
                "results of a store that has not said hello with this store id"} <= reasons:
            broken.append(f"not all lies are on record: {reasons}")
        if {one["source"] for one in letters} != {"ghost/main"}:
            broken.append("dead letters of others")
        return broken


def smoke(harness):
    """A flood beside two loads; all complete, and the flood is refused and recorded."""
    harness.options.workflows = 300
    for number in range(2):
        harness.round(number, "hostile")
    broken = harness.verdict()
    if broken:
        raise Failure("; ".join(broken))
    print(f"smoke: {harness.honest} workflows beside a flood, {harness.useless()} useless answers")


def campaign(harness):
    options, kinds = harness.options, ["alone", "burner", "hostile"]
    harness.rate(harness.load(options.workflows, "warm"))
    rates, used = {kind: [] for kind in kinds}, {kind: [] for kind in kinds}
    watch = Watch(harness.company)
    try:
        for number in range(options.rounds):
            for kind in kinds if number % 2 == 0 else reversed(kinds):
                if kind == "hostile":  # not known from before
                    time.sleep(max(0, harness.flooded + FORGOTTEN_S - time.monotonic()))
                rate, share = harness.round(number, kind)
                rates[kind].append(round(rate))
                used[kind].append(share)
                if kind == "hostile":
                    harness.settled()
                print(f"round {number}: {kind}: {rate:.0f} workflows/s, the intruder used {share} "
                      "of a processor", file=sys.stderr, flush=True)
    finally:
        peak = watch.finish()
    broken = harness.verdict()
    medians = {kind: statistics.median(rates[kind]) for kind in kinds}
    ratio = round(medians["hostile"] / medians["burner"], 3)
    if options.least and ratio < options.least:
        broken.append(f"the others have {ratio} of what a burner leaves them, {options.least} is "
                      "the least")
    for name, most in (("coordinator", options.coordinator_mb), ("nats-server", options.bus_mb)):
        if peak[name] > most * 1024:
            broken.append(f"{name} grew to {peak[name] // 1024} MB, {most} MB may be")
    return {"ratio": ratio, "medians": medians, "rates": rates, "intruder_used": used,
            "cut_off_after_s": harness.cut_s,
            "durability": harness.company.durability, "share": options.share,
            "quota": harness.group.kind or "stopped and continued", "rounds": options.rounds,
            "workflows": options.workflows, "concurrency": options.concurrency,
            "processors": os.cpu_count(), "load": os.getloadavg()[0],
            "bus": subprocess.run([nats_server(), "--version"], capture_output=True, text=True,
                                  check=True).stdout.split()[-1],
            "useless_answers": harness.useless(),
            "letters_kept": harness.figure("mainstay_dead_letters"),
            "letters_counted_only": harness.figure("mainstay_dead_letters_unkept_total" + STORE),
            "peak_rss_kb": peak, "broken": broken}


def play(options, uncut, folder):
    company = (Company(options.build, folder, "process" if options.smoke else "power",
                       accounts=["ghost"])
               if uncut else Supervised(options.build, folder, [f"{GHOST}:{CONTRACT}"]))
    harness = Harness(company, options)
    try:
        with campaign_of(company, "hostile"):
            harness.start()
            if options.smoke:
                smoke(harness)
            else:
                report_tell(campaign(harness))
    finally:
        harness.group.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--uncut", action="store_true", help="nobody cuts the agent off")
    parser.add_argument("--workflows", type=int, default=20000)
    parser.add_argument("--concurrency", type=int, default=128)
    parser.add_argument("--share", type=float, default=0.5, help="of one processor")
    parser.add_argument("--least", type=float, help="ratio below which it fails")
    parser.add_argument("--coordinator-mb", type=int, default=256, help="most RSS it may have")
    parser.add_argument("--bus-mb", type=int, default=512)
    options = parser.parse_args()
    for uncut in (True, False) if options.smoke else (options.uncut,):
        with tempfile.TemporaryDirectory(prefix="mainstay-hostile.") as folder:
            play(options, uncut, os.path.join(folder, "company"))


if __name__ == "__main__":
    main()

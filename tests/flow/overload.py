#!/usr/bin/env python3
"""Ten times as many events as the company can do, open loop, and urgent work beside it.

Measures, one after the other in one company:
  1 sustained   workflows/s that it completes, closed loop
  2 unloaded    an urgent instance (priority 1) started every 100 ms, nothing else, as many
                as beside the flood: of few, the p95 is no measure
  3 overload    `--factor` times the sustained rate of events for `--seconds`, open loop; urgent
                instances as before; RSS of every process
  4 recovery    until the backlog is done, then the urgent instances once more
and says at the end whether everything that was accepted completed. --smoke: counts only, with an
agent that stands still, for CTest.
"""
import argparse
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
from client import Client, reply  # noqa: E402
from company import (Company, Failure, Load, campaign_of, die_with_parent,  # noqa: E402
                     report_tell, wait_until)

BUSY = 15  # common/base/errors.def
STEPS = 3


def definition(name, priority, trigger):
    lines = ["document:", "  dsl: '1.0.3'", "  namespace: flow", f"  name: {name}",
             "  version: '1.0.0'", f"  metadata: {{mainstay: {{priority: {priority}}}}}"]
    if trigger:
        lines += ["schedule: {on: {one: {with: {type: " + trigger + "}}}}"]
    lines += ["do:"]
    for number in range(1, STEPS + 1):
        lines += [f"  - s{number}: {{call: echo@tester, with: {{input: '${{ . }}'}}}}"
                  if not trigger else
                  f"  - s{number}: {{call: echo@tester, with: {{input: {{n: 1}}}}}}"]
    return "\n".join(lines) + "\n"


# ---- urgent instances ----

def urgent_run(company, prefix, count, pause_s, answers):
    """Start one every pause_s; how long each took from run to its end."""
    client = Client(company)
    begun, took, refused = {}, [], 0
    start = time.monotonic()
    sent = 0
    while len(took) + refused < count:
        now = time.monotonic()
        if sent < count and now >= start + sent * pause_s:
            begun[sent] = now
            client.request("run", f"r{sent}", {"definition": "flow/urgent", "input": {"n": sent}},
                           f"{prefix}-{sent}")
            sent += 1
        due = start + sent * pause_s - time.monotonic() if sent < count else 1
        for token, data in client.answers(max(0.0, min(due, 1))):
            number = int(token[1:]) if token[1:].isdigit() else -1
            if number < 0:
                continue
            code, words, body = reply(data)
            if code == 0 and token[0] == "r":
                client.request("wait", f"w{number}", {"instance": body["instance"],
                                                      "timeout_ms": 120000})
            elif code == 0:
                took.append((time.monotonic() - begun[number]) * 1000)
            else:
                refused += 1
                if code != BUSY:
                    print(f"urgent {number}: {words}", file=sys.stderr)
        if time.monotonic() > start + count * pause_s + 120:
            break
    answers.put({"count": sent, "completed": len(took), "refused": refused,
                 **percentiles(took)})


def percentiles(took):
    took = sorted(took)
    if not took:
        return {"p50_ms": None, "p95_ms": None}
    return {f"p{p}_ms": round(took[min(len(took) - 1, int(len(took) * p / 100))], 2)
            for p in (50, 95)}


class Urgent:
    """The same in a process of its own, so that the flood does not slow the clock it reads."""

    def __init__(self, company, prefix, count, pause_s=0.1):
        self.answers = multiprocessing.Queue()
        self.process = multiprocessing.Process(
            target=urgent_run, args=(company, prefix, count, pause_s, self.answers))
        self.process.start()

    def finish(self):
        figures = self.answers.get(timeout=600)
        self.process.join()
        return figures


# ---- the flood ----

class Flood:
    """bench-driver under way: events at `rate`, whatever comes back."""

    def __init__(self, company, rate, seconds, prefix="flood"):
        self.child = subprocess.Popen(
            company.driver("--type", "flow.flood", "--rate", rate, "--events", int(rate * seconds),
                           "--concurrency", 256, "--prefix", prefix, "flood"),
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            preexec_fn=die_with_parent)

    def finish(self):
        return json.loads(self.child.communicate(timeout=1200)[0])


class Watch:
    """Largest RSS of every process, in kB."""

    def __init__(self, company):
        self.processes = {"nats-server": company.bus, "coordinator": company.coordinator,
                          "agent": company.agent}
        self.peak = {name: 0 for name in self.processes}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        while not self.over.wait(0.25):
            for name, process in self.processes.items():
                with open(f"/proc/{process.pid}/statm") as file:
                    now = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
                self.peak[name] = max(self.peak[name], now)

    def finish(self):
        self.over.set()
        self.thread.join()
        return self.peak


def backlog(company):
    """Events on the bus that the coordinator has not taken, and instances under way."""
    pending = 0
    for stream in company.stream_details():
        if stream["name"] == "EVENTS":
            for consumer in stream.get("consumer_detail") or []:
                pending += consumer.get("num_pending", 0) + consumer.get("num_ack_pending", 0)
    status = company.ask("status", timeout_ms=60000)
    return pending + status["instances"]["running"], status


def completed(company):
    return int(company.scrape("coordinator").get("mainstay_instances_completed_total", 0))


def drained(company, seconds):
    begun = time.monotonic()
    wait_until(lambda: time.sleep(0.2) or backlog(company)[0] == 0, seconds, "the backlog is done")
    return round(time.monotonic() - begun, 1)


# ---- smoke ----

def smoke(company):
    """An agent that stands still, more events than may be under way, then it goes on."""
    bound, events = 40, 3000
    company.coordinator.args += ["--max-running", str(bound)]
    company.start()
    company.deploy(definition("flood", 3, "flow.flood"))
    company.deploy(definition("urgent", 1, None))
    client = Client(company)
    os.kill(company.agent.pid, signal.SIGSTOP)
    try:
        figures = Flood(company, 3000, 1).finish()
        if figures["stored"] != events:
            raise Failure(f"the bus stored {figures}")
        wait_until(lambda: "busy" in company.ask("status"), 60, "the coordinator says busy")
        status = company.ask("status")
        if status["instances"]["running"] > bound + 300:
            raise Failure(f"{status['instances']} although {bound} may be under way")
        code, words, _ = client.ask("emit", {"type": "flow.flood", "data": {}}, "emit-1")
        if code != BUSY or "busy, try again" not in words:
            raise Failure(f"emit: {code} {words}")
        metrics = company.scrape("coordinator")
        if metrics["mainstay_events_held_back"] != 1 or metrics["mainstay_busy_total"] < 1:
            raise Failure("the metrics do not say that events are held back")
        agent = status["agents"][0]
        action = next(one for one in agent["actions"] if one["action"] == "echo")
        if action["outstanding"] > action["credit"]:
            raise Failure(f"credit: {action}")
        company.coordinator.kill()
        company.start_coordinator()
        again = company.ask("status")["agents"][0]
        kept = next(one for one in again["actions"] if one["action"] == "echo")
        if kept["outstanding"] > kept["credit"]:
            raise Failure(f"credit after a restart: {kept}")
    finally:
        os.kill(company.agent.pid, signal.SIGCONT)
    drained(company, 240)
    listed = company.ask("status")
    if "busy" in listed or listed["ready"] != 0 or listed["outstanding"] != 0:
        raise Failure(f"not idle afterwards: {listed}")
    code, words, body = client.ask("emit", {"type": "flow.flood", "data": {}}, "emit-2")
    if code != 0:
        raise Failure(f"emit afterwards: {words}")
    drained(company, 60)
    ended, after = 0, None
    while True:
        page = company.ask("instances.ls", {"status": "completed", "limit": 1000,
                                            **({"after": after} if after else {})})
        ended += len(page["instances"])
        after = page.get("next")
        if after is None:
            break
    if ended != events + 1:
        raise Failure(f"{ended} of {events + 1} accepted events completed")
    print(f"smoke: {events} events with {bound} under way at most, all completed")


# ---- the campaign ----

def say(what, figures):
    print(f"{what}: {json.dumps(figures)}", file=sys.stderr, flush=True)
    return figures


def verdict(report, options):
    """What of the promises does not hold."""
    bounds = {"nats-server": options.bus_mb, "coordinator": options.coordinator_mb,
              "agent": options.agent_mb}
    broken = [f"{name} grew to {report['peak_rss_kb'][name] // 1024} MB, {most} MB may be"
              for name, most in bounds.items() if report["peak_rss_kb"][name] > most * 1024]
    if report["lost"] != 0:
        broken.append(f"{report['lost']} of {report['accepted']} accepted were lost")
    for stage in ("unloaded", "loaded", "recovered"):
        if report[stage]["completed"] != report[stage]["count"]:
            broken.append(f"{stage}: of the urgent instances completed {report[stage]}")
    if report["p95_ratio"] > options.ratio:
        broken.append(f"p95 of urgent instances is {report['p95_ratio']} times the unloaded one")
    if report["flood"]["sent"] < options.factor * report["sustained_workflows_per_s"] \
            * options.seconds * 0.99 or report["flood"]["seconds"] > options.seconds * 1.05:
        broken.append(f"the flood fell short: {report['flood']}")
    return broken


def campaign(company, options):
    company.coordinator.args += ["--max-running", str(options.max_running)]
    company.start()
    company.deploy(definition("flood", 3, "flow.flood"))
    company.deploy(definition("urgent", 1, None))
    company.deploy(definition("closed", 3, None))
    Load(company, "flow/closed", 500, 64, "warm").finish()
    rate = Load(company, "flow/closed", options.workflows, 256, "closed").finish()
    sustained = round(rate["workflows_per_s"])
    report = {"sustained_workflows_per_s": say("sustained", sustained),
              "factor": options.factor, "seconds": options.seconds,
              "max_running": options.max_running}
    Urgent(company, "warm", 10).finish()
    count = int(options.seconds * 10)
    report["unloaded"] = say("unloaded", Urgent(company, "unloaded", count).finish())
    before = completed(company)
    watch = Watch(company)
    try:
        urgent = Urgent(company, "loaded", count)
        flooding = Flood(company, round(sustained * options.factor), options.seconds)
        report["loaded"] = say("loaded", urgent.finish())
        report["flood"] = say("flood", flooding.finish())
        report["others_meanwhile"] = say("others", completed(company) - before)
        report["backlog_after_flood"] = say("backlog", backlog(company)[0])
        report["drained_s"] = say("drained", drained(company, options.drain))
    finally:
        report["peak_rss_kb"] = say("peak", watch.finish())
    done = completed(company) - before
    expected = report["flood"]["stored"] + report["loaded"]["completed"]
    report["accepted"], report["completed"] = expected, done
    report["lost"] = expected - done
    report["recovered"] = say("recovered", Urgent(company, "after", options.urgent).finish())
    report["p95_ratio"] = round(report["loaded"]["p95_ms"] / report["unloaded"]["p95_ms"], 2)
    report["broken"] = verdict(report, options)
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--factor", type=float, default=10)
    parser.add_argument("--workflows", type=int, default=50000,
                        help="for the sustained rate: some seconds of them")
    parser.add_argument("--urgent", type=int, default=100)
    parser.add_argument("--max-running", type=int, default=20000)
    parser.add_argument("--drain", type=float, default=3600, help="seconds for the backlog")
    parser.add_argument("--ratio", type=float, default=3, help="of loaded to unloaded p95")
    parser.add_argument("--coordinator-mb", type=int, default=256, help="most RSS it may have")
    parser.add_argument("--agent-mb", type=int, default=64)
    parser.add_argument("--bus-mb", type=int, default=512)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mainstay-flow.") as folder:
        company = Company(options.build, os.path.join(folder, "company"),
                          "process" if options.smoke else "power")
        with campaign_of(company, "overload"):
            if options.smoke:
                smoke(company)
            else:
                report_tell(campaign(company, options))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""How soon a company works again after kill -9 of its coordinator, with very many instances open.

Starts `--waiting` instances (one agent step, then a `wait` of days; 256 bytes of input) and
`--active` that have work at an agent, then `--runs` times: kill -9 of the coordinator, start it
again at once, and ask for a new instance (one agent step) until one has completed. The time counts
from the kill. Afterwards: bytes of tables and journal, compacted, and the coordinator's RSS.
"""
import argparse
import json
import os
import random
import statistics
import string
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
from client import Client, reply  # noqa: E402
from company import (Company, Failure, campaign_of, process_figures,  # noqa: E402
                     report_tell, wait_until)

INPUT_BYTES = 256
LETTERS = string.ascii_letters + string.digits
IN_FLIGHT = 256
WAITING = "  - s1: {call: echo@tester, with: {input: '${ . }'}}\n  - w: {wait: {days: 30}}\n"
ACTIVE = "  - s1: {call: slow@tester, with: {input: {ms: 600000}}}\n"
NEW = "  - s1: {call: echo@tester, with: {input: '${ . }'}}\n"


def definition(name, do):
    return (f"document: {{dsl: '1.0.3', namespace: flow, name: {name}, version: '1.0.0'}}\n"
            f"do:\n{do}")


def say(what, figures):
    print(f"{what}: {json.dumps(figures)}", file=sys.stderr, flush=True)
    return figures


def start_many(company, name, count, seconds):
    """Start so many without waiting for their end."""
    client = Client(company)
    letters = random.Random(1).choices(LETTERS, k=1 << 20)
    size = INPUT_BYTES - len('{"id":100000,"text":""}')
    sent = answered = 0
    deadline = time.monotonic() + seconds
    while answered < count:
        while sent < count and sent - answered < IN_FLIGHT:
            at = sent * 7919 % (len(letters) - size)
            text = "".join(letters[at:at + size])  # as good as incompressible
            client.request("run", f"r{sent}", {"definition": f"flow/{name}",
                                               "input": {"id": sent, "text": text}},
                           f"{name}-{sent}")
            sent += 1
        for _, data in client.answers(1):
            code, words, _ = reply(data)
            if code != 0:
                raise Failure(f"{name}: {words}")
            answered += 1
        if time.monotonic() > deadline:
            raise Failure(f"{answered} of {count} {name} were started within {seconds} s")


def counts(company):
    return company.ask("status", timeout_ms=60000)["instances"]


def first_new(client, number, begun, seconds=60):
    """Ask until a new instance has completed; milliseconds since `begun`."""
    instance, asked = None, 0.0
    while time.monotonic() < begun + seconds:
        now = time.monotonic()
        if now - asked > (0.005 if instance is None else 5):
            asked = now
            if instance is None:
                client.request("run", f"r{number}", {"definition": "flow/new",
                                                     "input": {"n": number}}, f"new-{number}")
            else:
                client.request("wait", f"w{number}", {"instance": instance, "timeout_ms": 30000})
        for token, data in client.answers(0.002):
            if not data or token not in (f"r{number}", f"w{number}"):
                continue  # nobody listens yet, or an answer to an older question
            code, words, body = reply(data)
            if code != 0:
                raise Failure(f"a new instance: {words}")
            if token[0] == "w":
                return (time.monotonic() - begun) * 1000
            if instance is None:
                instance, asked = body["instance"], 0.0
    raise Failure(f"no new instance completed within {seconds} s")


def recoveries(company, runs):
    took = []
    client = Client(company)
    for number in range(runs):
        begun = time.monotonic()
        company.coordinator.kill()
        before = os.path.getsize(company.coordinator.log)
        company.coordinator.start()
        took.append(round(first_new(client, number, begun), 1))
        company.logged(company.coordinator, before, '"message":"ready"')
        say("recovered_ms", took[-1])
    return took


def table_bytes(company):
    """Bytes of tables and journal, compacted, by a copy of the stopped store."""
    done = subprocess.run([os.path.join(company.bin, "flow-bytes"),
                           os.path.join(company.folder, "coordinator")],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"flow-bytes: {done.stderr}")
    return json.loads(done.stdout)


def campaign(company, options):
    company.start()
    for name, do in (("waiting", WAITING), ("active", ACTIVE), ("new", NEW)):
        company.deploy(definition(name, do))
    begun = time.monotonic()
    start_many(company, "waiting", options.waiting, options.patience)
    wait_until(lambda: time.sleep(0.2) or counts(company)["waiting"] == options.waiting,
               options.patience, "all wait")
    start_many(company, "active", options.active, options.patience)
    report = {"open": counts(company), "started_s": round(time.monotonic() - begun, 1)}
    say("open", report["open"])
    report["runs_ms"] = recoveries(company, options.runs)
    report["median_ms"] = statistics.median(report["runs_ms"])
    report["open_after"] = counts(company)
    report["coordinator_rss_kb"] = process_figures(company.coordinator.pid)["rss_kb"]
    company.agent.kill()  # its tasks take minutes
    company.stop()
    report["store"] = table_bytes(company)
    report["table_bytes_per_waiting"] = round(report["store"]["tables"] / options.waiting)
    report["journal_bytes_per_waiting"] = round(report["store"]["journal"] / options.waiting)
    report["broken"] = []
    if report["median_ms"] > options.most_ms:
        report["broken"].append(f"the median of {options.runs} is {report['median_ms']} ms")
    if report["table_bytes_per_waiting"] > options.most_bytes:
        report["broken"].append(f"{report['table_bytes_per_waiting']} bytes for each that waits")
    if report["open_after"]["waiting"] != options.waiting:
        report["broken"].append(f"{report['open_after']} although {options.waiting} should wait")
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--waiting", type=int, default=100000)
    parser.add_argument("--active", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--patience", type=float, default=1800, help="seconds for the preparation")
    parser.add_argument("--most-ms", type=float, default=500, help="of the median")
    parser.add_argument("--most-bytes", type=int, default=1024, help="of tables, per waiting one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mainstay-flow.") as folder:
        company = Company(options.build, os.path.join(folder, "company"))
        with campaign_of(company, "recovery"):
            report_tell(campaign(company, options))


if __name__ == "__main__":
    main()

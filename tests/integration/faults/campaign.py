#!/usr/bin/env python3
"""Kill a part of a running company at random moments; nothing may be lost or done twice.

usage: campaign.py --build DIR --target coordinator|agent|bus|wipe [--faults N] [--seed N]

A load of workflows with three effects each, the last of them `probed`, runs all the time. A fault
is kill -9 of the target and a new start (wipe: of nats-server, with its JetStream directory
removed). It counts when the coordinator had tasks out at that moment. At the end every workflow
started must have completed, and the effect ledger, a process that knows nothing of Mainstay, must
hold exactly three keys for each, all attempts of a key with the same payload, and a single attempt
of each probed one. Exit codes: 0, 1, 77 (cannot run here).
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "support"))
from company import Company, Failure, Load, nats_server, wait_until  # noqa: E402

EFFECTS = 3
CONCURRENCY = 16
WORKFLOWS_MAX = 200000
RESEND_MS = 500
STALL_S = 90
DEFINITION = """document:
  dsl: '1.0.3'
  namespace: faults
  name: charges
  version: '1.0.0'
do:
  - read:
      call: agent
      with: { agent: tester, action: bench, contract: '1.0', input: '${ . }' }
  - first:
      call: agent
      with: { agent: tester, action: charge, contract: '1.0', input: '${ {id, part: "first"} }' }
      output: { as: '${ $input }' }
  - second:
      call: agent
      with: { agent: tester, action: charge, contract: '1.0', input: '${ {part: "second"} }' }
  - third:
      call: agent
      with:
        { agent: tester, action: charge-probed, contract: '1.0', input: '${ {label: "probed"} }' }
"""


def outstanding(company):
    return company.scrape("coordinator").get("mainstay_tasks_outstanding", 0)


def fault(company, target, rng):
    """One kill and new start; whether it hit work in flight."""
    time.sleep(rng.uniform(0, 0.03))  # the moment is random
    hit = outstanding(company) > 0
    pause = rng.uniform(0, 0.1)
    if target == "coordinator":
        company.coordinator.kill()
        time.sleep(pause)
        company.start_coordinator()
    elif target == "agent":
        company.agent.kill()
        time.sleep(pause)
        company.start_agent()
    else:
        company.bus.kill()
        if target == "wipe":
            company.wipe_bus()
        time.sleep(pause)
        company.start_bus()
    return hit


def campaign(company, options, rng):
    definition = company.deploy(DEFINITION, "charges.yaml")
    load = Load(company, definition, WORKFLOWS_MAX, CONCURRENCY, f"faults-{options.seed}",
                resend_ms=RESEND_MS, progress=True)
    effective = attempts = 0
    slowest = 0.0
    try:
        while effective < options.faults and attempts < 3 * options.faults:
            goal = load.ended + rng.randrange(10, 60)
            begun = time.monotonic()
            wait_until(lambda: load.ended >= goal or not load.running(), STALL_S,
                       f"after fault {attempts} the load goes on")
            if attempts > 0:
                slowest = max(slowest, time.monotonic() - begun)
            if not load.running():
                break
            attempts += 1
            effective += fault(company, options.target, rng)
        goal = load.ended + 10
        wait_until(lambda: load.ended >= goal or not load.running(), STALL_S,
                   "the load goes on after the last fault")
        load.stop()
        figures = load.finish()
    finally:
        load.kill()
    return {"target": options.target, "seed": options.seed, "faults": attempts,
            "effective_faults": effective, "workflows": figures["workflows"],
            "completed": figures["completed"], "questions_repeated": figures["resent"],
            "slowest_return_s": round(slowest, 2)}


def account(company, figures):
    """What the ledger says, added to the figures; the list of what is wrong."""
    done = subprocess.run([company.ledger.args[0], "--verify", *company.ledger.args[1:]],
                          text=True, capture_output=True, check=False)
    lines = done.stdout.splitlines()
    words = lines[-1].split()
    probed = [line.split() for line in lines[:-1] if line.endswith(" probed")]
    keys, repeated, different = (int(words[i]) for i in (1, 3, 5))
    figures.update(keys=keys, keys_repeated=repeated, keys_with_other_payload=different,
                   tasks_sent_again=company.scrape("coordinator").get(
                       "mainstay_redispatched_total", 0),
                   dead_letters=company.ask("status")["dead_letters"])
    wrong = []
    if keys != EFFECTS * figures["completed"]:
        wrong.append(f"{keys} effect keys, {EFFECTS * figures['completed']} expected")
    figures.update(probed_keys=len(probed))
    twice = [key for key, attempts, *_ in probed if attempts != "1"]
    if twice or len(probed) != figures["completed"]:
        wrong.append(f"{len(probed)} probed keys for {figures['completed']} workflows, "
                     f"{len(twice)} of them done twice")
    if different or done.returncode != 0:
        wrong.append(f"{different} keys came with different payloads")
    if not company.ask("journal.verify", timeout_ms=120000)["ok"]:
        wrong.append("the journal does not verify")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--target", required=True,
                        choices=["coordinator", "agent", "bus", "wipe"])
    parser.add_argument("--faults", type=int, default=10)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--keep", action="store_true", help="leave the folder for inspection")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**31))
    if nats_server() is None:
        print("skipped: nats-server is not installed")
        return 77
    print(f"target {options.target}, {options.faults} faults, seed {options.seed}", flush=True)
    folder = tempfile.TemporaryDirectory(prefix="mainstay-faults.")
    company = Company(options.build, folder.name)
    wrong = []
    try:
        company.start(ledger=True)
        figures = campaign(company, options, random.Random(options.seed))
        wrong = account(company, figures)
        print(json.dumps(figures))
        if figures["effective_faults"] < options.faults:
            wrong.append(f"only {figures['effective_faults']} faults hit work in flight")
    except Failure as failure:
        wrong.append(str(failure))
    if wrong:
        print("\n".join(f"WRONG: {line}" for line in wrong))
        for process in company.kept:
            if process.child is not None:
                print(f"---- {process.name}\n{process.tail(25)}")
    company.stop()
    if options.keep:
        print(f"kept: {folder.name}")
        folder._finalizer.detach()
    else:
        folder.cleanup()
    return 1 if wrong else 0


sys.exit(main())

#!/usr/bin/env python3
"""tools/bench runs, prints every figure it promises, and its counts agree with the floor's. What
the figures are is not tested: machines differ."""
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORKFLOWS, STEPS = 50, 3
FIGURES = ("steps_per_s", "workflows_per_s", "p50_ms", "p95_ms", "p99_ms", "first_workflow_ms",
           "floor_steps_per_s", "floor_p50_ms")


def main():
    build = sys.argv[1]
    for concurrency in (1, 8):
        done = subprocess.run(
            [os.path.join(ROOT, "tools", "bench"), "--build", build, "--workflows", str(WORKFLOWS),
             "--steps", str(STEPS), "--concurrency", str(concurrency), "--idle", "0.2",
             "--tolerance", "0.25", "-o", "json"],
            text=True, capture_output=True, check=False)
        if done.returncode != 0:
            sys.exit(f"tools/bench ended with {done.returncode}: {done.stderr}")
        report = json.loads(done.stdout)
        wrong = [name for name in FIGURES if not report[name] > 0]
        if report["completed"] != WORKFLOWS:
            wrong.append("completed")
        if report["durability"] != "power" or report["counts"]["syncs"] < WORKFLOWS * STEPS / 8:
            wrong.append("syncs")
        if report["counts"]["agent_syncs"] != 0:
            wrong.append("agent_syncs")
        for process in ("nats-server", "coordinator", "agent"):
            used = report["processes"][process]
            for name in ("cpu_s_per_1000", "disk_bytes_per_1000", "peak_kb", "pss_kb", "idle"):
                if name not in used:
                    wrong.append(f"{process} {name}")
        # One in flight leaves nothing to chance: one turn, one message each way for every step.
        if concurrency == 1:
            wrong += report["counts_differ"]
        if wrong:
            sys.exit(f"concurrency {concurrency}: wrong or missing: {', '.join(wrong)}\n"
                     f"{done.stdout}")
    return 0


sys.exit(main())

"""A coordinator and an agent under ThreadSanitizer run 2,000 steps on a real nats-server, while
the CLI keeps asking: no report may come of it.

usage: company.py --build DIR
"""
import argparse
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SENDERS, RUNS, ROUNDS = 4, 5, 50
WORKFLOW = """document: {dsl: '1.0.3', namespace: threads, name: company, version: '1.0.0'}
do:
  - rounds:
      for: {each: round, in: '${ [range(%d)] }'}
      do:
        - quick:
            call: agent
            with: {agent: tester, action: echo, contract: '1.0', input: '${ {n: 1} }'}
        - worker:
            call: agent
            with: {agent: tester, action: slow, contract: '1.0', input: '${ {ms: 1} }'}
""" % ROUNDS
PATIENCE = 240


class Company:
    def __init__(self, build, home):
        self.build, self.home = build, home
        self.environment = {**os.environ, "HOME": home, "XDG_CONFIG_HOME": f"{home}/config",
                            "XDG_DATA_HOME": f"{home}/data",
                            "TSAN_OPTIONS": f"log_path={home}/race"}

    def mainstay(self, *words):
        """(exit code, output); to a file, because what stays running would keep a pipe open."""
        with tempfile.TemporaryFile("w+", dir=self.home) as file:
            done = subprocess.run([f"{self.build}/bin/mainstay", *words, "--dir",
                                   f"{self.home}/company"], env=self.environment, check=False,
                                  stdin=subprocess.DEVNULL, stdout=file,
                                  stderr=subprocess.STDOUT, timeout=PATIENCE)
            file.seek(0)
            return done.returncode, file.read()

    def send(self, failures):
        for _ in range(RUNS):
            for words in (("run", "threads/company"), ("status",)):
                code, said = self.mainstay(*words)
                if code != 0:
                    failures.append(f"mainstay {words[0]} ends with {code}: {said}")


def play(company):
    failures = []
    workflow = os.path.join(company.home, "company.yaml")
    with open(workflow, "w", encoding="utf-8") as file:
        file.write(WORKFLOW)
    agent = f"{company.build}/bin/agent-tester:{ROOT}/tests/support/ledger_agent/contract.json"
    try:
        for words in (("up", "--detach", "--agent", agent), ("deploy", workflow)):
            code, said = company.mainstay(*words)
            if code != 0:
                return [f"mainstay {words[0]} ends with {code}: {said}"]
        senders = [threading.Thread(target=company.send, args=(failures,))
                   for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    finally:
        company.mainstay("down")
    return failures


def run():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    options = parser.parse_args()
    if not shutil.which("nats-server", path=os.environ["PATH"] + ":/usr/sbin"):
        print("skipped: no nats-server")
        return 77
    with tempfile.TemporaryDirectory(prefix="mainstay-threads.") as home:
        failures = play(Company(options.build, home))
        for path in sorted(glob.glob(f"{home}/race*")):
            with open(path, encoding="utf-8", errors="replace") as file:
                failures.append(file.read())
    print("\n".join(failures) or f"{SENDERS * RUNS * ROUNDS * 2} steps, no report")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(run())

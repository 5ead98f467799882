"""A company under `mainstay up`, for faults that its supervisor has to get over by itself."""
import glob
import json
import os
import shutil
import signal

from company import READY_S, Company, Failure, Process, nats_server, wait_until

AGENT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support",
                     "ledger_agent", "contract.json")


class Supervised(Company):
    """What the other company can be asked and told, as far as a load and an account need it."""

    def __init__(self, build, folder):  # pylint: disable=super-init-not-called
        self.bin = os.path.join(build, "bin")
        self.folder, self.words = folder, folder
        self.floor, self.ca, self.others, self.clocks = False, None, {}, None
        self.creds = os.path.join(folder, "creds")
        self.bus_dir = os.path.join(folder, "bus")
        self.url, self.metrics, self.ledger_port = "", {}, None
        self.aside = 0  # sets of files that nats-server could not use
        self.ledger_folder = os.path.join(folder, "ledger")
        self.ledger = Process("effect-ledger", [
            os.path.join(self.bin, "effect-ledger"), "--dir", self.ledger_folder], folder)
        self.supervisor = Process("mainstay", [], folder)
        self.kept = [self.supervisor, self.ledger]

    def keep_outside(self, folder):
        super().keep_outside(folder)
        for name in ("nats-server", "coordinator", "tester"):  # for whoever looks for a cause
            process = Process(name, [], os.path.join(self.folder, "log"))
            os.makedirs(os.path.dirname(process.log), 0o700, exist_ok=True)
            open(process.log, "ab").close()
            self.kept.append(process)

    def keep_clocks(self, folder):
        """They stay right."""
        self.supervisor.always = {name: os.path.join(folder, name)
                                  for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}

    def start(self, ledger=False):
        if ledger:
            self.start_ledger()
        self.supervisor.args = [
            os.path.join(self.bin, "mainstay"), "--dir", self.folder, "up",
            "--nats-server", nats_server(), "--timeout", f"{READY_S}s",
            "--agent", f"{os.path.join(self.bin, 'agent-tester')}:{AGENT}",
            "--set", f"tester.ledger={self.ledger_port}",
            *(word for name in ("connector", "extraction", "reconciliation")
              for word in ("--without", name))]
        self.supervisor.start()
        said = os.path.join(self.folder, "log", "mainstay.log")

        def ready():
            if not self.supervisor.alive():
                raise Failure(f"mainstay up ended: {self.supervisor.tail()}")
            return os.path.exists(said) and " ready\n" in open(said, encoding="utf-8").read()

        wait_until(ready, READY_S, "mainstay up is ready")
        with open(os.path.join(self.folder, "context.json"), encoding="utf-8") as file:
            self.url = json.load(file)["bus"]
        with open(os.path.join(self.folder, "prometheus.json"), encoding="utf-8") as file:
            for group in json.load(file):
                address = group["targets"][0]
                self.metrics[group["labels"]["process"]] = int(address.rsplit(":", 1)[1])
        return self

    def stop(self):
        self.supervisor.stop(READY_S)
        self.ledger.stop()
        self.take_away()
        if self.aside > 0:
            print(f"  mainstay up set files of the bus aside {self.aside} times", flush=True)

    def stream_details(self):
        """Nobody serves them here."""
        return []

    def bus_pid(self):
        """That of nats-server, once it is there."""
        def recorded():
            try:
                with open(os.path.join(self.folder, "run", "nats-server.pid"),
                          encoding="ascii") as file:
                    return int(file.read().split()[0])
            except (OSError, ValueError, IndexError):
                return None
        return wait_until(recorded, READY_S, "nats-server runs")

    def bus_between(self, change):
        """Kill nats-server and call `change` before the supervisor starts it again."""
        pid = self.bus_pid()
        os.kill(self.supervisor.pid, signal.SIGSTOP)
        try:
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: ended(pid), READY_S, "nats-server is dead")
            change()
        finally:
            os.kill(self.supervisor.pid, signal.SIGCONT)

    def take_away(self):
        """The person who has looked at damaged files."""
        for folder in glob.glob(os.path.join(self.folder, "bus.damaged-*")):
            self.aside += 1
            shutil.rmtree(folder)


def ended(pid):
    """Gone, or waiting for its parent to hear of it."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True

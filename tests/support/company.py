"""A company for tests and the bench: its own nats-server with generated accounts, a coordinator,
one agent and the effect ledger, each a process of its own that is stopped by its pid. All files are
below one folder; ports are free ones on the loopback address."""
import contextlib
import ctypes
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request

PR_SET_PDEATHSIG = 1
READY_S = 180  # of a sanitized build on a machine with much else to do


class Failure(Exception):
    """What went wrong, for a person."""


def free_port():
    """Below the ephemeral range, so that no outgoing connection takes it while a server is down,
    and below those of `mainstay up`: companies of both kinds do not take each other's."""
    for _ in range(1000):
        port = random.SystemRandom().randrange(10000, 20000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Failure("no free port from 10000 to 19999")


def wait_until(done, seconds, what):
    """Ask done() every few milliseconds; its first true answer."""
    deadline = time.monotonic() + seconds
    while True:
        answer = done()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(0.005)


def nats_server():
    """$NATS_SERVER, or the one that is installed."""
    own = os.environ.get("NATS_SERVER")
    for path in (own, shutil.which("nats-server"), "/usr/sbin/nats-server"):
        if path and os.access(path, os.X_OK):
            return path
    return None


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A child with its output in a file."""

    def __init__(self, name, args, folder, prefix=()):
        self.name, self.args, self.prefix = name, [str(a) for a in args], list(prefix)
        self.log = os.path.join(folder, name + ".log")
        self.environment = {}
        self.always = {}  # of every start
        self.child = None

    def start(self):
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.prefix + self.args, stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log, preexec_fn=die_with_parent,
                                          env={**os.environ, **self.always,
                                               **self.environment})
        return self

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def kill(self):
        if self.alive():
            self.child.kill()
        if self.child is not None:
            self.child.wait()

    def stop(self, seconds=20):
        if self.alive():
            self.child.terminate()
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.child.kill()
        if self.child is not None:
            self.child.wait()

    def tail(self, lines=15):
        with open(self.log, errors="replace") as log:
            return "".join(log.readlines()[-lines:])


class Clocks:
    """Wall clocks of processes, turned by tests/support/clock_shift while they run."""

    def __init__(self, folder, library):
        self.folder, self.library = folder, library
        self.right_ms = {}  # what counts as the right time of a process

    def path(self, name):
        return os.path.join(self.folder, f"clock-{name}")

    def environment(self, name):
        self.set(name, self.right_ms.setdefault(name, 0))
        sanitizers = os.environ.get("ASAN_OPTIONS", "")
        return {"LD_PRELOAD": self.library, "CLOCK_SHIFT_FILE": self.path(name),
                "ASAN_OPTIONS": f"{sanitizers}:verify_asan_link_order=0"}

    def set(self, name, shift_ms):
        """In place, since processes have mapped the file."""
        flags = os.O_RDWR | os.O_CREAT
        fd = os.open(self.path(name), flags, 0o600)
        os.pwrite(fd, struct.pack("=q", shift_ms), 0)
        os.close(fd)

    def turn(self, name, by_ms):
        self.set(name, self.right_ms[name] + by_ms)

    def set_right(self, name):
        self.set(name, self.right_ms[name])

    def is_right(self, name):
        """What it shows now is the time from now on."""
        with open(self.path(name), "rb") as file:
            self.right_ms[name] = struct.unpack("=q", file.read(8))[0]


class Company:
    """`floor`: bench-floor in both roles instead of the coordinator and the agent. `host`, `cert`,
    `key`, `ca`: a bus others can reach, over TLS. `agent_prefix`: words before the agent's
    command. `others`: {agent: (contract, options)} of shipped agents to run as well. `accounts`:
    agents that have credentials and that somebody else plays."""

    def __init__(self, build, folder, durability="power", floor=False, agent_args=(),
                 host="127.0.0.1", cert=None, key=None, ca=None, agent_prefix=(), others=None,
                 accounts=()):
        self.bin = os.path.join(build, "bin")
        self.folder, self.durability, self.floor = folder, durability, floor
        self.agent_args, self.agent_prefix = list(agent_args), agent_prefix
        self.host, self.ca = host, ca
        self.port, self.monitor = free_port(), free_port()
        self.metrics = {"coordinator": free_port(), "agent": free_port()}
        self.url = f"{'tls' if ca else 'nats'}://{host}:{self.port}"
        self.creds = os.path.join(folder, "creds")
        self.bus_dir = os.path.join(folder, "bus")
        self.ledger_port = None
        self.words = folder  # of the processes: their logs
        os.makedirs(folder, exist_ok=True)
        tls = ["--tls-cert", cert, "--tls-key", key] if cert else []
        names = ["tester", *(others or {}), *accounts]
        self.program("mainstay", "accounts", *(f"{name}:main" for name in names),
                     "tester:second", "--out", self.creds, "--listen", f"{host}:{self.port}", *tls)
        self.bus = Process("nats-server", [
            nats_server() or "nats-server", "-c", os.path.join(self.creds, "nats.conf"),
            "--store_dir", self.bus_dir, "-m", self.monitor], folder)
        self.ledger_folder = os.path.join(folder, "ledger")
        self.ledger = Process("effect-ledger", [
            os.path.join(self.bin, "effect-ledger"), "--dir", self.ledger_folder], folder)
        self.coordinator_store = os.path.join(folder, "coordinator")
        self.agent_store = os.path.join(folder, "agent", "store")
        self.second_data = os.path.join(folder, "agent-second")
        self.coordinator = Process("coordinator", self.coordinator_command(), folder)
        self.agent = None
        self.clocks = None
        self.others = {name: Process(f"agent-{name}", [
            os.path.join(self.bin, f"agent-{name}"), "--bus", self.url,
            *self.login(f"agent-{name}"), "--data", os.path.join(folder, f"agent-{name}"),
            "--store", "main", "--contract", contract, "--metrics", "127.0.0.1:0", *options],
            folder) for name, (contract, options) in (others or {}).items()}
        self.kept = [*self.others.values(), self.bus, self.coordinator, self.ledger]

    def keep_outside(self, folder):
        """Before the start: the ledger's files and everybody's words go there."""
        os.makedirs(folder)
        self.ledger_folder = os.path.join(folder, "ledger")
        self.ledger.args[2] = self.ledger_folder
        self.words = folder
        for process in self.kept:
            process.log = os.path.join(folder, process.name + ".log")

    def keep_clocks(self, folder):
        """Before the start: the wall clocks of the coordinator and the agent can be turned."""
        self.clocks = Clocks(folder, os.path.join(self.bin, "libclock-shift.so"))
        self.coordinator.always = self.clocks.environment("coordinator")

    def program(self, name, *args):
        done = subprocess.run([os.path.join(self.bin, name), *map(str, args)], text=True,
                              capture_output=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Failure(f"{name} {args[0]}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def login(self, user):
        return ["--creds", os.path.join(self.creds, user + ".creds"),
                *(["--ca", self.ca] if self.ca else [])]

    def coordinator_command(self):
        common = ["--bus", self.url, *self.login("coordinator"), "--data", self.coordinator_store,
                  "--durability", self.durability]
        if self.floor:
            return [os.path.join(self.bin, "bench-floor"), *common, "coordinator"]
        return [os.path.join(self.bin, "coordinator"), *common, "--log-level", "info",
                "--metrics", f"127.0.0.1:{self.metrics['coordinator']}"]

    def agent_command(self):
        common = ["--bus", self.url, *self.login("agent-tester")]
        if self.floor:
            return [os.path.join(self.bin, "bench-floor"), *common, *self.agent_args, "agent"]
        ledger = ["--set", f"ledger={self.ledger_port}"] if self.ledger_port else []
        source = os.path.dirname(os.path.abspath(__file__))
        return [os.path.join(self.bin, "agent-tester"), *common,
                "--data", os.path.dirname(self.agent_store), "--store", "main",
                "--contract", os.path.join(source, "ledger_agent", "contract.json"),
                "--metrics", f"127.0.0.1:{self.metrics['agent']}", *ledger, *self.agent_args]

    # ---- starting and stopping ----

    def start_bus(self):
        """Fails at once when nats-server ends instead of listening."""
        for name, value in (("GOMAXPROCS", "4"), ("GOGC", "400"), ("GOMEMLIMIT", "400MiB")):
            self.bus.always[name] = os.environ.get(name, value)  # as `mainstay up` does
        self.bus.start()

        def listens():
            if self.bus.child.poll() is not None:
                raise Failure(f"nats-server ended at its start: {self.bus.tail()}")
            return self.listening(self.host, self.port)

        wait_until(listens, READY_S, "nats-server listens")

    @staticmethod
    def listening(host, port):
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex((host, port)) == 0

    def start_ledger(self):
        before = os.path.getsize(self.ledger.log) if os.path.exists(self.ledger.log) else 0
        self.ledger.start()
        self.ledger_port = int(self.logged(self.ledger, before, "port ").split()[1])

    def start_coordinator(self):
        """Returns when it takes requests."""
        before = os.path.getsize(self.coordinator.log) if self.coordinator.child else 0
        self.coordinator.start()
        self.logged(self.coordinator, before, '"message":"ready"')

    @staticmethod
    def logged(process, offset, words):
        """Wait until the process has written `words`; the line."""
        def found():
            with open(process.log) as log:
                log.seek(offset)
                for line in log:
                    if words in line:
                        return line
            if not process.alive():
                raise Failure(f"{process.name} ended with {process.child.returncode}:\n"
                              f"{process.tail()}")
            return None
        return wait_until(found, READY_S, f"{process.name} says {words}")

    def start_agent(self):
        if self.agent is None:
            self.agent = Process("agent", self.agent_command(), self.words, self.agent_prefix)
            self.agent.always = self.clocks.environment("agent") if self.clocks else {}
            self.kept.insert(0, self.agent)
        self.agent.start()
        for process in self.others.values():
            if not process.alive():
                process.start()

    def start(self, ledger=False):
        if nats_server() is None:
            raise Failure("nats-server is not installed")
        if ledger:
            self.start_ledger()
        self.start_bus()
        self.start_coordinator()
        self.start_agent()
        self.wait_ready()
        return self

    def wait_ready(self):
        def ready():
            for process in self.kept:
                if process.child is not None and not process.alive():
                    raise Failure(f"{process.name} ended with {process.child.returncode}:\n"
                                  f"{process.tail()}")
            try:
                if self.floor:
                    return self.ask("figures", timeout_ms=1000) is not None
                agents = self.ask("status", timeout_ms=1000)["agents"]
                live = {a["agent"] for a in agents if a["state"] == "live"}
                return live >= {"tester", *self.others}
            except Failure:
                return False
        wait_until(ready, READY_S, "the company is ready")

    def stop(self):
        for process in self.kept:
            if process is not self.bus:
                process.stop()
        self.bus.stop()

    def wipe_bus(self):
        shutil.rmtree(self.bus_dir, ignore_errors=True)

    # ---- asking ----

    def driver(self, *args):
        return [os.path.join(self.bin, "bench-driver"), "--bus", self.url,
                *self.login("operator"), *map(str, args)]

    def ask(self, verb, body=None, timeout_ms=10000):
        done = subprocess.run(self.driver("--timeout-ms", timeout_ms, "ask", verb,
                                          json.dumps(body or {})),
                              text=True, capture_output=True, check=False,
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Failure(f"control.{verb}: {done.stderr.strip()} {done.stdout.strip()}")
        return json.loads(done.stdout)

    def deploy(self, text, file="bench.yaml"):
        return self.ask("deploy", {"text": text, "file": file})["definition"]

    # ---- figures ----

    def scrape(self, name):
        """{metric with labels: value} of the coordinator or the agent; {} when it serves none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics[name]}/metrics",
                                        timeout=10) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return {}
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in lines if line and not line.startswith("#")}

    def bus_figures(self):
        """What the server itself counted: messages in and out by everybody."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.monitor}/varz", timeout=10) as answer:
            return json.load(answer)

    def stream_details(self):
        """Streams with their consumers, from the server's monitoring."""
        address = f"http://127.0.0.1:{self.monitor}/jsz?consumers=true&accounts=true"
        with urllib.request.urlopen(address, timeout=10) as answer:
            accounts = json.load(answer).get("account_details", [])
        return [stream for account in accounts for stream in account.get("stream_detail", [])]

    def streams(self):
        """{stream: last sequence}"""
        return {stream["name"]: stream["state"]["last_seq"] for stream in self.stream_details()}


@contextlib.contextmanager
def campaign_of(company, name):
    """Stops the company in the end; what failed is told with what the coordinator said last."""
    try:
        yield
    except Failure as failure:
        print(company.coordinator.tail(), file=sys.stderr)
        sys.exit(f"{name}: {failure}")
    finally:
        company.stop()


def report_tell(report):
    """One line of JSON; what is `broken` in it fails the campaign."""
    print(json.dumps(report))
    if report["broken"]:
        raise Failure("; ".join(report["broken"]))


class Load:
    """bench-driver under way; `ended` grows while it runs."""

    def __init__(self, company, definition, workflows, concurrency, prefix, size=256,
                 resend_ms=10000, timeout_ms=600000, progress=False, patient=False):
        self.ended, self.begun = 0, False
        self.definition, self.prefix, self.concurrency = definition, prefix, concurrency
        self.resend_ms = resend_ms
        self.errors = []
        self.child = subprocess.Popen(
            company.driver("--definition", definition, "--workflows", workflows, "--concurrency",
                           concurrency, "--prefix", prefix, "--bytes", size, "--resend-ms",
                           resend_ms, "--timeout-ms", timeout_ms,
                           *(["--progress"] if progress else []),
                           *(["--patient"] if patient else []), "load"),
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=die_with_parent)
        self.output = ""
        self.readers = [threading.Thread(target=self.read_progress),
                        threading.Thread(target=self.read_output)]
        for reader in self.readers:
            reader.start()

    def read_progress(self):
        for line in self.child.stderr:
            word, _, rest = line.partition(" ")
            if word == "ended":
                self.ended = int(rest)
            elif line.strip() == "begun":
                self.begun = True
            else:
                self.errors.append(line.rstrip())

    def read_output(self):
        self.output = self.child.stdout.read()

    def running(self):
        return self.child.poll() is None

    def stop(self):
        """Start no more workflows; what is under way goes on."""
        self.child.terminate()

    def finish(self):
        """Its figures; Failure when a workflow did not complete."""
        self.child.wait()
        for reader in self.readers:
            reader.join()
        if self.child.returncode != 0:
            raise Failure("the load failed: " + "; ".join(self.errors[:8]) + " " + self.output)
        return json.loads(self.output)

    def kill(self):
        if self.running():
            self.child.kill()
        self.child.wait()
        for reader in self.readers:
            reader.join()


def process_figures(pid):
    """CPU seconds, bytes written to the device, RSS, PSS and context switches, from /proc."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    tick = os.sysconf("SC_CLK_TCK")
    figures = {"cpu_s": (int(fields[11]) + int(fields[12])) / tick}
    with open(f"/proc/{pid}/io") as file:
        figures["disk_bytes"] = int(re.search(r"^write_bytes: (\d+)", file.read(), re.M)[1])
    with open(f"/proc/{pid}/status") as file:
        status = file.read()
    figures["rss_kb"] = int(re.search(r"^VmRSS:\s+(\d+)", status, re.M)[1])
    figures["peak_kb"] = int(re.search(r"^VmHWM:\s+(\d+)", status, re.M)[1])
    with open(f"/proc/{pid}/smaps_rollup") as file:
        figures["pss_kb"] = int(re.search(r"^Pss:\s+(\d+)", file.read(), re.M)[1])
    figures["switches"] = 0
    figures["cpu_ns"] = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as file:
            text = file.read()
        figures["switches"] += sum(int(n) for n in re.findall(r"ctxt_switches:\s+(\d+)", text))
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            figures["cpu_ns"] += int(file.read().split()[0])
    return figures

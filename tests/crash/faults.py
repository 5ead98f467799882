"""The kinds of faults. Each names the world it needs and returns whether it hit work in flight."""
import glob
import os
import signal
import subprocess
import time

import losses
import points
import upgrade
from company import Failure, wait_until
from fault import Fault

UNMOUNT_S = 120


def signal_all(processes, number):
    for process in processes:
        if process.alive():
            os.kill(process.pid, number)


class Kill(Fault):
    """kill -9 of one process, or of all at once."""

    def inject(self):
        company = self.company
        target = self.rng.choice(["coordinator", "agent", "bus", "all"])
        self.detail = target
        hit = self.in_flight()
        killed = {"coordinator": [company.coordinator], "agent": [company.agent],
                  "bus": [company.bus],
                  "all": [company.coordinator, company.agent, company.bus]}[target]
        for process in killed:
            process.kill()
        self.pause()
        self.crash.revive()
        return hit


class Point(Fault):
    """A process dies at a named place, the count-th time it passes there."""

    def inject(self):
        company = self.company
        name, role = self.crash.next_point()
        self.detail = f"{role}:{name}"
        process = company.coordinator if role == "coordinator" else company.agent
        action = "fail" if name.startswith("store-write") else "kill"
        count = self.rng.randint(1, points.highest_count(name))
        process.kill()
        if name in points.WIPED_BUS:
            company.bus.kill()
            company.wipe_bus()
            company.start_bus()
        process.environment = {"MAINSTAY_FAULT_POINT": f"{name}@{count}={action}"}
        process.start()
        if name in points.WANT_HELLO:
            company.agent.kill()
            company.start_agent()
        try:
            wait_until(lambda: not process.alive(), self.crash.point_s, name)
            hit = True
        except Failure:
            hit = False
        process.kill()
        process.environment = {}
        self.crash.revive()
        if hit:
            self.crash.points_hit[(role, name)] += 1
        return hit


class Stop(Fault):
    """SIGSTOP, now and then for longer than every deadline of ours."""

    def inject(self):
        company = self.company
        target = self.rng.choice([company.coordinator, company.agent, company.bus])
        seconds = 33 if self.rng.random() < self.crash.long_stops else self.rng.uniform(0.05, 1.5)
        self.detail = f"{target.name} {'long' if seconds > 30 else 'short'}"
        hit = self.in_flight()
        signal_all([target], signal.SIGSTOP)
        time.sleep(seconds)
        signal_all([target], signal.SIGCONT)
        return hit


class Wipe(Fault):
    """kill -9 of nats-server; its directory is gone when it comes back."""

    def inject(self):
        hit = self.in_flight()
        self.company.bus.kill()
        self.company.wipe_bus()
        self.pause()
        self.company.start_bus()
        return hit


class Rot(Fault):
    """kill -9 of nats-server; some bytes of its stored messages are others when it comes back. When
    it cannot use them, `mainstay up` sets them aside."""

    world = "supervised"

    def inject(self):
        company = self.company
        company.take_away()
        hit = self.in_flight()
        company.bus_between(self.rot)
        return hit and self.detail != "nothing there"

    def rot(self):
        blocks = glob.glob(os.path.join(self.company.bus_dir, "**", "*.blk"), recursive=True)
        blocks = [path for path in blocks if os.path.getsize(path) > 0]
        self.detail = f"{len(blocks)} files" if blocks else "nothing there"
        for path in blocks:
            with open(path, "r+b") as file:
                size = os.path.getsize(path)
                for _ in range(self.rng.randint(1, 3)):
                    # Most likely in what is not delivered yet: near the end.
                    place = size - 1 - int(min(size - 1, self.rng.expovariate(1 / 2000)))
                    file.seek(place)
                    byte = file.read(1)[0]
                    file.seek(place)
                    file.write(bytes([byte ^ (1 << self.rng.randrange(8))]))


class Network(Fault):
    """Cut, half-open, slow, repeated and swapped messages between a process and the bus."""

    world = "proxied"

    def inject(self):
        proxy = self.crash.proxy
        what = self.rng.choice(["cut", "half-open", "slow", "repeat", "swap"])
        who = self.rng.choice(["coordinator", "agent-tester"])
        self.detail = f"{what} {who}" if what in ("cut", "half-open") else what
        hit = self.in_flight()
        if what == "cut":
            hit = proxy.cut(who) > 0 and hit
        elif what == "half-open":
            hit = proxy.silence(who, True) > 0 and hit
            time.sleep(self.rng.uniform(0.1, 2.0))
            proxy.cut(who)
        elif what == "slow":
            proxy.delay_s = self.rng.uniform(0.001, 0.02)
            time.sleep(0.5)
            proxy.delay_s = 0.0
        else:
            before, count = proxy.done, self.rng.randint(1, 20)
            setattr(proxy, what, count)
            try:
                wait_until(lambda: proxy.done > before, 10, what)
            except Failure:
                hit = False
            setattr(proxy, what, 0)
        return hit


class Power(Fault):
    """The power is cut: only what had reached the device is there afterwards."""

    world = "mounted"

    def inject(self):
        company, disk = self.company, self.crash.disk
        everybody = [company.coordinator, company.agent, company.bus]
        hit = self.in_flight()
        signal_all(everybody, signal.SIGSTOP)
        disk.snapshot()
        for process in everybody:
            process.kill()
        disk.restore()
        self.crash.revive()
        return hit


class DiskFull(Fault):
    """No byte is left on the device for a while."""

    world = "mounted"

    def inject(self):
        company, disk = self.company, self.crash.disk
        hit = self.in_flight()
        disk.fill()
        time.sleep(self.rng.uniform(0.2, 1.5))
        disk.free()
        # A server that met a full disk may be stuck for good (nats-server 2.9.10 is): all restart.
        company.bus.kill()
        self.crash.revive(grace_s=5)
        return hit


class Disk:
    """An ext4 file system in a file, mounted below the campaign's folder."""

    SIZE_MB = 192

    def __init__(self, folder):
        self.image = os.path.join(folder, "disk.img")
        self.mount = os.path.join(folder, "disk")
        self.filler = os.path.join(self.mount, "filler")
        os.makedirs(self.mount)
        with open(self.image, "wb") as file:
            file.truncate(self.SIZE_MB << 20)
        self.run("mkfs.ext4", "-q", "-m", "0", self.image)
        self.attach()

    @staticmethod
    def run(*command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"{' '.join(command)}: {done.stderr.strip()}")

    def attach(self):
        self.run("mount", "-o", "loop", self.image, self.mount)

    def detach(self):
        wait_until(lambda: subprocess.run(["umount", self.mount], check=False,
                                          capture_output=True).returncode == 0
                   or not os.path.ismount(self.mount), UNMOUNT_S,
                   f"{self.mount} is unmounted")

    def snapshot(self):
        self.run("cp", "--sparse=always", self.image, self.image + ".cut")

    def restore(self):
        self.detach()
        os.replace(self.image + ".cut", self.image)
        self.attach()

    def fill(self):
        with open(self.filler, "wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError:
                    continue

    def free(self):
        os.unlink(self.filler)


KINDS = {"kill": Kill, "point": Point, "stop": Stop, "wipe": Wipe, "rot": Rot, "network": Network,
         "power": Power, "disk-full": DiskFull, "clock": losses.Clock,
         "lost-store": losses.LostStore, "backup": losses.Backup,
         "upgrade": upgrade.Upgrade}
WORLDS = ("plain", "proxied", "mounted", "supervised")

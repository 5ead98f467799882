"""A company under a profile: what each process is told, and what says so."""
import hashlib
import os
import pathlib
import shutil
import subprocess

import company
from company import BIN, SOURCE

PROFILE = """profile: 1
bus: {memory: 96M, cpu: 1}
coordinator: {memory: 64M, cpu: 1, concurrency: 700}
agent: {memory: 32M, concurrency: 3}
agents: {extraction: {memory: 48M}}
"""


def words_of(pid):
    return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")


def environment_of(pid):
    return pathlib.Path(f"/proc/{pid}/environ").read_text().split("\0")


def after(words, option):
    return words[words.index(option) + 1] if option in words else None


class Profiles(company.Case):
    @classmethod
    def setUpClass(cls):
        cls.company = company.Company()
        cls.addClassCleanup(cls.company.destroy)
        cls.path = cls.company.file("mine.yaml", PROFILE)
        cls.company.options = ("--profile", cls.path)
        cls.company.up()

    def told(self, name):
        words = words_of(self.company.pid(name))
        return {option: after(words, f"--{option}")
                for option in ("memory", "workers", "max-running", "profile")
                if after(words, f"--{option}") is not None}

    def test_every_process_is_told_its_share(self):
        mebibyte = 1024 * 1024
        self.assertEqual(self.told("coordinator"),
                         {"memory": str(64 * mebibyte), "max-running": "700",
                          "profile": str(self.path)})
        self.assertEqual(self.told("extraction"),
                         {"memory": str(48 * mebibyte), "workers": "3"})
        self.assertEqual(self.told("tester"), {"memory": str(32 * mebibyte), "workers": "3"})
        environment = environment_of(self.company.pid("nats-server"))
        self.assertIn(f"GOMEMLIMIT={96 * mebibyte // 10 * 9}", environment)
        self.assertIn("GOGC=50", environment)
        self.assertNotIn("GOMAXPROCS=4", environment)

    def test_a_share_of_processors_is_kept(self):
        there = len(os.sched_getaffinity(0))
        self.assertEqual(len(os.sched_getaffinity(self.company.pid("coordinator"))), 1)
        self.assertEqual(len(os.sched_getaffinity(self.company.pid("nats-server"))), 1)
        self.assertEqual(len(os.sched_getaffinity(self.company.pid("extraction"))), there)

    def test_a_process_that_died_comes_back_under_the_profile(self):
        before = self.company.pid("tester")
        told = self.told("tester")
        self.company.kill("tester")
        self.company.restarted("tester", before)
        self.assertEqual(self.told("tester"), told)
        self.goes_on()

    def test_status_and_journal_say_under_what_it_runs(self):
        self.assertIn(f"profile      {self.path}\n", self.company.call("status").out)
        self.company.deploy("named", company.ECHO)
        batches = self.company.json("journal", "tail", "--after", "0", "--limit",
                                    "1000")["batches"]
        events = [event for batch in batches for event in batch["events"]]
        named = {event["kind"]: event for event in events if "digest" in event}
        digest = hashlib.sha256((BIN / "coordinator").read_bytes()).hexdigest()
        self.assertEqual(events[0]["kind"], "program-started")
        self.assertEqual(events[0]["digest"], digest)
        self.assertEqual(events[0]["name"], str(self.path))
        self.assertEqual(self.company.json("status")["program"], digest)
        hello = next(event for event in events
                     if event["kind"] == "store-hello" and event["agent"] == "tester")
        agent = hashlib.sha256((BIN / "agent-tester").read_bytes()).hexdigest()
        self.assertTrue(hello["text"].endswith(f" sha256:{agent}"), hello["text"])
        self.assertRegex(named["contract-published"]["digest"], "^[0-9a-f]{64}$")
        self.assertRegex(named["definition-deployed"]["digest"], "^[0-9a-f]{64}$")
        self.assertTrue(self.company.call("journal", "verify").out)

    def test_a_wrong_profile_is_refused_with_its_place_and_starts_nothing(self):
        wrong = self.company.file("wrong.yaml", "profile: 1\nagent:\n  memory: 1\n  cpus: 2\n")
        folder = self.company.root / "never"
        ran = self.company.run("up", "--dir", folder, "--profile", wrong)
        self.assertEqual(ran.code, 1)
        self.assertIn(f"{wrong}:3:11: 'memory' must be a number of K, M or G", ran.err)
        self.assertIn(f"{wrong}:4:3: unknown key 'cpus'", ran.err)
        self.assertFalse((folder / "run" / "nats-server.pid").exists())
        ran = self.company.run("up", "--dir", folder, "--profile", "huge")
        self.assertIn("there is no profile 'huge'", ran.err)

    def test_units_are_told_the_same(self):
        out = self.company.root / "units"
        self.company.call("units", "small", "--out", out)
        coordinator = (out / "mainstay-coordinator.service.d/profile.conf").read_text()
        self.assertIn("MemoryMax=134217728\nCPUQuota=100%\n"
                      'Environment="PROFILE=--profile small --memory 134217728 '
                      '--max-running 2000"\n', coordinator)
        whole = (out / "mainstay.service.d/profile.conf").read_text()
        self.assertIn(f"MemoryMax={(128 + 128 + 64 + 96 + 64 + 32) << 20}\n", whole)
        self.assertIn('Environment="PROFILE=--profile small"\n', whole)
        agent = (out / "mainstay-agent@.service.d/profile.conf").read_text()
        self.assertIn('Environment="PROFILE=--memory 67108864 --workers 2"\n', agent)
        for unit in SOURCE.glob("deploy/systemd/*.service"):
            self.assertTrue((out / f"{unit.name}.d/profile.conf").exists(), unit.name)
            if "mainstay" in unit.read_text().split("ExecStart=")[1].split()[0]:
                self.assertIn(" $PROFILE", unit.read_text())

    @company.unittest.skipIf(shutil.which("systemd-analyze") is None, "no systemd-analyze")
    def test_systemd_understands_the_drop_ins(self):
        root = self.company.root / "root"
        folder = root / "etc/systemd/system"
        folder.mkdir(parents=True)
        self.company.call("units", "small", "--out", folder)
        for unit in SOURCE.glob("deploy/systemd/*.service"):
            text = unit.read_text().replace("@PREFIX@", "/usr")
            (folder / unit.name).write_text(text)
            program = text.split("ExecStart=")[1].split()[0].replace("%i", "extraction")
            stand_in = root / program[1:]
            stand_in.parent.mkdir(parents=True, exist_ok=True)
            stand_in.write_text("#!/bin/sh\n")
            stand_in.chmod(0o755)
        ran = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                              f"--root={root}", "mainstay-coordinator.service",
                              "mainstay-agent@extraction.service", "mainstay-nats.service"],
                             capture_output=True, text=True, check=False, timeout=60)
        said = [line for line in (ran.stdout + ran.stderr).splitlines() if "profile.conf" in line]
        self.assertEqual(said, [])


class Narrow(company.Case):
    def test_more_than_may_run_at_once_waits_and_status_says_so(self):
        path = self.company.file("one.yaml", "profile: 1\ncoordinator: {concurrency: 1}\n")
        self.company.down()
        self.company.options = ("--profile", path)
        self.company.up()
        environment = environment_of(self.company.pid("nats-server"))
        for name, usual in (("GOMAXPROCS", "4"), ("GOGC", "400"),
                            ("GOMEMLIMIT", str(400 * 1024 * 1024))):
            self.assertIn(f"{name}=" + os.environ.get(name, usual), environment)
        self.company.deploy("waits", "do: [{act: {call: agent, with: {agent: tester, action: "
                            "slow, contract: '1.0', input: {ms: 4000}}}}]\n")
        self.assertNotIn("busy", self.company.call("status").out)
        instance = self.company.start("waits")
        self.assertIn("busy         1 instances are under way",
                      company.until(lambda: "busy" in self.company.call("status").out
                                    and self.company.call("status").out, "status says busy"))
        self.assertEqual(self.company.wait(instance)["status"], "completed")
        self.assertNotIn("busy", self.company.call("status").out)


if __name__ == "__main__":
    company.main()

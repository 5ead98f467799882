"""Stores kept from earlier versions: today's programs verify and replay them and carry what waits
there to its end; a program refuses a store that is newer than itself."""
import hashlib
import json
import os
import pathlib
import struct
import subprocess
import sys
import tarfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration" / "e2e"))
import company  # noqa: E402
from company import BIN, until  # noqa: E402

SETS = sorted(path.parent for path in HERE.glob("*/set.json"))
LATER_MS = 3600 * 1000  # the machine comes back after an hour
SHIM = BIN / "libclock-shift.so"


class Kept:
    """A company made of a copy of a set."""

    def __init__(self, folder):
        self.folder = folder
        self.told = json.loads((folder / "set.json").read_text())
        self.company = company.Company()
        self.company.dir.mkdir(parents=True, mode=0o700)
        archive = folder / "stores.tar.xz"
        if hashlib.sha256(archive.read_bytes()).hexdigest() != self.told[archive.name]:
            raise AssertionError(f"{archive} is not what was made")
        with tarfile.open(archive) as files:
            files.extractall(self.company.dir)
        self.turn_clock()

    def turn_clock(self):
        """The company's clock goes on an hour after the set was made: nothing in it grows old."""
        it = self.company
        clock = it.root / "clock"
        shift = self.told["made_ms"] + LATER_MS - int(time.time() * 1000)
        clock.write_bytes(struct.pack("=q", shift))
        it.env |= {"LD_PRELOAD": str(SHIM), "CLOCK_SHIFT_FILE": str(clock)}
        if (BIN.parent / "CMakeCache.txt").read_text().find("SANITIZE:STRING=address") >= 0:
            options = os.environ.get("ASAN_OPTIONS", "")
            it.env["ASAN_OPTIONS"] = f"{options}:verify_asan_link_order=0"

    def up(self):
        it = self.company
        it.call("up", "--detach", "--agent", f"{BIN}/agent-tester:{self.folder}/tester.json",
                "--timeout", f"{company.DEADLINE_S}s")

    def store(self, name):
        below = "coordinator" if name == "coordinator" else f"agents/{name}/store"
        return self.company.dir / below

    def replay(self):
        return json.loads(program("golden-store", "replay", self.store("coordinator")))

    def gate_of(self, kind):
        return next(gate["gate"] for gate in self.company.json("gates", "ls")["gates"]
                    if gate["kind"] == kind)

    def go_on(self, one):
        """Do what brings an instance on."""
        it, instance = self.company, one["instance"]

        def gate():
            gates = it.json("instances", "describe", instance)["gates"]
            return gates and gates[0]
        for words in one["goes_on"]:
            found = {"@instance": lambda: instance, "@circuit": lambda: self.gate_of("permission"),
                     "@budget": lambda: self.gate_of("budget"),
                     "@gate": lambda: until(gate, f"{one['name']} asks")}
            it.call(*[found[word]() if word in found else word for word in words])

    def end(self, one):
        """Its status and output, once it has ended."""
        def ended():
            row = self.company.json("instances", "describe", one["instance"])
            return row["status"] in ("completed", "faulted", "cancelled") and row
        try:
            row = until(ended, f"{one['name']} ends")
        except AssertionError as error:
            raise AssertionError(self.company.run("explain", one["instance"]).out) from error
        return row["status"], row.get("output")


def program(name, *words):
    ran = subprocess.run([BIN / name, *map(str, words)], text=True, capture_output=True,
                         check=False)
    if ran.returncode != 0:
        raise AssertionError(f"{name} {words[0]}: {ran.stderr}")
    return ran.stdout


class Case(unittest.TestCase):
    maxDiff = None

    def kept(self, folder):
        kept = Kept(folder)
        self.addCleanup(kept.company.destroy)
        return kept


class Golden(Case):

    def test_there_is_a_set(self):
        self.assertTrue(SETS)

    def test_each_set_opens_replays_and_goes_on(self):
        for folder in SETS:
            with self.subTest(folder.name):
                self.goes_on(self.kept(folder))

    def goes_on(self, kept):
        it, told = kept.company, kept.told
        self.assertEqual(kept.replay(), told["journal"], "the journal and what it makes")
        kept.up()
        seen = {one["name"]: it.json("instances", "describe", one["instance"])
                for one in told["instances"]}
        for one in told["instances"]:
            if one["goes_on"]:
                self.assertEqual(seen[one["name"]]["status"], one["status"], one["name"])
        for one in told["instances"]:
            kept.go_on(one)
        for one in told["instances"]:
            status, output = kept.end(one)
            self.assertEqual(status, one["end"], one["name"])
            if one["output"] is not None:
                self.assertEqual(output, one["output"], one["name"])
        self.undone(it, told)
        accounts = it.json("budgets", "ls")["budgets"]
        self.assertEqual(bool(accounts), any(one["name"] == "paid" for one in told["instances"]))
        for account in accounts:
            self.assertEqual(account["reserved"].split()[0], "0.00", account)
        event = told["duplicate"]
        answer = it.json("emit", event["type"], "{}", "--id", event["id"], "--source",
                         event["source"])
        self.assertEqual(answer["outcome"], "duplicate")
        self.assertTrue(it.json("journal", "verify")["ok"])
        for start in told["starts"]:
            if start["words"]:
                it.call(*start["words"])
            until(lambda start=start: any(row["status"] == "completed"
                                          for row in it.instances(start["definition"])),
                  f"{start['definition']} is started")
        it.down()
        after = kept.replay()
        self.assertGreater(after["sequence"], told["journal"]["sequence"])

    def test_a_store_that_was_opened_is_refused_by_older_programs(self):
        """They would pass over rows of locks and budgets, which they do not know."""
        kept = self.kept(SETS[0])
        store = kept.store("coordinator")
        self.assertEqual(program("golden-store", "level", store, "coordinator"), "1\n")
        kept.replay()
        self.assertEqual(program("golden-store", "level", store, "coordinator"), "2\n")

    def undone(self, it, told):
        instance = next(one["instance"] for one in told["instances"] if one["name"] == "undo")
        effects = it.json("instances", "describe", instance)["effects"]
        self.assertEqual([row["state"] for row in effects if "undone_by" in row],
                         ["compensated", "compensated"], effects)


class Newer(Case):
    """A store of a later version is left alone, with words for whoever has to act."""

    def refused(self, kept, name, whose, command):
        program("golden-store", "level", kept.store(name), whose, 99)
        ran = subprocess.run([str(word) for word in command], text=True, capture_output=True,
                             check=False, timeout=company.DEADLINE_S)
        self.assertEqual(ran.returncode, 1, ran.stderr)
        self.assertIn("format level 99", ran.stderr)
        self.assertIn("program that wrote it, or a newer one", ran.stderr)
        program("golden-store", "level", kept.store(name), whose, kept.told["levels"][whose])

    def test_a_coordinator_refuses_a_newer_store(self):
        kept = self.kept(SETS[-1])
        data = kept.store("coordinator")
        self.refused(kept, "coordinator", "coordinator",
                     [BIN / "coordinator", "--bus", "nats://127.0.0.1:1", "--data", data,
                      "--metrics", "off"])
        self.assertEqual(kept.replay(), kept.told["journal"], "nothing was written")

    def test_an_agent_refuses_a_newer_store(self):
        kept = self.kept(SETS[-1])
        self.refused(kept, "tester", "agent",
                     [BIN / "agent-tester", "--bus", "nats://127.0.0.1:1", "--data",
                      kept.store("tester").parent, "--store", "main", "--contract",
                      kept.folder / "tester.json", "--metrics", "off"])

    def test_an_operator_is_told(self):
        kept = self.kept(SETS[-1])
        program("golden-store", "level", kept.store("coordinator"), "coordinator", 99)
        ran = kept.company.run("up", "--detach", "--timeout", "10s")
        self.assertNotEqual(ran.code, 0)
        self.assertIn("format level 99", ran.out + ran.err)


if __name__ == "__main__":
    company.main()

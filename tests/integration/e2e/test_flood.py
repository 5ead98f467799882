"""An agent's store that floods the bus is cut off it by `mainstay up`, and let in again."""
import json
import os
import re
import socket
import threading
import unittest

import company
from company import ACT, until
from test_bad_input import CONTRACT, HAUNT, HERE, batch, result

PAUSE_S = 60  # the first one
CHUNK = 512


class Flood:
    """Everything that an account may send at line rate, until the bus ends the connection."""

    def __init__(self, companies, agent):
        self.client = companies.connect(f"agent-{agent}")
        message = batch(result(b"k" * 16, b"i" * 16, b"d" * 32))
        head = f"PUB result.{agent}.main {len(message)}\r\n".encode()
        self.chunk = (head + message + b"\r\n") * CHUNK
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            while True:
                self.client.send(self.chunk)
        except OSError:
            self.client.close()

    def ended(self):
        """Wait until it cannot go on."""
        until(lambda: not self.thread.is_alive(), "the flood is cut off")


class CutOff(company.Case):
    options = ("--agent", f"{HERE}/ghost_agent.py:{CONTRACT}")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.deploy("haunt", HAUNT)
        cls.company.deploy("echo", company.ECHO)
        cls.company.deploy("slow", ACT % "slow")

    def said(self, name="mainstay"):
        return (self.company.dir / "log" / f"{name}.log").read_text()

    def process(self, name):
        """What the supervisor tells of a process."""
        with socket.socket(socket.AF_UNIX) as desk:
            desk.connect(f"/proc/self/fd/{self.folder}/control.sock")
            desk.sendall(b'{"order": "processes"}\n')
            told = json.loads(desk.makefile().readline())
        return next(one for one in told["processes"] if one["name"] == name)

    def setUp(self):
        self.folder = os.open(self.company.dir / "run", os.O_PATH)
        self.addCleanup(os.close, self.folder)

    def let_in(self, agent):
        """Whether the bus takes the agent's user."""
        try:
            self.company.connect(f"agent-{agent}").close()
            return True
        except OSError:
            return False

    def notes(self, agent):
        return re.findall(rf"agent {agent} floods the bus.* its store main is cut off until (\S+),",
                          self.said())

    def cut_off(self, agent):
        """Flood until it is cut off."""
        before = len(self.notes(agent))
        Flood(self.company, agent).ended()
        until(lambda: len(self.notes(agent)) == before + 1, "a note says so")
        self.assertFalse(self.let_in(agent))
        self.assertGreater(self.process(agent)["cut_off_ms"], 0)

    def restart(self, agent):
        self.company.call("agents", "restart", agent)
        self.assertIn(f"agent {agent}: its store main is let in again", self.said())
        self.assertTrue(self.let_in(agent))
        self.assertNotIn("cut_off_ms", self.process(agent))

    def test_a_flood_is_cut_off_and_nobody_else(self):
        """Connections and work of the others stay as they are, and the way back is a restart."""
        away = {name: self.said(name).count("bus disconnected")
                for name in ("coordinator", "tester")}
        work = self.company.start("slow", {"ms": 5000})
        self.cut_off("ghost")
        for number in range(10):
            ran = self.company.call("run", "e2e/echo", "--input", f'{{"n": {number}}}')
            self.assertEqual(ran.json(), {"n": number})
        self.assertEqual(self.company.wait(work)["status"], "completed")
        self.assertEqual(away, {name: self.said(name).count("bus disconnected") for name in away})
        self.assertNotIn("cut_off_ms", self.process("tester"))
        self.restart("ghost")

    def test_one_that_floods_again_is_cut_off_again_for_longer(self):
        self.cut_off("ghost")
        first = self.process("ghost")["cut_off_ms"]
        self.restart("ghost")
        self.cut_off("ghost")
        self.assertGreater(self.process("ghost")["cut_off_ms"], first)
        self.restart("ghost")

    def test_a_bus_that_starts_again_does_not_let_it_in(self):
        self.cut_off("ghost")
        before = self.company.pid("nats-server")
        self.company.kill("nats-server")
        self.company.restarted("nats-server", before)
        self.goes_on()
        self.assertFalse(self.let_in("ghost"))
        self.restart("ghost")

    def test_an_agent_comes_back_by_itself_when_its_pause_is_over(self):
        """Its process was there all the time, and what it was asked waits for it."""
        tester = self.company.pid("tester")
        self.cut_off("tester")
        work = self.company.start("echo", {"n": 1})
        until(lambda: self.let_in("tester"), "it is let in again", seconds=PAUSE_S + 60)
        self.assertEqual(self.company.wait(work)["output"], {"n": 1})
        self.assertEqual(self.company.pid("tester"), tester)


if __name__ == "__main__":
    company.main()

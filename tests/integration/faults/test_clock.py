#!/usr/bin/env python3
"""The wall clock of running processes is turned; nothing waits for it to come round again.

usage: test_clock.py BUILD
"""
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", part) for part in ("support", "crash", "flow")]
from client import Client, reply  # noqa: E402
from company import Company, Failure, nats_server, wait_until  # noqa: E402
import person  # noqa: E402

BUILD = sys.argv.pop(1)
HOUR_MS = 3600 * 1000
PATIENCE_S = 120  # of a sanitized build on a busy machine; what is wrong takes an hour
HEAD = "document: {{dsl: '1.0.3', namespace: clock, name: {}, version: '1.0.0'}}\n"
ECHO = HEAD.format("echo") + ("do: [{e: {call: agent, with: {agent: tester, action: echo, "
                              "contract: '1.0', input: '${ . }'}}}]\n")
TIMER = HEAD.format("timer") + "do: [{w: {wait: {seconds: 1}}}]\n"
LISTEN = HEAD.format("listen") + "do: [{l: {listen: {to: {one: {with: {type: never}}}}}}]\n"


class Clock(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mainstay-clock.")
        self.addCleanup(folder.cleanup)
        self.it = Company(BUILD, folder.name)
        self.it.keep_clocks(folder.name)
        self.addCleanup(self.it.stop)
        self.it.start()
        self.definitions = {name: self.it.deploy(text, name + ".yaml") for name, text in (
            ("echo", ECHO), ("timer", TIMER), ("listen", LISTEN))}

    def turn(self, by_ms):
        for name in ("coordinator", "agent"):
            self.it.clocks.turn(name, by_ms)

    def begin(self, name):
        """A clock that was set back has the connection made anew, which loses what is asked just
        then: asked again."""
        def began():
            try:
                return self.it.ask("run", {"definition": self.definitions[name], "input": {}},
                                   timeout_ms=5000)
            except Failure as failure:
                if "Timeout" not in str(failure):
                    raise
                return None
        return wait_until(began, PATIENCE_S, f"{name} begins")["instance"]

    def completes(self, name):
        instance = self.begin(name)
        wait_until(lambda: self.status(instance) == "completed", PATIENCE_S, f"{name} completes")

    def status(self, instance):
        try:
            return self.it.ask("instances.describe", {"instance": instance})["status"]
        except Failure:
            return None

    def test_the_time_that_passed_counts_while_a_person_is_asked(self):
        for by_ms in (HOUR_MS, -HOUR_MS):
            with self.subTest(by_ms):
                self.turn(by_ms)
                person.clock_asked(self.it)
                self.completes("timer")
                self.turn(0)
                person.clock_settled(self.it)

    def test_an_approved_clock_is_followed(self):
        day_later = self.begin("listen")
        self.turn(HOUR_MS)
        person.clock_approve(self.it, person.clock_asked(self.it))
        person.clock_settled(self.it)
        self.completes("timer")
        self.assertEqual(self.status(day_later), "waiting")

    def test_timers_stood_still_until_an_approved_clock_came_round(self):
        """The company's time does not go back: it waited for the clock to catch up."""
        self.turn(-HOUR_MS)
        person.clock_approve(self.it, person.clock_asked(self.it))
        self.completes("timer")

    def test_a_company_was_without_bus_until_a_clock_that_was_set_back_came_round(self):
        """The client library waits for an instant of the wall clock before it connects again."""
        for again in range(2):  # the second time, it had been set right while nobody looked
            before = os.path.getsize(self.it.coordinator.log)
            self.it.bus.kill()
            self.it.logged(self.it.coordinator, before, "bus disconnected")
            self.turn(-HOUR_MS - again)
            self.it.start_bus()
            wait_until(self.answers, PATIENCE_S, "the coordinator answers")
            self.completes("echo")
            self.turn(0)
            person.clock_settled(self.it)

    def answers(self):
        try:
            return self.it.ask("status", timeout_ms=2000)
        except Failure:
            return None

    def test_a_question_was_answered_when_the_clock_came_round(self):
        """It asks for an answer within so many seconds; those were seconds of the wall clock."""
        client = Client(self.it)
        self.addCleanup(client.socket.close)
        client.request("wait", "wait", {"instance": self.begin("listen"), "timeout_ms": 5000})
        self.assertEqual(client.ask("status", {})[0], 0)  # so the one before was taken, too
        self.turn(-HOUR_MS)
        told = []

        def answered():
            told.extend(reply(data) for token, data in client.answers(1) if token == "wait")
            return told
        wait_until(answered, PATIENCE_S, "the question is answered")
        self.assertIn("has not ended yet", told[0][1])


if __name__ == "__main__":
    if nats_server() is None:
        print("skipped: nats-server is not installed")
        sys.exit(77)
    unittest.main(verbosity=2)

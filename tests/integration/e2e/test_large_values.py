"""Large values through the real company: bounded with words, and nobody else is held up."""
import json
import os
import signal

import company
from company import until

MB = 1000 * 1000
STARTED = "schedule: {on: {one: {with: {type: e2e.%s}}}}\n"


class LargeValues(company.Case):
    def setUp(self):
        self.coordinator = self.company.pid("coordinator")

    def tearDown(self):
        self.goes_on()
        self.assertEqual(self.company.pid("coordinator"), self.coordinator, "it was restarted")

    def publish(self, name, size, count=1):
        client = self.company.connect("operator")
        for number in range(count):
            client.publish(f"event.e2e.{name}",
                           b'{"n": %d, "x": "%s"}' % (number, b"y" * size))
        client.flush()
        client.close()

    def ended(self, name, count=1):
        """The ends of all instances of a definition."""
        found = until(lambda: (found := self.company.instances(f"e2e/{name}")) and
                      len(found) >= count and found, f"{count} of {name} begin")
        return [self.company.wait(instance["instance"]) for instance in found]

    def test_a_value_that_grows_ended_the_coordinator(self):
        """Each task doubled it until a turn could not be written, and the event came back."""
        doublings = "".join(f"  - d{i}: {{set: {{a: '${{ . }}', b: '${{ . }}'}}}}\n"
                            for i in range(12))
        self.company.deploy("doubles", STARTED % "doubles" + "do:\n" + doublings)
        self.publish("doubles", 300000)
        end = self.ended("doubles")[0]
        self.assertEqual(end["status"], "faulted")
        self.assertIn("LIMIT_DOCUMENT_BYTES", json.dumps(end["error"]))
        self.assertIn("/do/", end["error"]["instance"])

    def test_branches_that_hold_copies_ended_the_coordinator(self):
        branches = "".join(f"          - b{i}: {{input: {{from: '${{ {{i: {i}, x: .}} }}'}},\n"
                           f"                   wait: PT1H}}\n" for i in range(64))
        self.company.deploy("copies", STARTED % "copies" + "do:\n  - f:\n      fork:\n"
                            "        branches:\n" + branches)
        self.publish("copies", MB)
        end = self.ended("copies")[0]
        self.assertEqual(end["status"], "faulted")
        self.assertIn("LIMIT_INSTANCE_BYTES", json.dumps(end["error"]))

    def test_a_large_event_that_starts_many_ended_the_coordinator(self):
        for number in range(70):
            self.company.deploy(f"many{number}", STARTED % "many" +
                                "do:\n  - s: {set: '${ $workflow.input[0].data.x | length }'}\n")
        self.publish("many", MB)
        for number in range(70):
            self.assertEqual(self.ended(f"many{number}")[0]["output"], MB)

    def test_a_large_event_that_many_wait_for_ended_the_coordinator(self):
        """One copy for each was more than a turn could write, and the event came back."""
        self.company.deploy("waits", "do:\n  - l: {listen: {to: {one: {with: "
                                     "{type: e2e.waited}}}}}\n  - s: {set: {got: true}}\n")
        waiting = [self.company.start("waits", {}) for _ in range(150)]
        self.publish("waited", MB)
        letter = until(lambda: next((letter for letter in self.company.dead_letters()
                                     if "LIMIT_EVENT_REACH_BYTES" in letter["reason"]), None),
                       "the event is a dead letter")
        self.assertIn("send a reference", letter["advice"])
        self.publish("waited", 10)
        for instance in waiting:
            self.assertEqual(self.company.wait(instance)["output"], {"got": True})

    def test_large_events_after_a_pause_of_the_coordinator(self):
        self.company.deploy("pause", STARTED % "pause" +
                            "do:\n  - s: {set: '${ $workflow.input[0].data.x | length }'}\n")
        os.kill(self.coordinator, signal.SIGSTOP)
        try:
            self.publish("pause", MB, 40)
        finally:
            os.kill(self.coordinator, signal.SIGCONT)
        self.assertEqual([end["output"] for end in self.ended("pause", 40)], [MB] * 40)


if __name__ == "__main__":
    company.main()

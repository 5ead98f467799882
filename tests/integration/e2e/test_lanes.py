"""Each store's results have a stream of their own on the bus."""
import json
import os
import signal

import company
import test_bad_input
from company import until
from test_bad_input import CONTRACT, HAUNT, HERE, batch, result


class Lanes(company.Case):
    options = ("--agent", f"{HERE}/ghost_agent.py:{CONTRACT}")
    task = test_bad_input.BadInput.task  # the task of an instance, taken from the bus

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ghost = cls.company.connect("agent-ghost")
        cls.addClassCleanup(cls.ghost.close)
        cls.bus = cls.company.connect("coordinator")
        cls.addClassCleanup(cls.bus.close)
        cls.company.deploy("haunt", HAUNT)

    def api(self, operation, **body):
        request = json.dumps(body).encode() if body else b""
        return json.loads(self.bus.request(f"$JS.API.{operation}", request))

    def streams(self):
        return set(self.api("STREAM.NAMES")["streams"])

    def coordinator_again(self):
        before = self.company.pid("coordinator")
        self.company.kill("coordinator")
        self.company.restarted("coordinator", before)

    def test_results_that_a_bus_of_before_holds_are_taken(self):
        """One stream for all of them, and no coordinator."""
        first, second = (self.company.start("haunt", {"n": number}) for number in range(2))
        answers = [batch(result(task[1], task[4], task[10], output=b'{"right": true}',
                                frame=task[5], attempt=task[2]))
                   for task in (self.task(first), self.task(second))]
        os.kill(self.company.pid("coordinator"), signal.SIGSTOP)
        for name in self.streams():
            if name.startswith("RESULTS_"):
                self.assertTrue(self.api(f"STREAM.DELETE.{name}")["success"])
        self.api("STREAM.CREATE.RESULTS", name="RESULTS", subjects=["result.>"], storage="file",
                 retention="limits", discard="new")
        self.api("CONSUMER.DURABLE.CREATE.RESULTS.coordinator", stream_name="RESULTS",
                 config={"durable_name": "coordinator", "ack_policy": "explicit"})
        self.ghost.request("result.ghost.main", answers[0])
        self.ghost.request("result.ghost.main", answers[1])
        self.coordinator_again()
        for instance in (first, second):
            answer = self.company.wait(instance)
            self.assertEqual((answer["status"], answer["output"]), ("completed", {"right": True}))
        self.assertIn("RESULTS_ghost_main", self.streams())
        self.coordinator_again()
        until(lambda: self.streams() & {"RESULTS"} == set(), "the stream of before is removed")
        third = self.company.start("haunt", {"n": 3})
        task = self.task(third)
        self.ghost.request("result.ghost.main",
                           batch(result(task[1], task[4], task[10], output=b'{"right": true}',
                                        frame=task[5], attempt=task[2])))
        self.assertEqual(self.company.wait(third)["status"], "completed")


if __name__ == "__main__":
    company.main()

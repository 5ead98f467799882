"""Each store's results have a stream of their own on the bus."""
import json
import os
import signal

import company
import test_bad_input
from company import until
from test_bad_input import CONTRACT, HAUNT, HERE, batch, result

MOST = 8192  # coordinator/edge/lanes.h


class Lanes(company.Case):
    options = ("--agent", f"{HERE}/ghost_agent.py:{CONTRACT}")
    task = test_bad_input.BadInput.task  # the task of an instance, taken from the bus

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bus = cls.company.connect("coordinator")
        cls.addClassCleanup(cls.bus.close)
        cls.company.deploy("haunt", HAUNT)

    def setUp(self):
        """The ghost is let in, whatever it said in another test."""
        self.company.call("agents", "restart", "ghost")
        self.ghost = self.company.connect("agent-ghost")
        self.addCleanup(self.ghost.close)

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

    def fill(self, client, subject, size=1, count=MOST // 10):
        """Publish until the stream refuses; how it says so."""
        for _ in range(20):
            for _ in range(count):
                client.publish(subject, b"\xff" * size)
            answer = json.loads(client.request(subject, b"\xff" * size))
            if "error" in answer:
                return answer["error"]
        raise AssertionError(f"{subject} takes everything")

    def test_what_is_beyond_the_bound_of_a_store_is_refused_to_it_alone(self):
        os.kill(self.company.pid("coordinator"), signal.SIGSTOP)
        try:
            self.assertEqual(self.fill(self.ghost, "result.ghost.main")["description"],
                             "maximum messages exceeded")
            tester = self.company.connect("agent-tester")
            self.assertNotIn("error", json.loads(tester.request("result.tester.main", b"\xff")))
            tester.close()
        finally:
            os.kill(self.company.pid("coordinator"), signal.SIGCONT)
        self.goes_on()

    def test_an_agent_whose_stream_is_full_sends_again(self):
        self.company.deploy("echo", company.ECHO)
        tester, coordinator = self.company.pid("tester"), self.company.pid("coordinator")
        os.kill(tester, signal.SIGSTOP)
        try:
            instance = self.company.start("echo", {"n": 1})
            os.kill(coordinator, signal.SIGSTOP)
            try:
                # Fewer messages than have an agent cut off the bus.
                self.fill(self.bus, "result.tester.main", size=60000, count=28)
                self.fill(self.bus, "result.tester.main", size=100, count=100)
                os.kill(tester, signal.SIGCONT)
                log = self.company.dir / "log" / "tester.log"
                until(lambda: "results not stored by the bus" in log.read_text(), "it is refused")
            finally:
                os.kill(coordinator, signal.SIGCONT)
        finally:
            os.kill(tester, signal.SIGCONT)
        answer = self.company.wait(instance)
        self.assertEqual((answer["status"], answer["output"]), ("completed", {"n": 1}))

    def test_of_unreadable_messages_so_many_are_kept_and_the_rest_is_counted(self):
        """What one agent may write into the coordinator's store has a bound."""
        known = len(self.company.dead_letters())
        for _ in range(200):
            self.ghost.publish("result.ghost.main", b"\xff" * 60000)
        figure = 'mainstay_dead_letters_unkept_total{agent="ghost",store="main"}'
        until(lambda: self.company.metric(figure) > 100, "they are counted")
        kept = len(self.company.dead_letters()) - known
        self.assertLess(kept * 60000, 5 * 1024 * 1024)
        self.goes_on()

    def test_a_store_that_says_hello_all_the_time_is_answered_now_and_then(self):
        for _ in range(2000):
            self.ghost.publish("hello.ghost.main", b"\xff", reply="_INBOX.nobody")
        self.ghost.flush()
        until(lambda: self.company.metric("mainstay_hellos_ignored_total") > 1000, "ignored")
        self.goes_on()

    def test_a_store_that_takes_no_tasks_does_not_fill_the_stream_of_all(self):
        self.company.start("haunt", {"n": 4})  # its task is the oldest from here on
        pending = "CONSUMER.INFO.TASKS.ghost_main"
        until(lambda: self.api(pending)["num_pending"] > 0, "it is there")
        for _ in range(140):
            self.bus.publish("task.nobody.filler", b"\xff" * 1024 * 1024)
        self.bus.flush()
        before = self.api("STREAM.INFO.TASKS")["state"]["messages"]
        for _ in range(5000):
            self.bus.publish("result.ghost.main", b"\xff")  # the ghost is cut off meanwhile
        until(lambda: self.api("STREAM.INFO.TASKS")["state"]["messages"] < before / 2 + 20,
              "the older half is gone")
        self.goes_on()


if __name__ == "__main__":
    company.main()

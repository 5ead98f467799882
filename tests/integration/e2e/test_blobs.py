"""Values too large for a message, both ways through the real company, and who abuses them."""
import base64
import hashlib
import json
import os
import signal

import company
import protobuf
import test_bad_input
from company import until
from test_bad_input import CONTRACT, DECIDE, HAUNT, HERE, batch, result

KB = 1024
OUTPUT, INPUT = 3, 1  # kinds of a BlobRequest
PIECE = 256 * KB

# A value made of 8 texts, given to an action that gives it back.
BACK = """do:
  - make: {set: {n: '${ .n }', ms: '${ .ms }', class: transient, times: 0,
                 v: ['${ .x }', '${ .x }', '${ .x }', '${ .x }',
                                   '${ .x }', '${ .x }', '${ .x }', '${ .x }']},
           export: {as: '${ . }'}}
  - back:
      call: agent
      with: {agent: tester, action: %s, contract: '1.0', input: '${ . }'}
  - same: {set: {same: '${ . == $context }', size: '${ .v[7] | length }', n: '${ .n }'}}
"""

# The same as what is proposed, and given to who performs it.
PROPOSED = """do:
  - make: {set: {kind: ok, x: '${ .x + .x + .x + .x + .x + .x + .x + .x }'},
           export: {as: '${ . }'}}
  - propose:
      call: agent
      with: {agent: tester, action: propose, contract: '1.0',
             input: {confidence: '1', proposal: '${ . }'}}
"""


def named(key, instance, digest, blob, size, attempt=1, frame=1):
    """A Result that names its output."""
    return protobuf.encode([(1, key), (2, attempt), (3, DECIDE), (4, instance), (5, frame),
                            (6, digest), (7, 1), (14, protobuf.encode([(1, blob), (2, size)]))])


class Blobs(company.Case):
    options = ("--agent", f"{HERE}/ghost_agent.py:{CONTRACT}")
    task = test_bad_input.BadInput.task

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ghost = cls.company.connect("agent-ghost")
        cls.addClassCleanup(cls.ghost.close)
        cls.company.deploy("haunt", HAUNT)
        cls.company.deploy("echo", company.ECHO)
        for action in ("echo", "slow", "fail"):
            cls.company.deploy(f"back-{action}", BACK % action)
        cls.company.deploy("proposed", PROPOSED)

    def setUp(self):
        self.known = {letter["id"] for letter in self.company.dead_letters()}
        self.coordinator = self.company.pid("coordinator")

    def fresh(self):
        return [letter for letter in self.company.dead_letters()
                if letter["id"] not in self.known]

    def metric(self, name):
        return self.company.metric(f"mainstay_blobs_{name}_total")

    def start(self, name, size, number=0, ms=0):
        data = {"x": "y" * (size // 8), "n": number, "ms": ms}
        path = self.company.file(f"{name}-{number}.json", json.dumps(data))
        ran = self.company.call("run", f"e2e/{name}", "--detach", "--input", f"@{path}")
        return ran.out.strip()

    def stream(self, name):
        client = self.company.connect("coordinator")
        try:
            return json.loads(client.request(f"$JS.API.STREAM.INFO.{name}", b""))["state"]
        finally:
            client.close()

    # ---- both ways ----

    def test_values_travel_both_ways(self):
        before = self.metric("fetched")
        sizes = (40 * KB, 66 * KB, 600 * KB, 1000 * KB, 3900 * KB)
        for action in ("echo", "slow", "fail"):
            with self.subTest(action):
                started = [self.start(f"back-{action}", size, size) for size in sizes]
                for size, instance in zip(sizes, started):
                    end = self.company.wait(instance)
                    self.assertEqual(end.get("output"),
                                     {"same": True, "size": size // 8, "n": size}, end)
        self.assertEqual(self.metric("fetched"), before + 3 * (len(sizes) - 1))
        self.assertEqual(self.fresh(), [])
        for stream in ("TASKS", "RESULTS_tester_main"):
            self.assertLess(self.stream(stream)["bytes"], 1000 * KB)

    def test_a_proposal_travels_too(self):
        """Whoever performs it has read all of it before he finds that his outside is away."""
        for size in (600 * KB, 3900 * KB):
            instance = self.start("proposed", size)
            until(lambda: "ledger cannot be reached" in self.company.call("explain", instance).out,
                  "it is performed")
            self.company.call("instances", "kill", instance)

    def test_more_than_the_limit_is_an_error_where_it_is_made(self):
        more = BACK.replace("times: 0,", "times: 0, w: '${ .x + .x }',")
        self.company.deploy("more", more % "echo")
        end = self.company.wait(self.start("more", 3900 * KB))
        self.assertEqual(end["status"], "faulted")
        self.assertIn("LIMIT_DOCUMENT_BYTES", json.dumps(end["error"]))

    # ---- somebody dies ----

    def test_an_agent_that_dies_before_its_outputs_are_fetched(self):
        """Results are in the stream, and who has the outputs is killed."""
        tester = self.company.pid("tester")
        stored = self.stream("RESULTS_tester_main")["last_seq"]
        started = [self.start("back-slow", 1000 * KB, ms=1500),
                   self.start("back-fail", 1000 * KB, ms=3000)]  # in a message of its own
        os.kill(self.coordinator, signal.SIGSTOP)
        try:
            until(lambda: self.stream("RESULTS_tester_main")["last_seq"] >= stored + 2,
                  "both have answered")
            self.company.kill("tester")
            self.company.started("tester", tester)
        finally:
            os.kill(self.coordinator, signal.SIGCONT)
        for instance in started:
            self.assertEqual(self.company.wait(instance)["output"]["same"], True)
        self.assertEqual(self.fresh(), [])

    def test_a_coordinator_that_dies_with_values_under_way(self):
        started = [self.start(f"back-{action}", 3000 * KB, number)
                   for number in range(3) for action in ("echo", "fail")]
        self.company.kill("coordinator")
        self.company.restarted("coordinator", self.coordinator)
        for instance in started:
            self.assertEqual(self.company.wait(instance)["output"]["same"], True)

    # ---- the ghost ----

    def haunted(self, data):
        instance = self.company.start("haunt", data)
        task = self.task(instance)
        return instance, {"key": task[1], "instance": task[4], "digest": task[10],
                          "frame": task[5], "attempt": task[2]}

    def say(self, *results):
        self.ghost.publish("result.ghost.main", batch(*results))

    def serve(self, answer, count):
        """Be asked `count` times for an output; `answer` makes the fields of the replies."""
        self.ghost.send(b"SUB blob.ghost.main blobs\r\n")
        asked = []
        while len(asked) < count:
            reply, body = self.ghost.wait()
            request = protobuf.decode(body)
            asked.append(request)
            if not request.get(9):
                self.ghost.publish(reply, protobuf.encode([(1, 1), *answer(request.get(8, 0))]))
        self.ghost.send(b"UNSUB blobs\r\n")
        return asked

    def refused(self, words, instance):
        letter = until(self.fresh, "a dead letter")[0]
        self.assertEqual(letter["source"], "ghost/main")
        self.assertIn(words, letter["reason"])
        told = self.company.call("explain", instance).out
        self.assertIn("output", told)
        end = self.company.wait(instance)
        self.assertNotEqual(end["status"], "completed")
        self.assertEqual(self.company.pid("coordinator"), self.coordinator)
        self.goes_on()

    def test_an_honest_ghost_is_fetched_from(self):
        instance, right = self.haunted({"n": 1})
        text = json.dumps({"right": "z" * 700 * KB}).encode()
        digest = hashlib.blake2b(text, digest_size=32).digest()
        self.say(named(**right, blob=digest, size=len(text)))
        asked = self.serve(lambda at: [(2, text[at:at + PIECE])], 4)
        self.assertEqual([request.get(8, 0) for request in asked], [0, PIECE, 2 * PIECE, 0])
        self.assertEqual([request.get(9, 0) for request in asked], [0, 0, 0, 1])
        self.assertEqual({request[2] for request in asked}, {right["key"]})
        self.assertEqual(self.company.wait(instance)["output"]["right"], "z" * 700 * KB)

    def test_a_lying_digest(self):
        instance, right = self.haunted({"n": 2})
        self.say(named(**right, blob=b"d" * 32, size=100))
        self.serve(lambda at: [(2, b'{"a": "%s"}' % (b"b" * 91))], 1)
        self.refused("its digest is not the one", instance)

    def test_pieces_without_end(self):
        instance, right = self.haunted({"n": 3})
        self.say(named(**right, blob=b"d" * 32, size=PIECE + 100))
        self.serve(lambda at: [(2, b"x" * PIECE)], 2)
        self.refused("has 262144 bytes, not 100", instance)

    def test_an_output_over_the_limit_is_not_asked_for(self):
        for number, size in enumerate((4 * KB * KB + 1, 2**63, 0)):
            self.setUp()
            instance, right = self.haunted({"n": 4, "number": number})
            self.say(named(**right, blob=b"d" * 32, size=size))
            self.refused("LIMIT_DOCUMENT_BYTES", instance)

    def test_nobody_there_to_give_it(self):
        """Others go on, and the step waits until its agent says something that counts."""
        before = self.metric("missed")
        instance, right = self.haunted({"n": 5})
        self.say(*[named(**right, blob=b"d" * 32, size=100 + i) for i in range(20)])
        ends = [self.company.wait(self.start("back-echo", 1000 * KB, number))
                for number in range(3)]
        self.assertEqual([end["output"]["same"] for end in ends], [True] * 3)
        until(lambda: self.metric("missed") >= before + 20, "they are given up")
        self.assertEqual(self.company.json("instances", "describe", instance)["status"], "running")
        self.assertEqual(self.fresh(), [])
        self.say(result(**right, output=b'{"right": true}'))
        self.assertEqual(self.company.wait(instance)["output"], {"right": True})

    def last_task(self):
        """What the tester was asked last, out of the stream."""
        client = self.company.connect("coordinator")
        try:
            found = json.loads(client.request("$JS.API.STREAM.MSG.GET.TASKS", json.dumps(
                {"last_by_subj": "task.tester.main"}).encode()))
        finally:
            client.close()
        batch = protobuf.decode(base64.b64decode(found["message"]["data"]))
        return protobuf.decode(batch[3]) if 3 in batch else {}

    def ask(self, subject, task, kind, digest, client=None):
        request = protobuf.encode([(1, 1), (2, task["key"]), (3, DECIDE), (4, task["instance"]),
                                   (5, task["frame"]), (6, kind), (7, digest)])
        return protobuf.decode((client or self.ghost).request(subject, request))

    def test_inputs_are_for_who_has_the_task(self):
        instance, right = self.haunted({"n": "i" * 70 * KB})
        shown = self.ask("input.ghost.main", right, INPUT, right["digest"])
        self.assertEqual(json.loads(shown[2]), {"n": "i" * 70 * KB})
        self.assertIn(3, self.ask("input.ghost.main", right, INPUT, b"d" * 32))
        self.assertIn(3, self.ask("input.ghost.main", right, OUTPUT, right["digest"]))
        tester = self.company.pid("tester")
        os.kill(tester, signal.SIGSTOP)
        try:
            other = self.company.start("echo", {"n": "o" * 70 * KB})
            until(lambda: self.last_task().get(4) == bytes.fromhex(other), "it is sent")
            theirs = self.last_task()
            self.assertIn(20, theirs, "the input is not in the message")
            theirs = {"key": theirs[1], "instance": theirs[4], "frame": theirs[5],
                      "digest": theirs[10]}
            stolen = self.ask("input.ghost.main", theirs, INPUT, theirs["digest"])
            self.assertNotIn(2, stolen)
            self.assertIn(b"no such task", stolen[3])
            client = self.company.connect("coordinator")
            own = self.ask("input.tester.main", theirs, INPUT, theirs["digest"], client)
            client.close()
            self.assertEqual(json.loads(own[2]), {"n": "o" * 70 * KB})
        finally:
            os.kill(tester, signal.SIGCONT)
        self.company.wait(other)
        self.say(result(**right, output=b'{"right": true}'))
        self.company.wait(instance)
        shown = self.ask("input.ghost.main", right, INPUT, right["digest"])
        self.assertIn(b"no such task", shown[3])


if __name__ == "__main__":
    company.main()

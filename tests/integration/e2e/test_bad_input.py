"""Bytes of strangers through the real bus: refused clearly, kept, counted, and the loop goes on."""
import hashlib
import json
import os
import random
import signal

import company
import ghost_agent
import protobuf
from company import ACT, until

HERE = company.SOURCE / "tests" / "integration" / "e2e"
CONTRACT = HERE / "ghost_contract.json"
DONE, DECIDE, PERFORM = 1, 1, 2
SEED = int(os.environ.get("SEED", "20"))
HAUNT = """do:
  - haunt:
      call: agent
      with: {agent: ghost, action: haunt, contract: '1.0', input: '${ . }'}
"""


def batch(*results, version=1, session=ghost_agent.SESSION, store_id=ghost_agent.STORE_ID):
    """The bytes of a ResultBatch."""
    return protobuf.encode([(1, version), (2, session), (3, store_id),
                            *((4, result) for result in results)])


def result(key, instance, digest, output=b"{}", attempt=1, phase=DECIDE, status=DONE, frame=1):
    return protobuf.encode([(1, key), (2, attempt), (3, phase), (4, instance), (5, frame),
                            (6, digest), (7, status), (8, output)])


def mutations(data, count, seed):
    """Truncations, flipped bits and inserted bytes of a message."""
    draw = random.Random(seed)
    for number in range(count):
        mutated = bytearray(data)
        for _ in range(draw.randint(1, 4)):
            kind = draw.randrange(3)
            at = draw.randrange(len(mutated)) if mutated else 0
            if kind == 0:
                mutated = mutated[:at]
            elif kind == 1 and mutated:
                mutated[at] ^= 1 << draw.randrange(8)
            else:
                mutated[at:at] = draw.randbytes(draw.randint(1, 8))
        yield number, bytes(mutated)


def bomb(number, levels):
    """Message in message in message: `levels` deep in few bytes."""
    data = b""
    for _ in range(levels):
        data = protobuf.encode([(number, data)])
    return data


class BadInput(company.Case):
    options = ("--agent", f"{HERE}/ghost_agent.py:{CONTRACT}")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ghost = cls.company.connect("agent-ghost")
        cls.addClassCleanup(cls.ghost.close)
        cls.operator = cls.company.connect("operator")
        cls.addClassCleanup(cls.operator.close)
        cls.company.deploy("haunt", HAUNT)
        cls.company.deploy("count", ACT % "count")
        cls.company.deploy("echo", company.ECHO)

    def letters(self, publish, count=1):
        """The dead letters that come of it; the metric counts them too."""
        known = {letter["id"] for letter in self.company.dead_letters()}
        metric = self.company.metric("mainstay_dead_letters")
        publish()

        def fresh():
            found = [letter for letter in self.company.dead_letters()
                     if letter["id"] not in known]
            return found if len(found) >= count else None
        found = until(fresh, f"{count} dead letters")
        self.assertEqual(len(found), count, found)
        until(lambda: self.company.metric("mainstay_dead_letters") >= metric + count, "counted")
        return found

    def letter(self, subject, body, headers=None, client=None):
        client = client or self.operator
        found = self.letters(lambda: client.publish(subject, body, headers))[0]
        self.assertEqual(found["subject"], subject)
        self.assertEqual(found["size"], len(body))
        return found

    def turns_on(self):
        """Everything published before has been taken: a later event has."""
        self.operator.flush()
        self.ghost.flush()
        self.goes_on()

    # ---- events ----

    def test_an_event_of_too_many_bytes(self):
        body = b'{"x": "' + b"y" * (1024 * 1024) + b'"}'
        self.assertIn("LIMIT_EVENT_BYTES", self.letter("event.big", body)["reason"])
        self.goes_on()

    def test_an_event_the_server_takes_and_the_stream_did_not(self):
        """Between the stream's limit and the server's it was gone without a word."""
        for size in (1114112, 1500 * 1024, 2 * 1024 * 1024 - 16):
            body = b'{"x": "' + b"y" * size
            self.assertIn("LIMIT_EVENT_BYTES", self.letter("event.big", body)["reason"])
        self.goes_on()

    def test_an_event_of_one_mib_is_taken(self):
        self.company.deploy(
            "big", "schedule: {on: {one: {with: {type: e2e.big}}}}\n"
            "do:\n  - a: {set: {size: '${ $workflow.input[0].data.x | length }'}}\n")
        size = 1024 * 1024 - len('{"x": ""}')
        self.operator.publish("event.e2e.big", b'{"x": "' + b"y" * size + b'"}')
        instance = until(lambda: self.company.instances("e2e/big"), "it starts")[0]["instance"]
        self.assertEqual(self.company.wait(instance)["output"], {"size": size})

    def test_an_input_near_its_limit_was_never_sent(self):
        """It fitted LIMIT_VALUE_BYTES, and its message did not fit LIMIT_MESSAGE_BYTES."""
        for size in (512 * 1024 - 100, 512 * 1024 - len('{"x":""}')):
            data = self.company.file("near.json", json.dumps({"x": "y" * size}))
            ran = self.company.call("run", "e2e/echo", "--input", f"@{data}", "--timeout", "60s")
            self.assertEqual(ran.json(), {"x": "y" * size})
        data = self.company.file("over.json", json.dumps({"x": "y" * 512 * 1024}))
        ran = self.company.run("run", "e2e/echo", "--input", f"@{data}")
        self.assertEqual(ran.code, 1, "refused")
        self.assertIn("LIMIT_VALUE_BYTES", ran.err)

    def test_events_that_are_no_json(self):
        wrong = {"deep": b"[" * 100000 + b"]" * 100000, "invalid UTF-8": b'{"a": "\xff\xfe"}',
                 "cut": b'{"a": [1, 2', "number": b'{"a": 1e400}', "twice": b'{"a": 1, "a": 2}',
                 "surrogate": b'{"a": "\\ud800"}', "zero": b'{"a": "\\u0000', "empty": b""}
        for name, body in wrong.items():
            with self.subTest(name):
                letter = self.letter("event.note", body)
                self.assertTrue(letter["reason"])
                self.assertIn("nats pub", letter["advice"])
                shown = self.company.json("deadletters", "show", letter["id"])
                self.assertTrue("body" in shown or "body_base64" in shown or not body)
        self.goes_on()

    def test_events_with_wrong_headers(self):
        for headers in ({"ce-specversion": "9.9", "ce-type": "x", "ce-source": "/x", "ce-id": "1"},
                        {"content-type": "application/cloudevents-batch+json"},
                        {"content-type": "application/cloudevents+avro"},
                        {"ce-time": "yesterday", "ce-id": "1", "ce-source": "/x"}):
            with self.subTest(headers=headers):
                self.assertTrue(self.letter("event.note", b"{}", headers)["reason"])
        self.goes_on()

    def test_a_header_without_value_hid_all_headers(self):
        """The event was taken as one without headers, under another type and id."""
        headers = {"ce-specversion": "1.0", "ce-type": "note", "ce-source": "/x", "ce-id": ""}
        self.assertIn("headers", self.letter("event.note", b"{}", headers)["reason"])
        self.goes_on()

    # ---- results ----

    def test_mutated_results_stop_nothing(self):
        good = batch(result(b"k" * 16, b"i" * 16, b"d" * 32),
                     result(b"l" * 16, b"j" * 16, b"e" * 32))
        for _, body in mutations(good, 300, SEED):
            self.ghost.publish("result.ghost.main", body)
        for size in range(len(good)):
            self.ghost.publish("result.ghost.main", good[:size])
        self.turns_on()
        until(lambda: any(letter["source"] == "ghost/main"
                          for letter in self.company.dead_letters()), "they are kept")

    def test_results_that_cannot_be_meant(self):
        good = result(b"k" * 16, b"i" * 16, b"d" * 32)
        for body, words in (
                (b"\xff" * 100, ""), (batch(good, version=2), "version"),
                (batch(good, store_id=b"another store id"), "store"),
                (batch(good, session=b"", store_id=b"short"), "version"),
                (batch(result(b"short", b"i" * 16, b"d" * 32)), "key"),
                (batch(result(b"k" * 16, b"i" * 16, b"d" * 32, status=77)), "status"),
                (bomb(4, 5000), ""), (batch(*[b""] * 100000), "")):
            with self.subTest(size=len(body), words=words):
                letter = self.letter("result.ghost.main", body, client=self.ghost)
                self.assertEqual(letter["source"], "ghost/main")
                self.assertIn(words, letter["reason"])
        self.goes_on()

    def test_results_nobody_waits_for_are_counted(self):
        stale = self.company.metric("mainstay_stale_results_total")
        nobody = result(b"k" * 16, b"i" * 16, b"d" * 32)
        self.ghost.publish("result.ghost.main", batch(*[nobody] * 5))
        until(lambda: self.company.metric("mainstay_stale_results_total") >= stale + 5, "counted")
        self.goes_on()

    def test_a_foreign_agent_could_settle_an_effect(self):
        """A result in another agent's name of a dispatched effect was entered into the ledger."""
        tester = self.company.pid("tester")
        os.kill(tester, signal.SIGSTOP)
        try:
            instance = self.company.start("count", {})
            effect = until(lambda: self.company.json("instances", "describe", instance)["effects"],
                           "it is dispatched")[0]
            self.assertEqual(effect["state"], "dispatched")
            stale = self.company.metric("mainstay_stale_results_total")
            self.ghost.publish("result.ghost.main", batch(result(
                bytes.fromhex(effect["key"]), bytes.fromhex(instance), b"d" * 32,
                output=b'{"count": 7}', phase=PERFORM)))
            until(lambda: self.company.metric("mainstay_stale_results_total") > stale, "refused")
            effect = self.company.json("instances", "describe", instance)["effects"][0]
            self.assertEqual(effect["state"], "dispatched")
        finally:
            os.kill(tester, signal.SIGCONT)
        answer = self.company.wait(instance)
        self.assertEqual(answer["status"], "completed")
        self.assertNotEqual(answer["output"], {"count": 7})

    def task(self, instance):
        """The task of an instance that waits at the ghost's consumer."""
        while True:
            pulled = self.ghost.request("$JS.API.CONSUMER.MSG.NEXT.TASKS.ghost_main",
                                        json.dumps({"batch": 1, "expires": 10 ** 10}).encode())
            fields = protobuf.decode(pulled)
            task = protobuf.decode(fields[3]) if 3 in fields else {}
            if task.get(4) == bytes.fromhex(instance):
                return task

    def test_an_output_that_breaks_the_contract_parks(self):
        instance = self.company.start("haunt", {"a": 1})
        task = self.task(instance)
        self.assertEqual(task[10], hashlib.blake2b(task[9], digest_size=32).digest())
        self.ghost.publish("result.ghost.main", batch(result(
            task[1], task[4], task[10], output=b'["not an object"]', frame=task[5])))
        answer = self.company.wait(instance)
        self.assertEqual(answer["status"], "suspended")
        gate = self.company.json("gates", "describe", answer["gate"])
        self.assertEqual((gate["kind"], gate["failure"]["class"]), ("parked", "contract"))
        self.company.call("gates", "reject", answer["gate"])

    def test_only_the_right_result_completes_a_step(self):
        instance = self.company.start("haunt", {"a": 2})
        task = self.task(instance)
        right = {"key": task[1], "instance": task[4], "digest": task[10], "frame": task[5],
                 "output": b'{"right": true}'}
        stale = self.company.metric("mainstay_stale_results_total")
        for wrong in ({"key": b"k" * 16}, {"instance": b"i" * 16}, {"digest": b"d" * 32},
                      {"attempt": 2}, {"phase": PERFORM}, {"frame": task[5] + 1}):
            self.ghost.publish("result.ghost.main",
                               batch(result(**{**right, "output": b'{"wrong": 1}', **wrong})))
        until(lambda: self.company.metric("mainstay_stale_results_total") >= stale + 6, "refused")
        self.ghost.publish("result.ghost.main", batch(result(**right)))
        answer = self.company.wait(instance)
        self.assertEqual((answer["status"], answer["output"]), ("completed", {"right": True}))

    # ---- hello and control ----

    def test_hellos_that_cannot_be_meant(self):
        contract = CONTRACT.read_text()
        other = json.loads(contract)
        other["title"] = "another text under the same version"
        for body in (b"", b"\xff" * 64, ghost_agent.hello(contract, version=9),
                     ghost_agent.hello(contract, session=b"short"), ghost_agent.hello("{"),
                     ghost_agent.hello("[" * 100000), ghost_agent.hello("{}"),
                     ghost_agent.hello(json.dumps(other)),
                     ghost_agent.hello(contract.replace('"ghost"', '"tester"')), bomb(4, 5000)):
            with self.subTest(body=body[:40]):
                reply = protobuf.decode(self.ghost.request("hello.ghost.main", body))
                self.assertFalse(reply.get(2), "accepted")
                self.assertTrue(reply.get(3), "no reason")
        for number, body in mutations(ghost_agent.hello(contract), 60, SEED):
            with self.subTest(number=number):
                self.ghost.request("hello.ghost.main", body)
        reply = protobuf.decode(self.ghost.request("hello.ghost.main", ghost_agent.hello(contract)))
        self.assertTrue(reply.get(2), reply.get(3))
        self.goes_on()

    def test_control_requests_that_cannot_be_meant(self):
        good = protobuf.encode([(1, 1), (3, "e2e"), (4, '{"limit": 1}')])
        verbs = ("status", "deploy", "run", "emit", "gates.verdict", "instances.ls", "explain",
                 "deadletters.replay", "journal.tail", "no.such.verb")
        for verb in verbs:
            for body in (b"\xff" * 64, good[:-3], protobuf.encode([(1, 9), (4, "{}")]),
                         protobuf.encode([(1, 1), (4, "[" * 100000)]),
                         protobuf.encode([(1, 1), (4, "[]")]),
                         protobuf.encode([(1, 1), (4, b'{"a": "\xff"}')])):
                with self.subTest(verb=verb, body=body[:20]):
                    reply = protobuf.decode(self.operator.request(f"control.{verb}", body))
                    self.assertTrue(reply.get(2), "it was accepted")
                    self.assertTrue(reply.get(3), "it says why")
        for number, body in mutations(good, 100, SEED):
            with self.subTest(number=number):
                self.operator.request("control.instances.ls", body)
        self.goes_on()

    def test_definitions_that_are_bombs(self):
        laughs = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n"
            for n in range(9))
        for name, text in {"laughs": laughs, "deep": "[" * 20000, "block": "- " * 20000,
                           "long": "a: " + "x" * (1024 * 1024 + 1), "binary": b"\x00\x01\xff",
                           "empty": "", "tag": "!!python/object:os.system {}",
                           "UTF-16": "document: {}".encode("utf-16")}.items():
            with self.subTest(name):
                path = self.company.file("bomb.yaml", text)
                for command in ("check", "deploy"):
                    ran = self.company.run(command, path)
                    self.assertEqual(ran.code, 1, ran.out + ran.err)
                    self.assertIn("bomb.yaml", ran.out + ran.err)
        self.goes_on()

    def test_an_agent_cannot_speak_for_others(self):
        known = len(self.company.dead_letters())
        for subject in ("result.tester.main", "event.note", "task.tester.main",
                        "control.instances.ls", "hello.tester.main"):
            with self.assertRaises((ConnectionError, TimeoutError), msg=subject):
                self.ghost.request(subject, b"{}")
        self.turns_on()
        self.assertEqual(len(self.company.dead_letters()), known)


if __name__ == "__main__":
    company.main()

#!/usr/bin/env python3
"""The intruder of hostile.py, a process of its own: burns a processor, or is an agent with good
credentials and bad will. It floods its result subject at line rate with bytes that mean nothing,
answers to nothing and answers for the effects of others; its own tasks it answers late, twice, and
before that wrongly. It floods from SIGUSR1 on and is not put off: when its connection is closed it
makes another, ten times a second. On SIGTERM it floods no more, answers what it still owes and
ends."""
import argparse
import json
import os
import signal
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(os.path.dirname(HERE), "integration", "e2e"))
sys.dont_write_bytecode = True
import ghost_agent  # noqa: E402
import nats  # noqa: E402
import protobuf  # noqa: E402

SUBJECT = "result.ghost.main"
DONE, DECIDE, PERFORM = 1, 1, 2
CHUNK = 256 * 1024  # bytes of one write
AGAIN_S = 0.1  # between two connections


def batch(*results):
    return protobuf.encode([(1, 1), (2, ghost_agent.SESSION), (3, ghost_agent.STORE_ID),
                            *((4, result) for result in results)])


def result(key, instance, digest, output=b"{}", attempt=1, phase=DECIDE, frame=1):
    return protobuf.encode([(1, key), (2, attempt), (3, phase), (4, instance), (5, frame),
                            (6, digest), (7, DONE), (8, output)])


NOBODY = result(b"k" * 16, b"i" * 16, b"d" * 32)
# Messages of the flood: mostly small ones, because those cost the most by the byte.
NOISE = [b"\xff" * 50] * 6 + [batch(NOBODY)] * 6 + [batch(*[NOBODY] * 20), b"\xff" * 20000]


def lies(effects):
    """About effects of others that have happened, and in the name of another store."""
    forged = [batch(result(bytes.fromhex(one["key"]), bytes.fromhex(one["instance"]), b"d" * 32,
                           output=b'{"count": 666}', phase=PERFORM)) for one in effects]
    return forged + [protobuf.encode([(1, 1), (2, ghost_agent.SESSION), (3, b"another store id"),
                                      (4, NOBODY)])]


def packed(messages):
    return b"".join(f"PUB {SUBJECT} {len(body)}\r\n".encode() + body + b"\r\n"
                    for body in messages)


class Hostile:
    def __init__(self, options):
        with open(options.contract, encoding="utf-8") as file:
            self.contract = file.read()
        with open(options.effects, encoding="utf-8") as file:
            self.effects = json.load(file)
        self.options = options
        self.begun, self.over = threading.Event(), threading.Event()

    def client(self):
        while True:
            try:
                return nats.Client(self.options.bus, self.options.creds)
            except OSError:  # refused
                time.sleep(AGAIN_S)

    def hello(self):
        client = self.client()
        reply = protobuf.decode(client.request("hello.ghost.main",
                                               ghost_agent.hello(self.contract)))
        client.close()
        if not reply.get(2):
            sys.exit("hello refused: " + reply.get(3, b"").decode())

    def flood(self):
        noise = packed(NOISE)
        chunk = packed(lies(self.effects)) + noise * (CHUNK // len(noise))
        self.begun.wait()
        client = self.client()
        while not self.over.is_set():
            try:
                client.send(chunk)
            except OSError:  # cut off
                client.close()
                time.sleep(AGAIN_S)
                client = self.client()
        client.close()

    def stored(self, client, body):
        """Publish until the bus keeps it: our own flood is in the way."""
        while "error" in json.loads(client.request(SUBJECT, body)):
            time.sleep(0.05)

    def answer(self, client, task):
        right = {"key": task[1], "instance": task[4], "digest": task[10], "frame": task[5],
                 "attempt": task[2], "output": b'{"right": true}'}
        time.sleep(0.2)  # late
        for wrong in ({"digest": b"d" * 32}, {"attempt": task[2] + 7}, {"frame": task[5] + 1}, {}):
            self.stored(client, batch(result(**{**right, **wrong})))
        self.stored(client, batch(result(**{**right, "output": b'{"changed": 1}'})))

    def serve_one(self, client, known):
        """Answer one task; whether there was a message."""
        pulled = client.request("$JS.API.CONSUMER.MSG.NEXT.TASKS.ghost_main",
                                json.dumps({"batch": 1, "expires": 10 ** 9}).encode())
        fields = protobuf.decode(pulled) if pulled else {}
        task = protobuf.decode(fields[3]) if 3 in fields else None
        if task is not None and task.get(1) not in known:
            self.answer(client, task)
            known.add(task[1])
        return bool(pulled)

    def serve(self):
        """Until told to stop, and nothing is left to answer."""
        client, known = self.client(), set()
        while True:
            over = self.over.is_set()
            try:
                if not self.serve_one(client, known) and over:
                    return
            except OSError:  # cut off
                client.close()
                time.sleep(AGAIN_S)
                client = self.client()

    def run(self):
        signal.signal(signal.SIGUSR1, lambda *_: self.begun.set())
        signal.signal(signal.SIGTERM, lambda *_: (self.over.set(), self.begun.set()))
        self.hello()
        print("ready", flush=True)
        flooder = threading.Thread(target=self.flood)
        flooder.start()
        self.serve()
        flooder.join()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(":", maxsplit=1)[0])
    parser.add_argument("--burn", action="store_true", help="burn a processor instead")
    for name in ("bus", "creds", "contract", "effects"):
        parser.add_argument("--" + name)
    options = parser.parse_args()
    if options.burn:
        print("ready", flush=True)
        while True:
            pass
    Hostile(options).run()


if __name__ == "__main__":
    main()
